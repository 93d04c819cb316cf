/* STEP 4: request in, response out: match, before, call, after, finish.

   A request goes through the stages of the table below, from top to bottom. A stage may
   call one of the app's functions; each is a call of its own through task_resume. When
   the function waits, dispatch_request returns and is entered again, at the same stage,
   when the wait is over. When it raises, the request goes to the HANDLE stage, and on
   from there as after a view. No input or output is done here: send.c has that. */
#include "dispatch.h"

#include "app.h"
#include "base/value.h"
#include "debugger.h"
#include "jinja/jinja.h"
#include "log.h"
#include "request_lua.h"
#include "response_lua.h"
#include "send.h"
#include "session_lua.h"
#include "signals.h"

enum verdict {
    CALL, /* a function and ex->n_args arguments are on the coroutine's stack */
    NEXT, /* nothing (more) to call at this stage */
    WAIT  /* the client must take something first: exchange_drained goes on */
};

struct stage {
    enum verdict (*call)(struct exchange *ex, lua_State *co);
    void (*took)(struct exchange *ex, lua_State *co); /* the results are on co's stack */
};

/* clang-format off */
enum {
    PUSHED, OPEN, STARTED, PREPROCESS, BEFORE, /* before the view */
    VIEW, MAKE,                          /* the view, and make_response of its results */
    AFTER_THIS, AFTER, SAVE, FINISHED,   /* after the view */
    SEND, BODY, CLOSE,                   /* the answer goes out */
    TORN_DOWN, TEARDOWN, APP_TORN_DOWN, POPPED, END,
    HANDLE                               /* an error: its handler is called, then MAKE */
};
/* clang-format on */

static void go_to(struct exchange *ex, int stage)
{
    ex->stage = stage;
    ex->i = 0;
}

/* ---- hooks: one function after another ---- */

/* Pushes the next function of the list: false behind the last. */
static bool push_hook(struct exchange *ex, lua_State *co, const struct hooks *hooks)
{
    if (ex->i >= hooks->n)
        return false;
    lua_rawgeti(co, LUA_REGISTRYINDEX, hooks->ref);
    lua_rawgeti(co, -1, ++ex->i);
    lua_remove(co, -2);
    return true;
}

static void ignore_results(struct exchange *ex, lua_State *co)
{
    (void)ex;
    lua_settop(co, 0);
}

static enum verdict push_signal(struct exchange *ex, lua_State *co, enum signal signal)
{
    if (!signal_is_wanted(ex->request.app->signals, signal) || ex->i++ > 0)
        return NEXT;
    app_push(co, ex->request.app);
    lua_getfield(co, -1, "_send_signal");
    lua_insert(co, -2);
    lua_pushstring(co, signal_name(signal));
    ex->n_args = 2;
    return CALL;
}

static enum verdict call_pushed(struct exchange *ex, lua_State *co)
{
    return push_signal(ex, co, SIGNAL_APPCONTEXT_PUSHED);
}

static enum verdict call_started(struct exchange *ex, lua_State *co)
{
    return push_signal(ex, co, SIGNAL_REQUEST_STARTED);
}

/* ---- the session of an app with a session_interface ---- */

static void fail(struct exchange *ex, lua_State *co);

static enum verdict call_open(struct exchange *ex, lua_State *co)
{
    ex->n_args = session_push_opening(co, ex);
    return ex->n_args < 0 ? NEXT : CALL;
}

static void took_open(struct exchange *ex, lua_State *co)
{
    const char *wrong = session_opened(co, ex);
    if (wrong) {
        lua_pushstring(co, wrong);
        fail(ex, co);
    }
}

/* ---- url_value_preprocessor and before_request functions ---- */

static enum verdict call_preprocessor(struct exchange *ex, lua_State *co)
{
    const struct plan *plan = ex->request.plan;
    if (!push_hook(ex, co, &plan->preprocessors))
        return NEXT;
    lua_rawgeti(co, LUA_REGISTRYINDEX, plan->info);
    lua_getfield(co, -1, "endpoint");
    lua_remove(co, -2);
    request_push_view_args(co, ex);
    ex->n_args = 2;
    return CALL;
}

static enum verdict call_before(struct exchange *ex, lua_State *co)
{
    ex->n_args = 0;
    return push_hook(ex, co, &ex->request.plan->before) ? CALL : NEXT;
}

static void took_before(struct exchange *ex, lua_State *co)
{
    if (lua_isnoneornil(co, 1)) {
        lua_settop(co, 0);
        return;
    }
    go_to(ex, MAKE);
}

/* ---- the view ---- */

