#include "form.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

static const struct form_limits no_limits = {SIZE_MAX, SIZE_MAX};

static void check_pairs(const struct pairs *list, const char *expected)
{
    struct buf b = {0};
    for (size_t i = 0; i < list->n; i++) {
        struct pair p = list->items[i];
        buf_addf(&b, "[%.*s]=[%.*s]", (int)p.name.n, p.name.p, (int)p.value.n, p.value.p);
    }
    buf_addc(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_free(&b);
}

static void reads_queries(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a=1", "[a]=[1]"},
        {"a=1&b=2&a=3", "[a]=[1][b]=[2][a]=[3]"},
        {"a", "[a]=[]"},
        {"a=", "[a]=[]"},
        {"=", "[]=[]"},
        {"=1", "[]=[1]"},
        {"&&a=1&", "[a]=[1]"},
        {"a=b=c", "[a]=[b=c]"},
        {"a;b=1", "[a;b]=[1]"},
        {"a+b=c+d", "[a b]=[c d]"},
        {"a%20b=%2B%26%3D", "[a b]=[+&=]"},
        {"a=%", "[a]=[%]"},
        {"a=%4&b=%zz", "[a]=[%4][b]=[%zz]"},
        {"a=%C3%A9", "[a]=[\xC3\xA9]"},
        {"a=\xC3\xA9", "[a]=[\xC3\xA9]"},
        {"a=%E9&%FF=x", "[a]=[\xEF\xBF\xBD][\xEF\xBF\xBD]=[x]"},
        {"a=\xE9", "[a]=[\xEF\xBF\xBD]"},
        {"a=%ED%A0%80", "[a]=[\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct pairs list = {0};
        assert_int_equal(form_parse_query(&a, str_from(cases[i][0]), &list), 0);
        check_pairs(&list, cases[i][1]);
        arena_free(&a);
    }
    struct arena a = {0};
    struct pairs list = {0};
    assert_int_equal(form_parse_query(&a, STR("a=%00&b"), &list), 0);
    assert_int_equal(list.items[0].value.n, 1);
    assert_int_equal(form_parse_query(&a, (struct str){NULL, 0}, &list), 0);
    arena_free(&a);
}

static int parse(struct arena *a, const char *type, struct str body,
                 struct form_limits limits, struct form *form, struct fault *f)
{
    struct form_source source = {.memory = body.p, .fd = -1, .size = body.n};
    return form_parse(a, &source, str_from(type), &limits, form, f);
}

static void chooses_by_type(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *body;
        const char *expected;
    } cases[] = {
        {"application/x-www-form-urlencoded", "a=1&b", "[a]=[1][b]=[]"},
        {"Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=1", "[a]=[1]"},
        {"application/x-www-form-urlencoded", "", ""},
        {"multipart/form-data; boundary=b",
         "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--", "[a]=[1]"},
        {"multipart/form-data; boundary=\"b c\"",
         "--b c\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b c--",
         "[a]=[1]"},
        {"multipart/form-data; boundary=b", "", ""},
        {"multipart/form-data", "", ""},
        {"multipart/mixed; boundary=b", "--b--", ""},
        {"application/json", "a=1", ""},
        {"", "a=1", ""},
        {NULL, "a=1", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct form form = {0};
        struct fault f = {0};
        assert_int_equal(
            parse(&a, cases[i].type, str_from(cases[i].body), no_limits, &form, &f), 0);
        check_pairs(&form.fields, cases[i].expected);
        assert_int_equal(form.n_files, 0);
        arena_free(&a);
    }
}

static void refuses(void **state)
{
    (void)state;
    struct arena a = {0};
    struct form form = {0};
    struct fault f = {0};
    struct form_limits limits = {10, 4};
    assert_int_equal(
        parse(&a, "application/x-www-form-urlencoded", STR("a=123"), limits, &form, &f),
        -1);
    assert_int_equal(f.status, 413);
    assert_int_equal(
        parse(&a, "application/x-www-form-urlencoded", STR("a=12"), limits, &form, &f),
        0);
    assert_int_equal(parse(&a, "multipart/form-data", STR("--b--"), limits, &form, &f),
                     -1);
    assert_int_equal(f.status, 400);
    assert_int_equal(
        parse(&a, "multipart/form-data; boundary=", STR("--b--"), limits, &form, &f), -1);
    assert_int_equal(f.status, 400);
    arena_free(&a);
}

static void reads_from_a_file(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    fputs("a=%41&b=2", file);
    fflush(file);
    struct arena a = {0};
    struct form form = {0};
    struct fault f = {0};
    struct form_source source = {.fd = fileno(file), .size = 9};
    struct str type = STR("application/x-www-form-urlencoded");
    assert_int_equal(form_parse(&a, &source, type, &no_limits, &form, &f), 0);
    check_pairs(&form.fields, "[a]=[A][b]=[2]");
    source.size = 10;
    assert_int_equal(form_parse(&a, &source, type, &no_limits, &form, &f), -1);
    assert_int_equal(f.status, 500);
    fclose(file);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_queries),
        cmocka_unit_test(chooses_by_type),
        cmocka_unit_test(refuses),
        cmocka_unit_test(reads_from_a_file),
    };
    return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
