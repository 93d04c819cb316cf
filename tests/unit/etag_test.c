#include "etag.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_list(const char *field, const char *expected)
{
    struct buf b = {0};
    struct etag tag;
    bool is_star;
    for (struct str rest = str_from(field); etag_next(&rest, &tag, &is_star);)
        buf_addf(&b, "%s%s[%.*s]", is_star ? "*" : "", tag.is_weak ? "W" : "",
                 (int)tag.tag.n, tag.tag.p);
    buf_addc(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_free(&b);
}

static void reads_lists(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {NULL, ""},
        {" , ", ""},
        {"\"a\"", "[a]"},
        {"\"a\", W/\"b\",w/\"c\"", "[a]W[b]W[c]"},
        {"\"a,b\" , \"\"", "[a,b][]"},
        {"a, W/b", "[a]W[b]"},
        {"*", "*[*]"},
        {"\"*\"", "[*]"},
        {"\"a\" junk, \"b\"", "[a][b]"},
        {"\"open, b", "[\"open][b]"},
        {"W/", "W[]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_list(cases[i][0], cases[i][1]);
}

static void compares(void **state)
{
    (void)state;
    struct etag strong = {STR("a"), false}, weak = {STR("a"), true},
                none = {{NULL, 0}, false};
    struct str list = STR("\"x\", \"a\""), weak_list = STR("\"x\", W/\"a\"");
    assert_true(etag_is_in(list, strong, true));
    assert_false(etag_is_in(list, weak, true));
    assert_true(etag_is_in(list, weak, false));
    assert_false(etag_is_in(weak_list, strong, true));
    assert_true(etag_is_in(weak_list, strong, false));
    assert_false(etag_is_in(STR("\"\""), none, false));
    assert_true(etag_is_in(STR("*"), none, true));
    assert_false(etag_is_in(STR("\"*\""), strong, false));
}

static void prints(void **state)
{
    (void)state;
    struct buf b = {0};
    struct fault f;
    assert_int_equal(etag_format(&b, (struct etag){STR("a"), false}, &f), 0);
    assert_int_equal(etag_format(&b, (struct etag){STR("b"), true}, &f), 0);
    assert_int_equal(etag_format(&b, (struct etag){STR("b\"c"), true}, &f), -1);
    assert_int_equal(etag_format(&b, (struct etag){STR("b\r\n"), true}, &f), -1);
    assert_int_equal(f.status, 500);
    assert_true(str_eq(buf_str(&b), STR("\"a\"W/\"b\"")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(compares),
        cmocka_unit_test(prints),
    };
    return cmocka_run_group_tests_name("etag", tests, NULL, NULL);
}
