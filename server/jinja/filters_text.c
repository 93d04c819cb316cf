/* Filters of plain text. */
#include "jinja/filter.h"
#include "jinja/unicode.h"

static struct buf *begin(struct machine *m, int base, struct str *s, bool *is_markup)
{
    *is_markup = escape_is_safe(m->L, base);
    *s = repr_text(m, base);
    return machine_scratch(m);
}

/* Raises for a value that is no text. */
static void need_text(struct machine *m, int i)
{
    if (!object_text(m->L, i).p && !undefined_is(m, i))
        error_raise(m, "TypeError", "object of type '%s' has no len()",
                    object_type_name(m->L, i));
}

static void add_mapped(struct buf *b, struct str s, void (*add)(struct buf *, uint32_t))
{
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        add(b, c);
    }
}

static int filter_upper(struct machine *m, int base)
{
    struct str s;
    bool is_markup;
    struct buf *b = begin(m, base, &s, &is_markup);
    add_mapped(b, s, unicode_add_upper);
    return filter_done(m, b, is_markup);
}

static int filter_lower(struct machine *m, int base)
{
    struct str s;
    bool is_markup;
    struct buf *b = begin(m, base, &s, &is_markup);
    unicode_add_all_lower(b, s);
    return filter_done(m, b, is_markup);
}

static int filter_capitalize(struct machine *m, int base)
{
    struct str s;
    bool is_markup;
    struct buf *b = begin(m, base, &s, &is_markup);
    size_t n = unicode_offset(s, 1);
    add_mapped(b, (struct str){s.p, n}, unicode_add_title);
    add_mapped(b, str_skip(s, n), unicode_add_lower);
    return filter_done(m, b, is_markup);
}

static bool begins_word(uint32_t c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' ||
           unicode_is_space(c);
}

static int filter_title(struct machine *m, int base)
{
    struct str s;
    bool is_markup, is_first = true;
    struct buf *b = begin(m, base, &s, &is_markup);
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        bool is_between = begins_word(c);
        if (is_first)
            unicode_add_upper(b, c);
        else
            unicode_add_lower(b, c);
        is_first = is_between;
    }
    return filter_done(m, b, false);
}

static int filter_string(struct machine *m, int base)
{
    repr_text(m, base);
    lua_pushvalue(m->L, base);
    return BUILTIN_DONE;
}

static bool is_in(struct str set, const char *p, size_t n)
{
    return memmem(set.p, set.n, p, n) != NULL;
}

/* Without the characters of `set` at both ends. */
static struct str strip_set(struct str s, struct str set)
{
    uint32_t c;
    while (s.n) {
        size_t n = unicode_decode(s.p, s.n, &c);
        if (!is_in(set, s.p, n))
            break;
        s = str_skip(s, n);
    }
    while (s.n) {
        size_t n = 1;
        while (n < s.n && n < 4 && ((unsigned char)s.p[s.n - n] & 0xc0) == 0x80)
            n++;
        if (!is_in(set, s.p + s.n - n, n))
            break;
        s.n -= n;
    }
    return s;
}

static int filter_trim(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str s;
    bool is_markup;
    struct buf *b = begin(m, base, &s, &is_markup);
    if (lua_isnil(L, base + 1) || value_is_null(L, base + 1))
        s = unicode_strip(s, true, true);
    else
        s = strip_set(s, repr_text(m, base + 1));
    machine_add(m, b, s);
    return filter_done(m, b, is_markup);
}

static void add_spaces(struct machine *m, struct buf *b, lua_Integer n)
{
    if (n > 0)
        machine_need(m, b, (size_t)n);
    for (; n > 0; n--)
        buf_addc(b, ' ');
}

static int filter_center(struct machine *m, int base)
{
    struct str s;
    bool is_markup;
    struct buf *b = begin(m, base, &s, &is_markup);
    lua_Integer width = values_int_arg(m, base + 1, 80);
    lua_Integer n = (lua_Integer)unicode_length(s), pad = width > n ? width - n : 0;
    lua_Integer left = pad / 2 + (pad & width & 1);
    add_spaces(m, b, left);
    machine_add(m, b, s);
    add_spaces(m, b, pad - left);
    return filter_done(m, b, is_markup);
}

