/* Finds a file by its path among those that the build put into the binary. */
#include "embedded.h"

#include <stdlib.h>

static int compare(const void *key, const void *element)
{
    struct str a = *(const struct str *)key;
    struct str b = str_from(((const struct embedded_file *)element)->path);
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

const struct embedded_file *embedded_find(struct str path)
{
    return bsearch(&path, embedded_files, embedded_count, sizeof *embedded_files,
                   compare);
}
