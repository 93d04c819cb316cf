/* The compiler's part for expressions and variables. */
#include "jinja/builtin.h"
#include "jinja/compile.h"
#include <stdio.h>

/* --- variables --- */

static void place(struct compiler *c, struct var *v)
{
    (void)c;
    struct unit *u = v->scope->unit;
    if (v->slot < 0)
        v->slot = v->is_shared ? ++u->n_shared : u->code->n_slots++;
}

/* How many tables lie between the unit at hand and the one that owns v. */
static uint32_t hops_to(const struct unit *from, const struct unit *owner)
{
    uint32_t hops = 0;
    for (; from && from != owner; from = from->parent)
        hops += from->code->has_env;
    return hops;
}

void compile_load(struct compiler *c, struct frame_state *f, struct var *v,
                  struct str name)
{
    int k = constant_string(c, name);
    if (!v || !v->is_stored) {
        emit(c, f->unit, OP_NAME, k, 1);
        return;
    }
    place(c, v);
    emit(c, f->unit, v->is_shared ? OP_ENV : OP_SLOT, v->slot, 1);
    if (v->is_shared)
        emit_word(c, f->unit, hops_to(f->unit, v->scope->unit));
    emit_word(c, f->unit, (uint32_t)k);
}

void compile_load_soft(struct compiler *c, struct frame_state *f, struct var *v)
{
    if (!v->is_stored) {
        emit(c, f->unit, OP_NAME_SOFT, constant_string(c, v->name), 1);
        return;
    }
    place(c, v);
    emit(c, f->unit, v->is_shared ? OP_ENV_SOFT : OP_SLOT_SOFT, v->slot, 1);
    if (v->is_shared)
        emit_word(c, f->unit, hops_to(f->unit, v->scope->unit));
}

void compile_store(struct compiler *c, struct frame_state *f, struct var *v)
{
    place(c, v);
    emit(c, f->unit, v->is_shared ? OP_SET_ENV : OP_SET_SLOT, v->slot, 0);
    if (v->is_shared)
        emit_word(c, f->unit, hops_to(f->unit, v->scope->unit));
}

enum out_mode compile_out_mode(const struct frame_state *f)
{
    return f->is_volatile ? OUT_VOLATILE : f->is_autoescaped ? OUT_ESCAPED : OUT_STR;
}

/* --- literals --- */

static int add_constant(struct compiler *c, struct constant k)
{
    struct template *t = c->t;
    if (t->n_constants == t->cap_constants) {
        int cap = t->cap_constants ? t->cap_constants * 2 : 32;
        struct constant *all = compile_alloc(c, (size_t)cap * sizeof *all);
        if (t->n_constants)
            memcpy(all, t->constants, (size_t)t->n_constants * sizeof *all);
        t->constants = all;
        t->cap_constants = cap;
    }
    t->constants[t->n_constants] = k;
    return t->n_constants++;
}

static unsigned hash_of(struct str s)
{
    unsigned h = 5381u + (unsigned)s.n;
    for (size_t i = 0; i < s.n; i++)
        h = h * 33 ^ (unsigned char)s.p[i];
    return h;
}

static void rehash(struct compiler *c)
{
    int room = c->constant_room ? c->constant_room * 2 : 128;
    int *index = compile_alloc(c, (size_t)room * sizeof *index);
    for (int i = 0; i < room; i++)
        index[i] = -1;
    for (int i = 0; i < c->t->n_constants; i++) {
        if (c->t->constants[i].kind != CONST_STRING)
            continue;
        unsigned at = hash_of(c->t->constants[i].s) & (unsigned)(room - 1);
        while (index[at] >= 0)
            at = (at + 1) & (unsigned)(room - 1);
        index[at] = i;
    }
    c->constant_index = index;
    c->constant_room = room;
}

int constant_string(struct compiler *c, struct str s)
{
    if (c->t->n_constants * 2 >= c->constant_room)
        rehash(c);
    unsigned mask = (unsigned)(c->constant_room - 1), at = hash_of(s) & mask;
    for (; c->constant_index[at] >= 0; at = (at + 1) & mask)
        if (str_eq(c->t->constants[c->constant_index[at]].s, s))
            return c->constant_index[at];
    int k = add_constant(c, (struct constant){.kind = CONST_STRING, .s = s});
    c->constant_index[at] = k;
    return k;
}

static void compile_integer(struct compiler *c, struct unit *u, int64_t i)
{
    if (i >= -0x7fffff && i <= 0x7fffff) {
        emit(c, u, OP_INT, (int)i, 1);
        return;
    }
    struct constant k = {.kind = CONST_INTEGER, .integer = i};
    emit(c, u, OP_CONST, add_constant(c, k), 1);
}

static int compile_list(struct compiler *c, struct frame_state *f,
                        const struct node *list)
{
    int n = 0;
    for (; list; list = list->next, n++)
        compile_expression(c, f, list);
    return n;
}

