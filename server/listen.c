/* Sockets to listen on: TCP, Unix, inherited. */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static int failed(struct fault *fault, const char *where, const char *option, int error)
{
    if (error == EADDRINUSE)
        return fault_set(fault, 0,
                         "%s is in use by another program: choose another with %s", where,
                         option);
    if (error == EACCES)
        return fault_set(fault, 0, "no permission to listen on %s", where);
    return fault_set(fault, 0, "can't listen on %s: %s", where, strerror(error));
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)&address)->sin6_port
                     : ((struct sockaddr_in *)&address)->sin_port);
}

static int open_and_listen(const struct sockaddr *address, socklen_t size, int family)
{
    int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                   sizeof on); /* accepted ones inherit it */
    }
    if (bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int listen_tcp(const char *host, int port, char *url, size_t url_size,
               struct fault *fault)
{
    char service[16], where[300];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    snprintf(service, sizeof service, "%d", port);
    snprintf(where, sizeof where, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
    if (port < 0 || port > 65535) /* getaddrinfo would take its last 16 bits */
        return fault_set(fault, 0, "can't listen on %s: ports go from 0 to 65535", where);
    int error = getaddrinfo(host, service, &hints, &found);
    if (error)
        return fault_set(fault, 0, "can't listen on %s: %s", where, gai_strerror(error));
    int fd = open_and_listen(found->ai_addr, found->ai_addrlen, found->ai_family);
    int reason = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return failed(fault, where, "--port", reason);
    snprintf(url, url_size, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host,
             port_of(fd));
    return fd;
}

/* True when nobody listens on the socket file. Without O_NONBLOCK connect would wait for
   a server whose queue is full. */
static bool is_stale(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

int listen_unix(const char *path, char *url, size_t url_size, struct fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;
    if (!*path)
        return fault_set(fault, 0, "the socket's path is empty");
    if (strlen(path) >= sizeof address.sun_path)
        return fault_set(fault, 0, "the socket's path is too long (%zu bytes at most)",
                         sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    if (lstat(path, &file) == 0) {
        if (!S_ISSOCK(file.st_mode))
            return fault_set(
                fault, 0, "%s is there and no socket: choose another with --unix", path);
        if (is_stale(&address))
            unlink(path);
    }
    int fd = open_and_listen((struct sockaddr *)&address, sizeof address, AF_UNIX);
    if (fd < 0)
        return failed(fault, path, "--unix", errno);
    snprintf(url, url_size, "unix:%s", path);
    return fd;
}

/* ---- inherited ---- */

#define FIRST_INHERITED 3

static int number_of(const char *name)
{
    const char *value = getenv(name);
    return value ? atoi(value) : 0;
}

static void name_socket(int fd, char *url, size_t url_size)
{
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_storage space;
    } address = {0};
    socklen_t size = sizeof address;
    char host[64] = "?";
    getsockname(fd, &address.any, &size);
    if (address.any.sa_family == AF_UNIX) {
        const char *path = address.un.sun_path; /* a first NUL: an abstract name */
        snprintf(url, url_size, "unix:%s%s", *path ? "" : "@", *path ? path : path + 1);
        return;
    }
    getnameinfo(&address.any, size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    snprintf(url, url_size, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host,
             port_of(fd));
}

int listen_inherited(int *fd, char *url, size_t url_size, struct fault *fault)
{
    int n = number_of("LISTEN_PID") == getpid() ? number_of("LISTEN_FDS") : 0;
    int on = 1, listens = 0;
    socklen_t size = sizeof listens;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    *fd = -1;
    if (n <= 0)
        return 0;
    if (n > 1)
        return fault_set(fault, 0, "LISTEN_FDS passes %d sockets: one can be served", n);
    if (getsockopt(FIRST_INHERITED, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
        !listens)
        return fault_set(fault, 0, "the socket that LISTEN_FDS passes does not listen");
    *fd = FIRST_INHERITED;
    fcntl(*fd, F_SETFD, FD_CLOEXEC);
    fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) | O_NONBLOCK);
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on a Unix one */
    name_socket(*fd, url, url_size);
    return 0;
}
