/* The grammar of rules, Werkzeug's: text, slashes and <converter(arguments):name>. */
#include "rule.h"

#include "base/buf.h"
#include "base/number.h"
#include "base/utf8.h"

enum { MOST_ARGUMENTS = 256, MOST_PIECES = 2 * RULE_MOST_VARIABLES + 1 };

/* A text being read. */
struct reader {
    const struct converter_maker *maker;
    struct str whole; /* in the arena */
    size_t at;
    struct fault *fault;
};

static int malformed(const struct reader *r, const char *why)
{
    return fault_set(r->fault, 500, "malformed rule \"%.*s\": %s", (int)r->whole.n,
                     r->whole.p, why);
}

static char next(const struct reader *r)
{
    return r->at < r->whole.n ? r->whole.p[r->at] : '\0';
}

static bool is_name_start(char c)
{
    return c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str read_name(struct reader *r)
{
    size_t start = r->at;
    if (is_name_start(next(r)))
        while (is_name_start(next(r)) || is_digit(next(r)))
            r->at++;
    return (struct str){r->whole.p + start, r->at - start};
}

static void skip_spaces(struct reader *r)
{
    while (next(r) == ' ' || next(r) == '\t')
        r->at++;
}

/* A word without quotes: a number, True, None, or text. */
static void understand_word(struct converter_argument *a)
{
    struct str s = a->text;
    bool is_negative = *s.p == '-';
    size_t digits = is_negative;
    while (digits < s.n && is_digit(s.p[digits]))
        digits++;
    if (str_ieq(s, STR("true")) || str_ieq(s, STR("false"))) {
        a->kind = ARGUMENT_BOOL;
        a->integer = (*s.p | 32) == 't';
    } else if (str_eq(s, STR("None"))) {
        a->kind = ARGUMENT_NONE;
    } else if (digits > is_negative && digits == s.n && digits < 19) {
        a->kind = ARGUMENT_INT;
        for (size_t i = is_negative; i < s.n; i++)
            a->integer = a->integer * 10 + (s.p[i] - '0');
        a->integer = is_negative ? -a->integer : a->integer;
        a->number = (double)a->integer;
    } else if (digits > is_negative && number_parse_double(s, &a->number)) {
        a->kind = ARGUMENT_FLOAT;
    }
}

static int read_quoted(struct reader *r, struct converter_argument *a)
{
    char quote = next(r);
    size_t start = ++r->at;
    while (r->at < r->whole.n && next(r) != quote)
        r->at++;
    if (r->at == r->whole.n)
        return malformed(r, "a quote is not closed");
    a->text = (struct str){r->whole.p + start, r->at++ - start};
    return 0;
}

static bool is_word_byte(char c)
{
    return is_name_start(c) || is_digit(c) || c == '.' || c == '-' || (c & 0x80);
}

static int read_argument(struct reader *r, struct converter_argument *a)
{
    *a = (struct converter_argument){.kind = ARGUMENT_TEXT};
    skip_spaces(r);
    size_t start = r->at;
    struct str name = read_name(r);
    skip_spaces(r);
    if (name.n && next(r) == '=') {
        a->name = name;
        r->at++;
        skip_spaces(r);
    } else {
        r->at = start;
    }
    if (next(r) == '"' || next(r) == '\'')
        return read_quoted(r, a);
    start = r->at;
    while (is_word_byte(next(r)))
        r->at++;
    a->text = (struct str){r->whole.p + start, r->at - start};
    if (!a->text.n)
        return malformed(r, "a converter's argument is a number, True, False, a word or "
                            "a quoted text");
    understand_word(a);
    return 0;
}

/* Behind the opening parenthesis. */
static int read_arguments(struct reader *r, struct converter_argument *to, size_t *n)
{
    skip_spaces(r);
    while (next(r) != ')') {
        if (*n == MOST_ARGUMENTS)
            return malformed(r, "too many arguments for a converter");
        if (read_argument(r, &to[(*n)++]) < 0)
            return -1;
        skip_spaces(r);
        if (next(r) == ',')
            r->at++;
        else if (next(r) != ')')
            return malformed(r, "arguments of a converter are separated by commas and "
                                "end with a parenthesis");
        skip_spaces(r);
    }
    r->at++;
    return 0;
}

/* At a `<`. */
static int read_variable(struct reader *r, struct rule_piece *piece)
{
    static const char usage[] = "a variable is <name>, <converter:name> or "
                                "<converter(arguments):name>";
    struct converter_argument arguments[MOST_ARGUMENTS];
    size_t n = 0;
    r->at++;
    struct str converter = STR("default");
    struct str name = read_name(r);
    if (name.n && (next(r) == '(' || next(r) == ':')) {
        converter = name;
        if (next(r) == '(' && (r->at++, read_arguments(r, arguments, &n) < 0))
            return -1;
        if (next(r) != ':')
            return malformed(r, usage);
        r->at++;
        name = read_name(r);
    }
    if (!name.n || next(r) != '>')
        return malformed(r, usage);
    r->at++;
    piece->text = name;
    piece->converter = converter_new(r->maker, converter, arguments, n, r->fault);
    return piece->converter ? 0 : -1;
}

static bool has_variable(const struct rule_piece *pieces, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (pieces[i].converter && str_eq(pieces[i].text, name))
            return true;
    return false;
}

static size_t count_variables(const struct rule_text *t)
{
    size_t n = 0;
    for (size_t i = 0; t && i < t->pieces_n; i++)
        n += t->pieces[i].converter != NULL;
    return n;
}

static int check_variable(const struct reader *r, const struct rule_text *before,
                          const struct rule_piece *pieces, size_t n, struct str name)
{
    if (has_variable(pieces, n, name) ||
        (before && has_variable(before->pieces, before->pieces_n, name)))
        return fault_set(r->fault, 500, "rule \"%.*s\" has the variable %.*s twice",
                         (int)r->whole.n, r->whole.p, (int)name.n, name.p);
    return 0;
}

/* Reads all pieces into to[MOST_PIECES]. */
static int read_pieces(struct reader *r, const struct rule_text *before,
                       struct rule_piece *to, size_t *n)
{
    size_t variables = count_variables(before);
    while (r->at < r->whole.n) {
        struct rule_piece piece = {{NULL, 0}, NULL};
        size_t start = r->at;
        if (next(r) != '<') {
            const char *end = memchr(r->whole.p + start, '<', r->whole.n - start);
            r->at = end ? (size_t)(end - r->whole.p) : r->whole.n;
            piece.text = (struct str){r->whole.p + start, r->at - start};
        } else if (variables++ == RULE_MOST_VARIABLES) {
            return malformed(r, "too many variables");
        } else if (read_variable(r, &piece) < 0 ||
                   check_variable(r, before, to, *n, piece.text) < 0) {
            return -1;
        }
        to[(*n)++] = piece;
    }
    return 0;
}

static void *copy_items(const struct converter_maker *m, const void *items, size_t size)
{
    void *to = arena_alloc(m->arena, size + 1); /* also for none, a pointer */
    if (to && size)
        memcpy(to, items, size);
    return to;
}

/* A part in the making. It has at most one piece and one text more than variables, and a
   text weight for each text between slashes. */
struct part_maker {
    const struct converter_maker *maker;
    struct rule_piece pieces[MOST_PIECES];
    size_t pieces_n;
    int *texts; /* room for half of the rule's bytes */
    size_t texts_n;
    int variables[RULE_MOST_VARIABLES];
    size_t variables_n;
    bool takes_rest;
};

static int code_points(struct str s)
{
    int n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Texts that stand side by side in the rule become one. */
static void put_text(struct part_maker *p, struct str text)
{
    struct rule_piece *last = p->pieces_n ? &p->pieces[p->pieces_n - 1] : NULL;
    if (last && !last->converter)
        last->text.n += text.n;
    else
        p->pieces[p->pieces_n++] = (struct rule_piece){text, NULL};
}

static void put_variable(struct part_maker *p, const struct rule_piece *piece)
{
    p->pieces[p->pieces_n++] = *piece;
    p->variables[p->variables_n++] = piece->converter->weight;
    p->takes_rest = p->takes_rest || piece->converter->takes_slash;
}

static struct str part_key(const struct part_maker *p, bool is_suffixed)
{
    if (!p->variables_n)
        return p->pieces_n ? p->pieces[0].text : STR("");
    struct buf b = {0};
    for (size_t i = 0; i < p->pieces_n; i++) {
        const struct converter *c = p->pieces[i].converter;
        struct str s = c ? c->form : p->pieces[i].text;
        buf_addf(&b, "%c%zu:", c ? 'v' : 't', s.n);
        buf_addstr(&b, s);
    }
    buf_addc(&b, is_suffixed ? '/' : '.');
    struct str key = arena_copy(p->maker->arena, buf_str(&b));
    buf_free(&b);
    return key;
}

/* Takes the slash from the end of a part that takes the rest: it is optional there. */
static bool cut_suffix(struct part_maker *p)
{
    struct rule_piece *last = p->pieces_n ? &p->pieces[p->pieces_n - 1] : NULL;
    if (!p->takes_rest || !last || last->converter ||
        last->text.p[last->text.n - 1] != '/')
        return false;
    if (--last->text.n == 0)
        p->pieces_n--;
    return true;
}

/* Writes the part and makes ready for the next. */
static int end_part(struct part_maker *p, bool is_suffixed, struct rule_part *to)
{
    const struct converter_maker *m = p->maker;
    *to = (struct rule_part){
        .key = part_key(p, is_suffixed),
        .is_static = p->variables_n == 0,
        .takes_rest = p->takes_rest,
        .is_suffixed = is_suffixed,
        .pieces = copy_items(m, p->pieces, p->pieces_n * sizeof *p->pieces),
        .pieces_n = p->pieces_n,
        .weight = {copy_items(m, p->texts, p->texts_n * sizeof *p->texts), p->texts_n,
                   copy_items(m, p->variables, p->variables_n * sizeof *p->variables),
                   p->variables_n},
    };
    p->pieces_n = p->texts_n = p->variables_n = 0;
    p->takes_rest = false;
    return to->key.p && to->pieces && to->weight.texts && to->weight.variables ? 0 : -1;
}

/* Cuts a text at its slashes: each ends a part, but in one that takes the rest. */
static int put_path_text(struct part_maker *p, struct str text, struct rule_part *parts,
                         size_t *n)
{
    size_t start = 0;
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != '/')
            continue;
        if (i > start) {
            struct str word = {text.p + start, i - start};
            p->texts[p->texts_n++] = code_points(word);
            put_text(p, word);
        }
        if (i < text.n && p->takes_rest)
            put_text(p, (struct str){text.p + i, 1});
        else if (i < text.n && end_part(p, false, &parts[(*n)++]) < 0)
            return -1;
        start = i + 1;
    }
    return 0;
}

