/* STEP 7: an answer becomes bytes: head, length or chunks, files, the client's pace.

   Large texts and streams are appended piece by piece as the client takes what came
   before, so that a slow client costs a bounded amount of memory; a file is left to
   sendfile. */
#include "send.h"

#include "base/buf.h"
#include "date.h"
#include "reload.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PIECE (64 * 1024) /* bytes of a text that are appended at a time */

struct str send_date(void)
{
    static char text[DATE_LENGTH + 1];
    static time_t made;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made) {
        made = now.tv_sec;
        date_format(text, made);
    }
    return (struct str){text, DATE_LENGTH};
}

/* ---- the head ---- */

/* A head under construction: first counted, then written into the sink's buffer. */
struct head {
    char *at; /* NULL while counting */
    size_t n;
};

static inline void put(struct head *h, struct str s)
{
    if (h->at)
        memcpy(h->at + h->n, s.p, s.n);
    h->n += s.n;
}

static void put_upper(struct head *h, struct str s)
{
    for (size_t i = 0; i < s.n; i++, h->n++)
        if (h->at)
            h->at[h->n] = (char)toupper((unsigned char)s.p[i]);
}

static void put_number(struct head *h, uint64_t number)
{
    char digits[20];
    size_t i = sizeof digits;
    do
        digits[--i] = (char)('0' + number % 10);
    while (number /= 10);
    put(h, (struct str){digits + i, sizeof digits - i});
}

static void put_status_line(struct head *h, const struct response *r)
{
    if (r->status == 200 && !r->reason.p) {
        put(h, STR("HTTP/1.1 200 OK\r\n"));
        return;
    }
    put(h, STR("HTTP/1.1 "));
    put_number(h, (uint64_t)r->status);
    put(h, STR(" "));
    if (r->reason.p) {
        put(h, r->reason);
    } else {
        const char *reason = response_reason(r->status);
        put_upper(h, reason ? str_from(reason) : STR("UNKNOWN"));
    }
    put(h, STR("\r\n"));
}

/* A URI-reference has ASCII without spaces and quotes; what an app sets may have more.
   What is percent-encoded already stays (RFC 9110, section 10.2.2). */
static void put_location(struct head *h, struct str url)
{
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c > ' ' && c < 0x7F && !strchr("\"<>\\^`{|}", c)) {
            put(h, (struct str){url.p + i, 1});
        } else {
            char code[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            put(h, (struct str){code, 3});
        }
    }
}

static void put_field(struct head *h, const struct http1_field *field)
{
    put(h, field->name);
    put(h, STR(": "));
    if (str_ieq(field->name, STR("Location")))
        put_location(h, field->value);
    else
        put(h, field->value);
    put(h, STR("\r\n"));
}

enum framing { NO_CONTENT, BY_LENGTH, BY_CHUNKS, BY_CLOSE };

/* What is needed to write one answer's head. */
struct framed {
    const struct response *r;
    enum framing framing;
    uint64_t length;
    bool says_length, must_close, says_keep_alive, is_altered;
};

/* Fields that tell of the body as the app made it: with them a browser would keep a page
   whose script is an older one. */
static bool is_validator(struct str name)
{
    return str_ieq(name, STR("ETag")) || str_ieq(name, STR("Last-Modified"));
}

static void put_head(struct head *h, const struct framed *f)
{
    const struct response *r = f->r;
    bool has_type = false, has_date = false;
    put_status_line(h, r);
    for (int i = 0; i < r->n_fields; i++) {
        const struct http1_field *field = &r->fields[i];
        if (field->name.n == 14 && str_ieq(field->name, STR("Content-Length")))
            continue;
        if (field->name.n == 10 && str_ieq(field->name, STR("Connection")))
            continue;
        if (f->is_altered && is_validator(field->name))
            continue;
        has_type |= field->name.n == 12 && str_ieq(field->name, STR("Content-Type"));
        has_date |= field->name.n == 4 && str_ieq(field->name, STR("Date"));
        put_field(h, field);
    }
    if (!has_type && r->has_default_type && f->framing != NO_CONTENT)
        put(h, STR("Content-Type: text/html; charset=utf-8\r\n"));
    if (f->framing == BY_CHUNKS)
        put(h, STR("Transfer-Encoding: chunked\r\n"));
    if (f->says_length) {
        put(h, STR("Content-Length: "));
        put_number(h, f->length);
        put(h, STR("\r\n"));
    }
    if (!has_date) {
        put(h, STR("Date: "));
        put(h, send_date());
        put(h, STR("\r\n"));
    }
    if (f->must_close)
        put(h, STR("Connection: close\r\n"));
    else if (f->says_keep_alive)
        put(h, STR("Connection: keep-alive\r\n"));
    put(h, STR("\r\n"));
}

