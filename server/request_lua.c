/* flask.request: the one object that finds the running request at each use. */
#include "request_lua.h"

#include "accept.h"
#include "app.h"
#include "base/value.h"
#include "multidict.h"
#include "request_fields.h"
#include <string.h>

static const char METATABLE[] = "cflask.request";
static const char http_error_key; /* registry: the function of core.set_http_error */

static struct exchange *kept; /* client:context */

/* ---- which request ---- */

void request_keep(struct exchange *ex)
{
    kept = ex;
}

struct exchange *request_current(void)
{
    struct context *context = context_current();
    if (context)
        return context->exchange;
    return kept;
}

struct exchange *request_check_current(lua_State *L)
{
    struct exchange *ex = request_current();
    if (!ex)
        luaL_error(L,
                   "working outside of request context: flask.request, session and g are "
                   "there only while a request is handled");
    return ex;
}

/* ---- errors ---- */

/* What d:require(key) calls: 400, naming the key. */
static int raise_bad_key(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &http_error_key);
    lua_pushinteger(L, 400);
    lua_pushfstring(L, "The request has no proper value for '%s'.",
                    luaL_checkstring(L, 1));
    lua_newtable(L);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "key");
    lua_call(L, 3, 1);
    return lua_error(L);
}

int request_set_http_error_lua(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &http_error_key);
    lua_pushcfunction(L, raise_bad_key);
    multidict_set_require_error(L);
    return 0;
}

int request_raise(lua_State *L, int status, const char *description)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &http_error_key);
    if (lua_isnil(L, -1))
        return luaL_error(L, "%d: %s", status, description ? description : "");
    lua_pushinteger(L, status);
    lua_pushstring(L, description);
    lua_call(L, 2, 1);
    return lua_error(L);
}

bool request_wants_json(const struct request *r)
{
    const struct str forms[] = {STR("text/html"), STR("application/json")};
    struct str field = request_field(r, STR("Accept"));
    struct accept accept;
    struct arena *arena = (struct arena *)&r->arena;
    if (!field.p || accept_parse(arena, ACCEPT_MIMETYPES, field, &accept) < 0)
        return false;
    return accept_best_match(&accept, forms, 2) == 1;
}

/* ---- matching ---- */

static bool is_trusted(lua_State *L, int list, struct str host)
{
    for (lua_Integer i = 1;; i++) {
        lua_rawgeti(L, list, i);
        if (lua_type(L, -1) != LUA_TSTRING) {
            lua_pop(L, 1);
            return false;
        }
        struct str entry;
        entry.p = lua_tolstring(L, -1, &entry.n);
        bool fits = str_ieq(entry, host);
        if (!fits && entry.n &&
            entry.p[0] == '.') /* ".example.com": it and all below it */
            fits = str_ieq(str_skip(entry, 1), host) ||
                   (host.n > entry.n && str_ieq(str_skip(host, host.n - entry.n), entry));
        lua_pop(L, 1);
        if (fits)
            return true;
    }
}

static void check_trusted_host(lua_State *L, struct request *r)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->app->config);
    lua_pushliteral(L, "TRUSTED_HOSTS");
    lua_rawget(L, -2);
    if (lua_istable(L, -1) && !is_trusted(L, lua_gettop(L), request_host_name(r)))
        r->refusal = 400;
    lua_pop(L, 2);
}

