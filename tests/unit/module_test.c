/* The table of cflask.h as a module sees it: whole, its hooks, settings, requests,
   responses and filters. Waits have module_wait_test.c. */
#include "module.c"

#include "core_lua.h"
#include "dispatch.h"
#include "inprocess.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

static lua_State *L;
static const cflask_api *api;

static void run_chunk(const char *chunk)
{
    lua_settop(L, 0);
    if (luaL_dostring(L, chunk))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

/* ---- the table ---- */

static void the_table_is_whole(void **state)
{
    (void)state;
    const char *at = (const char *)api + offsetof(cflask_api, request);
    for (; at < (const char *)api + sizeof *api; at += sizeof(void *)) {
        void *function;
        memcpy(&function, at, sizeof function);
        if (!function)
            fail_msg("the function at offset %d is missing",
                     (int)(at - (const char *)api));
    }
    assert_int_equal(api->abi, CFLASK_ABI);
    assert_int_equal(api->size, sizeof *api);
}

/* Who moves a function breaks modules that are built: then CFLASK_ABI must grow. */
static void functions_have_not_moved(void **state)
{
    const size_t one = sizeof(void *), first = offsetof(cflask_api, request);
    (void)state;
    assert_int_equal(offsetof(cflask_api, abi), 0);
    assert_int_equal(offsetof(cflask_api, size), sizeof(int));
    assert_int_equal(offsetof(cflask_api, response), first + 17 * one);
    assert_int_equal(offsetof(cflask_api, template_filter), first + 26 * one);
    assert_int_equal(offsetof(cflask_api, can_wait), first + 33 * one);
    assert_int_equal(offsetof(cflask_api, event_base), first + 44 * one);
    assert_int_equal(offsetof(cflask_api, on_end), first + 56 * one);
}

static int open_other(lua_State *co)
{
    cflask_open(co, CFLASK_ABI + 1);
    return 0;
}

static void another_abi_is_refused(void **state)
{
    char wanted[200];
    (void)state;
    snprintf(wanted, sizeof wanted,
             "module 'm' was built for ABI %d of cflask.h (cflask-lua %s), and this "
             "server has ABI %d (cflask-lua %s): build it anew",
             CFLASK_ABI + 1, CFLASK_VERSION, CFLASK_ABI, CFLASK_VERSION);
    lua_pushcfunction(L, open_other);
    lua_pushliteral(L, "m");
    assert_int_equal(lua_pcall(L, 1, 0, 0), LUA_ERRRUN);
    assert_string_equal(lua_tostring(L, -1), wanted);
    lua_pop(L, 1);
}

static void another_lua_is_refused(void **state)
{
    lua_State *other = luaL_newstate();
    (void)state;
    lua_pushcfunction(other, open_other);
    assert_int_equal(lua_pcall(other, 0, 0, 0), LUA_ERRRUN);
    assert_non_null(strstr(lua_tostring(other, -1), "needs cflask-lua"));
    lua_close(other);
}

/* ---- hooks ---- */

static char calls[32];

static void note(lua_State *co, void *letter)
{
    assert_ptr_equal(co, L);
    strcat(calls, letter);
}

static void note_and_fail(lua_State *co, void *letter)
{
    note(co, letter);
    luaL_error(co, "it fails");
}

static int start_lua(lua_State *co)
{
    modules_start(co);
    return 0;
}

static int late_start(lua_State *co)
{
    api->on_start(co, note, "z");
    return 0;
}

static void hooks_are_called(void **state)
{
    (void)state;
    calls[0] = '\0';
    api->on_start(L, note, "a");
    api->on_start(L, note, "b");
    api->on_stop(L, note, "c");
    api->on_end(L, note, "d");
    api->on_end(L, note_and_fail, "e");
    api->on_end(L, note, "f");
    lua_pushcfunction(L, start_lua);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_OK);
    assert_string_equal(calls, "ab");
    lua_pushcfunction(L, late_start);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_ERRRUN);
    lua_pop(L, 1);
    modules_stop(L);
    modules_stop(L);
    assert_string_equal(calls, "abc");
    modules_end(L);
    modules_end(L);
    assert_string_equal(calls, "abcfed");
}

static void a_start_that_fails_is_told(void **state)
{
    struct modules *m = modules_of(L);
    (void)state;
    free_hooks(&m->start);
    m->has_started = false;
    api->on_start(L, note_and_fail, "");
    lua_pushcfunction(L, start_lua);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_ERRRUN);
    assert_string_equal(lua_tostring(L, -1), "it fails");
    lua_pop(L, 1);
    free_hooks(&m->start);
}

/* ---- settings ---- */

