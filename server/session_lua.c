/* flask.session: read from the request's cookie, or got from app.session_interface, at
   the first touch; saved, when it has changed, before the answer goes out. */
#include "session_lua.h"

#include "app.h"
#include "base/value.h"
#include "cookie.h"
#include "core_lua.h"
#include "log.h"
#include "request_lua.h"
#include "response_lua.h"
#include "tagged_json.h"
#include <stdlib.h>

/* ---- config ---- */

/* In the order in which they are asked for: to read a session, up to the cookie's name;
   to write one, from that on; the rest is rarely needed. */
/* clang-format off */
enum key {
    SECRET_KEY = 1, SECRET_KEY_FALLBACKS, MOST_INFLATED, LIFETIME, COOKIE_NAME,
    COOKIE_DOMAIN, COOKIE_PATH, ROOT, COOKIE_HTTPONLY, COOKIE_SECURE, COOKIE_SAMESITE,
    COOKIE_PARTITIONED, MOST_COOKIE, REFRESH, DEBUG_MODE
};

static const char *const key_names[] = {
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "MAX_INFLATED_SIZE", "PERMANENT_SESSION_LIFETIME",
    "SESSION_COOKIE_NAME", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH",
    "APPLICATION_ROOT", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_PARTITIONED", "MAX_COOKIE_SIZE",
    "SESSION_REFRESH_EACH_REQUEST", "DEBUG"
};
/* clang-format on */

/* Registry: the list of the names, as Lua strings: to make them anew for each request
   would cost more than to look them up. */
static const char names_key;

static void push_names(lua_State *L, struct app *app)
{
    if (app->session_names == LUA_NOREF) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
        app->session_names = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->session_names);
}

/* Pushes the values in app.config of the keys from `first` to `last`: that of `key`
   stands at the returned index + key. */
static int push_config(lua_State *L, struct app *app, enum key first, enum key last)
{
    luaL_checkstack(L, LUA_MINSTACK + SIGNER_MOST_KEYS, NULL);
    push_names(L, app);
    lua_rawgeti(L, LUA_REGISTRYINDEX, app->config);
    int config = lua_gettop(L);
    for (int key = (int)first; key <= (int)last; key++) {
        lua_rawgeti(L, config - 1, key);
        lua_rawget(L, config);
    }
    return config + 1 - (int)first;
}

static bool is_on(lua_State *L, int config, enum key key)
{
    return lua_toboolean(L, config + (int)key);
}

static struct str string_at(lua_State *L, int index)
{
    struct str s;
    s.p = lua_tolstring(L, index, &s.n);
    return s;
}

/* The string stays where it is as long as it stands in the config. */
static struct str text_of(lua_State *L, int config, enum key key)
{
    if (lua_type(L, config + (int)key) != LUA_TSTRING)
        return (struct str){NULL, 0};
    return string_at(L, config + (int)key);
}

static double number_of(lua_State *L, int config, enum key key, double missing)
{
    int index = config + (int)key;
    return lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : missing;
}

/* A limit; false switches it off. */
static size_t limit_of(lua_State *L, int config, enum key key, int64_t missing)
{
    int index = config + (int)key;
    bool is_off = lua_isboolean(L, index) && !lua_toboolean(L, index);
    double value = number_of(L, config, key, (double)missing);
    return is_off || value > 9e15 ? INT64_MAX : (size_t)value;
}

/* One key by itself. */
static bool is_set(lua_State *L, struct app *app, enum key key)
{
    int top = lua_gettop(L);
    bool is = is_on(L, push_config(L, app, key, key), key);
    lua_settop(L, top);
    return is;
}

static double lifetime(lua_State *L, struct app *app)
{
    int top = lua_gettop(L);
    int config = push_config(L, app, LIFETIME, LIFETIME);
    double seconds = number_of(L, config, LIFETIME, 2678400);
    lua_settop(L, top);
    return seconds;
}

/* ---- keys ---- */

