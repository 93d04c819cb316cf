/* STEP 2: the request object: a head and a body, and what is found in them on first
   touch. This file has the request itself; request_lua.c is flask.request. */
#include "request.h"

void request_init(struct request *r)
{
    static uint64_t last_id;
    struct arena arena = r->arena;
    *r = (struct request){.id = ++last_id, .arena = arena, .max_content_length = -1};
    body_init(&r->body);
}

void request_clear(struct request *r)
{
    body_free(&r->body);
    arena_reset(&r->arena);
    r->id = 0;
}

struct str request_field(const struct request *r, struct str name)
{
    const struct str *value = http1_field(&r->head, name);
    return value ? *value : (struct str){NULL, 0};
}

struct str request_host(const struct request *r)
{
    return r->head.authority;
}

const char *request_scheme(const struct request *r)
{
    return r->peer.is_secure ? "https" : "http";
}

struct str request_host_name(const struct request *r)
{
    struct str host = request_host(r);
    size_t n = host.n;
    while (n > 0 && host.p[n - 1] >= '0' && host.p[n - 1] <= '9')
        n--;
    if (n > 0 && host.p[n - 1] == ':')
        host.n = n - 1;
    return host;
}

bool request_is_over_limit(const struct request *r, uint64_t size)
{
    return r->max_content_length >= 0 && size > (uint64_t)r->max_content_length;
}
