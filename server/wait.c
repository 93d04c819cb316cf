/* Waiting: sleep, gather, timeout, spawn; and running functions in contexts of their own.
 */
#include "wait.h"

#include "budget.h"
#include "debugger.h"
#include "log.h"
#include <event2/event.h>
#include <string.h>

/* A task that another one, or nobody, waits for. A userdata, which the registry keeps
   alive until the task is over. */
struct child {
    struct task task; /* first */
    int self;         /* registry reference */
    int n_args;       /* to start with */
    bool is_started;
    int index;           /* of a gather: which function */
    struct group *group; /* NULL: spawned, or run to its end by wait_run */
    struct context own;
    struct child *next, *previous; /* spawned ones */
    bool *is_done;                 /* wait_run: where it tells */
    bool has_failed;
};

/* The children that a parked task waits for. A userdata with the first result of each in
   its table. The registry holds it, not the waiting function's stack, of which LuaJIT
   keeps nothing while it is parked. */
struct group {
    struct task *parent;
    int left; /* children that run */
    int n;
    int self;       /* registry reference, until nobody waits any more */
    bool gives_all; /* timeout: one child, all its results */
};

static struct child *spawned;

/* ---- children ---- */

static void release(struct task *task)
{
    struct child *c = (struct child *)task;
    lua_State *L = task->L;
    int self = c->self;
    context_clear(L, &c->own);
    luaL_unref(L, LUA_REGISTRYINDEX, self);
}

static void end_child(struct child *c)
{
    task_end(&c->task);
    release(&c->task);
}

static void child_go_on(struct task *task);

/* Makes a child of the function at `index` and the n_args values behind it. It starts
   from the event loop. */
static struct child *new_child(lua_State *L, int index, int n_args,
                               struct context *context)
{
    luaL_checkstack(L, n_args + 2, "too many arguments");
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    struct child *c = lua_newuserdatauv(L, sizeof *c, 0);
    memset(c, 0, sizeof *c);
    c->own = (struct context){NULL, NULL, LUA_NOREF};
    c->self = luaL_ref(L, LUA_REGISTRYINDEX);
    if (task_init(&c->task, main, context ? context : &c->own, child_go_on) < 0) {
        luaL_unref(L, LUA_REGISTRYINDEX, c->self);
        luaL_error(L, "out of memory");
    }
    c->task.release = release;
    c->n_args = n_args;
    if (!lua_checkstack(c->task.co, n_args + 1)) {
        end_child(c);
        luaL_error(L, "out of memory");
    }
    for (int i = 0; i <= n_args; i++)
        lua_pushvalue(L, index + i);
    lua_xmove(L, c->task.co, n_args + 1);
    task_requeue(&c->task);
    return c;
}

/* ---- groups ---- */

static void drop_children(struct task *parent)
{
    while (parent->children)
        end_child((struct child *)parent->children);
}

static void push_results(lua_State *L, const struct group *g)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, g->self);
    luax_getuservalue(L, -1);
    lua_remove(L, -2);
}

/* What is left of the group may be read until the next allocation. */
static void forget_group(struct group *g)
{
    luaL_unref(g->parent->L, LUA_REGISTRYINDEX, g->self);
    g->self = LUA_NOREF;
}

/* Wakes the parent with `false, error`; the error is on top of the stack of `from`. */
static void group_fail(struct group *g, lua_State *from)
{
    lua_State *co = g->parent->co;
    lua_checkstack(co, 2);
    lua_pushboolean(co, 0);
    lua_xmove(from, co, 1);
    drop_children(g->parent);
    forget_group(g);
    task_wake(g->parent, 2);
}

static void group_wake_with_results(struct group *g)
{
    lua_State *co = g->parent->co;
    if (!lua_checkstack(co, g->n + 4)) {
        task_push_text(g->parent->L, "too many results");
        group_fail(g, g->parent->L);
        return;
    }
    lua_pushboolean(co, 1);
    push_results(co, g);
    int list = lua_gettop(co);
    for (int i = 1; i <= g->n; i++)
        lua_rawgeti(co, list, i);
    lua_remove(co, list);
    forget_group(g);
    task_wake(g->parent, g->n + 1);
}

