/* STEP 5: how long an app's code may compute before it is parked, or ended.

   A timer on the thread's CPU clock sends a signal for each so many milliseconds that are
   computed. The signal's handler counts them and sets a hook on the Lua state that runs;
   the hook, called at the next instruction, is where all is decided. Without a tick there
   is no hook: the standing cost is a few stores for each resume. What runs in C alone is
   not reached, nor is LuaJIT's compiled code. */
#include "budget.h"

#include "app.h"
#include "dispatch.h"
#include "jinja/jinja.h"
#include "log.h"
#include "task.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define TICK          10000   /* microseconds of CPU between two ticks */
#define SHORTEST_TICK 1000    /* with a time slice */
#define CLOSING_LIMIT 1000000 /* for the functions of to-be-closed variables */
#define HOLD_UP       50      /* milliseconds after which debug mode warns */
#define SIGNAL        SIGVTALRM

enum { OF_TICKS, OF_HOLD_UP };

static struct {
    struct run *volatile run;  /* the innermost that runs; NULL: no app's code does */
    lua_State *parked;         /* the state whose hook has just parked it */
    atomic_uint pending;       /* CPU of ticks that no budget has yet */
    volatile uint64_t counted; /* the thread's CPU at the last tick */
    volatile sig_atomic_t is_held_up;
    struct {
        lua_State *L;
        lua_Hook hook;
        int mask, count;
    } saved;   /* somebody else's hook that ours stands in for */
    pid_t pid; /* whose timers these are; 0: none */
    bool is_debug;
    timer_t ticks, hold_up;
    unsigned interval;
} b;

void budget_init(struct budget *budget)
{
    *budget = (struct budget){.report = LUA_NOREF};
}

/* Whose budget is used: the request's, not its child's. */
static struct task *root_of(struct task *t)
{
    while (t->parent)
        t = t->parent;
    return t;
}

void budget_clear(struct task *t)
{
    if (t->budget.report != LUA_NOREF)
        luaL_unref(t->L, LUA_REGISTRYINDEX, t->budget.report);
    t->budget =
        (struct budget){.report = LUA_NOREF, .is_unlimited = t->budget.is_unlimited};
}

lua_State *budget_running(void)
{
    const struct run *run = b.run;
    return run ? run->L : NULL;
}

/* The CPU of the ticks so far goes to whoever runs. */
static void count(struct run *run)
{
    if (atomic_load_explicit(&b.pending, memory_order_relaxed) == 0)
        return;
    unsigned used = atomic_exchange(&b.pending, 0);
    struct task *t = run->task;
    if (!t)
        return;
    if (run->is_closing) {
        run->closing += used;
        return;
    }
    root_of(t)->budget.used += used;
    if (t->budget.has_ticked) /* how much of the first was this resume's is unknown */
        t->budget.in_turn += used;
    t->budget.has_ticked = true;
}

#if LUAX_HAS_HOOKS

static void on_hook(lua_State *L, lua_Debug *ar);

/* May be called from a signal handler, as lua_sethook may. */
static void arm(lua_State *L, int n_instructions)
{
    if (lua_gethook(L) != on_hook) {
        b.saved.L = L;
        b.saved.hook = lua_gethook(L);
        b.saved.mask = lua_gethookmask(L);
        b.saved.count = lua_gethookcount(L);
    }
    lua_sethook(L, on_hook, LUA_MASKCOUNT, n_instructions);
}

static void disarm(lua_State *L)
{
    bool has_saved = b.saved.L == L;
    b.saved.L = NULL; /* first: a signal may come in between, and save another */
    if (has_saved)
        lua_sethook(L, b.saved.hook, b.saved.mask, b.saved.count);
    else
        lua_sethook(L, NULL, 0, 0);
}

/* ---- what ticks ---- */

static uint64_t thread_cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void set_timer(timer_t timer, long first, long interval)
{
    struct itimerspec times = {
        .it_value = {first / 1000000, first % 1000000 * 1000},
        .it_interval = {interval / 1000000, interval % 1000000 * 1000}};
    timer_settime(timer, 0, &times, NULL);
}

/* lua_sethook goes through all frames of the state. Of a recursion without end that takes
   longer than a tick, and with the next signal already there nothing else would ever run:
   what it takes is to be a small part of the time until then. */
static void arm_in_time(lua_State *L)
{
    uint64_t began = thread_cpu();
    arm(L, 1);
    uint64_t took = thread_cpu() - began;
    if (took > b.interval / 10)
        set_timer(b.ticks, (long)took * 10, b.interval);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    int error = errno;
    struct run *run = b.run;
    if (info->si_code == SI_TIMER && info->si_value.sival_int == OF_HOLD_UP) {
        b.is_held_up = 1;
    } else {
        uint64_t now = thread_cpu();
        if (run)
            atomic_fetch_add(&b.pending, (unsigned)(now - b.counted));
        b.counted = now;
    }
    if (run && run->task)
        arm_in_time(run->L);
    errno = error;
}

