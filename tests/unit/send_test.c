/* What goes out for an answer, byte by byte, through a sink that only keeps it. */
#include "send.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>

static lua_State *L;

static struct kept {
    struct sink sink; /* first */
    int n_flushed, n_ended;
    bool must_close, is_broken, is_congested;
} kept;

static void on_flush(struct sink *s)
{
    (void)s;
    kept.n_flushed++;
}

static bool on_is_congested(struct sink *s)
{
    (void)s;
    return kept.is_congested;
}

static void on_end(struct sink *s, bool must_close, bool is_broken)
{
    (void)s;
    kept.n_ended++;
    kept.must_close = must_close;
    kept.is_broken = is_broken;
}

/* An exchange in which only what send.c reads is filled in. */
static void begin(struct exchange *ex, const char *method, int minor)
{
    memset(ex, 0, sizeof *ex);
    kept.sink.out = evbuffer_new();
    kept = (struct kept){.sink = {.out = kept.sink.out,
                                  .flush = on_flush,
                                  .is_congested = on_is_congested,
                                  .end = on_end}};
    response_init(&ex->quick);
    ex->answer = &ex->quick;
    ex->sink = &kept.sink;
    ex->request.head.method = str_from(method);
    ex->request.head.minor = minor;
    ex->request.head.wants_close = minor == 0;
}

static void finish(struct exchange *ex)
{
    response_drop_file(&ex->quick);
    response_clear(L, &ex->quick);
    evbuffer_free(kept.sink.out);
}

static void set(struct exchange *ex, const char *name, const char *value)
{
    struct fault fault;
    if (*name)
        assert_int_equal(
            response_set_field(&ex->quick, str_from(name), str_from(value), &fault), 0);
}

/* Takes what was sent, as a string. The Date field's value becomes "now". */
static char *take(void)
{
    size_t n = evbuffer_get_length(kept.sink.out);
    char *text = malloc(n + 1);
    evbuffer_remove(kept.sink.out, text, n);
    text[n] = '\0';
    char *date = strstr(text, "\r\nDate: ");
    if (date && strlen(date) > 37 && memcmp(date + 33, " GMT\r\n", 6) == 0) {
        memcpy(date + 8, "now", 3);
        memmove(date + 11, date + 37, strlen(date + 37) + 1);
    }
    return text;
}

static void check_sent(const char *expected)
{
    char *text = take();
    assert_string_equal(text, expected);
    free(text);
}

enum { TEXT, STREAM, LENGTH_STREAM, FILE_PART };

static void give_body(struct exchange *ex, int kind)
{
    struct response *r = &ex->quick;
    char path[] = "/tmp/send_test-XXXXXX";
    if (kind == TEXT) {
        r->text = STR("hello");
    } else if (kind == FILE_PART) {
        int fd = mkstemp(path);
        unlink(path);
        assert_int_equal(write(fd, "..hello..", 9), 9);
        response_set_file(L, r, fd, 2, 5);
    } else {
        r->kind = RESPONSE_STREAM;
        if (kind == LENGTH_STREAM)
            set(ex, "Content-Length", "5");
    }
}

/* Sends all of the body that give_body gave. */
static void send_all(struct exchange *ex)
{
    struct fault fault;
    if (send_answer(ex))
        return;
    assert_int_equal(ex->quick.kind, RESPONSE_STREAM);
    assert_int_equal(send_chunk(ex, STR("hel"), &fault), 0);
    assert_int_equal(send_chunk(ex, STR(""), &fault),
                     0); /* a chunk of none would end it */
    assert_int_equal(send_chunk(ex, STR("lo"), &fault), 0);
    assert_int_equal(send_last_chunk(ex, &fault), 0);
}

#define TYPE    "Content-Type: text/html; charset=utf-8\r\n"
#define LENGTH  "Content-Length: 5\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define DATE    "Date: now\r\n"
#define CLOSE   "Connection: close\r\n"
#define KEEP    "Connection: keep-alive\r\n"
#define CHUNKS  "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"

/* RFC 9112, section 6, and RFC 9110, sections 6.4.1, 8.6 and 15.3.6. `wants`: 'k' the
   client keeps the connection, 'c' it closes it. */
