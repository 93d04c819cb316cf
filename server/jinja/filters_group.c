/* Filters that compare items: sort, groupby, unique, sum, min, max, and those of dicts.
 */
#include "jinja/filter.h"
#include "jinja/lexer.h"

/* Items at base, `attribute` and a flag: pushes the list of keys, in lower case unless
   the flag at `is_sensitive` is true. false: BUILTIN_CALL. */
static bool push_keys(struct machine *m, int base, int attribute, int is_sensitive,
                      int otherwise)
{
    if (!filter_attributes(m, base, attribute, otherwise))
        return false;
    if (!values_bool_arg(m, is_sensitive, false)) {
        filter_push_folded(m, lua_gettop(m->L));
        lua_remove(m->L, -2);
    }
    return true;
}

/* Several attributes, "a,b": the keys are lists. */
static void push_many_keys(struct machine *m, int items, struct str attributes)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, items), k = 0;
    value_push_list(L, (int)n);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        value_push_list(L, 2);
        lua_rawseti(L, keys, i);
    }
    while (attributes.p) {
        struct str name = str_cut(&attributes, ',');
        lua_pushlstring(L, name.p, name.n);
        if (!filter_attributes(m, items, keys + 1, 0))
            error_raise(m, "TypeError", "sorting by several attributes of such objects");
        int values = lua_gettop(L);
        k++;
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, keys, i);
            lua_rawgeti(L, values, i);
            lua_rawseti(L, -2, k);
            lua_pop(L, 1);
        }
        lua_settop(L, keys);
    }
}

static void fold_many(struct machine *m, int keys)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, keys);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        filter_push_folded(m, lua_gettop(L));
        lua_rawseti(L, keys, i);
        lua_pop(L, 1);
    }
}

static int filter_sort(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        values_items(m, base);
    struct str s = object_text(L, base + 3);
    if (s.p && memchr(s.p, ',', s.n)) {
        push_many_keys(m, base, s);
        if (!values_bool_arg(m, base + 2, false))
            fold_many(m, lua_gettop(L));
    } else if (!push_keys(m, base, base + 3, base + 2, 0)) {
        return BUILTIN_CALL;
    }
    filter_push_sorted(m, base, lua_gettop(L), values_bool_arg(m, base + 1, false));
    return BUILTIN_DONE;
}

static int filter_unique(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        values_items(m, base);
    if (!push_keys(m, base, base + 2, base + 1, 0))
        return BUILTIN_CALL;
    int keys = lua_gettop(L);
    lua_Integer n = values_list_length(L, keys), count = 0;
    lua_newtable(L);
    value_push_list(L, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        struct str s = object_text(L, -1);
        if (s.p)
            lua_pushlstring(L, s.p, s.n);
        else
            lua_pushvalue(L, -1);
        lua_rawget(L, keys + 1);
        bool is_known = !lua_isnil(L, -1);
        lua_pop(L, 1);
        if (is_known) {
            lua_pop(L, 1);
            continue;
        }
        if (s.p)
            lua_pushlstring(L, s.p, s.n);
        else
            lua_pushvalue(L, -1);
        lua_pushboolean(L, 1);
        lua_rawset(L, keys + 1);
        lua_pop(L, 1);
        lua_rawgeti(L, base, i);
        lua_rawseti(L, keys + 2, ++count);
    }
    return BUILTIN_DONE;
}

/* Pushes the group (grouper, list), whose parts have names too. Stack: grouper, list ->
 */
static void make_group(lua_State *L)
{
    object_push_tuple(L, 2);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "grouper");
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "list");
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static int filter_groupby(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        values_items(m, base);
    if (!filter_attributes(m, base, base + 1, base + 2))
        return BUILTIN_CALL;
    int plain = lua_gettop(L), folded = plain + 1;
    if (values_bool_arg(m, base + 3, false))
        lua_pushvalue(L, plain);
    else
        filter_push_folded(m, plain);
    filter_push_sorted(m, base, folded, false);
    filter_push_sorted(m, plain, folded, false);
    filter_push_sorted(m, folded, folded, false);
    int items = folded + 1, groupers = folded + 2, keys = folded + 3, out = folded + 4;
    lua_Integer n = values_list_length(L, keys), groups = 0;
    value_push_list(L, 0);
    for (lua_Integer i = 1; i <= n;) {
        lua_rawgeti(L, groupers, i);
        value_push_list(L, 1);
        lua_rawgeti(L, keys, i);
        for (lua_Integer k = 1; i <= n; k++, i++) {
            lua_rawgeti(L, keys, i);
            bool is_same = values_equal(m, -1, out + 3);
            lua_pop(L, 1);
            if (!is_same)
                break;
            lua_rawgeti(L, items, i);
            lua_rawseti(L, out + 2, k);
        }
        lua_settop(L, out + 2);
        make_group(L);
        lua_rawseti(L, out, ++groups);
    }
    return BUILTIN_DONE;
}

