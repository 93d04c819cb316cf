#include "authorization.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check(struct str field, int expected, const char *type, const char *username,
                  const char *password, const char *token, size_t parameters)
{
    struct arena a = {0};
    struct authorization got;
    assert_int_equal(authorization_parse(&a, field, &got), expected);
    if (expected == 1) {
        assert_true(str_eq(got.type, str_from(type)));
        assert_true(str_eq(got.username, str_from(username)));
        assert_true(str_eq(got.password, str_from(password)));
        assert_true(str_eq(got.token, str_from(token)));
        assert_int_equal(got.token.p != NULL, token != NULL);
        assert_int_equal(got.parameters.n, parameters);
    }
    arena_free(&a);
}

static void reads(void **state)
{
    (void)state;
    check(STR(""), 0, NULL, NULL, NULL, NULL, 0);
    check((struct str){NULL, 0}, 0, NULL, NULL, NULL, NULL, 0);
    check(STR("Basic dXNlcjpwYXNz"), 1, "basic", "user", "pass", NULL, 2);
    check(STR("BASIC   dTpwOnE= "), 1, "basic", "u", "p:q", NULL, 2);
    check(STR("Basic dXNlcg=="), 1, "basic", "user", "", NULL, 2);
    check(STR("Basic w6k6w6k="), 1, "basic", "\xC3\xA9", "\xC3\xA9", NULL, 2);
    check(STR("Basic"), 1, "basic", "", "", NULL, 2);
    check(STR("Basic 6Tpw"), 0, NULL, NULL, NULL, NULL, 0);   /* Latin-1 */
    check(STR("Basic dXNlcg"), 0, NULL, NULL, NULL, NULL, 0); /* without padding */
    check(STR("Basic dXN=cg=="), 0, NULL, NULL, NULL, NULL, 0);
    check(STR("Basic dXN cg=="), 0, NULL, NULL, NULL, NULL, 0);
    check(STR("Basic ===="), 0, NULL, NULL, NULL, NULL, 0);
    check(STR("Bearer abc.def=="), 1, "bearer", NULL, NULL, "abc.def==", 0);
    check(STR("Bearer"), 1, "bearer", NULL, NULL, "", 0);
    check(STR("Digest username=\"u, v\", qop=auth, nc=00000001, flag"), 1, "digest", NULL,
          NULL, NULL, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads)};
    return cmocka_run_group_tests_name("authorization", tests, NULL, NULL);
}
