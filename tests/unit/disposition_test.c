#include "disposition.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void prints(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {NULL, "attachment"},
        {"x.txt", "attachment; filename=x.txt"},
        {"my file.txt", "attachment; filename=\"my file.txt\""},
        {"a\"b\\c", "attachment; filename=\"a\\\"b\\\\c\""},
        {"", "attachment; filename=\"\""},
        {"\xC3\xA9t\xC3\xA9.txt",
         "attachment; filename=ete.txt; filename*=UTF-8''%C3%A9t%C3%A9.txt"},
        {"\xE2\x82\xAC 5;.pdf",
         "attachment; filename=\" 5;.pdf\"; filename*=UTF-8''%E2%82%AC%205%3B.pdf"},
        {"\xE5\x90\x8D", "attachment; filename=\"\"; filename*=UTF-8''%E5%90%8D"},
        {"\xE1\xBB\x87\xEF\xBC\xA1",
         "attachment; filename=eA; filename*=UTF-8''%E1%BB%87%EF%BC%A1"},
        {"\xF0\x9F\x98\x80x", "attachment; filename=x; filename*=UTF-8''%F0%9F%98%80x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        struct fault f;
        assert_int_equal(disposition_format(&b, true, str_from(cases[i][0]), &f), 0);
        buf_addc(&b, '\0');
        assert_string_equal(b.p, cases[i][1]);
        buf_free(&b);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const names[] = {"a\r\nX: y", "a\x7F", "\xE9", "\x01"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buf b = {0};
        struct fault f;
        assert_int_equal(disposition_format(&b, false, str_from(names[i]), &f), -1);
        assert_int_equal(f.status, 500);
        assert_int_equal(b.n, 0);
    }
    struct buf b = {0};
    assert_int_equal(disposition_format(&b, false, STR("a\0b"), NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(prints),
                                       cmocka_unit_test(refuses)};
    return cmocka_run_group_tests_name("disposition", tests, NULL, NULL);
}
