/* Numbers as text, the same in every locale: printed as Python's repr does, read as
   correctly rounded doubles. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "base/str.h"
#include <stdint.h>

enum {
    NUMBER_INT_SIZE = 24,  /* bytes that number_format_int needs */
    NUMBER_REPR_SIZE = 32, /* bytes that number_format_repr needs */
};

/* Writes the decimal digits of value, with a NUL behind them; returns their number. */
int number_format_int(int64_t value, char out[NUMBER_INT_SIZE]);

/* Writes value as Python's float.__repr__: the shortest digits that read back as the same
   double (of those the nearest), with ".0" when there is no fraction, with an exponent of
   two digits or more from 1e16 on and below 1e-4; "inf", "-inf", "nan". A NUL stands
   behind it; returns the length without that. */
int number_format_repr(double value, char out[NUMBER_REPR_SIZE]);

/* Reads all of text as a decimal number: [+-] digits [. digits] [(e|E) [+-] digits],
   where the digits on one side of the point may be missing. False when it is none. The
   result is correctly rounded, an infinity when it is too large, 0 when it is too small.
   Takes time linear in text's length. */
bool number_parse_double(struct str text, double *value);

#endif
