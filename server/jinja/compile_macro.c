/* The compiler's part for macros and call blocks. */
#include "jinja/compile.h"
#include <stdio.h>

/* A name that the macro uses without naming it as a parameter. */
static int special_param(struct compiler *c, struct frame_state *f, const struct node *n,
                         const char *name)
{
    struct str s = str_from(name);
    if (!scope_mentions(n->list3, s))
        return -1;
    for (const struct node *p = n->list; p; p = p->next)
        if (str_eq(p->name, s))
            return -1;
    struct var *v = scope_param(c->a, &c->fail, f->scope, s);
    v->slot = -1;
    return f->unit->code->n_slots++;
}

static void bind_special(struct compiler *c, struct frame_state *f, int slot,
                         const char *name)
{
    if (slot < 0)
        return;
    struct var *v = scope_find(f->scope, str_from(name));
    if (!v->is_shared) {
        v->slot = slot;
        return;
    }
    emit(c, f->unit, OP_SLOT_SOFT, slot, 1);
    compile_store(c, f, v);
}

static void compile_default(struct compiler *c, struct frame_state *f, struct str name,
                            const struct node *value)
{
    if (value) {
        compile_expression(c, f, value);
        return;
    }
    size_t room = name.n + 40;
    char *text = compile_alloc(c, room);
    int n =
        snprintf(text, room, "parameter '%.*s' was not provided", (int)name.n, name.p);
    emit(c, f->unit, OP_UNDEFINED, constant_string(c, (struct str){text, (size_t)n}), 1);
    emit_word(c, f->unit, (uint32_t)constant_string(c, name) + 1);
}

static void compile_params(struct compiler *c, struct frame_state *f,
                           const struct node *n)
{
    int count = f->unit->code->n_params, n_defaults = 0, i = 0;
    for (const struct node *d = n->list2; d; d = d->next)
        n_defaults++;
    const struct node *value = n->list2;
    for (const struct node *p = n->list; p; p = p->next, i++) {
        struct var *v = scope_find(f->scope, p->name);
        int set = emit_jump(c, f->unit, OP_JUMP_SET, 0);
        emit_word(c, f->unit, (uint32_t)i);
        bool has_default = i >= count - n_defaults;
        compile_default(c, f, p->name, has_default ? value : NULL);
        emit(c, f->unit, OP_SET_SLOT, i, 0);
        patch_here(f->unit, set);
        if (has_default)
            value = value->next;
        if (v->is_shared) {
            emit(c, f->unit, OP_SLOT_SOFT, i, 1);
            compile_store(c, f, v);
        }
    }
}

static void check_caller(struct compiler *c, const struct node *n, struct code *code)
{
    int i = 0, n_args = 0, n_defaults = 0;
    for (const struct node *p = n->list; p; p = p->next)
        n_args++;
    for (const struct node *d = n->list2; d; d = d->next)
        n_defaults++;
    for (const struct node *p = n->list; p; p = p->next, i++) {
        if (!str_eq(p->name, STR("caller")))
            continue;
        code->has_caller_param = scope_mentions(n->list3, p->name);
        if (code->has_caller_param && i < n_args - n_defaults)
            compile_fail(
                c, "TemplateAssertionError", n->line,
                "When defining macros or call blocks the special \"caller\" argument "
                "must be omitted or be given a default.");
    }
}

/* The macro's code; returns its number. */
static int compile_macro_body(struct compiler *c, struct frame_state *f,
                              const struct node *n, enum code_kind kind, struct str name)
{
    struct unit *u = unit_new(c, f->unit, kind, name);
    int number = c->t->n_codes - 1, i = 0;
    struct code *code = u->code;
    struct frame_state in = *f;
    in.unit = u;
    in.scope = unit_inner_scope(c, f, u);
    in.is_toplevel = in.is_rootlevel = in.is_soft = in.needs_output_check = false;
    c->line = n->line;
    for (const struct node *p = n->list; p; p = p->next)
        code->n_params++;
    code->params = compile_alloc(c, (size_t)code->n_params * sizeof *code->params + 1);
    code->n_slots = code->n_params;
    code->is_markup = f->is_autoescaped;
    code->is_volatile = f->is_volatile;
    check_caller(c, n, code);
    for (const struct node *p = n->list; p; p = p->next, i++) {
        if (scope_has(in.scope, p->name))
            compile_fail(c, "SyntaxError", n->line,
                         "duplicate argument '%.*s' in function definition",
                         (int)p->name.n, p->name.p);
        struct var *v = scope_param(c->a, &c->fail, in.scope, p->name);
        code->params[i] = constant_string(c, p->name);
        v->slot = i;
    }
    scope_read_body(c->a, &c->fail, in.scope, n->list2);
    scope_read_body(c->a, &c->fail, in.scope, n->list3);
    code->caller_slot = special_param(c, &in, n, "caller");
    code->kwargs_slot = special_param(c, &in, n, "kwargs");
    code->varargs_slot = special_param(c, &in, n, "varargs");
    unit_open_env(c, u, unit_has_function(n->list3));
    unit_share_vars(c, in.scope);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_shared)
            v->slot = -1;
    bind_special(c, &in, code->caller_slot, "caller");
    bind_special(c, &in, code->kwargs_slot, "kwargs");
    bind_special(c, &in, code->varargs_slot, "varargs");
    compile_params(c, &in, n);
    unit_enter_scope(c, &in, true);
    compile_body(c, &in, n->list3);
    emit(c, u, OP_RETURN, 0, 0);
    return number;
}

void compile_macro(struct compiler *c, struct frame_state *f, const struct node *n)
{
    int number = compile_macro_body(c, f, n, CODE_MACRO, n->name);
    emit(c, f->unit, OP_MACRO, number, 1);
    compile_store(c, f, scope_find(f->scope, n->name));
    if (f->is_toplevel)
        compile_export(c, f, n->name, false);
}

void compile_call_block(struct compiler *c, struct frame_state *f, const struct node *n)
{
    int number = compile_macro_body(c, f, n, CODE_CALLER, STR("caller"));
    emit(c, f->unit, OP_MACRO, number, 1);
    c->line = n->line;
    compile_call(c, f, n->a, true);
    emit(c, f->unit, OP_OUT, OUT_RAW, 0);
    emit(c, f->unit, OP_POP, 0, 0); /* the macro */
}
