/* The lexer. Jinja's is a table of regular expressions; this one does by hand what those
   match, in the same order of preference. */
#include "jinja/lexer.h"
#include "base/buf.h"
#include "jinja/string_literal.h"
#include "jinja/unicode.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_BALANCE = 4096 };

struct lexer {
    struct arena *a;
    const struct lexer_options *o;
    const char *start, *p, *end; /* the source, newlines normalised to \n */
    int line;                    /* of `counted` */
    const char *counted;         /* up to here newlines are in `line` */
    bool is_line_start;          /* the last match ended with a newline */
    bool starts[256];            /* bytes that may begin a delimiter */
    char balance[MAX_BALANCE];
    int n_balance;
    struct token_list *out;
    bool is_failed; /* an error token was added, or memory is out */
    bool is_exhausted;
};

enum opener { NONE, RAW, BLOCK, VARIABLE, COMMENT, LINE_STATEMENT, LINE_COMMENT };

/* A place where text ends: what begins there, and where its opening ends. */
struct opening {
    enum opener kind;
    const char *at, *end;
    char sign; /* '-', '+' or 0 */
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

/* The length of the white space character at p, 0 when it is none. */
static size_t space_at(const char *p, const char *end)
{
    if (p >= end)
        return 0;
    if ((unsigned char)*p < 0x80)
        return is_space(*p);
    uint32_t c;
    size_t n = unicode_decode(p, (size_t)(end - p), &c);
    return unicode_is_space(c) ? n : 0;
}

static const char *skip_space(const char *p, const char *end)
{
    for (size_t n; (n = space_at(p, end)) > 0;)
        p += n;
    return p;
}

static bool has(const char *p, const char *end, struct str s)
{
    return s.n > 0 && (size_t)(end - p) >= s.n && memcmp(p, s.p, s.n) == 0;
}

static int line_at(struct lexer *x, const char *p)
{
    for (; x->counted < p; x->counted++)
        x->line += *x->counted == '\n';
    return x->line;
}

static struct token *add(struct lexer *x, enum token_type type, const char *at)
{
    struct token_list *l = x->out;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct token *items = arena_alloc(x->a, cap * sizeof *items);
        if (!items) {
            x->is_failed = x->is_exhausted = true;
            return NULL;
        }
        if (l->n)
            memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
        l->cap = cap;
    }
    struct token *t = &l->items[l->n++];
    *t = (struct token){.type = type, .line = line_at(x, at)};
    return t;
}

static void fail(struct lexer *x, const char *at, const char *message)
{
    struct token *t = add(x, T_ERROR, at);
    x->is_failed = true;
    if (t)
        t->text = arena_copy(x->a, str_from(message));
}

/* Newlines become the environment's sequence. */
static struct str normalised(struct lexer *x, struct str s)
{
    struct str nl = x->o->newline;
    if (str_eq(nl, STR("\n")) || !memchr(s.p, '\n', s.n))
        return s;
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += s.p[i] == '\n';
    char *out = arena_alloc(x->a, s.n + count * nl.n + 1);
    if (!out) {
        x->is_failed = x->is_exhausted = true;
        return (struct str){0};
    }
    char *w = out;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n') {
            memcpy(w, nl.p, nl.n);
            w += nl.n;
        } else {
            *w++ = s.p[i];
        }
    }
    return (struct str){out, (size_t)(w - out)};
}

static void add_data(struct lexer *x, const char *from, const char *to)
{
    if (from == to)
        return;
    struct token *t = add(x, T_DATA, from);
    struct str s = normalised(x, (struct str){from, (size_t)(to - from)});
    if (t)
        t->text = s;
}

static bool is_at_line_start(const struct lexer *x, const char *p)
{
    return p == x->start || p[-1] == '\n';
}

