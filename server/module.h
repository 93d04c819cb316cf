/* C modules: the table of cflask.h, what a Lua state has of them, and their hooks. */
#ifndef MODULE_H
#define MODULE_H

#include "base/lua_compat.h"
#include "cflask.h"

/* What one Lua state has of C modules. It outlives the state while jobs and waits of its
   modules are left. */
struct modules;

/* Once for each state, before any module is loaded. */
void modules_open(lua_State *L);

/* Calls the hooks of on_start. One that fails raises. */
void modules_start(lua_State *L);

/* Calls the hooks of on_stop, and those of on_end, which are then forgotten: twice is
   once. Never raises. */
void modules_stop(lua_State *L);
void modules_end(lua_State *L);

/* The state's; shared by what needs its modules' code. Never raises. */
struct modules *modules_of(lua_State *L);
struct modules *modules_share(struct modules *m);
void modules_release(struct modules *m);

/* The parts of the table, each set by the file of that name. */
void module_set_request(cflask_api *api);
void module_set_response(cflask_api *api);
void module_set_template(cflask_api *api);
void module_set_wait(cflask_api *api);
void module_set_event(cflask_api *api);

/* core.load_library(path, symbol) -> the function out of a private copy of that file; or
   nil and why not. */
int module_load_lua(lua_State *L);

/* Pushes a C closure over a function of a module, which module_upvalue gives back in the
   call. */
void module_push_over(lua_State *L, lua_CFunction fn, void (*of_module)(void));
void (*module_upvalue(lua_State *L))(void);

#endif
