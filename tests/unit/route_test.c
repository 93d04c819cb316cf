/* Requests against maps, by tables: what is found, redirected, refused. */
#include "route.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct route_map *map;
static struct fault fault;

static int set_up(void **state)
{
    (void)state;
    map = route_map_new();
    return map ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    route_map_free(map);
    arena_free(&arena);
    return 0;
}

static struct route_options options_of(const char *rule, const char *methods)
{
    static struct str names[8];
    struct route_options o = {.text = str_from(rule),
                              .methods = names,
                              .any_method = !methods,
                              .max_content_length = -1};
    struct str rest = str_from(methods);
    while (rest.p)
        names[o.methods_n++] = str_cut(&rest, ' ');
    return o;
}

static int add_options(const struct route_options *o)
{
    int earlier;
    int number = route_map_add(map, NULL, o, &earlier, &fault);
    if (number < 0)
        fail_msg("%s", fault.message);
    return number;
}

static int add(const char *rule, const char *methods)
{
    struct route_options o = options_of(rule, methods);
    return add_options(&o);
}

static void add_value(struct buf *b, const struct route_value *v)
{
    buf_addf(b, " %.*s=", (int)v->name.n, v->name.p);
    if (v->kind == ROUTE_TEXT)
        buf_addstr(b, v->text);
    else if (v->kind == ROUTE_INTEGER)
        buf_addf(b, "%lld", (long long)v->integer);
    else
        buf_addf(b, "%g", v->number);
}

/* "RULE name=value ...", "> location", "404", "405 METHODS", "RULE options METHODS" */
static void describe(const struct route_result *r, struct buf *b)
{
    b->n = 0;
    if (r->outcome == ROUTE_REDIRECT)
        buf_addf(b, "> %.*s", (int)r->location.n, r->location.p);
    else if (r->outcome == ROUTE_NOT_FOUND)
        buf_addf(b, "404");
    else if (r->outcome == ROUTE_METHOD_NOT_ALLOWED)
        buf_addf(b, "405");
    else if (r->outcome == ROUTE_FAILED)
        buf_addf(b, "failed: %s", fault.message);
    else
        buf_addstr(b, route_map_rule(map, r->rule)->text);
    if (r->outcome == ROUTE_FOUND)
        for (size_t i = 0; i < r->values_n; i++)
            add_value(b, &r->values[i]);
    for (size_t i = 0; i < r->methods_n; i++)
        buf_addf(b, " %.*s", (int)r->methods[i].n, r->methods[i].p);
}

static struct route_request request_of(const char *method, const char *path)
{
    return (struct route_request){.path = str_from(path),
                                  .method = str_from(method),
                                  .scheme = STR("http"),
                                  .host = STR("h.test"),
                                  .root_path = STR("")};
}

static void answers(const struct route_request *q, const char *expected)
{
    struct route_result r;
    struct buf b = {0};
    route_match(map, q, &arena, &r, &fault);
    describe(&r, &b);
    if (!str_eq(buf_str(&b), str_from(expected)))
        fail_msg("%.*s %.*s: %.*s, not %s", (int)q->method.n, q->method.p, (int)q->path.n,
                 q->path.p, (int)b.n, b.p, expected);
    buf_free(&b);
    route_result_close(NULL, &r);
}

static void request(const char *method, const char *path, const char *expected)
{
    struct route_request q = request_of(method, path);
    answers(&q, expected);
}

static void get(const char *path, const char *expected)
{
    request("GET", path, expected);
}

static void test_specific_rules_win(void **state)
{
    (void)state;
    add("/<path:rest>", "GET");
    add("/<name>", "GET");
    add("/<int:id>", "GET");
    add("/<float:x>", "GET");
    add("/@<name>", "GET");
    add("/list", "GET");
    add("/<name>/edit", "GET");
    add("/<y>-<m>", "GET");
    get("/list", "/list");
    get("/7", "/<int:id> id=7");
    get("/7.5", "/<float:x> x=7.5");
    get("/ann", "/<name> name=ann");
    get("/@ann", "/@<name> name=ann");
    get("/2024-05", "/<y>-<m> y=2024 m=05");
    get("/a/b", "/<path:rest> rest=a/b");
    get("/a/edit", "/<name>/edit name=a");
    get("/a/edit/b", "/<path:rest> rest=a/edit/b");
    get("/99999999999999999999", "/<name> name=99999999999999999999");
    get("/9223372036854775807", "/<int:id> id=9223372036854775807");
}

