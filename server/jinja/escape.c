/* HTML escaping: & < > ' " as MarkupSafe writes them. */
#include "jinja/values.h"

/* 0 for bytes that stay; else 1 + the number of the replacement. */
static const unsigned char special[256] = {
    ['&'] = 1, ['<'] = 2, ['>'] = 3, ['\''] = 4, ['"'] = 5};
static const struct str replacements[] = {
    {"&amp;", 5}, {"&lt;", 4}, {"&gt;", 4}, {"&#39;", 5}, {"&#34;", 5}};

void escape_add(struct machine *m, struct buf *b, struct str s)
{
    const char *p = s.p, *end = s.p + s.n;
    while (p < end) {
        const char *from = p;
        while (p < end && !special[(unsigned char)*p])
            p++;
        if (p > from)
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
