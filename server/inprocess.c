/* Requests without a socket: what the test client and app:test_request_context stand on.
   The bytes of a request go through http1.c and the same dispatch as a client's; the
   answer's bytes come back as a string. */
#include "inprocess.h"

#include "app.h"
#include "budget.h"
#include "dispatch.h"
#include "request_lua.h"
#include "send.h"
#include "visitor.h"
#include "wait.h"
#include <event2/buffer.h>
#include <stdlib.h>

/* A userdata, so that an error loses nothing. */
struct inprocess {
    struct sink sink; /* first */
    struct evbuffer *in, *body;
    struct exchange *ex; /* NULL before and after */
    bool is_over;
    bool is_dispatched;
};

static const char METATABLE[] = "cflask.inprocess";

static struct exchange *kept; /* client:context */

/* ---- the sink: all is taken at once ---- */

static void flush(struct sink *sink)
{
    (void)sink;
}

static bool is_congested(struct sink *sink)
{
    (void)sink;
    return false;
}

static void end(struct sink *sink, bool must_close, bool is_broken)
{
    (void)sink, (void)must_close, (void)is_broken;
}

static void on_end(struct exchange *ex)
{
    struct inprocess *p = ex->owner;
    p->is_over = true;
}

/* ---- its life ---- */

static int gc_lua(lua_State *L)
{
    struct inprocess *p = luaL_checkudata(L, 1, METATABLE);
    if (p->ex)
        exchange_abandon(p->ex);
    struct evbuffer *buffers[] = {p->in, p->body, p->sink.out};
    for (int i = 0; i < 3; i++)
        if (buffers[i])
            evbuffer_free(buffers[i]);
    *p = (struct inprocess){0};
    return 0;
}

static struct inprocess *push_inprocess(lua_State *L)
{
    struct inprocess *p = lua_newuserdatauv(L, sizeof *p, 0);
    *p = (struct inprocess){
        .sink = {.flush = flush, .is_congested = is_congested, .end = end}};
    luaL_setmetatable(L, METATABLE);
    p->in = evbuffer_new();
    p->body = evbuffer_new();
    p->sink.out = evbuffer_new();
    if (!p->in || !p->body || !p->sink.out)
        luaL_error(L, "out of memory");
    return p;
}

/* ---- a request from bytes ---- */

static const struct http1_limits limits = {1024 * 1024, 1000};

static void read_peer(lua_State *L, int options, struct peer *peer)
{
    *peer = (struct peer){.address = "127.0.0.1", .is_loopback = true};
    if (!lua_istable(L, options))
        return;
    lua_getfield(L, options, "remote_addr");
    lua_getfield(L, options, "remote_port");
    lua_getfield(L, options, "scheme");
    if (lua_isstring(L, -3))
        snprintf(peer->address, sizeof peer->address, "%s", lua_tostring(L, -3));
    peer->is_loopback = visitor_is_loopback(peer->address);
    peer->port = (int)lua_tointeger(L, -2);
    peer->is_secure = lua_isstring(L, -1) && strcmp(lua_tostring(L, -1), "https") == 0;
    lua_pop(L, 3);
}

/* What conn.c does for a client whose bytes are all there. 0, or -1 with a fault. */
static int read_request(struct inprocess *p, struct fault *fault)
{
    struct request *r = &p->ex->request;
    struct http1 reader = {0};
    enum http1_result result =
        http1_read_head(&reader, p->in, &limits, &r->arena, &r->head, fault);
    if (result == HTTP1_MORE)
        return fault_set(fault, 400, "the request's head is not whole");
    if (result == HTTP1_FAULT)
        return -1;
    exchange_route(p->ex);
    if (!http1_begin_body(&reader, &r->head))
        return 0;
    if (r->head.expects_other ||
        (r->head.has_length && request_is_over_limit(r, r->head.length))) {
        r->is_body_refused = true;
        return 0;
    }
    size_t moved;
    result = http1_read_body(&reader, &r->head, &limits, p->in, p->body, (size_t)-1,
                             &moved, fault);
    if (request_is_over_limit(r, moved)) {
        r->is_body_refused = true;
        return 0;
    }
    if (result == HTTP1_MORE)
        return fault_set(fault, 400, "the request's body is not whole");
    if (result == HTTP1_FAULT)
        return -1;
    return body_add(&r->body, p->body) < 0
               ? fault_set(fault, 503, "the body can't be kept")
               : 0;
}

/* Begins the exchange of the bytes at stack index 2 with the app at 1, options at 3. When
   the bytes are no request the refusal is in the sink, and false is returned. */