/* The fallbacks come first: what signs stands last. */
static int list_secrets(lua_State *L, int config, struct str *secrets)
{
    int n = 0;
    struct str secret = text_of(L, config, SECRET_KEY);
    if (!secret.n)
        return 0;
    int fallbacks = config + SECRET_KEY_FALLBACKS;
    for (int i = 1; lua_istable(L, fallbacks) && n < SIGNER_MOST_KEYS - 1; i++) {
        lua_rawgeti(L, fallbacks, i);
        bool is_end = lua_isnil(L, -1);
        if (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0)
            secrets[n++] = string_at(L, -1);
        lua_pop(L, 1);
        if (is_end)
            break;
    }
    secrets[n++] = secret;
    return n;
}

/* The app's keys; NULL when SECRET_KEY is not set. */
static const struct session_keys *find_keys(lua_State *L, struct app *app, int config)
{
    struct str secrets[SIGNER_MOST_KEYS];
    int n = list_secrets(L, config, secrets);
    if (!n)
        return NULL;
    if (!app->sessions)
        app->sessions = calloc(1, sizeof *app->sessions);
    if (!app->sessions || session_keys_set(&app->sessions->keys, secrets, n) < 0)
        luaL_error(L, "out of memory");
    return &app->sessions->keys;
}

/* ---- reading ---- */

void session_init(struct session *s)
{
    *s = (struct session){.data = LUA_NOREF, .tags = LUA_NOREF, .flashes = LUA_NOREF};
}

void session_end(lua_State *L, struct session *s)
{
    luaL_unref(L, LUA_REGISTRYINDEX, s->data);
    luaL_unref(L, LUA_REGISTRYINDEX, s->tags);
    luaL_unref(L, LUA_REGISTRYINDEX, s->flashes);
    session_init(s);
}

/* The first cookie of that name, as in request.cookies; .p NULL without one. */
static struct str find_cookie(lua_State *L, struct request *r, struct str name)
{
    struct str value = {NULL, 0};
    for (int i = 0; i < r->head.n_fields && !value.p; i++) {
        const struct http1_field *field = &r->head.fields[i];
        if (field->name.n == 6 && str_ieq(field->name, STR("Cookie")) &&
            cookie_find(&r->arena, field->value, name, &value) < 0)
            luaL_error(L, "out of memory");
    }
    return value;
}

/* The JSON of the request's cookie: false when there is none that is valid. */
static bool read_cookie(lua_State *L, struct exchange *ex, int config,
                        const struct session_keys *keys, struct str *json)
{
    struct str name = text_of(L, config, COOKIE_NAME);
    struct str cookie = find_cookie(L, &ex->request, name);
    return cookie.n &&
           session_read(keys, &ex->request.arena, cookie, signer_now(),
                        number_of(L, config, LIFETIME, 2678400),
                        limit_of(L, config, MOST_INFLATED, 1048576), json) == 0;
}

/* Pushes what the JSON has, and its tags; false when it is no object. */
static bool push_decoded(lua_State *L, struct str json)
{
    struct fault fault;
    int top = lua_gettop(L);
    if (tagged_json_decode(L, json, &fault) < 0)
        return false;
    if (lua_type(L, top + 1) == LUA_TTABLE && !lua_getmetatable(L, top + 1))
        return true;
    lua_settop(L, top);
    return false;
}

