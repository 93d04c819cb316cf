/* cflask.h: the current request, without tables. A cflask_request is our exchange; what
   is parsed for a module lives in the request's arena. */
#include "module.h"

#include "form.h"
#include "request_fields.h"
#include "request_lua.h"
#include <stdio.h>

static struct request *of(cflask_request *request)
{
    return request ? &((struct exchange *)request)->request : NULL;
}

static cflask_str view_of(struct str s)
{
    return (cflask_str){s.p, s.n};
}

static const cflask_str nothing = {NULL, 0};

static cflask_request *current(lua_State *L)
{
    (void)L;
    return (cflask_request *)request_current();
}

/* ---- the head ---- */

static cflask_str method(cflask_request *request)
{
    return request ? view_of(of(request)->head.method) : nothing;
}

static cflask_str path(cflask_request *request)
{
    return request ? view_of(request_path(of(request))) : nothing;
}

static cflask_str query(cflask_request *request)
{
    if (!request)
        return nothing;
    struct str s = of(request)->head.query;
    return view_of(s.p ? s : STR(""));
}

static cflask_str remote_addr(cflask_request *request)
{
    return request ? cflask_text(of(request)->peer.address) : nothing;
}

static cflask_str scheme(cflask_request *request)
{
    return request ? cflask_text(request_scheme(of(request))) : nothing;
}

static cflask_str host(cflask_request *request)
{
    return request ? view_of(request_host(of(request))) : nothing;
}

static cflask_str header(cflask_request *request, const char *name)
{
    return request ? view_of(request_field(of(request), str_from(name))) : nothing;
}

static int header_at(cflask_request *request, size_t i, cflask_str *name,
                     cflask_str *value)
{
    const struct request *r = of(request);
    if (!r || i >= (size_t)r->head.n_fields)
        return 0;
    *name = view_of(r->head.fields[i].name);
    *value = view_of(r->head.fields[i].value);
    return 1;
}

/* ---- arguments ---- */

/* Parsed at the first call; none when memory is out. */
static const struct pairs *args_of(struct request *r)
{
    if (!r->has_args && form_parse_query(&r->arena, r->head.query, &r->args) == 0)
        r->has_args = true;
    return &r->args;
}

static cflask_str arg(cflask_request *request, const char *name)
{
    struct str wanted = str_from(name);
    if (!request)
        return nothing;
    const struct pairs *args = args_of(of(request));
    for (size_t i = 0; i < args->n; i++)
        if (str_eq(args->items[i].name, wanted))
            return view_of(args->items[i].value);
    return nothing;
}

static int arg_at(cflask_request *request, size_t i, cflask_str *name, cflask_str *value)
{
    const struct pairs *args = request ? args_of(of(request)) : NULL;
    if (!args || i >= args->n)
        return 0;
    *name = view_of(args->items[i].name);
    *value = view_of(args->items[i].value);
    return 1;
}

static cflask_str digits(struct arena *arena, int64_t integer)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)integer);
    return view_of(arena_copy(arena, (struct str){text, (size_t)n}));
}

static cflask_str view_arg(cflask_request *request, const char *name)
{
    struct request *r = of(request);
    for (size_t i = 0; r && r->is_matched && i < r->match.values_n; i++) {
        const struct route_value *value = &r->match.values[i];
        if (!str_eq(value->name, str_from(name)))
            continue;
        if (value->kind == ROUTE_TEXT)
            return view_of(value->text);
        return value->kind == ROUTE_INTEGER ? digits(&r->arena, value->integer) : nothing;
    }
    return nothing;
}

/* ---- the body ---- */

static bool is_refused(const struct request *r)
{
    return r->is_body_refused || request_is_over_limit(r, r->body.size);
}

static uint64_t body_size(cflask_request *request)
{
    const struct request *r = of(request);
    return !r || is_refused(r) ? 0 : r->body.size;
}

static cflask_str body(cflask_request *request)
{
    const struct request *r = of(request);
    return !r || is_refused(r) ? nothing : view_of(body_memory(&r->body));
}

static int64_t read_body(cflask_request *request, uint64_t offset, void *to, size_t n)
{
    const struct request *r = of(request);
    return !r || is_refused(r) ? 0 : body_read(&r->body, offset, to, n);
}

static void check_body(lua_State *L, cflask_request *request)
{
    const struct request *r = of(request);
    if (r && is_refused(r))
        request_raise(L, r->head.expects_other ? 417 : 413, NULL);
}

static void *request_alloc(cflask_request *request, size_t n)
{
    return request ? arena_alloc(&of(request)->arena, n) : NULL;
}

void module_set_request(cflask_api *api)
{
    api->request = current;
    api->method = method;
    api->path = path;
    api->query = query;
    api->remote_addr = remote_addr;
    api->scheme = scheme;
    api->host = host;
    api->header = header;
    api->header_at = header_at;
    api->arg = arg;
    api->arg_at = arg_at;
    api->view_arg = view_arg;
    api->body_size = body_size;
    api->body = body;
    api->body_read = read_body;
    api->body_check = check_body;
    api->request_alloc = request_alloc;
}
