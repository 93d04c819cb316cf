/* Attributes and items: object.name and object[key]. */
#include "jinja/unicode.h"
#include "jinja/values.h"

static enum attribute_result push_method(lua_State *L, const struct builtin *table,
                                         struct str name)
{
    const struct builtin *b = name.p ? builtin_find(table, name.p, name.n) : NULL;
    if (!b)
        return ATTRIBUTE_MISSING;
    lua_pushlightuserdata(L, (void *)(uintptr_t)b);
    return ATTRIBUTE_METHOD;
}

/* A Python index of n items as an offset; -1 when it is out of range. */
static lua_Integer offset_of(lua_Integer i, lua_Integer n)
{
    if (i < 0)
        i += n;
    return i >= 0 && i < n ? i : -1;
}

static bool is_index(lua_State *L, int key)
{
    return values_is_integer(L, key);
}

static lua_Integer index_of(lua_State *L, int key)
{
    return lua_isboolean(L, key) ? lua_toboolean(L, key) : lua_tointeger(L, key);
}

static enum attribute_result find_in_text(struct machine *m, struct str s, int object,
                                          int key)
{
    lua_State *L = m->L;
    if (!is_index(L, key))
        return push_method(L, builtin_str_methods, object_text(L, key));
    lua_Integer i = index_of(L, key);
    if (i < 0)
        i += (lua_Integer)unicode_length(s);
    if (i < 0)
        return ATTRIBUTE_MISSING;
    size_t from = unicode_offset(s, (size_t)i);
    uint32_t c;
    if (from >= s.n)
        return ATTRIBUTE_MISSING;
    size_t n = unicode_decode(s.p + from, s.n - from, &c);
    if (lua_type(L, object) == LUA_TSTRING)
        lua_pushlstring(L, s.p + from, n);
    else
        object_push_markup(L, s.p + from, n);
    return ATTRIBUTE_VALUE;
}

/* table[key], by Python's view of keys. Pushes the value, nil when there is none. */
static void raw_item(lua_State *L, int table, int key)
{
    struct str s = {NULL, 0};
    if (lua_isnil(L, key)) {
        lua_pushnil(L);
        return;
    }
    if (lua_type(L, key) == LUA_TUSERDATA)
        s = object_text(L, key);
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushvalue(L, key);
    lua_rawget(L, table);
}

static enum attribute_result find_in_list(struct machine *m, int object, int key)
{
    lua_State *L = m->L;
    if (!is_index(L, key)) {
        struct str name = object_text(L, key);
        if (name.p && object_kind(L, object) == K_TUPLE) { /* a group's names */
            raw_item(L, object, key);
            if (!lua_isnil(L, -1))
                return ATTRIBUTE_VALUE;
            lua_pop(L, 1);
        }
        return push_method(L, builtin_list_methods, name);
    }
    lua_Integer i = offset_of(index_of(L, key), values_list_length(L, object));
    if (i < 0)
        return ATTRIBUTE_MISSING;
    lua_rawgeti(L, object, i + 1);
    return ATTRIBUTE_VALUE;
}

static enum attribute_result find_in_dict(struct machine *m, int object, int key,
                                          bool is_item)
{
    lua_State *L = m->L;
    if (!is_item) {
        enum attribute_result r =
            push_method(L, builtin_dict_methods, object_text(L, key));
        if (r != ATTRIBUTE_MISSING)
            return r;
    }
    if (object_text(L, key).p || !is_item)
        raw_item(L, object, key);
    else
        values_push_item(m, object, key);
    if (!lua_isnil(L, -1))
        return ATTRIBUTE_VALUE;
    lua_pop(L, 1);
    return is_item ? push_method(L, builtin_dict_methods, object_text(L, key))
                   : ATTRIBUTE_MISSING;
}

static enum attribute_result find_in_range(lua_State *L, int object, int key)
{
    const struct range *r = lua_touserdata(L, object);
    if (!is_index(L, key))
        return ATTRIBUTE_MISSING;
    lua_Integer i = offset_of(index_of(L, key), r->n);
    if (i < 0)
        return ATTRIBUTE_MISSING;
    lua_pushinteger(L, r->start + i * r->step);
    return ATTRIBUTE_VALUE;
}

