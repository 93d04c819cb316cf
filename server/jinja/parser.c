/* The parser's part for statements, and the token stream that all of it reads. */
#include "jinja/parser.h"
#include "base/buf.h"
#include "jinja/unicode.h"
#include <stdarg.h>
#include <stdio.h>

/* The open statements' names, kept on the C stack; innermost first. */
struct tag {
    struct str name;
    const struct tag *outer;
};

/* The names that may end the innermost body. */
struct end_set {
    const char *const *names; /* NULL-terminated */
    const struct end_set *outer;
};

static const char *const END_IF[] = {"elif", "else", "endif", NULL};
static const char *const END_ELSE[] = {"endif", NULL};
static const char *const END_FOR[] = {"endfor", "else", NULL};
static const char *const END_FOR_ELSE[] = {"endfor", NULL};
static const char *const END_SET[] = {"endset", NULL};
static const char *const END_WITH[] = {"endwith", NULL};
static const char *const END_AUTOESCAPE[] = {"endautoescape", NULL};
static const char *const END_BLOCK[] = {"endblock", NULL};
static const char *const END_CALL[] = {"endcall", NULL};
static const char *const END_FILTER[] = {"endfilter", NULL};
static const char *const END_MACRO[] = {"endmacro", NULL};

static _Noreturn void fail(struct parser *p, const char *type, int line,
                           const char *format, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    p->error.type = type;
    p->error.line = line;
    p->error.message = arena_copy(p->a, str_from(text));
    longjmp(p->fail, 1);
}

void parser_fail(struct parser *p, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(p, "TemplateSyntaxError", line, format, args);
}

void parser_fail_as(struct parser *p, const char *type, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(p, type, line, format, args);
}

void parser_enter(struct parser *p)
{
    if (++p->depth > PARSER_MAX_DEPTH)
        parser_fail(p, p->t->line, "the template is nested too deeply");
}

void parser_leave(struct parser *p)
{
    p->depth--;
}

struct node *node_new(struct parser *p, enum node_kind kind, int line)
{
    struct node *n = arena_alloc(p->a, sizeof *n);
    if (!n)
        longjmp(p->fail, 1);
    memset(n, 0, sizeof *n);
    n->kind = (uint8_t)kind;
    n->line = line;
    return n;
}

struct node *node_child(struct parser *p, struct node *parent, struct node *child)
{
    if (child->depth + 1 > parent->depth)
        parent->depth = child->depth + 1;
    if (parent->depth > NODE_MAX_DEPTH)
        parser_fail(p, parent->line, "the template is nested too deeply");
    return child;
}

void node_append(struct parser *p, struct node *parent, struct node_list *l,
                 struct node *n)
{
    node_child(p, parent, n);
    if (!l->first)
        l->first = n;
    *l->tail = n;
    l->tail = &n->next;
}

/* --- tokens --- */

static void check_error(struct parser *p)
{
    if (p->t->type != T_ERROR)
        return;
    p->error.type = "TemplateSyntaxError";
    p->error.line = p->t->line;
    p->error.message = p->t->text;
    longjmp(p->fail, 1);
}

const struct token *parser_next(struct parser *p)
{
    const struct token *t = p->t;
    if (t->type != T_EOF)
        p->t++;
    check_error(p);
    return t;
}

const struct token *parser_look(const struct parser *p)
{
    return p->t->type == T_EOF ? p->t : p->t + 1;
}

static bool is_named(const struct token *t, const char *name)
{
    return t->type == T_NAME && str_eq(t->text, str_from(name));
}

bool parser_is_name(const struct parser *p, const char *name)
{
    return is_named(p->t, name);
}

bool parser_skip_name(struct parser *p, const char *name)
{
    if (!parser_is_name(p, name))
        return false;
    parser_next(p);
    return true;
}

bool parser_skip(struct parser *p, enum token_type type)
{
    if (p->t->type != type)
        return false;
    parser_next(p);
    return true;
}

struct str token_shown(const struct token *t)
{
    return t->type == T_NAME ? t->text : str_from(lexer_type_name(t->type));
}

static _Noreturn void fail_expected(struct parser *p, const char *what)
{
    struct str got = token_shown(p->t);
    if (p->t->type == T_EOF)
        parser_fail(p, p->t->line, "unexpected end of template, expected '%s'.", what);
    parser_fail(p, p->t->line, "expected token '%s', got '%.*s'", what, (int)got.n,
                got.p);
}

