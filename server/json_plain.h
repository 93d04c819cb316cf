/* The bytes of JSON's strings that need no look at each: most of all that is read and
   written. */
#ifndef JSON_PLAIN_H
#define JSON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Repeats a byte in a word. */
#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether a byte of the word is less than n (which is at most 128). */
#define JSON_HAS_LESS(word, n) (((word)-JSON_EACH(n)) & ~(word)&JSON_EACH(0x80))

static inline bool json_is_plain(char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* How many bytes at p are printable ASCII but " and \: by eight, then one by one. */
static inline size_t json_plain_prefix(const char *p, const char *end)
{
    const char *start = p;
    for (; end - p >= 8; p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        if ((word & JSON_EACH(0x80)) | JSON_HAS_LESS(word, 0x20) |
            JSON_HAS_LESS(word ^ JSON_EACH('"'), 1) |
            JSON_HAS_LESS(word ^ JSON_EACH('\\'), 1) |
            JSON_HAS_LESS(word ^ JSON_EACH(0x7F), 1))
            break;
    }
    while (p < end && json_is_plain(*p))
        p++;
    return (size_t)(p - start);
}

#endif
