/* Functions being compiled: their variables, and which of them inner functions share. */
#include "jinja/compile.h"

/* --- names that inner functions mention --- */

static struct name_entry **bucket(struct name_set *set, struct str s)
{
    unsigned h = (unsigned)s.n;
    for (size_t i = 0; i < s.n; i++)
        h = h * 31 + (unsigned char)s.p[i];
    return &set->buckets[h % 256];
}

bool name_set_has(struct name_set *set, struct str s)
{
    for (struct name_entry *e = *bucket(set, s); e; e = e->next)
        if (str_eq(e->name, s))
            return true;
    return false;
}

void name_set_add(struct compiler *c, struct str s)
{
    if (name_set_has(c->inner, s))
        return;
    struct name_entry *e = compile_alloc(c, sizeof *e), **at = bucket(c->inner, s);
    e->name = s;
    e->next = *at;
    *at = e;
}

static bool is_function(const struct node *n)
{
    return n->kind == N_MACRO || n->kind == N_CALLBLOCK ||
           (n->kind == N_FOR && (n->flags & F_RECURSIVE));
}

static void collect(struct compiler *c, const struct node *n, bool is_inside)
{
    is_inside |= is_function(n);
    if (is_inside && (n->kind == N_NAME || n->kind == N_NSREF || n->kind == N_MACRO ||
                      n->kind == N_IMPORT))
        name_set_add(c, n->name);
    if (is_inside && n->kind == N_ALIAS)
        name_set_add(c, n->name2);
    if (is_inside && (n->kind == N_INCLUDE || n->kind == N_IMPORT || n->kind == N_FROM ||
                      n->kind == N_BLOCK))
        c->is_all_shared = true;
    if (n->a)
        collect(c, n->a, is_inside);
    if (n->b)
        collect(c, n->b, is_inside);
    if (n->c)
        collect(c, n->c, is_inside);
    unit_collect(c, n->list, is_inside);
    unit_collect(c, n->list2, is_inside);
    unit_collect(c, n->list3, is_inside);
}

void unit_collect(struct compiler *c, const struct node *list, bool is_inside)
{
    for (; list; list = list->next)
        collect(c, list, is_inside);
}

bool unit_has_function(const struct node *list)
{
    for (; list; list = list->next) {
        if (list->kind == N_BLOCK || list->kind == N_OUTPUT)
            continue;
        if (is_function(list) || unit_has_function(list->list) ||
            unit_has_function(list->list2) || unit_has_function(list->list3))
            return true;
    }
    return false;
}

/* --- units and scopes --- */

struct unit *unit_new(struct compiler *c, struct unit *parent, enum code_kind kind,
                      struct str name)
{
    struct template *t = c->t;
    struct unit *u = compile_alloc(c, sizeof *u);
    u->parent = parent;
    u->code = compile_alloc(c, sizeof *u->code);
    u->code->template = t;
    u->code->kind = kind;
    u->code->name = name;
    u->code->varargs_slot = u->code->kwargs_slot = u->code->caller_slot = -1;
    if (t->n_codes == t->cap_codes) {
        int cap = t->cap_codes ? t->cap_codes * 2 : 8;
        struct code **codes = compile_alloc(c, (size_t)cap * sizeof *codes);
        if (t->n_codes)
            memcpy(codes, t->codes, (size_t)t->n_codes * sizeof *codes);
        t->codes = codes;
        t->cap_codes = cap;
    }
    t->codes[t->n_codes++] = u->code;
    return u;
}

void unit_open_env(struct compiler *c, struct unit *u, bool has_inner)
{
    u->code->has_env = has_inner;
    if (has_inner)
        emit(c, u, OP_NEW_ENV, 4, 0);
}

void unit_share_vars(struct compiler *c, struct scope *s)
{
    for (struct var *v = s->first; v; v = v->next)
        if (v->is_stored && s->unit->code->has_env &&
            (c->is_all_shared || name_set_has(c->inner, v->name)))
            v->is_shared = true;
}

void unit_enter_scope(struct compiler *c, struct frame_state *f, bool is_first)
{
    for (struct var *v = f->scope->first; v; v = v->next) {
        if (!v->is_stored || v->init == INIT_PARAM ||
            (v->init == INIT_UNDEFINED && is_first))
            continue;
        if (v->init == INIT_RESOLVE)
            emit(c, f->unit, OP_NAME_SOFT, constant_string(c, v->name), 1);
        else if (v->init == INIT_ALIAS)
            compile_load_soft(c, f, v->outer);
        else
            emit(c, f->unit, OP_NIL, 0, 1);
        compile_store(c, f, v);
    }
}

struct scope *unit_inner_scope(struct compiler *c, const struct frame_state *f,
                               struct unit *u)
{
    return scope_new(c->a, &c->fail, f->scope, u);
}

struct frame_state unit_inner_frame(struct compiler *c, const struct frame_state *f)
{
    struct frame_state in = *f;
    in.scope = unit_inner_scope(c, f, f->unit);
    in.is_toplevel = in.is_rootlevel = in.is_soft = false;
    return in;
}
