/* What the files of filters share: attributes of many items, sorting, lines. */
#include "jinja/filter.h"
#include "jinja/unicode.h"

int filter_done(struct machine *m, struct buf *b, bool is_markup)
{
    machine_push_as(m, b, is_markup);
    return BUILTIN_DONE;
}

int filter_done_iterator(struct machine *m)
{
    lua_State *L = m->L;
    lua_createtable(L, 3, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, GENERATOR_ARGS);
    object_mark(L, K_GENERATOR);
    return BUILTIN_DONE;
}

/* --- attributes --- */

/* Pushes one part of a path: a number when it is digits. */
static void push_part(lua_State *L, struct str part)
{
    lua_Integer i = 0;
    size_t k = 0;
    while (k < part.n && k < 9 && part.p[k] >= '0' && part.p[k] <= '9')
        i = i * 10 + (part.p[k++] - '0');
    if (part.n && k == part.n)
        lua_pushinteger(L, i);
    else
        lua_pushlstring(L, part.p, part.n);
}

/* Pushes a list of the parts of an attribute's path. */
static void push_path(struct machine *m, int attribute)
{
    lua_State *L = m->L;
    struct str s = object_text(L, attribute);
    lua_newtable(L);
    if (!s.p) {
        lua_pushvalue(L, attribute);
        lua_rawseti(L, -2, 1);
        return;
    }
    for (lua_Integer n = 1; s.p; n++) {
        push_part(L, str_cut(&s, '.'));
        lua_rawseti(L, -2, n);
    }
}

/* Stack: item -> item.path; false when only Lua can tell. */
static bool follow(struct machine *m, int path)
{
    lua_State *L = m->L;
    lua_Integer n = (lua_Integer)lua_rawlen(L, path);
    for (lua_Integer i = 1; i <= n; i++) {
        int item = lua_gettop(L);
        lua_rawgeti(L, path, i);
        if (!attribute_get(m, item, item + 1, true))
            return false;
        lua_replace(L, item);
        lua_settop(L, item);
    }
    return true;
}

static void replace_undefined(struct machine *m, int otherwise)
{
    if (otherwise && !lua_isnil(m->L, otherwise) && undefined_is(m, lua_gettop(m->L))) {
        lua_pop(m->L, 1);
        lua_pushvalue(m->L, otherwise);
    }
}

static bool ask_lua(struct machine *m, int list, int path)
{
    lua_State *L = m->L;
    machine_push_helper(m, "attributes");
    lua_pushvalue(L, list);
    lua_pushvalue(L, path);
    machine_call(m, 2);
    return false;
}

/* What Lua gave: nil's are undefined attributes. */
static void mend(struct machine *m, int list, int attribute, int otherwise)
{
    lua_State *L = m->L;
    int values = lua_gettop(L);
    lua_Integer n = values_list_length(L, list);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, values, i);
        if (lua_isnil(L, -1)) {
            lua_rawgeti(L, list, i);
            undefined_push_attribute(m, lua_gettop(L), attribute);
            replace_undefined(m, otherwise);
            lua_rawseti(L, values, i);
        }
        lua_settop(L, values);
    }
}

bool filter_attributes(struct machine *m, int list, int attribute, int otherwise)
{
    lua_State *L = m->L;
    if (machine_phase(m) > 0) {
        mend(m, list, attribute, otherwise);
        return true;
    }
    if (lua_isnil(L, attribute) || value_is_null(L, attribute)) {
        lua_pushvalue(L, list);
        return true;
    }
    push_path(m, attribute);
    int path = lua_gettop(L);
    lua_Integer n = values_list_length(L, list);
    value_push_list(L, (int)n);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        if (!follow(m, path))
            return ask_lua(m, list, path);
        replace_undefined(m, otherwise);
        lua_rawseti(L, path + 1, i);
    }
    return true;
}

/* --- order --- */

void filter_push_folded(struct machine *m, int list)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, list);
    value_push_list(L, (int)n);
    struct buf *b = machine_scratch(m);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list, i);
        struct str s = object_text(L, -1);
        if (s.p) {
            uint32_t c;
            b->n = 0;
            for (size_t at = 0; at < s.n;) {
                at += unicode_decode(s.p + at, s.n - at, &c);
                unicode_add_lower(b, c);
            }
            machine_push(m, b);
            lua_remove(L, -2);
        }
        lua_rawseti(L, -2, i);
    }
    m->n_scratch--;
}

/* Whether key a comes before key b; they are numbers of items in the table at `keys`. */
static bool comes_first(struct machine *m, int keys, int a, int b, bool is_reverse)
{
    lua_State *L = m->L;
    lua_rawgeti(L, keys, a);
    lua_rawgeti(L, keys, b);
    int top = lua_gettop(L);
    bool is = !(undefined_is(m, top) && undefined_is(m, top - 1));
    if (is)
        is = is_reverse ? values_less(m, top - 1, top, "<")
                        : values_less(m, top, top - 1, "<");
    lua_pop(L, 2);
    return is;
}

/* Merges two sorted runs; the right one's item goes first only when it must. */
static void merge(struct machine *m, int keys, const int *from, int *to, int low,
                  int middle, int high, bool is_reverse)
{
    int i = low, j = middle;
    for (int k = low; k < high; k++) {
        bool takes_right = i >= middle || (j < high && comes_first(m, keys, from[i],
                                                                   from[j], is_reverse));
        to[k] = takes_right ? from[j++] : from[i++];
    }
}

void filter_push_sorted(struct machine *m, int items, int keys, bool is_reverse)
{
    lua_State *L = m->L;
    int n = (int)values_list_length(L, keys);
    int *a = lua_newuserdatauv(L, ((size_t)n + 1) * 2 * sizeof *a, 0), *b = a + n;
    int box = lua_gettop(L);
    for (int i = 0; i < n; i++)
        a[i] = i + 1;
    for (int width = 1; width < n; width *= 2) {
        for (int low = 0; low < n; low += 2 * width) {
            int middle = low + width < n ? low + width : n;
            int high = low + 2 * width < n ? low + 2 * width : n;
            merge(m, keys, a, b, low, middle, high, is_reverse);
        }
        int *t = a;
        a = b;
        b = t;
    }
    value_push_list(L, n);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, items, a[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_remove(L, box);
}

/* --- lines --- */

static size_t line_end_at(struct str s, size_t i)
{
    unsigned char c = (unsigned char)s.p[i];
    if (c == '\r')
        return i + 1 < s.n && s.p[i + 1] == '\n' ? 2 : 1;
    if ((c >= '\n' && c <= '\f') || (c >= 0x1c && c <= 0x1e))
        return 1;
    if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] == 0x85)
        return 2;
    if (c == 0xe2 && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0x80 &&
        ((unsigned char)s.p[i + 2] == 0xa8 || (unsigned char)s.p[i + 2] == 0xa9))
        return 3;
    return 0;
}

bool filter_next_line(struct str *rest, struct str *line)
{
    if (rest->n == 0)
        return false;
    size_t i = 0, end = 0;
    while (i < rest->n && !(end = line_end_at(*rest, i)))
        i++;
    *line = (struct str){rest->p, i};
    *rest = str_skip(*rest, i + end);
    return true;
}
