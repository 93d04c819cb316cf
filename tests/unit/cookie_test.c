#include "cookie.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

/* "name=value|name=value|" as text, which is what the tables below compare. */
static void check_parse(struct str field, const char *expected)
{
    struct arena a = {0};
    struct pairs list = {0};
    struct buf b = {0};
    assert_int_equal(cookie_parse(&a, field, &list), 0);
    for (size_t i = 0; i < list.n; i++) {
        buf_addstr(&b, list.items[i].name);
        buf_addc(&b, '=');
        buf_addstr(&b, list.items[i].value);
        buf_addc(&b, '|');
    }
    buf_addc(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_free(&b);
    arena_free(&a);
}

static void parses(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a=1", "a=1|"},
        {"a=1; b=2", "a=1|b=2|"},
        {"a=1;b=2;", "a=1|b=2|"},
        {"a=1; a=2", "a=1|a=2|"},
        {" a = 1 ;\tb =2", "a=1|b=2|"},
        {"flag; a=1", "flag=|a=1|"},
        {"=x; a=1; ;;", "a=1|"},
        {"a=", "a=|"},
        {"a==b=", "a==b=|"},
        {"a=b=c; d", "a=b=c|d=|"},
        {"a=\"x y\"", "a=x y|"},
        {"a=\"x;y\"; b=2", "a=x;y|b=2|"},
        {"a=\"x;y\"z; b=2", "a=\"x|y\"z=|b=2|"},
        {"a=\"x;y", "a=\"x|y=|"},
        {"a=\"\\\"q\\\\\"", "a=\"q\\|"},
        {"a=\"\\054\\073\\303\\251\"", "a=,;\xC3\xA9|"},
        {"a=\"\\377\"", "a=\xC3\xBF|"},
        {"a=\"\\400\\89\\7\"", "a=400897|"},
        {"a=\"", "a=\"|"},
        {"a=\"\"", "a=|"},
        {"a=\"x\\\"", "a=x\\|"}, /* the last quote is escaped, and closes all the same */
        {"a=\xC3\xA9", "a=\xC3\xA9|"},
        {"a=\xE9; \xE9=1", "a=\xC3\xA9|\xC3\xA9=1|"},
        {"a,b=1", "a,b=1|"},
        {"a=1, b=2", "a=1, b=2|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_parse(str_from(cases[i][0]), cases[i][1]);
    check_parse((struct str){NULL, 0}, "");
}

static void keeps_nul(void **state)
{
    (void)state;
    struct arena a = {0};
    struct pairs list = {0};
    assert_int_equal(cookie_parse(&a, STR("a=x\0y"), &list), 0);
    assert_int_equal(list.items[0].value.n, 3);
    arena_free(&a);
}

/* A client that sends megabytes of the worst must not be able to keep us busy. */
static void is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"a=\"\\",   "a=\";", "a=\" ;", ";", "=\"",
                                        "a=\"x\" ", "\"",    "\\",     " "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct buf b = {0};
        buf_addstr(&b, STR("a=\""));
        while (b.n < 2 << 20)
            buf_addstr(&b, str_from(units[i]));
        struct arena a = {0};
        struct pairs list = {0};
        assert_int_equal(cookie_parse(&a, buf_str(&b), &list), 0);
        arena_free(&a);
        buf_free(&b);
    }
}

