/* app.url_map as Lua sees it: own converters, defaults, redirects, building URLs. Each
   test is a Lua chunk that raises when something is wrong. */
#include "route_lua.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static const char prelude[] =
    "map = route.map{}\n"
    "function same(got, expected)\n"
    "    if got ~= expected then\n"
    "        error(('got %s, not %s'):format(tostring(got), tostring(expected)), 2)\n"
    "    end\n"
    "end\n"
    "function get(path, extra)\n"
    "    local q = {path = path, host = 'h.test'}\n"
    "    for k, v in pairs(extra or {}) do q[k] = v end\n"
    "    local r = map:match(q)\n"
    "    return r.location or r.endpoint or r.code, r.values or {}, r\n"
    "end\n"
    "function fails(wanted, fn, ...)\n"
    "    local ok, message = pcall(fn, ...)\n"
    "    if ok or not tostring(message):find(wanted, 1, true) then\n"
    "        error(('said %s, not %s'):format(tostring(message), wanted), 2)\n"
    "    end\n"
    "end\n"
    "function add(...) return map:add(...) end\n"
    "function url(endpoint, values, options)\n"
    "    return (map:build(endpoint, values, options))\n"
    "end\n"
    "function why(...)\n"
    "    local url, err = map:build(...)\n"
    "    same(url, nil)\n"
    "    return err.message, err\n"
    "end\n";

static void run(const char *chunk)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    luaopen_cflask_route(L);
    lua_setglobal(L, "route");
    value_push_library(L);
    lua_setglobal(L, "flask");
    int top = lua_gettop(L);
    if (luaL_dostring(L, prelude) || luaL_dostring(L, chunk))
        fail_msg("%s", lua_tostring(L, -1));
    assert_int_equal(lua_gettop(L), top);
    lua_close(L);
}

static void test_own_converters(void **state)
{
    (void)state;
    run("map.converters.hex = {regex = '[0-9a-f]+',\n"
        "    to_lua = function(s) return tonumber(s, 16) end,\n"
        "    to_url = function(n) return ('%x'):format(n) end}\n"
        "map.converters.word = {pattern = '%a+'}\n"
        "map.converters.list = {regex = '[^/]+(,[^/]+)*', weight = 110,\n"
        "    to_lua = function(s)\n"
        "local t = {} for w in s:gmatch('[^,]+') do t[#t + 1] = w end\n"
        "        return t end,\n"
        "    to_url = function(t) return table.concat(t, ',') end}\n"
        "map.converters.deep = {regex = '[a-z]+/[a-z]+'}\n"
        "add('/h/<hex:n>', {endpoint = 'h'})\n"
        "add('/h/<word:w>', {endpoint = 'w'})\n"
        "add('/h/<list:l>', {endpoint = 'l'})\n"
        "add('/d/<deep:d>/x', {endpoint = 'd'})\n"
        "add('/m/<hex:a>-<word:b>', {endpoint = 'm'})\n"
        "local e, v = get '/h/ff' same(e, 'h') same(v.n, 255)\n"
        "e, v = get '/h/x,yz' same(e, 'l') same(v.l[2], 'yz')\n"
        "e, v = get '/h/xyz' same(e, 'w')\n"
        "e, v = get '/d/a/b/x' same(e, 'd') same(v.d, 'a/b')\n"
        "same(get '/d/a/b/c/x', 404)\n"
        "e, v = get '/m/a-b' same(v.a, 10) same(v.b, 'b')\n"
        "same(get '/m/a-b-c', 404)\n"
        "same(url('h', {n = 255}), '/h/ff')\n"
        "same(url('l', {l = {'a b', 'c/d'}}), '/h/a%20b,c/d')\n"
        "same(get '/h/f%00f', 404)\n");
}

static void test_own_converters_take_arguments(void **state)
{
    (void)state;
    run("local got\n"
        "map.converters.re = function(...) got = {n = select('#', ...), ...}\n"
        "    return {regex = ...} end\n"
        "add('/<re(\"a|b\", 2, 1.5, True, None, flag=\"x y\", n=-3):x>', {endpoint = "
        "'e'})\n"
        "same(got.n, 6) same(got[1], 'a|b') same(got[2], 2) same(got[3], 1.5)\n"
        "same(got[4], true) same(got[5], flask.null)\n"
        "same(got[6].flag, 'x y') same(got[6].n, -3)\n"
        "same(get '/a', 'e') same(get '/ab', 404) same(get '/b', 'e')\n"
        "map.converters.string = {regex = 'x+'}\n"
        "add('/s/<string:x>', {endpoint = 's'})\n"
        "same(get '/s/xx', 's') same(get '/s/y', 404)\n");
}

