/* STEP 6: what a view returned becomes status, header fields and a body or stream.
   This file has the answer itself; response_lua.c is flask.Response and make_response. */
#include "response.h"

#include <stdio.h>
#include <unistd.h>

#define MOST_FIELDS 1000 /* more in one answer is a program gone wild */

void response_init(struct response *r)
{
    *r = (struct response){.status = 200,
                           .text = STR(""),
                           .text_ref = LUA_NOREF,
                           .stream_ref = LUA_NOREF,
                           .fd = -1,
                           .on_close_ref = LUA_NOREF,
                           .has_default_type = true};
}

void response_drop_file(struct response *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

static void drop_body(lua_State *L, struct response *r)
{
    luaL_unref(L, LUA_REGISTRYINDEX, r->text_ref);
    luaL_unref(L, LUA_REGISTRYINDEX, r->stream_ref);
    r->text_ref = r->stream_ref = LUA_NOREF;
    response_drop_file(r);
    r->kind = RESPONSE_TEXT;
    r->text = STR("");
    r->offset = r->length = 0;
}

void response_clear(lua_State *L, struct response *r)
{
    drop_body(L, r);
    luaL_unref(L, LUA_REGISTRYINDEX, r->on_close_ref);
    arena_free(&r->arena);
    response_init(r);
}

void response_reset(lua_State *L, struct response *r)
{
    struct arena kept = r->arena;
    arena_reset(&kept);
    r->arena = (struct arena){0};
    response_clear(L, r);
    r->arena = kept;
}

const struct str *response_field(const struct response *r, struct str name)
{
    for (int i = 0; i < r->n_fields; i++)
        if (str_ieq(r->fields[i].name, name))
            return &r->fields[i].value;
    return NULL;
}

/* A fault about a text of the app's, which may have line ends: they would forge lines of
   the log. */
static int refuse(struct fault *fault, struct str text, const char *what)
{
    char shown[61];
    size_t n = text.n < sizeof shown - 1 ? text.n : sizeof shown - 1;
    for (size_t i = 0; i < n; i++)
        shown[i] = (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F ? '?' : text.p[i];
    shown[n] = '\0';
    return fault_set(fault, 500, "\"%s\" %s", shown, what);
}

static int check_field(struct response *r, struct str name, struct str value,
                       struct fault *fault)
{
    if (!http1_is_token(name))
        return refuse(fault, name, "is no token, as a header field's name must be");
    if (!http1_is_field_value(value))
        return fault_set(fault, 500,
                         "the value of header field %.*s has a control character",
                         (int)(name.n < 60 ? name.n : 60), name.p);
    if (str_ieq(name, STR("Transfer-Encoding")))
        return fault_set(fault, 500,
                         "Transfer-Encoding can't be set: the server sets it");
    if (!str_ieq(name, STR("Connection")))
        return 0;
    if (!str_ieq(str_trim(value), STR("close")))
        return fault_set(fault, 500, "Connection can only be set to close");
    r->must_close = true;
    return 0;
}

static int make_room(struct response *r, struct fault *fault)
{
    if (r->n_fields < r->room)
        return 0;
    if (r->n_fields >= MOST_FIELDS)
        return fault_set(fault, 500, "a response has at most %d header fields",
                         MOST_FIELDS);
    int room = r->room ? r->room * 2 : 8;
    struct http1_field *fields = arena_alloc(&r->arena, (size_t)room * sizeof *fields);
    if (!fields)
        return fault_set(fault, 503, "out of memory");
    if (r->n_fields)
        memcpy(fields, r->fields, (size_t)r->n_fields * sizeof *fields);
    r->fields = fields;
    r->room = room;
    return 0;
}

static int copy_field(struct response *r, struct http1_field *to, struct str name,
                      struct str value, struct fault *fault)
{
    *to = (struct http1_field){arena_copy(&r->arena, name),
                               arena_copy(&r->arena, str_trim(value))};
    return to->name.p && to->value.p ? 0 : fault_set(fault, 503, "out of memory");
}

int response_add_field(struct response *r, struct str name, struct str value,
                       struct fault *fault)
{
    if (check_field(r, name, value, fault) < 0 || make_room(r, fault) < 0 ||
        copy_field(r, &r->fields[r->n_fields], name, value, fault) < 0)
        return -1;
    r->n_fields++;
    return 0;
}

int response_put_field(struct response *r, struct str name, struct str value,
                       struct fault *fault)
{
    if (make_room(r, fault) < 0)
        return -1;
    r->fields[r->n_fields++] = (struct http1_field){name, value};
    return 0;
}

int response_set_field(struct response *r, struct str name, struct str value,
                       struct fault *fault)
{
    int first = 0;
    while (first < r->n_fields && !str_ieq(r->fields[first].name, name))
        first++;
    if (first == r->n_fields)
        return response_add_field(r, name, value, fault);
    struct http1_field field;
    if (check_field(r, name, value, fault) < 0 ||
        copy_field(r, &field, name, value, fault) < 0)
        return -1;
    int kept = first + 1;
    for (int i = first + 1; i < r->n_fields; i++)
        if (!str_ieq(r->fields[i].name, name))
            r->fields[kept++] = r->fields[i];
    r->n_fields = kept;
    r->fields[first] = field;
    return 0;
}

int response_remove_field(struct response *r, struct str name)
{
    int kept = 0;
    for (int i = 0; i < r->n_fields; i++)
        if (!str_ieq(r->fields[i].name, name))
            r->fields[kept++] = r->fields[i];
    int removed = r->n_fields - kept;
    r->n_fields = kept;
    if (removed && str_ieq(name, STR("Connection")))
        r->must_close = false;
    if (str_ieq(name, STR("Content-Type")))
        r->has_default_type = false;
    return removed;
}

int response_set_status(struct response *r, lua_Integer status)
{
    if (status < 200 || status > 999) /* 1xx are not answers: RFC 9110, section 15.2 */
        return -1;
    r->status = (int)status;
    r->reason = (struct str){NULL, 0};
    return 0;
}

int response_set_status_line(struct response *r, struct str line, struct fault *fault)
{
    int status = 0;
    line = str_trim(line);
    bool is_number = line.n >= 3 && (line.n == 3 || line.p[3] == ' ');
    for (int i = 0; i < 3 && is_number; i++) {
        is_number = line.p[i] >= '0' && line.p[i] <= '9';
        status = status * 10 + (line.p[i] - '0');
    }
    if (!is_number || !http1_is_field_value(line) || response_set_status(r, status) < 0)
        return refuse(fault, line, "is no status");
    if (line.n == 3)
        return 0;
    r->reason = arena_copy(&r->arena, str_trim(str_skip(line, 3)));
    return r->reason.p ? 0 : fault_set(fault, 503, "out of memory");
}

void response_set_text(lua_State *L, struct response *r, int index)
{
    lua_pushvalue(L, index);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    drop_body(L, r);
    r->text_ref = ref;
    r->text.p = lua_tolstring(L, index, &r->text.n);
}

int response_copy_text(lua_State *L, struct response *r, struct str text)
{
    drop_body(L, r);
    struct str copy = arena_copy(&r->arena, text);
    if (!copy.p)
        return -1;
    r->text = copy;
    return 0;
}

void response_set_stream(lua_State *L, struct response *r, int index)
{
    lua_pushvalue(L, index);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    drop_body(L, r);
    r->kind = RESPONSE_STREAM;
    r->stream_ref = ref;
}

void response_set_file(lua_State *L, struct response *r, int fd, uint64_t offset,
                       uint64_t length)
{
    drop_body(L, r);
    r->kind = RESPONSE_FILE;
    r->fd = fd;
    r->offset = offset;
    r->length = length;
}

const char *response_reason(int status)
{
    static const struct {
        short status;
        const char *reason;
    } known[] = {
        {200, "OK"},
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {208, "Already Reported"},
        {226, "IM Used"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {449, "Retry With"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {510, "Not Extended"},
        {511, "Network Authentication Failed"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return known[i].reason;
    return NULL;
}
