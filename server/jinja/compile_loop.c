/* The compiler's part for loops. */
#include "jinja/compile.h"

static void check_loop_targets(struct compiler *c, const struct node *n);

static void check_target(struct compiler *c, const struct node *t)
{
    if (t->kind == N_NAME && str_eq(t->name, STR("loop")))
        compile_fail(c, "TemplateAssertionError", t->line,
                     "Can't assign to special loop variable in for-loop target");
    if (t->kind == N_TUPLE)
        for (const struct node *i = t->list; i; i = i->next)
            check_target(c, i);
}

static void check_loop_list(struct compiler *c, const struct node *list)
{
    for (; list; list = list->next)
        check_loop_targets(c, list);
}

static void check_loop_targets(struct compiler *c, const struct node *n)
{
    if (n->kind == N_FOR || n->kind == N_SET || n->kind == N_SETBLOCK)
        check_target(c, n->a);
    if (n->kind == N_WITH)
        for (const struct node *t = n->list; t; t = t->next)
            check_target(c, t);
    if (n->kind == N_OUTPUT)
        return;
    check_loop_list(c, n->list);
    check_loop_list(c, n->list2);
    check_loop_list(c, n->list3);
}

static bool has_scoped_block(const struct node *list)
{
    for (; list; list = list->next)
        if ((list->kind == N_BLOCK && (list->flags & F_SCOPED)) ||
            has_scoped_block(list->list) || has_scoped_block(list->list2) ||
            has_scoped_block(list->list3))
            return true;
    return false;
}

/* for x in xs if test: first the list of those that pass is made, so that the loop knows
   its length. Stack: iterable -> list */
static void compile_loop_filter(struct compiler *c, struct frame_state *f,
                                const struct node *n)
{
    struct unit *u = f->unit;
    struct frame_state in = unit_inner_frame(c, f);
    int slots = u->code->n_slots, list = slots + 2;
    u->code->n_slots += 3;
    c->line = n->c->line;
    scope_read_target(c->a, &c->fail, in.scope, n->a);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_stored)
            v->init = INIT_PARAM;
    scope_read(c->a, &c->fail, in.scope, n->c);
    unit_share_vars(c, in.scope);
    emit(c, u, OP_ITERATE, slots, 0);
    emit_word(c, u, 0);
    emit(c, u, OP_LIST, 0, 1);
    emit(c, u, OP_SET_SLOT, list, 0);
    int start = u->code->n, end = emit_jump(c, u, OP_NEXT, 1);
    emit_word(c, u, (uint32_t)slots);
    emit(c, u, OP_DUP, 0, 1);
    compile_target(c, &in, n->a);
    compile_expression(c, &in, n->c);
    int skip = emit_jump(c, u, OP_JUMP_FALSE, 0);
    emit(c, u, OP_APPEND, list, 0);
    patch_to(u, emit_jump(c, u, OP_JUMP, 0), start);
    patch_here(u, skip);
    emit(c, u, OP_POP, 0, 0);
    patch_to(u, emit_jump(c, u, OP_JUMP, 0), start);
    patch_here(u, end);
    emit(c, u, OP_LOOP_END, slots, 0);
    emit(c, u, OP_SLOT_SOFT, list, 1);
    emit(c, u, OP_NIL, 0, 1);
    emit(c, u, OP_SET_SLOT, list, 0);
}

static void compile_else(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct frame_state in = unit_inner_frame(c, f);
    scope_read_body(c->a, &c->fail, in.scope, n->list2);
    unit_share_vars(c, in.scope);
    unit_enter_scope(c, &in, false);
    compile_body(c, &in, n->list2);
}

