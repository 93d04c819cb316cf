/* The command line: opens Lua and leaves the words to lua/cflask/cli.lua. */
#include "base/lua_memory.h"
#include "core_lua.h"
#include "debugger.h"
#include "dispatch.h"
#include "generation.h"
#include "inprocess.h"
#include "limiter.h"
#include "log.h"
#include "module.h"
#include "pool.h"
#include "wait.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* cli.main{argv...} -> the exit status */
static int run(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    core_open(L);
    core_push_function(L, "cflask.cli", "main");
    lua_createtable(L, argc, 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_call(L, 1, 1);
    lua_pushinteger(L, lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0);
    return 1;
}

static int add_traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

static void close_state(lua_State *L, int status)
{
    wait_end_spawned(L);
    inprocess_release(L);
    exchanges_close(L);
    modules_end(L);
    worker_end_threads(status);
    lua_memory_close(L);
}

int main(int argc, char **argv)
{
    if (limiter_open_shared() < 0) {
        fputs("cflask-lua: no memory for workers to share\n", stderr);
        return EXIT_FAILURE;
    }
    if (debugger_open() < 0) {
        fputs("cflask-lua: no memory or randomness for the debugger\n", stderr);
        return EXIT_FAILURE;
    }
    if (worker_open() < 0) {
        fputs("cflask-lua: no event loop can be made\n", stderr);
        return EXIT_FAILURE;
    }
    lua_State *L = lua_memory_open();
    if (!L) {
        fputs("cflask-lua: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    lua_pushcfunction(L, add_traceback);
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = EXIT_FAILURE;
    generations_open();
    if (lua_pcall(L, 2, 1, 1) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "cflask-lua: %s\n", lua_tostring(L, -1));
    lua_settop(L, 0);
    if (status == 0 && generation_is_noted(L))
        status = worker_serve(L, argc, argv);
    else
        close_state(L, status);
    generations_close();
    worker_close();
    return status;
}
