/* The tree of rules: each step down is one part of a rule, so that a match costs by the
   path's length and not by the number of rules. */
#ifndef TREE_H
#define TREE_H

#include "base/strmap.h"
#include "rule.h"
#include "segment.h"

struct route_rule;
struct tree_edge;
struct tree_index;

struct tree_state {
    struct strmap texts;      /* static parts: their text leads to a state */
    struct strmap variable;   /* others: their key leads to an edge */
    struct tree_edge **edges; /* the same, in the order in which they are tried */
    size_t edges_n, edges_size;
    struct tree_index *index; /* of the edges, when there are many; NULL: all are tried */
    struct route_rule **rules; /* that end here, in the order of their adding */
    size_t rules_n, rules_size;
    bool is_sorted; /* edges and index are up to date */
};

/* A state without steps; NULL when memory is out. */
struct tree_state *tree_new(struct arena *a);

/* The state that these parts lead to, made when it isn't there; NULL when memory is out.
   The parts must live as long as the arena. */
struct tree_state *tree_descend(struct arena *a, struct tree_state *from,
                                const struct rule_part *parts, size_t n);

/* Lets the rule end at the state. -1 when memory is out. */
int tree_put_rule(struct arena *a, struct tree_state *state, struct route_rule *rule);

/* How the path led to a rule. */
enum tree_arrival {
    TREE_EXACT,
    TREE_LACKS_SLASH, /* the rule ends in a slash, the path lacks it */
    TREE_EXTRA_SLASH  /* the path ends in a slash, the rule doesn't */
};

/* A search for rules. */
struct tree_walk {
    struct arena *arena;             /* of the map: where indexes are made */
    struct segment_scratch *scratch; /* of the map */
    struct converter_lua *lua;
    struct str path; /* behind its leading slash */
    bool is_empty;   /* the path has not even that slash */
    /* Called for each rule that the path leads to, the most specific first; true ends the
       search. The values are in captures[0..captures_n]. */
    bool (*visit)(struct tree_walk *w, struct route_rule *rule, enum tree_arrival how);
    void *data; /* visit's */
    struct str captures[RULE_MOST_VARIABLES];
    size_t captures_n;
};

/* Searches below the state: the root of a path's rules. Whether a visit ended the search.
 */
bool tree_walk(struct tree_walk *w, struct tree_state *root);

/* The same for all hosts whose rules fit, then for `other` (when it isn't NULL). */
bool tree_walk_hosts(struct tree_walk *w, struct tree_state *hosts, struct str host,
                     struct tree_state *other);

#endif