const struct token *parser_expect(struct parser *p, enum token_type type)
{
    if (p->t->type != type)
        fail_expected(p, lexer_type_name(type));
    return parser_next(p);
}

void parser_expect_name(struct parser *p, const char *name)
{
    if (!parser_skip_name(p, name))
        fail_expected(p, name);
}

/* --- bodies --- */

static bool is_in(const char *const *names, struct str s)
{
    for (; *names; names++)
        if (str_eq(s, str_from(*names)))
            return true;
    return false;
}

static void add_expected(struct buf *b, const char *const *names)
{
    for (const char *const *n = names; *n; n++)
        buf_addf(b, "%s'%s'", n == names ? "" : " or ", *n);
}

static bool is_expected_outside(const struct end_set *ends, struct str name)
{
    for (; ends; ends = ends->outer)
        if (is_in(ends->names, name))
            return true;
    return false;
}

/* An unknown tag (name), or the template's end (name.p NULL). */
static _Noreturn void fail_tag(struct parser *p, struct str name, int line,
                               const struct end_set *ends, const struct tag *tags)
{
    struct buf b = {0};
    if (name.p)
        buf_addf(&b, "Encountered unknown tag '%.*s'.", (int)name.n, name.p);
    else
        buf_addstr(&b, STR("Unexpected end of template."));
    if (ends && name.p && is_expected_outside(ends, name)) {
        buf_addstr(&b,
                   STR(" You probably made a nesting mistake. Jinja is expecting this "
                       "tag, but currently looking for "));
        add_expected(&b, ends->names);
        buf_addc(&b, '.');
    } else if (ends) {
        buf_addstr(&b, STR(" Jinja was looking for the following tags: "));
        add_expected(&b, ends->names);
        buf_addc(&b, '.');
    }
    if (tags)
        buf_addf(&b, " The innermost block that needs to be closed is '%.*s'.",
                 (int)tags->name.n, tags->name.p);
    p->error.type = "TemplateSyntaxError";
    p->error.line = line;
    p->error.message = b.is_exhausted ? (struct str){0} : arena_copy(p->a, buf_str(&b));
    buf_free(&b);
    longjmp(p->fail, 1);
}

static struct node *parse_statement(struct parser *p);

/* Text and prints in a row become one N_OUTPUT. */
static struct node *output_of(struct parser *p, struct node **open,
                              struct node_list *items, int line)
{
    if (!*open) {
        *open = node_new(p, N_OUTPUT, line);
        *items = (struct node_list){NULL, &(*open)->list};
    }
    return *open;
}

static void parse_data(struct parser *p, struct node *out, struct node_list *items)
{
    struct node *text = node_new(p, N_TEXT, p->t->line);
    text->name = parser_next(p)->text;
    node_append(p, out, items, text);
}

static void parse_variable(struct parser *p, struct node *out, struct node_list *items)
{
    parser_next(p);
    node_append(p, out, items, parse_tuple(p, true, NULL, false));
    parser_expect(p, T_VARIABLE_END);
}

static void append_all(struct parser *p, struct node *parent, struct node_list *l,
                       struct node *n)
{
    while (n) {
        struct node *next = n->next;
        n->next = NULL;
        node_append(p, parent, l, n);
        n = next;
    }
}

/* Statements up to one of the end names (which stays the current token) or the end. The
   list hangs on parent->list of a scratch node, so that its depth is counted. */
static struct node *subparse(struct parser *p, struct node *parent)
{
    struct node *open = NULL;
    struct node_list body = {NULL, &parent->list}, items = {0};
    while (p->t->type != T_EOF) {
        if (p->t->type == T_DATA) {
            parse_data(p, output_of(p, &open, &items, p->t->line), &items);
            continue;
        }
        if (p->t->type == T_VARIABLE_BEGIN) {
            parse_variable(p, output_of(p, &open, &items, p->t->line), &items);
            continue;
        }
        if (open)
            node_append(p, parent, &body, open);
        open = NULL;
        parser_next(p);
        if (p->ends && p->t->type == T_NAME && is_in(p->ends->names, p->t->text))
            return body.first;
        append_all(p, parent, &body, parse_statement(p));
        parser_expect(p, T_BLOCK_END);
    }
    if (open)
        node_append(p, parent, &body, open);
    return body.first;
}

