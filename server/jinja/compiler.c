/* The compiler's part for statements. The names and rules of its frames are those of
   Jinja's own compiler, whose habits (which line an error has, what is printed after an
   extends) are kept. */
#include "jinja/compiler.h"
#include "jinja/compile.h"

/* --- output --- */

static void compile_text(struct compiler *c, struct unit *u, struct str s)
{
    struct template *t = c->t;
    if (t->n_texts == t->cap_texts) {
        int cap = t->cap_texts ? t->cap_texts * 2 : 64;
        struct str *texts = compile_alloc(c, (size_t)cap * sizeof *texts);
        if (t->n_texts)
            memcpy(texts, t->texts, (size_t)t->n_texts * sizeof *texts);
        t->texts = texts;
        t->cap_texts = cap;
    }
    t->texts[t->n_texts] = s;
    emit(c, u, OP_TEXT, t->n_texts++, 0);
}

bool compile_is_literal(const struct node *n)
{
    return n->kind <= N_STRING;
}

static void compile_output(struct compiler *c, struct frame_state *f,
                           const struct node *n)
{
    int skip = -1;
    if (f->needs_output_check) {
        if (c->has_known_extends)
            return;
        skip = emit_jump(c, f->unit, OP_JUMP_PARENT, 0);
    }
    for (const struct node *i = n->list; i; i = i->next) {
        if (i->kind == N_TEXT) {
            compile_text(c, f->unit, i->name);
            continue;
        }
        if (!compile_is_literal(i))
            c->line = i->line;
        compile_expression(c, f, i);
        emit(c, f->unit, OP_OUT, (int)compile_out_mode(f), 0);
    }
    if (skip >= 0)
        patch_here(f->unit, skip);
}

/* --- assignment --- */

void compile_target(struct compiler *c, struct frame_state *f, const struct node *t)
{
    if (t->kind == N_NAME) {
        compile_store(c, f, scope_find(f->scope, t->name));
        return;
    }
    if (t->kind == N_NSREF) {
        compile_load(c, f, scope_find(f->scope, t->name), t->name);
        emit(c, f->unit, OP_SET_NS, constant_string(c, t->name2), 0);
        return;
    }
    int n = 0;
    for (const struct node *i = t->list; i; i = i->next)
        n++;
    emit(c, f->unit, OP_UNPACK, n, n);
    for (const struct node *i = t->list; i; i = i->next)
        compile_target(c, f, i);
}

void compile_export(struct compiler *c, struct frame_state *f, struct str name,
                    bool is_import)
{
    compile_load_soft(c, f, scope_find(f->scope, name));
    emit(c, f->unit, OP_EXPORT, constant_string(c, name), 0);
    emit_word(c, f->unit, is_import);
}

static void export_target(struct compiler *c, struct frame_state *f, const struct node *t)
{
    if (!f->is_toplevel)
        return;
    if (t->kind == N_NAME)
        compile_export(c, f, t->name, false);
    else if (t->kind == N_TUPLE)
        for (const struct node *i = t->list; i; i = i->next)
            export_target(c, f, i);
}

/* What has its attributes assigned is checked before the value is made. */
static void check_namespaces(struct compiler *c, struct frame_state *f,
                             const struct node *t)
{
    if (t->kind == N_NSREF) {
        compile_load(c, f, scope_find(f->scope, t->name), t->name);
        emit(c, f->unit, OP_CHECK_NS, 0, 0);
    }
    for (const struct node *i = t->kind == N_TUPLE ? t->list : NULL; i; i = i->next)
        check_namespaces(c, f, i);
}

static void compile_set(struct compiler *c, struct frame_state *f, const struct node *n)
{
    check_namespaces(c, f, n->a);
    c->line = n->line;
    compile_expression(c, f, n->b);
    compile_target(c, f, n->a);
    export_target(c, f, n->a);
}

static void compile_capture(struct compiler *c, struct frame_state *f,
                            const struct node *body)
{
    emit(c, f->unit, OP_CAPTURE, 0, 1);
    f->unit->n_captures++;
    compile_body(c, f, body);
    f->unit->n_captures--;
}

static void compile_set_block(struct compiler *c, struct frame_state *f,
                              const struct node *n)
{
    struct frame_state in = unit_inner_frame(c, f);
    in.needs_output_check = false;
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    unit_share_vars(c, in.scope);
    unit_enter_scope(c, &in, false);
    compile_capture(c, &in, n->list);
    c->line = n->line;
    emit(c, f->unit, OP_CAPTURED, n->b ? (int)compile_out_mode(&in) : OUT_VOLATILE, 0);
    if (n->b) {
        compile_filters(c, &in, n->b);
        emit(c, f->unit, OP_MARKSAFE, 0, 0);
    }
    compile_target(c, f, n->a);
    export_target(c, f, n->a);
}

/* --- control --- */

