/* What browsers are told in debug mode: that the app has changed, or can't be loaded.

   Each page says when it was asked for. The script in it listens to an event stream that
   says when the app last changed, and reloads a page that is older than that: no page is
   missed, whichever generation made it and however late it is read. */
#include "reload.h"

#include "base/utf8.h"
#include "dispatch.h"
#include "embedded.h"
#include "send.h"
#include "visitor.h"
#include <strings.h>

#define SCRIPT_PATH "/__cflask__/reload.js"
#define EVENTS_PATH "/__cflask__/events"

static struct {
    bool is_on;
    bool has_last_good; /* the error is shown by pages of a generation that works */
    int64_t changed;    /* microseconds, monotonic: when the app last changed */
    struct buf error;   /* UTF-8; empty without one */
} state;

static int64_t microseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void reload_turn(bool is_on)
{
    state.is_on = is_on;
}

bool reload_is_on(void)
{
    return state.is_on;
}

void reload_note_change(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state.changed = microseconds(now);
    buf_free(&state.error);
}

void reload_note_error(struct str text, bool has_last_good)
{
    if (!has_last_good)
        reload_note_change();
    buf_free(&state.error);
    utf8_add_repaired(&state.error, text);
    state.has_last_good = has_last_good;
}

struct str reload_error(void)
{
    return buf_str(&state.error);
}

void reload_close(void)
{
    buf_free(&state.error);
    memset(&state, 0, sizeof state);
}

/* ---- what the script asks for ---- */

/* Which events a visitor listens to. That the app has changed is told to other machines,
   too: a telephone's page is to reload as well. A name or a page that may be a stranger's
   is told nothing. */
static enum reload_target events_for(enum visitor visitor)
{
    switch (visitor) {
    case VISITOR_OWN:
        return RELOAD_EVENTS;
    case VISITOR_FAR:
    case VISITOR_PASSED_ON:
        return RELOAD_CHANGES;
    default:
        return RELOAD_REFUSED;
    }
}

bool reload_is_stream(enum reload_target target)
{
    return target == RELOAD_EVENTS || target == RELOAD_CHANGES;
}

enum reload_target reload_find(const struct request *r)
{
    const struct http1_head *head = &r->head;
    if (!state.is_on || head->is_chunked || head->length > 0)
        return RELOAD_NONE;
    if (!str_eq(head->method, STR("GET")) && !str_eq(head->method, STR("HEAD")))
        return RELOAD_NONE;
    if (str_eq(head->path, STR(SCRIPT_PATH)))
        return RELOAD_SCRIPT;
    if (str_eq(head->path, STR(EVENTS_PATH)))
        return events_for(visitor_of(r));
    return RELOAD_NONE;
}

void reload_event(struct buf *out, enum reload_target target)
{
    buf_addf(out, "data: {\"changed\":%lld,\"error\":", (long long)state.changed);
    if (target == RELOAD_EVENTS && state.error.n && state.has_last_good)
        error_page_json_string(out, buf_str(&state.error));
    else
        buf_addstr(out, STR("null"));
    buf_addstr(out, STR("}\n\n"));
}

static void add_script(struct buf *out, bool is_head, bool must_close)
{
    const struct embedded_file *file = embedded_find(STR("templates/reload.js"));
    size_t n = file ? file->size : 0;
    buf_addf(out,
             "HTTP/1.1 200 OK\r\nContent-Type: text/javascript; charset=utf-8\r\n"
             "Content-Length: %zu\r\nCache-Control: no-store\r\nDate: %s\r\n%s\r\n",
             n, send_date().p, must_close ? "Connection: close\r\n" : "");
    if (n && !is_head)
        buf_add(out, file->data, n);
}

static void add_events(struct buf *out, enum reload_target target, bool is_head)
{
    buf_addf(out,
             "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
             "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nDate: %s\r\n"
             "Connection: close\r\n\r\n",
             send_date().p);
    if (is_head)
        return;
    buf_addstr(out, STR("retry: 500\n"));
    reload_event(out, target);
}

static void add_refusal(struct buf *out, bool is_head, bool must_close)
{
    const struct str why = STR("Pages of other sites are told nothing here.\n");
    buf_addf(out,
             "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Length: %zu\r\nCache-Control: no-store\r\nDate: %s\r\n%s\r\n",
             why.n, send_date().p, must_close ? "Connection: close\r\n" : "");
    buf_addstr(out, is_head ? STR("") : why);
}

