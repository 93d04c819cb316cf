/* Digests by name, over libcrypto. */
#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

enum { LONGEST_NAME = 31 };

/* Names of hashlib that libcrypto spells otherwise. */
static const char *const other_names[][2] = {
    {"sha3_224", "SHA3-224"},     {"sha3_256", "SHA3-256"},
    {"sha3_384", "SHA3-384"},     {"sha3_512", "SHA3-512"},
    {"sha512_224", "SHA512-224"}, {"sha512_256", "SHA512-256"},
    {"blake2b", "BLAKE2B-512"},   {"blake2s", "BLAKE2S-256"}};

static const char *spell(const char *name)
{
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (strcasecmp(name, other_names[i][0]) == 0)
            return other_names[i][1];
    return name;
}

EVP_MD *digest_fetch(struct str name)
{
    char text[LONGEST_NAME + 1];
    if (name.n == 0 || name.n > LONGEST_NAME || memchr(name.p, '\0', name.n))
        return NULL;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    ERR_set_mark();
    EVP_MD *md = EVP_MD_fetch(NULL, spell(text), NULL);
    ERR_pop_to_mark();
    if (md && (EVP_MD_get_size(md) <= 0 || EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF)) {
        EVP_MD_free(md);
        return NULL;
    }
    return md;
}

void digest_write_hex(struct str bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.n; i++) {
        out[2 * i] = digits[(unsigned char)bytes.p[i] >> 4];
        out[2 * i + 1] = digits[(unsigned char)bytes.p[i] & 15];
    }
}

bool digest_is_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
