/* Slices: bytes that somebody else owns, with their length. NUL is a byte like others. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct str {
    const char *p; /* not NUL-terminated; may be NULL when n is 0 */
    size_t n;      /* bytes */
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

static inline struct str str_from(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal but for the case of ASCII letters. */
bool str_ieq(struct str a, struct str b);

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Without the first n bytes (all of them, when there are fewer). */
static inline struct str str_skip(struct str s, size_t n)
{
    return n >= s.n ? (struct str){s.p + s.n, 0} : (struct str){s.p + n, s.n - n};
}

/* Without spaces and tabs at both ends: RFC 9110's OWS. */
struct str str_trim(struct str s);

/* Cuts s at the first `separator`: returns what stands before it and moves *s behind it.
   Without a separator returns all of it and leaves *s empty with p NULL.
   Loop: while (rest.p) { struct str part = str_cut(&rest, ','); ... } */
struct str str_cut(struct str *s, char separator);

#endif
