/* cflask.h: tasks that wait for what a module wakes them by, or for a thread. */
#include "module.h"

#include "offload.h"
#include "task.h"
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct cflask_wait {
    const cflask_waiting *waiting;
    void *arg;
    struct modules *modules;
    struct task *task; /* parked, or NULL: not yet, not any more, or outside of any */
    bool is_woken;
    bool is_over;      /* nobody waits any more: what is left is to release it */
    int n_shares;      /* threads that will call wake_from_thread */
    cflask_wait *next; /* in the bell's list */
};

/* ---- results ---- */

struct results {
    int (*finish)(lua_State *L, void *arg);
    void *arg;
};

static int call_finish(lua_State *L)
{
    struct results r = *(struct results *)lua_touserdata(L, 1);
    lua_settop(L, 0);
    return r.finish ? r.finish(L, r.arg) : 0;
}

/* ---- the end of a wait ---- */

static void release(cflask_wait *w)
{
    if (w->n_shares > 0)
        return;
    struct modules *m = w->modules;
    if (w->waiting->release)
        w->waiting->release(w->arg);
    free(w);
    modules_release(m);
}

static void end(cflask_wait *w)
{
    w->is_over = true;
    w->task = NULL;
    release(w);
}

static void on_cancel(struct task *t)
{
    cflask_wait *w = t->waits_for;
    if (w->waiting->cancel)
        w->waiting->cancel(w->arg);
    end(w);
}

static void wake(cflask_wait *w)
{
    if (w->is_woken || w->is_over)
        return;
    w->is_woken = true;
    if (!w->task)
        return; /* not parked yet, or outside of any task: park sees it */
    struct results r = {w->waiting->finish, w->arg};
    offload_wake(w->task, call_finish, &r);
    end(w);
}

/* ---- waking from threads ---- */

static struct {
    pthread_mutex_t lock;
    cflask_wait *rung; /* guarded by the lock, as `fd` is while anything is shared */
    int fd;
    struct event *event; /* there while something is shared: no idle loop is kept up */
    int n_shares;
} bell = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void close_bell(void)
{
    if (bell.event)
        event_free(bell.event);
    bell.event = NULL;
    if (bell.fd >= 0)
        close(bell.fd);
    bell.fd = -1;
}

static cflask_wait *take_rung(void)
{
    uint64_t count;
    pthread_mutex_lock(&bell.lock);
    cflask_wait *list = bell.rung;
    bell.rung = NULL;
    if (read(bell.fd, &count, sizeof count) < 0) { /* it has been read before */
    }
    pthread_mutex_unlock(&bell.lock);
    return list;
}

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    for (cflask_wait *w = take_rung(), *next; w; w = next) {
        next = w->next;
        w->n_shares--;
        bell.n_shares--;
        if (w->is_over)
            release(w);
        else
            wake(w);
    }
    if (bell.n_shares == 0)
        close_bell();
}

/* 0, or -1: no memory, no descriptors. */
static int open_bell(void)
{
    if (bell.event)
        return 0;
    bell.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell.fd >= 0)
        bell.event =
            event_new(tasks_base(), bell.fd, EV_READ | EV_PERSIST, on_bell, NULL);
    if (bell.event && event_add(bell.event, NULL) == 0)
        return 0;
    close_bell();
    return -1;
}

static cflask_wait *share(cflask_wait *w)
{
    if (open_bell() < 0)
        return NULL;
    w->n_shares++;
    bell.n_shares++;
    return w;
}

/* Rung with the lock held: the loop closes the descriptor when it has taken the last. */
static void wake_from_thread(cflask_wait *w)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&bell.lock);
    w->next = bell.rung;
    bell.rung = w;
    while (write(bell.fd, &one, sizeof one) < 0)
        ; /* only a signal can be in the way: the count is small */
    pthread_mutex_unlock(&bell.lock);
}

/* ---- parking ---- */

static int can_wait(lua_State *L)
{
    return task_can_wait(L);
}

static const void *running_task(lua_State *L)
{
    (void)L;
    return task_current();
}

