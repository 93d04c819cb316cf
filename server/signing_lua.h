/* What lua/cflask/signing.lua is built on: signers, packed payloads. */
#ifndef SIGNING_LUA_H
#define SIGNING_LUA_H

#include "base/lua_compat.h"

/* Sets signer, pack_payload and unpack_payload in the table on top; once for each state.
 */
void signing_open(lua_State *L);

#endif
