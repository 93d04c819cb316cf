/* Printing as Python's str() and repr() do. */
#include "base/number.h"
#include "base/utf8.h"
#include "jinja/unicode.h"
#include "jinja/values.h"
#include <stdio.h>

static void add_escaped_char(struct buf *b, uint32_t c, const char *p, size_t n,
                             char quote)
{
    if (c == (uint32_t)quote || c == '\\')
        buf_addc(b, '\\');
    if (c == '\n')
        buf_addstr(b, STR("\\n"));
    else if (c == '\r')
        buf_addstr(b, STR("\\r"));
    else if (c == '\t')
        buf_addstr(b, STR("\\t"));
    else if (c < 0x20 || (c >= 0x7f && c < 0x100 && !unicode_is_printable(c)))
        buf_addf(b, "\\x%02x", (unsigned)c);
    else if (!unicode_is_printable(c))
        buf_addf(b, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    else
        buf_add(b, p, n);
}

void repr_add_quoted(struct machine *m, struct buf *b, struct str s)
{
    bool has_single = s.n && memchr(s.p, '\'', s.n),
         has_double = s.n && memchr(s.p, '"', s.n);
    char quote = has_single && !has_double ? '"' : '\'';
    machine_need(m, b, s.n * 4);
    buf_addc(b, quote);
    for (size_t i = 0; i < s.n;) {
        uint32_t c;
        size_t n = unicode_decode(s.p + i, s.n - i, &c);
        add_escaped_char(b, c, s.p + i, n, quote);
        i += n;
    }
    buf_addc(b, quote);
}

void repr_add_type(struct machine *m, struct buf *b, int i)
{
    if (object_kind(m->L, i) == K_NONE)
        machine_add(m, b, STR("None"));
    else
        buf_addf(b, "%s object", object_type_name(m->L, i));
}

static void add_number(lua_State *L, struct buf *b, int i)
{
    char text[NUMBER_REPR_SIZE > NUMBER_INT_SIZE ? NUMBER_REPR_SIZE : NUMBER_INT_SIZE];
    int n = lua_isinteger(L, i) ? number_format_int((int64_t)lua_tointeger(L, i), text)
                                : number_format_repr(lua_tonumber(L, i), text);
    buf_add(b, text, (size_t)n);
}

/* A value that is being written, and the one that it stands in. */
struct place {
    const void *value;
    const struct place *outer;
    int depth;
};

/* Whether the value stands in itself: then "..." is written in place of what it has. */
static bool is_cycle(const struct place *here)
{
    for (const struct place *p = here->outer; p; p = p->outer)
        if (p->value == here->value)
            return true;
    return false;
}

static void add(struct machine *m, struct buf *b, int i, const struct place *outer);

static void add_items(struct machine *m, struct buf *b, int i, const struct place *here)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, i);
    if (is_cycle(here)) {
        machine_add(m, b, STR("..."));
        return;
    }
    for (lua_Integer k = 1; k <= n; k++) {
        if (k > 1)
            machine_add(m, b, STR(", "));
        lua_rawgeti(L, i, k);
        add(m, b, lua_gettop(L), here);
        lua_pop(L, 1);
    }
}

static void add_dict(struct machine *m, struct buf *b, int i, const struct place *here)
{
    lua_State *L = m->L;
    if (is_cycle(here)) {
        machine_add(m, b, STR("{...}"));
        return;
    }
    lua_Integer n = value_push_keys(L, i);
    int keys = lua_gettop(L);
    buf_addc(b, '{');
    for (lua_Integer k = 1; k <= n; k++) {
        if (k > 1)
            machine_add(m, b, STR(", "));
        lua_rawgeti(L, keys, k);
        add(m, b, keys + 1, here);
        machine_add(m, b, STR(": "));
        lua_rawget(L, i);
        add(m, b, keys + 1, here);
        lua_pop(L, 1);
    }
    buf_addc(b, '}');
    lua_pop(L, 1);
}

static void add_range(struct buf *b, const struct range *r)
{
    buf_addf(b, "range(%lld, %lld", (long long)r->start,
             (long long)(r->start + r->n * r->step));
    if (r->step != 1)
        buf_addf(b, ", %lld", (long long)r->step);
    buf_addc(b, ')');
}

static void add_tuple(struct machine *m, struct buf *b, int i, const struct place *here)
{
    buf_addc(b, '(');
    add_items(m, b, i, here);
    if (values_list_length(m->L, i) == 1 && !is_cycle(here))
        buf_addc(b, ',');
    buf_addc(b, ')');
}

static void add_quoted_field(struct machine *m, struct buf *b, int i, int field)
{
    lua_rawgeti(m->L, i, field);
    struct str s = object_text(m->L, -1);
    if (s.p)
        repr_add_quoted(m, b, s);
    else
        machine_add(m, b, STR("None"));
    lua_pop(m->L, 1);
}

