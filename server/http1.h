/* STEP 1: bytes in; a strict HTTP/1.x request head, body bytes or a fault out. */
#ifndef HTTP1_H
#define HTTP1_H

#include "base/arena.h"
#include "base/fault.h"
#include <event2/buffer.h>
#include <stdint.h>

struct http1_field {
    struct str name, value; /* as sent; the value without white space at its ends */
};

struct http1_limits {
    size_t max_head; /* bytes of request line and fields, line ends included */
    int max_fields;  /* how many field lines */
};

/* One request's head. Its slices point into the arena given to http1_read_head. */
struct http1_head {
    struct str method;      /* a token, case as sent */
    struct str target;      /* the request-target as sent */
    struct str path, query; /* of the target, still percent-encoded; query without `?` */
    struct str
        authority; /* host[:port]: the absolute target's, else Host's; may be empty */
    struct http1_field *fields;
    int n_fields;
    int minor;             /* of HTTP/1.minor: 0 or 1 */
    bool has_length;       /* Content-Length is there */
    bool is_chunked;       /* Transfer-Encoding: chunked is there */
    bool wants_close;      /* the connection ends with this request's answer */
    bool expects_continue; /* Expect: 100-continue */
    bool expects_other;    /* Expect with anything else: 417 */
    uint64_t length;       /* Content-Length in bytes; UINT64_MAX when beyond 64 bits */
};

enum http1_result {
    HTTP1_MORE, /* all bytes that could be used were used; come again with more */
    HTTP1_DONE, /* the head, or the body, is whole */
    HTTP1_FAULT /* the bytes are no request: answer with the fault and close */
};

/* The reader of one connection: all zeros before each request. */
struct http1 {
    size_t line;    /* head: offset of the line being read */
    size_t scanned; /* head: no line end stands before this offset, from `line` on */
    int n_lines;    /* head: lines seen, empty ones before the request line not counted */
    int step;       /* body: enum chunk_step */
    uint64_t left;  /* body: bytes of the body, or of the chunk, still to come */
    size_t trailer_size;
    int n_trailers;
};

/* Reads a head off the front of `in`. On HTTP1_DONE the head's bytes are drained and
   copied into the arena, and what follows it is left. On HTTP1_MORE nothing is drained,
   so `in` grows up to limits->max_head. Faults: 400, 414, 431, 501 (transfer coding),
   505. RFC 9112, sections 2 to 6, read strictly: no bare CR or LF, no folded lines, no
   white space before a colon, one Host, one Content-Length and never beside
   Transfer-Encoding. */
enum http1_result http1_read_head(struct http1 *p, struct evbuffer *in,
                                  const struct http1_limits *limits, struct arena *arena,
                                  struct http1_head *head, struct fault *fault);

/* Begins the body of `head`: true when there are bytes to come, so that http1_read_body
   must be called until it is done. */
bool http1_begin_body(struct http1 *p, const struct http1_head *head);

/* Moves body bytes from the front of `in` to the end of `out`, framing removed; trailer
   fields are checked and dropped. At most `most` bytes are moved in one call (HTTP1_MORE
   then, with *moved == most). `*moved` is how many bytes came. Faults: 400, 431
   (trailers). */
enum http1_result http1_read_body(struct http1 *p, const struct http1_head *head,
                                  const struct http1_limits *limits, struct evbuffer *in,
                                  struct evbuffer *out, size_t most, size_t *moved,
                                  struct fault *fault);

/* The first field of that name (ASCII case ignored), or NULL. */
const struct str *http1_field(const struct http1_head *head, struct str name);

/* A token of RFC 9110, section 5.6.2: a method, a field name. Not empty. */
bool http1_is_token(struct str s);

/* uri-host [":" port] of RFC 9110, section 7.2, and not empty (section 4.2.1). */
bool http1_is_authority(struct str s);

/* May stand in a field value: no control character but the tab. */
bool http1_is_field_value(struct str s);

#endif