/* `{% raw %}` with its signs; NULL when it isn't one at p. */
static const char *match_raw(const struct lexer *x, const char *p, char *sign)
{
    if (!has(p, x->end, x->o->block_start))
        return NULL;
    p += x->o->block_start.n;
    *sign = p < x->end && (*p == '-' || *p == '+') ? *p++ : 0;
    p = skip_space(p, x->end);
    if (!has(p, x->end, STR("raw")))
        return NULL;
    p = skip_space(p + 3, x->end);
    if (p < x->end && *p == '-' && has(p + 1, x->end, x->o->block_end))
        return skip_space(p + 1 + x->o->block_end.n, x->end);
    return has(p, x->end, x->o->block_end) ? p + x->o->block_end.n : NULL;
}

static bool open_with(const struct lexer *x, const char *p, struct str s,
                      enum opener kind, struct opening *out)
{
    if (!has(p, x->end, s))
        return false;
    p += s.n;
    out->kind = kind;
    out->sign = p < x->end && (*p == '-' || *p == '+') ? *p++ : 0;
    out->end = p;
    return true;
}

static bool open_line(const struct lexer *x, const char *p, enum opener kind,
                      struct opening *out)
{
    if (kind == LINE_STATEMENT) {
        if (!x->o->line_statement.n || !is_at_line_start(x, p))
            return false;
        while (p < x->end && (*p == ' ' || *p == '\t' || *p == '\v'))
            p++;
        return open_with(x, p, x->o->line_statement, kind, out);
    }
    if (!x->o->line_comment.n || !(is_at_line_start(x, p) || !is_space(p[-1])))
        return false;
    while (p < x->end && *p != '\n' && *p != '\r' && is_space(*p))
        p++;
    return open_with(x, p, x->o->line_comment, kind, out);
}

struct candidate {
    size_t n; /* the delimiter's length */
    enum opener kind;
    const char *name; /* Jinja's name of the rule: it sorts by length, then by this */
};

/* The kinds of opening in the order in which they are tried: the longest first. */
static int sorted_candidates(const struct lexer_options *o, struct candidate *c)
{
    int n = 0;
    c[n++] = (struct candidate){o->variable_start.n, VARIABLE, "variable_begin"};
    c[n++] = (struct candidate){o->comment_start.n, COMMENT, "comment_begin"};
    c[n++] = (struct candidate){o->block_start.n, BLOCK, "block_begin"};
    if (o->line_statement.n)
        c[n++] = (struct candidate){o->line_statement.n, LINE_STATEMENT,
                                    "linestatement_begin"};
    if (o->line_comment.n)
        c[n++] = (struct candidate){o->line_comment.n, LINE_COMMENT, "linecomment_begin"};
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0; j--) {
            struct candidate a = c[j - 1], b = c[j];
            if (a.n > b.n || (a.n == b.n && strcmp(a.name, b.name) > 0))
                break;
            c[j - 1] = b;
            c[j] = a;
        }
    return n;
}

static bool open_at(const struct lexer *x, const struct candidate *c, int n,
                    const char *p, struct opening *out)
{
    const struct lexer_options *o = x->o;
    out->at = p;
    if ((out->end = match_raw(x, p, &out->sign))) {
        out->kind = RAW;
        return true;
    }
    for (int i = 0; i < n; i++) {
        enum opener k = c[i].kind;
        if (k == LINE_STATEMENT || k == LINE_COMMENT) {
            if (open_line(x, p, k, out))
                return true;
        } else if (open_with(x, p,
                             k == BLOCK      ? o->block_start
                             : k == VARIABLE ? o->variable_start
                                             : o->comment_start,
                             k, out)) {
            return true;
        }
    }
    return false;
}

static void note_starts(struct lexer *x)
{
    const struct lexer_options *o = x->o;
    const struct str all[] = {o->block_start, o->variable_start, o->comment_start,
                              o->line_statement, o->line_comment};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].n)
            x->starts[(unsigned char)all[i].p[0]] = true;
    if (o->line_statement.n || o->line_comment.n)
        for (int c = 0; c < 256; c++)
            x->starts[c] |= is_space((char)c);
}

static bool find_opening(struct lexer *x, struct opening *out)
{
    struct candidate c[5];
    int n = sorted_candidates(x->o, c);
    for (const char *p = x->p; p < x->end; p++)
        if (x->starts[(unsigned char)*p] && open_at(x, c, n, p, out))
            return true;
    return false;
}

