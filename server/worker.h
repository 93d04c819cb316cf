/* One process, one event loop, one Lua state: signals, serving, the end. */
#ifndef WORKER_H
#define WORKER_H

#include "base/lua_compat.h"

/* Makes the process's event loop; -1 when that fails. Once, before all else. */
int worker_open(void);

/* Frees it. Every task must be over. */
void worker_close(void);

/* core.serve{app=, host=, port=, unix=, access_log=, on_listening=, before_serving=,
   after_serving=}: serves until SIGINT or SIGTERM and returns true; nil and a message
   when it can't listen or a setting is wrong. */
int worker_serve_lua(lua_State *L);

#endif