static int filter_sum(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        values_items(m, base);
    if (!filter_attributes(m, base, base + 1, 0))
        return BUILTIN_CALL;
    int values = lua_gettop(L);
    lua_Integer n = values_list_length(L, values);
    if (lua_isnil(L, base + 2))
        lua_pushinteger(L, 0);
    else
        lua_pushvalue(L, base + 2);
    if (object_text(L, -1).p)
        error_raise(m, "TypeError", "sum() can't sum strings [use ''.join(seq) instead]");
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, values, i);
        if (arith_binary(m, T_ADD) == CALL_OUT)
            error_raise(m, "TypeError", "unsupported operand type(s) for +");
    }
    return BUILTIN_DONE;
}

static int extreme(struct machine *m, int base, bool is_max)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        values_items(m, base);
    lua_Integer n = values_list_length(L, base), best = 1;
    if (n == 0) {
        lua_pushliteral(L, "No aggregated item, sequence was empty.");
        undefined_push_hint(m, -1, 0, false);
        return BUILTIN_DONE;
    }
    if (!push_keys(m, base, base + 2, base + 1, 0))
        return BUILTIN_CALL;
    int keys = lua_gettop(L);
    for (lua_Integer i = 2; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        lua_rawgeti(L, keys, best);
        bool is_better = is_max ? values_less(m, keys + 2, keys + 1, ">")
                                : values_less(m, keys + 1, keys + 2, "<");
        lua_settop(L, keys);
        if (is_better)
            best = i;
    }
    lua_rawgeti(L, base, best);
    return BUILTIN_DONE;
}

static int filter_max(struct machine *m, int base)
{
    return extreme(m, base, true);
}

static int filter_min(struct machine *m, int base)
{
    return extreme(m, base, false);
}

/* Pushes a list of the dict's (key, value) tuples. */
static void push_items(lua_State *L, int dict)
{
    lua_Integer n = value_push_keys(L, dict);
    int keys = lua_gettop(L);
    value_push_list(L, (int)n);
    for (lua_Integer i = 1; i <= n; i++) {
        object_push_tuple(L, 2);
        lua_rawgeti(L, keys, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, dict);
        lua_rawseti(L, -3, 2);
        lua_rawseti(L, -2, 1);
        lua_rawseti(L, -2, i);
    }
    lua_remove(L, keys);
}

static bool is_dict(lua_State *L, int i)
{
    enum kind k = object_kind(L, i);
    return k == K_DICT || k == K_KWARGS;
}

static int filter_items(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (undefined_is(m, base))
        value_push_list(L, 0);
    else if (!is_dict(L, base))
        error_raise(m, "TypeError", "Can only get item pairs from a mapping.");
    else
        push_items(L, base);
    return BUILTIN_DONE;
}

static int filter_dictsort(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str by = lua_isnil(L, base + 2) ? STR("key") : repr_text(m, base + 2);
    bool by_value = str_eq(by, STR("value"));
    if (!by_value && !str_eq(by, STR("key")))
        error_raise(m, "FilterArgumentError",
                    "You can only sort by either \"key\" or \"value\"");
    if (undefined_is(m, base))
        undefined_raise(m, base);
    if (!is_dict(L, base))
        error_raise(m, "AttributeError", "'%s' object has no attribute 'items'",
                    object_type_name(L, base));
    push_items(L, base);
    int items = lua_gettop(L);
    lua_Integer n = values_list_length(L, items);
    value_push_list(L, (int)n);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, items, i);
        lua_rawgeti(L, -1, by_value ? 2 : 1);
        lua_rawseti(L, items + 1, i);
        lua_pop(L, 1);
    }
    if (!values_bool_arg(m, base + 1, false))
        filter_push_folded(m, items + 1);
    filter_push_sorted(m, items, lua_gettop(L), values_bool_arg(m, base + 3, false));
    return BUILTIN_DONE;
}

const struct builtin builtin_filters_group[] = {
    {"dictsort", filter_dictsort, 0, 4, 0, "value case_sensitive by reverse"},
    {"groupby", filter_groupby, 2, 4, 0, "value attribute default case_sensitive"},
    {"items", filter_items, 0, 1, BUILTIN_LAZY, "value"},
    {"max", filter_max, 0, 3, 0, "value case_sensitive attribute"},
    {"min", filter_min, 0, 3, 0, "value case_sensitive attribute"},
    {"sort", filter_sort, 0, 4, 0, "value reverse case_sensitive attribute"},
    {"sum", filter_sum, 0, 3, 0, "iterable attribute start"},
    {"unique", filter_unique, 0, 3, BUILTIN_LAZY, "value case_sensitive attribute"},
    {NULL, NULL, 0, 0, 0, NULL},
};
