/* response.headers: the fields of a response, as Lua reads and writes them. */
#ifndef HEADERS_LUA_H
#define HEADERS_LUA_H

#include "response.h"

/* Once for each state. */
void headers_open(lua_State *L);

/* Pushes the headers object of the response at `index`, which it keeps alive. */
void headers_push(lua_State *L, int index);

/* Sets each field of the table at `index`: name to string, number or list. Raises for
   what must not be sent. */
void headers_update(lua_State *L, struct response *r, int index);

#endif
