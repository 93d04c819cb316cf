/* JSON onto the Lua stack: recursive, to JSON_MAX_DEPTH levels. All memory it uses is
   Lua's or on the C stack, for nearly every call to Lua may raise. */
#include "base/number.h"
#include "base/scratch.h"
#include "base/utf8.h"
#include "base/value.h"
#include "json.h"
#include "json_plain.h"
#include <assert.h>
#include <math.h>

struct reader {
    lua_State *L;
    const char *start, *p, *end;
    struct fault *fault;
    int depth;
    int mark; /* stack index of lists' metatable, or of nil so far */
    struct scratch scratch;
};

static int read_value(struct reader *r);

/* Says what is wrong at `at`. */
static int refuse(struct reader *r, const char *at, const char *what)
{
    int line = 1, column = 1;
    for (const char *p = r->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xC0) != 0x80) {
            column++;
        }
    }
    return fault_set(r->fault, 400, "bad JSON at line %d, column %d: %s", line, column,
                     what);
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end &&
           (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
        r->p++;
}

/* Skips space and takes c, if it is there. */
static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static bool is_digit_next(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

/* Numbers. */

static int push_float(struct reader *r, const char *from)
{
    double value;
    bool is_number =
        number_parse_double((struct str){from, (size_t)(r->p - from)}, &value);
    assert(is_number);
    (void)is_number;
    if (isinf(value))
        return refuse(r, from, "the number is too large");
    lua_pushnumber(r->L, value);
    return 0;
}

/* Whether the digits from p to end are an integer within 64 bits. */
static bool convert_integer(const char *p, const char *end, bool is_negative,
                            lua_Integer *value)
{
    uint64_t size = 0, limit = (uint64_t)INT64_MAX + is_negative;
    if (end - p > 19)
        return false;
    for (; p < end; p++)
        size = size * 10 + (uint64_t)(*p - '0');
    *value = (lua_Integer)(is_negative ? 0 - size : size);
    return size <= limit;
}

static int read_digits(struct reader *r)
{
    if (!is_digit_next(r))
        return refuse(r, r->p, "expected a digit");
    while (is_digit_next(r))
        r->p++;
    return 0;
}

/* Goes over a fraction and an exponent: 1 when there was one of them, 0, or -1. */
static int read_fraction(struct reader *r)
{
    int is_there = 0;
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        is_there = 1;
        if (read_digits(r) < 0)
            return -1;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        is_there = 1;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (read_digits(r) < 0)
            return -1;
    }
    return is_there;
}

static int read_number(struct reader *r)
{
    const char *from = r->p;
    bool is_negative = *r->p == '-';
    const char *digits = r->p += is_negative;
    if (read_digits(r) < 0)
        return -1;
    if (*digits == '0' && r->p - digits > 1)
        return refuse(r, digits, "a number must not begin with 0");
    const char *end = r->p;
    int is_fraction = read_fraction(r);
    if (is_fraction < 0)
        return -1;
    lua_Integer value;
    if (is_fraction || !convert_integer(digits, end, is_negative, &value))
        return push_float(r, from);
    lua_pushinteger(r->L, value);
    return 0;
}

/* Strings. */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of four hexadecimal digits, which must end before `end`; -1 when it's not
 * there. */
static int read_hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Reads what follows \u at p. Returns where it ends, or NULL. */
static const char *unescape_unicode(struct reader *r, const char *p, const char *end,
                                    struct buf *out)
{
    const char *escape = p - 2;
    int c = read_hex4(p, end);
    if (c < 0)
        return refuse(r, escape, "\\u needs four hexadecimal digits"), NULL;
    p += 4;
    if (c >= 0xD800 && c < 0xE000) {
        int low = c < 0xDC00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u'
                      ? read_hex4(p + 2, end)
                      : -1;
        if (low < 0xDC00 || low >= 0xE000)
            return refuse(r, escape, "half of a surrogate pair"), NULL;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    utf8_add(out, (uint32_t)c);
    return p;
}

/* Reads the escape at p. Returns where it ends, or NULL. */
static const char *unescape(struct reader *r, const char *p, const char *end,
                            struct buf *out)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (p[1] == 'u')
        return unescape_unicode(r, p + 2, end, out);
    const char *name = p[1] ? strchr(names, p[1]) : NULL;
    if (!name)
        return refuse(r, p, "no such escape"), NULL;
    buf_addc(out, meanings[name - names]);
    return p + 2;
}

