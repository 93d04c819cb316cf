/* The compiler's part for statements. The names and rules of its frames are those of Jinja's
   own compiler, whose habits (which line an error has, what is printed after an extends) are
   kept. */
#include "jinja/compiler.h"
#include "jinja/compile.h"
#include <stdarg.h>
#include <stdio.h>

/* --- memory, errors, instructions --- */

void compile_fail(struct compiler *c, const char *type, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->error.type = type;
    c->error.line = line;
    c->error.message = arena_copy(c->a, str_from(text));
    longjmp(c->fail, 1);
}

void *compile_alloc(struct compiler *c, size_t n)
{
    void *p = arena_alloc(c->a, n);
    if (!p)
        longjmp(c->fail, 1);
    memset(p, 0, n);
    return p;
}

enum { MAX_OPERAND = 0x7fffff };

void emit_word(struct compiler *c, struct unit *u, uint32_t w)
{
    struct code *code = u->code;
    if (code->n == u->cap) {
        int cap = u->cap ? u->cap * 2 : 64;
        uint32_t *words = compile_alloc(c, (size_t)cap * sizeof *words);
        int *lines = compile_alloc(c, (size_t)cap * sizeof *lines);
        if (code->n) {
            memcpy(words, code->words, (size_t)code->n * sizeof *words);
            memcpy(lines, code->lines, (size_t)code->n * sizeof *lines);
        }
        code->words = words;
        code->lines = lines;
        u->cap = cap;
    }
    if (code->n >= MAX_OPERAND)
        compile_fail(c, "TemplateSyntaxError", c->line, "the template is too large");
    code->lines[code->n] = c->line;
    code->words[code->n++] = w;
}

void emit(struct compiler *c, struct unit *u, enum op op, int a, int push)
{
    u->pushes += push;
    if (u->pushes > u->code->n_stack)
        u->code->n_stack = u->pushes;
    emit_word(c, u, (uint32_t)op | (uint32_t)a << 8);
}

int emit_jump(struct compiler *c, struct unit *u, enum op op, int push)
{
    emit(c, u, op, 0, push);
    return u->code->n - 1;
}

void patch_to(struct unit *u, int place, int target)
{
    uint32_t *w = &u->code->words[place];
    *w = (*w & 0xff) | (uint32_t)target << 8;
}

void patch_here(struct unit *u, int place)
{
    patch_to(u, place, u->code->n);
}

/* --- names that inner functions mention --- */

struct name_set {
    struct name_entry {
        struct str name;
        struct name_entry *next;
    } * buckets[256];
};

static struct name_entry **bucket(struct name_set *set, struct str s)
{
    unsigned h = (unsigned)s.n;
    for (size_t i = 0; i < s.n; i++)
        h = h * 31 + (unsigned char)s.p[i];
    return &set->buckets[h % 256];
}

static bool set_has(struct name_set *set, struct str s)
{
    for (struct name_entry *e = *bucket(set, s); e; e = e->next)
        if (str_eq(e->name, s))
            return true;
    return false;
}