static void framing(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        int minor;
        char wants;
        int status, kind;
        const char *after_status; /* what follows the status line */
        bool closes;
    } cases[] = {
        {"GET", 1, 'k', 200, TEXT, TYPE LENGTH DATE "\r\nhello", false},
        {"GET", 1, 'c', 200, TEXT, TYPE LENGTH DATE CLOSE "\r\nhello", true},
        {"GET", 0, 'k', 200, TEXT, TYPE LENGTH DATE KEEP "\r\nhello", false},
        {"GET", 0, 'c', 200, TEXT, TYPE LENGTH DATE CLOSE "\r\nhello", true},
        {"HEAD", 1, 'k', 200, TEXT, TYPE LENGTH DATE "\r\n", false},
        {"HEAD", 0, 'c', 200, TEXT, TYPE LENGTH DATE CLOSE "\r\n", true},
        {"head", 1, 'k', 200, TEXT, TYPE LENGTH DATE "\r\nhello", false},
        {"GET", 1, 'k', 404, TEXT, TYPE LENGTH DATE "\r\nhello", false},
        {"GET", 1, 'k', 204, TEXT, DATE "\r\n", false},
        {"GET", 1, 'k', 304, TEXT, DATE "\r\n", false},
        {"GET", 1, 'k', 205, TEXT, "Content-Length: 0\r\n" DATE "\r\n", false},
        {"HEAD", 1, 'k', 205, TEXT, "Content-Length: 0\r\n" DATE "\r\n", false},
        {"GET", 0, 'k', 204, TEXT, DATE KEEP "\r\n", false},

        {"GET", 1, 'k', 200, FILE_PART, TYPE LENGTH DATE "\r\nhello", false},
        {"HEAD", 1, 'k', 200, FILE_PART, TYPE LENGTH DATE "\r\n", false},
        {"GET", 1, 'k', 304, FILE_PART, DATE "\r\n", false},
        {"GET", 1, 'k', 206, FILE_PART, TYPE LENGTH DATE "\r\nhello", false},

        {"GET", 1, 'k', 200, STREAM, TYPE CHUNKED DATE "\r\n" CHUNKS, false},
        {"GET", 1, 'c', 200, STREAM, TYPE CHUNKED DATE CLOSE "\r\n" CHUNKS, true},
        {"GET", 0, 'k', 200, STREAM, TYPE DATE CLOSE "\r\nhello", true},
        {"GET", 0, 'c', 200, STREAM, TYPE DATE CLOSE "\r\nhello", true},
        {"HEAD", 1, 'k', 200, STREAM, TYPE CHUNKED DATE "\r\n", false},
        {"GET", 1, 'k', 204, STREAM, DATE "\r\n", false},
        {"GET", 1, 'k', 304, STREAM, DATE "\r\n", false},
        {"GET", 1, 'k', 205, STREAM, "Content-Length: 0\r\n" DATE "\r\n", false},
        {"GET", 0, 'k', 205, STREAM, "Content-Length: 0\r\n" DATE KEEP "\r\n", false},

        {"GET", 1, 'k', 200, LENGTH_STREAM, TYPE LENGTH DATE "\r\nhello", false},
        {"GET", 0, 'k', 200, LENGTH_STREAM, TYPE LENGTH DATE KEEP "\r\nhello", false},
        {"HEAD", 1, 'k', 200, LENGTH_STREAM, TYPE LENGTH DATE "\r\n", false},
        {"GET", 1, 'k', 204, LENGTH_STREAM, DATE "\r\n", false},
        {"GET", 1, 'k', 304, LENGTH_STREAM, DATE "\r\n", false},
        {"GET", 1, 'k', 205, LENGTH_STREAM, "Content-Length: 0\r\n" DATE "\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange ex;
        begin(&ex, cases[i].method, cases[i].minor);
        ex.request.head.wants_close = cases[i].wants == 'c';
        ex.quick.status = cases[i].status;
        give_body(&ex, cases[i].kind);
        send_all(&ex);
        char *text = take();
        char *rest = strstr(text, "\r\n") + 2;
        assert_string_equal(rest, cases[i].after_status);
        assert_int_equal(kept.n_ended, 1);
        assert_false(kept.is_broken);
        assert_int_equal(kept.must_close, cases[i].closes);
        assert_true(kept.n_flushed > 0);
        assert_null(ex.sink);
        free(text);
        finish(&ex);
    }
}

/* Each of these alone ends the connection, and the answer says so. */
static void reasons_to_close(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct exchange ex;
        begin(&ex, "GET", 1);
        ex.request.is_body_refused = i == 1;
        kept.sink.is_last = i == 2;
        if (i == 3)
            set(&ex, "Connection", "close");
        ex.quick.text = STR("hello");
        send_answer(&ex);
        assert_int_equal(kept.must_close, i > 0);
        if (i > 0)
            check_sent("HTTP/1.1 200 OK\r\n" TYPE LENGTH DATE CLOSE "\r\nhello");
        finish(&ex);
    }
}

