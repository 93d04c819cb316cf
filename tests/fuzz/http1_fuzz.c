/* Fuzzes http1.c: a stream of requests comes to the same however its bytes are cut,
   nothing behind a message is touched, and a head that is accepted is strict in every
   field. The first two bytes of the input say how it is cut. */
#include "base/buf.h"
#include "http1.h"

#include <stdlib.h>

static const struct http1_limits limits = {.max_head = 300, .max_fields = 6};

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* The stream being read: what has been fed into `in`, and what has not. */
struct stream {
    struct str rest; /* not fed yet */
    struct evbuffer *in;
    unsigned random; /* 0: all at once */
};

static unsigned next_random(struct stream *s)
{
    s->random = s->random * 1103515245u + 12345u;
    return s->random >> 16;
}

/* False when all has been fed. */
static bool feed(struct stream *s)
{
    size_t n = s->random ? next_random(s) % 9 + 1 : s->rest.n;
    n = n < s->rest.n ? n : s->rest.n;
    if (n == 0)
        return false;
    evbuffer_add(s->in, s->rest.p, n);
    s->rest = str_skip(s->rest, n);
    return true;
}

/* What is left in the buffer must be the stream's own bytes. */
static size_t check_left(const struct stream *s)
{
    size_t n = evbuffer_get_length(s->in);
    const char *left = n ? (const char *)evbuffer_pullup(s->in, -1) : "";
    check(n == 0 || memcmp(left, s->rest.p - n, n) == 0);
    return n + s->rest.n;
}

static int count_fields(const struct http1_head *head, struct str name)
{
    int n = 0;
    for (int i = 0; i < head->n_fields; i++)
        n += str_ieq(head->fields[i].name, name);
    return n;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7F)
            return false;
    return true;
}

static void check_head(const struct http1_head *head)
{
    check(http1_is_token(head->method));
    check(head->target.n > 0 && is_plain(head->target));
    check(head->path.n > 0 && is_plain(head->path) && is_plain(head->query));
    check(is_plain(head->authority) &&
          !memchr(head->authority.p ? head->authority.p : "", '@', head->authority.n));
    check(head->minor == 0 || head->minor == 1);
    check(head->n_fields <= limits.max_fields);
    for (int i = 0; i < head->n_fields; i++) {
        const struct http1_field *field = &head->fields[i];
        check(http1_is_token(field->name) && http1_is_field_value(field->value));
        check(str_eq(str_trim(field->value), field->value));
    }
    int hosts = count_fields(head, STR("host"));
    check(hosts == 1 || (hosts == 0 && head->minor == 0));
    check(count_fields(head, STR("content-length")) == head->has_length);
    check(count_fields(head, STR("transfer-encoding")) == head->is_chunked);
    check(!head->is_chunked || (!head->has_length && head->minor == 1));
    check(head->minor == 1 || !(head->expects_continue || head->expects_other));
}

static void tell_head(struct buf *story, const struct http1_head *head)
{
    buf_addstr(story, head->method);
    buf_addstr(story, head->target);
    buf_addstr(story, head->path);
    buf_addstr(story, head->query);
    buf_addstr(story, head->authority);
    buf_addf(story, "%d%d%d%d%d%d%llu", head->minor, head->has_length, head->is_chunked,
             head->wants_close, head->expects_continue, head->expects_other,
             (unsigned long long)head->length);
    for (int i = 0; i < head->n_fields; i++) {
        buf_addstr(story, head->fields[i].name);
        buf_addstr(story, head->fields[i].value);
    }
}

static enum http1_result read_head(struct stream *s, struct arena *arena,
                                   struct buf *story, struct http1_head *head)
{
    struct http1 reader = {0};
    struct fault fault = {0};
    enum http1_result result;
    do
        result = http1_read_head(&reader, s->in, &limits, arena, head, &fault);
    while (result == HTTP1_MORE && feed(s));
    if (result == HTTP1_DONE) {
        check_head(head);
        tell_head(story, head);
        buf_addf(story, "%zu", check_left(s));
    }
    buf_addf(story, "%d%s", fault.status, fault.message);
    return result;
}

static enum http1_result read_body(struct stream *s, const struct http1_head *head,
                                   struct buf *story)
{
    struct http1 reader;
    struct fault fault = {0};
    if (!http1_begin_body(&reader, head))
        return HTTP1_DONE;
    struct evbuffer *out = evbuffer_new();
    enum http1_result result;
    size_t total = 0, moved, most;
    do {
        most = s->random ? next_random(s) % 5 + 1 : (size_t)-1;
        result =
            http1_read_body(&reader, head, &limits, s->in, out, most, &moved, &fault);
        check(moved <= most);
        total += moved;
        check(evbuffer_get_length(out) == total);
    } while (result == HTTP1_MORE && (moved == most || feed(s)));
    check(!head->has_length || total <= head->length);
    check(result != HTTP1_DONE || !head->has_length || total == head->length);
    buf_add(story, total ? evbuffer_pullup(out, -1) : NULL, total);
    if (result == HTTP1_DONE)
        buf_addf(story, "%zu", check_left(s));
    buf_addf(story, "%d%s", fault.status, fault.message);
    evbuffer_free(out);
    return result;
}

/* Reads all requests of the stream; `story` tells what they came to. */
static void read_all(struct str text, unsigned random, struct buf *story)
{
    struct stream s = {text, evbuffer_new(), random};
    struct arena arena = {0};
    enum http1_result result = HTTP1_DONE;
    for (int i = 0; i < 20 && result == HTTP1_DONE; i++) {
        struct http1_head head;
        result = read_head(&s, &arena, story, &head);
        if (result == HTTP1_DONE)
            result = read_body(&s, &head, story);
    }
    buf_addf(story, "%d", result);
    arena_free(&arena);
    evbuffer_free(s.in);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size < 2)
        return 0;
    struct str text = {(const char *)data + 2, size - 2};
    struct buf whole = {0}, cut = {0};
    read_all(text, 0, &whole);
    read_all(text, (data[0] | data[1] << 8) + 1u, &cut);
    check(str_eq(buf_str(&whole), buf_str(&cut)));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
