/* The fields of flask.request: each is a row of the table at the end. What is parsed is
   kept in the request's locals, so that it is parsed once and is always the same object.
 */
#include "request_fields.h"

#include "accept.h"
#include "app.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "base/value.h"
#include "cookie.h"
#include "field.h"
#include "field_lua.h"
#include "form.h"
#include "json.h"
#include "keywords.h"
#include "multidict.h"
#include "request_lua.h"
#include "text.h"
#include "upload.h"
#include <stdio.h>
#include <sys/random.h>

/* ---- strings ---- */

static int push_str(lua_State *L, struct str s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
    return 1;
}

/* A header field's value as valid UTF-8, or nil. */
static int push_field(lua_State *L, struct exchange *ex, struct str name)
{
    struct str value = request_field(&ex->request, name);
    if (!value.p)
        lua_pushnil(L);
    else
        push_str(L, text_from_header(&ex->request.arena, value));
    return 1;
}

/* All fields of that name, joined with ", " (RFC 9110, section 5.3); .p NULL without one.
 */
static struct str joined_field(struct exchange *ex, struct str name)
{
    const struct http1_head *head = &ex->request.head;
    struct str first = {NULL, 0};
    struct buf all = {0};
    int n = 0;
    for (int i = 0; i < head->n_fields; i++) {
        if (!str_ieq(head->fields[i].name, name))
            continue;
        if (n++ == 0) {
            first = head->fields[i].value;
            continue;
        }
        if (n == 2)
            buf_addstr(&all, first);
        buf_addstr(&all, STR(", "));
        buf_addstr(&all, head->fields[i].value);
    }
    if (n < 2)
        return first;
    struct str copy = arena_copy(&ex->request.arena, buf_str(&all));
    buf_free(&all);
    return copy;
}

/* Moves a malloc'd buffer's bytes into the arena, so that nothing is lost when Lua
 * raises. */
static struct str into_arena(struct arena *a, struct buf *b)
{
    struct str s = arena_copy(a, buf_str(b));
    buf_free(b);
    return s.p ? s : STR("");
}

static struct str decode(struct arena *a, struct str s)
{
    struct buf raw = {0}, text = {0};
    if (percent_is_plain(s, false) && utf8_is_valid(s))
        return s;
    percent_decode(&raw, s, false);
    utf8_add_repaired(&text, buf_str(&raw));
    buf_free(&raw);
    return into_arena(a, &text);
}

struct str request_path(struct request *r)
{
    struct str path = decode(&r->arena, r->path);
    return path.n ? path : STR("/");
}

static struct str path_of(struct exchange *ex)
{
    return request_path(&ex->request);
}

static struct str root_of(struct exchange *ex)
{
    return decode(&ex->request.arena, ex->request.root_path);
}

/* Host without the scheme's own port, as Werkzeug's get_host. */
static struct str host_of(const struct request *r)
{
    struct str host = request_host(r);
    struct str port = r->peer.is_secure ? STR(":443") : STR(":80");
    if (host.n > port.n && str_eq(str_skip(host, host.n - port.n), port))
        host.n -= port.n;
    return host;
}

static int method(lua_State *L, struct exchange *ex)
{
    return push_str(L, ex->request.head.method);
}

static int path(lua_State *L, struct exchange *ex)
{
    return push_str(L, path_of(ex));
}

static int query_string(lua_State *L, struct exchange *ex)
{
    return push_str(L, ex->request.head.query);
}

static int full_path(lua_State *L, struct exchange *ex)
{
    push_str(L, path_of(ex));
    lua_pushliteral(L, "?");
    push_str(L, text_repaired(&ex->request.arena, ex->request.head.query));
    lua_concat(L, 3);
    return 1;
}

static int scheme(lua_State *L, struct exchange *ex)
{
    lua_pushstring(L, request_scheme(&ex->request));
    return 1;
}

static int is_secure(lua_State *L, struct exchange *ex)
{
    lua_pushboolean(L, ex->request.peer.is_secure);
    return 1;
}

static int host(lua_State *L, struct exchange *ex)
{
    return push_str(L, host_of(&ex->request));
}

static int root_path(lua_State *L, struct exchange *ex)
{
    return push_str(L, root_of(ex));
}

/* A decoded path in an IRI, as Werkzeug 3's: what can be read stays as it is. Not so %,
   which that leaves too, though it leads elsewhere then. */
