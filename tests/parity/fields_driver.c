/* Runs the parsers of fields and forms for fields_parity.py. Each line of the input is
   `OPERATION HEX HEX ...` (an empty argument is "-"); each is answered by one line of
   words, texts in hexadecimal. */
#include "accept.h"
#include "authorization.h"
#include "cookie.h"
#include "date.h"
#include "disposition.h"
#include "etag.h"
#include "field.h"
#include "form.h"
#include "multipart.h"
#include "range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_ARGUMENTS 64

static void print_text(struct str s)
{
    putchar(' ');
    if (!s.n)
        putchar('-');
    for (size_t i = 0; i < s.n; i++)
        printf("%02x", (unsigned char)s.p[i]);
}

static void print_pairs(const struct pairs *list)
{
    for (size_t i = 0; i < list->n; i++) {
        print_text(list->items[i].name);
        print_text(list->items[i].value);
    }
}

static int64_t number(struct str s)
{
    char text[32] = "";
    memcpy(text, s.p, s.n < 31 ? s.n : 31);
    return strtoll(text, NULL, 10);
}

static void run_cookie(struct arena *a, const struct str *argument, size_t n)
{
    struct pairs list = {0};
    (void)n;
    cookie_parse(a, argument[0], &list);
    print_pairs(&list);
}

/* name, value, path or "-", domain or "-", flags of s h, samesite or "-" */
static void run_set_cookie(struct arena *a, const struct str *argument, size_t n)
{
    struct buf b = {0};
    struct cookie c = {.name = argument[0], .value = argument[1]};
    (void)a, (void)n;
    c.path = argument[2].n ? argument[2] : (struct str){NULL, 0};
    c.domain = argument[3];
    c.is_secure = argument[4].n && memchr(argument[4].p, 's', argument[4].n);
    c.is_httponly = argument[4].n && memchr(argument[4].p, 'h', argument[4].n);
    c.samesite = argument[5].n ? argument[5] : (struct str){NULL, 0};
    c.has_expires = c.has_max_age = true;
    c.max_age = c.expires = number(argument[6]);
    if (cookie_format(&b, &c, 0, NULL) < 0)
        printf(" fault");
    else
        print_text(buf_str(&b));
    buf_free(&b);
}

static void run_date(struct arena *a, const struct str *argument, size_t n)
{
    (void)a, (void)n;
    printf(" %" PRId64, date_parse(argument[0]));
}

static void run_http_date(struct arena *a, const struct str *argument, size_t n)
{
    char text[DATE_LENGTH + 1];
    (void)a, (void)n;
    date_format(text, number(argument[0]));
    print_text(str_from(text));
}

/* kind (0 to 3), field, values: the items, the best value's index, each value's quality
 */
static void run_accept(struct arena *a, const struct str *argument, size_t n)
{
    struct accept accept;
    accept_parse(a, (enum accept_kind)number(argument[0]), argument[1], &accept);
    for (size_t i = 0; i < accept.n; i++) {
        print_text(accept.items[i].value);
        printf(" %g", accept.items[i].quality);
    }
    printf(" | %d", accept_best_match(&accept, argument + 2, n - 2));
    for (size_t i = 2; i < n; i++) {
        const struct accept_item *item = accept_find(&accept, argument[i]);
        printf(" %g", item ? item->quality : -1.0);
    }
}

static void print_ranges(struct str field)
{
    struct str units, list;
    struct range range;
    int result;
    if (!range_split(field, &units, &list)) {
        printf(" none");
        return;
    }
    print_text(units);
    while ((result = range_next(&list, &range)) == 1) {
        int64_t first = range.is_suffix ? -range.first : range.first;
        printf(" %" PRId64 ",%" PRId64, first, range.end == RANGE_OPEN ? -1 : range.end);
    }
    if (result < 0)
        printf(" broken");
}

/* field, length */
static void run_range(struct arena *a, const struct str *argument, size_t n)
{
    uint64_t first = 0, end = 0;
    (void)a, (void)n;
    print_ranges(argument[0]);
    enum range_outcome outcome =
        range_resolve(argument[0], (uint64_t)number(argument[1]), &first, &end);
    printf(" | %d %" PRIu64 " %" PRIu64, (int)outcome, first, end);
}

