/* Conditional and partial answers: 304, 206, 412, 416 (RFC 9110, sections 13, 14). */
#ifndef CONDITIONAL_H
#define CONDITIONAL_H

#include "request.h"
#include "response.h"

/* Weighs the If-* fields of a GET or HEAD request against the ETag and Last-Modified of
   an answer that is a 2xx, then (of a 200 whose body is a text or a file) If-Range and
   Range, and changes the answer into the 304 or 206 that it must be. Sets Accept-Ranges
   where ranges are taken. 0, or the status that must be answered instead, with the answer
   unchanged: 412, or 416 with the Content-Range of conditional_push_unsatisfied. May
   raise Lua's memory error. */
int conditional_apply(lua_State *L, struct response *r, struct request *request);

/* Pushes the Content-Range of a 416 about this answer: an asterisk and its length. */
void conditional_push_unsatisfied(lua_State *L, const struct response *r);

/* Adds make_conditional, add_etag, set_etag and get_etag to the table of a response's
   methods on top. Once for each state. */
void conditional_open(lua_State *L);

#endif
