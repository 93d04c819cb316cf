/* HTML escaping: & < > ' " as MarkupSafe writes them. */
#include "base/words.h"
#include "jinja/values.h"
#include <endian.h>

/* 0 for bytes that stay; else 1 + the number of the replacement. */
static const unsigned char special[256] = {
    ['&'] = 1, ['<'] = 2, ['>'] = 3, ['\''] = 4, ['"'] = 5};
static const struct str replacements[] = {
    {"&amp;", 5}, {"&lt;", 4}, {"&gt;", 4}, {"&#39;", 5}, {"&#34;", 5}};

/* The lowest bit that is set lies in the first special byte of the eight: & and ' differ
   in their lowest bit only, < and > in the next. */
static uint64_t find_special_of(uint64_t eight)
{
    return WORD_HAS(eight | WORD_EACH(1), '\'') | WORD_HAS(eight | WORD_EACH(2), '>') |
           WORD_HAS(eight, '"');
}

/* Where the first special byte stands, or the end. */
static const char *find_special(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t found = find_special_of(le64toh(word_at(p)));
        if (found)
            return p + __builtin_ctzll(found) / 8;
    }
    while (p < end && !special[(unsigned char)*p])
        p++;
    return p;
}

void escape_add(struct machine *m, struct buf *b, struct str s)
{
    const char *p = s.p, *end = s.p + s.n;
    while (p < end) {
        const char *from = p;
        p = find_special(p, end);
        buf_add(b, from, (size_t)(p - from));
        if (p < end)
            buf_addstr(b, replacements[special[(unsigned char)*p++] - 1]);
    }
    machine_need(m, b, 0);
}

void escape_add_value(struct machine *m, struct buf *b, int i)
{
    lua_State *L = m->L;
    i = lua_absindex(L, i);
    switch (lua_type(L, i)) {
    case LUA_TSTRING:
        escape_add(m, b, object_text(L, i));
        return;
    case LUA_TNUMBER:
    case LUA_TBOOLEAN:
        repr_add_str(m, b, i);
        return;
    default:
        break;
    }
    enum kind k = object_kind(L, i);
    if (k == K_MARKUP || k == K_MODULE) {
        repr_add_str(m, b, i);
        return;
    }
    struct buf *text = machine_scratch(m);
    repr_add_str(m, text, i);
    escape_add(m, b, buf_str(text));
    m->n_scratch--;
}
