/* What C modules may ask of cflask-lua: this file and Lua's headers, without linking.

   A C module is an ordinary Lua module: `require "name"` finds name.so beside app.lua (or
   on package.cpath) and calls luaopen_name. Lua's own API does for most of what a module
   does; this table has what it can't.

       #include <cflask.h>

       static const cflask_api *api;

       static int hello(lua_State *L)
       {
           cflask_request *request = api->request(L);
           cflask_str name = api->arg(request, "name");
           api->response(L);
           api->set_text(L, -1, "text/plain", name.p ? name : cflask_text("world"));
           return 1;
       }

       int luaopen_greet(lua_State *L)
       {
           api = cflask_open(L, CFLASK_ABI);
           lua_newtable(L);
           lua_pushcfunction(L, hello);
           lua_setfield(L, -2, "hello");
           return 1;
       }

       -- app.lua
       app:get("/hello", require "greet".hello)

       cc -shared -fPIC $(pkg-config --cflags cflask) greet.c -o greet.so

   RULES FOR ALL FUNCTIONS

   Threads: a function is for the loop's thread, the one that runs Lua, unless its comment
   says ANY THREAD.

   Errors: a function that takes a lua_State raises Lua errors, as Lua's own API does:
   longjmp over the caller's frame, in C++ without destructors. So hold no malloc, lock or
   descriptor over it that nobody else frees. A function without a lua_State never raises.

   Waits: while a task waits (park, offload) others run. What was read from the request
   before stays valid after it.

   Reloads: each loading of the app (a generation) has a Lua state of its own and a
   private copy of the module, so its static variables begin anew, and a file that is
   overwritten changes nothing that runs. For a while two or three copies are in the
   process, each with its own statics, in the one thread of the loop. A copy is unloaded
   when its generation has ended and none of its jobs and shared waits is left: C++
   destructors of statics run then. Until then the module must have joined its threads and
   freed its events: see on_end. What must be there once for the process (a library that
   can't be initialised twice) belongs into a shared library that the module links, which
   is loaded once. $ORIGIN in the module's RUNPATH is not where its file lies.

   Functions are added at the table's end only, without a new CFLASK_ABI; a module that
   was compiled with a longer table than the server has is refused as well. */
#ifndef CFLASK_H
#define CFLASK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <lauxlib.h>
#include <lua.h>

/* The server's version. */
#define CFLASK_VERSION "0.1.0"

/* Grows by one with each change that breaks modules built before it. */
#define CFLASK_ABI 1

#if defined __GNUC__
#define CFLASK_FORMAT(at, first) __attribute__((format(printf, at, first)))
#else
#define CFLASK_FORMAT(at, first)
#endif

/* Bytes of somebody else's, not NUL-terminated; NUL is a byte like others. p is NULL when
   there is no such thing (which an empty one is not). */
typedef struct cflask_str {
    const char *p;
    size_t n;
} cflask_str;

static inline cflask_str cflask_bytes(const char *p, size_t n)
{
    cflask_str s;
    s.p = p, s.n = n;
    return s;
}

/* Of a NUL-terminated text, "a literal" for one; it is not copied. */
static inline cflask_str cflask_text(const char *text)
{
    size_t n = 0;
    while (text && text[n])
        n++;
    return cflask_bytes(text, n);
}

/* The server's own objects: pointers to give back to it. */
typedef struct cflask_request cflask_request;
typedef struct cflask_wait cflask_wait;
typedef struct cflask_job cflask_job;
typedef struct cflask_event cflask_event;
typedef struct cflask_out cflask_out;
struct event_base; /* libevent's */

/* A view without Lua's stack: see push_view. */
typedef int (*cflask_view)(lua_State *L, cflask_request *request, int response);

/* A template filter from text to text: see push_text_filter. */
typedef int (*cflask_text_filter)(cflask_str text, cflask_out *out);

/* A hook: see on_start. */
typedef void (*cflask_hook)(lua_State *L, void *arg);

