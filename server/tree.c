/* States and the search through them. Each state is reached by one sequence of parts
   only, so a search visits a state at most once, whatever the path is.

   Parts with variables at one place are tried in the order of their weights. Where there
   are many of them, an index finds those whose text before or behind the variables can
   fit. */
#include "tree.h"

#include <stdlib.h>

enum {
    FEW_EDGES = 8,   /* as many are simply tried */
    MOST_LENGTHS = 8 /* lengths of texts that an index tells apart, on either side */
};

struct tree_edge {
    const struct rule_part *part;
    struct tree_state *to;
    size_t number;          /* by the order of adding, then by the order of trying */
    struct tree_edge *next; /* in the same list of an index */
};

/* Lists of edges, each in the order of trying, by one text that their parts have. */
struct edge_lists {
    struct strmap heads;
    size_t lengths[MOST_LENGTHS]; /* of those texts */
    size_t lengths_n;
};

/* Which list an edge is in: the one of the text that its part begins with or, when it
   begins with a variable, ends with. */
struct tree_index {
    struct edge_lists starts;
    struct edge_lists ends;      /* of parts that match a segment */
    struct edge_lists rest_ends; /* of parts that take the rest of the path */
    struct tree_edge *others;    /* without such a text, or with one of a rare length */
};

struct tree_state *tree_new(struct arena *a)
{
    struct tree_state *s = arena_alloc(a, sizeof *s);
    if (s)
        *s = (struct tree_state){0};
    return s;
}

/* Room for one item more. */
static void *grow(struct arena *a, void *items, size_t n, size_t *size)
{
    if (n < *size)
        return items;
    size_t bigger = *size ? *size * 2 : 2;
    void **to = arena_alloc(a, bigger * sizeof *to);
    if (!to)
        return NULL;
    if (n)
        memcpy(to, items, n * sizeof *to);
    *size = bigger;
    return to;
}

static struct tree_edge *add_edge(struct arena *a, struct tree_state *from,
                                  const struct rule_part *part)
{
    struct tree_edge *e = arena_alloc(a, sizeof *e);
    struct tree_edge **edges = grow(a, from->edges, from->edges_n, &from->edges_size);
    if (!e || !edges)
        return NULL;
    *e = (struct tree_edge){.part = part, .to = tree_new(a), .number = from->edges_n};
    if (!e->to || strmap_put(&from->variable, a, part->key, e) < 0)
        return NULL;
    from->edges = edges;
    from->edges[from->edges_n++] = e;
    from->is_sorted = false;
    return e;
}

static struct tree_state *add_text(struct arena *a, struct tree_state *from,
                                   struct str text)
{
    struct tree_state *to = tree_new(a);
    return to && strmap_put(&from->texts, a, text, to) == 0 ? to : NULL;
}

static struct tree_state *step(struct arena *a, struct tree_state *from,
                               const struct rule_part *part)
{
    if (part->is_static) {
        struct tree_state *to = strmap_get(&from->texts, part->key);
        return to ? to : add_text(a, from, part->key);
    }
    struct tree_edge *e = strmap_get(&from->variable, part->key);
    e = e ? e : add_edge(a, from, part);
    return e ? e->to : NULL;
}

struct tree_state *tree_descend(struct arena *a, struct tree_state *from,
                                const struct rule_part *parts, size_t n)
{
    for (size_t i = 0; from && i < n; i++)
        from = step(a, from, &parts[i]);
    return from;
}

int tree_put_rule(struct arena *a, struct tree_state *state, struct route_rule *rule)
{
    struct route_rule **rules = grow(a, state->rules, state->rules_n, &state->rules_size);
    if (!rules)
        return -1;
    state->rules = rules;
    state->rules[state->rules_n++] = rule;
    return 0;
}

static int compare_edges(const void *a, const void *b)
{
    const struct tree_edge *x = *(struct tree_edge *const *)a;
    const struct tree_edge *y = *(struct tree_edge *const *)b;
    int order = rule_compare_weights(&x->part->weight, &y->part->weight);
    return order ? order : x->number < y->number ? -1 : x->number > y->number;
}

static bool has_length(struct edge_lists *l, size_t length)
{
    for (size_t i = 0; i < l->lengths_n; i++)
        if (l->lengths[i] == length)
            return true;
    if (l->lengths_n == MOST_LENGTHS)
        return false;
    l->lengths[l->lengths_n++] = length;
    return true;
}

/* Puts the edge before the others of its list: they are put from the last to the first.
   False when it can't have one. */
static bool put_in_list(struct arena *a, struct edge_lists *l,
                        const struct rule_piece *piece, struct tree_edge *e)
{
    if (piece->converter || !has_length(l, piece->text.n))
        return false;
    e->next = strmap_get(&l->heads, piece->text);
    return strmap_put(&l->heads, a, piece->text, e) == 0;
}

static void put_in_index(struct arena *a, struct tree_index *x, struct tree_edge *e)
{
    const struct rule_part *part = e->part;
    const struct rule_piece *last = part->pieces + part->pieces_n - 1;
    if (put_in_list(a, &x->starts, part->pieces, e))
        return;
    if (!part->is_suffixed &&
        put_in_list(a, part->takes_rest ? &x->rest_ends : &x->ends, last, e))
        return;
    e->next = x->others;
    x->others = e;
}

static struct tree_index *make_index(struct arena *a, const struct tree_state *s)
{
    struct tree_index *x = arena_alloc(a, sizeof *x);
    if (!x)
        return NULL;
    *x = (struct tree_index){0};
    for (size_t i = s->edges_n; i-- > 0;)
        put_in_index(a, x, s->edges[i]);
    return x;
}