static bool begin(lua_State *L, struct inprocess *p)
{
    struct app *app = app_check(L, 1);
    struct fault fault;
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    if (task_current())
        luaL_error(L, "the test client can't be used inside a running request");
    inprocess_release(L);
    app_close_registration(app);
    budget_open(false);
    if (evbuffer_add(p->in, bytes, n) < 0 || !(p->ex = exchange_new(app, &p->sink)))
        luaL_error(L, "out of memory");
    read_peer(L, 3, &p->ex->request.peer);
    p->ex->on_end = on_end;
    p->ex->owner = p;
    if (read_request(p, &fault) == 0)
        return true;
    send_refusal(p->sink.out, fault.status, fault.message, false, false);
    return false;
}

static int push_answer(lua_State *L, struct inprocess *p)
{
    size_t n = evbuffer_get_length(p->sink.out);
    const char *bytes = n ? (const char *)evbuffer_pullup(p->sink.out, -1) : "";
    if (!bytes)
        return luaL_error(L, "out of memory");
    lua_pushlstring(L, bytes, n);
    return 1;
}

static int push_propagated(lua_State *L, const struct exchange *ex)
{
    lua_pushnil(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ex->error_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ex->traceback_ref);
    return 3;
}

static bool keeps_context(lua_State *L)
{
    if (!lua_istable(L, 3))
        return false;
    lua_getfield(L, 3, "keep");
    bool keeps = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return keeps;
}

/* The answer's bytes; true and the error behind them when the streamed body has failed.
 */
static int push_result(lua_State *L, struct inprocess *p)
{
    int n = push_answer(L, p);
    if (!p->ex->is_body_failed)
        return n;
    lua_pushboolean(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->ex->error_ref);
    return n + 2;
}

/* exchange(handle, bytes, options) -> the answer's bytes, and true and its error when the
   streamed body has failed; or nil, error, traceback */
static int exchange_lua(lua_State *L)
{
    lua_settop(L, 3);
    struct inprocess *p = push_inprocess(L);
    if (!begin(L, p))
        return push_answer(L, p);
    dispatch_request(p->ex);
    if (!tasks_run_until(&p->is_over))
        return luaL_error(L, "the request waits for what never comes");
    int n = p->ex->is_propagated ? push_propagated(L, p->ex) : push_result(L, p);
    if (keeps_context(L)) {
        kept = p->ex;
        request_keep(kept);
    } else {
        exchange_free(p->ex);
    }
    p->ex = NULL;
    return n;
}

static lua_State *main_state(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main;
}

void inprocess_release(lua_State *L)
{
    if (!kept || kept->task.L != main_state(L))
        return;
    request_keep(NULL);
    exchange_abandon(kept);
    kept = NULL;
}

static int release_lua(lua_State *L)
{
    inprocess_release(L);
    return 0;
}

/* Pushes the request of exchange's first three arguments, routed but not dispatched. */
static struct inprocess *push_request(lua_State *L)
{
    struct inprocess *p = push_inprocess(L);
    if (!begin(L, p))
        luaL_error(L, "the request is malformed");
    return p;
}

/* with_request(handle, bytes, options, fn) -> fn's results. Hooks don't run, as in Flask.
 */
static int with_request_lua(lua_State *L)
{
    luaL_checktype(L, 4, LUA_TFUNCTION);
    lua_settop(L, 4);
    struct inprocess *p = push_request(L);
    lua_pushvalue(L, 4);
    return wait_run(L, lua_gettop(L), 0, &p->ex->context);
}

/* hold_request(handle, bytes, options) -> a request for `within` */
static int hold_request_lua(lua_State *L)
{
    lua_settop(L, 3);
    push_request(L);
    return 1;
}

/* within(request, fn) -> fn's results. The request's context stays until the request is
   collected. */
static int within_lua(lua_State *L)
{
    struct inprocess *p = luaL_checkudata(L, 1, METATABLE);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    luaL_argcheck(L, p->ex, 1, "no request");
    return wait_run(L, 2, 0, &p->ex->context);
}

/* with_app(handle, fn) -> fn's results */
static int with_app_lua(lua_State *L)
{
    struct app *app = app_check(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    return wait_run_in_app(L, 2, app);
}

void inprocess_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"exchange", exchange_lua},
                                         {"with_request", with_request_lua},
                                         {"hold_request", hold_request_lua},
                                         {"within", within_lua},
                                         {"with_app", with_app_lua},
                                         {"release_context", release_lua},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, METATABLE);
    lua_pushcfunction(L, gc_lua);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
