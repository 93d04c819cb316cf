/* Filters that write a value out: format, tojson, pprint. */
#include "base/number.h"
#include "jinja/filter.h"
#include "jinja/unicode.h"
#include <math.h>

static int filter_format(struct machine *m, int base)
{
    lua_State *L = m->L;
    int args = base + 1, kwargs = base + 2;
    lua_pushnil(L);
    bool has_kwargs = lua_next(L, kwargs) != 0;
    lua_settop(L, kwargs);
    if (has_kwargs && values_list_length(L, args) > 0)
        error_raise(m, "FilterArgumentError",
                    "can't handle positional and keyword arguments at the same time");
    if (!escape_is_safe(L, base))
        repr_text(m, base);
    lua_pushvalue(L, has_kwargs ? kwargs : args);
    if (!has_kwargs) {
        object_push_metatable(L, K_TUPLE);
        lua_setmetatable(L, -2);
    }
    format_percent(m, base, lua_gettop(L));
    return BUILTIN_DONE;
}

/* --- JSON --- */

struct json {
    struct machine *m;
    struct buf *b;
    lua_Integer indent;       /* -1: all on one line */
    struct str separators[2]; /* between items, behind a key */
};

static void add_unicode_escape(struct buf *b, uint32_t c)
{
    if (c >= 0x10000) {
        c -= 0x10000;
        buf_addf(b, "\\u%04x\\u%04x", (unsigned)(0xd800 + (c >> 10)),
                 (unsigned)(0xdc00 + (c & 0x3ff)));
    } else {
        buf_addf(b, "\\u%04x", (unsigned)c);
    }
}

static void add_string(struct json *j, struct str s)
{
    const struct machine *m = j->m;
    machine_need(j->m, j->b, s.n);
    buf_addc(j->b, '"');
    for (size_t i = 0; i < s.n;) {
        uint32_t c;
        size_t n = unicode_decode(s.p + i, s.n - i, &c);
        i += n;
        static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
        const char *at = c && c < 0x80 ? strchr(from, (int)c) : NULL;
        if (at) {
            buf_addc(j->b, '\\');
            buf_addc(j->b, to[at - from]);
        } else if (c < 0x20 || (c > 0x7e && !m->settings.keeps_unicode) || c == '<' ||
                   c == '>' || c == '&' || c == '\'') {
            add_unicode_escape(j->b, c);
        } else {
            buf_add(j->b, s.p + i - n, n);
        }
    }
    buf_addc(j->b, '"');
}

static void add_break(struct json *j, int depth)
{
    if (j->indent < 0)
        return;
    machine_need(j->m, j->b, (size_t)(j->indent * depth + 1));
    buf_addc(j->b, '\n');
    for (lua_Integer i = 0; i < j->indent * depth; i++)
        buf_addc(j->b, ' ');
}

static void add_value(struct json *j, int i, int depth);

static void add_separator(struct json *j, bool is_first, int depth)
{
    if (!is_first)
        buf_addstr(j->b, j->separators[0]);
    add_break(j, depth);
}

static void add_list(struct json *j, int i, int depth)
{
    lua_State *L = j->m->L;
    lua_Integer n = values_list_length(L, i);
    buf_addc(j->b, '[');
    for (lua_Integer k = 1; k <= n; k++) {
        add_separator(j, k == 1, depth + 1);
        lua_rawgeti(L, i, k);
        add_value(j, lua_gettop(L), depth + 1);
        lua_pop(L, 1);
    }
    if (n)
        add_break(j, depth);
    buf_addc(j->b, ']');
}

static void add_key(struct json *j, int i)
{
    lua_State *L = j->m->L;
    struct str s = object_text(L, i);
    if (s.p) {
        add_string(j, s);
        return;
    }
    if (!values_is_number(L, i) && !value_is_null(L, i))
        error_raise(j->m, "TypeError",
                    "keys must be str, int, float, bool or None, not %s",
                    object_type_name(L, i));
    buf_addc(j->b, '"');
    add_value(j, i, 0);
    buf_addc(j->b, '"');
}

static void add_dict(struct json *j, int i, int depth)
{
    struct machine *m = j->m;
    lua_State *L = m->L;
    lua_Integer n = value_push_keys(L, i);
    int keys = lua_gettop(L);
    if (m->settings.sorts_json) {
        filter_push_sorted(m, keys, keys, false);
        lua_replace(L, keys);
    }
    buf_addc(j->b, '{');
    for (lua_Integer k = 1; k <= n; k++) {
        add_separator(j, k == 1, depth + 1);
        lua_rawgeti(L, keys, k);
        add_key(j, keys + 1);
        buf_addstr(j->b, j->separators[1]);
        lua_rawget(L, i);
        add_value(j, keys + 1, depth + 1);
        lua_pop(L, 1);
    }
    if (n)
        add_break(j, depth);
    buf_addc(j->b, '}');
    lua_pop(L, 1);
}

