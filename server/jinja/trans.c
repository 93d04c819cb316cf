/* The i18n extension's {% trans %}: it becomes a call of gettext or ngettext. */
#include "base/buf.h"
#include "jinja/parser.h"
#include "jinja/unicode.h"

/* The variables of one {% trans %}: N_KEYWORDs, in order. */
struct trans {
    struct node *node; /* whose list2 they are */
    struct node_list variables;
    struct node *count; /* what the plural goes by */
    struct node
        *assignment;    /* a call as the count is made once: {% set _trans = ... %} */
    bool is_count_num;  /* the count's variable is called `num` */
    bool is_referenced; /* the text has variables */
};

static struct node *name_node(struct parser *p, struct str name, int line)
{
    struct node *n = node_new(p, N_NAME, line);
    n->name = name;
    return n;
}

static struct node *find_variable(const struct trans *t, struct str name)
{
    for (struct node *v = t->node->list2; v; v = v->next)
        if (str_eq(v->name, name))
            return v;
    return NULL;
}

static void add_variable(struct parser *p, struct trans *t, struct str name,
                         struct node *value, int line)
{
    struct node *k = node_new(p, N_KEYWORD, line);
    k->name = name;
    k->a = node_child(p, k, value);
    node_append(p, t->node, &t->variables, k);
}

/* The first variable is the count, unless pluralize names another. */
static struct node *note_count(struct parser *p, struct trans *t, struct str name,
                               struct node *value)
{
    if (t->count)
        return value;
    t->count = value;
    if (value->kind == N_CALL) {
        t->assignment = node_new(p, N_SET, value->line);
        t->assignment->a = name_node(p, STR("_trans"), value->line);
        t->assignment->b = node_child(p, t->assignment, value);
        t->count = value = name_node(p, STR("_trans"), value->line);
    }
    t->is_count_num = str_eq(name, STR("num"));
    return value;
}

/* The tag's variables; returns 1 for trimmed, 0 for notrimmed, -1 for neither. */
static int parse_variables(struct parser *p, struct trans *t)
{
    int is_trimmed = -1;
    while (p->t->type != T_BLOCK_END) {
        if (t->variables.first)
            parser_expect(p, T_COMMA);
        if (parser_skip(p, T_COLON))
            break;
        const struct token *name = parser_expect(p, T_NAME);
        if (find_variable(t, name->text))
            parser_fail_as(p, "TemplateAssertionError", name->line,
                           "translatable variable '%.*s' defined twice.",
                           (int)name->text.n, name->text.p);
        struct node *value;
        if (parser_skip(p, T_ASSIGN)) {
            value = parse_expression(p, true);
        } else if (is_trimmed < 0 && (str_eq(name->text, STR("trimmed")) ||
                                      str_eq(name->text, STR("notrimmed")))) {
            is_trimmed = str_eq(name->text, STR("trimmed"));
            continue;
        } else {
            value = name_node(p, name->text, name->line);
        }
        add_variable(p, t, name->text, note_count(p, t, name->text, value), name->line);
    }
    return is_trimmed;
}

/* What the lists need of a text: its bytes with %(name)s for its variables. Lives in the
   arena, piece by piece, so that a longjmp leaks nothing. */
struct text {
    char *p;
    size_t n, cap;
};

static void text_add(struct parser *p, struct text *t, const char *s, size_t n)
{
    if (t->n + n > t->cap) {
        size_t cap = (t->n + n) * 2 + 64;
        char *q = arena_alloc(p->a, cap);
        if (!q)
            longjmp(p->fail, 1);
        if (t->n)
            memcpy(q, t->p, t->n);
        t->p = q;
        t->cap = cap;
    }
    if (n)
        memcpy(t->p + t->n, s, n);
    t->n += n;
}

static void add_data(struct parser *p, struct text *text, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        text_add(p, text, s.p[i] == '%' ? "%%" : s.p + i, s.p[i] == '%' ? 2 : 1);
}

