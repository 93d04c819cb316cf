/* JSON from the Lua stack: recursive, to JSON_MAX_DEPTH levels. All memory it uses is
   Lua's or on the C stack, for nearly every call to Lua may raise. */
#include "base/number.h"
#include "base/scratch.h"
#include "base/utf8.h"
#include "base/value.h"
#include "json.h"
#include "json_plain.h"
#include <math.h>

const struct json_style json_style_default = {
    .sort_keys = true, .ensure_ascii = true, .compact = true, .indent = -1};

struct writer {
    lua_State *L;
    const struct json_style *style;
    size_t n; /* bytes in scratch */
    struct scratch scratch;
    int mark;                   /* stack index of lists' metatable, or of nil so far */
    int replacements;           /* calls of __tojson within one another */
    const void *milestones[10]; /* the tables on levels 1, 2, 4, ... 512 */
};

/* A list or dict that is being written, and where in it: what a path is made of. */
struct level {
    const struct level *up;
    int depth; /* 1 for the outermost */
    const void *table;
    lua_Integer item; /* in a list, from 1 */
    int key;          /* in a dict: the key's stack index, else 0 */
};

static void write_value(struct writer *w, const struct level *up, int index);

/* Errors. */

#define LONGEST_PATH 24 /* steps that a message shows */

static bool is_identifier(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0 && s.n <= 40;
}

/* Appends .key or ["key"], shortened: the message goes to a log or an error page. */
static void add_key(luaL_Buffer *b, struct str key)
{
    if (is_identifier(key)) {
        luaL_addchar(b, '.');
        luaL_addlstring(b, key.p, key.n);
        return;
    }
    luaL_addstring(b, "[\"");
    for (size_t i = 0; i < key.n && i < 40; i++) {
        bool is_printable = key.p[i] >= 0x20 && key.p[i] < 0x7F;
        luaL_addchar(b, is_printable ? key.p[i] : '?');
    }
    luaL_addstring(b, key.n > 40 ? "...\"]" : "\"]");
}

static void add_step(lua_State *L, luaL_Buffer *b, const struct level *at)
{
    char digits[NUMBER_INT_SIZE];
    if (at->key && lua_type(L, at->key) == LUA_TSTRING) {
        struct str key;
        key.p = lua_tolstring(L, at->key, &key.n);
        add_key(b, key);
        return;
    }
    lua_Integer item = at->key ? lua_tointeger(L, at->key) : at->item;
    number_format_int(item, digits);
    luaL_addchar(b, '[');
    luaL_addstring(b, digits);
    luaL_addchar(b, ']');
}

static void add_path(lua_State *L, luaL_Buffer *b, const struct level *at)
{
    if (!at)
        return luaL_addchar(b, '$'), (void)0;
    add_path(L, b, at->up);
    if (at->depth <= LONGEST_PATH)
        add_step(L, b, at);
    else if (at->depth == LONGEST_PATH + 1)
        luaL_addstring(b, "...");
}

/* Raises "$.items[3].price: what"; `what` may be nothing but a literal or on the stack.
 */
static void fail(struct writer *w, const struct level *at, const char *what)
{
    luaL_Buffer b;
    luaL_checkstack(w->L, LUA_MINSTACK, NULL);
    luaL_where(w->L, 1);
    luaL_buffinit(w->L, &b);
    add_path(w->L, &b, at);
    luaL_addstring(&b, ": ");
    luaL_addstring(&b, what);
    luaL_pushresult(&b);
    lua_concat(w->L, 2);
    lua_error(w->L);
}

static void fail_type(struct writer *w, const struct level *at, int index)
{
    const char *type = luaL_typename(w->L, index);
    fail(w, at, lua_pushfstring(w->L, "a %s can't be JSON", type));
}

/* Bytes. */

/* Room for n bytes more. */
static char *reserve(struct writer *w, size_t n)
{
    if (w->scratch.size - w->n < n)
        scratch_grow(w->L, &w->scratch, w->n, w->n + n);
    return w->scratch.p + w->n;
}

