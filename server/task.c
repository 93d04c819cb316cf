/* STEP 5: the coroutine in which an app's code runs: start, park, wake, end.

   A task owns one coroutine. Each hook, view, handler and body function of a request is a
   call of its own on it. No pcall stands around them: a failed coroutine keeps its frames
   for the debugger, and the next call gets a fresh one. */
#include "task.h"

#include "core_lua.h"
#include "jinja/jinja.h"
#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>

static struct task *current;
static uint64_t last_number;

static struct {
    struct event_base *base;
    struct event event; /* a timer that is due when the queue is not empty */
    struct task *first, **last;
    unsigned round;
} ready;

static char wait_mark; /* its address is the mark */

/* In the loop's next round, by a timer: an event made active from its own callback would
   be called again before any socket is looked at. */
static void schedule(void)
{
    const struct timeval now = {0, 0};
    event_add(&ready.event, &now);
}

static void leave_ready_queue(struct task *t)
{
    *t->at_ready = t->next_ready;
    if (t->next_ready)
        t->next_ready->at_ready = t->at_ready;
    else
        ready.last = t->at_ready;
}

/* Runs what was ready when it began; what becomes ready meanwhile comes in the next
   round, so that tasks which wake one another can't keep the loop from its sockets. */
static void run_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    unsigned round = ready.round++;
    while (ready.first && ready.first->round == round) {
        struct task *t = ready.first;
        leave_ready_queue(t);
        t->go_on(t);
    }
    if (ready.first)
        schedule();
}

void tasks_open(struct event_base *base)
{
    ready.base = base;
    ready.first = NULL;
    ready.last = &ready.first;
    event_assign(&ready.event, base, -1, 0, run_ready, NULL);
}

void tasks_close(void)
{
    event_del(&ready.event);
    ready.base = NULL;
}

struct event_base *tasks_base(void)
{
    return ready.base;
}

static void set_idle(struct task *t)
{
    t->state = TASK_IDLE;
    t->n_forbidden = 0;
    t->obstacle = NULL;
}

static int take_coroutine_lua(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);
    lua_State *co = lua_newthread(L);
    t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    t->co = co;
    return 0;
}

/* -1 when memory is out: the task then has what it had. */
static int take_coroutine(struct task *t)
{
    lua_pushcfunction(t->L, take_coroutine_lua);
    lua_pushlightuserdata(t->L, t);
    if (lua_pcall(t->L, 1, 0, 0) == LUA_OK)
        return 0;
    lua_pop(t->L, 1);
    return -1;
}

int task_init(struct task *t, lua_State *L, struct context *context,
              void (*go_on)(struct task *task))
{
    *t = (struct task){.L = L, .context = context, .go_on = go_on};
    t->number = ++last_number;
    budget_init(&t->budget);
    return take_coroutine(t);
}

uint64_t task_number(unsigned above)
{
    const struct task *t = current;
    while (t && above-- > 0)
        t = t->parent;
    return t ? t->number : 0;
}

struct task *task_current(void)
{
    return current;
}

struct context *context_current(void)
{
    return current ? current->context : NULL;
}

static void enqueue(struct task *t, int n)
{
    t->state = TASK_READY;
    t->cancel = NULL;
    t->n_values = n;
    t->round = ready.round;
    t->next_ready = NULL;
    t->at_ready = ready.last;
    *ready.last = t;
    ready.last = &t->next_ready;
    if (ready.first == t)
        schedule();
}

static int push_text_lua(lua_State *L)
{
    lua_pushstring(L, lua_touserdata(L, 1));
    return 1;
}

void task_push_text(lua_State *L, const char *text)
{
    lua_pushcfunction(L, push_text_lua);
    lua_pushlightuserdata(L, (void *)text);
    lua_pcall(L, 1, 1, 0); /* fails only with a text of Lua's */
}

/* The task can't go on: the text is its error. */
static enum outcome fail(struct task *t, const char *text)
{
    task_push_text(t->L, text);
    lua_checkstack(t->co, 1);
    lua_xmove(t->L, t->co, 1);
    t->state = TASK_DEAD;
    return OUTCOME_FAILED;
}

/* A view that yields outside of any coroutine of its own has nobody to yield to. */
static enum outcome refuse_yield(struct task *t)
{
    lua_settop(t->co, 0);
    return fail(t, "attempt to yield from outside a coroutine");
}

/* Ends the wait and the children; the coroutine is left as it is. */
static void drop_work(struct task *t)
{
    if (t->state == TASK_READY)
        leave_ready_queue(t);
    if (t->cancel)
        t->cancel(t);
    t->cancel = NULL;
    if (t->timer)
        event_free(t->timer);
    t->timer = NULL;
    while (t->children) {
        struct task *child = t->children;
        task_end(child);
        child->release(child);
    }
}

