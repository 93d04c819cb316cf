/* Filters of sequences. */
#include "jinja/filter.h"
#include <stdlib.h>

static int filter_first(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, base);
    if (n == 0) {
        lua_pushliteral(L, "No first item, sequence was empty.");
        undefined_push_hint(m, -1, 0, false);
    } else {
        lua_rawgeti(L, base, 1);
    }
    return BUILTIN_DONE;
}

static int filter_last(struct machine *m, int base)
{
    lua_State *L = m->L;
    bool is_markup = escape_is_safe(L, base);
    lua_Integer n = values_items(m, base);
    if (n == 0) {
        lua_pushliteral(L, "No last item, sequence was empty.");
        undefined_push_hint(m, -1, 0, false);
    } else {
        lua_rawgeti(L, base, n);
    }
    if (n && is_markup) {
        struct str s = object_text(L, -1);
        object_push_markup(L, s.p, s.n);
    }
    return BUILTIN_DONE;
}

static int filter_length(struct machine *m, int base)
{
    lua_Integer n = values_length(m, base);
    if (n < 0)
        error_raise(m, "TypeError", "object of type '%s' has no len()",
                    object_type_name(m->L, base));
    lua_pushinteger(m->L, n);
    return BUILTIN_DONE;
}

/* Pushes a new list with the items of the one at i. */
static lua_Integer push_copy(struct machine *m, int i)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, i);
    value_push_list(L, (int)n);
    for (lua_Integer k = 1; k <= n; k++) {
        lua_rawgeti(L, i, k);
        lua_rawseti(L, -2, k);
    }
    return n;
}

static int filter_list(struct machine *m, int base)
{
    push_copy(m, base);
    return BUILTIN_DONE;
}

static int filter_join(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        values_items(m, base);
    if (!filter_attributes(m, base, base + 2, 0))
        return BUILTIN_CALL;
    int items = lua_gettop(L);
    lua_Integer n = values_list_length(L, items);
    bool is_markup = false;
    if (lua_isnil(L, base + 1)) {
        lua_pushliteral(L, "");
        lua_replace(L, base + 1);
    }
    if (machine_is_autoescaped(m)) {
        is_markup = escape_is_safe(L, base + 1);
        for (lua_Integer i = 1; i <= n && !is_markup; i++) {
            lua_rawgeti(L, items, i);
            is_markup = escape_is_safe(L, -1);
            lua_pop(L, 1);
        }
    }
    struct buf *b = machine_scratch(m);
    for (lua_Integer i = 1; i <= n; i++) {
        void (*add)(struct machine *, struct buf *, int) =
            is_markup ? escape_add_value : repr_add_str;
        if (i > 1)
            add(m, b, base + 1);
        lua_rawgeti(L, items, i);
        add(m, b, lua_gettop(L));
        lua_pop(L, 1);
    }
    return filter_done(m, b, is_markup);
}

static void add_reversed(struct buf *b, struct str s)
{
    size_t end = s.n;
    while (end > 0) {
        size_t from = end - 1;
        while (from > 0 && end - from < 4 && ((unsigned char)s.p[from] & 0xc0) == 0x80)
            from--;
        buf_add(b, s.p + from, end - from);
        end = from;
    }
}

static int filter_reverse(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str s = object_text(L, base);
    if (s.p) {
        struct buf *b = machine_scratch(m);
        add_reversed(b, s);
        return filter_done(m, b, escape_is_safe(L, base));
    }
    enum kind k = object_kind(L, base);
    if (k == K_NONE || k == K_BOOL || k == K_INT || k == K_FLOAT || k == K_FUNCTION)
        error_raise(m, "FilterArgumentError", "argument must be iterable");
    lua_Integer n = values_items(m, base);
    value_push_list(L, (int)n);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, base, n - i + 1);
        lua_rawseti(L, -2, i);
    }
    return filter_done_iterator(m);
}

/* Appends items from..to of the list at base to the list on top. */
static void copy_part(lua_State *L, int base, lua_Integer from, lua_Integer to)
{
    for (lua_Integer i = from; i <= to; i++) {
        lua_rawgeti(L, base, i);
        lua_rawseti(L, -2, i - from + 1);
    }
}