static void put(struct writer *w, const char *bytes, size_t n)
{
    memcpy(reserve(w, n), bytes, n);
    w->n += n;
}

static void put_char(struct writer *w, char c)
{
    *reserve(w, 1) = c;
    w->n++;
}

static void put_word(struct writer *w, const char *word)
{
    put(w, word, strlen(word));
}

static void put_line(struct writer *w, int depth)
{
    if (w->style->indent < 0)
        return;
    size_t n = (size_t)w->style->indent * (size_t)depth;
    char *p = reserve(w, n + 1);
    *p = '\n';
    memset(p + 1, ' ', n);
    w->n += n + 1;
}

/* Scalars. */

static void put_unicode(struct writer *w, unsigned c)
{
    static const char digits[] = "0123456789abcdef";
    char *p = reserve(w, 6);
    p[0] = '\\';
    p[1] = 'u';
    for (int i = 0; i < 4; i++)
        p[2 + i] = digits[c >> (12 - 4 * i) & 15];
    w->n += 6;
}

static unsigned code_point(const char *p, int length)
{
    unsigned c = (unsigned char)*p & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3F);
    return c;
}

/* Writes the character outside ASCII at p; returns its length, or 0 for broken UTF-8. */
static int write_wide(struct writer *w, const char *p, const char *end)
{
    int length = utf8_sequence(p, (size_t)(end - p));
    if (!length)
        return 0;
    unsigned c = code_point(p, length);
    if (!w->style->ensure_ascii) {
        put(w, p, (size_t)length);
    } else if (c < 0x10000) {
        put_unicode(w, c);
    } else {
        put_unicode(w, 0xD800 + ((c - 0x10000) >> 10));
        put_unicode(w, 0xDC00 + ((c - 0x10000) & 0x3FF));
    }
    return length;
}

static void write_ascii(struct writer *w, char c)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *at = c ? strchr(escaped, c) : NULL;
    if (at) {
        put_char(w, '\\');
        put_char(w, names[at - escaped]);
    } else if (c < 0x20 || (c == 0x7F && w->style->ensure_ascii) ||
               (w->style->is_html_safe && strchr("<>&'", c))) {
        put_unicode(w, (unsigned)c);
    } else {
        put_char(w, c);
    }
}

/* Copies what needs no escape. With is_html_safe each byte is looked at by itself. */
static const char *write_plain(struct writer *w, const char *p, const char *end)
{
    size_t n = w->style->is_html_safe ? 0 : json_plain_prefix(p, end);
    put(w, p, n);
    return p + n;
}

static void write_string(struct writer *w, const struct level *up, int index)
{
    size_t n;
    const char *p = lua_tolstring(w->L, index, &n), *end = p + n;
    reserve(w, n + 2);
    put_char(w, '"');
    while ((p = write_plain(w, p, end)) < end) {
        int length = 1;
        if ((unsigned char)*p < 0x80)
            write_ascii(w, *p);
        else
            length = write_wide(w, p, end);
        if (!length)
            fail(w, up, "the string is not valid UTF-8");
        p += length;
    }
    put_char(w, '"');
}

static void write_integer(struct writer *w, lua_Integer value)
{
    w->n += (size_t)number_format_int(value, reserve(w, NUMBER_INT_SIZE));
}

static void write_number(struct writer *w, const struct level *up, int index)
{
    if (lua_isinteger(w->L, index)) {
        write_integer(w, lua_tointeger(w->L, index));
        return;
    }
    lua_Number value = lua_tonumber(w->L, index);
    if (!isfinite(value))
        fail(w, up, isnan(value) ? "NaN can't be JSON" : "an infinity can't be JSON");
    w->n += (size_t)number_format_repr(value, reserve(w, NUMBER_REPR_SIZE));
}

/* Levels. */

static bool is_within_itself(const struct level *at)
{
    for (const struct level *l = at->up; l; l = l->up) {
        if (l->table == at->table)
            return true;
    }
    return false;
}

