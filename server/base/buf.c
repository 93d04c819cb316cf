/* A byte buffer that grows by doubling. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->cap - b->n >= n && b->p)
        return b->p + b->n;
    if (b->is_exhausted || n > PTRDIFF_MAX / 4 || b->n > PTRDIFF_MAX / 4)
        goto exhausted;
    size_t cap = b->cap ? b->cap * 2 : 256;
    while (cap - b->n < n)
        cap *= 2;
    char *p = realloc(b->p, cap);
    if (!p)
        goto exhausted;
    b->p = p;
    b->cap = cap;
    return p + b->n;
exhausted:
    b->is_exhausted = true;
    return NULL;
}

void buf_add_more(struct buf *b, const void *bytes, size_t n)
{
    char *to = buf_reserve(b, n);
    if (to) {
        memcpy(to, bytes, n);
        b->n += n;
    }
}

void buf_addf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) /* more than an int counts, or no character of the locale */
        b->is_exhausted = true;
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){0};
}
