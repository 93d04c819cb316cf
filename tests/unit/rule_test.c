/* Rules taken apart: parts, weights, arguments of converters, and what is wrong with a
 * rule. */
#include "rule.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct converter_own *owned;
static const struct converter_maker maker = {NULL, NULL, &arena, &owned};
static struct fault fault;

static struct rule_text parsed(const char *text)
{
    struct rule_text t;
    assert_int_equal(rule_parse(&maker, str_from(text), true, NULL, &t, &fault), 0);
    return t;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* Parts as text: static ones as they are, variables as their names in <>, "*" behind one
   that takes the rest, "?" behind one whose slash is optional. */
static void parts_are(const char *rule, const char *expected)
{
    struct rule_text t = parsed(rule);
    struct buf b = {0};
    for (size_t i = 0; i < t.parts_n; i++) {
        buf_addstr(&b, i ? STR(" , ") : STR(""));
        for (size_t k = 0; k < t.parts[i].pieces_n; k++) {
            const struct rule_piece *p = &t.parts[i].pieces[k];
            buf_addf(&b, p->converter ? "<%.*s>" : "%.*s", (int)p->text.n, p->text.p);
        }
        buf_addstr(&b, t.parts[i].takes_rest ? STR("*") : STR(""));
        buf_addstr(&b, t.parts[i].is_suffixed ? STR("?") : STR(""));
    }
    buf_addc(&b, '\0');
    assert_string_equal(b.p, expected);
    buf_free(&b);
}

static void test_parts(void **state)
{
    (void)state;
    parts_are("/", "");
    parts_are("/a", "a");
    parts_are("/a/", "a , ");
    parts_are("/a//b", "a , b");
    parts_are("/<x>/b", "<x> , b");
    parts_are("/a-<x>.<y>/", "a-<x>.<y> , ");
    parts_are("/<path:p>", "<p>*");
    parts_are("/a/<path:p>/b/c", "a , <p>/b/c*");
    parts_are("/<path:p>/<int:i>/", "<p>/<i>*? , ");
    parts_are("/<path:p>/", "<p>*? , ");
    parts_are("/x<path:p>y/<z>", "x<p>y/<z>*");
    parts_are("/a>b", "a>b");
}

static void test_slashes_may_stay_doubled(void **state)
{
    (void)state;
    struct rule_text t;
    assert_int_equal(rule_parse(&maker, STR("/a//b"), false, NULL, &t, &fault), 0);
    assert_int_equal(t.parts_n, 3);
}

static void test_hosts_are_one_part_in_lower_case(void **state)
{
    (void)state;
    struct rule_text t;
    assert_int_equal(rule_parse_host(&maker, STR("<Who>.Example.COM"), &t, &fault), 0);
    assert_int_equal(t.parts_n, 1);
    assert_int_equal(t.pieces_n, 2);
    assert_true(str_eq(t.pieces[0].text, STR("Who")));
    assert_true(str_eq(t.pieces[1].text, STR(".example.com")));
    assert_int_equal(rule_parse_host(&maker, STR("a/b"), &t, &fault), -1);
}

static const struct converter *converter_of(const char *rule)
{
    return parsed(rule).pieces[1].converter;
}

static void test_arguments(void **state)
{
    (void)state;
    const struct converter *c = converter_of("/<string(2, maxlength=5):x>");
    assert_int_equal(c->min_length, 2);
    assert_int_equal(c->max_length, 5);
    c = converter_of("/<string( length = 3 ):x>");
    assert_int_equal(c->min_length, 3);
    assert_int_equal(c->max_length, 3);
    c = converter_of("/<int(min=-5, max=9, signed=true, fixed_digits=2):x>");
    assert_int_equal(c->int_min, -5);
    assert_int_equal(c->int_max, 9);
    assert_int_equal(c->fixed_digits, 2);
    assert_true(c->is_signed);
    c = converter_of("/<int(signed=False, min=None):x>");
    assert_false(c->is_signed || c->has_min);
    c = converter_of("/<float(min=0, max=1.5):x>");
    assert_true(c->has_min && c->float_min == 0 && c->float_max == 1.5);
    c = converter_of("/<any(a, \"b, c)\", 'd\"', 7, True):x>");
    assert_int_equal(c->words_n, 5);
    assert_true(str_eq(c->words[1], STR("b, c)")));
    assert_true(str_eq(c->words[2], STR("d\"")));
    assert_true(str_eq(c->words[3], STR("7")));
    assert_true(str_eq(c->words[4], STR("True")));
    assert_true(converter_of("/<any(\"a/b\", c):x>")->takes_slash);
    assert_int_equal(converter_of("/<default:x>")->kind, CONVERTER_STRING);
}

static void test_equal_forms_share_a_key(void **state)
{
    (void)state;
    assert_true(
        str_eq(parsed("/<int:a>").parts[0].key, parsed("/<int(max=3):b>").parts[0].key));
    assert_true(str_eq(parsed("/<a>").parts[0].key, parsed("/<string:b>").parts[0].key));
    assert_false(str_eq(parsed("/<int:a>").parts[0].key,
                        parsed("/<int(signed=True):a>").parts[0].key));
    assert_false(str_eq(parsed("/<a>x").parts[0].key, parsed("/x<a>").parts[0].key));
    assert_false(
        str_eq(parsed("/<path:a>/").parts[0].key, parsed("/<path:a>").parts[0].key));
    assert_false(str_eq(parsed("/<any(a, b):a>").parts[0].key,
                        parsed("/<any(\"a/1:b\"):a>").parts[0].key));
}

static void before(const char *first, const char *second)
{
    const struct rule_weight *a = &parsed(first).parts[0].weight;
    const struct rule_weight *b = &parsed(second).parts[0].weight;
    assert_true(rule_compare_weights(a, b) < 0);
    assert_true(rule_compare_weights(b, a) > 0);
}

static void test_weights(void **state)
{
    (void)state;
    before("/x<a>", "/<a>");
    before("/xx<a>", "/x<a>");
    before("/<a>-<b>", "/<a>-");
    before("/<int:a>", "/<a>");
    before("/<a>", "/<path:a>");
    before("/<float:a>", "/<any(x):a>");
    before("/<path:a>/edit", "/<a>"); /* Werkzeug's order, though it surprises */
    before("/<a>é<b>", "/<a><b>");
    assert_int_equal(rule_compare_weights(&parsed("/é<a>").parts[0].weight,
                                          &parsed("/x<a>").parts[0].weight),
                     0);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *message;
    } cases[] = {
        {"", "rule \"\" must begin with a slash"},
        {"a", "rule \"a\" must begin with a slash"},
        {"/<", "a variable is <name>"},
        {"/<a", "a variable is <name>"},
        {"/<>", "a variable is <name>"},
        {"/<1a>", "a variable is <name>"},
        {"/<a b>", "a variable is <name>"},
        {"/<int:>", "a variable is <name>"},
        {"/<int(:x>", "argument is a number"},
        {"/<int(min=):x>", "argument is a number"},
        {"/<int(min=3:x>", "separated by commas"},
        {"/<int(min=3)x>", "a variable is <name>"},
        {"/<int(min 3):x>", "separated by commas"},
        {"/<any(\"a):x>", "a quote is not closed"},
        {"/<any():x>", "converter any needs words"},
        {"/<any(a=b):x>", "converter any has no argument \"a\""},
        {"/<int(foo=1):x>", "converter int has no argument \"foo\""},
        {"/<int(min=1, min=2):x>", "converter int is given min twice"},
        {"/<int(1, fixed_digits=2):x>", "converter int is given fixed_digits twice"},
        {"/<int(1, 2, 3, True, 5):x>", "too many arguments for converter int"},
        {"/<int(min=a):x>", "min must be a whole number"},
        {"/<int(min=1.5):x>", "min must be a whole number"},
        {"/<float(max=a):x>", "max must be a number"},
        {"/<int(signed=1):x>", "signed must be True or False"},
        {"/<string(minlength=-1):x>", "minlength must be 0 or more"},
        {"/<string(minlength=5, maxlength=4):x>", "maxlength is below minlength"},
        {"/<path(1):x>", "too many arguments for converter path"},
        {"/<nope:x>",
         "no converter \"nope\"; there are string, int, float, path, any, uuid"},
        {"/<a>/<a>", "has the variable a twice"},
        {"/\xff", "no valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule_text t;
        fault = (struct fault){0};
        assert_int_equal(
            rule_parse(&maker, str_from(cases[i].rule), true, NULL, &t, &fault), -1);
        if (!strstr(fault.message, cases[i].message))
            fail_msg("%s: %s", cases[i].rule, fault.message);
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct rule_text t;
    struct buf b = {0};
    for (int i = 0; i < 40; i++)
        buf_addf(&b, "/<v%d>", i);
    assert_int_equal(rule_parse(&maker, buf_str(&b), true, NULL, &t, &fault), -1);
    assert_non_null(strstr(fault.message, "too many variables"));
    b.n = 0;
    for (int i = 0; i < RULE_MOST_PARTS + 1; i++)
        buf_addf(&b, "/a");
    assert_int_equal(rule_parse(&maker, buf_str(&b), true, NULL, &t, &fault), -1);
    assert_non_null(strstr(fault.message, "too many slashes"));
    b.n = 0;
    for (int i = 0; i <= RULE_MOST_BYTES; i++)
        buf_addc(&b, '/');
    assert_int_equal(rule_parse(&maker, buf_str(&b), true, NULL, &t, &fault), -1);
    assert_non_null(strstr(fault.message, "more than 4000 bytes"));
    buf_free(&b);
}

static void test_names_of_the_host_count(void **state)
{
    (void)state;
    struct rule_text host, path;
    assert_int_equal(rule_parse_host(&maker, STR("<a>.x"), &host, &fault), 0);
    assert_int_equal(rule_parse(&maker, STR("/<b>"), true, &host, &path, &fault), 0);
    assert_int_equal(rule_parse(&maker, STR("/<a>"), true, &host, &path, &fault), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_slashes_may_stay_doubled),
        cmocka_unit_test(test_hosts_are_one_part_in_lower_case),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_equal_forms_share_a_key),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names_of_the_host_count),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
