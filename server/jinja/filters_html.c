/* Filters for HTML and URLs. */
#include "base/percent.h"
#include "base/utf8.h"
#include "jinja/filter.h"
#include "jinja/unicode.h"
#include "jinja/urlize.h"

static int filter_escape(struct machine *m, int base)
{
    if (escape_is_safe(m->L, base)) {
        lua_pushvalue(m->L, base);
        return BUILTIN_DONE;
    }
    struct buf *b = machine_scratch(m);
    escape_add_value(m, b, base);
    return filter_done(m, b, true);
}

static int filter_forceescape(struct machine *m, int base)
{
    struct str s = repr_text(m, base);
    struct buf *b = machine_scratch(m);
    escape_add(m, b, s);
    return filter_done(m, b, true);
}

static int filter_safe(struct machine *m, int base)
{
    struct str s = repr_text(m, base);
    object_push_markup(m->L, s.p, s.n);
    return BUILTIN_DONE;
}

/* --- striptags --- */

/* Appends s without comments and tags. */
static void add_untagged(struct buf *b, struct str s)
{
    while (s.n) {
        bool is_comment = str_starts(s, STR("<!--"));
        const char *end = NULL;
        if (is_comment)
            end = memmem(s.p + 4, s.n - 4, "-->", 3);
        if (is_comment && end) {
            s = str_skip(s, (size_t)(end - s.p) + 3);
            continue;
        }
        end = *s.p == '<' && !is_comment ? memchr(s.p, '>', s.n) : NULL;
        if (end) {
            s = str_skip(s, (size_t)(end - s.p) + 1);
            continue;
        }
        const char *next = s.n > 1 ? memchr(s.p + 1, '<', s.n - 1) : NULL;
        size_t n = next ? (size_t)(next - s.p) : s.n;
        bool is_last = *s.p == '<';
        buf_add(b, s.p, is_last ? s.n : n);
        s = str_skip(s, is_last ? s.n : n);
    }
}

/* White space in a row becomes one space, none stays at the ends. */
static void add_collapsed(struct buf *b, struct str s)
{
    bool is_pending = false, is_begun = false;
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        size_t n = unicode_decode(s.p + i, s.n - i, &c);
        if (unicode_is_space(c)) {
            is_pending = is_begun;
        } else {
            if (is_pending)
                buf_addc(b, ' ');
            buf_add(b, s.p + i, n);
            is_pending = false;
            is_begun = true;
        }
        i += n;
    }
}

/* &#39; and &#x27; at p; 0 when it is none. */
static size_t number_entity(struct str s, uint32_t *c)
{
    size_t i = 2;
    bool is_hex = i < s.n && (s.p[i] | 32) == 'x';
    uint32_t base = is_hex ? 16 : 10, value = 0;
    size_t from = i += is_hex;
    for (; i < s.n && i - from < 8; i++) {
        char d = s.p[i];
        uint32_t v = d >= '0' && d <= '9' ? (uint32_t)(d - '0')
                     : is_hex && (d | 32) >= 'a' && (d | 32) <= 'f'
                         ? (uint32_t)((d | 32) - 'a' + 10)
                         : 99;
        if (v >= base)
            break;
        value = value * base + v;
    }
    if (i == from)
        return 0;
    *c = value == 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0xfffd
                                                                               : value;
    return i + (i < s.n && s.p[i] == ';');
}