static void test_a_converter_that_refuses_lets_the_next_rule_try(void **state)
{
    (void)state;
    add("/<int(max=9):n>", "GET");
    add("/<int(min=100):n>/", "GET");
    add("/<name>", "POST");
    get("/9", "/<int(max=9):n> n=9");
    get("/100", "> http://h.test/100/");
    get("/10", "405 OPTIONS POST");
    request("POST", "/10", "/<name> name=10");
    request("POST", "/9", "/<name> name=9");
    request("PUT", "/9", "405 GET HEAD OPTIONS POST");
    get("/10/", "404");
}

static void test_methods(void **state)
{
    (void)state;
    add("/a", "GET");
    add("/a", "POST PURGE");
    add("/b", "OPTIONS PUT");
    add("/any", NULL);
    add("/c/", "DELETE");
    get("/a", "/a");
    request("HEAD", "/a", "/a");
    request("PURGE", "/a", "/a");
    request("purge", "/a", "405 GET HEAD OPTIONS POST PURGE");
    request("OPTIONS", "/a", "/a GET HEAD OPTIONS POST PURGE");
    request("OPTIONS", "/b", "/b");
    get("/b", "405 OPTIONS PUT");
    request("BREW", "/any", "/any");
    request("OPTIONS", "/any", "/any");
    request("OPTIONS", "/none", "404");
    request("GET", "/c", "405 DELETE OPTIONS");
    request("DELETE", "/c", "> http://h.test/c/");
}

static void test_automatic_options_can_be_off(void **state)
{
    (void)state;
    struct route_options o = options_of("/a", "GET");
    o.provide_automatic_options = ROUTE_NO;
    add_options(&o);
    o = options_of("/b", "OPTIONS");
    o.provide_automatic_options = ROUTE_YES;
    add_options(&o);
    route_map_set_automatic_options(map, false);
    add("/c", "GET");
    request("OPTIONS", "/a", "405 GET HEAD");
    request("OPTIONS", "/b", "/b OPTIONS");
    request("OPTIONS", "/c", "405 GET HEAD");
}

static void test_slashes(void **state)
{
    (void)state;
    add("/a/", "GET");
    add("/b", "GET");
    add("/<x>/c/", "GET");
    add("/", "GET");
    add("/f/<path:p>/", "GET");
    add("/g/<path:p>/<int:n>/", "GET");
    get("/a", "> http://h.test/a/");
    get("/a/", "/a/");
    get("/b/", "404");
    get("/é/c", "> http://h.test/%C3%A9/c/");
    get("", "> http://h.test/");
    get("/", "/");
    get("//", "/");
    get("//a", "> http://h.test/a/");
    get("//b", "/b"); /* leading slashes count as one */
    get("/x//c/", "> http://h.test/x/c/");
    get("/x///c", "> http://h.test/x/c/");
    get("/x//none", "404");
    get("/a//", "> http://h.test/a/");
    get("/f/x/y", "> http://h.test/f/x/y/");
    get("/f/x/y/", "/f/<path:p>/ p=x/y");
    get("/g/x/7", "> http://h.test/g/x/7/");
    get("/g/x/7/", "/g/<path:p>/<int:n>/ p=x n=7");
    request("POST", "//a", "405 GET HEAD OPTIONS");
    request("POST", "/x//c", "405 GET HEAD OPTIONS");
}

static void test_slashes_may_not_matter(void **state)
{
    (void)state;
    route_map_set_slashes(map, false, false);
    add("/a/", "GET");
    add("/b", "GET");
    add("/c//d", "GET");
    struct route_options o = options_of("/s/", "GET");
    o.strict_slashes = o.merge_slashes = ROUTE_YES;
    add_options(&o);
    get("/a", "/a/");
    get("/a/", "/a/");
    get("/b/", "/b");
    get("/b//", "404");
    get("/c//d", "/c//d");
    get("/c/d", "404");
    get("/s", "> http://h.test/s/");
    get("/s//", "> http://h.test/s/");
}

