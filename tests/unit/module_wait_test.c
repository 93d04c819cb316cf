/* Waits of C modules: woken by a timer, at once, by threads; cancelled; work offloaded.
   Each test is a Lua chunk that raises when something is wrong; each wait is released. */
#include "module_wait.c"

#include "core_lua.h"
#include "pool.h"
#include "wait.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>

static lua_State *L;
static const cflask_api *api;
static int n_made, n_released, n_cancelled;

struct number {
    cflask_wait *wait;
    cflask_event *timer;
    lua_Integer value;
    atomic_bool may_go; /* for threads */
    pthread_t thread;
    bool has_thread;
};

static int push_double(lua_State *co, void *arg)
{
    struct number *n = arg;
    if (n->value > 1000)
        return luaL_error(co, "%d is too large", (int)n->value);
    lua_pushinteger(co, n->value * 2);
    lua_pushliteral(co, "doubled");
    return n->value < 0 ? 0 : 2;
}

static void cancel_number(void *arg)
{
    struct number *n = arg;
    n_cancelled++;
    atomic_store(&n->may_go, true);
    api->event_free(n->timer);
    n->timer = NULL;
}

static void release_number(void *arg)
{
    struct number *n = arg;
    n_released++;
    if (n->has_thread)
        pthread_join(n->thread, NULL);
    api->event_free(n->timer);
    free(n);
}

static const cflask_waiting doubling = {push_double, cancel_number, release_number};

static struct number *new_number(lua_State *co)
{
    lua_Integer value = luaL_optinteger(co, 1, 0);
    struct number *n = calloc(1, sizeof *n);
    n_made++;
    n->value = value;
    n->wait = api->wait_new(co, &doubling, n);
    return n;
}

static void on_time(int what, void *arg)
{
    assert_int_equal(what, CFLASK_TIMEOUT);
    api->wake(((struct number *)arg)->wait);
}

static int later(lua_State *co)
{
    struct number *n = new_number(co);
    n->timer = api->event_new(-1, 0, 0.0005, on_time, n);
    return api->park(co, n->wait);
}

static int at_once(lua_State *co)
{
    struct number *n = new_number(co);
    api->wake(n->wait);
    api->wake(n->wait); /* once is enough */
    return api->park(co, n->wait);
}

static int never(lua_State *co)
{
    return api->park(co, new_number(co)->wait);
}

static void *run_at_once(void *arg)
{
    api->wake_from_thread(arg);
    return NULL;
}

static int threaded(lua_State *co)
{
    struct number *n = new_number(co);
    n->has_thread = true;
    pthread_create(&n->thread, NULL, run_at_once, api->share(n->wait));
    return api->park(co, n->wait);
}

/* Goes on only when the wait has been cancelled. */
static void *run_late(void *arg)
{
    struct number *n = arg;
    while (!atomic_load(&n->may_go))
        sched_yield();
    api->wake_from_thread(n->wait);
    return NULL;
}

static int late(lua_State *co)
{
    struct number *n = new_number(co);
    n->has_thread = true;
    api->share(n->wait);
    pthread_create(&n->thread, NULL, run_late, n);
    return api->park(co, n->wait);
}

static void do_work_on(cflask_job *job, void *arg)
{
    struct number *n = arg;
    while (n->value == 7 && !api->is_cancelled(job))
        sched_yield();
}

static void stop_work(void *arg)
{
    (void)arg;
    n_cancelled++;
}

static const cflask_work work_on = {do_work_on, push_double, stop_work, release_number};

static int worked(lua_State *co)
{
    lua_Integer value = luaL_checkinteger(co, 1);
    struct number *n = calloc(1, sizeof *n);
    n_made++;
    n->value = value;
    return api->offload(co, &work_on, n);
}

static const char prelude[] =
    "local core = require 'cflask.core'\n"
    "gather, timeout, spawn, run_task = core.gather, core.timeout, core.spawn, "
    "core.run_task\n"
    "require('cflask.coroutines').install()\n"
    "function same(got, expected)\n"
    "    if got ~= expected then\n"
    "        error(('got %s, not %s'):format(tostring(got), tostring(expected)), 2)\n"
    "    end\n"
    "end\n"
    "function fails(wanted, fn, ...)\n"
    "    local ok, message = pcall(fn, ...)\n"
    "    if ok or not tostring(message):find(wanted, 1, true) then\n"
    "        error(('said %s, not %s'):format(tostring(message), wanted), 2)\n"
    "    end\n"
    "end\n";