static void compile_if(struct compiler *c, struct frame_state *outer,
                       const struct node *n)
{
    struct frame_state f = *outer;
    struct unit *u = f.unit;
    int ends = 0; /* jumps to the end, linked through their targets */
    f.is_rootlevel = false;
    f.is_soft = true;
    const struct node *branch = n;
    do {
        c->line = branch->line;
        compile_expression(c, &f, branch->a);
        int next = emit_jump(c, u, OP_JUMP_FALSE, 0);
        compile_body(c, &f, branch->list);
        int end = emit_jump(c, u, OP_JUMP, 0);
        patch_to(u, end, ends);
        ends = end;
        patch_here(u, next);
        branch = branch == n ? n->list2 : branch->next;
    } while (branch);
    compile_body(c, &f, n->list3);
    while (ends) {
        int next = (int)(u->code->words[ends] >> 8);
        patch_here(u, ends);
        ends = next;
    }
}

static void compile_with(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct frame_state in = unit_inner_frame(c, f);
    for (const struct node *t = n->list; t; t = t->next)
        scope_read_target(c->a, &c->fail, in.scope, t);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_stored)
            v->init = INIT_PARAM;
    scope_read_body(c->a, &c->fail, in.scope, n->list3);
    unit_share_vars(c, in.scope);
    unit_enter_scope(c, &in, false);
    const struct node *value = n->list2;
    for (const struct node *t = n->list; t; t = t->next, value = value->next) {
        compile_expression(c, f, value);
        compile_target(c, &in, t);
    }
    compile_body(c, &in, n->list3);
}

static void compile_autoescape(struct compiler *c, struct frame_state *f,
                               const struct node *n)
{
    struct frame_state in = unit_inner_frame(c, f);
    int slot = f->unit->code->n_slots++;
    scope_read(c->a, &c->fail, in.scope, n->a);
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    unit_share_vars(c, in.scope);
    unit_enter_scope(c, &in, false);
    compile_expression(c, &in, n->a);
    emit(c, f->unit, OP_AUTOESCAPE, slot, 0);
    if (compile_is_literal(n->a)) {
        in.is_autoescaped = n->a->kind == N_TRUE ||
                            (n->a->kind == N_STRING && n->a->name.n) ||
                            (n->a->kind == N_INTEGER && n->a->value.integer != 0) ||
                            (n->a->kind == N_FLOAT && n->a->value.number != 0);
    } else {
        in.is_volatile = true;
    }
    compile_body(c, &in, n->list);
    emit(c, f->unit, OP_AUTOESCAPE_END, slot, 0);
}

static void compile_filter_block(struct compiler *c, struct frame_state *f,
                                 const struct node *n)
{
    struct frame_state in = unit_inner_frame(c, f);
    scope_read(c->a, &c->fail, in.scope, n->b);
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    unit_share_vars(c, in.scope);
    unit_enter_scope(c, &in, false);
    compile_capture(c, &in, n->list);
    c->line = n->line;
    emit(c, f->unit, OP_CAPTURED, (int)compile_out_mode(&in), 0);
    compile_filters(c, &in, n->b);
    emit(c, f->unit, OP_OUT, OUT_RAW, 0);
}

/* --- templates and blocks --- */

static bool is_first_of_name(const struct scope *from, const struct scope *at,
                             const struct var *v)
{
    for (; from != at; from = from->parent)
        for (const struct var *o = from->first; o; o = o->next)
            if (o->is_stored && str_eq(o->name, v->name))
                return false;
    return true;
}

/* Pushes a table of all that is assigned here, for a template or block that may see it.
 */
static void compile_locals(struct compiler *c, struct frame_state *f)
{
    int n = 0;
    for (struct scope *s = f->scope; s; s = s->parent)
        for (struct var *v = s->first; v; v = v->next) {
            if (!v->is_stored || !is_first_of_name(f->scope, s, v))
                continue;
            emit(c, f->unit, OP_CONST, constant_string(c, v->name), 1);
            compile_load_soft(c, f, v);
            n++;
        }
    emit(c, f->unit, OP_LOCALS, n, 1);
}

static void compile_block(struct compiler *c, struct frame_state *f, const struct node *n)
{
    int skip = -1;
    if (f->is_toplevel) {
        if (c->has_known_extends)
            return;
        if (c->n_extends > 0)
            skip = emit_jump(c, f->unit, OP_JUMP_PARENT, 0);
    }
    if (n->flags & F_SCOPED)
        compile_locals(c, f);
    c->line = n->line;
    emit(c, f->unit, OP_BLOCK, constant_string(c, n->name), 0);
    emit_word(c, f->unit, n->flags);
    if (skip >= 0)
        patch_here(f->unit, skip);
}