static _Noreturn void fail_control(struct parser *p, bool may_pluralize)
{
    if (parser_is_name(p, "pluralize") && !may_pluralize)
        parser_fail(p, p->t->line,
                    "a translatable section can have only one pluralize section");
    if (parser_is_name(p, "trans"))
        parser_fail(p, p->t->line,
                    "trans blocks can't be nested; did you mean `endtrans`?");
    struct str shown = token_shown(p->t);
    parser_fail(p, p->t->line,
                "control structures in translatable sections are not allowed; saw `%.*s`",
                (int)shown.n, shown.p);
}

/* Text up to endtrans or pluralize. The names it refers to are noted; the first may be
   the count. */
static struct text parse_text(struct parser *p, struct trans *t, struct node_list *names,
                              struct node *owner, bool may_pluralize)
{
    struct text text = {0};
    for (;;) {
        if (p->t->type == T_DATA) {
            add_data(p, &text, parser_next(p)->text);
        } else if (p->t->type == T_VARIABLE_BEGIN) {
            parser_next(p);
            const struct token *name = parser_expect(p, T_NAME);
            node_append(p, owner, names, name_node(p, name->text, name->line));
            text_add(p, &text, "%(", 2);
            text_add(p, &text, name->text.p, name->text.n);
            text_add(p, &text, ")s", 2);
            t->is_referenced = true;
            parser_expect(p, T_VARIABLE_END);
        } else if (p->t->type == T_BLOCK_BEGIN) {
            parser_next(p);
            if (parser_is_name(p, "endtrans") ||
                (may_pluralize && parser_is_name(p, "pluralize")))
                return text;
            fail_control(p, may_pluralize);
        } else {
            parser_fail(p, p->t->line, "unclosed translation block");
        }
    }
}

/* White space around newlines becomes one space; at both ends none is left. */
static void trim(struct text *t)
{
    struct str s = unicode_strip((struct str){t->p, t->n}, true, true);
    size_t w = 0;
    for (size_t i = 0; i < s.n;) {
        size_t j = i;
        bool has_newline = false;
        while (j < s.n && (s.p[j] == ' ' || (s.p[j] >= 9 && s.p[j] <= 13)))
            has_newline |= s.p[j++] == '\n';
        if (has_newline) {
            t->p[w++] = ' ';
            i = j;
        } else {
            do
                t->p[w++] = s.p[i++];
            while (i < j);
        }
    }
    t->n = w;
}

static void undouble_percent(struct text *t)
{
    size_t w = 0;
    for (size_t i = 0; i < t->n; i++) {
        t->p[w++] = t->p[i];
        if (t->p[i] == '%' && i + 1 < t->n && t->p[i + 1] == '%')
            i++;
    }
    t->n = w;
}

static struct node *string_node(struct parser *p, const struct text *t, int line)
{
    struct node *n = node_new(p, N_STRING, line);
    n->name = (struct str){t->p ? t->p : "", t->n};
    return n;
}

static struct node *dict_of(struct parser *p, const struct trans *t, int line)
{
    struct node *dict = node_new(p, N_DICT, line);
    struct node_list l = {NULL, &dict->list};
    for (struct node *v = t->node->list2; v; v = v->next) {
        struct node *pair = node_new(p, N_PAIR, line), *key = node_new(p, N_STRING, line);
        key->name = v->name;
        pair->a = key;
        pair->b = node_child(p, pair, v->a);
        node_append(p, dict, &l, pair);
    }
    return dict;
}

/* The old style formats outside: gettext(...) % {...}. */
static struct node *formatted(struct parser *p, const struct trans *t, struct node *call,
                              int line)
{
    struct node *dict = t->variables.first ? dict_of(p, t, line) : NULL;
    struct node *safe = node_new(p, N_MARKSAFE, line);
    call->list2 = NULL;
    safe->a = node_child(p, safe, call);
    if (!dict)
        return safe;
    struct node *n = node_new(p, N_BINARY, line);
    n->op = T_MOD;
    n->a = node_child(p, n, safe);
    n->b = node_child(p, n, dict);
    return n;
}

