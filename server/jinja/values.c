/* Truth, comparison, membership, length and the items of values. */
#include "jinja/values.h"
#include "jinja/unicode.h"
#include <math.h>

bool values_is_integer(lua_State *L, int i)
{
    return lua_type(L, i) == LUA_TBOOLEAN || lua_isinteger(L, i);
}

bool values_is_number(lua_State *L, int i)
{
    int t = lua_type(L, i);
    return t == LUA_TBOOLEAN || t == LUA_TNUMBER;
}

lua_Number values_number(lua_State *L, int i)
{
    return lua_type(L, i) == LUA_TBOOLEAN ? lua_toboolean(L, i) : lua_tonumber(L, i);
}

static lua_Integer integer_of(lua_State *L, int i)
{
    return lua_type(L, i) == LUA_TBOOLEAN ? lua_toboolean(L, i) : lua_tointeger(L, i);
}

static bool is_empty_table(lua_State *L, int i)
{
    i = lua_absindex(L, i);
    lua_pushnil(L);
    if (!lua_next(L, i))
        return true;
    lua_pop(L, 2);
    return false;
}

static bool has_length(lua_State *L, int i)
{
    if (!luaL_getmetafield(L, i, "__len"))
        return false;
    lua_pop(L, 1);
    return true;
}

/* Whether an object that is like a dict has a pair. */
static bool has_pair(lua_State *L, int i)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 6, NULL);
    luaL_getmetafield(L, i, "__pairs");
    lua_pushvalue(L, i);
    lua_call(L, 1, 3);
    lua_call(L, 2, 1);
    bool has = !lua_isnil(L, -1);
    lua_settop(L, top);
    return has;
}

/* Somebody's object is true, unless its __bool says otherwise, it is like a dict and
   empty, or its length is 0. */
static bool object_truth(struct machine *m, int i)
{
    lua_State *L = m->L;
    i = lua_absindex(L, i);
    if (!luaL_getmetafield(L, i, "__bool")) {
        if (attribute_is_dict_like(L, i))
            return has_pair(L, i);
        return !has_length(L, i) || values_length(m, i) != 0;
    }
    lua_pushvalue(L, i);
    lua_call(L, 1, 1);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

/* A table: empty ones are false, objects are true. */
static bool table_truth(struct machine *m, int i)
{
    lua_State *L = m->L;
    switch (object_kind(L, i)) {
    case K_UNDEFINED:
        undefined_check(m, i);
        return false;
    case K_LIST:
    case K_TUPLE:
    case K_DICT:
    case K_KWARGS:
        return !is_empty_table(L, i);
    case K_OBJECT:
        return object_truth(m, i);
    default:
        return true;
    }
}

bool values_truth(struct machine *m, int i)
{
    lua_State *L = m->L;
    switch (lua_type(L, i)) {
    case LUA_TNIL:
        undefined_check(m, i);
        return false;
    case LUA_TBOOLEAN:
        return lua_toboolean(L, i);
    case LUA_TNUMBER:
        return lua_tonumber(L, i) != 0;
    case LUA_TSTRING:
        return lua_rawlen(L, i) > 0;
    case LUA_TLIGHTUSERDATA:
        return lua_touserdata(L, i) != NULL;
    case LUA_TTABLE:
        return table_truth(m, i);
    case LUA_TUSERDATA:
        switch (object_kind(L, i)) {
        case K_MARKUP:
            return object_text(L, i).n > 0;
        case K_RANGE:
            return ((struct range *)lua_touserdata(L, i))->n > 0;
        case K_OBJECT:
            return object_truth(m, i);
        default:
            return true;
        }
    default:
        return true;
    }
}

/* --- equality --- */

static bool equal(struct machine *m, int a, int b, int depth);

static bool equal_lists(struct machine *m, int a, int b, int depth)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, a);
    if (n != values_list_length(L, b))
        return false;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, a, i);
        lua_rawgeti(L, b, i);
        bool is = equal(m, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
        lua_pop(L, 2);
        if (!is)
            return false;
    }
    return true;
}

