#include "http1.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"

static const struct http1_limits limits = {.max_head = 400, .max_fields = 5};

/* ---- heads ---- */

/* What a head came to, as text: "GET /a ? b @ host 1.1 flags length; name=value; ..." or
   the fault's status. Flags: K kept, C to be closed, c chunked, l length, e and o for
   Expect. */
static void describe(struct buf *b, enum http1_result result,
                     const struct http1_head *head, const struct fault *fault)
{
    if (result == HTTP1_MORE) {
        buf_addstr(b, STR("more"));
    } else if (result == HTTP1_FAULT) {
        buf_addf(b, "%d", fault->status);
    } else {
        buf_addstr(b, head->method);
        buf_addc(b, ' ');
        buf_addstr(b, head->path);
        buf_addstr(b, STR(" ? "));
        buf_addstr(b, head->query);
        buf_addstr(b, STR(" @ "));
        buf_addstr(b, head->authority);
        buf_addf(b, " 1.%d %s%s%s%s%s", head->minor, head->wants_close ? "C" : "K",
                 head->is_chunked ? "c" : "", head->has_length ? "l" : "",
                 head->expects_continue ? "e" : "", head->expects_other ? "o" : "");
        if (head->has_length)
            buf_addf(b, " %llu", (unsigned long long)head->length);
        for (int i = 0; i < head->n_fields; i++) {
            buf_addstr(b, STR("; "));
            buf_addstr(b, head->fields[i].name);
            buf_addc(b, '=');
            buf_addstr(b, head->fields[i].value);
        }
    }
    buf_addc(b, '\0');
}

/* Reads a head whose bytes come `step` at a time, the first `first` of them at once. */
static enum http1_result read_in_pieces(struct str text, size_t first, size_t step,
                                        struct evbuffer *in, struct arena *arena,
                                        struct http1_head *head, struct fault *fault)
{
    struct http1 reader = {0};
    enum http1_result result = HTTP1_MORE;
    size_t n = first;
    while (text.n > 0 && result == HTTP1_MORE) {
        n = n < text.n ? n : text.n;
        evbuffer_add(in, text.p, n);
        text = str_skip(text, n);
        n = step;
        result = http1_read_head(&reader, in, &limits, arena, head, fault);
    }
    evbuffer_add(in, text.p, text.n);
    return result;
}

static void check_pieces(struct str text, size_t first, size_t step, const char *expected,
                         size_t left)
{
    struct evbuffer *in = evbuffer_new();
    struct arena arena = {0};
    struct http1_head head;
    struct fault fault = {0};
    struct buf b = {0};
    enum http1_result result =
        read_in_pieces(text, first, step, in, &arena, &head, &fault);
    describe(&b, result, &head, &fault);
    assert_string_equal(b.p, expected);
    if (result == HTTP1_DONE)
        assert_int_equal(evbuffer_get_length(in), left);
    buf_free(&b);
    arena_free(&arena);
    evbuffer_free(in);
}

/* However the bytes are cut, the outcome is the same, and what follows the head is left.
 */
static void check_outcome(struct str text, const char *expected, size_t left)
{
    for (size_t first = 1; first <= text.n; first++)
        check_pieces(text, first, text.n, expected, left);
    for (size_t step = 1; step < 5; step++)
        check_pieces(text, step, step, expected, left);
}

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST

struct head_case {
    struct str text;
    const char *expected;
    size_t left;
};

