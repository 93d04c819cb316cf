/* Lua 5.4 and LuaJIT 2.1 under one roof: every difference that our C code meets lives
   here. Include this, never <lua.h>. */
#ifndef BASE_LUA_COMPAT_H
#define BASE_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>

#if LUA_VERSION_NUM >= 504

/* A hook may be set from a signal handler, is called in every loop, and may yield. */
#define LUAX_HAS_HOOKS 1

/* `local x <close> = ...` is known, and luax_closethread closes x. */
#define LUAX_HAS_CLOSE 1

/* Whether a == b and a < b in Lua; both may call metamethods, which must not wait. */
#define luax_equal(L, a, b)    lua_compare(L, a, b, LUA_OPEQ)
#define luax_lessthan(L, a, b) lua_compare(L, a, b, LUA_OPLT)

/* Starts or goes on with the coroutine co, with nargs values on its stack; *nresults
   tells how many it left there. LUA_OK, LUA_YIELD or an error's code. */
#define luax_resume(co, from, nargs, nresults) lua_resume(co, from, nargs, nresults)

/* Ends a coroutine that is parked or failed; its pending to-be-closed variables are
   closed. It can be used again, where LUAX_REUSES_THREADS. */
#define luax_closethread(co) lua_resetthread(co)
#define LUAX_REUSES_THREADS  1

/* The one Lua value that goes with a userdata (made with lua_newuserdatauv(L, size, 1));
   it must be a table, and is read only after it was set. With luax_setuserobject it may
   be any value. */
#define luax_setuservalue(L, i)  lua_setiuservalue(L, i, 1)
#define luax_getuservalue(L, i)  lua_getiuservalue(L, i, 1)
#define luax_setuserobject(L, i) lua_setiuservalue(L, i, 1)
#define luax_getuserobject(L, i) lua_getiuservalue(L, i, 1)

/* Yields the n values on top. The coroutine is then resumed with a boolean and values:
   they are what the C function that returns this call returns; false raises the one
   value. */
static inline int luax_take_outcome(lua_State *L, int status, lua_KContext base)
{
    (void)status;
    int first = (int)base + 1;
    return lua_toboolean(L, first) ? lua_gettop(L) - first : lua_error(L);
}

static inline int luax_yield_for_outcome(lua_State *L, int n)
{
    return lua_yieldk(L, n, (lua_KContext)(lua_gettop(L) - n), luax_take_outcome);
}

/* Pushes a function that may return luax_yield_for_outcome(); results it returns at once
   go through luax_outcome. */
#define luax_pushwaiting lua_pushcfunction

/* stack: ..., the n results */
static inline int luax_outcome(lua_State *L, int n)
{
    (void)L;
    return n;
}

/* The stream of the file of Lua's io library at index i, NULL when that is closed; an
   error when there is no such file. */
static inline FILE *luax_checkfile(lua_State *L, int i)
{
    luaL_Stream *stream = (luaL_Stream *)luaL_checkudata(L, i, LUA_FILEHANDLE);
    return stream->closef ? stream->f : NULL;
}

#else /* LuaJIT: Lua 5.1's API, with some of 5.2's; what is longer is in lua_compat.c */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LUAX_HAS_HOOKS 0
#define LUAX_HAS_CLOSE 0
#define LUA_OK         0
#define lua_rawlen     lua_objlen
#undef luaL_newlib /* LuaJIT's own wants an array, not a pointer */
#define luaL_newlib(L, l)       (lua_newtable(L), luaL_setfuncs(L, l, 0))
#define luaL_len(L, i)          ((lua_Integer)lua_objlen(L, i))
#define lua_pushglobaltable(L)  lua_pushvalue(L, LUA_GLOBALSINDEX)
#define luax_closethread(co)    lua_settop(co, 0)
#define LUAX_REUSES_THREADS     0
#define luax_setuservalue(L, i) lua_setfenv(L, i)
#define luax_getuservalue(L, i) lua_getfenv(L, i)
#define luax_checkfile(L, i)    (*(FILE **)luaL_checkudata(L, i, LUA_FILEHANDLE))
/* No continuations here: the boolean is the first of the call's results, also of those
   that are there at once, and a Lua function around the call takes it away. */
#define luax_yield_for_outcome  lua_yield
void luax_pushwaiting(lua_State *L, lua_CFunction fn);
int luax_outcome(lua_State *L, int n);
#define luax_lessthan           lua_lessthan
/* In Lua itself, LuaJIT asks __eq only where both values have the same. */
bool luax_equal(lua_State *L, int a, int b);
#define LUA_MAXINTEGER          INT64_MAX
#define LUA_MININTEGER          INT64_MIN
#define LUA_LOADED_TABLE        "_LOADED"
#define luaL_argexpected(L, is, arg, name)                                               \
    ((void)((is) || luaL_argerror(L, arg, name " expected")))

/* The standard libraries, and of what apps use: table.unpack, table.pack, a pairs that
   asks __pairs, package.searchers. */
void luax_openlibs(lua_State *L);
#define luaL_openlibs(L)    luax_openlibs(L)