static bool equal_dicts(struct machine *m, int a, int b, int depth)
{
    lua_State *L = m->L;
    lua_Integer n = 0;
    for (lua_pushnil(L); lua_next(L, a); n++) {
        lua_pushvalue(L, -2);
        lua_rawget(L, b);
        bool is =
            !lua_isnil(L, -1) && equal(m, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
        lua_pop(L, is ? 2 : 3);
        if (!is)
            return false;
    }
    for (lua_pushnil(L); lua_next(L, b); lua_pop(L, 1))
        n--;
    return n == 0;
}

static bool equal_ranges(const struct range *a, const struct range *b)
{
    return a->n == b->n &&
           (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

static bool equal_objects(lua_State *L, int a, int b)
{
    if (lua_rawequal(L, a, b))
        return true;
    return luax_equal(L, a, b);
}

static bool equal(struct machine *m, int a, int b, int depth)
{
    lua_State *L = m->L;
    if (values_is_number(L, a) || values_is_number(L, b)) {
        if (!values_is_number(L, a) || !values_is_number(L, b))
            return false;
        if (values_is_integer(L, a) && values_is_integer(L, b))
            return integer_of(L, a) == integer_of(L, b);
        return values_number(L, a) == values_number(L, b);
    }
    struct str s = object_text(L, a), t = object_text(L, b);
    if (s.p || t.p)
        return s.p && t.p && str_eq(s, t);
    enum kind k = object_kind(L, a), l = object_kind(L, b);
    if (depth > VALUES_MAX_DEPTH)
        error_raise(m, "RecursionError",
                    "maximum recursion depth exceeded in comparison");
    machine_stack(m, 10);
    if (k != l)
        return (k == K_MISSING || k == K_UNDEFINED) &&
               (l == K_MISSING || l == K_UNDEFINED);
    switch (k) {
    case K_MISSING:
    case K_UNDEFINED:
        return true;
    case K_LIST:
    case K_TUPLE:
        return equal_lists(m, a, b, depth);
    case K_DICT:
        return equal_dicts(m, a, b, depth);
    case K_RANGE:
        return equal_ranges(lua_touserdata(L, a), lua_touserdata(L, b));
    default:
        return equal_objects(L, a, b);
    }
}

bool values_equal(struct machine *m, int a, int b)
{
    a = lua_absindex(m->L, a);
    b = lua_absindex(m->L, b);
    undefined_check(m, a);
    undefined_check(m, b);
    return equal(m, a, b, 0);
}

/* --- order --- */

static int compare_texts(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static bool less(struct machine *m, int a, int b, const char *op, int depth);

static bool less_lists(struct machine *m, int a, int b, const char *op, int depth)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, a), k = values_list_length(L, b);
    for (lua_Integer i = 1; i <= n && i <= k; i++) {
        lua_rawgeti(L, a, i);
        lua_rawgeti(L, b, i);
        int top = lua_gettop(L);
        bool is_same = equal(m, top - 1, top, depth + 1);
        bool is_less = !is_same && less(m, top - 1, top, op, depth + 1);
        lua_pop(L, 2);
        if (!is_same)
            return is_less;
    }
    return n < k;
}

static bool less(struct machine *m, int a, int b, const char *op, int depth)
{
    lua_State *L = m->L;
    if (values_is_number(L, a) && values_is_number(L, b)) {
        if (values_is_integer(L, a) && values_is_integer(L, b))
            return integer_of(L, a) < integer_of(L, b);
        return values_number(L, a) < values_number(L, b);
    }
    struct str s = object_text(L, a), t = object_text(L, b);
    if (s.p && t.p)
        return compare_texts(s, t) < 0;
    if (undefined_is(m, a))
        undefined_raise(m, a);
    if (undefined_is(m, b))
        undefined_raise(m, b);
    enum kind k = object_kind(L, a), l = object_kind(L, b);
    if (depth > VALUES_MAX_DEPTH)
        error_raise(m, "RecursionError",
                    "maximum recursion depth exceeded in comparison");
    machine_stack(m, 10);
    if (k == l && (k == K_LIST || k == K_TUPLE))
        return less_lists(m, a, b, op, depth);
    if ((k == K_OBJECT || l == K_OBJECT) &&
        (luaL_getmetafield(L, a, "__lt") || luaL_getmetafield(L, b, "__lt"))) {
        lua_pop(L, 1);
        return luax_lessthan(L, a, b);
    }
    error_raise(m, "TypeError", "'%s' not supported between instances of '%s' and '%s'",
                op, object_type_name(L, a), object_type_name(L, b));
}

bool values_less(struct machine *m, int a, int b, const char *op)
{
    return less(m, lua_absindex(m->L, a), lua_absindex(m->L, b), op, 0);
}

/* --- membership --- */

static bool text_contains(struct machine *m, struct str s, int item)
{
    struct str t = object_text(m->L, item);
    if (!t.p)
        error_raise(m, "TypeError",
                    "'in <string>' requires string as left operand, not %s",
                    object_type_name(m->L, item));
    return t.n == 0 || memmem(s.p, s.n, t.p, t.n) != NULL;
}

static bool list_contains(struct machine *m, int list, int item)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, list);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        bool is = equal(m, lua_gettop(L), item, 0);
        lua_pop(L, 1);
        if (is)
            return true;
    }
    return false;
}

