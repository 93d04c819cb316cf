/* response.headers as Lua sees it. Each test is a Lua chunk that raises when something is
   wrong; `h` is the headers object of a fresh response `r`. */
#include "headers_lua.c"

#include "core_lua.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static lua_State *L;

static const char prelude[] =
    "core = require 'cflask.core'\n"
    "function same(got, expected)\n"
    "    if got ~= expected then\n"
    "        error(('got %s, not %s'):format(tostring(got), tostring(expected)), 2)\n"
    "    end\n"
    "end\n"
    "function all(h)\n"
    "    local t = {}\n"
    "    for k, v in pairs(h) do t[#t + 1] = k .. '=' .. v end\n"
    "    return table.concat(t, '|')\n"
    "end\n"
    "function fails(wanted, fn, ...)\n"
    "    local ok, message = pcall(fn, ...)\n"
    "    if ok or not tostring(message):find(wanted, 1, true) then\n"
    "        error(('said %s, not %s'):format(tostring(message), wanted), 2)\n"
    "    end\n"
    "end\n"
    "function fresh()\n"
    "    r = core.Response('12345')\n"
    "    h = r.headers\n"
    "    h:remove('Content-Type')\n"
    "end\n";

static void run(const char *chunk)
{
    lua_settop(L, 0);
    lua_getglobal(L, "fresh");
    if (lua_pcall(L, 0, 0, 0) || luaL_dostring(L, chunk))
        fail_msg("%s", lua_tostring(L, -1));
}

static void are_read_and_written(void **state)
{
    (void)state;
    run("h.x_frame_options = 'DENY'\n"
        "same(all(h), 'x-frame-options=DENY')\n"
        "same(h['X-Frame-Options'], 'DENY') same(h.x_frame_options, 'DENY')\n"
        "same(h:get('x-frame-OPTIONS'), 'DENY') same(h:get('x_frame_options'), nil)\n"
        "same(h:get('no', 7), 7) same(h:get('no'), nil)\n"
        "h['Age'] = 12 h['X-Half'] = 0.5 same(h.age, '12') same(h.x_half, '0.5')\n"
        "h.age = nil same(h.age, nil) h['X-Half'] = false same(h:has('x-half'), false)\n"
        "h:set('Vary', 'a') h:add('vary', 'b') same(h.vary, 'a')\n"
        "same(table.concat(h:getlist('VARY'), ','), 'a,b') same(#h:getlist('no'), 0)\n"
        "h.vary = {'x', 'y', 3} same(table.concat(h:getlist('vary'), ','), 'x,y,3')\n"
        "same(h:setdefault('Vary', 'z'), 'x') same(h:setdefault('New', 'z'), 'z')\n"
        "same(h:remove('vary'), 3) same(h:remove('vary'), 0)\n"
        "h.new = {} same(h:has('new'), false)\n");
}

static void take_tostring_of_objects(void **state)
{
    (void)state;
    run("h['X-A'] = core.Markup('<b>') same(h['X-A'], '<b>')\n"
        "h:add('X-B', core.Markup('m')) same(h['X-B'], 'm')\n"
        "fails('x', function() h['X-C'] = setmetatable({}, {__index = error}) error('x') "
        "end)\n");
}

static void refuse_what_must_not_be_sent(void **state)
{
    (void)state;
    run("for _, bad in ipairs{'a\\r\\nb', 'a\\n', 'a\\0', '\\27[0m'} do\n"
        "  fails('control character', function() h.x = bad end)\n"
        "  fails('control character', h.add, h, 'x', bad)\n"
        "  fails('control character', h.set, h, 'x', {'fine', bad})\n"
        "  fails('token', h.set, h, 'x' .. bad, 'v')\n"
        "end\n"
        "h.x = nil\n"
        "fails('Transfer-Encoding', function() h.transfer_encoding = 'chunked' end)\n"
        "fails('close', function() h.connection = 'upgrade' end)\n"
        "fails('string or a number', function() h.x = print end)\n"
        "fails('string or a number', function() h.x = true end)\n"
        "fails('string or a number', h.add, h, 'x', nil)\n"
        "fails('string or a number', h.add, h, 'x', {})\n"
        "fails('string', function() return h[{}] end)\n"
        "fails('string', h.get, h) fails('string', h.has, h, nil)\n"
        "fails('cflask.headers', h.get, 'Vary')\n"
        "fails('cflask.headers', h.get, r)\n"
        "same(all(h), '')\n");
}

