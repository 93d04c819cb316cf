/* What a client accepts: Accept, Accept-Language, Accept-Charset, Accept-Encoding (RFC
   9110, section 12.5), matched as Werkzeug does. */
#ifndef ACCEPT_H
#define ACCEPT_H

#include "base/arena.h"

enum accept_kind {
    ACCEPT_MIMETYPES,
    ACCEPT_LANGUAGES,
    ACCEPT_CHARSETS,
    ACCEPT_ENCODINGS,
};

struct accept_item {
    struct str value; /* with its parameters, but for q: "text/html; level=1" */
    double quality;   /* 0 to 1 */
    int specificity;  /* more is more specific */
};

/* The most specific items stand first, of equally specific ones the best, of those the
   one that was sent first. */
struct accept {
    enum accept_kind kind;
    struct accept_item *items;
    size_t n;
};

/* Reads a field's value, which may be empty: then nothing is accepted in so many words.
   Items with a broken q are left out. Strings point into `field` or the arena. 0, or -1
   when memory is out. */
int accept_parse(struct arena *a, enum accept_kind kind, struct str field,
                 struct accept *out);

/* Whether `value` is something to ask about: of a mimetype, type/subtype is expected. */
bool accept_is_proper(enum accept_kind kind, struct str value);

/* The first item that matches `value` (which is proper), or NULL. Its quality may be 0.
 */
const struct accept_item *accept_find(const struct accept *accept, struct str value);

/* Which of the n values the client likes best: its index, or -1 for none. The highest
   quality wins, then the most specific item, then the first value. Of languages, if none
   matches, those by the first part alone: accepted "en-US" by "en", then "en" by "en-US".
 */
int accept_best_match(const struct accept *accept, const struct str *values, size_t n);

#endif
