/* Password hashes: scrypt and PBKDF2, by libcrypto, in Werkzeug's formats.

   A hash's text may come from a place that others can write to, so its parameters are
   capped: a check takes at most some seconds and SCRYPT_MOST_MEMORY bytes. */
#include "password.h"

#include "base/random.h"
#include "digest.h"
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>

#define SCRYPT_MOST_MEMORY (256ULL << 20)  /* bytes: 8 times the default's */
#define SCRYPT_MOST_WORK   (1024ULL << 20) /* bytes walked through: 32 times */
#define PBKDF2_MOST_ROUNDS 10000000        /* 17 times the default */
#define PBKDF2_ROUNDS      600000
#define SCRYPT_N           32768
#define SCRYPT_R           8
#define SCRYPT_P           1

/* Werkzeug's allowance, which hashes with a very small N don't keep to. */
#define SCRYPT_ALLOWANCE(m) (132 * (m)->n * (m)->r * (m)->p)

/* ---- parsing ---- */

/* All of s, decimal digits alone, as a number up to `most`; 0 when it is none. */
static uint64_t parse_count(struct str s, uint64_t most)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(s.p[i] - '0');
        if (value > most)
            return 0;
    }
    return value;
}

/* RFC 7914, section 6; and libcrypto's need of memory within Werkzeug's allowance. */
static bool can_compute(const struct password_method *m)
{
    uint64_t need = 128 * m->r * (m->n + m->p + 2);
    bool is_power = m->n > 1 && (m->n & (m->n - 1)) == 0;
    return is_power && (m->r >= 4 || m->n < 1ULL << (16 * m->r)) &&
           need <= SCRYPT_ALLOWANCE(m);
}

static const char *parse_scrypt(struct str rest, struct password_method *m)
{
    m->is_scrypt = true;
    if (!rest.p) {
        m->n = SCRYPT_N, m->r = SCRYPT_R, m->p = SCRYPT_P;
        return NULL;
    }
    m->n = parse_count(str_cut(&rest, ':'), SCRYPT_MOST_MEMORY);
    m->r = rest.p ? parse_count(str_cut(&rest, ':'), 1 << 20) : 0;
    m->p = rest.p ? parse_count(rest, 1 << 20) : 0;
    if (m->n == 0 || m->r == 0 || m->p == 0)
        return "scrypt takes three numbers: scrypt:N:r:p";
    if (m->n * m->r > SCRYPT_MOST_MEMORY / 128 ||
        m->n * m->r * m->p > SCRYPT_MOST_WORK / 128)
        return "scrypt's cost is too high: 128*N*r may be 256 MiB, with *p 1 GiB";
    return can_compute(m) ? NULL : "scrypt's N must be a power of two, 128 at least";
}

/* Whether there is such a digest, with keys of a length that fits. */
static bool is_digest(const char *name)
{
    EVP_MD *md = digest_fetch(str_from(name));
    bool fits = md && EVP_MD_get_size(md) <= PASSWORD_KEY_SIZE;
    EVP_MD_free(md);
    return fits;
}

static const char *parse_pbkdf2(struct str rest, struct password_method *m)
{
    struct str name = rest.p ? str_cut(&rest, ':') : STR("sha256");
    m->is_scrypt = false;
    m->iterations = rest.p ? (int)parse_count(rest, PBKDF2_MOST_ROUNDS) : PBKDF2_ROUNDS;
    if (m->iterations == 0)
        return "pbkdf2 takes a digest and 1 to 10000000 iterations: pbkdf2:sha256:600000";
    if (name.n > PASSWORD_DIGEST_NAME || (name.n && memchr(name.p, '\0', name.n)))
        return "pbkdf2: there is no such digest";
    memcpy(m->digest, name.p, name.n);
    m->digest[name.n] = '\0';
    return is_digest(m->digest) ? NULL : "pbkdf2: there is no such digest";
}

const char *password_parse_method(struct str text, struct password_method *method)
{
    struct str name = str_cut(&text, ':');
    *method = (struct password_method){0};
    if (str_eq(name, STR("scrypt")))
        return parse_scrypt(text, method);
    if (str_eq(name, STR("pbkdf2")))
        return parse_pbkdf2(text, method);
    return "the method must be scrypt or pbkdf2";
}

bool password_parse_hash(struct str text, struct password_hash *hash)
{
    if (text.n == 0 || text.n > PASSWORD_MAX_HASH)
        return false;
    struct str method = str_cut(&text, '$');
    if (!text.p)
        return false;
    hash->salt = str_cut(&text, '$');
    hash->key = text;
    return text.p && hash->salt.n <= PASSWORD_MAX_SALT &&
           !password_parse_method(method, &hash->method);
}

int password_format_method(const struct password_method *method,
                           char out[PASSWORD_METHOD_SIZE])
{
    if (method->is_scrypt)
        return snprintf(out, PASSWORD_METHOD_SIZE, "scrypt:%llu:%llu:%llu",
                        (unsigned long long)method->n, (unsigned long long)method->r,
                        (unsigned long long)method->p);
    return snprintf(out, PASSWORD_METHOD_SIZE, "pbkdf2:%s:%d", method->digest,
                    method->iterations);
}

/* ---- salt ---- */

int password_make_salt(char *out, size_t n)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char random[64];
    for (size_t made = 0; made < n;) {
        if (random_bytes(random, sizeof random) < 0)
            return -1;
        for (size_t i = 0; i < sizeof random && made < n; i++) {
            unsigned char six_bits = random[i] & 63;
            if (six_bits < sizeof alphabet - 1) /* else drawn again: no bias */
                out[made++] = alphabet[six_bits];
        }
    }
    return 0;
}

/* ---- keys ---- */

static const char *bytes(struct str s)
{
    return s.n ? s.p : "";
}

static int derive_scrypt(const struct password_method *m, struct str password,
                         struct str salt, unsigned char *key)
{
    int is_fine = EVP_PBE_scrypt(bytes(password), password.n,
                                 (const unsigned char *)bytes(salt), salt.n, m->n, m->r,
                                 m->p, SCRYPT_ALLOWANCE(m), key, PASSWORD_KEY_SIZE);
    return is_fine ? PASSWORD_KEY_SIZE : -1;
}

static int derive_pbkdf2(const struct password_method *m, struct str password,
                         struct str salt, unsigned char *key)
{
    EVP_MD *md = digest_fetch(str_from(m->digest));
    if (!md || password.n > INT_MAX)
        return EVP_MD_free(md), -1;
    int n = EVP_MD_get_size(md);
    int is_fine = PKCS5_PBKDF2_HMAC(bytes(password), (int)password.n,
                                    (const unsigned char *)bytes(salt), (int)salt.n,
                                    m->iterations, md, n, key);
    EVP_MD_free(md);
    return is_fine ? n : -1;
}

int password_derive(const struct password_method *method, struct str password,
                    struct str salt, char out[2 * PASSWORD_KEY_SIZE])
{
    unsigned char key[PASSWORD_KEY_SIZE];
    ERR_set_mark();
    int n = method->is_scrypt ? derive_scrypt(method, password, salt, key)
                              : derive_pbkdf2(method, password, salt, key);
    ERR_pop_to_mark();
    if (n > 0)
        digest_write_hex((struct str){(const char *)key, (size_t)n}, out);
    OPENSSL_cleanse(key, sizeof key);
    return n < 0 ? -1 : 2 * n;
}