static void compile_dict(struct compiler *c, struct frame_state *f, const struct node *n)
{
    int pairs = 0;
    for (const struct node *p = n->list; p; p = p->next, pairs++) {
        compile_expression(c, f, p->a);
        compile_expression(c, f, p->b);
    }
    emit(c, f->unit, OP_DICT, pairs, 1);
}

/* --- operators --- */

static void compile_and_or(struct compiler *c, struct frame_state *f,
                           const struct node *n)
{
    compile_expression(c, f, n->a);
    int end = emit_jump(c, f->unit,
                        n->kind == N_AND ? OP_JUMP_FALSE_KEEP : OP_JUMP_TRUE_KEEP, 0);
    compile_expression(c, f, n->b);
    patch_here(f->unit, end);
}

/* "the inline if-expression on line 3 in 'page.html' evaluated to false ..." */
static void compile_no_else(struct compiler *c, struct frame_state *f, int line)
{
    struct str name = c->t->name;
    size_t room = name.n + 128;
    char *text = compile_alloc(c, room);
    int n =
        snprintf(text, room,
                 name.p ? "the inline if-expression on line %d in '%.*s' evaluated to "
                          "false and no else section was defined."
                        : "the inline if-expression on line %d%.*s evaluated to false "
                          "and no else section was defined.",
                 line, (int)name.n, name.p ? name.p : "");
    emit(c, f->unit, OP_UNDEFINED, constant_string(c, (struct str){text, (size_t)n}), 1);
    emit_word(c, f->unit, 0);
}

static void compile_cond(struct compiler *c, struct frame_state *outer,
                         const struct node *n)
{
    struct frame_state f = *outer;
    f.is_soft = true;
    f.is_rootlevel = false;
    compile_expression(c, &f, n->a);
    int to_else = emit_jump(c, f.unit, OP_JUMP_FALSE, 0);
    compile_expression(c, &f, n->b);
    int to_end = emit_jump(c, f.unit, OP_JUMP, 0);
    patch_here(f.unit, to_else);
    if (n->c)
        compile_expression(c, &f, n->c);
    else
        compile_no_else(c, &f, n->line);
    patch_here(f.unit, to_end);
}

/* a < b < c is (a < b) and (b < c), b being evaluated once. */
static void compile_compare(struct compiler *c, struct frame_state *f,
                            const struct node *n)
{
    struct unit *u = f->unit;
    int chain = 0; /* jumps to the clean-up, linked through their targets */
    compile_expression(c, f, n->a);
    for (const struct node *o = n->list; o; o = o->next) {
        compile_expression(c, f, o->a);
        if (o->next) {
            emit(c, u, OP_DUP, 0, 1);
            emit(c, u, OP_ROT3, 0, 0);
        }
        emit(c, u, OP_COMPARE, o->op, 0);
        if (o->next) {
            int place = emit_jump(c, u, OP_JUMP_FALSE_KEEP, 0);
            patch_to(u, place, chain);
            chain = place;
        }
    }
    if (!chain)
        return;
    int end = emit_jump(c, u, OP_JUMP, 0);
    while (chain) {
        int next = (int)(u->code->words[chain] >> 8);
        patch_here(u, chain);
        chain = next;
    }
    emit(c, u, OP_SWAP, 0, 0);
    emit(c, u, OP_POP, 0, 0);
    patch_here(u, end);
}

static void compile_optional(struct compiler *c, struct frame_state *f,
                             const struct node *n)
{
    if (n)
        compile_expression(c, f, n);
    else
        emit(c, f->unit, OP_NULL, 0, 1);
}

/* --- calls, filters, tests --- */

/* Pushes the arguments; returns the flags word of OP_CALL and sets *positional. */
static uint32_t compile_args(struct compiler *c, struct frame_state *f,
                             const struct node *n, int *positional)
{
    uint32_t keywords = 0;
    *positional += compile_list(c, f, n->list);
    for (const struct node *k = n->list2; k; k = k->next, keywords++) {
        emit(c, f->unit, OP_CONST, constant_string(c, k->name), 1);
        compile_expression(c, f, k->a);
    }
    if (n->b)
        compile_expression(c, f, n->b);
    if (n->c)
        compile_expression(c, f, n->c);
    return keywords << CALL_KEYWORDS_SHIFT | (n->b ? CALL_STAR : 0) |
           (n->c ? CALL_STAR2 : 0);
}

/* With a caller, the call block's macro lies below: it is moved to where it belongs. */
void compile_call(struct compiler *c, struct frame_state *f, const struct node *n,
                  bool with_caller)
{
    struct unit *u = f->unit;
    int positional = 0;
    if (n->a->kind == N_GETATTR) {
        compile_expression(c, f, n->a->a);
        emit(c, u, OP_METHOD, constant_string(c, n->a->name), 2);
        emit(c, u, OP_NIL, 0, 0); /* skipped when the method is found at once */
    } else {
        compile_expression(c, f, n->a);
        emit(c, u, OP_NIL, 0, 1);
    }
    uint32_t flags = compile_args(c, f, n, &positional);
    if (with_caller)
        flags |= CALL_WITH_CALLER;
    emit(c, u, OP_CALL, positional, 2);
    emit_word(c, u, flags);
}

