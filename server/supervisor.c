/* The master: it starts workers, watches them, and replaces those that end. */
#include "supervisor.h"

#include "link.h"
#include "listen.h"
#include "log.h"
#include "worker.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_WORKERS 256

/* Milliseconds. */
#define NEVER         INT64_MAX
#define QUICK         5000  /* who ends within this has not got far */
#define FIRST_DELAY   250   /* before the third start in a row, doubled for each more */
#define LONGEST_DELAY 10000 /* at most */
#define ABORTING      5000  /* from SIGABRT to SIGKILL: the core is written */
#define STOP_MARGIN   10000 /* beyond what a worker may take to stop */
#define INSISTENCE    500   /* a second SIGINT after this is no echo of the first */

struct worker {
    pid_t pid;                  /* 0: it does not run */
    int link;                   /* our end; -1 when it is closed */
    int64_t served_at;          /* 0: it does not serve yet */
    int64_t silent;             /* in which nothing was heard of it */
    int64_t watchdog, shutdown; /* what it has told us */
    int quick_ends;             /* in a row */
    int64_t start_at, kill_at;  /* NEVER when nothing is due */
};

struct supervisor {
    int n;
    int listener; /* -1: none yet, or no more */
    bool is_inherited;
    struct link_message asked; /* what the listener was opened for */
    char url[300];
    int signals; /* signalfd */
    sigset_t old_mask;
    pid_t self;
    bool has_served; /* one of the workers, once */
    bool ignores_hangup;
    int stop; /* the signal that ends us, or 0 */
    int64_t stopped_at;
    int status;
    bool is_over;
    struct worker workers[];
};

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- a worker's beginning ---- */

/* Workers are forks of one state: without this each would draw the same numbers. */
static void seed_random(lua_State *L)
{
    lua_Integer seeds[2] = {0, 0};
    if (getrandom(seeds, sizeof seeds, GRND_NONBLOCK) != sizeof seeds)
        seeds[0] = getpid(), seeds[1] = clock_ms();
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, seeds[0]);
    lua_pushinteger(L, seeds[1]);
    lua_call(L, 2, 0);
    lua_pop(L, 1);
}

/* In the child: nothing of the master's stays. */
static void become_worker(struct supervisor *s, int link)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s->self) /* it has ended before the line above */
        _exit(1);
    for (int i = 0; i < s->n; i++)
        if (s->workers[i].link != -1)
            close(s->workers[i].link);
    if (s->listener != -1)
        close(s->listener);
    close(s->signals);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
    link_open(link, !s->has_served);
    if (worker_reopen() < 0)
        _exit(1);
}

/* fork's result; when it fails, the start is tried again later. */
static pid_t start(struct supervisor *s, struct worker *w)
{
    int pair[2];
    pid_t pid = -1;
    fflush(NULL); /* else what waits there is written by both */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
        pid = fork();
        if (pid == 0) {
            close(pair[0]);
            become_worker(s, pair[1]);
            return 0;
        }
        close(pair[1]);
        if (pid < 0)
            close(pair[0]);
    }
    if (pid < 0) {
        log_format(LOG_ERROR, "a worker can't be started: %s", strerror(errno));
        w->start_at = clock_ms() + LONGEST_DELAY;
        return -1;
    }
    *w = (struct worker){.pid = pid,
                         .link = pair[0],
                         .watchdog = NEVER,
                         .quick_ends = w->quick_ends,
                         .start_at = NEVER,
                         .kill_at = NEVER};
    return pid;
}

/* Starts those whose time has come. True in a worker, false in the master. */
static bool start_due(struct supervisor *s)
{
    for (int i = 0; i < s->n; i++) {
        struct worker *w = &s->workers[i];
        if (w->pid || s->stop || w->start_at > clock_ms())
            continue;
        if (start(s, w) == 0)
            return true;
        if (!w->pid && !s->has_served) {
            s->status = 1;
            s->is_over = true;
        }
    }
    return false;
}

/* ---- what workers tell ---- */

