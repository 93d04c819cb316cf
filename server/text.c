/* Request bytes as UTF-8: what is valid already stays where it is. */
#include "text.h"

#include "base/utf8.h"

struct str text_from_latin1(struct arena *a, struct str s)
{
    size_t high = 0;
    for (size_t i = 0; i < s.n; i++)
        high += (unsigned char)s.p[i] >> 7;
    if (!high)
        return s;
    char *to = arena_alloc(a, s.n + high);
    if (!to)
        return (struct str){NULL, 0};
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80) {
            to[n++] = (char)c;
        } else {
            to[n++] = (char)(0xC0 | c >> 6);
            to[n++] = (char)(0x80 | (c & 0x3F));
        }
    }
    return (struct str){to, n};
}

struct str text_from_header(struct arena *a, struct str s)
{
    return utf8_is_valid(s) ? s : text_from_latin1(a, s);
}

struct str text_repaired(struct arena *a, struct str s)
{
    if (utf8_is_valid(s))
        return s;
    struct buf b = {0};
    utf8_add_repaired(&b, s);
    struct str copy = b.is_exhausted ? (struct str){NULL, 0} : arena_copy(a, buf_str(&b));
    buf_free(&b);
    return copy;
}
