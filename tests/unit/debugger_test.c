/* The debugger's PIN. */
#include "debugger.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_pin_is_nine_digits_and_not_always_the_same(void **state)
{
    char first[PIN_DIGITS + 1], other[PIN_DIGITS + 1];
    int n_same = 0;
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(draw_pin(first), 0);
        assert_int_equal(draw_pin(other), 0);
        assert_int_equal(strlen(first), PIN_DIGITS);
        assert_int_equal(strspn(first, "0123456789"), PIN_DIGITS);
        n_same += strcmp(first, other) == 0;
    }
    assert_true(n_same < 3);
}

/* check_pin(text), as Lua calls it */
static const char *check(lua_State *L, const char *text)
{
    lua_settop(L, 0);
    lua_pushcfunction(L, check_pin_lua);
    lua_pushstring(L, text);
    lua_call(L, 1, 1);
    return lua_tostring(L, 1);
}

static void test_pin_is_taken_as_it_is_printed_or_in_digits_alone(void **state)
{
    lua_State *L = luaL_newstate();
    (void)state;
    assert_int_equal(debugger_open(), 0);
    assert_string_equal(check(L, guard->pin), "right");
    lua_settop(L, 0);
    pin_lua(L);
    char printed[16], longer[16];
    snprintf(printed, sizeof printed, "%s", lua_tostring(L, 1));
    assert_int_equal(strlen(printed), 11);
    assert_string_equal(check(L, printed), "right");
    snprintf(longer, sizeof longer, "%s0", guard->pin);
    assert_string_equal(check(L, longer), "wrong");
    assert_string_equal(check(L, ""), "wrong");
    lua_close(L);
}

static void test_ten_wrong_pins_in_a_row_lock_for_good(void **state)
{
    lua_State *L = luaL_newstate();
    (void)state;
    assert_int_equal(debugger_open(), 0);
    for (int i = 0; i < MOST_WRONG - 1; i++)
        assert_string_equal(check(L, "1"), "wrong");
    assert_string_equal(check(L, guard->pin), "right");
    for (int i = 0; i < MOST_WRONG; i++)
        assert_string_equal(check(L, "1"), "wrong");
    for (int i = 0; i < 100; i++)
        assert_string_equal(check(L, guard->pin), "locked");
    lua_close(L);
}

static void test_cookies_of_two_servers_have_two_names(void **state)
{
    struct guard *first;
    (void)state;
    assert_int_equal(debugger_open(), 0);
    first = guard;
    assert_int_equal(strlen(first->value), 32);
    assert_int_equal(debugger_open(), 0);
    assert_string_not_equal(first->name, guard->name);
    assert_string_not_equal(first->value, guard->value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pin_is_nine_digits_and_not_always_the_same),
        cmocka_unit_test(test_pin_is_taken_as_it_is_printed_or_in_digits_alone),
        cmocka_unit_test(test_ten_wrong_pins_in_a_row_lock_for_good),
        cmocka_unit_test(test_cookies_of_two_servers_have_two_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