/* What a task waits for: see wait_new. All are called on the loop's thread. */
typedef struct cflask_waiting {
    /* The wait has been woken: pushes what the waiting C function returns and gives the
       number, or raises what it raises. It must not wait, and L is not the L that parked.
       Not called when the task was ended. NULL: no results. */
    int (*finish)(lua_State *L, void *arg);

    /* The task was ended while it waited: its request ran into REQUEST_TIMEOUT, or
       flask.timeout, flask.gather or the server's end ended it. Deletes events, tells a
       thread to stop; must not raise. The wait can't be woken any more, and its pointer
       is dead unless it was shared. NULL: nothing to do. */
    void (*cancel)(void *arg);

    /* Frees arg: once, as the last thing, when no thread shares the wait any more.
       NULL: nothing to do. */
    void (*release)(void *arg);
} cflask_waiting;

/* Work for a thread: see offload. */
typedef struct cflask_work {
    /* On a thread of the server's pool, with all signals blocked. It may use neither Lua
       nor the event base, nor what the loop's thread uses meanwhile: arg is its own. */
    void (*work)(cflask_job *job, void *arg);

    /* As in cflask_waiting; on the loop's thread, when the work has returned. Not called
       when the task was ended meanwhile. NULL: no results. */
    int (*finish)(lua_State *L, void *arg);

    /* On the loop's thread while a thread is (or a moment ago was) in work: makes work
       return soon, sqlite3_interrupt for one. Must not raise. NULL: it is waited for. */
    void (*interrupt)(void *arg);

    /* On the loop's thread: frees arg, once, as the last thing, whatever happened. The
       Lua state may be closed by then. NULL: nothing to do. */
    void (*release)(void *arg);
} cflask_work;

enum { CFLASK_DEBUG, CFLASK_INFO, CFLASK_WARNING, CFLASK_ERROR };      /* for log */
enum { CFLASK_READ = 1, CFLASK_WRITE = 2, CFLASK_TIMEOUT = 4 };        /* for event_new */
enum { CFLASK_IS_TEXT = 0, CFLASK_IS_MARKUP = 1, CFLASK_FAILED = -1 }; /* of filters */

