#include "multidict.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "convert.h"
#include <stdio.h>
#include <stdlib.h>

/* A state with: d (args), h (headers), f (Lua values), int/number/boolean, check(v). */
static const struct pair args[] = {
    {{"a", 1}, {"1", 1}},      {{"b", 1}, {"x", 1}},    {{"a", 1}, {"2", 1}},
    {{"get", 3}, {"mine", 4}}, {{"", 0}, {"empty", 5}}, {{"a", 1}, {"three", 5}},
    {{"n\0l", 3}, {"\0", 1}},  {{"x_y", 3}, {NULL, 0}}, {{"5", 1}, {"five", 4}},
};
static const struct pair headers[] = {
    {{"Host", 4}, {"x.test", 6}},   {{"X-Real-Ip", 9}, {"::1", 3}},
    {{"x-real-IP", 9}, {"::2", 3}}, {{"X_Token", 7}, {"forged", 6}},
    {{"Accept", 6}, {"*/*", 3}},
};

static int raise_missing(lua_State *L)
{
    return luaL_error(L, "400 missing %s", lua_tostring(L, 1));
}

static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    lua_pushcfunction(L, raise_missing);
    multidict_set_require_error(L);
    multidict_push(L, args, sizeof args / sizeof *args, 0);
    lua_setglobal(L, "d");
    multidict_push(L, headers, sizeof headers / sizeof *headers, MULTIDICT_HEADERS);
    lua_setglobal(L, "h");
    multidict_push(L, NULL, 0, 0);
    lua_setglobal(L, "none");
    lua_newtable(L);
    for (int i = 1; i <= 3; i++) {
        lua_newtable(L);
        lua_pushinteger(L, i);
        lua_setfield(L, -2, "id");
        lua_rawseti(L, -2, i);
    }
    static const struct str names[] = {{"photo", 5}, {"doc", 3}, {"photo", 5}};
    multidict_push_values(L, names, 3, 0);
    lua_setglobal(L, "f");
    lua_register(L, "int", convert_int);
    lua_register(L, "number", convert_number);
    lua_register(L, "boolean", convert_boolean);
    assert_int_equal(lua_gettop(L), 0);
    return L;
}

static void run(const char *code)
{
    lua_State *L = open_state();
    if (luaL_dostring(L, code))
        fail_msg("%s", lua_tostring(L, -1));
    lua_close(L);
}

static void looks_up(void **state)
{
    (void)state;
    run("assert(d.a == '1' and d.b == 'x' and d.zz == nil)"
        "assert(type(d.get) == 'function' and d:get('get') == 'mine')"
        "assert(d[''] == 'empty' and d['n\\0l'] == '\\0' and d['n'] == nil)"
        "assert(d.x_y == '' and d['x-y'] == nil)"
        "assert(d[5] == 'five' and d[1] == nil and d[true] == nil and d:get(5) == 'five')"
        "assert(none.a == nil and none:get('a', 7) == 7)"
        "assert(f.photo.id == 1 and f.doc.id == 2)");
}

static void gets_with_default_and_conversion(void **state)
{
    (void)state;
    run("assert(d:get('a', 9, int) == 1 and d:get('b', 9, int) == 9)"
        "assert(d:get('zz') == nil and d:get('zz', false) == false)"
        "assert(d:get('a', 9, function() error('x') end) == 9)"
        "assert(d:get('a', 9, function() return false end) == false)"
        "assert(d:get('a', nil, function(v) return v .. '!' end) == '1!')"
        "assert(d:get('a', 1, setmetatable({}, {__call = function(_, v) return 'c' .. v "
        "end}))"
        "  == 'c1')"
        "assert(not pcall(d.get, d, 'a', 1, 'int'))"
        "assert(not pcall(d.get, d) and not pcall(d.get, {}, 'a'))"
        "assert(not pcall(d.get, d, {}))");
}

static void gets_lists(void **state)
{
    (void)state;
    run("local l = d:getlist('a') assert(#l == 3 and l[1] == '1' and l[3] == 'three')"
        "l = d:getlist('a', int) assert(#l == 2 and l[1] == 1 and l[2] == 2)"
        "l = d:getlist('zz') assert(#l == 0 and getmetatable(l) ~= nil)"
        "l = f:getlist('photo') assert(#l == 2 and l[2].id == 3)");
}

static void requires(void **state)
{
    (void)state;
    run("assert(d:require('a') == '1' and d:require('a', int) == 1)"
        "local ok, e = pcall(d.require, d, 'zz') assert(not ok and e:find('400 missing "
        "zz'))"
        "ok, e = pcall(d.require, d, 'b', int) assert(not ok and e:find('400 missing "
        "b'))");
}

static void iterates(void **state)
{
    (void)state;
    run("local function keys(iterate, ...) local t = {}"
        "  for k, v in iterate(...) do t[#t + 1] = k .. '=' .. v end"
        "  return table.concat(t, '&') end "
        "local first = 'a=1&b=x&get=mine&=empty&n\\0l=\\0&x_y=&5=five' "
        "assert(keys(d.items, d) == first and keys(pairs, d) == first)"
        "assert(keys(d.items, d, {multi = true}) =="
        "  'a=1&b=x&a=2&get=mine&=empty&a=three&n\\0l=\\0&x_y=&5=five')"
        "assert(keys(pairs, none) == '')"
        "local t = d:to_table() assert(t.a == '1' and t.get == 'mine')"
        "t = d:to_table{flat = false} assert(#t.a == 3 and t.a[2] == '2' and #t.b == 1)"
        "t = d:to_table{} assert(t.a == '1')"
        "assert(next(none:to_table()) == nil)");
}