/* stack: data, tags or nil -> (nothing) */
static void keep(lua_State *L, struct session *s)
{
    if (lua_isnil(L, -1))
        lua_pop(L, 1);
    else
        s->tags = luaL_ref(L, LUA_REGISTRYINDEX);
    s->data = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void read_session(lua_State *L, struct exchange *ex)
{
    struct session *s = &ex->session;
    int top = lua_gettop(L);
    int config = push_config(L, ex->request.app, SECRET_KEY, COOKIE_NAME);
    const struct session_keys *keys = NULL;
    struct str json;
    if (!ex->request.app->has_session_store)
        keys = find_keys(L, ex->request.app, config);
    if (keys && read_cookie(L, ex, config, keys, &json) && push_decoded(L, json)) {
        s->payload = json;
    } else {
        s->is_new = true;
        lua_newtable(L);
        lua_pushnil(L);
    }
    keep(L, s);
    s->kind = keys                                 ? SESSION_COOKIE
              : ex->request.app->has_session_store ? SESSION_NO_STORE
                                                   : SESSION_NO_KEY;
    lua_settop(L, top);
}

/* The running request's session, read; what it holds is pushed. */
static struct session *push_session(lua_State *L, struct exchange **where)
{
    struct exchange *ex = request_check_current(L);
    if (ex->session.kind == SESSION_UNREAD)
        read_session(L, ex);
    ex->session.is_accessed = true;
    lua_rawgeti(L, LUA_REGISTRYINDEX, ex->session.data);
    if (where)
        *where = ex;
    return &ex->session;
}

/* ---- changing ---- */

/* Raises for a session that can't be written. */
static void check_writable(lua_State *L, const struct session *s)
{
    if (s->kind == SESSION_NO_KEY)
        luaL_error(L,
                   "flask.session can't be written: SECRET_KEY is not set. Set it to a "
                   "secret of your own, as in app.config.SECRET_KEY = "
                   "flask.env(\"SECRET_KEY\"); `openssl rand -hex 32` makes one");
    if (s->kind == SESSION_NO_STORE)
        luaL_error(L, "flask.session can't be written: app.session_interface has opened "
                      "none for this request");
}

static void touch(struct exchange *ex)
{
    if (ex->is_head_sent && !ex->session.is_touched)
        log_text(LOG_WARNING, "flask.session was changed after the head of the answer, "
                              "and so its cookie, had gone out: the change is lost");
    ex->session.is_touched = true;
}

static bool is_permanent_name(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING &&
           strcmp(lua_tostring(L, index), "permanent") == 0;
}

/* upvalue: the name of a dict's method in Flask. Raises. */
static int refuse_method_lua(lua_State *L)
{
    core_push_function(L, "cflask.misuse", "fail");
    lua_pushliteral(L, "flask.session has no method '%s': it is used as a table is, "
                       "session.key or session[key], session.key = nil to remove, "
                       "flask.session_clear() to empty it");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 2, 0);
    return 0;
}

/* Whether the running function is asked by a template, where these are Python's own. */
static bool is_asked_by_template(lua_State *L)
{
    lua_Debug frame;
    return lua_getstack(L, 1, &frame) && lua_getinfo(L, "S", &frame) &&
           strcmp(frame.source, "=cflask.jinja") == 0;
}

/* The key at 2 is not there. What Flask's code would call is a function that says what to
   do here, in place of nil; as in other tables, a value of that name goes before it. */
static void push_missing(lua_State *L)
{
    static const char *const methods[] = {"get", "pop", "setdefault", "clear"};
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(key, methods[i]) == 0 && !is_asked_by_template(L)) {
            lua_pushvalue(L, 2);
            lua_pushcclosure(L, refuse_method_lua, 1);
            return;
        }
    lua_pushnil(L);
}

/* session.key, session.permanent */
static int index_lua(lua_State *L)
{
    struct session *s = push_session(L, NULL);
    bool is_permanent = is_permanent_name(L, 2);
    if (is_permanent)
        lua_pushliteral(L, "_permanent");
    else
        lua_pushvalue(L, 2);
    if (s->kind == SESSION_STORE)
        lua_gettable(L, -2);
    else
        lua_rawget(L, -2);
    if (is_permanent)
        lua_pushboolean(L, lua_toboolean(L, -1));
    else if (lua_isnil(L, -1))
        push_missing(L);
    return 1;
}

static void check_assigned(lua_State *L)
{
    luaL_argcheck(L, lua_type(L, 2) == LUA_TSTRING, 2,
                  "a key of flask.session must be a string");
    int type = lua_type(L, 3);
    if (type == LUA_TFUNCTION || type == LUA_TTHREAD)
        luaL_error(L, "flask.session.%s can't be a %s: only what can be JSON is kept",
                   lua_tostring(L, 2), lua_typename(L, type));
}

/* session.key = value; nil removes. Taking away what isn't there is no change. */
static int newindex_lua(lua_State *L)
{
    struct exchange *ex;
    lua_settop(L, 3);
    check_writable(L, push_session(L, &ex));
    if (is_permanent_name(L, 2)) {
        lua_pushboolean(L, lua_toboolean(L, 3));
        lua_replace(L, 3);
        lua_pushliteral(L, "_permanent");
        lua_replace(L, 2);
    }
    if (ex->session.kind == SESSION_STORE) {
        touch(ex);
        lua_insert(L, 2);
        lua_settable(L, 2);
        return 0;
    }
    check_assigned(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, 4);
    if (lua_isnil(L, 3) && lua_isnil(L, -1))
        return 0;
    lua_pop(L, 1);
    touch(ex);
    lua_insert(L, 2);
    lua_rawset(L, 2);
    return 0;
}

