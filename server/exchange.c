/* One request and its answer: begun at the head's first byte, routed when the head is
   there, given back after the last teardown function. dispatch.c has what happens in
   between. */
#include "app.h"
#include "debugger.h"
#include "dispatch.h"
#include "log.h"
#include "proxy_fix.h"
#include "request_lua.h"
#include "session_lua.h"
#include <stdlib.h>

#define MOST_KEPT 256 /* exchanges that wait for the next request */
#define MOST_PUSHED                                                                      \
    (1024 * 1024) /* bytes of one answer that the collector is told of                   \
                   */

static struct exchange *kept;
static int n_kept;
static struct exchange *open; /* in use: doubly linked */

static void go_on(struct task *task);

static struct exchange *make(struct app *app)
{
    struct exchange *ex = calloc(1, sizeof *ex);
    if (!ex)
        return NULL;
    response_init(&ex->quick);
    if (task_init(&ex->task, app->L, &ex->context, go_on) == 0)
        return ex;
    free(ex);
    return NULL;
}

static void init(struct exchange *ex, struct app *app, struct sink *sink)
{
    request_init(&ex->request);
    session_init(&ex->session);
    ex->request.app = app;
    ex->context = (struct context){app, ex, LUA_NOREF};
    ex->answer = NULL;
    ex->answer_ref = ex->error_ref = ex->traceback_ref = ex->dead_ref = LUA_NOREF;
    ex->failure = ex->borrowed = NULL;
    ex->stage = ex->i = ex->n_args = ex->n_failures = ex->error_status = 0;
    ex->is_calling = ex->is_head_sent = ex->is_unhandled = ex->is_propagated = false;
    ex->is_body_failed = false;
    ex->has_after_this = false;
    ex->is_chunked = ex->has_length = ex->must_close = false;
    ex->length = ex->sent = ex->sent_before_turn = 0;
    ex->sink = sink;
    ex->on_end = NULL;
    clock_gettime(CLOCK_MONOTONIC, &ex->began);
}

struct exchange *exchange_new(struct app *app, struct sink *sink)
{
    struct exchange *ex = kept;
    if (ex && ex->task.L == app->L) {
        kept = ex->next_free;
        n_kept--;
    } else {
        ex = make(app);
    }
    if (!ex)
        return NULL;
    init(ex, app, sink);
    ex->previous_open = NULL;
    ex->next_open = open;
    if (open)
        open->previous_open = ex;
    open = ex;
    return ex;
}

static void leave_open(struct exchange *ex)
{
    if (ex->previous_open)
        ex->previous_open->next_open = ex->next_open;
    else
        open = ex->next_open;
    if (ex->next_open)
        ex->next_open->previous_open = ex->previous_open;
}

/* A response object is garbage that Lua keeps until its finalizer has run, and counts as
   in use when it decides how long to wait for the next cycle: each would be longer than
   the one before. What the object holds outside of Lua is not counted at all. So each
   pushes the collector on. */
static void push_collector(lua_State *L, const struct response *answer)
{
    size_t size = answer->kind == RESPONSE_TEXT ? answer->text.n : 0;
    size = size < MOST_PUSHED ? size : MOST_PUSHED;
    lua_gc(L, LUA_GCSTEP, (int)(size / 1024) + 1);
}

/* What the request holds, but not its coroutine and first memory, which the next one
 * uses. */
static void clear(struct exchange *ex)
{
    lua_State *L = ex->task.L;
    debugger_leave(ex);
    debugger_drop_frames(ex);
    task_stop(&ex->task);
    budget_clear(&ex->task);
    lua_settop(ex->task.co, 0);
    if (ex->context.locals != LUA_NOREF)
        context_clear(L, &ex->context);
    if (ex->answer)
        response_drop_file(ex->answer);
    if (ex->answer_ref != LUA_NOREF) {
        luaL_unref(L, LUA_REGISTRYINDEX, ex->answer_ref);
        if (ex->answer)
            push_collector(L, ex->answer);
    }
    if (ex->session.data != LUA_NOREF || ex->session.flashes != LUA_NOREF)
        session_end(L, &ex->session);
    if (ex->error_ref != LUA_NOREF)
        luaL_unref(L, LUA_REGISTRYINDEX, ex->error_ref);
    if (ex->traceback_ref != LUA_NOREF)
        luaL_unref(L, LUA_REGISTRYINDEX, ex->traceback_ref);
    if (ex->request.is_matched)
        route_result_close(L, &ex->request.match);
    response_reset(L, &ex->quick);
    request_clear(&ex->request);
}

static void destroy(struct exchange *ex)
{
    task_end(&ex->task);
    arena_free(&ex->request.arena);
    arena_free(&ex->quick.arena);
    free(ex);
}

void exchange_free(struct exchange *ex)
{
    if (debugger_keeps(ex))
        return;
    clear(ex);
    leave_open(ex);
    if (n_kept >= MOST_KEPT) {
        destroy(ex);
        return;
    }
    ex->next_free = kept;
    kept = ex;
    n_kept++;
}

void exchange_finish(struct exchange *ex)
{
    log_access(ex);
    if (ex->on_end)
        ex->on_end(ex);
    else
        exchange_free(ex);
}

