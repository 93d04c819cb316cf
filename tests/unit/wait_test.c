/* Sleeping, gathering, timing out, spawning. Each test is a Lua chunk, run in a task,
   that raises when something is wrong. */
#include "wait.c"

#include "core_lua.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static lua_State *L;

static const char prelude[] =
    "core = require 'cflask.core'\n"
    "sleep, spawn = core._sleep, core._spawn\n"
    "local function finish(ok, ...)\n"
    "    if ok then return ... end\n"
    "    if ok == false then error((...), 0) end\n"
    "    error('cut', 0)\n"
    "end\n"
    "function gather(...) return finish(core._gather(...)) end\n"
    "function timeout(...) return finish(core._timeout(...)) end\n"
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
    "end\n"
    "function numbers(n) local t = {} for i = 1, n do t[i] = i end return t end\n";

/* `x` of `local x` is closed where the language knows that, else nothing is. A call takes
   about 8,000 values in LuaJIT. */
#if LUAX_HAS_CLOSE
#define MANY      "100000"
#define CLOSE     " <close>"
#define CLOSED(n) "same(closed, " n ")"
#else
#define MANY      "3000"
#define CLOSE     ""
#define CLOSED(n) "same(closed, 0)"
#endif

/* Runs the chunk in a task, then what it spawned, and checks that nothing is left. */
static void run_chunk(const char *chunk)
{
    lua_settop(L, 0);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "cflask.core");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "run_task");
    if (luaL_loadstring(L, chunk) || lua_pcall(L, 1, 0, 0))
        fail_msg("%s", lua_tostring(L, -1));
    while (wait_spawned(NULL) > 0)
        event_base_loop(tasks_base(), EVLOOP_ONCE);
    assert_null(task_current());
    assert_null(spawned);
    lua_settop(L, 0);
}

static void sleeping(void **state)
{
    (void)state;
    struct timespec began, over;
    clock_gettime(CLOCK_MONOTONIC, &began);
    run_chunk("same(select('#', sleep(0.02)), 0) sleep(0)\n"
              "for _, bad in ipairs{-1, 0/0, 1e9, math.huge, -math.huge} do\n"
              "  fails('seconds', sleep, bad)\n"
              "end\n"
              "fails('number', sleep) fails('number', sleep, 'x')");
    clock_gettime(CLOCK_MONOTONIC, &over);
    assert_true((over.tv_sec - began.tv_sec) * 1000000000LL + over.tv_nsec -
                    began.tv_nsec >=
                19000000);
}

static void gathering(void **state)
{
    (void)state;
    run_chunk(
        "local log = {}\n"
        "local a, b, c = gather{\n"
        "  function() sleep(0.3) log[#log + 1] = 'a' return 'A', 'dropped' end,\n"
        "  function() log[#log + 1] = 'b' end,\n"
        "  function() sleep(0.01) log[#log + 1] = 'c' return false end}\n"
        "same(a, 'A') same(b, nil) same(c, false) same(table.concat(log), 'bca')\n"
        "same(select('#', gather{}), 0) same(select('#', gather{sleep and print}), 1)\n"
        "fails('item 2 is a number', gather, {print, 5}) fails('table', gather)\n"
        "same(select('#', gather{function() end, function() end, function() end}), 3)\n");
}

static void the_first_error_ends_the_others(void **state)
{
    (void)state;
    run_chunk(
        "local went_on, closed = false, 0\n"
        "local mark = setmetatable({}, {__close = function() closed = closed + 1 end})\n"
        "local function slow() local x" CLOSE " = mark sleep(5) went_on = true end\n"
        "local ok, e = pcall(gather, {slow, function() sleep(0.01) error({code = 7}) "
        "end, slow})\n"
        "same(ok, false) same(e.code, 7) " CLOSED(
            "2") " same(went_on, false)\n"
                 "fails('nil here', gather, {function() error('nil here') end, error})\n"
                 "local ok, e = pcall(gather, {function() error() end}) same(ok, false) "
                 "same(e, "
                 "nil)\n");
}

