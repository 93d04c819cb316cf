/* What lua/cflask/signing.lua is built on: signers, packed payloads. Verdicts are names
   here, which are errors there. */
#include "signing_lua.h"

#include "payload.h"
#include "signer.h"

static const char SIGNER[] = "cflask.signer", ARENA[] = "cflask.arena";

static struct str check_str(lua_State *L, int index)
{
    struct str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

/* ---- signers ---- */

static const char *const digests[] = {"sha1", "sha256", "sha384", "sha512", NULL};
static const char *const derivations[] = {"concat", "django-concat", "hmac", "none",
                                          NULL};

/* signer(secrets, salt, derivation, digest): of a list of secrets, the newest last. */
static int signer_lua(lua_State *L)
{
    struct str secrets[SIGNER_MOST_KEYS], salt = check_str(L, 2);
    int derivation = luaL_checkoption(L, 3, NULL, derivations);
    int digest = luaL_checkoption(L, 4, NULL, digests);
    luaL_checktype(L, 1, LUA_TTABLE);
    int n = (int)lua_rawlen(L, 1);
    luaL_argcheck(L, n > 0 && n <= SIGNER_MOST_KEYS, 1, "1 to 32 secrets are expected");
    luaL_checkstack(L, n + LUA_MINSTACK, NULL);
    struct signer *s = lua_newuserdatauv(L, sizeof *s, 0);
    *s = (struct signer){.n_keys = 0};
    luaL_setmetatable(L, SIGNER);
    int at = lua_gettop(L);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1);
        secrets[i] = check_str(L, -1);
    }
    if (signer_open(s, (enum signer_digest)digest, (enum signer_derivation)derivation,
                    salt, secrets, n) < 0)
        return luaL_error(L, "out of memory");
    lua_settop(L, at);
    return 1;
}

static int gc_signer(lua_State *L)
{
    signer_close(luaL_checkudata(L, 1, SIGNER));
    return 0;
}

/* stack: the pieces of "value.", from index `first` on -> "value.signature" */
static int push_signed(lua_State *L, const struct signer *s, int first)
{
    char signature[SIGNER_SIGNATURE_SIZE];
    lua_concat(L, lua_gettop(L) - first + 1);
    size_t n = signer_sign(s, check_str(L, -1), signature);
    if (!n)
        return luaL_error(L, "out of memory");
    lua_pushliteral(L, ".");
    lua_pushlstring(L, signature, n);
    lua_concat(L, 3);
    return 1;
}

/* s:sign(value) */
static int sign_lua(lua_State *L)
{
    const struct signer *s = luaL_checkudata(L, 1, SIGNER);
    check_str(L, 2);
    lua_settop(L, 2);
    return push_signed(L, s, 2);
}

/* s:sign_timed(value): with the present time. */
static int sign_timed_lua(lua_State *L)
{
    const struct signer *s = luaL_checkudata(L, 1, SIGNER);
    char text[SIGNER_TIME_SIZE];
    check_str(L, 2);
    lua_settop(L, 2);
    lua_pushliteral(L, ".");
    lua_pushlstring(L, text, signer_format_time(signer_now(), text));
    return push_signed(L, s, 2);
}

static const char *const verdicts[] = {"good",     "no signature", "mismatch", "no time",
                                       "bad time", "expired",      "future"};

/* s:unsign(text) -> verdict, value */
static int unsign_lua(lua_State *L)
{
    struct signed_text found;
    const struct signer *s = luaL_checkudata(L, 1, SIGNER);
    enum signer_verdict verdict = signer_unsign(s, check_str(L, 2), &found);
    lua_pushstring(L, verdicts[verdict]);
    lua_pushlstring(L, found.value.p, found.value.n);
    return 2;
}

/* s:unsign_timed(text, max_age or nil) -> verdict, value, whether there is a place for
   the time, time or nil, age or nil */
static int unsign_timed_lua(lua_State *L)
{
    struct signed_text found;
    const struct signer *s = luaL_checkudata(L, 1, SIGNER);
    double max_age = luaL_optnumber(L, 3, 0);
    int64_t now = signer_now();
    enum signer_verdict verdict = signer_unsign_timed(
        s, check_str(L, 2), now, lua_isnoneornil(L, 3) ? NULL : &max_age, &found);
    lua_pushstring(L, verdicts[verdict]);
    lua_pushlstring(L, found.value.p, found.value.n);
    lua_pushboolean(L, found.has_place);
    if (!found.has_time)
        return 3;
    lua_pushinteger(L, (lua_Integer)found.time);
    lua_pushinteger(L, (lua_Integer)(now - found.time));
    return 5;
}

/* ---- payloads ---- */

static int gc_arena(lua_State *L)
{
    arena_free(luaL_checkudata(L, 1, ARENA));
    return 0;
}

static struct arena *push_arena(lua_State *L)
{
    struct arena *a = lua_newuserdatauv(L, sizeof *a, 0);
    *a = (struct arena){0};
    luaL_setmetatable(L, ARENA);
    return a;
}

/* pack_payload(bytes) */
static int pack_lua(lua_State *L)
{
    struct str text, bytes = check_str(L, 1);
    struct arena *a = push_arena(L);
    if (payload_pack(a, bytes, &text) < 0)
        return luaL_error(L, "out of memory");
    lua_pushlstring(L, text.p, text.n);
    arena_free(a);
    return 1;
}

/* unpack_payload(text, most) -> bytes; or nil and what is wrong */
static int unpack_lua(lua_State *L)
{
    static const char *const wrong[] = {NULL, "not base64", "not zlib", "too large"};
    struct str bytes, text = check_str(L, 1);
    double most = luaL_checknumber(L, 2);
    struct arena *a = push_arena(L);
    size_t limit = most >= 0 && most < 9e15 ? (size_t)most : INT64_MAX;
    enum payload_verdict verdict = payload_unpack(a, text, limit, &bytes);
    if (verdict == PAYLOAD_NO_MEMORY)
        return luaL_error(L, "out of memory");
    if (verdict == PAYLOAD_GOOD) {
        lua_pushlstring(L, bytes.p, bytes.n);
        arena_free(a);
        return 1;
    }
    arena_free(a);
    lua_pushnil(L);
    lua_pushstring(L, wrong[verdict]);
    return 2;
}

static void make_metatable(lua_State *L, const char *name, lua_CFunction gc)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
}

void signing_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"signer", signer_lua},
                                         {"pack_payload", pack_lua},
                                         {"unpack_payload", unpack_lua},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {{"sign", sign_lua},
                                       {"sign_timed", sign_timed_lua},
                                       {"unsign", unsign_lua},
                                       {"unsign_timed", unsign_timed_lua},
                                       {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    make_metatable(L, ARENA, gc_arena);
    lua_pop(L, 1);
    make_metatable(L, SIGNER, gc_signer);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
