/* Percent-encoding, both ways. */
#include "base/percent.h"

#include "base/utf8.h"

#define QUERY_SAFE "!$'()*,/:;?@"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that the sequence at p stands for, or -1. */
static int sequence_value(const char *p, size_t n)
{
    if (n < 3 || *p != '%')
        return -1;
    int high = hex_value(p[1]), low = hex_value(p[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

void percent_decode(struct buf *out, struct str s, bool plus_is_space)
{
    char *to = s.n ? buf_reserve(out, s.n) : NULL;
    if (!to)
        return;
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        int byte = sequence_value(s.p + i, s.n - i);
        if (byte >= 0) {
            to[n++] = (char)byte;
            i += 3;
            continue;
        }
        char c = s.p[i++];
        to[n++] = plus_is_space && c == '+' ? ' ' : c;
    }
    out->n += n;
}

bool percent_is_plain(struct str s, bool plus_is_space)
{
    return !s.n || (!memchr(s.p, '%', s.n) && !(plus_is_space && memchr(s.p, '+', s.n)));
}

/* RFC 3986, section 2.3. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '-' || c == '~';
}

/* How many bytes at the start of s may stay as they are. */
static size_t safe_prefix(struct str s, const char *safe)
{
    size_t i = 0;
    while (i < s.n && (is_unreserved(s.p[i]) || (s.p[i] && strchr(safe, s.p[i]))))
        i++;
    return i;
}

static void encode(struct buf *out, struct str s, const char *safe, bool space_is_plus)
{
    static const char hex[] = "0123456789ABCDEF";
    while (s.n) {
        size_t n = safe_prefix(s, safe);
        buf_add(out, s.p, n);
        s = str_skip(s, n);
        if (!s.n)
            return;
        unsigned char c = (unsigned char)*s.p;
        if (space_is_plus && c == ' ')
            buf_addc(out, '+');
        else
            buf_add(out, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
        s = str_skip(s, 1);
    }
}

void percent_encode(struct buf *out, struct str s, const char *safe)
{
    encode(out, s, safe, false);
}

void percent_encode_query(struct buf *out, struct str s)
{
    encode(out, s, QUERY_SAFE, true);
}

/* The bytes that s begins with, raw or as %XX, into `bytes`. Returns how many; widths:
   how much of s stands for each. */
static size_t first_bytes(struct str s, char bytes[4], size_t widths[4])
{
    size_t n = 0;
    while (n < 4 && s.n) {
        int value = sequence_value(s.p, s.n);
        bytes[n] = value < 0 ? *s.p : (char)value;
        widths[n] = value < 0 ? 1 : 3;
        s = str_skip(s, widths[n++]);
    }
    return n;
}

static bool is_readable(char c, bool is_raw)
{
    if ((unsigned char)c <= ' ' || c == 0x7F || c == '#')
        return false;
    return is_raw || !strchr("%&=+", c);
}

void percent_add_readable(struct buf *out, struct str s)
{
    while (s.n) {
        char bytes[4];
        size_t widths[4], width = 0, n = first_bytes(s, bytes, widths);
        int length = utf8_sequence(bytes, n);
        if (length > 1 || (length == 1 && is_readable(*bytes, widths[0] == 1)))
            buf_add(out, bytes, (size_t)length);
        else if (length == 1 && widths[0] == 3)
            buf_add(out, s.p, 3);
        else
            percent_encode(out, (struct str){bytes, 1}, "");
        for (int i = 0; i < (length ? length : 1); i++)
            width += widths[i];
        s = str_skip(s, width);
    }
}
