/* Jinja decides by a whole scope which names are its own: a name that is stored anywhere
   in it is, even where it is read before. See idtracking in Jinja's sources for the
   rules. */
#include "jinja/scope.h"

/* A variable that a branch stored, and in how many branches of the same `if` so far. */
struct stored {
    struct var *var;
    int count;
    struct stored *next;
};

static void *need(struct arena *a, jmp_buf *fail, size_t n)
{
    void *p = arena_alloc(a, n);
    if (!p)
        longjmp(*fail, 1);
    memset(p, 0, n);
    return p;
}

static unsigned bucket_of(struct str s)
{
    unsigned h = (unsigned)s.n;
    for (size_t i = 0; i < s.n; i++)
        h = h * 31 + (unsigned char)s.p[i];
    return h % SCOPE_BUCKETS;
}

struct scope *scope_new(struct arena *a, jmp_buf *fail, struct scope *parent,
                        struct unit *unit)
{
    struct scope *s = need(a, fail, sizeof *s);
    s->parent = parent;
    s->unit = unit;
    s->tail = &s->first;
    return s;
}

static struct var *find_here(struct scope *s, struct str name)
{
    struct var *v = s->buckets[bucket_of(name)];
    while (v && !str_eq(v->name, name))
        v = v->next_in_bucket;
    return v;
}

bool scope_has(struct scope *s, struct str name)
{
    return find_here(s, name) != NULL;
}

struct var *scope_find(struct scope *s, struct str name)
{
    for (; s; s = s->parent) {
        struct var *v = find_here(s, name);
        if (v)
            return v;
    }
    return NULL;
}

static struct var *define(struct arena *a, jmp_buf *fail, struct scope *s,
                          struct str name, enum var_init init)
{
    struct var *v = need(a, fail, sizeof *v);
    unsigned b = bucket_of(name);
    v->name = name;
    v->scope = s;
    v->init = init;
    v->slot = -1;
    v->next_in_bucket = s->buckets[b];
    s->buckets[b] = v;
    *s->tail = v;
    s->tail = &v->next;
    return v;
}

struct var *scope_param(struct arena *a, jmp_buf *fail, struct scope *s, struct str name)
{
    struct var *v = find_here(s, name);
    if (!v)
        v = define(a, fail, s, name, INIT_PARAM);
    v->init = INIT_PARAM;
    v->is_stored = true;
    return v;
}

static void load(struct arena *a, jmp_buf *fail, struct scope *s, struct str name)
{
    if (!scope_find(s, name))
        define(a, fail, s, name, INIT_RESOLVE);
}

static struct stored *find_stored(struct stored *l, const struct var *v)
{
    while (l && l->var != v)
        l = l->next;
    return l;
}

static void note(struct arena *a, jmp_buf *fail, struct stored **log, struct var *v)
{
    struct stored *e = need(a, fail, sizeof *e);
    e->var = v;
    e->count = 1;
    e->next = *log;
    *log = e;
}

static void store(struct arena *a, jmp_buf *fail, struct scope *s, struct str name)
{
    struct var *v = find_here(s, name);
    if (!v) {
        struct var *outer = s->parent ? scope_find(s->parent, name) : NULL;
        v = define(a, fail, s, name, outer ? INIT_ALIAS : INIT_UNDEFINED);
        v->outer = outer;
    }
    if (!v->is_stored)
        note(a, fail, &s->log, v);
    v->is_stored = true;
}

/* One branch: what it stores is forgotten again, but counted in *all. */
static void read_branch(struct arena *a, jmp_buf *fail, struct scope *s,
                        const struct node *body, struct stored **all)
{
    struct stored *outer = s->log;
    s->log = NULL;
    scope_read_body(a, fail, s, body);
    for (struct stored *e = s->log; e; e = e->next) {
        struct stored *seen = find_stored(*all, e->var);
        e->var->is_stored = false;
        if (seen)
            seen->count++;
        else
            note(a, fail, all, e->var);
    }
    s->log = outer;
}

