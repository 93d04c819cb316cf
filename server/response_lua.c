/* flask.Response and make_response: from a view's results to an answer. The properties
   over single header fields (location, cache_control, ...) are lua/cflask/response.lua's;
   the headers object is headers_lua.c's. */
#include "response_lua.h"

#include "app.h"
#include "base/value.h"
#include "cookie.h"
#include "headers_lua.h"
#include "jinja/jinja.h"
#include "json.h"
#include "keywords.h"
#include "log.h"
#include "request_lua.h"
#include "send.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char METATABLE[] = "cflask.Response";

/* ---- the object ---- */

struct response *response_push(lua_State *L)
{
    struct response *r = lua_newuserdatauv(L, sizeof *r, 1);
    response_init(r);
    luaL_setmetatable(L, METATABLE);
    return r;
}

struct response *response_check(lua_State *L, int index)
{
    return luaL_checkudata(L, index, METATABLE);
}

bool response_is(lua_State *L, int index)
{
    return luaL_testudata(L, index, METATABLE) != NULL;
}

bool response_push_text(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TSTRING) {
        lua_pushvalue(L, index);
        return true;
    }
    if (!jinja_is_markup(L, index))
        return false;
    luaL_tolstring(L, index, NULL);
    return true;
}

static int raise(lua_State *L, const struct fault *fault)
{
    return luaL_error(L, "%s", fault->message);
}

static void set_field(lua_State *L, struct response *r, struct str name, struct str value)
{
    struct fault fault;
    if (response_set_field(r, name, value, &fault) < 0)
        raise(L, &fault);
}

/* ---- content types ---- */

static bool ends_with(struct str s, struct str end)
{
    return s.n >= end.n && str_ieq(str_skip(s, s.n - end.n), end);
}

