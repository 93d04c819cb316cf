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
    for (; i + 3 <= bytes.n; i += 3) {
        uint32_t group = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *to++ = digits[group >> shift & 63];
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

/* The six bits that c stands for, or -1. *alphabets loses those that c is not of. */
static int digit_value(char c, unsigned *alphabets)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '/')
        *alphabets &= BASE64_STANDARD;
    else if (c == '-' || c == '_')
        *alphabets &= BASE64_URLSAFE;
    else
        return -1;
    return c == '+' || c == '-' ? 62 : 63;
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

bool base64_decode(struct str text, unsigned forms, char *out, size_t *n)
{
    unsigned alphabets = forms & (BASE64_STANDARD | BASE64_URLSAFE);
    uint32_t bits = 0;
    int n_bits = 0;
    *n = 0;
    if (!cut_padding(&text, forms))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int value = digit_value(text.p[i], &alphabets);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[(*n)++] = (char)(bits >> n_bits);
        }
    }
    return alphabets != 0 && (bits & ((1u << n_bits) - 1)) == 0;
}
