/* Open addressing with linear probing. The keys are a program's own, so their hash needs
   no secret; what is looked up may be anything. */
#include "base/strmap.h"

/* FNV-1a. */
static uint32_t hash_of(struct str key)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 16777619u;
    return h;
}

/* The slot of the key, or the free one where it would be. FNV's low bits follow the last
   bytes closely, and the high ones are mixed in so that names that count up spread. */
static struct strmap_slot *find(const struct strmap *m, struct str key, uint32_t hash)
{
    size_t i = (hash ^ hash >> 15) & (m->slots_n - 1);
    while (m->slots[i].value &&
           (m->slots[i].hash != hash || !str_eq(m->slots[i].key, key)))
        i = (i + 1) & (m->slots_n - 1);
    return &m->slots[i];
}

void *strmap_get(const struct strmap *m, struct str key)
{
    return m->n && key.n <= m->longest ? find(m, key, hash_of(key))->value : NULL;
}

static int grow(struct strmap *m, struct arena *a)
{
    struct strmap bigger = {.slots_n = m->slots_n ? m->slots_n * 2 : 4};
    bigger.slots = arena_alloc(a, bigger.slots_n * sizeof *bigger.slots);
    if (!bigger.slots)
        return -1;
    memset(bigger.slots, 0, bigger.slots_n * sizeof *bigger.slots);
    for (size_t i = 0; i < m->slots_n; i++)
        if (m->slots[i].value)
            *find(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    m->slots = bigger.slots;
    m->slots_n = bigger.slots_n;
    return 0;
}

int strmap_put(struct strmap *m, struct arena *a, struct str key, void *value)
{
    if (m->n * 2 >= m->slots_n && grow(m, a) < 0)
        return -1;
    uint32_t hash = hash_of(key);
    struct strmap_slot *slot = find(m, key, hash);
    m->n += slot->value == NULL;
    *slot = (struct strmap_slot){hash, key, value};
    if (key.n > m->longest)
        m->longest = key.n;
    return 0;
}