/* The reference to a block of the context at `object`'s item 1. */
static enum attribute_result find_block(struct machine *m, int object, int key)
{
    lua_State *L = m->L;
    if (!object_text(L, key).p)
        return ATTRIBUTE_MISSING;
    lua_createtable(L, 3, 0);
    lua_rawgeti(L, object, 1);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, key);
    lua_rawseti(L, -2, 2);
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, 3);
    object_mark(L, K_BLOCK);
    if (inherit_has_block(m, lua_gettop(L)))
        return ATTRIBUTE_VALUE;
    lua_pop(L, 1);
    return ATTRIBUTE_MISSING;
}

static enum attribute_result find_super(struct machine *m, int object, int key)
{
    lua_State *L = m->L;
    if (!str_eq(object_text(L, key), STR("super")))
        return ATTRIBUTE_MISSING;
    lua_createtable(L, 3, 0);
    for (int i = 1; i <= 3; i++) {
        lua_rawgeti(L, object, i);
        if (i == 3)
            lua_pushinteger(L, lua_tointeger(L, -1) + 1);
        lua_rawseti(L, i == 3 ? -3 : -2, i);
        if (i == 3)
            lua_pop(L, 1);
    }
    object_mark(L, K_BLOCK);
    if (inherit_has_block(m, lua_gettop(L)))
        return ATTRIBUTE_VALUE;
    lua_rawgeti(L, -1, 2);
    lua_pushfstring(L, "there is no parent block called '%s'.", lua_tostring(L, -1));
    undefined_push_hint(m, -1, 0, false);
    lua_replace(L, -4);
    lua_pop(L, 2);
    return ATTRIBUTE_VALUE;
}

static enum attribute_result find_in_macro(lua_State *L, int object, struct str name)
{
    const struct macro *macro = lua_touserdata(L, object);
    const struct code *code = macro->code;
    if (str_eq(name, STR("name"))) {
        lua_pushlstring(L, code->name.p, code->name.n);
        return ATTRIBUTE_VALUE;
    }
    if (str_eq(name, STR("arguments"))) {
        object_push_tuple(L, code->n_params);
        for (int i = 0; i < code->n_params; i++) {
            struct str p = code->template->constants[code->params[i]].s;
            lua_pushlstring(L, p.p, p.n);
            lua_rawseti(L, -2, i + 1);
        }
        return ATTRIBUTE_VALUE;
    }
    if (str_eq(name, STR("catch_kwargs")))
        lua_pushboolean(L, code->kwargs_slot >= 0);
    else if (str_eq(name, STR("catch_varargs")))
        lua_pushboolean(L, code->varargs_slot >= 0);
    else if (str_eq(name, STR("caller")))
        lua_pushboolean(L, code->caller_slot >= 0 || code->has_caller_param);
    else
        return ATTRIBUTE_MISSING;
    return ATTRIBUTE_VALUE;
}

static enum attribute_result find_in_cycler(lua_State *L, int object, struct str name)
{
    if (!str_eq(name, STR("current")))
        return push_method(L, builtin_other_methods, name);
    lua_rawgeti(L, object, 1);
    lua_rawgeti(L, object, 2);
    lua_rawgeti(L, -2, lua_tointeger(L, -1) + 1);
    lua_replace(L, -3);
    lua_pop(L, 1);
    return ATTRIBUTE_VALUE;
}

static enum attribute_result find_in_exports(lua_State *L, int object, int key)
{
    lua_rawgeti(L, object, MODULE_EXPORTS);
    raw_item(L, lua_gettop(L), key);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return ATTRIBUTE_VALUE;
    lua_pop(L, 1);
    return ATTRIBUTE_MISSING;
}

static bool calls_itself(lua_State *L, int object, const char *what)
{
    int t = lua_type(L, object);
    if ((t != LUA_TTABLE && t != LUA_TUSERDATA) ||
        !luaL_getmetafield(L, object, "__jinja"))
        return false;
    bool is = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), what) == 0;
    lua_pop(L, 1);
    return is;
}

bool attribute_is_dict_like(lua_State *L, int object)
{
    return calls_itself(L, object, "dict");
}

bool attribute_is_record(lua_State *L, int object)
{
    return calls_itself(L, object, "record");
}

enum { MAX_INDEX_CHAIN = 50 };

/* Somebody's object: itself, then its metatable's __index and so on. What is found there
   is called with the object. get() is the object's own, which knows more of its keys
   (headers have no case). */