typedef struct cflask_api {
    /* ---- what cflask_open looks at: never moves ---- */

    int abi;             /* the server's CFLASK_ABI */
    unsigned size;       /* bytes of this table in the server */
    int lua_version;     /* the server's LUA_VERSION_NUM */
    const char *version; /* the server's CFLASK_VERSION */

    /* ---- the request ---- */

    /* The request that the running function handles, or NULL outside of one. Valid until
       that request ends: ask anew in each call and keep it nowhere. Its functions below
       may get NULL, and give nothing then.

       The slices that they give are views of the server's memory, which nobody changes:
       valid until the request ends, waits included, and on the loop's thread only. For a
       job on a thread copy them. After flask.timeout has ended the task, which frees the
       job's arg by release only, they are still valid, but not after the request's end.

           cflask_request *r = api->request(L);
           if (!r) return luaL_error(L, "call me in a view"); */
    cflask_request *(*request)(lua_State *L);

    /* The method as sent ("GET"); the path, percent-decoded, without the prefix of a
       mount; the query as sent, without its question mark. */
    cflask_str (*method)(cflask_request *request);
    cflask_str (*path)(cflask_request *request);
    cflask_str (*query)(cflask_request *request);

    /* The client's numeric address, or "unix:"; "http" or "https"; Host as sent. */
    cflask_str (*remote_addr)(cflask_request *request);
    cflask_str (*scheme)(cflask_request *request);
    cflask_str (*host)(cflask_request *request);

    /* The first field of that name, ASCII case ignored; .p NULL without one. The bytes
       are as sent: UTF-8 is not promised.

           cflask_str agent = api->header(r, "User-Agent"); */
    cflask_str (*header)(cflask_request *request, const char *name);

    /* The i-th field, from 0: 1, or 0 behind the last.

           for (size_t i = 0; api->header_at(r, i, &name, &value); i++) ... */
    int (*header_at)(cflask_request *request, size_t i, cflask_str *name,
                     cflask_str *value);

    /* The first query argument of that name, decoded, in valid UTF-8; .p NULL without
       one, "" for `?flag`. The query is parsed at the first call.

           cflask_str page = api->arg(r, "page"); */
    cflask_str (*arg)(cflask_request *request, const char *name);
    int (*arg_at)(cflask_request *request, size_t i, cflask_str *name, cflask_str *value);

    /* A value that the rule has taken from the path, by its name: of /user/<name> the
       text, of /post/<int:id> the number's digits. .p NULL without one, and for
       converters whose values are Lua's: those are the view's Lua arguments.

           cflask_str name = api->view_arg(r, "name"); */
    cflask_str (*view_arg)(cflask_request *request, const char *name);

    /* How many bytes of body there are; the whole body, .p NULL when it is too large to
       be in memory (beyond 500 kB) or over its limit; and up to n bytes from `offset` on:
       how many were read, 0 at the end, -1 for an error. All of it is there before the
       view runs. A body over its limit has 0 bytes: body_check raises the 413.

           api->body_check(L, r);
           cflask_str body = api->body(r);
           if (!body.p)
               while ((n = api->body_read(r, at, piece, sizeof piece)) > 0) at += n; */
    uint64_t (*body_size)(cflask_request *request);
    cflask_str (*body)(cflask_request *request);
    int64_t (*body_read)(cflask_request *request, uint64_t offset, void *to, size_t n);
    void (*body_check)(lua_State *L, cflask_request *request);

    /* n bytes, aligned for any type, that live until the request ends and are never freed
       singly; NULL when memory is out.

           char *copy = api->request_alloc(r, body.n); */
    void *(*request_alloc)(cflask_request *request, size_t n);

    /* ---- the response ---- */

    /* Pushes a new flask.Response, 200, without a body; Lua owns it. A view returns it;
       Lua code may change it too. Its functions take its place on the stack, as Lua's API
       does, and raise when there is no response.

           api->response(L);
           api->set_status(L, -1, 201);
           api->set_text(L, -1, "application/json", cflask_text("{}"));
           return 1; */
    void (*response)(lua_State *L);

    /* 200 to 999. */
    void (*set_status)(lua_State *L, int response, int status);

    /* Sets the one field of that name, or adds one more. Both are copied. Raises for
       bytes that no field may have (a line end), and for Transfer-Encoding.

           api->set_header(L, -1, "Cache-Control", cflask_text("no-store")); */
    void (*set_header)(lua_State *L, int response, const char *name, cflask_str value);
    void (*add_header)(lua_State *L, int response, const char *name, cflask_str value);

    /* Makes the bytes the body, copied, of that media type: "text/html" gets its charset;
       NULL leaves the type as it is. */
    void (*set_text)(lua_State *L, int response, const char *type, cflask_str text);

    /* The same of the Lua string at `text`, which is not copied. */
    void (*set_string)(lua_State *L, int response, const char *type, int text);

    /* Makes `length` bytes of a file, from `offset` on, the body. The descriptor is the
       response's from now on, also when this raises.

           int fd = open(path, O_RDONLY | O_CLOEXEC);
           api->set_file(L, -1, "image/png", fd, 0, size); */
    void (*set_file)(lua_State *L, int response, const char *type, int fd,
                     uint64_t offset, uint64_t length);

    /* Raises the HTTP error, as flask.abort does: the app's error handlers see it.
       `description` may be NULL. Never returns; the int is for `return api->abort(...)`.

           if (!user.p) return api->abort(L, 400, "Who?"); */
    int (*abort)(lua_State *L, int status, const char *description);

    /* Pushes a function that Lua takes for a view and that calls `view` with the request
       and the place of a new response on L's stack: for the functions above only, as what
       stands there may be no Lua object. 0: the response is the answer. A status from 400
       to 599: that error is raised.

           static int hello(lua_State *L, cflask_request *request, int response)
           {
               api->set_text(L, response, "text/plain", cflask_text("hello"));
               return 0;
           }

           api->push_view(L, hello);
           lua_setfield(L, -2, "hello"); -- app:get("/", module.hello) */
    void (*push_view)(lua_State *L, cflask_view view);

    /* ---- templates ---- */

    /* Pops a function and gives it to templates under that name: as a filter, which is
       called with the value and the arguments; a test, which returns a boolean; a global.
       `owner` is the place of an app, a blueprint's app or a template environment. A
       filter is any Lua or C function; one that waits, waits.

           lua_pushcfunction(L, shout);
           api->template_filter(L, 1, "shout"); -- 1: the app, given by Lua */
    void (*template_filter)(lua_State *L, int owner, const char *name);
    void (*template_test)(lua_State *L, int owner, const char *name);
    void (*template_global)(lua_State *L, int owner, const char *name);

    /* Pushes a function from a text (a string or a Markup) to a text, without the detour
       over Lua's stack: `text` is a view of the Lua string, valid in the call only; what
       is written to `out` is the result. CFLASK_IS_TEXT: it is escaped where it is put
       out. CFLASK_IS_MARKUP: it is safe HTML; that is for the filter to see to.
       CFLASK_FAILED: an error is raised, with what was written as its text. The filter
       must not raise.

           static int shout(cflask_str text, cflask_out *out)
           {
               api->write(out, text);
               api->write(out, cflask_text("!"));
               return CFLASK_IS_TEXT;
           }

           api->push_text_filter(L, shout);
           api->template_filter(L, 1, "shout"); */
    void (*push_text_filter)(lua_State *L, cflask_text_filter filter);

    /* Appends a copy of the bytes. When memory is out the filter's caller raises. */
    void (*write)(cflask_out *out, cflask_str bytes);

    /* Room for n more bytes to write into, or NULL when memory is out; then `wrote` says
       how many were written.

           char *to = api->room(out, text.n);
           if (to) api->wrote(out, upper(to, text)); */
    char *(*room)(cflask_out *out, size_t n);
    void (*wrote)(cflask_out *out, size_t n);

    /* ---- waiting ---- */

    /* Whether a C function that L calls can wait: it runs in a task (a request's, or one
       of flask.spawn's), and no C function that can't be yielded through is in between.
     */
    int (*can_wait)(lua_State *L);

    /* The running task, or NULL outside of any: to tell tasks apart. An ended task's
       pointer may come again. flask.gather's children are tasks of their own. */
    const void *(*task)(lua_State *L);

    /* A wait of the calling task, to be given to what will wake it. Takes arg: when this
       raises (the caller can't wait; memory is out) waiting->release is called first.
       From here to park nothing may raise. `waiting` must live as long as the module: a
       static const.

           struct pause { cflask_wait *wait; cflask_event *timer; };

           static void on_time(int what, void *arg)
           {
               struct pause *p = arg;
               (void)what;
               api->wake(p->wait);
           }

           static void release(void *arg)
           {
               struct pause *p = arg;
               api->event_free(p->timer);
               free(p);
           }

           static const cflask_waiting pausing = {NULL, cancel, release};

           static int pause_lua(lua_State *L)
           {
               double seconds = luaL_checknumber(L, 1);
               struct pause *p = calloc(1, sizeof *p);
               if (!p) return luaL_error(L, "out of memory");
               p->wait = api->wait_new(L, &pausing, p);
               p->timer = api->event_new(-1, 0, seconds, on_time, p);
               if (!p->timer) api->wake(p->wait);
               return api->park(L, p->wait);
           }

       with cancel(arg) freeing the timer and setting it to NULL. */
    cflask_wait *(*wait_new)(lua_State *L, const cflask_waiting *waiting, void *arg);

    /* Waits: a C function ends with `return api->park(L, wait)`; what finish pushes are
       the function's results. A wait that was woken before returns at once. Outside of
       any task (on the command line, in a test) the event loop turns until it is woken,
       and nothing else is done meanwhile. */
    int (*park)(lua_State *L, cflask_wait *wait);

    /* Wakes it, once: the task goes on from the event loop, never inside this call. The
       pointer is dead then. */
    void (*wake)(cflask_wait *wait);

    /* Makes the wait one that a thread of the module's own will wake; returns it. For
       each call wake_from_thread must be called once, even when the task was ended
       meanwhile (cancel has been called then): until then neither the wait nor arg is
       released, and the module stays loaded.

           pthread_create(&thread, NULL, run, api->share(wait)); */
    cflask_wait *(*share)(cflask_wait *wait);

    /* ANY THREAD. Wakes a shared wait, or lets go of it when its task was ended. The
       thread must touch neither wait nor arg afterwards. */
    void (*wake_from_thread)(cflask_wait *wait);

    /* Does work->work(job, arg) on a thread of the server's pool while the task waits and
       others are served: a C function ends with `return api->offload(L, &work, arg)`.
       Takes arg, whatever happens: work->release is called once. arg must own all that
       the work uses, copies of the request's slices for one: when the task is ended
       meanwhile, its request and its Lua state may be gone before the work returns.
       Raises where the caller can't wait, and 503 when app.config.MAX_OFFLOADED jobs wait
       for a thread. Outside of any task the work is done there and then.

           struct sum { double n, result; };

           static void add(cflask_job *job, void *arg)
           {
               struct sum *s = arg;
               for (double i = 1; i <= s->n && !api->is_cancelled(job); i++)
                   s->result += i;
           }

           static int push_sum(lua_State *L, void *arg)
           {
               lua_pushnumber(L, ((struct sum *)arg)->result);
               return 1;
           }

           static const cflask_work adding = {add, push_sum, NULL, free};

           static int sum_lua(lua_State *L)
           {
               double n = luaL_checknumber(L, 1);
               struct sum *s = calloc(1, sizeof *s);
               if (!s) return luaL_error(L, "out of memory");
               s->n = n;
               return api->offload(L, &adding, s);
           } */
    int (*offload)(lua_State *L, const cflask_work *work, void *arg);

    /* ANY THREAD. For long work, which asks this now and then and returns: whether nobody
       waits for it any more. */
    int (*is_cancelled)(const cflask_job *job);

    /* For modules that shall also work with LuaJIT, which has no continuations: pushes a
       function that may wait. It ends in each case with `return api->park(...)`,
       `return api->offload(...)` or `return api->results(L, n)`. In Lua 5.4 this is
       lua_pushcfunction, and results returns n. */
    void (*push_waiting)(lua_State *L, lua_CFunction fn);
    int (*results)(lua_State *L, int n);

    /* ---- events ---- */

    /* The worker's event base: libevent's functions for events, timers and sockets may be
       used with it (link libevent then; the server has the same in the process). It has
       no locks: for the loop's thread only. Its callbacks must not raise, and call no
       function of the app's: they wake tasks. */
    struct event_base *(*event_base)(void);

    /* Calls fn(what, arg) from the event loop: once when the descriptor can be read or
       written (`what` is CFLASK_READ, CFLASK_WRITE or both), or when `seconds` are over
       (CFLASK_TIMEOUT; negative: no timer). fd -1: a timer only. NULL when memory is out
       or the descriptor can't be waited for. The module owns it and frees it, fired or
       not, in fn if it likes; the descriptor stays the module's, and stays open until the
       event is freed. fn must not raise. */
    cflask_event *(*event_new)(int fd, int what, double seconds,
                               void (*fn)(int what, void *arg), void *arg);

    /* Arms it anew after it has fired, with other `seconds`. 0, or -1. */
    int (*event_again)(cflask_event *event, double seconds);

    /* NULL: nothing happens. */
    void (*event_free)(cflask_event *event);

    /* ---- log, settings ---- */

    /* ANY THREAD. One record, CFLASK_DEBUG to CFLASK_ERROR, in printf's form without a
       newline; control characters in it are made harmless.

           api->log(CFLASK_WARNING, "no answer from %s for %d s", name, seconds); */
    void (*log)(int level, const char *format, ...) CFLASK_FORMAT(2, 3);

    /* Pushes app.config[key], nil when it is not set. `app` is the app's place on the
       stack; 0 is the app of the running function, and an error where there is none
       (while modules are loaded: let Lua give the app). */
    void (*config)(lua_State *L, int app, const char *key);

    /* The same as C values, `missing` when it is not set; another type is an error. The
       text is valid as long as the config has it.

           int64_t most = api->config_integer(L, 0, "GREET_MOST", 10); */
    int64_t (*config_integer)(lua_State *L, int app, const char *key, int64_t missing);
    double (*config_number)(lua_State *L, int app, const char *key, double missing);
    int (*config_boolean)(lua_State *L, int app, const char *key, int missing);
    cflask_str (*config_text)(lua_State *L, int app, const char *key, cflask_str missing);

    /* ---- hooks ---- */

    /* hook(L, arg) is called with the generation's main state, in the order of their
       setting (on_stop, on_end: the last first). It must not wait. An error in on_start
       keeps the generation from serving, with its message; those of others are logged.

       on_start: this generation begins to serve in this worker: when the worker starts,
       and after each reload; before before_serving functions. Not on the command line and
       in tests, where nothing is served. Raises when it has begun already.

       on_stop: this worker has been told to stop, and its requests are done or given up:
       once, for the generation that serves. Not at a reload.

       on_end: this generation ends: after a reload, when its last request is done; at the
       worker's stop, after on_stop; when a command or a test is over. Join threads, free
       events, close files: the module is unloaded after it. Tasks that waited have been
       ended before; jobs may still be on their threads.

           static void stop(lua_State *L, void *arg) { api->event_free(arg); }

           api->on_end(L, stop, timer); */
    void (*on_start)(lua_State *L, cflask_hook hook, void *arg);
    void (*on_stop)(lua_State *L, cflask_hook hook, void *arg);
    void (*on_end)(lua_State *L, cflask_hook hook, void *arg);

    /* ---- tasks ---- */

    /* The number of what the running task does (a hook, a view, the function of a
       flask.spawn), which never comes again, other than the task's pointer. With `above`
       1, 2, ... that of the task that waits for it, by flask.gather or flask.timeout, of
       the one above that. 0: there is none. */
    uint64_t (*task_number)(lua_State *L, unsigned above);
} cflask_api;