/* What was to be answered is forgotten: nothing of it may show in the error's answer. */
static void drop_answer(struct exchange *ex)
{
    ex->answer = NULL;
    response_clear(ex->task.L, &ex->quick);
}

/* The answers that the core gives in a view's place. True when ex->quick is one. */
static bool answer_by_itself(struct exchange *ex)
{
    switch (ex->request.match.outcome) {
    case ROUTE_REDIRECT:
        return response_redirect(&ex->quick, ex->request.match.location, 308) == 0;
    case ROUTE_OPTIONS:
        return response_allow(&ex->quick, &ex->request.match) == 0;
    default:
        return false;
    }
}

static enum verdict call_view(struct exchange *ex, lua_State *co)
{
    struct request *r = &ex->request;
    if (r->refusal) {
        if (ex->error_ref == LUA_NOREF) /* else a converter's error is there already */
            ex->error_status = r->refusal;
        go_to(ex, HANDLE);
        return NEXT;
    }
    if (r->plan->view == LUA_NOREF || r->match.outcome != ROUTE_FOUND) {
        if (answer_by_itself(ex)) {
            ex->answer = &ex->quick;
            go_to(ex, MAKE);
        } else {
            drop_answer(ex);
            ex->error_status = 404;
            go_to(ex, HANDLE);
        }
        return NEXT;
    }
    lua_rawgeti(co, LUA_REGISTRYINDEX, r->plan->view);
    ex->n_args = request_push_arguments(co, ex);
    return CALL;
}

bool exchange_is_in_view(const struct exchange *ex, lua_State *L)
{
    lua_Debug caller;
    return ex->stage == VIEW && L == ex->task.co && !lua_getstack(L, 1, &caller);
}

/* What a view, a before_request function or an error handler returned is on the stack. */
static void took_view(struct exchange *ex, lua_State *co)
{
    if (lua_gettop(co) == 1 && lua_type(co, 1) == LUA_TSTRING) {
        response_set_text(co, &ex->quick, 1);
        ex->answer = &ex->quick;
        lua_settop(co, 0);
    } else if (lua_gettop(co) == 1 && lua_touserdata(co, 1) == &ex->quick) {
        ex->answer = &ex->quick; /* a view in C has filled it */
        lua_settop(co, 0);
    }
    go_to(ex, MAKE);
}

/* ---- make_response ---- */

/* A C function does it, on the coroutine, as it may raise. */
static enum verdict call_make(struct exchange *ex, lua_State *co)
{
    const struct plan *plan = ex->request.plan;
    bool is_touched = plan->after.n > 0 || exchange_has_after_this(ex) ||
                      ex->session.kind == SESSION_STORE ||
                      signal_is_wanted(ex->request.app->signals, SIGNAL_REQUEST_FINISHED);
    if (ex->answer && (ex->answer != &ex->quick || !is_touched))
        return NEXT;
    lua_checkstack(co, 2);
    if (ex->answer) { /* hooks will see it: it becomes a Lua object */
        lua_settop(co, 0);
        lua_pushcfunction(co, response_wrap_quick);
        lua_pushlightuserdata(co, ex);
        ex->n_args = 1;
        return CALL;
    }
    int n = lua_gettop(co);
    lua_pushcfunction(co, response_make_from_view);
    lua_insert(co, 1);
    ex->n_args = n;
    return CALL;
}

static void keep_answer(struct exchange *ex, lua_State *co)
{
    int old = ex->answer_ref;
    ex->answer = response_check(co, 1);
    lua_pushvalue(co, 1);
    ex->answer_ref = luaL_ref(co, LUA_REGISTRYINDEX);
    luaL_unref(co, LUA_REGISTRYINDEX, old);
    lua_settop(co, 0);
}

/* ---- after_request functions ---- */

static enum verdict call_after_this(struct exchange *ex, lua_State *co)
{
    if (!exchange_push_after_this(co, ex, ++ex->i))
        return NEXT;
    lua_rawgeti(co, LUA_REGISTRYINDEX, ex->answer_ref);
    ex->n_args = 1;
    return CALL;
}

static enum verdict call_after(struct exchange *ex, lua_State *co)
{
    if (!push_hook(ex, co, &ex->request.plan->after))
        return NEXT;
    lua_rawgeti(co, LUA_REGISTRYINDEX, ex->answer_ref);
    ex->n_args = 1;
    return CALL;
}