static enum attribute_result find_in_object(lua_State *L, int object, int key,
                                            bool is_item)
{
    bool is_get = str_eq(object_text(L, key), STR("get"));
    if (!is_item && !is_get && attribute_is_dict_like(L, object)) {
        enum attribute_result r =
            push_method(L, builtin_dict_methods, object_text(L, key));
        if (r != ATTRIBUTE_MISSING)
            return r;
    }
    lua_pushvalue(L, object);
    for (int i = 0; i < MAX_INDEX_CHAIN; i++) {
        if (lua_istable(L, -1)) {
            raw_item(L, lua_gettop(L), key);
            lua_remove(L, -2);
            if (!lua_isnil(L, -1))
                return i && lua_isfunction(L, -1) ? ATTRIBUTE_METHOD : ATTRIBUTE_VALUE;
            lua_pop(L, 1);
            lua_pushvalue(L, object);
            for (int k = 0; k < i; k++)
                luaL_getmetafield(L, -1, "__index"), lua_remove(L, -2);
        }
        if (!luaL_getmetafield(L, -1, "__index"))
            break;
        lua_remove(L, -2);
        if (lua_isfunction(L, -1)) {
            lua_pop(L, 1);
            return ATTRIBUTE_SLOW;
        }
    }
    lua_pop(L, 1);
    if (!luaL_getmetafield(L, object, "__pairs"))
        return ATTRIBUTE_MISSING;
    lua_pop(L, 1);
    return push_method(L, builtin_dict_methods, object_text(L, key));
}

enum attribute_result attribute_find(struct machine *m, int object, int key, bool is_item)
{
    lua_State *L = m->L;
    struct str s = object_text(L, object), name = object_text(L, key);
    machine_stack(m, 12);
    if (s.p)
        return find_in_text(m, s, object, key);
    if (lua_istable(L, object) && name.p && !lua_getmetatable(L, object)) {
        /* the commonest case: a plain table, which can't be a list that has such a key */
        if (is_item || !builtin_find(builtin_dict_methods, name.p, name.n)) {
            raw_item(L, object, key);
            if (!lua_isnil(L, -1))
                return ATTRIBUTE_VALUE;
            lua_pop(L, 1);
        }
        if (lua_rawlen(L, object) == 0)
            return find_in_dict(m, object, key, is_item);
    } else if (lua_istable(L, object) && name.p) {
        lua_pop(L, 1);
    }
    if (is_index(L, key) && object_is_sequence(L, object))
        return find_in_list(m, object, key);
    switch (object_kind(L, object)) {
    case K_MISSING:
    case K_UNDEFINED:
        if (str_eq(name, STR("_undefined_name")) && lua_istable(L, object)) {
            lua_rawgeti(L, object, UNDEFINED_NAME);
            return ATTRIBUTE_VALUE;
        }
        if (undefined_policy_of(m, object) != POLICY_CHAINABLE)
            undefined_raise(m, object);
        lua_pushvalue(L, object);
        return ATTRIBUTE_VALUE;
    case K_LIST:
    case K_TUPLE:
        return find_in_list(m, object, key);
    case K_KWARGS:
    case K_DICT:
        return find_in_dict(m, object, key, is_item);
    case K_RANGE:
        return find_in_range(L, object, key);
    case K_NAMESPACE:
        raw_item(L, object, key);
        if (!lua_isnil(L, -1))
            return ATTRIBUTE_VALUE;
        lua_pop(L, 1);
        return ATTRIBUTE_MISSING;
    case K_MODULE:
        return find_in_exports(L, object, key);
    case K_LOOP:
        if (name.p && loop_attribute(m, object, name))
            return ATTRIBUTE_VALUE;
        return push_method(L, builtin_other_methods, name);
    case K_MACRO:
        return find_in_macro(L, object, name);
    case K_CYCLER:
        return find_in_cycler(L, object, name);
    case K_SELF:
        return find_block(m, object, key);
    case K_BLOCK:
        return find_super(m, object, key);
    case K_INT:
    case K_FLOAT:
        return name.n > 3 && (name.p[0] == 'b' || name.p[0] == 'i')
                   ? push_method(L, builtin_other_methods, name)
                   : ATTRIBUTE_MISSING;
    case K_OBJECT:
    case K_FUNCTION:
        if (lua_isfunction(L, object))
            return ATTRIBUTE_MISSING;
        return find_in_object(L, object, key, is_item);
    case K_BUILTIN:
        if (!str_eq(name, STR("__name__")))
            return ATTRIBUTE_MISSING;
        lua_pushstring(L, ((const struct builtin *)lua_touserdata(L, object))->name);
        return ATTRIBUTE_VALUE;
    default:
        return ATTRIBUTE_MISSING;
    }
}

