/* The methods of Python's str (and Markup, whose results are Markup again). */
#include "jinja/filter.h"
#include "jinja/unicode.h"

/* A method that is a filter as well. */
static int by_filter(struct machine *m, int base, const char *name)
{
    return builtin_find(builtin_filters_text, name, strlen(name))->run(m, base);
}

static int method_upper(struct machine *m, int base)
{
    return by_filter(m, base, "upper");
}

static int method_lower(struct machine *m, int base)
{
    return by_filter(m, base, "lower");
}

static int method_capitalize(struct machine *m, int base)
{
    return by_filter(m, base, "capitalize");
}

static int method_replace(struct machine *m, int base)
{
    return by_filter(m, base, "replace");
}

static int done_flag(struct machine *m, bool is)
{
    lua_pushboolean(m->L, is);
    return BUILTIN_DONE;
}

/* A piece of the text at base, of its own kind. */
static void push_piece(struct machine *m, int base, struct str s)
{
    if (escape_is_safe(m->L, base))
        object_push_markup(m->L, s.p, s.n);
    else
        lua_pushlstring(m->L, s.p ? s.p : "", s.n);
}

static int done_piece(struct machine *m, int base, struct str s)
{
    push_piece(m, base, s);
    return BUILTIN_DONE;
}

/* The argument, which must be a text. */
static struct str text_arg(struct machine *m, int i)
{
    struct str s = object_text(m->L, i);
    if (!s.p) {
        if (undefined_is(m, i))
            undefined_raise(m, i);
        error_raise(m, "TypeError", "expected str, not %s", object_type_name(m->L, i));
    }
    return s;
}

static bool is_given(struct machine *m, int i)
{
    return !lua_isnil(m->L, i) && !value_is_null(m->L, i);
}

static int method_title(struct machine *m, int base)
{
    struct str s = object_text(m->L, base);
    struct buf *b = machine_scratch(m);
    bool is_inside = false;
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        if (is_inside)
            unicode_add_lower(b, c);
        else
            unicode_add_title(b, c);
        is_inside = unicode_is_alpha(c);
    }
    return filter_done(m, b, escape_is_safe(m->L, base));
}

static int method_swapcase(struct machine *m, int base)
{
    struct str s = object_text(m->L, base);
    struct buf *b = machine_scratch(m);
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        if (unicode_is_upper(c))
            unicode_add_lower(b, c);
        else
            unicode_add_upper(b, c);
    }
    return filter_done(m, b, escape_is_safe(m->L, base));
}

/* --- strip --- */

static bool is_in(struct str set, const char *p, size_t n)
{
    return memmem(set.p, set.n, p, n) != NULL;
}

static struct str strip(struct machine *m, int base, bool is_left, bool is_right)
{
    struct str s = object_text(m->L, base);
    if (!is_given(m, base + 1))
        return unicode_strip(s, is_left, is_right);
    struct str set = text_arg(m, base + 1);
    uint32_t c;
    while (is_left && s.n) {
        size_t n = unicode_decode(s.p, s.n, &c);
        if (!is_in(set, s.p, n))
            break;
        s = str_skip(s, n);
    }
    while (is_right && s.n) {
        size_t n = 1;
        while (n < s.n && n < 4 && ((unsigned char)s.p[s.n - n] & 0xc0) == 0x80)
            n++;
        if (!is_in(set, s.p + s.n - n, n))
            break;
        s.n -= n;
    }
    return s;
}

static int method_strip(struct machine *m, int base)
{
    return done_piece(m, base, strip(m, base, true, true));
}

static int method_lstrip(struct machine *m, int base)
{
    return done_piece(m, base, strip(m, base, true, false));
}

static int method_rstrip(struct machine *m, int base)
{
    return done_piece(m, base, strip(m, base, false, true));
}

/* --- split --- */

static void append(struct machine *m, int base, int list, struct str s)
{
    push_piece(m, base, s);
    lua_rawseti(m->L, list, (lua_Integer)lua_rawlen(m->L, list) + 1);
}

