/* What LuaJIT lacks of Lua 5.4's library for C, and of what apps may call. */
#include "base/lua_compat.h"

#if LUA_VERSION_NUM < 504

/* Text that is compiled, for a pairs in C would end traces. */
static const char LIBRARY[] =
    "local raw_pairs, metatable, type, rawget = pairs, debug.getmetatable, type, rawget\n"
    "function pairs(object)\n"
    "    local meta = metatable(object)\n"
    "    local method = meta and rawget(meta, '__pairs')\n"
    "    if not method then return raw_pairs(object) end\n"
    "    local step, state, first = method(object)\n"
    "    return step, state, first\n"
    "end\n"
    "local select, unpack = select, unpack\n"
    "table.unpack = unpack\n"
    "function table.pack(...) return {n = select('#', ...), ...} end\n"
    "package.searchers = package.loaders\n";

void luax_openlibs(lua_State *L)
{
    (luaL_openlibs)(L);
    if (luaL_loadbuffer(L, LIBRARY, sizeof LIBRARY - 1, "=[luajit]") != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 0);
}

static int do_nothing(lua_State *L)
{
    (void)L;
    return 0;
}

void luax_claim(lua_State *L)
{
    lua_pushcfunction(L, do_nothing);
    lua_call(L, 0, 0);
}

/* ---- waits ---- */

void luax_pushwaiting(lua_State *L, lua_CFunction fn)
{
    static const char chunk[] =
        "local fn = ... "
        "local function tell(ok, ...) if ok then return ... end error((...), 0) end "
        "return function(...) return tell(fn(...)) end";
    if (luaL_loadbuffer(L, chunk, sizeof chunk - 1, "=[luajit]") != LUA_OK)
        lua_error(L);
    lua_pushcfunction(L, fn);
    lua_call(L, 1, 1);
}

int luax_outcome(lua_State *L, int n)
{
    lua_pushboolean(L, 1);
    lua_insert(L, -n - 1);
    return n + 1;
}

/* ---- the library for C ---- */

const char *luax_tolstring(lua_State *L, int i, size_t *n)
{
    i = luax_absindex(L, i);
    if (luaL_callmeta(L, i, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
        return lua_tolstring(L, -1, n);
    }
    if (lua_type(L, i) == LUA_TSTRING || lua_type(L, i) == LUA_TNUMBER)
        lua_pushvalue(L, i);
    else if (lua_isboolean(L, i))
        lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false");
    else if (lua_isnil(L, i))
        lua_pushliteral(L, "nil");
    else
        lua_pushfstring(L, "%s: %p", luaL_typename(L, i), lua_topointer(L, i));
    return lua_tolstring(L, -1, n);
}

lua_Integer luax_checkinteger(lua_State *L, int i)
{
    lua_Number n = luaL_checknumber(L, i);
    if (n != floor(n) || n < -0x1p63 || n >= 0x1p63)
        luaL_argerror(L, i, "number has no integer representation");
    return (lua_Integer)n;
}

void luax_getsubtable(lua_State *L, int i, const char *key)
{
    i = luax_absindex(L, i);
    lua_getfield(L, i, key);
    if (lua_istable(L, -1))
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, i, key);
}

void luax_requiref(lua_State *L, const char *name, lua_CFunction open, int is_global)
{
    luax_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, name);
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushcfunction(L, open);
        lua_pushstring(L, name);
        lua_call(L, 1, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
    if (is_global) {
        lua_pushvalue(L, -1);
        lua_setglobal(L, name);
    }
}

bool luax_equal(lua_State *L, int a, int b)
{
    a = luax_absindex(L, a);
    b = luax_absindex(L, b);
    if (lua_equal(L, a, b))
        return true;
    if (lua_type(L, a) != lua_type(L, b) || (!lua_istable(L, a) && !lua_isuserdata(L, a)))
        return false;
    if (!luaL_getmetafield(L, a, "__eq") && !luaL_getmetafield(L, b, "__eq"))
        return false;
    lua_pushvalue(L, a);
    lua_pushvalue(L, b);
    lua_call(L, 2, 1);
    bool is_equal = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_equal;
}

/* ---- buffers ---- */

void luax_buffinit(lua_State *L, struct luax_buffer *b)
{
    lua_pushnil(L);
    b->L = L;
    b->p = b->first;
    b->n = 0;
    b->size = sizeof b->first;
    b->slot = lua_gettop(L);
}

/* Room for n more bytes; the buffer grows by luaL_addsize alone. */
char *luax_prepare(struct luax_buffer *b, size_t n)
{
    if (b->size - b->n >= n)
        return b->p + b->n;
    if (n > SIZE_MAX / 2 - b->n)
        luaL_error(b->L, "buffer too large");
    size_t size = b->n + n > 2 * b->size ? b->n + n : 2 * b->size;
    char *p = lua_newuserdata(b->L, size);
    memcpy(p, b->p, b->n);
    b->p = p;
    b->size = size;
    lua_replace(b->L, b->slot);
    return b->p + b->n;
}

/* stack: ..., value -> ... */
void luax_addvalue(struct luax_buffer *b)
{
    size_t n;
    const char *s = lua_tolstring(b->L, -1, &n);
    luax_addlstring(b, s, n);
    lua_pop(b->L, 1);
}

/* stack: ..., slot -> ..., text */
void luax_pushresult(struct luax_buffer *b)
{
    lua_pushlstring(b->L, b->p, b->n);
    lua_replace(b->L, b->slot);
}

#endif
