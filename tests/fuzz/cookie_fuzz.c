/* Fuzzes cookie.c: any Cookie field parses, to valid UTF-8, and the first cookie of each
   name is found by itself; any cookie that is accepted
   for sending is free of control characters and reads back as the same value. */
#include "base/utf8.h"
#include "cookie.h"

#include <stdlib.h>

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void find(struct arena *a, struct str field, const struct pairs *list,
                 struct str name)
{
    struct str found = {NULL, 0};
    size_t i = 0;
    while (!str_eq(list->items[i].name, name))
        i++;
    check(cookie_find(a, field, name, &found) == 0);
    check(found.p && str_eq(found, list->items[i].value));
}

static void parse(struct str field)
{
    struct arena a = {0};
    struct pairs list = {0};
    check(cookie_parse(&a, field, &list) == 0);
    for (size_t i = 0; i < list.n; i++)
        check(list.items[i].name.n && utf8_is_valid(list.items[i].name) &&
              utf8_is_valid(list.items[i].value));
    for (size_t i = 0; i < list.n && i < 20; i++)
        find(&a, field, &list, list.items[i].name);
    arena_free(&a);
}

static void format(struct str name, struct str value)
{
    struct buf b = {0};
    struct cookie c = {.name = name, .value = value};
    if (cookie_format(&b, &c, 0, NULL) == 0) {
        for (size_t i = 0; i < b.n; i++)
            check((unsigned char)b.p[i] >= 0x20 && b.p[i] != ';');
        struct arena a = {0};
        struct pairs list = {0};
        check(cookie_parse(&a, buf_str(&b), &list) == 0 && list.n == 1);
        check(str_eq(list.items[0].name, name));
        check(!utf8_is_valid(value) || str_eq(list.items[0].value, value));
        arena_free(&a);
    }
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct str s = {(const char *)data, size};
    parse(s);
    struct str name = str_cut(&s, '\n');
    format(name, s);
    return 0;
}
