/* A file of a form, or the body itself, as Lua reads it: a window of the request's body.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include "dispatch.h"

/* Once for each state. */
void upload_open(lua_State *L);

/* Pushes a file object over `length` bytes of the body from `offset` on. Pops a table
   with its fields: filename, name, content_type, headers. */
void upload_push(lua_State *L, struct exchange *ex, uint64_t offset, uint64_t length);

#endif
