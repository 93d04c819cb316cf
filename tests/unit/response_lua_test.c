/* flask.Response and make_response. Each test is a Lua chunk that raises when something
   is wrong. */
#include "response_lua.c"

#include "core_lua.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static lua_State *L;

static const char prelude[] =
    "core = require 'cflask.core'\n"
    "make, Response = core.make_response, core.Response\n"
    "null = core.json.null\n"
    "HTML = 'text/html; charset=utf-8'\n"
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

static void run(const char *chunk)
{
    lua_settop(L, 0);
    if (luaL_dostring(L, chunk))
        fail_msg("%s", lua_tostring(L, -1));
    lua_gc(L, LUA_GCCOLLECT, 0);
}

static void from_what_a_view_returns(void **state)
{
    (void)state;
    run("local function check(status, ctype, data, ...)\n"
        "  local r = make(...)\n"
        "  same(r.status, status) same(r.content_type, ctype) same(r.data, data)\n"
        "  same(r.content_length, #data) same(r.headers.content_length, "
        "tostring(#data))\n"
        "  return r\n"
        "end\n"
        "check('200 OK', HTML, 'x', 'x') check('200 OK', HTML, '') check('200 OK', HTML, "
        "'', '')\n"
        "check('200 OK', HTML, 'a\\0b', 'a\\0b') check('200 OK', HTML, '<b>', "
        "core.Markup('<b>'))\n"
        "check('201 CREATED', HTML, 'x', 'x', 201) check('201 Mine', HTML, 'x', 'x', "
        "'201 Mine')\n"
        "check('299 UNKNOWN', HTML, 'x', 'x', 299) check('404 NOT FOUND', HTML, 'x', "
        "'x', '404')\n"
        "same(check('201 CREATED', HTML, 'x', 'x', 201, {A = 1}).headers.a, '1')\n"
        "same(check('200 OK', HTML, 'x', 'x', {A = {1, 2}}).headers:getlist('a')[2], "
        "'2')\n"
        "same(check('200 OK', HTML, 'x', 'x', nil, {A = 1}).headers.a, '1')\n"
        "check('200 OK', 'text/plain', 'x', 'x', {['content-type'] = 'text/plain'})\n"
        "check('200 OK', 'application/json', '{\"a\":1}\\n', {a = 1})\n"
        "check('200 OK', 'application/json', '[]\\n', core.json.array{})\n"
        "check('200 OK', 'application/json', '{\"b\":1,\"a\":2}\\n', core.ordered{{'b', "
        "1}, {'a', 2}})\n"
        "check('202 ACCEPTED', 'application/json', '[1]\\n', {1}, 202)\n"
        "local r = Response('x') assert(rawequal(make(r, 418), r)) same(r.status_code, "
        "418)\n"
        "local e = setmetatable({}, {__http_error = function(self) return Response('E', "
        "{status = 410})\n"
        "  end}) check('410 GONE', HTML, 'E', e)\n"
        "same(make(function() end).content_length, nil)\n");
}

static void what_is_no_response_is_named(void **state)
{
    (void)state;
    run("for _, bad in ipairs{5, true, false, null, io.stdout, setmetatable({}, {})} do\n"
        "  fails('as body', make, bad)\n"
        "end\n"
        "fails('returned nil as body', make, nil) fails('returned nil: why', make, nil, "
        "'why')\n"
        "fails('number (5) as body', make, 5)\n"
        "fails('fourth value', make, 'x', 200, {}, 1) fails('fourth value', make, 'x', "
        "nil, nil, nil)\n"
        "for _, bad in ipairs{0, 99, 199, 1000, -1, 200.5, 0/0, math.huge, 'OK', '', "
        "'20', true,\n"
        "    print, math.mininteger, 2^32 + 200} do fails('as status', make, 'x', bad) "
        "end\n"
        "fails('as headers', make, 'x', 200, 'A: 1') fails('as headers', make, 'x', 200, "
        "5)\n"
        "fails('not a list', make, 'x', 200, {{'A', '1'}})\n"
        "fails('control character', make, 'x', 200, {A = 'b\\r\\nc: d'})\n"
        "fails('token', make, 'x', {['A\\n'] = 'b'})\n"
        "fails('x', make, setmetatable({}, {__http_error = function() error('x') end}))\n"
        "fails('as body', make, setmetatable({}, {__http_error = function() return 5 "
        "end}))\n"
        "fails('boom', make, setmetatable({}, {__tostring = function() error('boom') "
        "end}))\n"
        "fails('$.a', make, {a = print})\n");
}

