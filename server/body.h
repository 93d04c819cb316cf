/* A request's body: up to 500 kB in memory, beyond that in one unlinked temporary file.
 */
#ifndef BODY_H
#define BODY_H

#include "base/str.h"
#include <event2/buffer.h>
#include <stdint.h>

struct body {
    struct evbuffer
        *memory;   /* NULL until the first byte, and again once the file is there */
    int fd;        /* the temporary file, or -1 */
    uint64_t size; /* bytes so far */
};

void body_init(struct body *b);

/* Moves all bytes of `in` to the body's end. -1 when memory or the disk is out: errno. */
int body_add(struct body *b, struct evbuffer *in);

/* The bytes as one slice, valid until body_free, when the body is in memory; .p is NULL
   when it is in a file or memory is out. */
struct str body_memory(const struct body *b);

/* Reads up to n bytes at `offset` into `to`: how many, 0 at the end, -1 for an error:
 * errno. */
int64_t body_read(const struct body *b, uint64_t offset, char *to, size_t n);

void body_free(struct body *b);

#endif