static int split_spaces(struct machine *m, int base, struct str s, lua_Integer max)
{
    int list = lua_gettop(m->L);
    s = unicode_strip(s, true, false);
    uint32_t c;
    while (s.n) {
        if (max-- == 0) {
            append(m, base, list, unicode_strip(s, false, true));
            break;
        }
        size_t i = 0, n;
        while (i < s.n && (n = unicode_decode(s.p + i, s.n - i, &c)) &&
               !unicode_is_space(c))
            i += n;
        append(m, base, list, (struct str){s.p, i});
        s = unicode_strip(str_skip(s, i), true, false);
    }
    return BUILTIN_DONE;
}

static int method_split(struct machine *m, int base)
{
    struct str s = object_text(m->L, base), sep;
    lua_Integer max = values_int_arg(m, base + 2, -1);
    value_push_list(m->L, 0);
    int list = lua_gettop(m->L);
    if (!is_given(m, base + 1))
        return split_spaces(m, base, s, max);
    sep = text_arg(m, base + 1);
    if (!sep.n)
        error_raise(m, "ValueError", "empty separator");
    for (const char *p; max-- != 0 && s.n && (p = memmem(s.p, s.n, sep.p, sep.n));) {
        append(m, base, list, (struct str){s.p, (size_t)(p - s.p)});
        s = str_skip(s, (size_t)(p - s.p) + sep.n);
    }
    append(m, base, list, s);
    return BUILTIN_DONE;
}

/* The last place of `what` in s, or NULL. */
static const char *find_last(struct str s, struct str what)
{
    if (what.n > s.n)
        return NULL;
    for (const char *p = s.p + s.n - what.n; p >= s.p; p--)
        if (memcmp(p, what.p, what.n) == 0)
            return p;
    return NULL;
}

static void reverse_list(lua_State *L, int list)
{
    lua_Integer n = values_list_length(L, list);
    for (lua_Integer i = 1, j = n; i < j; i++, j--) {
        lua_rawgeti(L, list, i);
        lua_rawgeti(L, list, j);
        lua_rawseti(L, list, i);
        lua_rawseti(L, list, j);
    }
}

static int method_rsplit(struct machine *m, int base)
{
    struct str s = object_text(m->L, base);
    lua_Integer max = values_int_arg(m, base + 2, -1);
    if (max < 0)
        return method_split(m, base);
    value_push_list(m->L, 0);
    int list = lua_gettop(m->L);
    bool by_space = !is_given(m, base + 1);
    struct str sep = by_space ? STR(" ") : text_arg(m, base + 1);
    if (!sep.n)
        error_raise(m, "ValueError", "empty separator");
    if (by_space)
        s = unicode_strip(s, false, true);
    for (const char *p; max-- != 0 && (p = find_last(s, sep));) {
        append(m, base, list, (struct str){p + sep.n, (size_t)(s.p + s.n - p) - sep.n});
        s.n = (size_t)(p - s.p);
        if (by_space)
            s = unicode_strip(s, false, true);
    }
    if (s.n || !by_space)
        append(m, base, list, s);
    reverse_list(m->L, list);
    return BUILTIN_DONE;
}

static int method_splitlines(struct machine *m, int base)
{
    struct str s = object_text(m->L, base), line;
    bool keeps = values_bool_arg(m, base + 1, false);
    value_push_list(m->L, 0);
    int list = lua_gettop(m->L);
    while (filter_next_line(&s, &line)) {
        if (keeps)
            line.n = (size_t)(s.p - line.p);
        append(m, base, list, line);
    }
    return BUILTIN_DONE;
}

