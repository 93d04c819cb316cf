/* The terminal of `cflask-lua shell`: lines with editing and completion, by libedit, and
   Ctrl-C. */
#ifndef SHELL_H
#define SHELL_H

#include "base/lua_compat.h"

/* Sets in the table on top the table `shell`, for lua/cflask/shell.lua alone:
     open(complete)      catches Ctrl-C from here on. complete(text before the cursor) ->
                         what to insert, what to show above the line; each may be nil
     read_line(prompt)   -> a line without its end; nil at the end; false after Ctrl-C.
   Tasks go on meanwhile. Missing in a build without libedit remember(line)      puts it
   into the history. Missing like read_line begin()             from here on Ctrl-C ends
   what runs or waits, by an error was_interrupted()   -> whether it has, since begin()
     close()
   There is one shell in a process. */
void shell_open(lua_State *L);

#endif