/* Where the text before a tag ends once `-` or lstrip_blocks has taken its white space.
 */
static const char *text_end(const struct lexer *x, const char *from, const char *to,
                            char sign, bool may_lstrip)
{
    if (sign == '-') {
        const char *keep = from;
        for (const char *p = from; p < to;) {
            size_t n = space_at(p, to);
            p += n ? n : 1;
            if (!n)
                keep = p;
        }
        return keep;
    }
    if (sign == '+' || !x->o->lstrip_blocks || !may_lstrip)
        return to;
    const char *line = to;
    while (line > from && line[-1] != '\n')
        line--;
    if (line == from && !x->is_line_start)
        return to;
    return skip_space(line, to) == to && line < to ? line : to;
}

static void pass(struct lexer *x, const char *to)
{
    x->is_line_start = to > x->start && to[-1] == '\n';
    x->p = to;
}

/* The end of `-%}`, `+%}` or `%}` (with trim_blocks' newline) at p, or NULL. */
static const char *match_end(const struct lexer *x, const char *p, struct str close)
{
    if (p < x->end && *p == '-' && has(p + 1, x->end, close))
        return skip_space(p + 1 + close.n, x->end);
    if (p < x->end && *p == '+' && has(p + 1, x->end, close))
        return p + 1 + close.n;
    if (!has(p, x->end, close))
        return NULL;
    p += close.n;
    return x->o->trim_blocks && p < x->end && *p == '\n' ? p + 1 : p;
}

static void skip_comment(struct lexer *x)
{
    for (const char *p = x->p; p < x->end; p++) {
        const char *e = match_end(x, p, x->o->comment_end);
        if (e) {
            pass(x, e);
            return;
        }
    }
    if (x->p < x->end)
        fail(x, x->p, "Missing end of comment tag");
}

static const char *match_endraw(const struct lexer *x, const char *p, char *sign)
{
    if (!has(p, x->end, x->o->block_start))
        return NULL;
    p += x->o->block_start.n;
    *sign = p < x->end && (*p == '-' || *p == '+') ? *p++ : 0;
    p = skip_space(p, x->end);
    if (!has(p, x->end, STR("endraw")))
        return NULL;
    return match_end(x, skip_space(p + 6, x->end), x->o->block_end);
}

static void take_raw(struct lexer *x)
{
    const char *from = x->p;
    for (const char *p = from; p < x->end; p++) {
        char sign;
        const char *e = match_endraw(x, p, &sign);
        if (e) {
            add_data(x, from, text_end(x, from, p, sign, true));
            pass(x, e);
            return;
        }
    }
    if (x->p < x->end)
        fail(x, x->p, "Missing end of raw directive");
}

/* --- inside a tag --- */

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* (\d+_)*\d+ : digits with single underscores between them. */
static const char *digits(const char *p, const char *end)
{
    if (!is_digit(p, end))
        return NULL;
    while (is_digit(p, end) || (p < end && *p == '_' && is_digit(p + 1, end)))
        p++;
    return p;
}

static const char *match_float(const struct lexer *x, const char *p)
{
    if (p > x->start && p[-1] == '.')
        return NULL;
    p = digits(p, x->end);
    if (!p)
        return NULL;
    const char *frac = p < x->end && *p == '.' ? digits(p + 1, x->end) : NULL;
    const char *e = frac ? frac : p;
    if (e < x->end && (*e == 'e' || *e == 'E')) {
        const char *d = e + 1;
        if (d < x->end && (*d == '+' || *d == '-'))
            d++;
        d = digits(d, x->end);
        if (d)
            return d;
    }
    return frac;
}

static const char *match_prefixed(const struct lexer *x, const char *p, int *base)
{
    if (x->end - p < 3 || *p != '0')
        return NULL;
    int b = (p[1] | 32) == 'b' ? 2 : (p[1] | 32) == 'o' ? 8 : (p[1] | 32) == 'x' ? 16 : 0;
    const char *q = p + 2, *last = NULL;
    while (b && q < x->end) {
        const char *d = *q == '_' ? q + 1 : q;
        if (d >= x->end || string_digit_value(*d) >= b)
            break;
        last = q = d + 1;
    }
    *base = b;
    return last;
}