/* The path of a level's table is that of the level around it. */
static void fail_cycle(struct writer *w, const struct level *at)
{
    const struct level *outermost = at;
    for (const struct level *l = at->up; l; l = l->up) {
        if (is_within_itself(l))
            outermost = l;
    }
    fail(w, outermost->up, "a cycle: this table holds itself");
}

/* Goes into a table. A cycle is noticed by the milestones, after at most about three
   times its length: a look at every level for every table would make deep data slow. */
static void enter(struct writer *w, struct level *at, const struct level *up, int index)
{
    *at = (struct level){up, up ? up->depth + 1 : 1, lua_topointer(w->L, index), 0, 0};
    luaL_checkstack(w->L, LUA_MINSTACK, NULL);
    for (int i = 0; i < 10 && 1 << i < at->depth; i++) {
        if (w->milestones[i] == at->table)
            fail_cycle(w, at);
    }
    if (at->depth > JSON_MAX_DEPTH)
        fail(w, up, "more than 1000 levels");
    if ((at->depth & (at->depth - 1)) == 0)
        w->milestones[__builtin_ctz((unsigned)at->depth)] = at->table;
}

static void put_separator(struct writer *w, const struct level *at, bool is_first)
{
    if (!is_first) {
        put_char(w, ',');
        if (!w->style->compact && w->style->indent < 0)
            put_char(w, ' ');
    }
    put_line(w, at->depth);
}

static void put_end(struct writer *w, const struct level *at, bool is_empty, char bracket)
{
    if (!is_empty)
        put_line(w, at->depth - 1);
    put_char(w, bracket);
}

/* Lists. */

/* Raises the error that says why the table at index is no list. */
static void fail_list(struct writer *w, const struct level *up, int index)
{
    lua_State *L = w->L;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1)
            fail(w, up, "a list can't have other keys than 1 to n");
    }
    int hole = 1;
    for (lua_rawgeti(L, index, hole); !lua_isnil(L, -1); lua_rawgeti(L, index, ++hole))
        lua_pop(L, 1);
    fail(w, up,
         lua_pushfstring(L, "a list with a hole at [%d] (null can fill it)", hole));
}

/* Writes the value on top of the stack, and pops it. */
static void write_item(struct writer *w, struct level *at)
{
    at->item++;
    put_separator(w, at, at->item == 1);
    write_value(w, at, lua_gettop(w->L));
    lua_pop(w->L, 1);
}

/* Writes the items as long as lua_next gives them in their order, which it nearly always
   does to the end: that each key was the next one proves that there are no others. */
static bool write_items_in_order(struct writer *w, struct level *at, int index)
{
    lua_State *L = w->L;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != at->item + 1) {
            lua_pop(L, 2);
            return false;
        }
        write_item(w, at);
    }
    return true;
}

static void write_list(struct writer *w, const struct level *up, int index)
{
    struct level at;
    enter(w, &at, up, index);
    put_char(w, '[');
    if (!write_items_in_order(w, &at, index)) {
        lua_Integer n = value_sequence_length(w->L, index);
        if (n < 0)
            fail_list(w, up, index);
        while (at.item < n) {
            lua_rawgeti(w->L, index, at.item + 1);
            write_item(w, &at);
        }
    }
    put_end(w, &at, at.item == 0, ']');
}

/* Dicts. */

#define SMALL_DICT 32 /* items that are sorted on the stack */

/* A key is a string, or an integer when `text` is empty with p NULL. */
struct key {
    struct str text;
    lua_Integer number;
    unsigned char pair;
};

/* Fails unless the key at index can be one, and is of the same kind as the first. */
static void check_key(struct writer *w, const struct level *at, int index,
                      int *first_type)
{
    int type = lua_type(w->L, index);
    if (type != LUA_TSTRING && !lua_isinteger(w->L, index))
        fail(w, at->up, "a key must be a string or an integer");
    if (*first_type != LUA_TNONE && *first_type != type)
        fail(w, at->up, "strings and integers as keys of one dict");
    *first_type = type;
}