static bool range_contains(lua_State *L, const struct range *r, int item)
{
    lua_Number x = values_number(L, item);
    if (!values_is_number(L, item) || x != floor(x) || r->n == 0)
        return false;
    lua_Number k = (x - (lua_Number)r->start) / (lua_Number)r->step;
    return k >= 0 && k < (lua_Number)r->n && k == floor(k);
}

bool values_contains(struct machine *m, int container, int item)
{
    lua_State *L = m->L;
    container = lua_absindex(L, container);
    item = lua_absindex(L, item);
    struct str s = object_text(L, container);
    if (s.p)
        return text_contains(m, s, item);
    switch (object_kind(L, container)) {
    case K_LIST:
    case K_TUPLE:
        return list_contains(m, container, item);
    case K_RANGE:
        return range_contains(L, lua_touserdata(L, container), item);
    case K_KWARGS:
    case K_DICT: {
        if (lua_isnil(L, item))
            return false;
        values_push_item(m, container, item);
        bool is = !lua_isnil(L, -1);
        lua_pop(L, 1);
        return is;
    }
    case K_MISSING:
    case K_UNDEFINED:
        undefined_check(m, container);
        return false;
    default:
        error_raise(m, "TypeError", "argument of type '%s' is not iterable",
                    object_type_name(L, container));
    }
}

/* --- keys --- */

/* Pushes the tuple among the dict's keys that equals the one at i, or that one. */
static void push_equal_tuple(struct machine *m, int dict, int i)
{
    lua_State *L = m->L;
    for (lua_pushnil(L); lua_next(L, dict);) {
        lua_pop(L, 1);
        if (lua_istable(L, -1) && equal(m, lua_gettop(L), i, 0))
            return;
    }
    lua_pushvalue(L, i);
}

/* True and 1 are one key, False and 0 too: pushes the one that the dict has. */
static void push_number_key(lua_State *L, int dict, int i)
{
    lua_pushvalue(L, i);
    lua_pushvalue(L, i);
    lua_rawget(L, dict);
    bool is_there = !lua_isnil(L, -1);
    lua_pop(L, 1);
    lua_Number n = values_number(L, i);
    if (is_there || (n != 0 && n != 1))
        return;
    if (lua_isboolean(L, i))
        lua_pushinteger(L, (lua_Integer)n);
    else
        lua_pushboolean(L, n == 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, dict);
    is_there = !lua_isnil(L, -1);
    lua_pop(L, 1);
    lua_remove(L, is_there ? -2 : -1);
}

void values_push_key(struct machine *m, int dict, int i)
{
    lua_State *L = m->L;
    struct str s = object_text(L, i);
    if (lua_type(L, i) == LUA_TSTRING)
        lua_pushvalue(L, i);
    else if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else if (values_is_number(L, i) && values_number(L, i) == values_number(L, i))
        push_number_key(L, dict, i);
    else if (lua_istable(L, i) && object_kind(L, i) == K_TUPLE)
        push_equal_tuple(m, dict, i);
    else if (lua_isnil(L, i) || lua_isnumber(L, i) ||
             (lua_istable(L, i) &&
              (object_kind(L, i) == K_LIST || object_kind(L, i) == K_DICT)))
        error_raise(m, "TypeError", "unhashable type: '%s'", object_type_name(L, i));
    else
        lua_pushvalue(L, i);
}

void values_push_item(struct machine *m, int dict, int i)
{
    values_push_key(m, dict, i);
    lua_rawget(m->L, dict);
}

