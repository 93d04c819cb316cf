/* Errors of templates: Lua tables with a type, a message and the place in the template.
 */
#ifndef JINJA_ERROR_H
#define JINJA_ERROR_H

#include "base/lua_compat.h"
#include "base/str.h"

struct machine;

/* Raises an error of that type ("UndefinedError", "TypeError", ...) at the line that the
   machine is at. */
_Noreturn void error_raise(struct machine *m, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Raises with a message of any length. */
_Noreturn void error_raise_text(struct machine *m, const char *type, struct str message);

/* Pushes an error. name and filename may have p NULL; line 0: none; source: the
   template's text, of which that line is taken. */
void error_push(lua_State *L, const char *type, struct str message, struct str name,
                struct str filename, int line, struct str source);

/* A line of the source, counted from 1; p NULL when there is none. */
struct str error_line_of(struct str source, int line);

/* Stack: error -> error; its field `searched` becomes env.search_path: the folders in
   which a template was looked for. */
void error_add_searched(lua_State *L, int env);

/* For Lua: set_error_class(fn). fn(type, parent type or nil) gives each type's metatable.
 */
int error_set_class(lua_State *L);

void error_open(lua_State *L);

#endif
