/* Parts against texts: by a table, and random ones against a matcher that simply tries.
 */
#include "segment.c"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct arena arena;
static struct converter_own *owned;
static const struct converter_maker maker = {NULL, NULL, &arena, &owned};
static struct segment_scratch scratch;

static int tear_down(void **state)
{
    (void)state;
    segment_free(&scratch);
    arena_free(&arena);
    return 0;
}

static const struct rule_part *part_of(const char *rule)
{
    struct rule_text t;
    struct fault fault;
    if (rule_parse(&maker, str_from(rule), true, NULL, &t, &fault) < 0)
        fail_msg("%s: %s", rule, fault.message);
    return &t.parts[0];
}

/* The values with "|" between them, " /" behind them for the optional slash; "-" for no
   match. */
static void match_text(const struct rule_part *part, struct str text, struct buf *out)
{
    struct str captures[RULE_MOST_VARIABLES];
    struct converter_lua lua = {NULL, NULL, &arena, 0, 0};
    bool has_slash;
    out->n = 0;
    if (!segment_match(part, text, &scratch, &lua, captures, &has_slash)) {
        buf_addc(out, '-');
        return;
    }
    for (size_t i = 0; i < part->weight.variables_n; i++) {
        buf_addstr(out, i ? STR("|") : STR(""));
        buf_addstr(out, captures[i]);
    }
    buf_addstr(out, has_slash ? STR(" /") : STR(""));
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *text, *expected;
    } cases[] = {
        {"/<a>", "x", "x"},
        {"/<a>", "", "-"},
        {"/<string(minlength=0):a>", "", ""},
        {"/<string(length=2):a>", "éé", "éé"},
        {"/<string(length=2):a>", "é", "-"},
        {"/x<a>y", "xy", "-"},
        {"/xx<a>xx", "xxx", "-"},
        {"/x<a>y", "xzy", "z"},
        {"/<a>-<b>", "1-2-3", "1-2|3"},
        {"/<a>-<b>", "--", "-"},
        {"/<a>-<b>", "---", "-|-"},
        {"/<a><b>", "éü", "é|ü"},
        {"/<a><b>", "é", "-"},
        {"/<int:a>", "007", "007"},
        {"/<int:a>", "-7", "-"},
        {"/<int:a>", "7a", "-"},
        {"/<int(signed=True):a>", "-7", "-7"},
        {"/<int(signed=True):a>", "-", "-"},
        {"/<int(fixed_digits=3):a>", "0071", "-"},
        {"/<int(fixed_digits=4):y><int(fixed_digits=2):m>", "202405", "2024|05"},
        {"/<int:a><int:b>", "123", "12|3"},
        {"/<float:a>", "1.5", "1.5"},
        {"/<float:a>", "1.", "-"},
        {"/<float:a>", ".5", "-"},
        {"/<float:a><float:b>", "1.52.5", "1.5|2.5"},
        {"/<float:a>.<b>", "1.5.x", "1.5|x"},
        {"/<float(signed=True):a>-<b>", "-1.5-2", "-1.5|2"},
        {"/<any(a, ab):x><b>", "abc", "a|bc"},
        {"/<any(ab, a):x><b>", "abc", "ab|c"},
        {"/<any(ab, a):x><b>", "ab", "a|b"},
        {"/<uuid:a>", "f47ac10b-58cc-4372-a567-0e02b2c3d479",
         "f47ac10b-58cc-4372-a567-0e02b2c3d479"},
        {"/<uuid:a>", "f47ac10b-58cc-4372-a567-0e02b2c3d47g", "-"},
        {"/<uuid:a>", "f47ac10b058cc-4372-a567-0e02b2c3d479", "-"},
        {"/<uuid:a>-<b>", "f47ac10b-58cc-4372-a567-0e02b2c3d479-x",
         "f47ac10b-58cc-4372-a567-0e02b2c3d479|x"},
        {"/<path:a>", "a/b/", "a/b/"},
        {"/<path:a>", "/a", "-"},
        {"/<path:a>", "a\nb", "-"},
        {"/<path:a>", "\nb", "\nb"},
        {"/<path:a>/<path:b>", "x/y/z", "x|y/z"},
        {"/<path:a>/e/<path:b>", "x/e/e/z", "x|e/z"},
        {"/<path:a>/<b>/c", "x/y/z/c", "x/y|z"},
        {"/<path:a>/", "x/y", "x/y"},
        {"/<path:a>/", "x/y/", "x/y /"},
        {"/<path:a>/", "x/y//", "-"},
        {"/<path:a>/<int:b>/", "x/y/7/", "x/y|7 /"},
        {"/<any(\"a/b\", c):x>", "a/b", "a/b"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        match_text(part_of(cases[i].rule), str_from(cases[i].text), &out);
        if (!str_eq(buf_str(&out), str_from(cases[i].expected)))
            fail_msg("%s with %s: %.*s", cases[i].rule, cases[i].text, (int)out.n, out.p);
    }
    buf_free(&out);
}

/* The naive matcher: pieces in order, each with all its ends, the preferred one first. */

static bool is_boundary(struct str s, size_t i)
{
    return i == s.n || (s.p[i] & 0xC0) != 0x80;
}

