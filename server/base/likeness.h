/* ASCII that looks like a text: for names of files where only ASCII will do. */
#ifndef BASE_LIKENESS_H
#define BASE_LIKENESS_H

#include "base/buf.h"

/* Appends what is left of each character in ASCII when it is decomposed (Unicode 14's
   NFKD): letters without their accents, "fi" for a ligature, "1/2" without its slash.
   What has no such likeness is left out, broken UTF-8 too. At most twice as long. */
void likeness_add(struct buf *out, struct str text);

#endif
