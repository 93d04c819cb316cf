/* A rule's text taken apart: pieces for building URLs, parts for matching them. */
#ifndef RULE_H
#define RULE_H

#include "converter.h"

enum {
    RULE_MOST_BYTES = 4000,   /* of a rule's text */
    RULE_MOST_PARTS = 128,    /* slashes; as deep may the search recurse */
    RULE_MOST_VARIABLES = 32, /* in a host and a rule together */
};

/* Text, or a variable. */
struct rule_piece {
    struct str text;                   /* of a variable: its name */
    const struct converter *converter; /* NULL: text */
};

/* What decides the order in which the parts at one place are tried: Werkzeug's. More
   texts come first, of as many those with longer ones, then more variables, then lighter
   ones. */
struct rule_weight {
    const int *texts; /* the lengths, in code points */
    size_t texts_n;
    const int *variables; /* their converters' weights */
    size_t variables_n;
};

/* What matches one segment of a path (between slashes), or a host, or, when a converter
   in it takes slashes, all that is left of the path. */
struct rule_part {
    struct str key;   /* equal keys: equal matches; for a static part its text */
    bool is_static;   /* text only */
    bool takes_rest;  /* the last part but for the empty one of a slash at the end */
    bool is_suffixed; /* takes_rest, and the rule ends in a slash, which is not in pieces
                       */
    const struct rule_piece *pieces; /* no two texts side by side */
    size_t pieces_n;
    struct rule_weight weight;
};

/* One text, a host's or a path's, parsed. */
struct rule_text {
    const struct rule_piece *pieces; /* slashes are in the texts */
    size_t pieces_n;
    const struct rule_part *parts; /* "/a/<b>/" has three: a, <b> and an empty one */
    size_t parts_n;
};

/* Parses a path's rule, which must begin with a slash. merge_slashes: doubled ones count
   as one. What *out leads to lives in the maker's arena. -1 and a fault: malformed, an
   unknown converter, a name that is there twice (or in `before`, when it isn't NULL), too
   long. May raise, as converter_new. */
int rule_parse(const struct converter_maker *maker, struct str text, bool merge_slashes,
               const struct rule_text *before, struct rule_text *out,
               struct fault *fault);

/* Parses a host's rule, "<user>.example.com", which is one part, in lower case. */
int rule_parse_host(const struct converter_maker *maker, struct str text,
                    struct rule_text *out, struct fault *fault);

/* Below, at or above 0 as a is tried before, beside or after b. */
int rule_compare_weights(const struct rule_weight *a, const struct rule_weight *b);

#endif