static const struct {
    const char *name;
    uint32_t c;
} entities[] = {
    {"amp", '&'},       {"lt", '<'},       {"gt", '>'},       {"quot", '"'},
    {"apos", '\''},     {"nbsp", 0xa0},    {"copy", 0xa9},    {"reg", 0xae},
    {"hellip", 0x2026}, {"mdash", 0x2014}, {"ndash", 0x2013}, {"lsquo", 0x2018},
    {"rsquo", 0x2019},  {"ldquo", 0x201c}, {"rdquo", 0x201d}, {"laquo", 0xab},
    {"raquo", 0xbb},    {"euro", 0x20ac},  {"pound", 0xa3},   {"yen", 0xa5},
    {"cent", 0xa2},     {"sect", 0xa7},    {"deg", 0xb0},     {"plusmn", 0xb1},
    {"times", 0xd7},    {"divide", 0xf7},  {"middot", 0xb7},  {"bull", 0x2022},
    {"trade", 0x2122},  {"auml", 0xe4},    {"ouml", 0xf6},    {"uuml", 0xfc},
    {"Auml", 0xc4},     {"Ouml", 0xd6},    {"Uuml", 0xdc},    {"szlig", 0xdf},
    {"eacute", 0xe9},   {"egrave", 0xe8},  {"agrave", 0xe0},  {"ccedil", 0xe7},
    {"larr", 0x2190},   {"uarr", 0x2191},  {"rarr", 0x2192},  {"darr", 0x2193},
};

/* The entity at the start of s, which is an '&'; 0 when it is none that we know. */
static size_t entity(struct str s, uint32_t *c)
{
    if (s.n > 2 && s.p[1] == '#')
        return number_entity(s, c);
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t n = strlen(entities[i].name);
        if (s.n < n + 1 || memcmp(s.p + 1, entities[i].name, n) != 0)
            continue;
        bool has_end = s.n > n + 1 && s.p[n + 1] == ';';
        if (!has_end && i > 3)
            continue;
        *c = entities[i].c;
        return n + 1 + has_end;
    }
    return 0;
}

static void add_unescaped(struct buf *b, struct str s)
{
    while (s.n) {
        uint32_t c;
        size_t n = *s.p == '&' ? entity(s, &c) : 0;
        if (n)
            utf8_add(b, c);
        else
            buf_addc(b, *s.p);
        s = str_skip(s, n ? n : 1);
    }
}

static int filter_striptags(struct machine *m, int base)
{
    struct str s = repr_text(m, base);
    struct buf *untagged = machine_scratch(m), *collapsed = machine_scratch(m);
    struct buf *b = machine_scratch(m);
    add_untagged(untagged, s);
    add_collapsed(collapsed, buf_str(untagged));
    add_unescaped(b, buf_str(collapsed));
    return filter_done(m, b, false);
}

/* --- urlencode --- */

static void add_quoted(struct machine *m, struct buf *b, int i, bool is_query)
{
    struct str s = repr_text(m, i);
    machine_need(m, b, s.n);
    if (!is_query) {
        percent_encode(b, s, "/");
        return;
    }
    while (s.p) {
        struct str word = str_cut(&s, ' ');
        percent_encode(b, word, "");
        if (s.p)
            buf_addc(b, '+');
    }
}

static void add_pair(struct machine *m, struct buf *b, int key, bool is_first)
{
    if (!is_first)
        buf_addc(b, '&');
    add_quoted(m, b, key, true);
    buf_addc(b, '=');
    add_quoted(m, b, key + 1, true);
}

static void encode_dict(struct machine *m, struct buf *b, int dict)
{
    lua_State *L = m->L;
    lua_Integer n = value_push_keys(L, dict);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, keys, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, dict);
        add_pair(m, b, keys + 1, i == 1);
        lua_settop(L, keys);
    }
}

static void encode_pairs(struct machine *m, struct buf *b, int list)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, list);
    int top = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        if (values_items(m, top + 1) != 2)
            error_raise(m, "ValueError", "expected pairs of name and value");
        lua_rawgeti(L, top + 1, 1);
        lua_rawgeti(L, top + 1, 2);
        add_pair(m, b, top + 2, i == 1);
        lua_settop(L, top);
    }
}

static int filter_urlencode(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct buf *b = machine_scratch(m);
    switch (object_kind(L, base)) {
    case K_DICT:
    case K_KWARGS:
        encode_dict(m, b, base);
        break;
    case K_LIST:
    case K_TUPLE:
    case K_GENERATOR:
        encode_pairs(m, b, base);
        break;
    case K_MISSING:
    case K_UNDEFINED:
        undefined_check(m, base);
        break;
    default:
        add_quoted(m, b, base, false);
    }
    return filter_done(m, b, false);
}