static void constructed(void **state)
{
    (void)state;
    run("local r = Response() same(r.data, '') same(r.status, '200 OK') "
        "same(r.content_type, HTML)\n"
        "r = Response('x', {status = 201, headers = {A = 1}, mimetype = 'text/css'})\n"
        "same(r.status_code, 201) same(r.headers.a, '1') same(r.content_type, 'text/css; "
        "charset=utf-8')\n"
        "same(r.mimetype, 'text/css')\n"
        "for type, is_text in pairs{['text/plain'] = true, ['application/json'] = "
        "false,\n"
        "    ['application/xml'] = true, ['image/svg+xml'] = true, ['IMAGE/SVG+XML'] = "
        "true,\n"
        "    ['image/png'] = false, ['application/javascript'] = true, ['text'] = false} "
        "do\n"
        "  same(Response('', {mimetype = type}).content_type, type .. (is_text and '; "
        "charset=utf-8'\n"
        "    or ''))\n"
        "end\n"
        "same(Response('', {mimetype = 'text/a; charset=x'}).content_type, 'text/a; "
        "charset=x')\n"
        "same(Response('', {content_type = 'text/a', mimetype = 'b/c'}).content_type, "
        "'text/a')\n"
        "same(Response('', {headers = {['Content-Type'] = 'a/b'}}).content_type, 'a/b')\n"
        "fails('expected', Response, 5) fails('expected', Response, {}) fails('table', "
        "Response, '', 5)\n"
        "fails('status', Response, '', {status = 99})\n"
        "fails('control character', Response, '', {mimetype = 'a\\nb'})\n");
}

static void properties_are_read_and_set(void **state)
{
    (void)state;
    run("local r = Response('abc')\n"
        "r.status_code = 404 same(r.status, '404 NOT FOUND') r.status = '404 Gone "
        "Fishing'\n"
        "same(r.status, '404 Gone Fishing') r.status = 500 same(r.status, '500 INTERNAL "
        "SERVER ERROR')\n"
        "for _, bad in ipairs{99, 1000, 1.5, 'x', '99 X', '200 a\\nb'} do\n"
        "  pcall(function() r.status = bad end) same(r.status_code, 500)\n"
        "end\n"
        "r.data = 'longer' same(r.content_length, 6) same(r:get_data(), 'longer')\n"
        "r:set_data('x') same(r.data, 'x') fails('must be a string', r.set_data, r, 5)\n"
        "fails('must be a string', function() r.data = nil end) same(r.data, 'x')\n"
        "r.content_type = nil same(r.content_type, nil) same(r.mimetype, nil)\n"
        "r.mimetype = 'text/x' same(r.content_type, 'text/x; charset=utf-8')\n"
        "r.content_length = 99 same(r.content_length, 1)\n"
        "fails(\"no field 'datum'\", function() r.datum = 1 end) same(r.datum, nil)\n"
        "fails('no field', function() r[{}] = 1 end) same(r[{}], nil)\n"
        "same(tostring(r), '<Response [500 INTERNAL SERVER ERROR]>')\n"
        "fails('cflask.Response', r.get_data) fails('cflask.Response', r.get_data, {})\n"
        "local s = Response(function() end) fails('stream', s.get_data, s)\n"
        "s.content_length = 5.0 same(s.headers.content_length, '5') "
        "same(s.content_length, 5)\n"
        "fails('length', function() s.content_length = -1 end)\n"
        "fails('number', function() s.content_length = 'x' end)\n"
        "local h = r.headers r = nil collectgarbage() same(h.content_length, '1')\n");
}

static void cookies(void **state)
{
    (void)state;
    run("local function cookie(...)\n"
        "  local r = Response() r:set_cookie(...) return r.headers.set_cookie\n"
        "end\n"
        "same(cookie('a', 'b'), 'a=b; Path=/') same(cookie('a'), 'a=; Path=/')\n"
        "same(cookie('a', 'b', {path = false}), 'a=b')\n"
        "same(cookie('a', 'b', {secure = true, httponly = true, samesite = 'lax', domain "
        "= 'x.y',\n"
        "  path = '/p', partitioned = true}),\n"
        "  'a=b; Domain=x.y; Secure; HttpOnly; Path=/p; SameSite=Lax; Partitioned')\n"
        "same(cookie('a', 'b', {max_age = 0, expires = 0}),\n"
        "  'a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/')\n"
        "assert(cookie('a', 'x;y\\0'):find('\"', 1, true))\n"
        "for _, bad in ipairs{0/0, math.huge, -math.huge, 1e300} do\n"
        "  fails('out of range', cookie, 'a', 'b', {max_age = bad})\n"
        "  fails('out of range', cookie, 'a', 'b', {expires = bad})\n"
        "end\n"
        "fails('number', cookie, 'a', 'b', {max_age = {}}) fails('table', cookie, 'a', "
        "'b', 5)\n"
        "for _, bad in ipairs{'', 'a b', 'a=', 'a;', 'a\\n'} do\n"
        "  assert(not pcall(cookie, bad, 'v'), bad)\n"
        "end\n"
        "assert(not pcall(cookie, 'a', 'b', {samesite = 'x'}))\n"
        "assert(not pcall(cookie, 'a', 'b', {domain = 'a\\r\\nb'}))\n"
        "local r = Response() r:set_cookie('a', '1') r:set_cookie('b', '2') "
        "r:delete_cookie('a')\n"
        "local all = r.headers:getlist('set-cookie') same(#all, 3)\n"
        "same(all[3], 'a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/')\n");
}

