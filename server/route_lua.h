/* A map of routes as Lua sees it: app.url_map. */
#ifndef ROUTE_LUA_H
#define ROUTE_LUA_H

#include "route_map.h"

// clang-format off
/* Pushes the library, a table {map = function}:

   map = route.map{strict_slashes=true, merge_slashes=true, automatic_options=true,
                   server_name=nil}
   map:add(rule, {methods={"GET"} or false for any, endpoint=, defaults={},
                  strict_slashes=, merge_slashes=, host=, subdomain=, alias=, build_only=,
                  redirect_to= text or function, provide_automatic_options=,
                  max_content_length=})
     -> the rule's number (0, 1, ...), and the text and the number of an earlier rule that
        always wins against it, if there is one. Raises what is wrong.
   map.converters: a table; what is in it counts for rules added later.
   map.server_name: may be assigned to. map.domains: nil, "hosts" or "subdomains".
   map:iter_rules()
     -> a list of {number=, rule=, endpoint=, methods= list or nil for any,
        arguments= list, host= or subdomain=, defaults=, strict_slashes=, merge_slashes=,
        alias=, build_only=, redirect_to=, provide_automatic_options=,
        max_content_length=}
   map:match{path="/", method="GET", query=, scheme="http", host=, root_path=}
     -> {outcome = "found" | "options" | "redirect" | "not found" | "method not allowed",
         code = nil or 308, 404, 405, rule= number, endpoint=, values= by name,
         arguments= list in the view's order, location=, methods= list}. Raises what an
        app's function raised.
   map:build(endpoint, values, {scheme=, host=, root_path=, method=, default_method=,
                                url_scheme=, external=, anchor=, append_unknown=true})
     -> a URL, or nil and {endpoint=, values=, method=, suggested=, message=}. url_scheme
        is url_for's `_scheme`; scheme, host, root_path and default_method are the
        request's.

   value_open must have been called. */
// clang-format on
int luaopen_cflask_route(lua_State *L);

/* The map that the userdata at that index stands for; raises for any other value. It
   lives as long as the userdata. */
struct route_map *route_map_check(lua_State *L, int index);

#endif