/* pairs(session): sorted. upvalue: the library's pairs */
static int pairs_lua(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    push_session(L, NULL);
    lua_call(L, 1, 3);
    return 3;
}

static int tostring_lua(lua_State *L)
{
    lua_pushliteral(L, "flask.session");
    return 1;
}

/* session_clear(): removes all. */
static int clear_lua(lua_State *L)
{
    struct exchange *ex;
    check_writable(L, push_session(L, &ex));
    touch(ex);
    int data = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, data); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushnil(L);
        lua_rawset(L, data);
    }
    return 0;
}

/* session_touch(): counts as changed from now on. */
static int touch_lua(lua_State *L)
{
    struct exchange *ex;
    check_writable(L, push_session(L, &ex));
    touch(ex);
    return 0;
}

/* session_is_new(): whether there was no valid one. */
static int is_new_lua(lua_State *L)
{
    lua_pushboolean(L, push_session(L, NULL)->is_new);
    return 1;
}

/* ---- what has changed ---- */

/* stack: data -> JSON */
static void encode(lua_State *L, const struct session *s)
{
    if (s->tags == LUA_NOREF)
        lua_pushnil(L);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, s->tags);
    tagged_json_encode(L, -2, -1);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static bool is_text(lua_State *L, int index, struct str text)
{
    return str_eq(string_at(L, index), text);
}

/* Whether the JSON on top says something else than what was read. What was not written as
   we write it is compared as we would have written it. */
static bool differs(lua_State *L, struct str payload)
{
    int json = lua_gettop(L);
    if (!payload.p || is_text(L, json, payload))
        return false;
    if (!push_decoded(L, payload))
        return true;
    tagged_json_encode(L, json + 1, json + 2);
    bool is_equal = lua_rawequal(L, json, -1);
    lua_settop(L, json);
    return !is_equal;
}

/* session_is_modified(): whether it was assigned to, or a table in it has changed. */
static int is_modified_lua(lua_State *L)
{
    struct session *s = push_session(L, NULL);
    bool is_modified = s->is_touched;
    if (!is_modified && s->payload.p) {
        encode(L, s);
        is_modified = differs(L, s->payload);
    }
    lua_pushboolean(L, is_modified);
    return 1;
}

/* ---- saving ---- */

static void raise(lua_State *L, const struct fault *fault)
{
    luaL_error(L, "the session cookie: %s", fault->message);
}

/* Appends Cookie to Vary, unless it is there. 0, or -1 with a fault. */
static int add_vary(struct response *r, struct fault *fault)
{
    char joined[256];
    const struct str *field = response_field(r, STR("Vary"));
    if (!field)
        return response_put_field(r, STR("Vary"), STR("Cookie"), fault);
    for (int i = 0; i < r->n_fields; i++) {
        struct str rest = r->fields[i].value;
        if (!str_ieq(r->fields[i].name, STR("Vary")))
            continue;
        field = &r->fields[i].value;
        while (rest.p)
            if (str_ieq(str_trim(str_cut(&rest, ',')), STR("Cookie")))
                return 0;
    }
    if (!field->n || field->n > sizeof joined - 9)
        return response_add_field(r, STR("Vary"), STR("Cookie"), fault);
    snprintf(joined, sizeof joined, "%.*s, Cookie", (int)field->n, field->p);
    return response_set_field(r, STR("Vary"), str_from(joined), fault);
}

static void vary_by_cookie(lua_State *L, struct response *r)
{
    struct fault fault;
    if (add_vary(r, &fault) < 0)
        raise(L, &fault);
}