/* It has passed HANDLER_CPU_LIMIT, wherever it stands: nothing of it runs on, and what it
   has just begun to wait for must not wake who answers for it. */
static enum outcome end_over(struct task *t, int status)
{
    drop_work(t);
    if (status == LUA_OK)
        lua_settop(t->co, 0);
    return fail(t, "HANDLER_CPU_LIMIT is used up");
}

/* It has computed for HANDLER_TIME_SLICE, and was parked by a hook. */
static enum outcome give_way(struct task *t, int n)
{
    lua_pop(t->co, n);
    enqueue(t, 0);
    return OUTCOME_PARKED;
}

enum outcome task_resume(struct task *t, int nargs)
{
    struct task *outer = current;
    struct run run;
    int n = 0;
    current = t;
    if (t->state == TASK_IDLE)
        t->number = ++last_number;
    t->state = TASK_RUNNING;
    t->cancel = NULL;
    budget_enter(&run, t);
    int status = luax_resume(t->co, t->L, nargs, &n);
    enum budget_verdict verdict = budget_leave(&run);
    current = outer;
    if (verdict == BUDGET_OVER)
        return end_over(t, status);
    if (status == LUA_YIELD && verdict == BUDGET_PARKED)
        return give_way(t, n);
    if (status == LUA_OK) {
        t->state = TASK_IDLE;
        return OUTCOME_DONE;
    }
    if (status != LUA_YIELD) {
        t->state = TASK_DEAD;
        return OUTCOME_FAILED;
    }
    if (n < 1 || lua_touserdata(t->co, -n) != &wait_mark)
        return refuse_yield(t);
    lua_pop(t->co, n);
    if (t->state == TASK_RUNNING)
        t->state = TASK_PARKED;
    return OUTCOME_PARKED;
}

void task_wake(struct task *t, int n)
{
    assert(t->state == TASK_PARKED);
    enqueue(t, n);
}

void task_requeue(struct task *t)
{
    if (t->state != TASK_IDLE)
        return;
    t->number = ++last_number;
    enqueue(t, 0);
}

bool task_is_over(const struct task *t)
{
    return t->budget.is_over;
}

/* Whether the coroutine, closed, is as good as a new one. One that has died by an error
   out of a hook never calls a hook again. */
static bool can_reuse(const struct task *t)
{
    return LUAX_REUSES_THREADS && t->budget.n_raised == 0;
}

void task_renew(struct task *t)
{
    int old = t->ref;
    bool is_reused = can_reuse(t);
    if (t->state != TASK_IDLE)
        budget_close_thread(t, t->co);
    if (t->budget.is_over)
        budget_clear(t);
    t->budget.n_raised = 0;
    if (!is_reused && take_coroutine(t) == 0)
        luaL_unref(t->L, LUA_REGISTRYINDEX, old);
    lua_settop(t->co, 0);
    set_idle(t);
}

int task_take_dead(struct task *t)
{
    int dead = t->ref;
    assert(t->state == TASK_DEAD);
    if (take_coroutine(t) < 0)
        return LUA_NOREF;
    set_idle(t);
    task_renew(t);
    return dead;
}

void task_adopt(struct task *parent, struct task *child)
{
    child->parent = parent;
    child->next_child = parent->children;
    child->at_child = &parent->children;
    if (child->next_child)
        child->next_child->at_child = &child->next_child;
    parent->children = child;
}

static void leave_parent(struct task *t)
{
    if (!t->parent)
        return;
    *t->at_child = t->next_child;
    if (t->next_child)
        t->next_child->at_child = t->at_child;
    t->parent = NULL;
}

void task_stop(struct task *t)
{
    bool is_used = t->state != TASK_IDLE;
    drop_work(t);
    if (is_used)
        task_renew(t);
}

void task_end(struct task *t)
{
    drop_work(t);
    leave_parent(t);
    if (t->state != TASK_IDLE)
        budget_close_thread(t, t->co);
    budget_clear(t);
    luaL_unref(t->L, LUA_REGISTRYINDEX, t->ref);
    t->co = NULL;
    t->state = TASK_IDLE;
}