/* Werkzeug's rule for which media types say their charset. */
static bool is_text(struct str type)
{
    static const char *const others[] = {
        "application/ecmascript", "application/javascript",
        "application/sql",        "application/xml",
        "application/xml-dtd",    "application/xml-external-parsed-entity",
    };
    if (type.n >= 5 && strncasecmp(type.p, "text/", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (str_ieq(type, str_from(others[i])))
            return true;
    return ends_with(type, STR("+xml"));
}

/* Without a Lua string where the type is as short as types are. */
void response_set_mimetype(lua_State *L, struct response *r, struct str type)
{
    const struct str charset = STR("; charset=utf-8");
    char value[128];
    if (!is_text(type) || memmem(type.p, type.n, "charset=", 8)) {
        set_field(L, r, STR("Content-Type"), type);
        return;
    }
    if (type.n > sizeof value - charset.n)
        luaL_error(L, "a media type is too long");
    memcpy(value, type.p, type.n);
    memcpy(value + type.n, charset.p, charset.n);
    set_field(L, r, STR("Content-Type"), (struct str){value, type.n + charset.n});
}

/* ---- from values to a response ---- */

/* Pushes app.json, or nil outside of any app. */
static void push_app_json(lua_State *L, struct app **app)
{
    struct context *context = context_current();
    *app = context ? context->app : NULL;
    if (!*app) {
        lua_pushnil(L);
        return;
    }
    app_push(L, *app);
    lua_getfield(L, -1, "json");
    lua_remove(L, -2);
}

static bool read_flag(lua_State *L, int table, const char *name, bool missing)
{
    lua_getfield(L, table, name);
    bool value = lua_isnil(L, -1) ? missing : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* Flask: compact, but for people (indented) in debug mode, unless app.json.compact says.
 */
static void read_style(lua_State *L, int settings, struct app *app,
                       struct json_style *style)
{
    bool is_debug = app && app_config_boolean(app, "DEBUG");
    *style = json_style_default;
    style->compact = !is_debug;
    if (lua_istable(L, settings)) {
        style->sort_keys = read_flag(L, settings, "sort_keys", true);
        style->ensure_ascii = read_flag(L, settings, "ensure_ascii", true);
        style->compact = read_flag(L, settings, "compact", !is_debug);
    }
    if (!style->compact)
        style->indent = 2;
}

/* Makes the value at `index` the body, as JSON. */
static void set_json(lua_State *L, struct response *r, int index)
{
    struct app *app;
    struct json_style style;
    push_app_json(L, &app);
    int settings = lua_gettop(L);
    read_style(L, settings, app, &style);
    json_encode(L, index, &style);
    lua_pushliteral(L, "\n");
    lua_concat(L, 2);
    response_set_text(L, r, lua_gettop(L));
    struct str type = STR("application/json");
    if (lua_istable(L, settings)) {
        lua_getfield(L, settings, "mimetype");
        if (lua_type(L, -1) == LUA_TSTRING)
            type.p = lua_tolstring(L, -1, &type.n);
    }
    set_field(L, r, STR("Content-Type"), type);
    lua_settop(L, settings - 1);
}

static bool is_json_value(lua_State *L, int index)
{
    if (!lua_istable(L, index))
        return false;
    if (!lua_getmetatable(L, index))
        return true;
    lua_pop(L, 1);
    return value_is_list(L, index) || value_is_ordered(L, index);
}

/* Pushes the response that the body value at `index` makes; false when it makes none. */
static bool push_from_body(lua_State *L, int index)
{
    if (response_is(L, index)) {
        lua_pushvalue(L, index);
        return true;
    }
    if (luaL_getmetafield(L, index, "__http_error") != LUA_TNIL) {
        lua_pushvalue(L, index);
        lua_call(L, 1, 1);
        return response_is(L, -1);
    }
    struct response *r = response_push(L);
    if (response_push_text(L, index)) {
        response_set_text(L, r, lua_gettop(L));
        lua_pop(L, 1);
    } else if (lua_isfunction(L, index)) {
        response_set_stream(L, r, index);
    } else if (is_json_value(L, index)) {
        set_json(L, r, index);
        return true;
    } else {
        lua_pop(L, 1);
        return false;
    }
    set_field(L, r, STR("Content-Type"), STR("text/html; charset=utf-8"));
    return true;
}

/* Pushes `view 'NAME'` for messages. */
static void push_who(lua_State *L)
{
    struct exchange *ex = request_current();
    lua_pushliteral(L, "the view");
    if (!ex || !ex->request.plan || ex->request.plan->info == LUA_NOREF)
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ex->request.plan->info);
    lua_getfield(L, -1, "endpoint");
    if (lua_type(L, -1) == LUA_TSTRING)
        lua_pushfstring(L, "the view of endpoint '%s'", lua_tostring(L, -1));
    else
        lua_pushliteral(L, "the view");
    lua_replace(L, -4);
    lua_pop(L, 2);
}

static int refuse(lua_State *L, int index, const char *what)
{
    push_who(L);
    const char *who = lua_tostring(L, -1);
    if (lua_isnil(L, 1) && lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "%s returned nil: %s", who, lua_tostring(L, 2));
    if (lua_isnoneornil(L, index))
        return luaL_error(
            L,
            "%s returned nil %s: it must return a response (did it forget a "
            "return?)",
            who, what);
    if (value_is_null(L, index))
        return luaL_error(L, "%s returned flask.null %s", who, what);
    const char *text = luaL_tolstring(L, index, NULL);
    return luaL_error(L, "%s returned a %s (%s) %s", who, luaL_typename(L, index), text,
                      what);
}

static bool is_headers(lua_State *L, int index)
{
    return lua_istable(L, index);
}

/* Sets the status that the value at `index` is: a number, or a line. False when it is
 * none. */
static bool take_status(lua_State *L, struct response *r, int index)
{
    struct fault fault;
    struct str line;
    if (lua_type(L, index) == LUA_TSTRING) {
        line.p = lua_tolstring(L, index, &line.n);
        return response_set_status_line(r, line, &fault) == 0;
    }
    return lua_isinteger(L, index) &&
           response_set_status(r, lua_tointeger(L, index)) == 0;
}

#define STATUS_RULE                                                                      \
    "it must be a number from 200 to 999, or a string that begins with one"

/* For flask.Response and its fields, where no view is to blame. */
static void set_status(lua_State *L, struct response *r, int index)
{
    if (!take_status(L, r, index))
        luaL_error(L, "%s is no status: " STATUS_RULE, luaL_tolstring(L, index, NULL));
}

/* The n values at 1..n, as a view returned them, become a response, which is pushed. */
static int make(lua_State *L, int n)
{
    if (n > 3)
        return refuse(L, 4, "as a fourth value: a view returns body, status, headers");
    lua_settop(L, 3);
    if (n == 2 && is_headers(L, 2)) {
        lua_pushnil(L);
        lua_insert(L, 2);
        lua_settop(L, 3);
    }
    if (lua_isnil(L, 1) || !push_from_body(L, 1))
        return refuse(L, 1, "as body");
    struct response *r = response_check(L, -1);
    int at = lua_gettop(L);
    if (!lua_isnil(L, 2) && !take_status(L, r, 2))
        return refuse(L, 2, "as status: " STATUS_RULE);
    if (is_headers(L, 3))
        headers_update(L, r, 3);
    else if (!lua_isnil(L, 3))
        return refuse(L, 3, "as headers: it must be a table");
    lua_settop(L, at);
    return 1;
}

int response_make_from_view(lua_State *L)
{
    return make(L, lua_gettop(L));
}

/* make_response(...) */
static int make_response(lua_State *L)
{
    int n = lua_gettop(L);
    if (n == 0) {
        lua_pushliteral(L, "");
        n = 1;
    }
    return make(L, n);
}

int response_wrap_quick(lua_State *L)
{
    struct exchange *ex = lua_touserdata(L, 1);
    struct response *from = &ex->quick, *r = response_push(L);
    struct fault fault;
    r->status = from->status;
    for (int i = 0; i < from->n_fields; i++)
        if (response_add_field(r, from->fields[i].name, from->fields[i].value, &fault) <
            0)
            return raise(L, &fault);
    if (from->has_default_type && !response_field(from, STR("Content-Type")))
        set_field(L, r, STR("Content-Type"), STR("text/html; charset=utf-8"));
    ex->answer = NULL;
    if (from->kind == RESPONSE_FILE) {
        response_set_file(L, r, from->fd, from->offset, from->length);
        from->fd = -1;
        return 1;
    }
    if (from->text_ref != LUA_NOREF) /* the view's own string: no copy */
        lua_rawgeti(L, LUA_REGISTRYINDEX, from->text_ref);
    else
        lua_pushlstring(L, from->text.p, from->text.n);
    response_set_text(L, r, lua_gettop(L));
    lua_pop(L, 1);
    return 1;
}

/* jsonify(v): what a view that returns the table v answers; any value. */
static int jsonify(lua_State *L)
{
    luaL_checkany(L, 1);
    struct response *r = response_push(L);
    set_json(L, r, 1);
    return 1;
}

static int is_response(lua_State *L)
{
    lua_pushboolean(L, response_is(L, 1));
    return 1;
}

static bool get_option(lua_State *L, int table, const char *name)
{
    if (!lua_istable(L, table))
        return false;
    lua_getfield(L, table, name);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

static struct str check_str(lua_State *L, int index)
{
    struct str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

/* Response(body, {status=, headers=, mimetype=, content_type=}) */
static int new_lua(lua_State *L)
{
    lua_settop(L, 2);
    if (!lua_isnil(L, 2))
        luaL_checktype(L, 2, LUA_TTABLE);
    static const char *const names[] = {"status", "headers", "content_type", "mimetype",
                                        NULL};
    keywords_check(L, 2, names, "flask.Response");
    struct response *r = response_push(L);
    r->has_default_type = false;
    if (response_push_text(L, 1)) {
        response_set_text(L, r, lua_gettop(L));
    } else if (lua_isfunction(L, 1)) {
        response_set_stream(L, r, 1);
    } else if (!lua_isnil(L, 1)) {
        return luaL_argerror(L, 1, "a string, a Markup, a function or nil is expected");
    }
    if (get_option(L, 2, "status"))
        set_status(L, r, lua_gettop(L));
    if (get_option(L, 2, "headers"))
        headers_update(L, r, lua_gettop(L));
    if (get_option(L, 2, "content_type"))
        set_field(L, r, STR("Content-Type"), check_str(L, -1));
    else if (get_option(L, 2, "mimetype"))
        response_set_mimetype(L, r, check_str(L, -1));
    else if (!response_field(r, STR("Content-Type")))
        set_field(L, r, STR("Content-Type"), STR("text/html; charset=utf-8"));
    lua_settop(L, 3);
    return 1;
}

/* ---- properties ---- */

static void push_str(lua_State *L, struct str s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
}

static int get_status_code(lua_State *L, struct response *r)
{
    lua_pushinteger(L, r->status);
    return 1;
}

static int get_status(lua_State *L, struct response *r)
{
    const char *reason = response_reason(r->status);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    lua_pushinteger(L, r->status);
    luaL_addvalue(&b);
    luaL_addchar(&b, ' ');
    if (r->reason.p)
        luaL_addlstring(&b, r->reason.p, r->reason.n);
    else
        for (const char *c = reason ? reason : "UNKNOWN"; *c; c++)
            luaL_addchar(&b, *c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    luaL_pushresult(&b);
    return 1;
}

static int set_status_value(lua_State *L, struct response *r)
{
    set_status(L, r, 3);
    return 0;
}

static int get_headers(lua_State *L, struct response *r)
{
    (void)r;
    headers_push(L, 1);
    return 1;
}

/* Assigning a table replaces all fields. */
static int set_headers(lua_State *L, struct response *r)
{
    luaL_checktype(L, 3, LUA_TTABLE);
    r->n_fields = 0;
    r->must_close = false;
    headers_update(L, r, 3);
    return 0;
}

static int get_data(lua_State *L, struct response *r)
{
    if (r->kind == RESPONSE_TEXT)
        push_str(L, r->text);
    else
        return luaL_error(L, "the response's body is a %s: it has no data",
                          r->kind == RESPONSE_FILE ? "file" : "stream");
    return 1;
}

static int set_data(lua_State *L, struct response *r)
{
    if (!response_push_text(L, 3))
        return luaL_error(L, "the data of a response must be a string, not a %s",
                          luaL_typename(L, 3));
    response_set_text(L, r, lua_gettop(L));
    return 0;
}

static int get_content_type(lua_State *L, struct response *r)
{
    const struct str *value = response_field(r, STR("Content-Type"));
    if (value)
        push_str(L, *value);
    else
        lua_pushnil(L);
    return 1;
}

static int set_content_type(lua_State *L, struct response *r)
{
    if (lua_isnil(L, 3))
        response_remove_field(r, STR("Content-Type"));
    else
        set_field(L, r, STR("Content-Type"), check_str(L, 3));
    return 0;
}

static int get_mimetype(lua_State *L, struct response *r)
{
    const struct str *value = response_field(r, STR("Content-Type"));
    struct str rest = value ? *value : STR("");
    struct str type = str_trim(str_cut(&rest, ';'));
    if (value)
        push_str(L, type);
    else
        lua_pushnil(L);
    return 1;
}

static int set_mimetype(lua_State *L, struct response *r)
{
    response_set_mimetype(L, r, check_str(L, 3));
    return 0;
}

static int get_content_length(lua_State *L, struct response *r)
{
    const struct str *value = response_field(r, STR("Content-Length"));
    if (r->kind == RESPONSE_TEXT)
        lua_pushinteger(L, (lua_Integer)r->text.n);
    else if (r->kind == RESPONSE_FILE)
        lua_pushinteger(L, (lua_Integer)r->length);
    else if (value)
        lua_pushinteger(L, (lua_Integer)strtoll(value->p, NULL, 10));
    else
        lua_pushnil(L);
    return 1;
}

static int set_content_length(lua_State *L, struct response *r)
{
    lua_Integer length = luaL_checkinteger(L, 3);
    luaL_argcheck(L, length >= 0, 3, "a length of 0 or more is expected");
    lua_pushinteger(L, length); /* 5.0 is 5 */
    set_field(L, r, STR("Content-Length"), check_str(L, -1));
    return 0;
}

static const struct property {
    const char *name;
    int (*get)(lua_State *L, struct response *r); /* the response is at 1 */
    int (*set)(lua_State *L, struct response *r); /* the value is at 3 */
} properties[] = {
    {"status_code", get_status_code, set_status_value},
    {"status", get_status, set_status_value},
    {"headers", get_headers, set_headers},
    {"data", get_data, set_data},
    {"content_type", get_content_type, set_content_type},
    {"mimetype", get_mimetype, set_mimetype},
    {"content_length", get_content_length, set_content_length},
};

static const struct property *find_property(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (strcmp(properties[i].name, name) == 0)
            return &properties[i];
    return NULL;
}

/* upvalue 1: methods, C's and those of lua/cflask/response.lua; upvalue 2: {get=, set=},
   tables of functions for the properties that are written in Lua */
static int index_lua(lua_State *L)
{
    struct response *r = response_check(L, 1);
    const struct property *property = find_property(L);
    if (property)
        return property->get(L, r);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        return 1;
    lua_getfield(L, lua_upvalueindex(2), "get");
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1))
        return 1;
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int newindex_lua(lua_State *L)
{
    struct response *r = response_check(L, 1);
    const struct property *property = find_property(L);
    if (property)
        return property->set(L, r);
    lua_getfield(L, lua_upvalueindex(2), "set");
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1))
        return luaL_error(L, "a response has no field '%s' that can be set",
                          luaL_tolstring(L, 2, NULL));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 3);
    lua_call(L, 2, 0);
    return 0;
}

/* ---- methods ---- */

static int get_data_method(lua_State *L)
{
    return get_data(L, response_check(L, 1));
}

static int set_data_method(lua_State *L)
{
    lua_settop(L, 2);
    lua_insert(L, 2);
    lua_pushvalue(L, 2);
    return set_data(L, response_check(L, 1));
}

static struct str option_str(lua_State *L, const char *name, const char *missing)
{
    struct str s = str_from(missing);
    if (get_option(L, 4, name)) {
        if (lua_type(L, -1) == LUA_TBOOLEAN) /* false: leave it out */
            return (struct str){NULL, 0};
        s.p = luaL_checklstring(L, -1, &s.n);
    }
    return s; /* the string stays on the stack */
}

static bool option_flag(lua_State *L, const char *name)
{
    bool value = get_option(L, 4, name) && lua_toboolean(L, -1);
    return value;
}

static bool option_integer(lua_State *L, const char *name, int64_t *to)
{
    if (!get_option(L, 4, name))
        return false;
    double value = luaL_checknumber(L, -1);
    if (!(value > -1e18 && value < 1e18))
        luaL_error(L, "the cookie's %s is out of range", name);
    *to = (int64_t)value;
    return true;
}

/* Said once in a process: it is in the code. */
static void warn_of_cookie(const struct cookie *cookie)
{
    static bool has_warned;
    if (has_warned || cookie->is_secure || cookie->samesite.n != 4 ||
        strncasecmp(cookie->samesite.p, "None", 4) != 0)
        return;
    has_warned = true;
    log_format(LOG_WARNING,
               "browsers refuse the cookie %.*s: samesite = \"None\" needs secure = true",
               (int)cookie->name.n, cookie->name.p);
}

/* Nothing between the first byte of `value` and its end can raise. */
static void add_cookie(lua_State *L, struct response *r, const struct cookie *cookie)
{
    warn_of_cookie(cookie);
    struct buf value = {0};
    struct fault fault;
    int failed = cookie_format(&value, cookie, (int64_t)time(NULL), &fault);
    if (!failed && value.is_exhausted)
        failed = fault_set(&fault, 503, "out of memory");
    if (!failed)
        failed = response_add_field(r, STR("Set-Cookie"), buf_str(&value), &fault);
    buf_free(&value);
    if (failed)
        raise(L, &fault);
}

/* r:set_cookie(name, value, {max_age=, expires=, path="/", domain=, secure=, httponly=,
   samesite=, partitioned=}) */
static int set_cookie(lua_State *L)
{
    struct response *r = response_check(L, 1);
    struct cookie cookie = {.name = check_str(L, 2)};
    lua_settop(L, 4);
    if (!lua_isnil(L, 3))
        cookie.value = check_str(L, 3);
    else
        cookie.value = STR("");
    if (!lua_isnil(L, 4))
        luaL_checktype(L, 4, LUA_TTABLE);
    cookie.path = option_str(L, "path", "/");
    cookie.domain = option_str(L, "domain", NULL);
    cookie.samesite = option_str(L, "samesite", NULL);
    cookie.has_max_age = option_integer(L, "max_age", &cookie.max_age);
    cookie.has_expires = option_integer(L, "expires", &cookie.expires);
    cookie.is_secure = option_flag(L, "secure");
    cookie.is_httponly = option_flag(L, "httponly");
    cookie.is_partitioned = option_flag(L, "partitioned");
    add_cookie(L, r, &cookie);
    return 0;
}

/* r:delete_cookie(name, {path="/", domain=, secure=, httponly=, samesite=, partitioned=})
 */
static int delete_cookie(lua_State *L)
{
    struct response *r = response_check(L, 1);
    struct cookie cookie = {.name = check_str(L, 2),
                            .value = STR(""),
                            .has_max_age = true,
                            .has_expires = true};
    lua_settop(L, 3);
    lua_pushvalue(L, 3); /* options at 4, as in set_cookie */
    cookie.path = option_str(L, "path", "/");
    cookie.domain = option_str(L, "domain", NULL);
    cookie.samesite = option_str(L, "samesite", NULL);
    cookie.is_secure = option_flag(L, "secure");
    cookie.is_httponly = option_flag(L, "httponly");
    cookie.is_partitioned = option_flag(L, "partitioned");
    add_cookie(L, r, &cookie);
    return 0;
}

/* r:call_on_close(fn) -> fn */
static int call_on_close(lua_State *L)
{
    struct response *r = response_check(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (r->on_close_ref == LUA_NOREF) {
        lua_newtable(L);
        r->on_close_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->on_close_ref);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_settop(L, 2);
    return 1;
}

static int gc_lua(lua_State *L)
{
    response_clear(L, response_check(L, 1));
    return 0;
}

static int tostring_lua(lua_State *L)
{
    get_status(L, response_check(L, 1));
    lua_pushfstring(L, "<Response [%s]>", lua_tostring(L, -1));
    return 1;
}

void response_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"Response", new_lua},
                                         {"make_response", make_response},
                                         {"is_response", is_response},
                                         {"jsonify", jsonify},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"get_data", get_data_method},    {"set_data", set_data_method},
        {"set_cookie", set_cookie},       {"delete_cookie", delete_cookie},
        {"call_on_close", call_on_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newmetatable(L, METATABLE);
    luaL_newlib(L, methods);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "response_methods"); /* response.lua adds to it */
    lua_createtable(L, 0, 2);
    lua_newtable(L);
    lua_setfield(L, -2, "get");
    lua_newtable(L);
    lua_setfield(L, -2, "set");
    lua_pushvalue(L, -1);
    lua_setfield(L, -5, "response_properties");
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, index_lua, 2);
    lua_setfield(L, -4, "__index");
    lua_pushcclosure(L, newindex_lua, 2);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, gc_lua);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, tostring_lua);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    headers_open(L);
}

