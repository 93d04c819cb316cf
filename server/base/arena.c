/* An arena: blocks of doubling size, a pointer that moves up. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_BLOCK   4096
#define LARGEST_BLOCK (256 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    _Alignas(16) char data[];
};

static int add_block(struct arena *a, size_t need)
{
    size_t size = a->blocks ? a->blocks->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < need)
        size = need;
    struct arena_block *b = malloc(sizeof *b + size);
    if (!b)
        return -1;
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    a->at = b->data;
    a->end = b->data + size;
    return 0;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > PTRDIFF_MAX / 2)
        return NULL;
    n = n ? (n + 15) & ~(size_t)15 : 16; /* NULL is a failure, also for no bytes */
    if ((size_t)(a->end - a->at) < n && add_block(a, n) < 0)
        return NULL;
    void *p = a->at;
    a->at += n;
    return p;
}

struct str arena_copy(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return (struct str){NULL, 0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

/* The first block is kept whatever came later: a large request must not leave its memory
   with every small one that follows. */
void arena_reset(struct arena *a)
{
    struct arena_block *b = a->blocks;
    if (!b)
        return;
    while (b->next) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    if (b->size > LARGEST_BLOCK) {
        free(b);
        *a = (struct arena){0};
        return;
    }
    a->blocks = b;
    a->at = b->data;
    a->end = b->data + b->size;
}

void arena_free(struct arena *a)
{
    for (struct arena_block *b = a->blocks; b;) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    *a = (struct arena){0};
}
