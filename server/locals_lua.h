/* flask.g: values that live as long as the request's context. */
#ifndef LOCALS_LUA_H
#define LOCALS_LUA_H

#include "base/lua_compat.h"

/* Pushes flask.g; once for each state. */
void locals_push_g(lua_State *L);

#endif
