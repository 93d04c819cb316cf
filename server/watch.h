/* Files and folders that are watched for changes, by inotify in the event loop. */
#ifndef WATCH_H
#define WATCH_H

#include "base/str.h"
#include <stdbool.h>

struct event_base;
struct watch;

/* Nothing is watched yet. on_change(arg) is called from the loop, once for all that
   changes in a short time. NULL when the system has no inotify for us. */
struct watch *watch_new(struct event_base *base, void (*on_change)(void *arg), void *arg);

/* Watches what the list names, and nothing else. An entry is a letter, a path from the
   root and a NUL: 'f' for a file, which need not be there yet; 'd' for a folder with all
   that is below it. False when the system's limits, or ours, leave some of it unwatched:
   the first time the log says so.

   What changed since `since` (seconds since 1970) of the files that were not watched
   before counts as a change now. */
bool watch_set(struct watch *w, struct str list, double since);

void watch_free(struct watch *w);

#endif