static void nested(void **state)
{
    (void)state;
    run_chunk("local function tree(n)\n"
              "  if n == 0 then sleep(0.001) return 1 end\n"
              "  local a, b = gather{function() return tree(n - 1) end, function() "
              "return tree(n - 1) end}\n"
              "  return a + b\n"
              "end\n"
              "same(tree(6), 64)\n"
              "fails('cut', timeout, 0.02, function() gather{function() sleep(5) end,\n"
              "  function() timeout(5, function() sleep(9) end) end} end)\n"
              "same(timeout(1, function() return tree(3) end), 8)\n");
}

static void timing_out(void **state)
{
    (void)state;
    run_chunk("same(select('#', timeout(1, function() end)), 0)\n"
              "local a, b, c = timeout(1, function() sleep(0.001) return 1, nil, 3 end)\n"
              "same(a, 1) same(b, nil) same(c, 3)\n"
              "local n = 0\n"
              "fails('cut', timeout, 0.01, function() sleep(1) n = 1 end)\n"
              "fails('cut', timeout, 0, function() sleep(1) n = 1 end)\n"
              "same(n, 0)\n"
              "fails('own', timeout, 1, function() error('own') end)\n"
              "fails('function', timeout, 1) fails('seconds', timeout, -1, print)\n"
              "for i = 1, 50 do same(timeout(0.1 * (i % 3 + 1), function() return i "
              "end), i) end\n");
}

/* As many results as a stack can hold, and more than two can. */
static void many_results(void **state)
{
    (void)state;
    run_chunk(
        "for _, n in ipairs{0, 1, 10, 19, 20, 21, 50, 100, 1000, " MANY "} do\n"
        "  local t = numbers(n)\n"
        "  same(select('#', timeout(1, function() return table.unpack(t) end)), n)\n"
        "  local fns = {}\n"
        "  for i = 1, math.min(n, 1000) do fns[i] = function() return i end end\n"
        "  same(select('#', gather(fns)), #fns)\n"
        "end\n"
        "if jit then return end\n"
        "local t = numbers(999000)\n"
        "local function deep(...)\n"
        "  local n = select('#', timeout(1, function() return table.unpack(t, 1, 700000) "
        "end))\n"
        "  return n, ...\n"
        "end\n"
        "fails('too many', deep, table.unpack(t, 1, 400000))\n");
}

static void spawning(void **state)
{
    (void)state;
    run_chunk("log = {}\n"
              "spawn(function(...) sleep(0.001) log[#log + 1] = select('#', ...) end, 1, "
              "nil, 3, nil)\n"
              "spawn(function() spawn(function() log[#log + 1] = 'inner' end) end)\n"
              "same(#log, 0) fails('function', spawn)\n"
              "for _, n in ipairs{10, 17, 18, 19, 20, 25, 40, 100, 1000, " MANY "} do\n"
              "  spawn(function(...) log[#log + 1] = select('#', ...) == n\n"
              "        same((select(n, ...)), n) end, table.unpack(numbers(n)))\n"
              "end\n");
    assert_false(luaL_dostring(
        L, "same(#log, 12) local n = 0\n"
           "for _, x in ipairs(log) do if x == true then n = n + 1 end end\n"
           "same(n, 10) same(log[1] ~= false, true)\n"));
}

/* The end of what was spawned: whatever it is doing. */
static void ending_the_spawned(void **state)
{
    (void)state;
    assert_false(luaL_dostring(
        L,
        "closed = 0\n"
        "local function spawned()\n"
        "  local x" CLOSE " = setmetatable({}, {__close = function() closed = closed + "
        "1 end})\n"
        "  gather{function() sleep(100) end, function() timeout(50, function() "
        "sleep(60) end) end}\n"
        "end\n"
        "core.run_task(function() for i = 1, 5 do spawn(spawned) end sleep(0.001)\n"
        "  spawn(spawned) end)\n"));
    assert_int_equal(wait_spawned(NULL), 6);
    wait_end_spawned(NULL);
    assert_int_equal(wait_spawned(NULL), 0);
    assert_false(luaL_dostring(L, CLOSED("5")));
    lua_gc(L, LUA_GCCOLLECT, 0);
}

/* An error of a spawned task is logged, and its whole traceback with it: on the dead
   stack, whatever its frames had taken of it. */