static int filter_slice(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, base), slices = values_int_arg(m, base + 1, 1);
    if (slices == 0)
        error_raise(m, "ZeroDivisionError", "integer division or modulo by zero");
    if (slices > 1000000)
        error_raise(m, "OverflowError", "too many slices");
    bool fills = !lua_isnil(L, base + 2) && !value_is_null(L, base + 2);
    value_push_list(L, 0);
    lua_Integer each = slices > 0 ? n / slices : 0, more = slices > 0 ? n % slices : 0,
                at = 1;
    for (lua_Integer i = 0; i < slices; i++) {
        lua_Integer count = each + (i < more);
        value_push_list(L, (int)count);
        copy_part(L, base, at, at + count - 1);
        at += count;
        if (fills && i >= more) {
            lua_pushvalue(L, base + 2);
            lua_rawseti(L, -2, count + 1);
        }
        lua_rawseti(L, -2, i + 1);
    }
    return BUILTIN_DONE;
}

static int filter_batch(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, base), size = values_int_arg(m, base + 1, 1);
    bool fills = !lua_isnil(L, base + 2) && !value_is_null(L, base + 2);
    lua_Integer batches = 0;
    value_push_list(L, 0);
    if (size == 0 && n > 0) { /* Jinja's own way: an empty batch, then all the rest */
        value_push_list(L, 0);
        lua_rawseti(L, -2, ++batches);
    }
    if (size < 1)
        size = n + 1;
    for (lua_Integer at = 1; at <= n; at += size) {
        lua_Integer end = at + size - 1 < n ? at + size - 1 : n;
        value_push_list(L, (int)(end - at + 1));
        copy_part(L, base, at, end);
        fills &= size <= n || values_int_arg(m, base + 1, 1) > 0;
        if (fills && end - at + 1 < size && size > 1000000)
            error_raise(m, "OverflowError", "too many items in a batch");
        for (lua_Integer k = end - at + 2; fills && k <= size; k++) {
            lua_pushvalue(L, base + 2);
            lua_rawseti(L, -2, k);
        }
        lua_rawseti(L, -2, ++batches);
    }
    return BUILTIN_DONE;
}

/* A call of `name` with each item of a list, one after the other. The builtin's arguments
   end with `extra` (a list) and `keywords` (a dict). Behind them it keeps: results,
   position. */
struct each {
    int items, name, extra, keywords; /* stack indices */
    int first_extra;                  /* of those the first that is passed on */
    int results;
    bool is_test;
};

/* Pushes the item and the other arguments and calls the filter or test. */
static enum call_result call_next(struct machine *m, const struct each *e, lua_Integer i)
{
    lua_State *L = m->L;
    int at = lua_gettop(L) + 1, keywords = 0;
    lua_rawgeti(L, e->items, i);
    lua_Integer n = values_list_length(L, e->extra);
    for (lua_Integer k = e->first_extra; k <= n; k++)
        lua_rawgeti(L, e->extra, k);
    int positional = lua_gettop(L) - at + 1;
    if (e->keywords) {
        lua_Integer count = value_push_keys(L, e->keywords);
        int keys = lua_gettop(L);
        for (lua_Integer k = 1; k <= count; k++) {
            lua_rawgeti(L, keys, k);
            lua_pushvalue(L, -1);
            lua_rawget(L, e->keywords);
        }
        lua_remove(L, keys);
        keywords = (int)count;
    }
    lua_pushvalue(L, e->name);
    return call_filter(m, at, positional, keywords, e->is_test ? AT_TESTS : AT_FILTERS,
                       e->is_test ? "test" : "filter");
}

/* Goes on with the calls: BUILTIN_DONE with true in *is_over when all have been made (the
   list of their results is on top), else what the builtin is to return. */
static int run_each(struct machine *m, const struct each *e, bool *is_over)
{
    lua_State *L = m->L;
    int position = e->results + 1;
    lua_Integer n = values_list_length(L, e->items), i = lua_tointeger(L, position);
    *is_over = false;
    for (;;) {
        if (lua_gettop(L) > position) {
            if (lua_isnil(L, -1)) {
                lua_pop(L, 1);
                value_push_null(L);
            }
            lua_rawseti(L, e->results, i);
            lua_settop(L, position);
        }
        if (i >= n)
            break;
        lua_pushinteger(L, ++i);
        lua_replace(L, position);
        enum call_result r = call_next(m, e, i);
        if (r == CALL_FRAME)
            return BUILTIN_DONE;
        if (r == CALL_OUT)
            return machine_call(m, m->n_call);
    }
    lua_settop(L, e->results);
    *is_over = true;
    return BUILTIN_DONE;
}

/* Pushes the results list and the position that run_each keeps. */
static void begin_each(lua_State *L, lua_Integer n)
{
    value_push_list(L, (int)n);
    lua_pushinteger(L, 0);
}

/* The items of the value at base; none of a false value. */
static void each_items(struct machine *m, int base)
{
    if (!values_truth(m, base) && object_kind(m->L, base) != K_GENERATOR) {
        value_push_list(m->L, 0);
        lua_replace(m->L, base);
    }
    values_items(m, base);
}