static int partition(struct machine *m, int base, bool is_last)
{
    struct str s = object_text(m->L, base), sep = text_arg(m, base + 1);
    if (!sep.n)
        error_raise(m, "ValueError", "empty separator");
    const char *p = is_last ? find_last(s, sep)
                    : s.n   ? memmem(s.p, s.n, sep.p, sep.n)
                            : NULL;
    struct str parts[3] = {s, {"", 0}, {"", 0}};
    if (p) {
        size_t n = (size_t)(p - s.p);
        parts[0] = (struct str){s.p, n};
        parts[1] = sep;
        parts[2] = str_skip(s, n + sep.n);
    } else if (is_last) {
        parts[0] = parts[1];
        parts[2] = s;
    }
    object_push_tuple(m->L, 3);
    for (int i = 0; i < 3; i++) {
        push_piece(m, base, parts[i]);
        lua_rawseti(m->L, -2, i + 1);
    }
    return BUILTIN_DONE;
}

static int method_partition(struct machine *m, int base)
{
    return partition(m, base, false);
}

static int method_rpartition(struct machine *m, int base)
{
    return partition(m, base, true);
}

/* --- join, format --- */

static int method_join(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, base + 1);
    bool is_markup = escape_is_safe(L, base);
    struct str sep = object_text(L, base);
    struct buf *b = machine_scratch(m);
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            machine_add(m, b, sep);
        lua_rawgeti(L, base + 1, i);
        struct str s = object_text(L, -1);
        if (!s.p)
            error_raise(m, "TypeError",
                        "sequence item %lld: expected str instance, %s found",
                        (long long)i - 1, object_type_name(L, -1));
        if (is_markup)
            escape_add_value(m, b, lua_gettop(L));
        else
            machine_add(m, b, s);
        lua_pop(L, 1);
    }
    return filter_done(m, b, is_markup);
}

static int method_format(struct machine *m, int base)
{
    format_braces(m, base, base + 1, base + 2);
    return BUILTIN_DONE;
}

/* --- search --- */

/* The part of s between two character positions (nil: none). */
static struct str between(struct machine *m, int base, struct str s, size_t *skipped)
{
    lua_Integer n = (lua_Integer)unicode_length(s), bounds[2] = {0, n};
    for (int i = 0; i < 2; i++) {
        if (!is_given(m, base + i))
            continue;
        lua_Integer k = values_int_arg(m, base + i, 0);
        k = k < 0 ? k + n : k;
        bounds[i] = k < 0 ? 0 : k > n ? n : k;
    }
    size_t from = unicode_offset(s, (size_t)bounds[0]);
    size_t to = unicode_offset(s, (size_t)bounds[1]);
    *skipped = (size_t)bounds[0];
    return (struct str){s.p + from, to > from ? to - from : 0};
}

/* The character position of the argument in the text, or -1. */
static lua_Integer find(struct machine *m, int base, bool is_last)
{
    size_t skipped;
    struct str what = text_arg(m, base + 1);
    struct str s = between(m, base + 2, object_text(m->L, base), &skipped);
    const char *p = is_last        ? find_last(s, what)
                    : what.n > s.n ? NULL
                    : what.n       ? memmem(s.p, s.n, what.p, what.n)
                                   : s.p;
    if (!p)
        return -1;
    return (lua_Integer)skipped +
           (lua_Integer)unicode_length((struct str){s.p, (size_t)(p - s.p)});
}

static int method_find(struct machine *m, int base)
{
    lua_pushinteger(m->L, find(m, base, false));
    return BUILTIN_DONE;
}

static int method_rfind(struct machine *m, int base)
{
    lua_pushinteger(m->L, find(m, base, true));
    return BUILTIN_DONE;
}

static int method_index(struct machine *m, int base)
{
    lua_Integer i = find(m, base, false);
    if (i < 0)
        error_raise(m, "ValueError", "substring not found");
    lua_pushinteger(m->L, i);
    return BUILTIN_DONE;
}

static int method_count(struct machine *m, int base)
{
    size_t skipped;
    struct str what = text_arg(m, base + 1);
    struct str s = between(m, base + 2, object_text(m->L, base), &skipped);
    lua_Integer n = 0;
    if (!what.n)
        n = (lua_Integer)unicode_length(s) + 1;
    for (const char *p; what.n && s.n && (p = memmem(s.p, s.n, what.p, what.n)); n++)
        s = str_skip(s, (size_t)(p - s.p) + what.n);
    lua_pushinteger(m->L, n);
    return BUILTIN_DONE;
}