/* Appends head and body in one piece of memory, so that they leave in one write. */
static int append_head(struct evbuffer *out, const struct framed *f, struct str body)
{
    struct head h = {NULL, 0};
    put_head(&h, f);
    struct evbuffer_iovec space;
    if (evbuffer_reserve_space(out, (ev_ssize_t)(h.n + body.n), &space, 1) < 1)
        return -1;
    h = (struct head){space.iov_base, 0};
    put_head(&h, f);
    put(&h, body);
    space.iov_len = h.n;
    return evbuffer_commit_space(out, &space, 1);
}

/* ---- the body's framing ---- */

/* The Content-Length that the app set on a stream, or -1. */
static int64_t declared_length(const struct response *r)
{
    const struct str *value = response_field(r, STR("Content-Length"));
    if (!value || value->n == 0 || value->n > 18)
        return -1;
    int64_t length = 0;
    for (size_t i = 0; i < value->n; i++) {
        if (value->p[i] < '0' || value->p[i] > '9')
            return -1;
        length = length * 10 + (value->p[i] - '0');
    }
    return length;
}

/* RFC 9112, section 6.3, from the sender's side. */
static struct framed frame(const struct exchange *ex)
{
    const struct response *r = ex->answer;
    const struct http1_head *head = &ex->request.head;
    struct framed f = {.r = r,
                       .must_close = head->wants_close || r->must_close ||
                                     ex->request.is_body_refused || ex->sink->is_last,
                       .says_keep_alive = head->minor == 0,
                       .is_altered = ex->text.p != r->text.p};
    bool has_content = !response_has_no_content(r->status);
    if (r->kind == RESPONSE_STREAM) {
        int64_t length = declared_length(r);
        f.says_length = length >= 0 && has_content;
        f.length = f.says_length ? (uint64_t)length : 0;
    } else {
        f.says_length = has_content;
        f.length = r->kind == RESPONSE_FILE ? r->length : ex->text.n;
    }
    if (r->status == 205) { /* RFC 9110, section 15.3.6: says that nothing comes */
        f.says_length = true;
        f.length = 0;
    }
    if (!has_content || r->status == 205)
        f.framing = NO_CONTENT;
    else if (f.says_length)
        f.framing = BY_LENGTH;
    else if (head->minor >= 1)
        f.framing = BY_CHUNKS;
    else
        f.framing = BY_CLOSE;
    f.must_close |= f.framing == BY_CLOSE;
    return f;
}

/* ---- sending ---- */

static bool end(struct exchange *ex, bool is_broken)
{
    struct sink *sink = ex->sink;
    ex->sink = NULL;
    if (sink)
        sink->end(sink, ex->must_close, is_broken);
    return true;
}

void send_broken(struct exchange *ex)
{
    end(ex, true);
}

static bool send_file(struct exchange *ex)
{
    struct response *r = ex->answer;
    struct evbuffer *out = ex->sink->out;
    int fd = r->fd;
    r->fd = -1;
    if (r->length == 0) {
        close(fd);
        ex->sink->flush(ex->sink);
        return end(ex, false);
    }
    struct evbuffer_file_segment *segment = evbuffer_file_segment_new(
        fd, (ev_off_t)r->offset, (ev_off_t)r->length,
        EVBUF_FS_CLOSE_ON_FREE |
            EVBUF_FS_DISABLE_MMAP); /* a mapped file that shrinks kills */
    if (!segment) {
        close(fd);
        return end(ex, true);
    }
    int added = evbuffer_add_file_segment(out, segment, 0, (ev_off_t)r->length);
    evbuffer_file_segment_free(segment);
    if (added < 0)
        return end(ex, true);
    ex->sent = r->length;
    ex->sink->flush(ex->sink);
    return end(ex, false);
}