void exchange_abandon(struct exchange *ex)
{
    debugger_forget(ex);
    ex->sink = NULL;
    clear(ex);
    leave_open(ex);
    destroy(ex);
}

bool exchanges_are_open(lua_State *L)
{
    for (struct exchange *ex = open; ex; ex = ex->next_open)
        if (ex->task.L == L && !debugger_has_kept(ex))
            return true;
    return false;
}

void exchanges_abandon(lua_State *L)
{
    for (struct exchange *ex = open, *next; ex; ex = next) {
        next = ex->next_open;
        if (ex->task.L == L && !ex->sink)
            exchange_abandon(ex);
    }
}

/* The kept ones whose evaluation goes on stay until the state ends. */
static void drop_failures(lua_State *L)
{
    for (struct exchange *ex = open, *next; ex; ex = next) {
        next = ex->next_open;
        if (ex->task.L == L && debugger_has_kept(ex) && debugger_is_unused(ex)) {
            debugger_forget(ex);
            exchange_free(ex);
        }
    }
}

void exchanges_close(lua_State *L)
{
    drop_failures(L);
    for (struct exchange **at = &kept; *at;) {
        struct exchange *ex = *at;
        if (ex->task.L != L) {
            at = &ex->next_free;
            continue;
        }
        *at = ex->next_free;
        destroy(ex);
        n_kept--;
    }
}

/* The task was woken, or has its next turn. */
static void go_on(struct task *task)
{
    struct exchange *ex = (struct exchange *)task;
    ex->n_args = task->n_values;
    if (!ex->is_calling)
        task->state = TASK_IDLE;
    ex->sent_before_turn = ex->sent;
    dispatch_request(ex);
}

/* ---- STEP 3 ---- */

/* PROXY_FIX of the app that the request comes to first. Returns the prefix of all URLs.
 */
static struct str ask_proxies(lua_State *L, struct request *r)
{
    struct proxy_trust trust;
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->app->config);
    lua_pushliteral(L, "PROXY_FIX");
    lua_rawget(L, -2);
    bool is_trusted = proxy_fix_read(L, -1, &trust);
    lua_pop(L, 2);
    return is_trusted ? proxy_fix_apply(r, &trust) : STR("");
}

/* Puts the prefix before what mounts have made of root_path. */
static void add_prefix(struct request *r, struct str prefix)
{
    char *text = prefix.n ? arena_alloc(&r->arena, prefix.n + r->root_path.n) : NULL;
    if (!text)
        return;
    memcpy(text, prefix.p, prefix.n);
    memcpy(text + prefix.n, r->root_path.p, r->root_path.n);
    r->root_path = (struct str){text, prefix.n + r->root_path.n};
}

/* Follows mounts to the app that serves the path. */
static void find_app(struct request *r)
{
    const struct mount *mount;
    r->path = r->head.path;
    r->root_path = STR("");
    while ((mount = app_find_mount(r->app, request_host_name(r), r->path))) {
        r->app = mount->app;
        r->path = str_skip(r->path, mount->prefix.n);
        r->root_path = (struct str){r->head.path.p, r->root_path.n + mount->prefix.n};
    }
}

/* What the head alone says can't be served; the app's error handlers answer. */
static int refusal_of(const struct request *r)
{
    if (str_eq(r->head.method, STR("CONNECT")))
        return 501;
    if (r->head.expects_other)
        return 417;
    switch (r->match.outcome) {
    case ROUTE_NOT_FOUND:
        return 404;
    case ROUTE_METHOD_NOT_ALLOWED:
        return 405;
    case ROUTE_FAILED:
        return 500;
    default:
        return 0;
    }
}

static void route(struct exchange *ex)
{
    struct request *r = &ex->request;
    struct str prefix = ask_proxies(ex->task.L, r);
    find_app(r);
    add_prefix(r, prefix);
    ex->context.app = r->app;
    if (r->path.n == 0 || r->path.p[0] == '/')
        request_match(ex);
    else /* `OPTIONS *` asks about the server as a whole; CONNECT is refused below */
        r->match = (struct route_result){.outcome = ROUTE_OPTIONS, .rule = -1};
    bool has_rule =
        (r->match.outcome == ROUTE_FOUND || r->match.outcome == ROUTE_OPTIONS) &&
        r->match.rule >= 0 && r->match.rule < r->app->n_plans;
    r->plan = has_rule ? &r->app->plans[r->match.rule] : &r->app->unmatched;
    if (!r->refusal)
        r->refusal = refusal_of(r);
    r->max_content_length = r->plan->max_content_length;
    if (r->max_content_length < 0)
        r->max_content_length =
            app_config_limit(r->app, "MAX_CONTENT_LENGTH", 16 * 1024 * 1024);
}

static int route_lua(lua_State *L)
{
    route(lua_touserdata(L, 1));
    return 0;
}

/* Own converters and missing memory can raise. */
void exchange_route(struct exchange *ex)
{
    lua_State *L = ex->task.L;
    lua_pushcfunction(L, route_lua);
    lua_pushlightuserdata(L, ex);
    if (budget_pcall(L, &ex->task, 1, 0) == LUA_OK)
        return;
    log_text(LOG_ERROR, lua_tostring(L, -1));
    lua_pop(L, 1);
    ex->request.plan = &ex->request.app->unmatched;
    ex->request.refusal = 500;
}
