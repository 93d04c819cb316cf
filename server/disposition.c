/* Content-Disposition. */
#include "disposition.h"

#include "base/percent.h"
#include "base/utf8.h"
#include "field.h"

/* The ASCII letters of U+00A0 to U+023F and of U+1E00 to U+1EFF: what is left of each
   character's compatibility decomposition (Unicode's NFKD), if one letter is, else a dot.
 */
static const char latin[] =
    " ....... .a.... ..23 ... 1o.....AAAAAA.CEEEEIIII.NOOOOO..UUUUY.."
    "aaaaaa.ceeeeiiii.nooooo..uuuuy.yAaAaAaCcCcCcCcDd..EeEeEeEeEeGgGg"
    "GgGgHh..IiIiIiIiI...JjKk.LlLlLlLl..NnNnNnn..OoOoOo..RrRrRrSsSsSs"
    "SsTtTt..UuUuUuUuUuUuWwYyYZzZzZzs................................"
    "Oo.............Uu............................AaIiOoUuUuUuUuUu.Aa"
    "Aa....GgKkOoOo..j...Gg..NnAa....AaAaEeEeIiIiOoOoRrRrUuUuSsTt..Hh"
    "......AaEeOoOoOoOoYy............";
static const char latin_additional[] =
    "AaBbBbBbCcDdDdDdDdDdEeEeEeEeEeFfGgHhHhHhHhHhIiIiKkKkKkLlLlLlLlMm"
    "MmMmNnNnNnNnOoOoOoOoPpPpRrRrRrRrSsSsSsSsSsTtTtTtTtUuUuUuUuUuVvVv"
    "WwWwWwWwWwXxXxYyZzZzZzhtwyas....AaAaAaAaAaAaAaAaAaAaAaAaEeEeEeEe"
    "EeEeEeEeIiIiOoOoOoOoOoOoOoOoOoOoOoOoUuUuUuUuUuUuUuYyYyYyYy......";

static uint32_t code_point(const char *p, int length)
{
    uint32_t c = (unsigned char)*p & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3F);
    return c;
}

/* 0 for none. */
static char ascii_likeness(uint32_t c)
{
    char like = '.';
    if (c >= 0xA0 && c < 0xA0 + sizeof latin - 1)
        like = latin[c - 0xA0];
    else if (c >= 0x1E00 && c < 0x1E00 + sizeof latin_additional - 1)
        like = latin_additional[c - 0x1E00];
    else if (c >= 0xFF01 && c <= 0xFF5E) /* full-width forms */
        return (char)(c - 0xFF01 + '!');
    return like == '.' ? '\0' : like;
}

static void add_ascii(struct buf *out, struct str name)
{
    while (name.n) {
        int length = utf8_sequence(name.p, name.n);
        char c = length == 1 ? *name.p : ascii_likeness(code_point(name.p, length));
        if (c)
            buf_addc(out, c);
        name = str_skip(name, (size_t)length);
    }
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return true;
    return false;
}

int disposition_format(struct buf *out, bool is_attachment, struct str name,
                       struct fault *f)
{
    if (has_control(name) || !utf8_is_valid(name))
        return fault_set(f, 500,
                         "a download's name must be UTF-8 without control characters");
    buf_addstr(out, is_attachment ? STR("attachment") : STR("inline"));
    if (!name.p)
        return 0;
    struct buf ascii = {0};
    add_ascii(&ascii, name);
    buf_addstr(out, STR("; filename="));
    field_add_quoted(out, buf_str(&ascii));
    out->is_exhausted |= ascii.is_exhausted;
    buf_free(&ascii);
    if (!is_ascii(name)) {
        buf_addstr(out, STR("; filename*=UTF-8''"));
        percent_encode(out, name, "!#$&+-.^_`|~"); /* RFC 8187's attr-char */
    }
    return 0;
}
