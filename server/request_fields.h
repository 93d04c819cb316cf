/* The fields of flask.request. */
#ifndef REQUEST_FIELDS_H
#define REQUEST_FIELDS_H

#include "dispatch.h"

/* Pushes a table from the fields' names to their numbers. */
void request_push_fields(lua_State *L);

/* Pushes the field with that number, of the exchange's request, and returns 1. May raise
   HTTP errors: touching a body over its limit, for instance. */
int request_push_field(lua_State *L, struct exchange *ex, lua_Integer field);

/* request.path: percent-decoded, valid UTF-8, without a mount's prefix. */
struct str request_path(struct request *r);

/* request:get_data(), request:get_json{force=, silent=}. */
int request_get_data_lua(lua_State *L);
int request_get_json_lua(lua_State *L);

#endif