static void test_a_nil_from_to_lua_refuses(void **state)
{
    (void)state;
    run("local calls = 0\n"
        "map.converters.even = {regex = '[0-9]+', weight = 40, to_lua = function(s)\n"
        "    calls = calls + 1\n"
        "    if tonumber(s) % 2 == 0 then return false end end}\n"
        "add('/<even:n>', {endpoint = 'even', methods = {'GET', 'PUT'}})\n"
        "add('/<int:n>', {endpoint = 'int', methods = {'GET', 'POST'}})\n"
        "add('/s/<even:n>/', {endpoint = 'slash'})\n"
        "local e, v = get '/4' same(e, 'even') same(v.n, false)\n"
        "e, v = get '/5' same(e, 'int') same(v.n, 5) same(calls, 2)\n"
        "same(get('/4', {method = 'POST'}), 'int') same(calls, 2)\n"
        "same(table.concat(select(3, get('/5', {method = 'DELETE'})).methods, ' '),\n"
        "    'GET HEAD OPTIONS POST')\n"
        "same(table.concat(select(3, get('/4', {method = 'DELETE'})).methods, ' '),\n"
        "    'GET HEAD OPTIONS POST PUT')\n"
        "same(get '/s/4', 'http://h.test/s/4/') same(get '/s/5', 404)\n");
}

static void test_errors_of_converters(void **state)
{
    (void)state;
    run("local thing = {}\n"
        "map.converters.bad = {regex = 'a', to_lua = function() error(thing) end,\n"
        "    to_url = function() error('no url') end}\n"
        "map.converters.text = {regex = 'b', to_lua = function() error('no text', 0) "
        "end}\n"
        "map.converters.wait = {regex = 'c', to_lua = coroutine.yield}\n"
        "add('/<bad:x>', {endpoint = 'bad'}) add('/<text:x>') add('/<wait:x>')\n"
        "local ok, err = pcall(map.match, map, {path = '/a'})\n"
        "same(ok, false) same(err, thing)\n"
        "fails('no text', map.match, map, {path = '/b'})\n"
        "fails('no url', map.build, map, 'bad', {x = 1})\n"
        "local co = coroutine.wrap(function() return pcall(map.match, map, {path = "
        "'/c'}) end)\n"
        "ok, err = co() same(ok, false)\n"
        "if not tostring(err):find('yield', 1, true) then error(tostring(err)) end\n"
        "same(get '/d', 404)\n");
}

static void test_wrong_converters_are_named(void **state)
{
    (void)state;
    run("local c = map.converters\n"
        "local function wrong(definition, message, rule)\n"
        "    c.c = definition fails(message, add, rule or '/<c:x>')\n"
        "end\n"
        "wrong({}, 'converter c: needs a string `regex`')\n"
        "wrong({regex = 'a', pattern = 'b'}, 'needs a string `regex`')\n"
        "wrong({regex = '('}, 'converter c: (: ')\n"
        "wrong({regex = '\\\\d+'}, 'write [0-9]')\n"
        "wrong({regex = 'a\\0b'}, 'no NUL')\n"
        "for _, p in ipairs{'%', 'a[', 'a[]', 'a[%]', '(a', 'a)', '%b(', '%f', 'a%%%'} "
        "do\n"
        "    wrong({pattern = p}, 'malformed pattern')\n"
        "end\n"
        "wrong({regex = 'a', weight = 'x'}, 'weight must be a whole number')\n"
        "wrong({regex = 'a', to_lua = 1}, 'to_lua must be a function')\n"
        "wrong({regex = 'a', to_url = {}}, 'to_url must be a function')\n"
        "wrong(7, 'must be a table, or a function')\n"
        "wrong(function() end, 'must be a table, or a function')\n"
        "wrong(function() error('mine', 0) end, 'mine')\n"
        "wrong({regex = 'a'}, 'takes no arguments', '/<c(1):x>')\n"
        "for _, p in ipairs{'[]]', '[^]]+', '%b()', '%f[a]a', 'a%$', 'a$', '^a', '()a', "
        "'[%]]'} do\n"
        "    c.c = {pattern = p} route.map{}.converters.c = c.c\n"
        "    local m = route.map{} m.converters.c = c.c m:add('/<c:x>')\n"
        "    local text = p:find('a', 1, true) and 'a' or p:find('b', 1, true) and '()' "
        "or ']'\n"
        "    if p == '[^]]+' then text = 'x' elseif p == 'a%$' then text = 'a$' end\n"
        "    if m:match{path = '/' .. text}.code then error(p .. ' ' .. text) end\n"
        "end\n"
        "fails('there are string, int, float, path, any, uuid, c', add, '/<d:x>')\n"
        "same(#map:iter_rules(), 0)\n");
}