static void took_after(struct exchange *ex, lua_State *co)
{
    if (lua_isnoneornil(co, 1)) {
        lua_settop(co, 0);
    } else if (response_is(co, 1)) {
        lua_settop(co, 1);
        keep_answer(ex, co);
    } else {
        const char *type = luaL_typename(co, 1);
        lua_settop(co, 0);
        lua_pushfstring(
            co, "an after_request function must return a response or nil, not a %s",
            type);
        fail(ex, co);
    }
}

/* The session is put into the answer, whose head goes out after this. */
static enum verdict call_save(struct exchange *ex, lua_State *co)
{
    ex->n_args = ex->i++ > 0 ? -1 : session_push_saving(co, ex);
    return ex->n_args < 0 ? NEXT : CALL;
}

static void took_save(struct exchange *ex, lua_State *co)
{
    session_saved(co, ex);
}

static enum verdict call_finished(struct exchange *ex, lua_State *co)
{
    enum verdict verdict = push_signal(ex, co, SIGNAL_REQUEST_FINISHED);
    if (verdict == CALL) {
        lua_newtable(co);
        lua_rawgeti(co, LUA_REGISTRYINDEX, ex->answer_ref);
        lua_setfield(co, -2, "response");
        ex->n_args = 3;
    }
    return verdict;
}

/* ---- the answer goes out ---- */

static enum verdict call_send(struct exchange *ex, lua_State *co)
{
    (void)co;
    go_to(ex, send_answer(ex) ? CLOSE : BODY);
    return NEXT;
}

/* So much goes out in one turn before others get theirs. */
#define TURN 262144

static enum verdict call_body(struct exchange *ex, lua_State *co)
{
    struct response *answer = ex->answer;
    if (!ex->sink)
        return NEXT;
    if (answer->kind != RESPONSE_STREAM)
        return send_more(ex) ? NEXT : WAIT;
    if (ex->sink->is_congested(ex->sink))
        return WAIT;
    if (ex->sent - ex->sent_before_turn > TURN) {
        task_requeue(&ex->task);
        return WAIT;
    }
    lua_settop(co, 0);
    lua_rawgeti(co, LUA_REGISTRYINDEX, answer->stream_ref);
    ex->n_args = 0;
    return CALL;
}

static void took_body(struct exchange *ex, lua_State *co)
{
    struct fault fault;
    int failed = 0;
    if (lua_isnoneornil(co, 1)) {
        failed = send_last_chunk(ex, &fault);
        go_to(ex, CLOSE);
    } else if (lua_type(co, 1) == LUA_TSTRING || response_push_text(co, 1)) {
        struct str chunk;
        chunk.p = lua_tolstring(co, -1, &chunk.n);
        failed = send_chunk(ex, chunk, &fault);
    } else {
        failed = fault_set(&fault, 500, "a streamed body must give strings, not a %s",
                           luaL_typename(co, 1));
    }
    lua_settop(co, 0);
    if (failed) {
        log_request_error(ex, fault.message);
        send_broken(ex);
        go_to(ex, CLOSE);
    }
}

/* ---- the end ---- */

static enum verdict call_close(struct exchange *ex, lua_State *co)
{
    if (!ex->answer || ex->answer->on_close_ref == LUA_NOREF)
        return NEXT;
    lua_rawgeti(co, LUA_REGISTRYINDEX, ex->answer->on_close_ref);
    lua_rawgeti(co, -1, ++ex->i);
    lua_remove(co, -2);
    ex->n_args = 0;
    if (!lua_isnil(co, -1))
        return CALL;
    lua_pop(co, 1);
    return NEXT;
}

static void push_unanswered_error(struct exchange *ex, lua_State *co)
{
    if (ex->is_unhandled && ex->error_ref != LUA_NOREF)
        lua_rawgeti(co, LUA_REGISTRYINDEX, ex->error_ref);
    else
        lua_pushnil(co);
}

static enum verdict push_teardown_signal(struct exchange *ex, lua_State *co,
                                         enum signal signal)
{
    enum verdict verdict = push_signal(ex, co, signal);
    if (verdict == CALL) {
        lua_newtable(co);
        push_unanswered_error(ex, co);
        lua_setfield(co, -2, "err");
        ex->n_args = 3;
    }
    return verdict;
}

static enum verdict call_torn_down(struct exchange *ex, lua_State *co)
{
    return push_teardown_signal(ex, co, SIGNAL_REQUEST_TEARING_DOWN);
}

static enum verdict call_app_torn_down(struct exchange *ex, lua_State *co)
{
    return push_teardown_signal(ex, co, SIGNAL_APPCONTEXT_TEARING_DOWN);
}

static enum verdict call_popped(struct exchange *ex, lua_State *co)
{
    return push_signal(ex, co, SIGNAL_APPCONTEXT_POPPED);
}

