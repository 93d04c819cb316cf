/* flask.session: the one object that finds the running request's session at each use. */
#ifndef SESSION_LUA_H
#define SESSION_LUA_H

#include "dispatch.h"

/* Sets session and the functions around it in the table on top; once for each state. */
void session_open(lua_State *L);

/* Makes *s one that nobody has asked for; and gives back what it holds. */
void session_init(struct session *s);
void session_end(lua_State *L, struct session *s);

/* For dispatch.c, on the task's coroutine. Each pushes a function and its arguments and
   returns how many these are, or -1 when there is nothing to call. First: what opens the
   session of an app with a session_interface. Second, when the answer is there: what puts
   the session into it. */
int session_push_opening(lua_State *co, struct exchange *ex);
int session_push_saving(lua_State *co, struct exchange *ex);

/* What they returned is on the stack; it is taken off. The first returns NULL or, pushing
   nothing, what is wrong with it. */
const char *session_opened(lua_State *co, struct exchange *ex);
void session_saved(lua_State *co, struct exchange *ex);

#endif