static void check_format(struct cookie c, const char *expected)
{
    struct buf b = {0};
    struct fault f;
    if (!c.name.p)
        c.name = STR("n");
    assert_int_equal(cookie_format(&b, &c, 1700000000, &f), 0);
    buf_addc(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_free(&b);
}

#define COOKIE(...) ((struct cookie){__VA_ARGS__})

static void formats(void **state)
{
    (void)state;
    check_format(COOKIE(.value = STR("v")), "n=v");
    check_format(COOKIE(.value = STR("")), "n=");
    check_format(COOKIE(.value = STR("a b")), "n=\"a b\"");
    check_format(COOKIE(.value = STR("a,b;c\"\\")), "n=\"a\\054b\\073c\\\"\\\\\"");
    check_format(COOKIE(.value = STR("\r\n\0\x1F\x7F")),
                 "n=\"\\015\\012\\000\\037\\177\"");
    check_format(COOKIE(.value = STR("\xC3\xA9")), "n=\"\\303\\251\"");
    check_format(COOKIE(.value = STR("_!#$%&'()*+-./:<=>?@[]^`{|}~09azAZ")),
                 "n=_!#$%&'()*+-./:<=>?@[]^`{|}~09azAZ");
    check_format(COOKIE(.path = STR("/")), "n=; Path=/");
    check_format(COOKIE(.path = STR("/a b;%20\xC3\xA9")), "n=; Path=/a%20b%3B%20%C3%A9");
    check_format(COOKIE(.domain = STR(".x.test:5000")), "n=; Domain=x.test");
    check_format(COOKIE(.domain = STR("")), "n=");
    check_format(COOKIE(.has_max_age = true, .max_age = 60),
                 "n=; Expires=Tue, 14 Nov 2023 22:14:20 GMT; Max-Age=60");
    check_format(
        COOKIE(.has_max_age = true, .max_age = INT64_MAX),
        "n=; Expires=Fri, 31 Dec 9999 23:59:59 GMT; Max-Age=9223372036854775807");
    check_format(COOKIE(.has_max_age = true, .has_expires = true),
                 "n=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0");
    check_format(COOKIE(.samesite = STR("lax"), .is_httponly = true, .is_secure = true,
                        .path = STR("/")),
                 "n=; Secure; HttpOnly; Path=/; SameSite=Lax");
    check_format(COOKIE(.is_partitioned = true), "n=; Secure; Partitioned");
}

static void check_fault(struct cookie c, const char *part)
{
    struct buf b = {0};
    struct fault f = {0};
    if (!c.name.p)
        c.name = STR("n");
    assert_int_equal(cookie_format(&b, &c, 0, &f), -1);
    assert_int_equal(f.status, 500);
    assert_non_null(strstr(f.message, part));
    assert_int_equal(b.n, 0);
    buf_free(&b);
}

static void refuses(void **state)
{
    (void)state;
    check_fault(COOKIE(.name = STR("")), "name");
    check_fault(COOKIE(.name = STR("a b")), "name");
    check_fault(COOKIE(.name = STR("a=b")), "name");
    check_fault(COOKIE(.name = STR("a;b")), "name");
    check_fault(COOKIE(.name = STR("a\r\nX: 1")), "name");
    check_fault(COOKIE(.name = STR("a\0")), "name");
    check_fault(COOKIE(.name = STR("\xE9")), "name");
    check_fault(COOKIE(.path = STR("/\r\n")), "path");
    check_fault(COOKIE(.path = STR("/\0")), "path");
    check_fault(COOKIE(.domain = STR("x; Path=/")), "domain");
    check_fault(COOKIE(.domain = STR("x\0")), "domain");
    check_fault(COOKIE(.domain = STR("b\xC3\xBC"
                                     "cher.test")),
                "domain");
    check_fault(COOKIE(.samesite = STR("")), "samesite");
    check_fault(COOKIE(.samesite = STR("Lax; Secure")), "samesite");
    struct buf b = {0};
    assert_int_equal(cookie_format(&b, &COOKIE(.name = STR("")), 0, NULL), -1);
}

/* What we send comes back as it was. */
static void round_trips(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < 2000; i++) {
        char bytes[24];
        size_t n = (size_t)rand() % sizeof bytes;
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(rand() % 128);
        struct buf b = {0};
        struct arena a = {0};
        struct pairs list = {0};
        cookie_format(&b, &COOKIE(.name = STR("n"), .value = {bytes, n}), 0, NULL);
        assert_int_equal(cookie_parse(&a, buf_str(&b), &list), 0);
        assert_int_equal(list.n, 1);
        assert_true(str_eq(list.items[0].value, (struct str){bytes, n}));
        arena_free(&a);
        buf_free(&b);
    }
}

