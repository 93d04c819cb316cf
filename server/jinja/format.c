/* Python's two ways of formatting: `%`, and str.format. */
#include "base/number.h"
#include "base/utf8.h"
#include "jinja/filter.h"
#include "jinja/unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* How one value is to be shown. */
struct spec {
    char fill[5];
    char align; /* '<', '>', '^', '=' or 0 */
    char sign;  /* '+', ' ' or 0 */
    bool is_alternate, is_zero_padded;
    char group;                   /* ',' or '_' or 0 */
    lua_Integer width, precision; /* -1: none */
    char type;                    /* 0: none */
};

/* Appends text within the width. */
static void add_padded(struct machine *m, struct buf *b, struct str s,
                       const struct spec *p, char align)
{
    lua_Integer n = (lua_Integer)unicode_length(s), pad = p->width > n ? p->width - n : 0;
    lua_Integer left = align == '>' ? pad : align == '^' ? pad / 2 : 0;
    struct str fill = str_from(p->fill[0] ? p->fill : " ");
    machine_need(m, b, (size_t)pad * fill.n + s.n);
    for (lua_Integer i = 0; i < left; i++)
        buf_addstr(b, fill);
    buf_addstr(b, s);
    for (lua_Integer i = left; i < pad; i++)
        buf_addstr(b, fill);
}

static void group_digits(char *digits, size_t room, char group, int every)
{
    size_t n = 0;
    while ((digits[n] >= '0' && digits[n] <= '9') || (every == 4 && digits[n] > '9'))
        n++;
    for (size_t at = n; at > (size_t)every;) {
        at -= (size_t)every;
        size_t len = strlen(digits);
        if (len + 2 > room)
            return;
        memmove(digits + at + 1, digits + at, len - at + 1);
        digits[at] = group;
    }
}

/* Appends sign, prefix and digits within the width; zeros go between. */
static void add_number(struct machine *m, struct buf *b, bool is_negative,
                       const char *prefix, const char *digits, const struct spec *p)
{
    char sign[2] = {is_negative ? '-' : p->sign, 0};
    lua_Integer n = (lua_Integer)strlen(sign) + (lua_Integer)strlen(prefix) +
                    (lua_Integer)strlen(digits);
    bool is_inner = p->align == '=' || (p->is_zero_padded && !p->align);
    if (!is_inner) {
        struct buf *text = machine_scratch(m);
        buf_addf(text, "%s%s%s", sign, prefix, digits);
        add_padded(m, b, buf_str(text), p, p->align ? p->align : '>');
        m->n_scratch--;
        return;
    }
    lua_Integer pad = p->width > n ? p->width - n : 0;
    struct str fill =
        p->is_zero_padded && !p->align ? STR("0") : str_from(p->fill[0] ? p->fill : " ");
    if (p->is_zero_padded && !p->fill[0])
        fill = STR("0");
    machine_need(m, b, (size_t)pad + 64);
    buf_addf(b, "%s%s", sign, prefix);
    for (; pad > 0; pad--)
        buf_addstr(b, fill);
    buf_addstr(b, str_from(digits));
}

enum { DIGITS_ROOM = 1200 };

static void integer_digits(lua_Integer i, char type, char *out)
{
    unsigned long long u = i < 0 ? 0 - (unsigned long long)i : (unsigned long long)i;
    if (type == 'b') {
        int n = 0;
        char bits[65];
        do
            bits[n++] = (char)('0' + (u & 1));
        while (u >>= 1);
        while (n)
            *out++ = bits[--n];
        *out = 0;
        return;
    }
    snprintf(out, DIGITS_ROOM,
             type == 'x'   ? "%llx"
             : type == 'X' ? "%llX"
             : type == 'o' ? "%llo"
                           : "%llu",
             u);
}

static void add_integer(struct machine *m, struct buf *b, lua_Integer i,
                        const struct spec *p)
{
    char digits[DIGITS_ROOM], prefix[3] = "";
    integer_digits(i, p->type, digits);
    if (p->is_alternate && p->type && strchr("xXob", p->type)) {
        prefix[0] = '0';
        prefix[1] = p->type;
    }
    if (p->group)
        group_digits(digits, sizeof digits, p->group,
                     p->type && strchr("xXob", p->type) ? 4 : 3);
    add_number(m, b, i < 0, prefix, digits, p);
}

