/* Base64: RFC 4648, sections 4 and 5; read strictly, so that each value has one text. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/str.h"

/* Which texts are meant; for reading, those that may come. */
enum base64_form {
    BASE64_STANDARD = 1, /* with + and / */
    BASE64_URLSAFE = 2,  /* with - and _ */
    BASE64_PADDED = 4,   /* with = up to a multiple of four characters */
    BASE64_UNPADDED = 8, /* without */
    BASE64_ANY = 15      /* any of these; + or / beside - or _ is none */
};

/* The room that base64_encode and base64_decode need for n bytes of input. */
#define BASE64_ENCODED_SIZE(n) (((n) + 2) / 3 * 4)
#define BASE64_DECODED_SIZE(n) ((n) / 4 * 3 + 2)

/* Writes bytes as text of the one form (an alphabet | a padding) to `out`, which has room
   for BASE64_ENCODED_SIZE(bytes.n) characters; no NUL is added. Returns their number. */
size_t base64_encode(struct str bytes, unsigned form, char *out);

/* Writes what a text of one of `forms` stands for to `out`, which has room for
   BASE64_DECODED_SIZE(text.n) bytes, and their number to *n. False when the text is none:
   other characters, white space too, padding that is missing or too much, or bits that
   are left over and not 0. What `out` then holds is of no use. */
bool base64_decode(struct str text, unsigned forms, char *out, size_t *n);

#endif