/* A child has returned: what it gave goes to the group's table. */
static int collect_lua(lua_State *L)
{
    struct child *c = lua_touserdata(L, 1);
    struct group *g = c->group;
    lua_State *co = c->task.co;
    int n = g->gives_all ? lua_gettop(co) : 1;
    luaL_checkstack(L, n + 2, "too many results");
    push_results(L, g);
    lua_settop(co, n);
    lua_xmove(co, L, n);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, 2, g->gives_all ? i : c->index);
    if (g->gives_all)
        g->n = n;
    return 0;
}

static void group_done(struct group *g, struct child *c)
{
    lua_State *L = c->task.L;
    lua_pushcfunction(L, collect_lua);
    lua_pushlightuserdata(L, c);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        group_fail(g, L);
        return;
    }
    end_child(c);
    if (--g->left == 0)
        group_wake_with_results(g);
}

/* The parent is ended while it waits. Its children have their end from task_end. */
static void cancel_group(struct task *parent)
{
    forget_group(parent->waits_for);
}

static struct group *new_group(lua_State *L, int n)
{
    struct group *g = lua_newuserdatauv(L, sizeof *g, 1);
    *g = (struct group){.parent = task_current(), .left = n, .n = n, .self = LUA_NOREF};
    lua_newtable(L);
    luax_setuservalue(L, -2);
    lua_pushvalue(L, -1);
    g->self = luaL_ref(L, LUA_REGISTRYINDEX);
    g->parent->waits_for = g;
    return g;
}

static void add_to_group(lua_State *L, struct group *g, int function, int index)
{
    struct child *c = new_child(L, function, 0, g->parent->context);
    c->group = g;
    c->index = index;
    task_adopt(g->parent, &c->task);
}

/* _gather{fn, ...} -> true, results...; or false, error */
static int gather(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    task_check_wait(L);
    int n = (int)lua_rawlen(L, 1);
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        if (!lua_isfunction(L, -1))
            return luaL_error(L, "gather: item %d is a %s, not a function", i,
                              luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    lua_pushboolean(L, 1);
    if (n == 0)
        return 1;
    struct group *g = new_group(L, n);
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        add_to_group(L, g, lua_gettop(L), i);
        lua_pop(L, 1);
    }
    g->parent->cancel = cancel_group;
    return task_park(L);
}

/* ---- time ---- */