static bool has_end(struct str s, struct str e, bool is_start)
{
    return is_start ? str_starts(s, e)
                    : s.n >= e.n && (e.n == 0 || memcmp(s.p + s.n - e.n, e.p, e.n) == 0);
}

/* The argument may be a tuple of texts. */
static int begins_or_ends(struct machine *m, int base, bool is_start)
{
    lua_State *L = m->L;
    size_t skipped;
    struct str s = between(m, base + 2, object_text(L, base), &skipped);
    if (object_kind(L, base + 1) != K_TUPLE)
        return done_flag(m, has_end(s, text_arg(m, base + 1), is_start));
    lua_Integer n = values_list_length(L, base + 1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, base + 1, i);
        if (has_end(s, text_arg(m, lua_gettop(L)), is_start))
            return done_flag(m, true);
        lua_pop(L, 1);
    }
    return done_flag(m, false);
}

static int method_startswith(struct machine *m, int base)
{
    return begins_or_ends(m, base, true);
}

static int method_endswith(struct machine *m, int base)
{
    return begins_or_ends(m, base, false);
}

static int method_removeprefix(struct machine *m, int base)
{
    struct str s = object_text(m->L, base), e = text_arg(m, base + 1);
    return done_piece(m, base, has_end(s, e, true) ? str_skip(s, e.n) : s);
}

static int method_removesuffix(struct machine *m, int base)
{
    struct str s = object_text(m->L, base), e = text_arg(m, base + 1);
    if (has_end(s, e, false))
        s.n -= e.n;
    return done_piece(m, base, s);
}

/* --- width --- */

/* The text within a width, `left` of its padding (in halves) in front. */
static int justify(struct machine *m, int base, int halves)
{
    struct str s = object_text(m->L, base);
    struct str fill = is_given(m, base + 2) ? text_arg(m, base + 2) : STR(" ");
    lua_Integer width = values_int_arg(m, base + 1, 0),
                n = (lua_Integer)unicode_length(s);
    lua_Integer pad = width > n ? width - n : 0, left = halves == 2 ? pad : 0;
    if (halves == 1)
        left = pad / 2 + (pad & width & 1);
    if (unicode_length(fill) != 1)
        error_raise(m, "TypeError",
                    "The fill character must be exactly one character long");
    struct buf *b = machine_scratch(m);
    machine_need(m, b, (size_t)pad * fill.n + s.n);
    for (lua_Integer i = 0; i < left; i++)
        buf_addstr(b, fill);
    buf_addstr(b, s);
    for (lua_Integer i = left; i < pad; i++)
        buf_addstr(b, fill);
    return filter_done(m, b, escape_is_safe(m->L, base));
}

static int method_ljust(struct machine *m, int base)
{
    return justify(m, base, 0);
}

static int method_center(struct machine *m, int base)
{
    return justify(m, base, 1);
}

static int method_rjust(struct machine *m, int base)
{
    return justify(m, base, 2);
}

static int method_zfill(struct machine *m, int base)
{
    struct str s = object_text(m->L, base);
    lua_Integer width = values_int_arg(m, base + 1, 0),
                n = (lua_Integer)unicode_length(s);
    struct buf *b = machine_scratch(m);
    machine_need(m, b, width > 0 ? (size_t)width : 0);
    if (s.n && (*s.p == '+' || *s.p == '-')) {
        buf_addc(b, *s.p);
        s = str_skip(s, 1);
    }
    for (; n < width; n++)
        buf_addc(b, '0');
    machine_add(m, b, s);
    return filter_done(m, b, escape_is_safe(m->L, base));
}

/* --- questions --- */

static bool all(struct machine *m, int base, bool (*is)(uint32_t))
{
    struct str s = object_text(m->L, base);
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        if (!is(c))
            return false;
    }
    return s.n > 0;
}

