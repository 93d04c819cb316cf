#include "log.c"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

/* What the calls between begin and take wrote to stderr. */
static int kept_stderr;
static FILE *file;

static void begin(void)
{
    file = tmpfile();
    kept_stderr = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
}

static struct str take(void)
{
    static char text[300000];
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    rewind(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
    return (struct str){text, n};
}

/* What stands behind "[time] ". */
static const char *behind_time(struct str record)
{
    assert_int_equal(record.p[0], '[');
    assert_memory_equal(record.p + 11, " ", 1);
    assert_true(record.p[26] == ']');
    return record.p + 28;
}

static void records_have_flasks_form(void **state)
{
    (void)state;
    begin();
    log_text(LOG_WARNING, "hello");
    assert_string_equal(behind_time(take()), "WARNING in app: hello\n");
    begin();
    log_format(LOG_ERROR, "%s %d", "x", 7);
    assert_string_equal(behind_time(take()), "ERROR in app: x 7\n");
    begin();
    log_text(LOG_INFO, NULL);
    assert_string_equal(behind_time(take()), "INFO in app: (no text)\n");
}

static void levels(void **state)
{
    (void)state;
    for (int least_level = LOG_DEBUG; least_level <= LOG_ERROR; least_level++)
        for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
            log_set_level(least_level);
            begin();
            log_text(level, "x");
            assert_int_equal(take().n > 0, level >= least_level);
        }
    log_set_level(LOG_INFO);
}

/* Nothing that a terminal obeys gets out, in whatever encoding. */
static void control_characters(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a\nb\tc", "a\nb\tc"},
        {"\x1B[31mred", "\\x1b[31mred"},
        {"a\rb\x7F\x01", "a\\x0db\\x7f\\x01"},
        {"caf\xC3\xA9 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xF0\x9F\x98\x80"},
        {"\xC2\x9B"
         "31m",
         "\\xc2\\x9b31m"}, /* U+009B begins what ESC [ does */
        {"\x9B"
         "31m",
         "\\x9b31m"},
        {"\xC2\xA0", "\xC2\xA0"},
        {"\xC3", "\\xc3"},
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[100];
        snprintf(expected, sizeof expected, "INFO in app: %s\n", cases[i][1]);
        begin();
        log_text(LOG_INFO, cases[i][0]);
        assert_string_equal(behind_time(take()), expected);
    }
}

static void long_records_are_whole(void **state)
{
    (void)state;
    char *text = malloc(100001);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    begin();
    log_format(LOG_INFO, "<%s>", text);
    struct str record = take();
    assert_int_equal(strlen(behind_time(record)), strlen("INFO in app: <>\n") + 100000);
    free(text);
}

static void lua_logs_nul_too(void **state)
{
    (void)state;
    lua_State *L = luaL_newstate();
    lua_pushcfunction(L, log_lua);
    lua_pushliteral(L, "error");
    lua_pushlstring(L, "name\0hidden\n", 12);
    begin();
    int result = lua_pcall(L, 2, 0, 0);
    struct str record = take();
    assert_int_equal(result, 0);
    assert_string_equal(behind_time(record), "ERROR in app: name\\x00hidden\n\n");
    lua_pushcfunction(L, log_set_level_lua);
    lua_pushliteral(L, "loud");
    assert_int_equal(lua_pcall(L, 1, 0, 0), LUA_ERRRUN);
    lua_close(L);
}

static struct exchange *an_exchange(const char *method, const char *target)
{
    static struct exchange ex;
    static struct response answer = {.status = 404};
    ex = (struct exchange){.answer = &answer, .sent = 7};
    ex.request.head.method = str_from(method);
    ex.request.head.target = ex.request.head.path = str_from(target);
    ex.request.head.minor = 1;
    strcpy(ex.request.peer.address, "127.0.0.1");
    clock_gettime(CLOCK_MONOTONIC, &ex.began);
    return &ex;
}

static void errors_name_the_request(void **state)
{
    (void)state;
    begin();
    log_request_error(an_exchange("GET", "/a\nERROR\x1B"),
                      "boom\nstack traceback:\x1B[0m");
    assert_string_equal(behind_time(take()),
                        "ERROR in app: Exception on /a\\x0aERROR\\x1b [GET]\n"
                        "boom\nstack traceback:\\x1b[0m\n");
}

/* A target must not end its quotes, nor look like an escape of ours. */
static void the_access_log_is_one_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/a?b=%20", "/a?b=%20"},
        {"/a\nb\x1B", "/a\\x0ab\\x1b"},
        {"/\" 200 0 \"", "/\\x22 200 0 \\x22"},
        {"/\\x22", "/\\x5cx22"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[100];
        snprintf(expected, sizeof expected, "] \"GET %s HTTP/1.1\" 404 7 ", cases[i][1]);
        log_set_access(1);
        begin();
        log_access(an_exchange("GET", cases[i][0]));
        struct str record = take();
        assert_memory_equal(record.p, "127.0.0.1 - - [", 15);
        assert_non_null(strstr(record.p, expected));
        assert_ptr_equal(strchr(record.p, '\n'), record.p + record.n - 1);
        assert_memory_equal(record.p + record.n - 3, "ms\n", 3);
    }
    log_set_access(0);
    begin();
    log_access(an_exchange("GET", "/"));
    assert_int_equal(take().n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_have_flasks_form),
        cmocka_unit_test(levels),
        cmocka_unit_test(control_characters),
        cmocka_unit_test(long_records_are_whole),
        cmocka_unit_test(lua_logs_nul_too),
        cmocka_unit_test(errors_name_the_request),
        cmocka_unit_test(the_access_log_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
