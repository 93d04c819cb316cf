#include "field_lua.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Runs the code with the one value that push gives as the global v. */
static lua_State *open_state(void)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    return L;
}

static void run(lua_State *L, const char *code)
{
    assert_int_equal(lua_gettop(L), 1);
    lua_setglobal(L, "v");
    if (luaL_dostring(L, code))
        fail_msg("%s: %s", code, lua_tostring(L, -1));
    lua_close(L);
}

static void run_accept(enum accept_kind kind, const char *field, const char *code)
{
    lua_State *L = open_state();
    field_push_accept(L, kind, str_from(field));
    run(L, code);
}

static void accepts_values(void **state)
{
    (void)state;
    run_accept(
        ACCEPT_MIMETYPES, "text/html;q=0.5, application/json, */*;q=0.1",
        "assert(v:best_match({'text/html', 'application/json'}) == 'application/json')"
        "assert(v:quality('text/html') == 0.5 and v:accepts('a/b'))"
        "local l = v:values() assert(#l == 3 and l[1] == 'application/json')"
        "assert(l[2] == 'text/html' and l[3] == '*/*')"
        "assert(v.accept_json and v.accept_html and v.accept_xhtml == nil)"
        "assert(v:best_match({}) == nil and v:best_match({}, 7) == 7)"
        "local ok, e = pcall(v.best_match, v, {'a/b', 'html'}) "
        "assert(not ok and e:find(\"'html' is no mimetype\"))"
        "ok, e = pcall(v.best_match, v, {'a/b', 5}) "
        "assert(not ok and e:find('item 2 is a number'))"
        "assert(not pcall(v.quality, v, 'json') and not pcall(v.quality, v))"
        "assert(not pcall(v.quality, {}, 'a/b') and not pcall(v.best_match, v, 'a/b'))"
        "for _ = 1, 3 do collectgarbage() end assert(v:quality('a/b') == 0.1)");
    run_accept(
        ACCEPT_MIMETYPES, NULL,
        "assert(v:best_match({'text/html'}, 'x') == 'x' and #v:values() == 0)"
        "assert(v:quality('a/b') == 0 and not v:accepts('a/b') and not v.accept_json)");
    run_accept(ACCEPT_LANGUAGES, "de-AT, en;q=0.5",
               "assert(v:best_match{'fr', 'de'} == 'de' and v.accept_json == nil)");
    run_accept(ACCEPT_ENCODINGS, "x\xE9", "assert(v:values()[1] == 'x\\xC3\\xA9')");
}

static void run_etags(const char *field, const char *code)
{
    lua_State *L = open_state();
    field_push_etags(L, str_from(field));
    run(L, code);
}

static void lists_tags(void **state)
{
    (void)state;
    run_etags("\"a\", W/\"b\", \"c\"",
              "assert(not v.star and #v.strong == 2 and v.strong[2] == 'c' and v.weak[1] "
              "== 'b')"
              "assert(v:contains('a') and not v:contains('b') and v:contains_weak('b'))"
              "assert(v:contains_weak('a') and not v:contains_weak('x'))"
              "assert(not pcall(v.contains, v) and not pcall(v.contains, 5, 'a'))");
    run_etags("*", "assert(v.star and v:contains('x') and v:contains_weak('x'))");
    run_etags(NULL, "assert(v.star == false and #v.strong == 0 and #v.weak == 0)"
                    "assert(not v:contains('a') and not v:contains_weak('a'))");
}

#define CHECK(push, field, code)                                                         \
    do {                                                                                 \
        lua_State *L = open_state();                                                     \
        push(L, str_from(field));                                                        \
        run(L, code);                                                                    \
    } while (0)

