/* Media types of files, by their names. */
#ifndef MIME_H
#define MIME_H

#include "base/str.h"

#define MIME_DEFAULT "application/octet-stream"

/* The media type that the name's extension (in any case) stands for, or MIME_DEFAULT;
   never NULL. *encoding (unless encoding is NULL) is what the file was compressed with,
   as Python's mimetypes tells it, or NULL: of x.tar.gz and x.tgz application/x-tar and
   "gzip". Both are static. */
const char *mime_guess(struct str path, const char **encoding);

/* Whether the type's Content-Type gets "; charset=utf-8": text/..., ...+xml and those
   that Werkzeug counts among them. JSON is none: it is always UTF-8. */
bool mime_is_text(struct str type);

#endif
