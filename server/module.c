/* C modules: the table of cflask.h, what a Lua state has of them, and their hooks.

   The table's functions stand in module_request.c, module_response.c, module_template.c,
   module_wait.c and module_event.c; here are settings, the log, hooks and loading. */
#include "module.h"

#include "app.h"
#include "library.h"
#include "log.h"
#include "task.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hook {
    cflask_hook fn;
    void *arg;
    struct hook *next;
};

struct modules {
    int n_users; /* the Lua state, and the jobs and waits of its modules */
    struct library *libraries;
    struct hook *start, *stop, *end; /* `start` in order, the others the last first */
    bool has_started;
};

static const char modules_key; /* its address is the registry's key */

/* ---- the state's ---- */

struct modules *modules_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
    struct modules **m = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return m ? *m : NULL;
}

struct modules *modules_share(struct modules *m)
{
    m->n_users++;
    return m;
}

static void free_hooks(struct hook **list)
{
    while (*list) {
        struct hook *hook = *list;
        *list = hook->next;
        free(hook);
    }
}

void modules_release(struct modules *m)
{
    if (--m->n_users > 0)
        return;
    free_hooks(&m->start);
    free_hooks(&m->stop);
    free_hooks(&m->end);
    libraries_close(&m->libraries);
    free(m);
}

/* A state's finalizers run in the reverse order of the objects' making: this one, older
   than any module, is the last that could need their code. */
static int release_lua(lua_State *L)
{
    struct modules **m = lua_touserdata(L, 1);
    if (*m)
        modules_release(*m);
    *m = NULL;
    return 0;
}

static void push_modules(lua_State *L)
{
    struct modules **m = lua_newuserdatauv(L, sizeof *m, 0);
    *m = NULL;
    lua_newtable(L);
    lua_pushcfunction(L, release_lua);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *m = calloc(1, sizeof **m);
    if (!*m)
        luaL_error(L, "out of memory");
    (*m)->n_users = 1;
}

/* ---- hooks ---- */

static struct hook *new_hook(lua_State *L, cflask_hook fn, void *arg)
{
    struct hook *hook = malloc(sizeof *hook);
    if (!hook)
        luaL_error(L, "out of memory");
    *hook = (struct hook){fn, arg, NULL};
    return hook;
}

static void put_first(struct hook **list, struct hook *hook)
{
    hook->next = *list;
    *list = hook;
}

static void on_start(lua_State *L, cflask_hook fn, void *arg)
{
    struct modules *m = modules_of(L);
    if (m->has_started)
        luaL_error(L, "on_start: this generation serves already; do it at once");
    struct hook *hook = new_hook(L, fn, arg), **last = &m->start;
    while (*last)
        last = &(*last)->next;
    *last = hook;
}

static void on_stop(lua_State *L, cflask_hook fn, void *arg)
{
    put_first(&modules_of(L)->stop, new_hook(L, fn, arg));
}

static void on_end(lua_State *L, cflask_hook fn, void *arg)
{
    put_first(&modules_of(L)->end, new_hook(L, fn, arg));
}

static int call_hook(lua_State *L)
{
    struct hook hook = *(struct hook *)lua_touserdata(L, 1);
    lua_settop(L, 0);
    hook.fn(L, hook.arg);
    return 0;
}

void modules_start(lua_State *L)
{
    struct modules *m = modules_of(L);
    m->has_started = true;
    for (struct hook *hook = m->start; hook; hook = hook->next) {
        lua_pushcfunction(L, call_hook);
        lua_pushlightuserdata(L, hook);
        lua_call(L, 1, 0);
    }
}

/* Each hook leaves the list before it is called. */
static void run(lua_State *L, struct hook **list, const char *name)
{
    while (*list) {
        struct hook *hook = *list;
        *list = hook->next;
        lua_pushcfunction(L, call_hook);
        lua_pushlightuserdata(L, hook);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            const char *text = lua_tostring(L, -1);
            log_format(LOG_ERROR, "an %s hook of a C module failed: %s", name,
                       text ? text : "(an error without text)");
            lua_pop(L, 1);
        }
        free(hook);
    }
}

void modules_stop(lua_State *L)
{
    run(L, &modules_of(L)->stop, "on_stop");
}