static void run_etags(struct arena *a, const struct str *argument, size_t n)
{
    struct etag tag;
    bool is_star;
    (void)a, (void)n;
    for (struct str rest = argument[0]; etag_next(&rest, &tag, &is_star);) {
        printf(" %s", is_star ? "star" : tag.is_weak ? "weak" : "strong");
        print_text(tag.tag);
    }
}

static void run_parameters(struct arena *a, const struct str *argument, size_t n)
{
    struct str value;
    struct pairs list = {0};
    (void)n;
    field_parse_parameters(a, argument[0], &value, &list);
    print_text(value);
    print_pairs(&list);
}

static void run_dict(struct arena *a, const struct str *argument, size_t n)
{
    struct pairs list = {0};
    (void)n;
    field_parse_dict(a, argument[0], &list);
    for (size_t i = 0; i < list.n; i++) {
        print_text(list.items[i].name);
        if (list.items[i].value.p)
            print_text(list.items[i].value);
        else
            printf(" none");
    }
}

static void run_authorization(struct arena *a, const struct str *argument, size_t n)
{
    struct authorization parsed;
    (void)n;
    if (authorization_parse(a, argument[0], &parsed) != 1) {
        printf(" none");
        return;
    }
    print_text(parsed.type);
    print_pairs(&parsed.parameters);
}

static void run_query(struct arena *a, const struct str *argument, size_t n)
{
    struct pairs list = {0};
    (void)n;
    form_parse_query(a, argument[0], &list);
    print_pairs(&list);
}

/* boundary, body, largest number of parts */
static void run_multipart(struct arena *a, const struct str *argument, size_t n)
{
    struct form form = {0};
    struct fault f = {0};
    struct form_source source = {.memory = argument[1].p, .size = argument[1].n};
    struct form_limits limits = {(size_t)number(argument[2]), SIZE_MAX};
    (void)n;
    if (multipart_parse(a, &source, argument[0], &limits, &form, &f) < 0) {
        printf(" %d", f.status);
        return;
    }
    print_pairs(&form.fields);
    for (size_t i = 0; i < form.n_files; i++) {
        const struct form_file *file = &form.files[i];
        printf(" |");
        print_text(file->name);
        print_text(file->filename);
        print_text(file->content_type);
        print_text((struct str){argument[1].p + file->offset, (size_t)file->length});
    }
}

static void run_disposition(struct arena *a, const struct str *argument, size_t n)
{
    struct buf b = {0};
    (void)a, (void)n;
    if (disposition_format(&b, true, argument[0], NULL) < 0)
        printf(" fault");
    else
        print_text(buf_str(&b));
    buf_free(&b);
}

static const struct {
    const char *name;
    void (*run)(struct arena *a, const struct str *argument, size_t n);
} operations[] = {
    {"cookie", run_cookie},
    {"set-cookie", run_set_cookie},
    {"date", run_date},
    {"http-date", run_http_date},
    {"accept", run_accept},
    {"range", run_range},
    {"etags", run_etags},
    {"parameters", run_parameters},
    {"dict", run_dict},
    {"authorization", run_authorization},
    {"query", run_query},
    {"multipart", run_multipart},
    {"disposition", run_disposition},
};

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static struct str read_hex(struct arena *a, struct str hex)
{
    char *to = arena_alloc(a, hex.n + 1);
    struct str text = {to, 0};
    for (size_t i = 0; i + 1 < hex.n; i += 2)
        to[text.n++] = (char)(digit(hex.p[i]) << 4 | digit(hex.p[i + 1]));
    return text;
}

static void run(struct arena *a, struct str line)
{
    struct str arguments[MAX_ARGUMENTS];
    size_t n = 0;
    struct str name = str_cut(&line, ' ');
    while (line.p && n < MAX_ARGUMENTS)
        arguments[n++] = read_hex(a, str_cut(&line, ' '));
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (str_eq(name, str_from(operations[i].name)))
            operations[i].run(a, arguments, n);
    putchar('\n');
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        struct arena a = {0};
        run(&a, (struct str){line, (size_t)n - (line[n - 1] == '\n')});
        arena_free(&a);
    }
    free(line);
    return 0;
}