static void errors_of_the_spawned_are_logged(void **state)
{
    (void)state;
    int file = open("/tmp", O_TMPFILE | O_RDWR, 0600), kept = dup(STDERR_FILENO);
    dup2(file, STDERR_FILENO);
    run_chunk(
        "local function boom(n, ...) if n == 0 then error(setmetatable({}, {__tostring "
        "=\n"
        "  function() return 'lost in space' end})) end boom(n - 1, ...) end\n"
        "for n = 0, 40 do spawn(function() boom(n, table.unpack(numbers(n))) end) end\n"
        "spawn(function() local function f() return 1 + f() end f() end)\n"
        "spawn(string.rep)\n"
        "spawn(error)\n"
        "spawn(error, setmetatable({}, {__tostring = error}))\n"
        "spawn(error, setmetatable({}, {__tostring = function() return 7 end}))\n");
    dup2(kept, STDERR_FILENO);
    close(kept);
    static char text[200000];
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    text[n] = '\0';
    close(file);
    int found = 0;
    for (char *at = text; (at = strstr(at, "a spawned task failed: lost in space")); at++)
        found++;
    assert_int_equal(found, 41);
    assert_non_null(strstr(text, "stack overflow"));
    assert_non_null(strstr(text, "bad argument"));
    assert_non_null(strstr(text, "whose __tostring fails"));
    assert_non_null(strstr(text, "stack traceback:"));
}

static void through_pcall_and_metamethods(void **state)
{
    (void)state;
    run_chunk("local ok = pcall(string.gsub, 'a', 'a', function() sleep(0) end) same(ok, "
              "false)\n"
              "local t = setmetatable({}, {__index = function(_, k) sleep(0.001) return "
              "k end})\n"
              "same(t.x, 'x') same(pcall(sleep, 0), true)\n");
}

static void outside_of_tasks(void **state)
{
    (void)state;
    lua_settop(L, 0);
    if (luaL_dostring(
            L, "fails('nothing can wait', sleep, 1)\n"
               "fails('nothing can wait', gather, {print})\n"
               "fails('nothing can wait', timeout, 1, print)\n"
               "same(core.can_wait(), false)\n"
               "local run = core.run_task\n"
               "same(run(core.can_wait), true)\n"
               "local a, b = run(function(...) sleep(0.001) return ... end, 1, 2)\n"
               "same(a, 1) same(b, 2) fails('own', run, error, 'own')\n"
               "fails('inside a running', run, run, print)\n"
               "same(select('#', run(table.unpack, numbers(5000))), 5000)\n"))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void nothing_stays_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        run_chunk(
            "for i = 1, 100 do gather{function() sleep(0) end, function() end}\n"
            "pcall(gather, {error, print and sleep})\n"
            "timeout(5, function() end) pcall(timeout, 0, function() sleep(9) end) end");
        lua_gc(L, LUA_GCCOLLECT, 0);
    }
    int n = lua_gc(L, LUA_GCCOUNT, 0);
    run_chunk(
        "for i = 1, 3000 do gather{function() sleep(0) end, function() end}\n"
        "pcall(gather, {error, print and sleep})\n"
        "timeout(5, function() end) pcall(timeout, 0, function() sleep(9) end) end");
    lua_gc(L, LUA_GCCOLLECT, 0);
    assert_true(lua_gc(L, LUA_GCCOUNT, 0) < n + 50);
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    return luaL_dostring(L, prelude);
}

static int close_lua(void **state)
{
    (void)state;
    lua_close(L);
    worker_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping),
        cmocka_unit_test(gathering),
        cmocka_unit_test(the_first_error_ends_the_others),
        cmocka_unit_test(nested),
        cmocka_unit_test(timing_out),
        cmocka_unit_test(many_results),
        cmocka_unit_test(spawning),
        cmocka_unit_test(ending_the_spawned),
        cmocka_unit_test(errors_of_the_spawned_are_logged),
        cmocka_unit_test(through_pcall_and_metamethods),
        cmocka_unit_test(outside_of_tasks),
        cmocka_unit_test(nothing_stays_behind),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
