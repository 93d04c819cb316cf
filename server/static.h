/* Files as answers: send_file, send_from_directory, conditional requests and ranges. */
#ifndef STATIC_H
#define STATIC_H

#include "base/lua_compat.h"

/* Sets send_file and send_from_directory in the table on top. Once for each state. */
void static_open(lua_State *L);

#endif
