#include "base/buf.c"

#include <setjmp.h>

#include <cmocka.h>

static void keeps_what_is_added(void **state)
{
    (void)state;
    struct buf b = {0};
    for (int i = 0; i < 50000; i++) {
        buf_addc(&b, (char)i);
        buf_addstr(&b, STR("\0x"));
        buf_add(&b, NULL, 0);
        buf_addf(&b, "%04d", i % 10000);
    }
    assert_int_equal(b.n, 50000 * 7);
    assert_false(b.is_exhausted);
    for (int i = 0; i < 50000; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%04d", i % 10000);
        assert_int_equal(b.p[i * 7], (char)i);
        assert_memory_equal(b.p + i * 7 + 1, "\0x", 2);
        assert_memory_equal(b.p + i * 7 + 3, expected, 4);
    }
    buf_free(&b);
    assert_null(buf_str(&b).p);
}

/* At every fill level: the NUL that vsnprintf writes must have its place. */
static void formats_at_every_fill_level(void **state)
{
    (void)state;
    for (size_t fill = 0; fill < 600; fill++) {
        struct buf b = {0};
        for (size_t i = 0; i < fill; i++)
            buf_addc(&b, '.');
        buf_addf(&b, "%s-%d", "text", 12);
        assert_int_equal(b.n, fill + 7);
        assert_memory_equal(b.p + fill, "text-12", 7);
        buf_free(&b);
    }
}

static void formats_long_texts(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_addf(&b, "%*d", 100000, 7);
    assert_int_equal(b.n, 100000);
    assert_int_equal(b.p[99999], '7');
    buf_free(&b);
}

static void reserves_what_is_asked(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_non_null(buf_reserve(&b, 0));
    char *p = buf_reserve(&b, 100000);
    memset(p, 'x', 100000);
    b.n += 100000;
    assert_ptr_equal(buf_reserve(&b, b.cap - b.n), b.p + b.n); /* what is there stays */
    buf_free(&b);
}

static void says_that_memory_is_out(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)PTRDIFF_MAX / 4 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf b = {0};
        buf_addstr(&b, STR("kept"));
        assert_null(buf_reserve(&b, sizes[i]));
        assert_true(b.is_exhausted);
        assert_memory_equal(b.p, "kept", 4);
        buf_free(&b);
        assert_false(b.is_exhausted);
    }
}

/* A wide character that the C locale has not, or more bytes than an int counts: vsnprintf
   gives up, and that must not pass for success. */
static void says_that_formatting_failed(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_addf(&b, "%ls", L"\x4E2D");
    assert_true(b.is_exhausted);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_is_added),
        cmocka_unit_test(formats_at_every_fill_level),
        cmocka_unit_test(formats_long_texts),
        cmocka_unit_test(reserves_what_is_asked),
        cmocka_unit_test(says_that_memory_is_out),
        cmocka_unit_test(says_that_formatting_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
