/* Signed text in itsdangerous' format: "value.signature", with a time
   "value.time.signature". Knows nothing of Lua. */
#ifndef SIGNER_H
#define SIGNER_H

#include "base/str.h"
#include <openssl/sha.h>
#include <stdint.h>

#define SIGNER_MOST_KEYS      32 /* the newest and those before it */
#define SIGNER_SIGNATURE_SIZE 88 /* room for the text of the longest signature */
#define SIGNER_TIME_SIZE      12 /* room for the text of a time */

enum signer_digest { SIGNER_SHA1, SIGNER_SHA256, SIGNER_SHA384, SIGNER_SHA512 };

/* How the key of the HMAC is made of secret and salt, by itsdangerous' names. */
enum signer_derivation {
    SIGNER_CONCAT,        /* the digest of salt and secret */
    SIGNER_DJANGO_CONCAT, /* the digest of salt, "signer" and secret */
    SIGNER_HMAC,          /* the HMAC of the salt under the secret */
    SIGNER_NONE           /* the secret itself */
};

/* A digest that has begun: SHA-384 is counted as SHA-512. */
union signer_hash {
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
};

/* A key: the two halves of an HMAC that has begun with it. */
struct signer_key {
    union signer_hash inner, outer;
};

struct signer {
    enum signer_digest digest;
    struct signer_key *keys; /* the newest last: it signs, all verify */
    int n_keys;
};

/* Makes *s a signer with the keys of n secrets (1 to SIGNER_MOST_KEYS), the newest last.
   The texts are not needed afterwards. -1 when memory is out, *s being as after
   signer_close. */
int signer_open(struct signer *s, enum signer_digest digest,
                enum signer_derivation derivation, struct str salt,
                const struct str *secrets, int n);

/* Gives the keys back. */
void signer_close(struct signer *s);

/* Writes the signature of value as text, and returns its length. */
size_t signer_sign(const struct signer *s, struct str value,
                   char out[SIGNER_SIGNATURE_SIZE]);

/* Whether the text is the signature of value under one of the keys. The time that it
   takes does not depend on where they differ. Each signature has one text alone, unlike
   in Python, which reads base64 laxly. */
bool signer_verify(const struct signer *s, struct str value, struct str signature);

/* The time, in seconds since 1970. time() may lag behind it by some milliseconds, so that
   what another process has just signed would be of the future. */
int64_t signer_now(void);

/* Writes t (seconds since 1970, not negative) as text, and returns its length. */
size_t signer_format_time(int64_t t, char out[SIGNER_TIME_SIZE]);

enum signer_verdict {
    SIGNER_GOOD,
    SIGNER_NO_SIGNATURE, /* there is no separator */
    SIGNER_MISMATCH,     /* the signature is another */
    SIGNER_NO_TIME,      /* rightly signed, but there is no time in it */
    SIGNER_BAD_TIME,     /* rightly signed, but what stands in its place is none */
    SIGNER_EXPIRED,      /* older than max_age */
    SIGNER_FUTURE        /* from a time to come */
};

/* What was found in a signed text; slices of it. */
struct signed_text {
    struct str value;     /* what stands before the last separator, and before the time */
    struct str signature; /* .p NULL with SIGNER_NO_SIGNATURE */
    bool has_place;       /* something stands where the time should */
    bool has_time;        /* `time` was there, and may be true: see the verdict */
    int64_t time;         /* seconds since 1970 */
};

/* Takes a signed text apart and checks it. */
enum signer_verdict signer_unsign(const struct signer *s, struct str text,
                                  struct signed_text *found);

/* The same for one with a time, at the time `now`. max_age in seconds, or NULL: then it
   never ends, and may be of the future. */
enum signer_verdict signer_unsign_timed(const struct signer *s, struct str text,
                                        int64_t now, const double *max_age,
                                        struct signed_text *found);

#endif
