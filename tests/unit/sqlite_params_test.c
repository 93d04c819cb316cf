/* Which bytes are text. */
#include "modules/sqlite_params.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

/* U+code as UTF-8 would have it, for any number up to 21 bits. */

#include <cmocka.h>

static size_t encode(unsigned code, char to[4])
{
    if (code < 0x80)
        return to[0] = (char)code, 1;
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | code);
    return n;
}

static void test_every_character(void **state)
{
    (void)state;
    char text[4];
    for (unsigned code = 0; code < 0x1fffff; code++) {
        size_t n = encode(code, text);
        bool is_one = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        if (is_text(text, n) != is_one)
            fail_msg("U+%04X", code);
        if (n > 1 && is_text(text, n - 1))
            fail_msg("U+%04X, cut", code);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",        "\xc0\xaf", "\xc1\x81",         "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
        "\xff",        "a\xc3(",   "\xf4\x90\x80\x80", "\xed\xa0\x80", "\xe2\x82",
        "\xe2\x82\x28"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(is_text(wrong[i], strlen(wrong[i])));
    assert_true(is_text("", 0));
    assert_false(is_text("a\0b", 3));
    assert_true(is_text("gr\xc3\xbc\xc3\x9f"
                        "e",
                        7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_character),
                                       cmocka_unit_test(test_malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
