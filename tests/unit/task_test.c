#include "task.c"

#include "core_lua.h"
#include "wait.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

static lua_State *L;

/* A task of the tests: counts how often it was called to go on. */
struct counted {
    struct task task; /* first */
    int n_called, n_cancelled, n_released;
    enum outcome outcome;
};

static void go_on(struct task *t)
{
    struct counted *c = (struct counted *)t;
    c->n_called++;
    c->outcome = task_resume(t, t->n_values);
}

static void cancel(struct task *t)
{
    ((struct counted *)t)->n_cancelled++;
}

static void release(struct task *t)
{
    ((struct counted *)t)->n_released++;
}

/* Pushes the function that the chunk is. */
static void push_chunk(lua_State *to, const char *chunk)
{
    if (luaL_loadstring(to, chunk))
        fail_msg("%s", lua_tostring(to, -1));
}

static void start(struct counted *c, struct context *context, const char *chunk)
{
    memset(c, 0, sizeof *c);
    task_init(&c->task, L, context, go_on);
    c->task.release = release;
    push_chunk(c->task.co, chunk);
}

static int park_lua(lua_State *co)
{
    task_check_wait(co);
    return task_park(co);
}

static void loop_once(void)
{
    event_base_loop(tasks_base(), EVLOOP_ONCE);
}

static void results_and_errors(void **state)
{
    (void)state;
    struct counted c;
    start(&c, NULL, "return 1, nil, 'x'");
    assert_int_equal(task_resume(&c.task, 0), OUTCOME_DONE);
    assert_int_equal(lua_gettop(c.task.co), 3);
    assert_string_equal(lua_tostring(c.task.co, 3), "x");
    assert_int_equal(c.task.state, TASK_IDLE);
    lua_settop(c.task.co, 0);

    push_chunk(c.task.co, "local secret = 7 error({})"); /* again on the same coroutine */
    assert_int_equal(task_resume(&c.task, 0), OUTCOME_FAILED);
    assert_true(lua_istable(c.task.co, -1));
    lua_Debug frame;
    assert_true(
        lua_getstack(c.task.co, 1, &frame)); /* the dead frame can still be read */
    assert_string_equal(lua_getlocal(c.task.co, &frame, 1), "secret");
    assert_int_equal(c.task.state, TASK_DEAD);
    task_renew(&c.task);
    push_chunk(c.task.co, "return ...");
    lua_pushinteger(c.task.co, 5);
    assert_int_equal(task_resume(&c.task, 1), OUTCOME_DONE);
    assert_int_equal(lua_tointeger(c.task.co, 1), 5);
    task_end(&c.task);
    assert_null(task_current());
}

/* The debugger's: the frames stay, and their to-be-closed variables open, until it ends
 * them. */
static void dead_frames_can_be_taken(void **state)
{
    (void)state;
    struct counted c;
    start(&c, NULL, "local secret = 7 error('x')");
    assert_int_equal(task_resume(&c.task, 0), OUTCOME_FAILED);
    lua_State *dead = c.task.co;
    int ref = task_take_dead(&c.task);
    push_chunk(c.task.co, "return 1");
    assert_int_equal(task_resume(&c.task, 0), OUTCOME_DONE);
    task_end(&c.task);
    lua_Debug frame;
    assert_true(lua_getstack(dead, 1, &frame));
    assert_string_equal(lua_getlocal(dead, &frame, 1), "secret");
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
}

static void parks_and_wakes_from_the_loop_only(void **state)
{
    (void)state;
    struct counted c;
    start(&c, NULL, "local a, b = park(1, 2) return select('#', park()), a, b");
    assert_int_equal(task_resume(&c.task, 0), OUTCOME_PARKED);
    assert_int_equal(c.task.state, TASK_PARKED);
    assert_int_equal(c.n_called, 0);
    lua_pushinteger(c.task.co, 10);
    lua_pushinteger(c.task.co, 20);
    task_wake(&c.task, 2);
    assert_int_equal(c.n_called, 0);
    loop_once();
    assert_int_equal(c.n_called, 1);
    assert_int_equal(c.outcome, OUTCOME_PARKED);
    task_wake(&c.task, 0);
    loop_once();
    assert_int_equal(c.outcome, OUTCOME_DONE);
    assert_int_equal(lua_tointeger(c.task.co, 1), 0);
    assert_int_equal(lua_tointeger(c.task.co, 2), 10);
    assert_int_equal(lua_tointeger(c.task.co, 3), 20);
    task_end(&c.task);
}