void attribute_bind(lua_State *L)
{
    lua_createtable(L, 2, 0);
    lua_insert(L, -3);
    lua_rawseti(L, -3, 2);
    lua_rawseti(L, -2, 1);
    object_mark(L, K_BOUND);
}

bool attribute_get(struct machine *m, int object, int key, bool is_item)
{
    lua_State *L = m->L;
    switch (attribute_find(m, object, key, is_item)) {
    case ATTRIBUTE_VALUE:
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            undefined_push_attribute(m, object, key);
        }
        return true;
    case ATTRIBUTE_METHOD:
        lua_pushvalue(L, object);
        attribute_bind(L);
        return true;
    case ATTRIBUTE_MISSING:
        undefined_push_attribute(m, object, key);
        return true;
    default:
        return false;
    }
}

/* --- slices --- */

/* Python's rules: start, stop and step (each may be None) of n items. */
static void slice_bounds(struct machine *m, int at, lua_Integer n, lua_Integer *start,
                         lua_Integer *stop, lua_Integer *step)
{
    lua_State *L = m->L;
    *step = value_is_null(L, at + 2) ? 1 : values_int_arg(m, at + 2, 1);
    if (*step == 0)
        error_raise(m, "ValueError", "slice step cannot be zero");
    lua_Integer low = *step > 0 ? 0 : -1, high = *step > 0 ? n : n - 1;
    lua_Integer *bounds[2] = {start, stop};
    for (int i = 0; i < 2; i++) {
        if (value_is_null(L, at + i)) {
            *bounds[i] = (i == 0) == (*step > 0) ? low : high;
            continue;
        }
        lua_Integer k = values_int_arg(m, at + i, 0);
        if (k < 0)
            k += n;
        *bounds[i] = k < low ? low : k > high ? high : k;
    }
}

static lua_Integer slice_count(lua_Integer start, lua_Integer stop, lua_Integer step)
{
    if (step > 0)
        return stop > start ? (stop - start - 1) / step + 1 : 0;
    if (step == LUA_MININTEGER)
        return start > stop ? 1 : 0;
    return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

static void slice_list(struct machine *m, int list, lua_Integer start, lua_Integer count,
                       lua_Integer step)
{
    lua_State *L = m->L;
    if (object_kind(L, list) == K_TUPLE)
        object_push_tuple(L, (int)count);
    else
        value_push_list(L, (int)count);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, list, start + (i ? i * step : 0) + 1);
        lua_rawseti(L, -2, i + 1);
    }
}

static void slice_text(struct machine *m, int text, lua_Integer start, lua_Integer count,
                       lua_Integer step)
{
    lua_State *L = m->L;
    struct str s = object_text(L, text);
    bool is_markup = lua_type(L, text) != LUA_TSTRING;
    m->n_scratch = 0;
    struct buf *b = machine_scratch(m);
    if (step == 1) {
        size_t from = unicode_offset(s, (size_t)start);
        struct str rest = {s.p + from, s.n - from};
        buf_add(b, rest.p, unicode_offset(rest, (size_t)count));
    } else {
        lua_pushvalue(L, text);
        values_items(m, lua_gettop(L));
        for (lua_Integer i = 0; i < count; i++) {
            lua_rawgeti(L, -1, start + (i ? i * step : 0) + 1);
            buf_addstr(b, object_text(L, -1));
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    machine_push_as(m, b, is_markup);
}

void attribute_slice(struct machine *m)
{
    lua_State *L = m->L;
    int at = lua_gettop(L) - 2, object = at - 1;
    lua_Integer start, stop, step;
    if (undefined_is(m, object)) {
        if (undefined_policy_of(m, object) != POLICY_CHAINABLE)
            undefined_raise(m, object);
        lua_settop(L, object);
        return;
    }
    bool is_text = object_text(L, object).p != NULL;
    if (!is_text && object_kind(L, object) == K_RANGE)
        values_items(m, object);
    if (!is_text && !object_is_sequence(L, object) && object_kind(L, object) != K_LIST)
        error_raise(m, "TypeError", "'%s' object is not subscriptable",
                    object_type_name(L, object));
    slice_bounds(m, at, values_length(m, object), &start, &stop, &step);
    lua_Integer count = slice_count(start, stop, step);
    if (is_text)
        slice_text(m, object, start, count, step);
    else
        slice_list(m, object, start, count, step);
    lua_replace(L, object);
    lua_settop(L, object);
}
