/* The C module NAME: what Lua gets by require "NAME". */
#include <cflask.h>
#include <stdlib.h>

static const cflask_api *api;

/* A view: app:get("/hello", require "NAME".hello) answers ?name=... */
static int hello(lua_State *L, cflask_request *request, int response)
{
    cflask_str name = api->arg(request, "name");
    if (!name.p)
        return api->abort(L, 400, "Who? Say ?name=...");
    api->set_text(L, response, "text/plain", name);
    return 0;
}

/* What the thread works on: it owns all that it uses. */
struct sum {
    double n, result;
};

/* On a thread: no Lua here. */
static void add(cflask_job *job, void *arg)
{
    struct sum *s = arg;
    for (double i = 1; i <= s->n && !api->is_cancelled(job); i++)
        s->result += i;
}

/* On the loop again: what sum returns. */
static int push_sum(lua_State *L, void *arg)
{
    lua_pushnumber(L, ((struct sum *)arg)->result);
    return 1;
}

static const cflask_work adding = {add, push_sum, NULL, free};

/* sum(n): 1 + 2 + ... + n, on a thread while others are served */
static int sum(lua_State *L)
{
    double n = luaL_checknumber(L, 1);
    struct sum *s = calloc(1, sizeof *s);
    if (!s)
        return luaL_error(L, "out of memory");
    s->n = n;
    return api->offload(L, &adding, s);
}

int luaopen_NAME(lua_State *L)
{
    api = cflask_open(L, CFLASK_ABI);
    lua_newtable(L);
    api->push_view(L, hello);
    lua_setfield(L, -2, "hello");
    api->push_waiting(L, sum);
    lua_setfield(L, -2, "sum");
    return 1;
}