static void test_trying_own_converters_is_bounded(void **state)
{
    (void)state;
    run("map.converters.any = {pattern = '.+'} map.converters.a = {regex = '-+'}\n"
        "add('/<any:a>-<any:b>-<any:c>-<any:d>-<int:e>x', {endpoint = 'p'})\n"
        "add('/<a:a>-<a:b>-<a:c>-<a:d>-<int:e>x', {endpoint = 'r'})\n"
        "local start = os.clock()\n"
        "same(get('/' .. ('-'):rep(8000) .. 'x'), 404)\n"
        "same(get('/' .. ('-'):rep(8000) .. '1x'), 'p')\n"
        "if os.clock() - start > 2 then error('took ' .. os.clock() - start) end\n");
}

static void test_defaults(void **state)
{
    (void)state;
    run("add('/page/', {endpoint = 'page', defaults = {n = 1}})\n"
        "add('/page/<int:n>', {endpoint = 'page'})\n"
        "add('/all/', {endpoint = 'all', defaults = {n = flask.null, b = 'x', a = "
        "false}})\n"
        "add('/odd/<x>', {endpoint = 'odd', defaults = {x = 7}})\n"
        "same(get('/page/1', {query = 'q=1'}), 'http://h.test/page/?q=1')\n"
        "local e, v = get '/page/2' same(e, 'page') same(v.n, 2)\n"
        "e, v = get '/page/' same(v.n, 1)\n"
        "local _, _, r = get '/all/'\n"
        "same(r.arguments[1], false) same(r.arguments[2], 'x')\n"
        "same(r.arguments[3], flask.null)\n"
        "e, v, r = get '/odd/y' same(v.x, 7) same(#r.arguments, 1)\n"
        "same(url('page', {n = 1}), '/page/') same(url('page', {n = 2}), '/page/2')\n"
        "same(url('page'), '/page/') same(url('odd', {}), '/odd/7')\n"
        "fails('must be strings', add, '/x', {defaults = {1}})\n"
        "fails('defaults must be a table', add, '/x', {defaults = 1})\n");
}

static void test_the_order_of_arguments(void **state)
{
    (void)state;
    run("add('/<b>/<a>', {host = '<h>.test', defaults = {z = 26, c = 3}})\n"
        "local r = map:match{path = '/1/2', host = 'x.test'}\n"
        "same(table.concat(r.arguments, ' '), 'x 1 2 3 26')\n"
        "same(table.concat(map:iter_rules()[1].arguments, ' '), 'h b a c z')\n");
}

static void test_redirects(void **state)
{
    (void)state;
    run("map.converters.up = {regex = '[a-z]+', to_lua = string.upper, to_url = "
        "string.lower}\n"
        "add('/users/<int:id>', {endpoint = 'user'})\n"
        "add('/u/<int:id>', {endpoint = 'user', alias = true})\n"
        "add('/t/<up:w>/<x>', {redirect_to = '/to/<x>/<w>?<'})\n"
        "add('/r/<x>', {redirect_to = 'here/<x>'})\n"
        "add('/a/<x>', {redirect_to = 'https://other.test/<x>'})\n"
        "add('/b/<x>', {redirect_to = '//other.test/'})\n"
        "add('/f/<int:n>', {redirect_to = function(v) return '/n/' .. v.n + 1 end,\n"
        "    defaults = {d = 1}})\n"
        "add('/w', {redirect_to = function() return 5 end})\n"
        "add('/e', {redirect_to = function() error('mine', 0) end})\n"
        "add('/n', {endpoint = 'nothing', alias = true})\n"
        "local app = {root_path = '/app', query = 'q'}\n"
        "same(get('/u/7', app), 'http://h.test/app/users/7?q')\n"
        "same(get('/t/ab/c%20d', app), 'http://h.test/to/c%20d/ab?<')\n"
        "same(get('/r/x', app), 'http://h.test/app/here/x')\n"
        "same(get '/r/x', 'http://h.test/here/x')\n"
        "same(get '/a/x', 'https://other.test/x')\n"
        "same(get('/b/x', {scheme = 'https'}), 'https://other.test/')\n"
        "same(get '/f/7', 'http://h.test/n/8')\n"
        "fails('redirect_to of /w returned a number', get, '/w')\n"
        "fails('mine', get, '/e')\n"
        "fails('the alias /n leads nowhere', get, '/n')\n"
        "fails('redirect_to has <y>', add, '/x', {redirect_to = '/<y>'})\n");
}

