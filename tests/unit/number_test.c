/* Numbers as text: Python's repr, and reading that rounds correctly. */
#include "base/number.c"

#include <float.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_repr(double value, const char *expected)
{
    char out[NUMBER_REPR_SIZE];
    int n = number_format_repr(value, out);
    assert_string_equal(out, expected);
    assert_int_equal(n, strlen(expected));
}

static double parsed(const char *text)
{
    double value;
    if (!number_parse_double(str_from(text), &value))
        fail_msg("%s was refused", text);
    return value;
}

/* The numbers are those that Python 3.11's repr prints so. */
static void repr_is_pythons(void **state)
{
    (void)state;
    assert_repr(0.0, "0.0");
    assert_repr(-0.0, "-0.0");
    assert_repr(1.0, "1.0");
    assert_repr(-1.5, "-1.5");
    assert_repr(0.1, "0.1");
    assert_repr(0.1 + 0.2, "0.30000000000000004");
    assert_repr(100, "100.0");
    assert_repr(19.99, "19.99");
    assert_repr(1234567.25, "1234567.25");
    assert_repr(1e15, "1000000000000000.0");
    assert_repr(9999999999999998.0, "9999999999999998.0");
    assert_repr(1e16, "1e+16");
    assert_repr(1.5e16, "1.5e+16");
    assert_repr(0x1p53, "9007199254740992.0");
    assert_repr(0x1p54 + 4, "1.8014398509481988e+16");
    assert_repr(1e22, "1e+22");
    assert_repr(1e23, "1e+23");
    assert_repr(1e100, "1e+100");
    assert_repr(0.001, "0.001");
    assert_repr(0.0001, "0.0001");
    assert_repr(0.00012345, "0.00012345");
    assert_repr(0.00001, "1e-05");
    assert_repr(1e-7, "1e-07");
    assert_repr(1.25e-10, "1.25e-10");
    assert_repr(1.0 / 3, "0.3333333333333333");
    assert_repr(2.0 / 3, "0.6666666666666666");
    assert_repr(0x1p-44, "5.684341886080802e-14");
    assert_repr(9.5367431640625e-07, "9.5367431640625e-07");
    assert_repr(DBL_MAX, "1.7976931348623157e+308");
    assert_repr(DBL_MIN, "2.2250738585072014e-308");
    assert_repr(5e-324, "5e-324");
    assert_repr(1.5e-323, "1.5e-323");
    assert_repr(2.225073858507201e-308, "2.225073858507201e-308");
    assert_repr(INFINITY, "inf");
    assert_repr(-INFINITY, "-inf");
    assert_repr(NAN, "nan");
}

static void integers_are_exact(void **state)
{
    (void)state;
    char out[NUMBER_INT_SIZE];
    assert_int_equal(number_format_int(0, out), 1);
    assert_string_equal(out, "0");
    assert_int_equal(number_format_int(-7, out), 2);
    assert_string_equal(out, "-7");
    assert_int_equal(number_format_int(INT64_MAX, out), 19);
    assert_string_equal(out, "9223372036854775807");
    assert_int_equal(number_format_int(INT64_MIN, out), 20);
    assert_string_equal(out, "-9223372036854775808");
}

static void reading_takes_decimal_numbers_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "-",     "+",   ".",   "e1",  "1e",  "1e+",
                                      "0x10", "inf",   "nan", "1 ",  " 1",  "1,5", "1.5.",
                                      "--1",  "1e5.0", "1_0", "1e ", ".e1", "1f"};
    double value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(number_parse_double(str_from(bad[i]), &value));
    assert_false(number_parse_double((struct str){"1\0", 2}, &value));
    assert_false(number_parse_double((struct str){NULL, 0}, &value));
    assert_true(number_parse_double((struct str){"15", 1}, &value));
    assert_true(value == 1);
}

static void reading_rounds_correctly(void **state)
{
    (void)state;
    assert_true(parsed("1") == 1);
    assert_true(parsed("+1.5e3") == 1500);
    assert_true(parsed("-.5") == -0.5);
    assert_true(parsed("5.") == 5);
    assert_true(signbit(parsed("-0")) && parsed("-0.000e5") == 0);
    assert_true(parsed("0.1") == 0.1);
    assert_true(parsed("123456789012345678901234567890") ==
                123456789012345678901234567890.0);
    assert_true(parsed("9007199254740993") == 9007199254740992.0);
    assert_true(parsed("9007199254740993.0000000000000000000000001") ==
                9007199254740994.0);
    assert_true(parsed("1.7976931348623157e308") == DBL_MAX);
    assert_true(parsed("1.7976931348623159e308") == INFINITY);
    assert_true(parsed("1e400") == INFINITY);
    assert_true(parsed("-1e99999999999999999999") == -INFINITY);
    assert_true(parsed("1e-400") == 0);
    assert_true(parsed("1e-99999999999999999999") == 0);
    assert_true(parsed("4.9e-324") == 5e-324);
    assert_true(parsed("2.4703282292062327e-324") == 0);
    assert_true(parsed("2.4703282292062328e-324") == 5e-324);
}

/* Turns the decimal expansion of x into that of x / 2. */
static void halve(char *text)
{
    int carry = 0;
    for (char *p = text; *p; p++) {
        if (*p == '.')
            continue;
        int digit = carry * 10 + (*p - '0');
        *p = (char)('0' + digit / 2);
        carry = digit % 2;
    }
}

/* 2^-1075, in full, lies midway between 0 and the smallest double and reads as 0; with a
   1 behind its 752 digits it rounds up, however far behind. */
static void digits_far_behind_count(void **state)
{
    (void)state;
    static char text[4000];
    snprintf(text, sizeof text, "%.1075f", 0x1p-1074);
    halve(text);
    assert_true(parsed(text) == 0);
    memset(text + strlen(text), '0', 2000);
    text[strlen(text)] = '1';
    assert_true(parsed(text) == 5e-324);
}

static void long_runs_of_zeros_are_harmless(void **state)
{
    (void)state;
    static char text[1 << 20];
    size_t n = sizeof text;
    memset(text, '0', n);
    double value;
    memcpy(text, "1", 1);
    memcpy(text + n - 9, "e-1048566", 9);
    assert_true(number_parse_double((struct str){text, n}, &value) && value == 1);
    memset(text, '0', n);
    text[1] = '.';
    memcpy(text + n - 9, "1e1048566", 9);
    assert_true(number_parse_double((struct str){text, n}, &value) && value == 1);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

static void every_double_comes_back(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = next_random(&seed);
        double value, again;
        memcpy(&value, &bits, sizeof value);
        if (i % 2)
            value = (double)(int64_t)(bits >> (bits & 63)) / 100;
        if (!isfinite(value))
            continue;
        char out[NUMBER_REPR_SIZE];
        int n = number_format_repr(value, out);
        assert_true(number_parse_double((struct str){out, (size_t)n}, &again));
        assert_memory_equal(&value, &again, sizeof value);
    }
}

static void the_locale_does_not_matter(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        skip();
    assert_repr(1.0 / 3, "0.3333333333333333");
    assert_true(parsed("0.12345678901234567890123") == 0.12345678901234567890123);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repr_is_pythons),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reading_takes_decimal_numbers_only),
        cmocka_unit_test(reading_rounds_correctly),
        cmocka_unit_test(digits_far_behind_count),
        cmocka_unit_test(long_runs_of_zeros_are_harmless),
        cmocka_unit_test(every_double_comes_back),
        cmocka_unit_test(the_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
