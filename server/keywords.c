/* Tables of options that stand for Python's keyword arguments. */
#include "keywords.h"

#include "core_lua.h"
#include <stdbool.h>
#include <string.h>

static bool is_known(lua_State *L, int index, const char *const *names)
{
    if (lua_type(L, index) != LUA_TSTRING)
        return false;
    const char *key = lua_tostring(L, index);
    for (; *names; names++)
        if (strcmp(key, *names) == 0)
            return true;
    return false;
}

/* Lua's own check, which finds the key again and words the error. */
static void raise(lua_State *L, int index, const char *const *names, const char *what)
{
    core_push_function(L, "cflask.misuse", "options");
    lua_pushvalue(L, index);
    lua_newtable(L);
    for (; *names; names++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, *names);
    }
    lua_pushstring(L, what);
    lua_call(L, 3, 0);
}

void keywords_check(lua_State *L, int index, const char *const *names, const char *what)
{
    if (!lua_istable(L, index))
        return;
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!is_known(L, -1, names))
            raise(L, index, names, what);
    }
}
