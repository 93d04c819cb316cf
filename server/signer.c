/* Signed text in itsdangerous' format, over libcrypto's digests. */
#define OPENSSL_SUPPRESS_DEPRECATED /* see "digests" */
#include "signer.h"

#include "base/base64.h"
#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

#define SEPARATOR     '.'
#define LARGEST_BLOCK 128 /* bytes, of SHA-512 */
#define LARGEST_HASH  SHA512_DIGEST_LENGTH

/* ---- digests ---- */

/* libcrypto's older functions: their state is a plain struct, to be copied and forgotten.
   Those of EVP ask for memory at each copy, which costs more than to sign a cookie. */

static void begin(enum signer_digest digest, union signer_hash *h)
{
    switch (digest) {
    case SIGNER_SHA1:
        SHA1_Init(&h->sha1);
        break;
    case SIGNER_SHA256:
        SHA256_Init(&h->sha256);
        break;
    case SIGNER_SHA384:
        SHA384_Init(&h->sha512);
        break;
    case SIGNER_SHA512:
        SHA512_Init(&h->sha512);
    }
}

static void add(enum signer_digest digest, union signer_hash *h, struct str s)
{
    if (digest == SIGNER_SHA1)
        SHA1_Update(&h->sha1, s.p, s.n);
    else if (digest == SIGNER_SHA256)
        SHA256_Update(&h->sha256, s.p, s.n);
    else /* the state knows which */
        SHA512_Update(&h->sha512, s.p, s.n);
}

/* Returns the size in bytes. */
static size_t end(enum signer_digest digest, union signer_hash *h,
                  unsigned char out[LARGEST_HASH])
{
    static const size_t sizes[] = {SHA_DIGEST_LENGTH, SHA256_DIGEST_LENGTH,
                                   SHA384_DIGEST_LENGTH, SHA512_DIGEST_LENGTH};
    if (digest == SIGNER_SHA1)
        SHA1_Final(out, &h->sha1);
    else if (digest == SIGNER_SHA256)
        SHA256_Final(out, &h->sha256);
    else
        SHA512_Final(out, &h->sha512);
    return sizes[digest];
}

/* The digest of the parts, one after another. */
static size_t hash_parts(enum signer_digest digest, const struct str *parts, int n,
                         unsigned char out[LARGEST_HASH])
{
    union signer_hash h;
    begin(digest, &h);
    for (int i = 0; i < n; i++)
        add(digest, &h, parts[i]);
    return end(digest, &h, out);
}

/* ---- HMAC: RFC 2104 ---- */

static void begin_masked(enum signer_digest digest, union signer_hash *h,
                         const unsigned char *block, size_t size, unsigned char mask)
{
    unsigned char masked[LARGEST_BLOCK];
    for (size_t i = 0; i < size; i++)
        masked[i] = block[i] ^ mask;
    begin(digest, h);
    add(digest, h, (struct str){(const char *)masked, size});
    OPENSSL_cleanse(masked, sizeof masked);
}

/* A secret longer than a block is replaced by its digest. */
static struct signer_key make_key(enum signer_digest digest, struct str secret)
{
    struct signer_key key;
    unsigned char block[LARGEST_BLOCK] = {0};
    size_t size = digest <= SIGNER_SHA256 ? 64 : 128;
    if (secret.n > size)
        hash_parts(digest, &secret, 1, block);
    else if (secret.n)
        memcpy(block, secret.p, secret.n);
    begin_masked(digest, &key.inner, block, size, 0x36);
    begin_masked(digest, &key.outer, block, size, 0x5C);
    OPENSSL_cleanse(block, sizeof block);
    return key;
}

/* The HMAC of value: its size in bytes. */
static size_t authenticate(enum signer_digest digest, const struct signer_key *key,
                           struct str value, unsigned char out[LARGEST_HASH])
{
    union signer_hash h = key->inner;
    add(digest, &h, value);
    size_t n = end(digest, &h, out);
    h = key->outer;
    add(digest, &h, (struct str){(const char *)out, n});
    return end(digest, &h, out);
}

/* ---- keys from secrets ---- */

static struct signer_key derive_key(enum signer_digest digest,
                                    enum signer_derivation derivation, struct str salt,
                                    struct str secret)
{
    unsigned char derived[LARGEST_HASH];
    const struct str django[] = {salt, STR("signer"), secret}, plain[] = {salt, secret};
    size_t n;
    struct signer_key key = make_key(digest, secret);
    if (derivation == SIGNER_NONE)
        return key;
    if (derivation == SIGNER_HMAC)
        n = authenticate(digest, &key, salt, derived);
    else if (derivation == SIGNER_CONCAT)
        n = hash_parts(digest, plain, 2, derived);
    else
        n = hash_parts(digest, django, 3, derived);
    key = make_key(digest, (struct str){(const char *)derived, n});
    OPENSSL_cleanse(derived, sizeof derived);
    return key;
}

