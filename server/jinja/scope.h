/* Which variable a name means: Jinja's analysis of a scope's loads and stores. */
#ifndef JINJA_SCOPE_H
#define JINJA_SCOPE_H

#include "base/arena.h"
#include "jinja/ast.h"
#include <setjmp.h>

struct unit;
struct scope;

/* What a variable holds when its scope begins. */
enum var_init {
    INIT_PARAM,     /* whoever enters the scope sets it */
    INIT_UNDEFINED, /* nothing: it is missing until it is stored */
    INIT_RESOLVE,   /* what the context has */
    INIT_ALIAS      /* what the outer variable has */
};

struct var {
    struct str name;
    struct scope *scope;
    enum var_init init;
    struct var *outer; /* for INIT_ALIAS */
    bool is_stored;    /* false: it is only read, and always from the context */
    bool is_shared;    /* lives in the unit's table, as inner functions see it */
    int slot;          /* of the frame, or index in that table; -1 before it has one */
    struct var *next, *next_in_bucket;
};

enum { SCOPE_BUCKETS = 16 };

struct scope {
    struct scope *parent;
    struct unit *unit;
    struct var *first, **tail; /* in order of appearance */
    struct var *buckets[SCOPE_BUCKETS];
    struct stored *log; /* what the branch at hand has stored */
};

/* Everything here comes from the arena; out of memory goes to *fail with longjmp. */
struct scope *scope_new(struct arena *a, jmp_buf *fail, struct scope *parent,
                        struct unit *unit);

/* The variable of this scope or an outer one, or NULL. */
struct var *scope_find(struct scope *s, struct str name);

/* Whether this scope itself has the variable. */
bool scope_has(struct scope *s, struct str name);

/* A variable that whoever enters the scope sets. */
struct var *scope_param(struct arena *a, jmp_buf *fail, struct scope *s, struct str name);

/* Notes what the statements (a list) or the expression load and store in this scope,
   without going into inner ones. */
void scope_read_body(struct arena *a, jmp_buf *fail, struct scope *s,
                     const struct node *body);
void scope_read(struct arena *a, jmp_buf *fail, struct scope *s, const struct node *n);
void scope_read_target(struct arena *a, jmp_buf *fail, struct scope *s,
                       const struct node *target);

/* Whether the name is read anywhere in the list, inner scopes included (blocks aren't).
 */
bool scope_mentions(const struct node *list, struct str name);

#endif