static void test_queries(void **state)
{
    (void)state;
    run("add('/<int:id>', {endpoint = 'e'})\n"
        "local m = setmetatable({}, {__tostring = function() return 'a&b' end})\n"
        "same(url('e', {id = 3, q = 'x y', ['a b'] = 1}), '/3?a+b=1&q=x+y')\n"
        "same(url('e', {id = 3, l = {1, 2.5, 'z', true, flask.null}, f = false}),\n"
        "    '/3?f=False&l=1&l=2.5&l=z&l=True')\n"
        "same(url('e', {id = 3, n = flask.null, l = {}, k = flask.array{}}), '/3')\n"
        "same(url('e', {id = 3, x = 1e16, y = 0.1, z = 1e-7}), "
        "'/3?x=1e%2B16&y=0.1&z=1e-07')\n"
        "same(url('e', {id = 3, m = m}), '/3?m=a%26b')\n"
        "same(url('e', {id = 3, s = '/:?@&=+%#é'}), '/3?s=/:?@%26%3D%2B%25%23%C3%A9')\n"
        "same(url('e', {id = 3, q = 1}, {append_unknown = false}), '/3')\n"
        "fails('q is a table, which has no place', url, 'e', {id = 3, q = {a = 1}})\n"
        "fails('q is a function', url, 'e', {id = 3, q = print})\n"
        "fails('must be strings', url, 'e', {id = 3, 'x'})\n");
}

static void test_values_in_paths(void **state)
{
    (void)state;
    run("add('/s/<x>') add('/p/<path:x>') add('/i/<int(fixed_digits=4):x>')\n"
        "add('/f/<float:x>') add('/a/<any(a, \"b c\"):x>') add('/u/<uuid:x>')\n"
        "add('/é|<x>')\n"
        "same(url('/s/<x>', {x = 'a/b c?é&=@'}), '/s/a/b%20c%3F%C3%A9&=@')\n"
        "same(url('/s/<x>', {x = true}), '/s/True')\n"
        "same(url('/s/<x>', {x = 2.5}), '/s/2.5')\n"
        "same(url('/i/<int(fixed_digits=4):x>', {x = -7}), '/i/-007')\n"
        "same(url('/i/<int(fixed_digits=4):x>', {x = '42'}), '/i/0042')\n"
        "same(url('/i/<int(fixed_digits=4):x>', {x = 3.9}), '/i/0003')\n"
        "same(url('/f/<float:x>', {x = 2}), '/f/2.0')\n"
        "same(url('/f/<float:x>', {x = '1.50'}), '/f/1.5')\n"
        "same(url('/a/<any(a, \"b c\"):x>', {x = 'b c'}), '/a/b%20c')\n"
        "same(url('/é|<x>', {x = 1}), '/%C3%A9%7C1')\n");
}

static void test_absolute_urls(void **state)
{
    (void)state;
    run("add('/<x>', {endpoint = 'e'})\n"
        "local function at(o) o.host = o.host or 'h.test:5000' return url('e', {x = 1}, "
        "o) end\n"
        "same(at{}, '/1') same(at{root_path = '/app/'}, '/app/1')\n"
        "same(at{external = true}, 'http://h.test:5000/1')\n"
        "same(at{external = true, scheme = 'https'}, 'https://h.test:5000/1')\n"
        "same(at{external = true, scheme = 'https', host = 'h.test:443'}, "
        "'https://h.test/1')\n"
        "same(at{external = true, url_scheme = 'https'}, 'https://h.test:5000/1')\n"
        "same(at{external = true, url_scheme = ''}, '//h.test:5000/1')\n"
        "same(at{anchor = 'a b/é%'}, '/1#a%20b/%C3%A9%') same(at{anchor = ''}, '/1#')\n"
        "same(at{external = true, root_path = '/a b', anchor = 'x'}, "
        "'http://h.test:5000/a%20b/1#x')\n"
        "same(why('e', {x = 1}, {external = true}), 'an absolute URL needs a request or "
        "SERVER_NAME')\n"
        "map.server_name = 'Real.test' same(map.server_name, 'real.test')\n"
        "same(at{external = true}, 'http://real.test/1')\n"
        "map.server_name = nil same(map.server_name, nil)\n"
        "fails('can\\'t be assigned', function() map.add = 1 end)\n");
}