static void has_keys(void **state)
{
    (void)state;
    run("assert(d:has('a') and not d:has('zz') and d:has('get') and not none:has('a'))");
}

static void finds_headers(void **state)
{
    (void)state;
    run("assert(h.host == 'x.test' and h.Host == 'x.test' and h:get('HOST') == 'x.test')"
        "assert(h.x_real_ip == '::1' and h['X-Real-Ip'] == '::1' and h.X_REAL_IP == "
        "'::1')"
        "assert(h:get('x-real-ip') == '::1' and h:get('x_real_ip') == nil)"
        "assert(#h:getlist('X-REAL-IP') == 2 and not h:has('x_real_ip'))"
        "assert(h.x_token == nil and h['X-Token'] == nil and h:get('X-Token') == nil)"
        "assert(h:get('x_token') == 'forged')"
        "local t = {} for k in pairs(h) do t[#t + 1] = k end "
        "assert(table.concat(t, ' ') == 'Host X-Real-Ip X_Token Accept')");
}

static void can_not_be_changed(void **state)
{
    (void)state;
    run("local ok, e = pcall(function() d.a = 2 end) assert(not ok and e:find('changed'))"
        "assert(not pcall(function() d.new = 2 end))");
}

static void survives_collection(void **state)
{
    (void)state;
    run("for _ = 1, 3 do collectgarbage() end assert(d.a == '1' and f.photo.id == 1)");
}

static void tells_its_type(void **state)
{
    (void)state;
    lua_State *L = open_state();
    lua_getglobal(L, "d");
    lua_newuserdatauv(L, 1, 0);
    assert_true(multidict_is(L, 1));
    assert_false(multidict_is(L, 2));
    lua_close(L);
}

static void converts(void **state)
{
    (void)state;
    run("local type = math.type or type " /* LuaJIT has one kind of number */
        "local function all(f, t) for i = 1, #t do local v = f(t[i][1])"
        "  if v ~= t[i][2] or type(v) ~= type(t[i][2]) then"
        "    error(tostring(t[i][1]) .. ' gives ' .. tostring(v)) end end end "
        "all(int, {{'5', 5}, {'-5', -5}, {'+5', 5}, {'007', 7}, {'', nil}, {'-', nil},"
        " {' 5'}, {'5 '}, {'5.0'}, {'1e3'}, {'0x10'}, {'5\\0'}, {'1_000'}, {true}, {{}},"
        " {'9223372036854775807', math.maxinteger}, {'-9223372036854775808', "
        "math.mininteger or -2^63},"
        " {'9223372036854775808'}, {'-9223372036854775809'}, {'99999999999999999999'},"
        " {5, 5}, {5.0, 5}, {5.5}})"
        "all(number, {{'5', 5}, {'5.5', 5.5}, {'.5', 0.5}, {'1e3', 1000.0}, {'-1.5', "
        "-1.5},"
        " {'inf'}, {'nan'}, {'0x10'}, {'1e999'}, {''}, {' 1'}, {'1,5'}, {5.5, 5.5},"
        " {'9223372036854775808', 2^63}})"
        "all(boolean, {{'1', true}, {'TRUE', true}, {'On', true}, {'yes', true}, {'0', "
        "false},"
        " {'false', false}, {'off', false}, {'No', false}, {''}, {'2'}, {'y'}, {true, "
        "true},"
        " {false, false}, {1}})"
        "assert(int(nil) == nil and number(nil) == nil and boolean(nil) == nil)");
}

/* Names that are all equal, or all different: neither may be slow. */
static void is_linear(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    struct pair *many = calloc(COUNT, sizeof *many);
    char(*names)[12] = calloc(COUNT, sizeof *names);
    lua_State *L = open_state();
    for (int i = 0; i < COUNT; i++)
        many[i] = (struct pair){{"a", 1}, {"v", 1}};
    multidict_push(L, many, COUNT, 0);
    lua_setglobal(L, "same");
    for (int i = 0; i < COUNT; i++)
        many[i].name = (struct str){names[i], (size_t)sprintf(names[i], "%d", i)};
    multidict_push(L, many, COUNT, MULTIDICT_HEADERS);
    lua_setglobal(L, "distinct");
    free(many);
    free(names);
    assert_int_equal(luaL_dostring(L, "assert(#same:getlist('a') == 300000)"
                                      "local n = 0 for _ in pairs(same) do n = n + 1 end "
                                      "for _ in pairs(distinct) do n = n + 1 end "
                                      "assert(n == 300001)"),
                     0);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_up),
        cmocka_unit_test(gets_with_default_and_conversion),
        cmocka_unit_test(gets_lists),
        cmocka_unit_test(requires),
        cmocka_unit_test(iterates),
        cmocka_unit_test(has_keys),
        cmocka_unit_test(finds_headers),
        cmocka_unit_test(can_not_be_changed),
        cmocka_unit_test(survives_collection),
        cmocka_unit_test(tells_its_type),
        cmocka_unit_test(converts),
        cmocka_unit_test(is_linear),
    };
    return cmocka_run_group_tests_name("multidict", tests, NULL, NULL);
}
