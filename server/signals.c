/* Which of Flask's signals somebody listens to. The receivers themselves are in Lua. */
#include "signals.h"

#include <string.h>

static const char *const names[N_SIGNALS] = {
    [SIGNAL_APPCONTEXT_PUSHED] = "appcontext_pushed",
    [SIGNAL_REQUEST_STARTED] = "request_started",
    [SIGNAL_REQUEST_FINISHED] = "request_finished",
    [SIGNAL_REQUEST_TEARING_DOWN] = "request_tearing_down",
    [SIGNAL_APPCONTEXT_TEARING_DOWN] = "appcontext_tearing_down",
    [SIGNAL_APPCONTEXT_POPPED] = "appcontext_popped",
};

static const char key; /* its address is the registry's key */

static bool *flags_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
    bool *flags = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (flags)
        return flags;
    flags = lua_newuserdatauv(L, N_SIGNALS * sizeof *flags, 0);
    memset(flags, 0, N_SIGNALS * sizeof *flags);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
    return flags;
}

const bool *signals_of(lua_State *L)
{
    return flags_of(L);
}

const char *signal_name(enum signal signal)
{
    return names[signal];
}

int signal_want_lua(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    for (int i = 0; i < N_SIGNALS; i++)
        if (strcmp(names[i], name) == 0)
            flags_of(L)[i] = lua_toboolean(L, 2);
    return 0;
}
