/* Runs a Lua script with cflask.jinja at hand and no server: jinja_driver SCRIPT [ARGS].
 */
#include "base/value.h"
#include "jinja/jinja.h"
#include <stdio.h>
#include <time.h>

static int lua_clock(lua_State *L)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec / 1e9);
    return 1;
}

static void set_args(lua_State *L, int argc, char **argv)
{
    lua_newtable(L);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setglobal(L, "arg");
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    if (!L || argc < 2) {
        fprintf(stderr, "usage: jinja_driver SCRIPT [ARGS]\n");
        return 2;
    }
    luaL_openlibs(L);
    value_open(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_cflask_jinja);
    lua_setfield(L, -2, "cflask.jinja");
    lua_settop(L, 0);
    value_push_library(L);
    lua_setglobal(L, "value");
    lua_pushcfunction(L, lua_clock);
    lua_setglobal(L, "monotonic");
    set_args(L, argc, argv);
    int failed = luaL_loadfile(L, argv[1]) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK;
    if (failed) {
        lua_getglobal(L, "tostring");
        lua_insert(L, -2);
        lua_call(L, 1, 1);
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    }
    int status = failed ? 1 : (int)lua_tointeger(L, -1);
    lua_close(L);
    return status;
}
