/* The library as Lua sees it: waiting, objects, keyword arguments, modules, errors,
   limits. What templates mean is compared with Jinja2 itself in tests/parity. */
#include "jinja/jinja_lua.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    lua_pushcfunction(L, luaopen_cflask_jinja);
    lua_call(L, 0, 1);
    lua_setglobal(L, "jinja");
    value_push_library(L);
    lua_setglobal(L, "value");
    return L;
}

/* Runs a chunk that asserts. */
static void run(const char *chunk)
{
    lua_State *L = open_state();
    if (luaL_loadstring(L, chunk) != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_close(L);
}

static const char *const prelude =
    "local function render(source, context, options)\n"
    "  return jinja.Environment(options):from_string(source):render(context or {})\n"
    "end\n"
    "local function same(want, got) assert(want == got, ('%q, not %q'):format(got, "
    "want)) end\n";

static void run_with_prelude(const char *chunk)
{
    lua_State *L = luaL_newstate();
    lua_pushstring(L, prelude);
    lua_pushstring(L, chunk);
    lua_concat(L, 2);
    run(lua_tostring(L, -1));
    lua_close(L);
}

static void functions_filters_tests_and_indexing_may_wait(void **state)
{
    (void)state;
    run_with_prelude(
        "local yield = coroutine.yield\n"
        "local env = jinja.Environment {\n"
        "  globals = {wait = function(x) yield(1) return x end},\n"
        "  filters = {loud = function(s) yield(1) return s:upper() end},\n"
        "  tests = {big = function(n) yield(1) return n > 2 end}}\n"
        "local proxy = setmetatable({}, {__index = function(_, k) yield(1) return k "
        "end})\n"
        "local t = env:from_string('{% macro m(x) %}<{{ wait(x) }}>{% endmacro %}'\n"
        "  .. '{{ m(1) }}{{ [1, 2, 3]|select(\"big\")|list }}{{ [\"a\", "
        "\"b\"]|map(\"loud\")|join }}'\n"
        "  .. '{{ p.name }}{{ [p, p]|map(attribute=\"q\")|join }}')\n"
        "local waits, result = 0\n"
        "local co = coroutine.create(function() result = t:render {p = proxy} end)\n"
        "while coroutine.status(co) ~= 'dead' do\n"
        "  assert(coroutine.resume(co))\n"
        "  waits = waits + 1\n"
        "end\n"
        "same('<1>[3]ABnameqq', result)\n"
        "same(10, waits)\n");
}

static void methods_get_their_object_and_plain_functions_do_not(void **state)
{
    (void)state;
    run_with_prelude(
        "local Class = {}\n"
        "Class.__index = Class\n"
        "function Class:greet(x) return self.name .. x end\n"
        "local o = setmetatable({name = 'o'}, Class)\n"
        "same('o!', render('{{ o.greet(\"!\") }}', {o = o}))\n"
        "same('o?', render('{% set f = o.greet %}{{ f(\"?\") }}', {o = o}))\n"
        "same('x', render('{{ t.f(\"x\") }}', {t = {f = function(x) return x end}}))\n");
}

static void keyword_arguments_come_last_or_in_their_places(void **state)
{
    (void)state;
    run_with_prelude(
        "local env = {globals = {f = function(a, kw)\n"
        "    assert(jinja.is_kwargs(kw)) return a .. kw.x end},\n"
        "  filters = {g = {fn = function(a, b, c) return a .. tostring(b) .. c end,\n"
        "    params = {'a', 'b', 'c'}}}}\n"
        "same('1y', render('{{ f(1, x=\"y\") }}', {}, env))\n"
        "same('anilc', render('{{ \"a\"|g(c=\"c\") }}', {}, env))\n");
}

static void dict_like_objects_have_the_reading_methods(void **state)
{
    (void)state;
    run_with_prelude(
        "local o = setmetatable({}, {__jinja = 'dict',\n"
        "  __pairs = function() return value.pairs {a = 1, b = 2} end})\n"
        "same('a1b2', render('{% for k, v in o.items() %}{{ k }}{{ v }}{% endfor %}', {o "
        "= o}))\n"
        "same('no2', render('{{ o.get(\"z\", \"no\") }}{{ o.get(\"b\") }}', {o = o}))\n"
        "same('ab', render('{% for k in o %}{{ k }}{% endfor %}', {o = o}))\n");
}

static void null_is_none_and_nil_is_undefined(void **state)
{
    (void)state;
    run_with_prelude(
        "same('None|', render('{{ a }}|{{ b }}', {a = value.null}))\n"
        "same('True', render('{{ f() is undefined }}', {f = function() end}))\n");
}

static void modules_give_macros_to_lua(void **state)
{
    (void)state;
    run_with_prelude("local env = jinja.Environment {autoescape = true}\n"
                     "local module = env:from_string('{% macro hi(n, g=\"x\") %}{{ n }} "
                     "{{ g }}{% endmacro %}'\n"
                     "  .. '{% set v = 3 %}{% set _hidden = 4 %}').module\n"
                     "same('&lt;b&gt; x', tostring(module.hi('<b>')))\n"
                     "same('a K', tostring(module.hi('a', jinja.kwargs {g = 'K'})))\n"
                     "same(3, module.v)\n"
                     "assert(module._hidden == nil)\n");
}

static void markup_escapes_what_is_joined_to_it(void **state)
{
    (void)state;
    run_with_prelude("local m = jinja.Markup('<b>') .. '<i>'\n"
                     "same('<b>&lt;i&gt;', tostring(m))\n"
                     "same('&lt;', tostring(jinja.escape('<')))\n"
                     "same('<b>', tostring(jinja.escape(jinja.Markup('<b>'))))\n"
                     "same('<b>&lt;', render('{{ m }}{{ \"<\" }}',\n"
                     "  {m = jinja.Markup('<b>')}, {autoescape = true}))\n");
}

/* Any byte at any place of a text, the same one twice in a row too. */
static void every_byte_is_escaped_or_stays(void **state)
{
    (void)state;
    run_with_prelude(
        "local special = {['&'] = '&amp;', ['<'] = '&lt;', ['>'] = '&gt;',\n"
        "  [\"'\"] = '&#39;', ['\"'] = '&#34;'}\n"
        "for byte = 0, 255 do\n"
        "  local c = string.char(byte)\n"
        "  local e = special[c] or c\n"
        "  for before = 0, 17 do for after = 0, 9 do\n"
        "    local x, y = ('\\200'):rep(before), ('='):rep(after)\n"
        "    same(x .. e .. e .. y, tostring(jinja.escape(x .. c .. c .. y)))\n"
        "  end end\n"
        "end\n");
}

static void errors_have_a_place(void **state)
{
    (void)state;
    run_with_prelude(
        "local env = jinja.Environment {loader = {a = 'x\\n{% include \"b\" %}',\n"
        "  b = '\\n\\n{{ q.r }}', c = '{% if %}'}}\n"
        "local ok, e = pcall(function() return env:get_template('a'):render {} end)\n"
        "same('UndefinedError', e.type) same('b', e.name) same(3, e.lineno)\n"
        "same('{{ q.r }}', e.source) same(\"'q' is undefined\", e.message)\n"
        "ok, e = pcall(env.get_template, env, 'c')\n"
        "same('TemplateSyntaxError', e.type) same(1, e.lineno)\n"
        "ok, e = pcall(env.get_template, env, 'd')\n"
        "same('TemplateNotFound', e.type) same('d', e.message)\n"
        "jinja.set_error_class(function(name, parent)\n"
        "  return {name = name, parent = parent} end)\n"
        "ok, e = pcall(env.get_template, env, 'c')\n"
        "same('TemplateError', getmetatable(e).parent)\n");
}

static void streams_give_chunks(void **state)
{
    (void)state;
    run_with_prelude("local t = jinja.Environment():from_string('{% for i in range(9000) "
                     "%}{{ i }},{% endfor %}')\n"
                     "local parts = {}\n"
                     "for chunk in t:stream {} do parts[#parts + 1] = chunk end\n"
                     "assert(#parts > 3)\n"
                     "same(t:render {}, table.concat(parts))\n");
}

static void nothing_grows_without_end(void **state)
{
    (void)state;
    run_with_prelude(
        "for source, want in pairs {\n"
        "  [\"{{ 'x' * 10 ** 10 }}\"] = 'TemplateRuntimeError',\n"
        "  ['{% for i in range(10 ** 12) %}{% endfor %}'] = 'OverflowError',\n"
        "  ['{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}'] = 'RecursionError',\n"
        "  ['{{ ' .. ('('):rep(50000) .. ' }}'] = 'TemplateSyntaxError',\n"
        "  ['{{ 1' .. ('+1'):rep(50000) .. ' }}'] = 'TemplateSyntaxError',\n"
        "  [('{% if x %}'):rep(5000)] = 'TemplateSyntaxError',\n"
        "  ['{{ [1] * 10 ** 9 }}'] = 'OverflowError',\n"
        "  [\"{{ 'a'|center(10 ** 12) }}\"] = 'TemplateRuntimeError',\n"
        "  [\"{{ '%999999999d'|format(1) }}\"] = 'TemplateRuntimeError',\n"
        "} do\n"
        "  local ok, e = pcall(render, source)\n"
        "  assert(not ok, source:sub(1, 60))\n"
        "  same(want, e.type)\n"
        "end\n"
        "local env = jinja.Environment {loader = {a = '{% include \"a\" %}',\n"
        "  b = '{% extends \"b\" %}'}}\n"
        "for _, name in ipairs {'a', 'b'} do\n"
        "  local ok, e = pcall(function() return env:get_template(name):render {} end)\n"
        "  same('RecursionError', e.type)\n"
        "end\n"
        "local ok, e = pcall(render, '{% for i in range(100) %}0123456789{% endfor %}', "
        "{},\n"
        "  {max_size = 500})\n"
        "same('TemplateRuntimeError', e.type)\n");
}

/* A call block that left its macro on the stack would need a million slots here. */
static void a_loop_leaves_nothing_on_the_stack(void **state)
{
    (void)state;
    run_with_prelude(
        "local s = '{% macro w() %}{{ caller() }}{% endmacro %}'\n"
        "  .. '{% for i in range(1200000) %}{% call w() %}x{% endcall %}{% endfor %}'\n"
        "same(1200000, #render(s))\n");
}

static void lua_gets_its_turn_in_long_renders(void **state)
{
    (void)state;
    run_with_prelude("local env, turns = jinja.Environment(), 0\n"
                     "local tick = env._helpers.tick\n"
                     "env._helpers.tick = function() turns = turns + 1 end\n"
                     "same('', env:from_string('{% for i in range(200000) %}{% endfor "
                     "%}'):render {})\n"
                     "env._helpers.tick = tick\n"
                     "assert(turns >= 3)\n");
}

static void a_loader_stays_in_its_folder(void **state)
{
    (void)state;
    run_with_prelude(
        "local env = jinja.Environment {loader = 'tests/unit'}\n"
        "for _, name in ipairs {'../../Makefile', '/etc/passwd/', 'a/../../x', ''} do\n"
        "  local ok, e = pcall(env.get_template, env, name)\n"
        "  same('TemplateNotFound', e.type)\n"
        "end\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_filters_tests_and_indexing_may_wait),
        cmocka_unit_test(methods_get_their_object_and_plain_functions_do_not),
        cmocka_unit_test(keyword_arguments_come_last_or_in_their_places),
        cmocka_unit_test(dict_like_objects_have_the_reading_methods),
        cmocka_unit_test(null_is_none_and_nil_is_undefined),
        cmocka_unit_test(modules_give_macros_to_lua),
        cmocka_unit_test(markup_escapes_what_is_joined_to_it),
        cmocka_unit_test(every_byte_is_escaped_or_stays),
        cmocka_unit_test(errors_have_a_place),
        cmocka_unit_test(streams_give_chunks),
        cmocka_unit_test(nothing_grows_without_end),
        cmocka_unit_test(a_loop_leaves_nothing_on_the_stack),
        cmocka_unit_test(lua_gets_its_turn_in_long_renders),
        cmocka_unit_test(a_loader_stays_in_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