static void status_lines(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *reason; /* NULL: none set */
        const char *line;
    } cases[] = {
        {200, NULL, "HTTP/1.1 200 OK\r\n"},
        {404, NULL, "HTTP/1.1 404 NOT FOUND\r\n"},
        {299, NULL, "HTTP/1.1 299 UNKNOWN\r\n"},
        {999, NULL, "HTTP/1.1 999 UNKNOWN\r\n"},
        {200, "Fine", "HTTP/1.1 200 Fine\r\n"},
        {418, "short", "HTTP/1.1 418 short\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int minor = 0; minor < 2; minor++) {
            struct exchange ex;
            begin(&ex, "GET", minor);
            ex.quick.status = cases[i].status;
            ex.quick.reason = str_from(cases[i].reason);
            send_answer(&ex);
            char *text = take();
            assert_memory_equal(text, cases[i].line, strlen(cases[i].line));
            free(text);
            finish(&ex);
        }
}

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *sent; /* sent: all fields */
    } cases[] = {
        {"X-A", "", "X-A: \r\n" TYPE LENGTH DATE},
        {"content-TYPE", "text/plain", "content-TYPE: text/plain\r\n" LENGTH DATE},
        {"Content-Length", "99", TYPE LENGTH DATE}, /* a lie is not sent */
        {"date", "Sun, 06 Nov 1994 08:49:37 GMT",
         "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" TYPE LENGTH},
        {"Contentxtype", "x", "Contentxtype: x\r\n" TYPE LENGTH DATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange ex;
        begin(&ex, "GET", 1);
        ex.quick.text = STR("hello");
        set(&ex, cases[i].name, cases[i].value);
        send_answer(&ex);
        char expected[500];
        snprintf(expected, sizeof expected, "HTTP/1.1 200 OK\r\n%s\r\nhello",
                 cases[i].sent);
        check_sent(expected);
        finish(&ex);
    }
    struct exchange ex;
    begin(&ex, "GET", 1);
    response_remove_field(&ex.quick, STR("Content-Type"));
    send_answer(&ex);
    check_sent("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" DATE "\r\n");
    finish(&ex);
}

/* RFC 3986's characters stay, a percent sign too: it may begin what is encoded already.
 */
static void location_is_encoded(void **state)
{
    (void)state;
    static const struct {
        const char *name, *url, *sent;
    } cases[] = {
        {"Location", "/a b", "/a%20b"},
        {"Location", "/%C3%A9?q=%20", "/%C3%A9?q=%20"},
        {"location", "/\xC3\xA9#\xE2\x82\xAC", "/%C3%A9#%E2%82%AC"},
        {"Location", "http://h:5/-._~:/?#[]@!$&'()*+,;=%",
         "http://h:5/-._~:/?#[]@!$&'()*+,;=%"},
        {"Location", "/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"},
        {"Location", "a\tb", "a%09b"},
        {"X-Location", "/a b", "/a b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange ex;
        char expected[500];
        begin(&ex, "GET", 1);
        ex.quick.status = 302;
        set(&ex, cases[i].name, cases[i].url);
        send_answer(&ex);
        snprintf(expected, sizeof expected,
                 "HTTP/1.1 302 FOUND\r\n%s: %s\r\n" TYPE "Content-Length: 0\r\n" DATE
                 "\r\n",
                 cases[i].name, cases[i].sent);
        check_sent(expected);
        finish(&ex);
    }
}

/* What is no length counts as none: the stream goes out in chunks. */
static void declared_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool is_length;
    } cases[] = {{"5", true},
                 {"005", true},
                 {"0", true},
                 {"", false},
                 {"-5", false},
                 {"+5", false},
                 {"5.0", false},
                 {"0x5", false},
                 {"5 5", false},
                 {"99999999999999999999", false},
                 {"999999999999999999", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange ex;
        begin(&ex, "GET", 1);
        ex.quick.kind = RESPONSE_STREAM;
        set(&ex, "Content-Length", cases[i].value);
        assert_false(send_answer(&ex));
        char *text = take();
        assert_int_equal(strstr(text, "Content-Length: ") != NULL, cases[i].is_length);
        assert_int_equal(strstr(text, CHUNKED) != NULL, !cases[i].is_length);
        free(text);
        finish(&ex);
    }
}

static void streams_keep_to_their_length(void **state)
{
    (void)state;
    struct exchange ex;
    struct fault fault = {0};
    begin(&ex, "GET", 1);
    give_body(&ex, LENGTH_STREAM);
    send_answer(&ex);
    evbuffer_drain(kept.sink.out, evbuffer_get_length(kept.sink.out));
    assert_int_equal(send_chunk(&ex, STR("hell"), &fault), 0);
    assert_int_equal(send_chunk(&ex, STR("o!"), &fault), -1);
    assert_int_equal(fault.status, 500);
    check_sent("hell");
    assert_int_equal(send_last_chunk(&ex, &fault), -1);
    assert_true(kept.is_broken);
    check_sent("");
    finish(&ex);
}

