/* Makes a tree of a template's tokens; syntax errors have Jinja's words. */
#ifndef JINJA_PARSER_H
#define JINJA_PARSER_H

#include "jinja/ast.h"
#include "jinja/lexer.h"
#include <setjmp.h>

struct parser_options {
    bool has_do, has_loopcontrols, has_i18n, has_debug;
    bool is_newstyle, is_trimmed; /* i18n: newstyle gettext, policy ext.i18n.trimmed */
};

/* The error's class is TemplateSyntaxError, or TemplateAssertionError. */
struct parser_error {
    const char *type;
    struct str message; /* in the arena */
    int line;
};

struct parser {
    struct arena *a;
    const struct parser_options *o;
    const struct token *t;      /* the current token */
    int depth;                  /* of the parser's own recursion */
    const struct tag *tags;     /* the statements that are open, innermost first */
    const struct end_set *ends; /* what each of them waits for */
    struct parser_error error;
    jmp_buf fail;
};

/* Parses; NULL with *error filled (message.p NULL: memory is out) when it can't. The tree
   and the message live in the arena. Depth of nesting is bounded: an error, not an
   overflow. */
struct node *parser_run(struct arena *a, const struct parser_options *o,
                        const struct token_list *tokens, struct parser_error *error);

/* --- what the parser's own files share --- */

/* The longest chain of nested expressions and statements. */
enum { PARSER_MAX_DEPTH = 150, NODE_MAX_DEPTH = 1000 };

_Noreturn void parser_fail(struct parser *p, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void parser_fail_as(struct parser *p, const char *type, int line,
                              const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void parser_enter(struct parser *p);
void parser_leave(struct parser *p);

struct node *node_new(struct parser *p, enum node_kind kind, int line);

/* Children of a node, so that its depth is known. */
struct node *node_child(struct parser *p, struct node *parent, struct node *child);

/* A list that is appended to: tail points at where the next node goes. */
struct node_list {
    struct node *first, **tail;
};
void node_append(struct parser *p, struct node *parent, struct node_list *l,
                 struct node *n);

const struct token *parser_next(struct parser *p);
bool parser_is_name(const struct parser *p, const char *name);
bool parser_skip_name(struct parser *p, const char *name);
bool parser_skip(struct parser *p, enum token_type type);
const struct token *parser_expect(struct parser *p, enum token_type type);
void parser_expect_name(struct parser *p, const char *name);
const struct token *parser_look(const struct parser *p);

/* A token as error messages show it. */
struct str token_shown(const struct token *t);

/* expression.c. `end` is the name that ends a tuple as well, or NULL. */
struct node *parse_expression(struct parser *p, bool with_cond);
struct node *parse_tuple(struct parser *p, bool with_cond, const char *end,
                         bool is_parenthesised);
struct node *parse_filters(struct parser *p, struct node *n, bool is_inline);

enum target_kind { TARGET_NAME, TARGET_TUPLE, TARGET_NAMESPACE };
struct node *parse_target(struct parser *p, enum target_kind kind, const char *end);

/* trans.c: the i18n extension's tag. Returns a list of one or two statements. */
struct node *parse_trans(struct parser *p);

#endif
