/* Conditional and partial answers: 304, 206, 412, 416 (RFC 9110, sections 13, 14). */
#include "conditional.h"

#include "date.h"
#include "precondition.h"
#include "range.h"
#include "request_lua.h"
#include "response_lua.h"
#include <openssl/sha.h>

/* ---- what the request says and what the answer is ---- */

/* The bytes that all fields of that name take, joined with commas; how many they are. */
static int measure(const struct http1_head *head, struct str name, size_t *size)
{
    int n = 0;
    *size = 0;
    for (int i = 0; i < head->n_fields; i++)
        if (str_ieq(head->fields[i].name, name)) {
            *size += head->fields[i].value.n + 1;
            n++;
        }
    return n;
}

/* All fields of that name, joined with commas; .p NULL without one. Should memory be out,
   the first. */
static struct str joined(struct request *request, struct str name)
{
    const struct http1_head *head = &request->head;
    size_t size, n = 0;
    char *all = NULL;
    if (measure(head, name, &size) > 1)
        all = arena_alloc(&request->arena, size);
    if (!all)
        return request_field(request, name);
    for (int i = 0; i < head->n_fields; i++) {
        struct str value = head->fields[i].value;
        if (!str_ieq(head->fields[i].name, name))
            continue;
        memcpy(all + n, value.p, value.n);
        n += value.n;
        all[n++] = ',';
    }
    return (struct str){all, n - 1};
}

static struct preconditions preconditions_of(struct request *request)
{
    return (struct preconditions){
        .if_match = joined(request, STR("If-Match")),
        .if_none_match = joined(request, STR("If-None-Match")),
        .if_modified_since = request_field(request, STR("If-Modified-Since")),
        .if_unmodified_since = request_field(request, STR("If-Unmodified-Since"))};
}

static struct validators validators_of(const struct response *r)
{
    const struct str *date = response_field(r, STR("Last-Modified"));
    const struct str *field = response_field(r, STR("ETag"));
    struct validators v = {.last_modified = date ? date_parse(*date) : -1};
    struct str rest = field ? *field : STR("");
    bool is_star;
    if (!etag_next(&rest, &v.etag, &is_star))
        v.etag = (struct etag){{NULL, 0}, false};
    return v;
}

static uint64_t length_of(const struct response *r)
{
    return r->kind == RESPONSE_FILE ? r->length : r->text.n;
}

/* ---- what the answer becomes ---- */

static void set_field(lua_State *L, struct response *r, struct str name, struct str value)
{
    struct fault fault;
    if (response_set_field(r, name, value, &fault) < 0)
        luaL_error(L, "%s", fault.message);
}

static void drop_body(lua_State *L, struct response *r)
{
    lua_pushliteral(L, "");
    response_set_text(L, r, lua_gettop(L));
    lua_pop(L, 1);
}

/* What describes a body that is not sent. Expires, Content-Location, ETag, Vary and
   Cache-Control stay in a 304 (RFC 9110, section 15.4.5). */