/* Pushes the string whose text runs from p to end, where the closing quote stands. What
   comes out is never longer than what goes in, so the buffer, which has Lua's memory,
   doesn't grow. */
static int push_unescaped(struct reader *r, const char *p, const char *end)
{
    scratch_grow(r->L, &r->scratch, 0, (size_t)(end - p));
    struct buf out = {.p = r->scratch.p, .cap = r->scratch.size};
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape ? escape : end;
        buf_add(&out, p, (size_t)(stop - p));
        p = escape ? unescape(r, escape, end, &out) : end;
        if (!p)
            return -1;
    }
    assert(out.p == r->scratch.p);
    lua_pushlstring(r->L, out.p, out.n);
    return 0;
}

/* Moves over one character within a string: 0, or -1. */
static int skip_character(struct reader *r)
{
    unsigned char c = (unsigned char)*r->p;
    if (c < 0x20)
        return refuse(r, r->p, "a control character in a string must be escaped");
    int length = c < 0x80 ? 1 : utf8_sequence(r->p, (size_t)(r->end - r->p));
    if (!length)
        return refuse(r, r->p, "the string is not valid UTF-8");
    r->p += length;
    return 0;
}

/* Finds the closing quote first, so that a string without escapes (nearly all of them)
   goes to Lua from where it stands. */
static int read_string(struct reader *r)
{
    const char *quote = r->p++;
    bool has_escapes = false;
    for (;;) {
        r->p += json_plain_prefix(r->p, r->end);
        if (r->p < r->end && *r->p == '"')
            break;
        if (r->p < r->end && *r->p == '\\') {
            has_escapes = true;
            r->p++;
        }
        if (r->p == r->end)
            return refuse(r, quote, "the string has no end");
        if (skip_character(r) < 0)
            return -1;
    }
    const char *end = r->p++;
    if (has_escapes)
        return push_unescaped(r, quote + 1, end);
    lua_pushlstring(r->L, quote + 1, (size_t)(end - quote - 1));
    return 0;
}

/* Lists and objects. Their first items wait on the Lua stack, so that most tables can be
   made in their final size; once there are too many the table is made, and the others go
   straight into it. */

struct container {
    int table;   /* its stack index: nil while the items wait above it */
    int waiting; /* stack slots of items that wait */
    int limit;   /* of these */
    bool is_made;
    lua_Integer n; /* items in a list that is made */
};

/* Few slots wait on deep levels, for LuaJIT has only 8,000 for a C function. */
static int open_container(struct reader *r, struct container *c)
{
    r->depth++;
    *c = (struct container){.limit = r->depth <= 8 ? 128 : 4};
    if (r->depth > JSON_MAX_DEPTH)
        return refuse(r, r->p, "more than 1000 levels");
    if (!lua_checkstack(r->L, c->limit + 8))
        return refuse(r, r->p, "too many levels for Lua's stack");
    r->p++;
    lua_pushnil(r->L);
    c->table = lua_gettop(r->L);
    return 0;
}

static void push_mark(struct reader *r)
{
    if (lua_isnil(r->L, r->mark)) {
        value_push_list_mark(r->L);
        lua_replace(r->L, r->mark);
    }
    lua_pushvalue(r->L, r->mark);
}

/* stack: nil, items... -> list */
static void store_items(struct reader *r, struct container *c)
{
    lua_State *L = r->L;
    lua_createtable(L, c->waiting, 0);
    for (int i = 1; i <= c->waiting; i++) {
        lua_pushvalue(L, c->table + i);
        lua_rawseti(L, -2, i);
    }
    push_mark(r);
    lua_setmetatable(L, -2);
    lua_replace(L, c->table);
    lua_settop(L, c->table);
    c->n = c->waiting;
    c->is_made = true;
}

