/* The methods of Python's list and dict, of loops and cyclers, and of numbers. */
#include "jinja/filter.h"
#include <math.h>

static int done_none(struct machine *m)
{
    value_push_null(m->L);
    return BUILTIN_DONE;
}

/* --- lists --- */

static void check_list(struct machine *m, int base)
{
    if (object_kind(m->L, base) != K_LIST)
        error_raise(m, "AttributeError", "'%s' object has no such attribute",
                    object_type_name(m->L, base));
}

static int method_append(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    lua_pushvalue(L, base + 1);
    lua_rawseti(L, base, values_list_length(L, base) + 1);
    return done_none(m);
}

static int method_extend(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    lua_Integer n = values_items(m, base + 1), have = values_list_length(L, base);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, base + 1, i);
        lua_rawseti(L, base, have + i);
    }
    return done_none(m);
}

/* Moves the items from number `from` on by one place, up or down. */
static void shift(lua_State *L, int list, lua_Integer from, bool is_up)
{
    lua_Integer n = values_list_length(L, list);
    if (is_up) {
        for (lua_Integer i = n; i >= from; i--) {
            lua_rawgeti(L, list, i);
            lua_rawseti(L, list, i + 1);
        }
        return;
    }
    for (lua_Integer i = from; i < n; i++) {
        lua_rawgeti(L, list, i + 1);
        lua_rawseti(L, list, i);
    }
    lua_pushnil(L);
    lua_rawseti(L, list, n);
}

static int method_insert(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    lua_Integer i = values_int_arg(m, base + 1, 0), n = values_list_length(L, base);
    i = i < 0 ? i + n : i;
    i = i < 0 ? 0 : i > n ? n : i;
    shift(L, base, i + 1, true);
    lua_pushvalue(L, base + 2);
    lua_rawseti(L, base, i + 1);
    return done_none(m);
}

static int method_pop(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    lua_Integer n = values_list_length(L, base), i = values_int_arg(m, base + 1, -1);
    i = i < 0 ? i + n : i;
    if (n == 0 || i < 0 || i >= n)
        error_raise(m, "IndexError",
                    n ? "pop index out of range" : "pop from empty list");
    lua_rawgeti(L, base, i + 1);
    shift(L, base, i + 1, false);
    return BUILTIN_DONE;
}

/* The number of the first item that equals the value at `what`, or 0. */
static lua_Integer find_item(struct machine *m, int list, int what)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, list);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        bool is = values_equal(m, -1, what);
        lua_pop(L, 1);
        if (is)
            return i;
    }
    return 0;
}

static int method_remove(struct machine *m, int base)
{
    check_list(m, base);
    lua_Integer i = find_item(m, base, base + 1);
    if (!i)
        error_raise(m, "ValueError", "list.remove(x): x not in list");
    shift(m->L, base, i, false);
    return done_none(m);
}

static int method_index(struct machine *m, int base)
{
    lua_Integer i = find_item(m, base, base + 1);
    if (!i)
        error_raise(m, "ValueError", "the value is not in list");
    lua_pushinteger(m->L, i - 1);
    return BUILTIN_DONE;
}

static int method_count(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, base), count = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, base, i);
        count += values_equal(m, -1, base + 1);
        lua_pop(L, 1);
    }
    lua_pushinteger(L, count);
    return BUILTIN_DONE;
}

static int method_list_copy(struct machine *m, int base)
{
    return builtin_find(builtin_filters_list, "list", 4)->run(m, base);
}

static int method_clear(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    for (lua_Integer n = values_list_length(L, base); n > 0; n--) {
        lua_pushnil(L);
        lua_rawseti(L, base, n);
    }
    return done_none(m);
}

static int method_reverse(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    lua_Integer n = values_list_length(L, base);
    for (lua_Integer i = 1, j = n; i < j; i++, j--) {
        lua_rawgeti(L, base, i);
        lua_rawgeti(L, base, j);
        lua_rawseti(L, base, i);
        lua_rawseti(L, base, j);
    }
    return done_none(m);
}

static int method_sort(struct machine *m, int base)
{
    lua_State *L = m->L;
    check_list(m, base);
    filter_push_sorted(m, base, base, values_bool_arg(m, base + 1, false));
    lua_Integer n = values_list_length(L, base);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        lua_rawseti(L, base, i);
    }
    return done_none(m);
}

