/* The escapes of Python's string literals. */
#ifndef JINJA_STRING_LITERAL_H
#define JINJA_STRING_LITERAL_H

#include "base/buf.h"

/* Appends the literal's value; false with *why, Python's message, when an escape is bad.
 */
bool string_unescape(struct buf *out, struct str s, const char **why);

/* The value of a digit (0-9, a-f, A-F), or 99. */
int string_digit_value(char c);

#endif