static void add_lines(struct machine *m, struct buf *b, struct str s, struct str indent,
                      bool is_blank)
{
    struct str line;
    bool is_first = true;
    while (filter_next_line(&s, &line)) {
        if (!is_first) {
            buf_addc(b, '\n');
            if (is_blank || line.n)
                machine_add(m, b, indent);
        }
        machine_add(m, b, line);
        is_first = false;
    }
}

static int filter_indent(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str s, indent;
    bool is_markup;
    need_text(m, base);
    struct buf *b = begin(m, base, &s, &is_markup);
    bool is_first = values_bool_arg(m, base + 2, false);
    bool is_blank = values_bool_arg(m, base + 3, false);
    indent = object_text(L, base + 1);
    if (!indent.p) {
        struct buf *spaces = machine_scratch(m);
        add_spaces(m, spaces, values_int_arg(m, base + 1, 4));
        indent = buf_str(spaces);
    }
    if (is_first)
        machine_add(m, b, indent);
    lua_pushlstring(L, s.p, s.n);
    lua_pushliteral(L, "\n");
    lua_concat(L, 2);
    add_lines(m, b, object_text(L, -1), indent, is_blank);
    return filter_done(m, b, is_markup);
}

/* The bytes before the last space of s; all of it without one. */
static struct str before_last_space(struct str s)
{
    const char *space = s.n ? memrchr(s.p, ' ', s.n) : NULL;
    return space ? (struct str){s.p, (size_t)(space - s.p)} : s;
}

static int filter_truncate(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str s;
    bool is_markup;
    need_text(m, base);
    struct buf *b = begin(m, base, &s, &is_markup);
    lua_Integer length = values_int_arg(m, base + 1, 255);
    bool is_killing = values_bool_arg(m, base + 2, false);
    if (lua_isnil(L, base + 3)) {
        lua_pushliteral(L, "...");
        lua_replace(L, base + 3);
    }
    struct str end = repr_text(m, base + 3);
    lua_Integer end_n = (lua_Integer)unicode_length(end);
    lua_Integer leeway = lua_isnil(L, base + 4) || value_is_null(L, base + 4)
                             ? m->settings.truncate_leeway
                             : values_int_arg(m, base + 4, 0);
    if (length < end_n)
        error_raise(m, "AssertionError", "expected length >= %lld, got %lld",
                    (long long)end_n, (long long)length);
    if (leeway < 0)
        error_raise(m, "AssertionError", "expected leeway >= 0, got %lld",
                    (long long)leeway);
    if ((lua_Integer)unicode_length(s) - leeway <= length) {
        lua_pushvalue(L, base);
        return BUILTIN_DONE;
    }
    struct str cut = {s.p, unicode_offset(s, (size_t)(length - end_n))};
    machine_add(m, b, is_killing ? cut : before_last_space(cut));
    if (is_markup)
        escape_add_value(m, b, base + 3);
    else
        machine_add(m, b, end);
    return filter_done(m, b, is_markup);
}

static int filter_wordcount(struct machine *m, int base)
{
    struct str s = repr_text(m, base);
    lua_Integer n = 0;
    bool is_inside = false;
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        bool is_word = unicode_is_word(c);
        n += is_word && !is_inside;
        is_inside = is_word;
    }
    lua_pushinteger(m->L, n);
    return BUILTIN_DONE;
}