static void test_the_query_and_the_root_are_kept(void **state)
{
    (void)state;
    add("/a/", "GET");
    struct route_request q = request_of("GET", "/a");
    q.query = STR("x=%20&y");
    q.root_path = STR("/my app");
    answers(&q, "> http://h.test/my%20app/a/?x=%20&y");
    q.scheme = STR("https");
    q.host = STR("h.test:443");
    answers(&q, "> https://h.test/my%20app/a/?x=%20&y");
    q.host = STR("h.test:80");
    answers(&q, "> https://h.test:80/my%20app/a/?x=%20&y");
    q.host = STR("");
    answers(&q, "> /my%20app/a/?x=%20&y");
    route_map_set_server_name(map, STR("Real.test:5000"));
    answers(&q, "> https://real.test:5000/my%20app/a/?x=%20&y");
}

static void test_paths_are_decoded_first(void **state)
{
    (void)state;
    add("/<a>/<b>", "GET");
    add("/é", "GET");
    add("/100%", "GET");
    get("/x%2Fy", "/<a>/<b> a=x b=y");
    get("/%c3%A9", "/é");
    get("/\xc3\xa9", "/é");
    get("/%ff/%E9%80", "/<a>/<b> a=\xEF\xBF\xBD b=\xEF\xBF\xBD");
    get("/100%", "/100%");
    get("/100%25", "/100%");
    get("/a%zz/b+c", "/<a>/<b> a=a%zz b=b+c");
    struct route_request q = request_of("GET", "/a/b%00c");
    struct route_result r;
    assert_int_equal(route_match(map, &q, &arena, &r, &fault), ROUTE_FOUND);
    assert_true(str_eq(r.values[1].text, STR("b\0c")));
}

static void test_hosts(void **state)
{
    (void)state;
    struct route_options o = options_of("/", "GET");
    o.host = STR("<who>.Example.test");
    add_options(&o);
    o = options_of("/<int:id>", "GET");
    o.host = STR("admin.example.test:5000");
    add_options(&o);
    add("/<name>", "GET");
    assert_int_equal(route_map_domains(map), ROUTE_HOSTS);
    struct route_request q = request_of("GET", "/");
    q.host = STR("Ann.example.TEST:8080");
    answers(&q, "/ who=ann");
    q.path = STR("/7");
    answers(&q, "/<name> name=7");
    q.host = STR("admin.example.test");
    answers(&q, "/<int:id> id=7");
    q.path = STR("/x");
    answers(&q, "/<name> name=x");
    q.path = STR("/");
    q.host = STR("other.test");
    answers(&q, "404");
    q.host = STR("");
    answers(&q, "404");
    o = options_of("/", "GET");
    o.subdomain = STR("x");
    int earlier;
    assert_int_equal(route_map_add(map, NULL, &o, &earlier, &fault), -1);
    assert_string_equal(fault.message, "an app matches hosts or subdomains, not both");
}

static void test_subdomains(void **state)
{
    (void)state;
    struct route_options o = options_of("/", "GET");
    o.subdomain = STR("<who>");
    add_options(&o);
    o = options_of("/a/", "GET");
    o.subdomain = STR("api");
    add_options(&o);
    add("/<name>", "GET");
    struct route_request q = request_of("GET", "/");
    answers(&q, "404"); /* without a server name */
    route_map_set_server_name(map, STR("example.test:5000"));
    q.host = STR("ann.example.test:5000");
    answers(&q, "/ who=ann");
    q.path = STR("/x");
    answers(&q, "404");
    q.host = STR("EXAMPLE.test");
    answers(&q, "/<name> name=x");
    q.host = STR("badexample.test");
    answers(&q, "404");
    q.host = STR("127.0.0.1:5000");
    answers(&q, "404");
    q.host = STR("api.example.test");
    q.path = STR("/a");
    answers(&q, "> http://api.example.test:5000/a/");
}

static void test_build_only_rules_match_nothing(void **state)
{
    (void)state;
    struct route_options o = options_of("/a", "GET");
    o.build_only = true;
    add_options(&o);
    get("/a", "404");
}