/* --- length and items --- */

lua_Integer values_list_length(lua_State *L, int i)
{
    return (lua_Integer)lua_rawlen(L, i);
}

static lua_Integer count_items(lua_State *L, int i)
{
    lua_Integer n = 0;
    i = lua_absindex(L, i);
    for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1))
        n++;
    return n;
}

lua_Integer values_length(struct machine *m, int i)
{
    lua_State *L = m->L;
    struct str s = object_text(L, i);
    if (s.p)
        return (lua_Integer)unicode_length(s);
    switch (object_kind(L, i)) {
    case K_LIST:
    case K_TUPLE:
        return values_list_length(L, i);
    case K_KWARGS:
    case K_DICT:
        return count_items(L, i);
    case K_RANGE:
        return ((struct range *)lua_touserdata(L, i))->n;
    case K_LOOP:
        return ((struct loop *)lua_touserdata(L, i))->n;
    case K_MISSING:
    case K_UNDEFINED:
        undefined_check(m, i);
        return 0;
    case K_FUNCTION:
    case K_OBJECT:
        if (lua_type(L, i) != LUA_TFUNCTION && has_length(L, i))
            return luaL_len(L, i);
        return -1;
    default:
        return -1;
    }
}

enum { MAX_RANGE_ITEMS = 4000000 };

static lua_Integer range_items(struct machine *m, const struct range *r)
{
    lua_State *L = m->L;
    if (r->n > MAX_RANGE_ITEMS)
        error_raise(m, "OverflowError", "range of %lld items is too large",
                    (long long)r->n);
    value_push_list(L, (int)r->n);
    for (lua_Integer k = 0; k < r->n; k++) {
        lua_pushinteger(L, r->start + k * r->step);
        lua_rawseti(L, -2, k + 1);
    }
    return r->n;
}

static lua_Integer text_items(lua_State *L, struct str s)
{
    lua_Integer n = 0;
    uint32_t c;
    value_push_list(L, 0);
    for (size_t at = 0; at < s.n;) {
        size_t k = unicode_decode(s.p + at, s.n - at, &c);
        lua_pushlstring(L, s.p + at, k);
        lua_rawseti(L, -2, ++n);
        at += k;
    }
    return n;
}

/* A generator that has been run gives its items once. */
static void take_generator(lua_State *L, int i)
{
    lua_rawgeti(L, i, GENERATOR_ARGS);
    value_push_list(L, 0);
    lua_rawseti(L, i, GENERATOR_ARGS);
}

lua_Integer values_items(struct machine *m, int i)
{
    lua_State *L = m->L;
    i = lua_absindex(L, i);
    machine_stack(m, 8);
    struct str s = object_text(L, i);
    lua_Integer n = 0;
    if (s.p) {
        n = text_items(L, s);
        lua_replace(L, i);
        return n;
    }
    switch (object_kind(L, i)) {
    case K_LIST:
    case K_TUPLE:
        return values_list_length(L, i);
    case K_KWARGS:
    case K_DICT:
        object_push_keys(L, i);
        n = values_list_length(L, -1);
        break;
    case K_RANGE:
        n = range_items(m, lua_touserdata(L, i));
        break;
    case K_GENERATOR:
        take_generator(L, i);
        n = values_list_length(L, -1);
        break;
    case K_MISSING:
    case K_UNDEFINED:
        undefined_check(m, i);
        value_push_list(L, 0);
        break;
    default:
        error_raise(m, "TypeError", "'%s' object is not iterable",
                    object_type_name(L, i));
    }
    lua_replace(L, i);
    return n;
}

/* --- arguments --- */

lua_Integer values_int_arg(struct machine *m, int i, lua_Integer otherwise)
{
    lua_State *L = m->L;
    if (lua_isnil(L, i))
        return otherwise;
    if (!values_is_integer(L, i)) {
        if (undefined_is(m, i))
            undefined_raise(m, i);
        error_raise(m, "TypeError", "'%s' object cannot be interpreted as an integer",
                    object_type_name(L, i));
    }
    return integer_of(L, i);
}

bool values_bool_arg(struct machine *m, int i, bool otherwise)
{
    return lua_isnil(m->L, i) ? otherwise : values_truth(m, i);
}
