#include "precondition.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OLD "Sun, 06 Nov 1994 08:49:36 GMT"
#define NOW "Sun, 06 Nov 1994 08:49:37 GMT" /* 784111777 */
#define NEW "Sun, 06 Nov 1994 08:49:38 GMT"

enum {
    PROCEED = PRECONDITION_PROCEED,
    HAD = PRECONDITION_NOT_MODIFIED,
    FAILED = PRECONDITION_FAILED
};

struct sent {
    const char *match, *none_match, *modified, *unmodified;
};

static void checks(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        struct sent sent;
        int expected, without_etag, without_date;
    } cases[] = {
        {"GET", {NULL, NULL, NULL, NULL}, PROCEED, PROCEED, PROCEED},
        {"GET", {"\"a\"", NULL, NULL, NULL}, PROCEED, FAILED, PROCEED},
        {"PUT", {"\"b\", \"a\"", NULL, NULL, NULL}, PROCEED, FAILED, PROCEED},
        {"PUT", {"\"b\"", NULL, NULL, NULL}, FAILED, FAILED, FAILED},
        {"PUT", {"W/\"a\"", NULL, NULL, NULL}, FAILED, FAILED, FAILED},
        {"PUT", {"*", NULL, NULL, NULL}, PROCEED, PROCEED, PROCEED},
        /* If-Unmodified-Since counts without If-Match only */
        {"PUT", {NULL, NULL, NULL, NOW}, PROCEED, PROCEED, PROCEED},
        {"PUT", {NULL, NULL, NULL, OLD}, FAILED, FAILED, PROCEED},
        {"PUT", {NULL, NULL, NULL, "x"}, PROCEED, PROCEED, PROCEED},
        {"PUT", {"\"a\"", NULL, NULL, OLD}, PROCEED, FAILED, PROCEED},
        {"GET", {NULL, "\"a\"", NULL, NULL}, HAD, PROCEED, HAD},
        {"HEAD", {NULL, "W/\"a\"", NULL, NULL}, HAD, PROCEED, HAD},
        {"POST", {NULL, "\"a\"", NULL, NULL}, FAILED, PROCEED, FAILED},
        {"GET", {NULL, "\"b\"", NULL, NULL}, PROCEED, PROCEED, PROCEED},
        {"GET", {NULL, "*", NULL, NULL}, HAD, HAD, HAD},
        {"PUT", {NULL, "*", NULL, NULL}, FAILED, FAILED, FAILED},
        /* If-Modified-Since counts without If-None-Match only, for GET and HEAD */
        {"GET", {NULL, NULL, NOW, NULL}, HAD, HAD, PROCEED},
        {"GET", {NULL, NULL, NEW, NULL}, HAD, HAD, PROCEED},
        {"GET", {NULL, NULL, OLD, NULL}, PROCEED, PROCEED, PROCEED},
        {"GET", {NULL, NULL, "x", NULL}, PROCEED, PROCEED, PROCEED},
        {"POST", {NULL, NULL, NOW, NULL}, PROCEED, PROCEED, PROCEED},
        {"GET", {NULL, "\"b\"", NOW, NULL}, PROCEED, PROCEED, PROCEED},
        /* what fails first decides */
        {"GET", {"\"b\"", "\"a\"", NULL, NULL}, FAILED, FAILED, FAILED},
        {"GET", {"\"a\"", "\"a\"", NULL, NULL}, HAD, FAILED, HAD},
        {"GET", {NULL, "\"a\"", NULL, OLD}, FAILED, FAILED, HAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sent *s = &cases[i].sent;
        struct preconditions p = {str_from(s->match), str_from(s->none_match),
                                  str_from(s->modified), str_from(s->unmodified)};
        struct validators v = {{STR("a"), false}, 784111777};
        struct str method = str_from(cases[i].method);
        assert_int_equal(precondition_check(&p, method, &v), cases[i].expected);
        v.last_modified = -1;
        assert_int_equal(precondition_check(&p, method, &v), cases[i].without_date);
        v.last_modified = 784111777;
        v.etag.tag = (struct str){NULL, 0};
        assert_int_equal(precondition_check(&p, method, &v), cases[i].without_etag);
    }
}

static void weighs_weak_tags(void **state)
{
    (void)state;
    struct validators v = {{STR("a"), true}, -1};
    struct preconditions p = {.if_match = STR("\"a\"")};
    assert_int_equal(precondition_check(&p, STR("PUT"), &v), FAILED);
    p = (struct preconditions){.if_none_match = STR("\"a\"")};
    assert_int_equal(precondition_check(&p, STR("GET"), &v), HAD);
}

static void weighs_if_range(void **state)
{
    (void)state;
    struct validators v = {{STR("a"), false}, 784111777};
    assert_true(precondition_allows_range((struct str){NULL, 0}, &v));
    assert_true(precondition_allows_range(STR("\"a\""), &v));
    assert_true(precondition_allows_range(STR(NOW), &v));
    assert_false(precondition_allows_range(STR(OLD), &v));
    assert_false(precondition_allows_range(STR(NEW), &v));
    assert_false(precondition_allows_range(STR("\"b\""), &v));
    assert_false(precondition_allows_range(STR("W/\"a\""), &v));
    assert_false(precondition_allows_range(STR("*"), &v));
    assert_false(precondition_allows_range(STR(""), &v));
    v.etag.is_weak = true;
    assert_false(precondition_allows_range(STR("\"a\""), &v));
    v.etag.tag = (struct str){NULL, 0};
    assert_false(precondition_allows_range(STR("\"\""), &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks),
        cmocka_unit_test(weighs_weak_tags),
        cmocka_unit_test(weighs_if_range),
    };
    return cmocka_run_group_tests_name("precondition", tests, NULL, NULL);
}