static void gives_ranges(void **state)
{
    (void)state;
    CHECK(field_push_range, NULL, "assert(v == nil)");
    CHECK(field_push_range, "bytes", "assert(v == nil)");
    CHECK(field_push_range, "bytes=", "assert(v == nil)");
    CHECK(field_push_range, "bytes=0-9,x", "assert(v == nil)");
    CHECK(field_push_range, "Bytes=0-9, 5-,-3",
          "assert(v.units == 'bytes' and #v.ranges == 3)"
          "assert(v.ranges[1][1] == 0 and v.ranges[1][2] == 10 and v.ranges[2][1] == 5)"
          "assert(v.ranges[2][2] == nil and v.ranges[3][1] == -3 and #v.ranges[3] == 1)");
    CHECK(field_push_range, "bytes=-0",
          "assert(v.ranges[1][1] == 0 and v.ranges[1][2] == 0)");
    CHECK(field_push_if_range, NULL, "assert(next(v) == nil)");
    CHECK(field_push_if_range, "\"a\"", "assert(v.etag == 'a' and v.date == nil)");
    CHECK(field_push_if_range, "Sun, 06 Nov 1994 08:49:37 GMT",
          "assert(v.date == 784111777 and v.etag == nil)");
}

static void gives_authorization(void **state)
{
    (void)state;
    CHECK(field_push_authorization, NULL, "assert(v == nil)");
    CHECK(field_push_authorization, "Basic x", "assert(v == nil)");
    CHECK(field_push_authorization, "Basic dXNlcjpwYXNz",
          "assert(v.type == 'basic' and v.username == 'user' and v.password == 'pass')"
          "assert(v.parameters.username == 'user' and v.token == nil)");
    CHECK(
        field_push_authorization, "Bearer t0k",
        "assert(v.type == 'bearer' and v.token == 't0k' and next(v.parameters) == nil)");
    CHECK(field_push_authorization, "Digest username=\"u\", qop=auth, x",
          "assert(v.type == 'digest' and v.token == nil and v.username == nil)"
          "assert(v.parameters.username == 'u' and v.parameters.x == true)");
}

static void gives_tables(void **state)
{
    (void)state;
    CHECK(field_push_cache_control, NULL, "assert(next(v) == nil)");
    CHECK(field_push_cache_control,
          "Max-Age=60, no-cache, max-stale, min-fresh=x, private=\"a\"",
          "assert(v.max_age == 60 and v.no_cache == true and v.max_stale == true)"
          "assert(v.min_fresh == nil and v.private == 'a')");
    CHECK(field_push_list, NULL, "assert(#v == 0)");
    CHECK(field_push_list, "a, \"b, c\",,\xE9",
          "assert(#v == 3 and v[2] == 'b, c')"
          "assert(v[3] == '\\xC3\\xA9')");
    CHECK(field_push_date, "Sun, 06 Nov 1994 08:49:37 GMT", "assert(v == 784111777)");
    CHECK(field_push_date, NULL, "assert(v == nil)");
    CHECK(field_push_integer, " 12 ", "assert(v == 12)");
    CHECK(field_push_integer, "-1", "assert(v == nil)");
    CHECK(field_push_integer, "", "assert(v == nil)");
    CHECK(field_push_integer, "99999999999999999999", "assert(v == nil)");
    lua_State *L = open_state();
    field_push_mimetype(L, STR("Text/HTML; Charset=\"UTF-8\""));
    lua_setglobal(L, "parameters");
    run(L, "assert(v == 'text/html' and parameters.charset == 'UTF-8')");
    L = open_state();
    field_push_mimetype(L, (struct str){NULL, 0});
    lua_setglobal(L, "parameters");
    run(L, "assert(v == '' and next(parameters) == nil)");
}

static void gives_the_access_route(void **state)
{
    (void)state;
    struct str none = {NULL, 0};
    lua_State *L = open_state();
    field_push_access_route(L, STR("1.1.1.1, 2.2.2.2"), STR("3.3.3.3"));
    run(L, "assert(#v == 2 and v[1] == '1.1.1.1' and v[2] == '2.2.2.2')");
    L = open_state();
    field_push_access_route(L, none, STR("3.3.3.3"));
    run(L, "assert(#v == 1 and v[1] == '3.3.3.3')");
    L = open_state();
    field_push_access_route(L, none, none);
    run(L, "assert(#v == 0)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_values), cmocka_unit_test(lists_tags),
        cmocka_unit_test(gives_ranges),   cmocka_unit_test(gives_authorization),
        cmocka_unit_test(gives_tables),   cmocka_unit_test(gives_the_access_route),
    };
    return cmocka_run_group_tests_name("field_lua", tests, NULL, NULL);
}
