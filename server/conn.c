/* STEP 1: clients over evhttp, with their limits and deadlines. The only file that knows
   evhttp.

   evhttp accepts clients, owns their connections and keeps them alive; it neither parses
   what they send nor writes what they get, as it does both too loosely. A callback on the
   input of each bufferevent sees the bytes before evhttp does and moves them to a buffer
   of ours, where http1.c reads them. Once a request is whole, evhttp is given one fixed
   head in its place, calls on_request, and the exchange begins. The answer is written
   into the bufferevent's output; evhttp_send_reply_end then makes evhttp go on to the
   next request.

   While a request is open EV_READ is off: a pipelined byte would end the process in
   evhttp, a sender would fill memory, and a half-closed client would lose its answer. */
#include "conn.h"

#include "app.h"
#include "dispatch.h"
#include "log.h"
#include "reload.h"
#include "send.h"
#include "visitor.h"
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define SWEEP_INTERVAL 100  /* ms between two looks at the deadlines */
#define LINGER_TIME    2000 /* ms without a byte taken by the client, and ... */
#define LINGER_BYTES                                                                     \
    (1024 * 1024) /* ... bytes, for which it is listened to after the end */
#define MOST_QUEUED  (64 * 1024) /* bytes of an answer that may wait for the client */
#define RETRY_ACCEPT 500         /* ms without accepting after descriptors ran out */
#define BEAT         10000       /* ms between two signs of life on event streams */

static const char stand_in[] = "GET / HTTP/1.1\r\n\r\n"; /* what evhttp gets to read */

enum conn_state {
    CONN_IDLE,     /* no byte of a request has come */
    CONN_HEAD,     /* a head is coming */
    CONN_BODY,     /* a body is coming */
    CONN_HANDED,   /* the request, or a fault, is whole: evhttp has the stand-in */
    CONN_SERVING,  /* the exchange runs; nothing of the answer has been sent */
    CONN_WRITING,  /* the answer goes out */
    CONN_LINGERING /* the answer is out, the client may still send: that is dropped */
};

struct conn {
    struct sink sink; /* first: a sink of ours is a conn */
    struct conns *all;
    struct conn *previous, *next;
    struct bufferevent *bev;
    struct evhttp_connection *evcon; /* NULL until adopted */
    struct evhttp_request
        *request;        /* HANDED and later: evhttp's, opened by the stand-in */
    struct evbuffer *in; /* bytes that came and were not used */
    struct http1 reader;
    struct exchange *ex; /* HEAD to WRITING */
    enum conn_state state;
    bool is_first;  /* no request has been answered */
    bool is_moving; /* bytes move by our own hand: on_input looks away */
    bool must_linger;
    bool is_closing;        /* the connection ends with this answer */
    enum reload_target own; /* the request is answered here, by no app */
    bool is_listening;      /* WRITING: an event stream, without end */
    bool is_streaming;      /* evhttp's callbacks are put aside */
    struct fault fault;     /* HANDED: status != 0: the bytes were no request */
    int64_t deadline;       /* ms, monotonic */
    size_t waiting;         /* WRITING: bytes not taken at the last look */
    size_t dropped;         /* LINGERING: bytes */
    struct peer peer;
    bufferevent_data_cb read_cb, write_cb;
    bufferevent_event_cb event_cb;
    void *cb_arg;
};

struct conns {
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    struct app *app;
    struct options options;
    struct http1_limits limits;
    struct conn *first;
    struct conn **by_fd; /* fd to conn */
    size_t n_by_fd;
    int64_t n;
    struct event *sweep, *adopt, *retry;
    bool is_sweeping, is_draining;
    int64_t next_beat;
    void (*on_empty)(void *arg);
    void *on_empty_arg;
    struct conns *next;
};

static struct conns
    *every; /* for on_accept_error, which gets evhttp's argument, not ours */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_deadline(struct conn *c, int64_t timeout)
{
    c->deadline = now_ms() + timeout;
}

/* ---- the answer: struct sink ---- */

static struct evbuffer *output_of(struct conn *c)
{
    return bufferevent_get_output(c->bev);
}

static void note_writing(struct conn *c)
{
    if (c->state == CONN_SERVING) {
        c->state = CONN_WRITING;
        set_deadline(c, c->all->options.write_timeout);
        c->waiting = 0;
    }
}

