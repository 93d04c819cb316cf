#include "session.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#define NOW 1700000000
static const double age = 3600;

static struct session_keys keys;

static int open_keys(void **state)
{
    (void)state;
    const struct str secret = STR("dev");
    return session_keys_set(&keys, &secret, 1);
}

static int close_keys(void **state)
{
    (void)state;
    session_keys_clear(&keys);
    return 0;
}

static int try_cookie(struct str cookie, int64_t now)
{
    struct arena a = {0};
    struct str json;
    int result = session_read(&keys, &a, cookie, now, age, 1 << 20, &json);
    arena_free(&a);
    return result;
}

static void check_write(struct str json, const char *expected)
{
    struct arena a = {0};
    struct str cookie, back;
    assert_int_equal(session_write(&keys, &a, json, NOW, &cookie), 0);
    assert_true(str_eq(cookie, str_from(expected)));
    assert_int_equal(session_read(&keys, &a, cookie, NOW, age, 1 << 20, &back), 0);
    assert_true(str_eq(back, json));
    arena_free(&a);
}

/* Both cookies are Flask 3.1's. */
static void writes_as_flask(void **state)
{
    (void)state;
    char json[300];
    snprintf(json, sizeof json, "{\"k\":\"%200s\"}", "");
    for (char *p = json; *p; p++)
        *p = *p == ' ' ? 'a' : *p;
    check_write(
        STR("{\"_flashes\":[{\" t\":[\"message\",\"hi\"]}],\"user_id\":1}"),
        "eyJfZmxhc2hlcyI6W3siIHQiOlsibWVzc2FnZSIsImhpIl19XSwidXNlcl9pZCI6MX0.ZVPxAA."
        "uCwFwPI1ngd9XIuBpFV0QCS_4vw");
    check_write(str_from(json), ".eJyrVspWslJKHCZAqRYAlOZN7g.ZVPxAA."
                                "2SgJnjYSnz0GGrA-5GSsSqAThPI");
}

static void keeps_its_keys(void **state)
{
    (void)state;
    struct session_keys other = {.n = 0};
    const struct str secrets[] = {STR("a"), STR("bc")}, moved[] = {STR("ab"), STR("c")};
    assert_int_equal(session_keys_set(&other, secrets, 2), 0);
    const char *copy = other.secrets;
    assert_int_equal(session_keys_set(&other, secrets, 2), 0);
    assert_ptr_equal(copy, other.secrets);
    char before[SIGNER_SIGNATURE_SIZE], after[SIGNER_SIGNATURE_SIZE];
    size_t n = signer_sign(&other.signer, STR("x"), before);
    assert_int_equal(session_keys_set(&other, moved, 2), 0);
    signer_sign(&other.signer, STR("x"), after);
    assert_memory_not_equal(before, after, n);
    session_keys_clear(&other);
}

static void refuses_the_old_and_the_future(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str cookie;
    assert_int_equal(session_write(&keys, &a, STR("{}"), NOW, &cookie), 0);
    assert_int_equal(try_cookie(cookie, NOW), 0);
    assert_int_equal(try_cookie(cookie, NOW + 3600), 0);
    assert_int_equal(try_cookie(cookie, NOW + 3601), -1);
    assert_int_equal(try_cookie(cookie, NOW - 1), -1);
    arena_free(&a);
}

/* One of a few ways to change a cookie; false when it is the same afterwards. */
static bool mutate(uint32_t *seed, const char *from, size_t n, char *to, size_t *length)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0"
                                   "123456789-_.=+/ \"%\x00\xFF";
    uint32_t r = *seed = *seed * 1664525 + 1013904223;
    size_t at = (r >> 8) % n, other = (r >> 12) % n;
    memcpy(to, from, n);
    *length = n;
    switch (r >> 29) {
    case 0:
        to[at] ^= (char)(1 << (r >> 4 & 7));
        break;
    case 1:
        *length = at;
        break;
    case 2:
        memmove(to + at, to + at + 1, n - at - 1);
        *length = n - 1;
        break;
    case 3:
        memmove(to + at + 1, to + at, n - at);
        *length = n + 1;
        to[at] = alphabet[(r >> 3) % (sizeof alphabet - 1)];
        break;
    case 4: /* two parts change their places */
        memcpy(to, from + at, n - at);
        memcpy(to + n - at, from, at);
        break;
    case 5:
        to[at] = from[other];
        to[other] = from[at];
        break;
    default:
        to[at] = alphabet[(r >> 3) % (sizeof alphabet - 1)];
    }
    return *length != n || memcmp(to, from, n) != 0;
}

static void accepts_none_of_100000_mutations(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{\"user_id\":1}", "{\"_permanent\":true,\"user_id\":\"ann\"}",
        "{\"k\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"};
    uint32_t seed = 42;
    int n = 0;
    for (int i = 0; n < 100000; i++) {
        struct arena a = {0};
        struct str cookie;
        char changed[256];
        size_t length;
        assert_int_equal(
            session_write(&keys, &a, str_from(payloads[i % 3]), NOW, &cookie), 0);
        for (int k = 0; k < 100; k++) {
            if (!mutate(&seed, cookie.p, cookie.n, changed, &length))
                continue;
            assert_int_equal(try_cookie((struct str){changed, length}, NOW), -1);
            n++;
        }
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_as_flask),
        cmocka_unit_test(keeps_its_keys),
        cmocka_unit_test(refuses_the_old_and_the_future),
        cmocka_unit_test(accepts_none_of_100000_mutations),
    };
    return cmocka_run_group_tests(tests, open_keys, close_keys);
}
