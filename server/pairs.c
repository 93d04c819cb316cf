/* Lists of pairs: growing by doubling, so that the arena holds at most twice the last
 * size. */
#include "pairs.h"

#include <stdint.h>

int pairs_add(struct pairs *list, struct arena *a, struct str name, struct str value)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        if (cap > PTRDIFF_MAX / sizeof *list->items)
            return -1;
        struct pair *items = arena_alloc(a, cap * sizeof *items);
        if (!items)
            return -1;
        if (list->n)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = (struct pair){name, value};
    return 0;
}

const struct pair *pairs_find(const struct pairs *list, struct str name)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_ieq(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}
