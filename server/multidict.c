/* Multidicts. The object is a userdata with one Lua table as its user value: under 1..2n
   the names and values by turns, under each distinct name (in lower case, for headers)
   the number of its first pair. The userdata links the pairs of one name. */
#include "multidict.h"

#include "base/value.h"
#include "keywords.h"
#include <stdint.h>

#define TYPE    "cflask.multidict"
#define LARGEST (1u << 28)

struct link {
    uint32_t next : 31;    /* number (from 1) of the next pair of that name; 0: none */
    uint32_t is_later : 1; /* not the first of its name */
};

struct multidict {
    uint32_t n;
    int flags;
    struct link links[]; /* pair i has links[i - 1] */
};

static const char require_error_key;

static void push_methods(lua_State *L);

static struct multidict *check_dict(lua_State *L)
{
    struct multidict *d = luaL_testudata(L, 1, TYPE);
    if (!d)
        luaL_error(
            L, "this is a method: call it with a colon, as request.args:get(\"key\")");
    return d;
}

bool multidict_is(lua_State *L, int index)
{
    if (!lua_isuserdata(L, index) || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, TYPE);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

/* Building. */

static void push_header_name(lua_State *L, struct str name, bool is_field_of_lua)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        else if (c == '_' && is_field_of_lua)
            c = '-';
        luaL_addchar(&b, c);
    }
    luaL_pushresult(&b);
}

static void push_name(lua_State *L, struct str name)
{
    lua_pushlstring(L, name.n ? name.p : "", name.n);
}

static void push_dict(lua_State *L, size_t n, int flags)
{
    if (n > LARGEST)
        luaL_error(L, "a multidict of more than 2^28 values");
    struct multidict *d = lua_newuserdatauv(L, sizeof *d + n * sizeof d->links[0], 1);
    d->n = (uint32_t)n;
    d->flags = flags;
    memset(d->links, 0, n * sizeof d->links[0]);
    push_methods(L);
    lua_setmetatable(L, -2);
    lua_createtable(L, (int)n * 2, (int)n);
}

/* stack: dict, table, value -> dict, table
   Called with the last pair first, so that what the table has under a name is the pair
   that follows: no search for a chain's end. */
static void set_pair(lua_State *L, struct multidict *d, uint32_t i, struct str name)
{
    lua_rawseti(L, -2, (int)i * 2);
    push_name(L, name);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, (int)i * 2 - 1);
    if (d->flags & MULTIDICT_HEADERS) {
        lua_pop(L, 1);
        push_header_name(L, name, false);
    }
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    uint32_t next = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    d->links[i - 1].next = next & 0x7FFFFFFF;
    if (next)
        d->links[next - 1].is_later = 1;
    lua_pushinteger(L, i);
    lua_rawset(L, -3);
}

void multidict_push(lua_State *L, const struct pair *pairs, size_t n, int flags)
{
    luaL_checkstack(L, 8, NULL);
    push_dict(L, n, flags);
    struct multidict *d = lua_touserdata(L, -2);
    for (uint32_t i = d->n; i > 0; i--) {
        push_name(L, pairs[i - 1].value);
        set_pair(L, d, i, pairs[i - 1].name);
    }
    luax_setuservalue(L, -2);
}

void multidict_push_values(lua_State *L, const struct str *names, size_t n, int flags)
{
    luaL_checkstack(L, 8, NULL);
    int values = lua_gettop(L);
    push_dict(L, n, flags);
    struct multidict *d = lua_touserdata(L, -2);
    for (uint32_t i = d->n; i > 0; i--) {
        lua_rawgeti(L, values, (int)i);
        set_pair(L, d, i, names[i - 1]);
    }
    luax_setuservalue(L, -2);
    lua_remove(L, values);
}

void multidict_set_require_error(lua_State *L)
{
    lua_rawsetp(L, LUA_REGISTRYINDEX, &require_error_key);
}

/* Looking up. */

/* The number of the first pair that has the name at index 2 (a string, or a number, which
   stands for its text), or 0. Pushes the table. */
static uint32_t find(lua_State *L, const struct multidict *d, bool is_field_of_lua)
{
    struct str name;
    name.p = luaL_checklstring(L, 2, &name.n);
    luax_getuservalue(L, 1);
    if (d->flags & MULTIDICT_HEADERS)
        push_header_name(L, name, is_field_of_lua);
    else
        lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    uint32_t first = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return first;
}

static void check_callable(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index) || lua_isfunction(L, index))
        return;
    if (luaL_getmetafield(L, index, "__call"))
        lua_pop(L, 1);
    else
        luaL_argerror(L, index, "a function is expected, as flask.int");
}

/* Replaces the value on top by what the function at `convert` makes of it, nil on an
   error. A function that waits can't do so here: that is an error too. */
