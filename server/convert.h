/* flask.int, flask.number and flask.boolean: from the text of a form to a value. */
#ifndef CONVERT_H
#define CONVERT_H

#include "base/lua_compat.h"

/* Lua functions of one argument; each gives nil for what it doesn't know.
   int: [+-]digits within 64 bits (or a number without a fraction) to an integer.
   number: a decimal number, with an exponent or without, to an integer where it is one as
   written and fits, else a float; infinities and hexadecimal are none.
   boolean: 1 true on yes, 0 false off no, in any case (or a boolean).
   No space is allowed around any of these. */
int convert_int(lua_State *L);
int convert_number(lua_State *L);
int convert_boolean(lua_State *L);

#endif
