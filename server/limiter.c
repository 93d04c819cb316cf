/* Token buckets that all workers share: who may come how often.

   A bucket is one number, the time at which it is full again: with every token that is
   taken it moves by the time that one needs to come back, and a time that is past is a
   full bucket (the "generic cell rate algorithm"). So a token is taken by one
   compare-and-swap, and time refills it.

   The table is a shared anonymous mapping, in sets of WAYS buckets. A bucket belongs to a
   key as long as that stands beside it. Another key takes it over in two steps, each of
   which leaves a table that is right: the time first, then the key. */
#include "limiter.h"

#include "base/random.h"
#include "base/siphash.h"
#include <assert.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#define WAYS 8
#define MOST_SETS                                                                        \
    (1u << 19) /* 4 million buckets: 64 MiB, of which what is used is there */
#define LEAST_SETS    (1u << 10)
#define NS_PER_SECOND 1000000000u

struct bucket {
    _Atomic uint64_t key;     /* 0: nobody's */
    _Atomic uint64_t full_at; /* CLOCK_MONOTONIC, in nanoseconds */
};

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock could outlive the process");

struct table {
    _Alignas(64) _Atomic uint64_t n_sets; /* a power of 2; 0: nobody has asked yet */
    uint64_t most_sets;
    uint64_t secret[2];
    _Alignas(64) struct bucket buckets[];
};

static struct table *table;

/* ---- the memory ---- */

static size_t size_of(uint64_t n_sets)
{
    return sizeof *table + n_sets * WAYS * sizeof *table->buckets;
}

int limiter_open_shared(void)
{
    for (uint64_t n = MOST_SETS; n >= LEAST_SETS; n /= 2) {
        void *memory = mmap(NULL, size_of(n), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            continue;
        table = memory;
        table->most_sets = n;
        return random_bytes(table->secret, sizeof table->secret);
    }
    return -1;
}

void limiter_set_size(uint64_t n_buckets)
{
    uint64_t none = 0, n_sets = 1;
    while (n_sets < table->most_sets && n_sets * WAYS < n_buckets)
        n_sets *= 2;
    atomic_compare_exchange_strong(&table->n_sets, &none, n_sets);
}

/* ---- keys ---- */

uint64_t limiter_space(struct str name)
{
    return siphash(table->secret, name);
}

uint64_t limiter_bucket(uint64_t space, struct str key, const struct limiter_rate *rate)
{
    const uint64_t words[] = {space, siphash(table->secret, key), rate->amount,
                              rate->interval};
    uint64_t hash =
        siphash(table->secret, (struct str){(const char *)words, sizeof words});
    return hash ? hash : 1;
}

static struct bucket *set_of(uint64_t key)
{
    if (atomic_load(&table->n_sets) == 0)
        limiter_set_size(LIMITER_BUCKETS);
    return table->buckets + (key & (atomic_load(&table->n_sets) - 1)) * WAYS;
}

static struct bucket *find(struct bucket *set, uint64_t key)
{
    for (int i = 0; i < WAYS; i++)
        if (atomic_load(&set[i].key) == key)
            return &set[i];
    return NULL;
}

/* The one that is free, or would be full first; *full_at is the time that it has. */
static struct bucket *find_victim(struct bucket *set, uint64_t *full_at)
{
    struct bucket *victim = set;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < WAYS && least > 0; i++) {
        uint64_t seen = atomic_load(&set[i].full_at);
        uint64_t rank = atomic_load(&set[i].key) ? seen : 0;
        if (rank >= least)
            continue;
        victim = &set[i];
        least = rank;
        *full_at = seen;
    }
    return victim;
}

/* Finds or makes the key's bucket. Two processes may make it at once, in two places; the
   second look tells both the same one. */
static struct bucket *claim(uint64_t key)
{
    struct bucket *set = set_of(key), *found;
    while (!(found = find(set, key))) {
        uint64_t full_at = 0;
        struct bucket *victim = find_victim(set, &full_at);
        uint64_t old = atomic_load(&victim->key);
        if (old != key && atomic_compare_exchange_strong(&victim->full_at, &full_at, 0))
            atomic_compare_exchange_strong(&victim->key, &old, key);
    }
    return found;
}

/* ---- tokens ---- */

/* Read after the bucket's time: nobody can have written one that is further ahead of us
   than a whole period. */
static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

/* What the bucket that is full at `full_at` says; *next is when it is full after this
   request. */
static bool judge(uint64_t full_at, const struct limiter_rate *rate, uint64_t *next,
                  struct limiter_verdict *v)
{
    uint64_t time = now(), period = rate->amount * rate->interval;
    if (full_at < time || full_at - time > period) /* full; or left over from another */
        full_at = time;
    *next = full_at + rate->interval;
    uint64_t missing = *next - time;
    v->is_allowed = missing <= period;
    v->retry_in = v->is_allowed ? 0 : missing - period;
    v->left = v->is_allowed ? (period - missing) / rate->interval : 0;
    v->full_in = v->is_allowed ? missing : full_at - time;
    return v->is_allowed;
}

static bool peek(uint64_t key, const struct limiter_rate *rate, struct limiter_verdict *v)
{
    uint64_t next;
    struct bucket *bucket = find(set_of(key), key);
    return judge(bucket ? atomic_load(&bucket->full_at) : 0, rate, &next, v);
}

static bool take(uint64_t key, const struct limiter_rate *rate, struct limiter_verdict *v)
{
    struct bucket *bucket = claim(key);
    uint64_t next, full_at = atomic_load(&bucket->full_at);
    while (judge(full_at, rate, &next, v))
        if (atomic_compare_exchange_weak(&bucket->full_at, &full_at, next))
            return true;
    return false;
}

bool limiter_take(const uint64_t *buckets, const struct limiter_rate *rates, int n,
                  struct limiter_verdict *verdicts)
{
    bool is_allowed = true;
    for (int i = 0; i < n; i++)
        is_allowed &= peek(buckets[i], &rates[i], &verdicts[i]);
    for (int i = 0; i < n && is_allowed; i++)
        is_allowed = take(buckets[i], &rates[i], &verdicts[i]);
    return is_allowed;
}
