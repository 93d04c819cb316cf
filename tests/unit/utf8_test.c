#include "base/utf8.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BAD "\xEF\xBF\xBD"

/* Every code point: encoded, it is one valid sequence, and no shorter part of it is. */
static void encodes_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        struct buf b = {0};
        utf8_add(&b, c);
        int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        bool is_surrogate = c >= 0xD800 && c <= 0xDFFF;
        assert_int_equal(b.n, n);
        assert_int_equal(utf8_sequence(b.p, b.n), is_surrogate ? 0 : n);
        assert_int_equal(utf8_sequence(b.p, b.n - 1), 0);
        assert_int_equal(utf8_is_valid(buf_str(&b)), !is_surrogate);
        buf_free(&b);
    }
}

/* How many sequences of each length there are among all byte strings of that length: more
   would be overlong forms, surrogates or numbers beyond U+10FFFF. */
static void takes_nothing_else(void **state)
{
    (void)state;
    static const uint32_t wanted[] = {0x80, 0x800 - 0x80, 0x10000 - 0x800 - 0x800};
    uint32_t found[3] = {0};
    for (uint32_t i = 0; i < 1 << 24; i++) {
        const char p[] = {(char)(i >> 16), (char)(i >> 8), (char)i};
        if (i < 1 << 8)
            found[0] += utf8_sequence(p + 2, 1) == 1;
        if (i < 1 << 16)
            found[1] += utf8_sequence(p + 1, 2) == 2;
        found[2] += utf8_sequence(p, 3) == 3;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(found[i], wanted[i]);
}

/* Wherever the first byte that is not ASCII stands, and whatever is behind it. */
static void finds_the_end_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 40; n++)
        for (size_t at = 0; at < n; at++) {
            char text[40];
            struct str s = {text, n};
            memset(text, 'a', n);
            assert_int_equal(utf8_valid_prefix(s), n);
            text[at] = (char)0x80;
            assert_int_equal(utf8_valid_prefix(s), at);
            text[at] = (char)0xC3;
            assert_int_equal(utf8_valid_prefix(s), at);
            if (at + 1 < n)
                text[at + 1] = (char)0xA9;
            assert_int_equal(utf8_valid_prefix(s), at + 1 < n ? n : at);
        }
}

/* As Python's bytes.decode("utf-8", "replace") has them. */
static void repairs(void **state)
{
    (void)state;
    static const struct str cases[][2] = {
        {STR(""), STR("")},
        {STR("a\0b"), STR("a\0b")},
        {STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
         STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")},
        {STR("\x80"), STR(BAD)},
        {STR("\xC0\xAF"), STR(BAD BAD)},
        {STR("\xE0\x80\xAF"), STR(BAD BAD BAD)},
        {STR("\xED\xA0\x80"), STR(BAD BAD BAD)},
        {STR("\xF4\x90\x80\x80"), STR(BAD BAD BAD BAD)},
        {STR("\xF5\x80"), STR(BAD BAD)},
        {STR("\xE2\x82"), STR(BAD)},
        {STR("\xE2\x82z"), STR(BAD "z")},
        {STR("\xF0\x9F\x98"), STR(BAD)},
        {STR("\xF0\x9F\x98\xC3\xA9"), STR(BAD "\xC3\xA9")},
        {STR("\xF0\x9F\x98\xF0\x9F\x98\x80"), STR(BAD "\xF0\x9F\x98\x80")},
        {STR("\xC3"), STR(BAD)},
        {STR("\xC3\xC3\xA9"), STR(BAD "\xC3\xA9")},
        {STR("\xF1\x80\x80\xE1\x80\xC2"
             "b"),
         STR(BAD BAD BAD "b")},
        {STR("\xFE\xFF"), STR(BAD BAD)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        utf8_add_repaired(&b, cases[i][0]);
        assert_true(str_eq(buf_str(&b), cases[i][1]));
        buf_free(&b);
    }
}

/* Whatever two of these stand side by side: what comes out is valid. */
static void repaired_is_valid(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {'a',  0x7F, 0x80, 0x8F, 0x90, 0x9F,
                                          0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0,
                                          0xE1, 0xED, 0xEF, 0xF0, 0xF4, 0xF5};
    const size_t n = sizeof bytes;
    for (size_t i = 0; i < n * n * n * n; i++) {
        char text[4] = {(char)bytes[i % n], (char)bytes[i / n % n],
                        (char)bytes[i / n / n % n], (char)bytes[i / n / n / n]};
        struct str s = {text, 4};
        struct buf b = {0};
        utf8_add_repaired(&b, s);
        assert_true(utf8_is_valid(buf_str(&b)));
        if (utf8_is_valid(s))
            assert_true(str_eq(buf_str(&b), s));
        else
            assert_non_null(memmem(b.p, b.n, BAD, 3));
        buf_free(&b);
    }
}

static void finds_the_valid_prefix(void **state)
{
    (void)state;
    assert_int_equal(utf8_valid_prefix(STR("ab\xC3\xA9\xFF"
                                           "c")),
                     4);
    assert_int_equal(utf8_valid_prefix(STR("\xE2\x82")), 0);
    assert_int_equal(utf8_valid_prefix((struct str){NULL, 0}), 0);
}

static void reads_latin1(void **state)
{
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct buf b = {0};
    utf8_add_latin1(&b, (struct str){all, 256});
    assert_int_equal(b.n, 128 + 2 * 128);
    assert_true(utf8_is_valid(buf_str(&b)));
    assert_memory_equal(b.p + b.n - 4, "\xC3\xBE\xC3\xBF", 4);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_every_code_point),
        cmocka_unit_test(takes_nothing_else),
        cmocka_unit_test(finds_the_end_anywhere),
        cmocka_unit_test(repairs),
        cmocka_unit_test(repaired_is_valid),
        cmocka_unit_test(finds_the_valid_prefix),
        cmocka_unit_test(reads_latin1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