static void add_float(struct buf *b, double d)
{
    char text[NUMBER_REPR_SIZE];
    if (isnan(d))
        buf_addstr(b, STR("NaN"));
    else if (isinf(d))
        buf_addstr(b, d > 0 ? STR("Infinity") : STR("-Infinity"));
    else
        buf_add(b, text, (size_t)number_format_repr(d, text));
}

static void add_value(struct json *j, int i, int depth)
{
    struct machine *m = j->m;
    lua_State *L = m->L;
    machine_stack(m, 12);
    machine_need(m, j->b, 0);
    if (depth > VALUES_MAX_DEPTH)
        error_raise(m, "ValueError", "Circular reference detected");
    switch (object_kind(L, i)) {
    case K_NONE:
        buf_addstr(j->b, STR("null"));
        break;
    case K_BOOL:
        buf_addstr(j->b, lua_toboolean(L, i) ? STR("true") : STR("false"));
        break;
    case K_INT:
        repr_add(m, j->b, i);
        break;
    case K_FLOAT:
        add_float(j->b, lua_tonumber(L, i));
        break;
    case K_STR:
    case K_MARKUP:
        add_string(j, object_text(L, i));
        break;
    case K_LIST:
    case K_TUPLE:
        add_list(j, i, depth);
        break;
    case K_DICT:
    case K_KWARGS:
        add_dict(j, i, depth);
        break;
    default: {
        const char *name = strrchr(object_type_name(L, i), '.');
        error_raise(m, "TypeError", "Object of type %s is not JSON serializable",
                    name ? name + 1 : object_type_name(L, i));
    }
    }
}

static int filter_tojson(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct json j = {m, machine_scratch(m), -1, {STR(", "), STR(": ")}};
    if (machine_phase(m) == 0 && luaL_getmetafield(L, base, "__tojson")) {
        lua_pushvalue(L, base);
        return machine_call(m, 1);
    }
    if (machine_phase(m) > 0)
        lua_replace(L, base);
    if (!lua_isnil(L, base + 1) && !value_is_null(L, base + 1))
        j.indent = values_int_arg(m, base + 1, 0);
    if (j.indent >= 0)
        j.separators[0] = STR(",");
    for (int i = 0; i < 2; i++)
        if (m->settings.json_separators[i].p)
            j.separators[i] = m->settings.json_separators[i];
    add_value(&j, base, 0);
    return filter_done(m, j.b, true);
}

/* pprint: a repr that breaks lines when it is wider than 80. */
static void add_pretty(struct machine *m, struct buf *b, int i, int column, int depth)
{
    lua_State *L = m->L;
    enum kind k = object_kind(L, i);
    struct buf *flat = machine_scratch(m);
    machine_stack(m, 12);
    repr_add(m, flat, i);
    bool fits = column + (int)unicode_length(buf_str(flat)) <= 80;
    bool is_dict = k == K_DICT;
    if (fits || depth > 4 || !(k == K_LIST || k == K_TUPLE || is_dict)) {
        machine_add(m, b, buf_str(flat));
        m->n_scratch--;
        return;
    }
    m->n_scratch--;
    lua_Integer n = is_dict ? value_push_keys(L, i) : values_list_length(L, i);
    int keys = lua_gettop(L);
    buf_addc(b, is_dict ? '{' : k == K_LIST ? '[' : '(');
    for (lua_Integer x = 1; x <= n; x++) {
        int inner = column + 1;
        if (x > 1) {
            buf_addstr(b, STR(",\n"));
            for (int s = 0; s <= column; s++)
                buf_addc(b, ' ');
        }
        if (is_dict) {
            size_t from = b->n;
            lua_rawgeti(L, keys, x);
            repr_add(m, b, -1);
            buf_addstr(b, STR(": "));
            inner += (int)(b->n - from);
            lua_rawget(L, i);
        } else {
            lua_rawgeti(L, i, x);
        }
        add_pretty(m, b, lua_gettop(L), inner, depth + 1);
        lua_pop(L, 1);
    }
    buf_addc(b, is_dict ? '}' : k == K_LIST ? ']' : ')');
    if (is_dict)
        lua_pop(L, 1);
}

static int filter_pprint(struct machine *m, int base)
{
    struct buf *b = machine_scratch(m);
    add_pretty(m, b, base, 0, 0);
    return filter_done(m, b, false);
}

const struct builtin builtin_filters_format[] = {
    {"format", filter_format, 0, 1, BUILTIN_VARARGS | BUILTIN_KWARGS, "value"},
    {"pprint", filter_pprint, 0, 1, 0, "value"},
    {"tojson", filter_tojson, 0, 2, BUILTIN_RAW, "value indent"},
    {NULL, NULL, 0, 0, 0, NULL},
};