static void add_iri(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80)
            buf_addc(out, s.p[i]);
        else
            percent_encode(out, (struct str){s.p + i, 1},
                           PERCENT_PATH_SAFE "\"<>[\\]^`{|}");
    }
}

static void add_host_url(struct buf *out, const struct request *r)
{
    buf_addf(out, "%s://", request_scheme(r));
    buf_addstr(out, host_of(r));
}

static int push_url(lua_State *L, struct exchange *ex, bool has_path, bool has_query)
{
    struct request *r = &ex->request;
    struct str root = root_of(ex), rest = path_of(ex);
    struct buf url = {0};
    add_host_url(&url, r);
    add_iri(&url, root);
    if (has_path)
        add_iri(&url, rest);
    else
        buf_addc(&url, '/');
    if (has_query && r->head.query.n) {
        buf_addc(&url, '?');
        percent_add_readable(&url, r->head.query);
    }
    return push_str(L, into_arena(&r->arena, &url));
}

static int url(lua_State *L, struct exchange *ex)
{
    return push_url(L, ex, true, true);
}

static int base_url(lua_State *L, struct exchange *ex)
{
    return push_url(L, ex, true, false);
}

static int root_url(lua_State *L, struct exchange *ex)
{
    return push_url(L, ex, false, false);
}

static int host_url(lua_State *L, struct exchange *ex)
{
    struct buf text = {0};
    add_host_url(&text, &ex->request);
    buf_addc(&text, '/');
    return push_str(L, into_arena(&ex->request.arena, &text));
}

static int remote_addr(lua_State *L, struct exchange *ex)
{
    lua_pushstring(L, ex->request.peer.address);
    return 1;
}

static int remote_port(lua_State *L, struct exchange *ex)
{
    lua_pushinteger(L, ex->request.peer.port);
    return 1;
}

static int access_route(lua_State *L, struct exchange *ex)
{
    field_push_access_route(L, joined_field(ex, STR("X-Forwarded-For")),
                            str_from(ex->request.peer.address));
    return 1;
}

/* ---- what matched ---- */

static int push_info(lua_State *L, struct exchange *ex, const char *field)
{
    const struct plan *plan = ex->request.plan;
    if (!plan || plan->info == LUA_NOREF) {
        lua_pushnil(L);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, plan->info);
    lua_getfield(L, -1, field);
    return 1;
}

static int endpoint(lua_State *L, struct exchange *ex)
{
    return push_info(L, ex, "endpoint");
}

static int url_rule(lua_State *L, struct exchange *ex)
{
    return push_info(L, ex, "rule");
}

static int blueprint(lua_State *L, struct exchange *ex)
{
    return push_info(L, ex, "blueprint");
}

static int blueprints(lua_State *L, struct exchange *ex)
{
    push_info(L, ex, "blueprints");
    if (lua_isnil(L, -1))
        value_push_list(L, 0);
    return 1;
}