/* cookie_find gives what stands first in cookie_parse's list. */
static void finds_as_it_parses(void **state)
{
    (void)state;
    static const char bytes[] = "ab=;; \t\"\\\xE9\xC3\xA9";
    srand(8);
    for (int i = 0; i < 20000; i++) {
        char text[16];
        struct str field = {text, (size_t)rand() % sizeof text};
        for (size_t k = 0; k < field.n; k++)
            text[k] = bytes[(size_t)rand() % (sizeof bytes - 1)];
        struct arena a = {0};
        struct pairs list = {0};
        assert_int_equal(cookie_parse(&a, field, &list), 0);
        struct str found = {NULL, 0}, wanted = {NULL, 0};
        struct str name = list.n ? list.items[list.n - 1].name : STR("a");
        for (size_t k = list.n; k > 0; k--)
            if (str_eq(list.items[k - 1].name, name))
                wanted = list.items[k - 1].value;
        assert_int_equal(cookie_find(&a, field, name, &found), 0);
        assert_int_equal(!found.p, !wanted.p);
        assert_true(str_eq(found, wanted));
        arena_free(&a);
    }
}

/* What each byte may be in, by other words than the table's. */
static void knows_each_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct str s = {&byte, 1};
        bool is_control = c < 0x20 || c == 0x7F;
        bool is_alnum =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        assert_int_equal(is_all(s, NAME), !is_control && !strchr(" =;,\"\\", c));
        assert_int_equal(is_all(s, PATH), !is_control);
        assert_int_equal(is_all(s, PLAIN),
                         is_alnum || (c && strchr("_!#$%&'()*+-./:<=>?@[]^`{|}~", c)));
        assert_int_equal(is_all(s, DOMAIN), is_alnum || (c && strchr("-._", c)));
        assert_int_equal(is_all(s, ADDRESS), is_alnum || (c && strchr("[]:.", c)));
    }
}

static void check_framed(struct cookie_frame *f, struct cookie c)
{
    struct arena a = {0};
    struct buf b = {0};
    struct fault fault;
    assert_int_equal(cookie_format(&b, &c, 0, &fault), 0);
    for (int i = 0; i < 2; i++) { /* made, and kept */
        assert_int_equal(cookie_frame_set(f, &c, &fault), 0);
        assert_true(str_eq(cookie_framed(f, &a, c.value), buf_str(&b)));
    }
    buf_free(&b);
    arena_free(&a);
}

/* A frame gives what cookie_format does, whatever it was before. */
static void frames(void **state)
{
    (void)state;
    struct cookie_frame f = {.n = 0};
    struct fault fault;
    char name[] = "changed in its place";
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("")));
    check_framed(&f, COOKIE(.name = STR("nn"), .value = STR("v.w")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .path = STR("/")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .path = STR("/ a")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .path = STR("")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .domain = STR(".x.y")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .is_secure = true));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .is_httponly = true));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .is_partitioned = true));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .samesite = STR("lax")));
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v"), .samesite = STR("none"),
                            .domain = STR("a"), .path = STR("/a"), .is_secure = true));
    name[0] = 'n';
    name[1] = '1';
    check_framed(&f, COOKIE(.name = {name, 2}, .value = STR("v")));
    name[1] = '2';
    check_framed(&f, COOKIE(.name = {name, 2}, .value = STR("v")));
    assert_int_equal(cookie_frame_set(&f, &COOKIE(.name = STR("a b")), &fault), -1);
    assert_int_equal(fault.status, 500);
    check_framed(&f, COOKIE(.name = STR("n"), .value = STR("v")));
    cookie_frame_clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(keeps_nul),
        cmocka_unit_test(is_linear),
        cmocka_unit_test(formats),
        cmocka_unit_test(refuses),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(finds_as_it_parses),
        cmocka_unit_test(knows_each_byte),
        cmocka_unit_test(frames),
    };
    return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
