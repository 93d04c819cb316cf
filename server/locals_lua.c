/* flask.g: values that live as long as the request's context. */
#include "locals_lua.h"

#include "base/value.h"
#include "request_lua.h"

static struct context *check_context(lua_State *L)
{
    struct context *context = context_current();
    struct exchange *ex = request_current();
    if (!context && ex)
        context = &ex->context;
    if (!context || !context->app)
        luaL_error(
            L, "working outside of application context: flask.g is there only while a "
               "request is handled, and in app:app_context");
    return context;
}

/* Pushes the context's table of that name; when it is not there and not needed, nil. */
static void push_named_of(lua_State *L, struct context *context, const char *name,
                          bool is_needed)
{
    if (context->locals == LUA_NOREF && !is_needed) {
        lua_pushnil(L);
        return;
    }
    context_push_locals(L, context);
    lua_getfield(L, -1, name);
    if (lua_isnil(L, -1) && is_needed) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
}

static void push_named(lua_State *L, const char *name, bool is_needed)
{
    push_named_of(L, check_context(L), name, is_needed);
}

/* The table behind g. */
static void push_table(lua_State *L, bool is_needed)
{
    push_named(L, "g", is_needed);
}

void locals_push_private(lua_State *L, struct context *context)
{
    push_named_of(L, context, "private", true);
}

int locals_private_lua(lua_State *L)
{
    push_named(L, "private", true);
    return 1;
}

/* Pushes g's value under the key at `index`, or nil. */
static void push_value(lua_State *L, int index)
{
    push_table(L, false);
    if (lua_isnil(L, -1))
        return;
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

/* A value stands before a method of the same name. */
static int index_lua(lua_State *L)
{
    lua_settop(L, 2);
    push_value(L, 2);
    if (!lua_isnil(L, -1))
        return 1;
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static int newindex_lua(lua_State *L)
{
    luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "nil can't be a key");
    push_table(L, true);
    lua_insert(L, 2);
    lua_rawset(L, 2);
    return 0;
}

/* Raises where a method was called with a dot: its first argument is then a name. */
static void check_self(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TUSERDATA)
        luaL_error(L, "this is a method: call it with a colon, as flask.g:get(\"name\")");
}

/* g:get(name, default) */
static int get_lua(lua_State *L)
{
    check_self(L);
    lua_settop(L, 3);
    push_value(L, 2);
    if (lua_isnil(L, -1))
        lua_pushvalue(L, 3);
    return 1;
}

static void set(lua_State *L, int key, int value)
{
    push_table(L, true);
    lua_pushvalue(L, key);
    lua_pushvalue(L, value);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* g:pop(name, default): the value, which is removed */
static int pop_lua(lua_State *L)
{
    get_lua(L);
    int value = lua_gettop(L);
    lua_pushnil(L);
    set(L, 2, lua_gettop(L));
    lua_settop(L, value);
    return 1;
}

/* g:setdefault(name, value) */
static int setdefault_lua(lua_State *L)
{
    check_self(L);
    lua_settop(L, 3);
    push_value(L, 2);
    if (!lua_isnil(L, -1))
        return 1;
    set(L, 2, 3);
    lua_settop(L, 3);
    return 1;
}

static int pairs_lua(lua_State *L)
{
    push_table(L, true);
    lua_getglobal(L, "next");
    lua_insert(L, -2);
    lua_pushnil(L);
    return 3;
}

void locals_push_g(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"get", get_lua}, {"pop", pop_lua}, {"setdefault", setdefault_lua}, {NULL, NULL}};
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 4);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, index_lua, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, newindex_lua);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, pairs_lua);
    lua_setfield(L, -2, "__pairs");
    lua_setmetatable(L, -2);
}
