/* The C modules that we ship. */
#include "modules.h"

const luaL_Reg shipped_modules[] = {
#ifndef NO_SQLITE
    {"cflask.sqlite_core", luaopen_cflask_sqlite_core},
#endif
    {NULL, NULL},
};