/* Over MAX_COOKIE_SIZE browsers drop the cookie, and the user is logged out. */
static void check_size(lua_State *L, struct app *app, int config, size_t value_size,
                       size_t size)
{
    size_t most = limit_of(L, config, MOST_COOKIE, 4093);
    if (most == 0 || size <= most)
        return;
    char text[300];
    snprintf(
        text, sizeof text,
        "the session cookie is too large: its value has %zu bytes and the whole %zu; "
        "browsers drop what has more than %zu (MAX_COOKIE_SIZE). Keep less in the "
        "session, or use app.session_interface",
        value_size, size, most);
    if (is_set(L, app, DEBUG_MODE))
        luaL_error(L, "%s", text);
    log_text(LOG_WARNING, text);
}

/* Adds the Set-Cookie field of a cookie without times, its value made of what needs no
   quotes. Returns the size. */
static size_t add_framed(lua_State *L, struct response *r, struct cookie_frame *frame,
                         const struct cookie *cookie)
{
    struct fault fault;
    if (cookie_frame_set(frame, cookie, &fault) < 0)
        raise(L, &fault);
    struct str text = cookie_framed(frame, &r->arena, cookie->value);
    if (!text.p)
        luaL_error(L, "out of memory");
    if (response_put_field(r, STR("Set-Cookie"), text, &fault) < 0)
        raise(L, &fault);
    return text.n;
}

/* Adds the Set-Cookie field. Nothing between the first byte of `field` and its end can
   raise. */
static size_t add_cookie(lua_State *L, struct response *r, const struct cookie *cookie)
{
    struct buf field = {0};
    struct fault fault;
    int failed = cookie_format(&field, cookie, 0, &fault); /* its times are set */
    if (!failed && field.is_exhausted)
        failed = fault_set(&fault, 503, "out of memory");
    if (!failed)
        failed = response_add_field(r, STR("Set-Cookie"), buf_str(&field), &fault);
    size_t size = field.n;
    buf_free(&field);
    if (failed)
        raise(L, &fault);
    return size;
}

/* The path: a mounted app's own, unless the config names another. */
static struct str find_path(lua_State *L, const struct exchange *ex, int config)
{
    struct str path = text_of(L, config, COOKIE_PATH);
    if (path.n)
        return path;
    path = text_of(L, config, ROOT);
    if (path.n && !str_eq(path, STR("/")))
        return path;
    return ex->request.root_path.n ? ex->request.root_path : STR("/");
}

static struct cookie describe(lua_State *L, const struct exchange *ex, int config)
{
    struct cookie cookie = {.name = text_of(L, config, COOKIE_NAME),
                            .domain = text_of(L, config, COOKIE_DOMAIN),
                            .path = find_path(L, ex, config),
                            .samesite = text_of(L, config, COOKIE_SAMESITE),
                            .is_httponly = is_on(L, config, COOKIE_HTTPONLY),
                            .is_secure = is_on(L, config, COOKIE_SECURE),
                            .is_partitioned = is_on(L, config, COOKIE_PARTITIONED)};
    return cookie;
}

static void delete_cookie(lua_State *L, struct exchange *ex, struct response *r)
{
    int config = push_config(L, ex->request.app, COOKIE_NAME, COOKIE_PARTITIONED);
    struct cookie cookie = describe(L, ex, config);
    cookie.value = STR("");
    cookie.has_max_age = cookie.has_expires = true;
    add_cookie(L, r, &cookie);
    vary_by_cookie(L, r);
}

/* Sends the JSON on top of the stack. */
static void send_cookie(lua_State *L, struct exchange *ex, struct response *r,
                        bool is_permanent)
{
    struct session_kept *kept = ex->request.app->sessions; /* as read */
    struct str json = string_at(L, -1);
    int config = push_config(L, ex->request.app, COOKIE_NAME, MOST_COOKIE);
    struct cookie cookie = describe(L, ex, config);
    int64_t now = signer_now();
    if (session_write(&kept->keys, &ex->request.arena, json, now, &cookie.value) < 0)
        luaL_error(L, "out of memory");
    cookie.has_expires = is_permanent;
    if (is_permanent)
        cookie.expires = now + (int64_t)lifetime(L, ex->request.app);
    size_t size = is_permanent ? add_cookie(L, r, &cookie)
                               : add_framed(L, r, &kept->frame, &cookie);
    check_size(L, ex->request.app, config, cookie.value.n, size);
    if (!ex->session.is_accessed) /* else it is there */
        vary_by_cookie(L, r);
}

