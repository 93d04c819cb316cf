/* Signed text in itsdangerous' format, over libcrypto's digests. */
#include "signer.h"

#include "base/base64.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <time.h>

#define SEPARATOR     '.'
#define LARGEST_BLOCK 128 /* bytes, of SHA-512 */

/* ---- digests and HMAC (RFC 2104) ---- */

/* Fetched once for the process: a look-up by name costs more than the digest of a cookie.
   The one context is for all that is worked out here, one after another. */
static const EVP_MD *fetched[4];
static EVP_MD_CTX *work;

static const EVP_MD *fetch(enum signer_digest digest)
{
    static const char *const names[] = {"SHA1", "SHA256", "SHA384", "SHA512"};
    if (!work && !(work = EVP_MD_CTX_new()))
        return NULL;
    if (!fetched[digest])
        fetched[digest] = EVP_MD_fetch(NULL, names[digest], NULL);
    return fetched[digest];
}

/* The digest of the parts, one after another; 0, or -1. */
static int digest_parts(const EVP_MD *md, const struct str *parts, int n,
                        unsigned char *out, size_t *size)
{
    unsigned length = 0;
    bool is_done = EVP_DigestInit_ex(work, md, NULL);
    for (int i = 0; i < n; i++)
        is_done = is_done && EVP_DigestUpdate(work, parts[i].p, parts[i].n);
    is_done = is_done && EVP_DigestFinal_ex(work, out, &length);
    *size = length;
    return is_done ? 0 : -1;
}

static int begin(EVP_MD_CTX *ctx, const EVP_MD *md, const unsigned char *block,
                 size_t size, unsigned char mask)
{
    unsigned char masked[LARGEST_BLOCK];
    for (size_t i = 0; i < size; i++)
        masked[i] = block[i] ^ mask;
    bool is_done =
        ctx && EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, masked, size);
    OPENSSL_cleanse(masked, sizeof masked);
    return is_done ? 0 : -1;
}

static void free_key(struct signer_key *key)
{
    EVP_MD_CTX_free(key->inner);
    EVP_MD_CTX_free(key->outer);
    *key = (struct signer_key){NULL, NULL};
}

/* A key longer than a block is replaced by its digest. */
static int make_key(struct signer_key *key, const EVP_MD *md, struct str secret)
{
    unsigned char block[LARGEST_BLOCK] = {0};
    size_t size = (size_t)EVP_MD_get_block_size(md), n = secret.n;
    int failed = 0;
    if (secret.n > size)
        failed = digest_parts(md, &secret, 1, block, &n);
    else if (secret.n)
        memcpy(block, secret.p, secret.n);
    *key = (struct signer_key){EVP_MD_CTX_new(), EVP_MD_CTX_new()};
    if (!failed)
        failed = begin(key->inner, md, block, size, 0x36) ||
                 begin(key->outer, md, block, size, 0x5C);
    OPENSSL_cleanse(block, sizeof block);
    if (failed)
        free_key(key);
    return failed ? -1 : 0;
}

/* The HMAC of value: its size in bytes, or 0. */
static size_t authenticate(const struct signer_key *key, struct str value,
                           unsigned char out[EVP_MAX_MD_SIZE])
{
    unsigned n = 0;
    if (EVP_MD_CTX_copy_ex(work, key->inner) &&
        EVP_DigestUpdate(work, value.p, value.n) && EVP_DigestFinal_ex(work, out, &n) &&
        EVP_MD_CTX_copy_ex(work, key->outer) && EVP_DigestUpdate(work, out, n) &&
        EVP_DigestFinal_ex(work, out, &n))
        return n;
    return 0;
}

/* ---- keys from secrets ---- */

static int derive_hmac(const EVP_MD *md, struct str salt, struct str secret,
                       unsigned char *out, size_t *n)
{
    struct signer_key key;
    if (make_key(&key, md, secret) < 0)
        return -1;
    *n = authenticate(&key, salt, out);
    free_key(&key);
    return *n ? 0 : -1;
}

static int derive_key(struct signer_key *key, const EVP_MD *md,
                      enum signer_derivation derivation, struct str salt,
                      struct str secret)
{
    unsigned char derived[EVP_MAX_MD_SIZE];
    const struct str django[] = {salt, STR("signer"), secret}, plain[] = {salt, secret};
    size_t n = 0;
    int failed = 0;
    if (derivation == SIGNER_NONE)
        return make_key(key, md, secret);
    if (derivation == SIGNER_HMAC)
        failed = derive_hmac(md, salt, secret, derived, &n);
    else if (derivation == SIGNER_CONCAT)
        failed = digest_parts(md, plain, 2, derived, &n);
    else
        failed = digest_parts(md, django, 3, derived, &n);
    if (!failed)
        failed = make_key(key, md, (struct str){(const char *)derived, n});
    OPENSSL_cleanse(derived, sizeof derived);
    return failed;
}

int signer_open(struct signer *s, enum signer_digest digest,
                enum signer_derivation derivation, struct str salt,
                const struct str *secrets, int n)
{
    const EVP_MD *md = fetch(digest);
    *s = (struct signer){.digest = digest};
    while (md && s->n_keys < n) {
        if (derive_key(&s->keys[s->n_keys], md, derivation, salt, secrets[s->n_keys]) < 0)
            break;
        s->n_keys++;
    }
    if (md && s->n_keys == n)
        return 0;
    signer_close(s);
    return -1;
}

void signer_close(struct signer *s)
{
    for (int i = 0; i < s->n_keys; i++)
        free_key(&s->keys[i]);
    s->n_keys = 0;
}

/* ---- signatures ---- */

static size_t sign_with(const struct signer_key *key, struct str value,
                        char out[SIGNER_SIGNATURE_SIZE])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    struct str bytes = {(const char *)mac, authenticate(key, value, mac)};
    return base64_encode(bytes, BASE64_URLSAFE | BASE64_UNPADDED, out);
}

size_t signer_sign(const struct signer *s, struct str value,
                   char out[SIGNER_SIGNATURE_SIZE])
{
    return s->n_keys ? sign_with(&s->keys[s->n_keys - 1], value, out) : 0;
}

bool signer_verify(const struct signer *s, struct str value, struct str signature)
{
    char right[SIGNER_SIGNATURE_SIZE];
    for (int i = s->n_keys - 1; i >= 0; i--) {
        size_t n = sign_with(&s->keys[i], value, right);
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
