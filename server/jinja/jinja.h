/* Jinja2 templates for Lua: what the rest of the server may use of this folder. */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include "base/lua_compat.h"
#include "base/str.h"

/* The module cflask.jinja. value_open must have been called for this state. */
int luaopen_cflask_jinja(lua_State *L);

/* Pushes text that is safe HTML already (flask.Markup). */
void jinja_push_markup(lua_State *L, struct str s);
bool jinja_is_markup(lua_State *L, int index);

/* The bytes of the Markup at index, which must be one; they live as long as it does. */
struct str jinja_markup_str(lua_State *L, int index);

/* Appends to a traceback of the coroutine the lines of the templates that it is in, the
   innermost first. Stack of L: text -> text */
void jinja_add_places(lua_State *L, lua_State *co);

/* Pushes the same as a list of {level=, name=, filename=, line=, source=}: the level of
   the coroutine's stack at which the template runs, and the whole source. name and
   filename may be missing. */
void jinja_push_frames(lua_State *L, lua_State *co);

#endif