static void float_digits(double d, char type, int precision, bool is_alternate, char *out)
{
    if (isinf(d) || isnan(d)) {
        bool is_upper = type == 'F' || type == 'E' || type == 'G';
        strcpy(out, isnan(d) ? (is_upper ? "NAN" : "nan") : is_upper ? "INF" : "inf");
        return;
    }
    char format[8] = "%.*";
    snprintf(format, sizeof format, is_alternate ? "%%#.*%c" : "%%.*%c", type);
    snprintf(out, DIGITS_ROOM, format, precision, fabs(d));
}

static void add_float(struct machine *m, struct buf *b, double d, const struct spec *p)
{
    char digits[DIGITS_ROOM];
    int precision = p->precision < 0 ? 6 : p->precision > 300 ? 300 : (int)p->precision;
    bool is_percent = p->type == '%';
    char type = is_percent ? 'f' : p->type;
    if (!type && p->precision < 0) {
        char repr[NUMBER_REPR_SIZE];
        number_format_repr(fabs(d), repr);
        snprintf(digits, sizeof digits, "%s", repr);
    } else {
        float_digits(is_percent ? d * 100 : d, type && type != 'n' ? type : 'g',
                     precision, p->is_alternate, digits);
        if (!type && isfinite(d) && !strpbrk(digits, ".e"))
            strcat(digits, ".0");
    }
    if (p->group)
        group_digits(digits, sizeof digits, p->group, 3);
    if (is_percent)
        strcat(digits, "%");
    add_number(m, b, signbit(d) && !isnan(d), "", digits, p);
}

/* --- % --- */

struct percent {
    struct machine *m;
    int args;       /* what stands behind the % */
    bool is_tuple;  /* its items are the arguments; else it is the only one */
    bool is_markup; /* texts are escaped */
    lua_Integer next;
    struct buf *out;
};

/* Pushes the next argument. */
static void next_argument(struct percent *f)
{
    lua_State *L = f->m->L;
    lua_Integer n = f->is_tuple ? values_list_length(L, f->args) : 1;
    if (f->next >= n)
        error_raise(f->m, "TypeError", "not enough arguments for format string");
    f->next++;
    if (f->is_tuple)
        lua_rawgeti(L, f->args, f->next);
    else
        lua_pushvalue(L, f->args);
}

static void named_argument(struct percent *f, struct str name)
{
    lua_State *L = f->m->L;
    enum kind k = object_kind(L, f->args);
    if (k != K_DICT && k != K_KWARGS && k != K_NAMESPACE)
        error_raise(f->m, "TypeError", "format requires a mapping");
    lua_pushlstring(L, name.p, name.n);
    lua_rawget(L, f->args);
    if (lua_isnil(L, -1))
        error_raise(f->m, "KeyError", "'%.*s'", (int)name.n, name.p);
    f->next = 1;
}

static void percent_number(struct percent *f, struct spec *p)
{
    struct machine *m = f->m;
    lua_State *L = m->L;
    bool is_float = strchr("eEfFgG", p->type) != NULL;
    if (undefined_is(m, -1))
        undefined_raise(m, -1);
    if (!values_is_number(L, -1))
        error_raise(m, "TypeError", "%%%c format: a number is required, not %s", p->type,
                    object_type_name(L, -1));
    double d = values_number(L, -1);
    if (is_float) {
        add_float(m, f->out, d, p);
        return;
    }
    if (!isfinite(d) || fabs(d) >= 9223372036854775808.0)
        error_raise(m, "OverflowError", "cannot convert float to integer");
    if (strchr("xXo", p->type) && !values_is_integer(L, -1))
        error_raise(m, "TypeError", "%%%c format: an integer is required, not float",
                    p->type);
    lua_Integer i = values_is_integer(L, -1) && !lua_isboolean(L, -1)
                        ? lua_tointeger(L, -1)
                        : (lua_Integer)d;
    add_integer(m, f->out, i, p);
}

