/* What is said of a URL that can't be built. */
#ifndef URL_ERROR_H
#define URL_ERROR_H

#include "route_map.h"

/* Pushes nil and {message=}; returns 2. */
int url_push_error(lua_State *L, const char *message);

/* Pushes nil and {endpoint=, values=, method=, suggested=, message=}; returns 2. method.p
   NULL: none was asked for. suggested is the endpoint most like the one asked for, nil in
   a map without rules. reason: a sentence more for the message; .p NULL for none. */
int url_push_build_error(lua_State *L, struct route_map *map, struct str endpoint,
                         int values, struct str method, struct str reason);

#endif