/* from: behind the leading slash, which has no part. parts: room for a part for each byte
   of the rule and one. */
static int make_parts(struct part_maker *p, const struct rule_piece *pieces,
                      size_t pieces_n, struct rule_part *parts, size_t *n)
{
    for (size_t i = 0; i < pieces_n; i++) {
        if (pieces[i].converter)
            put_variable(p, &pieces[i]);
        else if (put_path_text(p, pieces[i].text, parts, n) < 0)
            return -1;
    }
    bool is_suffixed = cut_suffix(p);
    if (end_part(p, is_suffixed, &parts[(*n)++]) < 0)
        return -1;
    return is_suffixed ? end_part(p, false, &parts[(*n)++]) : 0;
}

/* The pieces without the slash that a path begins with. */
static void skip_slash(struct rule_piece *pieces, size_t *n)
{
    pieces[0].text = str_skip(pieces[0].text, 1);
    if (pieces[0].text.n)
        return;
    --*n;
    memmove(pieces, pieces + 1, *n * sizeof *pieces);
}

static int parse(struct reader *r, bool is_path, const struct rule_text *before,
                 struct rule_text *out)
{
    const struct converter_maker *m = r->maker;
    struct rule_piece pieces[MOST_PIECES];
    size_t n = 0;
    if (read_pieces(r, before, pieces, &n) < 0)
        return -1;
    out->pieces = copy_items(m, pieces, n * sizeof *pieces);
    out->pieces_n = n;
    struct part_maker p = {.maker = m};
    size_t slashes = 0;
    for (size_t i = 0; i < r->whole.n; i++)
        slashes += r->whole.p[i] == '/';
    struct rule_part *parts = arena_alloc(m->arena, (slashes + 2) * sizeof *parts);
    p.texts = arena_alloc(m->arena, (r->whole.n + 1) * sizeof *p.texts);
    if (slashes > RULE_MOST_PARTS)
        return malformed(r, "too many slashes");
    if (is_path)
        skip_slash(pieces, &n);
    if (!out->pieces || !parts || !p.texts ||
        make_parts(&p, pieces, n, parts, &out->parts_n) < 0)
        return fault_set(r->fault, 503, "out of memory");
    out->parts = parts;
    return 0;
}

