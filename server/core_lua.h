/* cflask.core: what the Lua side of the server is built on. */
#ifndef CORE_LUA_H
#define CORE_LUA_H

#include "base/lua_compat.h"

/* Opens a state for apps: Lua's libraries, our embedded modules for `require`, cjson and
   cflask.core. May raise: call it protected. */
void core_open(lua_State *L);

/* Pushes a function of a Lua module, which is loaded if it has not been. May raise. */
void core_push_function(lua_State *L, const char *module, const char *name);

#endif