static void convert_top(lua_State *L, int convert)
{
    if (!convert || lua_isnoneornil(L, convert))
        return;
    lua_pushvalue(L, convert);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

/* stack: dict, key. A method's name is the method. */
static int index_dict(lua_State *L)
{
    struct multidict *d = check_dict(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        return 1;
    if (!lua_isstring(L, 2))
        return 0;
    uint32_t first = find(L, d, true);
    if (!first)
        return 0;
    lua_rawgeti(L, -1, (int)first * 2);
    return 1;
}

static int refuse_change(lua_State *L)
{
    return luaL_error(L, "a request's values can't be changed; :to_table() gives a copy");
}

/* d:get(key, default, convert) */
static int get(lua_State *L)
{
    struct multidict *d = check_dict(L);
    lua_settop(L, 4);
    check_callable(L, 4);
    uint32_t first = find(L, d, false);
    if (first) {
        lua_rawgeti(L, -1, (int)first * 2);
        convert_top(L, 4);
        if (!lua_isnil(L, -1))
            return 1;
    }
    lua_pushvalue(L, 3);
    return 1;
}

/* stack: ..., table. Pushes a list of the values of the pairs from `first` on. */
static void push_all(lua_State *L, const struct multidict *d, uint32_t first, int convert)
{
    int table = lua_gettop(L), n = 0;
    value_push_list(L, first ? 1 : 0);
    for (uint32_t i = first; i; i = d->links[i - 1].next) {
        lua_rawgeti(L, table, (int)i * 2);
        convert_top(L, convert);
        if (lua_isnil(L, -1))
            lua_pop(L, 1);
        else
            lua_rawseti(L, -2, ++n);
    }
}

/* d:getlist(key, convert) */
static int getlist(lua_State *L)
{
    struct multidict *d = check_dict(L);
    lua_settop(L, 3);
    check_callable(L, 3);
    push_all(L, d, find(L, d, false), 3);
    return 1;
}

/* d:require(key, convert) */
static int require(lua_State *L)
{
    struct multidict *d = check_dict(L);
    lua_settop(L, 3);
    check_callable(L, 3);
    uint32_t first = find(L, d, false);
    if (first) {
        lua_rawgeti(L, -1, (int)first * 2);
        convert_top(L, 3);
        if (!lua_isnil(L, -1))
            return 1;
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &require_error_key);
    if (!lua_isnil(L, -1)) {
        lua_pushvalue(L, 2);
        lua_call(L, 1, 0);
    }
    return luaL_error(L, "the request has no proper value for '%s'", lua_tostring(L, 2));
}

/* d:has(key) */
static int has(lua_State *L)
{
    struct multidict *d = check_dict(L);
    lua_pushboolean(L, find(L, d, false) != 0);
    return 1;
}

static bool option(lua_State *L, int index, const char *name, bool by_default)
{
    if (lua_isnoneornil(L, index))
        return by_default;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, name);
    bool value = lua_isnil(L, -1) ? by_default : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* d:to_table{flat=true}: the first values, or with flat=false lists of all. */
static int to_table(lua_State *L)
{
    struct multidict *d = check_dict(L);
    static const char *const names[] = {"flat", NULL};
    keywords_check(L, 2, names, "to_table");
    bool is_flat = option(L, 2, "flat", true);
    lua_settop(L, 1);
    luax_getuservalue(L, 1); /* stack: dict, table */
    lua_newtable(L);
    for (uint32_t i = 1; i <= d->n; i++) {
        if (d->links[i - 1].is_later)
            continue;
        lua_rawgeti(L, 2, (int)i * 2 - 1);
        if (is_flat) {
            lua_rawgeti(L, 2, (int)i * 2);
        } else {
            lua_pushvalue(L, 2);
            push_all(L, d, i, 0);
            lua_remove(L, -2);
        }
        lua_rawset(L, 3);
    }
    return 1;
}

/* The iterator's upvalues: the dict, the number of the last pair given, whether all pairs
   of a name are given. */
static int next_pair(lua_State *L)
{
    struct multidict *d = lua_touserdata(L, lua_upvalueindex(1));
    uint32_t i = (uint32_t)lua_tointeger(L, lua_upvalueindex(2)) + 1;
    bool is_multi = lua_toboolean(L, lua_upvalueindex(3));
    while (i <= d->n && !is_multi && d->links[i - 1].is_later)
        i++;
    if (i > d->n)
        return 0;
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(2));
    luax_getuservalue(L, lua_upvalueindex(1));
    lua_rawgeti(L, -1, (int)i * 2 - 1);
    lua_rawgeti(L, -2, (int)i * 2);
    return 2;
}

static int push_iterator(lua_State *L, bool is_multi)
{
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushboolean(L, is_multi);
    lua_pushcclosure(L, next_pair, 3);
    return 1;
}

/* for key, value in d:items{multi=false} */
static int items(lua_State *L)
{
    check_dict(L);
    static const char *const names[] = {"multi", NULL};
    keywords_check(L, 2, names, "items");
    return push_iterator(L, option(L, 2, "multi", false));
}

static int pairs_of_dict(lua_State *L)
{
    check_dict(L);
    return push_iterator(L, false);
}

/* In JSON it is the dict of first values, as Flask's. */
static int to_json(lua_State *L)
{
    lua_settop(L, 1);
    return to_table(L);
}

static void push_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"get", get},     {"getlist", getlist},   {"require", require}, {"has", has},
        {"items", items}, {"to_table", to_table}, {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__newindex", refuse_change},
        {"__pairs", pairs_of_dict},
        {"__tojson", to_json},
        {NULL, NULL},
    };
    if (!luaL_newmetatable(L, TYPE))
        return;
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, index_dict, 1);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "dict"); /* templates: Python's methods first */
    lua_setfield(L, -2, "__jinja");
}
