/* Lists, ordered dicts and the order of keys. The metatables stand in the registry under
   the addresses of the statics below, so that no other library's names can meet them. */
#include "base/value.h"

#include "base/str.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* Registry keys. An ordered dict's own metatable has its positions under &ordered_key
   too: that is the mark by which it is known. */
static const char list_key, newindex_key, pairs_key, ordered_key;

void value_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

bool value_is_null(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && !lua_touserdata(L, index);
}

/* Lists. */

static bool is_marked_list(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

lua_Integer value_sequence_length(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_Integer count = 0, largest = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (key < 1) {
            lua_pop(L, 2);
            return -1;
        }
        count++;
        largest = key > largest ? key : largest;
    }
    return count == largest ? count : -1;
}

bool value_is_list(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        return false;
    if (lua_getmetatable(L, index)) {
        lua_pop(L, 1);
        return is_marked_list(L, index);
    }
    return value_sequence_length(L, index) > 0;
}

bool value_mark_list(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (lua_getmetatable(L, index)) {
        lua_pop(L, 1);
        return is_marked_list(L, index);
    }
    value_push_list_mark(L);
    lua_setmetatable(L, index);
    return true;
}

void value_push_list_mark(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
}

void value_push_list(lua_State *L, int n)
{
    lua_createtable(L, n, 0);
    value_push_list_mark(L);
    lua_setmetatable(L, -2);
}

/* Ordered dicts. Each has a metatable of its own: items 1..n are the keys in the order in
   which they were set, and the table of positions tells where each key stands. A key that
   was removed (which no metamethod sees) or set anew after that leaves a dead item
   behind: one whose key has no value, or another position. */

/* Pushes the metatable and the positions of the ordered dict at index; or nothing: false.
 */
static bool push_order(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    lua_rawgetp(L, -1, &ordered_key);
    if (lua_type(L, -1) == LUA_TTABLE)
        return true;
    lua_pop(L, 2);
    return false;
}

bool value_is_ordered(lua_State *L, int index)
{
    if (!push_order(L, index))
        return false;
    lua_pop(L, 2);
    return true;
}

void value_push_ordered(lua_State *L)
{
    luaL_checkstack(L, 4, NULL);
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &newindex_key);
    lua_setfield(L, -2, "__newindex");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &pairs_key);
    lua_setfield(L, -2, "__pairs");
    lua_newtable(L);
    lua_rawsetp(L, -2, &ordered_key);
    lua_setmetatable(L, -2);
}

/* Pushes the key of item i and says whether the item is alive. */
static bool push_item(lua_State *L, int dict, int order, int positions, lua_Integer i)
{
    lua_rawgeti(L, order, i);
    lua_pushvalue(L, -1);
    lua_rawget(L, positions);
    bool is_alive = lua_tointeger(L, -1) == i;
    lua_pop(L, 1);
    if (!is_alive)
        return false;
    lua_pushvalue(L, -1);
    lua_rawget(L, dict);
    is_alive = !lua_isnil(L, -1);
    lua_pop(L, 1);
    return is_alive;
}

/* Forgets the dead items. A key whose value is gone loses its position as well. */
static void compact(lua_State *L, int dict, int order, int positions, lua_Integer n)
{
    lua_Integer kept = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        if (push_item(L, dict, order, positions, i)) {
            lua_pushvalue(L, -1);
            lua_rawseti(L, order, ++kept);
            lua_pushinteger(L, kept);
            lua_rawset(L, positions);
            continue;
        }
        lua_pushvalue(L, -1);
        lua_rawget(L, positions);
        if (lua_tointeger(L, -1) == i) {
            lua_pushvalue(L, -2);
            lua_pushnil(L);
            lua_rawset(L, positions);
        }
        lua_pop(L, 2);
    }
    for (lua_Integer i = n; i > kept; i--) {
        lua_pushnil(L);
        lua_rawseti(L, order, i);
    }
}

static lua_Integer count_alive(lua_State *L, int dict, int order, int positions,
                               lua_Integer n)
{
    lua_Integer alive = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        alive += push_item(L, dict, order, positions, i);
        lua_pop(L, 1);
    }
    return alive;
}

/* Looks for dead items only when the number of items is a power of two, and compacts when
   they are half of them: between two compactions lie at least as many appends as the
   second has items to move. */
static lua_Integer make_room(lua_State *L, int dict, int order, int positions)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, order);
    if (n < 16 || (n & (n - 1)) || count_alive(L, dict, order, positions, n) > n / 2)
        return n;
    compact(L, dict, order, positions, n);
    return (lua_Integer)lua_rawlen(L, order);
}

/* __newindex(dict, key, value): Lua calls it for keys that have no value only. The value
   comes last, so that running out of memory leaves a dead item at worst. */
static int ordered_newindex(lua_State *L)
{
    lua_settop(L, 3);
    if (lua_isnil(L, 3))
        return 0;
    if (!push_order(L, 1))
        return luaL_argerror(L, 1, "an ordered dict expected");
    lua_Integer n = make_room(L, 1, 4, 5);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, n + 1);
    lua_rawset(L, 5);
    lua_pushvalue(L, 2);
    lua_rawseti(L, 4, n + 1);
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

/* The order of keys. */

static lua_Integer push_ordered_keys(lua_State *L, int index)
{
    push_order(L, index);
    int order = lua_gettop(L) - 1, positions = order + 1;
    lua_Integer n = (lua_Integer)lua_rawlen(L, order), count = 0;
    lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        if (push_item(L, index, order, positions, i))
            lua_rawseti(L, positions + 1, ++count);
        else
            lua_pop(L, 1);
    }
    lua_replace(L, order);
    lua_pop(L, 1);
    return count;
}

