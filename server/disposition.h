/* The Content-Disposition of a download (RFC 6266), with names in any language. */
#ifndef DISPOSITION_H
#define DISPOSITION_H

#include "base/buf.h"
#include "base/fault.h"

/* Appends `attachment` or `inline`, with filename=, in quotes where need be, and for a
   name that is not ASCII filename*=UTF-8''... (RFC 8187) behind an ASCII name that looks
   like it (letters without their accents; what has no likeness is left out). name: UTF-8;
   .p NULL: none. -1 with a fault (500), and nothing appended, for a name with control
   characters in it or that is no UTF-8. */
int disposition_format(struct buf *out, bool is_attachment, struct str name,
                       struct fault *f);

#endif
