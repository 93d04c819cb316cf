/* Base64, both ways. */
#include "base/base64.h"

#include <stdint.h>

static const char standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char urlsafe[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encode(struct str bytes, unsigned form, char *out)
{
    const char *digits = form & BASE64_URLSAFE ? urlsafe : standard;
    const unsigned char *p = (const unsigned char *)bytes.p;
    char *to = out;
    size_t i = 0;
    for (; i + 3 <= bytes.n; i += 3, to += 4) {
        unsigned first = p[i], second = p[i + 1], third = p[i + 2];
        to[0] = digits[first >> 2];
        to[1] = digits[(first << 4 | second >> 4) & 63];
        to[2] = digits[(second << 2 | third >> 6) & 63];
        to[3] = digits[third & 63];
    }
    size_t rest = bytes.n - i;
    if (!rest)
        return (size_t)(to - out);
    uint32_t group = (uint32_t)p[i] << 16 | (rest == 2 ? (uint32_t)p[i + 1] << 8 : 0);
    for (size_t k = 0; k <= rest; k++)
        *to++ = digits[group >> (18 - 6 * k) & 63];
    for (size_t k = rest; k < 3 && form & BASE64_PADDED; k++)
        *to++ = '=';
    return (size_t)(to - out);
}

#define NONE 64

/* The six bits that a byte stands for, in either alphabet. */
/* clang-format off */
static const unsigned char digit_values[256] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 62, 64, 62, 64, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64,
    64, 64, 64, 64, 64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63, 64, 26, 27, 28,
    29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};
/* clang-format on */

/* The six bits that c stands for, or NONE. *alphabets loses those that c is not of. */
static inline unsigned digit_value(char c, unsigned *alphabets)
{
    unsigned value = digit_values[(unsigned char)c];
    if (value == 62)
        *alphabets &= c == '+' ? BASE64_STANDARD : BASE64_URLSAFE;
    else if (value == 63)
        *alphabets &= c == '/' ? BASE64_STANDARD : BASE64_URLSAFE;
    return value;
}

/* Takes the padding off. False when it is not as `forms` has it. */
static bool cut_padding(struct str *text, unsigned forms)
{
    size_t n = 0;
    while (n < 2 && n < text->n && text->p[text->n - 1 - n] == '=')
        n++;
    bool is_whole = text->n % 4 == 0;
    text->n -= n;
    if (text->n % 4 == 1)
        return false;
    if (n > 0)
        return is_whole && forms & BASE64_PADDED;
    return is_whole || forms & BASE64_UNPADDED;
}

/* The bits of the n (2 to 4) digits at p, the first one's highest; NONE << 24 or more
   when one of them is no digit. */
static uint32_t read_group(const char *p, size_t n, unsigned *alphabets)
{
    uint32_t bits = 0, all = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned value = i < n ? digit_value(p[i], alphabets) : 0;
        all |= value;
        bits = bits << 6 | (value & 63);
    }
    return bits | (all & NONE) << 24;
}

bool base64_decode(struct str text, unsigned forms, char *out, size_t *n)
{
    unsigned alphabets = forms & (BASE64_STANDARD | BASE64_URLSAFE);
    char *to = out;
    *n = 0;
    if (!cut_padding(&text, forms))
        return false;
    size_t i = 0;
    for (; i + 4 <= text.n; i += 4, to += 3) {
        uint32_t bits = read_group(text.p + i, 4, &alphabets);
        if (bits >> 24)
            return false;
        to[0] = (char)(bits >> 16);
        to[1] = (char)(bits >> 8);
        to[2] = (char)bits;
    }
    size_t rest = text.n - i;
    if (rest) {
        uint32_t bits = read_group(text.p + i, rest, &alphabets);
        if (bits >> 24 || bits & (rest == 2 ? 0xFFFF : 0xFF))
            return false;
        *to++ = (char)(bits >> 16);
        if (rest == 3)
            *to++ = (char)(bits >> 8);
    }
    *n = (size_t)(to - out);
    return alphabets != 0;
}
