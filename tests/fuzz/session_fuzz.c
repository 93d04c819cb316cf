/* Fuzzes what reads cookies and tokens. The input as it comes is never accepted, as
   nobody has signed it; signed by us, it gets past the signature to the payload and the
   JSON in it, with its tags, which must hold, and be written as it was read. */
#include "base/value.h"
#include "payload.h"
#include "session.h"
#include "tagged_json.h"

#include "jinja/jinja.h"
#include <stdlib.h>

#define NOW  1700000000
#define MOST 100000

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* What is on the stack, value and tags, is written as `first` was. */
static void check_stable(lua_State *L)
{
    size_t n, m;
    struct fault fault;
    tagged_json_encode(L, 1, 2);
    const char *first = lua_tolstring(L, 3, &n);
    check(tagged_json_decode(L, (struct str){first, n}, &fault) == 0);
    tagged_json_encode(L, 4, 5);
    const char *second = lua_tolstring(L, 6, &m);
    check(n == m && memcmp(first, second, n) == 0);
}

static int read_json(lua_State *L)
{
    struct fault fault;
    const struct str *json = lua_touserdata(L, 1);
    lua_settop(L, 0);
    if (tagged_json_decode(L, *json, &fault) == 0)
        check_stable(L);
    return 0;
}

static lua_State *open_lua(void)
{
    lua_State *L = luaL_newstate();
    check(L != NULL);
    luaL_openlibs(L);
    value_open(L);
    luaL_requiref(L, "cflask.jinja", luaopen_cflask_jinja, 0);
    lua_settop(L, 0);
    return L;
}

/* The JSON may have what can't be written, such as a dict with a list's keys: an error,
   no crash. */
static void decode(struct str json)
{
    static lua_State *L;
    if (!L)
        L = open_lua();
    lua_pushcfunction(L, read_json);
    lua_pushlightuserdata(L, &json);
    (void)lua_pcall(L, 1, 0, 0);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCSTEP, 1);
}

/* The input as payload, rightly signed: what payload_unpack and the JSON make of it. */
static void read_signed(const struct session_keys *keys, struct str payload)
{
    struct arena a = {0};
    struct str json;
    char *text = arena_alloc(&a, payload.n + 200);
    memcpy(text, payload.p, payload.n);
    memcpy(text + payload.n, ".ZVPxAA", 7);
    size_t n = payload.n + 7;
    text[n] = '.';
    size_t signature = signer_sign(&keys->signer, (struct str){text, n}, text + n + 1);
    struct str cookie = {text, n + 1 + signature};
    if (session_read(keys, &a, cookie, NOW, 3600, MOST, &json) == 0) {
        check(json.n <= MOST || payload.p[0] != '.');
        decode(json);
    }
    arena_free(&a);
}

/* The input as JSON: what was packed comes back. */
static void read_written(const struct session_keys *keys, struct str json)
{
    struct arena a = {0};
    struct str cookie, back;
    check(session_write(keys, &a, json, NOW, &cookie) == 0);
    check(session_read(keys, &a, cookie, NOW, 3600, 1 << 26, &back) == 0);
    check(str_eq(back, json));
    arena_free(&a);
    decode(json);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct session_keys keys;
    const struct str secret = STR("a secret that the fuzzer does not know");
    struct str s = {(const char *)data, size}, json;
    struct arena a = {0};
    check(session_keys_set(&keys, &secret, 1) == 0);
    check(session_read(&keys, &a, s, NOW, 1e18, MOST, &json) < 0);
    arena_free(&a);
    if (size)
        read_signed(&keys, s);
    read_written(&keys, s);
    return 0;
}