static bool is_same(const struct link_message *a, const struct link_message *b)
{
    return a->kind == b->kind && a->port == b->port && strcmp(a->text, b->text) == 0;
}

static void open_listener(struct supervisor *s, const struct link_message *m,
                          struct fault *fault)
{
    s->listener = m->kind == LINK_LISTEN_UNIX
                      ? listen_unix(m->text, s->url, sizeof s->url, fault)
                      : listen_tcp(m->text, m->port, s->url, sizeof s->url, fault);
    s->asked = *m;
}

/* The socket is opened once and stays, whoever serves on it. */
static void pass_listener(struct supervisor *s, struct worker *w,
                          const struct link_message *m)
{
    struct link_message answer = {.kind = LINK_SOCKET};
    struct fault fault = {.message = "the server is being stopped"};
    if (s->listener == -1 && !s->stop)
        open_listener(s, m, &fault);
    else if (s->listener != -1 && !s->is_inherited && !is_same(&s->asked, m))
        log_format(LOG_WARNING,
                   "the app wants another address now; %s is served until the next start",
                   s->url);
    if (s->listener == -1)
        answer.kind = LINK_REFUSED;
    snprintf(answer.text, sizeof answer.text, "%s",
             s->listener == -1 ? fault.message : s->url);
    link_send(w->link, &answer, s->listener);
}

/* The first that serves shows that the app can be served: the others may start. */
static void note_serving(struct supervisor *s, struct worker *w,
                         const struct link_message *m)
{
    if (!w->served_at)
        w->served_at = clock_ms();
    w->watchdog = m->watchdog;
    w->shutdown = m->shutdown;
    for (int i = 0; i < s->n && !s->has_served; i++)
        if (!s->workers[i].pid)
            s->workers[i].start_at = 0;
    s->has_served = true;
}

static void hear(struct supervisor *s, struct worker *w)
{
    struct link_message message;
    int passed, result;
    while (w->link != -1 && (result = link_receive(w->link, &message, &passed)) != 0) {
        if (passed != -1) /* nothing comes this way */
            close(passed);
        if (result < 0) {
            close(w->link);
            w->link = -1;
            return;
        }
        w->silent = 0;
        if (message.kind == LINK_SERVES)
            note_serving(s, w, &message);
        else if (message.kind == LINK_LISTEN_TCP || message.kind == LINK_LISTEN_UNIX)
            pass_listener(s, w, &message);
    }
}

/* ---- ends ---- */

static void log_end(const struct worker *w, int status, int64_t delay)
{
    char next[60] = "another takes its place";
    if (delay)
        snprintf(next, sizeof next, "another takes its place in %.3g s",
                 (double)delay / 1000);
    if (WIFSIGNALED(status))
        log_format(LOG_ERROR, "worker %d was killed by signal %d (%s)%s: %s", (int)w->pid,
                   WTERMSIG(status), strsignal(WTERMSIG(status)),
                   WCOREDUMP(status) ? ", a core was dumped" : "", next);
    else
        log_format(LOG_ERROR, "worker %d ended with status %d: %s", (int)w->pid,
                   WEXITSTATUS(status), next);
}

/* After the second quick end in a row starts are delayed, ever longer. */
static int64_t delay_of(const struct worker *w)
{
    int64_t delay = w->quick_ends > 1 ? FIRST_DELAY : 0;
    for (int i = 2; i < w->quick_ends && delay < LONGEST_DELAY; i++)
        delay *= 2;
    return least(delay, LONGEST_DELAY);
}

static void replace(struct worker *w, int status)
{
    int64_t now = clock_ms();
    bool is_quick = !w->served_at || now - w->served_at < QUICK;
    w->quick_ends = is_quick ? w->quick_ends + 1 : 0;
    int64_t delay = delay_of(w);
    log_end(w, status, delay);
    w->start_at = now + delay;
}

/* What a stop makes of a worker's end. One that still loads has no handler for the
   signals, and can't get a socket any more: that is no failure. */