static void percent_text(struct percent *f, struct spec *p)
{
    struct machine *m = f->m;
    struct buf *text = machine_scratch(m);
    if (p->type == 'c' && values_is_integer(m->L, -1))
        utf8_add(text, (uint32_t)lua_tointeger(m->L, -1) & 0x1fffff);
    else if (p->type == 'r' || p->type == 'a')
        repr_add(m, text, -1);
    else if (f->is_markup)
        escape_add_value(m, text, lua_gettop(m->L));
    else
        repr_add_str(m, text, lua_gettop(m->L));
    struct str s = buf_str(text);
    if (p->precision >= 0)
        s.n = unicode_offset(s, (size_t)p->precision);
    add_padded(m, f->out, s, p, p->align == '<' ? '<' : '>');
    m->n_scratch--;
}

static lua_Integer star_or_number(struct percent *f, struct str *s)
{
    lua_Integer n = 0;
    if (s->n && *s->p == '*') {
        *s = str_skip(*s, 1);
        next_argument(f);
        n = values_int_arg(f->m, lua_gettop(f->m->L), 0);
        lua_pop(f->m->L, 1);
        return n;
    }
    for (; s->n && *s->p >= '0' && *s->p <= '9'; *s = str_skip(*s, 1))
        if (n < 1000000000)
            n = n * 10 + (*s->p - '0');
    return n;
}

static void percent_flags(struct str *s, struct spec *p)
{
    for (; s->n && *s->p && strchr("-+ #0", *s->p); *s = str_skip(*s, 1)) {
        switch (*s->p) {
        case '-':
            p->align = '<';
            break;
        case '+':
            p->sign = '+';
            break;
        case ' ':
            p->sign = p->sign ? p->sign : ' ';
            break;
        case '#':
            p->is_alternate = true;
            break;
        default:
            p->is_zero_padded = true;
        }
    }
}

/* The conversion at the start of *s, which stands behind its `%`. */
static void percent_one(struct percent *f, struct str *s)
{
    struct machine *m = f->m;
    struct spec p = {.precision = -1};
    int top = lua_gettop(m->L);
    bool is_named = s->n && *s->p == '(';
    struct str name = {NULL, 0};
    if (is_named) {
        const char *end = memchr(s->p, ')', s->n);
        if (!end)
            error_raise(m, "ValueError", "incomplete format key");
        name = (struct str){s->p + 1, (size_t)(end - s->p) - 1};
        *s = str_skip(*s, name.n + 2);
    }
    percent_flags(s, &p);
    p.width = star_or_number(f, s);
    if (p.width < 0) {
        p.align = '<';
        p.width = -p.width;
    }
    if (s->n && *s->p == '.') {
        *s = str_skip(*s, 1);
        p.precision = star_or_number(f, s);
    }
    while (s->n && *s->p && strchr("hlL", *s->p))
        *s = str_skip(*s, 1);
    if (!s->n)
        error_raise(m, "ValueError", "incomplete format");
    p.type = *s->p;
    *s = str_skip(*s, 1);
    if (p.type == '%') {
        buf_addc(f->out, '%');
        return;
    }
    if (!p.type || !strchr("diouxXeEfFgGcrsa", p.type))
        error_raise(m, "ValueError", "unsupported format character '%c' (0x%x)", p.type,
                    (unsigned)(unsigned char)p.type);
    if (is_named)
        named_argument(f, name);
    else
        next_argument(f);
    if (p.type == 'i' || p.type == 'u')
        p.type = 'd';
    if (strchr("dxXoeEfFgG", p.type))
        percent_number(f, &p);
    else
        percent_text(f, &p);
    lua_settop(m->L, top);
}

void format_percent(struct machine *m, int format, int args)
{
    lua_State *L = m->L;
    struct str s = object_text(L, format);
    enum kind k = object_kind(L, args);
    m->n_scratch = 0;
    struct percent f = {.m = m,
                        .args = args,
                        .is_tuple = k == K_TUPLE,
                        .is_markup = escape_is_safe(L, format),
                        .out = machine_scratch(m)};
    while (s.n) {
        const char *at = memchr(s.p, '%', s.n);
        size_t n = at ? (size_t)(at - s.p) : s.n;
        machine_add(m, f.out, (struct str){s.p, n});
        s = str_skip(s, n + (at != NULL));
        if (at)
            percent_one(&f, &s);
    }
    bool is_spare = f.is_tuple
                        ? f.next < values_list_length(L, args)
                        : f.next == 0 && k != K_DICT && k != K_KWARGS && k != K_LIST;
    if (is_spare)
        error_raise(m, "TypeError",
                    "not all arguments converted during string formatting");
    machine_push_as(m, f.out, f.is_markup);
}