/* A statement's body: from the end of its tag to one of the end names. */
static struct node *parse_body(struct parser *p, struct node *owner,
                               const char *const *ends, bool drop_needle)
{
    parser_skip(p, T_COLON);
    parser_expect(p, T_BLOCK_END);
    struct end_set set = {ends, p->ends};
    const struct end_set *outer = p->ends;
    struct node *scratch = node_new(p, N_TEMPLATE, owner->line);
    p->ends = &set;
    parser_enter(p);
    struct node *body = subparse(p, scratch);
    parser_leave(p);
    if (p->t->type == T_EOF)
        fail_tag(p, (struct str){0}, p->t->line, &set, p->tags);
    p->ends = outer;
    node_child(p, owner, scratch);
    if (drop_needle)
        parser_next(p);
    return body;
}

/* --- statements --- */

static struct node *parse_for(struct parser *p)
{
    struct node *n = node_new(p, N_FOR, parser_next(p)->line);
    n->a = node_child(p, n, parse_target(p, TARGET_TUPLE, "in"));
    parser_expect_name(p, "in");
    n->b = node_child(p, n, parse_tuple(p, false, "recursive", false));
    if (parser_skip_name(p, "if"))
        n->c = node_child(p, n, parse_expression(p, true));
    if (parser_skip_name(p, "recursive"))
        n->flags |= F_RECURSIVE;
    n->list = parse_body(p, n, END_FOR, false);
    if (is_named(parser_next(p), "else"))
        n->list2 = parse_body(p, n, END_FOR_ELSE, true);
    return n;
}

static struct node *parse_if(struct parser *p)
{
    struct node *first = node_new(p, N_IF, parser_next(p)->line), *n = first;
    struct node_list elifs = {NULL, &first->list2};
    for (;;) {
        n->a = node_child(p, n, parse_tuple(p, false, NULL, false));
        n->list = parse_body(p, n, END_IF, false);
        if (n != first)
            node_child(p, first, n);
        const struct token *t = parser_next(p);
        if (is_named(t, "elif")) {
            n = node_new(p, N_IF, p->t->line);
            node_append(p, first, &elifs, n);
            continue;
        }
        if (is_named(t, "else"))
            first->list3 = parse_body(p, first, END_ELSE, true);
        return first;
    }
}

static struct node *parse_set(struct parser *p)
{
    int line = parser_next(p)->line;
    struct node *target = parse_target(p, TARGET_NAMESPACE, NULL);
    bool is_value = parser_skip(p, T_ASSIGN);
    struct node *n = node_new(p, is_value ? N_SET : N_SETBLOCK, line);
    n->a = node_child(p, n, target);
    if (is_value) {
        n->b = node_child(p, n, parse_tuple(p, true, NULL, false));
        return n;
    }
    struct node *filters = parse_filters(p, NULL, false);
    n->b = filters ? node_child(p, n, filters) : NULL;
    n->list = parse_body(p, n, END_SET, true);
    return n;
}

static struct node *parse_with(struct parser *p)
{
    struct node *n = node_new(p, N_WITH, parser_next(p)->line);
    struct node_list targets = {NULL, &n->list}, values = {NULL, &n->list2};
    while (p->t->type != T_BLOCK_END) {
        if (targets.first)
            parser_expect(p, T_COMMA);
        node_append(p, n, &targets, parse_target(p, TARGET_TUPLE, NULL));
        parser_expect(p, T_ASSIGN);
        node_append(p, n, &values, parse_expression(p, true));
    }
    n->list3 = parse_body(p, n, END_WITH, true);
    return n;
}

static struct node *parse_autoescape(struct parser *p)
{
    struct node *n = node_new(p, N_AUTOESCAPE, parser_next(p)->line);
    n->a = node_child(p, n, parse_expression(p, true));
    n->list = parse_body(p, n, END_AUTOESCAPE, true);
    return n;
}

static bool is_blank(const struct node *body)
{
    for (; body; body = body->next) {
        if (body->kind != N_OUTPUT)
            return false;
        for (const struct node *i = body->list; i; i = i->next)
            if (i->kind != N_TEXT || unicode_strip(i->name, true, true).n > 0)
                return false;
    }
    return true;
}