static void test_equal_rules_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *methods;
        int earlier;
    } cases[] = {
        {"/a/<x>", "GET", -1},
        {"/a/<x>", "POST", -1},
        {"/a/<y>", "GET", 0},
        {"/a/<int:x>", "GET", -1},
        {"/a/<int(min=1):x>", "GET", -1},
        {"/a/<int(min=1):y>", "PUT GET", 4},
        {"/a/<x>/", "GET", -1},
        {"/a/<x>", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route_options o = options_of(cases[i].rule, cases[i].methods);
        int earlier;
        assert_int_equal(route_map_add(map, NULL, &o, &earlier, &fault), (int)i);
        assert_int_equal(earlier, cases[i].earlier);
    }
    get("/a/q", "/a/<x> x=q");
}

static void test_what_needs_lua_fails_without_it(void **state)
{
    (void)state;
    struct route_options o = options_of("/old/<int:id>", "GET");
    o.redirect_to = STR("/new/<id>");
    add_options(&o);
    get("/old/7", "failed: no Lua stack for a redirect");
    get("/old/x", "404");
    o.redirect_to = STR("/new/<nope>");
    int earlier;
    assert_int_equal(route_map_add(map, NULL, &o, &earlier, &fault), -1);
    assert_string_equal(fault.message,
                        "redirect_to has <nope>, which \"/old/<int:id>\" lacks");
}

/* Each of many rules is found, whatever the index of its place looks like. */
static void test_many_rules_at_one_place(void **state)
{
    (void)state;
    static const char *const shapes[] = {
        "/p%d-<a>",      "/<a>-s%d",       "/<int:a>x%d<b>", "/t%d",
        "/<path:a>/r%d", "/<path:a>/q%d/", "/<a>longer%d-"};
    static const char *const paths[] = {"/p%d-v",   "/v-s%d",    "/1x%dw",     "/t%d",
                                        "/v/w/r%d", "/v/w/q%d/", "/vlonger%d-"};
    char rule[60], path[60], expected[100];
    for (int i = 0; i < 300; i++)
        for (int k = 0; k < 7; k++) {
            sprintf(rule, shapes[k], i);
            add(rule, "GET");
        }
    for (int i = 0; i < 300; i++)
        for (int k = 0; k < 7; k++) {
            struct route_result r;
            sprintf(path, paths[k], i);
            sprintf(expected, shapes[k], i);
            struct route_request q = request_of("GET", path);
            assert_int_equal(route_match(map, &q, &arena, &r, &fault), ROUTE_FOUND);
            const struct route_rule *found = route_map_rule(map, r.rule);
            /* "1x1234w" fits several of the third shape: the longest text comes first */
            if (k != 2 && !str_eq(found->text, str_from(expected)))
                fail_msg("%s found %.*s", path, (int)found->text.n, found->text.p);
        }
    get("/p300-v", "404");
}

static void test_too_many_methods(void **state)
{
    (void)state;
    char name[20];
    struct route_options o = options_of("/a", "GET");
    struct str method;
    int earlier;
    for (int i = 4; i < ROUTE_MOST_METHODS; i++) {
        method = (struct str){name, (size_t)sprintf(name, "M%d", i)};
        o.methods = &method;
        assert_true(route_map_add(map, NULL, &o, &earlier, &fault) >= 0);
    }
    method = STR("ONEMORE");
    assert_int_equal(route_map_add(map, NULL, &o, &earlier, &fault), -1);
    request("M63", "/a", "/a");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_specific_rules_win),
        TEST(test_a_converter_that_refuses_lets_the_next_rule_try),
        TEST(test_methods),
        TEST(test_automatic_options_can_be_off),
        TEST(test_slashes),
        TEST(test_slashes_may_not_matter),
        TEST(test_the_query_and_the_root_are_kept),
        TEST(test_paths_are_decoded_first),
        TEST(test_hosts),
        TEST(test_subdomains),
        TEST(test_build_only_rules_match_nothing),
        TEST(test_equal_rules_are_named),
        TEST(test_what_needs_lua_fails_without_it),
        TEST(test_many_rules_at_one_place),
        TEST(test_too_many_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
