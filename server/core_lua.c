/* cflask.core: what the Lua side of the server is built on. lua/README.md has the
 * contract. */
#include "core_lua.h"

#include "app.h"
#include "base/value.h"
#include "convert.h"
#include "date.h"
#include "debugger.h"
#include "embedded.h"
#include "generation.h"
#include "inprocess.h"
#include "jinja/jinja.h"
#include "json.h"
#include "limiter_lua.h"
#include "locals_lua.h"
#include "log.h"
#include "module.h"
#include "modules/modules.h"
#include "options.h"
#include "reload.h"
#include "request_lua.h"
#include "response_lua.h"
#include "route_lua.h"
#include "security_lua.h"
#include "send.h"
#include "session_lua.h"
#include "shell.h"
#include "signals.h"
#include "signing_lua.h"
#include "static.h"
#include "supervisor.h"
#include "system_lua.h"
#include "upload.h"
#include "wait.h"
#include <string.h>
#include <time.h>

int luaopen_cjson(lua_State *L);

/* ---- contexts ---- */

static int current_app(lua_State *L)
{
    struct context *context = context_current();
    struct exchange *ex = request_current();
    if (!context && ex)
        context = &ex->context;
    if (context && context->app)
        app_push(L, context->app);
    else
        lua_pushnil(L);
    return 1;
}

/* current_view() -> the view that the running request has matched, or nil */
static int current_view(lua_State *L)
{
    const struct exchange *ex = request_current();
    const struct plan *plan = ex ? ex->request.plan : NULL;
    if (plan && plan->view != LUA_NOREF)
        lua_rawgeti(L, LUA_REGISTRYINDEX, plan->view);
    else
        lua_pushnil(L);
    return 1;
}

static int has_request_context(lua_State *L)
{
    lua_pushboolean(L, request_current() != NULL);
    return 1;
}

static int has_app_context(lua_State *L)
{
    current_app(L);
    lua_pushboolean(L, !lua_isnil(L, -1));
    return 1;
}

static int in_task(lua_State *L)
{
    lua_pushboolean(L, task_current() != NULL);
    return 1;
}

/* mark_unhandled(): teardown functions will see the error. */
static int mark_unhandled(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    ex->is_unhandled = true;
    return 0;
}

/* propagate(err, traceback): ends the request; the test client raises err. */
static int propagate(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    ex->is_propagated = ex->is_unhandled = true;
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, ex->error_ref);
    ex->error_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return lua_error(L);
}

/* ---- pages and names ---- */

/* error_page(code, name, description, as_json) -> body, content type */
static int error_page_lua(lua_State *L)
{
    int code = (int)luaL_checkinteger(L, 1);
    const char *name = luaL_optstring(L, 2, NULL), *text = luaL_optstring(L, 3, NULL);
    bool is_json = lua_toboolean(L, 4);
    struct buf *page = lua_newuserdatauv(L, sizeof *page, 0); /* freed whatever happens */
    *page = (struct buf){0};
    luaL_setmetatable(L, "cflask.buf");
    const char *type = error_page(page, code, name, text, is_json);
    lua_pushlstring(L, page->p ? page->p : "", page->n);
    buf_free(page);
    lua_pushstring(L, type);
    return 2;
}

static int free_buf(lua_State *L)
{
    buf_free(luaL_checkudata(L, 1, "cflask.buf"));
    return 0;
}

static int wants_json(lua_State *L)
{
    struct exchange *ex = request_current();
    lua_pushboolean(L, ex && request_wants_json(&ex->request));
    return 1;
}

static int status_name(lua_State *L)
{
    lua_pushstring(L, response_reason((int)luaL_checkinteger(L, 1)));
    return 1;
}

static int http_date(lua_State *L)
{
    char text[DATE_LENGTH + 1];
    int64_t t =
        lua_isnoneornil(L, 1) ? (int64_t)time(NULL) : (int64_t)luaL_checknumber(L, 1);
    date_format(text, t);
    lua_pushlstring(L, text, DATE_LENGTH);
    return 1;
}

static int parse_date(lua_State *L)
{
    struct str s;
    s.p = luaL_checklstring(L, 1, &s.n);
    int64_t t = date_parse(s);
    if (t < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)t);
    return 1;
}

/* config_defaults() -> a table from the keys of options.c to their defaults */
static int config_defaults(lua_State *L)
{
    options_push_table(L);
    int list = lua_gettop(L);
    lua_newtable(L);
    for (int i = 1, n = (int)lua_rawlen(L, list); i <= n; i++) {
        lua_rawgeti(L, list, i);
        lua_getfield(L, -1, "key");
        lua_getfield(L, -2, "default");
        lua_rawset(L, list + 1);
        lua_pop(L, 1);
    }
    return 1;
}

static int option_table(lua_State *L)
{
    options_push_table(L);
    return 1;
}

/* ---- Markup: the template engine's ---- */

static int push_jinja_field(lua_State *L, const char *name)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "cflask.jinja");
    lua_getfield(L, -1, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
    return 1;
}

static int is_markup(lua_State *L)
{
    lua_pushboolean(L, jinja_is_markup(L, 1));
    return 1;
}

/* ---- modules ---- */

