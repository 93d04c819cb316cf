/* Links in plain text. */
#ifndef JINJA_URLIZE_H
#define JINJA_URLIZE_H

#include "jinja/values.h"

struct urlize {
    struct machine *m;
    struct buf *out;
    lua_Integer limit;      /* characters of a link's text, -1: any */
    struct str rel, target; /* p NULL: none */
    struct str policy_rel;  /* words that rel always has */
    bool is_nofollow;
    int schemes; /* a list of more schemes, or 0 */
};

/* Appends the escaped text with its URLs and mail addresses as links. */
void urlize_add(struct urlize *u, struct str text);

#endif
