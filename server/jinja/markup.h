/* Markup for Lua: the functions and metamethods. */
#ifndef JINJA_MARKUP_H
#define JINJA_MARKUP_H

#include "base/lua_compat.h"

/* Sets the metamethods of Markups: .. escapes what isn't one; tostring gives the text. */
void markup_open(lua_State *L);

/* For Lua: Markup(value), escape(value). */
int markup_new(lua_State *L);
int markup_escape(lua_State *L);

#endif
