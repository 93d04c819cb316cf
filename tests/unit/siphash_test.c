#include "base/siphash.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The key 00 01 .. 0f, and the messages 00 01 .. of 0, 1, .. bytes: the values of the
   paper's appendix (length 15) and of its reference program's list. */
static void has_the_papers_values(void **state)
{
    (void)state;
    const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    const struct {
        size_t n;
        uint64_t hash;
    } wanted[] = {{0, 0x726fdb47dd0e0e31u},
                  {1, 0x74f839c593dc67fdu},
                  {8, 0x93f5f5799a932462u},
                  {15, 0xa129ca6149be45e5u}};
    char message[16];
    for (int i = 0; i < 16; i++)
        message[i] = (char)i;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        assert_int_equal(siphash(key, (struct str){message, wanted[i].n}),
                         wanted[i].hash);
}

static void depends_on_the_key(void **state)
{
    (void)state;
    const uint64_t a[2] = {1, 2}, b[2] = {1, 3};
    assert_true(siphash(a, STR("1.2.3.4")) != siphash(b, STR("1.2.3.4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_papers_values),
        cmocka_unit_test(depends_on_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