/* Replaces at most `count` (-1: all) of `old`. */
static void add_replaced(struct machine *m, struct buf *b, struct str s, struct str old,
                         struct str new, lua_Integer count)
{
    uint32_t c;
    while (count != 0) {
        const char *at = old.n ? memmem(s.p, s.n, old.p, old.n) : s.p;
        if (!at)
            break;
        machine_add(m, b, (struct str){s.p, (size_t)(at - s.p)});
        machine_add(m, b, new);
        s = str_skip(s, (size_t)(at - s.p) + old.n);
        if (count > 0)
            count--;
        if (old.n)
            continue;
        if (!s.n)
            break;
        size_t n = unicode_decode(s.p, s.n, &c);
        machine_add(m, b, (struct str){s.p, n});
        s = str_skip(s, n);
    }
    machine_add(m, b, s);
}

/* Puts escape(value) in place of a value that isn't safe. */
static void make_safe(struct machine *m, int i)
{
    if (escape_is_safe(m->L, i))
        return;
    struct buf *b = machine_scratch(m);
    escape_add_value(m, b, i);
    machine_push_as(m, b, true);
    m->n_scratch--;
    lua_replace(m->L, i);
}

static int filter_replace(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer count = lua_isnil(L, base + 3) || value_is_null(L, base + 3)
                            ? -1
                            : values_int_arg(m, base + 3, -1);
    bool is_markup = false;
    if (machine_is_autoescaped(m)) {
        is_markup = escape_is_safe(L, base);
        if (!is_markup && (escape_is_safe(L, base + 1) || escape_is_safe(L, base + 2))) {
            make_safe(m, base);
            is_markup = true;
        }
        if (is_markup) {
            make_safe(m, base + 1);
            make_safe(m, base + 2);
        }
    }
    struct str s = repr_text(m, base), old = repr_text(m, base + 1);
    struct str new = repr_text(m, base + 2);
    struct buf *b = machine_scratch(m);
    add_replaced(m, b, s, old, new, count);
    return filter_done(m, b, is_markup);
}

/* --- wordwrap: Python's textwrap --- */

static bool is_wrap_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter_at(struct str s, size_t i)
{
    uint32_t c;
    if (i >= s.n)
        return false;
    unicode_decode(s.p + i, s.n - i, &c);
    return unicode_is_alpha(c) || c == '_';
}

/* The length of the chunk at the start of s: white space, or a word, or its part up to a
   hyphen between letters, or a dash. */
static size_t chunk_length(struct str s, bool on_hyphens)
{
    size_t i = 0;
    if (is_wrap_space(s.p[0])) {
        while (i < s.n && is_wrap_space(s.p[i]))
            i++;
        return i;
    }
    if (on_hyphens && s.p[0] == '-' && s.n > 1 && s.p[1] == '-') {
        while (i < s.n && s.p[i] == '-')
            i++;
        return i;
    }
    for (; i < s.n && !is_wrap_space(s.p[i]); i++) {
        if (!on_hyphens || s.p[i] != '-' || i == 0)
            continue;
        bool is_dash = i + 2 < s.n && s.p[i + 1] == '-' && !is_wrap_space(s.p[i - 1]);
        if (is_dash)
            return i;
        size_t before = i - 1;
        while (before > 0 && ((unsigned char)s.p[before] & 0xc0) == 0x80)
            before--;
        bool has_two = before > 0 && is_letter_at(s, before) &&
                       (((unsigned char)s.p[before - 1] & 0x80) ||
                        is_letter_at(s, before - 1) || s.p[before - 1] == '-');
        if (has_two && is_letter_at(s, i + 1) && i + 2 < s.n && is_letter_at(s, i + 2))
            return i + 1;
    }
    return i;
}

struct wrap {
    struct machine *m;
    struct buf *out;
    struct str newline;
    size_t width;  /* characters */
    size_t line;   /* characters on the line at hand */
    size_t kept;   /* bytes of out without the line's trailing white space */
    bool is_open;  /* a line has been begun */
    bool is_later; /* a line has been ended */
    bool on_hyphens;
};

static void end_line(struct wrap *w)
{
    w->out->n = w->kept;
    w->line = 0;
    w->is_open = false;
    w->is_later = true;
}

static void open_line(struct wrap *w)
{
    if (!w->is_open && w->is_later)
        machine_add(w->m, w->out, w->newline);
    if (!w->is_open)
        w->kept = w->out->n;
    w->is_open = true;
}

