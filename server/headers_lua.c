/* response.headers: the fields of a response, as Lua reads and writes them. */
#include "headers_lua.h"

#include "base/value.h"
#include "response_lua.h"
#include <string.h>

static const char METATABLE[] = "cflask.headers";

/* A proxy: its user value is the response. */
static struct response *check(lua_State *L, int index)
{
    luaL_checkudata(L, index, METATABLE);
    luax_getuserobject(L, index);
    struct response *r = response_check(L, -1);
    lua_pop(L, 1); /* the proxy keeps it alive */
    return r;
}

void headers_push(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_newuserdatauv(L, 0, 1);
    lua_pushvalue(L, index);
    luax_setuserobject(L, -2);
    luaL_setmetatable(L, METATABLE);
}

/* In h.x_frame_options underscores stand for hyphens; methods take the name as it is. */
static struct str name_of_key(lua_State *L, int index)
{
    size_t n;
    const char *key = luaL_checklstring(L, index, &n);
    if (!memchr(key, '_', n))
        return (struct str){key, n};
    luaL_Buffer name;
    char *to = luaL_buffinitsize(L, &name, n);
    for (size_t i = 0; i < n; i++)
        to[i] = key[i] == '_' ? '-' : key[i];
    luaL_pushresultsize(&name, n);
    lua_replace(L, index);
    return (struct str){lua_tostring(L, index), n};
}

static struct str check_name(lua_State *L, int index)
{
    struct str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

/* The value at `index` as text: strings as they are, numbers and dates as digits. */
static struct str check_text(lua_State *L, int index, struct str name)
{
    struct str s;
    int type = lua_type(L, index);
    if (type != LUA_TSTRING && type != LUA_TNUMBER &&
        luaL_getmetafield(L, index, "__tostring") == LUA_TNIL)
        luaL_error(L,
                   "the value of header field %s must be a string or a number, not a %s",
                   name.p, luaL_typename(L, index));
    s.p = luaL_tolstring(L, index, &s.n);
    return s; /* the string stays on the stack */
}

static void add(lua_State *L, struct response *r, struct str name, struct str value,
                bool is_set)
{
    struct fault fault;
    int failed = is_set ? response_set_field(r, name, value, &fault)
                        : response_add_field(r, name, value, &fault);
    if (failed)
        luaL_error(L, "%s", fault.message);
}

/* A list sets one field for each item; nil and false remove. */
static void set_value(lua_State *L, struct response *r, struct str name, int index)
{
    int top = lua_gettop(L);
    if (!lua_toboolean(L, index)) {
        response_remove_field(r, name);
    } else if (lua_istable(L, index)) {
        response_remove_field(r, name);
        for (int i = 1, n = (int)lua_rawlen(L, index); i <= n; i++) {
            lua_rawgeti(L, index, i);
            add(L, r, name, check_text(L, lua_gettop(L), name), false);
            lua_settop(L, top);
        }
    } else {
        add(L, r, name, check_text(L, index, name), true);
    }
    lua_settop(L, top);
}

void headers_update(lua_State *L, struct response *r, int index)
{
    index = lua_absindex(L, index);
    lua_Integer n = value_push_keys(L, index);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "headers must be a table from names to values, not a list");
        struct str name;
        name.p = lua_tolstring(L, -1, &name.n);
        lua_pushvalue(L, -1);
        lua_gettable(L, index);
        set_value(L, r, name, lua_gettop(L));
        lua_settop(L, keys);
    }
    lua_pop(L, 1);
}

static void push_str(lua_State *L, struct str s)
{
    lua_pushlstring(L, s.p, s.n);
}

/* Content-Length is the server's to say: what it will be. */
static bool push_known(lua_State *L, const struct response *r, struct str name)
{
    if (!str_ieq(name, STR("Content-Length")) || r->kind == RESPONSE_STREAM)
        return false;
    lua_Integer n = (lua_Integer)(r->kind == RESPONSE_FILE ? r->length : r->text.n);
    lua_pushinteger(L, n);
    lua_tostring(L, -1);
    return true;
}

