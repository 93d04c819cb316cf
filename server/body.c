/* A request's body: up to 500 kB in memory, beyond that in one unlinked temporary file.
 */
#include "body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_IN_MEMORY 500000
#define SMALL_PIECE    2048 /* bytes */

void body_init(struct body *b)
{
    *b = (struct body){.fd = -1};
}

/* A file that has no name, so that nothing is left behind whatever happens. */
static int open_temporary(void)
{
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char path[4096]; /* a file system without O_TMPFILE */
    if ((size_t)snprintf(path, sizeof path, "%s/cflask-XXXXXX", folder) >= sizeof path)
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int write_all(int fd, struct evbuffer *in)
{
    while (evbuffer_get_length(in) > 0)
        if (evbuffer_write(in, fd) < 0 && errno != EINTR)
            return -1;
    return 0;
}

/* Small pieces are put together: each that evbuffer moves keeps a block of its own, so
   that a client which sends byte by byte would cost many times the body's size. */
static int append(struct evbuffer *memory, struct evbuffer *in)
{
    char piece[SMALL_PIECE];
    if (evbuffer_get_length(in) > sizeof piece)
        return evbuffer_add_buffer(memory, in);
    int n = evbuffer_remove(in, piece, sizeof piece);
    return n < 0 ? -1 : evbuffer_add(memory, piece, (size_t)n);
}

int body_add(struct body *b, struct evbuffer *in)
{
    uint64_t size = b->size + evbuffer_get_length(in);
    if (b->fd < 0 && !b->memory && !(b->memory = evbuffer_new()))
        return -1;
    if (b->fd < 0 && size > MOST_IN_MEMORY) {
        if ((b->fd = open_temporary()) < 0 || write_all(b->fd, b->memory) < 0)
            return -1;
        evbuffer_free(b->memory);
        b->memory = NULL;
    }
    b->size = size;
    return b->fd >= 0 ? write_all(b->fd, in) : append(b->memory, in);
}

struct str body_memory(const struct body *b)
{
    if (b->size == 0)
        return STR("");
    const unsigned char *p = b->memory ? evbuffer_pullup(b->memory, -1) : NULL;
    return (struct str){(const char *)p, p ? (size_t)b->size : 0};
}

int64_t body_read(const struct body *b, uint64_t offset, char *to, size_t n)
{
    if (offset >= b->size)
        return 0;
    if (b->fd >= 0) {
        ssize_t got;
        do
            got = pread(b->fd, to, n, (off_t)offset);
        while (got < 0 && errno == EINTR);
        return got;
    }
    struct str all = body_memory(b);
    if (!all.p) {
        errno = ENOMEM;
        return -1;
    }
    all = str_skip(all, (size_t)offset);
    n = n < all.n ? n : all.n;
    memcpy(to, all.p, n);
    return (int64_t)n;
}

void body_free(struct body *b)
{
    if (b->memory)
        evbuffer_free(b->memory);
    if (b->fd >= 0)
        close(b->fd);
    body_init(b);
}
