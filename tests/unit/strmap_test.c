/* Maps from strings to pointers: many keys, keys with NUL, replaced values. */
#include "base/strmap.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static void test_empty(void **state)
{
    (void)state;
    struct strmap m = {0};
    assert_null(strmap_get(&m, STR("")));
    assert_null(strmap_get(&m, STR("a")));
}

static void test_many_keys(void **state)
{
    (void)state;
    enum { N = 20000 };
    static char names[N][12];
    struct strmap m = {0};
    struct arena a = {0};
    for (int i = 0; i < N; i++) {
        struct str key = {names[i], (size_t)sprintf(names[i], "key%d", i)};
        assert_null(strmap_get(&m, key));
        assert_int_equal(strmap_put(&m, &a, key, names[i]), 0);
    }
    assert_int_equal(m.n, N);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(strmap_get(&m, str_from(names[i])), names[i]);
    assert_null(strmap_get(&m, STR("key20000")));
    assert_null(strmap_get(&m, STR("a key longer than any of them")));
    arena_free(&a);
}

static void test_bytes_and_replacement(void **state)
{
    (void)state;
    int one, two;
    struct strmap m = {0};
    struct arena a = {0};
    strmap_put(&m, &a, STR("a\0b"), &one);
    strmap_put(&m, &a, STR(""), &one);
    assert_null(strmap_get(&m, STR("a\0c")));
    assert_null(strmap_get(&m, STR("a")));
    assert_ptr_equal(strmap_get(&m, STR("a\0b")), &one);
    assert_ptr_equal(strmap_get(&m, (struct str){NULL, 0}), &one);
    strmap_put(&m, &a, STR("a\0b"), &two);
    assert_ptr_equal(strmap_get(&m, STR("a\0b")), &two);
    assert_int_equal(m.n, 2);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_bytes_and_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
