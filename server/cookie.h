/* Cookies: the request's Cookie field taken apart, and a Set-Cookie value put together.
 */
#ifndef COOKIE_H
#define COOKIE_H

#include "base/buf.h"
#include "base/fault.h"
#include "pairs.h"
#include <stdint.h>

/* Appends the cookies of one Cookie field to *out, in order, a name as often as it was
   sent. As in Werkzeug: space around names and values goes; a part without "=" is a name
   with an empty value; one without a name is skipped; a value in double quotes may hold
   semicolons and is unquoted (\" \\ and \ooo). Names and values are valid UTF-8, those
   that came as something else read as Latin-1. They point into `field` or into the arena.
   0, or -1 when memory is out. */
int cookie_parse(struct arena *a, struct str field, struct pairs *out);

/* Sets *found to the value of the field's first cookie of that name, as cookie_parse has
   it; leaves it when there is none. 0, or -1 when memory is out. */
int cookie_find(struct arena *a, struct str field, struct str name, struct str *found);

struct cookie {
    struct str name, value;
    struct str domain, path; /* .p NULL: left out */
    bool has_max_age, has_expires;
    int64_t max_age; /* seconds */
    int64_t expires; /* seconds since 1970; by default now + max_age, if that is given */
    struct str samesite; /* "Strict", "Lax" or "None" in any case; .p NULL: left out */
    bool is_secure, is_httponly;
    bool is_partitioned; /* implies is_secure */
};

/* Appends a Set-Cookie field's value, with the attributes in Werkzeug's order. A value
   with bytes that RFC 6265 keeps out is put in quotes, those bytes as \ooo; the path is
   percent-encoded; a port and leading dots of the domain go.
   `now`: seconds since 1970.
   -1 with a fault (500) for a name that is empty or has a control character, space or one
   of = ; , " \ in it; for a control character in domain or path; for a domain that is not
   made of ASCII letters, digits, hyphens, dots (or an IPv6 address's colons in brackets);
   for a wrong samesite. Nothing is appended then. */
int cookie_format(struct buf *out, const struct cookie *c, int64_t now, struct fault *f);

/* A Set-Cookie field's value but for the cookie's own: one that is sent with every answer
   is formatted once. All zeros at first. */
struct cookie_frame {
    struct cookie cookie; /* of which it is made; its strings lie in `text` */
    struct buf text;      /* the field's value, and those strings behind it */
    size_t n, before; /* bytes of the field's value; of these before the cookie's own */
};

/* Makes it that of a cookie without times, whose value is left aside, unless it is
   already. Faults as cookie_format's, and 503 when memory is out; it is empty then. */
int cookie_frame_set(struct cookie_frame *f, const struct cookie *c, struct fault *fault);

/* The field's value, in the arena, for a cookie's value of bytes that need no quotes; .p
   NULL when memory is out. */
struct str cookie_framed(const struct cookie_frame *f, struct arena *a, struct str value);

void cookie_frame_clear(struct cookie_frame *f);

#endif
