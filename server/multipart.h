/* multipart/form-data bodies (RFC 7578): fields are copied, files are found. */
#ifndef MULTIPART_H
#define MULTIPART_H

#include "form.h"

/* Reads the body into *out: parts with a filename into its files, others into its fields.
   boundary: the Content-Type's parameter, 1 to 200 printable ASCII characters.
   Lines end as the first delimiter's line does, all in CRLF or all in LF; so what ends
   one line for us ends it for everybody else who reads the body. A delimiter may have
   spaces or tabs behind it. The last one must be there; what comes after it is ignored,
   as is what comes before the first. Each part needs a Content-Disposition of form-data
   with a name; its head may have 32 fields, 16 KiB in all. Takes time linear in the
   body's size, whatever is in it. 0, or -1 with a fault as form_parse's. */
int multipart_parse(struct arena *a, const struct form_source *source,
                    struct str boundary, const struct form_limits *limits,
                    struct form *out, struct fault *f);

#endif