/* Writes at once; evhttp would wait for the socket to say that it is writable. */
static void write_now(struct conn *c)
{
    struct evbuffer *out = output_of(c);
    evbuffer_unfreeze(out, 1);
    evbuffer_write(out, bufferevent_getfd(c->bev));
    evbuffer_freeze(out, 1);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    (void)bev;
    if (c->ex)
        exchange_drained(c->ex);
}

static void on_gone(struct bufferevent *bev, short what, void *arg);

/* From here to the answer's end the output's callbacks are ours: evhttp's would take the
   first time that it runs empty for the end. */
static void take_callbacks(struct conn *c)
{
    if (c->is_streaming)
        return;
    c->is_streaming = true;
    bufferevent_getcb(c->bev, &c->read_cb, &c->write_cb, &c->event_cb, &c->cb_arg);
    bufferevent_setcb(c->bev, NULL, on_drained, on_gone, c);
    bufferevent_setwatermark(c->bev, EV_WRITE, MOST_QUEUED / 2, 0);
}

static void put_callbacks_back(struct conn *c)
{
    if (!c->is_streaming)
        return;
    c->is_streaming = false;
    bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
    bufferevent_setcb(c->bev, c->read_cb, c->write_cb, c->event_cb, c->cb_arg);
}

/* The client has gone while we stood in evhttp's place: it closes the connection. */
static void on_gone(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;
    put_callbacks_back(c);
    c->event_cb(bev, what, c->cb_arg);
}

/* What can't be written now, and an error, is for EV_WRITE. */
static void flush(struct sink *sink)
{
    struct conn *c = (struct conn *)sink;
    note_writing(c);
    write_now(c);
    if (evbuffer_get_length(output_of(c)) > 0) {
        take_callbacks(c);
        bufferevent_enable(c->bev, EV_WRITE);
    }
}

static bool is_congested(struct sink *sink)
{
    return evbuffer_get_length(sink->out) >= MOST_QUEUED;
}

/* Closes the connection; evhttp frees its open request with it. */
static void close_now(struct conn *c)
{
    c->request = NULL;
    evhttp_connection_free(c->evcon);
}

/* The answer is whole: evhttp goes on when the output is empty, which may be now. */
static void end_answer(struct conn *c)
{
    struct evhttp_request *request = c->request;
    put_callbacks_back(c);
    c->request = NULL;
    evhttp_send_reply_end(request);
}

/* Nothing else is read of this client's requests. */
static void close_after_answer(struct conn *c)
{
    c->is_closing = true;
    if (!c->must_linger)
        evhttp_add_header(evhttp_request_get_output_headers(c->request), "Connection",
                          "close");
}

static void end(struct sink *sink, bool must_close, bool is_broken)
{
    struct conn *c = (struct conn *)sink;
    c->ex = NULL;
    if (is_broken) {
        close_now(c);
        return;
    }
    note_writing(c);
    if (must_close || c->all->is_draining) {
        c->must_linger |= evbuffer_get_length(c->in) > 0;
        close_after_answer(c);
    }
    end_answer(c);
}

/* ---- reading ---- */

static void hand_over(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    c->state = CONN_HANDED;
    c->is_moving = true;
    evbuffer_unfreeze(in, 0);
    evbuffer_add(in, stand_in, sizeof stand_in - 1);
    evbuffer_freeze(in, 0);
    c->is_moving = false;
}

/* What came is no request: our own page, and the end of the connection. */
static void refuse(struct conn *c)
{
    exchange_free(c->ex);
    c->ex = NULL;
    c->must_linger = true;
    hand_over(c);
}

/* The app answers without the body; nothing after it can be read. */
static void give_up_body(struct conn *c)
{
    c->ex->request.is_body_refused = true;
    c->must_linger = true;
    body_free(&c->ex->request.body);
    hand_over(c);
}

static void say_continue(struct conn *c)
{
    evbuffer_add(output_of(c), "HTTP/1.1 100 Continue\r\n\r\n", 25);
    write_now(c);
}