static void compile_unknown(struct compiler *c, struct frame_state *f,
                            const struct node *n, const char *what)
{
    if (!f->is_soft)
        compile_fail(c, "TemplateAssertionError", n->line, "No %s named '%.*s'.", what,
                     (int)n->name.n, n->name.p);
    size_t room = n->name.n + 64;
    char *text = compile_alloc(c, room);
    int len = snprintf(text, room, "No %s named '%.*s' found.", what, (int)n->name.n,
                       n->name.p);
    emit(c, f->unit, OP_FAIL, constant_string(c, (struct str){text, (size_t)len}), 1);
}

static void compile_filter(struct compiler *c, struct frame_state *f,
                           const struct node *n)
{
    bool is_test = n->kind == N_TEST;
    const struct compiler_names *names = c->names;
    int positional = 1;
    if (n->a)
        compile_expression(c, f, n->a);
    uint32_t flags = compile_args(c, f, n, &positional);
    if (!(is_test ? names->has_test : names->has_filter)(names->context, n->name)) {
        compile_unknown(c, f, n, is_test ? "test" : "filter");
        return;
    }
    emit(c, f->unit, is_test ? OP_TEST : OP_FILTER, constant_string(c, n->name), 2);
    emit_word(c, f->unit, flags);
    emit_word(c, f->unit, (uint32_t)positional);
}

void compile_filters(struct compiler *c, struct frame_state *f, const struct node *n)
{
    compile_expression(c, f, n);
}

void compile_expression(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct unit *u = f->unit;
    switch (n->kind) {
    case N_NONE:
        emit(c, u, OP_NULL, 0, 1);
        break;
    case N_TRUE:
        emit(c, u, OP_TRUE, 0, 1);
        break;
    case N_FALSE:
        emit(c, u, OP_FALSE, 0, 1);
        break;
    case N_INTEGER:
        compile_integer(c, u, n->value.integer);
        break;
    case N_FLOAT: {
        struct constant k = {.kind = CONST_FLOAT, .number = n->value.number};
        emit(c, u, OP_CONST, add_constant(c, k), 1);
        break;
    }
    case N_STRING:
        emit(c, u, OP_CONST, constant_string(c, n->name), 1);
        break;
    case N_NAME:
        compile_load(c, f, scope_find(f->scope, n->name), n->name);
        break;
    case N_TUPLE:
        emit(c, u, OP_TUPLE, compile_list(c, f, n->list), 1);
        break;
    case N_LIST:
        emit(c, u, OP_LIST, compile_list(c, f, n->list), 1);
        break;
    case N_DICT:
        compile_dict(c, f, n);
        break;
    case N_COND:
        compile_cond(c, f, n);
        break;
    case N_AND:
    case N_OR:
        compile_and_or(c, f, n);
        break;
    case N_NOT:
        compile_expression(c, f, n->a);
        emit(c, u, OP_NOT, 0, 0);
        break;
    case N_COMPARE:
        compile_compare(c, f, n);
        break;
    case N_BINARY:
        compile_expression(c, f, n->a);
        compile_expression(c, f, n->b);
        emit(c, u, OP_BINARY, n->op, 0);
        break;
    case N_UNARY:
        compile_expression(c, f, n->a);
        emit(c, u, n->op == T_SUB ? OP_NEG : OP_POS, 0, 0);
        break;
    case N_CONCAT:
        emit(c, u, OP_CONCAT, compile_list(c, f, n->list), 1);
        emit_word(c, u, compile_out_mode(f));
        break;
    case N_GETATTR:
        compile_expression(c, f, n->a);
        emit(c, u, OP_GETATTR, constant_string(c, n->name), 0);
        emit_word(c, u, builtin_find(builtin_dict_methods, n->name.p, n->name.n) != NULL);
        break;
    case N_GETITEM:
        compile_expression(c, f, n->a);
        if (n->b->kind == N_SLICE) {
            compile_optional(c, f, n->b->a);
            compile_optional(c, f, n->b->b);
            compile_optional(c, f, n->b->c);
            emit(c, u, OP_SLICE, 0, 0);
        } else {
            compile_expression(c, f, n->b);
            emit(c, u, OP_GETITEM, 0, 0);
        }
        break;
    case N_SLICE:
        emit(c, u, OP_NULL, 0, 1);
        break; /* a slice in a tuple of keys */
    case N_CALL:
        compile_call(c, f, n, false);
        break;
    case N_FILTER:
    case N_TEST:
        compile_filter(c, f, n);
        break;
    case N_MARKSAFE:
        compile_expression(c, f, n->a);
        emit(c, u, OP_MARKSAFE, 0, 0);
        break;
    default:
        compile_fail(c, "TemplateSyntaxError", n->line, "not an expression");
    }
}