static void yields_of_the_app_go_nowhere(void **state)
{
    (void)state;
    static const char *const chunks[] = {"coroutine.yield()", "coroutine.yield(1, 2, 3)",
                                         "coroutine.yield(io.stdout)"};
    for (int i = 0; i < 3; i++) {
        struct counted c;
        start(&c, NULL, chunks[i]);
        assert_int_equal(task_resume(&c.task, 0), OUTCOME_FAILED);
        assert_non_null(strstr(lua_tostring(c.task.co, -1), "outside a coroutine"));
        task_end(&c.task);
    }
}

/* Those that wake one another forever must let the loop look at its sockets and timers.
 */
static struct counted pair[2];
static bool is_over;
static int n_rounds;

static void wake_other(struct task *t)
{
    struct counted *other = t == &pair[0].task ? &pair[1] : &pair[0];
    n_rounds++;
    t->state = TASK_IDLE;
    if (!is_over)
        task_requeue(&other->task);
}

static void end_other_and_requeue(struct task *t)
{
    struct counted *other = t == &pair[0].task ? &pair[1] : &pair[0];
    n_rounds++;
    t->state = TASK_IDLE;
    task_stop(&other->task); /* may be the last of this round */
    if (is_over || n_rounds > 100000)
        return;
    task_requeue(t);
    task_requeue(&other->task);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    is_over = true;
}

static void the_loop_gets_its_turn(void **state)
{
    (void)state;
    void (*const ways[])(struct task *) = {wake_other, end_other_and_requeue};
    for (int i = 0; i < 2; i++) {
        struct timeval soon = {0, 20000};
        struct event *timer = event_new(tasks_base(), -1, 0, on_time, NULL);
        is_over = false;
        n_rounds = 0;
        for (int j = 0; j < 2; j++) {
            memset(&pair[j], 0, sizeof pair[j]);
            task_init(&pair[j].task, L, NULL, ways[i]);
            task_requeue(&pair[j].task);
        }
        event_add(timer, &soon);
        while (!is_over)
            loop_once();
        assert_true(n_rounds > 2 && n_rounds < 100000);
        event_free(timer);
        task_end(&pair[0].task);
        task_end(&pair[1].task);
        loop_once();
    }
}

static void those_that_end_leave_the_queue(void **state)
{
    (void)state;
    for (int ended = 0; ended < 8; ended++) {
        struct counted c[3];
        for (int i = 0; i < 3; i++) {
            start(&c[i], NULL, "return 1");
            task_requeue(&c[i].task);
        }
        for (int i = 0; i < 3; i++)
            if (ended & 1 << i)
                task_end(&c[i].task);
        struct counted last; /* the queue's end is where it should be */
        start(&last, NULL, "return 1");
        task_requeue(&last.task);
        loop_once();
        assert_int_equal(last.n_called, 1);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(c[i].n_called, !(ended & 1 << i));
            if (!(ended & 1 << i))
                task_end(&c[i].task);
        }
        task_end(&last.task);
    }
}

static void the_end_cancels_and_closes(void **state)
{
    (void)state;
    struct counted c;
    lua_pushinteger(L, 0);
    lua_setglobal(L, "closed");
    const char *chunk =
        LUAX_HAS_CLOSE
            ? "local x <close> = setmetatable({}, {__close = function() closed = closed "
              "+ 1 park() end}) park()" /* a wait there is an error that hurts nobody */
            : "park()";
    start(&c, NULL, chunk);
    task_resume(&c.task, 0);
    c.task.cancel = cancel;
    task_stop(&c.task);
    assert_int_equal(c.n_cancelled, 1);
    assert_int_equal(c.task.state, TASK_IDLE);
    push_chunk(c.task.co, chunk); /* usable again */
    task_resume(&c.task, 0);
    c.task.cancel = cancel;
    task_wake(&c.task, 0); /* what it waited for has come: nothing to cancel */
    task_end(&c.task);
    assert_int_equal(c.n_cancelled, 1);
    lua_getglobal(L, "closed");
    assert_int_equal(lua_tointeger(L, -1), LUAX_HAS_CLOSE ? 2 : 0);
    lua_settop(L, 0);
    assert_true(c.n_called == 0);
}

