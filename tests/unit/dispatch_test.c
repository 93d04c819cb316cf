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

/* Begins GET / with the app that the chunk makes. */
static struct exchange *begin(struct sink *sink, const char *chunk)
{
    static const struct http1_limits limits = {1000, 10};
    struct http1 reader = {0};
    struct fault fault;
    lua_settop(L, 0);
    if (luaL_loadstring(L, chunk) || lua_pcall(L, 0, 1, 0))
        fail_msg("%s", lua_tostring(L, -1));
    lua_getfield(L, 1, "_handle");
    struct app *app = app_check(L, 2);
    app_close_registration(app);
    *sink = (struct sink){.out = evbuffer_new(),
                          .flush = on_flush,
                          .is_congested = on_is_congested,
                          .end = on_end};
    struct exchange *ex = exchange_new(app, sink);
    struct evbuffer *in = evbuffer_new();
    evbuffer_add_printf(in, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(http1_read_head(&reader, in, &limits, &ex->request.arena,
                                     &ex->request.head, &fault),
                     HTTP1_DONE);
    evbuffer_free(in);
    exchange_route(ex);
    n_ended = 0;
    dispatch_request(ex);
    return ex;
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
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
