#include "range.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check(const char *field, uint64_t length, enum range_outcome expected,
                  uint64_t from, uint64_t to)
{
    uint64_t first = 0, end = 0;
    enum range_outcome got = range_resolve(str_from(field), length, &first, &end);
    if (got != expected || first != from || end != to)
        fail_msg("%s of %d: %d %d-%d", field ? field : "nothing", (int)length, got,
                 (int)first, (int)end);
}

static void resolves(void **state)
{
    (void)state;
    check(NULL, 1000, RANGE_WHOLE, 0, 0);
    check("bytes=0-9", 1000, RANGE_PART, 0, 10);
    check("Bytes = 0 - 9 ", 1000, RANGE_PART, 0, 10);
    check("bytes=990-", 1000, RANGE_PART, 990, 1000);
    check("bytes=990-5000", 1000, RANGE_PART, 990, 1000);
    check("bytes=999-999", 1000, RANGE_PART, 999, 1000);
    check("bytes=-1", 1000, RANGE_PART, 999, 1000);
    check("bytes=-5000", 1000, RANGE_PART, 0, 1000);
    check("bytes=0-", 1000, RANGE_PART, 0, 1000);
    check("bytes=0-99999999999999999999999", 1000, RANGE_PART, 0, 1000);
    check("bytes=-99999999999999999999999", 1000, RANGE_PART, 0, 1000);
    check("bytes=,0-9,", 1000, RANGE_PART, 0, 10);
    check("bytes=1000-", 1000, RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=99999999999999999999999-", 1000, RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=9223372036854775807-", 1000, RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=-0", 1000, RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0);
    check("bytes=-5", 0, RANGE_WHOLE, 0, 0);
    check("bytes=0-9,20-29", 1000, RANGE_WHOLE, 0, 0);
    check("bytes=20-29,0-9", 1000, RANGE_WHOLE, 0, 0);
    check("bytes=0-9,2000-", 1000, RANGE_WHOLE, 0, 0);
    check("bytes=2000-,3000-", 1000, RANGE_UNSATISFIABLE, 0, 0);
    check("items=0-9", 1000, RANGE_WHOLE, 0, 0);
    check("items=x", 1000, RANGE_WHOLE, 0, 0);
    static const char *const broken[] = {
        "bytes=",      "bytes",       "",          "bytes=x",     "bytes=9-0",
        "bytes=1",     "bytes=-",     "bytes=--1", "bytes=0x0-1", "bytes=+1-2",
        "bytes=1.5-2", "bytes=0-9,x", "bytes=-1-2"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        check(broken[i], 1000, RANGE_UNSATISFIABLE, 0, 0);
}

static void prints(void **state)
{
    (void)state;
    struct buf b = {0};
    range_add_content_range(&b, 0, 10, 100);
    buf_addc(&b, ' ');
    range_add_unsatisfied(&b, 100);
    assert_true(str_eq(buf_str(&b), STR("bytes 0-9/100 bytes */100")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resolves),
                                       cmocka_unit_test(prints)};
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
