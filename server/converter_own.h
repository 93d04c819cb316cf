/* An app's own converters: {regex= or pattern=, weight=, to_lua=, to_url=}. */
#ifndef CONVERTER_OWN_H
#define CONVERTER_OWN_H

#include "converter.h"

/* Makes a converter of the definition on the top of the stack (which is popped): a table,
   or a function that gets the arguments, those with names in one last table, and returns
   such a table. NULL and a fault for one that is none. May raise: the function's errors.
 */
struct converter *converter_own_new(const struct converter_maker *maker, struct str name,
                                    const struct converter_argument *arguments, size_t n,
                                    struct fault *fault);

/* As the functions of converter.h, for CONVERTER_OWN. */
bool converter_own_takes(const struct converter *c, struct str text,
                         struct converter_lua *lua);
enum converter_outcome converter_own_value(const struct converter *c, struct str text,
                                           struct converter_lua *lua,
                                           struct route_value *value,
                                           struct fault *fault);
bool converter_own_push_text(lua_State *L, const struct route_map *map,
                             const struct converter *c, int index);

#endif
