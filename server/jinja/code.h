/* What the compiler makes and the machine runs: instructions, constants, templates. */
#ifndef JINJA_CODE_H
#define JINJA_CODE_H

#include "base/arena.h"
#include "base/str.h"
#include <stdint.h>

/* An instruction is a word: the operation in the low 8 bits, operand `a` above; some have
   more words behind it (w1, w2). "k" is the number of a constant, "s" a local slot. */
enum op {
    OP_TEXT,  /* a: number of a text; writes it out */
    OP_OUT,   /* a: enum out_mode; pops a value and writes it out */
    OP_CONST, /* k */
    OP_INT,   /* a: signed 24 bits */
    OP_TRUE,
    OP_FALSE,
    OP_NULL,      /* None */
    OP_NIL,       /* a missing value */
    OP_SLOT,      /* s, w1: k of the name; missing becomes an Undefined */
    OP_SLOT_SOFT, /* s; missing stays nil */
    OP_SET_SLOT,  /* s; pops */
    OP_ENV,       /* index, w1: hops, w2: k of the name */
    OP_ENV_SOFT,  /* index, w1: hops */
    OP_SET_ENV,   /* index, w1: hops; pops */
    OP_NEW_ENV,   /* a: room; a table for variables that inner functions share */
    OP_NAME,      /* k; from the context, or an Undefined */
    OP_NAME_SOFT, /* k; from the context, or nil */
    OP_EXPORT,    /* k, w1: 1 for what was imported; pops a value into the context's
                     variables */
    OP_POP,
    OP_DUP,
    OP_SWAP,
    OP_ROT3,    /* a b c -> c a b */
    OP_GETATTR, /* k, w1: 1 when it may be a dict's method */
    OP_METHOD,  /* k; object -> function, self or nil */
    OP_GETITEM,
    OP_SLICE,
    OP_BINARY, /* a: token type */
    OP_NEG,
    OP_POS,
    OP_NOT,
    OP_COMPARE,         /* a: token type, OP_IN or OP_NOT_IN of ast.h */
    OP_CONCAT,          /* a: how many, w1: enum out_mode */
    OP_JUMP,            /* to */
    OP_JUMP_FALSE,      /* to; pops */
    OP_JUMP_FALSE_KEEP, /* to; pops only when not taken */
    OP_JUMP_TRUE_KEEP,  /* to; pops only when not taken */
    OP_JUMP_SET,        /* to, w1: s; when the slot isn't missing */
    OP_JUMP_PARENT,     /* to; when the template extends another by now */
    OP_LIST,            /* a: how many */
    OP_TUPLE,           /* a: how many */
    OP_DICT,            /* a: how many pairs */
    OP_CALL,            /* a: positional arguments, w1: keywords << 3 | CALL_... flags.
                           stack: function, self or nil, arguments, key, value, ..., [*], [**] */
    OP_FILTER, /* k of the name; w1 as OP_CALL's; w2: positional arguments with the value.
                  stack: value, arguments, ... */
    OP_TEST,   /* as OP_FILTER */
    OP_MARKSAFE,
    OP_ITERATE,  /* s: its two slots, w1: enum loop_flags; pops what is iterated */
    OP_NEXT,     /* to, w1: s; pushes the next item, jumps when there is none */
    OP_APPEND,   /* s; pops a value onto the list in the slot */
    OP_LOOP_END, /* s; forgets both */
    OP_UNPACK,   /* a: how many; the items are left so that the first is on top */
    OP_CHECK_NS, /* pops; raises when it is no namespace */
    OP_SET_NS,   /* k; value, namespace -> nothing */
    OP_MACRO,    /* a: number of a code; pushes the macro */
    OP_CAPTURE,
    OP_CAPTURED,       /* a: enum out_mode; pushes what was written since OP_CAPTURE */
    OP_AUTOESCAPE,     /* s; pops the new setting, keeps the old one in the slot */
    OP_AUTOESCAPE_END, /* s */
    OP_BLOCK,          /* k, w1: flags of the node; with F_SCOPED pops the locals */
    OP_EXTENDS,        /* pops the template or its name */
    OP_INCLUDE,        /* a: node flags; template, locals -> nothing */
    OP_IMPORT,         /* a: node flags; template, locals -> module */
    OP_IMPORTED,       /* k; module -> module, value */
    OP_LOCALS,         /* a: pairs of k and value -> a table or nil */
    OP_UNDEFINED,      /* k of a hint, w1: k of a name + 1 or 0 */
    OP_FAIL,           /* k of the message */
    OP_SUPER,          /* pushes the parent's block */
    OP_SELF,
    OP_DEBUG,
    OP_RETURN
};

enum out_mode {
    OUT_STR,      /* str(value) */
    OUT_ESCAPED,  /* escape(value) */
    OUT_VOLATILE, /* as the context says now */
    OUT_RAW       /* what a filter or call block gave, as it is */
};

enum { CALL_STAR = 1, CALL_STAR2 = 2, CALL_WITH_CALLER = 4, CALL_KEYWORDS_SHIFT = 3 };

enum loop_flags { LOOP_EXTENDED = 1, LOOP_RECURSIVE = 2 };

enum const_kind { CONST_STRING, CONST_INTEGER, CONST_FLOAT };

struct constant {
    enum const_kind kind;
    struct str s;
    int64_t integer;
    double number;
};

enum code_kind { CODE_ROOT, CODE_BLOCK, CODE_MACRO, CODE_CALLER, CODE_LOOP };

/* One function of a template: its root, a block, a macro, a call block, a recursive loop.
 */
struct code {
    struct template *template;
    enum code_kind kind;
    struct str name;
    uint32_t *words;
    int *lines; /* a template line for each word */
    int n;
    int n_params, n_slots; /* parameters are the first slots */
    int n_stack;           /* most values above the slots at once */
    int *params;           /* k of each parameter's name */
    /* Where what a macro didn't name goes: a slot or -1. */
    int varargs_slot, kwargs_slot, caller_slot;
    bool has_caller_param; /* `caller` stands in the macro's own signature */
    bool has_env;
    bool is_required, is_recursive;
    bool is_markup, is_volatile; /* a loop's output when it is called */
    struct code *next_block;
};

/* A compiled template. It is a userdata's memory; its uservalue is a table (enum
   template_field) that keeps what is Lua's. */
struct template
{
    struct arena arena;                /* what is kept; while compiling, only the names */
    struct arena work;                 /* what compiling takes; free when it is done */
    struct str source, name, filename; /* name.p NULL: made from a string */
    bool is_autoescaped;
    struct code **codes; /* [0] is the root */
    int n_codes, cap_codes;
    struct code *blocks;
    struct str *texts;
    int n_texts, cap_texts;
    struct constant *constants;
    int n_constants, cap_constants;
};

enum template_field {
    TEMPLATE_CONSTANTS = 1,
    TEMPLATE_SELF,    /* the userdata */
    TEMPLATE_ENV,     /* the environment's table */
    TEMPLATE_GLOBALS, /* what its names fall back to */
    TEMPLATE_BLOCKS,  /* name to a light userdata of its code */
    TEMPLATE_MODULE,  /* made once, for imports without context */
    TEMPLATE_NAME
};

#endif