/* --- str.format --- */

struct braces {
    struct machine *m;
    int args, kwargs;
    lua_Integer next;
    bool is_markup;
    struct buf *out;
};

static bool take(struct str *s, char c)
{
    if (!s->n || *s->p != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static lua_Integer take_number(struct str *s)
{
    lua_Integer n = 0;
    if (!s->n || *s->p < '0' || *s->p > '9')
        return -1;
    for (; s->n && *s->p >= '0' && *s->p <= '9'; *s = str_skip(*s, 1))
        if (n < 1000000000)
            n = n * 10 + (*s->p - '0');
    return n;
}

static void parse_spec(struct machine *m, struct str s, struct spec *p)
{
    uint32_t c;
    *p = (struct spec){.precision = -1};
    size_t n = s.n ? unicode_decode(s.p, s.n, &c) : 0;
    if (n && n < s.n && is_align(s.p[n])) {
        memcpy(p->fill, s.p, n);
        p->align = s.p[n];
        s = str_skip(s, n + 1);
    } else if (s.n && is_align(*s.p)) {
        p->align = *s.p;
        s = str_skip(s, 1);
    }
    if (s.n && (*s.p == '+' || *s.p == ' ' || *s.p == '-')) {
        p->sign = *s.p == '-' ? 0 : *s.p;
        s = str_skip(s, 1);
    }
    p->is_alternate = take(&s, '#');
    p->is_zero_padded = take(&s, '0');
    lua_Integer width = take_number(&s);
    p->width = width < 0 ? 0 : width;
    if (s.n && (*s.p == ',' || *s.p == '_')) {
        p->group = *s.p;
        s = str_skip(s, 1);
    }
    if (take(&s, '.') && (p->precision = take_number(&s)) < 0)
        error_raise(m, "ValueError", "Format specifier missing precision");
    if (s.n) {
        p->type = *s.p;
        s = str_skip(s, 1);
    }
    if (s.n)
        error_raise(m, "ValueError", "Invalid format specifier");
}

/* The value on top, by the spec. */
static void add_formatted(struct braces *f, struct str spec_text)
{
    struct machine *m = f->m;
    lua_State *L = m->L;
    struct spec p;
    int top = lua_gettop(L);
    parse_spec(m, spec_text, &p);
    if (values_is_number(L, top) && (!lua_isboolean(L, top) || p.type)) {
        bool is_integer = values_is_integer(L, top);
        if (is_integer && (!p.type || strchr("dbxXon", p.type))) {
            add_integer(m, f->out,
                        lua_isboolean(L, top) ? lua_toboolean(L, top)
                                              : lua_tointeger(L, top),
                        &p);
            return;
        }
        if (!p.type || strchr("eEfFgGn%", p.type)) {
            add_float(m, f->out, values_number(L, top), &p);
            return;
        }
    }
    if (p.type && p.type != 's')
        error_raise(m, "ValueError", "Unknown format code '%c' for object of type '%s'",
                    p.type, object_type_name(L, top));
    struct buf *text = machine_scratch(m);
    if (f->is_markup)
        escape_add_value(m, text, top);
    else
        repr_add_str(m, text, top);
    struct str s = buf_str(text);
    if (p.precision >= 0)
        s.n = unicode_offset(s, (size_t)p.precision);
    add_padded(m, f->out, s, &p, p.align && p.align != '=' ? p.align : '<');
    m->n_scratch--;
}

/* Pushes the argument that the field's first part names. */
static void push_field(struct braces *f, struct str name)
{
    lua_State *L = f->m->L;
    struct str rest = name;
    lua_Integer i = name.n ? take_number(&rest) : f->next++;
    if (name.n && (i < 0 || rest.n)) {
        lua_pushlstring(L, name.p, name.n);
        lua_rawget(L, f->kwargs);
        if (lua_isnil(L, -1))
            error_raise(f->m, "KeyError", "'%.*s'", (int)name.n, name.p);
        return;
    }
    if (i >= values_list_length(L, f->args))
        error_raise(f->m, "IndexError",
                    "Replacement index %lld out of range for positional args tuple",
                    (long long)i);
    lua_rawgeti(L, f->args, i + 1);
}

/* Follows .name and [key]. */
static void follow_field(struct braces *f, struct str path)
{
    struct machine *m = f->m;
    lua_State *L = m->L;
    int object = lua_gettop(L);
    while (path.n) {
        bool is_item = *path.p == '[';
        path = str_skip(path, 1);
        size_t n = 0;
        while (n < path.n &&
               (is_item ? path.p[n] != ']' : path.p[n] != '.' && path.p[n] != '['))
            n++;
        struct str key = {path.p, n}, digits = key;
        lua_Integer i = take_number(&digits);
        if (is_item && i >= 0 && !digits.n)
            lua_pushinteger(L, i);
        else
            lua_pushlstring(L, key.p, key.n);
        if (!attribute_get(m, object, object + 1, is_item) || undefined_is(m, -1))
            error_raise(m, "AttributeError", "'%s' object has no attribute '%.*s'",
                        object_type_name(L, object), (int)key.n, key.p);
        lua_replace(L, object);
        lua_settop(L, object);
        path = str_skip(path, n + is_item);
    }
}

static void convert(struct braces *f, char how)
{
    struct machine *m = f->m;
    struct buf *b = machine_scratch(m);
    if (how == 's')
        repr_add_str(m, b, -1);
    else
        repr_add(m, b, -1);
    machine_push(m, b);
    m->n_scratch--;
    lua_remove(m->L, -2);
}

/* The length of the field's inside, up to its closing brace; nested ones belong to it. */
static size_t field_length(struct machine *m, struct str s)
{
    int depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '{')
            depth++;
        else if (s.p[i] == '}' && depth-- == 0)
            return i;
    }
    error_raise(m, "ValueError", "expected '}' before end of string");
}

