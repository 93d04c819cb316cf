/* Runs a Lua script with the router at hand: route_parity.py writes the script and reads
   what it prints. Usage: route_driver SCRIPT */
#include "base/value.h"
#include "route_lua.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    if (!L || argc != 2) {
        fprintf(stderr, "usage: route_driver SCRIPT\n");
        return 2;
    }
    luaL_openlibs(L);
    value_open(L);
    luaopen_cflask_route(L);
    lua_setglobal(L, "route");
    value_push_library(L);
    lua_setglobal(L, "value");
    int status = luaL_dofile(L, argv[1]);
    if (status)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    return status != 0;
}
