/* What a worker and its master say to each other, over a pair of sockets. */
#ifndef LINK_H
#define LINK_H

#include "base/fault.h"
#include "options.h"
#include <stdbool.h>
#include <stddef.h>

struct event_base;

enum link_kind {
    /* from a worker */
    LINK_LISTEN_TCP,  /* asks for the socket of host `text` and `port` */
    LINK_LISTEN_UNIX, /* the same of the path `text` */
    LINK_SERVES,      /* it serves, and can be given up after `watchdog` ms of silence */
    LINK_BEAT,        /* its loop turns */
    /* from the master */
    LINK_SOCKET, /* passes the socket, whose URL is `text` */
    LINK_REFUSED /* there is none; `text` says why */
};

struct link_message {
    enum link_kind kind;
    int port;
    int64_t watchdog; /* ms, INT64_MAX: never */
    int64_t shutdown; /* ms: SHUTDOWN_TIMEOUT */
    char text[512];
};

/* Sends a message, and a descriptor with it when `passed` is not -1; the caller keeps its
   own. Never waits. -1 when the other side is gone or does not read. */
int link_send(int fd, const struct link_message *message, int passed);

/* Takes the next message and the descriptor that came with it, the caller's from now on,
   or -1. Returns 1; 0 when there is none yet, -1 when the other side is gone. */
int link_receive(int fd, struct link_message *message, int *passed);

/* ---- a worker's side ---- */

/* This process is a worker now, and `fd`, which it owns, leads to its master. is_first:
   none has served before it. */
void link_open(int fd, bool is_first);
bool link_has_master(void);

/* Whether it is this process that tells of the start: there is no master, or no worker
   was before this one. */
bool link_is_first(void);

/* The socket to serve on: the master's, who keeps it open from one worker to the next;
   without a master, one of this process. `path`, when not NULL, names a Unix socket, else
   host and port count. As listen_tcp and listen_unix. */
int link_listen(const char *path, const char *host, int port, char *url, size_t url_size,
                struct fault *fault);

/* Tells the master that serving has begun, and from now on that the loop turns. Again
   when the options have changed. */
void link_serve(struct event_base *base, const struct options *options);

/* The loop may stand still until link_serve is called again: the app is being loaded. */
void link_pause(void);

/* Ends the signs of life: what comes has a deadline that the master knows. */
void link_stop(void);

#endif
