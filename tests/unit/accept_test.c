#include "accept.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_order(enum accept_kind kind, const char *field, const char *expected)
{
    struct arena a = {0};
    struct accept accept;
    struct buf b = {0};
    assert_int_equal(accept_parse(&a, kind, str_from(field), &accept), 0);
    for (size_t i = 0; i < accept.n; i++)
        buf_addf(&b, "%.*s=%g|", (int)accept.items[i].value.n, accept.items[i].value.p,
                 accept.items[i].quality);
    buf_addc(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_free(&b);
    arena_free(&a);
}

static void reads(void **state)
{
    (void)state;
    check_order(ACCEPT_MIMETYPES, NULL, "");
    check_order(ACCEPT_MIMETYPES, "", "");
    check_order(ACCEPT_MIMETYPES,
                "*/*;q=0.1, text/html, text/*;q=0.5, a/b;q=0.7, c/d;q=0.7",
                "text/html=1|a/b=0.7|c/d=0.7|text/*=0.5|*/*=0.1|");
    check_order(ACCEPT_MIMETYPES, "text/html;level=1;q=0.4;X=\"a b\", text/html",
                "text/html; level=1; x=\"a b\"=0.4|text/html=1|");
    check_order(ACCEPT_LANGUAGES, "*, de;q=0.8, en;q=0.9", "en=0.9|de=0.8|*=1|");
    check_order(ACCEPT_ENCODINGS,
                "gzip;q=0, br;q=1.000, x;Q=.5, y;q=2, z;q=-1, w;q=1e0, v;q=x",
                "br=1|gzip=0|");
    check_order(ACCEPT_ENCODINGS, "\"gzip\", , a;q=\"0.5\"", "gzip=1|a=0.5|");
    check_order(ACCEPT_ENCODINGS, "a;q= 0.5, b;q=, c;q=0.", "a=1|b=1|c=0|");
}

static void check_quality(enum accept_kind kind, const char *field, const char *value,
                          double expected)
{
    struct arena a = {0};
    struct accept accept;
    assert_int_equal(accept_parse(&a, kind, str_from(field), &accept), 0);
    const struct accept_item *item = accept_find(&accept, str_from(value));
    assert_true((item ? item->quality : -1) == expected);
    arena_free(&a);
}

static void finds(void **state)
{
    (void)state;
    const enum accept_kind M = ACCEPT_MIMETYPES, L = ACCEPT_LANGUAGES,
                           C = ACCEPT_CHARSETS;
    check_quality(M, "", "text/html", -1);
    check_quality(M, "text/html;q=0.3, text/*;q=0.5, */*;q=0.1", "TEXT/HTML", 0.3);
    check_quality(M, "text/html;q=0.3, text/*;q=0.5, */*;q=0.1", "text/plain", 0.5);
    check_quality(M, "text/html;q=0.3, text/*;q=0.5, */*;q=0.1", "a/b", 0.1);
    check_quality(M, "text/html;q=0.3", "*/*", 0.3);
    check_quality(M, "text/html;q=0.3", "text/*", 0.3);
    check_quality(M, "*/html", "text/html", -1);
    check_quality(M, "html, *", "text/html", -1);
    check_quality(M, "text/html;a=b;c=d", "text/html", -1);
    check_quality(M, "text/html;a=b;c=d;q=0.2", "text/html;c=D; A=b", 0.2);
    check_quality(M, "text/html;a=b;c=d", "text/html; a=b; a=b", -1);
    check_quality(L, "en-US;q=0.5", "en_us", 0.5);
    check_quality(L, "en-US;q=0.5", "en", -1);
    check_quality(L, "*;q=0.5", "en", 0.5);
    check_quality(C, "utf8;q=0.5, latin-1;q=0.2", "UTF-8", 0.5);
    check_quality(C, "utf8;q=0.5, latin-1;q=0.2", "iso-8859-1", 0.2);
    check_quality(C, "a-name-that-is-longer-than-sixteen",
                  "A-name-that-is-longer-than-sixteen", 1);
    check_quality(ACCEPT_ENCODINGS, "gzip;q=0", "GZIP", 0);
}

static void check_best(enum accept_kind kind, const char *field, const char *list,
                       const char *expected)
{
    struct arena a = {0};
    struct accept accept;
    struct str values[8];
    size_t n = 0;
    for (struct str rest = str_from(list); rest.p;)
        values[n++] = str_cut(&rest, ' ');
    assert_int_equal(accept_parse(&a, kind, str_from(field), &accept), 0);
    int best_index = accept_best_match(&accept, values, n);
    struct str found = best_index < 0 ? STR("-") : values[best_index];
    assert_true(str_eq(found, str_from(expected)));
    arena_free(&a);
}

static void chooses(void **state)
{
    (void)state;
    const enum accept_kind M = ACCEPT_MIMETYPES, L = ACCEPT_LANGUAGES;
    check_best(M, "", "text/html", "-");
    check_best(M, "*/*", "text/html application/json", "text/html");
    check_best(M, "application/json, text/html;q=0.9", "text/html application/json",
               "application/json");
    check_best(M, "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
               "application/json text/html", "text/html");
    check_best(M, "text/*, application/json", "text/plain application/json",
               "application/json");
    check_best(M, "text/html;q=0, */*", "text/html text/plain", "text/plain");
    check_best(M, "text/html;q=0", "text/html", "-");
    check_best(L, "de-AT, en;q=0.5", "en de", "en");
    check_best(L, "de-AT, en;q=0.5", "fr de", "de");
    check_best(L, "de-AT, en;q=0.5", "fr en", "en");
    check_best(L, "en", "de-DE en-GB en-US", "en-GB");
    check_best(L, "en_us, de;q=0.2", "de en-US", "en-US");
    check_best(L, "fr", "de en", "-");
    check_best(L, "en;q=0", "en", "-");
    check_best(ACCEPT_ENCODINGS, "gzip, br", "br gzip", "br");
}

static void tells_what_is_proper(void **state)
{
    (void)state;
    assert_true(accept_is_proper(ACCEPT_MIMETYPES, STR("text/html")));
    assert_true(accept_is_proper(ACCEPT_MIMETYPES, STR("*/*")));
    assert_false(accept_is_proper(ACCEPT_MIMETYPES, STR("html")));
    assert_false(accept_is_proper(ACCEPT_MIMETYPES, STR("*/html")));
    assert_true(accept_is_proper(ACCEPT_LANGUAGES, STR("html")));
}

static void is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"a,",  "a/b;q=0.5,", ",",
                                        "\"a", "a;b=c;",     "a;q=\""};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct buf b = {0};
        struct arena a = {0};
        struct accept accept;
        while (b.n < 1 << 20)
            buf_addstr(&b, str_from(units[i]));
        assert_int_equal(accept_parse(&a, ACCEPT_MIMETYPES, buf_str(&b), &accept), 0);
        assert_true(accept_best_match(&accept, &STR("x/y"), 1) < 0);
        arena_free(&a);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),     cmocka_unit_test(finds),
        cmocka_unit_test(chooses),   cmocka_unit_test(tells_what_is_proper),
        cmocka_unit_test(is_linear),
    };
    return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
