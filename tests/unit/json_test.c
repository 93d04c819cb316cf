/* JSON in and out: what is accepted, what is refused, and how it is written. */
#include "json.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int open_state(void **state)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    value_push_library(L);
    lua_setglobal(L, "value");
    json_push_library(L);
    lua_setglobal(L, "json");
    *state = L;
    return 0;
}

static int close_state(void **state)
{
    lua_close(*state);
    return 0;
}

static void run(lua_State *L, const char *code)
{
    if (luaL_dostring(L, code))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

static void accepts(lua_State *L, struct str text)
{
    struct fault fault = {0};
    if (json_decode(L, text, &fault) < 0)
        fail_msg("%.*s: %s", (int)(text.n < 60 ? text.n : 60), text.p, fault.message);
    assert_int_equal(lua_gettop(L), 1);
    lua_settop(L, 0);
}

static void refuses(lua_State *L, struct str text, const char *message)
{
    struct fault fault = {0};
    if (json_decode(L, text, &fault) == 0)
        fail_msg("accepted: %.*s", (int)(text.n < 60 ? text.n : 60), text.p);
    assert_int_equal(lua_gettop(L), 0);
    assert_int_equal(fault.status, 400);
    if (!strstr(fault.message, message))
        fail_msg("%.*s: %s", (int)(text.n < 60 ? text.n : 60), text.p, fault.message);
}

#define REFUSES(L, text, message) refuses(L, STR(text), message)

/* Decodes and encodes again: the canonical text that comes out. */
static void becomes(lua_State *L, struct str text, const char *expected)
{
    struct fault fault = {0};
    if (json_decode(L, text, &fault) < 0)
        fail_msg("%.*s: %s", (int)text.n, text.p, fault.message);
    json_encode(L, 1, &json_style_default);
    assert_string_equal(lua_tostring(L, 2), expected);
    assert_int_equal(lua_gettop(L), 2);
    lua_settop(L, 0);
}

#define BECOMES(L, text, expected) becomes(L, STR(text), expected)

/* What the Lua expression is in JSON. */
static void writes(lua_State *L, const char *expression, const char *expected)
{
    char code[1024];
    snprintf(code, sizeof code, "return json.encode(%s)", expression);
    if (luaL_dostring(L, code))
        fail_msg("%s: %s", expression, lua_tostring(L, -1));
    assert_string_equal(lua_tostring(L, -1), expected);
    lua_settop(L, 0);
}

/* The error that the Lua expression is instead, without its place. */
static void fails(lua_State *L, const char *expression, const char *message)
{
    char code[1024];
    snprintf(code, sizeof code, "return json.encode(%s)", expression);
    if (luaL_dostring(L, code) == 0)
        fail_msg("%s was written: %s", expression, lua_tostring(L, -1));
    const char *got = lua_tostring(L, -1), *at = strstr(got, "]:1: ");
    assert_string_equal(at ? at + 5 : got, message);
    lua_settop(L, 0);
}

/* Reading. */

static void values_of_all_kinds(void **state)
{
    lua_State *L = *state;
    BECOMES(L, "null", "null");
    BECOMES(L, " \t\r\n true \n", "true");
    BECOMES(L, "false", "false");
    BECOMES(L, "\"\"", "\"\"");
    BECOMES(L, "[]", "[]");
    BECOMES(L, "[ ]", "[]");
    BECOMES(L, "{}", "{}");
    BECOMES(L, "{ }", "{}");
    BECOMES(L, "[1 , [ ] ,{ } , null]", "[1,[],{},null]");
    BECOMES(L, "{\"b\":[{}],\"a\" : {\"\":[]} }", "{\"a\":{\"\":[]},\"b\":[{}]}");
    BECOMES(L, "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}");
    run(L, "local t = json.decode('{\"x\": [1, null, {}], \"n\": null}')\n"
           "assert(t.n == json.null and t.x[2] == json.null)\n"
           "assert(json.is_array(t.x) and not json.is_array(t.x[3]))\n"
           "assert(getmetatable(t) == nil)\n"
           "assert(json.is_array(json.decode('[]')))");
}

/* LuaJIT's numbers are all of one kind. */
static void integers_and_floats_stay_apart(void **state)
{
    lua_State *L = *state;
    if (LUA_VERSION_NUM < 503)
        skip();
    BECOMES(L, "-0.0", "-0.0");
    BECOMES(L, "3.0", "3.0");
    BECOMES(L, "1E2", "100.0");
    BECOMES(L, "1.5e+3", "1500.0");
    BECOMES(L, "9223372036854775807", "9223372036854775807");
    BECOMES(L, "-9223372036854775808", "-9223372036854775808");
    BECOMES(L, "123456789012345678", "123456789012345678");
    BECOMES(L, "1e-400", "0.0");
}

static void numbers_are_read_strictly(void **state)
{
    lua_State *L = *state;
    BECOMES(L, "0", "0");
    BECOMES(L, "-0", "0");
    BECOMES(L, "3", "3");
    BECOMES(L, "1e-07", "1e-07");
    BECOMES(L, "9223372036854775808", "9.223372036854776e+18");
    BECOMES(L, "-9223372036854775809", "-9.223372036854776e+18");
    BECOMES(L, "18446744073709551616", "1.8446744073709552e+19");
    BECOMES(L, "9999999999999999999", "1e+19");
    BECOMES(L, "100000000000000000000000", "1e+23");
    BECOMES(L, "1.7976931348623157e308", "1.7976931348623157e+308");
    BECOMES(L, "0.1", "0.1");
    REFUSES(L, "1e400", "the number is too large");
    REFUSES(L, "-1e400", "line 1, column 1: the number is too large");
    static const char *const bad[] = {
        "-",    "+1",  "01",   "-01",  "00",    ".5",       "1.",        "-.5",
        "1.e1", "1e",  "1e+",  "1e-",  "0x10",  "1_0",      "1e1.0",     "- 1",
        "--1",  "1 2", "NaN",  "-NaN", "nan",   "Infinity", "-Infinity", "inf",
        "0e",   "1a",  "1ee2", "0.e1", "1.0.0", "-a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(L, str_from(bad[i]), "bad JSON at line 1, column ");
    char digits[2000];
    memset(digits, '1', sizeof digits);
    refuses(L, (struct str){digits, 2000}, "too large");
    accepts(L, (struct str){digits, 300});
    accepts(L, (struct str){"12345", 2});
}

static void strings_are_strict(void **state)
{
    lua_State *L = *state;
    BECOMES(L, "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\tz\"");
    BECOMES(L, "\"\\u0000\"", "\"\\u0000\"");
    BECOMES(L, "\"\\u0041\\u00e9\\u20AC\"", "\"A\\u00e9\\u20ac\"");
    BECOMES(L, "\"\\uD83D\\uDE00\"", "\"\\ud83d\\ude00\"");
    BECOMES(L, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
            "\"\\u00e9\\u20ac\\ud83d\\ude00\"");
    BECOMES(L, "\"\\uFFFF\\uDBFF\\uDFFF\"", "\"\\uffff\\udbff\\udfff\"");
    BECOMES(L, "\"\x7F\"", "\"\\u007f\"");
    BECOMES(L, "{\"\\u0061\\\"\":1}", "{\"a\\\"\":1}");
    REFUSES(L, "\"", "column 1: the string has no end");
    REFUSES(L, "\"abc", "column 1: the string has no end");
    REFUSES(L, "\"abc\\", "the string has no end");
    REFUSES(L, "\"abc\\\"", "the string has no end");
    REFUSES(L, "\"a\nb\"", "column 3: a control character");
    REFUSES(L, "\"a\0b\"", "a control character");
    REFUSES(L, "\"\\\0\"", "a control character");
    REFUSES(L, "\"a\\xb\"", "column 3: no such escape");
    REFUSES(L, "\"\\U0041\"", "no such escape");
    REFUSES(L, "\"\\'\"", "no such escape");
    REFUSES(L, "\"\\\xC3\xA9\"", "no such escape");
    REFUSES(L, "\"\\u004\"", "four hexadecimal digits");
    REFUSES(L, "\"\\u00g0\"", "four hexadecimal digits");
    REFUSES(L, "\"\\u 041\"", "four hexadecimal digits");
    REFUSES(L, "\"\\u\"", "four hexadecimal digits");
    REFUSES(L, "\"ab\\uD800\"", "column 4: half of a surrogate pair");
    REFUSES(L, "\"\\uDC00\"", "half of a surrogate pair");
    REFUSES(L, "\"\\uD800\\u0041\"", "half of a surrogate pair");
    REFUSES(L, "\"\\uD800\\uD800\"", "half of a surrogate pair");
    REFUSES(L, "\"\\uD800\\uDC0\"", "half of a surrogate pair");
    REFUSES(L, "\"\\uDE00\\uD83D\"", "half of a surrogate pair");
    REFUSES(L, "'a'", "expected a value");
}

static void bytes_must_be_utf8(void **state)
{
    lua_State *L = *state;
    static const char *const bad[] = {
        "\"\x80\"",             /* a byte that only continues */
        "\"\xC3\"",             /* cut off by the quote */
        "\"\xC3(\"",            /* not continued */
        "\"\xC0\xAF\"",         /* overlong */
        "\"\xE0\x80\xAF\"",     /* overlong */
        "\"\xED\xA0\x80\"",     /* a surrogate */
        "\"\xF4\x90\x80\x80\"", /* beyond U+10FFFF */
        "\"\xF8\x88\x80\x80\x80\"",
        "\"\xFF\"",
        "\"abcdefgh\xE2\x82",
        "{\"\xFF\":1}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(L, str_from(bad[i]), "not valid UTF-8");
    REFUSES(L, "\xEF\xBB\xBF{}", "byte order mark");
    REFUSES(L, "\xC3\xA9", "expected a value");
    REFUSES(L, "[\xFF]", "expected a value");
}

static void structure_is_strict(void **state)
{
    lua_State *L = *state;
    static const char *const bad[] = {
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[,]",
        "[1,,2]",
        "[1 2]",
        "[1:2]",
        "[1}",
        "{]",
        "{1:2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,2}",
        "{\"a\",1}",
        "{null:1}",
        "{:1}",
        "[]]",
        "[][]",
        "{}{}",
        "1,",
        "null null",
        "nul",
        "tru",
        "fals",
        "True",
        "None",
        "undefined",
        "truee",
        "nulll",
        "[1]//",
        "/**/1",
        "#1",
        "\f1",
        "\v1",
        "\xC2\xA0"
        "1",
        "[1,\"a",
        "{\"a\":[}",
        "[{\"a\":1]",
        "*",
        "[\"a\"",
        "{\"a\":\"b\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(L, str_from(bad[i]), "bad JSON at line 1, column ");
    REFUSES(L, "1\0", "column 2: expected the end of the text");
    REFUSES(L, "\0", "expected a value");
    refuses(L, (struct str){NULL, 0}, "column 1: expected a value, not the end");
    assert_int_equal(json_decode(L, STR("["), NULL), -1);
}

static void errors_tell_the_place(void **state)
{
    lua_State *L = *state;
    REFUSES(L, "[1 2]", "bad JSON at line 1, column 4: expected ',' or ']'");
    REFUSES(L, "{\n  \"a\": 1,\n  b: 2\n}",
            "bad JSON at line 3, column 3: expected a string as key");
    REFUSES(L, "[\"\xC3\xA9\xC3\xA9\" x", "line 1, column 7: expected ',' or ']'");
    REFUSES(L, "{\"a\"\r\n1}", "line 2, column 1: expected ':'");
    run(L, "local ok, err = pcall(json.decode, '[1 2]')\n"
           "assert(not ok and err == \"bad JSON at line 1, column 4: expected ',' or "
           "']'\")\n"
           "assert(not pcall(json.decode, 3) and not pcall(json.decode))");
}

static void nested(char *text, int levels, const char *open, const char *close)
{
    text[0] = '\0';
    for (int i = 0; i < levels; i++)
        strcat(text, open);
    strcat(text, "1");
    for (int i = 0; i < levels; i++)
        strcat(text, close);
}

static void levels_are_limited(void **state)
{
    lua_State *L = *state;
    static char text[20000];
    nested(text, 1000, "[", "]");
    becomes(L, str_from(text), text);
    nested(text, 1000, "{\"a\":", "}");
    becomes(L, str_from(text), text);
    nested(text, 1000, "[1,2,3,4,", "]");
    becomes(L, str_from(text), text);
    nested(text, 1001, "[", "]");
    refuses(L, str_from(text), "column 1001: more than 1000 levels");
    nested(text, 1001, "{\"a\":", "}");
    refuses(L, str_from(text), "more than 1000 levels");
    static char open[1000000];
    memset(open, '[', sizeof open);
    refuses(L, (struct str){open, sizeof open}, "more than 1000 levels");
}

static void large_lists_and_dicts(void **state)
{
    run(*state, "for _, n in ipairs{1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, "
                "1000, 50000} do\n"
                "  local list, dict = {}, {}\n"
                "  for i = 1, n do\n"
                "    list[i] = i\n"
                "    dict['k' .. i] = i\n"
                "  end\n"
                "  local text = json.encode(list)\n"
                "  assert(text == '[' .. table.concat(list, ',') .. ']')\n"
                "  local back = json.decode(text)\n"
                "  assert(#back == n and json.is_array(back))\n"
                "  for i = 1, n do assert(back[i] == i) end\n"
                "  text = json.encode(dict)\n"
                "  back = json.decode(text)\n"
                "  for k, v in pairs(back) do assert(dict[k] == v) dict[k] = nil end\n"
                "  assert(next(dict) == nil)\n"
                "  assert(json.encode(back) == text)\n"
                "end");
}

static void long_strings(void **state)
{
    run(*state, "for n = 0, 40 do\n"
                "  for _, c in ipairs{'\"', '\\\\', '\\n', '\\195\\169', '\\0', '\\127', "
                "'x'} do\n"
                "    local s = ('a'):rep(n) .. c .. ('b'):rep(40 - n)\n"
                "    assert(json.decode(json.encode(s)) == s)\n"
                "    assert(json.decode(json.encode(s, {ensure_ascii = false})) == s)\n"
                "    assert(json.decode(json.encode({[s] = s}))[s] == s)\n"
                "  end\n"
                "end\n"
                "local s = ('\\226\\130\\172 \"x\"\\n'):rep(100000)\n"
                "assert(json.decode(json.encode(s)) == s)");
}

/* Writing. */

static void lists_and_dicts_are_told_apart(void **state)
{
    lua_State *L = *state;
    writes(L, "{}", "{}");
    writes(L, "json.array{}", "[]");
    writes(L, "{1, 2, 3}", "[1,2,3]");
    writes(L, "{{}, {{}}, json.array{}}", "[{},[{}],[]]");
    writes(L, "{b = 1, a = {x = true}, c = json.null}",
           "{\"a\":{\"x\":true},\"b\":1,\"c\":null}");
    writes(L, "(function() local t = {} for i = 9, 1, -1 do t[i] = i end return t end)()",
           "[1,2,3,4,5,6,7,8,9]");
    writes(L,
           "(function() local t = json.array{} for i = 9, 1, -1 do t[i] = i end return t "
           "end)()",
           "[1,2,3,4,5,6,7,8,9]");
    writes(L, "{[10] = 'x', [9] = 'y', [-1] = 'z'}",
           "{\"-1\":\"z\",\"9\":\"y\",\"10\":\"x\"}");
    writes(L, "value.ordered{{'z', 1}, {'a', 2}, {'m', value.ordered()}}",
           "{\"z\":1,\"a\":2,\"m\":{}}");
    writes(L, "value.ordered{{3, 1}, {1, 2}}", "{\"3\":1,\"1\":2}");
    writes(L, "{['\\195\\169'] = 1, z = 2, Z = 3, [''] = 4, ['a b'] = 5, a = 6}",
           "{\"\":4,\"Z\":3,\"a\":6,\"a b\":5,\"z\":2,\"\\u00e9\":1}");
}

static void scalars(void **state)
{
    lua_State *L = *state;
    writes(L, "true", "true");
    writes(L, "false", "false");
    writes(L, "json.null", "null");
    writes(L, "-12", "-12");
    writes(L, "0.5", "0.5");
    writes(L, "1e300", "1e+300");
    writes(L, "'a\\0b\\127'", "\"a\\u0000b\\u007f\"");
    writes(L, "'</script>'", "\"</script>\"");
    if (LUA_VERSION_NUM < 503)
        return;
    writes(L, "1e16", "1e+16");
    writes(L, "3.0", "3.0");
    writes(L, "-0.0", "-0.0");
    writes(L, "math.maxinteger", "9223372036854775807");
    writes(L, "math.mininteger", "-9223372036854775808");
    writes(L, "2^53", "9007199254740992.0");
}

static void styles(void **state)
{
    lua_State *L = *state;
    run(L, "local v = {a = {1, {b = '\\195\\169'}}, c = {}, d = json.array{}}\n"
           "assert(json.encode(v, {compact = false}) ==\n"
           "  '{\"a\": [1, {\"b\": \"\\\\u00e9\"}], \"c\": {}, \"d\": []}')\n"
           "assert(json.encode(v, {ensure_ascii = false}) ==\n"
           "  '{\"a\":[1,{\"b\":\"\\195\\169\"}],\"c\":{},\"d\":[]}')\n"
           "assert(json.encode(v, {indent = 2}) == [[{\n"
           "  \"a\": [\n"
           "    1,\n"
           "    {\n"
           "      \"b\": \"\\u00e9\"\n"
           "    }\n"
           "  ],\n"
           "  \"c\": {},\n"
           "  \"d\": []\n"
           "}]])\n"
           "assert(json.encode({x = {1}}, {indent = 1, compact = true}) ==\n"
           "  '{\\n \"x\":[\\n  1\\n ]\\n}')\n"
           "assert(json.encode({x = 1}, {indent = 0}) == '{\\n\"x\": 1\\n}')\n"
           "assert(json.encode({x = 1}, {indent = false}) == '{\"x\":1}')\n"
           "assert(json.encode('\\127', {ensure_ascii = false}) == '\"\\127\"')\n"
           "local t = {} for i = 1, 100 do t['k' .. i] = i end\n"
           "local back = json.decode(json.encode(t, {sort_keys = false}))\n"
           "for k, v2 in pairs(t) do assert(back[k] == v2) end\n"
           "local function wrong(options, part)\n"
           "  local ok, err = pcall(json.encode, 1, options)\n"
           "  assert(not ok and err:find(part, 1, true), err)\n"
           "end\n"
           "wrong({indent = 'x'}, 'indent')\n"
           "wrong({indent = -1}, 'indent')\n"
           "wrong({indent = 1e9}, 'indent')\n"
           "wrong({indent = true}, 'indent')\n"
           "wrong({compact = 1}, \"'compact' must be true or false\")\n"
           "wrong({sorted = true}, \"no option 'sorted'\")\n"
           "wrong({true}, 'no option')\n"
           "wrong(3, 'table expected')");
    struct json_style html = json_style_default;
    html.is_html_safe = true;
    lua_pushliteral(L, "<a href='x'>&\"");
    json_encode(L, 1, &html);
    assert_string_equal(lua_tostring(L, 2),
                        "\"\\u003ca href=\\u0027x\\u0027\\u003e\\u0026\\\"\"");
    lua_settop(L, 0);
}

static void what_cant_be_json(void **state)
{
    lua_State *L = *state;
    fails(L, "nil", "$: a nil can't be JSON");
    fails(L, "print", "$: a function can't be JSON");
    fails(L, "{a = {b = {1, 2, print}}}", "$.a.b[3]: a function can't be JSON");
    fails(L, "{items = {{}, {}, {price = 0/0}}}", "$.items[3].price: NaN can't be JSON");
    fails(L, "{1/0}", "$[1]: an infinity can't be JSON");
    fails(L, "{-1/0}", "$[1]: an infinity can't be JSON");
    fails(L, "{x = coroutine.create(print)}", "$.x: a thread can't be JSON");
    fails(L, "{x = io.stdout}", "$.x: a userdata can't be JSON");
    fails(L, "{x = setmetatable({}, {})}",
          "$.x: a table with a metatable without __tojson can't be JSON");
    fails(L, "{x = '\\255'}", "$.x: the string is not valid UTF-8");
    fails(L, "{x = 'abcdefgh\\226\\130'}", "$.x: the string is not valid UTF-8");
    fails(L, "{x = '\\237\\160\\128'}", "$.x: the string is not valid UTF-8");
    fails(L, "{['a\\255b'] = 1}", "$[\"a?b\"]: the string is not valid UTF-8");
    fails(L, "{[('k'):rep(50)] = print}",
          "$[\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...\"]: a function can't be JSON");
    fails(L, "{['a b'] = {[7] = print}}", "$[\"a b\"][7]: a function can't be JSON");
    fails(L, "{x = {[true] = 1}}", "$.x: a key must be a string or an integer");
    fails(L, "{[1.5] = 1}", "$: a key must be a string or an integer");
    fails(L, "{x = {[print] = 1}}", "$.x: a key must be a string or an integer");
    fails(L, "{x = {[5] = 1, y = 2}}", "$.x: strings and integers as keys of one dict");
    fails(L, "value.ordered{{'x', 1}, {5, 2}}",
          "$: strings and integers as keys of one dict");
    fails(L, "{x = {1, 2, y = 3}}", "$.x: a list can't have other keys than 1 to n");
    fails(L, "json.array{x = 3}", "$: a list can't have other keys than 1 to n");
    fails(L, "json.array{[0] = 3}", "$: a list can't have other keys than 1 to n");
    fails(L, "{1, nil, 3}", "$: a list with a hole at [2] (null can fill it)");
    fails(L, "{x = {[1] = 1, [100] = 2}}",
          "$.x: a list with a hole at [2] (null can fill it)");
    fails(L, "{x = json.array{[2] = 2}}",
          "$.x: a list with a hole at [1] (null can fill it)");
}

static void cycles_are_found(void **state)
{
    lua_State *L = *state;
    fails(L, "(function() local t = {} t.me = t return t end)()",
          "$.me: a cycle: this table holds itself");
    fails(L, "(function() local t = {{}} t[1].up = {t} return t end)()",
          "$[1].up[1]: a cycle: this table holds itself");
    fails(L, "(function() local t = {x = {y = {}}} t.x.y.z = t.x.y return t end)()",
          "$.x.y.z: a cycle: this table holds itself");
    run(L, "for before = 0, 40, 3 do for length = 1, 40 do\n"
           "  local root = {}\n"
           "  local at = root\n"
           "  for i = 1, before do at.a = {} at = at.a end\n"
           "  local start = at\n"
           "  for i = 1, length - 1 do at.b = {} at = at.b end\n"
           "  at.c = start\n"
           "  local ok, err = pcall(json.encode, root)\n"
           "  assert(not ok)\n"
           "  if before + length <= 24 then\n"
           "    local path = '$' .. ('.a'):rep(before) .. ('.b'):rep(length - 1) .. '.c: "
           "a cycle'\n"
           "    assert(err:find(path, 1, true), err)\n"
           "  end\n"
           "end end\n"
           "local shared = {1}\n"
           "assert(json.encode{shared, shared, {shared}} == '[[1],[1],[[1]]]')\n"
           /* a cycle beside much else must not be written a thousand times */
           "local wide = {}\n"
           "for i = 1, 20000 do wide[i] = 'some text that takes memory' end\n"
           "wide[20001] = {wide}\n"
           "assert(not pcall(json.encode, wide))");
    fails(L, "(function() local t = 1 for i = 1, 1001 do t = {t} end return t end)()",
          "$[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]...: "
          "more than 1000 levels");
}

static void tojson_gives_the_value(void **state)
{
    lua_State *L = *state;
    run(L,
        "local function object(value)\n"
        "  return setmetatable({value = value}, {__tojson = function(self)\n"
        "    return self.value\n"
        "  end})\n"
        "end\n"
        "assert(json.encode(object(3)) == '3')\n"
        "assert(json.encode{a = object{1, object('x')}} == '{\"a\":[1,\"x\"]}')\n"
        "assert(json.encode(object(object(object({})))) == '{}')\n"
        "local function fails(value, message)\n"
        "  local ok, err = pcall(json.encode, value)\n"
        "  assert(not ok and tostring(err):find(message, 1, true), err)\n"
        "end\n"
        "fails({a = object(print)}, '$.a: a function')\n"
        "fails({a = object(nil)}, '$.a: a nil')\n"
        "fails(setmetatable({}, {__tojson = function() error('mine') end}), 'mine')\n"
        "local endless = setmetatable({}, {__tojson = function(self) return self end})\n"
        "fails({x = endless}, '$.x: __tojson has no end')\n"
        "local growing = {}\n"
        "setmetatable(growing, {__tojson = function(self) return {self} end})\n"
        "fails(growing, '$[1][1]')\n"
        "debug.setmetatable(io.stdout, {__tojson = function() return 'file' end})\n"
        "assert(json.encode{io.stdout} == '[\"file\"]')\n"
        /* one that changes what is being written */
        "local t = {}\n"
        "for i = 1, 200 do t['k' .. i] = object(i) end\n"
        "t.a = setmetatable({}, {__tojson = function()\n"
        "  for k in pairs(t) do t[k] = nil end\n"
        "  collectgarbage()\n"
        "  return 'first'\n"
        "end})\n"
        "assert(json.encode(t) == '{\"a\":\"first\"}')\n"
        "local s = {}\n"
        "for i = 1, 20 do s['k' .. i] = 'v' .. i end\n"
        "s.a = setmetatable({}, {__tojson = function()\n"
        "  for k in pairs(s) do s[k] = nil end\n"
        "  collectgarbage()\n"
        "  return 'first'\n"
        "end})\n"
        "assert(#json.encode(s) > 200)");
}

static void c_callers_can_append_to_a_buffer(void **state)
{
    lua_State *L = *state;
    struct buf out = {0};
    buf_addc(&out, '>');
    lua_newtable(L);
    lua_pushinteger(L, 3);
    lua_setfield(L, 1, "n");
    json_encode_into(L, -1, &json_style_default, &out);
    buf_addc(&out, '\n');
    assert_int_equal(out.n, 9);
    assert_memory_equal(out.p, ">{\"n\":3}\n", 9);
    assert_int_equal(lua_gettop(L), 1);
    lua_settop(L, 0);
    buf_free(&out);
}

/* An allocator that fails after a number of calls. */
static void *scarce_alloc(void *left, void *p, size_t old, size_t size)
{
    (void)old;
    if (size == 0) {
        free(p);
        return NULL;
    }
    if (size > old || !p) {
        if (*(long *)left <= 0)
            return NULL;
        --*(long *)left;
    }
    return realloc(p, size);
}

static int decode_and_encode(lua_State *L)
{
    struct fault fault;
    const char *text = "{\"a\":[1,2.5,\"\\u20ac and more\",{\"b\":{}}],\"c\":[[],[[]]]}";
    if (json_decode(L, str_from(text), &fault) < 0)
        return luaL_error(L, "%s", fault.message);
    for (int i = 0; i < 200; i++) {
        lua_pushfstring(L, "key %d", i);
        lua_pushliteral(L, "a value");
        lua_rawset(L, 1);
    }
    json_encode(L, 1, &json_style_default);
    return 1;
}

static void no_memory_is_an_error_at_any_point(void **state)
{
    (void)state;
    if (LUA_VERSION_NUM < 503)
        skip(); /* LuaJIT takes no allocator of ours */
    int failures = 0;
    for (long calls = 0;; calls++) {
        long left = 1000000;
        lua_State *L = lua_newstate(scarce_alloc, &left);
        value_open(L);
        lua_pushcfunction(L, decode_and_encode);
        left = calls;
        int status = lua_pcall(L, 0, 1, 0);
        left = 1000000;
        lua_close(L);
        if (status == LUA_OK)
            break;
        assert_int_equal(status, LUA_ERRMEM);
        failures++;
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_kinds),
        cmocka_unit_test(integers_and_floats_stay_apart),
        cmocka_unit_test(numbers_are_read_strictly),
        cmocka_unit_test(strings_are_strict),
        cmocka_unit_test(bytes_must_be_utf8),
        cmocka_unit_test(structure_is_strict),
        cmocka_unit_test(errors_tell_the_place),
        cmocka_unit_test(levels_are_limited),
        cmocka_unit_test(large_lists_and_dicts),
        cmocka_unit_test(long_strings),
        cmocka_unit_test(lists_and_dicts_are_told_apart),
        cmocka_unit_test(scalars),
        cmocka_unit_test(styles),
        cmocka_unit_test(what_cant_be_json),
        cmocka_unit_test(cycles_are_found),
        cmocka_unit_test(tojson_gives_the_value),
        cmocka_unit_test(c_callers_can_append_to_a_buffer),
        cmocka_unit_test(no_memory_is_an_error_at_any_point),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
