/* Sockets to listen on: TCP, Unix, inherited. */
#ifndef LISTEN_H
#define LISTEN_H

#include "base/fault.h"
#include <stddef.h>

/* A listening, non-blocking TCP socket on host (a name or a numeric address) and port (0:
   the kernel chooses). Returns the descriptor and writes "http://host:port" to url, or
   returns -1 with a fault that says what to do. */
int listen_tcp(const char *host, int port, char *url, size_t url_size,
               struct fault *fault);

/* The same on a Unix socket. A socket file that nobody listens on is replaced; any other
   file is left alone. */
int listen_unix(const char *path, char *url, size_t url_size, struct fault *fault);

/* The socket that a service manager has opened for this process and passed as its
   descriptor 3, with LISTEN_PID and LISTEN_FDS in the environment (sd_listen_fds(3)),
   which are removed. *fd is -1 when there is none. -1 with a fault when there is
   more than one, or what is there does not listen. */
int listen_inherited(int *fd, char *url, size_t url_size, struct fault *fault);

#endif
