/* A byte buffer that grows. Its memory is malloc's, so no call into Lua that can raise
   may stand between the first buf_add and buf_free: see DESIGN's rule on longjmp in
   server/README.md. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap;     /* bytes used, bytes there */
    bool is_exhausted; /* memory ran out: what came since is lost; ask once at the end */
};

/* An empty buffer is all zeros. Each of these leaves is_exhausted set when memory is out.
 */
static inline void buf_add(struct buf *b, const void *bytes, size_t n);
static inline void buf_addstr(struct buf *b, struct str s);
static inline void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for n more bytes at b->p + b->n, or NULL; the caller adds to b->n what it wrote.
 */
char *buf_reserve(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

/* buf_add's when there is no room for them yet. */
void buf_add_more(struct buf *b, const void *bytes, size_t n);

static inline void buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0)
        return;
    if (b->cap - b->n < n) {
        buf_add_more(b, bytes, n);
        return;
    }
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
}

static inline void buf_addstr(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

static inline void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

/* Frees the bytes; the buffer is empty again. */
void buf_free(struct buf *b);

#endif