/* --- xmlattr --- */

static void check_attribute_name(struct machine *m, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr(" \t\n\r\f\v/>=", s.p[i]) && s.p[i])
            error_raise(m, "ValueError", "Invalid character in attribute name: '%.*s'",
                        (int)s.n, s.p);
}

static int filter_xmlattr(struct machine *m, int base)
{
    lua_State *L = m->L;
    bool is_spaced = values_bool_arg(m, base + 1, true);
    if (undefined_is(m, base))
        undefined_raise(m, base);
    enum kind kind = object_kind(L, base);
    if (kind != K_DICT && kind != K_KWARGS)
        error_raise(m, "AttributeError", "'%s' object has no attribute 'items'",
                    object_type_name(L, base));
    struct buf *b = machine_scratch(m);
    lua_Integer n = value_push_keys(L, base);
    int keys = lua_gettop(L);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_settop(L, keys);
        lua_rawgeti(L, keys, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, base);
        if (value_is_null(L, -1) || undefined_is(m, lua_gettop(L)))
            continue;
        check_attribute_name(m, object_text(L, keys + 1));
        if (b->n || is_spaced)
            buf_addc(b, ' ');
        escape_add_value(m, b, keys + 1);
        buf_addstr(b, STR("=\""));
        escape_add_value(m, b, keys + 2);
        buf_addc(b, '"');
    }
    return filter_done(m, b, machine_is_autoescaped(m));
}

/* --- urlize --- */

static struct str text_or(struct machine *m, int i, struct str otherwise)
{
    if (lua_isnil(m->L, i) || value_is_null(m->L, i) || !values_truth(m, i))
        return otherwise;
    return repr_text(m, i);
}

static int filter_urlize(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct urlize u = {.m = m, .limit = -1};
    if (!lua_isnil(L, base + 1) && !value_is_null(L, base + 1))
        u.limit = values_int_arg(m, base + 1, -1);
    bool is_nofollow = values_bool_arg(m, base + 2, false);
    u.rel = text_or(m, base + 4, (struct str){NULL, 0});
    u.target = text_or(m, base + 3, m->settings.urlize_target);
    u.is_nofollow = is_nofollow;
    u.policy_rel = m->settings.urlize_rel;
    if (!lua_isnil(L, base + 5) && !value_is_null(L, base + 5)) {
        values_items(m, base + 5);
        u.schemes = base + 5;
    } else {
        lua_getfield(L, AT_ENV, "policies");
        lua_getfield(L, -1, "urlize.extra_schemes");
        if (lua_istable(L, -1))
            u.schemes = lua_gettop(L);
    }
    struct buf *escaped = machine_scratch(m), *b = machine_scratch(m);
    escape_add_value(m, escaped, base);
    u.out = b;
    urlize_add(&u, buf_str(escaped));
    return filter_done(m, b, machine_is_autoescaped(m));
}

const struct builtin builtin_filters_html[] = {
    {"e", filter_escape, 0, 1, BUILTIN_RAW, "s"},
    {"escape", filter_escape, 0, 1, BUILTIN_RAW, "s"},
    {"forceescape", filter_forceescape, 0, 1, BUILTIN_RAW, "value"},
    {"safe", filter_safe, 0, 1, BUILTIN_RAW, "value"},
    {"striptags", filter_striptags, 0, 1, BUILTIN_RAW, "value"},
    {"urlencode", filter_urlencode, 0, 1, 0, "value"},
    {"urlize", filter_urlize, 0, 6, 0,
     "value trim_url_limit nofollow target rel extra_schemes"},
    {"xmlattr", filter_xmlattr, 0, 2, 0, "d autospace"},
    {NULL, NULL, 0, 0, 0, NULL},
};
