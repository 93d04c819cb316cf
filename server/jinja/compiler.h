/* Turns a tree into the machine's code, with Jinja's scoping. */
#ifndef JINJA_COMPILER_H
#define JINJA_COMPILER_H

#include "jinja/ast.h"
#include "jinja/code.h"
#include "jinja/parser.h"

/* What the compiler asks about the environment: whether a filter or a test has that name.
 */
struct compiler_names {
    bool (*has_filter)(void *context, struct str name);
    bool (*has_test)(void *context, struct str name);
    void *context;
};

/* Compiles the tree into *t; everything comes from its work arena. false with *error
   filled (message.p NULL: memory is out) when it can't. */
bool compiler_run(struct template *t, const struct node *root, bool is_autoescaped,
                  const struct compiler_names *names, struct parser_error *error);

#endif
