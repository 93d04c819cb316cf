/* Entity tags (RFC 9110, section 8.8.3), one and in lists. */
#ifndef ETAG_H
#define ETAG_H

#include "base/buf.h"
#include "base/fault.h"

struct etag {
    struct str tag; /* without quotes; .p NULL: there is none */
    bool is_weak;
};

/* Takes the next tag off a list as If-Match and If-None-Match have it; false at the end.
   A tag without quotes is taken as it is (so `*` is the tag "*" with is_star set), what
   is broken behind a tag is passed over up to the next comma. Loop: while
   (etag_next(&rest, &tag, &is_star)) ... */
bool etag_next(struct str *rest, struct etag *tag, bool *is_star);

/* Whether a list has the tag, or is a star. `list`: the value of If-Match or
   If-None-Match. is_strict: the strong comparison (section 8.8.3.2), by which a weak tag
   equals none. A tag of which .p is NULL is in a star only. */
bool etag_is_in(struct str list, struct etag tag, bool is_strict);

/* Appends "tag", or W/"tag". -1 with a fault (500), and nothing appended, for a tag with
   a quote, a space or a control character in it. */
int etag_format(struct buf *out, struct etag tag, struct fault *f);

#endif