static void set_add(struct compiler *c, struct str s)
{
    if (set_has(c->inner, s))
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

static void collect_list(struct compiler *c, const struct node *list, bool is_inside);

static void collect(struct compiler *c, const struct node *n, bool is_inside)
{
    is_inside |= is_function(n);
    if (is_inside && (n->kind == N_NAME || n->kind == N_NSREF || n->kind == N_MACRO ||
                      n->kind == N_IMPORT))
        set_add(c, n->name);
    if (is_inside && n->kind == N_ALIAS)
        set_add(c, n->name2);
    if (is_inside && (n->kind == N_INCLUDE || n->kind == N_IMPORT || n->kind == N_FROM ||
                      n->kind == N_BLOCK))
        c->is_all_shared = true;
    if (n->a)
        collect(c, n->a, is_inside);
    if (n->b)
        collect(c, n->b, is_inside);
    if (n->c)
        collect(c, n->c, is_inside);
    collect_list(c, n->list, is_inside);
    collect_list(c, n->list2, is_inside);
    collect_list(c, n->list3, is_inside);
}

static void collect_list(struct compiler *c, const struct node *list, bool is_inside)
{
    for (; list; list = list->next)
        collect(c, list, is_inside);
}

/* Whether the statements hold a function of the unit that they belong to. */
static bool has_function(const struct node *list)
{
    for (; list; list = list->next) {
        if (list->kind == N_BLOCK || list->kind == N_OUTPUT)
            continue;
        if (is_function(list) || has_function(list->list) || has_function(list->list2) ||
            has_function(list->list3))
            return true;
    }
    return false;
}

/* --- units and scopes --- */

static struct unit *unit_new(struct compiler *c, struct unit *parent, enum code_kind kind,
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

/* Opens the unit's shared table, when it has inner functions. */
static void open_env(struct compiler *c, struct unit *u, bool has_inner)
{
    u->code->has_env = has_inner;
    if (has_inner)
        emit(c, u, OP_NEW_ENV, 4, 0);
}

static void share_vars(struct compiler *c, struct scope *s)
{
    for (struct var *v = s->first; v; v = v->next)
        if (v->is_stored && s->unit->code->has_env &&
            (c->is_all_shared || set_has(c->inner, v->name)))
            v->is_shared = true;
}

/* Gives the scope's variables what they begin with. */
static void enter_scope(struct compiler *c, struct frame_state *f, bool is_first)
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

static struct scope *inner_scope(struct compiler *c, const struct frame_state *f,
                                 struct unit *u)
{
    return scope_new(c->a, &c->fail, f->scope, u);
}

/* An inner frame (for, with, ...): not the top level any more. */
static struct frame_state inner_frame(struct compiler *c, const struct frame_state *f)
{
    struct frame_state in = *f;
    in.scope = inner_scope(c, f, f->unit);
    in.is_toplevel = in.is_rootlevel = in.is_soft = false;
    return in;
}

static void compile_body(struct compiler *c, struct frame_state *f, const struct node *body);

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

static bool is_literal(const struct node *n)
{
    return n->kind <= N_STRING;
}

static void compile_output(struct compiler *c, struct frame_state *f, const struct node *n)
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
        if (!is_literal(i))
            c->line = i->line;
        compile_expression(c, f, i);
        emit(c, f->unit, OP_OUT, (int)compile_out_mode(f), 0);
    }
    if (skip >= 0)
        patch_here(f->unit, skip);
}

/* --- assignment --- */

static void compile_target(struct compiler *c, struct frame_state *f, const struct node *t)
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

static void export_name(struct compiler *c, struct frame_state *f, struct str name,
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
        export_name(c, f, t->name, false);
    else if (t->kind == N_TUPLE)
        for (const struct node *i = t->list; i; i = i->next)
            export_target(c, f, i);
}

/* What has its attributes assigned is checked before the value is made. */
static void check_namespaces(struct compiler *c, struct frame_state *f, const struct node *t)
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

static void compile_capture(struct compiler *c, struct frame_state *f, const struct node *body)
{
    emit(c, f->unit, OP_CAPTURE, 0, 1);
    f->unit->n_captures++;
    compile_body(c, f, body);
    f->unit->n_captures--;
}

static void compile_set_block(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct frame_state in = inner_frame(c, f);
    in.needs_output_check = false;
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    share_vars(c, in.scope);
    enter_scope(c, &in, false);
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

static void compile_if(struct compiler *c, struct frame_state *outer, const struct node *n)
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

/* for x in xs if test: first the list of those that pass is made, so that the loop knows its
   length. Stack: iterable -> list */
static void compile_loop_filter(struct compiler *c, struct frame_state *f,
                                const struct node *n)
{
    struct unit *u = f->unit;
    struct frame_state in = inner_frame(c, f);
    int slots = u->code->n_slots, list = slots + 2;
    u->code->n_slots += 3;
    c->line = n->c->line;
    scope_read_target(c->a, &c->fail, in.scope, n->a);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_stored)
            v->init = INIT_PARAM;
    scope_read(c->a, &c->fail, in.scope, n->c);
    share_vars(c, in.scope);
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
    struct frame_state in = inner_frame(c, f);
    scope_read_body(c->a, &c->fail, in.scope, n->list2);
    share_vars(c, in.scope);
    enter_scope(c, &in, false);
    compile_body(c, &in, n->list2);
}

