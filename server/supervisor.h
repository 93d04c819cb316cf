/* The master: it starts workers, watches them, and replaces those that end. */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "base/lua_compat.h"

/* core.supervise(n): makes this process a master of n workers (0: one for each
   processor). In each worker, a fork of this very state, it returns nothing, and what
   follows is the worker's. In the master it returns when all is over: the exit status.

   A worker that ends without having been told to is replaced, and so is one whose loop
   has not turned for WATCHDOG_TIMEOUT. Until one has served, its end is the master's. */
int supervisor_run_lua(lua_State *L);

#endif
