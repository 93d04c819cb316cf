/* The debugger's part in C: the dead coroutines and the requests that it keeps, and the
   PIN that guards it. What it shows is lua/cflask/debugger.lua's. */
#ifndef DEBUGGER_H
#define DEBUGGER_H

#include "base/lua_compat.h"
#include <stdbool.h>

struct exchange;
struct failure;
struct task;

/* Makes the PIN and the cookie, which all workers that follow share, and the count of
   wrong PINs: once, before any is forked. -1 without memory or randomness. */
int debugger_open(void);

/* The exchange's task has died by an error that its app is about to hear of. In debug
   mode its coroutine is kept with its frames, and the task has a fresh one; else false,
   and nothing has happened. */
bool debugger_keep_frames(struct exchange *ex);

/* A child of a request's task has died by an error that its parent raises on: in debug
   mode its frames are noted before they end. Never raises. */
void debugger_note_child(struct task *t);

/* Ends a coroutine that was kept for the exchange and that nobody has taken. */
void debugger_drop_frames(struct exchange *ex);

/* Ends the evaluation that the exchange's task is in: its context is its own again. */
void debugger_leave(struct exchange *ex);

/* The exchange is over, and is to be freed: true when it is kept instead, until the
   debugger frees it. */
bool debugger_keeps(struct exchange *ex);

/* Whether it is over and only kept. */
bool debugger_has_kept(const struct exchange *ex);

/* Whether no evaluation goes on in it. */
bool debugger_is_unused(const struct exchange *ex);

/* The exchange ends for good, whoever keeps it. */
void debugger_forget(struct exchange *ex);

/* Sets `debugger` in the table on top: what lua/cflask/debugger.lua is built on. */
void debugger_push_library(lua_State *L);

#endif
