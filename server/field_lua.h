/* Header fields as Lua sees them: what `flask.request` gives for Accept, If-Match, Range,
   Authorization, Cache-Control and the like (API, section 5).

   Each function pushes one value, unless it says otherwise. `field` is a field's value as
   it was sent, of several fields of one name all of them joined with ", "; .p is NULL
   when there is none. What is pushed is Lua's own and outlives the request; its strings
   are valid UTF-8 (bytes that are not are read as Latin-1). `a` is the request's arena,
   in which the parsers work, so that an error's longjmp loses nothing. They raise only
   when memory is out. value_open(L) must have been called. */
#ifndef FIELD_LUA_H
#define FIELD_LUA_H

#include "accept.h"
#include "base/lua_compat.h"

/* An object with a:best_match(list, default), a:quality(x), a:accepts(x), a:values() (a
   list) and, of mimetypes, the fields accept_html and accept_json. Without a field it is
   empty: it accepts nothing in so many words. A value that is no type/subtype is an
   error. */
void field_push_accept(lua_State *L, enum accept_kind kind, struct str field);

/* For If-Match and If-None-Match: an object with star, strong, weak (lists of tags),
   :contains(tag) (a strong one, or a star), :contains_weak(tag) (any). Empty without a
   field. */
void field_push_etags(lua_State *L, struct str field);

/* For If-Range: {etag=} or {date=} (seconds since 1970); an empty table without a field.
 */
void field_push_if_range(lua_State *L, struct str field);

/* {units="bytes", ranges={{first, last + 1}, {first}, {-n}}}; nil for none or a broken
   one. The last 0 bytes, which are none, are {0, 0}. */
void field_push_range(lua_State *L, struct str field);

/* {type=, username=, password=, token=, parameters=}; nil for none or a broken one. type
   is in lower case; parameters is always a table (a key that was sent alone is true in
   it). */
void field_push_authorization(lua_State *L, struct str field);

/* {max_age=60, no_cache=true, ...}: names in lower case with underscores; max_age,
   max_stale, min_fresh, s_maxage, stale_if_error and stale_while_revalidate are integers
   (left out, if they are none), other values strings, true where there is none. Empty
   without a field. */
void field_push_cache_control(lua_State *L, struct str field);

/* For Content-Type: pushes two values, the mimetype in lower case ("" for none) and a
   table of the parameters. */
void field_push_mimetype(lua_State *L, struct str field);

/* A list of the items of a comma-separated list, unquoted (Pragma, Vary); empty for none.
 */
void field_push_list(lua_State *L, struct str field);

/* X-Forwarded-For's addresses in order; without that field a list of remote_addr, of
   which .p may be NULL too. */
void field_push_access_route(lua_State *L, struct str forwarded_for,
                             struct str remote_addr);

/* Seconds since 1970; nil for none or no date. */
void field_push_date(lua_State *L, struct str field);

/* An integer of digits alone; nil for none, or anything else (Max-Forwards,
 * Content-Length). */
void field_push_integer(lua_State *L, struct str field);

#endif
