#include "date.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1700000000 /* 2023-11-14 */

static void check_format(int64_t t, const char *expected)
{
    char out[DATE_LENGTH + 1];
    date_format(out, t);
    assert_string_equal(out, expected);
    assert_int_equal(strlen(out), DATE_LENGTH);
}

static void formats(void **state)
{
    (void)state;
    check_format(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    check_format(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
    check_format(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    check_format(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
    check_format(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT");
    check_format(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    check_format(INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT");
}

static void round_trips(void **state)
{
    (void)state;
    for (int64_t t = -5000000000; t < 40000000000; t += 86400 * 13 + 3607) {
        char out[DATE_LENGTH + 1];
        date_format(out, t);
        assert_int_equal(date_parse_at(str_from(out), NOW), t);
    }
}

static void agrees_with_the_system(void **state)
{
    (void)state;
    for (int64_t t = 0; t < 5000000000; t += 86400 * 7 + 12345) {
        char out[DATE_LENGTH + 1], theirs[64];
        time_t seconds = (time_t)t;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        date_format(out, t);
        assert_string_equal(out, theirs);
    }
}

static void parses_three_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t t;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"  Sun, 06 Nov 1994 08:49:37 GMT\t", 784111777},
        {"sun, 06 nov 1994 08:49:37 gmt", 784111777},
        {"Mon, 06 Nov 1994 08:49:37 GMT", 784111777}, /* the day's name is not checked */
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sun Nov 06 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 3155760000 /* 2070 is 47 years ahead */},
        {"Wednesday, 01-Jan-74 00:00:00 GMT", 126230400},
        {"Sunday, 01-Jan-73 00:00:00 GMT", 3250454400},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
        {"Sat, 01 Jan 0001 00:00:00 GMT", YEAR_ONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(date_parse_at(str_from(cases[i].text), NOW), cases[i].t);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "x",
        "Sun",
        "Sun,",
        "Sun, ",
        "Sunday",
        "Sunday Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "784111777",
        "Sun, -6 Nov 1994 08:49:37 GMT",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(date_parse(str_from(cases[i])), -1);
    assert_int_equal(date_parse((struct str){NULL, 0}), -1);
    assert_int_equal(date_parse(STR("Sun, 06 Nov 1994 08:49:37 GMT\0")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(parses_three_forms),
        cmocka_unit_test(agrees_with_the_system),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests_name("date", tests, NULL, NULL);
}