/* A copy of the text in the arena, in the form in which it is read. lowers: what is no
   variable becomes lower case. */
static struct str prepare(struct arena *a, struct str text, bool merges, bool lowers)
{
    char *to = arena_alloc(a, text.n + 1);
    if (!to)
        return (struct str){NULL, 0};
    size_t n = 0;
    bool is_text = true;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (merges && c == '/' && n && to[n - 1] == '/')
            continue;
        is_text = c == '>' || (is_text && c != '<');
        to[n++] = lowers && is_text && c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
    }
    return (struct str){to, n};
}

static int check_text(struct str text, struct fault *fault)
{
    if (text.n > RULE_MOST_BYTES)
        return fault_set(fault, 500, "a rule has more than %d bytes", RULE_MOST_BYTES);
    if (!utf8_is_valid(text))
        return fault_set(fault, 500, "a rule is no valid UTF-8");
    return 0;
}

int rule_parse(const struct converter_maker *maker, struct str text, bool merge_slashes,
               const struct rule_text *before, struct rule_text *out, struct fault *fault)
{
    *out = (struct rule_text){0};
    if (!text.n || *text.p != '/')
        return fault_set(fault, 500, "rule \"%.*s\" must begin with a slash",
                         (int)(text.n > 200 ? 200 : text.n), text.p ? text.p : "");
    if (check_text(text, fault) < 0)
        return -1;
    struct reader r = {maker, prepare(maker->arena, text, merge_slashes, false), 0,
                       fault};
    if (!r.whole.p)
        return fault_set(fault, 503, "out of memory");
    return parse(&r, true, before, out);
}

int rule_parse_host(const struct converter_maker *maker, struct str text,
                    struct rule_text *out, struct fault *fault)
{
    *out = (struct rule_text){0};
    if (check_text(text, fault) < 0)
        return -1;
    struct reader r = {maker, prepare(maker->arena, text, false, true), 0, fault};
    if (!r.whole.p)
        return fault_set(fault, 503, "out of memory");
    if (memchr(r.whole.p, '/', r.whole.n))
        return malformed(&r, "a host has no slash");
    return parse(&r, false, NULL, out);
}

static int compare_lists(const int *a, size_t a_n, const int *b, size_t b_n, int sign)
{
    if (a_n != b_n)
        return a_n > b_n ? -1 : 1;
    for (size_t i = 0; i < a_n; i++)
        if (a[i] != b[i])
            return (a[i] < b[i] ? -1 : 1) * sign;
    return 0;
}

int rule_compare_weights(const struct rule_weight *a, const struct rule_weight *b)
{
    int order = compare_lists(a->texts, a->texts_n, b->texts, b->texts_n, -1);
    return order ? order
                 : compare_lists(a->variables, a->variables_n, b->variables,
                                 b->variables_n, 1);
}
