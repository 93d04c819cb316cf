#include "response.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>

static lua_State *L;

/* All fields as "name=value|...". */
static void check_fields(const struct response *r, const char *expected)
{
    char text[1000] = "";
    for (int i = 0; i < r->n_fields; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s=%.*s|",
                 (int)r->fields[i].name.n, r->fields[i].name.p, (int)r->fields[i].value.n,
                 r->fields[i].value.p);
    assert_string_equal(text, expected);
}

static void add(struct response *r, const char *name, const char *value)
{
    struct fault fault;
    assert_int_equal(response_add_field(r, str_from(name), str_from(value), &fault), 0);
}

static void set(struct response *r, const char *name, const char *value)
{
    struct fault fault;
    assert_int_equal(response_set_field(r, str_from(name), str_from(value), &fault), 0);
}

static void fields_are_set_added_and_removed(void **state)
{
    (void)state;
    struct response r;
    response_init(&r);
    add(&r, "A", "1");
    add(&r, "b", " 2\t");
    add(&r, "a", "3");
    add(&r, "C", "");
    check_fields(&r, "A=1|b=2|a=3|C=|");
    assert_true(str_eq(*response_field(&r, STR("a")), STR("1")));
    assert_null(response_field(&r, STR("")));
    set(&r, "a", "4"); /* in the first one's place, the others of that name go */
    check_fields(&r, "a=4|b=2|C=|");
    set(&r, "D", "5");
    check_fields(&r, "a=4|b=2|C=|D=5|");
    assert_int_equal(response_remove_field(&r, STR("c")), 1);
    assert_int_equal(response_remove_field(&r, STR("c")), 0);
    add(&r, "d", "6");
    assert_int_equal(response_remove_field(&r, STR("D")), 2);
    check_fields(&r, "a=4|b=2|");
    set(&r, "a",
        response_field(&r, STR("b"))->p); /* a value out of the response itself */
    check_fields(&r, "a=2|b=2|");
    response_clear(L, &r);
    check_fields(&r, "");
}

static void values_are_copied(void **state)
{
    (void)state;
    struct response r;
    struct fault fault;
    char name[] = "X-Name", value[] = "value";
    response_init(&r);
    response_add_field(&r, (struct str){name, 6}, (struct str){value, 5}, &fault);
    memset(name, '!', 6);
    memset(value, '!', 5);
    check_fields(&r, "X-Name=value|");
    response_clear(L, &r);
}

