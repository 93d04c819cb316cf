/* One loading of the app: a Lua state of its own, from being built beside the one that
   serves to the end of its last request.

   Each is loaded by the same words, those of the command line, in a new state and in the
   environment that the process began with: nothing of an earlier one is seen. */
#include "generation.h"

#include "app.h"
#include "base/lua_memory.h"
#include "core_lua.h"
#include "dispatch.h"
#include "inprocess.h"
#include "log.h"
#include "module.h"
#include "task.h"
#include "wait.h"
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct generation {
    lua_State *L;
    struct app *app;
    int settings;           /* registry reference */
    struct context context; /* of the functions around serving */
    struct options options;
    bool is_started;
    int64_t deadline;
    struct generation *next;
};

static const char noted; /* its address is the registry's key of the settings */

/* ---- the environment ---- */

/* A copy of the environment: NAME=VALUE and a NUL, again and again. */
static struct buf first_environment;

static void keep_environment(struct buf *copy)
{
    for (char **at = environ; at && *at; at++)
        buf_add(copy, *at, strlen(*at) + 1);
}

/* A service manager's word about sockets was for the start alone. */
static void set_variable(char *text)
{
    char *sign = strchr(text, '=');
    if (!sign || strncmp(text, "LISTEN_", 7) == 0)
        return;
    *sign = '\0';
    setenv(text, sign + 1, 1);
    *sign = '=';
}

static void restore_environment(const struct buf *copy)
{
    clearenv();
    for (size_t at = 0; at < copy->n; at += strlen(copy->p + at) + 1)
        set_variable(copy->p + at);
}

void generations_open(void)
{
    keep_environment(&first_environment);
}

void generations_close(void)
{
    buf_free(&first_environment);
}

/* ---- what is noted ---- */

int generation_note_lua(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "app");
    app_check(L, -1);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &noted);
    return 0;
}

bool generation_is_noted(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted);
    bool is_there = lua_istable(L, -1);
    lua_pop(L, 1);
    return is_there;
}

static void push_setting(const struct generation *g, const char *key)
{
    lua_rawgeti(g->L, LUA_REGISTRYINDEX, g->settings);
    lua_pushstring(g->L, key);
    lua_rawget(g->L, -2);
    lua_remove(g->L, -2);
}

const char *generation_text(struct generation *g, const char *key)
{
    push_setting(g, key);
    const char *text = lua_type(g->L, -1) == LUA_TSTRING ? lua_tostring(g->L, -1) : NULL;
    lua_pop(g->L, 1); /* the settings keep it */
    return text;
}

bool generation_flag(struct generation *g, const char *key)
{
    push_setting(g, key);
    bool flag = lua_toboolean(g->L, -1);
    lua_pop(g->L, 1);
    return flag;
}

int generation_number(struct generation *g, const char *key)
{
    push_setting(g, key);
    int number = (int)lua_tointeger(g->L, -1);
    lua_pop(g->L, 1);
    return number;
}

struct app *generation_app(const struct generation *g)
{
    return g->app;
}

lua_State *generation_state(const struct generation *g)
{
    return g->L;
}

const struct options *generation_options(const struct generation *g)
{
    return &g->options;
}

struct generation **generation_next(struct generation *g)
{
    return &g->next;
}

int64_t *generation_deadline(struct generation *g)
{
    return &g->deadline;
}

/* ---- protected calls ---- */

static int tostring_lua(lua_State *L)
{
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* Appends the error on top of the stack, whose __tostring may fail in turn. */
static void note_error(lua_State *L, struct buf *error)
{
    lua_pushcfunction(L, tostring_lua);
    lua_insert(L, -2);
    lua_pcall(L, 1, 1, 0);
    const char *text = lua_tostring(L, -1);
    buf_addstr(error, str_from(text ? text : "(an error without text)"));
}

/* Calls fn(arg) with the L of the state; 0, or -1 with the error's text. */
static int call(lua_State *L, lua_CFunction fn, void *arg, struct buf *error)
{
    int top = lua_gettop(L);
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, arg);
    int failed = lua_pcall(L, 1, 0, 0) != LUA_OK;
    if (failed)
        note_error(L, error);
    lua_settop(L, top);
    return failed ? -1 : 0;
}