static enum verdict call_teardown(struct exchange *ex, lua_State *co)
{
    if (!push_hook(ex, co, &ex->request.plan->teardown))
        return NEXT;
    push_unanswered_error(ex, co);
    ex->n_args = 1;
    return CALL;
}

/* ---- errors ---- */

static void push_refusal_details(lua_State *co, const struct request *r)
{
    lua_newtable(co);
    if (r->match.outcome == ROUTE_METHOD_NOT_ALLOWED) {
        value_push_list(co, (int)r->match.methods_n);
        for (size_t i = 0; i < r->match.methods_n; i++) {
            lua_pushlstring(co, r->match.methods[i].p, r->match.methods[i].n);
            lua_rawseti(co, -2, (int)i + 1);
        }
        lua_setfield(co, -2, "allow");
    }
}

static enum verdict call_handler(struct exchange *ex, lua_State *co)
{
    debugger_leave(ex);
    lua_settop(co, 0);
    app_push(co, ex->request.app);
    lua_getfield(co, -1, "_on_error");
    lua_insert(co, -2);
    if (ex->error_status)
        lua_pushinteger(co, ex->error_status);
    else
        lua_rawgeti(co, LUA_REGISTRYINDEX, ex->error_ref);
    lua_rawgeti(co, LUA_REGISTRYINDEX, ex->traceback_ref);
    lua_rawgeti(co, LUA_REGISTRYINDEX, ex->request.plan->info);
    lua_getfield(co, -1, "blueprints");
    lua_remove(co, -2);
    if (ex->n_failures)
        lua_pushinteger(co, ex->n_failures);
    else
        lua_pushboolean(co, 0);
    if (ex->error_status)
        push_refusal_details(co, &ex->request);
    else
        lua_pushnil(co);
    ex->n_args = 6;
    return CALL;
}

static void keep_error(struct exchange *ex, lua_State *co)
{
    luaL_unref(co, LUA_REGISTRYINDEX, ex->error_ref);
    luaL_unref(co, LUA_REGISTRYINDEX, ex->traceback_ref);
    luaL_traceback(ex->task.L, co, NULL, 0);
    jinja_add_places(ex->task.L, co);
    ex->traceback_ref = luaL_ref(ex->task.L, LUA_REGISTRYINDEX);
    if (lua_gettop(co) == 0)
        lua_pushnil(co);
    lua_pushvalue(co, -1);
    ex->error_ref = luaL_ref(co, LUA_REGISTRYINDEX);
    ex->error_status = 0;
}

/* The last resort: an answer that needs no Lua. */
static void answer_plainly(struct exchange *ex, int status)
{
    debugger_leave(ex);
    drop_answer(ex);
    response_error(&ex->quick, status);
    ex->answer = &ex->quick;
    go_to(ex, SEND);
}

static void log_failure(struct exchange *ex)
{
    lua_State *L = ex->task.L;
    task_push_error(&ex->task);
    log_request_error(ex, lua_tostring(L, -1));
    lua_pop(L, 1);
}

/* TESTING: the error is the test client's. A real client gets the plain page. */
static void propagate(struct exchange *ex, lua_State *co)
{
    if (ex->error_ref == LUA_NOREF)
        keep_error(ex, co);
    if (!ex->on_end) {
        answer_plainly(ex, 500);
        return;
    }
    send_broken(ex);
    go_to(ex, CLOSE);
}

static void fail_after_sending(struct exchange *ex, lua_State *co)
{
    log_failure(ex);
    if (ex->stage == BODY) {
        if (ex->on_end)
            keep_error(ex, co);
        ex->is_body_failed = true;
        send_broken(ex);
        go_to(ex, CLOSE);
    }
}

static void fail_before_sending(struct exchange *ex, lua_State *co)
{
    if (ex->stage > VIEW)
        ex->n_failures++;
    drop_answer(ex);
    keep_error(ex, co);
    if (ex->n_failures <= 2) {
        go_to(ex, HANDLE);
        return;
    }
    log_failure(ex);
    answer_plainly(ex, 500);
}

/* HANDLER_CPU_LIMIT: 503, through the app's handler of it; if that is not over as well.
 */
static void fail_over_limit(struct exchange *ex)
{
    log_failure(ex);
    drop_answer(ex);
    if (ex->stage <= VIEW) {
        ex->error_status = 503;
        go_to(ex, HANDLE);
    } else {
        answer_plainly(ex, 503);
    }
}

