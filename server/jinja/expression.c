/* The parser's part for expressions: precedence as in Python, filters and tests bind as
   Jinja has them. */
#include "jinja/parser.h"

static struct node *binary(struct parser *p, enum node_kind kind, int op, int line,
                           struct node *left, struct node *right)
{
    struct node *n = node_new(p, kind, line);
    n->op = (uint8_t)op;
    n->a = node_child(p, n, left);
    n->b = node_child(p, n, right);
    return n;
}

static struct node *parse_unary(struct parser *p, bool with_filter);

static struct node *parse_pow(struct parser *p)
{
    int line = p->t->line;
    struct node *left = parse_unary(p, true);
    while (parser_skip(p, T_POW)) {
        left = binary(p, N_BINARY, T_POW, line, left, parse_unary(p, true));
        line = p->t->line;
    }
    return left;
}

static bool is_product(enum token_type t)
{
    return t == T_MUL || t == T_DIV || t == T_FLOORDIV || t == T_MOD;
}

static struct node *parse_product(struct parser *p)
{
    int line = p->t->line;
    struct node *left = parse_pow(p);
    while (is_product(p->t->type)) {
        enum token_type op = parser_next(p)->type;
        left = binary(p, N_BINARY, (int)op, line, left, parse_pow(p));
        line = p->t->line;
    }
    return left;
}

static struct node *parse_concat(struct parser *p)
{
    int line = p->t->line;
    struct node *first = parse_product(p);
    if (p->t->type != T_TILDE)
        return first;
    struct node *n = node_new(p, N_CONCAT, line);
    struct node_list l = {NULL, &n->list};
    node_append(p, n, &l, first);
    while (parser_skip(p, T_TILDE))
        node_append(p, n, &l, parse_product(p));
    return n;
}

static struct node *parse_sum(struct parser *p)
{
    int line = p->t->line;
    struct node *left = parse_concat(p);
    while (p->t->type == T_ADD || p->t->type == T_SUB) {
        enum token_type op = parser_next(p)->type;
        left = binary(p, N_BINARY, (int)op, line, left, parse_concat(p));
        line = p->t->line;
    }
    return left;
}

/* The comparison operator at the current token, taken; -1 when there is none. */
static int take_comparison(struct parser *p)
{
    switch (p->t->type) {
    case T_EQ:
    case T_NE:
    case T_LT:
    case T_LTEQ:
    case T_GT:
    case T_GTEQ:
        return (int)parser_next(p)->type;
    default:
        break;
    }
    if (parser_skip_name(p, "in"))
        return OP_IN;
    const struct token *ahead = parser_look(p);
    if (parser_is_name(p, "not") && ahead->type == T_NAME &&
        str_eq(ahead->text, STR("in"))) {
        parser_next(p);
        parser_next(p);
        return OP_NOT_IN;
    }
    return -1;
}

static struct node *parse_compare(struct parser *p)
{
    int line = p->t->line;
    struct node *left = parse_sum(p), *n = NULL;
    struct node_list l = {0};
    for (int op; (op = take_comparison(p)) >= 0; line = p->t->line) {
        if (!n) {
            n = node_new(p, N_COMPARE, line);
            n->a = node_child(p, n, left);
            l.tail = &n->list;
        }
        struct node *operand = node_new(p, N_OPERAND, p->t->line);
        operand->op = (uint8_t)op;
        operand->a = node_child(p, operand, parse_sum(p));
        node_append(p, n, &l, operand);
        n->line = p->t->line;
    }
    return n ? n : left;
}

static struct node *parse_not(struct parser *p)
{
    if (!parser_is_name(p, "not"))
        return parse_compare(p);
    struct node *n = node_new(p, N_NOT, parser_next(p)->line);
    parser_enter(p);
    n->a = node_child(p, n, parse_not(p));
    parser_leave(p);
    return n;
}

static struct node *parse_and(struct parser *p)
{
    int line = p->t->line;
    struct node *left = parse_not(p);
    while (parser_skip_name(p, "and")) {
        left = binary(p, N_AND, 0, line, left, parse_not(p));
        line = p->t->line;
    }
    return left;
}

