/* The files of lua/ and templates/ inside the binary, so that it runs from any folder. */
#ifndef EMBEDDED_H
#define EMBEDDED_H

#include "base/str.h"

struct embedded_file {
    const char *path;          /* from the top of the sources: "lua/cflask/app.lua" */
    const unsigned char *data; /* its bytes; a NUL that is not counted follows them */
    size_t size;               /* bytes */
};

/* Every file, sorted by the bytes of its path. embed.sh makes it at build time. */
extern const struct embedded_file embedded_files[];
extern const size_t embedded_count;

/* The file of that path, or NULL. It lives as long as the process. */
const struct embedded_file *embedded_find(struct str path);

#endif