/* Runs the chunk, in a task or outside of any; then each wait has been released. */
static void run_chunk(const char *chunk, bool in_task)
{
    lua_settop(L, 0);
    n_made = n_released = n_cancelled = 0;
    lua_getglobal(L, "run_task");
    if (!in_task)
        lua_settop(L, 0);
    if (luaL_loadstring(L, chunk) || lua_pcall(L, in_task ? 1 : 0, 0, 0))
        fail_msg("%s", lua_tostring(L, -1));
    while (wait_spawned(NULL) > 0 || n_released < n_made)
        assert_int_equal(event_base_loop(tasks_base(), EVLOOP_ONCE), 0);
    assert_int_equal(n_released, n_made);
    assert_int_equal(bell.n_shares, 0);
    assert_null(bell.event);
    assert_true(n_made > 0);
    lua_settop(L, 0);
}

static void results_and_errors(void **state)
{
    static const char chunk[] =
        "for _, fn in ipairs{later, at_once, threaded, worked} do\n"
        "    local n, text, more = fn(21)\n"
        "    same(n, 42) same(text, 'doubled') same(more, nil)\n"
        "    same(select('#', fn(-1)), 0)\n"
        "    fails('2000 is too large', fn, 2000)\n"
        "    for i = 8, 40 do same((fn(i)), 2 * i) end\n"
        "end\n";
    (void)state;
    run_chunk(chunk, true);
    run_chunk(chunk, false);
}

static void many_at_once(void **state)
{
    (void)state;
    run_chunk("local fns, kinds = {}, {later, at_once, threaded, worked}\n"
              "for i = 1, 60 do\n"
              "    fns[i] = function() return (kinds[i % 4 + 1](i + 10)) end\n"
              "end\n"
              "local got = {gather(fns)}\n"
              "for i = 1, 60 do same(got[i], 2 * (i + 10)) end\n",
              true);
}

static void in_coroutines_of_the_app(void **state)
{
    (void)state;
    run_chunk("local co = coroutine.wrap(function()\n"
              "    coroutine.yield(1)\n"
              "    coroutine.yield((later(2)))\n"
              "    coroutine.yield((threaded(3)))\n"
              "end)\n"
              "same(co(), 1) same(co(), 4) same(co(), 6)\n",
              true);
}

static void where_nothing_can_wait(void **state)
{
    (void)state;
    run_chunk("for _, fn in ipairs{later, never, worked} do\n"
              "    fails(\"can't wait inside a callback of 'table.sort'\", table.sort,\n"
              "          {1, 2}, function() fn(1) end)\n"
              "end\n",
              true);
    run_chunk("fails('nothing is left that could end this wait', never)\n", false);
    assert_int_equal(n_cancelled, 1);
}

static void tasks_that_are_ended(void **state)
{
    (void)state;
    run_chunk("fails('timeout', timeout, 0.002, function() never() end)\n"
              "fails('timeout', timeout, 0.002, function() late(1) end)\n"
              "fails('timeout', timeout, 0.002, function() worked(7) end)\n"
              "fails('enough', gather, {function() never() end,\n"
              "      function() later(1) error('enough', 0) end})\n",
              true);
    assert_int_equal(n_cancelled, 4);
}

static void ends_at_any_moment(void **state)
{
    (void)state;
    run_chunk("local kinds = {later, at_once, threaded, worked}\n"
              "for i = 1, 300 do\n"
              "    local v = i + 10\n"
              "    local ok, n = pcall(timeout, (i % 10) * 1e-5, function()\n"
              "        return (kinds[i % 4 + 1](v)) end)\n"
              "    same(ok and n or 2 * v, 2 * v)\n"
              "end\n",
              true);
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    api = cflask_open(L, CFLASK_ABI);
    const luaL_Reg functions[] = {
        {"later", later},       {"at_once", at_once}, {"never", never}, {"late", late},
        {"threaded", threaded}, {"worked", worked},   {NULL, NULL}};
    for (const luaL_Reg *f = functions; f->name; f++) {
        api->push_waiting(L, f->func);
        lua_setglobal(L, f->name);
    }
    return luaL_dostring(L, prelude);
}

static int close_lua(void **state)
{
    (void)state;
    bool is_quiet = pool_close(60000);
    lua_close(L);
    worker_close();
    return is_quiet ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_errors),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(in_coroutines_of_the_app),
        cmocka_unit_test(where_nothing_can_wait),
        cmocka_unit_test(tasks_that_are_ended),
        cmocka_unit_test(ends_at_any_moment),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