static void note_stopped(struct supervisor *s, const struct worker *w, int status)
{
    if (w->served_at && WIFEXITED(status) && WEXITSTATUS(status))
        s->status = WEXITSTATUS(status);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM &&
        WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGQUIT) {
        log_format(LOG_ERROR, "a worker that was to stop was killed by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
        s->status = 1;
    }
}

/* Before any has served, the end is ours: the worker has said why. */
static void note_failed(struct supervisor *s, int status)
{
    s->is_over = true;
    s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (WIFSIGNALED(status))
        log_format(LOG_ERROR, "the app's process was killed by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void note_end(struct supervisor *s, struct worker *w, int status)
{
    if (s->stop)
        note_stopped(s, w, status);
    else if (!s->has_served)
        note_failed(s, status);
    else
        replace(w, status);
    if (w->link != -1)
        close(w->link);
    w->link = -1;
    w->pid = 0;
    w->kill_at = NEVER;
    w->watchdog = NEVER;
}

/* All children: as a container's first process we are given orphans too. */
static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < s->n; i++)
            if (s->workers[i].pid == pid) {
                hear(s, &s->workers[i]); /* its last words */
                note_end(s, &s->workers[i], status);
            }
}

/* ---- deadlines ---- */

/* The time that may pass until we look at a worker again. */
static int64_t patience_with(const struct worker *w)
{
    return w->watchdog == NEVER ? NEVER : w->watchdog / 4 + 1;
}

/* A sign of life may have been due at once or just been given: one more may be late. */
static void watch(struct worker *w)
{
    if (!w->pid || w->watchdog == NEVER || w->kill_at != NEVER ||
        w->silent <= w->watchdog + patience_with(w))
        return;
    log_format(LOG_ERROR, "worker %d has been stuck for %.3g s: it is ended", (int)w->pid,
               (double)w->watchdog / 1000);
    kill(w->pid, SIGABRT);
    w->kill_at = clock_ms() + ABORTING;
}

static void kill_if_due(struct worker *w)
{
    if (!w->pid || w->kill_at > clock_ms())
        return;
    kill(w->pid, SIGKILL);
    w->kill_at = NEVER;
    w->watchdog = NEVER; /* it is given up: its end is all that is awaited */
}

static int64_t until_next(const struct supervisor *s)
{
    int64_t now = clock_ms(), next = NEVER;
    for (int i = 0; i < s->n; i++) {
        const struct worker *w = &s->workers[i];
        if (!w->pid && !s->stop && w->start_at != NEVER)
            next = least(next, w->start_at - now);
        if (w->pid && w->kill_at != NEVER)
            next = least(next, w->kill_at - now);
        if (w->pid && w->kill_at == NEVER)
            next = least(next, patience_with(w));
    }
    return next < 0 ? 0 : next;
}

/* ---- signals ---- */

/* Closed at once, so that those who come are refused when the last worker has closed it;
   the file goes before another server can have taken its place. */
static void close_listener(struct supervisor *s)
{
    if (s->listener == -1)
        return;
    close(s->listener);
    s->listener = -1;
    if (!s->is_inherited && strncmp(s->url, "unix:", 5) == 0)
        unlink(s->url + 5);
}

static void stop(struct supervisor *s, int number)
{
    int64_t now = clock_ms();
    bool insists =
        s->stop == SIGINT && number == SIGINT && now - s->stopped_at > INSISTENCE;
    if (s->stop != SIGINT) {
        s->stop = number;
        s->stopped_at = now;
    }
    close_listener(s);
    for (int i = 0; i < s->n; i++) {
        struct worker *w = &s->workers[i];
        /* for requests, and once more for what runs after serving */
        int64_t time = number == SIGTERM ? 2 * w->shutdown : w->shutdown;
        if (!w->pid)
            continue;
        kill(w->pid, number);
        w->kill_at = insists ? 0 : least(w->kill_at, now + time + STOP_MARGIN);
    }
}

