/* Fuzzes the header fields' parsers: none may read out of bounds, give what is no slice
   of its input or arena, or range beyond the length; the first byte chooses the length.
 */
#include "accept.h"
#include "authorization.h"
#include "base/utf8.h"
#include "date.h"
#include "disposition.h"
#include "etag.h"
#include "field.h"
#include "precondition.h"
#include "range.h"
#include "text.h"

#include <stdlib.h>

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* Reads every byte, so that a sanitizer sees a slice that is none. */
static void touch(struct str s)
{
    volatile char sum = 0;
    for (size_t i = 0; i < s.n; i++)
        sum = (char)(sum ^ s.p[i]);
}

static void touch_pairs(const struct pairs *list)
{
    check(list->n <= 66);
    for (size_t i = 0; i < list->n; i++) {
        touch(list->items[i].name);
        touch(list->items[i].value);
    }
}

static void parse_grammar(struct arena *a, struct str s)
{
    struct pairs dict = {0}, parameters = {0};
    struct str value, item, text = text_from_header(a, s);
    check(field_parse_dict(a, s, &dict) == 0);
    touch_pairs(&dict);
    check(field_parse_parameters(a, text, &value, &parameters) == 0);
    touch_pairs(&parameters);
    for (size_t i = 0; i < parameters.n; i++)
        check(utf8_is_valid(parameters.items[i].value));
    while (field_next_item(&s, &item)) {
        check(item.n > 0);
        touch(field_unquote(a, item));
    }
}

static void parse_accept(struct arena *a, struct str s)
{
    const struct str values[] = {STR("text/html"), STR("en-US"), STR("utf-8"),
                                 STR("a/b;c=d"), s};
    for (int kind = ACCEPT_MIMETYPES; kind <= ACCEPT_ENCODINGS; kind++) {
        struct accept accept;
        check(accept_parse(a, kind, s, &accept) == 0);
        for (size_t i = 0; i < accept.n; i++) {
            touch(accept.items[i].value);
            check(accept.items[i].quality >= 0 && accept.items[i].quality <= 1);
        }
        int best = accept_best_match(&accept, values, 5);
        check(best >= -1 && best < 5);
    }
}

static void parse_range(struct str s, uint64_t length)
{
    uint64_t first, end;
    if (range_resolve(s, length, &first, &end) == RANGE_PART)
        check(first < end && end <= length);
}

static void parse_conditions(struct str s)
{
    struct etag tag;
    bool is_star;
    for (struct str rest = s; etag_next(&rest, &tag, &is_star);)
        touch(tag.tag);
    struct preconditions sent = {s, s, s, s};
    struct validators now = {{STR("a"), false}, 784111777};
    precondition_check(&sent, STR("GET"), &now);
    precondition_allows_range(s, &now);
    int64_t date = date_parse_at(s, 1700000000);
    char text[DATE_LENGTH + 1];
    date_format(text, date);
    check(date == -1 || date_parse_at(str_from(text), 1700000000) == date);
}

static void format(struct str s)
{
    struct buf b = {0};
    if (disposition_format(&b, true, s, NULL) == 0)
        for (size_t i = 0; i < b.n; i++)
            check((unsigned char)b.p[i] >= ' ' && (unsigned char)b.p[i] < 0x7F);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena a = {0};
    struct authorization authorization;
    if (!size)
        return 0;
    struct str s = {(const char *)data + 1, size - 1};
    parse_grammar(&a, s);
    parse_accept(&a, s);
    parse_range(s, data[0]);
    parse_conditions(s);
    format(s);
    if (authorization_parse(&a, s, &authorization) == 1) {
        touch(authorization.username);
        touch(authorization.token);
        touch_pairs(&authorization.parameters);
    }
    arena_free(&a);
    return 0;
}
