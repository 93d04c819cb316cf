/* One process, one event loop: signals, serving, loading the app anew, the end. */
#ifndef WORKER_H
#define WORKER_H

#include "base/lua_compat.h"

/* Makes the process's event loop; -1 when that fails. Once, before all else. */
int worker_open(void);

/* In the child of a fork, before any event is there: makes the loop its own. -1 when that
   fails. */
int worker_reopen(void);

/* Frees it. Every task must be over. */
void worker_close(void);

/* Ends the threads, before the code that they run is unloaded. Work that does not end,
   though it was cancelled, may use all that is freed from here on: the process ends with
   that status without freeing it. */
void worker_end_threads(int status);

/* Serves what has been noted in L's state (core.serve), which is the worker's from now
   on, until SIGINT or SIGTERM; SIGHUP, and in debug mode a change of the app's files,
   load the app anew by the same words. Returns the exit status; why it is not 0 has been
   said on stderr. */
int worker_serve(lua_State *L, int argc, char **argv);

#endif
