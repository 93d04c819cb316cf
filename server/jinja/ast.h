/* The tree that the parser makes of a template and the compiler reads. */
#ifndef JINJA_AST_H
#define JINJA_AST_H

#include "base/str.h"
#include <stdint.h>

/* Beside each kind: what its fields hold. `args` is: list = positional, list2 =
   N_KEYWORDs, b = the *sequence, c = the **mapping. */
enum node_kind {
    N_NONE,
    N_TRUE,
    N_FALSE,
    N_INTEGER,  /* value.integer */
    N_FLOAT,    /* value.number */
    N_STRING,   /* name */
    N_NAME,     /* name */
    N_NSREF,    /* name.name2, as a target */
    N_TUPLE,    /* list */
    N_LIST,     /* list */
    N_DICT,     /* list of N_PAIR */
    N_PAIR,     /* a: b */
    N_COND,     /* b if a else c (c may be NULL) */
    N_AND,      /* a, b */
    N_OR,       /* a, b */
    N_NOT,      /* a */
    N_COMPARE,  /* a, list of N_OPERAND */
    N_OPERAND,  /* op, a */
    N_BINARY,   /* op, a, b */
    N_UNARY,    /* op, a */
    N_CONCAT,   /* list */
    N_GETATTR,  /* a.name */
    N_GETITEM,  /* a[b] */
    N_SLICE,    /* a:b:c, each may be NULL */
    N_CALL,     /* a(args) */
    N_FILTER,   /* a|name(args); a is NULL for what a block's text goes through */
    N_TEST,     /* a is name(args) */
    N_KEYWORD,  /* name=a */
    N_MARKSAFE, /* a, a Markup when autoescape is on */

    N_TEXT,       /* name */
    N_OUTPUT,     /* list of expressions and N_TEXT */
    N_FOR,        /* for a in b if c: list; else: list2 */
    N_IF,         /* if a: list; elif: list2 of N_IF; else: list3 */
    N_SET,        /* a = b */
    N_SETBLOCK,   /* a = list, through the filters b */
    N_WITH,       /* list = list2: list3 */
    N_AUTOESCAPE, /* a: list */
    N_BLOCK,      /* name: list */
    N_EXTENDS,    /* a */
    N_INCLUDE,    /* a */
    N_IMPORT,     /* a as name */
    N_FROM,       /* from a import list of N_ALIAS */
    N_ALIAS,      /* name as name2 */
    N_MACRO, /* name, list: N_NAME parameters, list2: defaults of the last ones, list3 */
    N_CALLBLOCK,   /* a: the call; list, list2, list3 as N_MACRO */
    N_FILTERBLOCK, /* b: filters; list */
    N_DO,          /* a */
    N_BREAK,
    N_CONTINUE,
    N_DEBUG,
    N_TEMPLATE /* list */
};

enum node_flags {
    F_RECURSIVE = 1,
    F_SCOPED = 2,
    F_REQUIRED = 4,
    F_IGNORE_MISSING = 8,
    F_WITH_CONTEXT = 16
};

struct node {
    uint8_t kind, op; /* op: a token type (T_ADD...), or OP_IN, OP_NOT_IN */
    uint8_t flags;
    int line;
    int depth;         /* of the tree below: bounds the compiler's recursion */
    struct node *next; /* in the list that it is part of */
    struct node *a, *b, *c;
    struct node *list, *list2, *list3;
    struct str name, name2;
    union {
        int64_t integer;
        double number;
    } value;
};

enum { OP_IN = 100, OP_NOT_IN = 101 };

#endif
