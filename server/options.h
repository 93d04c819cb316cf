/* Every setting and limit of the server in one table, with its default. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "base/fault.h"
#include "base/lua_compat.h"
#include <stdbool.h>
#include <stdint.h>

/* A time that has been switched off; longer than any that can be set. */
#define OPTIONS_NEVER INT64_C(1000000000000000)

/* Times in milliseconds, sizes in bytes. */
struct options {
    int64_t header_timeout, body_timeout, write_timeout, keepalive_timeout,
        request_timeout, shutdown_timeout;
    int64_t watchdog_timeout;
    int64_t max_header_size, max_header_count, max_connections;
};

/* The defaults of the table in options.c. */
void options_defaults(struct options *o);

/* Reads the keys that are there in app.config, the table at `index`; those that aren't
   keep what *o has; false is OPTIONS_NEVER where the table says so. -1 with a fault that
   names the key when a value is not a positive number. */
int options_read(lua_State *L, int index, struct options *o, struct fault *fault);

/* Pushes a list of {key=, default=, unit=, text=, at_start= (it is read by options_read),
   can_be_off=}: what the README's table of limits and
   app.config's defaults are made of. */
void options_push_table(lua_State *L);

/* A whole number of app.config at `index`, read when used: `missing` when it is not
   there. What an int64_t can't hold is the nearest that it can. A value of another type
   counts as not there: registration has checked it. */
int64_t options_integer(lua_State *L, int index, const char *key, int64_t missing);

/* The same for a limit: false, which switches it off, is INT64_MAX. */
int64_t options_limit(lua_State *L, int index, const char *key, int64_t missing);

#endif
