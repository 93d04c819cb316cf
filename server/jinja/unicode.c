/* Python's view of characters, by the C library's tables for UTF-8. */
#include "jinja/unicode.h"
#include "base/utf8.h"
#include <locale.h>
#include <pthread.h>
#include <wctype.h>

static locale_t tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* The process' locale stays as it is: only these calls see C.UTF-8. */
static void open_tables(void)
{
    tables = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!tables)
        tables = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

static locale_t table(void)
{
    pthread_once(&tables_once, open_tables);
    return tables;
}

size_t unicode_decode(const char *p, size_t n, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)p;
    int len = *u < 0x80 ? 1 : utf8_sequence(p, n);
    switch (len) {
    case 1:
        *c = u[0];
        return 1;
    case 2:
        *c = (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
        return 2;
    case 3:
        *c = (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
        return 3;
    case 4:
        *c = (u[0] & 7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 |
             (u[3] & 0x3fu);
        return 4;
    default:
        *c = 0xfffd;
        return 1;
    }
}

size_t unicode_length(struct str s)
{
    size_t count = 0;
    uint32_t c;
    for (size_t i = 0; i < s.n; count++)
        i += (unsigned char)s.p[i] < 0x80 ? 1 : unicode_decode(s.p + i, s.n - i, &c);
    return count;
}

size_t unicode_offset(struct str s, size_t i)
{
    size_t at = 0;
    uint32_t c;
    for (; i > 0 && at < s.n; i--)
        at += (unsigned char)s.p[at] < 0x80 ? 1 : unicode_decode(s.p + at, s.n - at, &c);
    return at;
}

bool unicode_is_space(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f) || c == 0x85 ||
           c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The C library calls digits of other scripts letters; Python does not. */
int unicode_digit_value(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (int)(c - '0');
    static const uint32_t zeros[] = {0x660, 0x6f0, 0x7c0,  0x966,  0x9e6,  0xa66, 0xae6,
                                     0xb66, 0xbe6, 0xc66,  0xce6,  0xd66,  0xde6, 0xe50,
                                     0xed0, 0xf20, 0x1040, 0x17e0, 0x1810, 0xff10};
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (c >= zeros[i] && c < zeros[i] + 10)
            return (int)(c - zeros[i]);
    return -1;
}

static bool is_other_digit(uint32_t c)
{
    return c >= 0x80 && unicode_digit_value(c) >= 0;
}

static bool is_ascii_letter(uint32_t c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

bool unicode_is_alpha(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c);
    return iswalpha_l((wint_t)c, table()) && !is_other_digit(c);
}

bool unicode_is_digit(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 0x80 && is_other_digit(c)) || c == 0xb2 ||
           c == 0xb3 || c == 0xb9;
}

bool unicode_is_word(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_letter(c) || (c >= '0' && c <= '9') || c == '_';
    return iswalnum_l((wint_t)c, table()) || is_other_digit(c) || c == 0xb2 ||
           c == 0xb3 || c == 0xb9 || (c >= 0xbc && c <= 0xbe);
}

bool unicode_is_upper(uint32_t c)
{
    return c < 0x80 ? c >= 'A' && c <= 'Z' : iswupper_l((wint_t)c, table()) != 0;
}

bool unicode_is_lower(uint32_t c)
{
    return c < 0x80 ? c >= 'a' && c <= 'z'
                    : iswlower_l((wint_t)c, table()) != 0 || c == 0xaa || c == 0xba;
}

bool unicode_is_printable(uint32_t c)
{
    if (c < 0x80)
        return c >= 32 && c < 127;
    if (c == 0xa0 || c == 0xad || unicode_is_space(c) || (c >= 0xe000 && c <= 0xf8ff))
        return false;
    if (c == 0x200b || c == 0xfeff || (c >= 0x200c && c <= 0x200f) ||
        (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f))
        return false;
    return iswprint_l((wint_t)c, table()) != 0;
}

/* Characters whose upper case is longer than one character. */
static const struct {
    uint32_t from, upper[3], title[3];
} special[] = {
    {0xdf, {'S', 'S'}, {'S', 's'}},
    {0x149, {0x2bc, 'N'}, {0x2bc, 'N'}},
    {0x1f0, {'J', 0x30c}, {'J', 0x30c}},
    {0x587, {0x535, 0x552}, {0x535, 0x582}},
    {0x1e9e, {0x1e9e}, {0x1e9e}},
    {0xfb00, {'F', 'F'}, {'F', 'f'}},
    {0xfb01, {'F', 'I'}, {'F', 'i'}},
    {0xfb02, {'F', 'L'}, {'F', 'l'}},
    {0xfb03, {'F', 'F', 'I'}, {'F', 'f', 'i'}},
    {0xfb04, {'F', 'F', 'L'}, {'F', 'f', 'l'}},
    {0xfb05, {'S', 'T'}, {'S', 't'}},
    {0xfb06, {'S', 'T'}, {'S', 't'}},
    {0x1c4, {0x1c4}, {0x1c5}},
    {0x1c6, {0x1c4}, {0x1c5}},
    {0x1c7, {0x1c7}, {0x1c8}},
    {0x1c9, {0x1c7}, {0x1c8}},
    {0x1ca, {0x1ca}, {0x1cb}},
    {0x1cc, {0x1ca}, {0x1cb}},
    {0x1f1, {0x1f1}, {0x1f2}},
    {0x1f3, {0x1f1}, {0x1f2}},
};

static bool add_special(struct buf *out, uint32_t c, bool is_title)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (special[i].from != c)
            continue;
        const uint32_t *to = is_title ? special[i].title : special[i].upper;
        for (int k = 0; k < 3 && to[k]; k++)
            utf8_add(out, to[k]);
        return true;
    }
    return false;
}

void unicode_add_upper(struct buf *out, uint32_t c)
{
    if (c < 0x80)
        buf_addc(out, (char)(c >= 'a' && c <= 'z' ? c - 32 : c));
    else if (!add_special(out, c, false))
        utf8_add(out, (uint32_t)towupper_l((wint_t)c, table()));
}

void unicode_add_title(struct buf *out, uint32_t c)
{
    if (c < 0x80 || !add_special(out, c, true))
        unicode_add_upper(out, c);
}

void unicode_add_lower(struct buf *out, uint32_t c)
{
    if (c < 0x80)
        buf_addc(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    else if (c == 0x130)
        buf_addstr(out, STR("i\xcc\x87"));
    else
        utf8_add(out, (uint32_t)towlower_l((wint_t)c, table()));
}

void unicode_add_all_lower(struct buf *out, struct str s)
{
    uint32_t c, next;
    bool is_inside = false;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        bool is_letter = unicode_is_alpha(c);
        bool is_last = i >= s.n ||
                       (unicode_decode(s.p + i, s.n - i, &next), !unicode_is_alpha(next));
        if (c == 0x3a3 && is_inside && is_last)
            utf8_add(out, 0x3c2);
        else
            unicode_add_lower(out, c);
        is_inside = is_letter;
    }
}

struct str unicode_strip(struct str s, bool is_left, bool is_right)
{
    size_t from = 0, keep = 0;
    bool is_begun = !is_left;
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        size_t n = unicode_decode(s.p + i, s.n - i, &c);
        if (!unicode_is_space(c)) {
            if (!is_begun)
                from = i;
            is_begun = true;
            keep = i + n;
        }
        i += n;
    }
    if (!is_begun)
        return (struct str){s.p, 0};
    size_t end = is_right ? keep : s.n;
    return (struct str){s.p + from, end > from ? end - from : 0};
}
