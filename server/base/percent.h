/* Percent-encoding of URLs and forms: RFC 3986, section 2.1, and the WHATWG URL Standard.
 */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/buf.h"

/* What stands unencoded in a path besides letters, digits and _.-~ (the URL Standard's
   path segment string, and a slash). */
#define PERCENT_PATH_SAFE "!$&'()*+,/:;=@"

/* Appends s with each %XX (either case) replaced by its byte; a broken sequence stays
   text. plus_is_space: '+' becomes a space, as in application/x-www-form-urlencoded. The
   bytes that come out may be anything; utf8_add_repaired makes text of them. */
void percent_decode(struct buf *out, struct str s, bool plus_is_space);

/* Appends s with each byte but A-Z a-z 0-9 _ . - ~ and those in `safe` as %XX, in
   capitals. safe: a string of ASCII characters; "" for none. */
void percent_encode(struct buf *out, struct str s, const char *safe);

/* Appends a name or a value of a query: as percent_encode, a space as '+', with the
   characters unencoded that Werkzeug leaves so. */
void percent_encode_query(struct buf *out, struct str s);

/* Appends s, a URL's query, as people read it (an IRI, as Werkzeug 3's): what is UTF-8
   stands as it is, whether it came raw or as %XX. Encoded stay spaces, controls, % & = +
   # and the bytes of what is no UTF-8. */
void percent_add_readable(struct buf *out, struct str s);

/* Whether percent_decode would give the same bytes: a cheap test before a copy is made.
 */
bool percent_is_plain(struct str s, bool plus_is_space);

#endif
