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

/* The flags of L's state: they live as long as it. May raise when memory is out. */
const bool *signals_of(lua_State *L);

static inline bool signal_is_wanted(const bool *signals, enum signal signal)
{
    return signals[signal];
}

const char *signal_name(enum signal signal);

/* core.want_signal(name, is_wanted): names that the core does not send are ignored. */
int signal_want_lua(lua_State *L);

#endif