static void push_first(lua_State *L, const struct response *r, struct str name)
{
    const struct str *value = response_field(r, name);
    if (push_known(L, r, name))
        return;
    if (value)
        push_str(L, *value);
    else
        lua_pushnil(L);
}

/* ---- methods ---- */

/* h:get(name, default) */
static int get_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    lua_settop(L, 3);
    push_first(L, r, check_name(L, 2));
    if (lua_isnil(L, -1))
        lua_pushvalue(L, 3);
    return 1;
}

/* h:set(name, value) */
static int set_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    luaL_checkany(L, 3);
    set_value(L, r, check_name(L, 2), 3);
    return 0;
}

/* h:setdefault(name, value) -> what is there now */
static int setdefault_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    struct str name = check_name(L, 2);
    if (!response_field(r, name))
        set_value(L, r, name, 3);
    push_first(L, r, name);
    return 1;
}

/* h:add(name, value): another field of that name */
static int add_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    struct str name = check_name(L, 2);
    add(L, r, name, check_text(L, 3, name), false);
    return 0;
}

/* h:extend{name = value}: adds, replaces nothing */
static int extend_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer n = value_push_keys(L, 2);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        struct str name = check_name(L, lua_gettop(L));
        lua_pushvalue(L, -1);
        lua_gettable(L, 2);
        int value = lua_gettop(L);
        int items = lua_istable(L, value) ? (int)lua_rawlen(L, value) : 1;
        for (int j = 1; j <= items; j++) {
            if (lua_istable(L, value))
                lua_rawgeti(L, value, j);
            else
                lua_pushvalue(L, value);
            add(L, r, name, check_text(L, lua_gettop(L), name), false);
            lua_settop(L, value); /* there may be more items than room */
        }
        lua_settop(L, keys);
    }
    return 0;
}

/* h:remove(name) -> how many there were */
static int remove_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    lua_pushinteger(L, response_remove_field(r, check_name(L, 2)));
    return 1;
}

/* h:getlist(name) -> every value */
static int getlist_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    struct str name = check_name(L, 2);
    int n = 0;
    value_push_list(L, 2);
    if (push_known(L, r, name)) {
        lua_rawseti(L, -2, 1);
        return 1;
    }
    for (int i = 0; i < r->n_fields; i++)
        if (str_ieq(r->fields[i].name, name)) {
            push_str(L, r->fields[i].value);
            lua_rawseti(L, -2, ++n);
        }
    return 1;
}

static int has_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    push_first(L, r, check_name(L, 2));
    lua_pushboolean(L, !lua_isnil(L, -1));
    return 1;
}

static int index_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        return 1;
    push_first(L, r, name_of_key(L, 2));
    return 1;
}

static int newindex_lua(lua_State *L)
{
    struct response *r = check(L, 1);
    set_value(L, r, name_of_key(L, 2), 3);
    return 0;
}

/* upvalues: the headers object, how many fields have been given */
static int next_lua(lua_State *L)
{
    struct response *r = check(L, lua_upvalueindex(1));
    int i = (int)lua_tointeger(L, lua_upvalueindex(2));
    if (i >= r->n_fields)
        return 0;
    lua_pushinteger(L, i + 1);
    lua_replace(L, lua_upvalueindex(2));
    push_str(L, r->fields[i].name);
    push_str(L, r->fields[i].value);
    return 2;
}

/* pairs(h): every field, in order */
static int pairs_lua(lua_State *L)
{
    check(L, 1);
    lua_settop(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_lua, 2);
    return 1;
}

void headers_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"get", get_lua},         {"set", set_lua},       {"setdefault", setdefault_lua},
        {"add", add_lua},         {"extend", extend_lua}, {"remove", remove_lua},
        {"getlist", getlist_lua}, {"has", has_lua},       {NULL, NULL}};
    luaL_newmetatable(L, METATABLE);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, index_lua, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, newindex_lua);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, pairs_lua);
    lua_setfield(L, -2, "__pairs");
    lua_pushliteral(L, "dict"); /* templates: Python's methods first */
    lua_setfield(L, -2, "__jinja");
    lua_pop(L, 1);
}
