#include "base/fault.c"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fills_a_fault(void **state)
{
    (void)state;
    struct fault f = {.file = "old.lua", .line = 3};
    assert_int_equal(fault_set(&f, 413, "%d bytes of %s", 7, "x"), -1);
    assert_int_equal(f.status, 413);
    assert_string_equal(f.message, "7 bytes of x");
    assert_null(f.file);
    assert_int_equal(f.line, 0);
    assert_int_equal(fault_set(NULL, 400, "%s", "nobody asks"), -1);
}

static void cuts_long_messages(void **state)
{
    (void)state;
    struct fault f;
    fault_set(&f, 400, "%1000s|", "x");
    assert_int_equal(strlen(f.message), sizeof f.message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_a_fault),
        cmocka_unit_test(cuts_long_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