static struct node *parse_or(struct parser *p)
{
    int line = p->t->line;
    struct node *left = parse_and(p);
    while (parser_skip_name(p, "or")) {
        left = binary(p, N_OR, 0, line, left, parse_and(p));
        line = p->t->line;
    }
    return left;
}

static struct node *parse_cond(struct parser *p)
{
    int line = p->t->line;
    struct node *value = parse_or(p);
    while (parser_skip_name(p, "if")) {
        struct node *n = node_new(p, N_COND, line);
        n->b = node_child(p, n, value);
        n->a = node_child(p, n, parse_or(p));
        if (parser_skip_name(p, "else"))
            n->c = node_child(p, n, parse_expression(p, true));
        value = n;
        line = p->t->line;
    }
    return value;
}

struct node *parse_expression(struct parser *p, bool with_cond)
{
    parser_enter(p);
    struct node *n = with_cond ? parse_cond(p) : parse_or(p);
    parser_leave(p);
    return n;
}

/* --- primaries --- */

static struct node *parse_name(struct parser *p)
{
    const struct token *t = parser_next(p);
    static const struct {
        const char *name;
        enum node_kind kind;
    } constants[] = {{"true", N_TRUE},   {"True", N_TRUE}, {"false", N_FALSE},
                     {"False", N_FALSE}, {"none", N_NONE}, {"None", N_NONE}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (str_eq(t->text, str_from(constants[i].name)))
            return node_new(p, constants[i].kind, t->line);
    struct node *n = node_new(p, N_NAME, t->line);
    n->name = t->text;
    return n;
}

/* Strings that stand side by side are one. */
static struct node *parse_string(struct parser *p)
{
    const struct token *first = p->t;
    size_t size = 0;
    while (p->t->type == T_STRING)
        size += parser_next(p)->text.n;
    struct node *n = node_new(p, N_STRING, first->line);
    n->name = first->text;
    if (size == first->text.n)
        return n;
    char *joined = arena_alloc(p->a, size + 1), *w = joined;
    if (!joined)
        longjmp(p->fail, 1);
    for (; first->type == T_STRING; w += first->text.n, first++)
        memcpy(w, first->text.p ? first->text.p : "", first->text.n);
    n->name = (struct str){joined, size};
    return n;
}

static struct node *parse_number(struct parser *p)
{
    const struct token *t = parser_next(p);
    struct node *n = node_new(p, t->type == T_FLOAT ? N_FLOAT : N_INTEGER, t->line);
    if (t->type == T_FLOAT)
        n->value.number = t->value.number;
    else
        n->value.integer = t->value.integer;
    return n;
}

static struct node *parse_list(struct parser *p)
{
    struct node *n = node_new(p, N_LIST, parser_next(p)->line);
    struct node_list l = {NULL, &n->list};
    while (p->t->type != T_RBRACKET) {
        if (l.first)
            parser_expect(p, T_COMMA);
        if (p->t->type == T_RBRACKET)
            break;
        node_append(p, n, &l, parse_expression(p, true));
    }
    parser_expect(p, T_RBRACKET);
    return n;
}

static struct node *parse_dict(struct parser *p)
{
    struct node *n = node_new(p, N_DICT, parser_next(p)->line);
    struct node_list l = {NULL, &n->list};
    while (p->t->type != T_RBRACE) {
        if (l.first)
            parser_expect(p, T_COMMA);
        if (p->t->type == T_RBRACE)
            break;
        struct node *pair = node_new(p, N_PAIR, p->t->line);
        pair->a = node_child(p, pair, parse_expression(p, true));
        parser_expect(p, T_COLON);
        pair->b = node_child(p, pair, parse_expression(p, true));
        node_append(p, n, &l, pair);
    }
    parser_expect(p, T_RBRACE);
    return n;
}

static struct node *parse_primary(struct parser *p)
{
    switch (p->t->type) {
    case T_NAME:
        return parse_name(p);
    case T_STRING:
        return parse_string(p);
    case T_INTEGER:
    case T_FLOAT:
        return parse_number(p);
    case T_LBRACKET:
        return parse_list(p);
    case T_LBRACE:
        return parse_dict(p);
    case T_LPAREN: {
        parser_next(p);
        struct node *n = parse_tuple(p, true, NULL, true);
        parser_expect(p, T_RPAREN);
        return n;
    }
    default:
        break;
    }
    struct str shown = token_shown(p->t);
    parser_fail(p, p->t->line, "unexpected '%.*s'", (int)shown.n, shown.p);
}

static struct node *parse_slice_part(struct parser *p, struct node *n)
{
    enum token_type t = p->t->type;
    if (t == T_COLON || t == T_RBRACKET || t == T_COMMA)
        return NULL;
    return node_child(p, n, parse_expression(p, true));
}

static struct node *parse_subscribed(struct parser *p)
{
    int line = p->t->line;
    struct node *first = NULL;
    if (p->t->type != T_COLON) {
        first = parse_expression(p, true);
        if (p->t->type != T_COLON)
            return first;
    }
    parser_next(p);
    struct node *n = node_new(p, N_SLICE, line);
    n->a = first ? node_child(p, n, first) : NULL;
    n->b = parse_slice_part(p, n);
    if (parser_skip(p, T_COLON))
        n->c = parse_slice_part(p, n);
    return n;
}

static struct node *parse_attribute(struct parser *p, struct node *object, int line)
{
    const struct token *t = parser_next(p);
    if (t->type == T_NAME) {
        struct node *n = node_new(p, N_GETATTR, line);
        n->a = node_child(p, n, object);
        n->name = t->text;
        return n;
    }
    if (t->type != T_INTEGER)
        parser_fail(p, t->line, "expected name or number");
    struct node *n = node_new(p, N_GETITEM, line), *key = node_new(p, N_INTEGER, t->line);
    key->value.integer = t->value.integer;
    n->a = node_child(p, n, object);
    n->b = key;
    return n;
}

static struct node *parse_subscript(struct parser *p, struct node *object)
{
    const struct token *t = parser_next(p);
    if (t->type == T_DOT)
        return parse_attribute(p, object, t->line);
    struct node *n = node_new(p, N_GETITEM, t->line),
                *keys = node_new(p, N_TUPLE, t->line);
    struct node_list l = {NULL, &keys->list};
    n->a = node_child(p, n, object);
    while (p->t->type != T_RBRACKET) {
        if (l.first)
            parser_expect(p, T_COMMA);
        node_append(p, keys, &l, parse_subscribed(p));
    }
    parser_expect(p, T_RBRACKET);
    bool is_one = keys->list && !keys->list->next;
    n->b = node_child(p, n, is_one ? keys->list : keys);
    return n;
}

/* --- calls, filters, tests --- */

static void ensure(struct parser *p, bool is_right, int line)
{
    if (!is_right)
        parser_fail(p, line, "invalid syntax for function call expression");
}

static struct node *parse_keyword(struct parser *p)
{
    struct node *k = node_new(p, N_KEYWORD, p->t->line);
    k->name = parser_next(p)->text;
    parser_next(p);
    k->a = node_child(p, k, parse_expression(p, true));
    return k;
}

static void parse_args(struct parser *p, struct node *n)
{
    int line = parser_expect(p, T_LPAREN)->line;
    struct node_list args = {NULL, &n->list}, keywords = {NULL, &n->list2};
    for (bool is_first = true; p->t->type != T_RPAREN; is_first = false) {
        if (!is_first) {
            parser_expect(p, T_COMMA);
            if (p->t->type == T_RPAREN)
                break;
        }
        if (p->t->type == T_MUL) {
            ensure(p, !n->b && !n->c, line);
            parser_next(p);
            n->b = node_child(p, n, parse_expression(p, true));
        } else if (p->t->type == T_POW) {
            ensure(p, !n->c, line);
            parser_next(p);
            n->c = node_child(p, n, parse_expression(p, true));
        } else if (p->t->type == T_NAME && parser_look(p)->type == T_ASSIGN) {
            ensure(p, !n->c, line);
            node_append(p, n, &keywords, parse_keyword(p));
        } else {
            ensure(p, !n->b && !n->c && !keywords.first, line);
            node_append(p, n, &args, parse_expression(p, true));
        }
    }
    parser_expect(p, T_RPAREN);
}

static struct node *parse_call(struct parser *p, struct node *callee)
{
    struct node *n = node_new(p, N_CALL, p->t->line);
    n->a = node_child(p, n, callee);
    parse_args(p, n);
    return n;
}

/* A name that may have dots in it. */
static struct str parse_dotted(struct parser *p)
{
    struct str name = parser_expect(p, T_NAME)->text;
    while (parser_skip(p, T_DOT)) {
        struct str part = parser_expect(p, T_NAME)->text;
        char *joined = arena_alloc(p->a, name.n + 1 + part.n);
        if (!joined)
            longjmp(p->fail, 1);
        memcpy(joined, name.p, name.n);
        joined[name.n] = '.';
        memcpy(joined + name.n + 1, part.p, part.n);
        name = (struct str){joined, name.n + 1 + part.n};
    }
    return name;
}

struct node *parse_filters(struct parser *p, struct node *value, bool is_inline)
{
    while (is_inline || p->t->type == T_PIPE) {
        if (!is_inline)
            parser_next(p);
        struct node *n = node_new(p, N_FILTER, p->t->line);
        n->a = value ? node_child(p, n, value) : NULL;
        n->name = parse_dotted(p);
        if (p->t->type == T_LPAREN)
            parse_args(p, n);
        value = n;
        is_inline = false;
    }
    return value;
}

static struct node *parse_postfix(struct parser *p, struct node *n)
{
    for (;;) {
        enum token_type t = p->t->type;
        if (t == T_DOT || t == T_LBRACKET)
            n = parse_subscript(p, n);
        else if (t == T_LPAREN)
            n = parse_call(p, n);
        else
            return n;
    }
}

static bool begins_test_argument(const struct parser *p)
{
    switch (p->t->type) {
    case T_NAME:
        return !parser_is_name(p, "else") && !parser_is_name(p, "or") &&
               !parser_is_name(p, "and");
    case T_STRING:
    case T_INTEGER:
    case T_FLOAT:
    case T_LBRACKET:
    case T_LBRACE:
        return true;
    default:
        return false;
    }
}

static struct node *parse_test(struct parser *p, struct node *value)
{
    int line = parser_next(p)->line;
    bool is_negated = parser_skip_name(p, "not");
    struct node *n = node_new(p, N_TEST, line);
    n->a = node_child(p, n, value);
    n->name = parse_dotted(p);
    if (p->t->type == T_LPAREN) {
        parse_args(p, n);
    } else if (begins_test_argument(p)) {
        if (parser_is_name(p, "is"))
            parser_fail(p, p->t->line, "You cannot chain multiple tests with is");
        parser_enter(p);
        n->list = node_child(p, n, parse_postfix(p, parse_primary(p)));
        parser_leave(p);
    }
    if (!is_negated)
        return n;
    struct node *negation = node_new(p, N_NOT, line);
    negation->a = node_child(p, negation, n);
    return negation;
}

static struct node *parse_filter_chain(struct parser *p, struct node *n)
{
    for (;;) {
        if (p->t->type == T_PIPE)
            n = parse_filters(p, n, false);
        else if (parser_is_name(p, "is"))
            n = parse_test(p, n);
        else if (p->t->type == T_LPAREN)
            n = parse_call(p, n);
        else
            return n;
    }
}

static struct node *parse_unary(struct parser *p, bool with_filter)
{
    struct node *n;
    parser_enter(p);
    if (p->t->type == T_SUB || p->t->type == T_ADD) {
        const struct token *t = parser_next(p);
        n = node_new(p, N_UNARY, t->line);
        n->op = (uint8_t)t->type;
        n->a = node_child(p, n, parse_unary(p, false));
    } else {
        n = parse_primary(p);
    }
    n = parse_postfix(p, n);
    if (with_filter)
        n = parse_filter_chain(p, n);
    parser_leave(p);
    return n;
}

/* --- tuples and targets --- */

static bool is_tuple_end(const struct parser *p, const char *end)
{
    enum token_type t = p->t->type;
    return t == T_VARIABLE_END || t == T_BLOCK_END || t == T_RPAREN ||
           (end && parser_is_name(p, end));
}

enum item_kind { ITEM_EXPRESSION, ITEM_NO_COND, ITEM_PRIMARY, ITEM_NAMESPACE };

static struct node *parse_item(struct parser *p, enum item_kind kind)
{
    if (kind == ITEM_EXPRESSION || kind == ITEM_NO_COND)
        return parse_expression(p, kind == ITEM_EXPRESSION);
    if (kind == ITEM_NAMESPACE && p->t->type == T_NAME && parser_look(p)->type == T_DOT) {
        struct node *n = node_new(p, N_NSREF, p->t->line);
        n->name = parser_next(p)->text;
        parser_next(p);
        n->name2 = parser_expect(p, T_NAME)->text;
        return n;
    }
    parser_enter(p);
    struct node *n = parse_primary(p);
    parser_leave(p);
    return n;
}

static struct node *parse_items(struct parser *p, enum item_kind kind, const char *end,
                                bool is_parenthesised)
{
    struct node *n = node_new(p, N_TUPLE, p->t->line);
    struct node_list l = {NULL, &n->list};
    bool is_tuple = false;
    for (;;) {
        if (l.first)
            parser_expect(p, T_COMMA);
        if (is_tuple_end(p, end))
            break;
        node_append(p, n, &l, parse_item(p, kind));
        if (p->t->type != T_COMMA)
            break;
        is_tuple = true;
        n->line = p->t->line;
    }
    if (!is_tuple && n->list)
        return n->list;
    if (!is_tuple && !is_parenthesised) {
        struct str shown = token_shown(p->t);
        parser_fail(p, p->t->line, "Expected an expression, got '%.*s'", (int)shown.n,
                    shown.p);
    }
    return n;
}

struct node *parse_tuple(struct parser *p, bool with_cond, const char *end,
                         bool is_parenthesised)
{
    return parse_items(p, with_cond ? ITEM_EXPRESSION : ITEM_NO_COND, end,
                       is_parenthesised);
}

static const char *class_name(const struct node *n)
{
    switch (n->kind) {
    case N_NAME:
    case N_NONE:
    case N_TRUE:
    case N_FALSE:
    case N_INTEGER:
    case N_FLOAT:
    case N_STRING:
        return "const";
    case N_TUPLE:
        return "tuple";
    case N_LIST:
        return "list";
    case N_DICT:
        return "dict";
    case N_CALL:
        return "call";
    case N_FILTER:
        return "filter";
    case N_TEST:
        return "test";
    case N_GETATTR:
        return "getattr";
    case N_GETITEM:
        return "getitem";
    case N_COND:
        return "condexpr";
    case N_AND:
        return "and";
    case N_OR:
        return "or";
    case N_NOT:
        return "not";
    case N_COMPARE:
        return "compare";
    case N_CONCAT:
        return "concat";
    case N_UNARY:
        return n->op == T_SUB ? "neg" : "pos";
    default:
        break;
    }
    switch (n->op) {
    case T_ADD:
        return "add";
    case T_SUB:
        return "sub";
    case T_MUL:
        return "mul";
    case T_DIV:
        return "div";
    case T_FLOORDIV:
        return "floordiv";
    case T_MOD:
        return "mod";
    default:
        return "pow";
    }
}

static bool can_assign(const struct node *n)
{
    if (n->kind == N_NSREF)
        return true;
    if (n->kind == N_NAME)
        return true;
    if (n->kind != N_TUPLE)
        return false;
    for (const struct node *i = n->list; i; i = i->next)
        if (!can_assign(i))
            return false;
    return true;
}

static struct node *parse_name_target(struct parser *p)
{
    const struct token *t = parser_expect(p, T_NAME);
    struct node *n = node_new(p, N_NAME, t->line);
    n->name = t->text;
    return n;
}

static bool is_reserved(struct str s)
{
    return str_eq(s, STR("true")) || str_eq(s, STR("false")) || str_eq(s, STR("none")) ||
           str_eq(s, STR("True")) || str_eq(s, STR("False")) || str_eq(s, STR("None"));
}

struct node *parse_target(struct parser *p, enum target_kind kind, const char *end)
{
    struct node *n =
        kind == TARGET_NAME
            ? parse_name_target(p)
            : parse_items(p, kind == TARGET_NAMESPACE ? ITEM_NAMESPACE : ITEM_PRIMARY,
                          end, false);
    if (n->kind == N_NAME && is_reserved(n->name))
        parser_fail(p, n->line, "can't assign to 'name'");
    if (!can_assign(n))
        parser_fail(p, n->line, "can't assign to '%s'", class_name(n));
    return n;
}