static void test_choice_among_rules(void **state)
{
    (void)state;
    run("add('/', {endpoint = 'e'}) add('/<a>', {endpoint = 'e'})\n"
        "add('/<a>/<b>', {endpoint = 'e', methods = {'POST'}})\n"
        "add('/x/<a>', {endpoint = 'e', alias = true})\n"
        "add('/only', {endpoint = 'only', build_only = true})\n"
        "same(url('e'), '/') same(url('e', {a = 1}), '/1')\n"
        "same(url('e', {b = 1}), '/?b=1')\n"
        "same(url('e', {a = 1, b = 2}), '/1?b=2')\n"
        "same(url('e', {a = 1, b = 2}, {method = 'POST'}), '/1/2')\n"
        "same(url('e', {a = 1, b = 2}, {default_method = 'POST'}), '/1/2')\n"
        "same(url('e', {a = 1}, {default_method = 'BREW'}), '/1')\n"
        "same(url('only'), '/only') same(get '/only', '/<a>' and 'e')\n");
}

static void test_hosts_and_subdomains(void **state)
{
    (void)state;
    run("add('/', {endpoint = 'e', host = 'b.test:81'}) add('/<x>', {endpoint = 'w', "
        "host = '<w>.test'})\n"
        "add('/p', {endpoint = 'p'}) add('/a', {endpoint = 'e', host = 'A.test'})\n"
        "same(map.domains, 'hosts')\n"
        "same(url('e', {}, {host = 'b.TEST:5000'}), '/')\n"
        "same(url('e', {}, {host = 'a.test'}), '/a')\n"
        "same(url('e', {}, {host = 'c.test'}), 'http://b.test:81/')\n"
        "same(url('w', {x = 1, w = 'ü'}, {host = 'c.test'}), 'http://%C3%BC.test/1')\n"
        "same(url('w', {x = 1, w = 'c'}, {host = 'c.test:1', external = true}), "
        "'http://c.test:1/1')\n"
        "same(url('p', {}, {host = 'z'}), '/p')\n"
        "map = route.map{server_name = 's.test:5000'}\n"
        "add('/', {endpoint = 'e', subdomain = '<u>'}) add('/p', {endpoint = 'p'})\n"
        "same(map.domains, 'subdomains')\n"
        "same(url('e', {u = 'ann'}, {host = 'ann.s.test:5000'}), '/')\n"
        "same(url('e', {u = 'bob'}, {host = 'ann.s.test:5000'}), "
        "'http://bob.s.test:5000/')\n"
        "same(url('p', {}, {host = 'ann.s.test:5000'}), 'http://s.test:5000/p')\n"
        "same(url('p', {}, {host = 'S.test:5000'}), '/p')\n"
        "same(url('p', {}, {host = '127.0.0.1'}), 'http://s.test:5000/p')\n");
}

static void test_build_errors(void **state)
{
    (void)state;
    run("local message, err = why('x', {})\n"
        "same(message, \"Could not build url for endpoint 'x'.\")\n"
        "same(err.suggested, nil)\n"
        "add('/u/<int:id>', {endpoint = 'user'})\n"
        "add('/list', {endpoint = 'users.list'})\n"
        "add('/d/<w>', {endpoint = 'd', defaults = {l = 'en'}})\n"
        "message, err = why('usr', {id = 1, b = 2}, {method = 'GET'})\n"
        "same(message, \"Could not build url for endpoint 'usr' ('GET') with values "
        "['b', 'id']. \"\n"
        "    .. \"Did you mean 'user' instead?\")\n"
        "same(err.endpoint, 'usr') same(err.method, 'GET') same(err.suggested, 'user')\n"
        "same(err.values.b, 2)\n"
        "same(why('user', {}), \"Could not build url for endpoint 'user'. \"\n"
        "    .. \"Did you forget to specify values ['id']?\")\n"
        "same(why('user', {id = 1}, {method = 'POST'}), \"Could not build url for "
        "endpoint 'user' \"\n"
        "    .. \"('POST') with values ['id']. Did you mean to use methods \"\n"
        "    .. \"['GET', 'HEAD', 'OPTIONS']?\")\n"
        "same(why('user', {id = 'x'}), \"Could not build url for endpoint 'user' with "
        "values \"\n"
        "    .. '[\\'id\\']. It was refused: \"x\" is no whole number.')\n"
        "same((why('d', {w = 1, l = 'de'})):sub(1, 36), \"Could not build url for "
        "endpoint 'd'\")\n"
        "fails('string expected', map.build, map, {})\n");
}

