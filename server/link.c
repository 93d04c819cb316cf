/* What a worker and its master say to each other, over a pair of sockets. */
#include "link.h"

#include "listen.h"
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Of the time that a worker may be silent, the part between two signs of life. */
#define BEATS_IN_SILENCE 4

int link_send(int fd, const struct link_message *message, int passed)
{
    struct iovec whole = {(void *)message, sizeof *message};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof passed)];
    } control = {0};
    struct msghdr sent = {.msg_iov = &whole, .msg_iovlen = 1};
    if (passed != -1) {
        sent.msg_control = control.space;
        sent.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&sent);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof passed);
        memcpy(CMSG_DATA(header), &passed, sizeof passed);
    }
    return sendmsg(fd, &sent, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int link_receive(int fd, struct link_message *message, int *passed)
{
    struct iovec whole = {message, sizeof *message};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof *passed)];
    } control = {0};
    struct msghdr received = {.msg_iov = &whole,
                              .msg_iovlen = 1,
                              .msg_control = control.space,
                              .msg_controllen = sizeof control.space};
    *passed = -1;
    ssize_t n = recvmsg(fd, &received, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != (ssize_t)sizeof *message)
        return -1;
    message->text[sizeof message->text - 1] = '\0';
    struct cmsghdr *header = CMSG_FIRSTHDR(&received);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(passed, CMSG_DATA(header), sizeof *passed);
    return 1;
}

/* ---- a worker's side ---- */

static int master = -1;
static bool none_was_before = true;
static struct event *beat;
static struct link_message told; /* last, of what we serve under */

void link_open(int fd, bool is_first)
{
    master = fd;
    none_was_before = is_first;
}

bool link_has_master(void)
{
    return master != -1;
}

bool link_is_first(void)
{
    return none_was_before;
}

/* The master's answer; it ends us when it ends, so that this does not wait for ever. */
static int await(struct link_message *answer, int *passed)
{
    struct pollfd polled = {.fd = master, .events = POLLIN};
    int result;
    while ((result = link_receive(master, answer, passed)) == 0)
        poll(&polled, 1, -1);
    return result;
}

int link_listen(const char *path, const char *host, int port, char *url, size_t url_size,
                struct fault *fault)
{
    if (!link_has_master())
        return path ? listen_unix(path, url, url_size, fault)
                    : listen_tcp(host, port, url, url_size, fault);
    struct link_message message = {.kind = path ? LINK_LISTEN_UNIX : LINK_LISTEN_TCP,
                                   .port = port};
    int fd;
    if (snprintf(message.text, sizeof message.text, "%s", path ? path : host) >=
        (int)sizeof message.text)
        return fault_set(fault, 0, "the address to listen on is too long");
    if (link_send(master, &message, -1) < 0 || await(&message, &fd) < 0)
        return fault_set(fault, 0, "the master process does not answer");
    if (message.kind != LINK_SOCKET || fd < 0)
        return fault_set(fault, 0, "%s", message.text);
    snprintf(url, url_size, "%s", message.text);
    return fd;
}

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    link_send(master, &(struct link_message){.kind = LINK_BEAT}, -1);
}

static void start_beating(struct event_base *base, int64_t silence)
{
    int64_t us = silence * 1000 / BEATS_IN_SILENCE;
    struct timeval interval = {us / 1000000, us % 1000000};
    beat = event_new(base, -1, EV_PERSIST, on_beat, NULL);
    if (beat)
        event_add(beat, &interval);
}

void link_serve(struct event_base *base, const struct options *options)
{
    if (!link_has_master())
        return;
    link_stop();
    bool is_watched = options->watchdog_timeout < OPTIONS_NEVER;
    if (is_watched)
        start_beating(base, options->watchdog_timeout);
    told = (struct link_message){
        .kind = LINK_SERVES,
        .watchdog = is_watched && beat ? options->watchdog_timeout : INT64_MAX,
        .shutdown = options->shutdown_timeout};
    link_send(master, &told, -1);
}

void link_pause(void)
{
    struct link_message message = told;
    message.watchdog = INT64_MAX;
    if (link_has_master())
        link_send(master, &message, -1);
}

void link_stop(void)
{
    if (beat)
        event_free(beat);
    beat = NULL;
}
