/* What stands in a signed text before the first dot that is not its first character:
   base64 of JSON, which is deflated, behind a leading dot, where that is shorter. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "base/arena.h"

/* Packs bytes as itsdangerous' URLSafeSerializer does; the text lies in the arena. -1
   when memory is out. */
int payload_pack(struct arena *a, struct str bytes, struct str *text);

enum payload_verdict {
    PAYLOAD_GOOD,
    PAYLOAD_NOT_BASE64,
    PAYLOAD_NOT_ZLIB,
    PAYLOAD_TOO_LARGE, /* inflated, it has more bytes than `most` */
    PAYLOAD_NO_MEMORY
};

/* Unpacks a text; the bytes lie in the arena. No more than about 2 * most is ever taken
   for what is inflated. */
enum payload_verdict payload_unpack(struct arena *a, struct str text, size_t most,
                                    struct str *bytes);

#endif
