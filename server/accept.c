/* Accept fields: items in order of their weight, and three ways of matching. */
#include "accept.h"

#include "base/number.h"
#include "field.h"
#include <stdint.h>
#include <stdlib.h>

/* Values taken apart. */

static bool is_star(struct str s)
{
    return str_eq(s, STR("*"));
}

struct mimetype {
    struct str type, subtype, parameters; /* parameters: "a=b; c=d" */
};

static bool split_mimetype(struct str value, struct mimetype *m)
{
    m->parameters = value;
    struct str essence = str_trim(str_cut(&m->parameters, ';'));
    m->subtype = essence;
    m->type = str_cut(&m->subtype, '/');
    return m->subtype.p && (!is_star(m->type) || is_star(m->subtype));
}

static size_t count_parameters(struct str parameters)
{
    size_t n = 0;
    for (; parameters.p; n++)
        str_cut(&parameters, ';');
    return n;
}

static size_t count_equal(struct str parameters, struct str one)
{
    size_t n = 0;
    while (parameters.p)
        n += str_ieq(str_trim(str_cut(&parameters, ';')), one);
    return n;
}

/* The same parameters in any order. The application's are few. */
static bool has_same_parameters(struct str app, struct str sent)
{
    if (count_parameters(app) != count_parameters(sent))
        return false;
    for (struct str rest = app; rest.p;) {
        struct str one = str_trim(str_cut(&rest, ';'));
        if (count_equal(app, one) != count_equal(sent, one))
            return false;
    }
    return true;
}

static bool mimetype_matches(struct str app_value, struct str sent_value)
{
    struct mimetype app, sent;
    if (!split_mimetype(app_value, &app) || !split_mimetype(sent_value, &sent))
        return false;
    if (is_star(sent.type) || is_star(app.type))
        return true;
    if (!str_ieq(app.type, sent.type))
        return false;
    return is_star(sent.subtype) || is_star(app.subtype) ||
           (str_ieq(app.subtype, sent.subtype) &&
            has_same_parameters(app.parameters, sent.parameters));
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool language_matches(struct str app, struct str sent)
{
    if (app.n != sent.n)
        return false;
    for (size_t i = 0; i < app.n; i++) {
        char a = app.p[i] == '_' ? '-' : lower(app.p[i]);
        char b = sent.p[i] == '_' ? '-' : lower(sent.p[i]);
        if (a != b)
            return false;
    }
    return true;
}

/* "en" of "en-US" and "en_US" */
static struct str primary_language(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '-' && s.p[n] != '_')
        n++;
    return (struct str){s.p, n};
}

/* A charset's name without hyphens, and with its common other names made one. */
static struct str charset_name(struct str s, char space[16])
{
    static const char *const same[][2] = {
        {"latin1", "iso88591"},
        {"l1", "iso88591"},
        {"ascii", "usascii"},
        {"u8", "utf8"},
    };
    struct str name = {space, 0};
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '-' || s.p[i] == '_')
            continue;
        if (name.n == 16)
            return s;
        space[name.n++] = lower(s.p[i]);
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (str_eq(name, str_from(same[i][0])))
            return str_from(same[i][1]);
    return name;
}

static bool charset_matches(struct str app, struct str sent)
{
    char space[2][16];
    return str_ieq(charset_name(app, space[0]), charset_name(sent, space[1]));
}

static bool item_matches(enum accept_kind kind, struct str app, struct str sent)
{
    if (kind == ACCEPT_MIMETYPES)
        return mimetype_matches(app, sent);
    if (is_star(sent))
        return true;
    if (kind == ACCEPT_LANGUAGES)
        return language_matches(app, sent);
    return kind == ACCEPT_CHARSETS ? charset_matches(app, sent) : str_ieq(app, sent);
}

bool accept_is_proper(enum accept_kind kind, struct str value)
{
    struct mimetype m;
    return kind != ACCEPT_MIMETYPES || split_mimetype(value, &m);
}

/* Reading. */

static int specificity(enum accept_kind kind, struct str value)
{
    struct mimetype m;
    if (kind != ACCEPT_MIMETYPES)
        return !is_star(value);
    if (!split_mimetype(value, &m))
        return 0;
    return (!is_star(m.type) * 2 + !is_star(m.subtype)) * 1000 +
           (int)count_parameters(m.parameters);
}

/* Digits with at most one point among them: the sign, exponent and leading point that
   numbers may have elsewhere are broken here. */
static bool parse_quality(struct str s, double *quality)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < '0' || s.p[i] > '9') && (s.p[i] != '.' || i == 0))
            return false;
    return number_parse_double(s, quality) && *quality <= 1;
}

