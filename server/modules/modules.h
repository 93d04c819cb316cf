/* The C modules that we ship: they are in the binary, and use nothing of it but
 * cflask.h.
 */
#ifndef MODULES_H
#define MODULES_H

#include <lauxlib.h>
#include <lua.h>

/* Names for package.preload; the last has none. */
extern const luaL_Reg shipped_modules[];

int luaopen_cflask_sqlite_core(lua_State *L);

#endif