static void test_rules_are_listed(void **state)
{
    (void)state;
    run("local f = function() return '/' end\n"
        "same(add('/a/<x>', {methods = {'get', 'purge'}, endpoint = 'e', defaults = {d = "
        "1},\n"
        "    max_content_length = 9, strict_slashes = false}), 0)\n"
        "same(add('/b', {methods = false, redirect_to = f}), 1)\n"
        "local id, text, earlier = add('/a/<y>', {endpoint = 'other'})\n"
        "same(id, 2) same(text, '/a/<x>') same(earlier, 0)\n"
        "local r = map:iter_rules()\n"
        "same(r[1].rule, '/a/<x>') same(r[1].endpoint, 'e') same(r[1].defaults.d, 1)\n"
        "same(table.concat(r[1].methods, ' '), 'GET HEAD OPTIONS PURGE')\n"
        "same(r[1].max_content_length, 9) same(r[1].strict_slashes, false)\n"
        "same(r[1].merge_slashes, true) same(r[1].provide_automatic_options, true)\n"
        "same(r[2].methods, nil) same(r[2].redirect_to, f) same(r[2].endpoint, '/b')\n"
        "fails('unknown option method', add, '/x', {method = 'GET'})\n"
        "fails('methods must be a list', add, '/x', {methods = 'GET'})\n"
        "fails('methods must be a list', add, '/x', {methods = {1}})\n"
        "fails('option alias must be true or false', add, '/x', {alias = 1})\n"
        "fails('option host must be a string', add, '/x', {host = 1})\n"
        "fails('max_content_length must be', add, '/x', {max_content_length = -1})\n"
        "fails('unknown option', map.match, map, {url = '/'})\n"
        "fails('unknown option', map.build, map, 'e', {}, {_external = true})\n"
        "fails('unknown option', route.map, {x = 1})\n");
}

static void test_nested_use(void **state)
{
    (void)state;
    run("map.converters.n = {regex = '[a-z]+',\n"
        "    to_lua = function(s) return map:match{path = '/i/' .. #s}.values.n end,\n"
        "    to_url = function(v) return map:build('i', {n = v}) end}\n"
        "add('/i/<int:n>', {endpoint = 'i'}) add('/o/<n:a>-<n:b>', {endpoint = 'o'})\n"
        "local e, v = get '/o/ab-abc' same(v.a, 2) same(v.b, 3)\n"
        "same(url('o', {a = 1, b = 22}), '/o//i/1-/i/22')\n");
}

static void test_a_circle_is_collected(void **state)
{
    (void)state;
    run("local seen = setmetatable({}, {__mode = 'k'})\n"
        "do\n"
        "    local m = route.map{}\n"
        "    seen[m] = true\n"
        "    m.converters.c = {regex = 'a', to_lua = function() return m end}\n"
        "    m:add('/<c:x>', {redirect_to = function() return m end, defaults = {y = "
        "m}})\n"
        "end\n"
        "collectgarbage() collectgarbage()\n"
        "same(next(seen), nil)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_converters),
        cmocka_unit_test(test_own_converters_take_arguments),
        cmocka_unit_test(test_a_nil_from_to_lua_refuses),
        cmocka_unit_test(test_errors_of_converters),
        cmocka_unit_test(test_wrong_converters_are_named),
        cmocka_unit_test(test_trying_own_converters_is_bounded),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_order_of_arguments),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_values_in_paths),
        cmocka_unit_test(test_absolute_urls),
        cmocka_unit_test(test_choice_among_rules),
        cmocka_unit_test(test_hosts_and_subdomains),
        cmocka_unit_test(test_build_errors),
        cmocka_unit_test(test_rules_are_listed),
        cmocka_unit_test(test_nested_use),
        cmocka_unit_test(test_a_circle_is_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