static void set_interval(unsigned interval)
{
    b.interval = interval;
    set_timer(b.ticks, interval, interval);
}

static int make_timer(clockid_t clock, int purpose, timer_t *timer)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = SIGNAL,
                             .sigev_value = {.sival_int = purpose}};
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    return timer_create(clock, &event, timer);
}

static void open_timers(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGNAL, &action, NULL) < 0 ||
        make_timer(CLOCK_THREAD_CPUTIME_ID, OF_TICKS, &b.ticks) < 0)
        goto warn;
    if (make_timer(CLOCK_MONOTONIC, OF_HOLD_UP, &b.hold_up) < 0) {
        timer_delete(b.ticks);
        goto warn;
    }
    b.pid = getpid();
    b.counted = thread_cpu();
    set_interval(TICK);
    return;
warn:
    log_format(LOG_WARNING,
               "no timer can be had (error %d): HANDLER_CPU_LIMIT is not kept", errno);
}

void budget_open(bool is_debug)
{
    b.is_debug = is_debug;
    if (b.pid != getpid())
        open_timers();
}

void budget_close(void)
{
    if (b.pid == getpid()) {
        timer_delete(b.ticks);
        timer_delete(b.hold_up);
    }
    b.pid = 0;
}

/* ---- what the hook decides ---- */

/* A number of seconds of app.config in microseconds; 0: none. */
static uint64_t setting(lua_State *L, const struct task *t, const char *key)
{
    if (!t->context->app)
        return 0;
    int top = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->context->app->config);
    lua_pushstring(L, key);
    lua_rawget(L, -2);
    lua_Number seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    lua_settop(L, top);
    return seconds > 0 && seconds < 1e9 ? (uint64_t)(seconds * 1e6) : 0;
}

/* Pushes the text and the tracebacks of all coroutines between the task and what runs. */
static void push_tracebacks(lua_State *L, const char *text)
{
    lua_pushstring(L, text);
    for (const struct run *run = b.run; run && run->task == b.run->task;
         run = run->outer) {
        if (run != b.run)
            lua_pushliteral(L, "\nin a coroutine that was resumed here:");
        else
            lua_pushliteral(L, "");
        lua_concat(L, 2);
        luaL_traceback(L, run->L, lua_tostring(L, -1), 0);
        lua_remove(L, -2);
        jinja_add_places(L, run->L);
    }
}

static bool can_park(lua_State *L, const struct task *t)
{
    return t->n_forbidden == 0 && lua_isyieldable(L);
}

/* Called last in a hook. */
static void park(lua_State *L, struct task *t)
{
    b.parked = L;
    t->budget.is_parked = true;
    lua_yield(L, 0);
}

/* Where nothing can be parked (a callback of table.sort) an error has to lead out. It
   comes again and again if it is caught, after half as many instructions each time, so
   that to-be-closed variables have a chance. The text of Lua's own memory error is the
   one that no message handler of xpcall is called with. */
static void raise_again(lua_State *L, int *n_raised)
{
    int n = *n_raised < 10 ? 1000 >> *n_raised : 1;
    ++*n_raised;
    arm(L, n > 0 ? n : 1);
    lua_pushliteral(L, "not enough memory");
    lua_error(L);
}

static void note_over(lua_State *L, struct task *root, uint64_t limit)
{
    root->budget.is_over = true;
    lua_pushfstring(L, "more than %f seconds of CPU were used (HANDLER_CPU_LIMIT)",
                    (lua_Number)limit / 1e6);
    push_tracebacks(L, lua_tostring(L, -1));
    root->budget.report = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pop(L, 1);
}

/* Once in a resume: the timer is armed when it begins. */
static void warn_of_hold_up(lua_State *L, const struct task *t)
{
    b.is_held_up = 0;
    push_tracebacks(L, "");
    log_held_up(t->context->exchange, HOLD_UP, lua_tostring(L, -1));
    lua_pop(L, 1);
}

static void decide(lua_State *L, struct run *run)
{
    struct task *t = run->task, *root = root_of(t);
    if (b.is_held_up)
        warn_of_hold_up(L, t);
    uint64_t limit =
        root->budget.is_unlimited ? 0 : setting(L, root, "HANDLER_CPU_LIMIT");
    uint64_t slice = setting(L, root, "HANDLER_TIME_SLICE");
    if (slice && slice / 4 < b.interval && b.interval > SHORTEST_TICK)
        set_interval(slice / 4 > SHORTEST_TICK ? (unsigned)slice / 4 : SHORTEST_TICK);
    if (limit && root->budget.used > limit && !root->budget.is_over)
        note_over(L, root, limit);
    if (root->budget.is_over) {
        if (can_park(L, t))
            park(L, t);
        else
            raise_again(L, &root->budget.n_raised);
    } else if (slice && t->budget.in_turn + b.interval > slice && can_park(L, t)) {
        park(L, t);
    }
}