/* ---- the core's own answers ---- */

static void set_page(struct response *r, const char *page)
{
    struct str copy = arena_copy(&r->arena, str_from(page));
    r->text = copy.p ? copy : STR("");
}

int response_redirect(struct response *r, struct str location, int status)
{
    struct fault fault;
    r->status = status;
    set_page(r, "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n"
                "<h1>Redirecting...</h1>\n"
                "<p>You should be redirected automatically to the target URL.\n");
    return response_set_field(r, STR("Location"), location, &fault);
}

int response_allow(struct response *r, const struct route_result *match)
{
    struct fault fault;
    char text[2048];
    size_t n = 0;
    for (size_t i = 0; i < match->methods_n; i++) {
        struct str name = match->methods[i];
        if (n + name.n + 2 > sizeof text)
            break;
        if (i > 0)
            n += (size_t)snprintf(text + n, sizeof text - n, ", ");
        memcpy(text + n, name.p, name.n);
        n += name.n;
    }
    return n ? response_set_field(r, STR("Allow"), (struct str){text, n}, &fault) : 0;
}

void response_error(struct response *r, int status)
{
    struct buf page = {0};
    struct fault fault;
    const char *type = error_page(&page, status, response_reason(status),
                                  "The server could not answer the request.", false);
    struct str copy = arena_copy(&r->arena, buf_str(&page));
    buf_free(&page);
    r->status = status;
    r->text = copy.p ? copy : STR("");
    response_set_field(r, STR("Content-Type"), str_from(type), &fault);
}
