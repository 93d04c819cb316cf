/* Matching a request's path against an app's rules. */
#ifndef ROUTE_H
#define ROUTE_H

#include "route_map.h"

/* What a request gives. */
struct route_request {
    struct str path;      /* as sent, percent-encoded, without root_path; "" or "/..." */
    struct str query;     /* as sent, without its question mark; empty for none */
    struct str method;    /* as sent: methods have capitals and small letters */
    struct str scheme;    /* "http" or "https" */
    struct str host;      /* as sent, with or without a port; empty when there is none */
    struct str root_path; /* "" or "/prefix": where the app is mounted; not encoded */
    lua_State *L;         /* NULL: rules with Lua values are a fault */
};

enum route_outcome {
    ROUTE_FOUND,     /* rule and values */
    ROUTE_OPTIONS,   /* the same, and methods: to be answered by itself, with Allow */
    ROUTE_REDIRECT,  /* 308 to location */
    ROUTE_NOT_FOUND, /* 404 */
    ROUTE_METHOD_NOT_ALLOWED, /* 405, with methods in Allow */
    ROUTE_FAILED /* the fault tells: an error in an app's function, no memory */
};

struct route_result {
    enum route_outcome outcome;
    int rule; /* its number; also for ROUTE_REDIRECT; -1: none */
    /* In the order of the view's arguments: host or subdomain, rule, then `defaults` that
       the rule does not name, by name. They live as long as the arena and the request's
       path. */
    const struct route_value *values;
    size_t values_n;
    struct str
        location; /* absolute when the request has a host; ASCII but for the query */
    const struct str *methods; /* sorted */
    size_t methods_n;
    int lua; /* a registry reference, or LUA_NOREF: see route_result_close */
};

/* Matches the request. All memory of the result is the arena's, but for Lua values that
   the app's converters made: they are kept until route_result_close. ROUTE_FAILED with an
   error of the app's: *fault has its message, route_push_error the value itself. The path
   is percent-decoded first, so that %2F separates segments; broken UTF-8 becomes U+FFFD,
   a broken %-sequence stays as it is. An app's functions are called on L, whose stack is
   as before afterwards; they cannot wait. Only the lack of memory raises. */
enum route_outcome route_match(struct route_map *map, const struct route_request *request,
                               struct arena *arena, struct route_result *result,
                               struct fault *fault);

/* Pushes result->values[i]. flask.null in `defaults` is pushed as null. May raise. */
void route_push_value(lua_State *L, const struct route_map *map,
                      const struct route_result *result, size_t i);

/* Pushes a table of all values by their names. May raise. */
void route_push_values(lua_State *L, const struct route_map *map,
                       const struct route_result *result);

/* Pushes the list of the result's methods, for Allow. May raise. */
void route_push_allowed(lua_State *L, const struct route_result *result);

/* Pushes what an app's function raised (ROUTE_FAILED), or nil. */
void route_push_error(lua_State *L, const struct route_result *result);

/* Lets go of the result's Lua values; L may be NULL when the request's was. Once for each
   route_match. */
void route_result_close(lua_State *L, struct route_result *result);

#endif