void modules_end(lua_State *L)
{
    struct modules *m = modules_of(L);
    if (m) /* else the state was never opened in full */
        run(L, &m->end, "on_end");
}

/* ---- log and settings ---- */

static void write_log(int level, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (level < LOG_DEBUG || level > LOG_ERROR)
        level = LOG_ERROR;
    log_text((enum log_level)level, n < 0 ? format : text);
    if (n >= 0)
        free(text);
}

/* app 0: the running function's */
static void push_config(lua_State *L, int app, const char *key)
{
    struct context *context = context_current();
    if (app != 0)
        lua_getfield(L, app, "config");
    else if (context && context->app)
        lua_rawgeti(L, LUA_REGISTRYINDEX, context->app->config);
    else
        luaL_error(L, "config '%s': there is no app here", key);
    if (!lua_istable(L, -1))
        luaL_error(L, "config '%s': a %s is no app", key, luaL_typename(L, app));
    lua_getfield(L, -1, key);
    lua_remove(L, -2);
}

static bool has_config(lua_State *L, int app, const char *key, int type)
{
    push_config(L, app, key);
    if (lua_isnil(L, -1))
        return false;
    if (lua_type(L, -1) != type)
        luaL_error(L, "app.config.%s is a %s, not a %s", key, luaL_typename(L, -1),
                   lua_typename(L, type));
    return true;
}

static int64_t config_integer(lua_State *L, int app, const char *key, int64_t missing)
{
    int64_t value = missing;
    if (has_config(L, app, key, LUA_TNUMBER)) {
        if (!lua_isinteger(L, -1))
            luaL_error(L, "app.config.%s is %s, not an integer", key,
                       lua_tostring(L, -1));
        value = (int64_t)lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
    return value;
}

static double config_number(lua_State *L, int app, const char *key, double missing)
{
    double value =
        has_config(L, app, key, LUA_TNUMBER) ? (double)lua_tonumber(L, -1) : missing;
    lua_pop(L, 1);
    return value;
}

static int config_boolean(lua_State *L, int app, const char *key, int missing)
{
    int value = has_config(L, app, key, LUA_TBOOLEAN) ? lua_toboolean(L, -1) : missing;
    lua_pop(L, 1);
    return value;
}

static cflask_str config_text(lua_State *L, int app, const char *key, cflask_str missing)
{
    cflask_str value = missing;
    if (has_config(L, app, key, LUA_TSTRING))
        value.p = lua_tolstring(L, -1, &value.n);
    lua_pop(L, 1);
    return value;
}

/* ---- functions of modules as Lua functions ---- */

void module_push_over(lua_State *L, lua_CFunction fn, void (*of_module)(void))
{
    void (**place)(void) = lua_newuserdatauv(L, sizeof *place, 0);
    *place = of_module;
    lua_pushcclosure(L, fn, 1);
}

void (*module_upvalue(lua_State *L))(void)
{
    return *(void (**)(void))lua_touserdata(L, lua_upvalueindex(1));
}

/* ---- loading ---- */

int module_load_lua(lua_State *L)
{
    char error[1024] = "";
    struct modules *m = modules_of(L);
    const char *path = luaL_checkstring(L, 1), *symbol = luaL_checkstring(L, 2);
    lua_CFunction found = library_find(&m->libraries, path, symbol, error, sizeof error);
    if (found) {
        lua_pushcfunction(L, found);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, error);
    return 2;
}

/* ---- the table ---- */

static const cflask_api *the_table(void)
{
    static cflask_api api = {.abi = CFLASK_ABI,
                             .size = sizeof api,
                             .lua_version = LUA_VERSION_NUM,
                             .version = CFLASK_VERSION,
                             .log = write_log,
                             .config = push_config,
                             .config_integer = config_integer,
                             .config_number = config_number,
                             .config_boolean = config_boolean,
                             .config_text = config_text,
                             .on_start = on_start,
                             .on_stop = on_stop,
                             .on_end = on_end};
    if (!api.request) {
        module_set_request(&api);
        module_set_response(&api);
        module_set_template(&api);
        module_set_wait(&api);
        module_set_event(&api);
    }
    return &api;
}

void modules_open(lua_State *L)
{
    push_modules(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
    lua_pushlightuserdata(L, (void *)the_table());
    lua_setfield(L, LUA_REGISTRYINDEX, CFLASK_API_KEY);
}