/* An error that leaves a C function in which another coroutine was resumed makes LuaJIT
   take that coroutine for the running one, and compiled code that is left then writes to
   its stack: LuaJIT#1066. A call, of nothing, sets it right. */
void luax_claim(lua_State *L);
#define lua_error(L)        (luax_claim(L), lua_error(L))
#define luaL_error(L, ...)  (luax_claim(L), luaL_error(L, __VA_ARGS__))

/* As in Lua 5.4, but that the message of an error in __tostring may differ. */
const char *luax_tolstring(lua_State *L, int i, size_t *n);
#define luaL_tolstring      luax_tolstring
void luax_getsubtable(lua_State *L, int i, const char *key);
#define luaL_getsubtable    luax_getsubtable
void luax_requiref(lua_State *L, const char *name, lua_CFunction open, int is_global);
#define luaL_requiref       luax_requiref

/* Nothing in Lua 5.1 leads from a coroutine to the state's main thread: it is kept where
   Lua 5.4 has it. luaL_ref counts on from there. */
#define LUA_RIDX_MAINTHREAD 1
static inline lua_State *luax_newstate(void)
{
    lua_State *L = luaL_newstate();
    if (L) {
        lua_pushthread(L);
        lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    }
    return L;
}
#define luaL_newstate       luax_newstate

/* Buffers that take pieces of any size: those of Lua 5.1 take 8 kB. As in Lua 5.4, one
   slot of the stack belongs to the buffer until luaL_pushresult. */
struct luax_buffer {
    lua_State *L;
    char *p;
    size_t n, size;
    int slot; /* holds nil, or the userdata in which the text is */
    char first[1024];
};

void luax_buffinit(lua_State *L, struct luax_buffer *b);
char *luax_prepare(struct luax_buffer *b, size_t n);
void luax_addvalue(struct luax_buffer *b);
void luax_pushresult(struct luax_buffer *b);

static inline void luax_addlstring(struct luax_buffer *b, const char *s, size_t n)
{
    if (n)
        memcpy(luax_prepare(b, n), s, n);
    b->n += n;
}

static inline char *luax_buffinitsize(lua_State *L, struct luax_buffer *b, size_t n)
{
    luax_buffinit(L, b);
    return luax_prepare(b, n);
}

#undef luaL_addchar
#undef luaL_addsize
#define luaL_Buffer               struct luax_buffer
#define luaL_buffinit             luax_buffinit
#define luaL_buffinitsize         luax_buffinitsize
#define luaL_prepbuffsize         luax_prepare
#define luaL_addchar(b, c)        ((void)(*luax_prepare(b, 1) = (c), (b)->n++))
#define luaL_addsize(b, more)     ((void)((b)->n += (more)))
#define luaL_addlstring           luax_addlstring
#define luaL_addstring(b, s)      luax_addlstring(b, s, strlen(s))
#define luaL_addvalue             luax_addvalue
#define luaL_pushresult           luax_pushresult
#define luaL_pushresultsize(b, s) (luaL_addsize(b, s), luax_pushresult(b))

static inline int luax_resume(lua_State *co, lua_State *from, int nargs, int *nresults)
{
    (void)from;
    int status = lua_resume(co, nargs);
    *nresults = lua_gettop(co);
    return status;
}

static inline int luax_absindex(lua_State *L, int i)
{
    return i > 0 || i <= LUA_REGISTRYINDEX ? i : lua_gettop(L) + i + 1;
}
#define lua_absindex              luax_absindex

/* LuaJIT has one kind of number; what has no fraction and fits counts as an integer. */
static inline int luax_isinteger(lua_State *L, int i)
{
    if (lua_type(L, i) != LUA_TNUMBER)
        return 0;
    lua_Number n = lua_tonumber(L, i);
    return n == floor(n) && fabs(n) <= 9007199254740992.0;
}
#define lua_isinteger             luax_isinteger

/* A fraction is an error, as in Lua 5.4; LuaJIT cuts it off. */
lua_Integer luax_checkinteger(lua_State *L, int i);
#define luaL_checkinteger         luax_checkinteger
#define luaL_optinteger(L, i, d)  (lua_isnoneornil(L, i) ? (d) : luax_checkinteger(L, i))

static inline int luax_rawgetp(lua_State *L, int i, const void *p)
{
    i = luax_absindex(L, i);
    lua_pushlightuserdata(L, (void *)p);
    lua_rawget(L, i);
    return lua_type(L, -1);
}
#define lua_rawgetp               luax_rawgetp

static inline void luax_rawsetp(lua_State *L, int i, const void *p)
{
    i = luax_absindex(L, i);
    lua_pushlightuserdata(L, (void *)p);
    lua_insert(L, -2);
    lua_rawset(L, i);
}
#define lua_rawsetp               luax_rawsetp

#define lua_newuserdatauv(L, size, n) lua_newuserdata(L, size)

/* An environment must be a table: other values stand in one. */
static inline void luax_setuserobject(lua_State *L, int i)
{
    i = luax_absindex(L, i);
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, i);
}

static inline void luax_getuserobject(lua_State *L, int i)
{
    lua_getfenv(L, i);
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
}

#endif

#endif
