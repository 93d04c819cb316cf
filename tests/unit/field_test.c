#include "field.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

static void splits_lists(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {" , ,,", ""},
        {"a", "[a]"},
        {" a , b\t,,c", "[a][b][c]"},
        {"a;q=\"1,2\", b", "[a;q=\"1,2\"][b]"},
        {"\"a\\\",b\", c", "[\"a\\\",b\"][c]"},
        {"\"open, b", "[\"open, b]"},
        {"a\\,b", "[a\\][b]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        struct str rest = str_from(cases[i][0]), item;
        while (field_next_item(&rest, &item))
            buf_addf(&b, "[%.*s]", (int)item.n, item.p);
        buf_addc(&b, '\0');
        assert_string_equal(b.p, cases[i][1]);
        buf_free(&b);
    }
}

static void unquotes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a", "a"},         {"\"a\"", "a"}, {"\"a\\\"\\x\\\\\"", "a\"x\\"},
        {"\"", "\""},       {"\"\"", ""},   {"\"a", "\"a"},
        {"\"a\\\"", "a\\"},
    };
    struct arena a = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(
            str_eq(field_unquote(&a, str_from(cases[i][0])), str_from(cases[i][1])));
    arena_free(&a);
}

static void add_pairs(struct buf *b, const struct pairs *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct pair p = list->items[i];
        buf_addf(b, "|%.*s", (int)p.name.n, p.name.p);
        if (p.value.p)
            buf_addf(b, "=%.*s", (int)p.value.n, p.value.p);
    }
    buf_addc(b, '\0');
}

static void reads_dicts(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"no-cache, max-age=60", "|no-cache|max-age=60"},
        {"a=\"b, c\", d = e ,f=", "|a=b, c|d=e|f="},
        {"u*=UTF-8''%C3%A9", "|u=\xC3\xA9"},
        {"u*=UTF-8''%E9", "|u=\xEF\xBF\xBD"},
        {"u*=iso-8859-1''%E9", "|u=\xC3\xA9"},
        {"u*=utf-16''%E9", "|u=%E9"},
        {"a=\"x\\\"y\"", "|a=x\"y"},
        {"=x", "|=x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct buf b = {0};
        struct pairs list = {0};
        assert_int_equal(field_parse_dict(&a, str_from(cases[i][0]), &list), 0);
        add_pairs(&b, &list);
        assert_string_equal(b.p, cases[i][1]);
        buf_free(&b);
        arena_free(&a);
    }
}

static void reads_parameters(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"text/html", "text/html"},
        {" text/html ; charset=utf-8", "text/html|charset=utf-8"},
        {"a;;; B=C ; d=e", "a|b=C|d=e"},
        {"a; b=\"x;y\"; c=d", "a|b=x;y|c=d"},
        {"a; b=\"x;y; c=d", "a|c=d"},
        {"a; b = c; d=e", "a|d=e"},
        {"a; b; c=; d=e junk; f=g", "a|d=e|f=g"},
        {"a; b=1; b=2", "a|b=2"},
        {"a; b=\"\\\"x\\\\y\\z%22\"", "a|b=\"x\\y\\z\""},
        {"a; b=\"C:\\dir\\\"", "a|b=C:\\dir\\"},
        {"a; b=\"\"; c=d", "a|b=|c=d"},
        {"a; filename*=UTF-8''%e2%82%ac.txt", "a|filename=\xE2\x82\xAC.txt"},
        {"a; f*=UTF-8'en'x; f=y", "a|f=x"},
        {"a; f=y; f*=UTF-8''x", "a|f=x"},
        {"a; f*=iso-8859-1''%E9", "a|f=\xC3\xA9"},
        {"a; f*=koi8-r''%E9", "a|f=%E9"},
        {"a; f*=x%20y", "a|f=x%20y"},
        {"a; f*=UTF-8''%ff%41", "a|f=\xEF\xBF\xBD"
                                "A"},
        {"a; f*0=a; f*1=\"b c\"; g=1; f*2=d", "a|f=ab cd|g=1"},
        {"a; f*0*=UTF-8''%41; f*1*=%42; f*2=%43", "a|f=AB%43"},
        {"a; *=b; *0=c", "a|*=b|*0=c"},
        {";a=b", "|a=b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = {0};
        struct buf b = {0};
        struct pairs list = {0};
        struct str value;
        assert_int_equal(field_parse_parameters(&a, str_from(cases[i][0]), &value, &list),
                         0);
        buf_addstr(&b, value);
        add_pairs(&b, &list);
        assert_string_equal(b.p, cases[i][1]);
        buf_free(&b);
        arena_free(&a);
    }
}

/* Megabytes of what a scanner could look at again and again. */
static void is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {";a=\"", ";a=\"\\", ";a*0=x", ",\"",
                                        "\"\\",  ";",       " ",      ";a=\"x\\\"",
                                        "'",     "a*=''",   ","};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct buf b = {0};
        buf_addstr(&b, STR("a;f="));
        while (b.n < 2 << 20)
            buf_addstr(&b, str_from(units[i]));
        struct arena a = {0};
        struct pairs list = {0};
        struct str value;
        assert_int_equal(field_parse_parameters(&a, buf_str(&b), &value, &list), 0);
        assert_true(list.n <= MAX_KEYS);
        list = (struct pairs){0};
        assert_int_equal(field_parse_dict(&a, buf_str(&b), &list), 0);
        arena_free(&a);
        buf_free(&b);
    }
}

static void prints_quoted(void **state)
{
    (void)state;
    struct buf b = {0};
    field_add_quoted(&b, STR("a.txt"));
    field_add_quoted(&b, STR(" a"));
    field_add_quoted(&b, STR("\"\\"));
    field_add_quoted(&b, STR(""));
    assert_true(str_eq(buf_str(&b), STR("a.txt\" a\"\"\\\"\\\\\"\"\"")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lists), cmocka_unit_test(unquotes),
        cmocka_unit_test(reads_dicts),  cmocka_unit_test(reads_parameters),
        cmocka_unit_test(is_linear),    cmocka_unit_test(prints_quoted),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
