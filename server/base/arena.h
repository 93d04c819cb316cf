/* An arena: memory that is given piece by piece and freed all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    char *at, *end;             /* what is left of the newest block */
    struct arena_block *blocks; /* newest first */
};

/* An empty arena is all zeros: struct arena a = {0}. */

/* n bytes aligned for any type, or NULL when memory is out. They live until arena_reset
   or arena_free. */
void *arena_alloc(struct arena *a, size_t n);

/* A copy of s with a NUL behind it; .p is NULL when memory is out. */
struct str arena_copy(struct arena *a, struct str s);

/* Gives everything back but one block, which the next user of the arena begins with. */
void arena_reset(struct arena *a);

/* Gives everything back; the arena is empty again. */
void arena_free(struct arena *a);

#endif
