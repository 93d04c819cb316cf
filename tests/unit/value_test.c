/* Lists, ordered dicts and the order of keys, from C and from Lua. */
#include "base/value.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int open_state(void **state)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    value_push_library(L);
    lua_setglobal(L, "value");
    *state = L;
    return 0;
}

static int close_state(void **state)
{
    lua_close(*state);
    return 0;
}

/* Runs Lua code that must not fail. */
static void run(lua_State *L, const char *code)
{
    if (luaL_dostring(L, code))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

/* Runs Lua code that must fail with a message that holds `part`. */
static void run_fails(lua_State *L, const char *code, const char *part)
{
    assert_true(luaL_dostring(L, code) != 0);
    assert_non_null(strstr(lua_tostring(L, -1), part));
    lua_settop(L, 0);
}

static void null_is_a_light_userdata(void **state)
{
    lua_State *L = *state;
    value_push_null(L);
    assert_true(value_is_null(L, -1));
    lua_pushlightuserdata(L, L);
    assert_false(value_is_null(L, -1));
    lua_pushnil(L);
    assert_false(value_is_null(L, -1));
    lua_settop(L, 0);
    run(L, "assert(value.null and type(value.null) == 'userdata')");
    run(L, "local ok, cjson = pcall(require, 'cjson')\n"
           "if ok then assert(cjson.null == value.null) end");
}

static void lists_are_marked_or_sequences(void **state)
{
    lua_State *L = *state;
    run(L, "assert(value.is_array{1, 2, 3})\n"
           "assert(not value.is_array{})\n"
           "assert(not value.is_array{1, 2, x = 3})\n"
           "assert(not value.is_array{[2] = 1, [3] = 1})\n"
           "assert(not value.is_array{[1] = 1, [1.5] = 1})\n"
           "assert(not value.is_array{[0] = 1, 2})\n"
           "assert(not value.is_array(setmetatable({1}, {})))\n"
           "assert(not value.is_array(3) and not value.is_array(nil))\n"
           "assert(not value.is_array('x') and not value.is_array(value.null))\n"
           "assert(not value.is_array(io.stdout))\n"
           "local t = {}\n"
           "assert(value.array(t) == t and value.is_array(t))\n"
           "assert(value.array(t) == t)\n"
           "local backwards = {}\n"
           "for i = 100, 1, -1 do backwards[i] = i end\n"
           "assert(value.is_array(backwards))");
    run_fails(L, "value.array(setmetatable({}, {}))", "metatable");
    run_fails(L, "value.array(value.ordered{})", "metatable");
    run_fails(L, "value.array('x')", "table expected");
    run_fails(L, "value.is_array()", "value expected");
    value_push_list(L, 3);
    assert_true(value_is_list(L, -1));
    assert_int_equal(value_sequence_length(L, -1), 0);
    assert_int_equal(lua_gettop(L), 1);
}

static void ordered_dicts_keep_their_order(void **state)
{
    lua_State *L = *state;
    run(L, "local function keys(t)\n"
           "  local out = {}\n"
           "  for k, v in value.pairs(t) do\n"
           "    assert(t[k] == v)\n"
           "    out[#out + 1] = tostring(k)\n"
           "  end\n"
           "  return table.concat(out, ' ')\n"
           "end\n"
           "local o = value.ordered{{'z', 1}, {'a', 2}, {3, 3}, {true, 4}, {'z', 5}}\n"
           "assert(o.z == 5 and o[3] == 3 and not value.is_array(o))\n"
           "assert(keys(o) == 'z a 3 true')\n"
           "o.b = 1\n"
           "assert(keys(o) == 'z a 3 true b')\n"
           "o.z = nil\n"
           "assert(keys(o) == 'a 3 true b')\n"
           "o.z = 1\n"
           "assert(keys(o) == 'a 3 true b z')\n"
           "o.a = 9\n"
           "o.never = nil\n"
           "assert(keys(o) == 'a 3 true b z')\n"
           "assert(keys(value.ordered()) == '')\n"
           "assert(keys(value.ordered{{'k'}}) == '')\n"
           "for k in value.pairs(o) do o[k] = nil end\n"
           "assert(keys(o) == '' and next(o) == nil)");
    run_fails(L, "value.ordered{3}", "item 1");
    run_fails(L, "value.ordered{{'a', 1}, {}}", "item 2");
    run_fails(L, "value.ordered(3)", "table expected");
    run_fails(L, "value.ordered{}[0/0] = 1", "NaN");
    run_fails(L, "getmetatable(value.ordered{}).__newindex({}, 1, 1)", "ordered dict");
}

static void pairs_of_lua_go_in_order(void **state)
{
    if (LUA_VERSION_NUM < 502)
        skip();
    run(*state, "local out = ''\n"
                "for k, v in pairs(value.ordered{{'c', 1}, {'a', 2}}) do out = out .. k "
                ".. v end\n"
                "assert(out == 'c1a2')");
}

static void a_random_life_agrees_with_a_plain_model(void **state)
{
    run(*state, "local o, order = value.ordered(), {}\n"
                "local seed = 7\n"
                "local function random(n)\n"
                "  seed = (seed * 16807) % 2147483647\n"
                "  return seed % n\n"
                "end\n"
                "for step = 1, 20000 do\n"
                "  local key = random(3) == 0 and random(50) or 'k' .. random(300)\n"
                "  if random(100) < 55 then\n"
                "    if o[key] == nil then order[#order + 1] = key end\n"
                "    o[key] = step\n"
                "  elseif o[key] then\n"
                "    for i, k in ipairs(order) do\n"
                "      if k == key then table.remove(order, i) break end\n"
                "    end\n"
                "    o[key] = nil\n"
                "  end\n"
                "  if step % 500 == 0 then\n"
                "    local i = 0\n"
                "    for k in value.pairs(o) do i = i + 1 assert(order[i] == k) end\n"
                "    assert(i == #order)\n"
                "  end\n"
                "end");
}

/* A queue that is always short: its memory must not grow with its life. */
static void dead_items_are_forgotten(void **state)
{
    lua_State *L = *state;
    run(L, "o = value.ordered()\n"
           "for i = 1, 200000 do o['k' .. i % 1000] = nil o['k' .. i % 1000] = i\n"
           "  o['k' .. (i - 5) % 1000] = nil end");
    lua_getglobal(L, "o");
    lua_getmetatable(L, 1);
    assert_true(lua_rawlen(L, 2) <= 32);
    assert_int_equal(value_push_keys(L, 1), 5);
}

static void keys_come_sorted(void **state)
{
    lua_State *L = *state;
    run(L,
        "local t = {b = 1, a = 1, ['a\\0'] = 1, [''] = 1, ['\\195\\169'] = 1, B = 1,\n"
        "  [10] = 1, [9] = 1, [-1] = 1, [1.5] = 1, [-1e300] = 1, [1e300] = 1, [-0.5] = "
        "1,\n"
        "  [true] = 1, [false] = 1, [print] = 1}\n"
        "local got = {}\n"
        "for k in value.pairs(t) do got[#got + 1] = k end\n"
        "local want = {-1e300, -1, -0.5, 1.5, 9, 10, 1e300, '', 'B', 'a', 'a\\0', 'b',\n"
        "  '\\195\\169', false, true, print}\n"
        "assert(#got == #want)\n"
        "for i, k in ipairs(want) do assert(got[i] == k, i) end");
    if (LUA_VERSION_NUM >= 503)
        run(L, "local t = {[math.maxinteger] = 1, [math.mininteger] = 1, [2^63] = 1,\n"
               "  [-2^63 * 1.5] = 1, [0.25] = 1, [2^53 + 1] = 1}\n"
               "local got = {}\n"
               "for k in value.pairs(t) do got[#got + 1] = k end\n"
               "local want = {-2^63 * 1.5, math.mininteger, 0.25, 2^53 + 1, "
               "math.maxinteger,\n"
               "  2^63}\n"
               "for i, k in ipairs(want) do assert(got[i] == k, i) end");
    run(L, "local t = {}\n"
           "for i = 1, 5000 do t['k' .. i * 7919 % 5000] = i end\n"
           "local last, n = '', 0\n"
           "for k in value.pairs(t) do assert(last < k) last, n = k, n + 1 end\n"
           "assert(n == 5000)");
}

static void pairs_see_the_keys_of_their_start(void **state)
{
    run(*state, "local t, seen = {a = 1, b = 2, c = 3}, ''\n"
                "for k in value.pairs(t) do\n"
                "  seen = seen .. k\n"
                "  t[k], t.b, t[k .. 'x'] = nil, nil, 1\n"
                "end\n"
                "assert(seen == 'ac')\n"
                "local o = value.ordered{{'a', 1}}\n"
                "for k in value.pairs(o) do o[k .. 'x'] = 1 end\n"
                "assert(o.ax and not o.axx)");
}

static void a_foreign_pairs_is_respected(void **state)
{
    lua_State *L = *state;
    run(L, "local t = setmetatable({}, {__pairs = function(self)\n"
           "  return function(_, k) if not k then return 'x', 1 end end, self, nil\n"
           "end})\n"
           "for k, v in value.pairs(t) do assert(k == 'x' and v == 1) t = nil end\n"
           "assert(t == nil)");
    run_fails(L, "value.pairs(3)", "table expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_a_light_userdata),
        cmocka_unit_test(lists_are_marked_or_sequences),
        cmocka_unit_test(ordered_dicts_keep_their_order),
        cmocka_unit_test(pairs_of_lua_go_in_order),
        cmocka_unit_test(a_random_life_agrees_with_a_plain_model),
        cmocka_unit_test(dead_items_are_forgotten),
        cmocka_unit_test(keys_come_sorted),
        cmocka_unit_test(pairs_see_the_keys_of_their_start),
        cmocka_unit_test(a_foreign_pairs_is_respected),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
