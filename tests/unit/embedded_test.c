/* The files within the binary: each is found by its path, and nothing else is. */
#include "embedded.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void finds_each_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < embedded_count; i++)
        assert_ptr_equal(embedded_find(str_from(embedded_files[i].path)),
                         embedded_files + i);
}

static void is_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < embedded_count; i++)
        assert_true(strcmp(embedded_files[i - 1].path, embedded_files[i].path) < 0);
}

static void finds_nothing_else(void **state)
{
    (void)state;
    assert_null(embedded_find((struct str){NULL, 0}));
    assert_null(embedded_find(STR("lua/")));
    assert_null(embedded_find(STR("zzz")));
    for (size_t i = 0; i < embedded_count; i++) {
        struct str path = str_from(embedded_files[i].path);

        assert_null(embedded_find((struct str){path.p, path.n - 1}));
        assert_null(embedded_find((struct str){path.p, path.n + 1})); /* with its NUL */
    }
}

/* The tests run in the top folder, where the files came from. */
static void holds_the_bytes_of_each_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < embedded_count; i++) {
        const struct embedded_file *file = embedded_files + i;
        FILE *in = fopen(file->path, "rb");

        assert_non_null(in);
        for (size_t at = 0; at < file->size; at++)
            assert_int_equal(getc(in), file->data[at]);
        assert_int_equal(getc(in), EOF);
        fclose(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_file),
        cmocka_unit_test(is_sorted),
        cmocka_unit_test(finds_nothing_else),
        cmocka_unit_test(holds_the_bytes_of_each_file),
    };

    return cmocka_run_group_tests_name("embedded", tests, NULL, NULL);
}
