/* A view in C: counts lines, words and bytes of the request's body, as wc does.

       app:post("/count", require "count".view) */
#include <cflask.h>
#include <stdio.h>

static const cflask_api *api;

struct counts {
    unsigned long long lines, words, bytes;
    int is_in_word;
};

static void count(struct counts *c, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int is_space = p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r');
        c->lines += p[i] == '\n';
        c->words += !is_space && !c->is_in_word;
        c->is_in_word = !is_space;
    }
    c->bytes += n;
}

/* Piece by piece: a large body is in a file. The api's functions that take L may raise,
   so nothing is malloc'd here. */
static int view(lua_State *L, cflask_request *request, int response)
{
    char piece[16384], text[128];
    struct counts c = {0, 0, 0, 0};
    int64_t n;
    api->body_check(L, request); /* 413 when it is over its limit */
    if (api->body_size(request) == 0)
        return api->abort(L, 400, "There is nothing to count.");
    while ((n = api->body_read(request, c.bytes, piece, sizeof piece)) > 0)
        count(&c, piece, (size_t)n);
    if (n < 0)
        return luaL_error(L, "the body can't be read");
    snprintf(text, sizeof text, "{\"lines\":%llu,\"words\":%llu,\"bytes\":%llu}\n",
             c.lines, c.words, c.bytes);
    api->set_text(L, response, "application/json", cflask_text(text));
    api->set_header(L, response, "Cache-Control", cflask_text("no-store"));
    return 0;
}

int luaopen_count(lua_State *L)
{
    api = cflask_open(L, CFLASK_ABI);
    lua_newtable(L);
    api->push_view(L, view);
    lua_setfield(L, -2, "view");
    return 1;
}
