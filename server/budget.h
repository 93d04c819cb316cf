/* STEP 5: how long an app's code may compute before it is parked, or ended. */
#ifndef BUDGET_H
#define BUDGET_H

#include "base/lua_compat.h"
#include <stdbool.h>
#include <stdint.h>

struct task;

/* What a task has computed. Times are microseconds of CPU. What a child of a request
   computes counts for the request: in the budget of the task without parent. */
struct budget {
    uint64_t used;     /* over all resumes, the children's too */
    uint64_t in_turn;  /* in the resume at hand, from its first tick on */
    bool has_ticked;   /* in the resume at hand */
    bool is_parked;    /* the resume at hand has ended with its time slice */
    bool is_unlimited; /* not a request's: HANDLER_CPU_LIMIT is not for it */
    bool is_over;      /* it has passed HANDLER_CPU_LIMIT: it runs no more */
    int n_raised;      /* is_over: how often it was told where it can't be parked */
    int report;        /* is_over: registry reference of the traceback, or LUA_NOREF */
};

/* A Lua state that runs: the coroutine of a task, or one of the app's own that it has
   resumed. In the C frame of whoever calls lua_resume. */
struct run {
    lua_State *L;
    struct task *task; /* NULL: none, and no budget */
    struct run *outer;
    bool is_closing;  /* it is ended: only its to-be-closed variables' functions run */
    uint64_t closing; /* is_closing: the CPU used for it */
};

enum budget_verdict {
    BUDGET_KEPT,
    BUDGET_PARKED, /* it has computed for a time slice: others first, then it goes on */
    BUDGET_OVER    /* it has passed HANDLER_CPU_LIMIT, and must not run on */
};

/* Starts the ticks of this process's one Lua thread: a signal for each 10 ms of CPU (less
   with a short HANDLER_TIME_SLICE), none while it sleeps. Nothing when they are started;
   a forked process starts its own. is_debug: a resume that takes over 50 ms is logged. */
void budget_open(bool is_debug);
void budget_close(void);

void budget_init(struct budget *budget);

/* Forgets that the task has been over its limit, and all that it has used. */
void budget_clear(struct task *t);

/* Around lua_resume of a task's coroutine. *run is the caller's own, and must stay until
   budget_leave. */
void budget_enter(struct run *run, struct task *t);
enum budget_verdict budget_leave(struct run *run);

/* lua_pcall of what belongs to a task but runs on L outside of its coroutine, where it
   can't be parked. Past HANDLER_CPU_LIMIT it fails, and the task is over. */
int budget_pcall(lua_State *L, struct task *t, int n_args, int n_results);

/* Ends a task's coroutine, or one that it has resumed: calls the functions of its
   to-be-closed variables, for which it has a second of CPU; then they are ended too. */
void budget_close_thread(struct task *t, lua_State *co);

/* The state whose code runs in this moment, or NULL. A signal handler may ask. */
lua_State *budget_running(void);

/* Pushes onto L what the log says of a task that is over: the limit and the traceback of
   all its coroutines as it was then. */
void budget_push_report(lua_State *L, struct task *t);

/* resume(co, ...): coroutine.resume for our own in lua/cflask/coroutines.lua, which gives
   true and the wait mark for a coroutine that was parked by its budget. NULL where hooks
   can't end what runs. */
extern lua_CFunction const budget_resume_lua;

#endif
