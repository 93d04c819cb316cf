/* Files and folders that are watched for changes, by inotify in the event loop.

   Editors write a file in place, or write another one and rename it over the first: so it
   is the folders that are watched, for the names in them that matter. */
#include "watch.h"

#include "log.h"
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE      20   /* ms without another change until the change counts, ... */
#define SETTLE_GONE 200  /* ... and when a file has gone: most often another one comes */
#define MOST        1000 /* ms after the first change */
#define MOST_NAMES  5000
#define MOST_DEPTH  16

#define EVENTS                                                                           \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |              \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* One name in one folder; a name may stand in the list more than once. */
struct name {
    int wd;
    char *text; /* NULL: each name in the folder */
};

struct names {
    struct name *all;
    size_t n, room;
};

struct watch {
    int fd;
    struct event *event, *timer;
    void (*on_change)(void *arg);
    void *arg;
    struct names names;
    bool is_complete, has_warned;
    struct timespec first; /* monotonic: of the changes that wait; 0: none */
};

/* ---- names ---- */

static void clear(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->all[i].text);
    free(names->all);
    *names = (struct names){0};
}

static bool has(const struct names *names, int wd, const char *text)
{
    for (size_t i = 0; i < names->n; i++) {
        const struct name *name = &names->all[i];
        if (name->wd == wd && (!name->text || (text && strcmp(name->text, text) == 0)))
            return true;
    }
    return false;
}

static bool has_folder(const struct names *names, int wd)
{
    for (size_t i = 0; i < names->n; i++)
        if (names->all[i].wd == wd)
            return true;
    return false;
}

static bool add(struct names *names, int wd, const char *text)
{
    if (names->n >= MOST_NAMES)
        return false;
    if (names->n == names->room) {
        size_t room = names->room * 2 + 32;
        struct name *all = realloc(names->all, room * sizeof *all);
        if (!all)
            return false;
        names->all = all;
        names->room = room;
    }
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return false;
    names->all[names->n++] = (struct name){wd, copy};
    return true;
}

/* ---- changes ---- */

static int64_t ms_since(struct timespec then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1000000;
}

/* A change: it counts when there has been none for so many ms. */
static void settle(struct watch *w, int delay)
{
    if (w->first.tv_sec == 0)
        clock_gettime(CLOCK_MONOTONIC, &w->first);
    int64_t left = MOST - ms_since(w->first);
    if (left < delay)
        delay = left > 0 ? (int)left : 0;
    const struct timeval time = {delay / 1000, delay % 1000 * 1000};
    event_add(w->timer, &time);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    (void)fd, (void)what;
    w->first = (struct timespec){0};
    w->on_change(w->arg);
}

/* Files that editors and others put beside the one that is edited. */
static bool is_junk(const char *name)
{
    size_t n = strlen(name);
    return *name == '.' || *name == '#' || name[n - 1] == '~' ||
           strcmp(name, "4913") == 0 || (n > 4 && strcmp(name + n - 4, ".tmp") == 0) ||
           (n > 4 && strcmp(name + n - 4, ".swp") == 0);
}

/* A file that was made is still to be written; a folder is there at once. */
static void take(struct watch *w, const struct inotify_event *e)
{
    const char *text = e->len ? e->name : NULL;
    if (e->mask & IN_Q_OVERFLOW) {
        settle(w, SETTLE);
        return;
    }
    if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
        if (has_folder(&w->names, e->wd))
            settle(w, SETTLE_GONE);
        return;
    }
    if (!text || !has(&w->names, e->wd, text))
        return;
    bool is_named = false;
    for (size_t i = 0; i < w->names.n && !is_named; i++)
        is_named = w->names.all[i].wd == e->wd && w->names.all[i].text &&
                   strcmp(w->names.all[i].text, text) == 0;
    if (!is_named && is_junk(text))
        return;
    if (e->mask & (IN_DELETE | IN_MOVED_FROM))
        settle(w, SETTLE_GONE);
    else if (e->mask & IN_CREATE)
        settle(w, e->mask & IN_ISDIR ? SETTLE : SETTLE_GONE);
    else
        settle(w, SETTLE);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    _Alignas(struct inotify_event) char bytes[16384];
    (void)what;
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n <= 0)
            return;
        for (char *at = bytes; at < bytes + n;) {
            const struct inotify_event *e = (const struct inotify_event *)at;
            take(w, e);
            at += sizeof *e + e->len;
        }
    }
}