static bool is_alnum(uint32_t c)
{
    return unicode_is_alpha(c) || unicode_is_digit(c);
}

static int method_isdigit(struct machine *m, int base)
{
    return done_flag(m, all(m, base, unicode_is_digit));
}

static int method_isalpha(struct machine *m, int base)
{
    return done_flag(m, all(m, base, unicode_is_alpha));
}

static int method_isalnum(struct machine *m, int base)
{
    return done_flag(m, all(m, base, is_alnum));
}

static int method_isspace(struct machine *m, int base)
{
    return done_flag(m, all(m, base, unicode_is_space));
}

static int by_test(struct machine *m, int base, const char *name)
{
    return builtin_find(builtin_tests, name, strlen(name))->run(m, base);
}

static int method_isupper(struct machine *m, int base)
{
    return by_test(m, base, "upper");
}

static int method_islower(struct machine *m, int base)
{
    return by_test(m, base, "lower");
}

static int method_striptags(struct machine *m, int base)
{
    return builtin_find(builtin_filters_html, "striptags", 9)->run(m, base);
}

const struct builtin builtin_str_methods[] = {
    {"capitalize", method_capitalize, 1, 1, 0, "self"},
    {"casefold", method_lower, 1, 1, 0, "self"},
    {"center", method_center, 2, 3, 0, "self width fillchar"},
    {"count", method_count, 2, 4, 0, "self sub start end"},
    {"endswith", method_endswith, 2, 4, 0, "self suffix start end"},
    {"find", method_find, 2, 4, 0, "self sub start end"},
    {"format", method_format, 1, 1, BUILTIN_VARARGS | BUILTIN_KWARGS, "self"},
    {"index", method_index, 2, 4, 0, "self sub start end"},
    {"isalnum", method_isalnum, 1, 1, 0, "self"},
    {"isalpha", method_isalpha, 1, 1, 0, "self"},
    {"isdecimal", method_isdigit, 1, 1, 0, "self"},
    {"isdigit", method_isdigit, 1, 1, 0, "self"},
    {"islower", method_islower, 1, 1, 0, "self"},
    {"isnumeric", method_isdigit, 1, 1, 0, "self"},
    {"isspace", method_isspace, 1, 1, 0, "self"},
    {"isupper", method_isupper, 1, 1, 0, "self"},
    {"join", method_join, 2, 2, 0, "self iterable"},
    {"ljust", method_ljust, 2, 3, 0, "self width fillchar"},
    {"lower", method_lower, 1, 1, 0, "self"},
    {"lstrip", method_lstrip, 1, 2, 0, "self chars"},
    {"partition", method_partition, 2, 2, 0, "self sep"},
    {"removeprefix", method_removeprefix, 2, 2, 0, "self prefix"},
    {"removesuffix", method_removesuffix, 2, 2, 0, "self suffix"},
    {"replace", method_replace, 3, 4, 0, "self old new count"},
    {"rfind", method_rfind, 2, 4, 0, "self sub start end"},
    {"rjust", method_rjust, 2, 3, 0, "self width fillchar"},
    {"rpartition", method_rpartition, 2, 2, 0, "self sep"},
    {"rsplit", method_rsplit, 1, 3, 0, "self sep maxsplit"},
    {"rstrip", method_rstrip, 1, 2, 0, "self chars"},
    {"split", method_split, 1, 3, 0, "self sep maxsplit"},
    {"splitlines", method_splitlines, 1, 2, 0, "self keepends"},
    {"startswith", method_startswith, 2, 4, 0, "self prefix start end"},
    {"strip", method_strip, 1, 2, 0, "self chars"},
    {"striptags", method_striptags, 1, 1, 0, "self"},
    {"swapcase", method_swapcase, 1, 1, 0, "self"},
    {"title", method_title, 1, 1, 0, "self"},
    {"upper", method_upper, 1, 1, 0, "self"},
    {"zfill", method_zfill, 2, 2, 0, "self width"},
    {NULL, NULL, 0, 0, 0, NULL},
};