static void read_body(struct conn *c)
{
    struct request *r = &c->ex->request;
    struct evbuffer *piece = evbuffer_new();
    enum http1_result result = HTTP1_MORE;
    size_t moved = 0;
    int failed = piece ? 0 : -1;
    if (!failed)
        result = http1_read_body(&c->reader, &r->head, &c->all->limits, c->in, piece,
                                 (size_t)-1, &moved, &c->fault);
    if (moved > 0)
        set_deadline(c, c->all->options.body_timeout);
    if (!failed && request_is_over_limit(r, r->body.size + moved)) {
        evbuffer_free(piece);
        give_up_body(c);
        return;
    }
    if (!failed && moved > 0)
        failed = body_add(&r->body, piece);
    if (piece)
        evbuffer_free(piece);
    if (failed) {
        log_format(LOG_ERROR, "a request's body can't be kept: %s", strerror(errno));
        fault_set(&c->fault, 503, "The body can't be stored.");
        result = HTTP1_FAULT;
    }
    if (result == HTTP1_FAULT)
        refuse(c);
    else if (result == HTTP1_DONE)
        hand_over(c);
}

static void begin_body(struct conn *c)
{
    struct request *r = &c->ex->request;
    c->own = reload_find(r);
    if (!c->own)
        exchange_route(c->ex);
    if (!http1_begin_body(&c->reader, &r->head)) {
        hand_over(c);
        return;
    }
    if (r->head.expects_other ||
        (r->head.has_length && request_is_over_limit(r, r->head.length))) {
        give_up_body(c);
        return;
    }
    c->state = CONN_BODY;
    set_deadline(c, c->all->options.body_timeout);
    if (r->head.expects_continue && evbuffer_get_length(c->in) == 0)
        say_continue(c);
    read_body(c);
}

static void read_head(struct conn *c)
{
    if (c->state == CONN_IDLE) {
        c->ex = exchange_new(c->all->app, &c->sink);
        if (!c->ex) {
            c->deadline = 0;
            return;
        }
        c->ex->request.peer = c->peer;
        c->reader = (struct http1){0};
        if (!c->is_first)
            set_deadline(c, c->all->options.header_timeout);
        c->state = CONN_HEAD;
    }
    struct request *r = &c->ex->request;
    switch (http1_read_head(&c->reader, c->in, &c->all->limits, &r->arena, &r->head,
                            &c->fault)) {
    case HTTP1_MORE:
        break;
    case HTTP1_FAULT:
        refuse(c);
        break;
    case HTTP1_DONE:
        begin_body(c);
        break;
    }
}

static void drop_input(struct conn *c)
{
    c->dropped += evbuffer_get_length(c->in);
    evbuffer_drain(c->in, evbuffer_get_length(c->in));
    if (c->dropped > LINGER_BYTES) {
        bufferevent_disable(c->bev, EV_READ);
        c->deadline = 0;
    }
}

/* Uses what has come, if it is time to. */
static void read_on(struct conn *c)
{
    if (evbuffer_get_length(c->in) == 0)
        return;
    if (c->state == CONN_IDLE || c->state == CONN_HEAD)
        read_head(c);
    else if (c->state == CONN_BODY)
        read_body(c);
    else if (c->state == CONN_LINGERING)
        drop_input(c);
}

static void adopt(struct conn *c);

/* The bufferevent has read bytes; evhttp has not seen them and must not. */
static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;
    if (c->is_moving || info->n_added == 0)
        return;
    adopt(c);
    c->is_moving = true;
    evbuffer_add_buffer(c->in, in);
    c->is_moving = false;
    read_on(c);
}

/* ---- a connection's life ---- */

/* Bytes that the client has not taken: ours and the kernel's. The kernel asks for more
   only when much of its buffer is free, which takes a slow client longer than
   WRITE_TIMEOUT. */
static size_t untaken(struct conn *c)
{
    int in_kernel = 0;
    if (ioctl(bufferevent_getfd(c->bev), SIOCOUTQ, &in_kernel) < 0)
        in_kernel = 0;
    return evbuffer_get_length(output_of(c)) + (size_t)in_kernel;
}

/* A close while bytes come that nobody has read resets the connection, and the client
   loses what it has not taken yet: RFC 9112, section 9.6. */
static bool could_lose_answer(struct conn *c)
{
    int unread = 0;
    if (ioctl(bufferevent_getfd(c->bev), FIONREAD, &unread) < 0)
        unread = 0;
    return unread > 0 || untaken(c) > 0;
}