static void what_must_not_be_sent_is_refused(void **state)
{
    (void)state;
    static const struct str cases[][2] = {
        {STR(""), STR("v")},
        {STR("a b"), STR("v")},
        {STR("a:"), STR("v")},
        {STR("a\r\nb"), STR("v")},
        {STR("a\0"), STR("v")},
        {STR("\xC3\xA9"), STR("v")},
        {STR("a"), STR("v\r\nb: c")},
        {STR("a"), STR("v\n")},
        {STR("a"), STR("v\r")},
        {STR("a"), STR("\0v")},
        {STR("a"), STR("v\x7F")},
        {STR("a"), STR("\x1B[0m")},
        {STR("Transfer-Encoding"), STR("chunked")},
        {STR("transfer-encoding"), STR("")},
        {STR("Connection"), STR("keep-alive")},
        {STR("connection"), STR("upgrade, close")},
        {STR("Connection"), STR("")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct response r;
        struct fault fault = {0};
        response_init(&r);
        assert_int_equal(response_add_field(&r, cases[i][0], cases[i][1], &fault), -1);
        assert_int_equal(fault.status, 500);
        assert_null(strpbrk(fault.message, "\r\n"));
        assert_int_equal(response_set_field(&r, cases[i][0], cases[i][1], &fault), -1);
        check_fields(&r, "");
        assert_false(r.must_close);
        response_clear(L, &r);
    }
}

static void a_refused_value_leaves_the_old_one(void **state)
{
    (void)state;
    struct response r;
    struct fault fault;
    response_init(&r);
    add(&r, "a", "1");
    add(&r, "a", "2");
    assert_int_equal(response_set_field(&r, STR("a"), STR("\n"), &fault), -1);
    check_fields(&r, "a=1|a=2|");
    response_clear(L, &r);
}

static void connection_can_be_closed(void **state)
{
    (void)state;
    struct response r;
    response_init(&r);
    set(&r, "connection", " Close ");
    assert_true(r.must_close);
    response_remove_field(&r, STR("CONNECTION"));
    assert_false(r.must_close);
    response_clear(L, &r);
}

static void a_thousand_fields_are_the_most(void **state)
{
    (void)state;
    struct response r;
    struct fault fault;
    int n = 0;
    response_init(&r);
    while (n < 5000 && response_add_field(&r, STR("a"), STR("b"), &fault) == 0)
        n++;
    assert_true(n >= 1000 && n <= 1100);
    set(&r, "a", "c");
    add(&r, "a", "d");
    check_fields(&r, "a=c|a=d|");
    response_clear(L, &r);
}

static void removing_the_type_takes_the_default_away(void **state)
{
    (void)state;
    struct response r;
    response_init(&r);
    assert_true(r.has_default_type);
    response_remove_field(&r, STR("content-type"));
    assert_false(r.has_default_type);
    response_clear(L, &r);
    assert_true(r.has_default_type);
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        lua_Integer status;
        bool is_one;
    } cases[] = {{200, true},
                 {999, true},
                 {299, true},
                 {199, false},
                 {100, false},
                 {1000, false},
                 {0, false},
                 {-200, false},
                 {((lua_Integer)1 << 32) + 200, false},
                 {LUA_MININTEGER, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct response r;
        response_init(&r);
        assert_int_equal(response_set_status(&r, cases[i].status),
                         cases[i].is_one ? 0 : -1);
        assert_int_equal(r.status, cases[i].is_one ? cases[i].status : 200);
        response_clear(L, &r);
    }
}

/* As in Werkzeug: without a phrase the status' own stands. */
static void status_lines(void **state)
{
    (void)state;
    static const struct {
        struct str line;
        int status;         /* 0: refused */
        const char *reason; /* NULL: the status' own */
    } cases[] = {
        {STR("201 CREATED"), 201, "CREATED"},
        {STR("404 Nobody Home"), 404, "Nobody Home"},
        {STR("200"), 200, NULL},
        {STR("201 "), 201, NULL},
        {STR("  201  Made  "), 201, "Made"},
        {STR("299 caf\xC3\xA9"), 299, "caf\xC3\xA9"},
        {STR(""), 0, NULL},
        {STR(" "), 0, NULL},
        {STR("20"), 0, NULL},
        {STR("2000"), 0, NULL},
        {STR("20 OK"), 0, NULL},
        {STR("+20 OK"), 0, NULL},
        {STR("199 X"), 0, NULL},
        {STR("OK"), 0, NULL},
        {STR("201\tX"), 0, NULL},
        {STR("201 X\r\nSet-Cookie: a=b"), 0, NULL},
        {STR("201 X\0"), 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct response r;
        struct fault fault;
        response_init(&r);
        int result = response_set_status_line(&r, cases[i].line, &fault);
        assert_int_equal(result, cases[i].status ? 0 : -1);
        assert_int_equal(r.status, cases[i].status ? cases[i].status : 200);
        if (cases[i].reason)
            assert_true(str_eq(r.reason, str_from(cases[i].reason)));
        else
            assert_null(r.reason.p);
        response_clear(L, &r);
    }
}

static void a_number_forgets_the_phrase(void **state)
{
    (void)state;
    struct response r;
    struct fault fault;
    response_init(&r);
    response_set_status_line(&r, STR("201 Mine"), &fault);
    response_set_status(&r, 404);
    assert_null(r.reason.p);
    response_clear(L, &r);
}

static void bodies_replace_one_another(void **state)
{
    (void)state;
    struct response r;
    response_init(&r);
    lua_settop(L, 0);
    for (int i = 0; i < 300; i++) {
        int fd = open("/dev/null", O_RDONLY);
        response_set_file(L, &r, fd, 5, 10);
        assert_int_equal(r.kind, RESPONSE_FILE);
        lua_pushfstring(L, "text %d", i);
        response_set_text(L, &r, -1);
        lua_pop(L, 1);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        assert_int_equal(r.kind, RESPONSE_TEXT);
        assert_int_equal(r.length, 0);
        lua_gc(L, LUA_GCCOLLECT, 0);
        assert_memory_equal(r.text.p, "text ", 5);
        lua_pushcfunction(L, luaopen_base);
        response_set_stream(L, &r, -1);
        lua_pop(L, 1);
        assert_int_equal(r.kind, RESPONSE_STREAM);
        assert_int_equal(r.text.n, 0);
    }
    assert_true(lua_rawlen(L, LUA_REGISTRYINDEX) < 20);
    response_clear(L, &r);
    assert_int_equal(lua_gettop(L), 0);
}

static void reasons_are_the_standards(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *reason;
    } cases[] = {{200, "OK"},
                 {404, "Not Found"},
                 {418, "I'm a teapot"},
                 {511, "Network Authentication Failed"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(response_reason(cases[i].status), cases[i].reason);
    assert_null(response_reason(299));
    assert_null(response_reason(0));
    assert_null(response_reason(-1));
    assert_null(response_reason(65536 + 200));
    for (int i = 0; i < 1000; i++) {
        const char *reason = response_reason(i);
        assert_true(!reason || (*reason && !strpbrk(reason, "\r\n")));
        assert_int_equal(response_has_no_content(i), i < 200 || i == 204 || i == 304);
    }
}

static int open_lua(void **state)
{
    (void)state;
    L = luaL_newstate();
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    lua_close(L);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_set_added_and_removed),
        cmocka_unit_test(values_are_copied),
        cmocka_unit_test(what_must_not_be_sent_is_refused),
        cmocka_unit_test(a_refused_value_leaves_the_old_one),
        cmocka_unit_test(connection_can_be_closed),
        cmocka_unit_test(a_thousand_fields_are_the_most),
        cmocka_unit_test(removing_the_type_takes_the_default_away),
        cmocka_unit_test(statuses),
        cmocka_unit_test(status_lines),
        cmocka_unit_test(a_number_forgets_the_phrase),
        cmocka_unit_test(bodies_replace_one_another),
        cmocka_unit_test(reasons_are_the_standards),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
