#include "error_page.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include <cmocka.h>

static char *page(int status, const char *name, const char *description, bool as_json,
                  const char *type)
{
    struct buf out = {0};
    assert_string_equal(error_page(&out, status, name, description, as_json), type);
    assert_true(utf8_is_valid(buf_str(&out)));
    buf_addc(&out, '\0');
    return out.p;
}

static void json(void **state)
{
    (void)state;
    static const struct {
        const char *name, *description, *expected;
    } cases[] = {
        {"Not Found", "Gone.",
         "{\"code\":404,\"description\":\"Gone.\",\"name\":\"Not Found\"}\n"},
        {NULL, NULL, "{\"code\":404,\"description\":\"\",\"name\":\"Error\"}\n"},
        {"a\"b", "\\ \n\t\x1F\x7F </script>",
         "{\"code\":404,\"description\":\"\\\\ \\u000a\\u0009\\u001f\x7F </script>\","
         "\"name\":\"a\\\"b\"}\n"},
        {"\xC3\xA9", "\xFF\xE2\x82",
         "{\"code\":404,\"description\":\"\xEF\xBF\xBD\xEF\xBF\xBD\",\"name\":"
         "\"\xC3\xA9\"}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text =
            page(404, cases[i].name, cases[i].description, true, "application/json");
        assert_string_equal(text, cases[i].expected);
        free(text);
    }
}

static void html(void **state)
{
    (void)state;
    char *text = page(418, "Tea & <b>", "\"'{{ code }} {{ description }}", false,
                      "text/html; charset=utf-8");
    assert_non_null(strstr(text, "418"));
    assert_non_null(strstr(text, "Tea &amp; &lt;b&gt;"));
    assert_non_null(strstr(text, "&#34;&#39;{{ code }} {{ description }}")); /* once */
    assert_null(strstr(text, "{{ name }}"));
    assert_null(strstr(text, "<b>"));
    free(text);
}

static void html_without_a_description(void **state)
{
    (void)state;
    char *text = page(500, NULL, NULL, false, "text/html; charset=utf-8");
    assert_non_null(strstr(text, "500"));
    assert_null(strstr(text, "{{"));
    assert_null(strstr(text, "}}"));
    free(text);
}

static void a_broken_description_is_still_utf8(void **state)
{
    (void)state;
    free(page(400, "x", "\xFF<", false, "text/html; charset=utf-8"));
}

static void appends(void **state)
{
    (void)state;
    struct buf out = {0};
    buf_addstr(&out, STR("before "));
    error_page(&out, 400, "x", "y", true);
    assert_memory_equal(out.p, "before {", 8);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json),
        cmocka_unit_test(html),
        cmocka_unit_test(html_without_a_description),
        cmocka_unit_test(a_broken_description_is_still_utf8),
        cmocka_unit_test(appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
