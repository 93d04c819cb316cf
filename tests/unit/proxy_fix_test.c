#include "proxy_fix.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct http1_field fields[8];
static struct request request;

/* A request from 10.0.0.1 to in.test with the lines given: name, value, ..., NULL. */
static struct request *make(const char *name, ...)
{
    va_list rest;
    arena_free(&request.arena);
    request = (struct request){.peer = {.address = "10.0.0.1", .port = 9}};
    request.head.fields = fields;
    fields[request.head.n_fields++] =
        (struct http1_field){STR("Host"), STR("in.test:5000")};
    request.head.authority = fields[0].value;
    va_start(rest, name);
    for (; name; name = va_arg(rest, const char *))
        fields[request.head.n_fields++] =
            (struct http1_field){str_from(name), str_from(va_arg(rest, const char *))};
    va_end(rest);
    return &request;
}

static void has_address(struct request *r, int n, const char *wanted)
{
    proxy_fix_apply(r, &(struct proxy_trust){.x_for = n});
    assert_string_equal(r->peer.address, wanted);
}

static void takes_the_nth_from_the_right(void **state)
{
    (void)state;
    const char *name = "X-Forwarded-For";
    has_address(make(name, "6.6.6.6, 1.2.3.4", NULL), 1, "1.2.3.4");
    has_address(make(name, "6.6.6.6, 1.2.3.4", NULL), 2, "6.6.6.6");
    has_address(make(name, "6.6.6.6, 1.2.3.4", NULL), 3, "10.0.0.1");
    has_address(make(name, "6.6.6.6, 1.2.3.4", NULL), 0, "10.0.0.1");
    has_address(make(name, "6.6.6.6", name, "1.2.3.4", NULL), 1, "1.2.3.4");
    has_address(make(name, "6.6.6.6", name, "1.2.3.4", NULL), 2, "6.6.6.6");
    has_address(make(name, ",, ,", NULL), 1, "10.0.0.1");
    has_address(make(name, "", NULL), 1, "10.0.0.1");
    has_address(make(NULL), 1, "10.0.0.1");
}

static void lets_no_client_swallow_what_the_proxy_added(void **state)
{
    (void)state;
    const char *name = "X-Forwarded-For";
    has_address(make(name, "\"6.6.6.6, 1.2.3.4", NULL), 1, "1.2.3.4");
    has_address(make(name, "\"6.6.6.6", name, "1.2.3.4", NULL), 1, "1.2.3.4");
    has_address(make(name, "6.6.6.6 7.7.7.7", NULL), 1, "10.0.0.1");
    has_address(make(name, "\xc3\xa4", NULL), 1, "10.0.0.1");
    char longest[64];
    memset(longest, '1', sizeof longest);
    longest[63] = '\0';
    has_address(make(name, longest, NULL), 1, longest);
    char longer[65];
    memset(longer, '1', sizeof longer);
    longer[64] = '\0';
    has_address(make(name, longer, NULL), 1, "10.0.0.1");
}

static void has_host(struct request *r, const char *wanted)
{
    proxy_fix_apply(r, &(struct proxy_trust){.x_host = 1, .x_port = 1});
    assert_true(str_eq(r->head.authority, str_from(wanted)));
    assert_true(str_eq(fields[0].value, str_from(wanted)));
}

static void takes_hosts_and_ports_that_are_some(void **state)
{
    (void)state;
    const char *host = "X-Forwarded-Host", *port = "X-Forwarded-Port";
    has_host(make(host, "a.test", NULL), "a.test");
    has_host(make(host, "a.test", port, "81", NULL), "a.test:81");
    has_host(make(port, "81", NULL), "in.test:81");
    has_host(make(host, "[::1]:4", port, "81", NULL), "[::1]:81");
    has_host(make(host, "a test", NULL), "in.test:5000");
    has_host(make(host, "a.test/x", NULL), "in.test:5000");
    has_host(make(host, "u@a.test", NULL), "in.test:5000");
    has_host(make(port, "81x", NULL), "in.test:5000");
    has_host(make(port, "", NULL), "in.test:5000");
}

static void has_prefix(const char *value, const char *wanted)
{
    struct str got = proxy_fix_apply(make("X-Forwarded-Prefix", value, NULL),
                                     &(struct proxy_trust){.x_prefix = 1});
    assert_true(str_eq(got, str_from(wanted)));
}

static void takes_prefixes_that_are_paths(void **state)
{
    (void)state;
    has_prefix("/shop", "/shop");
    has_prefix("/shop//", "/shop");
    has_prefix("/", "");
    has_prefix("shop", "");
    has_prefix("//evil.test", "");
    has_prefix("/a b", "");
}

static void takes_two_schemes(void **state)
{
    (void)state;
    const struct proxy_trust trust = {.x_proto = 1};
    struct request *r = make("X-Forwarded-Proto", "http, HTTPS", NULL);
    proxy_fix_apply(r, &trust);
    assert_true(r->peer.is_secure);
    r = make("X-Forwarded-Proto", "javascript", NULL);
    r->peer.is_secure = true;
    proxy_fix_apply(r, &trust);
    assert_true(r->peer.is_secure);
    fields[1].value = STR("http");
    proxy_fix_apply(r, &trust);
    assert_false(r->peer.is_secure);
}

static int free_all(void **state)
{
    (void)state;
    arena_free(&request.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_nth_from_the_right),
        cmocka_unit_test(lets_no_client_swallow_what_the_proxy_added),
        cmocka_unit_test(takes_hosts_and_ports_that_are_some),
        cmocka_unit_test(takes_prefixes_that_are_paths),
        cmocka_unit_test(takes_two_schemes),
    };
    return cmocka_run_group_tests(tests, NULL, free_all);
}
