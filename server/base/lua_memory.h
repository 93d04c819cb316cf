/* A Lua state's memory: small blocks, which come and go by the thousand, lie in pages by
   their size. */
#ifndef BASE_LUA_MEMORY_H
#define BASE_LUA_MEMORY_H

#include "base/lua_compat.h"

/* A new state like luaL_newstate's, or NULL: out of memory. One thread at a time may use
   it. To be closed by lua_memory_close, and nothing else. */
lua_State *lua_memory_open(void);

/* lua_close, and gives all of its memory back. */
void lua_memory_close(lua_State *L);

#endif
