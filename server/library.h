/* The shared libraries of C modules: loaded from private copies, so that a file may be
   overwritten while its code runs, and a changed one is another library. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "base/lua_compat.h"

/* The libraries of one Lua state, the newest first. */
struct library;

/* A function of the library at `path`, which is loaded when the list has not got it. NULL
   with a text in `error` (cut to `size` bytes): no such file, no such symbol. */
lua_CFunction library_find(struct library **list, const char *path, const char *symbol,
                           char *error, size_t size);

/* Unloads them, the newest first. None of their code may run any more. */
void libraries_close(struct library **list);

#endif
