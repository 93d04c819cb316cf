/* Where a matched request is sent instead: to the path with its slash, to the canonical
   URL, to what the rule's redirect_to says. */
#ifndef REDIRECT_H
#define REDIRECT_H

#include "route.h"

/* The absolute URL of a path (decoded) of the app, with the request's query. .p is NULL
   when memory is out. */
struct str redirect_to_path(const struct route_map *map,
                            const struct route_request *request, struct str path,
                            struct arena *arena);

/* Whether the rule can lead to a redirect at all. */
bool redirect_is_possible(const struct route_rule *rule);

/* Fills result->location when the matched rule is an alias, when another rule is the
   canonical one for these values, or when the rule has a redirect_to; leaves .p NULL
   otherwise. -1 and a fault: an app's function raised, and what it raised is left on the
   stack. */
int redirect_of_match(struct route_map *map, const struct route_request *request,
                      struct arena *arena, struct route_result *result,
                      struct fault *fault);

#endif
