/* flask.request: the one object that finds the running request at each use. */
#ifndef REQUEST_LUA_H
#define REQUEST_LUA_H

#include "dispatch.h"

/* Pushes flask.request; once for each state. */
void request_push_library(lua_State *L);

/* The exchange whose request flask.request is now; an error outside of one. */
struct exchange *request_check_current(lua_State *L);

/* The same, or NULL. */
struct exchange *request_current(void);

/* Raises an error that says so when a method was called with a dot. */
void request_check_self(lua_State *L, const char *method);

/* client:context: the exchange that is current for code outside of any task, or NULL. */
void request_keep(struct exchange *ex);

/* Matches the request's path against its app's rules: fills request.match, and refusal
   with 400 when the host is not one of TRUSTED_HOSTS. May raise. */
void request_match(struct exchange *ex);

/* Pushes the table of request.view_args, the one that preprocessors may change. */
void request_push_view_args(lua_State *L, struct exchange *ex);

/* Pushes the view's arguments in order and returns how many. */
int request_push_arguments(lua_State *L, struct exchange *ex);

/* core.after_this_request(fn); and the i-th (from 1) of them: false when there is none.
 */
int request_after_this_lua(lua_State *L);
bool exchange_push_after_this(lua_State *L, struct exchange *ex, int i);
bool exchange_has_after_this(const struct exchange *ex);

/* Raises the HTTP error with that status: `description` may be NULL. Never returns. */
int request_raise(lua_State *L, int status, const char *description);

/* core.set_http_error(fn): fn(code, description, extra) makes the error that is raised.
 */
int request_set_http_error_lua(lua_State *L);

/* Whether the client prefers JSON to HTML (RFC 9110, section 12.5.1). */
bool request_wants_json(const struct request *r);

#endif
