/* flask.g: values that live as long as the request's context. */
#ifndef LOCALS_LUA_H
#define LOCALS_LUA_H

#include "base/lua_compat.h"

struct context;

/* Pushes flask.g; once for each state. */
void locals_push_g(lua_State *L);

/* core.private() -> a table that lives as long as the request's context and that apps
   don't see: what lua/ notes from one hook to the next, each module under its own name.
   An error outside of a context. */
int locals_private_lua(lua_State *L);

/* Pushes that table of a context that need not be the running one's. */
void locals_push_private(lua_State *L, struct context *context);

#endif
