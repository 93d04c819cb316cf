/* The kernel's random bytes. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

int random_bytes(void *p, size_t n)
{
    char *to = p;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            to += got, n -= (size_t)got;
    }
    return 0;
}