static const char *match_integer(const struct lexer *x, const char *p, int *base)
{
    const char *e = match_prefixed(x, p, base);
    if (e)
        return e;
    *base = 10;
    if (!is_digit(p, x->end))
        return NULL;
    bool is_zero = *p == '0';
    for (p++; p < x->end;) {
        const char *d = *p == '_' ? p + 1 : p;
        if (!is_digit(d, x->end) || (is_zero && *d != '0'))
            break;
        p = d + 1;
    }
    return p;
}

/* The digits without underscores, NUL-terminated, in a copy from the arena. */
static char *plain_digits(struct lexer *x, const char *from, const char *to)
{
    char *out = arena_alloc(x->a, (size_t)(to - from) + 1);
    char *w = out;
    for (; out && from < to; from++)
        if (*from != '_')
            *w++ = *from;
    if (w)
        *w = 0;
    else
        x->is_failed = x->is_exhausted = true;
    return out;
}

/* An integer beyond 64 bits becomes a float, as a Lua literal does. */
static void add_integer(struct lexer *x, const char *to, int base)
{
    struct token *t = add(x, T_INTEGER, x->p);
    char *z = plain_digits(x, x->p, to);
    if (!t || !z)
        return;
    t->text = (struct str){z, strlen(z)};
    errno = 0;
    t->value.integer = strtoll(base == 10 ? z : z + 2, NULL, base);
    if (errno == ERANGE) {
        t->type = T_FLOAT;
        t->value.number =
            base == 2 || base == 8 ? 18446744073709551616.0 : strtod(z, NULL);
    }
}

static void add_float(struct lexer *x, const char *to)
{
    struct token *t = add(x, T_FLOAT, x->p);
    char *z = plain_digits(x, x->p, to);
    if (t && z)
        t->value.number = strtod(z, NULL);
}

/* The end of the name at p, or p. *is_valid: it is an identifier. */
static const char *match_name(const struct lexer *x, const char *p, bool *is_valid)
{
    const char *from = p;
    *is_valid = true;
    while (p < x->end) {
        uint32_t c = (unsigned char)*p;
        size_t n = 1;
        if (c >= 0x80)
            n = unicode_decode(p, (size_t)(x->end - p), &c);
        if (!unicode_is_word(c))
            break;
        if (p == from && c >= 0x80 && !unicode_is_alpha(c))
            *is_valid = false;
        p += n;
    }
    return p;
}

static const char *match_string(const struct lexer *x, const char *p)
{
    char quote = *p;
    for (p++; p < x->end && *p != quote; p++)
        if (*p == '\\')
            p++;
    return p < x->end ? p + 1 : NULL;
}

/* The string's value in the arena; on an error p is NULL and *why says what. */
static struct str unescaped(struct lexer *x, struct str s, const char **why)
{
    s = normalised(x, s);
    *why = NULL;
    if (!s.n || !memchr(s.p, '\\', s.n))
        return s;
    struct buf out = {0};
    bool is_right = string_unescape(&out, s, why);
    struct str value = is_right ? arena_copy(x->a, buf_str(&out)) : (struct str){0};
    if (out.is_exhausted || (is_right && !value.p))
        x->is_failed = x->is_exhausted = true;
    buf_free(&out);
    return value;
}

static void add_string(struct lexer *x, const char *to)
{
    const char *why;
    const char *at = x->p;
    struct str s = unescaped(x, (struct str){at + 1, (size_t)(to - at) - 2}, &why);
    if (why) {
        fail(x, at, why);
        return;
    }
    struct token *t = add(x, T_STRING, at);
    if (t)
        t->text = s;
}

