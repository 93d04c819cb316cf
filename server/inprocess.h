/* Requests without a socket: what the test client and app:test_request_context stand on.
 */
#ifndef INPROCESS_H
#define INPROCESS_H

#include "base/lua_compat.h"

/* Sets exchange, with_request, hold_request, within, with_app and release_context in the
 * table on top. */
void inprocess_open(lua_State *L);

/* Lets go of the request that is kept for client:context, if there is one. */
void inprocess_release(lua_State *L);

#endif