/* The function of this stage has raised: the error is on top of co's stack. */
static void fail(struct exchange *ex, lua_State *co)
{
    if (task_is_over(&ex->task) && !ex->is_head_sent)
        fail_over_limit(ex);
    else if (ex->is_propagated && !ex->is_head_sent)
        propagate(ex, co);
    else if (ex->is_head_sent)
        fail_after_sending(ex, co);
    else
        fail_before_sending(ex, co);
    if (ex->stage == HANDLE && debugger_keep_frames(ex))
        return;
    if (ex->task.state == TASK_DEAD)
        task_renew(&ex->task);
    else
        lua_settop(co, 0);
}

/* ---- the way of a request ---- */

/* clang-format off */
static const struct stage stages[] = {
    [PUSHED]        = {call_pushed, ignore_results},
    [OPEN]          = {call_open, took_open},
    [STARTED]       = {call_started, ignore_results},
    [PREPROCESS]    = {call_preprocessor, ignore_results},
    [BEFORE]        = {call_before, took_before},
    [VIEW]          = {call_view, took_view},
    [MAKE]          = {call_make, keep_answer},
    [AFTER_THIS]    = {call_after_this, took_after},
    [AFTER]         = {call_after, took_after},
    [SAVE]          = {call_save, took_save},
    [FINISHED]      = {call_finished, ignore_results},
    [SEND]          = {call_send, NULL},
    [BODY]          = {call_body, took_body},
    [CLOSE]         = {call_close, ignore_results},
    [TORN_DOWN]     = {call_torn_down, ignore_results},
    [TEARDOWN]      = {call_teardown, ignore_results},
    [APP_TORN_DOWN] = {call_app_torn_down, ignore_results},
    [POPPED]        = {call_popped, ignore_results},
    [HANDLE]        = {call_handler, took_view},
};
/* clang-format on */

/* Runs the stages until the request is over: true; or something must be waited for: then
   the exchange may be gone. */
static bool run_stages(struct exchange *ex)
{
    while (ex->stage != END) {
        const struct stage *stage = &stages[ex->stage];
        if (!ex->is_calling) {
            int at = ex->stage;
            enum verdict verdict = stage->call(ex, ex->task.co);
            if (verdict == WAIT)
                return false;
            if (verdict == NEXT) {
                if (ex->stage == at)
                    go_to(ex, at + 1);
                continue;
            }
        }
        enum outcome outcome = task_resume(&ex->task, ex->n_args);
        ex->is_calling = outcome == OUTCOME_PARKED;
        if (outcome == OUTCOME_PARKED)
            return false;
        if (outcome == OUTCOME_DONE)
            stage->took(ex, ex->task.co);
        else
            fail(ex, ex->task.co);
    }
    return true;
}

static int run_stages_lua(lua_State *L)
{
    struct exchange *ex = lua_touserdata(L, 1);
    bool *is_over = lua_touserdata(L, 2);
    *is_over = run_stages(ex);
    return 0;
}

/* False when Lua has raised in a stage, as it can only when memory is out. */
static bool run_protected(struct exchange *ex, bool *is_over)
{
    lua_State *L = ex->task.L;
    lua_pushcfunction(L, run_stages_lua);
    lua_pushlightuserdata(L, ex);
    lua_pushlightuserdata(L, is_over);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
        return true;
    log_text(LOG_ERROR, lua_tostring(L, -1));
    lua_pop(L, 1);
    return false;
}

/* Memory is out: 503, while that can be said. */
static bool run_plainly(struct exchange *ex, bool *is_over)
{
    if (ex->is_head_sent)
        return false;
    task_stop(&ex->task);
    ex->is_calling = false;
    answer_plainly(ex, 503);
    return run_protected(ex, is_over);
}

void dispatch_request(struct exchange *ex)
{
    bool is_over = false;
    if (!run_protected(ex, &is_over) && !run_plainly(ex, &is_over)) {
        send_broken(ex);
        is_over = true;
    }
    if (is_over)
        exchange_finish(ex);
}

void exchange_drained(struct exchange *ex)
{
    if (ex->stage != BODY || ex->is_calling || ex->task.state == TASK_READY)
        return; /* READY: its turn comes by itself */
    ex->sent_before_turn = ex->sent;
    dispatch_request(ex);
}

void exchange_gone(struct exchange *ex)
{
    ex->sink = NULL;
    exchange_drained(ex);
}

void exchange_expire(struct exchange *ex, int status)
{
    bool was_expired = ex->error_status == status;
    task_stop(&ex->task);
    ex->is_calling = false;
    ex->error_status = status;
    drop_answer(ex);
    if (was_expired)
        answer_plainly(ex, status);
    else
        go_to(ex, HANDLE);
    dispatch_request(ex);
}