/* Writes the pair whose key and value stand at `key` and above it. */
static void write_pair(struct writer *w, struct level *at, int key, bool is_first)
{
    put_separator(w, at, is_first);
    at->key = key;
    if (lua_type(w->L, key) == LUA_TSTRING) {
        write_string(w, at, key);
    } else {
        put_char(w, '"');
        write_integer(w, lua_tointeger(w->L, key));
        put_char(w, '"');
    }
    put(w, ": ", w->style->compact ? 1 : 2);
    write_value(w, at, key + 1);
}

/* Writes an ordered dict, or one too large for the stack. */
static bool write_pairs_by_list(struct writer *w, struct level *at, int index)
{
    lua_State *L = w->L;
    int type = LUA_TNONE;
    lua_Integer n = value_push_keys(L, index), keys = lua_gettop(L), written = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, (int)keys, i);
        check_key(w, at, (int)keys + 1, &type);
        lua_pushvalue(L, -1);
        lua_rawget(L, index);
        if (!lua_isnil(L, -1)) /* else a __tojson has removed it */
            write_pair(w, at, (int)keys + 1, written++ == 0);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return written == 0;
}

static bool write_pairs_unsorted(struct writer *w, struct level *at, int index)
{
    lua_State *L = w->L;
    int key = lua_gettop(L) + 1, type = LUA_TNONE;
    bool is_first = true;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        check_key(w, at, key, &type);
        write_pair(w, at, key, is_first);
        is_first = false;
    }
    return is_first;
}

/* Pushes all keys and values; returns their number, or -1 (and pushes nothing) when it is
   larger than SMALL_DICT. */
static int push_pairs(lua_State *L, int index)
{
    int top = lua_gettop(L), n = 0;
    luaL_checkstack(L, 2 * SMALL_DICT + LUA_MINSTACK, NULL);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (n++ == SMALL_DICT) {
            lua_settop(L, top);
            return -1;
        }
        lua_pushvalue(L, -2);
    }
    return n;
}

static bool is_before(const struct key *a, const struct key *b)
{
    if (!a->text.p)
        return a->number < b->number;
    size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
    int order = memcmp(a->text.p, b->text.p, n);
    return order ? order < 0 : a->text.n < b->text.n;
}