static const struct {
    char text[3];
    enum token_type type;
} operators[] = {
    {"//", T_FLOORDIV}, {"**", T_POW},      {"==", T_EQ},    {"!=", T_NE},
    {">=", T_GTEQ},     {"<=", T_LTEQ},     {"+", T_ADD},    {"-", T_SUB},
    {"/", T_DIV},       {"*", T_MUL},       {"%", T_MOD},    {"~", T_TILDE},
    {"[", T_LBRACKET},  {"]", T_RBRACKET},  {"(", T_LPAREN}, {")", T_RPAREN},
    {"{", T_LBRACE},    {"}", T_RBRACE},    {">", T_GT},     {"<", T_LT},
    {"=", T_ASSIGN},    {".", T_DOT},       {":", T_COLON},  {"|", T_PIPE},
    {",", T_COMMA},     {";", T_SEMICOLON},
};

enum { N_OPERATORS = sizeof operators / sizeof *operators };

static void keep_balance(struct lexer *x, char c)
{
    char message[64];
    char close = c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : 0;
    if (close) {
        if (x->n_balance == MAX_BALANCE)
            fail(x, x->p, "too many nested brackets");
        else
            x->balance[x->n_balance++] = close;
        return;
    }
    if (c != ')' && c != ']' && c != '}')
        return;
    if (x->n_balance == 0) {
        snprintf(message, sizeof message, "unexpected '%c'", c);
        fail(x, x->p, message);
    } else if (x->balance[--x->n_balance] != c) {
        snprintf(message, sizeof message, "unexpected '%c', expected '%c'", c,
                 x->balance[x->n_balance]);
        fail(x, x->p, message);
    }
}

static bool take_operator(struct lexer *x)
{
    for (int i = 0; i < N_OPERATORS; i++) {
        struct str s = str_from(operators[i].text);
        if (!has(x->p, x->end, s))
            continue;
        keep_balance(x, *x->p);
        if (!x->is_failed) {
            struct token *t = add(x, operators[i].type, x->p);
            if (t)
                t->text = s;
        }
        pass(x, x->p + s.n);
        return true;
    }
    return false;
}

static void fail_char(struct lexer *x)
{
    uint32_t c = (unsigned char)*x->p;
    size_t n = c < 0x80 ? 1 : unicode_decode(x->p, (size_t)(x->end - x->p), &c);
    char shown[16], message[80];
    if (c == '\'')
        snprintf(shown, sizeof shown, "\"'\"");
    else if (c == '\\')
        snprintf(shown, sizeof shown, "'\\\\'");
    else if (c < 32 || c == 127)
        snprintf(shown, sizeof shown, "'\\x%02x'", (unsigned)c);
    else
        snprintf(shown, sizeof shown, "'%.*s'", (int)n, x->p);
    size_t at = unicode_length((struct str){x->start, (size_t)(x->p - x->start)});
    snprintf(message, sizeof message, "unexpected char %s at %zu", shown, at);
    fail(x, x->p, message);
}

/* One token of an expression, or white space. */
static void take_expression_token(struct lexer *x)
{
    const char *e = skip_space(x->p, x->end);
    int base;
    bool is_valid;
    if (e > x->p)
        ;
    else if ((e = match_float(x, x->p)))
        add_float(x, e);
    else if ((e = match_integer(x, x->p, &base)))
        add_integer(x, e, base);
    else if ((e = match_name(x, x->p, &is_valid)) > x->p) {
        struct token *t = is_valid ? add(x, T_NAME, x->p) : NULL;
        if (t)
            t->text = (struct str){x->p, (size_t)(e - x->p)};
        else if (!is_valid)
            fail(x, x->p, "Invalid character in identifier");
    } else if ((*x->p == '\'' || *x->p == '"') && (e = match_string(x, x->p)))
        add_string(x, e);
    else if (take_operator(x))
        return;
    else {
        fail_char(x);
        return;
    }
    pass(x, e);
}

static const char *match_line_end(const struct lexer *x)
{
    const char *last = NULL;
    const char *p = x->p;
    for (size_t n; (n = space_at(p, x->end)) > 0; p += n)
        if (*p == '\n')
            last = p + 1;
    return p == x->end ? p : last;
}