static struct str rebuild(struct arena *a, struct str value,
                          const struct pairs *parameters)
{
    struct buf b = {0};
    buf_addstr(&b, value);
    for (size_t i = 0; i < parameters->n; i++) {
        if (str_eq(parameters->items[i].name, STR("q")))
            continue;
        buf_addstr(&b, STR("; "));
        buf_addstr(&b, parameters->items[i].name);
        buf_addc(&b, '=');
        field_add_quoted(&b, parameters->items[i].value);
    }
    struct str copy = b.is_exhausted ? (struct str){NULL, 0} : arena_copy(a, buf_str(&b));
    buf_free(&b);
    return copy;
}

/* 1: an item; 0: a broken one; -1: memory is out. */
static int read_item(struct arena *a, enum accept_kind kind, struct str text,
                     struct accept_item *item)
{
    struct pairs parameters = {0};
    text = field_unquote(a, text);
    if (!text.p || field_parse_parameters(a, text, &item->value, &parameters) < 0)
        return -1;
    const struct pair *q = pairs_find(&parameters, STR("q"));
    item->quality = 1;
    if (q && !parse_quality(str_trim(q->value), &item->quality))
        return 0;
    if (parameters.n > (q ? 1 : 0))
        item->value = rebuild(a, item->value, &parameters);
    item->specificity = specificity(kind, item->value);
    return item->value.p ? 1 : -1;
}

/* Equal items keep their order: they stand in one array, so the address decides. */
static int compare(const void *left, const void *right)
{
    const struct accept_item *a = *(struct accept_item *const *)left;
    const struct accept_item *b = *(struct accept_item *const *)right;
    if (a->specificity != b->specificity)
        return a->specificity > b->specificity ? -1 : 1;
    if (a->quality != b->quality)
        return a->quality > b->quality ? -1 : 1;
    return a < b ? -1 : a > b;
}

static int sort(struct arena *a, struct accept *accept)
{
    struct accept_item **order = arena_alloc(a, (accept->n + 1) * sizeof *order);
    struct accept_item *sorted = arena_alloc(a, (accept->n + 1) * sizeof *sorted);
    if (!order || !sorted)
        return -1;
    for (size_t i = 0; i < accept->n; i++)
        order[i] = &accept->items[i];
    if (accept->n)
        qsort(order, accept->n, sizeof *order, compare);
    for (size_t i = 0; i < accept->n; i++)
        sorted[i] = *order[i];
    accept->items = sorted;
    return 0;
}

static size_t count_items(struct str field)
{
    size_t n = 0;
    struct str item;
    while (field_next_item(&field, &item))
        n++;
    return n;
}

int accept_parse(struct arena *a, enum accept_kind kind, struct str field,
                 struct accept *out)
{
    *out = (struct accept){.kind = kind};
    out->items = arena_alloc(a, (count_items(field) + 1) * sizeof *out->items);
    if (!out->items)
        return -1;
    struct str text;
    while (field_next_item(&field, &text)) {
        int result = read_item(a, kind, text, &out->items[out->n]);
        if (result < 0)
            return -1;
        out->n += (size_t)result;
    }
    return sort(a, out);
}

/* Matching. */

const struct accept_item *accept_find(const struct accept *accept, struct str value)
{
    for (size_t i = 0; i < accept->n; i++)
        if (item_matches(accept->kind, value, accept->items[i].value))
            return &accept->items[i];
    return NULL;
}

static const struct accept_item *find_by_primary(const struct accept *accept,
                                                 struct str value)
{
    for (size_t i = 0; i < accept->n; i++) {
        struct str primary = primary_language(accept->items[i].value);
        if (is_star(primary) || str_ieq(primary, value))
            return &accept->items[i];
    }
    return NULL;
}

enum way {
    WHOLE,            /* value against item */
    ITEM_BY_PRIMARY,  /* value against the item's first part */
    VALUE_BY_PRIMARY, /* the value's first part against the item */
};

static const struct accept_item *find_in_way(const struct accept *accept,
                                             struct str value, enum way way)
{
    if (way == ITEM_BY_PRIMARY)
        return find_by_primary(accept, value);
    return accept_find(accept, way == WHOLE ? value : primary_language(value));
}

static int best(const struct accept *accept, const struct str *values, size_t n,
                enum way way)
{
    const struct accept_item *best_item = NULL;
    int found = -1;
    for (size_t i = 0; i < n; i++) {
        const struct accept_item *item = find_in_way(accept, values[i], way);
        if (!item || item->quality <= 0)
            continue;
        if (!best_item || item->quality > best_item->quality ||
            (item->quality == best_item->quality &&
             item->specificity > best_item->specificity)) {
            best_item = item;
            found = (int)i;
        }
    }
    return found;
}

int accept_best_match(const struct accept *accept, const struct str *values, size_t n)
{
    int found = best(accept, values, n, WHOLE);
    if (found < 0 && accept->kind == ACCEPT_LANGUAGES)
        found = best(accept, values, n, ITEM_BY_PRIMARY);
    if (found < 0 && accept->kind == ACCEPT_LANGUAGES)
        found = best(accept, values, n, VALUE_BY_PRIMARY);
    return found;
}