static int encode_lua(lua_State *L)
{
    const struct session *s = lua_touserdata(L, 2);
    lua_settop(L, 1);
    encode(L, s);
    return 1;
}

/* Pushes the JSON of the data at the index; an error says that it is about the session.
 */
static void push_json(lua_State *L, struct session *s, int data)
{
    lua_pushcfunction(L, encode_lua);
    lua_pushvalue(L, data);
    lua_pushlightuserdata(L, s);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK)
        return;
    if (lua_type(L, -1) == LUA_TSTRING)
        lua_pushfstring(L, "flask.session can't be saved: %s", lua_tostring(L, -1));
    lua_error(L);
}

/* Flask's save_session. */
static void save(lua_State *L, struct exchange *ex, struct response *r)
{
    struct session *s = &ex->session;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->data);
    int data = lua_gettop(L);
    if (s->is_accessed)
        vary_by_cookie(L, r);
    lua_getfield(L, data, "_permanent");
    bool is_permanent = lua_toboolean(L, -1) && !value_is_null(L, -1);
    lua_pushnil(L);
    bool is_empty = !lua_next(L, data);
    lua_settop(L, data);
    bool is_modified = s->is_touched;
    push_json(L, s, data);
    if (!is_modified)
        is_modified = differs(L, s->payload);
    if (is_empty) {
        if (is_modified)
            delete_cookie(L, ex, r);
    } else if (is_modified || (is_permanent && is_set(L, ex->request.app, REFRESH))) {
        send_cookie(L, ex, r, is_permanent);
    }
    lua_settop(L, data - 1);
}

/* Whether a session that nobody has asked for must be sent again: only a permanent one
   is, and most requests' cookies tell that they are none. */
static bool must_send_again(lua_State *L, struct exchange *ex)
{
    int top = lua_gettop(L);
    int config = push_config(L, ex->request.app, COOKIE_NAME, COOKIE_NAME);
    bool is_wanted = is_set(L, ex->request.app, REFRESH) &&
                     find_cookie(L, &ex->request, text_of(L, config, COOKIE_NAME)).n > 0;
    lua_settop(L, top);
    if (!is_wanted)
        return false;
    read_session(L, ex);
    return ex->session.kind == SESSION_COOKIE;
}

/* stack: the exchange, a light userdata. A step of dispatch.c. */
static int save_lua(lua_State *L)
{
    struct exchange *ex = lua_touserdata(L, 1);
    ex->session.is_saving = true;
    if (ex->session.kind != SESSION_UNREAD || must_send_again(L, ex))
        save(L, ex, ex->answer);
    return 0;
}

static bool has_cookies(const struct request *r)
{
    for (int i = 0; i < r->head.n_fields; i++)
        if (str_ieq(r->head.fields[i].name, STR("Cookie")))
            return true;
    return false;
}

int session_push_saving(lua_State *co, struct exchange *ex)
{
    struct session *s = &ex->session;
    if (s->is_saving || s->kind == SESSION_NO_KEY || s->kind == SESSION_NO_STORE)
        return -1;
    if (s->kind == SESSION_STORE) {
        struct fault fault;
        s->is_saving = true;
        if (s->is_accessed)
            add_vary(ex->answer, &fault);
        app_push(co, ex->request.app);
        lua_getfield(co, -1, "_save_session");
        lua_insert(co, -2);
        lua_rawgeti(co, LUA_REGISTRYINDEX, s->data);
        lua_rawgeti(co, LUA_REGISTRYINDEX, ex->answer_ref);
        return 3;
    }
    if (s->kind == SESSION_UNREAD && !has_cookies(&ex->request))
        return -1;
    lua_pushcfunction(co, save_lua);
    lua_pushlightuserdata(co, ex);
    return 1;
}

void session_saved(lua_State *co, struct exchange *ex)
{
    ex->session.is_saving = false;
    lua_settop(co, 0);
}

/* ---- app.session_interface ---- */

int session_push_opening(lua_State *co, struct exchange *ex)
{
    if (!ex->request.app->has_session_store || ex->session.kind != SESSION_UNREAD)
        return -1;
    app_push(co, ex->request.app);
    lua_getfield(co, -1, "_open_session");
    lua_insert(co, -2);
    return 1;
}

