#include "options.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>

static lua_State *L;

static int open_lua(void **state)
{
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    lua_close(L);
    return 0;
}

/* Reads the config that the Lua expression makes. */
static int read_config(const char *config, struct options *o, struct fault *fault)
{
    char chunk[200];
    snprintf(chunk, sizeof chunk, "return %s", config);
    assert_int_equal(luaL_dostring(L, chunk), 0);
    options_defaults(o);
    int result = options_read(L, -1, o, fault);
    lua_pop(L, 1);
    assert_int_equal(lua_gettop(L), 0);
    return result;
}

static void every_field_has_a_default(void **state)
{
    (void)state;
    struct options o;
    memset(&o, 0xFF, sizeof o);
    options_defaults(&o);
    const int64_t *fields = (const int64_t *)&o;
    for (size_t i = 0; i < sizeof o / sizeof *fields; i++)
        assert_true(fields[i] > 0 && fields[i] < 1000000);
    assert_int_equal(o.header_timeout, 10000);
    assert_int_equal(o.max_header_size, 16384);
}

static void reads_what_is_there(void **state)
{
    (void)state;
    struct options o;
    struct fault fault;
    assert_int_equal(
        read_config("{HEADER_TIMEOUT = 0.25, MAX_HEADER_COUNT = 7, OTHER = {}}", &o,
                    &fault),
        0);
    assert_int_equal(o.header_timeout, 250);
    assert_int_equal(o.max_header_count, 7);
    assert_int_equal(o.body_timeout, 30000);
    assert_int_equal(
        read_config("setmetatable({}, {__index = function() error() end})", &o, &fault),
        0);
}

static void refuses_what_is_no_limit(void **state)
{
    (void)state;
    static const char *const values[] = {"0",          "-1",   "0/0",    "math.huge",
                                         "-math.huge", "'10'", "true",   "{}",
                                         "1e300",      "1e12", "0.0004", "1e-300"};
    static const char *const keys[] = {"WRITE_TIMEOUT", "MAX_CONNECTIONS"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int j = 0; j < 2; j++) {
            char config[100];
            struct options o;
            struct fault fault;
            snprintf(config, sizeof config, "{%s = %s}", keys[j], values[i]);
            assert_int_equal(read_config(config, &o, &fault), -1);
            assert_non_null(strstr(fault.message, keys[j]));
        }
}

/* Half a connection would be none: nobody could connect after the first. */
static void counts_are_at_least_one_and_fit_an_int(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        int result;
    } cases[] = {
        {"{MAX_CONNECTIONS = 0.5}", -1},         {"{MAX_CONNECTIONS = 1}", 0},
        {"{MAX_HEADER_SIZE = 0.9}", -1},         {"{MAX_HEADER_COUNT = 2147483647}", 0},
        {"{MAX_HEADER_COUNT = 2147483648}", -1}, {"{MAX_HEADER_SIZE = 2^33}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct options o;
        struct fault fault;
        assert_int_equal(read_config(cases[i].config, &o, &fault), cases[i].result);
        assert_true(o.max_header_count > 0 && o.max_header_count <= INT_MAX);
    }
}

static void integers_are_clamped(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t integer;
    } cases[] = {
        {"5", 5},
        {"5.9", 5},
        {"-3", -3},
        {"math.huge", INT64_MAX},
        {"nil", 77},
        {"'5'", 77},
        {"{}", 77},
        {"-math.huge", INT64_MIN},
        {"0/0", 77},
        {"2^53", 1LL << 53},
        {"1e300", INT64_MAX},
        {"math.maxinteger or 1e300", INT64_MAX},
        {"false", 77},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char chunk[100];
        snprintf(chunk, sizeof chunk, "return {LIMIT = %s}", cases[i].value);
        assert_int_equal(luaL_dostring(L, chunk), 0);
        assert_true(options_integer(L, -1, "LIMIT", 77) == cases[i].integer);
        assert_true(
            options_limit(L, -1, "LIMIT", 77) ==
            (strcmp(cases[i].value, "false") == 0 ? INT64_MAX : cases[i].integer));
        lua_pop(L, 1);
        assert_int_equal(lua_gettop(L), 0);
    }
}

static void a_limit_may_be_switched_off_where_it_says_so(void **state)
{
    (void)state;
    struct options o;
    struct fault fault;
    assert_int_equal(read_config("{WATCHDOG_TIMEOUT = false}", &o, &fault), 0);
    assert_true(o.watchdog_timeout == OPTIONS_NEVER);
    assert_int_equal(read_config("{WATCHDOG_TIMEOUT = 1.5}", &o, &fault), 0);
    assert_int_equal(o.watchdog_timeout, 1500);
    assert_int_equal(read_config("{WATCHDOG_TIMEOUT = 0}", &o, &fault), -1);
    assert_int_equal(read_config("{WATCHDOG_TIMEOUT = true}", &o, &fault), -1);
    assert_int_equal(read_config("{BODY_TIMEOUT = false}", &o, &fault), 0);
    assert_true(o.body_timeout == OPTIONS_NEVER);
    assert_int_equal(read_config("{SHUTDOWN_TIMEOUT = false}", &o, &fault), -1);
    assert_int_equal(read_config("{MAX_CONNECTIONS = false}", &o, &fault), -1);
}

static void the_table_is_complete(void **state)
{
    (void)state;
    options_push_table(L);
    lua_setglobal(L, "options");
    if (luaL_dostring(
            L, "local seen = {}\n"
               "local units = {seconds = true, bytes = true, count = true}\n"
               "for _, o in ipairs(options) do\n"
               "  assert(not seen[o.key], o.key)\n"
               "  assert(units[o.unit] and o.default > 0 and #o.text > 10, o.key)\n"
               "  seen[o.key] = o.default\n"
               "end\n"
               "assert(seen.HEADER_TIMEOUT == 10)\n"
               "assert(seen.MAX_CONTENT_LENGTH == 16 * 1024 * 1024)\n"))
        fail_msg("%s", lua_tostring(L, -1));
    lua_settop(L, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_default),
        cmocka_unit_test(reads_what_is_there),
        cmocka_unit_test(refuses_what_is_no_limit),
        cmocka_unit_test(counts_are_at_least_one_and_fit_an_int),
        cmocka_unit_test(integers_are_clamped),
        cmocka_unit_test(a_limit_may_be_switched_off_where_it_says_so),
        cmocka_unit_test(the_table_is_complete),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