/* A variable that only some branches store begins as what the name means outside. */
static void read_if(struct arena *a, jmp_buf *fail, struct scope *s, const struct node *n)
{
    struct stored *all = NULL;
    scope_read(a, fail, s, n->a);
    read_branch(a, fail, s, n->list, &all);
    read_branch(a, fail, s, n->list2, &all);
    read_branch(a, fail, s, n->list3, &all);
    for (struct stored *e = all; e; e = e->next) {
        struct var *v = e->var;
        v->is_stored = true;
        note(a, fail, &s->log, v);
        if (e->count == 3 || v->init == INIT_PARAM)
            continue;
        v->outer = s->parent ? scope_find(s->parent, v->name) : NULL;
        v->init = v->outer ? INIT_ALIAS : INIT_RESOLVE;
    }
}

void scope_read_target(struct arena *a, jmp_buf *fail, struct scope *s,
                       const struct node *target)
{
    if (target->kind == N_NSREF)
        load(a, fail, s, target->name);
    else if (target->kind == N_NAME)
        store(a, fail, s, target->name);
    else
        for (const struct node *i = target->list; i; i = i->next)
            scope_read_target(a, fail, s, i);
}

static void read_list(struct arena *a, jmp_buf *fail, struct scope *s,
                      const struct node *n)
{
    for (; n; n = n->next)
        scope_read(a, fail, s, n);
}

static void read_expression(struct arena *a, jmp_buf *fail, struct scope *s,
                            const struct node *n)
{
    if (n->kind == N_NAME)
        load(a, fail, s, n->name);
    if (n->a)
        scope_read(a, fail, s, n->a);
    if (n->b)
        scope_read(a, fail, s, n->b);
    if (n->c)
        scope_read(a, fail, s, n->c);
    read_list(a, fail, s, n->list);
    read_list(a, fail, s, n->list2);
}

void scope_read(struct arena *a, jmp_buf *fail, struct scope *s, const struct node *n)
{
    switch (n->kind) {
    case N_TEXT:
    case N_BLOCK:
    case N_AUTOESCAPE:
        break;
    case N_FOR:
        scope_read(a, fail, s, n->b);
        break;
    case N_IF:
        read_if(a, fail, s, n);
        break;
    case N_SET:
        scope_read(a, fail, s, n->b);
        scope_read_target(a, fail, s, n->a);
        break;
    case N_SETBLOCK:
        scope_read_target(a, fail, s, n->a);
        break;
    case N_WITH:
        read_list(a, fail, s, n->list2);
        break;
    case N_MACRO:
        store(a, fail, s, n->name);
        break;
    case N_CALLBLOCK:
        scope_read(a, fail, s, n->a);
        break;
    case N_FILTERBLOCK:
        scope_read(a, fail, s, n->b);
        break;
    case N_IMPORT:
        scope_read(a, fail, s, n->a);
        store(a, fail, s, n->name);
        break;
    case N_FROM:
        scope_read(a, fail, s, n->a);
        for (const struct node *i = n->list; i; i = i->next)
            store(a, fail, s, i->name2);
        break;
    default:
        read_expression(a, fail, s, n);
    }
}

void scope_read_body(struct arena *a, jmp_buf *fail, struct scope *s,
                     const struct node *body)
{
    for (; body; body = body->next)
        scope_read(a, fail, s, body);
}

static bool mentions(const struct node *n, struct str name)
{
    if (n->kind == N_BLOCK)
        return false;
    if ((n->kind == N_NAME || n->kind == N_NSREF) && str_eq(n->name, name))
        return true;
    return (n->a && mentions(n->a, name)) || (n->b && mentions(n->b, name)) ||
           (n->c && mentions(n->c, name)) || scope_mentions(n->list, name) ||
           scope_mentions(n->list2, name) || scope_mentions(n->list3, name);
}

bool scope_mentions(const struct node *list, struct str name)
{
    for (; list; list = list->next)
        if (mentions(list, name))
            return true;
    return false;
}