/* The name's length counts, NULs and all: what lies behind it in memory must not be read.
 */
static void names_with_nul_and_underscore(void **state)
{
    (void)state;
    run("local long = 'a_\\0' .. ('x'):rep(5000)\n"
        "same(h[long], nil) same(h['_\\0'], nil)\n"
        "h['a-'] = 'v' same(h['a_'], 'v') same(h['a_\\0'], nil)\n"
        "fails('token', function() h[long] = 'v' end)\n"
        "same(h[''], nil) same(h[('_'):rep(100000)], nil)\n");
}

/* Each value has room on the stack, however many there are. */
static void extend_takes_many(void **state)
{
    (void)state;
    run("for _, n in ipairs{1, 5, 10, 20, 40, 80, 160, 320, 640, 900} do\n"
        "  fresh()\n"
        "  local list = {}\n"
        "  for i = 1, n do list[i] = i end\n"
        "  coroutine.wrap(function() h:extend{Many = list, One = 'x'} end)()\n"
        "  same(#h:getlist('many'), n) same(h.one, 'x')\n"
        "  same(h:getlist('many')[n], tostring(n))\n"
        "end\n"
        "fresh() h.a = 1 h:extend{a = 2} same(all(h), 'a=1|a=2')\n"
        "fails('at most', function() for i = 1, 5000 do h:add('x', i) end end)\n");
}

static void going_through_them_while_they_change(void **state)
{
    (void)state;
    run("for i = 1, 50 do h:add('x' .. i, i) end\n"
        "local n = 0\n"
        "for k in pairs(h) do h:remove(k) n = n + 1 end\n"
        "assert(n > 0 and n <= 50)\n"
        "local next_field = pairs(h)\n"
        "r, h = nil, nil collectgarbage() collectgarbage()\n"
        "for k, v in next_field do assert(k) end\n"); /* the iterator keeps the response
                                                       */
}

/* Content-Length of a text is its length, whatever is set. */
static void the_length_is_the_servers(void **state)
{
    (void)state;
    run("same(h['Content-Length'], '5') same(h:get('content-length'), '5')\n"
        "same(h:has('Content-Length'), true)\n"
        "same(table.concat(h:getlist('content-length'), ','), '5')\n"
        "h['Content-Length'] = 99 same(h.content_length, '5')\n"
        "same(table.concat(h:getlist('content-length'), ','), '5')\n"
        "same(h:setdefault('Content-Length', 99), '5')\n"
        "r = core.Response(function() end) h = r.headers\n"
        "same(h:has('Content-Length'), false) h['Content-Length'] = 7\n"
        "same(h.content_length, '7') same(h:has('Content-Length'), true)\n");
}

static void updates_by_a_table(void **state)
{
    (void)state;
    run("r = core.make_response('x', {A = 1, B = {'2', '3'}, C = false}) h = r.headers\n"
        "same(h.a, '1') same(h.b, '2') same(#h:getlist('b'), 2) same(h.c, nil)\n"
        "fails('not a list', core.make_response, 'x', {'A: 1'})\n"
        "r.headers = {Only = 'me'} same(all(r.headers), 'Only=me')\n"
        "fails('table', function() r.headers = 'x' end)\n");
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
        cmocka_unit_test(are_read_and_written),
        cmocka_unit_test(take_tostring_of_objects),
        cmocka_unit_test(refuse_what_must_not_be_sent),
        cmocka_unit_test(names_with_nul_and_underscore),
        cmocka_unit_test(extend_takes_many),
        cmocka_unit_test(going_through_them_while_they_change),
        cmocka_unit_test(the_length_is_the_servers),
        cmocka_unit_test(updates_by_a_table),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