static void add_field(struct braces *f, struct str field)
{
    struct machine *m = f->m;
    lua_State *L = m->L;
    int top = lua_gettop(L);
    size_t n = 0;
    while (n < field.n && field.p[n] != '!' && field.p[n] != ':')
        n++;
    struct str path = {field.p, n}, spec = str_skip(field, n);
    char how = 0;
    if (take(&spec, '!')) {
        how = spec.n ? *spec.p : 0;
        spec = str_skip(spec, 1);
    }
    take(&spec, ':');
    n = 0;
    while (n < path.n && path.p[n] != '.' && path.p[n] != '[')
        n++;
    push_field(f, (struct str){path.p, n});
    follow_field(f, str_skip(path, n));
    if (how)
        convert(f, how);
    if (spec.n && memchr(spec.p, '{', spec.n)) {
        struct buf *b = machine_scratch(m);
        struct braces inner = *f;
        inner.out = b;
        const char *open = memchr(spec.p, '{', spec.n);
        buf_add(b, spec.p, (size_t)(open - spec.p));
        struct str rest = str_skip(spec, (size_t)(open - spec.p) + 1);
        size_t k = field_length(m, rest);
        if (memchr(rest.p, '{', k))
            error_raise(m, "ValueError", "Max string recursion exceeded");
        add_field(&inner, (struct str){rest.p, k});
        f->next = inner.next;
        buf_addstr(b, str_skip(rest, k + 1));
        add_formatted(f, buf_str(b));
        m->n_scratch--;
    } else {
        add_formatted(f, spec);
    }
    lua_settop(L, top);
}

void format_braces(struct machine *m, int format, int args, int kwargs)
{
    lua_State *L = m->L;
    struct str s = object_text(L, format);
    struct braces f = {.m = m,
                       .args = args,
                       .kwargs = kwargs,
                       .is_markup = escape_is_safe(L, format),
                       .out = machine_scratch(m)};
    while (s.n) {
        char c = *s.p;
        s = str_skip(s, 1);
        if ((c == '{' || c == '}') && take(&s, c)) {
            buf_addc(f.out, c);
        } else if (c == '}') {
            error_raise(m, "ValueError", "Single '}' encountered in format string");
        } else if (c != '{') {
            buf_addc(f.out, c);
        } else {
            size_t n = field_length(m, s);
            add_field(&f, (struct str){s.p, n});
            s = str_skip(s, n + 1);
        }
    }
    machine_push_as(m, f.out, f.is_markup);
}