static int read_config(lua_State *co)
{
    cflask_str text = api->config_text(co, 1, "TEXT", cflask_text("none"));
    lua_pushinteger(co, (lua_Integer)api->config_integer(co, 1, "INTEGER", -1));
    lua_pushnumber(co, api->config_number(co, 1, "NUMBER", 0.5));
    lua_pushboolean(co, api->config_boolean(co, 1, "BOOLEAN", 1));
    lua_pushlstring(co, text.p, text.n);
    api->config(co, 1, "ANY");
    return lua_gettop(co) - 1;
}

static void settings_are_read(void **state)
{
    (void)state;
    lua_register(L, "read_config", read_config);
    run_chunk(
        "local app = require('cflask').Flask('a')\n"
        "local function read() return table.concat({tostring(select(1, "
        "read_config(app))),\n"
        "    tostring(select(2, read_config(app))), tostring(select(3, "
        "read_config(app))),\n"
        "    select(4, read_config(app)), tostring(select(5, read_config(app)))}, ' ') "
        "end\n"
        "assert(read() == '-1 0.5 true none nil', read())\n"
        "app.config.INTEGER, app.config.NUMBER, app.config.BOOLEAN = 3, 2.5, false\n"
        "app.config.TEXT, app.config.ANY = 'x', 7\n"
        "assert(read() == '3 2.5 false x 7', read())\n"
        "app.config.INTEGER = 'three'\n"
        "local ok, why = pcall(read_config, app)\n"
        "assert(not ok and why:find('app.config.INTEGER is a string, not a number', 1, "
        "true))\n"
        "ok, why = pcall(read_config, 5)\n"
        "assert(not ok, why)\n");
}

/* ---- requests and responses ---- */

static void push_text(lua_State *co, cflask_str s)
{
    if (s.p)
        lua_pushlstring(co, s.p, s.n);
    else
        lua_pushliteral(co, "(none)");
}

/* tell() -> what the request has, a line for each */
static int tell(lua_State *co)
{
    cflask_request *r = api->request(co);
    cflask_str name, value;
    int n = lua_gettop(co);
    const cflask_str all[] = {api->method(r),
                              api->path(r),
                              api->query(r),
                              api->remote_addr(r),
                              api->scheme(r),
                              api->host(r),
                              api->header(r, "x-some"),
                              api->header(r, "X-Other"),
                              api->arg(r, "a"),
                              api->arg(r, "flag"),
                              api->arg(r, "no"),
                              api->view_arg(r, "name"),
                              api->view_arg(r, "n"),
                              api->view_arg(r, "x"),
                              api->view_arg(r, "no"),
                              api->body(r)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        push_text(co, all[i]);
        lua_pushliteral(co, "|");
    }
    for (size_t i = 0; api->arg_at(r, i, &name, &value); i++) {
        push_text(co, name);
        push_text(co, value);
    }
    lua_pushinteger(co, (lua_Integer)api->body_size(r));
    lua_concat(co, lua_gettop(co) - n);
    return 1;
}

static int count_headers(lua_State *co)
{
    cflask_str name, value;
    size_t n = 0;
    while (api->header_at(api->request(co), n, &name, &value))
        n++;
    lua_pushboolean(co, n > 0 && name.n > 0);
    return 1;
}

static int outside(lua_State *co)
{
    cflask_request *r = api->request(co);
    assert_null(r);
    assert_null(api->method(r).p);
    assert_null(api->path(r).p);
    assert_null(api->arg(r, "a").p);
    assert_null(api->body(r).p);
    assert_null(api->request_alloc(r, 1));
    assert_int_equal(api->body_size(r), 0);
    api->body_check(co, r);
    return 0;
}

static void a_request_is_read(void **state)
{
    (void)state;
    lua_register(L, "tell", tell);
    lua_register(L, "count_headers", count_headers);
    lua_register(L, "outside", outside);
    run_chunk(
        "outside()\n"
        "local app = require('cflask').Flask('a')\n"
        "app:route('/t/<name>/<int:n>/<float:x>', {methods = {'POST'}}, tell)\n"
        "app:get('/h', function() return tostring(count_headers()) end)\n"
        "local client = app:test_client()\n"
        "local text = client:post('/t/b%C3%B6/042/1.5?a=1+%2B&a=2&flag', {data = "
        "'body',\n"
        "    headers = {['X-Some'] = 'here'}}).text\n"
        "local wanted = 'POST|/t/b\\xC3\\xB6/042/1.5|a=1+%2B&a=2&flag|127.0.0.1|http|'\n"
        "    .. 'localhost|here|(none)|1 +||(none)|b\\xC3\\xB6|42|(none)|(none)|body|'\n"
        "    .. 'a1 +a2flag4'\n"
        "assert(text == wanted, text)\n"
        "assert(client:get('/h').text == 'true')\n");
}

