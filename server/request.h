/* STEP 2: the request object: a head and a body, and what is found in them on first
 * touch. */
#ifndef REQUEST_H
#define REQUEST_H

#include "body.h"
#include "http1.h"
#include "pairs.h"
#include "route.h"

struct app;
struct plan;

struct peer {
    char address[64]; /* numeric; "unix:" for a Unix socket */
    int port;         /* 0 when there is none */
    bool is_secure;   /* the scheme is https */
    bool is_loopback; /* the connection comes from this machine, whatever proxies say */
};

struct request {
    uint64_t
        id; /* never the same twice: a handle that outlives its request is found out */
    struct arena arena;
    struct http1_head head;
    struct body body;
    struct peer peer;
    struct app *app;         /* the app that serves it, mounts followed */
    struct str root_path;    /* the mount's prefix, "" without one; decoded */
    struct str path;         /* the target's path behind the prefix, still encoded */
    const struct plan *plan; /* the matched rule's, or the app's for what matches none */
    struct route_result match;
    bool is_matched; /* `match` must be closed */
    int refusal; /* status raised in the view's place: 404, 405, 413, 417, 501; or 0 */
    int64_t max_content_length; /* bytes; what the body was read under; -1: no limit */
    bool is_body_refused;       /* over the limit and not read: touching it is 413 */
    bool has_args;              /* args is filled: C modules want it */
    struct pairs args;          /* of the query */
};

/* Makes *r a new request without head and body. */
void request_init(struct request *r);

/* Gives back what the request holds; the arena keeps one block for the next. */
void request_clear(struct request *r);

/* The first field of that name, or an empty slice with .p NULL. */
struct str request_field(const struct request *r, struct str name);

/* scheme://host, from the Host field. */
struct str request_host(const struct request *r);
const char *request_scheme(const struct request *r);

/* The same host without its port. */
struct str request_host_name(const struct request *r);

/* Whether a body of that size (bytes) is more than the request may have. */
bool request_is_over_limit(const struct request *r, uint64_t size);

#endif