static uint64_t running_number(lua_State *L, unsigned above)
{
    (void)L;
    return task_number(above);
}

static cflask_wait *new_wait(lua_State *L, const cflask_waiting *waiting, void *arg)
{
    bool is_refused = task_current() && !task_can_wait(L);
    cflask_wait *w = is_refused ? NULL : calloc(1, sizeof *w);
    if (w) {
        w->waiting = waiting;
        w->arg = arg;
        w->modules = modules_share(modules_of(L));
        return w;
    }
    if (waiting->release)
        waiting->release(arg);
    if (is_refused)
        task_check_wait(L);
    luaL_error(L, "out of memory");
    return NULL;
}

/* Woken: gives the results here. */
static int finish_here(lua_State *L, cflask_wait *w)
{
    int base = lua_gettop(L);
    struct results r = {w->waiting->finish, w->arg};
    bool is_fine = lua_checkstack(L, LUA_MINSTACK);
    if (is_fine) {
        lua_pushcfunction(L, call_finish);
        lua_pushlightuserdata(L, &r);
        is_fine = lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK;
    }
    end(w);
    if (!is_fine)
        return lua_gettop(L) > base ? lua_error(L) : luaL_error(L, "stack overflow");
    return luax_outcome(L, lua_gettop(L) - base);
}

static int park_here(lua_State *L, cflask_wait *w)
{
    if (tasks_run_until(&w->is_woken))
        return finish_here(L, w);
    if (w->waiting->cancel)
        w->waiting->cancel(w->arg);
    end(w);
    return luaL_error(L, "nothing is left that could end this wait");
}

static int park(lua_State *L, cflask_wait *w)
{
    struct task *t = task_current();
    if (w->is_woken)
        return finish_here(L, w);
    if (!t)
        return park_here(L, w);
    w->task = t;
    t->waits_for = w;
    t->cancel = on_cancel;
    task_push_wait_mark(L);
    return luax_yield_for_outcome(L, 1);
}

/* ---- work on the pool's threads ---- */

struct cflask_job {
    struct offload offload; /* first */
    const cflask_work *work;
    void *arg;
    struct modules *modules;
};

static void do_work(struct pool_job *job)
{
    cflask_job *j = (cflask_job *)job;
    j->work->work(j, j->arg);
}

static int finish_work(lua_State *L, struct offload *o)
{
    cflask_job *j = (cflask_job *)o;
    return j->work->finish ? j->work->finish(L, j->arg) : 0;
}

static void interrupt_work(struct pool_job *job)
{
    cflask_job *j = (cflask_job *)job;
    j->work->interrupt(j->arg);
}

static void release_work(struct pool_job *job)
{
    cflask_job *j = (cflask_job *)job;
    struct modules *m = j->modules;
    if (j->work->release)
        j->work->release(j->arg);
    free(j);
    modules_release(m);
}

static int offload_work(lua_State *L, const cflask_work *work, void *arg)
{
    cflask_job *j = calloc(1, sizeof *j);
    if (!j) {
        if (work->release)
            work->release(arg);
        return luaL_error(L, "out of memory");
    }
    j->offload.job.work = do_work;
    j->offload.job.release = release_work;
    j->offload.job.interrupt = work->interrupt ? interrupt_work : NULL;
    j->offload.finish = finish_work;
    j->work = work;
    j->arg = arg;
    j->modules = modules_share(modules_of(L));
    return offload(L, &j->offload);
}

static int is_cancelled(const cflask_job *job)
{
    return pool_is_cancelled(&job->offload.job);
}

static void push_waiting(lua_State *L, lua_CFunction fn)
{
    luax_pushwaiting(L, fn);
}

void module_set_wait(cflask_api *api)
{
    api->can_wait = can_wait;
    api->task = running_task;
    api->task_number = running_number;
    api->wait_new = new_wait;
    api->park = park;
    api->wake = wake;
    api->share = share;
    api->wake_from_thread = wake_from_thread;
    api->offload = offload_work;
    api->is_cancelled = is_cancelled;
    api->push_waiting = push_waiting;
    api->results = luax_outcome;
}