/* answer(how) */
static int answer(lua_State *co)
{
    const char *how = luaL_checkstring(co, 1);
    api->response(co);
    if (strcmp(how, "text") == 0) {
        api->set_status(co, -1, 201);
        api->add_header(co, -1, "X-A", cflask_text("1"));
        api->add_header(co, -1, "X-A", cflask_text("2"));
        api->set_header(co, -1, "X-B", cflask_text("1"));
        api->set_header(co, -1, "x-b", cflask_text("2"));
        api->set_text(co, -1, "text/css", cflask_text("a{}"));
    } else if (strcmp(how, "file") == 0) {
        int fd = open("tests/unit/run", O_RDONLY | O_CLOEXEC);
        api->set_file(co, -1, NULL, fd, 2, 9);
    } else if (strcmp(how, "line") == 0) {
        api->set_header(co, -1, "X-A", cflask_text("1\r\nX-B: 2"));
    } else if (strcmp(how, "status") == 0) {
        api->set_status(co, -1, 99);
    } else if (strcmp(how, "none") == 0) {
        lua_pushnil(co);
        api->set_file(co, -1, NULL, open("/dev/null", O_RDONLY), 0, 0);
    } else {
        return api->abort(co, 418, how);
    }
    return 1;
}

static int teapot(lua_State *co, cflask_request *request, int response)
{
    assert_ptr_equal(request, api->request(co));
    api->set_text(co, response, NULL, api->path(request));
    lua_pushliteral(co, "left on the stack");
    return api->arg(request, "fails").p ? 418 : 0;
}

static int file_view(lua_State *co, cflask_request *request, int response)
{
    (void)request;
    api->set_status(co, response, 202);
    api->set_file(co, response, "text/plain",
                  open("tests/unit/run", O_RDONLY | O_CLOEXEC), 2, 9);
    return 0;
}

static int broken_view(lua_State *co, cflask_request *request, int response)
{
    (void)request;
    file_view(co, request, response);
    api->set_header(co, response, "X-Left", cflask_text("over"));
    return luaL_error(co, "it breaks");
}

/* Called as the view itself, from Lua, as an error handler, with hooks and without. */
static void views_are_called_by_all(void **state)
{
    (void)state;
    api->push_view(L, teapot);
    lua_setglobal(L, "teapot");
    api->push_view(L, file_view);
    lua_setglobal(L, "file_view");
    api->push_view(L, broken_view);
    lua_setglobal(L, "broken_view");
    run_chunk(
        "local flask = require('cflask')\n"
        "for _, has_hook in ipairs{false, true} do\n"
        "    local app = flask.Flask('a')\n"
        "    app:get('/view', teapot)\n"
        "    app:get('/called', function() return teapot() end)\n"
        "    app:get('/made', function() return flask.make_response(teapot(), 203) end)\n"
        "    app:get('/in', function()\n"
        "        local r = coroutine.wrap(teapot)() r.data = r.data .. '!' return r "
        "end)\n"
        "    app:get('/file', file_view)\n"
        "    app:get('/broken', broken_view)\n"
        "    app:errorhandler(404, teapot)\n"
        "    if has_hook then\n"
        "        app:after_request(function(r) r.headers['X-Seen'] = r.status end)\n"
        "    end\n"
        "    local client = app:test_client()\n"
        "    local function is(path, status, text)\n"
        "        local r = client:get(path)\n"
        "        assert(r.status_code == status and (not text or r.text == text), "
        "r.text)\n"
        "        assert((r.headers['X-Seen'] ~= nil) == has_hook, path)\n"
        "        return r\n"
        "    end\n"
        "    is('/view', 200, '/view')\n"
        "    is('/view?fails', 418)\n"
        "    is('/called', 200, '/called')\n"
        "    is('/made', 203, '/made')\n"
        "    is('/in', 200, '/in!')\n"
        "    is('/none', 200, '/none')\n"
        "    local r = is('/file', 202, '/usr/bin/')\n"
        "    assert(r.content_type == 'text/plain; charset=utf-8', r.content_type)\n"
        "    r = is('/broken', 500)\n"
        "    assert(r.headers['X-Left'] == nil and r.content_type:find('html'))\n"
        "end\n");
}

