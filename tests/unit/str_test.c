#include "base/str.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct str null = {NULL, 0};

static void compares(void **state)
{
    (void)state;
    static const struct {
        struct str a, b;
        bool is_equal, is_equal_without_case;
    } cases[] = {
        {STR(""), STR(""), true, true},
        {STR("a"), STR("a"), true, true},
        {STR("aZ"), STR("Az"), false, true},
        {STR("a"), STR("ab"), false, false},
        {STR("a\0b"), STR("a\0B"), false, true},
        {STR("a\0b"), STR("a\0c"), false, false},
        {STR("@"), STR("`"), false, false}, /* 32 apart, but no letters */
        {STR("["), STR("{"), false, false},
        {STR("\xC3\x89"), STR("\xC3\xA9"), false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(str_eq(cases[i].a, cases[i].b), cases[i].is_equal);
        assert_int_equal(str_ieq(cases[i].a, cases[i].b), cases[i].is_equal_without_case);
        assert_int_equal(str_ieq(cases[i].b, cases[i].a), cases[i].is_equal_without_case);
    }
    assert_true(str_eq(null, STR("")) && str_ieq(null, STR("")));
}

static void knows_beginnings(void **state)
{
    (void)state;
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("")));
    assert_true(str_starts(null, null));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_false(str_starts(STR("Abc"), STR("a")));
}

static void skips_no_further_than_the_end(void **state)
{
    (void)state;
    struct str s = STR("abc");
    assert_true(str_eq(str_skip(s, 1), STR("bc")));
    assert_true(str_eq(str_skip(s, 3), STR("")));
    struct str rest = str_skip(s, SIZE_MAX);
    assert_int_equal(rest.n, 0);
    assert_ptr_equal(rest.p, s.p + 3);
}

static void trims(void **state)
{
    (void)state;
    static const struct str cases[][2] = {
        {STR(""), STR("")},           {STR(" \t "), STR("")},
        {STR("a"), STR("a")},         {STR(" a b\t"), STR("a b")},
        {STR("\na\r"), STR("\na\r")}, {STR(" \0 "), STR("\0")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(str_eq(str_trim(cases[i][0]), cases[i][1]));
    assert_int_equal(str_trim(null).n, 0);
}

/* Each text is cut into the parts that joining by commas puts together again. */
static void cuts(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        int n;
        struct str first, last;
    } cases[] = {
        {STR("a,b,c"), 3, STR("a"), STR("c")},   {STR("a"), 1, STR("a"), STR("a")},
        {STR(",a,"), 3, STR(""), STR("")},       {STR(",,"), 3, STR(""), STR("")},
        {STR("a\0,b"), 2, STR("a\0"), STR("b")}, {STR(""), 1, STR(""), STR("")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str rest = cases[i].text, part = null;
        int n = 0;
        while (rest.p) {
            part = str_cut(&rest, ',');
            if (n++ == 0)
                assert_true(str_eq(part, cases[i].first));
        }
        assert_int_equal(n, cases[i].n);
        assert_true(str_eq(part, cases[i].last));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(knows_beginnings),
        cmocka_unit_test(skips_no_further_than_the_end),
        cmocka_unit_test(trims),
        cmocka_unit_test(cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