static struct node *without_num(struct node *list)
{
    struct node *first = NULL, **tail = &first;
    for (; list; list = list->next)
        if (!str_eq(list->name, STR("num"))) {
            *tail = list;
            tail = &list->next;
        }
    *tail = NULL;
    return first;
}

static struct str function_name(bool has_context, bool has_plural)
{
    if (has_context)
        return has_plural ? STR("npgettext") : STR("pgettext");
    return has_plural ? STR("ngettext") : STR("gettext");
}

static void parse_plural_name(struct parser *p, struct trans *t)
{
    if (p->t->type == T_BLOCK_END)
        return;
    const struct token *name = parser_expect(p, T_NAME);
    struct node *v = find_variable(t, name->text);
    if (!v)
        parser_fail_as(p, "TemplateAssertionError", name->line,
                       "unknown variable '%.*s' for pluralization", (int)name->text.n,
                       name->text.p);
    t->count = v->a;
    t->is_count_num = str_eq(name->text, STR("num"));
}

struct node *parse_trans(struct parser *p)
{
    int line = parser_next(p)->line;
    struct node *call = node_new(p, N_CALL, line), *names = node_new(p, N_TUPLE, line);
    struct node_list args = {NULL, &call->list}, referenced = {NULL, &names->list};
    struct trans t = {.node = call, .variables = {NULL, &call->list2}};
    const struct token *context = p->t->type == T_STRING ? parser_next(p) : NULL;
    int is_trimmed = parse_variables(p, &t);
    parser_expect(p, T_BLOCK_END);
    struct text singular = parse_text(p, &t, &referenced, names, true), plural = {0};
    if (referenced.first && !t.count) {
        t.count = name_node(p, referenced.first->name, line);
        t.is_count_num = str_eq(referenced.first->name, STR("num"));
    }
    bool has_plural = is_trimmed < 2 && parser_is_name(p, "pluralize");
    parser_next(p);
    if (has_plural) {
        parse_plural_name(p, &t);
        parser_expect(p, T_BLOCK_END);
        plural = parse_text(p, &t, &referenced, names, false);
        parser_next(p);
    }
    for (struct node *n = names->list; n; n = n->next)
        if (!find_variable(&t, n->name))
            add_variable(p, &t, n->name, name_node(p, n->name, n->line), line);
    if (has_plural && !t.count)
        parser_fail(p, line, "pluralize without variables");
    if (is_trimmed < 0 ? p->o->is_trimmed : is_trimmed) {
        trim(&singular);
        trim(&plural);
    }
    if (!t.is_referenced && !p->o->is_newstyle) {
        undouble_percent(&singular);
        undouble_percent(&plural);
    }
    call->a = name_node(p, function_name(context != NULL, has_plural), line);
    if (context) {
        struct text s = {(char *)(uintptr_t)context->text.p, context->text.n, 0};
        node_append(p, call, &args, string_node(p, &s, line));
    }
    node_append(p, call, &args, string_node(p, &singular, line));
    if (has_plural) {
        struct node *count = node_new(p, t.count->kind, t.count->line);
        *count = *t.count;
        count->next = NULL;
        node_append(p, call, &args, string_node(p, &plural, line));
        node_append(p, call, &args, count);
    }
    struct node *value = call;
    if (!p->o->is_newstyle)
        value = formatted(p, &t, call, line);
    else if (t.is_count_num && has_plural)
        call->list2 = without_num(call->list2);
    struct node *out = node_new(p, N_OUTPUT, line);
    out->list = node_child(p, out, value);
    if (t.assignment)
        t.assignment->next = out;
    return t.assignment ? t.assignment : out;
}