static void responses_are_built(void **state)
{
    (void)state;
    lua_register(L, "answer", answer);
    api->push_view(L, teapot);
    lua_setglobal(L, "teapot");
    run_chunk(
        "local flask = require('cflask')\n"
        "local app = flask.Flask('a')\n"
        "app:get('/<how>', answer)\n"
        "app:get('/view', teapot)\n"
        "app:after_request(function(r) r.headers['X-Seen'] = 'yes' end)\n"
        "local client = app:test_client()\n"
        "local r = client:get('/text')\n"
        "assert(r.status_code == 201 and r.text == 'a{}', r.text)\n"
        "assert(r.content_type == 'text/css; charset=utf-8', r.content_type)\n"
        "assert(r.headers['X-B'] == '2' and r.headers['X-Seen'] == 'yes')\n"
        "assert(table.concat(r.headers:getlist('X-A'), ',') == '1,2')\n"
        "r = client:get('/file')\n"
        "assert(r.text == '/usr/bin/', r.text)\n"
        "assert(client:get('/line').status_code == 500)\n"
        "assert(client:get('/status').status_code == 500)\n"
        "assert(client:get('/none').status_code == 500)\n"
        "r = client:get('/nothing-else')\n"
        "assert(r.status_code == 418 and r.text:find('nothing-else', 1, true), r.text)\n"
        "r = client:get('/view')\n"
        "assert(r.text == '/view' and r.content_type == 'text/html; charset=utf-8')\n"
        "assert(client:get('/view?fails').status_code == 418)\n");
}

/* ---- templates ---- */

static int shout(cflask_str text, cflask_out *out)
{
    if (text.n == 0) {
        api->write(out, cflask_text("nothing to shout"));
        return CFLASK_FAILED;
    }
    char *to = api->room(out, text.n);
    memcpy(to, text.p, text.n);
    api->wrote(out, text.n);
    api->write(out, cflask_text("<!>"));
    return text.p[0] == '<' ? CFLASK_IS_MARKUP : CFLASK_IS_TEXT;
}

static int seven(lua_State *co)
{
    lua_pushboolean(co, lua_tointeger(co, 1) == 7);
    return 1;
}

static int register_all(lua_State *co)
{
    api->push_text_filter(co, shout);
    api->template_filter(co, 1, "shout");
    lua_pushcfunction(co, seven);
    api->template_test(co, 1, "seven");
    lua_pushinteger(co, 7);
    lua_setglobal(co, "seven");
    lua_pushcfunction(co, seven);
    api->template_global(co, 1, "is_seven");
    assert_int_equal(lua_gettop(co), 1);
    return 0;
}

static void templates_call_c(void **state)
{
    (void)state;
    lua_register(L, "register_all", register_all);
    run_chunk("local flask = require('cflask')\n"
              "local app = flask.Flask('a')\n"
              "register_all(app)\n"
              "register_all(app.jinja_env)\n"
              "app:get('/', function() return flask.render_template_string(\n"
              "    '{{ \"a\"|shout }} {{ \"<b>\"|shout }} {{ 7 is seven }} {{ "
              "is_seven(8) }}') end)\n"
              "app:get('/fails', function() return flask.render_template_string(\n"
              "    '{{ \"\"|shout }}') end)\n"
              "local client = app:test_client()\n"
              "local text = client:get('/').text\n"
              "assert(text == 'a&lt;!&gt; <b><!> True False', text)\n"
              "assert(client:get('/fails').status_code == 500)\n");
}

/* ---- events ---- */

static int n_fired;

static void on_ready(int what, void *arg)
{
    n_fired += what == *(int *)arg;
}

static void events_fire(void **state)
{
    int pipes[2], read_told = CFLASK_READ, time_told = CFLASK_TIMEOUT;
    (void)state;
    n_fired = 0;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    cflask_event *e = api->event_new(pipes[0], CFLASK_READ, 60, on_ready, &read_told);
    cflask_event *t = api->event_new(-1, 0, 0, on_ready, &time_told);
    while (n_fired < 2)
        event_base_loop(api->event_base(), EVLOOP_ONCE);
    assert_int_equal(api->event_again(t, 0), 0);
    while (n_fired < 3)
        event_base_loop(api->event_base(), EVLOOP_ONCE);
    api->event_free(e);
    api->event_free(t);
    api->event_free(NULL);
    close(pipes[0]);
    close(pipes[1]);
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    api = cflask_open(L, CFLASK_ABI);
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    inprocess_release(L);
    exchanges_close(L);
    lua_close(L);
    worker_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(functions_have_not_moved),
        cmocka_unit_test(another_abi_is_refused),
        cmocka_unit_test(another_lua_is_refused),
        cmocka_unit_test(hooks_are_called),
        cmocka_unit_test(a_start_that_fails_is_told),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(a_request_is_read),
        cmocka_unit_test(responses_are_built),
        cmocka_unit_test(views_are_called_by_all),
        cmocka_unit_test(templates_call_c),
        cmocka_unit_test(events_fire),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