/* stack: data, session, arena. What it says at the beginning, to see changes by. */
static int note_payload(lua_State *L)
{
    struct session *s = lua_touserdata(L, 2);
    lua_pushvalue(L, 1);
    encode(L, s);
    s->payload = arena_copy(lua_touserdata(L, 3), string_at(L, -1));
    return 0;
}

/* A table that can't be JSON is a store's own business: only assignments count then. */
static void take_data(lua_State *L, struct exchange *ex, int index)
{
    struct session *s = &ex->session;
    lua_pushcfunction(L, note_payload);
    lua_pushvalue(L, index);
    lua_pushlightuserdata(L, s);
    lua_pushlightuserdata(L, &ex->request.arena);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    lua_pushnil(L);
    s->is_new = !lua_next(L, index);
    if (!s->is_new)
        lua_pop(L, 2);
    lua_pushvalue(L, index);
    s->data = luaL_ref(L, LUA_REGISTRYINDEX);
    s->kind = SESSION_STORE;
}

const char *session_opened(lua_State *co, struct exchange *ex)
{
    const char *wrong = NULL;
    if (lua_type(co, 1) == LUA_TTABLE)
        take_data(co, ex, 1);
    else if (lua_isnoneornil(co, 1))
        read_session(co, ex);
    else
        wrong = "the open function of app.session_interface must return a table or nil";
    lua_settop(co, 0);
    return wrong;
}

/* _session_take(data): the running request's session, where no request runs its course:
   tests and app:test_request_context. */
static int take_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    session_end(L, &ex->session);
    take_data(L, ex, 1);
    return 0;
}

/* _session_save(response): what is done with a request's session at its end. */
static int save_now_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    struct response *r = response_check(L, 1);
    if (ex->session.kind == SESSION_COOKIE)
        save(L, ex, r);
    return 0;
}

/* _session_data(): the table behind flask.session. */
static int data_lua(lua_State *L)
{
    push_session(L, NULL);
    return 1;
}

/* ---- flashes ---- */

/* _session_tuple(list): it is written as a tuple. Returns the list. */
static int tuple_lua(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct session *s = push_session(L, NULL);
    if (s->kind != SESSION_COOKIE) {
        lua_settop(L, 1);
        return 1;
    }
    if (s->tags == LUA_NOREF) {
        lua_newtable(L);
        s->tags = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    value_mark_list(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->tags);
    tagged_json_mark_tuple(L, 1, -1);
    lua_settop(L, 1);
    return 1;
}

/* _session_flashes(): the messages that the request has popped, or nil; with a list, that
   becomes them. */
static int flashes_lua(lua_State *L)
{
    struct session *s = &request_check_current(L)->session;
    if (!lua_isnoneornil(L, 1)) {
        lua_settop(L, 1);
        luaL_unref(L, LUA_REGISTRYINDEX, s->flashes);
        s->flashes = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    if (s->flashes == LUA_NOREF)
        lua_pushnil(L);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, s->flashes);
    return 1;
}

/* ---- the object ---- */

static void push_object(lua_State *L)
{
    lua_newuserdatauv(L, sizeof(char), 0);
    lua_createtable(L, 0, 6);
    lua_pushcfunction(L, index_lua);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, newindex_lua);
    lua_setfield(L, -2, "__newindex");
    value_push_library(L);
    lua_getfield(L, -1, "pairs");
    lua_replace(L, -2);
    lua_pushcclosure(L, pairs_lua, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, tostring_lua);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "session");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "dict"); /* templates: .items(), .get(), ... */
    lua_setfield(L, -2, "__jinja");
    lua_setmetatable(L, -2);
}

void session_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"session_clear", clear_lua},      {"session_touch", touch_lua},
        {"session_is_new", is_new_lua},    {"session_is_modified", is_modified_lua},
        {"_session_take", take_lua},       {"_session_save", save_now_lua},
        {"_session_data", data_lua},       {"_session_tuple", tuple_lua},
        {"_session_flashes", flashes_lua}, {NULL, NULL}};
    int n = (int)(sizeof key_names / sizeof *key_names);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(L, key_names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
    luaL_setfuncs(L, functions, 0);
    push_object(L);
    lua_setfield(L, -2, "session");
}