/* A searcher for `require`: the embedded lua/NAME.lua or lua/NAME/init.lua. */
static int search_embedded(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const char *path = luaL_gsub(L, name, ".", "/");
    const char *file = lua_pushfstring(L, "lua/%s.lua", path);
    const struct embedded_file *found = embedded_find(str_from(file));
    if (!found) {
        file = lua_pushfstring(L, "lua/%s/init.lua", path);
        found = embedded_find(str_from(file));
    }
    if (!found && strcmp(name, "flask") == 0) {
        lua_pushliteral(L, "it is called cflask here: local flask = require \"cflask\"");
        return 1;
    }
    if (!found) {
        lua_pushfstring(L, "no embedded module '%s'", name);
        return 1;
    }
    lua_pushfstring(L, "@%s", file);
    if (luaL_loadbuffer(L, (const char *)found->data, found->size, lua_tostring(L, -1)) !=
        LUA_OK)
        return lua_error(L);
    lua_pushstring(L, file);
    return 2;
}

/* Behind package.preload and before the file system: an app's file can't replace ours. */
static void add_searcher(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (int i = (int)lua_rawlen(L, -1); i >= 2; i--) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushcfunction(L, search_embedded);
    lua_rawseti(L, -2, 2);
    lua_pop(L, 2);
}

static void add_shipped_modules(lua_State *L)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    for (const luaL_Reg *module = shipped_modules; module->name; module++) {
        lua_pushcfunction(L, module->func);
        lua_setfield(L, -2, module->name);
    }
    lua_pop(L, 2);
}

static int embedded(lua_State *L)
{
    const struct embedded_file *file = embedded_find(str_from(luaL_checkstring(L, 1)));
    if (file)
        lua_pushlstring(L, (const char *)file->data, file->size);
    else
        lua_pushnil(L);
    return 1;
}

/* load_error() -> why the app can't be loaded, or nil */
static int load_error(lua_State *L)
{
    struct str error = reload_error();
    if (error.n)
        lua_pushlstring(L, error.p, error.n);
    else
        lua_pushnil(L);
    return 1;
}

/* lua/cflask/wait.lua makes flask.sleep and the others of what wait.c gives. */
static void run_wait_module(lua_State *L)
{
    const struct embedded_file *file = embedded_find(STR("lua/cflask/wait.lua"));
    if (!file || luaL_loadbuffer(L, (const char *)file->data, file->size,
                                 "@lua/cflask/wait.lua") != LUA_OK)
        luaL_error(L, "lua/cflask/wait.lua can't be loaded");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
}

static int open_core(lua_State *L)
{
    static const luaL_Reg functions[] = {{"app", app_new_lua},
                                         {"current_app", current_app},
                                         {"current_view", current_view},
                                         {"private", locals_private_lua},
                                         {"has_request_context", has_request_context},
                                         {"has_app_context", has_app_context},
                                         {"in_task", in_task},
                                         {"mark_unhandled", mark_unhandled},
                                         {"propagate", propagate},
                                         {"error_page", error_page_lua},
                                         {"wants_json", wants_json},
                                         {"status_name", status_name},
                                         {"http_date", http_date},
                                         {"parse_date", parse_date},
                                         {"set_http_error", request_set_http_error_lua},
                                         {"after_this_request", request_after_this_lua},
                                         {"want_signal", signal_want_lua},
                                         {"config_defaults", config_defaults},
                                         {"option_table", option_table},
                                         {"is_markup", is_markup},
                                         {"embedded", embedded},
                                         {"load_library", module_load_lua},
                                         {"limit", limiter_limit_lua},
                                         {"log", log_lua},
                                         {"set_log_level", log_set_level_lua},
                                         {"load_error", load_error},
                                         {"serve", generation_note_lua},
                                         {"supervise", supervisor_run_lua},
                                         {"int", convert_int},
                                         {"number", convert_number},
                                         {"boolean", convert_boolean},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    debugger_push_library(L);
    lua_setfield(L, -2, "debugger");
    request_push_library(L);
    lua_setfield(L, -2, "request");
    locals_push_g(L);
    lua_setfield(L, -2, "g");
    json_push_library(L);
    lua_setfield(L, -2, "json");
    value_push_library(L);
    lua_getfield(L, -1, "ordered");
    lua_setfield(L, -3, "ordered");
    lua_getfield(L, -1, "pairs");
    lua_setfield(L, -3, "pairs");
    lua_pop(L, 1);
    push_jinja_field(L, "Markup");
    lua_setfield(L, -2, "Markup");
    push_jinja_field(L, "escape");
    lua_setfield(L, -2, "escape");
    luaopen_cflask_route(L);
    lua_getfield(L, -1, "map");
    lua_setfield(L, -3, "route_map");
    lua_pop(L, 1);
    lua_pushliteral(L, CFLASK_VERSION);
    lua_setfield(L, -2, "version");
    response_open(L);
    session_open(L);
    signing_open(L);
    upload_open(L);
    static_open(L);
    inprocess_open(L);
    system_open(L);
    shell_open(L);
    security_open(L);
    wait_open(L);
    run_wait_module(L);
    return 1;
}

void core_push_function(lua_State *L, const char *module, const char *name)
{
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_replace(L, -2);
}

void core_open(lua_State *L)
{
    luaL_openlibs(L);
    value_open(L);
    luaL_newmetatable(L, "cflask.buf");
    lua_pushcfunction(L, free_buf);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    add_searcher(L);
    modules_open(L);
    add_shipped_modules(L);
    luaL_requiref(L, "cjson", luaopen_cjson, 0);
    luaL_requiref(L, "cflask.jinja", luaopen_cflask_jinja, 0);
    luaL_requiref(L, "cflask.core", open_core, 0);
    lua_pop(L, 3);
}
