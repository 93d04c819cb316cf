/* The log: records to stderr, in Flask's form. */
#ifndef LOG_H
#define LOG_H

#include "base/lua_compat.h"
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct exchange;

/* Writes "[2026-11-24 05:23:48 +0000] ERROR in app: text" and a newline. Control
   characters but newline and tab, and bytes that are no UTF-8, are written as \xNN: a
   client's bytes must not forge a line's colour. */
void log_text(enum log_level level, const char *text);
void log_format(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether what is written there is for a terminal that shows colours: NO_COLOR and a TERM
   of "dumb" say that it shows none. */
bool log_has_colours(int fd);

/* What is below `level` is not written. LOG_INFO until set. */
void log_set_level(enum log_level level);

/* An error that no answer can tell of: "Exception on /path [GET]" and the text. */
void log_request_error(struct exchange *ex, const char *text);

/* A warning: the request (NULL: a task of its own) computes or blocks for so many
   milliseconds; `text` is the traceback. */
void log_held_up(struct exchange *ex, int milliseconds, const char *text);

/* One line of the access log, in the Common Log Format with the time taken. The target's
   quotes and backslashes are written as \xNN too. */
void log_access(struct exchange *ex);
/* The same for what was refused before it was a request. */
void log_refusal(const char *address, int status);
void log_set_access(int is_on);

/* core.log(level, text), core.set_log_level(level). */
int log_lua(lua_State *L);
int log_set_level_lua(lua_State *L);

#endif
