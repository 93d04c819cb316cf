/* Requests whose time is over, in whatever stage: through a sink that only keeps what
   goes out. */
#include "dispatch.c"

#include "core_lua.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>
#include <stdlib.h>

static lua_State *L;
static int n_ended;

static void on_flush(struct sink *s)
{
    (void)s;
}

static bool on_is_congested(struct sink *s)
{
    (void)s;
    return false;
}

static void on_end(struct sink *s, bool must_close, bool is_broken)
{
    (void)s, (void)must_close, (void)is_broken;
    n_ended++;
}

/* The app that the chunk makes, which stays on the stack. */
static struct app *make_app(const char *chunk)
{
    lua_settop(L, 0);
    if (luaL_loadstring(L, chunk) || lua_pcall(L, 0, 1, 0))
        fail_msg("%s", lua_tostring(L, -1));
    lua_getfield(L, 1, "_handle");
    struct app *app = app_check(L, 2);
    app_close_registration(app);
    return app;
}

/* Begins GET /; NULL when memory is out. */
static struct exchange *ask(struct sink *sink, struct app *app)
{
    static const struct http1_limits limits = {1000, 10};
    struct http1 reader = {0};
    struct fault fault;
    n_ended = 0;
    *sink = (struct sink){.out = evbuffer_new(),
                          .flush = on_flush,
                          .is_congested = on_is_congested,
                          .end = on_end};
    struct exchange *ex = exchange_new(app, sink);
    if (!ex)
        return NULL;
    struct evbuffer *in = evbuffer_new();
    evbuffer_add_printf(in, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(http1_read_head(&reader, in, &limits, &ex->request.arena,
                                     &ex->request.head, &fault),
                     HTTP1_DONE);
    evbuffer_free(in);
    exchange_route(ex);
    dispatch_request(ex);
    return ex;
}

static struct exchange *begin(struct sink *sink, const char *chunk)
{
    return ask(sink, make_app(chunk));
}

static void check_answer(struct sink *sink, const char *status_line, const char *body)
{
    evbuffer_add(sink->out, "", 1);
    const char *text = (const char *)evbuffer_pullup(sink->out, -1);
    assert_int_equal(n_ended, 1);
    assert_memory_equal(text, status_line, strlen(status_line));
    assert_non_null(strstr(text, body));
    evbuffer_free(sink->out);
}

static void time_is_over_in_each_stage(void **state)
{
    (void)state;
    static const char *const waits[] = {
        "app:get('/', function() flask.sleep(99) return 'late' end)",
        "app:get('/', function() return 'late' end) app:before_request(function()\n"
        "  flask.sleep(99) end)",
        "app:get('/', function() return 'late' end) local n = 0\n"
        "app:after_request(function() n = n + 1 if n == 1 then flask.sleep(99) end end)",
    };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        char chunk[1000];
        struct sink sink;
        snprintf(
            chunk, sizeof chunk,
            "local flask = require 'cflask' local app = flask.Flask('/tmp/x.lua')\n%s\n"
            "app:errorhandler(503, function() return 'too slow', 503 end)\n"
            "return app",
            waits[i]);
        struct exchange *ex = begin(&sink, chunk);
        assert_int_equal(n_ended, 0);
        exchange_expire(ex, 503);
        check_answer(&sink, "HTTP/1.1 503 ", "too slow");
    }
}

/* What waits again in the error's handler, or behind it, gets no third time. */
static void time_is_over_twice(void **state)
{
    (void)state;
    struct sink sink;
    struct exchange *ex = begin(
        &sink, "local flask = require 'cflask' local app = flask.Flask('/tmp/x.lua')\n"
               "app:get('/', function() return 'late' end)\n"
               "app:after_request(function() flask.sleep(99) end)\n"
               "return app");
    exchange_expire(ex, 503);
    assert_int_equal(n_ended, 0);
    exchange_expire(ex, 503);
    check_answer(&sink, "HTTP/1.1 503 ", "503");
}

