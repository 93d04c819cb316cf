/* Waiting: sleep, gather, timeout, spawn; and running functions in contexts of their own.
 */
#ifndef WAIT_H
#define WAIT_H

#include "task.h"

/* Sets in the table on top: _sleep, _gather, _timeout, _spawn, can_wait, WAIT, run_task:
   what lua/cflask/wait.lua builds flask.sleep and the others on. */
void wait_open(lua_State *L);

/* Runs the function at `index`, with the n_args values behind it as arguments, in a task
   with that context, and leaves its results on the stack of L, returning how many; raises
   its error. Outside of tasks it drives the event loop meanwhile. */
int wait_run(lua_State *L, int index, int n_args, struct context *context);

/* The same without arguments, in a context of its own that has only the app. */
int wait_run_in_app(lua_State *L, int index, struct app *app);

/* How many spawned tasks run in L's state; NULL: in all. */
int wait_spawned(lua_State *L);

/* Ends those spawned tasks. */
void wait_end_spawned(lua_State *L);

#endif
