/* A task that waits for a job of the pool: parked here, woken with the job's results. */
#include "offload.h"

#include "app.h"
#include "request_lua.h"
#include "task.h"

static const int64_t MAX_OFFLOADED = 256;

static struct offload *from_job(struct pool_job *job)
{
    return (struct offload *)job;
}

static int call_finish(lua_State *L)
{
    struct offload *o = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return o->finish(L, o);
}

/* Pushes the results of fn(arg), or its error; returns whether it has not failed. */
static bool push_results(lua_State *L, lua_CFunction fn, void *arg)
{
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, arg);
    return lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK;
}

void offload_wake(struct task *t, lua_CFunction fn, void *arg)
{
    lua_State *L = t->L;
    int base = lua_gettop(L);
    lua_checkstack(L, LUA_MINSTACK);
    bool is_fine = push_results(L, fn, arg);
    int n = lua_gettop(L) - base;
    if (!lua_checkstack(t->co, n + 1)) {
        lua_settop(L, base);
        lua_pushliteral(L, "too many results");
        is_fine = false, n = 1;
    }
    lua_pushboolean(t->co, is_fine);
    lua_xmove(L, t->co, n);
    task_wake(t, n + 1);
}

static void wake(struct pool_job *job)
{
    struct offload *o = from_job(job);
    offload_wake(o->task, call_finish, o);
}

static void cancel(struct task *t)
{
    struct offload *o = t->waits_for;
    o->task = NULL;
    pool_cancel(&o->job);
}

static int work_here(lua_State *L, struct offload *o)
{
    int base = lua_gettop(L);
    bool has_room = lua_checkstack(L, LUA_MINSTACK);
    if (has_room)
        o->job.work(&o->job);
    bool is_fine = has_room && push_results(L, call_finish, o);
    o->job.release(&o->job);
    if (!has_room)
        return luaL_error(L, "stack overflow");
    return is_fine ? luax_outcome(L, lua_gettop(L) - base) : lua_error(L);
}

static bool is_full(const struct context *context)
{
    int64_t most = context->app
                       ? app_config_limit(context->app, "MAX_OFFLOADED", MAX_OFFLOADED)
                       : MAX_OFFLOADED;
    return pool_queued() >= most;
}

int offload(lua_State *L, struct offload *o)
{
    struct task *t = task_current();
    atomic_init(&o->job.is_cancelled, false);
    if (!t)
        return work_here(L, o);
    bool can_wait = task_can_wait(L);
    if (!can_wait || is_full(t->context)) {
        o->job.release(&o->job);
        if (!can_wait)
            task_check_wait(L);
        return request_raise(L, 503, "Too much work waits for a thread.");
    }
    o->task = t;
    o->job.done = wake;
    if (pool_submit(&o->job) < 0)
        return work_here(L, o);
    t->waits_for = o;
    t->cancel = cancel;
    task_push_wait_mark(L);
    return luax_yield_for_outcome(L, 1);
}
