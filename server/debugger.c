/* The debugger's part in C: the dead coroutines and the requests that it keeps, and the
   PIN that guards it. What it shows is lua/cflask/debugger.lua's.

   A request that fails in debug mode goes through the same stages as any other; only its
   dead coroutine is put aside, and when it is over its exchange isn't freed. Lua has a
   handle of both. To evaluate, the task of a later request borrows the kept one's
   context: flask.request, session and g are the failed request's then. */
#include "debugger.h"

#include "app.h"
#include "base/random.h"
#include "core_lua.h"
#include "dispatch.h"
#include "jinja/jinja.h"
#include "locals_lua.h"
#include "request_lua.h"
#include "visitor.h"
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PIN_DIGITS 9
#define MOST_WRONG 10

/* A failed request that is kept. Freed with its last user. */
struct failure {
    struct exchange *ex; /* NULL: its state is ending, or has ended */
    bool is_over;        /* ex has ended: only this keeps it */
    int n_users;         /* Lua's handle, and the exchanges that evaluate in it */
};

static const char METATABLE[] = "cflask.failure";

/* One page that all workers share. */
struct guard {
    char pin[PIN_DIGITS + 1];
    char name[24]; /* of the cookie: cookies know no ports */
    char value[33];
    atomic_int n_wrong;
};

static struct guard *guard;

/* ---- the guard ---- */

static void to_hex(char *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
}

/* Each number is as likely: those beyond the last whole round are thrown away. */
static int draw_pin(char *pin)
{
    const uint32_t most = 1000000000, end = UINT32_MAX - UINT32_MAX % most;
    uint32_t n;
    do {
        if (random_bytes(&n, sizeof n) < 0)
            return -1;
    } while (n >= end);
    snprintf(pin, PIN_DIGITS + 1, "%09u", n % most);
    return 0;
}

int debugger_open(void)
{
    unsigned char bytes[20];
    void *memory = mmap(NULL, sizeof *guard, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || random_bytes(bytes, sizeof bytes) < 0)
        return -1;
    guard = memory;
    strcpy(guard->name, "cflask_debug_");
    to_hex(guard->name + strlen(guard->name), bytes, 4);
    to_hex(guard->value, bytes + 4, 16);
    return draw_pin(guard->pin);
}

/* pin() -> "123-456-789" */
static int pin_lua(lua_State *L)
{
    const char *p = guard->pin;
    lua_pushfstring(L, "%c%c%c-%c%c%c-%c%c%c", p[0], p[1], p[2], p[3], p[4], p[5], p[6],
                    p[7], p[8]);
    return 1;
}

/* The digits of what was typed, which may have dashes and blanks. */
static void take_digits(char *out, const char *text)
{
    size_t n = 0;
    memset(out, 0, PIN_DIGITS + 1);
    for (; *text; text++)
        if (*text >= '0' && *text <= '9') {
            if (n < PIN_DIGITS)
                out[n] = *text;
            n++;
        }
    if (n != PIN_DIGITS)
        memset(out, 0, PIN_DIGITS + 1);
}

/* check_pin(text) -> "right", "wrong" or "locked". Counted before it is compared: several
   workers may be asked at once. */
static int check_pin_lua(lua_State *L)
{
    char typed[PIN_DIGITS + 1];
    take_digits(typed, luaL_checkstring(L, 1));
    if (atomic_fetch_add(&guard->n_wrong, 1) >= MOST_WRONG) {
        atomic_store(&guard->n_wrong, MOST_WRONG);
        lua_pushliteral(L, "locked");
    } else if (CRYPTO_memcmp(typed, guard->pin, PIN_DIGITS) == 0) {
        atomic_store(&guard->n_wrong, 0);
        lua_pushliteral(L, "right");
    } else {
        lua_pushliteral(L, "wrong");
    }
    return 1;
}

/* cookie() -> the name and the value that whoever knew the PIN has been given */
static int cookie_lua(lua_State *L)
{
    lua_pushstring(L, guard->name);
    lua_pushstring(L, guard->value);
    return 2;
}

/* visitor() -> who sends the running request: "own", "far", "passed on", "foreign host"
   or "foreign origin" */
static int visitor_lua(lua_State *L)
{
    static const char *const names[] = {
        [VISITOR_OWN] = "own",
        [VISITOR_FAR] = "far",
        [VISITOR_PASSED_ON] = "passed on",
        [VISITOR_FOREIGN_HOST] = "foreign host",
        [VISITOR_FOREIGN_ORIGIN] = "foreign origin",
    };
    lua_pushstring(L, names[visitor_of(&request_check_current(L)->request)]);
    return 1;
}

/* ---- dead coroutines ---- */

bool debugger_keep_frames(struct exchange *ex)
{
    if (ex->task.state != TASK_DEAD || task_is_over(&ex->task) || ex->is_head_sent ||
        !app_config_boolean(ex->request.app, "DEBUG"))
        return false;
    debugger_drop_frames(ex);
    ex->dead_ref = task_take_dead(&ex->task);
    return ex->dead_ref != LUA_NOREF;
}

void debugger_drop_frames(struct exchange *ex)
{
    lua_State *L = ex->task.L;
    if (ex->dead_ref == LUA_NOREF)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ex->dead_ref);
    luaL_unref(L, LUA_REGISTRYINDEX, ex->dead_ref);
    ex->dead_ref = LUA_NOREF;
    budget_close_thread(&ex->task, lua_tothread(L, -1));
    lua_pop(L, 1);
}