/* ---- loading ---- */

static struct generation *wrap(lua_State *L)
{
    struct generation *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->L = L;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted);
    g->settings = luaL_ref(L, LUA_REGISTRYINDEX);
    push_setting(g, "app");
    g->app = app_check(L, -1);
    lua_pop(L, 1);
    g->context = (struct context){g->app, NULL, LUA_NOREF};
    options_defaults(&g->options);
    return g;
}

static void close_state(lua_State *L)
{
    wait_end_spawned(L);
    exchanges_abandon(L);
    inprocess_release(L);
    exchanges_close(L);
    modules_end(L);
    lua_memory_close(L);
}

struct generation *generation_take(lua_State *L)
{
    struct generation *g = wrap(L);
    if (!g)
        close_state(L);
    return g;
}

struct loading {
    const struct words *words;
    const struct buf *broken; /* why there is only a page that tells so; or NULL */
    int most_cpu;             /* seconds */
};

/* require "cflask.cli".load(argv, broken), which raises a text */
static int load_lua(lua_State *L)
{
    const struct loading *loading = lua_touserdata(L, 1);
    const struct words *words = loading->words;
    core_open(L);
    core_push_function(L, "cflask.cli", "load");
    lua_createtable(L, words->argc, 1);
    for (int i = 0; i < words->argc; i++) {
        lua_pushstring(L, words->argv[i]);
        lua_rawseti(L, -2, i);
    }
    if (loading->broken)
        lua_pushlstring(L, loading->broken->p, loading->broken->n);
    lua_call(L, loading->broken ? 2 : 1, 0);
    if (!generation_is_noted(L))
        return luaL_error(L, "no app is served by these words");
    return 0;
}

/* An endless loop in a file that was saved must not take the server away; coroutines that
   were made meanwhile keep the hook. */
static clock_t load_end; /* of CPU; 0: nothing is being loaded */
static int load_limit;   /* seconds of CPU */

static void check_time(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (load_end && clock() > load_end)
        luaL_error(L, "loading took more than %d seconds of CPU", load_limit);
}

static int load_limited(lua_State *L, const struct loading *loading, struct buf *error)
{
    load_limit = loading->most_cpu;
    load_end = clock() + load_limit * CLOCKS_PER_SEC;
    lua_sethook(L, check_time, LUA_MASKCOUNT, 1000000);
    int failed = call(L, load_lua, (void *)loading, error);
    lua_sethook(L, NULL, 0, 0);
    load_end = 0;
    return failed;
}

/* require "cflask.watched".list() -> what watch_set takes */
static int list_lua(lua_State *L)
{
    struct buf *list = lua_touserdata(L, 1);
    core_push_function(L, "cflask.watched", "list");
    lua_call(L, 0, 1);
    struct str text;
    text.p = lua_tolstring(L, -1, &text.n);
    if (text.p)
        buf_addstr(list, text);
    return 0;
}

static void list_watched(lua_State *L, struct buf *watched)
{
    struct buf ignored = {0};
    watched->n = 0;
    call(L, list_lua, watched, &ignored);
    buf_free(&ignored);
}

void generation_list_watched(struct generation *g, struct buf *watched)
{
    list_watched(g->L, watched);
}

static struct generation *load(const struct loading *loading, struct buf *error,
                               struct buf *watched)
{
    struct buf environment = {0};
    struct generation *g = NULL;
    lua_State *L = lua_memory_open();
    if (!L) {
        buf_addstr(error, STR("out of memory"));
        return NULL;
    }
    keep_environment(&environment);
    restore_environment(&first_environment);
    int failed = load_limited(L, loading, error);
    if (!failed && !(g = wrap(L)))
        buf_addstr(error, STR("out of memory"));
    list_watched(L, watched);
    if (!g) {
        restore_environment(&environment);
        close_state(L);
    }
    buf_free(&environment);
    return g;
}

