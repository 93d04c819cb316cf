/* What flask.security is built on: passwords, digests, random tokens, base64. */
#ifndef SECURITY_LUA_H
#define SECURITY_LUA_H

#include "base/lua_compat.h"

/* Sets `security` in the table on top: the functions of lua/cflask/security.lua in C. */
void security_open(lua_State *L);

#endif
