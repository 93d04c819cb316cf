/* The process and its files, as far as the command line and the loader need them. */
#ifndef SYSTEM_LUA_H
#define SYSTEM_LUA_H

#include "base/lua_compat.h"

/* Sets getcwd, realpath, is_file, is_dir, read_file, environ, getenv, setenv, isatty in
   the table on top. */
void system_open(lua_State *L);

#endif
