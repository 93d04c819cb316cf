/* Escapes: what stands behind a backslash. */
#include "jinja/string_literal.h"
#include "base/utf8.h"
#include "jinja/char_name.h"

int string_digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
}

/* Python's simple escapes; 0 when c is none. */
static char simple_escape(char c)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : 0;
}

/* \xXX, \uXXXX, \UXXXXXXXX at p (behind the letter); NULL with *why when it is bad. */
static const char *hex_escape(const char *p, const char *end, char kind, struct buf *out,
                              const char **why)
{
    int want = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
    uint32_t c = 0;
    for (int i = 0; i < want; i++, p++) {
        if (p >= end || string_digit_value(*p) > 15) {
            *why = kind == 'x'   ? "truncated \\xXX escape"
                   : kind == 'u' ? "truncated \\uXXXX escape"
                                 : "truncated \\UXXXXXXXX escape";
            return NULL;
        }
        c = c * 16 + (uint32_t)string_digit_value(*p);
    }
    if (c > 0x10ffff) {
        *why = "illegal Unicode character";
        return NULL;
    }
    utf8_add(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return p;
}

static const char *octal_escape(const char *p, const char *end, struct buf *out)
{
    uint32_t c = 0;
    for (int i = 0; i < 3 && p < end && *p >= '0' && *p <= '7'; i++, p++)
        c = c * 8 + (uint32_t)(*p - '0');
    utf8_add(out, c);
    return p;
}

/* {NAME} at p. */
static const char *named_escape(const char *p, const char *end, struct buf *out,
                                const char **why)
{
    const char *close = p < end && *p == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
    if (!close || close == p + 1) {
        *why = "malformed \\N character escape";
        return NULL;
    }
    uint32_t c = char_name_find((struct str){p + 1, (size_t)(close - p) - 1});
    if (!c) {
        *why = "unknown Unicode character name";
        return NULL;
    }
    utf8_add(out, c);
    return close + 1;
}

/* One escape; p stands behind the backslash. */
static const char *unescape_one(const char *p, const char *end, struct buf *out,
                                const char **why)
{
    char c = *p;
    if (c == '\n')
        return p + 1;
    if (c == 'x' || c == 'u' || c == 'U')
        return hex_escape(p + 1, end, c, out, why);
    if (c >= '0' && c <= '7')
        return octal_escape(p, end, out);
    if (c == 'N')
        return named_escape(p + 1, end, out, why);
    char simple = simple_escape(c);
    if (simple) {
        buf_addc(out, simple);
        return p + 1;
    }
    buf_addc(out, '\\');
    return p;
}

bool string_unescape(struct buf *out, struct str s, const char **why)
{
    const char *p = s.p, *end = s.p + s.n;
    while (p && p < end) {
        if (*p != '\\' || p + 1 == end)
            buf_addc(out, *p++);
        else
            p = unescape_one(p + 1, end, out, why);
    }
    return p != NULL;
}
