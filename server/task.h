/* STEP 5: the coroutine in which an app's code runs: start, park, wake, end. */
#ifndef TASK_H
#define TASK_H

#include "base/lua_compat.h"
#include "budget.h"
#include <stdbool.h>
#include <stdint.h>

struct app;
struct exchange;
struct event_base;

/* What flask.request, flask.g and flask.current_app find: one for each request, and one
   for each task that has none. Child tasks share their parent's. */
struct context {
    struct app *app;           /* NULL outside of any app */
    struct exchange *exchange; /* NULL outside of a request */
    int locals;                /* registry reference of the table that holds g and what is
                                  parsed on first touch; LUA_NOREF until then */
};

enum outcome {
    OUTCOME_DONE,   /* the function has returned; its results are on task->co's stack */
    OUTCOME_PARKED, /* it waits; task->go_on will be called when the wait is over */
    OUTCOME_FAILED  /* it raised, or was ended by its budget (task_is_over); the error is
                       on top of task->co's stack, below it the dead frames, still
                       readable */
};

enum task_state {
    TASK_IDLE,    /* nothing started, or the last call is over */
    TASK_RUNNING, /* inside task_resume */
    TASK_PARKED,  /* waits for task_wake */
    TASK_READY,   /* woken; stands in the queue of those that go on */
    TASK_DEAD     /* its coroutine has failed; task_renew makes it usable again */
};

struct task {
    lua_State *L;  /* the generation's main state */
    lua_State *co; /* the coroutine, kept alive by `ref` */
    int ref;
    enum task_state state;
    int n_values; /* READY: how many values on co's stack the wait returns */
    struct context *context;
    void (*go_on)(struct task *task);  /* called from the event loop after task_wake */
    void (*cancel)(struct task *task); /* ends what the task waits for, or NULL */
    void (*release)(
        struct task *task); /* frees a child that its parent's end has ended */
    void *waits_for;        /* for whoever set `cancel` */
    struct event *timer;    /* of a wait with an end in time, or NULL */
    struct task *parent, *children, *next_child;
    uint64_t number; /* of what it does: see task_number */
    struct task *next_ready;
    struct task **at_child,
        **at_ready;      /* the pointers that lead here: leaving is quick */
    unsigned round;      /* READY: of the loop in which it became so */
    lua_State *obstacle; /* see task_forbid_waits */
    int n_forbidden;
    struct budget budget;
};

/* Once for each process, before all else: the event loop in which tasks are woken. */
void tasks_open(struct event_base *base);

/* Forgets the event loop. No task may be left. */
void tasks_close(void);

/* Makes *t an idle task with a fresh coroutine of L. The task must not move in memory. -1
   when memory is out: then there is nothing to end. */
int task_init(struct task *t, lua_State *L, struct context *context,
              void (*go_on)(struct task *task));

/* The one door into an app's code: calls the function below the top nargs values of
   t->co, or goes on with a parked one, giving it the values. */
enum outcome task_resume(struct task *t, int nargs);

/* Wakes a parked task: the top `n` values of t->co become the results of its wait. It
   goes on from the event loop, never inside this call. */
void task_wake(struct task *t, int n);

/* Has an idle task's go_on called from the event loop, in its turn. */
void task_requeue(struct task *t);

/* Makes a dead task usable again, with a fresh budget if the old was used up. Its
   to-be-closed variables are closed, which ends its frames. Never raises. */
void task_renew(struct task *t);

/* Takes the dead coroutine with its frames away from the task, which has a fresh one
   then: for the debugger. Returns its registry reference; LUA_NOREF, the task unchanged,
   when memory is out. Whoever takes it ends it with luax_closethread, some time. */
int task_take_dead(struct task *t);

/* Whether the task has computed past HANDLER_CPU_LIMIT, or one of its children has. */
bool task_is_over(const struct task *t);

/* Ends whatever the task and its children do and gives the coroutine back. The task is
   then as before task_init. */
void task_end(struct task *t);

/* Ends what the task does, as task_end, but leaves it idle with a usable coroutine. */
void task_stop(struct task *t);

/* Makes `child` end with `parent`, at the latest; child->release is called then. */
void task_adopt(struct task *parent, struct task *child);

/* Pushes onto t->L the error on top of a failed task's stack, as text, and its traceback;
   of a task that is over, where it was. Never raises. */
void task_push_error(struct task *t);

/* Pushes a text from where nothing may raise: Lua's own when memory is out. */
void task_push_text(lua_State *L, const char *text);

/* The running task, or NULL. */
struct task *task_current(void);

/* The number of what the running task does (a hook, a view, a child's function), which
   never comes again: to tell whether it is still the same. With `above` 1, 2, ... that of
   the task that waits for it, of the one above that. 0: there is none. */
uint64_t task_number(unsigned above);

/* The running task's context, or NULL. */
struct context *context_current(void);

/* Pushes the context's table of locals, made on first touch. */
void context_push_locals(lua_State *L, struct context *context);

/* Forgets the locals: the context's end. */
void context_clear(lua_State *L, struct context *context);

/* Whether a C function called by L can wait. */
bool task_can_wait(lua_State *L);

/* For C functions that wait: checks that L can wait here (raises an error that names the
   C function in the way), and returns what the C function must return. What it waits for
   calls task_wake(task_current()) later. */
void task_check_wait(lua_State *L);
int task_park(lua_State *L);

/* L is about to resume a coroutine of the app's from inside a C function that can't
   yield: until task_allow_waits, waits of the running task are refused, naming that
   function. Calls nest. Nothing happens without a task. */
void task_forbid_waits(lua_State *L);
void task_allow_waits(void);

/* The value that every wait yields first: a wait inside an app's own coroutine is told
   from the app's own yields by it. */
void task_push_wait_mark(lua_State *L);

/* Runs the tasks that are ready and waits for events until *is_done: how a caller outside
   of any task (the test client, a command) waits for one. False when nothing is left that
   could happen, or the event loop was broken. */
bool tasks_run_until(const bool *is_done);

struct event_base *tasks_base(void);

#endif