static void compile_extends(struct compiler *c, struct frame_state *f,
                            const struct node *n)
{
    if (!f->is_toplevel)
        compile_fail(c, "TemplateAssertionError", n->line,
                     "cannot use extend from a non top-level scope");
    if (c->n_extends > 0) {
        int skip = -1;
        if (!c->has_known_extends) {
            int check = emit_jump(c, f->unit, OP_JUMP_PARENT, 0);
            skip = emit_jump(c, f->unit, OP_JUMP, 0);
            patch_here(f->unit, check);
        }
        emit(c, f->unit, OP_FAIL, constant_string(c, STR("extended multiple times")), 0);
        if (c->has_known_extends) {
            c->is_finished = true;
            return;
        }
        patch_here(f->unit, skip);
    }
    c->line = n->line;
    compile_expression(c, f, n->a);
    emit(c, f->unit, OP_EXTENDS, 0, 0);
    if (f->is_rootlevel)
        c->has_known_extends = true;
    c->n_extends++;
}

static void compile_include(struct compiler *c, struct frame_state *f,
                            const struct node *n)
{
    c->line = n->line;
    compile_expression(c, f, n->a);
    if (n->flags & F_WITH_CONTEXT)
        compile_locals(c, f);
    else
        emit(c, f->unit, OP_NIL, 0, 1);
    emit(c, f->unit, OP_INCLUDE, n->flags, 0);
}

static void compile_module(struct compiler *c, struct frame_state *f,
                           const struct node *n)
{
    c->line = n->line;
    compile_expression(c, f, n->a);
    if (n->flags & F_WITH_CONTEXT)
        compile_locals(c, f);
    else
        emit(c, f->unit, OP_NIL, 0, 1);
    emit(c, f->unit, OP_IMPORT, n->flags, 0);
}

static void compile_import(struct compiler *c, struct frame_state *f,
                           const struct node *n)
{
    compile_module(c, f, n);
    compile_store(c, f, scope_find(f->scope, n->name));
    if (f->is_toplevel)
        compile_export(c, f, n->name, true);
}

static void compile_from(struct compiler *c, struct frame_state *f, const struct node *n)
{
    compile_module(c, f, n);
    for (const struct node *i = n->list; i; i = i->next) {
        emit(c, f->unit, OP_IMPORTED, constant_string(c, i->name), 1);
        emit_word(c, f->unit, (uint32_t)n->line);
        compile_store(c, f, scope_find(f->scope, i->name2));
    }
    emit(c, f->unit, OP_POP, 0, 0);
    for (const struct node *i = n->list; i && f->is_toplevel; i = i->next)
        compile_export(c, f, i->name2, true);
}

static void compile_do(struct compiler *c, struct frame_state *f, const struct node *n)
{
    c->line = n->line;
    compile_expression(c, f, n->a);
    emit(c, f->unit, OP_POP, 0, 0);
}

static void compile_debug(struct compiler *c, struct frame_state *f, const struct node *n)
{
    c->line = n->line;
    compile_locals(c, f);
    emit(c, f->unit, OP_DEBUG, 0, 0);
    emit(c, f->unit, OP_OUT, (int)compile_out_mode(f), 0);
}

static void compile_statement(struct compiler *c, struct frame_state *f,
                              const struct node *n)
{
    switch (n->kind) {
    case N_OUTPUT:
        compile_output(c, f, n);
        break;
    case N_FOR:
        compile_for(c, f, n);
        break;
    case N_IF:
        compile_if(c, f, n);
        break;
    case N_SET:
        compile_set(c, f, n);
        break;
    case N_SETBLOCK:
        compile_set_block(c, f, n);
        break;
    case N_WITH:
        compile_with(c, f, n);
        break;
    case N_AUTOESCAPE:
        compile_autoescape(c, f, n);
        break;
    case N_BLOCK:
        compile_block(c, f, n);
        break;
    case N_EXTENDS:
        compile_extends(c, f, n);
        break;
    case N_INCLUDE:
        compile_include(c, f, n);
        break;
    case N_IMPORT:
        compile_import(c, f, n);
        break;
    case N_FROM:
        compile_from(c, f, n);
        break;
    case N_MACRO:
        compile_macro(c, f, n);
        break;
    case N_CALLBLOCK:
        compile_call_block(c, f, n);
        break;
    case N_FILTERBLOCK:
        compile_filter_block(c, f, n);
        break;
    case N_DO:
        compile_do(c, f, n);
        break;
    case N_BREAK:
    case N_CONTINUE:
        compile_break(c, f, n);
        break;
    case N_DEBUG:
        compile_debug(c, f, n);
        break;
    default:
        compile_fail(c, "TemplateSyntaxError", n->line, "not a statement");
    }
}

void compile_body(struct compiler *c, struct frame_state *f, const struct node *body)
{
    for (; body && !c->is_finished; body = body->next) {
        f->unit->pushes = f->unit->n_captures;
        compile_statement(c, f, body);
    }
}