const struct builtin builtin_list_methods[] = {
    {"append", method_append, 2, 2, BUILTIN_RAW, "self object"},
    {"clear", method_clear, 1, 1, 0, "self"},
    {"copy", method_list_copy, 1, 1, 0, "self"},
    {"count", method_count, 1, 2, 0, "self value"},
    {"extend", method_extend, 2, 2, 0, "self iterable"},
    {"index", method_index, 1, 2, 0, "self value"},
    {"insert", method_insert, 2, 3, 0, "self index object"},
    {"pop", method_pop, 1, 2, 0, "self index"},
    {"remove", method_remove, 1, 2, 0, "self value"},
    {"reverse", method_reverse, 1, 1, 0, "self"},
    {"sort", method_sort, 1, 2, 0, "self reverse"},
    {NULL, NULL, 0, 0, 0, NULL},
};

/* --- dicts --- */

/* Somebody's object is read as a dict; false: Lua has been asked for it. */
static bool has_dict(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) > 0) {
        lua_replace(L, base);
        return true;
    }
    enum kind k = object_kind(L, base);
    if (k != K_OBJECT && k != K_FUNCTION)
        return true;
    machine_push_helper(m, "collect");
    lua_pushvalue(L, base);
    machine_call(m, 1);
    return false;
}

/* Pushes dict[key], or nil. A Markup is the same key as its text. */
static void push_value(lua_State *L, int dict, int key)
{
    struct str s = object_text(L, key);
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushvalue(L, key);
    if (lua_isnil(L, -1))
        return;
    lua_rawget(L, dict);
}

static void set_value(lua_State *L, int dict, int key, int value)
{
    struct str s = object_text(L, key);
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushvalue(L, key);
    lua_pushvalue(L, value);
    lua_settable(L, dict);
}

/* The value of that key; else the default, or None. */
static int method_get(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (!has_dict(m, base))
        return BUILTIN_CALL;
    push_value(L, base, base + 1);
    if (!lua_isnil(L, -1))
        return BUILTIN_DONE;
    if (lua_isnil(L, base + 2))
        value_push_null(L);
    else
        lua_pushvalue(L, base + 2);
    return BUILTIN_DONE;
}

static int method_keys(struct machine *m, int base)
{
    if (!has_dict(m, base))
        return BUILTIN_CALL;
    object_push_keys(m->L, base);
    return BUILTIN_DONE;
}

static int method_values(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (!has_dict(m, base))
        return BUILTIN_CALL;
    object_push_keys(L, base);
    lua_Integer n = values_list_length(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        lua_rawget(L, base);
        lua_rawseti(L, -2, i);
    }
    return BUILTIN_DONE;
}

static int method_items(struct machine *m, int base)
{
    if (!has_dict(m, base))
        return BUILTIN_CALL;
    return builtin_find(builtin_filters_group, "items", 5)->run(m, base);
}

static int method_dict_copy(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (!has_dict(m, base))
        return BUILTIN_CALL;
    value_push_ordered(L);
    int copy = lua_gettop(L);
    lua_Integer n = value_push_keys(L, base);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, copy + 1, i);
        push_value(L, base, copy + 2);
        set_value(L, copy, copy + 2, copy + 3);
        lua_settop(L, copy + 1);
    }
    lua_settop(L, copy);
    return BUILTIN_DONE;
}

static int method_setdefault(struct machine *m, int base)
{
    lua_State *L = m->L;
    push_value(L, base, base + 1);
    if (!lua_isnil(L, -1))
        return BUILTIN_DONE;
    if (lua_isnil(L, base + 2))
        value_push_null(L);
    else
        lua_pushvalue(L, base + 2);
    set_value(L, base, base + 1, lua_gettop(L));
    return BUILTIN_DONE;
}

static int method_dict_pop(struct machine *m, int base)
{
    lua_State *L = m->L;
    push_value(L, base, base + 1);
    if (lua_isnil(L, -1)) {
        if (lua_isnil(L, base + 2))
            error_raise(m, "KeyError", "no such key");
        lua_pushvalue(L, base + 2);
        return BUILTIN_DONE;
    }
    lua_pushnil(L);
    set_value(L, base, base + 1, lua_gettop(L));
    lua_pop(L, 1);
    return BUILTIN_DONE;
}

