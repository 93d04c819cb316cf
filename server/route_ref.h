/* The Lua values that a map of routes keeps: defaults, converters, functions that
 * redirect. */
#ifndef ROUTE_REF_H
#define ROUTE_REF_H

#include "base/lua_compat.h"

struct route_map;

/* Gives the userdata on the top of the stack, which stands for the map, the table in
   which its values are kept. They live as long as the userdata. May raise. */
void route_ref_open(lua_State *L, const struct route_map *map);

/* Pops a value and keeps it; returns its number, 1 or more. May raise. */
int route_ref_keep(lua_State *L, const struct route_map *map);

/* Pushes the value with that number. */
void route_ref_push(lua_State *L, const struct route_map *map, int number);

/* Pushes the table in which names stand for the app's own converters. */
void route_ref_push_converters(lua_State *L, const struct route_map *map);

#endif
