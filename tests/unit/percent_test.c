/* Percent-encoding: sequences whole, broken and of every byte. */
#include "base/percent.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static void assert_bytes(struct buf *b, struct str expected)
{
    assert_int_equal(b->n, expected.n);
    if (expected.n)
        assert_memory_equal(b->p, expected.p, expected.n);
    buf_free(b);
}

static void decodes_to(struct str in, bool plus, struct str expected)
{
    struct buf b = {0};
    percent_decode(&b, in, plus);
    assert_bytes(&b, expected);
}

static void test_decode(void **state)
{
    (void)state;
    decodes_to(STR(""), false, STR(""));
    decodes_to(STR("abc"), false, STR("abc"));
    decodes_to(STR("a%20b%2Fc%2f"), false, STR("a b/c/"));
    decodes_to(STR("%00%fF"), false, STR("\0\xff"));
    decodes_to(STR("a+b"), false, STR("a+b"));
    decodes_to(STR("a+b%2B"), true, STR("a b+"));
    decodes_to(STR("%C3%A9"), false, STR("\xC3\xA9"));
}

static void test_broken_sequences_stay(void **state)
{
    (void)state;
    decodes_to(STR("%"), false, STR("%"));
    decodes_to(STR("%4"), false, STR("%4"));
    decodes_to(STR("%zz%4g%g4"), false, STR("%zz%4g%g4"));
    decodes_to(STR("%%41"), false, STR("%A"));
    decodes_to(STR("100%"), true, STR("100%"));
    decodes_to(STR("%u0041"), false, STR("%u0041"));
    decodes_to(STR("%4\0"), false, STR("%4\0"));
}

static void test_encode(void **state)
{
    (void)state;
    struct buf b = {0};
    percent_encode(&b, STR("aZ09_.-~ /\0\xC3\xA9%+&"), "/");
    assert_bytes(&b, STR("aZ09_.-~%20/%00%C3%A9%25%2B%26"));
    percent_encode(&b, STR("!$&'()*+,/:;=@?#[]|"), PERCENT_PATH_SAFE);
    assert_bytes(&b, STR("!$&'()*+,/:;=@%3F%23%5B%5D%7C"));
    percent_encode_query(&b, STR("a b&c=d+e/?:@!$'()*,;"));
    assert_bytes(&b, STR("a+b%26c%3Dd%2Be/?:@!$'()*,;"));
}

static void test_every_byte_comes_back(void **state)
{
    (void)state;
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct str s = {all, sizeof all};
    struct buf encoded = {0}, decoded = {0};
    percent_encode(&encoded, s, "");
    percent_decode(&decoded, buf_str(&encoded), false);
    assert_bytes(&decoded, s);
    encoded.n = 0;
    percent_encode_query(&encoded, s);
    percent_decode(&decoded, buf_str(&encoded), true);
    assert_bytes(&decoded, s);
    buf_free(&encoded);
}

static void test_readable(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a=1&b=+2", "a=1&b=+2"},
        {"q=%3C2%3e%22", "q=<2>\""},
        {"q=%c3%a9%E2%82%ac\xC3\xA9\xC3%A9", "q=\xC3\xA9\xE2\x82\xAC\xC3\xA9\xC3\xA9"},
        {"a%26b%3db%2b%25%2541%23", "a%26b%3db%2b%25%2541%23"},
        {"%20%0a%00%7f", "%20%0a%00%7f"},
        {"%e9x\xE9%C3", "%E9x%E9%C3"},
        {"%ED%A0%80", "%ED%A0%80"},
        {"100%&%4&%zz", "100%&%4&%zz"},
        {"\"<>[\\]^`{|}", "\"<>[\\]^`{|}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        percent_add_readable(&b, str_from(cases[i][0]));
        assert_bytes(&b, str_from(cases[i][1]));
        buf_free(&b);
    }
}

static void test_is_plain(void **state)
{
    (void)state;
    assert_true(percent_is_plain(STR(""), true));
    assert_true(percent_is_plain(STR("/a+b"), false));
    assert_false(percent_is_plain(STR("/a+b"), true));
    assert_false(percent_is_plain(STR("/%zz"), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),   cmocka_unit_test(test_broken_sequences_stay),
        cmocka_unit_test(test_encode),   cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_readable), cmocka_unit_test(test_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