static int view_args(lua_State *L, struct exchange *ex)
{
    if (ex->request.match.outcome == ROUTE_FOUND)
        request_push_view_args(L, ex);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- limits that a request may change ---- */

static int64_t limit(lua_State *L, struct exchange *ex, const char *key, int64_t missing)
{
    context_push_locals(L, &ex->context);
    lua_getfield(L, -1, key);
    int64_t value = lua_isnumber(L, -1) ? (int64_t)lua_tonumber(L, -1) : -2;
    lua_pop(L, 2);
    if (value >= -1)
        return value;
    char upper[40];
    size_t i = 0;
    for (; key[i] && i < sizeof upper - 1; i++)
        upper[i] = (char)(key[i] >= 'a' && key[i] <= 'z' ? key[i] - 32 : key[i]);
    upper[i] = '\0';
    return app_config_limit(ex->request.app, upper, missing);
}

static int push_limit(lua_State *L, int64_t value)
{
    if (value < 0 || value == INT64_MAX) /* no limit */
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

static int max_content_length(lua_State *L, struct exchange *ex)
{
    return push_limit(L, ex->request.max_content_length);
}

static int64_t form_memory(lua_State *L, struct exchange *ex)
{
    return limit(L, ex, "max_form_memory_size", 500000);
}

static int64_t form_parts(lua_State *L, struct exchange *ex)
{
    return limit(L, ex, "max_form_parts", 1000);
}

static int max_form_memory_size(lua_State *L, struct exchange *ex)
{
    return push_limit(L, form_memory(L, ex));
}

static int max_form_parts(lua_State *L, struct exchange *ex)
{
    return push_limit(L, form_parts(L, ex));
}

/* ---- the body ---- */

/* Touching a body over its limit is 413 (API, section 5). */
static void check_body(lua_State *L, const struct request *r)
{
    if (r->is_body_refused || request_is_over_limit(r, r->body.size))
        request_raise(L, r->head.expects_other ? 417 : 413, NULL);
}

static int push_body(lua_State *L, struct exchange *ex)
{
    struct request *r = &ex->request;
    check_body(L, r);
    struct str memory = body_memory(&r->body);
    if (memory.p)
        return push_str(L, memory);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (uint64_t at = 0; at < r->body.size;) {
        char *to = luaL_prepbuffsize(&b, 65536);
        int64_t got = body_read(&r->body, at, to, 65536);
        if (got <= 0)
            return luaL_error(L, "the body can't be read");
        luaL_addsize(&b, (size_t)got);
        at += (uint64_t)got;
    }
    luaL_pushresult(&b);
    return 1;
}

static struct str content_type_of(const struct request *r)
{
    struct str type = request_field(r, STR("Content-Type"));
    return type.p ? type : STR("");
}

/* The media type, in lower case, without parameters. */
static struct str mimetype_of(struct exchange *ex, struct pairs *parameters)
{
    struct str value = STR("");
    struct arena *a = &ex->request.arena;
    field_parse_parameters(a, text_from_header(a, content_type_of(&ex->request)), &value,
                           parameters);
    struct str lower = arena_copy(a, value);
    for (size_t i = 0; i < lower.n; i++)
        if (lower.p[i] >= 'A' && lower.p[i] <= 'Z')
            ((char *)lower.p)[i] += 32;
    return lower;
}

static bool is_form(struct str mimetype)
{
    return str_eq(mimetype, STR("application/x-www-form-urlencoded")) ||
           str_eq(mimetype, STR("multipart/form-data"));
}

/* As in Flask: the bytes of a form are in form and files, not here; get_data() has them.
 */
static int data(lua_State *L, struct exchange *ex)
{
    struct pairs parameters = {0};
    if (is_form(mimetype_of(ex, &parameters)))
        return push_str(L, STR(""));
    return push_body(L, ex);
}

static int stream(lua_State *L, struct exchange *ex)
{
    check_body(L, &ex->request);
    lua_newtable(L);
    upload_push(L, ex, 0, ex->request.body.size);
    return 1;
}

static int content_type(lua_State *L, struct exchange *ex)
{
    return push_field(L, ex, STR("Content-Type"));
}

static int content_length(lua_State *L, struct exchange *ex)
{
    const struct http1_head *head = &ex->request.head;
    if (head->has_length)
        lua_pushinteger(
            L, (lua_Integer)(head->length > INT64_MAX ? INT64_MAX : head->length));
    else
        lua_pushnil(L);
    return 1;
}

static int mimetype(lua_State *L, struct exchange *ex)
{
    struct pairs parameters = {0};
    return push_str(L, mimetype_of(ex, &parameters));
}

static int mimetype_params(lua_State *L, struct exchange *ex)
{
    struct pairs parameters = {0};
    mimetype_of(ex, &parameters);
    lua_createtable(L, 0, (int)parameters.n);
    for (size_t i = 0; i < parameters.n; i++) {
        push_str(L, parameters.items[i].name);
        push_str(L, parameters.items[i].value);
        lua_rawset(L, -3);
    }
    return 1;
}

static bool has_json_type(struct exchange *ex)
{
    struct pairs parameters = {0};
    struct str type = mimetype_of(ex, &parameters);
    return str_eq(type, STR("application/json")) ||
           (str_starts(type, STR("application/")) && type.n > 5 &&
            str_eq(str_skip(type, type.n - 5), STR("+json")));
}

static int is_json(lua_State *L, struct exchange *ex)
{
    lua_pushboolean(L, has_json_type(ex));
    return 1;
}

/* get_json{force=, silent=} with both known. The value is kept. */
static int push_json(lua_State *L, struct exchange *ex, bool is_forced, bool is_silent)
{
    struct fault fault;
    if (!is_forced && !has_json_type(ex)) {
        if (!is_silent)
            return request_raise(L, 415,
                                 "Did not attempt to load JSON data because the request "
                                 "Content-Type was not 'application/json'.");
        lua_pushnil(L);
        return 1;
    }
    context_push_locals(L, &ex->context);
    int locals = lua_gettop(L);
    lua_getfield(L, locals, "json");
    if (!lua_isnil(L, -1))
        return 1;
    push_body(L, ex);
    struct str text;
    text.p = lua_tolstring(L, -1, &text.n);
    if (json_decode(L, text, &fault) < 0) {
        if (!is_silent)
            return request_raise(L, 400, fault.message);
        lua_pushnil(L);
        return 1;
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, locals, "json");
    return 1;
}

static int json(lua_State *L, struct exchange *ex)
{
    return push_json(L, ex, false, false);
}

/* ---- multi-dictionaries ---- */

static int args(lua_State *L, struct exchange *ex)
{
    struct pairs pairs = {0};
    if (form_parse_query(&ex->request.arena, ex->request.head.query, &pairs) < 0)
        return luaL_error(L, "out of memory");
    multidict_push(L, pairs.items, pairs.n, 0);
    return 1;
}

static int headers(lua_State *L, struct exchange *ex)
{
    const struct http1_head *head = &ex->request.head;
    struct pairs pairs = {0};
    for (int i = 0; i < head->n_fields; i++)
        if (pairs_add(&pairs, &ex->request.arena, head->fields[i].name,
                      text_from_header(&ex->request.arena, head->fields[i].value)) < 0)
            return luaL_error(L, "out of memory");
    multidict_push(L, pairs.items, pairs.n, MULTIDICT_HEADERS);
    return 1;
}

static int cookies(lua_State *L, struct exchange *ex)
{
    const struct http1_head *head = &ex->request.head;
    struct pairs pairs = {0};
    for (int i = 0; i < head->n_fields; i++)
        if (str_ieq(head->fields[i].name, STR("Cookie")) &&
            cookie_parse(&ex->request.arena, head->fields[i].value, &pairs) < 0)
            return luaL_error(L, "out of memory");
    multidict_push(L, pairs.items, pairs.n, 0);
    return 1;
}

static void push_file(lua_State *L, struct exchange *ex, const struct form_file *file)
{
    lua_createtable(L, 0, 5);
    push_str(L, file->filename);
    lua_setfield(L, -2, "filename");
    push_str(L, file->name);
    lua_setfield(L, -2, "name");
    push_str(L, file->content_type);
    lua_setfield(L, -2, "content_type");
    multidict_push(L, file->headers.items, file->headers.n, MULTIDICT_HEADERS);
    lua_setfield(L, -2, "headers");
    upload_push(L, ex, file->offset, file->length);
}

static void keep_files(lua_State *L, struct exchange *ex, int locals,
                       const struct form *form)
{
    struct str *names =
        arena_alloc(&ex->request.arena, (form->n_files + 1) * sizeof *names);
    if (!names)
        luaL_error(L, "out of memory");
    lua_createtable(L, (int)form->n_files, 0);
    for (size_t i = 0; i < form->n_files; i++) {
        names[i] = form->files[i].name;
        push_file(L, ex, &form->files[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    multidict_push_values(L, names, form->n_files, 0);
    lua_setfield(L, locals, "files");
}

/* Reads the form once; both parts are kept. Pushes the one that is asked for. */
static int push_form(lua_State *L, struct exchange *ex, const char *part)
{
    struct request *r = &ex->request;
    struct form form = {0};
    struct fault fault;
    context_push_locals(L, &ex->context);
    int locals = lua_gettop(L);
    lua_getfield(L, locals, part);
    if (!lua_isnil(L, -1))
        return 1;
    check_body(L, r);
    int64_t parts = form_parts(L, ex), memory = form_memory(L, ex);
    struct form_limits limits = {parts < 0 ? SIZE_MAX : (size_t)parts,
                                 memory < 0 ? SIZE_MAX : (size_t)memory};
    struct form_source source = {body_memory(&r->body).p, r->body.fd, r->body.size};
    if (form_parse(&r->arena, &source, content_type_of(r), &limits, &form, &fault) < 0)
        return request_raise(L, fault.status, fault.message);
    multidict_push(L, form.fields.items, form.fields.n, 0);
    lua_setfield(L, locals, "form");
    keep_files(L, ex, locals, &form);
    lua_getfield(L, locals, part);
    return 1;
}

static int form(lua_State *L, struct exchange *ex)
{
    return push_form(L, ex, "form");
}

static int files(lua_State *L, struct exchange *ex)
{
    return push_form(L, ex, "files");
}

/* args, then form. */
static int values(lua_State *L, struct exchange *ex)
{
    struct request *r = &ex->request;
    struct pairs pairs = {0};
    struct form parsed = {0};
    struct fault fault;
    push_form(L, ex, "form"); /* the errors, and the limits */
    struct form_limits limits = {SIZE_MAX, SIZE_MAX};
    struct form_source source = {body_memory(&r->body).p, r->body.fd, r->body.size};
    if (form_parse_query(&r->arena, r->head.query, &pairs) < 0 ||
        form_parse(&r->arena, &source, content_type_of(r), &limits, &parsed, &fault) < 0)
        return luaL_error(L, "out of memory");
    for (size_t i = 0; i < parsed.fields.n; i++)
        if (pairs_add(&pairs, &r->arena, parsed.fields.items[i].name,
                      parsed.fields.items[i].value) < 0)
            return luaL_error(L, "out of memory");
    multidict_push(L, pairs.items, pairs.n, 0);
    return 1;
}

/* ---- header fields with a meaning ---- */

static int content_encoding(lua_State *L, struct exchange *ex)
{
    return push_field(L, ex, STR("Content-Encoding"));
}

static int referrer(lua_State *L, struct exchange *ex)
{
    return push_field(L, ex, STR("Referer"));
}

static int origin(lua_State *L, struct exchange *ex)
{
    return push_field(L, ex, STR("Origin"));
}

static int user_agent(lua_State *L, struct exchange *ex)
{
    return push_field(L, ex, STR("User-Agent"));
}

static int pragma(lua_State *L, struct exchange *ex)
{
    return push_field(L, ex, STR("Pragma"));
}

static int push_date(lua_State *L, struct exchange *ex, struct str name)
{
    field_push_date(L, request_field(&ex->request, name));
    return 1;
}

static int date(lua_State *L, struct exchange *ex)
{
    return push_date(L, ex, STR("Date"));
}

static int if_modified_since(lua_State *L, struct exchange *ex)
{
    return push_date(L, ex, STR("If-Modified-Since"));
}

static int if_unmodified_since(lua_State *L, struct exchange *ex)
{
    return push_date(L, ex, STR("If-Unmodified-Since"));
}

static int max_forwards(lua_State *L, struct exchange *ex)
{
    field_push_integer(L, request_field(&ex->request, STR("Max-Forwards")));
    return 1;
}

static int authorization(lua_State *L, struct exchange *ex)
{
    field_push_authorization(L, joined_field(ex, STR("Authorization")));
    return 1;
}

static int accept_mimetypes(lua_State *L, struct exchange *ex)
{
    field_push_accept(L, ACCEPT_MIMETYPES, joined_field(ex, STR("Accept")));
    return 1;
}

static int accept_languages(lua_State *L, struct exchange *ex)
{
    field_push_accept(L, ACCEPT_LANGUAGES, joined_field(ex, STR("Accept-Language")));
    return 1;
}

static int accept_encodings(lua_State *L, struct exchange *ex)
{
    field_push_accept(L, ACCEPT_ENCODINGS, joined_field(ex, STR("Accept-Encoding")));
    return 1;
}

static int accept_charsets(lua_State *L, struct exchange *ex)
{
    field_push_accept(L, ACCEPT_CHARSETS, joined_field(ex, STR("Accept-Charset")));
    return 1;
}

static int if_match(lua_State *L, struct exchange *ex)
{
    field_push_etags(L, joined_field(ex, STR("If-Match")));
    return 1;
}

static int if_none_match(lua_State *L, struct exchange *ex)
{
    field_push_etags(L, joined_field(ex, STR("If-None-Match")));
    return 1;
}

static int if_range(lua_State *L, struct exchange *ex)
{
    field_push_if_range(L, joined_field(ex, STR("If-Range")));
    return 1;
}

static int range(lua_State *L, struct exchange *ex)
{
    field_push_range(L, joined_field(ex, STR("Range")));
    return 1;
}

static int cache_control(lua_State *L, struct exchange *ex)
{
    field_push_cache_control(L, joined_field(ex, STR("Cache-Control")));
    return 1;
}

/* X-Request-Id when the client (or a proxy) gave a sensible one, else one made here. */
static int id(lua_State *L, struct exchange *ex)
{
    struct str sent = request_field(&ex->request, STR("X-Request-Id"));
    unsigned char random[16];
    char text[33];
    if (sent.p && sent.n > 0 && sent.n <= 200 && http1_is_token(sent))
        return push_str(L, sent);
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return luaL_error(L, "no random bytes from the kernel");
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    lua_pushstring(L, text);
    return 1;
}

/* ---- the table ---- */

static const struct row {
    const char *name;
    int (*push)(lua_State *L, struct exchange *ex); /* pushes the value last */
    bool is_kept; /* made once for each request, and always the same object */
} rows[] = {
    {"method", method, false},
    {"path", path, false},
    {"full_path", full_path, false},
    {"query_string", query_string, false},
    {"url", url, false},
    {"base_url", base_url, false},
    {"root_url", root_url, false},
    {"url_root", root_url, false},
    {"root_path", root_path, false},
    {"script_root", root_path, false},
    {"host", host, false},
    {"host_url", host_url, false},
    {"scheme", scheme, false},
    {"is_secure", is_secure, false},
    {"remote_addr", remote_addr, false},
    {"remote_port", remote_port, false},
    {"access_route", access_route, true},
    {"endpoint", endpoint, false},
    {"url_rule", url_rule, false},
    {"view_args", view_args, false},
    {"blueprint", blueprint, false},
    {"blueprints", blueprints, true},
    {"args", args, true},
    {"form", form, false},
    {"files", files, false},
    {"values", values, true},
    {"headers", headers, true},
    {"cookies", cookies, true},
    {"data", data, false},
    {"stream", stream, true},
    {"json", json, false},
    {"is_json", is_json, false},
    {"mimetype", mimetype, false},
    {"mimetype_params", mimetype_params, true},
    {"content_type", content_type, false},
    {"content_length", content_length, false},
    {"content_encoding", content_encoding, false},
    {"referrer", referrer, false},
    {"origin", origin, false},
    {"user_agent", user_agent, false},
    {"date", date, false},
    {"authorization", authorization, true},
    {"accept_mimetypes", accept_mimetypes, true},
    {"accept_languages", accept_languages, true},
    {"accept_encodings", accept_encodings, true},
    {"accept_charsets", accept_charsets, true},
    {"if_match", if_match, true},
    {"if_none_match", if_none_match, true},
    {"if_modified_since", if_modified_since, false},
    {"if_unmodified_since", if_unmodified_since, false},
    {"if_range", if_range, true},
    {"range", range, true},
    {"cache_control", cache_control, true},
    {"pragma", pragma, false},
    {"max_forwards", max_forwards, false},
    {"id", id, true},
    {"max_content_length", max_content_length, false},
    {"max_form_memory_size", max_form_memory_size, false},
    {"max_form_parts", max_form_parts, false},
};

void request_push_fields(lua_State *L)
{
    lua_createtable(L, 0, (int)(sizeof rows / sizeof *rows));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_setfield(L, -2, rows[i].name);
    }
}

int request_push_field(lua_State *L, struct exchange *ex, lua_Integer field)
{
    const struct row *row = &rows[field];
    if (!row->is_kept)
        return row->push(L, ex);
    context_push_locals(L, &ex->context);
    int locals = lua_gettop(L);
    lua_getfield(L, locals, row->name);
    if (!lua_isnil(L, -1))
        return 1;
    row->push(L, ex);
    lua_pushvalue(L, -1);
    lua_setfield(L, locals, row->name);
    return 1;
}

int request_get_data_lua(lua_State *L)
{
    request_check_self(L, "get_data");
    return push_body(L, request_check_current(L));
}

int request_get_json_lua(lua_State *L)
{
    request_check_self(L, "get_json");
    static const char *const names[] = {"force", "silent", NULL};
    struct exchange *ex = request_check_current(L);
    bool is_forced = false, is_silent = false;
    keywords_check(L, 2, names, "get_json");
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "force");
        lua_getfield(L, 2, "silent");
        is_forced = lua_toboolean(L, -2);
        is_silent = lua_toboolean(L, -1);
    }
    return push_json(L, ex, is_forced, is_silent);
}
