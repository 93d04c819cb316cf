/* A list of names with their values, in order, which grows in an arena: what cookies,
   forms, part headers and parameters are parsed into. */
#ifndef PAIRS_H
#define PAIRS_H

#include "base/arena.h"

struct pair {
    struct str name, value; /* value.p NULL: there is none, as in "no-cache" */
};

struct pairs {
    struct pair *items;
    size_t n, cap;
};

/* An empty list is all zeros. Appends; the bytes are not copied. -1 when memory is out.
 */
int pairs_add(struct pairs *list, struct arena *a, struct str name, struct str value);

/* The first pair of that name, or NULL. Names are compared without ASCII case. */
const struct pair *pairs_find(const struct pairs *list, struct str name);

#endif