/* Nothing is left of the answer whose place an after_request function's error has taken.
 */
static void an_errors_answer_has_nothing_of_the_former(void **state)
{
    (void)state;
    struct sink sink;
    begin(&sink,
          "local flask = require 'cflask' local app = flask.Flask('/tmp/x.lua')\n"
          "app:route('/', {redirect_to = '/other'})\n"
          "app:errorhandler(flask.Error, function() return 'handled' end)\n"
          "local n = 0\n"
          "app:after_request(function() n = n + 1 if n == 1 then error('x') end end)\n"
          "return app");
    evbuffer_add(sink.out, "", 1);
    assert_null(strstr((const char *)evbuffer_pullup(sink.out, -1), "Location"));
    check_answer(&sink, "HTTP/1.1 200 OK", "handled");
}

/* ---- no memory ---- */

static long n_allocations = -1; /* so many more of Lua's succeed; below 0: all */

static void *scarce_alloc(void *data, void *old, size_t old_size, size_t size)
{
    (void)data, (void)old_size;
    if (size == 0) {
        free(old);
        return NULL;
    }
    if (n_allocations == 0 && (!old || size > old_size))
        return NULL;
    if (n_allocations > 0)
        n_allocations--;
    return realloc(old, size);
}

/* Asks with memory for so many allocations; what waits goes on with all of it. True when
   that was enough. */
static bool ask_with(long n, struct app *app)
{
    struct sink sink;
    exchanges_close(L); /* so that a coroutine is made */
    lua_gc(L, LUA_GCCOLLECT, 0);
    n_allocations = n;
    struct exchange *ex = ask(&sink, app);
    for (int i = 0; i < 20 && ex && n_ended == 0; i++)
        event_base_loop(tasks_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
    bool was_enough = n_allocations > 0;
    n_allocations = -1;
    assert_int_equal(n_ended, ex ? 1 : 0);
    assert_null(task_current());
    evbuffer_add(sink.out, "", 1);
    const char *text = (const char *)evbuffer_pullup(sink.out, -1);
    assert_true(!*text || !strncmp(text, "HTTP/1.1 ", 9));
    evbuffer_free(sink.out);
    return was_enough;
}

/* A request is answered or dropped wherever memory ends; the next one is served. */
static void no_memory_ends_no_process(void **state)
{
    (void)state;
    static const char *const views[] = {
        "return 'plain'",
        "flask.sleep(0) return {a = flask.request.args.x or 'json'}",
        "local t = flask.gather{function() flask.sleep(0) return {} end, function()\n"
        "  return {} end} return tostring(t)",
        "return flask.timeout(9, function() return 1, {}, ('x'):rep(50) end) and 'x'",
        "flask.spawn(function() error('x') end) flask.sleep(0) return 'x'",
        "error('x')",
        "coroutine.yield()",
    };
    if (LUA_VERSION_NUM < 503)
        skip(); /* LuaJIT takes no allocator of ours */
    lua_setallocf(L, scarce_alloc, NULL);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char chunk[1000];
        snprintf(chunk, sizeof chunk,
                 "local flask = require 'cflask' local app = flask.Flask('/tmp/x.lua')\n"
                 "app:get('/', function() %s end)\n"
                 "app:after_request(function() end)\n"
                 "app:teardown_request(function() end) return app",
                 views[i]);
        struct app *app = make_app(chunk);
        long n = 0;
        while (!ask_with(n, app))
            n++;
        assert_true(n > 2);
        struct sink sink;
        assert_non_null(ask(&sink, app));
        for (int k = 0; k < 20 && n_ended == 0; k++)
            event_base_loop(tasks_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
        check_answer(&sink, "HTTP/1.1 ", "\r\n\r\n");
    }
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    exchanges_close(L);
    lua_close(L);
    worker_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_over_in_each_stage),
        cmocka_unit_test(time_is_over_twice),
        cmocka_unit_test(an_errors_answer_has_nothing_of_the_former),
        cmocka_unit_test(no_memory_ends_no_process),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