static struct node *parse_block(struct parser *p)
{
    struct node *n = node_new(p, N_BLOCK, parser_next(p)->line);
    n->name = parser_expect(p, T_NAME)->text;
    n->flags |= parser_skip_name(p, "scoped") ? F_SCOPED : 0;
    n->flags |= parser_skip_name(p, "required") ? F_REQUIRED : 0;
    if (p->t->type == T_SUB)
        parser_fail(
            p, p->t->line,
            "Block names in Jinja have to be valid Python identifiers and may not "
            "contain hyphens, use an underscore instead.");
    n->list = parse_body(p, n, END_BLOCK, true);
    if ((n->flags & F_REQUIRED) && !is_blank(n->list))
        parser_fail(p, p->t->line,
                    "Required blocks can only contain comments or whitespace");
    if (p->t->type == T_NAME && str_eq(p->t->text, n->name))
        parser_next(p);
    return n;
}

static struct node *parse_extends(struct parser *p)
{
    struct node *n = node_new(p, N_EXTENDS, parser_next(p)->line);
    n->a = node_child(p, n, parse_expression(p, true));
    return n;
}

/* `with context` or `without context`; false when neither stands here. */
static bool parse_context(struct parser *p, struct node *n)
{
    if (!(parser_is_name(p, "with") || parser_is_name(p, "without")) ||
        !is_named(parser_look(p), "context"))
        return false;
    n->flags &= (uint8_t)~F_WITH_CONTEXT;
    if (is_named(parser_next(p), "with"))
        n->flags |= F_WITH_CONTEXT;
    parser_next(p);
    return true;
}

static struct node *parse_include(struct parser *p)
{
    struct node *n = node_new(p, N_INCLUDE, parser_next(p)->line);
    n->flags = F_WITH_CONTEXT;
    n->a = node_child(p, n, parse_expression(p, true));
    if (parser_is_name(p, "ignore") && is_named(parser_look(p), "missing")) {
        parser_next(p);
        parser_next(p);
        n->flags |= F_IGNORE_MISSING;
    }
    parse_context(p, n);
    return n;
}

static struct node *parse_import(struct parser *p)
{
    struct node *n = node_new(p, N_IMPORT, parser_next(p)->line);
    n->a = node_child(p, n, parse_expression(p, true));
    parser_expect_name(p, "as");
    n->name = parse_target(p, TARGET_NAME, NULL)->name;
    parse_context(p, n);
    return n;
}

static struct node *parse_alias(struct parser *p)
{
    struct node *target = parse_target(p, TARGET_NAME, NULL);
    struct node *n = node_new(p, N_ALIAS, target->line);
    n->name = n->name2 = target->name;
    if (n->name.n && n->name.p[0] == '_')
        parser_fail_as(p, "TemplateAssertionError", target->line,
                       "names starting with an underline can not be imported");
    if (parser_skip_name(p, "as"))
        n->name2 = parse_target(p, TARGET_NAME, NULL)->name;
    return n;
}

static struct node *parse_from(struct parser *p)
{
    struct node *n = node_new(p, N_FROM, parser_next(p)->line);
    n->a = node_child(p, n, parse_expression(p, true));
    parser_expect_name(p, "import");
    struct node_list names = {NULL, &n->list};
    for (;;) {
        if (names.first)
            parser_expect(p, T_COMMA);
        if (p->t->type != T_NAME)
            parser_expect(p, T_NAME);
        if (parse_context(p, n))
            return n;
        node_append(p, n, &names, parse_alias(p));
        if (parse_context(p, n) || p->t->type != T_COMMA)
            return n;
    }
}

static void parse_signature(struct parser *p, struct node *n)
{
    struct node_list args = {NULL, &n->list}, defaults = {NULL, &n->list2};
    parser_expect(p, T_LPAREN);
    while (p->t->type != T_RPAREN) {
        if (args.first)
            parser_expect(p, T_COMMA);
        struct node *arg = parse_target(p, TARGET_NAME, NULL);
        if (parser_skip(p, T_ASSIGN))
            node_append(p, n, &defaults, parse_expression(p, true));
        else if (defaults.first)
            parser_fail(p, p->t->line, "non-default argument follows default argument");
        node_append(p, n, &args, arg);
    }
    parser_expect(p, T_RPAREN);
}

