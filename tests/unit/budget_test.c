/* What a task has computed, and to whom it counts; ticks are made by hand here. */
#include "budget.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdlib.h>

static lua_State *L;
static struct context context = {NULL, NULL, LUA_NOREF};

static void ignore(struct task *t)
{
    (void)t;
}

static void tick(unsigned microseconds)
{
    atomic_fetch_add(&b.pending, microseconds);
}

/* tick_lua(microseconds) */
static int tick_lua(lua_State *co)
{
    tick((unsigned)lua_tointeger(co, 1));
    return 0;
}

static void load(struct task *t, const char *chunk)
{
    assert_int_equal(luaL_loadstring(t->co, chunk), LUA_OK);
}

static void all_resumes_count(void **state)
{
    (void)state;
    struct task t;
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    for (int i = 0; i < 3; i++) {
        load(&t, "tick(100)");
        assert_int_equal(task_resume(&t, 0), OUTCOME_DONE);
    }
    assert_int_equal(t.budget.used, 300);
    task_end(&t);
    assert_int_equal(t.budget.used, 0);
}

static void children_count_for_their_parent(void **state)
{
    (void)state;
    struct task parent, child;
    assert_int_equal(task_init(&parent, L, &context, ignore), 0);
    assert_int_equal(task_init(&child, L, &context, ignore), 0);
    child.release = ignore;
    task_adopt(&parent, &child);
    load(&child, "tick(40)");
    task_resume(&child, 0);
    load(&parent, "tick(2)");
    task_resume(&parent, 0);
    assert_int_equal(parent.budget.used, 42);
    assert_int_equal(child.budget.used, 0);
    task_end(&parent);
}

/* A turn begins between two ticks: of the first one's time it may have had next to none.
 */
static void a_turns_first_tick_is_not_counted(void **state)
{
    (void)state;
    struct task t;
    if (!LUAX_HAS_HOOKS)
        skip(); /* turns have no end there */
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    struct run run;
    budget_enter(&run, &t);
    tick(1000);
    count(&run);
    assert_int_equal(t.budget.in_turn, 0);
    tick(1000);
    assert_int_equal(budget_leave(&run), BUDGET_KEPT);
    assert_int_equal(t.budget.in_turn, 1000);
    budget_enter(&run, &t);
    budget_leave(&run);
    assert_int_equal(t.budget.in_turn, 0);
    assert_int_equal(t.budget.used, 2000);
    task_end(&t);
}

#if LUAX_HAS_HOOKS

static void what_no_task_computes_counts_for_none(void **state)
{
    (void)state;
    struct task t;
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    struct run run = {.L = L};
    begin(&run);
    tick(5000);
    load(&t, "tick(7)");
    task_resume(&t, 0);
    end(&run);
    assert_int_equal(t.budget.used, 7);
    task_end(&t);
}

static int n_foreign;

static void foreign_hook(lua_State *co, lua_Debug *ar)
{
    (void)co, (void)ar;
    n_foreign++;
}

/* Set while a C function runs, our hook takes itself off again; the other one stays. */
static int arm_lua(lua_State *co)
{
    arm(co, 1);
    return 0;
}

static void somebodys_hook_is_put_back(void **state)
{
    (void)state;
    struct task t;
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    lua_sethook(t.co, foreign_hook, LUA_MASKCOUNT, 1);
    lua_pushcfunction(t.co, arm_lua);
    lua_setglobal(t.co, "arm");
    load(&t, "arm() local x = 1 x = 2 x = 3 return x");
    n_foreign = 0;
    assert_int_equal(task_resume(&t, 0), OUTCOME_DONE);
    assert_true(n_foreign > 3);
    assert_ptr_equal(lua_gethook(t.co), foreign_hook);
    lua_sethook(t.co, NULL, 0, 0);
    task_end(&t);
}

/* What is over is not resumed by its own means: at the first instruction it is parked. */
static void what_is_over_runs_no_more(void **state)
{
    (void)state;
    struct task t;
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    t.budget.is_over = true;
    load(&t, "ran = true");
    assert_int_equal(task_resume(&t, 0), OUTCOME_FAILED);
    assert_true(task_is_over(&t));
    lua_getglobal(L, "ran");
    assert_true(lua_isnil(L, -1));
    task_push_error(&t);
    assert_non_null(strstr(lua_tostring(L, -1), "HANDLER_CPU_LIMIT"));
    lua_settop(L, 0);
    task_renew(&t);
    load(&t, "ran = true");
    assert_int_equal(task_resume(&t, 0), OUTCOME_DONE);
    task_end(&t);
}

/* In a sort function only errors lead out; the coroutine dies of one inside a hook, and
   the task needs another. */
static void a_hook_is_called_after_errors_out_of_one(void **state)
{
    (void)state;
    struct task t;
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    lua_pushcfunction(t.co, arm_lua);
    lua_setglobal(t.co, "arm");
    for (int i = 0; i < 2; i++) {
        load(&t, "over() table.sort({3, 2, 1}, function() arm() while true do end end)");
        assert_int_equal(task_resume(&t, 0), OUTCOME_FAILED);
        task_renew(&t);
    }
    task_end(&t);
}

static int n_cancelled;

static void count_cancel(struct task *t)
{
    (void)t;
    n_cancelled++;
}

/* Passes the limit and waits, with no instruction in between. */
static int over_and_wait_lua(lua_State *co)
{
    task_current()->budget.is_over = true;
    task_current()->cancel = count_cancel;
    return task_park(co);
}

static void what_is_over_waits_for_nothing(void **state)
{
    (void)state;
    struct task t;
    n_cancelled = 0;
    assert_int_equal(task_init(&t, L, &context, ignore), 0);
    lua_pushcfunction(t.co, over_and_wait_lua);
    assert_int_equal(task_resume(&t, 0), OUTCOME_FAILED);
    assert_int_equal(n_cancelled, 1);
    task_renew(&t);
    load(&t, "return");
    assert_int_equal(task_resume(&t, 0), OUTCOME_DONE);
    task_end(&t);
    assert_int_equal(n_cancelled, 1);
}

static int over_lua(lua_State *co)
{
    (void)co;
    task_current()->budget.is_over = true;
    return 0;
}

#endif

static int open_lua(void **state)
{
    (void)state;
    struct event_base *base = event_base_new();
    tasks_open(base);
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_pushcfunction(L, tick_lua);
    lua_setglobal(L, "tick");
#if LUAX_HAS_HOOKS
    lua_pushcfunction(L, over_lua);
    lua_setglobal(L, "over");
#endif
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    struct event_base *base = tasks_base();
    lua_close(L);
    tasks_close();
    event_base_free(base);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_resumes_count),
        cmocka_unit_test(children_count_for_their_parent),
        cmocka_unit_test(a_turns_first_tick_is_not_counted),
#if LUAX_HAS_HOOKS
        cmocka_unit_test(what_no_task_computes_counts_for_none),
        cmocka_unit_test(somebodys_hook_is_put_back),
        cmocka_unit_test(what_is_over_runs_no_more),
        cmocka_unit_test(what_is_over_waits_for_nothing),
        cmocka_unit_test(a_hook_is_called_after_errors_out_of_one),
#endif
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