static const char *match_tag_end(const struct lexer *x, enum opener kind)
{
    if (x->n_balance)
        return NULL;
    if (kind == LINE_STATEMENT)
        return match_line_end(x);
    if (kind == BLOCK)
        return match_end(x, x->p, x->o->block_end);
    struct str close = x->o->variable_end;
    if (x->p < x->end && *x->p == '-' && has(x->p + 1, x->end, close))
        return skip_space(x->p + 1 + close.n, x->end);
    return has(x->p, x->end, close) ? x->p + close.n : NULL;
}

static void take_tag(struct lexer *x, enum opener kind, const char *at)
{
    bool is_variable = kind == VARIABLE;
    add(x, is_variable ? T_VARIABLE_BEGIN : T_BLOCK_BEGIN, at);
    while (!x->is_failed) {
        const char *e = match_tag_end(x, kind);
        if (e) {
            add(x, is_variable ? T_VARIABLE_END : T_BLOCK_END, x->p);
            pass(x, e);
            return;
        }
        if (x->p >= x->end)
            return;
        take_expression_token(x);
    }
}

static void skip_line(struct lexer *x)
{
    const char *p = memchr(x->p, '\n', (size_t)(x->end - x->p));
    pass(x, p ? p : x->end);
}

static void take_text(struct lexer *x)
{
    struct opening o;
    if (!find_opening(x, &o)) {
        add_data(x, x->p, x->end);
        x->p = x->end;
        return;
    }
    add_data(x, x->p, text_end(x, x->p, o.at, o.sign, o.kind != VARIABLE));
    pass(x, o.end);
    if (o.kind == COMMENT)
        skip_comment(x);
    else if (o.kind == RAW)
        take_raw(x);
    else if (o.kind == LINE_COMMENT)
        skip_line(x);
    else
        take_tag(x, o.kind, o.at);
}

/* The source with \r\n and \r as \n, without its last newline unless that is to be kept.
 */
static struct str prepared(struct lexer *x, struct str s)
{
    char *out = arena_alloc(x->a, s.n + 1);
    size_t n = 0;
    if (!out)
        return (struct str){0};
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r') {
            out[n++] = '\n';
            i += i + 1 < s.n && s.p[i + 1] == '\n';
        } else {
            out[n++] = s.p[i];
        }
    }
    if (n && out[n - 1] == '\n' && !x->o->keep_trailing_newline)
        n--;
    out[n] = 0;
    return (struct str){out, n};
}

bool lexer_run(struct arena *a, const struct lexer_options *o, struct str source,
               struct token_list *out)
{
    struct lexer *x = arena_alloc(a, sizeof *x);
    if (!x)
        return false;
    memset(x, 0, sizeof *x);
    x->a = a;
    x->o = o;
    x->out = out;
    *out = (struct token_list){0};
    struct str s = prepared(x, source);
    if (!s.p)
        return false;
    x->start = x->p = x->counted = s.p;
    x->end = s.p + s.n;
    x->line = 1;
    x->is_line_start = true;
    note_starts(x);
    while (!x->is_failed && x->p < x->end)
        take_text(x);
    if (!x->is_failed) {
        struct token *t = add(x, T_EOF, x->counted);
        if (t && out->n > 1)
            t->line = out->items[out->n - 2].line;
        if (t && out->n == 1)
            t->line = 1;
    }
    return !x->is_exhausted;
}

const char *lexer_type_name(enum token_type t)
{
    switch (t) {
    case T_DATA:
        return "template data / text";
    case T_BLOCK_BEGIN:
        return "begin of statement block";
    case T_BLOCK_END:
        return "end of statement block";
    case T_VARIABLE_BEGIN:
        return "begin of print statement";
    case T_VARIABLE_END:
        return "end of print statement";
    case T_NAME:
        return "name";
    case T_INTEGER:
        return "integer";
    case T_FLOAT:
        return "float";
    case T_STRING:
        return "string";
    case T_EOF:
        return "end of template";
    default:
        break;
    }
    for (int i = 0; i < N_OPERATORS; i++)
        if (operators[i].type == t)
            return operators[i].text;
    return "error";
}
