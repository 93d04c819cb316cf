/* Characters as Python's str knows them: decoding, classes, case, widths. */
#ifndef JINJA_UNICODE_H
#define JINJA_UNICODE_H

#include "base/buf.h"
#include "base/str.h"
#include <stdint.h>

/* The code point at p, of which n > 0 bytes are there. Returns its length; a broken
   sequence is one byte long and reads as U+FFFD. */
size_t unicode_decode(const char *p, size_t n, uint32_t *c);

/* How many code points s has (broken bytes count one each). Linear. */
size_t unicode_length(struct str s);

/* The byte offset of code point number i, s.n when there are fewer. Linear. */
size_t unicode_offset(struct str s, size_t i);

/* Python's str.isspace, str.isalpha, and what \w matches. */
bool unicode_is_space(uint32_t c);
bool unicode_is_alpha(uint32_t c);
bool unicode_is_word(uint32_t c);
bool unicode_is_digit(uint32_t c);
bool unicode_is_upper(uint32_t c);
bool unicode_is_lower(uint32_t c);
bool unicode_is_printable(uint32_t c);

/* Appends c in upper, lower or title case; one character may become several (ß: SS). */
void unicode_add_upper(struct buf *out, uint32_t c);
void unicode_add_lower(struct buf *out, uint32_t c);
void unicode_add_title(struct buf *out, uint32_t c);

/* Appends all of s in lower case; a sigma at a word's end is the final one. */
void unicode_add_all_lower(struct buf *out, struct str s);

/* 0 to 9 for a decimal digit of any script, else -1. */
int unicode_digit_value(uint32_t c);

/* Without white space (str.strip()) at the left and right end. */
struct str unicode_strip(struct str s, bool is_left, bool is_right);

#endif