/* Somebody's object: its __tostring, if it has one. */
static void add_object(struct machine *m, struct buf *b, int i)
{
    lua_State *L = m->L;
    object_push_tostring(L, i);
    machine_add(m, b, object_text(L, -1));
    lua_pop(L, 1);
}

static void add_other(struct machine *m, struct buf *b, int i, enum kind k,
                      const struct place *here)
{
    lua_State *L = m->L;
    switch (k) {
    case K_MACRO: {
        const struct macro *macro = lua_touserdata(L, i);
        machine_add(m, b, STR("<Macro "));
        repr_add_quoted(m, b, macro->code->name);
        buf_addc(b, '>');
        break;
    }
    case K_NAMESPACE:
        machine_add(m, b, STR("<Namespace "));
        add_dict(m, b, i, here);
        buf_addc(b, '>');
        break;
    case K_LOOP: {
        const struct loop *l = lua_touserdata(L, i);
        buf_addf(b, "<LoopContext %lld/%lld>", (long long)l->index, (long long)l->n);
        break;
    }
    case K_MODULE:
        machine_add(m, b, STR("<TemplateModule "));
        add_quoted_field(m, b, i, MODULE_NAME);
        buf_addc(b, '>');
        break;
    case K_TEMPLATE:
        machine_add(m, b, STR("<Template "));
        add_quoted_field(m, b, i, TEMPLATE_NAME);
        buf_addc(b, '>');
        break;
    case K_BUILTIN: {
        const char *name = ((const struct builtin *)lua_touserdata(L, i))->name;
        bool is_class = strcmp(name, "range") == 0 || strcmp(name, "dict") == 0;
        buf_addf(b, is_class ? "<class '%s'>" : "<built-in function %s>", name);
        break;
    }
    case K_OBJECT:
    case K_FUNCTION:
        add_object(m, b, i);
        break;
    default:
        buf_addf(b, "<%s object>", object_type_name(L, i));
    }
}

static void add(struct machine *m, struct buf *b, int i, const struct place *outer)
{
    lua_State *L = m->L;
    struct str s;
    const struct place place = {lua_topointer(L, i), outer, outer ? outer->depth + 1 : 0},
                       *here = &place;
    if (here->depth > VALUES_MAX_DEPTH) {
        machine_add(m, b, STR("..."));
        return;
    }
    machine_stack(m, 10);
    enum kind k = object_kind(L, i);
    switch (k) {
    case K_NONE:
        machine_add(m, b, STR("None"));
        break;
    case K_BOOL:
        machine_add(m, b, lua_toboolean(L, i) ? STR("True") : STR("False"));
        break;
    case K_INT:
    case K_FLOAT:
        add_number(L, b, i);
        break;
    case K_STR:
        repr_add_quoted(m, b, object_text(L, i));
        break;
    case K_MARKUP:
        s = object_text(L, i);
        machine_add(m, b, STR("Markup("));
        repr_add_quoted(m, b, s);
        buf_addc(b, ')');
        break;
    case K_MISSING:
    case K_UNDEFINED:
        machine_add(m, b, STR("Undefined"));
        break;
    case K_LIST:
        buf_addc(b, '[');
        add_items(m, b, i, here);
        buf_addc(b, ']');
        break;
    case K_TUPLE:
        add_tuple(m, b, i, here);
        break;
    case K_KWARGS:
    case K_DICT:
        add_dict(m, b, i, here);
        break;
    case K_RANGE:
        add_range(b, lua_touserdata(L, i));
        break;
    default:
        add_other(m, b, i, k, here);
    }
}

void repr_add(struct machine *m, struct buf *b, int i)
{
    if (lua_type(m->L, i) == LUA_TNUMBER) {
        add_number(m->L, b, i);
        return;
    }
    add(m, b, lua_absindex(m->L, i), NULL);
    machine_need(m, b, 0);
}

void repr_add_str(struct machine *m, struct buf *b, int i)
{
    lua_State *L = m->L;
    i = lua_absindex(L, i);
    struct str s = object_text(L, i);
    if (s.p) {
        machine_add(m, b, s);
        return;
    }
    switch (object_kind(L, i)) {
    case K_MISSING:
    case K_UNDEFINED:
        undefined_add(m, b, i);
        break;
    case K_MODULE:
        lua_rawgeti(L, i, MODULE_BODY);
        machine_add(m, b, object_text(L, -1));
        lua_pop(L, 1);
        break;
    default:
        repr_add(m, b, i);
    }
}

struct str repr_text(struct machine *m, int i)
{
    lua_State *L = m->L;
    i = lua_absindex(L, i);
    struct str s = object_text(L, i);
    if (s.p)
        return s;
    struct buf *b = machine_scratch(m);
    repr_add_str(m, b, i);
    machine_push(m, b);
    m->n_scratch--;
    lua_replace(L, i);
    return object_text(L, i);
}
