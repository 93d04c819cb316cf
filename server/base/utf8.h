/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing beyond U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"
#include <stdint.h>

/* The length (1 to 4) of the sequence at p, of which n bytes are there; 0 when it is
 * none. */
int utf8_sequence(const char *p, size_t n);

/* How many bytes at the start of s are valid; s.n when all of them are. */
size_t utf8_valid_prefix(struct str s);

static inline bool utf8_is_valid(struct str s)
{
    return utf8_valid_prefix(s) == s.n;
}

/* Appends s with each maximal broken part replaced by U+FFFD, as the Unicode standard's
   "substitution of maximal subparts" and Python's errors="replace" do. */
void utf8_add_repaired(struct buf *out, struct str s);

/* Appends bytes read as Latin-1, encoded as UTF-8. */
void utf8_add_latin1(struct buf *out, struct str s);

/* Appends one code point (at most 0x10FFFF). */
void utf8_add(struct buf *out, uint32_t code_point);

#endif
