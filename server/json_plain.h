/* The bytes of JSON's strings that need no look at each: most of all that is read and
   written. */
#ifndef JSON_PLAIN_H
#define JSON_PLAIN_H

#include "base/words.h"
#include <stdbool.h>
#include <stddef.h>

static inline bool json_is_plain(char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

/* How many bytes at p are printable ASCII but " and \: by eight, then one by one. */
static inline size_t json_plain_prefix(const char *p, const char *end)
{
    const char *start = p;
    for (; end - p >= 8; p += 8) {
        uint64_t word = word_at(p);
        if (WORD_HAS_HIGH(word) | WORD_HAS_LESS(word, 0x20) | WORD_HAS(word, '"') |
            WORD_HAS(word, '\\') | WORD_HAS(word, 0x7F))
            break;
    }
    while (p < end && json_is_plain(*p))
        p++;
    return (size_t)(p - start);
}

#endif
