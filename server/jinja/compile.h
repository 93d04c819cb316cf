/* What the compiler's two files share. */
#ifndef JINJA_COMPILE_H
#define JINJA_COMPILE_H

#include "jinja/compiler.h"
#include "jinja/scope.h"

/* A function being compiled. */
struct unit {
    struct unit *parent; /* whose variables it sees, or NULL */
    struct code *code;
    int cap;
    int pushes;             /* values pushed in the statement at hand: bounds its stack */
    int n_captures;         /* OP_CAPTURE without its OP_CAPTURED */
    int n_shared;           /* variables in the unit's table */
    struct loop_site *loop; /* the innermost loop, for break and continue */
};

struct loop_site {
    struct loop_site *outer;
    int start;      /* where `continue` goes */
    int breaks;     /* chain of jumps to be patched, 0 at its end */
    int n_captures; /* of the unit when the loop began */
};

/* How statements at hand are compiled: Jinja's Frame. */
struct frame_state {
    struct scope *scope;
    struct unit *unit;
    bool is_toplevel;  /* sets are the template's own variables */
    bool is_rootlevel; /* not even inside an `if` */
    bool is_soft;      /* unknown filters are errors only when they are met */
    bool needs_output_check;
    bool is_autoescaped, is_volatile;
};

struct name_set;

struct compiler {
    struct template *t;
    struct arena *a;
    const struct compiler_names *names;
    struct parser_error error;
    jmp_buf fail;
    int line; /* of the instructions to come */
    bool has_extends, has_known_extends, is_finished;
    int n_extends;
    struct name_set *inner; /* names that inner functions mention */
    bool is_all_shared;     /* an inner function hands all it sees to another template */
    int *constant_index;    /* open hash over the constants */
    int constant_room;
};

_Noreturn void compile_fail(struct compiler *c, const char *type, int line,
                            const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void *compile_alloc(struct compiler *c, size_t n);

/* Appends an instruction of one word (`push`: how many values it adds at most), or a
 * word. */
void emit(struct compiler *c, struct unit *u, enum op op, int a, int push);
void emit_word(struct compiler *c, struct unit *u, uint32_t w);
int emit_jump(struct compiler *c, struct unit *u, enum op op, int push); /* its place */
void patch_here(struct unit *u, int place);
void patch_to(struct unit *u, int place, int target);

int constant_string(struct compiler *c, struct str s);

/* compile_expr.c. Pushes the expression's value. */
void compile_expression(struct compiler *c, struct frame_state *f, const struct node *n);
/* Pushes the result of an N_CALL. with_caller: a macro lies below, which becomes the
   keyword argument `caller`. */
void compile_call(struct compiler *c, struct frame_state *f, const struct node *n,
                  bool with_caller);
/* Filters of a block, whose text is on the stack. */
void compile_filters(struct compiler *c, struct frame_state *f, const struct node *n);

/* A variable's value, or an Undefined of that name (v NULL: from the context); the soft
   one gives nil for a missing value; store takes the top value. */
void compile_load(struct compiler *c, struct frame_state *f, struct var *v,
                  struct str name);
void compile_load_soft(struct compiler *c, struct frame_state *f, struct var *v);
void compile_store(struct compiler *c, struct frame_state *f, struct var *v);

enum out_mode compile_out_mode(const struct frame_state *f);

/* Assigns the value on top. */
void compile_target(struct compiler *c, struct frame_state *f, const struct node *t);
/* Makes the variable one of the template's own, too. */
void compile_export(struct compiler *c, struct frame_state *f, struct str name,
                    bool is_import);
void compile_body(struct compiler *c, struct frame_state *f, const struct node *body);
bool compile_is_literal(const struct node *n);

/* compile_loop.c, compile_macro.c */
void compile_for(struct compiler *c, struct frame_state *f, const struct node *n);
void compile_break(struct compiler *c, struct frame_state *f, const struct node *n);
void compile_macro(struct compiler *c, struct frame_state *f, const struct node *n);
void compile_call_block(struct compiler *c, struct frame_state *f, const struct node *n);

/* unit.c */
struct unit *unit_new(struct compiler *c, struct unit *parent, enum code_kind kind,
                      struct str name);
/* Opens the unit's shared table, when it has inner functions. */
void unit_open_env(struct compiler *c, struct unit *u, bool has_inner);
/* Decides which of the scope's variables live in that table. */
void unit_share_vars(struct compiler *c, struct scope *s);
/* Gives the scope's variables what they begin with; is_first: the unit has just begun. */
void unit_enter_scope(struct compiler *c, struct frame_state *f, bool is_first);
struct scope *unit_inner_scope(struct compiler *c, const struct frame_state *f,
                               struct unit *u);
/* An inner frame (for, with, ...): not the top level any more. */
struct frame_state unit_inner_frame(struct compiler *c, const struct frame_state *f);
/* Whether the statements hold a function of the unit that they belong to. */
bool unit_has_function(const struct node *list);
/* Notes in c->inner what the functions in the list mention. */
void unit_collect(struct compiler *c, const struct node *list, bool is_inside);

/* Sets of names; name_set_add adds to c->inner. */
struct name_set {
    struct name_entry {
        struct str name;
        struct name_entry *next;
    } * buckets[256];
};
bool name_set_has(struct name_set *set, struct str s);
void name_set_add(struct compiler *c, struct str s);

#endif
