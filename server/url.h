/* Building URLs: url_for's rules. */
#ifndef URL_H
#define URL_H

#include "route_map.h"

/* What a URL is built for. */
struct url_options {
    struct str scheme;    /* of the request, or PREFERRED_URL_SCHEME; empty: http */
    struct str host;      /* of the request; empty outside of one */
    struct str root_path; /* of the request, or APPLICATION_ROOT; not encoded */
    struct str method;    /* `_method`: only rules that take it; .p NULL: not given */
    struct str
        default_method; /* the request's: rules that take it come first; .p NULL: GET */
    struct str asked_scheme; /* `_scheme`; .p NULL: not given; "": a URL without scheme */
    bool is_external;        /* `_external`: absolute */
    bool drops_unknown;      /* values that the rule lacks don't become the query */
    bool skips_aliases;      /* only canonical rules */
};

/* Pushes the URL of the endpoint's rule that suits the values best and returns 1; or
   pushes nil and a table {endpoint=, values=, method=, suggested=, message=} and
   returns 2. values: a table's absolute stack index; nil and null in it count as missing.
   May raise: errors of an app's to_url go through. */
int url_build(lua_State *L, struct route_map *map, struct str endpoint, int values,
              const struct url_options *options);

/* Appends "#" and the anchor, encoded as Flask does. */
void url_add_anchor(struct buf *out, struct str anchor);

/* Whether the rule can be built from the values and takes the method (a bit; any: true).
 */
bool url_is_suitable(lua_State *L, const struct route_map *map,
                     const struct route_rule *rule, int values, uint64_t method,
                     bool any);

/* Builds this rule: pushes its path (encoded, with a leading slash) and, below it, its
   host or subdomain (encoded; "" when it has none), and returns true; or pushes a
   sentence that says why not, and returns false. */
bool url_push_parts(lua_State *L, struct route_map *map, const struct route_rule *rule,
                    int values);

/* The host of the app as absolute URLs have it: the server name, or else the request's
   host, without the port that the scheme has anyway. */
struct str url_app_host(const struct route_map *map, struct str host, struct str scheme);

/* The part of the request's host before the server name and its dot; .p NULL when the
   host is not below the server name (or there is none). */
struct str url_subdomain(const struct route_map *map, struct str host_name);

/* Appends scheme://host and root_path, which end without a slash. Without a host only
   root_path. subdomain: empty for none. */
void url_add_root(struct buf *out, struct str scheme, struct str subdomain,
                  struct str host, struct str root_path);

#endif