static void arm(struct task *t, double seconds, event_callback_fn callback)
{
    struct timeval delay = {(time_t)seconds,
                            (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
    t->timer = evtimer_new(tasks_base(), callback, t);
    if (t->timer)
        evtimer_add(t->timer, &delay);
}

static void disarm(struct task *t)
{
    if (t->timer)
        event_free(t->timer);
    t->timer = NULL;
}

static double check_seconds(lua_State *L, int index)
{
    double seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= 0 && seconds < 1e9, index,
                  "seconds, from 0 to 10^9, are expected");
    return seconds;
}

static void on_slept(evutil_socket_t fd, short what, void *arg)
{
    struct task *t = arg;
    (void)fd, (void)what;
    disarm(t);
    task_wake(t, 0);
}

/* _sleep(seconds) */
static int sleep_lua(lua_State *L)
{
    double seconds = check_seconds(L, 1);
    task_check_wait(L);
    arm(task_current(), seconds, on_slept);
    if (!task_current()->timer)
        return luaL_error(L, "out of memory");
    return task_park(L);
}

static void on_timed_out(evutil_socket_t fd, short what, void *arg)
{
    struct task *parent = arg;
    (void)fd, (void)what;
    disarm(parent);
    if (parent->state != TASK_PARKED)
        return;
    parent->cancel(parent);
    drop_children(parent);
    lua_checkstack(parent->co, 1);
    lua_pushnil(parent->co);
    task_wake(parent, 1);
}

/* _timeout(seconds, fn) -> true, results...; false, error; or nil when time was over */
static int timeout(lua_State *L)
{
    double seconds = check_seconds(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    task_check_wait(L);
    struct group *g = new_group(L, 1);
    g->gives_all = true;
    add_to_group(L, g, 2, 1);
    g->parent->cancel = cancel_group;
    arm(g->parent, seconds, on_timed_out);
    return task_park(L);
}

/* ---- tasks that nobody waits for ---- */

static void log_error(struct child *c)
{
    lua_State *L = c->task.L;
    task_push_error(&c->task);
    log_format(LOG_ERROR, "a spawned task failed: %s", lua_tostring(L, -1));
    lua_pop(L, 1);
}

static void forget_spawned(struct child *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        spawned = c->next;
    if (c->next)
        c->next->previous = c->previous;
}

/* _spawn(fn, ...) */
static int spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct context *context = context_current();
    struct child *c = new_child(L, 1, lua_gettop(L) - 1, NULL);
    if (context)
        c->own.app = context->app;
    c->next = spawned;
    if (spawned)
        spawned->previous = c;
    spawned = c;
    return 0;
}

int wait_spawned(lua_State *L)
{
    int n = 0;
    for (struct child *c = spawned; c; c = c->next)
        n += !L || c->task.L == L;
    return n;
}

/* A to-be-closed variable of one may spawn another: from the front each time. */
void wait_end_spawned(lua_State *L)
{
    for (struct child *c = spawned; c;) {
        if (L && c->task.L != L) {
            c = c->next;
            continue;
        }
        forget_spawned(c);
        end_child(c);
        c = spawned;
    }
}

/* ---- the way of a child ---- */

static void child_over(struct child *c, bool has_failed)
{
    if (c->task.timer)
        disarm(&c->task);
    if (c->is_done) {
        c->has_failed = has_failed;
        *c->is_done = true;
    } else if (!c->group) {
        if (has_failed)
            log_error(c);
        forget_spawned(c);
        end_child(c);
    } else {
        if (c->group->gives_all)
            disarm(c->group->parent);
        if (has_failed) {
            debugger_note_child(&c->task);
            group_fail(c->group, c->task.co);
        } else {
            group_done(c->group, c);
        }
    }
}

static void child_go_on(struct task *task)
{
    struct child *c = (struct child *)task;
    int n = c->is_started ? task->n_values : c->n_args;
    c->is_started = true;
    enum outcome outcome = task_resume(task, n);
    if (outcome != OUTCOME_PARKED)
        child_over(c, outcome == OUTCOME_FAILED);
}

/* ---- running to the end ---- */

static int run(lua_State *L, int index, int n_args, struct context *context,
               struct app *app)
{
    bool is_done = false;
    if (task_current())
        return luaL_error(L, "this can't be called inside a running request");
    struct child *c = new_child(L, index, n_args, context);
    c->own.app = app;
    c->is_done = &is_done;
    c->task.budget.is_unlimited = true;
    if (!tasks_run_until(&is_done)) {
        end_child(c);
        return luaL_error(L, "the task waits for what never comes");
    }
    lua_State *co = c->task.co;
    int n = c->has_failed ? 1 : lua_gettop(co);
    bool has_failed = c->has_failed;
    luaL_checkstack(L, n, "too many results");
    lua_xmove(co, L, n);
    end_child(c);
    return has_failed ? lua_error(L) : n;
}

int wait_run(lua_State *L, int index, int n_args, struct context *context)
{
    return run(L, index, n_args, context, NULL);
}

int wait_run_in_app(lua_State *L, int index, struct app *app)
{
    return run(L, index, 0, NULL, app);
}

/* run_task(fn, ...) -> results */
static int run_task(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    return wait_run(L, 1, lua_gettop(L) - 1, NULL);
}

/* can_wait() -> whether the caller can */
static int can_wait(lua_State *L)
{
    lua_pushboolean(L, task_can_wait(L));
    return 1;
}

/* forbid_waits(): around coroutine.resume where the caller can't yield; see task.h */
static int forbid_waits(lua_State *L)
{
    task_forbid_waits(L);
    return 0;
}

static int allow_waits(lua_State *L)
{
    (void)L;
    task_allow_waits();
    return 0;
}

void wait_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"_sleep", sleep_lua},
                                         {"_gather", gather},
                                         {"_timeout", timeout},
                                         {"_spawn", spawn},
                                         {"run_task", run_task},
                                         {"can_wait", can_wait},
                                         {"forbid_waits", forbid_waits},
                                         {"allow_waits", allow_waits},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    if (budget_resume_lua) {
        lua_pushcfunction(L, budget_resume_lua);
        lua_setfield(L, -2, "resume");
    }
    task_push_wait_mark(L);
    lua_setfield(L, -2, "WAIT");
}