/* Stack: iterable -> nothing. `f` is the frame around the loop. */
static void compile_loop(struct compiler *c, struct frame_state *f, const struct node *n,
                         bool is_extended)
{
    struct unit *u = f->unit;
    struct frame_state in = inner_frame(c, f);
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
    share_vars(c, in.scope);
    if (n->c)
        compile_loop_filter(c, f, n);
    c->line = n->line;
    emit(c, u, OP_ITERATE, slots, 0);
    emit_word(c, u, (is_extended ? LOOP_EXTENDED : 0u) |
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
    enter_scope(c, &in, false);
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
static void compile_recursive(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct unit *u = unit_new(c, f->unit, CODE_LOOP, STR("loop"));
    int number = c->t->n_codes - 1;
    struct frame_state in = *f;
    c->line = n->line;
    in.unit = u;
    in.scope = inner_scope(c, f, u);
    in.is_toplevel = in.is_rootlevel = in.is_soft = in.needs_output_check = false;
    u->code->n_params = 1;
    u->code->params = compile_alloc(c, sizeof *u->code->params);
    u->code->n_slots = 2; /* what is iterated, the function itself */
    u->code->is_recursive = true;
    u->code->is_markup = f->is_autoescaped;
    u->code->is_volatile = f->is_volatile;
    open_env(c, u, has_function(n->list) || has_function(n->list2));
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

static void compile_for(struct compiler *c, struct frame_state *f, const struct node *n)
{
    check_loop_targets(c, n);
    if (n->flags & F_RECURSIVE) {
        compile_recursive(c, f, n);
        return;
    }
    bool is_extended =
        scope_mentions(n->list, STR("loop")) || has_scoped_block(n->list);
    c->line = n->line;
    compile_expression(c, f, n->b);
    compile_loop(c, f, n, is_extended);
}

static void compile_break(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct unit *u = f->unit;
    bool is_break = n->kind == N_BREAK;
    if (!u->loop)
        compile_fail(c, "SyntaxError", n->line,
                     is_break ? "'break' outside loop" : "'continue' not properly in loop");
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

static void compile_with(struct compiler *c, struct frame_state *f, const struct node *n)
{
    struct frame_state in = inner_frame(c, f);
    for (const struct node *t = n->list; t; t = t->next)
        scope_read_target(c->a, &c->fail, in.scope, t);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_stored)
            v->init = INIT_PARAM;
    scope_read_body(c->a, &c->fail, in.scope, n->list3);
    share_vars(c, in.scope);
    enter_scope(c, &in, false);
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
    struct frame_state in = inner_frame(c, f);
    int slot = f->unit->code->n_slots++;
    scope_read(c->a, &c->fail, in.scope, n->a);
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    share_vars(c, in.scope);
    enter_scope(c, &in, false);
    compile_expression(c, &in, n->a);
    emit(c, f->unit, OP_AUTOESCAPE, slot, 0);
    if (is_literal(n->a)) {
        in.is_autoescaped = n->a->kind == N_TRUE || (n->a->kind == N_STRING && n->a->name.n) ||
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
    struct frame_state in = inner_frame(c, f);
    scope_read(c->a, &c->fail, in.scope, n->b);
    scope_read_body(c->a, &c->fail, in.scope, n->list);
    share_vars(c, in.scope);
    enter_scope(c, &in, false);
    compile_capture(c, &in, n->list);
    c->line = n->line;
    emit(c, f->unit, OP_CAPTURED, (int)compile_out_mode(&in), 0);
    compile_filters(c, &in, n->b);
    emit(c, f->unit, OP_OUT, OUT_RAW, 0);
}

/* --- macros --- */

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

static void bind_special(struct compiler *c, struct frame_state *f, int slot, const char *name)
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
    int n = snprintf(text, room, "parameter '%.*s' was not provided", (int)name.n, name.p);
    emit(c, f->unit, OP_UNDEFINED, constant_string(c, (struct str){text, (size_t)n}), 1);
    emit_word(c, f->unit, (uint32_t)constant_string(c, name) + 1);
}

static void compile_params(struct compiler *c, struct frame_state *f, const struct node *n)
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
            compile_fail(c, "TemplateAssertionError", n->line,
                         "When defining macros or call blocks the special \"caller\" argument "
                         "must be omitted or be given a default.");
    }
}

/* The macro's code; returns its number. */
static int compile_macro_body(struct compiler *c, struct frame_state *f, const struct node *n,
                              enum code_kind kind, struct str name)
{
    struct unit *u = unit_new(c, f->unit, kind, name);
    int number = c->t->n_codes - 1, i = 0;
    struct code *code = u->code;
    struct frame_state in = *f;
    in.unit = u;
    in.scope = inner_scope(c, f, u);
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
                         "duplicate argument '%.*s' in function definition", (int)p->name.n,
                         p->name.p);
        struct var *v = scope_param(c->a, &c->fail, in.scope, p->name);
        code->params[i] = constant_string(c, p->name);
        v->slot = i;
    }
    scope_read_body(c->a, &c->fail, in.scope, n->list2);
    scope_read_body(c->a, &c->fail, in.scope, n->list3);
    code->caller_slot = special_param(c, &in, n, "caller");
    code->kwargs_slot = special_param(c, &in, n, "kwargs");
    code->varargs_slot = special_param(c, &in, n, "varargs");
    open_env(c, u, has_function(n->list3));
    share_vars(c, in.scope);
    for (struct var *v = in.scope->first; v; v = v->next)
        if (v->is_shared)
            v->slot = -1;
    bind_special(c, &in, code->caller_slot, "caller");
    bind_special(c, &in, code->kwargs_slot, "kwargs");
    bind_special(c, &in, code->varargs_slot, "varargs");
    compile_params(c, &in, n);
    enter_scope(c, &in, true);
    compile_body(c, &in, n->list3);
    emit(c, u, OP_RETURN, 0, 0);
    return number;
}