static void put(struct wrap *w, struct str chunk, size_t n, bool is_space)
{
    open_line(w);
    machine_add(w->m, w->out, chunk);
    w->line += n;
    if (!is_space)
        w->kept = w->out->n;
}

static void put_long(struct wrap *w, struct str chunk)
{
    while (chunk.n) {
        if (w->line >= w->width)
            end_line(w);
        size_t room = w->width - w->line, bytes = unicode_offset(chunk, room);
        const char *hyphen = bytes && bytes < chunk.n && w->on_hyphens
                                 ? memrchr(chunk.p, '-', bytes)
                                 : NULL;
        if (hyphen && strspn(chunk.p, "-") < (size_t)(hyphen - chunk.p))
            bytes = (size_t)(hyphen - chunk.p) + 1;
        struct str part = {chunk.p, bytes};
        put(w, part, unicode_length(part), false);
        chunk = str_skip(chunk, bytes);
        if (hyphen && chunk.n)
            end_line(w);
    }
}

static void wrap_line(struct wrap *w, struct str s, bool breaks_words, bool on_hyphens)
{
    while (s.n) {
        struct str chunk = {s.p, chunk_length(s, on_hyphens)};
        size_t n = unicode_length(chunk);
        bool is_space = is_wrap_space(chunk.p[0]);
        s = str_skip(s, chunk.n);
        if (is_space && !w->is_open && w->is_later)
            continue;
        if (w->line + n <= w->width) {
            put(w, chunk, n, is_space);
        } else if (n > w->width && breaks_words && !is_space) {
            put_long(w, chunk);
        } else if (is_space) {
            if (w->is_open)
                end_line(w);
        } else {
            if (w->is_open)
                end_line(w);
            put(w, chunk, n, false);
        }
    }
    if (w->is_open)
        w->out->n = w->kept;
}

static int filter_wordwrap(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str s = repr_text(m, base), line, newline = m->settings.newline;
    lua_Integer width = values_int_arg(m, base + 1, 79);
    bool breaks_words = values_bool_arg(m, base + 2, true);
    bool on_hyphens = values_bool_arg(m, base + 4, true);
    bool is_first = true;
    if (width <= 0)
        error_raise(m, "ValueError", "invalid width %lld (must be > 0)",
                    (long long)width);
    if (!lua_isnil(L, base + 3) && !value_is_null(L, base + 3))
        newline = repr_text(m, base + 3);
    struct buf *b = machine_scratch(m);
    while (filter_next_line(&s, &line)) {
        if (!is_first)
            machine_add(m, b, newline);
        struct wrap w = {.m = m,
                         .out = b,
                         .newline = newline,
                         .width = (size_t)width,
                         .on_hyphens = on_hyphens};
        wrap_line(&w, line, breaks_words, on_hyphens);
        is_first = false;
    }
    return filter_done(m, b, false);
}

const struct builtin builtin_filters_text[] = {
    {"capitalize", filter_capitalize, 0, 1, 0, "s"},
    {"center", filter_center, 0, 2, 0, "value width"},
    {"indent", filter_indent, 0, 4, 0, "s width first blank"},
    {"lower", filter_lower, 0, 1, 0, "s"},
    {"replace", filter_replace, 3, 4, 0, "s old new count"},
    {"string", filter_string, 0, 1, BUILTIN_RAW, "object"},
    {"title", filter_title, 0, 1, 0, "s"},
    {"trim", filter_trim, 0, 2, 0, "value chars"},
    {"truncate", filter_truncate, 0, 5, 0, "s length killwords end leeway"},
    {"upper", filter_upper, 0, 1, 0, "s"},
    {"wordcount", filter_wordcount, 0, 1, 0, "s"},
    {"wordwrap", filter_wordwrap, 0, 5, 0,
     "s width break_long_words wrapstring break_on_hyphens"},
    {NULL, NULL, 0, 0, 0, NULL},
};