/* A terminal that goes away ends us, as any program; from elsewhere it asks for the app
   to be loaded anew. */
static void hang_up(struct supervisor *s, int code)
{
    if (code == SI_KERNEL && !s->ignores_hangup)
        stop(s, SIGTERM);
    for (int i = 0; i < s->n && code != SI_KERNEL; i++)
        if (s->workers[i].served_at && s->workers[i].pid)
            kill(s->workers[i].pid, SIGHUP);
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            hang_up(s, info.ssi_code);
        else if (info.ssi_signo != SIGCHLD)
            stop(s, (int)info.ssi_signo);
    }
}

/* ---- the loop ---- */

/* Waits until something is due or heard; returns for how long, but no more than was to be
   waited: while all of us were stopped, no worker could give a sign of life. */
static int64_t wait_for_news(struct supervisor *s)
{
    struct pollfd polled[MOST_WORKERS + 1] = {{.fd = s->signals, .events = POLLIN}};
    int64_t longest = least(until_next(s), 3600000), before = clock_ms();
    for (int i = 0; i < s->n; i++)
        polled[i + 1] = (struct pollfd){.fd = s->workers[i].link, .events = POLLIN};
    poll(polled, (nfds_t)s->n + 1, (int)longest);
    return least(clock_ms() - before, longest);
}

static bool has_ended(const struct supervisor *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->workers[i].pid)
            return false;
    return s->stop || s->is_over;
}

/* True in a worker, false in the master when all is over. Signals are read before ends:
   a group that is told to stop as a whole does. */
static bool supervise(struct supervisor *s)
{
    while (!has_ended(s)) {
        if (start_due(s))
            return true;
        int64_t waited = wait_for_news(s);
        take_signals(s);
        for (int i = 0; i < s->n; i++) {
            s->workers[i].silent += waited;
            hear(s, &s->workers[i]);
        }
        reap(s);
        for (int i = 0; i < s->n; i++) {
            watch(&s->workers[i]);
            kill_if_due(&s->workers[i]);
        }
    }
    return false;
}

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) < 0 ? 1 : CPU_COUNT(&set);
}

static int take_over_signals(struct supervisor *s)
{
    struct sigaction hangup;
    sigset_t mask;
    sigaction(SIGHUP, NULL, &hangup);
    s->ignores_hangup = hangup.sa_handler == SIG_IGN; /* nohup */
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGQUIT);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, &s->old_mask);
    s->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signals;
}

static int fail(lua_State *L, const char *message)
{
    fprintf(stderr, "cflask-lua: %s\n", message);
    lua_pushinteger(L, 1);
    return 1;
}

/* The first worker starts alone; the others when it serves. */
static struct supervisor *new_supervisor(lua_State *L, int n)
{
    struct supervisor *s = lua_newuserdata(L, sizeof *s + (size_t)n * sizeof *s->workers);
    *s = (struct supervisor){.n = n, .listener = -1, .self = getpid()};
    for (int i = 0; i < n; i++)
        s->workers[i] = (struct worker){
            .link = -1, .watchdog = NEVER, .start_at = i ? NEVER : 0, .kill_at = NEVER};
    return s;
}

int supervisor_run_lua(lua_State *L)
{
    int n = (int)luaL_checkinteger(L, 1);
    struct fault fault;
    luaL_argcheck(L, n >= 0 && n <= MOST_WORKERS, 1, "from 0 to 256");
    n = n ? n : processors();
    struct supervisor *s = new_supervisor(L, n < MOST_WORKERS ? n : MOST_WORKERS);
    if (listen_inherited(&s->listener, s->url, sizeof s->url, &fault) < 0)
        return fail(L, fault.message);
    s->is_inherited = s->listener != -1;
    if (take_over_signals(s) < 0)
        return fail(L, strerror(errno));
    if (supervise(s)) {
        seed_random(L);
        return 0;
    }
    close_listener(s);
    close(s->signals);
    sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
    lua_pushinteger(L, s->status);
    return 1;
}
