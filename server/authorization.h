/* The Authorization field (RFC 9110, section 11.6.2): Basic, and others' token or
 * parameters. */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include "pairs.h"

struct authorization {
    struct str type;               /* the scheme in lower case: "basic", "bearer" */
    struct str username, password; /* of Basic only, else .p is NULL */
    struct str token;              /* .p NULL: there are parameters instead */
    struct pairs parameters;       /* a value whose .p is NULL: the key alone was sent */
};

/* Reads a field's value. Strings point into `field` or the arena.
   1; 0 for an empty value, and for Basic whose text is no base64 (RFC 4648, section 4,
   with its padding) of UTF-8 (RFC 7617); -1 when memory is out. */
int authorization_parse(struct arena *a, struct str field, struct authorization *out);

#endif
