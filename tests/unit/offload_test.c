/* Tasks that wait for the pool. Each test is a Lua chunk in which double(n) doubles n on
   a thread, and which raises when something is wrong. */
#include "offload.c"

#include "core_lua.h"
#include "wait.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sched.h>
#include <stdlib.h>

static lua_State *L;
static int n_made, n_released;

struct number {
    struct offload offload; /* first */
    lua_Integer value;
};

static void double_it(struct pool_job *job)
{
    ((struct number *)job)->value *= 2;
}

static void wait_for_cancel(struct pool_job *job)
{
    while (!pool_is_cancelled(job))
        sched_yield();
}

static int push_number(lua_State *co, struct offload *o)
{
    lua_Integer value = ((struct number *)o)->value;
    if (value > 1000)
        return luaL_error(co, "%d is too large", (int)value);
    lua_pushinteger(co, value);
    lua_pushliteral(co, "doubled");
    return value < 0 ? 0 : 2;
}

static void release(struct pool_job *job)
{
    n_released++;
    free(job);
}

static int start(lua_State *co, void (*work)(struct pool_job *job))
{
    lua_Integer value = luaL_optinteger(co, 1, 0);
    struct number *n = calloc(1, sizeof *n);
    n->offload.job.work = work;
    n->offload.job.release = release;
    n->offload.finish = push_number;
    n->value = value;
    n_made++;
    return offload(co, &n->offload);
}

static int double_lua(lua_State *co)
{
    return start(co, double_it);
}

static int stay_lua(lua_State *co)
{
    return start(co, wait_for_cancel);
}

static const char prelude[] =
    "local core = require 'cflask.core'\n"
    "gather, timeout, sleep, spawn = core.gather, core.timeout, core.sleep, core.spawn\n"
    "run_task = core.run_task\n"
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

/* Runs the chunk, in a task or outside of any; then no job is left. */
static void run_chunk(const char *chunk, bool in_task)
{
    lua_settop(L, 0);
    n_made = n_released = 0;
    lua_getglobal(L, "run_task");
    if (!in_task)
        lua_settop(L, 0);
    if (luaL_loadstring(L, chunk) || lua_pcall(L, in_task ? 1 : 0, 0, 0))
        fail_msg("%s", lua_tostring(L, -1));
    while (wait_spawned(NULL) > 0 || n_released < n_made)
        assert_int_equal(event_base_loop(tasks_base(), EVLOOP_ONCE), 0);
    assert_int_equal(n_released, n_made);
    assert_true(n_made > 0);
    lua_settop(L, 0);
}

static void results_and_errors(void **state)
{
    static const char chunk[] =
        "local n, text, more = double(21)\n"
        "same(n, 42) same(text, 'doubled') same(more, nil)\n"
        "same(select('#', double(-1)), 0)\n"
        "fails('2000 is too large', double, 1000)\n"
        "local function f(a, b, c) local n = double(a) return n + b + c end\n"
        "for i = 1, 50 do same(f(i, 1, 2), 2 * i + 3) end\n";
    (void)state;
    run_chunk(chunk, true);
    run_chunk(chunk, false);
}

static void others_go_on(void **state)
{
    (void)state;
    run_chunk("local order = {}\n"
              "gather{function() double(1) order[#order + 1] = 'thread' end,\n"
              "  function() order[#order + 1] = 'loop' end}\n"
              "same(table.concat(order, ' '), 'loop thread')\n"
              "local fns = {}\n"
              "for i = 1, 100 do fns[i] = function() return double(i) end end\n"
              "local sum = 0 for _, n in ipairs{gather(fns)} do sum = sum + n end\n"
              "same(sum, 10100)\n",
              true);
}

static void in_coroutines_of_the_app(void **state)
{
    (void)state;
    run_chunk("local co = coroutine.wrap(function(a)\n"
              "  local b = coroutine.yield((double(a))) return (double(b)) end)\n"
              "same(co(1), 2) same(co(5), 10)\n"
              "local bad = coroutine.create(function() double(1000) end)\n"
              "local ok, e = coroutine.resume(bad)\n"
              "same(ok, false) same(e:find('too large') ~= nil, true)\n",
              true);
}

static void where_nothing_can_wait(void **state)
{
    (void)state;
    run_chunk("fails(\"callback of 'string.gsub'\", string.gsub, 'x', 'x', function()\n"
              "  double(1) end)\n",
              true);
}

static void tasks_that_are_ended(void **state)
{
    (void)state;
    run_chunk(
        "fails('timeout', timeout, 0.01, function() stay() error('went on') end)\n"
        "fails('first', gather, {stay, function() sleep(0.01) error('first') end, stay,\n"
        "  stay, stay, stay, stay, stay})\n"
        "fails('timeout', timeout, 0.01, function() gather{stay, stay, double} end)\n"
        "same((timeout(60, function() return (double(4)) end)), 8)\n",
        true);
}

/* The results are on their way when time is over: both orders must come out well. */
static void ends_at_any_moment(void **state)
{
    (void)state;
    run_chunk("for i = 1, 300 do\n"
              "  local ok, n = pcall(timeout, (i % 10) * 1e-5, function()\n"
              "    return (double(i)) end)\n"
              "  same(ok and n or 2 * i, 2 * i)\n"
              "end\n",
              true);
}

static void queue_is_bounded(void **state)
{
    (void)state;
    run_chunk("local fns = {}\n"
              "for i = 1, 400 do fns[i] = function() stay() end end\n"
              "fails('503', gather, fns)\n",
              true);
    assert_in_range(n_made, MAX_OFFLOADED, 300);
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    luax_pushwaiting(L, double_lua);
    lua_setglobal(L, "double");
    luax_pushwaiting(L, stay_lua);
    lua_setglobal(L, "stay");
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
        cmocka_unit_test(others_go_on),
        cmocka_unit_test(in_coroutines_of_the_app),
        cmocka_unit_test(where_nothing_can_wait),
        cmocka_unit_test(tasks_that_are_ended),
        cmocka_unit_test(ends_at_any_moment),
        cmocka_unit_test(queue_is_bounded),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
