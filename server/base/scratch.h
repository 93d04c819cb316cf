/* Bytes that come and go while a C function works on the Lua stack. They are Lua's, or on
   the C stack: an error that is raised in the middle leaks nothing. */
#ifndef BASE_SCRATCH_H
#define BASE_SCRATCH_H

#include "base/lua_compat.h"
#include <stddef.h>

/* On the C stack as long as they fit, then in a userdata at the stack index `box`. The
   struct must stay where it is. */
struct scratch {
    int box;
    char *p;
    size_t size;
    char first[1024];
};

/* Pushes the box, which must stay in its place until the bytes are done with. */
void scratch_open(lua_State *L, struct scratch *s);

/* Makes it at least `size` bytes large, doubling; the first `used` ones are kept, their
   address changes. Raises Lua's memory error. */
void scratch_grow(lua_State *L, struct scratch *s, size_t used, size_t size);

#endif