/* update(mapping or pairs, **kwargs) */
static int method_update(struct machine *m, int base)
{
    lua_State *L = m->L;
    const struct builtin *dict = builtin_find(builtin_functions, "dict", 4);
    int top = lua_gettop(L);
    lua_pushvalue(L, base + 1);
    lua_pushvalue(L, base + 2);
    dict->run(m, top + 1);
    int all = lua_gettop(L);
    lua_Integer n = value_push_keys(L, all);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, all + 1, i);
        push_value(L, all, all + 2);
        set_value(L, base, all + 2, all + 3);
        lua_settop(L, all + 1);
    }
    return done_none(m);
}

static int method_dict_clear(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = value_push_keys(L, base);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        lua_pushnil(L);
        lua_settable(L, base);
    }
    return done_none(m);
}

const struct builtin builtin_dict_methods[] = {
    {"clear", method_dict_clear, 1, 1, 0, "self"},
    {"copy", method_dict_copy, 1, 1, BUILTIN_RAW, "self"},
    {"get", method_get, 1, 3, BUILTIN_RAW, "self key default"},
    {"items", method_items, 1, 1, BUILTIN_RAW, "self"},
    {"keys", method_keys, 1, 1, BUILTIN_RAW, "self"},
    {"pop", method_dict_pop, 2, 3, 0, "self key default"},
    {"setdefault", method_setdefault, 2, 3, 0, "self key default"},
    {"update", method_update, 1, 2, BUILTIN_KWARGS, "self other"},
    {"values", method_values, 1, 1, BUILTIN_RAW, "self"},
    {NULL, NULL, 0, 0, 0, NULL},
};

/* --- loops and cyclers --- */

static int method_cycle(struct machine *m, int base)
{
    lua_State *L = m->L;
    const struct loop *l = lua_touserdata(L, base);
    lua_Integer n = values_list_length(L, base + 1);
    if (object_kind(L, base) != K_LOOP || n == 0)
        error_raise(m, "TypeError", "no items for cycling given");
    lua_rawgeti(L, base + 1, (l->index - 1) % n + 1);
    return BUILTIN_DONE;
}

/* Whether the arguments differ from those of the last call. */
static int method_changed(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_pushvalue(L, base);
    object_get_table(L, -1);
    int table = lua_gettop(L);
    if (object_kind(L, base) != K_LOOP || !lua_istable(L, table))
        error_raise(m, "TypeError", "changed() needs a loop");
    lua_rawgeti(L, table, LOOP_CHANGED);
    bool is = lua_isnil(L, -1) || !values_equal(m, table + 1, base + 1);
    lua_pushvalue(L, base + 1);
    lua_rawseti(L, table, LOOP_CHANGED);
    lua_pushboolean(L, is);
    return BUILTIN_DONE;
}

static int method_next(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_rawgeti(L, base, 1);
    lua_rawgeti(L, base, 2);
    lua_Integer i = lua_tointeger(L, -1), n = values_list_length(L, -2);
    lua_pushinteger(L, (i + 1) % n);
    lua_rawseti(L, base, 2);
    lua_rawgeti(L, -2, i + 1);
    (void)m;
    return BUILTIN_DONE;
}

static int method_reset(struct machine *m, int base)
{
    lua_pushinteger(m->L, 0);
    lua_rawseti(m->L, base, 2);
    return done_none(m);
}

/* --- numbers --- */

static int method_bit_length(struct machine *m, int base)
{
    lua_Integer i = lua_tointeger(m->L, base), n = 0;
    unsigned long long u = i < 0 ? 0 - (unsigned long long)i : (unsigned long long)i;
    for (; u; u >>= 1)
        n++;
    lua_pushinteger(m->L, n);
    return BUILTIN_DONE;
}

static int method_is_integer(struct machine *m, int base)
{
    lua_Number d = lua_tonumber(m->L, base);
    lua_pushboolean(m->L, d == floor(d) && isfinite(d));
    return BUILTIN_DONE;
}

const struct builtin builtin_other_methods[] = {
    {"cycle", method_cycle, 1, 1, BUILTIN_VARARGS, "self"},
    {"changed", method_changed, 1, 1, BUILTIN_VARARGS, "self"},
    {"next", method_next, 1, 1, 0, "self"},
    {"reset", method_reset, 1, 1, 0, "self"},
    {"bit_length", method_bit_length, 1, 1, 0, "self"},
    {"is_integer", method_is_integer, 1, 1, 0, "self"},
    {NULL, NULL, 0, 0, 0, NULL},
};
