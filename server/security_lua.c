/* The functions of flask.security that are in C. They are called by
   lua/cflask/security.lua, which checks the arguments and words the errors. */
#include "security_lua.h"

#include "base/base64.h"
#include "base/likeness.h"
#include "base/random.h"
#include "digest.h"
#include "offload.h"
#include "password.h"
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdlib.h>

static struct str check_str(lua_State *L, int index)
{
    struct str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

static int fail(lua_State *L, const char *message)
{
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

/* ---- passwords ---- */

/* One password being hashed: a job of the pool with copies of all that it needs. */
struct hashing {
    struct offload offload; /* first */
    struct password_method method;
    struct str password, salt, wanted; /* in `bytes`; wanted.p NULL: a new hash */
    int n;                             /* digits of key; -1: memory ran out */
    char key[2 * PASSWORD_KEY_SIZE];   /* in hexadecimal */
    size_t size;                       /* bytes of all this */
    char bytes[];
};

static void derive(struct pool_job *job)
{
    struct hashing *h = (struct hashing *)job;
    h->n = password_derive(&h->method, h->password, h->salt, h->key);
}

/* The password and its key are left nowhere. */
static void release(struct pool_job *job)
{
    struct hashing *h = (struct hashing *)job;
    OPENSSL_cleanse(h, h->size);
    free(h);
}

/* -> whether the password is right; or the new hash's text */
static int finish(lua_State *L, struct offload *o)
{
    struct hashing *h = (struct hashing *)o;
    char method[PASSWORD_METHOD_SIZE];
    if (h->n < 0)
        return luaL_error(L, "not enough memory to hash a password");
    struct str key = {h->key, (size_t)h->n};
    if (h->wanted.p) {
        lua_pushboolean(L, digest_is_equal(key, h->wanted));
        return 1;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    int n = password_format_method(&h->method, method);
    luaL_addlstring(&b, method, (size_t)n);
    luaL_addchar(&b, '$');
    luaL_addlstring(&b, h->salt.p, h->salt.n);
    luaL_addchar(&b, '$');
    luaL_addlstring(&b, key.p, key.n);
    luaL_pushresult(&b);
    return 1;
}

static struct str keep(char **at, struct str s)
{
    struct str kept = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

/* Hashes on a thread. `wanted`: the key to compare with, or .p NULL. */
static int hash(lua_State *L, const struct password_method *method, struct str password,
                struct str salt, struct str wanted)
{
    if (password.n > INT_MAX)
        return luaL_error(L, "the password is too long");
    size_t size = sizeof(struct hashing) + password.n + salt.n + wanted.n;
    struct hashing *h = calloc(1, size);
    if (!h)
        return luaL_error(L, "not enough memory to hash a password");
    char *at = h->bytes;
    h->size = size;
    h->method = *method;
    h->password = keep(&at, password);
    h->salt = keep(&at, salt);
    if (wanted.p)
        h->wanted = keep(&at, wanted);
    h->offload.job.work = derive;
    h->offload.job.release = release;
    h->offload.finish = finish;
    return offload(L, &h->offload);
}

/* generate_password_hash(password, method, salt_length) -> text; or nil, message */
static int generate_password_hash(lua_State *L)
{
    struct password_method method;
    char salt[PASSWORD_MAX_SALT];
    struct str password = check_str(L, 1);
    const char *message = password_parse_method(check_str(L, 2), &method);
    lua_Integer n = luaL_checkinteger(L, 3);
    luaL_argcheck(L, n >= 1 && n <= PASSWORD_MAX_SALT, 3, "a salt's length is expected");
    if (message)
        return luax_outcome(L, fail(L, message));
    if (password_make_salt(salt, (size_t)n) < 0)
        return luaL_error(L, "the kernel gives no random bytes: %s", strerror(errno));
    return hash(L, &method, password, (struct str){salt, (size_t)n},
                (struct str){NULL, 0});
}

/* check_password_hash(text, password) -> boolean; false at once for a malformed text */
static int check_password_hash(lua_State *L)
{
    struct password_hash parsed;
    struct str text = check_str(L, 1), password = check_str(L, 2);
    if (password_parse_hash(text, &parsed))
        return hash(L, &parsed.method, password, parsed.salt, parsed.key);
    lua_pushboolean(L, 0);
    return luax_outcome(L, 1);
}

/* ---- digests ---- */

static int push_hex(lua_State *L, const unsigned char *bytes, unsigned n)
{
    char hex[2 * EVP_MAX_MD_SIZE];
    digest_write_hex((struct str){(const char *)bytes, n}, hex);
    lua_pushlstring(L, hex, 2 * (size_t)n);
    return 1;
}

/* digest(name, s) -> hexadecimal digits; nil when there is no such digest */
static int digest(lua_State *L)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct str name = check_str(L, 1), s = check_str(L, 2);
    EVP_MD *md = digest_fetch(name);
    bool is_fine = md && EVP_Digest(s.p, s.n, out, &n, md, NULL);
    EVP_MD_free(md);
    return is_fine ? push_hex(L, out, n) : fail(L, "there is no such digest");
}

/* hmac(name, key, s) -> hexadecimal digits; nil when there is no such digest */
static int hmac(lua_State *L)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct str name = check_str(L, 1), key = check_str(L, 2), s = check_str(L, 3);
    luaL_argcheck(L, key.n <= INT_MAX, 2, "too long");
    EVP_MD *md = digest_fetch(name);
    bool is_fine = md && HMAC(md, key.p, (int)key.n, (const unsigned char *)s.p, s.n, out,
                              &n) != NULL;
    EVP_MD_free(md);
    return is_fine ? push_hex(L, out, n) : fail(L, "there is no such digest");
}

/* constant_time_equal(a, b) -> boolean */
static int constant_time_equal(lua_State *L)
{
    lua_pushboolean(L, digest_is_equal(check_str(L, 1), check_str(L, 2)));
    return 1;
}

/* ---- tokens and base64 ---- */

enum { MOST_TOKEN_BYTES = 4096 };

/* random_token(n) -> n bytes as URL-safe base64 */
static int random_token(lua_State *L)
{
    char bytes[MOST_TOKEN_BYTES], text[BASE64_ENCODED_SIZE(MOST_TOKEN_BYTES)];
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_argcheck(L, n >= 1 && n <= MOST_TOKEN_BYTES, 1, "1 to 4096 bytes are expected");
    if (random_bytes(bytes, (size_t)n) < 0)
        return luaL_error(L, "the kernel gives no random bytes: %s", strerror(errno));
    size_t length = base64_encode((struct str){bytes, (size_t)n},
                                  BASE64_URLSAFE | BASE64_UNPADDED, text);
    OPENSSL_cleanse(bytes, sizeof bytes);
    lua_pushlstring(L, text, length);
    OPENSSL_cleanse(text, sizeof text);
    return 1;
}

/* to_base64(s, is_urlsafe) -> text */
static int to_base64(lua_State *L)
{
    struct str s = check_str(L, 1);
    unsigned form = lua_toboolean(L, 2) ? BASE64_URLSAFE | BASE64_UNPADDED
                                        : BASE64_STANDARD | BASE64_PADDED;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addsize(&b,
                 base64_encode(s, form, luaL_prepbuffsize(&b, BASE64_ENCODED_SIZE(s.n))));
    luaL_pushresult(&b);
    return 1;
}

/* from_base64(text) -> bytes; or nil, message */
static int from_base64(lua_State *L)
{
    struct str text = check_str(L, 1);
    size_t n;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    char *to = luaL_prepbuffsize(&b, BASE64_DECODED_SIZE(text.n));
    if (!base64_decode(text, BASE64_ANY, to, &n))
        return fail(L, "this is no base64");
    luaL_addsize(&b, n);
    luaL_pushresult(&b);
    return 1;
}

/* ---- names ---- */

/* likeness(text) -> the text in ASCII, as far as it has a likeness there */
static int likeness(lua_State *L)
{
    struct str text = check_str(L, 1);
    struct buf *ascii =
        lua_newuserdatauv(L, sizeof *ascii, 0); /* freed whatever happens */
    *ascii = (struct buf){0};
    luaL_setmetatable(L, "cflask.buf");
    likeness_add(ascii, text);
    if (ascii->is_exhausted)
        return luaL_error(L, "not enough memory");
    lua_pushlstring(L, ascii->n ? ascii->p : "", ascii->n);
    buf_free(ascii);
    return 1;
}

void security_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"digest", digest},
                                         {"hmac", hmac},
                                         {"constant_time_equal", constant_time_equal},
                                         {"random_token", random_token},
                                         {"to_base64", to_base64},
                                         {"from_base64", from_base64},
                                         {"likeness", likeness},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    luax_pushwaiting(L, generate_password_hash);
    lua_setfield(L, -2, "generate_password_hash");
    luax_pushwaiting(L, check_password_hash);
    lua_setfield(L, -2, "check_password_hash");
    lua_setfield(L, -2, "security");
}
