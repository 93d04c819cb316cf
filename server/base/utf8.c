/* UTF-8: checking, repairing, encoding. */
#include "base/utf8.h"

#include "base/words.h"

/* The range of the second byte differs with the first: this is what shuts out overlong
   forms and surrogates (RFC 3629, section 4). */
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return second >= 0x80 && second <= 0xBF;
    }
}

static int length_by_first(unsigned char c)
{
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    return c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* How many bytes at p begin a sequence properly, the whole of it or a maximal subpart. */
static int proper_bytes(const unsigned char *p, size_t n, int length)
{
    int i = 1;
    while (i < length && (size_t)i < n &&
           (i == 1 ? second_fits(p[0], p[1]) : (p[i] & 0xC0) == 0x80))
        i++;
    return i;
}

int utf8_sequence(const char *p, size_t n)
{
    if (n == 0)
        return 0;
    int length = length_by_first((unsigned char)*p);
    return length && proper_bytes((const unsigned char *)p, n, length) == length ? length
                                                                                 : 0;
}

size_t utf8_valid_prefix(struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8 && !WORD_HAS_HIGH(word_at(s.p + i))) {
            i += 8;
            continue;
        }
        if ((unsigned char)s.p[i] < 0x80) {
            i++;
            continue;
        }
        int length = utf8_sequence(s.p + i, s.n - i);
        if (!length)
            break;
        i += (size_t)length;
    }
    return i;
}

void utf8_add_repaired(struct buf *out, struct str s)
{
    while (s.n) {
        size_t good = utf8_valid_prefix(s);
        buf_add(out, s.p, good);
        s = str_skip(s, good);
        if (!s.n)
            return;
        int length = length_by_first((unsigned char)*s.p);
        int bad = length ? proper_bytes((const unsigned char *)s.p, s.n, length) : 1;
        buf_add(out, "\xEF\xBF\xBD", 3);
        s = str_skip(s, (size_t)bad);
    }
}

void utf8_add(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xC0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xE0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_addc(out, (char)(0xF0 | c >> 18));
        buf_addc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_addc(out, (char)(0x80 | (c & 0x3F)));
    }
}

void utf8_add_latin1(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        utf8_add(out, (unsigned char)s.p[i]);
}