static void on_hook(lua_State *L, lua_Debug *ar)
{
    struct run *run = b.run;
    disarm(L);
    if (!run || run->L != L || !run->task || ar->event != LUA_HOOKCOUNT)
        return;
    count(run);
    if (!run->is_closing)
        decide(L, run);
    else if (run->closing > CLOSING_LIMIT)
        raise_again(L, &run->task->budget.n_raised);
}

/* ---- around what runs ---- */

static void begin(struct run *run)
{
    if (b.run)
        count(b.run);
    run->outer = b.run;
    atomic_signal_fence(memory_order_seq_cst); /* a signal sees it whole */
    b.run = run;
}

static void end(struct run *run)
{
    count(run);
    b.run = run->outer;
}

void budget_enter(struct run *run, struct task *t)
{
    *run = (struct run){.L = t->co, .task = t};
    t->budget.in_turn = 0;
    t->budget.has_ticked = t->budget.is_parked = false;
    begin(run);
    if (b.is_debug && !run->outer)
        set_timer(b.hold_up, HOLD_UP * 1000, 0);
    if (root_of(t)->budget.is_over)
        arm(t->co, 1);
}

enum budget_verdict budget_leave(struct run *run)
{
    end(run);
    if (b.is_debug && !run->outer) {
        set_timer(b.hold_up, 0, 0);
        b.is_held_up = 0;
    }
    if (root_of(run->task)->budget.is_over)
        return BUDGET_OVER;
    return run->task->budget.is_parked ? BUDGET_PARKED : BUDGET_KEPT;
}

int budget_pcall(lua_State *L, struct task *t, int n_args, int n_results)
{
    struct run run = {.L = L, .task = t};
    begin(&run);
    int status = lua_pcall(L, n_args, n_results, 0);
    end(&run);
    return status;
}

void budget_close_thread(struct task *t, lua_State *co)
{
    struct run run = {.L = co, .task = t, .is_closing = true};
    t->budget.n_raised = 0;
    begin(&run);
    luax_closethread(co);
    end(&run);
}

static int give_error(lua_State *L, const char *text)
{
    lua_pushboolean(L, 0);
    lua_pushstring(L, text);
    return 2;
}

/* Parked by its hook, which has seen that L can be parked too. One that won't go on is
   closed here, as only its resumer knows it. */
static int give_wait(lua_State *L, struct task *t, lua_State *co)
{
    b.parked = NULL;
    if (t && root_of(t)->budget.is_over) {
        budget_close_thread(t, co);
        return task_park(L);
    }
    lua_pushboolean(L, 1);
    task_push_wait_mark(L);
    return 2;
}

static int resume_lua(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    int n_args = lua_gettop(L) - 1, n = 0;
    if (!lua_checkstack(co, n_args))
        return give_error(L, "too many arguments to resume");
    lua_xmove(L, co, n_args);
    struct run run = {.L = co, .task = b.run ? b.run->task : NULL};
    begin(&run);
    if (run.task && root_of(run.task)->budget.is_over)
        arm(co, 1);
    int status = lua_resume(co, L, n_args, &n);
    end(&run);
    if (status == LUA_YIELD && b.parked == co)
        return give_wait(L, run.task, co);
    if (run.task && root_of(run.task)->budget.is_over)
        arm(L, 1);
    if (status != LUA_OK && status != LUA_YIELD)
        n = 1;
    if (!lua_checkstack(L, n + 1)) {
        lua_pop(co, n);
        return give_error(L, "too many results to resume");
    }
    lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
    lua_xmove(co, L, n);
    return n + 1;
}

lua_CFunction const budget_resume_lua = resume_lua;

#else /* LuaJIT's compiled loops call no hook: the master's watchdog ends them */

void budget_open(bool is_debug)
{
    (void)is_debug;
}

void budget_close(void)
{
}

void budget_enter(struct run *run, struct task *t)
{
    *run = (struct run){.L = t->co, .task = t};
}

enum budget_verdict budget_leave(struct run *run)
{
    count(run);
    return BUDGET_KEPT;
}

int budget_pcall(lua_State *L, struct task *t, int n_args, int n_results)
{
    (void)t;
    return lua_pcall(L, n_args, n_results, 0);
}

void budget_close_thread(struct task *t, lua_State *co)
{
    (void)t;
    luax_closethread(co);
}

lua_CFunction const budget_resume_lua = NULL;

#endif

void budget_push_report(lua_State *L, struct task *t)
{
    struct task *root = root_of(t);
    lua_rawgeti(L, LUA_REGISTRYINDEX, root->budget.report);
    if (!lua_isstring(L, -1)) {
        lua_pop(L, 1);
        lua_pushliteral(L, "more CPU was used than HANDLER_CPU_LIMIT");
    }
}
