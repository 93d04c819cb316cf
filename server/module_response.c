/* cflask.h: building responses, which are flask.Response objects; views without Lua's
   stack. */
#include "module.h"

#include "request_lua.h"
#include "response_lua.h"
#include <unistd.h>

static struct str slice(cflask_str s)
{
    return (struct str){s.p ? s.p : "", s.n};
}

static void raise(lua_State *L, const struct fault *fault)
{
    luaL_error(L, "%s", fault->message);
}

/* The response at that place: an object of Lua's; or, in a view that was called by no Lua
   code, the exchange's own. */
static struct response *check(lua_State *L, int index)
{
    struct exchange *ex = lua_islightuserdata(L, index) ? request_current() : NULL;
    if (ex && lua_touserdata(L, index) == &ex->quick)
        return &ex->quick;
    return response_check(L, index);
}

/* Its type is text/html until another is set. */
static void push_response(lua_State *L)
{
    struct response *r = response_push(L);
    r->has_default_type = true;
}

static void set_status(lua_State *L, int response, int status)
{
    struct response *r = check(L, response);
    if (response_set_status(r, status) < 0)
        luaL_error(L, "%d is no status: it must be from 200 to 999", status);
}

static void set_header(lua_State *L, int response, const char *name, cflask_str value)
{
    struct fault fault;
    struct response *r = check(L, response);
    if (response_set_field(r, str_from(name), slice(value), &fault) < 0)
        raise(L, &fault);
}

static void add_header(lua_State *L, int response, const char *name, cflask_str value)
{
    struct fault fault;
    struct response *r = check(L, response);
    if (response_add_field(r, str_from(name), slice(value), &fault) < 0)
        raise(L, &fault);
}

static void set_type(lua_State *L, struct response *r, const char *type)
{
    if (type)
        response_set_mimetype(L, r, str_from(type));
}

static void set_string(lua_State *L, int response, const char *type, int text)
{
    struct response *r = check(L, response);
    luaL_checktype(L, text, LUA_TSTRING);
    text = lua_absindex(L, text);
    set_type(L, r, type);
    response_set_text(L, r, text);
}

static void set_text(lua_State *L, int response, const char *type, cflask_str text)
{
    struct response *r = check(L, response);
    set_type(L, r, type);
    if (response_copy_text(L, r, slice(text)) < 0)
        luaL_error(L, "out of memory");
}

/* The descriptor is the response's first of all: then nothing can lose it. */
static void set_file(lua_State *L, int response, const char *type, int fd,
                     uint64_t offset, uint64_t length)
{
    if (!response_is(L, response) && !lua_islightuserdata(L, response))
        close(fd);
    struct response *r = check(L, response);
    response_set_file(L, r, fd, offset, length);
    set_type(L, r, type);
}

static int abort_request(lua_State *L, int status, const char *description)
{
    return request_raise(L, status, description);
}

/* ---- views ---- */

static int call_view(lua_State *L)
{
    cflask_view view = (cflask_view)module_upvalue(L);
    struct exchange *ex = request_check_current(L);
    if (exchange_is_in_view(ex, L))
        lua_pushlightuserdata(L, &ex->quick);
    else
        push_response(L);
    int response = lua_gettop(L);
    int status = view(L, (cflask_request *)ex, response);
    if (status != 0)
        return request_raise(L, status, NULL);
    lua_pushvalue(L, response);
    return 1;
}

static void push_view(lua_State *L, cflask_view view)
{
    module_push_over(L, call_view, (void (*)(void))view);
}

void module_set_response(cflask_api *api)
{
    api->response = push_response;
    api->set_status = set_status;
    api->set_header = set_header;
    api->add_header = add_header;
    api->set_text = set_text;
    api->set_string = set_string;
    api->set_file = set_file;
    api->abort = abort_request;
    api->push_view = push_view;
}
