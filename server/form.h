/* Forms: what a query string or a request's body (urlencoded or multipart) says. */
#ifndef FORM_H
#define FORM_H

#include "base/fault.h"
#include "pairs.h"
#include <stdint.h>

/* Where a body is: in memory, or in a file from its first byte on. */
struct form_source {
    const char *memory; /* NULL: in the file */
    int fd;
    uint64_t size; /* bytes */
};

struct form_limits {
    size_t max_parts;  /* of a multipart body; SIZE_MAX: no limit */
    size_t max_memory; /* bytes of all fields that are not files; SIZE_MAX: no limit */
};

/* A part that has a filename: a window of the source. */
struct form_file {
    struct str name, filename; /* filename "": no file was chosen */
    struct str content_type;   /* .p NULL: not said */
    struct pairs headers;      /* of the part */
    uint64_t offset, length;   /* bytes of the source */
};

struct form {
    struct pairs fields;
    struct form_file *files;
    size_t n_files, cap_files;
};

/* Reads `a=1&b=x+y&flag` (WHATWG URL Standard, urlencoded parsing) into *out, in order: a
   name without "=" has the value "", empty parts are passed over, + is a space, broken
   UTF-8 becomes U+FFFD. Strings point into s or the arena. 0, or -1 when memory is out.
 */
int form_parse_query(struct arena *a, struct str s, struct pairs *out);

/* Reads a body of that Content-Type into *out (all zeros before); of a type that is no
   form it reads nothing. Strings are valid UTF-8; they point into source->memory or the
   arena. A file is read in pieces of 64 KiB; only the fields get into memory. 0, or -1
   with a fault: 413 for more parts or more field bytes than the limits allow, 400 for a
   broken multipart body, 500 when the file can't be read, 503 when memory is out. */
int form_parse(struct arena *a, const struct form_source *source, struct str content_type,
               const struct form_limits *limits, struct form *out, struct fault *f);

#endif