/* evhttp has answered a request; it will read again when this returns. */
static void on_complete(struct evhttp_request *request, void *arg)
{
    struct conn *c = arg;
    c->is_first = false;
    c->fault = (struct fault){0};
    if (c->is_closing && !c->must_linger && !could_lose_answer(c))
        return;
    if (c->is_closing) {
        evhttp_remove_header(evhttp_request_get_output_headers(request), "Connection");
        shutdown(bufferevent_getfd(c->bev), SHUT_WR);
        c->state = CONN_LINGERING;
        set_deadline(c, LINGER_TIME);
    } else {
        c->state = CONN_IDLE;
        set_deadline(c, c->all->options.keepalive_timeout);
    }
    read_on(c);
}

static void answer_fault(struct conn *c)
{
    log_refusal(c->peer.address, c->fault.status);
    note_writing(c);
    send_refusal(output_of(c), c->fault.status, c->fault.message, false, false);
    flush(&c->sink);
    close_after_answer(c);
    end_answer(c);
}

/* What the debug mode's script asks for: no app, and no generation of one, knows of it.
 */
static void answer_own(struct conn *c)
{
    const struct http1_head *head = &c->ex->request.head;
    bool must_close = head->wants_close || head->minor == 0;
    bool is_head = str_eq(head->method, STR("HEAD"));
    bool is_stream = reload_is_stream(c->own) && !is_head;
    reload_answer(output_of(c), c->own, is_head, must_close);
    exchange_free(c->ex);
    c->ex = NULL;
    c->is_listening = is_stream;
    flush(&c->sink);
    if (!is_stream)
        end(&c->sink, must_close, false);
    else if (c->all->is_draining)
        close_now(c);
}

/* evhttp has read a stand-in. */
static void on_request(struct evhttp_request *request, void *arg)
{
    struct conns *all = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    evutil_socket_t fd = bufferevent_getfd(bev);
    struct conn *c = fd >= 0 && (size_t)fd < all->n_by_fd ? all->by_fd[fd] : NULL;
    if (!c || c->bev != bev) { /* on_accept was out of memory */
        evhttp_send_error(request, 503, NULL);
        return;
    }
    assert(c->state == CONN_HANDED);
    c->request = request;
    c->state = CONN_SERVING;
    set_deadline(c, all->options.request_timeout);
    evhttp_request_set_on_complete_cb(request, on_complete, c);
    bufferevent_disable(bev, EV_READ);
    if (c->fault.status)
        answer_fault(c);
    else if (c->own)
        answer_own(c);
    else
        dispatch_request(c->ex);
}

static void forget(struct conn *c)
{
    struct conns *all = c->all;
    if (c->previous)
        c->previous->next = c->next;
    else
        all->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    size_t fd = (size_t)bufferevent_getfd(c->bev);
    if (fd < all->n_by_fd && all->by_fd[fd] == c)
        all->by_fd[fd] = NULL;
    all->n--;
}

/* evhttp frees the connection: for whatever reason, this is where a conn ends. A request
   that evhttp gave up in the middle of its answer is ours to free. */
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct conn *c = arg;
    struct conns *all = c->all;
    struct exchange *ex = c->ex;
    bool is_dispatched = c->state >= CONN_SERVING;
    (void)evcon;
    evbuffer_remove_cb(bufferevent_get_input(c->bev), on_input, c);
    if (c->request)
        evhttp_request_free(c->request);
    forget(c);
    evbuffer_free(c->in);
    free(c);
    if (ex && is_dispatched)
        exchange_gone(ex);
    else if (ex)
        exchange_free(ex);
    if (all->is_draining) {
        if (all->n == 0 && all->on_empty)
            all->on_empty(all->on_empty_arg);
    } else if (all->n < all->options.max_connections) {
        evconnlistener_enable(all->listener);
    }
}

static void note_peer(struct conn *c)
{
    char *address = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(c->evcon, &address, &port);
    snprintf(c->peer.address, sizeof c->peer.address, "%s",
             address && *address ? address : "unix:");
    c->peer.port = port;
    c->peer.is_loopback = visitor_is_loopback(c->peer.address);
}

/* Finds evhttp's connection, which is known only after on_accept has returned. It must
   happen before any event of the connection: else its end would go unnoticed. */
static void adopt(struct conn *c)
{
    void *evcon;
    if (c->evcon)
        return;
    bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
    c->evcon = evcon;
    evhttp_connection_set_closecb(c->evcon, on_close, c);
    note_peer(c);
    struct conns *all = c->all;
    size_t fd = (size_t)bufferevent_getfd(c->bev);
    if (fd >= all->n_by_fd) {
        size_t n = fd * 2 + 64;
        struct conn **by_fd = realloc(all->by_fd, n * sizeof *by_fd);
        if (!by_fd)
            return; /* on_request refuses what comes */
        memset(by_fd + all->n_by_fd, 0, (n - all->n_by_fd) * sizeof *by_fd);
        all->by_fd = by_fd;
        all->n_by_fd = n;
    }
    all->by_fd[fd] = c;
}