static struct node *parse_call_block(struct parser *p)
{
    struct node *n = node_new(p, N_CALLBLOCK, parser_next(p)->line);
    if (p->t->type == T_LPAREN)
        parse_signature(p, n);
    n->a = node_child(p, n, parse_expression(p, true));
    if (n->a->kind != N_CALL)
        parser_fail(p, n->line, "expected call");
    n->list3 = parse_body(p, n, END_CALL, true);
    return n;
}

static struct node *parse_filter_block(struct parser *p)
{
    struct node *n = node_new(p, N_FILTERBLOCK, parser_next(p)->line);
    n->b = node_child(p, n, parse_filters(p, NULL, true));
    n->list = parse_body(p, n, END_FILTER, true);
    return n;
}

static struct node *parse_macro(struct parser *p)
{
    struct node *n = node_new(p, N_MACRO, parser_next(p)->line);
    n->name = parse_target(p, TARGET_NAME, NULL)->name;
    parse_signature(p, n);
    n->list3 = parse_body(p, n, END_MACRO, true);
    return n;
}

static struct node *parse_print_statement(struct parser *p)
{
    struct node *n = node_new(p, N_OUTPUT, parser_next(p)->line);
    struct node_list l = {NULL, &n->list};
    while (p->t->type != T_BLOCK_END) {
        if (l.first)
            parser_expect(p, T_COMMA);
        node_append(p, n, &l, parse_expression(p, true));
    }
    return n;
}

static struct node *parse_do(struct parser *p)
{
    struct node *n = node_new(p, N_DO, parser_next(p)->line);
    n->a = node_child(p, n, parse_tuple(p, true, NULL, false));
    return n;
}

static struct node *parse_break(struct parser *p)
{
    return node_new(p, N_BREAK, parser_next(p)->line);
}

static struct node *parse_continue(struct parser *p)
{
    return node_new(p, N_CONTINUE, parser_next(p)->line);
}

static struct node *parse_debug(struct parser *p)
{
    return node_new(p, N_DEBUG, parser_next(p)->line);
}

static bool always(const struct parser_options *o)
{
    (void)o;
    return true;
}

static bool with_do(const struct parser_options *o)
{
    return o->has_do;
}

static bool with_loopcontrols(const struct parser_options *o)
{
    return o->has_loopcontrols;
}

static bool with_i18n(const struct parser_options *o)
{
    return o->has_i18n;
}

static bool with_debug(const struct parser_options *o)
{
    return o->has_debug;
}

static const struct {
    const char *name;
    struct node *(*parse)(struct parser *p);
    bool (*is_on)(const struct parser_options *o);
} statements[] = {
    {"for", parse_for, always},
    {"if", parse_if, always},
    {"block", parse_block, always},
    {"extends", parse_extends, always},
    {"print", parse_print_statement, always},
    {"macro", parse_macro, always},
    {"include", parse_include, always},
    {"from", parse_from, always},
    {"import", parse_import, always},
    {"set", parse_set, always},
    {"with", parse_with, always},
    {"autoescape", parse_autoescape, always},
    {"call", parse_call_block, always},
    {"filter", parse_filter_block, always},
    {"do", parse_do, with_do},
    {"break", parse_break, with_loopcontrols},
    {"continue", parse_continue, with_loopcontrols},
    {"trans", parse_trans, with_i18n},
    {"debug", parse_debug, with_debug},
};

static struct node *parse_statement(struct parser *p)
{
    const struct token *t = p->t;
    if (t->type != T_NAME)
        parser_fail(p, t->line, "tag name expected");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!is_named(t, statements[i].name) || !statements[i].is_on(p->o))
            continue;
        struct tag tag = {t->text, p->tags};
        const struct tag *outer = p->tags;
        p->tags = &tag;
        struct node *n = statements[i].parse(p);
        p->tags = outer;
        return n;
    }
    fail_tag(p, t->text, t->line, p->ends, p->tags);
}

struct node *parser_run(struct arena *a, const struct parser_options *o,
                        const struct token_list *tokens, struct parser_error *error)
{
    struct parser *p = arena_alloc(a, sizeof *p);
    *error = (struct parser_error){.type = "TemplateSyntaxError"};
    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    p->a = a;
    p->o = o;
    p->t = tokens->items;
    if (setjmp(p->fail)) {
        *error = p->error;
        return NULL;
    }
    check_error(p);
    struct node *root = node_new(p, N_TEMPLATE, 1);
    root->list = subparse(p, root);
    return root;
}