enum key_kind { KEY_INTEGER, KEY_FLOAT, KEY_STRING, KEY_OTHER };

struct key {
    enum key_kind kind;
    lua_Integer position; /* in the list of keys that keeps it alive */
    union {
        lua_Integer integer;
        lua_Number number;
        struct str string;
        struct {
            int type;
            const void *pointer;
        } other; /* booleans: false is NULL */
    };
};

static struct key read_key(lua_State *L, int index, lua_Integer position)
{
    struct key key = {.position = position};
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        key.kind = lua_isinteger(L, index) ? KEY_INTEGER : KEY_FLOAT;
        if (key.kind == KEY_INTEGER)
            key.integer = lua_tointeger(L, index);
        else
            key.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        key.kind = KEY_STRING;
        key.string.p = lua_tolstring(L, index, &key.string.n);
        break;
    default:
        key.kind = KEY_OTHER;
        key.other.type = lua_type(L, index);
        key.other.pointer = key.other.type == LUA_TBOOLEAN && lua_toboolean(L, index)
                                ? &list_key
                                : lua_topointer(L, index);
    }
    return key;
}

/* An integer against a float key, which is never an integer within 64 bits: Lua has
   turned such keys into integers. */
static int compare_mixed(lua_Integer i, lua_Number f)
{
    if (f >= 0x1p63)
        return -1;
    if (f < -0x1p63)
        return 1;
    return i <= (lua_Integer)floor(f) ? -1 : 1;
}

static int compare_numbers(const struct key *a, const struct key *b)
{
    if (a->kind == b->kind && a->kind == KEY_INTEGER)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->kind == b->kind)
        return (a->number > b->number) - (a->number < b->number);
    return a->kind == KEY_INTEGER ? compare_mixed(a->integer, b->number)
                                  : -compare_mixed(b->integer, a->number);
}

static int compare_strings(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_keys(const void *x, const void *y)
{
    const struct key *a = x, *b = y;
    if (a->kind <= KEY_FLOAT && b->kind <= KEY_FLOAT)
        return compare_numbers(a, b);
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == KEY_STRING)
        return compare_strings(a->string, b->string);
    if (a->other.type != b->other.type)
        return a->other.type < b->other.type ? -1 : 1;
    return ((const char *)a->other.pointer > (const char *)b->other.pointer) -
           ((const char *)a->other.pointer < (const char *)b->other.pointer);
}

/* Pushes a list of the keys as lua_next gives them. */
static lua_Integer push_keys(lua_State *L, int index)
{
    lua_newtable(L);
    int keys = lua_gettop(L);
    lua_Integer n = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_rawseti(L, keys, ++n);
    }
    return n;
}

/* stack: keys. The array that is sorted is a userdata, so that Lua frees it. */
static void sort_keys(lua_State *L, lua_Integer n)
{
    int from = lua_gettop(L);
    struct key *sorted = lua_newuserdatauv(L, sizeof *sorted * (size_t)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, i);
        sorted[i - 1] = read_key(L, -1, i);
        lua_pop(L, 1);
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_keys);
    lua_createtable(L, n < INT_MAX ? (int)n : 0, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, from, sorted[i - 1].position);
        lua_rawseti(L, -2, i);
    }
    lua_replace(L, from);
    lua_pop(L, 1);
}

lua_Integer value_push_keys(lua_State *L, int index)
{
    luaL_checkstack(L, 8, NULL);
    index = lua_absindex(L, index);
    if (value_is_ordered(L, index))
        return push_ordered_keys(L, index);
    lua_Integer n = push_keys(L, index);
    if (n > 1)
        sort_keys(L, n);
    return n;
}

/* For Lua. */

static int library_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!value_mark_list(L, 1))
        return luaL_argerror(L, 1, "a table with a metatable can't be marked as a list");
    return 1;
}

static int library_is_array(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, value_is_list(L, 1));
    return 1;
}

static int library_ordered(lua_State *L)
{
    lua_Integer n = 0;
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        n = (lua_Integer)lua_rawlen(L, 1);
    }
    value_push_ordered(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        if (lua_type(L, -1) != LUA_TTABLE)
            return luaL_error(L, "item %d of an ordered dict is no {key, value} pair",
                              (int)i);
        lua_rawgeti(L, -1, 1);
        if (lua_isnil(L, -1))
            return luaL_error(L, "item %d of an ordered dict has no key", (int)i);
        lua_rawgeti(L, -2, 2);
        lua_settable(L, -4);
        lua_pop(L, 1);
    }
    return 1;
}

/* The iterator of pairs; upvalues: the table, its keys, how many were seen. Keys that
   have lost their values since are left out, those that came since are not seen. */
static int next_pair(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        lua_rawgeti(L, lua_upvalueindex(2), ++i);
        if (lua_isnil(L, -1))
            return 1;
        lua_pushvalue(L, -1);
        lua_rawget(L, lua_upvalueindex(1));
        if (!lua_isnil(L, -1))
            break;
        lua_pop(L, 2);
    }
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

static int ordered_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    value_push_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_pair, 3);
    return 1;
}

/* Another's __pairs (a session's, a multi-dictionary's) knows its order better. */
static int library_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (value_is_ordered(L, 1) || !luaL_getmetafield(L, 1, "__pairs"))
        return ordered_pairs(L);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
}

void value_open(lua_State *L)
{
    lua_newtable(L);
    lua_pushliteral(L, "list");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
    lua_pushcfunction(L, ordered_newindex);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &newindex_key);
    lua_pushcfunction(L, ordered_pairs);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &pairs_key);
}

void value_push_library(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"array", library_array},
        {"is_array", library_is_array},
        {"ordered", library_ordered},
        {"pairs", library_pairs},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    value_push_null(L);
    lua_setfield(L, -2, "null");
}