static void close_functions(void **state)
{
    (void)state;
    run("local r, f = Response(), function() end same(r:call_on_close(f), f) "
        "r:call_on_close(f)\n"
        "fails('function', r.call_on_close, r, 5)\n"
        "local gone = setmetatable({}, {__mode = 'k'})\n"
        "for i = 1, 100 do\n"
        "  local x = Response(('x'):rep(10 + i)) local fn = function() return x end\n"
        "  gone[fn] = true x:call_on_close(fn) x.headers.a = 'b'\n"
        "end\n");
}

/* What a view that returned a plain string has becomes an object with the same fields. */
static void quick_answers_are_wrapped(void **state)
{
    (void)state;
    static struct exchange ex;
    struct fault fault;
    response_init(&ex.quick);
    lua_settop(L, 0);
    lua_pushlstring(L, "a\0b", 3);
    response_set_text(L, &ex.quick, 1);
    response_add_field(&ex.quick, STR("Allow"), STR("GET"), &fault);
    ex.answer = &ex.quick;
    lua_settop(L, 0);
    lua_pushcfunction(L, response_wrap_quick);
    lua_pushlightuserdata(L, &ex);
    lua_call(L, 1, 1);
    assert_null(ex.answer);
    struct response *r = response_check(L, 1);
    response_clear(L, &ex.quick);
    lua_gc(L, LUA_GCCOLLECT, 0);
    assert_true(str_eq(r->text, STR("a\0b")));
    assert_true(str_eq(*response_field(r, STR("allow")), STR("GET")));
    assert_true(
        str_eq(*response_field(r, STR("content-type")), STR("text/html; charset=utf-8")));
}

static void the_cores_own(void **state)
{
    (void)state;
    struct response r;
    response_init(&r);
    assert_int_equal(response_redirect(&r, STR("/a b"), 308), 0);
    assert_int_equal(r.status, 308);
    assert_true(str_eq(*response_field(&r, STR("Location")), STR("/a b")));
    assert_int_equal(response_redirect(&r, STR("/a\r\nSet-Cookie: x"), 308), -1);
    response_clear(L, &r);

    response_error(&r, 500);
    assert_int_equal(r.status, 500);
    assert_non_null(memmem(r.text.p, r.text.n, "500", 3));
    assert_non_null(response_field(&r, STR("Content-Type")));
    response_clear(L, &r);

    struct str methods[3] = {STR("GET"), STR("HEAD"), STR("PURGE")};
    struct route_result match = {.methods = methods, .methods_n = 3};
    assert_int_equal(response_allow(&r, &match), 0);
    assert_true(str_eq(*response_field(&r, STR("Allow")), STR("GET, HEAD, PURGE")));
    response_clear(L, &r);

    char name[100];
    struct str many[64]; /* more than fit: as many as do, whole */
    memset(name, 'M', sizeof name);
    for (int i = 0; i < 64; i++)
        many[i] = (struct str){name, sizeof name};
    match = (struct route_result){.methods = many, .methods_n = 64};
    assert_int_equal(response_allow(&r, &match), 0);
    assert_int_equal((response_field(&r, STR("Allow"))->n + 2) % 102, 0);
    response_clear(L, &r);
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
        cmocka_unit_test(from_what_a_view_returns),
        cmocka_unit_test(what_is_no_response_is_named),
        cmocka_unit_test(constructed),
        cmocka_unit_test(properties_are_read_and_set),
        cmocka_unit_test(cookies),
        cmocka_unit_test(close_functions),
        cmocka_unit_test(quick_answers_are_wrapped),
        cmocka_unit_test(the_cores_own),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
