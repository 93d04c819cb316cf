/* One loading of the app: a Lua state of its own, from being built beside the one that
   serves to the end of its last request. */
#ifndef GENERATION_H
#define GENERATION_H

#include "base/buf.h"
#include "base/lua_compat.h"
#include "options.h"

struct app;
struct generation;

/* The command line, by which each generation is loaded in the same way. */
struct words {
    int argc;
    char **argv;
};

/* Keeps a copy of the environment: before the first app is loaded. */
void generations_open(void);
void generations_close(void);

/* core.serve(settings): notes what the state's generation is to serve. */
int generation_note_lua(lua_State *L);

/* Whether something has been noted in L's state. */
bool generation_is_noted(lua_State *L);

/* Makes a generation of the state in which the command line's own run has noted what to
   serve; L is the generation's from now on. NULL, with L closed, when memory is out. */
struct generation *generation_take(lua_State *L);

/* Loads the app anew, in a new state and with the environment that the process began
   with. NULL with the reason, as text for people, appended to *error. `watched` is
   emptied and gets what the loading has read, even when it failed: see watch_set.
   It fails when it computes for more than most_cpu seconds. */
struct generation *generation_load(const struct words *words, int most_cpu,
                                   struct buf *error, struct buf *watched);

/* A generation of the same words whose one page tells why the app can't be loaded. */
struct generation *generation_load_broken(const struct words *words,
                                          const struct buf *why, struct buf *error);

/* The same list of a generation that has been loaded. */
void generation_list_watched(struct generation *g, struct buf *watched);

/* Closes registration, reads the settings, and runs before_serving functions, for which
   the event loop turns. -1 with the reason appended to *error. */
int generation_start(struct generation *g, struct buf *error);

/* Whether a request or a spawned task of it goes on. */
bool generation_is_busy(const struct generation *g);

/* Ends its spawned tasks and runs its after_serving functions if it was started, for at
   most SHUTDOWN_TIMEOUT. No request may be under way that has a client. */
void generation_end(struct generation *g);

/* Closes its state. */
void generation_free(struct generation *g);

struct app *generation_app(const struct generation *g);
lua_State *generation_state(const struct generation *g);
const struct options *generation_options(const struct generation *g);

/* Its settings, as core.serve got them. The text, or NULL, lives as long as it. */
const char *generation_text(struct generation *g, const char *key);
bool generation_flag(struct generation *g, const char *key);
int generation_number(struct generation *g, const char *key);

/* Calls settings.on_listening(url), if it is there. */
void generation_tell_url(struct generation *g, const char *url);

/* For a place in a list. */
struct generation **generation_next(struct generation *g);
int64_t *generation_deadline(struct generation *g);

#endif
