/* Opens files that must lie beneath a folder, whatever a client asks for. */
#ifndef OPEN_BENEATH_H
#define OPEN_BENEATH_H

#include "base/str.h"
#include <limits.h>

/* Writes `path`, with `.`, `..` and empty segments resolved by their text alone, to `out`
   with a NUL. False for what no file beneath a folder can have as its name: an absolute
   path, one that leads out of the folder or to the folder itself, a NUL, PATH_MAX bytes
   or more. A backslash is a character like others, as in Werkzeug's safe_join on Unix. */
bool open_beneath_normalize(struct str path, char out[PATH_MAX]);

/* Whether a segment of a normalized path begins with a dot and is not `.well-known`
   (RFC 8615). */
bool open_beneath_is_hidden(const char *path);

/* Opens the file at a normalized path beneath the folder `root` for reading: its
   descriptor, close-on-exec and non-blocking (a FIFO without a writer does not hold up),
   or -1 with errno. The path may lead through symbolic links as long as it ends beneath
   the root: EXDEV when it doesn't. What lies there may be a folder or a device: ask
   fstat. */
int open_beneath(const char *root, const char *path);

#endif