/* Where Lua's registry has the table. */
#define CFLASK_API_KEY "cflask.api"

/* The server's table, which lives as long as the process. Call it in luaopen_NAME, with
   its L, whose first argument is the module's name. Raises a message that names both
   versions when module and server don't fit together. */
static inline const cflask_api *cflask_open(lua_State *L, int abi)
{
    const char *name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "?";
    lua_getfield(L, LUA_REGISTRYINDEX, CFLASK_API_KEY);
    const cflask_api *api = (const cflask_api *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!api)
        luaL_error(L, "module '%s' needs cflask-lua, and this is another Lua", name);
    else if (api->abi != abi)
        luaL_error(
            L,
            "module '%s' was built for ABI %d of cflask.h (cflask-lua %s), and this "
            "server has ABI %d (cflask-lua %s): build it anew",
            name, abi, CFLASK_VERSION, api->abi, api->version);
    else if (api->size < sizeof(cflask_api))
        luaL_error(L,
                   "module '%s' was built with the cflask.h of cflask-lua %s, and this "
                   "server, %s, is older: it lacks functions",
                   name, CFLASK_VERSION, api->version);
    else if (api->lua_version != LUA_VERSION_NUM)
        luaL_error(L, "module '%s' was built for Lua %d.%d, and this server has %d.%d",
                   name, LUA_VERSION_NUM / 100, LUA_VERSION_NUM % 100,
                   api->lua_version / 100, api->lua_version % 100);
    return api;
}

#ifdef __cplusplus
}
#endif

#endif