static void a_broken_stream_has_no_last_chunk(void **state)
{
    (void)state;
    struct exchange ex;
    struct fault fault;
    begin(&ex, "GET", 1);
    give_body(&ex, STREAM);
    send_answer(&ex);
    evbuffer_drain(kept.sink.out, evbuffer_get_length(kept.sink.out));
    send_chunk(&ex, STR("0123456789abcdef"), &fault);
    send_broken(&ex);
    check_sent("10\r\n0123456789abcdef\r\n");
    assert_true(kept.is_broken);
    assert_int_equal(send_chunk(&ex, STR("x"), &fault), 0); /* the client has gone */
    assert_int_equal(send_last_chunk(&ex, &fault), 0);
    send_broken(&ex);
    assert_true(send_more(&ex));
    assert_true(send_answer(&ex));
    assert_int_equal(kept.n_ended, 1);
    finish(&ex);
}

static void large_texts_go_at_the_clients_pace(void **state)
{
    (void)state;
    enum { SIZE = 300001 };
    struct exchange ex;
    char *text = malloc(SIZE), *got = malloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        text[i] = (char)(i / 7);
    begin(&ex, "GET", 1);
    ex.quick.text = (struct str){text, SIZE};
    assert_false(send_answer(&ex));
    size_t head = evbuffer_get_length(kept.sink.out) - PIECE;
    evbuffer_drain(kept.sink.out, head);
    kept.is_congested = true;
    assert_false(send_more(&ex));
    assert_int_equal(evbuffer_get_length(kept.sink.out), PIECE);
    kept.is_congested = false;
    assert_true(send_more(&ex));
    assert_int_equal(evbuffer_remove(kept.sink.out, got, SIZE), SIZE);
    assert_memory_equal(got, text, SIZE);
    assert_int_equal(evbuffer_get_length(kept.sink.out), 0);
    assert_int_equal(ex.sent, SIZE);
    assert_int_equal(kept.n_ended, 1);
    finish(&ex);
    free(text);
    free(got);
}

static void a_large_text_has_no_body_for_head(void **state)
{
    (void)state;
    struct exchange ex;
    begin(&ex, "HEAD", 1);
    ex.quick.text = (struct str){calloc(1, 300000), 300000};
    char *text = (char *)ex.quick.text.p;
    assert_true(send_answer(&ex));
    check_sent("HTTP/1.1 200 OK\r\n" TYPE "Content-Length: 300000\r\n" DATE "\r\n");
    finish(&ex);
    free(text);
}

static void empty_files(void **state)
{
    (void)state;
    struct exchange ex;
    begin(&ex, "GET", 1);
    int fd = open("/dev/null", O_RDONLY);
    response_set_file(L, &ex.quick, fd, 0, 0);
    assert_true(send_answer(&ex));
    check_sent("HTTP/1.1 200 OK\r\n" TYPE "Content-Length: 0\r\n" DATE "\r\n");
    assert_true(kept.n_flushed > 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), -1); /* closed */
    finish(&ex);
}

static void the_date_is_now(void **state)
{
    (void)state;
    struct str date = send_date();
    int64_t t = date_parse(date);
    assert_int_equal(date.n, 29);
    assert_int_equal(date.p[29], '\0');
    assert_true(t >= time(NULL) - 2 && t <= time(NULL));
}

static void refusals(void **state)
{
    (void)state;
    for (int is_head = 0; is_head < 2; is_head++) {
        struct evbuffer *out = evbuffer_new();
        kept.sink.out = out;
        send_refusal(out, 400, "<bad> \"thing\"", true, is_head);
        char expected[500];
        const char *body = "{\"code\":400,\"description\":\"<bad> \\\"thing\\\"\","
                           "\"name\":\"Bad Request\"}\n";
        snprintf(expected, sizeof expected,
                 "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n" DATE CLOSE "\r\n%s",
                 strlen(body), is_head ? "" : body);
        check_sent(expected);
        evbuffer_free(out);
    }
}

static int open_lua(void **state)
{
    (void)state;
    L = luaL_newstate();
    return 0;
}

static int close_lua(void **state)
{
    (void)state;
    lua_close(L);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing),
        cmocka_unit_test(reasons_to_close),
        cmocka_unit_test(status_lines),
        cmocka_unit_test(fields),
        cmocka_unit_test(location_is_encoded),
        cmocka_unit_test(declared_lengths),
        cmocka_unit_test(streams_keep_to_their_length),
        cmocka_unit_test(a_broken_stream_has_no_last_chunk),
        cmocka_unit_test(large_texts_go_at_the_clients_pace),
        cmocka_unit_test(a_large_text_has_no_body_for_head),
        cmocka_unit_test(empty_files),
        cmocka_unit_test(the_date_is_now),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