static void drop_body_fields(struct response *r)
{
    static const char *const names[] = {
        "Allow",       "Content-Encoding", "Content-Language", "Content-Length",
        "Content-MD5", "Content-Range",    "Content-Type",     "Accept-Ranges"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        response_remove_field(r, str_from(names[i]));
}

/* Last-Modified is of use only where there is no tag. */
static void become_not_modified(lua_State *L, struct response *r)
{
    drop_body(L, r);
    drop_body_fields(r);
    if (response_field(r, STR("ETag")))
        response_remove_field(r, STR("Last-Modified"));
    response_set_status(r, 304);
}

/* The core's own page; nothing that was said of the former body stays. */
static void become_error(lua_State *L, struct response *r, int status)
{
    static const char *const names[] = {
        "ETag",    "Last-Modified",    "Cache-Control",
        "Expires", "Content-Location", "Content-Disposition"};
    drop_body(L, r);
    drop_body_fields(r);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        response_remove_field(r, str_from(names[i]));
    response_set_status(r, status);
    response_error(r, status);
}

static void take_part(struct response *r, uint64_t first, uint64_t end)
{
    if (r->kind == RESPONSE_FILE) {
        r->offset += first;
        r->length = end - first;
    } else {
        r->text = (struct str){r->text.p + first, (size_t)(end - first)};
    }
}

static void become_partial(lua_State *L, struct response *r, uint64_t first, uint64_t end)
{
    struct buf value = {0};
    struct fault fault;
    range_add_content_range(&value, first, end, length_of(r));
    int failed = response_set_field(r, STR("Content-Range"), buf_str(&value), &fault);
    buf_free(&value);
    if (failed)
        luaL_error(L, "%s", fault.message);
    take_part(r, first, end);
    response_set_status(r, 206);
}

void conditional_push_unsatisfied(lua_State *L, const struct response *r)
{
    struct buf value = {0};
    char text[64]; /* Lua's copy may raise: the buffer is given back before */
    range_add_unsatisfied(&value, length_of(r));
    size_t n = value.n < sizeof text ? value.n : sizeof text;
    memcpy(text, value.n ? value.p : "", n);
    buf_free(&value);
    lua_pushlstring(L, text, n);
}

/* Of an empty body every range is all of it. */
static int apply_range(lua_State *L, struct response *r, struct request *request,
                       const struct validators *now)
{
    uint64_t first, end;
    if (r->status != 200 || r->kind == RESPONSE_STREAM)
        return 0;
    set_field(L, r, STR("Accept-Ranges"), STR("bytes"));
    struct str range = joined(request, STR("Range"));
    if (!range.p || length_of(r) == 0 ||
        !precondition_allows_range(request_field(request, STR("If-Range")), now))
        return 0;
    switch (range_resolve(range, length_of(r), &first, &end)) {
    case RANGE_PART:
        become_partial(L, r, first, end);
        return 0;
    case RANGE_UNSATISFIABLE:
        return 416;
    default:
        return 0;
    }
}

int conditional_apply(lua_State *L, struct response *r, struct request *request)
{
    struct str method = request->head.method;
    if (r->status / 100 != 2 ||
        (!str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD"))))
        return 0;
    struct preconditions sent = preconditions_of(request);
    struct validators now = validators_of(r);
    switch (precondition_check(&sent, method, &now)) {
    case PRECONDITION_NOT_MODIFIED:
        become_not_modified(L, r);
        return 0;
    case PRECONDITION_FAILED:
        return 412;
    default:
        return apply_range(L, r, request, &now);
    }
}

/* ---- a response's methods ---- */

/* r:make_conditional() -> r. Where the conditions fail or the range lies outside it is
   the page of a 412 or 416, not an error: after_request functions may call it. */
static int make_conditional_lua(lua_State *L)
{
    struct response *r = response_check(L, 1);
    struct exchange *ex = request_check_current(L);
    int status = conditional_apply(L, r, &ex->request);
    if (status == 416) {
        conditional_push_unsatisfied(L, r);
        struct str value = {lua_tostring(L, -1), lua_rawlen(L, -1)};
        become_error(L, r, status);
        set_field(L, r, STR("Content-Range"), value);
    } else if (status) {
        become_error(L, r, status);
    }
    lua_settop(L, 1);
    return 1;
}

static void set_etag(lua_State *L, struct response *r, struct etag tag)
{
    struct buf value = {0};
    struct fault fault;
    int failed = etag_format(&value, tag, &fault);
    if (!failed && value.is_exhausted)
        failed = fault_set(&fault, 503, "out of memory");
    if (!failed)
        failed = response_set_field(r, STR("ETag"), buf_str(&value), &fault);
    buf_free(&value);
    if (failed)
        luaL_error(L, "%s", fault.message);
}

/* r:set_etag(tag, weak): tag without quotes */
static int set_etag_lua(lua_State *L)
{
    struct response *r = response_check(L, 1);
    struct etag tag = {.is_weak = lua_toboolean(L, 3)};
    tag.tag.p = luaL_checklstring(L, 2, &tag.tag.n);
    set_etag(L, r, tag);
    return 0;
}

static bool is_option_set(lua_State *L, const char *name)
{
    if (!lua_istable(L, 2))
        return false;
    lua_getfield(L, 2, name);
    bool is_set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_set;
}

/* r:add_etag{overwrite=, weak=}: SHA-1 of the data in hexadecimal, as Werkzeug's; a tag
   that is there stays. */
static int add_etag_lua(lua_State *L)
{
    struct response *r = response_check(L, 1);
    unsigned char digest[SHA_DIGEST_LENGTH];
    char text[2 * SHA_DIGEST_LENGTH + 1];
    if (response_field(r, STR("ETag")) && !is_option_set(L, "overwrite"))
        return 0;
    if (r->kind != RESPONSE_TEXT)
        return luaL_error(
            L,
            "the response's body is a %s: it has no data to make an ETag of; "
            "use r:set_etag(tag)",
            r->kind == RESPONSE_FILE ? "file" : "stream");
    SHA1((const unsigned char *)r->text.p, r->text.n, digest);
    for (int i = 0; i < SHA_DIGEST_LENGTH; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    struct etag tag = {{text, 2 * SHA_DIGEST_LENGTH}, is_option_set(L, "weak")};
    set_etag(L, r, tag);
    return 0;
}

/* r:get_etag() -> tag without quotes, whether it is weak; nil without one */
static int get_etag_lua(lua_State *L)
{
    const struct validators now = validators_of(response_check(L, 1));
    if (!now.etag.tag.p) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlstring(L, now.etag.tag.p, now.etag.tag.n);
    lua_pushboolean(L, now.etag.is_weak);
    return 2;
}

void conditional_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"make_conditional", make_conditional_lua},
                                       {"add_etag", add_etag_lua},
                                       {"set_etag", set_etag_lua},
                                       {"get_etag", get_etag_lua},
                                       {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}