/* --- the whole --- */

static bool has_extends(const struct node *list)
{
    for (; list; list = list->next)
        if (list->kind == N_EXTENDS || has_extends(list->list) ||
            has_extends(list->list2) || has_extends(list->list3))
            return true;
    return false;
}

struct block_list {
    const struct node *node;
    struct block_list *next;
};

static void find_blocks(struct compiler *c, const struct node *list,
                        struct block_list ***tail)
{
    for (; list; list = list->next) {
        if (list->kind == N_OUTPUT)
            continue;
        if (list->kind == N_BLOCK) {
            struct block_list *b = compile_alloc(c, sizeof *b);
            b->node = list;
            **tail = b;
            *tail = &b->next;
        }
        find_blocks(c, list->list, tail);
        find_blocks(c, list->list2, tail);
        find_blocks(c, list->list3, tail);
    }
}

static void check_block_names(struct compiler *c, struct block_list *blocks)
{
    struct name_set *seen = compile_alloc(c, sizeof *seen), *inner = c->inner;
    c->inner = seen;
    for (struct block_list *b = blocks; b; b = b->next) {
        if (name_set_has(seen, b->node->name))
            compile_fail(c, "TemplateAssertionError", b->node->line,
                         "block '%.*s' defined twice", (int)b->node->name.n,
                         b->node->name.p);
        name_set_add(c, b->node->name);
    }
    c->inner = inner;
}

/* self and super are variables that hold references. */
static void bind_reference(struct compiler *c, struct frame_state *f,
                           const struct node *body, const char *name, enum op op)
{
    if (!scope_mentions(body, str_from(name)))
        return;
    struct var *v = scope_param(c->a, &c->fail, f->scope, str_from(name));
    unit_share_vars(c, f->scope);
    emit(c, f->unit, op, 0, 1);
    compile_store(c, f, v);
}

static struct frame_state root_frame(struct compiler *c, struct unit *u,
                                     bool is_autoescaped)
{
    struct frame_state f = {.unit = u, .is_autoescaped = is_autoescaped};
    f.scope = scope_new(c->a, &c->fail, NULL, u);
    return f;
}

static void compile_root(struct compiler *c, const struct node *root, bool is_autoescaped)
{
    struct unit *u = unit_new(c, NULL, CODE_ROOT, STR("root"));
    struct frame_state f = root_frame(c, u, is_autoescaped);
    unit_open_env(c, u, unit_has_function(root->list));
    f.is_toplevel = f.is_rootlevel = true;
    f.needs_output_check = c->has_extends;
    bind_reference(c, &f, root->list, "self", OP_SELF);
    scope_read_body(c->a, &c->fail, f.scope, root->list);
    unit_share_vars(c, f.scope);
    unit_enter_scope(c, &f, true);
    compile_body(c, &f, root->list);
    emit(c, u, OP_RETURN, 0, 0);
}

static void compile_block_body(struct compiler *c, const struct node *n,
                               bool is_autoescaped)
{
    struct unit *u = unit_new(c, NULL, CODE_BLOCK, n->name);
    struct frame_state f = root_frame(c, u, is_autoescaped);
    c->line = n->line;
    u->code->is_required = (n->flags & F_REQUIRED) != 0;
    unit_open_env(c, u, unit_has_function(n->list));
    bind_reference(c, &f, n->list, "self", OP_SELF);
    bind_reference(c, &f, n->list, "super", OP_SUPER);
    scope_read_body(c->a, &c->fail, f.scope, n->list);
    unit_share_vars(c, f.scope);
    unit_enter_scope(c, &f, true);
    compile_body(c, &f, n->list);
    emit(c, u, OP_RETURN, 0, 0);
    u->code->next_block = c->t->blocks;
    c->t->blocks = u->code;
}

bool compiler_run(struct template *t, const struct node *root, bool is_autoescaped,
                  const struct compiler_names *names, struct parser_error *error)
{
    struct compiler *c = arena_alloc(&t->work, sizeof *c);
    *error = (struct parser_error){.type = "TemplateSyntaxError"};
    if (!c)
        return false;
    memset(c, 0, sizeof *c);
    c->t = t;
    c->a = &t->work;
    c->names = names;
    c->line = 1;
    if (setjmp(c->fail)) {
        *error = c->error;
        return false;
    }
    c->inner = compile_alloc(c, sizeof *c->inner);
    c->has_extends = has_extends(root->list);
    struct block_list *blocks = NULL, **tail = &blocks;
    find_blocks(c, root->list, &tail);
    check_block_names(c, blocks);
    unit_collect(c, root->list, false);
    compile_root(c, root, is_autoescaped);
    c->is_finished = false;
    for (; blocks; blocks = blocks->next)
        compile_block_body(c, blocks->node, is_autoescaped);
    return true;
}
