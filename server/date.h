/* HTTP dates: seconds since 1970 to text and back, in no locale but HTTP's own. */
#ifndef DATE_H
#define DATE_H

#include "base/str.h"
#include <stdint.h>

#define DATE_LENGTH 29 /* of "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes t (seconds since 1970, UTC) as an IMF-fixdate (RFC 9110, section 5.6.7) and a
   NUL. What lies outside the years 1 to 9999 is written as the nearest second inside. */
void date_format(char out[DATE_LENGTH + 1], int64_t t);

/* The seconds since 1970 that s names in one of the three forms of RFC 9110,
   section 5.6.7 (IMF-fixdate, RFC 850's, asctime's), with space around it allowed; -1
   when it is no date. As with mktime, the one second before 1970 can't be told from an
   error. */
int64_t date_parse(struct str s);

/* The same for a given "now" (seconds since 1970), which decides what the two digits of
   the year in RFC 850's form mean: the century that puts it at most 50 years into the
   future. */
int64_t date_parse_at(struct str s, int64_t now);

#endif
