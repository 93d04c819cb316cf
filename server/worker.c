/* One process, one event loop: signals, serving, loading the app anew, the end.

   What runs Lua for long stands outside of the loop: a callback sets a flag and breaks
   the loop; between two of its turns serve() does the work, in which the loop may turn
   again for what waits. */
#include "worker.h"

#include "budget.h"
#include "conn.h"
#include "dispatch.h"
#include "generation.h"
#include "link.h"
#include "log.h"
#include "module.h"
#include "options.h"
#include "pool.h"
#include "reload.h"
#include "task.h"
#include "wait.h"
#include "watch.h"
#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static double since; /* 1970, in seconds: this process runs */

#define MOST_OLD       2  /* generations beside the one that serves */
#define MOST_CPU       60 /* seconds of CPU that loading anew may take, ... */
#define MOST_CPU_DEBUG 5  /* ... and in debug mode, where it is an endless loop */
#define OLD_LOOK       50 /* ms between two looks at whether they are over */

struct serving {
    struct words words;
    struct generation *current;
    struct generation *old; /* the oldest first */
    struct conns *conns;
    struct watch *watch; /* NULL: not in debug mode */
    char url[300];
    struct event *interrupt, *terminate, *hangup, *look;
    bool is_over;      /* the loop is to end */
    bool is_at_once;   /* SIGINT: what runs is dropped */
    bool is_draining;  /* SIGTERM: what runs has SHUTDOWN_TIMEOUT */
    bool is_empty;     /* draining: no connection is left */
    bool wants_reload; /* SIGHUP, or a file has changed */
    bool wants_look;   /* at the old generations */
    bool is_loading;   /* a change meanwhile begins it anew */
    bool is_ending;    /* after_serving functions of an old one: only SIGINT ends them */
    bool has_terminal; /* SIGHUP may say that it was closed */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* As many descriptors as the system lets us have: each connection is one. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int worker_open(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return -1;
    event_config_set_flag(config,
                          EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        return -1;
    signal(SIGPIPE, SIG_IGN);
    tasks_open(base);
    since = now_seconds();
    return 0;
}

int worker_reopen(void)
{
    since = now_seconds();
    return event_reinit(base);
}

void worker_close(void)
{
    budget_close();
    tasks_close();
    event_base_free(base);
    base = NULL;
}

/* ---- stopping ---- */

static void end_if_done(struct serving *s)
{
    if (s->is_empty && wait_spawned(NULL) == 0) {
        s->is_over = true;
        event_base_loopbreak(base);
    }
}

static void on_empty(void *arg)
{
    struct serving *s = arg;
    s->is_empty = true;
    end_if_done(s);
}

static void on_interrupt(evutil_socket_t signal_number, short what, void *arg)
{
    struct serving *s = arg;
    (void)signal_number, (void)what;
    s->is_over = s->is_at_once = true;
    event_base_loopbreak(base);
}

static void on_terminate(evutil_socket_t signal_number, short what, void *arg)
{
    struct serving *s = arg;
    (void)signal_number, (void)what;
    if (s->is_draining)
        return;
    s->is_draining = true;
    conns_drain(s->conns, on_empty, s);
    if (!s->is_ending)
        event_base_loopbreak(base);
}

static bool is_terminal_there(void)
{
    int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void want_reload(void *arg)
{
    struct serving *s = arg;
    s->wants_reload = true;
    if (!s->is_ending)
        event_base_loopbreak(base);
}

/* The same signal says that the terminal was closed, which ends what runs in it: a master
   sees to that. */
static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
    struct serving *s = arg;
    if (!link_has_master() && s->has_terminal && !is_terminal_there())
        on_terminate(signal_number, what, arg);
    else
        want_reload(s);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct serving *s = arg;
    (void)fd, (void)what;
    s->wants_look = true;
    if (!s->is_loading && !s->is_ending)
        event_base_loopbreak(base);
}

/* While draining: spawned tasks may end without any connection's help, and time passes.
 */
static void wait_for_end(struct serving *s)
{
    struct timeval tick = {0, 50000};
    int64_t left = generation_options(s->current)->shutdown_timeout;
    while (!s->is_over && left > 0) {
        event_base_loopexit(base, &tick);
        event_base_loop(base, 0);
        left -= 50;
        end_if_done(s);
    }
}

/* What event_free brings back later: a signal that comes again is ignored then, as the
   master ends us when what runs takes too long. Set before the event is added: between
   event_free and a call of signal the default would end us. */
static void ignore_signals(void)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

/* Before the start is announced: whoever reads that may stop us at once. Blocked
   meanwhile, so that none is lost while it is ignored. */
static void catch_signals(struct serving *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (link_has_master())
        ignore_signals();
    s->interrupt = evsignal_new(base, SIGINT, on_interrupt, s);
    s->terminate = evsignal_new(base, SIGTERM, on_terminate, s);
    s->hangup = evsignal_new(base, SIGHUP, on_hangup, s);
    s->look = event_new(base, -1, EV_PERSIST, on_look, s);
    s->has_terminal = is_terminal_there();
    event_add(s->interrupt, NULL);
    event_add(s->terminate, NULL);
    event_add(s->hangup, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void free_signals(struct serving *s)
{
    struct event *events[] = {s->interrupt, s->terminate, s->hangup, s->look};
    for (int i = 0; i < 4; i++)
        event_free(events[i]);
}

/* ---- generations ---- */

static void tell_browsers(struct serving *s)
{
    struct buf own = {0}, others = {0};
    reload_event(&own, RELOAD_EVENTS);
    reload_event(&others, RELOAD_CHANGES);
    conns_tell(s->conns, buf_str(&own), buf_str(&others));
    buf_free(&own);
    buf_free(&others);
}

/* What the log and the pages do is the serving generation's wish. */
static void follow_settings(struct generation *g)
{
    log_set_access(generation_flag(g, "access_log"));
    log_set_level(generation_flag(g, "debug") ? LOG_DEBUG : LOG_INFO);
    reload_turn(generation_flag(g, "debug"));
}

/* Takes the generation out of the list and ends it with all that it does. */
static void end_old(struct serving *s, struct generation **at)
{
    struct generation *g = *at;
    *at = *generation_next(g);
    if (s->conns && generation_is_busy(g))
        conns_end_requests(s->conns, generation_state(g));
    s->is_ending = true;
    generation_end(g);
    s->is_ending = false;
    generation_free(g);
}

/* Ends the old ones that are done, late or too many. */
static void look_at_old(struct serving *s)
{
    int n = 0;
    s->wants_look = false;
    for (struct generation **at = &s->old; *at;) {
        if (generation_is_busy(*at) && now_ms() < *generation_deadline(*at)) {
            at = generation_next(*at);
            n++;
        } else {
            end_old(s, at);
        }
    }
    for (; n > MOST_OLD; n--)
        end_old(s, &s->old);
    if (!s->old)
        event_del(s->look);
}

static void retire(struct serving *s, struct generation *g)
{
    struct generation **at = &s->old;
    while (*at)
        at = generation_next(*at);
    *at = g;
    *generation_next(g) = NULL;
    *generation_deadline(g) = now_ms() + generation_options(g)->shutdown_timeout;
    exchanges_close(generation_state(g));
    const struct timeval interval = {0, OLD_LOOK * 1000};
    event_add(s->look, &interval);
}

static bool differs(struct generation *a, struct generation *b, const char *key)
{
    const char *x = generation_text(a, key), *y = generation_text(b, key);
    return x && y ? strcmp(x, y) != 0 : x != y;
}

static void warn_of_place(struct generation *a, struct generation *b)
{
    if (differs(a, b, "host") || differs(a, b, "unix") ||
        generation_number(a, "port") != generation_number(b, "port"))
        log_text(LOG_WARNING, "host, port or socket have changed: a restart is needed "
                              "for that");
}

static void swap(struct serving *s, struct generation *g)
{
    struct generation *old = s->current;
    warn_of_place(old, g);
    s->current = g;
    conns_use(s->conns, generation_app(g), generation_options(g));
    follow_settings(g);
    retire(s, old);
    reload_note_change();
    look_at_old(s);
}

/* The generation that serves goes on; one that only shows an error shows the new one. */
static void note_failure(struct serving *s, const struct buf *error)
{
    bool is_good = !generation_flag(s->current, "is_broken");
    log_format(LOG_ERROR, "the app can't be loaded%s:\n%.*s",
               is_good ? "; its last good version goes on" : "", (int)error->n, error->p);
    reload_note_error(buf_str(error), is_good);
}

static void watch_files(struct serving *s, struct buf *watched, bool adds_current,
                        double began)
{
    struct buf current = {0};
    if (!s->watch)
        return;
    if (adds_current) {
        generation_list_watched(s->current, &current);
        buf_addstr(watched, buf_str(&current));
        buf_free(&current);
    }
    watch_set(s->watch, buf_str(watched), began);
}

/* Builds a generation beside the one that serves. */
static void reload(struct serving *s)
{
    struct buf error = {0}, watched = {0};
    int64_t began = now_ms();
    double began_at = now_seconds();
    s->wants_reload = false;
    s->is_loading = true;
    link_pause();
    struct generation *g = generation_load(
        &s->words, s->watch ? MOST_CPU_DEBUG : MOST_CPU, &error, &watched);
    if (g && generation_start(g, &error) < 0) {
        generation_free(g);
        g = NULL;
    }
    s->is_loading = false;
    bool is_stopping = s->is_over || s->is_draining;
    watch_files(s, &watched, !g, began_at);
    if (g && !is_stopping) {
        swap(s, g);
        log_format(LOG_INFO, "the app was loaded anew in %d ms", (int)(now_ms() - began));
    } else if (g) {
        generation_end(g);
        generation_free(g);
    } else if (!is_stopping && !s->wants_reload) { /* else it was broken off */
        note_failure(s, &error);
    }
    if (!is_stopping)
        tell_browsers(s);
    link_serve(base, generation_options(s->current));
    buf_free(&error);
    buf_free(&watched);
}

/* ---- serving ---- */

static void run_until_stopped(struct serving *s)
{
    while (!s->is_over && !s->is_draining) {
        if (s->wants_reload)
            reload(s);
        else if (s->wants_look)
            look_at_old(s);
        else
            event_base_loop(base, 0);
    }
    if (!s->is_at_once)
        wait_for_end(s);
}

static struct evconnlistener *listen_on(int fd)
{
    return evconnlistener_new(base, NULL, NULL,
                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
}

static int open_socket(struct serving *s, struct fault *fault)
{
    struct generation *g = s->current;
    const char *path = generation_text(g, "unix"), *host = generation_text(g, "host");
    return link_listen(path, host ? host : "127.0.0.1", generation_number(g, "port"),
                       s->url, sizeof s->url, fault);
}

/* Listens and is ready for the clients. -1 when something is in the way. */
static int open_serving(struct serving *s, struct buf *error)
{
    struct fault fault;
    raise_descriptor_limit();
    int fd = open_socket(s, &fault);
    if (fd < 0) {
        buf_addstr(error, str_from(fault.message));
        return -1;
    }
    struct evconnlistener *listener = listen_on(fd);
    if (!listener || !(s->conns = conns_new(base, listener, generation_app(s->current),
                                            generation_options(s->current)))) {
        close(fd);
        buf_addstr(error, STR("out of memory"));
        return -1;
    }
    return 0;
}

static void begin_watching(struct serving *s)
{
    struct buf watched = {0};
    if (!generation_flag(s->current, "debug"))
        return;
    s->watch = watch_new(base, want_reload, s);
    if (!s->watch) {
        log_format(LOG_WARNING, "changes will not be seen: inotify: %s", strerror(errno));
        return;
    }
    generation_list_watched(s->current, &watched);
    watch_files(s, &watched, false, since);
    buf_free(&watched);
}

static void serve(struct serving *s)
{
    follow_settings(s->current);
    reload_note_change();
    if (generation_flag(s->current, "is_broken"))
        reload_note_error(str_from(generation_text(s->current, "error")), false);
    budget_open(generation_flag(s->current, "debug"));
    catch_signals(s);
    begin_watching(s);
    link_serve(base, generation_options(s->current));
    if (link_is_first())
        generation_tell_url(s->current, s->url);
    run_until_stopped(s);
    link_stop();
    free_signals(s);
    if (s->watch)
        watch_free(s->watch);
    conns_free(s->conns);
    s->conns = NULL;
    if (!link_has_master() && strncmp(s->url, "unix:", 5) == 0)
        unlink(s->url + 5);
}

/* In debug mode a page that shows the error waits for the mend. */
static struct generation *take_broken(struct serving *s, struct buf *error)
{
    if (!generation_flag(s->current, "debug") || generation_flag(s->current, "is_broken"))
        return NULL;
    struct buf ignored = {0};
    log_format(LOG_ERROR, "the app can't be served:\n%.*s", (int)error->n, error->p);
    struct generation *g = generation_load_broken(&s->words, error, &ignored);
    if (g && generation_start(g, &ignored) == 0)
        buf_free(error);
    buf_free(&ignored);
    return g;
}

static int start(struct serving *s, struct buf *error)
{
    if (generation_start(s->current, error) < 0) {
        struct generation *broken = take_broken(s, error);
        if (!broken)
            return -1;
        generation_free(s->current);
        s->current = broken;
    }
    return error->n ? -1 : open_serving(s, error);
}

void worker_end_threads(int status)
{
    if (pool_close(5000))
        return;
    log_format(LOG_WARNING, "work on a thread has not ended in 5 s; it is cut off");
    fflush(NULL);
    _exit(status);
}

int worker_serve(lua_State *L, int argc, char **argv)
{
    struct serving s = {.words = {argc, argv}, .current = generation_take(L)};
    struct buf error = {0};
    int status = 0;
    if (!s.current) {
        fputs("cflask-lua: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    if (start(&s, &error) < 0) {
        fprintf(stderr, "cflask-lua: %.*s\n", (int)error.n, error.p);
        status = EXIT_FAILURE;
    } else {
        serve(&s);
        modules_stop(generation_state(s.current));
    }
    while (s.old)
        end_old(&s, &s.old);
    generation_end(s.current);
    worker_end_threads(status);
    generation_free(s.current);
    reload_close();
    buf_free(&error);
    return status;
}