struct generation *generation_load(const struct words *words, int most_cpu,
                                   struct buf *error, struct buf *watched)
{
    return load(&(struct loading){words, NULL, most_cpu}, error, watched);
}

struct generation *generation_load_broken(const struct words *words,
                                          const struct buf *why, struct buf *error)
{
    struct buf ignored = {0};
    struct generation *g = load(&(struct loading){words, why, 60}, error, &ignored);
    buf_free(&ignored);
    return g;
}

/* ---- starting and ending ---- */

/* Calls each function of the list settings[field] in a task; the first error is raised.
 */
static void run_hooks(struct generation *g, const char *field)
{
    lua_State *L = g->L;
    push_setting(g, field);
    int list = lua_gettop(L);
    lua_Integer n = lua_istable(L, list) ? (lua_Integer)lua_rawlen(L, list) : 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        wait_run(L, lua_gettop(L), 0, &g->context);
        lua_settop(L, list);
    }
    lua_pop(L, 1);
}

static int start_lua(lua_State *L)
{
    struct generation *g = lua_touserdata(L, 1);
    struct fault fault;
    app_close_registration(g->app);
    lua_rawgeti(L, LUA_REGISTRYINDEX, g->app->config);
    if (options_read(L, -1, &g->options, &fault) < 0) {
        lua_pushstring(L, fault.message);
        return lua_error(L);
    }
    modules_start(L);
    run_hooks(g, "before_serving");
    return 0;
}

/* require "cflask.broken".explain(text): the source lines that the text is about */
static int explain_lua(lua_State *L)
{
    struct buf *error = lua_touserdata(L, 1);
    core_push_function(L, "cflask.broken", "explain");
    lua_pushlstring(L, error->p, error->n);
    lua_call(L, 1, 1);
    struct str text;
    text.p = luaL_checklstring(L, -1, &text.n);
    error->n = 0;
    buf_addstr(error, text);
    return 0;
}

int generation_start(struct generation *g, struct buf *error)
{
    struct buf ignored = {0};
    g->is_started = call(g->L, start_lua, g, error) == 0;
    if (!g->is_started)
        call(g->L, explain_lua, error, &ignored);
    buf_free(&ignored);
    return g->is_started ? 0 : -1;
}

static int end_lua(lua_State *L)
{
    struct generation *g = lua_touserdata(L, 1);
    run_hooks(g, "after_serving");
    return 0;
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

/* after_serving functions that wait for too long are given up. */
static void run_after_serving(struct generation *g)
{
    struct buf error = {0};
    struct timeval most = {g->options.shutdown_timeout / 1000,
                           g->options.shutdown_timeout % 1000 * 1000};
    struct event *timer = evtimer_new(tasks_base(), on_late, tasks_base());
    if (timer)
        evtimer_add(timer, &most);
    if (call(g->L, end_lua, g, &error) < 0)
        log_format(LOG_ERROR, "an after_serving function failed: %.*s", (int)error.n,
                   error.p);
    if (timer)
        event_free(timer);
    buf_free(&error);
}

bool generation_is_busy(const struct generation *g)
{
    return exchanges_are_open(g->L) || wait_spawned(g->L) > 0;
}

void generation_end(struct generation *g)
{
    wait_end_spawned(g->L);
    if (g->is_started)
        run_after_serving(g);
    g->is_started = false;
}

void generation_free(struct generation *g)
{
    context_clear(g->L, &g->context);
    close_state(g->L);
    free(g);
}

static int tell_url_lua(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &noted);
    lua_getfield(L, -1, "on_listening");
    if (!lua_isfunction(L, -1))
        return 0;
    lua_pushstring(L, lua_touserdata(L, 1));
    lua_call(L, 1, 0);
    return 0;
}

void generation_tell_url(struct generation *g, const char *url)
{
    struct buf error = {0};
    if (call(g->L, tell_url_lua, (void *)url, &error) < 0)
        log_format(LOG_ERROR, "%.*s", (int)error.n, error.p);
    buf_free(&error);
}