/* New ones stand at the front of the list. */
static void adopt_all(struct conns *all)
{
    for (struct conn *c = all->first, *next; c && !c->evcon; c = next) {
        next = c->next;
        adopt(c);
    }
}

static void on_adopt(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    adopt_all(arg);
}

static void start_sweeping(struct conns *all)
{
    struct timeval interval = {0, SWEEP_INTERVAL * 1000};
    if (!all->is_sweeping)
        event_add(all->sweep, &interval);
    all->is_sweeping = true;
}

/* A client was accepted: evhttp asks for its bufferevent. */
static struct bufferevent *on_accept(struct event_base *base, void *arg)
{
    struct conns *all = arg;
    struct bufferevent *bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct conn *c = calloc(1, sizeof *c);
    if (!bev || !c || !(c->in = evbuffer_new()) ||
        !evbuffer_add_cb(bufferevent_get_input(bev), on_input, c)) {
        if (c && c->in)
            evbuffer_free(c->in);
        free(c);
        return bev; /* on_request refuses what comes */
    }
    c->sink = (struct sink){.out = bufferevent_get_output(bev),
                            .flush = flush,
                            .is_congested = is_congested,
                            .end = end};
    c->all = all;
    c->bev = bev;
    c->is_first = true;
    set_deadline(c, all->options.header_timeout);
    c->next = all->first;
    if (c->next)
        c->next->previous = c;
    all->first = c;
    event_active(all->adopt, 0, 0);
    start_sweeping(all);
    if (++all->n >= all->options.max_connections)
        evconnlistener_disable(all->listener);
    return bev;
}

/* ---- deadlines ---- */

static void time_out(struct conn *c)
{
    switch (c->state) {
    case CONN_HEAD:
    case CONN_BODY:
        fault_set(&c->fault, 408, "The request took too long to arrive.");
        refuse(c);
        bufferevent_trigger(c->bev, EV_READ, 0);
        break;
    case CONN_SERVING:
        set_deadline(c, c->all->options.request_timeout);
        exchange_expire(c->ex, 503);
        break;
    case CONN_HANDED:
        break; /* evhttp is about to call on_request */
    case CONN_IDLE:
    case CONN_WRITING:
    case CONN_LINGERING:
        close_now(c);
        break;
    }
}

/* A client that takes bytes is in time, however many are left. */
static void note_progress(struct conn *c, int64_t timeout)
{
    size_t waiting = untaken(c);
    bool waits_for_app =
        evbuffer_get_length(output_of(c)) == 0 && (c->ex || c->is_listening);
    if (waiting != c->waiting || waits_for_app)
        set_deadline(c, timeout);
    c->waiting = waiting;
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct conns *all = arg;
    int64_t now = now_ms();
    (void)fd, (void)what;
    if (now >= all->next_beat) { /* a client that has gone is noticed by a write */
        conns_tell(all, STR(":\n\n"), STR(":\n\n"));
        all->next_beat = now + BEAT;
    }
    for (struct conn *c = all->first, *next; c; c = next) {
        next = c->next;
        if (c->state == CONN_WRITING)
            note_progress(c, all->options.write_timeout);
        else if (c->state == CONN_LINGERING)
            note_progress(c, LINGER_TIME);
        if (now >= c->deadline && c->evcon)
            time_out(c);
    }
    if (all->first)
        return;
    event_del(all->sweep);
    all->is_sweeping = false;
}

/* ---- all of them ---- */

