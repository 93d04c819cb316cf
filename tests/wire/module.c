/* The C module of modules.py: it answers with its VERSION, on all the ways there are. */
#include <cflask.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static const cflask_api *api;
static int n_calls; /* begins anew with each copy */

static int version(lua_State *L, cflask_request *request, int response)
{
    (void)request;
    n_calls++;
    api->set_text(L, response, "text/plain", cflask_text(VERSION));
    return 0;
}

static int calls(lua_State *L)
{
    lua_pushfstring(L, "%s: %d", VERSION, n_calls);
    return 1;
}

static int push_version(lua_State *L, void *arg)
{
    (void)arg;
    lua_pushliteral(L, VERSION);
    return 1;
}

/* ---- a thread of the pool ---- */

static void work(cflask_job *job, void *arg)
{
    (void)job, (void)arg;
    usleep(50000);
}

static const cflask_work working = {work, push_version, NULL, free};

static int offloaded(lua_State *L)
{
    return api->offload(L, &working, malloc(1));
}

/* ---- a timer ---- */

struct pause {
    cflask_wait *wait;
    cflask_event *timer;
};

static void on_time(int what, void *arg)
{
    (void)what;
    api->wake(((struct pause *)arg)->wait);
}

static void cancel(void *arg)
{
    struct pause *p = arg;
    api->log(CFLASK_INFO, "a wait was cancelled");
    api->event_free(p->timer);
    p->timer = NULL;
}

static void release(void *arg)
{
    api->event_free(((struct pause *)arg)->timer);
    free(arg);
}

static const cflask_waiting pausing = {push_version, cancel, release};

static int paused(lua_State *L)
{
    double seconds = luaL_optnumber(L, 1, 0.05);
    struct pause *p = calloc(1, sizeof *p);
    p->wait = api->wait_new(L, &pausing, p);
    p->timer = api->event_new(-1, 0, seconds, on_time, p);
    return api->park(L, p->wait);
}

/* ---- a thread of its own ---- */

static void *run(void *arg)
{
    usleep(50000);
    api->wake_from_thread(arg);
    return NULL;
}

static const cflask_waiting waiting = {push_version, NULL, NULL};

static int threaded(lua_State *L)
{
    pthread_t thread;
    cflask_wait *wait = api->wait_new(L, &waiting, NULL);
    pthread_create(&thread, NULL, run, api->share(wait));
    pthread_detach(thread);
    return api->park(L, wait);
}

/* ---- hooks ---- */

static void on_hook(lua_State *L, void *name)
{
    (void)L;
    api->log(CFLASK_INFO, "%s of version %s", (const char *)name, VERSION);
}

int luaopen_module(lua_State *L)
{
    api = cflask_open(L, ASKS_FOR);
    api->on_start(L, on_hook, "start");
    api->on_stop(L, on_hook, "stop");
    api->on_end(L, on_hook, "end");
    lua_newtable(L);
    api->push_view(L, version);
    lua_setfield(L, -2, "version");
    lua_pushcfunction(L, calls);
    lua_setfield(L, -2, "calls");
    api->push_waiting(L, offloaded);
    lua_setfield(L, -2, "offloaded");
    api->push_waiting(L, paused);
    lua_setfield(L, -2, "paused");
    api->push_waiting(L, threaded);
    lua_setfield(L, -2, "threaded");
    return 1;
}
