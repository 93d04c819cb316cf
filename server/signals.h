/* Which of Flask's signals somebody listens to: what nobody hears costs nothing. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "base/lua_compat.h"
#include <stdbool.h>

enum signal {
    SIGNAL_APPCONTEXT_PUSHED,
    SIGNAL_REQUEST_STARTED,
    SIGNAL_REQUEST_FINISHED,
    SIGNAL_REQUEST_TEARING_DOWN,
    SIGNAL_APPCONTEXT_TEARING_DOWN,
    SIGNAL_APPCONTEXT_POPPED,
    N_SIGNALS
};

bool signal_is_wanted(enum signal signal);
const char *signal_name(enum signal signal);

/* core.want_signal(name, is_wanted): names that the core does not send are ignored. */
int signal_want_lua(lua_State *L);

#endif