/* accept failed, for want of descriptors most likely: trying again at once would spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct conns *all = every;
    (void)arg;
    while (all->listener != listener)
        all = all->next;
    struct timeval delay = {0, RETRY_ACCEPT * 1000};
    log_format(LOG_WARNING, "can't accept a connection: %s; accepting none for %d ms",
               strerror(errno), RETRY_ACCEPT);
    evconnlistener_disable(listener);
    event_add(all->retry, &delay);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct conns *all = arg;
    (void)fd, (void)what;
    if (!all->is_draining && all->n < all->options.max_connections)
        evconnlistener_enable(all->listener);
}

void conns_use(struct conns *all, struct app *app, const struct options *options)
{
    all->app = app;
    all->options = *options;
    all->limits = (struct http1_limits){(size_t)options->max_header_size,
                                        (int)options->max_header_count};
}

static void tell(struct conn *c, struct str text)
{
    if (is_congested(&c->sink)) {
        close_now(c);
        return;
    }
    evbuffer_add(output_of(c), text.p, text.n);
    flush(&c->sink);
}

void conns_tell(struct conns *all, struct str own, struct str others)
{
    for (struct conn *c = all->first, *next; c; c = next) {
        next = c->next;
        if (c->is_listening)
            tell(c, c->own == RELOAD_EVENTS ? own : others);
    }
}

/* A request whose end the generation can't wait for: 503 where nothing has been sent. */
static void end_early(struct conn *c)
{
    static const char why[] = "The app was loaded anew.";
    switch (c->state) {
    case CONN_HEAD:
    case CONN_BODY:
        fault_set(&c->fault, 503, why);
        refuse(c);
        bufferevent_trigger(c->bev, EV_READ, 0);
        break;
    case CONN_HANDED: /* evhttp is about to call on_request */
        fault_set(&c->fault, 503, why);
        exchange_free(c->ex);
        c->ex = NULL;
        c->must_linger = true;
        break;
    case CONN_SERVING:
        exchange_expire(c->ex, 503);
        break;
    default:
        break;
    }
}

void conns_end_requests(struct conns *all, lua_State *L)
{
    adopt_all(all);
    for (struct conn *c = all->first, *next; c; c = next) {
        next = c->next;
        if (c->ex && c->ex->task.L == L)
            end_early(c);
    }
    for (struct conn *c = all->first, *next; c;
         c = next) { /* streams; handlers that wait */
        next = c->next;
        if (!c->ex || c->ex->task.L != L)
            continue;
        exchange_abandon(c->ex);
        c->ex = NULL;
        close_now(c);
    }
    exchanges_abandon(L);
}

struct conns *conns_new(struct event_base *base, struct evconnlistener *listener,
                        struct app *app, const struct options *options)
{
    struct conns *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->next = every;
    every = all;
    all->base = base;
    all->listener = listener;
    conns_use(all, app, options);
    all->http = evhttp_new(base);
    all->sweep = event_new(base, -1, EV_PERSIST, on_sweep, all);
    all->adopt = event_new(base, -1, EV_PERSIST, on_adopt, all);
    all->retry = event_new(base, -1, 0, on_retry, all);
    if (!all->http || !all->sweep || !all->adopt || !all->retry ||
        !evhttp_bind_listener(all->http, listener)) {
        conns_free(all);
        return NULL;
    }
    evhttp_set_bevcb(all->http, on_accept, all);
    evhttp_set_gencb(all->http, on_request, all);
    evconnlistener_set_error_cb(listener, on_accept_error);
    return all;
}

void conns_drain(struct conns *all, void (*on_empty)(void *arg), void *arg)
{
    all->is_draining = true;
    all->on_empty = NULL;
    evconnlistener_disable(all->listener);
    adopt_all(all);
    for (struct conn *c = all->first, *next; c; c = next) {
        next = c->next;
        c->sink.is_last = true;
        if (c->evcon &&
            (c->state == CONN_IDLE || c->state == CONN_LINGERING || c->is_listening))
            close_now(c);
    }
    all->on_empty = on_empty;
    all->on_empty_arg = arg;
    if (all->n == 0)
        on_empty(arg);
}

void conns_free(struct conns *all)
{
    all->is_draining = true;
    all->on_empty = NULL;
    adopt_all(all);
    for (struct conn *c = all->first, *next; c; c = next) {
        next = c->next;
        if (c->ex && c->state >= CONN_SERVING) {
            exchange_abandon(c->ex);
            c->ex = NULL;
        }
        if (c->evcon)
            close_now(c);
    }
    struct conns **at = &every;
    while (*at != all)
        at = &(*at)->next;
    *at = all->next;
    if (all->http)
        evhttp_free(all->http);
    struct event *events[] = {all->sweep, all->adopt, all->retry};
    for (int i = 0; i < 3; i++)
        if (events[i])
            event_free(events[i]);
    free(all->by_fd);
    free(all);
}