int signer_open(struct signer *s, enum signer_digest digest,
                enum signer_derivation derivation, struct str salt,
                const struct str *secrets, int n)
{
    *s = (struct signer){.digest = digest};
    s->keys = malloc((size_t)n * sizeof *s->keys);
    if (!s->keys)
        return -1;
    while (s->n_keys < n) {
        s->keys[s->n_keys] = derive_key(digest, derivation, salt, secrets[s->n_keys]);
        s->n_keys++;
    }
    return 0;
}

void signer_close(struct signer *s)
{
    if (s->keys)
        OPENSSL_cleanse(s->keys, (size_t)s->n_keys * sizeof *s->keys);
    free(s->keys);
    s->keys = NULL;
    s->n_keys = 0;
}

/* ---- signatures ---- */

static size_t sign_with(const struct signer *s, int key, struct str value,
                        char out[SIGNER_SIGNATURE_SIZE])
{
    unsigned char mac[LARGEST_HASH];
    struct str bytes = {(const char *)mac,
                        authenticate(s->digest, &s->keys[key], value, mac)};
    return base64_encode(bytes, BASE64_URLSAFE | BASE64_UNPADDED, out);
}

size_t signer_sign(const struct signer *s, struct str value,
                   char out[SIGNER_SIGNATURE_SIZE])
{
    return s->n_keys ? sign_with(s, s->n_keys - 1, value, out) : 0;
}

bool signer_verify(const struct signer *s, struct str value, struct str signature)
{
    char right[SIGNER_SIGNATURE_SIZE];
    for (int i = s->n_keys - 1; i >= 0; i--) {
        size_t n = sign_with(s, i, value, right);
        if (n && n == signature.n && CRYPTO_memcmp(right, signature.p, n) == 0)
            return true;
    }
    return false;
}

/* ---- times ---- */

int64_t signer_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

size_t signer_format_time(int64_t t, char out[SIGNER_TIME_SIZE])
{
    char bytes[8];
    size_t first = 0;
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(t >> (56 - 8 * i));
    while (first < 8 && !bytes[first])
        first++;
    struct str significant = {bytes + first, 8 - first};
    return base64_encode(significant, BASE64_URLSAFE | BASE64_UNPADDED, out);
}

static bool read_time(struct str text, int64_t *t)
{
    char bytes[BASE64_DECODED_SIZE(SIGNER_TIME_SIZE)];
    size_t n;
    if (text.n > 11 ||
        !base64_decode(text, BASE64_URLSAFE | BASE64_UNPADDED, bytes, &n) || n > 8)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | (unsigned char)bytes[i];
    *t = (int64_t)value;
    return value <= INT64_MAX;
}

/* ---- signed texts ---- */

/* Cuts at the last separator; false without one. */
static bool cut_last(struct str *s, struct str *rest)
{
    const char *at = s->n ? memrchr(s->p, SEPARATOR, s->n) : NULL;
    if (!at)
        return false;
    size_t n = (size_t)(at - s->p);
    *rest = str_skip(*s, n + 1);
    s->n = n;
    return true;
}

enum signer_verdict signer_unsign(const struct signer *s, struct str text,
                                  struct signed_text *found)
{
    *found = (struct signed_text){.value = text};
    if (!cut_last(&found->value, &found->signature))
        return SIGNER_NO_SIGNATURE;
    return signer_verify(s, found->value, found->signature) ? SIGNER_GOOD
                                                            : SIGNER_MISMATCH;
}

enum signer_verdict signer_unsign_timed(const struct signer *s, struct str text,
                                        int64_t now, const double *max_age,
                                        struct signed_text *found)
{
    struct str time = {NULL, 0};
    enum signer_verdict verdict = signer_unsign(s, text, found);
    found->has_place = found->signature.p && cut_last(&found->value, &time);
    found->has_time = found->has_place && read_time(time, &found->time);
    if (verdict != SIGNER_GOOD)
        return verdict;
    if (!found->has_time)
        return found->has_place ? SIGNER_BAD_TIME : SIGNER_NO_TIME;
    if (!max_age)
        return SIGNER_GOOD;
    if (found->time > now)
        return SIGNER_FUTURE;
    return (double)(now - found->time) > *max_age ? SIGNER_EXPIRED : SIGNER_GOOD;
}