static void reads_heads(void **state)
{
    (void)state;
    static const struct head_case cases[] = {
        {STR(GET "\r\n"), "GET / ?  @ a 1.1 K; Host=a", 0},
        {STR(GET "\r\nGET /"), "GET / ?  @ a 1.1 K; Host=a", 5},
        {STR(GET "\r\n\r\n"), "GET / ?  @ a 1.1 K; Host=a", 2},
        {STR("\r\n\r\n" GET "\r\n"), "GET / ?  @ a 1.1 K; Host=a", 0},
        {STR("G!#$%&'*+.^_`|~9 /a?b?c HTTP/1.1\r\n" HOST "\r\n"),
         "G!#$%&'*+.^_`|~9 /a ? b?c @ a 1.1 K; Host=a", 0},
        {STR("GET /\xC3\xA9\"<>\\^`{|}[] HTTP/1.1\r\n" HOST "\r\n"),
         "GET /\xC3\xA9\"<>\\^`{|}[] ?  @ a 1.1 K; Host=a", 0},
        {STR("GET //x HTTP/1.9\r\n" HOST "\r\n"), "GET //x ?  @ a 1.1 K; Host=a", 0},
        {STR("GET /? HTTP/1.0\r\n\r\n"), "GET / ?  @  1.0 C", 0},
        {STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
         "GET / ?  @  1.0 K; Connection=keep-alive", 0},
        {STR(GET "X:\t a \t\r\nY:\r\n\r\n"), "GET / ?  @ a 1.1 K; Host=a; X=a; Y=", 0},
        {STR(GET "Connection: a, CLOSE\r\n\r\n"),
         "GET / ?  @ a 1.1 C; Host=a; Connection=a, CLOSE", 0},
        {STR(GET "Content-Length: 18446744073709551614\r\n\r\n"),
         "GET / ?  @ a 1.1 Kl 18446744073709551614; Host=a; "
         "Content-Length=18446744073709551614",
         0},
        {STR(GET "Content-Length: 18446744073709551616\r\n\r\n"),
         "GET / ?  @ a 1.1 Kl 18446744073709551615; Host=a; "
         "Content-Length=18446744073709551616",
         0},
        {STR(GET "Content-Length: 99999999999999999999999\r\n\r\n"),
         "GET / ?  @ a 1.1 Kl 18446744073709551615; Host=a; "
         "Content-Length=99999999999999999999999",
         0},
        {STR(GET "transfer-encoding: Chunked\r\n\r\n"),
         "GET / ?  @ a 1.1 Kc; Host=a; transfer-encoding=Chunked", 0},
        {STR(GET "Expect: 100-Continue\r\n\r\n"),
         "GET / ?  @ a 1.1 Ke; Host=a; Expect=100-Continue", 0},
        {STR(GET "Expect: x\r\n\r\n"), "GET / ?  @ a 1.1 Ko; Host=a; Expect=x", 0},
        {STR("GET / HTTP/1.0\r\nExpect: x\r\n\r\n"), "GET / ?  @  1.0 C; Expect=x", 0},
        {STR("GET http://b:8/c?d HTTP/1.1\r\n" HOST "\r\n"),
         "GET /c ? d @ b:8 1.1 K; Host=a", 0},
        {STR("GET HTTPS://b?d HTTP/1.1\r\n" HOST "\r\n"), "GET / ? d @ b 1.1 K; Host=a",
         0},
        {STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS * ?  @ a 1.1 K; Host=a", 0},
        {STR("CONNECT b:1 HTTP/1.1\r\n" HOST "\r\n"),
         "CONNECT b:1 ?  @ b:1 1.1 K; Host=a", 0},
        {STR(GET "A:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n"),
         "GET / ?  @ a 1.1 K; Host=a; A=1; B=2; C=3; D=4", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_outcome(cases[i].text, cases[i].expected, cases[i].left);
}

static void refuses_heads(void **state)
{
    (void)state;
    static const struct head_case cases[] = {
        {STR("GET\r\n\r\n"), "400", 0},
        {STR("GET /\r\n\r\n"), "400", 0},
        {STR("GET  / HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET /  HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET / HTTP/1.1 \r\n" HOST "\r\n"), "400", 0},
        {STR("GET /\t HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET /\x7F HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET /\r/ HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET /# HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET x HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET * HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET http:// HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET http:///a HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("GET http://b@c/ HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("CONNECT / HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR("G(T / HTTP/1.1\r\n" HOST "\r\n"), "400", 0},
        {STR(" GET / HTTP/1.1\r\n"), "400", 0},
        {STR("\x16\x03\x01"), "400", 0},
        {STR("\n"), "400", 0},
        {STR("GET / HTTP/1.1\n"), "400", 0},
        {STR("GET / HTTP/11.1\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1x\r\n\r\n"), "400", 0},
        {STR("GET / http/1.1\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/2.0\r\n\r\n"), "505", 0},
        {STR("GET / HTTP/0.9\r\n\r\n"), "505", 0},
        {STR("GET / HTTP/1.1\r\n\r\n"), "400", 0},
        {STR(GET HOST "\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"), "400", 0},
        {STR("GET / HTTP/1.1\r\nHost: [\0:]\r\n\r\n"), "400", 0},
        {STR(GET "X : a\r\n\r\n"), "400", 0},
        {STR(GET ": a\r\n\r\n"), "400", 0},
        {STR(GET "X\r\n\r\n"), "400", 0},
        {STR(GET "X: a\0\r\n\r\n"), "400", 0},
        {STR(GET "X: a\rb\r\n\r\n"), "400", 0},
        {STR(GET "X: a\r\r\n\r\n"), "400", 0},
        {STR(GET "X: a\n\r\n"), "400", 0},
        {STR(GET "X: a\r\n b\r\n\r\n"), "400", 0},
        {STR(GET "\0\r\n\r\n"), "400", 0},
        {STR(GET "\xC3\xA9: a\r\n\r\n"), "400", 0},
        {STR(GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), "400", 0},
        {STR(GET "Content-Length: \r\n\r\n"), "400", 0},
        {STR(GET "Content-Length: +1\r\n\r\n"), "400", 0},
        {STR(GET "Content-Length: 1, 1\r\n\r\n"), "400", 0},
        {STR(GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "400", 0},
        {STR(GET "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"), "400", 0},
        {STR(GET "Transfer-Encoding: gzip\r\n\r\n"), "501", 0},
        {STR(GET "Transfer-Encoding:\r\n\r\n"), "501", 0},
        {STR(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
         "501", 0},
        {STR("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400", 0},
        {STR(GET "A:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n\r\n"), "431", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_outcome(cases[i].text, cases[i].expected, cases[i].left);
}

static void waits_for_more(void **state)
{
    (void)state;
    struct str text = STR("\r\n" GET "X: a\r\n\r");
    for (size_t n = 1; n <= text.n; n++)
        check_outcome((struct str){text.p, n}, "more", 0);
}

/* A head of exactly max_head bytes is read, one of a byte more is a fault. */
static void limits_a_heads_size(void **state)
{
    (void)state;
    char fields[1000], line[1000];
    memset(fields, 'a', sizeof fields);
    memcpy(fields, GET "X:", sizeof(GET "X:") - 1);
    memcpy(fields + 396, "\r\n\r\n", 4);
    struct evbuffer *in = evbuffer_new();
    struct arena arena = {0};
    struct http1_head head;
    struct fault fault = {0};
    assert_int_equal(
        read_in_pieces((struct str){fields, 400}, 7, 7, in, &arena, &head, &fault),
        HTTP1_DONE);
    memcpy(fields + 396, "a\r\n\r\n", 5);
    check_outcome((struct str){fields, 401}, "431", 0);
    memset(line, 'a', sizeof line);
    check_outcome((struct str){line, 450}, "414", 0);
    for (size_t i = 0; i < sizeof line; i++)
        line[i] = i % 2 ? '\n' : '\r';
    check_outcome((struct str){line, 450}, "414", 0);
    arena_free(&arena);
    evbuffer_free(in);
}

static void finds_fields(void **state)
{
    (void)state;
    struct evbuffer *in = evbuffer_new();
    struct arena arena = {0};
    struct http1_head head;
    struct fault fault = {0};
    struct str text = STR(GET "X-A: 1\r\nx-a: 2\r\n\r\n");
    assert_int_equal(read_in_pieces(text, text.n, 1, in, &arena, &head, &fault),
                     HTTP1_DONE);
    assert_true(str_eq(*http1_field(&head, STR("x-A")), STR("1")));
    assert_null(http1_field(&head, STR("X-")));
    assert_null(http1_field(&head, STR("")));
    arena_free(&arena);
    evbuffer_free(in);
}

/* A byte that a field's value can't have is found wherever it stands. */
static void looks_at_each_byte_of_a_value(void **state)
{
    (void)state;
    static const char bad[] = {'\0', '\n', '\r', 0x1F, 0x7F},
                      good[] = {'\t', ' ', '~', (char)0x80, (char)0xFF};
    for (size_t n = 1; n <= 40; n++)
        for (size_t at = 0; at < n; at++) {
            char text[40];
            memset(text, 'a', n);
            for (size_t i = 0; i < sizeof bad; i++) {
                text[at] = bad[i];
                assert_false(http1_is_field_value((struct str){text, n}));
                text[at] = good[i];
                assert_true(http1_is_field_value((struct str){text, n}));
            }
        }
}

static void knows_tokens_and_values(void **state)
{
    (void)state;
    assert_true(http1_is_token(STR("a")));
    assert_false(http1_is_token(STR("")));
    assert_false(http1_is_token(STR("a b")));
    assert_false(http1_is_token(STR("a\0")));
    assert_true(http1_is_field_value(STR("")));
    assert_true(http1_is_field_value(STR("\ta \xFF")));
    assert_false(http1_is_field_value(STR("a\n")));
    assert_false(http1_is_field_value(STR("a\0")));
    assert_false(http1_is_field_value(STR("\x7F")));
    for (int c = 0; c < 256; c++) {
        bool is_token = (c && strchr("!#$%&'*+-.^_`|~", c)) || (c >= '0' && c <= '9') ||
                        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool is_value = c == '\t' || (c >= 0x20 && c != 0x7F);
        struct str s = {(char[]){(char)c}, 1};
        assert_int_equal(http1_is_token(s), is_token);
        assert_int_equal(http1_is_field_value(s), is_value);
    }
}

/* ---- bodies ---- */

struct body_case {
    struct str text;
    const char *expected; /* the body, or the fault's status, or "more" */
    size_t left;
};

static enum http1_result read_body_in_pieces(const struct http1_head *head,
                                             struct str text, size_t first, size_t step,
                                             size_t most, struct evbuffer *in,
                                             struct evbuffer *out, struct fault *fault)
{
    struct http1 reader;
    enum http1_result result = HTTP1_MORE;
    if (!http1_begin_body(&reader, head))
        return HTTP1_DONE;
    for (size_t n = first; text.n > 0 && result == HTTP1_MORE; n = step) {
        n = n < text.n ? n : text.n;
        evbuffer_add(in, text.p, n);
        text = str_skip(text, n);
        size_t moved;
        do
            result =
                http1_read_body(&reader, head, &limits, in, out, most, &moved, fault);
        while (result == HTTP1_MORE && moved == most);
    }
    evbuffer_add(in, text.p, text.n);
    return result;
}

static void check_body_pieces(const struct http1_head *head, const struct body_case *c,
                              size_t first, size_t step, size_t most)
{
    struct evbuffer *in = evbuffer_new(), *out = evbuffer_new();
    struct fault fault = {0};
    struct buf b = {0};
    enum http1_result result =
        read_body_in_pieces(head, c->text, first, step, most, in, out, &fault);
    if (result == HTTP1_DONE)
        buf_add(&b, evbuffer_pullup(out, -1), evbuffer_get_length(out));
    else if (result == HTTP1_FAULT)
        buf_addf(&b, "%d", fault.status);
    else
        buf_addstr(&b, STR("more"));
    buf_addc(&b, '\0');
    assert_string_equal(b.p, c->expected);
    if (result == HTTP1_DONE)
        assert_int_equal(evbuffer_get_length(in), c->left);
    buf_free(&b);
    evbuffer_free(in);
    evbuffer_free(out);
}

static void check_bodies(const struct http1_head *head, const struct body_case *cases,
                         size_t n)
{
    static const size_t most[] = {(size_t)-1, 1, 3};
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < 3; m++) {
            for (size_t first = 1; first <= cases[i].text.n; first++)
                check_body_pieces(head, &cases[i], first, cases[i].text.n, most[m]);
            for (size_t step = 1; step < 5; step++)
                check_body_pieces(head, &cases[i], step, step, most[m]);
        }
}

#define LAST "0\r\n\r\n"

static void reads_chunked_bodies(void **state)
{
    (void)state;
    static const struct http1_head head = {.is_chunked = true};
    static const struct body_case cases[] = {
        {STR(LAST), "", 0},
        {STR("5\r\nhello\r\n" LAST), "hello", 0},
        {STR("5\r\nhello\r\n" LAST "GET /"), "hello", 5},
        {STR("1\r\na\r\n2\r\nbc\r\n" LAST), "abc", 0},
        {STR("a\r\n0\r\n\r\nhello\r\n0A\r\n0123456789\r\n000\r\n\r\n"),
         "0\r\n\r\nhello0123456789", 0},
        {STR("5;a=\"b;c\"\r\nhello\r\n0;d\r\n\r\n"), "hello", 0},
        {STR("5 ; a\r\nhello\r\n" LAST), "hello", 0},
        {STR("5\r\nhello\r\n0\r\nX: a\r\nY:\r\n\r\n"), "hello", 0},
        {STR("5\r\nhel"), "more", 0},
        {STR("5\r\nhello"), "more", 0},
        {STR("5\r\nhello\r"), "more", 0},
        {STR("5\r\nhello\r\n0\r\n"), "more", 0},
        {STR("\r\n5\r\nhello\r\n" LAST), "400", 0},
        {STR("+5\r\nhello\r\n" LAST), "400", 0},
        {STR("0x5\r\nhello\r\n" LAST), "400", 0},
        {STR(" 5\r\nhello\r\n" LAST), "400", 0},
        {STR("5 \r\nhello\r\n" LAST), "400", 0},
        {STR("5 x\r\nhello\r\n" LAST), "400", 0},
        {STR("5\0\r\nhello\r\n" LAST), "400", 0},
        {STR("5;\0\r\nhello\r\n" LAST), "400", 0},
        {STR("5\nhello\r\n" LAST), "400", 0},
        {STR("5\r\nhello\n" LAST), "400", 0},
        {STR("5\r\nhello\r" LAST), "400", 0},
        {STR("5\r\nhello" LAST), "400", 0},
        {STR("4\r\nhello\r\n" LAST), "400", 0},
        {STR("1000000000000000\r\n"), "400", 0},
        {STR("fffffffffffffffff\r\n"), "400", 0},
        {STR("0\r\nX\r\n\r\n"), "400", 0},
        {STR("0\r\nX : a\r\n\r\n"), "400", 0},
        {STR("0\r\nX: a\r\n b\r\n\r\n"), "400", 0},
        {STR("0\r\n\n"), "400", 0},
        {STR("0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\n\r\n"), "431", 0},
    };
    check_bodies(&head, cases, sizeof cases / sizeof *cases);
}

static void reads_bodies_of_a_length(void **state)
{
    (void)state;
    static const struct http1_head head = {.has_length = true, .length = 5};
    static const struct body_case cases[] = {
        {STR("hello"), "hello", 0},
        {STR("helloGET /"), "hello", 5},
        {STR("hell"), "more", 0},
    };
    check_bodies(&head, cases, sizeof cases / sizeof *cases);
}

static void knows_whether_a_body_comes(void **state)
{
    (void)state;
    struct http1 reader;
    assert_false(http1_begin_body(&reader, &(struct http1_head){.minor = 1}));
    assert_false(http1_begin_body(&reader, &(struct http1_head){.has_length = true}));
    assert_true(
        http1_begin_body(&reader, &(struct http1_head){.has_length = true, .length = 1}));
    assert_true(http1_begin_body(&reader, &(struct http1_head){.is_chunked = true}));
}

/* A chunk's line of LONGEST_CHUNK_LINE bytes is read, a longer one is a fault at once. */
static void limits_a_chunk_lines_length(void **state)
{
    (void)state;
    static const struct http1_head head = {.is_chunked = true};
    char text[2000];
    memset(text, 'a', sizeof text);
    memcpy(text, "0;", 2);
    memcpy(text + LONGEST_CHUNK_LINE - 2, "\r\n\r\n", 4);
    check_bodies(&head, &(struct body_case){{text, LONGEST_CHUNK_LINE + 2}, "", 0}, 1);
    memcpy(text + LONGEST_CHUNK_LINE - 2, "a\r\n\r\n", 5);
    check_bodies(&head, &(struct body_case){{text, LONGEST_CHUNK_LINE + 3}, "400", 0}, 1);
    memset(text + 2, 'a', sizeof text - 2);
    check_bodies(&head, &(struct body_case){{text, LONGEST_CHUNK_LINE}, "400", 0}, 1);
    check_bodies(&head, &(struct body_case){{text, LONGEST_CHUNK_LINE - 1}, "more", 0},
                 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_heads),
        cmocka_unit_test(refuses_heads),
        cmocka_unit_test(waits_for_more),
        cmocka_unit_test(limits_a_heads_size),
        cmocka_unit_test(finds_fields),
        cmocka_unit_test(knows_tokens_and_values),
        cmocka_unit_test(looks_at_each_byte_of_a_value),
        cmocka_unit_test(reads_chunked_bodies),
        cmocka_unit_test(reads_bodies_of_a_length),
        cmocka_unit_test(knows_whether_a_body_comes),
        cmocka_unit_test(limits_a_chunk_lines_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
