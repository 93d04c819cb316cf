/* A call that waits: getaddrinfo blocks, so it runs on a thread of the server's pool
   while the task waits and others are served.

       local addresses = require "resolve"("example.org") -- {"93.184.215.14", ...} */
#define _POSIX_C_SOURCE 200809L
#include <cflask.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const cflask_api *api;

/* All that the thread uses: the name is a copy, as Lua's string may be gone by then. */
struct lookup {
    struct addrinfo *found;
    int status;
    char name[];
};

/* On a thread: no Lua, no event base. */
static void look_up(cflask_job *job, void *arg)
{
    struct lookup *l = arg;
    struct addrinfo wanted;
    (void)job;
    memset(&wanted, 0, sizeof wanted);
    wanted.ai_socktype = SOCK_STREAM;
    l->status = getaddrinfo(l->name, NULL, &wanted, &l->found);
}

/* On the loop again: what is pushed here is what the call returns; an error is its error.
 */
static int push_addresses(lua_State *L, void *arg)
{
    const struct lookup *l = arg;
    char text[64];
    int n = 0;
    if (l->status != 0)
        return luaL_error(L, "%s: %s", l->name, gai_strerror(l->status));
    lua_newtable(L);
    for (const struct addrinfo *a = l->found; a; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            lua_pushstring(L, text);
            lua_rawseti(L, -2, ++n);
        }
    return 1;
}

/* Once, also when the client's request has ended before the thread was done. */
static void release(void *arg)
{
    struct lookup *l = arg;
    if (l->found)
        freeaddrinfo(l->found);
    free(l);
}

static const cflask_work looking_up = {look_up, push_addresses, NULL, release};

static int resolve(lua_State *L)
{
    size_t n;
    const char *name = luaL_checklstring(L, 1, &n);
    struct lookup *l = calloc(1, sizeof *l + n + 1);
    if (!l)
        return luaL_error(L, "out of memory");
    memcpy(l->name, name, n + 1);
    return api->offload(L, &looking_up, l);
}

int luaopen_resolve(lua_State *L)
{
    api = cflask_open(L, CFLASK_ABI);
    api->push_waiting(L, resolve);
    return 1;
}