static void compile_macro(struct compiler *c, struct frame_state *f, const struct node *n)
{
    int number = compile_macro_body(c, f, n, CODE_MACRO, n->name);
    emit(c, f->unit, OP_MACRO, number, 1);
    compile_store(c, f, scope_find(f->scope, n->name));
    if (f->is_toplevel)
        export_name(c, f, n->name, false);
}

static void compile_call_block(struct compiler *c, struct frame_state *f,
                               const struct node *n)
{
    int number = compile_macro_body(c, f, n, CODE_CALLER, STR("caller"));
    emit(c, f->unit, OP_MACRO, number, 1);
    c->line = n->line;
    compile_call(c, f, n->a, true);
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

/* Pushes a table of all that is assigned here, for a template or block that may see it. */
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

static void compile_extends(struct compiler *c, struct frame_state *f, const struct node *n)
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

static void compile_include(struct compiler *c, struct frame_state *f, const struct node *n)
{
    c->line = n->line;
    compile_expression(c, f, n->a);
    if (n->flags & F_WITH_CONTEXT)
        compile_locals(c, f);
    else
        emit(c, f->unit, OP_NIL, 0, 1);
    emit(c, f->unit, OP_INCLUDE, n->flags, 0);
}

static void compile_module(struct compiler *c, struct frame_state *f, const struct node *n)
{
    c->line = n->line;
    compile_expression(c, f, n->a);
    if (n->flags & F_WITH_CONTEXT)
        compile_locals(c, f);
    else
        emit(c, f->unit, OP_NIL, 0, 1);
    emit(c, f->unit, OP_IMPORT, n->flags, 0);
}

static void compile_import(struct compiler *c, struct frame_state *f, const struct node *n)
{
    compile_module(c, f, n);
    compile_store(c, f, scope_find(f->scope, n->name));
    if (f->is_toplevel)
        export_name(c, f, n->name, true);
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
        export_name(c, f, i->name2, true);
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

static void compile_statement(struct compiler *c, struct frame_state *f, const struct node *n)
{
    switch (n->kind) {
    case N_OUTPUT: compile_output(c, f, n); break;
    case N_FOR: compile_for(c, f, n); break;
    case N_IF: compile_if(c, f, n); break;
    case N_SET: compile_set(c, f, n); break;
    case N_SETBLOCK: compile_set_block(c, f, n); break;
    case N_WITH: compile_with(c, f, n); break;
    case N_AUTOESCAPE: compile_autoescape(c, f, n); break;
    case N_BLOCK: compile_block(c, f, n); break;
    case N_EXTENDS: compile_extends(c, f, n); break;
    case N_INCLUDE: compile_include(c, f, n); break;
    case N_IMPORT: compile_import(c, f, n); break;
    case N_FROM: compile_from(c, f, n); break;
    case N_MACRO: compile_macro(c, f, n); break;
    case N_CALLBLOCK: compile_call_block(c, f, n); break;
    case N_FILTERBLOCK: compile_filter_block(c, f, n); break;
    case N_DO: compile_do(c, f, n); break;
    case N_BREAK:
    case N_CONTINUE: compile_break(c, f, n); break;
    case N_DEBUG: compile_debug(c, f, n); break;
    default: compile_fail(c, "TemplateSyntaxError", n->line, "not a statement");
    }
}

static void compile_body(struct compiler *c, struct frame_state *f, const struct node *body)
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
        if (list->kind == N_EXTENDS || has_extends(list->list) || has_extends(list->list2) ||
            has_extends(list->list3))
            return true;
    return false;
}

struct block_list {
    const struct node *node;
    struct block_list *next;
};

static void find_blocks(struct compiler *c, const struct node *list, struct block_list ***tail)
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
        if (set_has(seen, b->node->name))
            compile_fail(c, "TemplateAssertionError", b->node->line,
                         "block '%.*s' defined twice", (int)b->node->name.n, b->node->name.p);
        set_add(c, b->node->name);
    }
    c->inner = inner;
}