/* map(attribute=..., default=...) or map(filter, arguments...). base: value, *args,
 * **kwargs */
static int filter_map(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    int args = base + 1, kwargs = base + 2;
    struct each e = {.items = base,
                     .name = base + 3,
                     .extra = args,
                     .keywords = kwargs,
                     .first_extra = 2,
                     .results = base + 4};
    bool is_over;
    if (f->state == 0) {
        if (machine_phase(m) == 0) {
            each_items(m, base);
            lua_getfield(L, kwargs, "attribute");
            lua_getfield(L, kwargs, "default");
        }
        if (values_list_length(L, args) == 0) {
            if (lua_isnil(L, base + 3))
                error_raise(m, "FilterArgumentError", "map requires a filter argument");
            return filter_attributes(m, base, base + 3, base + 4) ? BUILTIN_DONE
                                                                  : BUILTIN_CALL;
        }
        lua_settop(L, base + 2);
        lua_rawgeti(L, args, 1);
        begin_each(L, values_list_length(L, base));
        f->state = 1;
    }
    return run_each(m, &e, &is_over);
}

/* The items whose test came out as wanted. base: value, *args; `tested` are the results.
 */
static void push_selected(struct machine *m, int items, int tested, bool wanted)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, items), count = 0;
    value_push_list(L, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, tested, i);
        bool is = values_truth(m, lua_gettop(L));
        lua_pop(L, 1);
        if (is != wanted)
            continue;
        lua_rawgeti(L, items, i);
        lua_rawseti(L, -2, ++count);
    }
}

/* base: value, *args, **kwargs. by_attribute: the first argument is one. */
static int select_items(struct machine *m, int base, bool by_attribute, bool wanted)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    int args = base + 1, values = base + 4;
    struct each e = {.items = values,
                     .name = base + 5,
                     .extra = args,
                     .keywords = base + 2,
                     .first_extra = by_attribute ? 3 : 2,
                     .results = base + 6,
                     .is_test = true};
    bool is_over;
    if (f->state == 0) {
        if (machine_phase(m) == 0) {
            each_items(m, base);
            lua_rawgeti(L, args, 1);
            if (by_attribute && lua_isnil(L, -1))
                error_raise(m, "FilterArgumentError",
                            "Missing parameter for attribute name");
            if (!by_attribute) {
                lua_pop(L, 1);
                lua_pushnil(L);
            }
        }
        if (!filter_attributes(m, base, base + 3, 0))
            return BUILTIN_CALL;
        if (lua_gettop(L) > values)
            lua_replace(L, values);
        lua_settop(L, values);
        lua_rawgeti(L, args, by_attribute ? 2 : 1);
        if (lua_isnil(L, -1)) {
            push_selected(m, base, values, wanted);
            return BUILTIN_DONE;
        }
        begin_each(L, values_list_length(L, values));
        f->state = 1;
    }
    int r = run_each(m, &e, &is_over);
    if (is_over)
        push_selected(m, base, e.results, wanted);
    return r;
}

static int filter_select(struct machine *m, int base)
{
    return select_items(m, base, false, true);
}

static int filter_reject(struct machine *m, int base)
{
    return select_items(m, base, false, false);
}

static int filter_selectattr(struct machine *m, int base)
{
    return select_items(m, base, true, true);
}

static int filter_rejectattr(struct machine *m, int base)
{
    return select_items(m, base, true, false);
}

enum { EACH = BUILTIN_VARARGS | BUILTIN_KWARGS | BUILTIN_LAZY };

const struct builtin builtin_filters_list[] = {
    {"batch", filter_batch, 2, 3, BUILTIN_LAZY, "value linecount fill_with"},
    {"count", filter_length, 0, 1, 0, "obj"},
    {"first", filter_first, 0, 1, 0, "seq"},
    {"join", filter_join, 0, 3, 0, "value d attribute"},
    {"last", filter_last, 0, 1, 0, "seq"},
    {"length", filter_length, 0, 1, 0, "obj"},
    {"list", filter_list, 0, 1, 0, "value"},
    {"map", filter_map, 0, 1, EACH, "value"},
    {"reject", filter_reject, 0, 1, EACH, "value"},
    {"rejectattr", filter_rejectattr, 0, 1, EACH, "value"},
    {"reverse", filter_reverse, 0, 1, 0, "value"},
    {"select", filter_select, 0, 1, EACH, "value"},
    {"selectattr", filter_selectattr, 0, 1, EACH, "value"},
    {"slice", filter_slice, 2, 3, BUILTIN_LAZY, "value slices fill_with"},
    {NULL, NULL, 0, 0, 0, NULL},
};