/* Puts the key where it belongs among the n sorted ones. */
static void insert(struct key *sorted, int n, struct key key)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (is_before(&key, &sorted[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    memmove(sorted + low + 1, sorted + low, sizeof *sorted * (size_t)(n - low));
    sorted[low] = key;
}

/* Tells the order of the n pairs from stack index `base` on. Not to be inlined: its array
   is not to stand in the frames of a recursion. */
static __attribute__((noinline)) void sort_pairs(struct writer *w, const struct level *at,
                                                 int base, int n, unsigned char *order)
{
    struct key sorted[SMALL_DICT];
    int type = LUA_TNONE;
    for (int i = 0; i < n; i++) {
        struct key key = {.pair = (unsigned char)i};
        check_key(w, at, base + 2 * i, &type);
        if (type == LUA_TSTRING)
            key.text.p = lua_tolstring(w->L, base + 2 * i, &key.text.n);
        else
            key.number = lua_tointeger(w->L, base + 2 * i);
        insert(sorted, i, key);
    }
    for (int i = 0; i < n; i++)
        order[i] = sorted[i].pair;
}

static bool write_pairs_sorted(struct writer *w, struct level *at, int index)
{
    unsigned char order[SMALL_DICT];
    int base = lua_gettop(w->L) + 1;
    int n = push_pairs(w->L, index);
    if (n < 0)
        return write_pairs_by_list(w, at, index);
    sort_pairs(w, at, base, n, order);
    for (int i = 0; i < n; i++)
        write_pair(w, at, base + 2 * order[i], i == 0);
    lua_settop(w->L, base - 1);
    return n == 0;
}

static void write_dict(struct writer *w, const struct level *up, int index,
                       bool is_ordered)
{
    struct level at;
    enter(w, &at, up, index);
    put_char(w, '{');
    bool is_empty = is_ordered            ? write_pairs_by_list(w, &at, index)
                    : w->style->sort_keys ? write_pairs_sorted(w, &at, index)
                                          : write_pairs_unsorted(w, &at, index);
    put_end(w, &at, is_empty, '}');
}

/* Values. */

/* Whether an unmarked table is a list. One with the key 1 is, or is an error, so that
   items can be written before the other keys are seen. */
static bool is_list(struct writer *w, const struct level *up, int index)
{
    lua_State *L = w->L;
    lua_pushnil(L);
    if (!lua_next(L, index))
        return false;
    bool is_integer = lua_isinteger(L, -2);
    bool is_one = is_integer && lua_tointeger(L, -2) == 1;
    lua_pop(L, 2);
    if (is_one || !is_integer)
        return is_one;
    if (value_sequence_length(L, index) > 0)
        return true;
    lua_rawgeti(L, index, 1);
    if (!lua_isnil(L, -1))
        fail_list(w, up, index);
    lua_pop(L, 1);
    return false;
}

/* Writes what __tojson returns for the value. */
static void write_replacement(struct writer *w, const struct level *up, int index)
{
    lua_State *L = w->L;
    if (!luaL_getmetafield(L, index, "__tojson")) {
        if (lua_type(L, index) == LUA_TTABLE)
            fail(w, up, "a table with a metatable without __tojson can't be JSON");
        fail_type(w, up, index);
    }
    if (++w->replacements > JSON_MAX_DEPTH)
        fail(w, up, "__tojson has no end");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    write_value(w, up, lua_gettop(L));
    lua_pop(L, 1);
    w->replacements--;
}

static void write_table(struct writer *w, const struct level *up, int index)
{
    lua_State *L = w->L;
    if (!lua_getmetatable(L, index)) {
        if (is_list(w, up, index))
            write_list(w, up, index);
        else
            write_dict(w, up, index, false);
        return;
    }
    if (lua_isnil(L, w->mark)) {
        value_push_list_mark(L);
        lua_replace(L, w->mark);
    }
    bool is_marked = lua_rawequal(L, -1, w->mark);
    lua_pop(L, 1);
    if (is_marked)
        write_list(w, up, index);
    else if (value_is_ordered(L, index))
        write_dict(w, up, index, true);
    else
        write_replacement(w, up, index);
}

/* Writes the value at index; `up` tells where it stands, NULL for the outermost. */
static void write_value(struct writer *w, const struct level *up, int index)
{
    luaL_checkstack(w->L, LUA_MINSTACK, NULL);
    int type = lua_type(w->L, index);
    if (type == LUA_TSTRING)
        write_string(w, up, index);
    else if (type == LUA_TNUMBER)
        write_number(w, up, index);
    else if (type == LUA_TTABLE)
        write_table(w, up, index);
    else if (type == LUA_TUSERDATA)
        write_replacement(w, up, index);
    else if (type == LUA_TBOOLEAN)
        put_word(w, lua_toboolean(w->L, index) ? "true" : "false");
    else if (value_is_null(w->L, index))
        put_word(w, "null");
    else
        fail_type(w, up, index);
}

/* Pushes two values, then writes the one at index. */
static void write_text(struct writer *w, lua_State *L, int index,
                       const struct json_style *style)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    w->L = L;
    w->style = style;
    w->n = 0;
    w->replacements = 0;
    lua_pushnil(L);
    w->mark = lua_gettop(L);
    scratch_open(L, &w->scratch);
    write_value(w, NULL, index);
}

void json_encode(lua_State *L, int index, const struct json_style *style)
{
    struct writer w;
    int top = lua_gettop(L);
    write_text(&w, L, index, style);
    lua_pushlstring(L, w.scratch.p, w.n);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
}

void json_encode_into(lua_State *L, int index, const struct json_style *style,
                      struct buf *out)
{
    struct writer w;
    int top = lua_gettop(L);
    write_text(&w, L, index, style);
    buf_add(out, w.scratch.p, w.n);
    lua_settop(L, top);
}
