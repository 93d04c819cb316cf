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

static bool wanted[N_SIGNALS];

bool signal_is_wanted(enum signal signal)
{
    return wanted[signal];
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
            wanted[i] = lua_toboolean(L, 2);
    return 0;
}
