/* The Lua object for a request's args, form, files, values, headers and cookies: names
   with one or several values, in order, that can't be changed (API, section 5). */
#ifndef MULTIDICT_H
#define MULTIDICT_H

#include "base/lua_compat.h"
#include "pairs.h"

enum {
    /* Names are compared without ASCII case, and in d.x_real_ip an underscore stands for
       a hyphen; d:get("x_real_ip") takes the name as it is. */
    MULTIDICT_HEADERS = 1,
};

/* Pushes a multidict of n pairs, in their order. Names and values are copied to strings,
   so the object may outlive the request; a value without bytes (.p NULL) is "". Takes
   time linear in n and the bytes. Raises only when memory is out (or n is beyond 2^28).
   value_open(L) must have been called. */
void multidict_push(lua_State *L, const struct pair *pairs, size_t n, int flags);

/* The same for values that are Lua's: pops a table, which has the n values at 1..n. */
void multidict_push_values(lua_State *L, const struct str *names, size_t n, int flags);

/* What d:require(key) calls for a key that is missing or doesn't convert: pops a
   function, which is called with the key and must raise (the 400 that names it). For the
   whole state. */
void multidict_set_require_error(lua_State *L);

/* Whether the value at that place of the stack is a multidict. */
bool multidict_is(lua_State *L, int index);

#endif
