/* Whom debug mode tells what it knows of the app: the person at this very machine. */
#ifndef VISITOR_H
#define VISITOR_H

#include <stdbool.h>

struct request;

enum visitor {
    VISITOR_OWN,           /* a browser of this machine, on a page of this server */
    VISITOR_FAR,           /* the connection comes from elsewhere */
    VISITOR_PASSED_ON,     /* somebody passes on what others send */
    VISITOR_FOREIGN_HOST,  /* the server is called by a name that may be anybody's */
    VISITOR_FOREIGN_ORIGIN /* a page of another site asks */
};

/* Who sends the request. Its head and its peer must be there, nothing else. */
enum visitor visitor_of(const struct request *r);

/* Whether a numeric address is this machine's own, 127.0.0.0/8 or ::1. */
bool visitor_is_loopback(const char *address);

#endif
