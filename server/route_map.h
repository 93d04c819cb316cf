/* The map of an app's rules: adding them, and what is known of each. route.h matches
   requests against it, url.h builds URLs from it. */
#ifndef ROUTE_MAP_H
#define ROUTE_MAP_H

#include "base/buf.h"
#include "tree.h"

enum {
    ROUTE_MOST_METHODS = 64 /* different ones in a map */
};

struct route_map;

/* A new map without rules, or NULL when memory is out; route_map_free frees it. For rules
   with Lua values (own converters, defaults, functions) a userdata must stand for it:
   route_ref_open. */
struct route_map *route_map_new(void);
void route_map_free(struct route_map *map);

/* "example.com:5000": the name that subdomains are subdomains of, and the host of
   absolute URLs. Empty for none. -1 when memory is out. */
int route_map_set_server_name(struct route_map *map, struct str server_name);

/* What rules have that say nothing else; both are true at first. */
void route_map_set_slashes(struct route_map *map, bool is_strict, bool merges);

/* Whether rules get OPTIONS by themselves (PROVIDE_AUTOMATIC_OPTIONS); true at first. */
void route_map_set_automatic_options(struct route_map *map, bool provides);

/* yes, no, or as the map has it. */
enum route_choice { ROUTE_UNSET, ROUTE_NO, ROUTE_YES };

/* A rule to add. */
struct route_options {
    struct str text;           /* "/user/<int:id>" */
    struct str endpoint;       /* .p NULL: the text */
    const struct str *methods; /* in capitals; HEAD comes with GET */
    size_t methods_n;
    bool any_method;            /* whatever the method, `methods` is not looked at */
    struct str host, subdomain; /* .p NULL: none; a map has the one or the other */
    enum route_choice strict_slashes, merge_slashes, provide_automatic_options;
    bool alias, build_only;
    int64_t max_content_length; /* bytes; -1: the app's */
    struct str redirect_to;     /* "/r/<name>"; .p NULL: none */
    int redirect_function;      /* a function's stack index; 0: none */
    int defaults;               /* a table's stack index; 0: none */
};

/* Adds a rule; its number, 0, 1, 2, ... in the order of adding, or -1 and a fault that
   says what is wrong with it. All texts are copied. *earlier gets the number of a rule
   that matches the same requests and comes before this one, or -1. L may be NULL for a
   rule without Lua values in a map without a userdata. May raise: a converter's function
   is called. */
int route_map_add(struct route_map *map, lua_State *L,
                  const struct route_options *options, int *earlier, struct fault *fault);

int route_map_count(const struct route_map *map);

/* A map matches by hosts as soon as a rule has one, by subdomains likewise; these need a
   server name to match at all. */
enum route_domains { ROUTE_NO_DOMAINS, ROUTE_HOSTS, ROUTE_SUBDOMAINS };
enum route_domains route_map_domains(const struct route_map *map);

/* A variable of a rule. */
struct route_variable {
    struct str name;
    const struct converter *converter;
    bool
        has_default; /* `defaults` name it too: that is the value, whatever the URL has */
};

/* The rules of an endpoint. */
struct route_group {
    struct str endpoint;
    struct route_rule **rules; /* in the order in which building tries them */
    size_t n, size;
};

/* What is known of a rule. */
struct route_rule {
    int number;
    struct str text, endpoint;
    struct str domain;      /* the host or subdomain, as given; .p NULL: none */
    struct str domain_port; /* of a host: ":8080", or empty */
    struct rule_text host;  /* of the domain without its port; no pieces: none */
    struct rule_text path;
    struct route_variable *variables; /* the host's, then the path's, in order */
    size_t variables_n;
    struct str *default_names; /* alphabetical */
    size_t default_names_n;
    struct route_value *values; /* what a match gives, but for what the URL has */
    size_t values_n;            /* variables, then defaults that are no variables */
    uint64_t methods;           /* bits by the map's method numbers */
    bool any_method, is_options_automatic;
    bool strict_slashes, merge_slashes, alias, build_only;
    int64_t max_content_length;      /* bytes; -1: the app's */
    struct str redirect_to;          /* .p NULL: none */
    int redirect_function, defaults; /* numbers for route_ref_push; 0: none */
    struct route_group *group;
    bool has_canonical; /* route_map_has_defaults_for is true of one before it in its
                           group */
};

/* The rule with that number: 0 <= number < count. */
const struct route_rule *route_map_rule(const struct route_map *map, int number);

/* The names of the methods whose bits are set, sorted, in the arena; *n gets how many.
   NULL when memory is out. */
const struct str *route_map_method_names(const struct route_map *map, uint64_t methods,
                                         struct arena *arena, size_t *n);

/* The bit of a method that rules have; 0 for any other. */
uint64_t route_map_method(const struct route_map *map, struct str method);

/* Whether the rule has an argument (a variable or a default) of that name. */
bool route_map_has_argument(const struct route_rule *rule, struct str name);

/* Whether `a` may be the canonical rule for values that `b`, of the same endpoint,
   matched: it has defaults, the same arguments, and another text. */
bool route_map_has_defaults_for(const struct route_rule *a, const struct route_rule *b);

/* Host without port, in lower case, in to[size]; in the arena when it is longer or `to`
   is NULL. .p is NULL when memory is out. */
struct str route_map_host_name(struct str host, char *to, size_t size,
                               struct arena *arena);

/* The fields, for route.c, redirect.c and url.c. */
struct route_map {
    struct arena arena; /* all but what stands below with its own end */
    struct route_rule **rules;
    size_t rules_n, rules_size;
    struct strmap groups;     /* by endpoint */
    struct tree_state *root;  /* the paths of rules without a host or a subdomain */
    struct tree_state *hosts; /* hosts or subdomains, and below them paths */
    enum route_domains domains;
    struct str server_name; /* as given, lower case */
    struct str server_host; /* without its port */
    struct str methods[ROUTE_MOST_METHODS];
    size_t methods_n;
    bool strict_slashes, merge_slashes, automatic_options;
    struct converter_own *owned;    /* ended by converter_free_owned */
    struct segment_scratch scratch; /* ended by segment_free */
    struct buf out;                 /* URLs are built here; ended by buf_free */
};

#endif
