/* Files as answers: send_file and send_from_directory. */
#ifndef STATIC_H
#define STATIC_H

#include "base/lua_compat.h"

/* Sets send_file and send_from_directory in the table on top, and adds what is
   conditional to its response_methods. Once for each state, after response_open. */
void static_open(lua_State *L);

#endif
