/* Ranges: the Range field against a length, and Content-Range (RFC 9110, section 14). */
#ifndef RANGE_H
#define RANGE_H

#include "base/buf.h"
#include <stdint.h>

#define RANGE_OPEN INT64_MAX

struct range {
    bool is_suffix; /* the last `first` bytes */
    int64_t first;
    int64_t end; /* exclusive; RANGE_OPEN: to the end of it all */
};

/* Cuts "bytes=0-9,20-" into its unit (trimmed) and the list of ranges; false if there is
   no equals sign. */
bool range_split(struct str field, struct str *units, struct str *list);

/* Takes the next range off the list. 1; 0 at the end; -1 for one that is broken. Numbers
   beyond 64 bits count as the largest. */
int range_next(struct str *list, struct range *range);

enum range_outcome {
    RANGE_WHOLE, /* 200 and everything: no range, an unknown unit, several ranges */
    RANGE_PART,  /* 206 and the bytes from *first up to, but without, *end */
    RANGE_UNSATISFIABLE, /* 416: broken, or all ranges lie behind the end */
};

/* What a Range field (.p NULL: there is none) asks of `length` bytes. A part may be all
   of them: of 1,000 bytes the last 5,000 are 0 to 999. */
enum range_outcome range_resolve(struct str field, uint64_t length, uint64_t *first,
                                 uint64_t *end);

/* Appends "bytes 0-9/100", for first <= end - 1 < length. */
void range_add_content_range(struct buf *out, uint64_t first, uint64_t end,
                             uint64_t length);

/* Appends what a 416 says: bytes, an asterisk, and the length that there is. */
void range_add_unsatisfied(struct buf *out, uint64_t length);

#endif