void request_match(struct exchange *ex)
{
    struct request *r = &ex->request;
    lua_State *L = ex->task.L;
    struct fault fault;
    check_trusted_host(L, r);
    struct route_request wanted = {.path = r->path,
                                   .query = r->head.query,
                                   .method = r->head.method,
                                   .scheme = str_from(request_scheme(r)),
                                   .host = request_host(r),
                                   .root_path = r->root_path,
                                   .L = L};
    r->is_matched = true;
    if (route_match(r->app->map, &wanted, &r->arena, &r->match, &fault) == ROUTE_FAILED) {
        route_push_error(L, &r->match);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushstring(L, fault.message);
        }
        ex->error_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

static void push_value(lua_State *L, const struct request *r, size_t i)
{
    const struct route_value *value = &r->match.values[i];
    if (value->kind == ROUTE_TEXT) {
        lua_pushlstring(L, value->text.p, value->text.n);
    } else if (value->kind == ROUTE_INTEGER) {
        lua_pushinteger(L, (lua_Integer)value->integer);
    } else {
        route_push_value(L, r->app->map, &r->match, i);
        if (value_is_null(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
    }
}

void request_push_view_args(lua_State *L, struct exchange *ex)
{
    struct request *r = &ex->request;
    context_push_locals(L, &ex->context);
    lua_getfield(L, -1, "view_args");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_createtable(L, 0, (int)r->match.values_n);
        for (size_t i = 0; r->match.outcome == ROUTE_FOUND && i < r->match.values_n;
             i++) {
            lua_pushlstring(L, r->match.values[i].name.p, r->match.values[i].name.n);
            push_value(L, r, i);
            lua_rawset(L, -3);
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "view_args");
    }
    lua_remove(L, -2);
}

/* After preprocessors the values are the table's; one that they set to nil is left out.
 */
static int push_preprocessed(lua_State *L, struct exchange *ex)
{
    const struct route_result *match = &ex->request.match;
    request_push_view_args(L, ex);
    int table = lua_gettop(L), n = 0;
    for (size_t i = 0; i < match->values_n; i++) {
        lua_pushlstring(L, match->values[i].name.p, match->values[i].name.n);
        lua_rawget(L, table);
        if (lua_isnil(L, -1) && match->values[i].kind != ROUTE_DEFAULT)
            lua_pop(L, 1);
        else
            n++;
    }
    lua_remove(L, table);
    return n;
}

int request_push_arguments(lua_State *L, struct exchange *ex)
{
    const struct request *r = &ex->request;
    int n = (int)r->match.values_n;
    luaL_checkstack(L, n + 4, "too many arguments");
    if (r->plan->preprocessors.n > 0)
        return push_preprocessed(L, ex);
    for (int i = 0; i < n; i++)
        push_value(L, r, (size_t)i);
    return n;
}

/* ---- after_this_request ---- */

int request_after_this_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    context_push_locals(L, &ex->context);
    lua_getfield(L, -1, "after_this");
    if (lua_isnil(L, -1)) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, -4, "after_this");
    }
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_settop(L, 1);
    ex->has_after_this = true;
    return 1;
}

bool exchange_has_after_this(const struct exchange *ex)
{
    return ex->has_after_this;
}

bool exchange_push_after_this(lua_State *L, struct exchange *ex, int i)
{
    if (!ex->has_after_this)
        return false;
    context_push_locals(L, &ex->context);
    lua_getfield(L, -1, "after_this");
    lua_rawgeti(L, -1, i);
    lua_replace(L, -3);
    lua_pop(L, 1);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

/* ---- the object ---- */

/* upvalues: methods, fields */
static int index_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    if (lua_type(L, -1) == LUA_TNUMBER)
        return request_push_field(L, ex, lua_tointeger(L, -1));
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (lua_isnil(L, -1))
        return luaL_error(L, "flask.request has no field '%s'",
                          lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?");
    return 1;
}

/* Only the limits can be set; that of the body only lowered, as it has been read already.
 */
static int newindex_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    const char *key = luaL_checkstring(L, 2);
    bool is_form =
        strcmp(key, "max_form_memory_size") == 0 || strcmp(key, "max_form_parts") == 0;
    if (!is_form && strcmp(key, "max_content_length") != 0)
        return luaL_error(L, "flask.request.%s can't be set", key);
    int64_t value = lua_isnil(L, 3) ? -1 : (int64_t)luaL_checkinteger(L, 3);
    luaL_argcheck(L, value >= -1, 3, "a number of 0 or more is expected");
    if (is_form) {
        context_push_locals(L, &ex->context);
        lua_pushinteger(L, value);
        lua_setfield(L, -2, key);
    } else if (value >= 0 && (ex->request.max_content_length < 0 ||
                              value < ex->request.max_content_length)) {
        ex->request.max_content_length = value;
    }
    return 0;
}

static int tostring_lua(lua_State *L)
{
    struct exchange *ex = request_current();
    if (!ex) {
        lua_pushliteral(L, "flask.request (outside of a request)");
        return 1;
    }
    const struct http1_head *head = &ex->request.head;
    lua_pushlstring(L, head->method.p, head->method.n);
    lua_pushliteral(L, " ");
    lua_pushlstring(L, head->target.p, head->target.n);
    lua_concat(L, 3);
    return 1;
}

void request_check_self(lua_State *L, const char *method)
{
    if (!luaL_testudata(L, 1, METATABLE))
        luaL_error(L, "call it with a colon: flask.request:%s(...)", method);
}

/* In a template `{% if request %}` asks whether there is one. */
static int bool_lua(lua_State *L)
{
    lua_pushboolean(L, request_current() != NULL);
    return 1;
}

void request_push_library(lua_State *L)
{
    static const luaL_Reg methods[] = {{"get_data", request_get_data_lua},
                                       {"get_json", request_get_json_lua},
                                       {NULL, NULL}};
    lua_newuserdatauv(L, sizeof(char), 0);
    luaL_newmetatable(L, METATABLE);
    luaL_newlib(L, methods);
    request_push_fields(L);
    lua_pushcclosure(L, index_lua, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, newindex_lua);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, tostring_lua);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, bool_lua);
    lua_setfield(L, -2, "__bool");
    lua_pushliteral(L, "record"); /* templates: what is nil is None, as in Flask */
    lua_setfield(L, -2, "__jinja");
    lua_setmetatable(L, -2);
}