/* A table without a __tostring tells nothing by its address: its contents do. */
static int tostring_lua(lua_State *L)
{
    if (lua_istable(L, 1) && !luaL_getmetafield(L, 1, "__tostring")) {
        core_push_function(L, "cflask.inspect", "brief");
        lua_pushvalue(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* Protected, as an error value's __tostring may fail. */
static void push_as_text(lua_State *L, lua_State *from)
{
    lua_pushcfunction(L, tostring_lua);
    lua_pushvalue(from, -1);
    lua_xmove(from, L, 1);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        lua_pop(L, 1);
        lua_pushliteral(L, "(an error value whose __tostring fails)");
    }
}

/* Not on the dead coroutine, whose stack may be full. */
static int describe_lua(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);
    if (task_is_over(t)) {
        budget_push_report(L, t);
        return 1;
    }
    lua_checkstack(t->co, 1);
    push_as_text(L, t->co);
    luaL_traceback(L, t->co, lua_tostring(L, -1), 0);
    jinja_add_places(L, t->co);
    return 1;
}

void task_push_error(struct task *t)
{
    lua_State *L = t->L;
    lua_checkstack(L, LUA_MINSTACK);
    lua_pushcfunction(L, describe_lua);
    lua_pushlightuserdata(L, t);
    lua_pcall(L, 1, 1, 0); /* fails only with a text of Lua's */
}

void context_push_locals(lua_State *L, struct context *context)
{
    if (context->locals == LUA_NOREF) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        context->locals = luaL_ref(L, LUA_REGISTRYINDEX);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, context->locals);
}

void context_clear(lua_State *L, struct context *context)
{
    luaL_unref(L, LUA_REGISTRYINDEX, context->locals);
    context->locals = LUA_NOREF;
}

/* Pushes "string.gsub" for the function on top, found in the loaded libraries, or nil. */
static void push_library_name(lua_State *L)
{
    int function = lua_gettop(L);
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_pushnil(L);
    while (lua_next(L, function + 1)) {
        if (lua_istable(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
            lua_pushnil(L);
            while (lua_next(L, -2)) {
                if (lua_rawequal(L, -1, function) && lua_type(L, -2) == LUA_TSTRING) {
                    lua_pushfstring(L, "%s.%s", lua_tostring(L, -4), lua_tostring(L, -2));
                    return;
                }
                lua_pop(L, 1);
            }
        }
        lua_pop(L, 1);
    }
    lua_pushnil(L);
}

/* The C function nearest to the wait on the stack of L that can't be yielded through, as
   pcall and xpcall can. Pushes its name, or "a C function". */
static void push_obstacle(lua_State *L)
{
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        int top = lua_gettop(L);
        lua_getinfo(L, "Sf", &frame);
        if (*frame.what == 'C')
            push_library_name(L);
        else
            lua_pushnil(L);
        const char *name = lua_tostring(L, -1);
        if (name && strcmp(name, "_G.pcall") != 0 && strcmp(name, "_G.xpcall") != 0)
            return;
        lua_settop(L, top);
    }
    lua_pushliteral(L, "a C function");
}

bool task_can_wait(lua_State *L)
{
    return current && current->n_forbidden == 0 && lua_isyieldable(L);
}

/* Pushes "file:line: " of the nearest caller that is not one of our own modules. */
static void push_place(lua_State *L)
{
    static const char ours[] = "@lua/cflask/";
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline > 0 && strncmp(frame.source, ours, sizeof ours - 1) != 0) {
            lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

/* The message is on top: raises it, placed at the app's line. */
static void raise_placed(lua_State *L)
{
    push_place(L);
    lua_insert(L, -2);
    lua_concat(L, 2);
    lua_error(L);
}

void task_check_wait(lua_State *L)
{
    if (task_can_wait(L))
        return;
    if (current) {
        lua_State *obstacle = current->n_forbidden > 0 ? current->obstacle : L;
        push_obstacle(obstacle);
        if (obstacle != L)
            lua_xmove(obstacle, L, 1);
        lua_pushfstring(
            L, "can't wait inside a callback of '%s', which can't be interrupted",
            lua_tostring(L, -1));
    } else {
        lua_pushliteral(L, "nothing can wait here: there is no request, and no task");
    }
    raise_placed(L);
}

void task_forbid_waits(lua_State *L)
{
    if (current && current->n_forbidden++ == 0)
        current->obstacle = L;
}

void task_allow_waits(void)
{
    if (current && --current->n_forbidden == 0)
        current->obstacle = NULL;
}

void task_push_wait_mark(lua_State *L)
{
    lua_pushlightuserdata(L, &wait_mark);
}

int task_park(lua_State *L)
{
    task_push_wait_mark(L);
    return lua_yield(L, 1);
}

bool tasks_run_until(const bool *is_done)
{
    while (!*is_done)
        if (event_base_loop(ready.base, EVLOOP_ONCE) != 0 ||
            event_base_got_break(ready.base))
            return *is_done;
    return true;
}