/* ---- what is watched ---- */

/* The new list under construction. */
struct round {
    struct watch *w;
    struct names names;
    double since;
    bool is_complete, has_changed;
    int error; /* of the system, when it is not complete */
};

static int watch_folder(struct round *r, const char *path)
{
    int wd = inotify_add_watch(r->w->fd, path, EVENTS);
    if (wd < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
        r->is_complete = false;
        r->error = errno;
    }
    return wd;
}

static void look_back(struct round *r, int wd, const char *name, const char *path)
{
    struct stat file;
    if (has(&r->w->names, wd, name) || stat(path, &file) < 0)
        return;
    double changed = (double)file.st_ctim.tv_sec + (double)file.st_ctim.tv_nsec / 1e9;
    r->has_changed |= changed >= r->since;
}

/* Watches for the file's name in its folder; where that is missing, for the folder's name
   in the nearest one that is there. */
static void add_file(struct round *r, const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    while (slash) {
        char name[NAME_MAX + 1];
        snprintf(name, sizeof name, "%s", slash + 1);
        slash[slash == folder] = '\0';
        int wd = watch_folder(r, folder);
        if (wd >= 0) {
            look_back(r, wd, name, path);
            r->is_complete &= has(&r->names, wd, name) || add(&r->names, wd, name);
            return;
        }
        if (slash == folder)
            return;
        slash = strrchr(folder, '/');
    }
}

/* A link is watched where it stands and where it leads. */
static void add_file_and_target(struct round *r, const char *path)
{
    char target[PATH_MAX];
    add_file(r, path);
    if (realpath(path, target) && strcmp(path, target) != 0)
        add_file(r, target);
}

static bool is_folder(const struct dirent *entry, const char *path)
{
    struct stat file;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

static void add_tree(struct round *r, const char *path, int depth)
{
    int wd = watch_folder(r, path);
    if (wd < 0) {
        if (depth == 0)
            add_file(r, path);
        return;
    }
    if (has(&r->names, wd, NULL))
        return;
    if (depth == 0)
        add_file(r, path);
    r->is_complete &= add(&r->names, wd, NULL);
    DIR *folder = depth < MOST_DEPTH && r->is_complete ? opendir(path) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char below[PATH_MAX];
        int n = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (*entry->d_name != '.' && n < PATH_MAX && is_folder(entry, below))
            add_tree(r, below, depth + 1);
    }
    if (folder)
        closedir(folder);
}

/* Watches that no name of the new list needs. */
static void drop_unused(struct watch *w, const struct names *old)
{
    for (size_t i = 0; i < old->n; i++)
        if (!has_folder(&w->names, old->all[i].wd))
            inotify_rm_watch(w->fd, old->all[i].wd);
}

bool watch_set(struct watch *w, struct str list, double since)
{
    struct round r = {.w = w, .since = since, .is_complete = true};
    for (size_t at = 0; at + 1 < list.n; at += strlen(list.p + at) + 1) {
        const char *path = list.p + at + 1;
        if (list.p[at] == 'd')
            add_tree(&r, path, 0);
        else
            add_file_and_target(&r, path);
    }
    struct names old = w->names;
    w->names = r.names;
    drop_unused(w, &old);
    clear(&old);
    if (r.has_changed)
        settle(w, SETTLE);
    if (!r.is_complete && !w->has_warned)
        log_format(LOG_WARNING,
                   "not all files of the app can be watched (%s): changes in some "
                   "will not be seen; /proc/sys/fs/inotify has the limits",
                   r.error ? strerror(r.error) : "they are too many");
    w->has_warned |= !r.is_complete;
    return r.is_complete;
}

struct watch *watch_new(struct event_base *base, void (*on_change)(void *arg), void *arg)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    *w = (struct watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
                        .on_change = on_change,
                        .arg = arg};
    if (w->fd >= 0) {
        w->event = event_new(base, w->fd, EV_READ | EV_PERSIST, on_readable, w);
        w->timer = evtimer_new(base, on_settled, w);
    }
    if (!w->event || !w->timer || event_add(w->event, NULL) < 0) {
        int error = errno;
        watch_free(w);
        errno = error;
        return NULL;
    }
    return w;
}

void watch_free(struct watch *w)
{
    if (w->event)
        event_free(w->event);
    if (w->timer)
        event_free(w->timer);
    if (w->fd >= 0)
        close(w->fd);
    clear(&w->names);
    free(w);
}
