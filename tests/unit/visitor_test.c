/* Who counts as the person at this machine. */
#include "visitor.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_loopback_addresses(void **state)
{
    (void)state;
    assert_true(visitor_is_loopback("127.0.0.1"));
    assert_true(visitor_is_loopback("127.8.9.10"));
    assert_true(visitor_is_loopback("::1"));
    assert_true(visitor_is_loopback("::ffff:127.0.0.1"));
    assert_false(visitor_is_loopback("128.0.0.1"));
    assert_false(visitor_is_loopback("12.7.0.1"));
    assert_false(visitor_is_loopback("::11"));
    assert_false(visitor_is_loopback("::ffff:10.0.0.1"));
    assert_false(visitor_is_loopback("unix:"));
    assert_false(visitor_is_loopback(""));
}

/* Who sends a request from there with Host (NULL: none) and one more field (NULL: none).
 */
static enum visitor who(bool is_loopback, const char *host, const char *name,
                        const char *value)
{
    struct http1_field fields[2];
    struct request r = {.peer.is_loopback = is_loopback, .head.fields = fields};
    if (host)
        fields[r.head.n_fields++] = (struct http1_field){STR("Host"), str_from(host)};
    if (name)
        fields[r.head.n_fields++] = (struct http1_field){str_from(name), str_from(value)};
    return visitor_of(&r);
}

static void test_names_of_this_machine(void **state)
{
    static const char *const own[] = {"localhost", "LocalHost:5000", "a.localhost",
                                      "127.0.0.1", "127.0.0.1:5000", "127.1.2.3:80",
                                      "[::1]",     "[::1]:5000",     "A.b.LOCALHOST:1"};
    static const char *const foreign[] = {"evil.example",
                                          "127.0.0.1.evil.example",
                                          "localhost.evil.example:80",
                                          "127.0.0.1.",
                                          "127.0.1",
                                          "127..0.1",
                                          "127.0.0.1.1",
                                          "",
                                          "[::2]",
                                          ".localhost",
                                          "evillocalhost",
                                          "127.0.0.0001",
                                          "10.0.0.1",
                                          "localhost:x",
                                          "[::1]:5000:80",
                                          "::1"};
    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        assert_int_equal(who(true, own[i], NULL, NULL), VISITOR_OWN);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_int_equal(who(true, foreign[i], NULL, NULL), VISITOR_FOREIGN_HOST);
    assert_int_equal(who(true, NULL, NULL, NULL), VISITOR_FOREIGN_HOST);
}

static void test_pages_of_this_machine(void **state)
{
    (void)state;
    assert_int_equal(who(true, "localhost", "Origin", "http://localhost:5000"),
                     VISITOR_OWN);
    assert_int_equal(who(true, "localhost", "origin", "https://127.0.0.1"), VISITOR_OWN);
    const char *const foreign[] = {
        "http://evil.example",           "null",           "", "localhost",
        "http://localhost@evil.example", "ftp://localhost"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_int_equal(who(true, "localhost", "Origin", foreign[i]),
                         VISITOR_FOREIGN_ORIGIN);
}

static void test_other_machines_and_what_proxies_bring(void **state)
{
    const char *const names[] = {"X-Forwarded-For", "x-forwarded-host", "Forwarded",
                                 "X-Real-IP", "Via"};
    (void)state;
    assert_int_equal(who(false, "localhost", NULL, NULL), VISITOR_FAR);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(who(true, "localhost", names[i], "127.0.0.1"),
                         VISITOR_PASSED_ON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loopback_addresses),
        cmocka_unit_test(test_names_of_this_machine),
        cmocka_unit_test(test_pages_of_this_machine),
        cmocka_unit_test(test_other_machines_and_what_proxies_bring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