/* Stack: iterable -> nothing. `f` is the frame around the loop. */
static void compile_loop(struct compiler *c, struct frame_state *f, const struct node *n,
                         bool is_extended)
{
    struct unit *u = f->unit;
    struct frame_state in = unit_inner_frame(c, f);
    int slots = u->code->n_slots, else_flag = n->list2 ? slots + 2 : -1;
    u->code->n_slots += n->list2 ? 3 : 2;
    struct var *loop_var = NULL;
    if (is_extended)
        loop_var = scope_param(c->a, &c->fail, in.scope, STR("loop"));
    scope_read_target(c->a, &c->fail, in.scope, n->a);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_stored)
            v->init = INIT_PARAM;
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    unit_share_vars(c, in.scope);
    if (n->c)
        compile_loop_filter(c, f, n);
    c->line = n->line;
    emit(c, u, OP_ITERATE, slots, 0);
    emit_word(c, u,
              (is_extended ? LOOP_EXTENDED : 0u) |
                  ((n->flags & F_RECURSIVE) ? LOOP_RECURSIVE : 0u));
    if (loop_var) {
        emit(c, u, OP_SLOT_SOFT, slots + 1, 1);
        compile_store(c, &in, loop_var);
    }
    if (else_flag >= 0) {
        emit(c, u, OP_TRUE, 0, 1);
        emit(c, u, OP_SET_SLOT, else_flag, 0);
    }
    struct loop_site site = {u->loop, u->code->n, 0, u->n_captures};
    int end = emit_jump(c, u, OP_NEXT, 1);
    emit_word(c, u, (uint32_t)slots);
    compile_target(c, &in, n->a);
    unit_enter_scope(c, &in, false);
    u->loop = &site;
    compile_body(c, &in, n->list);
    u->loop = site.outer;
    if (else_flag >= 0) {
        emit(c, u, OP_FALSE, 0, 1);
        emit(c, u, OP_SET_SLOT, else_flag, 0);
    }
    patch_to(u, emit_jump(c, u, OP_JUMP, 0), site.start);
    patch_here(u, end);
    while (site.breaks) {
        int next = (int)(u->code->words[site.breaks] >> 8);
        patch_here(u, site.breaks);
        site.breaks = next;
    }
    emit(c, u, OP_LOOP_END, slots, 0);
    if (else_flag >= 0) {
        emit(c, u, OP_SLOT_SOFT, else_flag, 1);
        int skip = emit_jump(c, u, OP_JUMP_FALSE, 0);
        compile_else(c, f, n);
        patch_here(u, skip);
    }
}

/* A recursive loop is a function that calls itself: for x in xs recursive. */
static void compile_recursive(struct compiler *c, struct frame_state *f,
                              const struct node *n)
{
    struct unit *u = unit_new(c, f->unit, CODE_LOOP, STR("loop"));
    int number = c->t->n_codes - 1;
    struct frame_state in = *f;
    c->line = n->line;
    in.unit = u;
    in.scope = unit_inner_scope(c, f, u);
    in.is_toplevel = in.is_rootlevel = in.is_soft = in.needs_output_check = false;
    u->code->n_params = 1;
    u->code->params = compile_alloc(c, sizeof *u->code->params);
    u->code->n_slots = 2; /* what is iterated, the function itself */
    u->code->is_recursive = true;
    u->code->is_markup = f->is_autoescaped;
    u->code->is_volatile = f->is_volatile;
    unit_open_env(c, u, unit_has_function(n->list) || unit_has_function(n->list2));
    emit(c, u, OP_SLOT_SOFT, 0, 1);
    compile_loop(c, &in, n, true);
    emit(c, u, OP_RETURN, 0, 0);
    c->line = n->line;
    emit(c, f->unit, OP_MACRO, number, 1);
    emit(c, f->unit, OP_NIL, 0, 1);
    compile_expression(c, f, n->b);
    emit(c, f->unit, OP_CALL, 1, 2);
    emit_word(c, f->unit, 0);
    emit(c, f->unit, OP_OUT, OUT_RAW, 0);
}

void compile_for(struct compiler *c, struct frame_state *f, const struct node *n)
{
    check_loop_targets(c, n);
    if (n->flags & F_RECURSIVE) {
        compile_recursive(c, f, n);
        return;
    }
    bool is_extended = scope_mentions(n->list, STR("loop")) || has_scoped_block(n->list);
    c->line = n->line;
    compile_expression(c, f, n->b);
    compile_loop(c, f, n, is_extended);
}

void compile_break(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct unit *u = f->unit;
    bool is_break = n->kind == N_BREAK;
    if (!u->loop)
        compile_fail(c, "SyntaxError", n->line,
                     is_break ? "'break' outside loop"
                              : "'continue' not properly in loop");
    for (int i = u->n_captures; i > u->loop->n_captures; i--) {
        emit(c, u, OP_CAPTURED, OUT_STR, 0);
        emit(c, u, OP_POP, 0, 0);
    }
    int place = emit_jump(c, u, OP_JUMP, 0);
    if (!is_break) {
        patch_to(u, place, u->loop->start);
        return;
    }
    patch_to(u, place, u->loop->breaks);
    u->loop->breaks = place;
}
