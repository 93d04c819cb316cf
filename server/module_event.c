/* cflask.h: events of the loop for modules that don't use libevent. */
#include "module.h"

#include "task.h"
#include <event2/event.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct cflask_event {
    struct event *event;
    void (*fn)(int what, void *arg);
    void *arg;
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    cflask_event *e = arg;
    int told = (what & EV_READ ? CFLASK_READ : 0) | (what & EV_WRITE ? CFLASK_WRITE : 0) |
               (what & EV_TIMEOUT ? CFLASK_TIMEOUT : 0);
    (void)fd;
    e->fn(told, e->arg); /* which may free it */
}

static int arm(cflask_event *e, double seconds)
{
    const double most = 1e9;
    if (!(seconds >= 0))
        return event_add(e->event, NULL);
    seconds = seconds < most ? seconds : most;
    struct timeval delay = {(time_t)seconds, (suseconds_t)(fmod(seconds, 1) * 1e6)};
    return event_add(e->event, &delay);
}

static void free_event(cflask_event *e)
{
    if (!e)
        return;
    if (e->event)
        event_free(e->event);
    free(e);
}

static cflask_event *new_event(int fd, int what, double seconds,
                               void (*fn)(int what, void *arg), void *arg)
{
    short wanted = (short)((what & CFLASK_READ ? EV_READ : 0) |
                           (what & CFLASK_WRITE ? EV_WRITE : 0));
    cflask_event *e = malloc(sizeof *e);
    if (!e)
        return NULL;
    *e = (cflask_event){event_new(tasks_base(), fd, wanted, on_event, e), fn, arg};
    if (e->event && arm(e, seconds) == 0)
        return e;
    free_event(e);
    return NULL;
}

void module_set_event(cflask_api *api)
{
    api->event_base = tasks_base;
    api->event_new = new_event;
    api->event_again = arm;
    api->event_free = free_event;
}
