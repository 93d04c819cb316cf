/* A map from strings to pointers that only grows; its memory is an arena's. */
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include "base/arena.h"
#include <stdint.h>

struct strmap_slot {
    uint32_t hash;
    struct str key;
    void *value; /* NULL: a free slot */
};

/* An empty map is all zeros. */
struct strmap {
    struct strmap_slot *slots; /* a power of two, at most half of them taken */
    size_t slots_n, n;
    size_t longest; /* bytes of the longest key: longer ones need no look */
};

/* The value at the key, or NULL. Takes time by the key's length alone. */
void *strmap_get(const struct strmap *m, struct str key);

/* Sets the value (not NULL) at the key, which must live as long as the arena. -1 when
   memory is out; the map is as it was. */
int strmap_put(struct strmap *m, struct arena *a, struct str key, void *value);

#endif