static bool try_piece(const struct rule_piece *p, size_t n, struct str rest,
                      struct str *captures)
{
    struct converter_lua lua = {NULL, NULL, &arena, 0, 0};
    if (n == 0)
        return rest.n == 0;
    if (!p->converter)
        return str_starts(rest, p->text) &&
               try_piece(p + 1, n - 1, str_skip(rest, p->text.n), captures);
    bool is_lazy_piece = p->converter->kind == CONVERTER_PATH;
    for (size_t i = 0; i <= rest.n; i++) {
        size_t end = is_lazy_piece ? i : rest.n - i;
        struct str value = {rest.p, end};
        if (!is_boundary(rest, end) || !converter_takes(p->converter, value, &lua) ||
            !try_piece(p + 1, n - 1, str_skip(rest, end), captures + 1))
            continue;
        *captures = value;
        return true;
    }
    return false;
}

static void match_naively(const struct rule_part *part, struct str text, struct buf *out)
{
    struct str captures[RULE_MOST_VARIABLES];
    out->n = 0;
    bool has_slash = part->is_suffixed && text.n && text.p[text.n - 1] == '/';
    text.n -= has_slash;
    bool ends_badly = part->is_suffixed && text.n && text.p[text.n - 1] == '/';
    if (ends_badly || !try_piece(part->pieces, part->pieces_n, text, captures)) {
        buf_addc(out, '-');
        return;
    }
    for (size_t i = 0; i < part->weight.variables_n; i++) {
        buf_addstr(out, i ? STR("|") : STR(""));
        buf_addstr(out, captures[i]);
    }
    buf_addstr(out, has_slash ? STR(" /") : STR(""));
}

static unsigned random_below(unsigned n)
{
    static uint64_t seed = 42;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void random_rule(char *to)
{
    static const char *const kinds[] = {"<%c>",
                                        "<string(minlength=2, maxlength=3):%c>",
                                        "<string(length=1):%c>",
                                        "<int:%c>",
                                        "<int(signed=True):%c>",
                                        "<int(fixed_digits=2):%c>",
                                        "<float:%c>",
                                        "<float(signed=True):%c>",
                                        "<any(aa, a1, a, 1):%c>",
                                        "<path:%c>",
                                        "<string(minlength=0):%c>"};
    static const char *const texts[] = {"-", "a", "1", ".", "é", "/", "--", "/a/", ""};
    to += sprintf(to, "/");
    for (unsigned i = 0, n = 1 + random_below(4); i < n; i++) {
        to += sprintf(to, "%s", texts[random_below(9)]);
        to += sprintf(to, kinds[random_below(11)], 'p' + (int)i);
    }
    sprintf(to, "%s", texts[random_below(9)]);
}

static void random_text(char *to)
{
    static const char *const bits[] = {"a", "1", "-", ".", "/", "é", "a", "1", "\n"};
    unsigned n = random_below(11);
    *to = '\0';
    for (unsigned i = 0; i < n; i++)
        strcat(to, bits[random_below(i % 4 ? 8 : 9)]);
}

/* The first part with variables. */
static const struct rule_part *variable_part(const char *rule)
{
    struct rule_text t;
    struct fault fault;
    if (rule_parse(&maker, str_from(rule), true, NULL, &t, &fault) < 0)
        fail_msg("%s: %s", rule, fault.message);
    for (size_t i = 0; i < t.parts_n; i++)
        if (!t.parts[i].is_static)
            return &t.parts[i];
    fail();
    return NULL;
}

static void test_random(void **state)
{
    (void)state;
    char rule[400], text[100];
    struct buf ours = {0}, naive = {0};
    int matched = 0;
    for (int i = 0; i < 20000; i++) {
        random_rule(rule);
        const struct rule_part *part = variable_part(rule);
        for (int k = 0; k < 10; k++) {
            random_text(text);
            if (!part->takes_rest && strchr(text, '/'))
                continue;
            match_text(part, str_from(text), &ours);
            match_naively(part, str_from(text), &naive);
            matched += !str_eq(buf_str(&naive), STR("-"));
            /* any() tries its words in their order, the naive matcher by length */
            if (!strstr(rule, "any") && !str_eq(buf_str(&ours), buf_str(&naive)))
                fail_msg("%s with %s: %.*s, not %.*s", rule, text, (int)ours.n, ours.p,
                         (int)naive.n, naive.p);
            if (str_eq(buf_str(&ours), STR("-")) != str_eq(buf_str(&naive), STR("-")))
                fail_msg("%s with %s: %.*s, not %.*s", rule, text, (int)ours.n, ours.p,
                         (int)naive.n, naive.p);
        }
        arena_reset(&arena);
    }
    assert_in_range(matched, 3000, 200000);
    buf_free(&ours);
    buf_free(&naive);
}

static void test_memory_of_a_long_match_goes(void **state)
{
    (void)state;
    struct str text = {memset(arena_alloc(&arena, 100000), 'a', 100000), 100000};
    struct buf out = {0};
    match_text(part_of("/<a>-<b>-<c>"), text, &out);
    assert_string_equal("-", (buf_addc(&out, '\0'), out.p));
    assert_true(scratch.n > KEPT_SCRATCH);
    segment_trim(&scratch);
    assert_int_equal(scratch.n, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_memory_of_a_long_match_goes),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
