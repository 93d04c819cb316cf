/* Bytes that a client sent as the valid UTF-8 that Lua is shown (API: "strings of a
   request are valid UTF-8"). */
#ifndef TEXT_H
#define TEXT_H

#include "base/arena.h"

/* A header's or a cookie's bytes: s itself when it is valid UTF-8, else a copy in the
   arena of the bytes read as Latin-1. .p is NULL when memory is out (or s.p is NULL). */
struct str text_from_header(struct arena *a, struct str s);

/* The bytes of a path, a query or a form: s itself when it is valid UTF-8, else a copy in
   the arena with U+FFFD in place of each broken sequence. .p as above. */
struct str text_repaired(struct arena *a, struct str s);

/* An ISO-8859-1 part's bytes: s itself when it is ASCII, else a copy as UTF-8. */
struct str text_from_latin1(struct arena *a, struct str s);

#endif
