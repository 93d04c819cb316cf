/* Conditional requests (RFC 9110, section 13): whether a request goes on, given what is
   there now. */
#ifndef PRECONDITION_H
#define PRECONDITION_H

#include "etag.h"
#include <stdint.h>

/* The request's fields; .p NULL: not sent. Of a list that was sent in several fields, all
   of them joined with commas. */
struct preconditions {
    struct str if_match, if_none_match, if_modified_since, if_unmodified_since;
};

/* What is known of the thing that is asked for. */
struct validators {
    struct etag etag;
    int64_t last_modified; /* seconds since 1970; -1: not known */
};

enum precondition {
    PRECONDITION_PROCEED,      /* answer as if there were no conditions */
    PRECONDITION_NOT_MODIFIED, /* 304: GET or HEAD, and the client has it already */
    PRECONDITION_FAILED,       /* 412: it is not what the client takes it for */
};

/* Weighs the conditions in the order of section 13.2.2. Only for an answer that would
   else be a 2xx: section 13.2.1. `If-Match: *` holds then, `If-None-Match: *` doesn't:
   the thing is there. A date that is none counts as not sent. */
enum precondition precondition_check(const struct preconditions *sent, struct str method,
                                     const struct validators *now);

/* Whether a Range field counts (section 13.1.5): there is no If-Range (.p NULL), or its
   tag is strongly equal to the current one, or its date is exactly last_modified. */
bool precondition_allows_range(struct str if_range, const struct validators *now);

#endif
