/* One process, one event loop, one Lua state: signals, serving, the end. */
#include "worker.h"

#include "app.h"
#include "budget.h"
#include "conn.h"
#include "dispatch.h"
#include "listen.h"
#include "log.h"
#include "options.h"
#include "task.h"
#include "wait.h"
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

static struct event_base *base;

struct serving {
    struct conns *conns;
    struct options options;
    struct event *interrupt, *terminate;
    bool is_over;     /* the loop is to end */
    bool is_at_once;  /* SIGINT: what runs is dropped */
    bool is_draining; /* SIGTERM: what runs has SHUTDOWN_TIMEOUT */
    bool is_empty;    /* draining: no connection is left */
};

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
    return 0;
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
    if (s->is_empty && wait_spawned() == 0) {
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
    event_base_loopbreak(base);
}

/* While draining: spawned tasks may end without any connection's help, and time passes.
 */
static void wait_for_end(struct serving *s)
{
    struct timeval tick = {0, 50000};
    int64_t left = s->options.shutdown_timeout;
    while (!s->is_over && left > 0) {
        event_base_loopexit(base, &tick);
        event_base_loop(base, 0);
        left -= 50;
        end_if_done(s);
    }
}

/* Before the start is announced: whoever reads that may stop us at once. */
static void catch_signals(struct serving *s)
{
    s->interrupt = evsignal_new(base, SIGINT, on_interrupt, s);
    s->terminate = evsignal_new(base, SIGTERM, on_terminate, s);
    event_add(s->interrupt, NULL);
    event_add(s->terminate, NULL);
}

static void run_until_stopped(struct serving *s)
{
    while (!s->is_over && !s->is_draining)
        event_base_loop(base, 0);
    if (!s->is_at_once)
        wait_for_end(s);
    event_free(s->interrupt);
    event_free(s->terminate);
}

/* ---- starting ---- */

static struct evconnlistener *listen_on(int fd)
{
    return evconnlistener_new(base, NULL, NULL,
                              LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
}

static int open_socket(lua_State *L, char *url, size_t size, struct fault *fault)
{
    lua_getfield(L, 1, "unix");
    lua_getfield(L, 1, "host");
    lua_getfield(L, 1, "port");
    const char *path = lua_tostring(L, -3), *host = lua_tostring(L, -2);
    int port = (int)lua_tointeger(L, -1);
    int fd = path ? listen_unix(path, url, size, fault)
                  : listen_tcp(host ? host : "127.0.0.1", port, url, size, fault);
    lua_pop(L, 3);
    return fd;
}

/* Calls each function of the list opts[field] in a task, and the first error is raised.
 */
static void run_hooks(lua_State *L, const char *field, struct context *context)
{
    lua_getfield(L, 1, field);
    int list = lua_gettop(L);
    lua_Integer n = lua_istable(L, list) ? (lua_Integer)lua_rawlen(L, list) : 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        wait_run(L, lua_gettop(L), 0, context);
        lua_settop(L, list);
    }
    lua_pop(L, 1);
}

static int fail(lua_State *L, const char *message)
{
    lua_pushnil(L);
    lua_pushstring(L, message);
    return 2;
}

int worker_serve_lua(lua_State *L)
{
    struct serving s = {0};
    struct fault fault;
    char url[300];
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "app");
    struct app *app = app_check(L, -1);
    struct context context = {app, NULL, LUA_NOREF};
    lua_getfield(L, 1, "access_log");
    log_set_access(lua_toboolean(L, -1));

    app_close_registration(app);
    options_defaults(&s.options);
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->config);
    if (options_read(L, -1, &s.options, &fault) < 0)
        return fail(L, fault.message);
    raise_descriptor_limit();
    run_hooks(L, "before_serving", &context);
    int fd = open_socket(L, url, sizeof url, &fault);
    if (fd < 0)
        return fail(L, fault.message);
    struct evconnlistener *listener = listen_on(fd);
    if (!listener || !(s.conns = conns_new(base, listener, app, &s.options))) {
        close(fd);
        return fail(L, "out of memory");
    }
    budget_open(app_config_boolean(app, "DEBUG"));
    catch_signals(&s);
    lua_getfield(L, 1, "on_listening");
    if (lua_isfunction(L, -1)) {
        lua_pushstring(L, url);
        lua_call(L, 1, 0);
    }
    run_until_stopped(&s);
    conns_free(s.conns);
    wait_end_spawned();
    if (strncmp(url, "unix:", 5) == 0)
        unlink(url + 5);
    run_hooks(L, "after_serving", &context);
    context_clear(L, &context);
    lua_pushboolean(L, 1);
    return 1;
}