/* Whether the frames of errors in that context are wanted. */
static bool is_on(const struct context *c)
{
    return c && c->exchange && c->app && app_config_boolean(c->app, "DEBUG");
}

/* is_on() -> whether the running task is a request's in debug mode */
static int is_on_lua(lua_State *L)
{
    lua_pushboolean(L, is_on(context_current()));
    return 1;
}

/* require "cflask.inner_frames".note(private, co, raised) */
static int note_child_lua(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);
    core_push_function(L, "cflask.inner_frames", "note");
    locals_push_private(L, t->context);
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->ref);
    lua_checkstack(t->co, 1);
    lua_pushvalue(t->co, -1);
    lua_xmove(t->co, L, 1);
    lua_call(L, 3, 0);
    return 0;
}

void debugger_note_child(struct task *t)
{
    if (!is_on(t->context) || task_is_over(t))
        return;
    lua_pushcfunction(t->L, note_child_lua);
    lua_pushlightuserdata(t->L, t);
    if (lua_pcall(t->L, 1, 0, 0) != LUA_OK)
        lua_pop(t->L, 1); /* the frames are missing, nothing else */
}

/* release() ends the running request's dead coroutine, if there is one. */
static int release_lua(lua_State *L)
{
    debugger_drop_frames(request_check_current(L));
    return 0;
}

/* close(co) ends a dead coroutine: its to-be-closed variables are closed. */
static int close_lua(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    budget_close_thread(task_current(), co);
    return 0;
}

/* template_frames(co) -> a list of {level=, name=, filename=, line=, source=}, the
   innermost first */
static int template_frames_lua(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    jinja_push_frames(L, co);
    return 1;
}

/* ---- kept requests ---- */

static void let_go(struct failure *f)
{
    if (--f->n_users > 0)
        return;
    struct exchange *ex = f->ex;
    if (ex) {
        ex->failure = NULL;
        if (f->is_over)
            exchange_free(ex);
    }
    free(f);
}

bool debugger_keeps(struct exchange *ex)
{
    if (!ex->failure)
        return false;
    ex->failure->is_over = true;
    return true;
}

bool debugger_has_kept(const struct exchange *ex)
{
    return ex->failure && ex->failure->is_over;
}

bool debugger_is_unused(const struct exchange *ex)
{
    return ex->failure->n_users == 1;
}

void debugger_forget(struct exchange *ex)
{
    if (ex->failure)
        ex->failure->ex = NULL;
    ex->failure = NULL;
}

void debugger_leave(struct exchange *ex)
{
    struct failure *f = ex->borrowed;
    if (!f)
        return;
    ex->borrowed = NULL;
    ex->task.context = &ex->context;
    let_go(f);
}

static struct failure **check_handle(lua_State *L)
{
    return luaL_checkudata(L, 1, METATABLE);
}

static int drop_lua(lua_State *L)
{
    struct failure **handle = check_handle(L), *f = *handle;
    *handle = NULL;
    if (f)
        let_go(f);
    return 0;
}

/* take() -> the running request's dead coroutine and a handle of the request, which is
   kept until drop(handle); nil when there is no such coroutine. */
static int take_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    if (ex->dead_ref == LUA_NOREF || ex->failure)
        return 0;
    struct failure **handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = NULL;
    luaL_setmetatable(L, METATABLE);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ex->dead_ref);
    lua_insert(L, -2);
    if (!(*handle = calloc(1, sizeof **handle)))
        return luaL_error(L, "out of memory");
    **handle = (struct failure){.ex = ex, .n_users = 1};
    ex->failure = *handle;
    luaL_unref(L, LUA_REGISTRYINDEX, ex->dead_ref);
    ex->dead_ref = LUA_NOREF;
    return 2;
}

/* enter(handle) -> whether the kept request is there: then it is the running one until
   leave(), or until the running task's call is over. */
static int enter_lua(lua_State *L)
{
    struct failure *f = *check_handle(L);
    struct exchange *ex = request_check_current(L);
    bool can_enter = f && f->ex && !ex->borrowed && task_current() == &ex->task;
    if (can_enter) {
        f->n_users++;
        ex->borrowed = f;
        ex->task.context = &f->ex->context;
    }
    lua_pushboolean(L, can_enter);
    return 1;
}

/* Nothing else than an exchange's own task enters. */
static int leave_lua(lua_State *L)
{
    struct context *context = context_current();
    (void)L;
    if (context && context->exchange && context->exchange->failure)
        debugger_leave((struct exchange *)task_current());
    return 0;
}

void debugger_push_library(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pin", pin_lua},
                                         {"check_pin", check_pin_lua},
                                         {"cookie", cookie_lua},
                                         {"visitor", visitor_lua},
                                         {"is_on", is_on_lua},
                                         {"release", release_lua},
                                         {"close", close_lua},
                                         {"template_frames", template_frames_lua},
                                         {"take", take_lua},
                                         {"drop", drop_lua},
                                         {"enter", enter_lua},
                                         {"leave", leave_lua},
                                         {NULL, NULL}};
    luaL_newmetatable(L, METATABLE);
    lua_pushcfunction(L, drop_lua);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
}