/* self and super are variables that hold references. */
static void bind_reference(struct compiler *c, struct frame_state *f, const struct node *body,
                           const char *name, enum op op)
{
    if (!scope_mentions(body, str_from(name)))
        return;
    struct var *v = scope_param(c->a, &c->fail, f->scope, str_from(name));
    share_vars(c, f->scope);
    emit(c, f->unit, op, 0, 1);
    compile_store(c, f, v);
}

static struct frame_state root_frame(struct compiler *c, struct unit *u, bool is_autoescaped)
{
    struct frame_state f = {.unit = u, .is_autoescaped = is_autoescaped};
    f.scope = scope_new(c->a, &c->fail, NULL, u);
    return f;
}

static void compile_root(struct compiler *c, const struct node *root, bool is_autoescaped)
{
    struct unit *u = unit_new(c, NULL, CODE_ROOT, STR("root"));
    struct frame_state f = root_frame(c, u, is_autoescaped);
    open_env(c, u, has_function(root->list));
    f.is_toplevel = f.is_rootlevel = true;
    f.needs_output_check = c->has_extends;
    bind_reference(c, &f, root->list, "self", OP_SELF);
    scope_read_body(c->a, &c->fail, f.scope, root->list);
    share_vars(c, f.scope);
    enter_scope(c, &f, true);
    compile_body(c, &f, root->list);
    emit(c, u, OP_RETURN, 0, 0);
}

static void compile_block_body(struct compiler *c, const struct node *n, bool is_autoescaped)
{
    struct unit *u = unit_new(c, NULL, CODE_BLOCK, n->name);
    struct frame_state f = root_frame(c, u, is_autoescaped);
    c->line = n->line;
    u->code->is_required = (n->flags & F_REQUIRED) != 0;
    open_env(c, u, has_function(n->list));
    bind_reference(c, &f, n->list, "self", OP_SELF);
    bind_reference(c, &f, n->list, "super", OP_SUPER);
    scope_read_body(c->a, &c->fail, f.scope, n->list);
    share_vars(c, f.scope);
    enter_scope(c, &f, true);
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
    collect_list(c, root->list, false);
    compile_root(c, root, is_autoescaped);
    c->is_finished = false;
    for (; blocks; blocks = blocks->next)
        compile_block_body(c, blocks->node, is_autoescaped);
    return true;
}
