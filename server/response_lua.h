/* flask.Response and make_response. */
#ifndef RESPONSE_LUA_H
#define RESPONSE_LUA_H

#include "dispatch.h"

/* Once for each state. Sets Response, make_response, is_response and jsonify in the table
   on top. */
void response_open(lua_State *L);

/* Pushes a new, empty response object. */
struct response *response_push(lua_State *L);

/* The response at `index`; an error when it is none. */
struct response *response_check(lua_State *L, int index);
bool response_is(lua_State *L, int index);

/* Called by dispatch.c as steps of their own: make_response of all that a view returned,
   with errors that name the view; and the same for an answer that is in ex->quick. */
int response_make_from_view(lua_State *L);
int response_wrap_quick(lua_State *L);

/* Pushes the text of a string or a Markup; false, with nothing pushed, for another value.
 */
bool response_push_text(lua_State *L, int index);

/* Sets Content-Type to a media type; a text type gets its charset, as in Werkzeug. */
void response_set_mimetype(lua_State *L, struct response *r, struct str type);

/* Answers of the core's own. -1 when memory is out. */
int response_redirect(struct response *r, struct str location, int status);
int response_allow(struct response *r, const struct route_result *match);
void response_error(struct response *r, int status);

#endif
