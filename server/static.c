/* Files as answers: send_file, send_from_directory, conditional requests and ranges. */
#include "static.h"

void static_open(lua_State *L)
{
    (void)L;
}