static void sort_edges(struct arena *a, struct tree_state *s)
{
    if (s->edges_n > 1)
        qsort(s->edges, s->edges_n, sizeof *s->edges, compare_edges);
    for (size_t i = 0; i < s->edges_n; i++)
        s->edges[i]->number = i;
    s->index = s->edges_n > FEW_EDGES ? make_index(a, s) : NULL;
    s->is_sorted = true;
}

/* No part is left of the path. */
#define END SIZE_MAX

static bool walk(struct tree_walk *w, struct tree_state *state, size_t at);

static bool visit_all(struct tree_walk *w, const struct tree_state *state,
                      enum tree_arrival how)
{
    for (size_t i = 0; i < state->rules_n; i++)
        if (w->visit(w, state->rules[i], how))
            return true;
    return false;
}

static bool arrive(struct tree_walk *w, const struct tree_state *state)
{
    const struct tree_state *slash = strmap_get(&state->texts, STR(""));
    return visit_all(w, state, TREE_EXACT) ||
           (slash && visit_all(w, slash, TREE_LACKS_SLASH));
}

/* Where the segment's edges lead. `rest`: from the segment on, all of the path. after:
   where the next segment begins. */
static bool try_edge(struct tree_walk *w, const struct tree_edge *e, struct str segment,
                     struct str rest, size_t after)
{
    size_t n = w->captures_n;
    bool has_slash;
    struct str target = e->part->takes_rest ? rest : segment;
    if (!segment_match(e->part, target, w->scratch, w->lua, w->captures + n, &has_slash))
        return false;
    w->captures_n = n + e->part->weight.variables_n;
    if (e->part->takes_rest)
        after = has_slash ? w->path.n : END;
    bool is_over = walk(w, e->to, after);
    if (!is_over)
        w->captures_n = n;
    return is_over;
}

/* The heads of the lists of edges that may fit. */
struct candidates {
    struct tree_edge *heads[3 * MOST_LENGTHS + 1];
    size_t n;
};

static void add_lists(struct candidates *c, const struct edge_lists *l, struct str text,
                      bool at_end)
{
    for (size_t i = 0; i < l->lengths_n; i++) {
        size_t n = l->lengths[i];
        if (n > text.n)
            continue;
        struct str key = {at_end ? text.p + text.n - n : text.p, n};
        struct tree_edge *head = strmap_get(&l->heads, key);
        if (head)
            c->heads[c->n++] = head;
    }
}

/* What a part begins with may have a slash in it when the part takes the rest. */
static void find_lists(const struct tree_index *x, struct str segment, struct str rest,
                       struct candidates *c)
{
    add_lists(c, &x->starts, rest, false);
    add_lists(c, &x->ends, segment, true);
    add_lists(c, &x->rest_ends, rest, true);
    if (x->others)
        c->heads[c->n++] = x->others;
}

/* Takes the edge that is tried first from its list. */
static struct tree_edge *next_candidate(struct candidates *c)
{
    size_t best = 0;
    for (size_t i = 1; i < c->n; i++)
        if (c->heads[i]->number < c->heads[best]->number)
            best = i;
    if (!c->n)
        return NULL;
    struct tree_edge *e = c->heads[best];
    c->heads[best] = e->next ? e->next : c->heads[--c->n];
    return e;
}

static bool try_indexed(struct tree_walk *w, const struct tree_index *x,
                        struct str segment, struct str rest, size_t after)
{
    struct candidates c = {.n = 0};
    find_lists(x, segment, rest, &c);
    struct tree_edge *e;
    while ((e = next_candidate(&c)))
        if (try_edge(w, e, segment, rest, after))
            return true;
    return false;
}

static bool try_edges(struct tree_walk *w, struct tree_state *state, struct str segment,
                      struct str rest, size_t after)
{
    if (!state->is_sorted)
        sort_edges(w->arena, state);
    if (state->index)
        return try_indexed(w, state->index, segment, rest, after);
    for (size_t i = 0; i < state->edges_n; i++)
        if (try_edge(w, state->edges[i], segment, rest, after))
            return true;
    return false;
}

/* at: where the next segment begins in the path, or END. */
static bool walk(struct tree_walk *w, struct tree_state *state, size_t at)
{
    if (at == END)
        return arrive(w, state);
    struct str rest = str_skip(w->path, at), segment = rest;
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    if (slash)
        segment.n = (size_t)(slash - rest.p);
    size_t after = slash ? at + segment.n + 1 : END;
    struct tree_state *to = strmap_get(&state->texts, segment);
    if (to && walk(w, to, after))
        return true;
    if (state->edges_n && try_edges(w, state, segment, rest, after))
        return true;
    return rest.n == 0 && visit_all(w, state, TREE_EXTRA_SLASH);
}

bool tree_walk(struct tree_walk *w, struct tree_state *root)
{
    return walk(w, root, w->is_empty ? END : 0);
}

static bool walk_host(struct tree_walk *w, const struct tree_edge *e, struct str host)
{
    bool has_slash;
    w->captures_n = 0;
    if (!segment_match(e->part, host, w->scratch, w->lua, w->captures, &has_slash))
        return false;
    w->captures_n = e->part->weight.variables_n;
    return tree_walk(w, e->to);
}

bool tree_walk_hosts(struct tree_walk *w, struct tree_state *hosts, struct str host,
                     struct tree_state *other)
{
    struct tree_state *exact = strmap_get(&hosts->texts, host);
    w->captures_n = 0;
    if (exact && tree_walk(w, exact))
        return true;
    if (!hosts->is_sorted)
        sort_edges(w->arena, hosts);
    for (size_t i = 0; i < hosts->edges_n; i++)
        if (walk_host(w, hosts->edges[i], host))
            return true;
    w->captures_n = 0;
    return other && tree_walk(w, other);
}