/* stack: nil, key, value, ... -> dict */
static void store_pairs(struct reader *r, struct container *c)
{
    lua_State *L = r->L;
    lua_createtable(L, 0, c->waiting / 2);
    for (int i = 1; i < c->waiting; i += 2) {
        lua_pushvalue(L, c->table + i);
        lua_pushvalue(L, c->table + i + 1);
        lua_rawset(L, -3);
    }
    lua_replace(L, c->table);
    lua_settop(L, c->table);
    c->is_made = true;
}

static int read_item(struct reader *r, struct container *c)
{
    if (read_value(r) < 0)
        return -1;
    if (c->is_made)
        lua_rawseti(r->L, c->table, ++c->n);
    else if (++c->waiting == c->limit)
        store_items(r, c);
    return 0;
}

static int read_list(struct reader *r)
{
    struct container c;
    if (open_container(r, &c) < 0)
        return -1;
    if (!take(r, ']')) {
        do {
            if (read_item(r, &c) < 0)
                return -1;
        } while (take(r, ','));
        if (!take(r, ']'))
            return refuse(r, r->p, "expected ',' or ']'");
    }
    if (!c.is_made)
        store_items(r, &c);
    r->depth--;
    return 0;
}

static int read_pair(struct reader *r, struct container *c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != '"')
        return refuse(r, r->p, "expected a string as key");
    if (read_string(r) < 0)
        return -1;
    if (!take(r, ':'))
        return refuse(r, r->p, "expected ':'");
    if (read_value(r) < 0)
        return -1;
    if (c->is_made)
        lua_rawset(r->L, c->table);
    else if ((c->waiting += 2) == c->limit)
        store_pairs(r, c);
    return 0;
}

static int read_object(struct reader *r)
{
    struct container c;
    if (open_container(r, &c) < 0)
        return -1;
    if (!take(r, '}')) {
        do {
            if (read_pair(r, &c) < 0)
                return -1;
        } while (take(r, ','));
        if (!take(r, '}'))
            return refuse(r, r->p, "expected ',' or '}'");
    }
    if (!c.is_made)
        store_pairs(r, &c);
    r->depth--;
    return 0;
}

/* Values. */

static int read_word(struct reader *r, struct str word)
{
    if (!str_starts((struct str){r->p, (size_t)(r->end - r->p)}, word))
        return refuse(r, r->p, "expected a value");
    r->p += word.n;
    return 0;
}

static int read_boolean(struct reader *r)
{
    bool value = *r->p == 't';
    if (read_word(r, value ? STR("true") : STR("false")) < 0)
        return -1;
    lua_pushboolean(r->L, value);
    return 0;
}

static int read_null(struct reader *r)
{
    if (read_word(r, STR("null")) < 0)
        return -1;
    value_push_null(r->L);
    return 0;
}

/* Pushes the value that is next. */
static int read_value(struct reader *r)
{
    skip_space(r);
    if (r->p == r->end)
        return refuse(r, r->p, "expected a value, not the end of the text");
    switch (*r->p) {
    case '"':
        return read_string(r);
    case '{':
        return read_object(r);
    case '[':
        return read_list(r);
    case 't':
    case 'f':
        return read_boolean(r);
    case 'n':
        return read_null(r);
    default:
        if (*r->p == '-' || is_digit_next(r))
            return read_number(r);
        return refuse(r, r->p, "expected a value");
    }
}

static int read_text(struct reader *r)
{
    if (str_starts((struct str){r->p, (size_t)(r->end - r->p)}, STR("\xEF\xBB\xBF")))
        return refuse(r, r->p, "a byte order mark must not stand before the value");
    if (read_value(r) < 0)
        return -1;
    skip_space(r);
    return r->p == r->end ? 0 : refuse(r, r->p, "expected the end of the text");
}

int json_decode(lua_State *L, struct str text, struct fault *fault)
{
    luaL_checkstack(L, 8, NULL);
    int top = lua_gettop(L);
    struct reader r;
    r.L = L;
    r.start = r.p = text.n ? text.p : "";
    r.end = r.p + text.n;
    r.fault = fault;
    r.depth = 0;
    lua_pushnil(L);
    r.mark = top + 1;
    scratch_open(L, &r.scratch);
    int result = read_text(&r);
    if (result == 0)
        lua_replace(L, top + 1);
    lua_settop(L, result == 0 ? top + 1 : top);
    return result;
}
