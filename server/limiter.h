/* Token buckets that all workers share: who may come how often. */
#ifndef LIMITER_H
#define LIMITER_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

#define LIMITER_BUCKETS 65536 /* unless app.config.LIMITER_BUCKETS says otherwise */

/* `amount` tokens in each period. A bucket is full at first, loses one with each request,
   and gets them back one by one, evenly. */
struct limiter_rate {
    uint64_t amount;
    uint64_t interval; /* nanoseconds until one comes back */
};

/* What a bucket says to one request. */
struct limiter_verdict {
    bool is_allowed;
    uint64_t left;     /* tokens, this request's taken */
    uint64_t full_in;  /* nanoseconds until the bucket is full */
    uint64_t retry_in; /* nanoseconds until a token is there; 0 when one was */
};

/* Makes the memory that workers share. Once, at the start of the process, before workers
   are forked: what they count survives each of them. -1 when there is none to be had. */
int limiter_open_shared(void);

/* The number of buckets, rounded up to what the table can have; the first call counts, of
   whichever process. */
void limiter_set_size(uint64_t n_buckets);

/* The bucket of a client (`key`) under one limit: `space` names the limit, which may have
   several rates. Nobody outside can tell which keys share a place. */
uint64_t limiter_bucket(uint64_t space, struct str key, const struct limiter_rate *rate);

/* The hash that `space` is made of. */
uint64_t limiter_space(struct str name);

/* Takes a token of each of the n buckets, or when one of them has none, of none. True
   when all had one; verdicts[i] tells of each. No lock is held at any time: a worker that
   dies in between leaves at worst one token too few or too many. When a set of the table
   is full, the bucket that would be full first gives way. */
bool limiter_take(const uint64_t *buckets, const struct limiter_rate *rates, int n,
                  struct limiter_verdict *verdicts);

#endif