void reload_answer(struct evbuffer *out, enum reload_target target, bool is_head,
                   bool must_close)
{
    struct buf text = {0};
    if (target == RELOAD_SCRIPT)
        add_script(&text, is_head, must_close);
    else if (target == RELOAD_REFUSED)
        add_refusal(&text, is_head, must_close);
    else
        add_events(&text, target, is_head);
    evbuffer_add(out, text.p, text.n);
    buf_free(&text);
}

/* ---- pages ---- */

static bool is_html(const struct response *r)
{
    const struct str *type = response_field(r, STR("Content-Type"));
    if (!type)
        return r->has_default_type;
    struct str s = *type;
    if (s.n < 9 || strncasecmp(s.p, "text/html", 9) != 0)
        return false;
    s = str_skip(s, 9);
    while (s.n && (*s.p == ' ' || *s.p == ';'))
        s = str_skip(s, 1);
    return s.n == 0 || (s.n >= 13 && strncasecmp(s.p, "charset=utf-8", 13) == 0) ||
           (s.n >= 15 && strncasecmp(s.p, "charset=\"utf-8\"", 15) == 0);
}

/* Where the last tag of that name begins, or -1. */
static int64_t find_last(struct str page, const char *tag)
{
    size_t n = strlen(tag);
    for (size_t at = page.n; at-- > 0;)
        if (page.p[at] == '<' && page.n - at >= n &&
            strncasecmp(page.p + at, tag, n) == 0)
            return (int64_t)at;
    return -1;
}

/* The end tags of a document may be left out; a fragment gets nothing. */
static int64_t find_place(struct str page)
{
    int64_t at = find_last(page, "</body");
    if (at >= 0)
        return at;
    struct str start = page;
    while (start.n && strchr(" \t\r\n", *start.p))
        start = str_skip(start, 1);
    bool is_document =
        (start.n > 14 && strncasecmp(start.p, "<!doctype html", 14) == 0) ||
        (start.n > 5 && strncasecmp(start.p, "<html", 5) == 0);
    if (!is_document)
        return -1;
    at = find_last(page, "</html");
    return at >= 0 ? at : (int64_t)page.n;
}

static bool is_base64(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("+/-_=", c));
}

/* A Content-Security-Policy that lets only scripts with its nonce run lets ours, too. */
static struct str nonce_of(const struct response *r)
{
    const struct str *policy = response_field(r, STR("Content-Security-Policy"));
    const char *at = policy ? memmem(policy->p, policy->n, "'nonce-", 7) : NULL;
    if (!at)
        return STR("");
    struct str nonce = {at + 7, 0};
    while (nonce.p + nonce.n < policy->p + policy->n && is_base64(nonce.p[nonce.n]))
        nonce.n++;
    return nonce;
}

static void add_banner(struct buf *out)
{
    buf_addstr(out,
               STR("<div id=\"cflask-banner\" role=\"alert\"><strong>The app can't be "
                   "loaded: this is its last good version.</strong><pre>"));
    error_page_escape(out, buf_str(&state.error));
    buf_addstr(out, STR("</pre></div>"));
}

static void add_tag(struct buf *out, const struct exchange *ex)
{
    struct str method = ex->request.head.method, nonce = nonce_of(ex->answer);
    bool is_safe = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    buf_addf(out, "<script src=\"" SCRIPT_PATH "?%lld%s\"",
             (long long)microseconds(ex->began), is_safe ? "" : "+sent");
    if (nonce.n)
        buf_addf(out, " nonce=\"%.*s\"", (int)nonce.n, nonce.p);
    buf_addstr(out, STR("></script>"));
}

/* The three pieces in the request's arena. */
static struct str join(struct exchange *ex, struct str page, size_t at, struct buf *added)
{
    char *text =
        added->is_exhausted ? NULL : arena_alloc(&ex->request.arena, page.n + added->n);
    if (!text)
        return page;
    memcpy(text, page.p, at);
    memcpy(text + at, added->p, added->n);
    memcpy(text + at + added->n, page.p + at, page.n - at);
    return (struct str){text, page.n + added->n};
}

struct str reload_page(struct exchange *ex)
{
    const struct response *r = ex->answer;
    if (r->kind != RESPONSE_TEXT || r->text.n == 0 || r->status == 206 ||
        response_has_no_content(r->status) || !is_html(r) ||
        response_field(r, STR("Content-Encoding")))
        return r->text;
    enum reload_target events = events_for(visitor_of(&ex->request));
    int64_t at = events == RELOAD_REFUSED ? -1 : find_place(r->text);
    if (at < 0)
        return r->text;
    struct buf added = {0};
    if (events == RELOAD_EVENTS && state.error.n && state.has_last_good)
        add_banner(&added);
    add_tag(&added, ex);
    struct str page = join(ex, r->text, (size_t)at, &added);
    buf_free(&added);
    return page;
}