static void children_end_with_their_parent(void **state)
{
    (void)state;
    struct counted parent, child[3], grandchild;
    start(&parent, NULL, "park()");
    task_resume(&parent.task, 0);
    for (int i = 0; i < 3; i++) {
        start(&child[i], NULL, "park()");
        task_resume(&child[i].task, 0);
        child[i].task.cancel = cancel;
        task_adopt(&parent.task, &child[i].task);
    }
    start(&grandchild, NULL, "return");
    task_requeue(&grandchild.task);
    task_adopt(&child[0].task, &grandchild.task);
    task_end(&child[1].task); /* one alone leaves its parent */
    task_end(&parent.task);
    assert_int_equal(child[0].n_released + child[2].n_released + grandchild.n_released,
                     3);
    assert_int_equal(child[1].n_released, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(child[i].n_cancelled, 1);
    assert_int_equal(grandchild.n_called, 0);
}

static void what_runs_has_its_context(void **state)
{
    (void)state;
    struct context context = {NULL, NULL, LUA_NOREF};
    struct counted c;
    assert_null(context_current());
    start(&c, &context, "");
    lua_settop(c.task.co, 0);
    context_push_locals(L, &context);
    lua_pushinteger(L, 1);
    lua_setfield(L, -2, "x");
    context_push_locals(L, &context); /* the same table */
    assert_true(lua_rawequal(L, -1, -2));
    context_clear(L, &context);
    context_push_locals(L, &context);
    lua_getfield(L, -1, "x");
    assert_true(lua_isnil(L, -1));
    context_clear(L, &context);
    lua_settop(L, 0);
    task_end(&c.task);
}

/* What stands in the way of a wait is named. */
static void obstacles_have_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"string.gsub('a', 'a', function() park() end)", "string.gsub"},
        {"table.sort({2, 1}, function() park() end)", "table.sort"},
        {"pcall(string.gsub, 'a', 'a', function() local ok, e = pcall(park) message = e "
         "end) "
         "error(message, 0)",
         "string.gsub"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct counted c;
        start(&c, NULL, cases[i][0]);
        if (task_resume(&c.task, 0) != OUTCOME_FAILED)
            fail_msg("%s", cases[i][0]);
        assert_non_null(strstr(lua_tostring(c.task.co, -1), cases[i][1]));
        task_end(&c.task);
    }
    assert_true(luaL_dostring(L, "park()"));
    assert_non_null(strstr(lua_tostring(L, -1), "nothing can wait here"));
    lua_settop(L, 0);
}

/* CPU seconds that n children take to end. */
static double time_of_ending(int n, bool is_backwards)
{
    struct counted *c = calloc((size_t)n, sizeof *c), parent;
    struct timespec began, over;
    start(&parent, NULL, "park()");
    task_resume(&parent.task, 0);
    for (int i = 0; i < n; i++) {
        start(&c[i], NULL, "return");
        task_adopt(&parent.task, &c[i].task);
        task_requeue(&c[i].task);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
    for (int i = 0; i < n; i++)
        task_end(&c[is_backwards ? n - 1 - i : i].task);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &over);
    task_end(&parent.task);
    free(c);
    return (double)(over.tv_sec - began.tv_sec) +
           (double)(over.tv_nsec - began.tv_nsec) / 1e9;
}

/* Many that are ended take time in proportion to how many they are: 16 times as many took
   256 times as long. */
static void crowds(void **state)
{
    (void)state;
    for (int is_backwards = 0; is_backwards < 2; is_backwards++) {
        double few = time_of_ending(1500, is_backwards);
        assert_true(time_of_ending(24000, is_backwards) < few * 80 + 0.02);
    }
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    luaL_openlibs(L);
    lua_register(L, "park", park_lua);
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    int n = (int)lua_rawlen(L, LUA_REGISTRYINDEX);
    lua_close(L);
    worker_close();
    return n > 50000;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_and_errors),
        cmocka_unit_test(dead_frames_can_be_taken),
        cmocka_unit_test(parks_and_wakes_from_the_loop_only),
        cmocka_unit_test(yields_of_the_app_go_nowhere),
        cmocka_unit_test(the_loop_gets_its_turn),
        cmocka_unit_test(those_that_end_leave_the_queue),
        cmocka_unit_test(the_end_cancels_and_closes),
        cmocka_unit_test(children_end_with_their_parent),
        cmocka_unit_test(what_runs_has_its_context),
        cmocka_unit_test(obstacles_have_names),
        cmocka_unit_test(crowds),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