bool send_more(struct exchange *ex)
{
    const struct str text = ex->text;
    struct sink *sink = ex->sink;
    if (!sink)
        return true;
    while (ex->sent < text.n) {
        if (sink->is_congested(sink))
            return false;
        size_t n = text.n - ex->sent < PIECE ? text.n - (size_t)ex->sent : PIECE;
        if (evbuffer_add(sink->out, text.p + ex->sent, n) < 0)
            return end(ex, true);
        ex->sent += n;
        sink->flush(sink);
    }
    return end(ex, false);
}

bool send_answer(struct exchange *ex)
{
    struct sink *sink = ex->sink;
    if (!sink)
        return true;
    struct response *r = ex->answer;
    ex->text = reload_is_on() ? reload_page(ex) : r->text;
    struct framed f = frame(ex);
    bool is_head = str_eq(ex->request.head.method, STR("HEAD"));
    bool has_body = !is_head && f.framing != NO_CONTENT;
    struct str body = STR("");
    if (has_body && r->kind == RESPONSE_TEXT)
        body = (struct str){ex->text.p, ex->text.n < PIECE ? ex->text.n : PIECE};
    ex->must_close = f.must_close;
    ex->is_chunked = f.framing == BY_CHUNKS;
    ex->has_length = f.says_length;
    ex->length = f.length;
    ex->is_head_sent = true;
    if (append_head(sink->out, &f, body) < 0)
        return end(ex, true);
    ex->sent = body.n;
    if (has_body && r->kind == RESPONSE_FILE)
        return send_file(ex);
    sink->flush(sink);
    if (has_body && (r->kind == RESPONSE_STREAM || ex->sent < ex->text.n))
        return false;
    return end(ex, false);
}

int send_chunk(struct exchange *ex, struct str chunk, struct fault *fault)
{
    struct sink *sink = ex->sink;
    if (!sink || chunk.n == 0)
        return 0;
    if (ex->has_length && chunk.n > ex->length - ex->sent)
        return fault_set(fault, 500, "a streamed body is longer than its Content-Length");
    int failed = 0;
    if (ex->is_chunked)
        failed |= evbuffer_add_printf(sink->out, "%zx\r\n", chunk.n) < 0;
    failed |= evbuffer_add(sink->out, chunk.p, chunk.n) < 0;
    if (ex->is_chunked)
        failed |= evbuffer_add(sink->out, "\r\n", 2) < 0;
    if (failed)
        return fault_set(fault, 503, "out of memory");
    ex->sent += chunk.n;
    sink->flush(sink);
    return 0;
}

int send_last_chunk(struct exchange *ex, struct fault *fault)
{
    struct sink *sink = ex->sink;
    if (!sink)
        return 0;
    if (ex->has_length && ex->sent < ex->length) {
        end(ex, true);
        return fault_set(fault, 500,
                         "a streamed body is shorter than its Content-Length");
    }
    if (ex->is_chunked && evbuffer_add(sink->out, "0\r\n\r\n", 5) < 0) {
        end(ex, true);
        return fault_set(fault, 503, "out of memory");
    }
    sink->flush(sink);
    end(ex, false);
    return 0;
}

void send_refusal(struct evbuffer *out, int status, const char *description,
                  bool wants_json, bool is_head)
{
    struct buf body = {0};
    const char *reason = response_reason(status);
    const char *type = error_page(&body, status, reason, description, wants_json);
    struct buf head = {0};
    buf_addf(&head,
             "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nDate: %s\r\n"
             "Connection: close\r\n\r\n",
             status, reason, type, body.n, send_date().p);
    evbuffer_add(out, head.p, head.n);
    if (!is_head)
        evbuffer_add(out, body.p, body.n);
    buf_free(&head);
    buf_free(&body);
}
