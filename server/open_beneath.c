/* Opens files that must lie beneath a folder, whatever a client asks for.

   Linux 5.6 has openat2, which stays beneath a folder at each step, in one call. It
   refuses absolute links even to places inside, older kernels don't know it and some
   sandboxes forbid it: then the path is resolved to one without links, and that is opened
   segment by segment with O_NOFOLLOW, so that a link which is put there in between leads
   nowhere. */
#include "open_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

#define READING (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define PASSING (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* ---- names ---- */

/* Takes the last segment off out[0..n); the new length, or -1 when there is none. */
static int drop_segment(const char *out, int n)
{
    if (n == 0)
        return -1;
    while (n > 0 && out[n - 1] != '/')
        n--;
    return n > 0 ? n - 1 : 0;
}

/* Appends a segment to out[0..n); the new length. */
static int add_segment(char *out, int n, struct str segment)
{
    if (n > 0)
        out[n++] = '/';
    memcpy(out + n, segment.p, segment.n);
    return n + (int)segment.n;
}

bool open_beneath_normalize(struct str path, char out[PATH_MAX])
{
    int n = 0;
    if (path.n == 0 || path.n >= PATH_MAX || path.p[0] == '/' ||
        memchr(path.p, '\0', path.n))
        return false;
    while (path.p) {
        struct str segment = str_cut(&path, '/');
        if (segment.n == 0 || str_eq(segment, STR(".")))
            continue;
        n = str_eq(segment, STR("..")) ? drop_segment(out, n)
                                       : add_segment(out, n, segment);
        if (n < 0)
            return false;
    }
    out[n] = '\0';
    return n > 0;
}

bool open_beneath_is_hidden(const char *path)
{
    struct str rest = str_from(path);
    while (rest.p) {
        struct str segment = str_cut(&rest, '/');
        if (segment.n && *segment.p == '.' && !str_eq(segment, STR(".well-known")))
            return true;
    }
    return false;
}

/* ---- files ---- */

static int close_keeping_errno(int fd)
{
    int kept = errno;
    close(fd);
    errno = kept;
    return -1;
}

#ifdef SYS_openat2
static int open_at_once(int root, const char *path)
{
    struct open_how how = {.flags = READING,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}
#else
static int open_at_once(int root, const char *path)
{
    (void)root, (void)path;
    errno = ENOSYS;
    return -1;
}
#endif

/* What openat2 can't say for certain: EXDEV also stands for an absolute link to a place
   inside, EAGAIN for a tree that was changed meanwhile, the others for there is no
   openat2. */
static bool is_undecided(int error)
{
    return error == EXDEV || error == EAGAIN || error == ENOSYS || error == EPERM ||
           error == EINVAL || error == E2BIG;
}

/* Where the path leads, links followed, as a path from the root: points into `real`, or
   NULL with errno. */
static const char *resolve(const char *root, const char *path, char real_root[PATH_MAX],
                           char real[PATH_MAX])
{
    char joined[2 * PATH_MAX];
    if (snprintf(joined, sizeof joined, "%s/%s", root, path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    if (!realpath(root, real_root) || !realpath(joined, real))
        return NULL;
    size_t n = strcmp(real_root, "/") == 0 ? 0 : strlen(real_root);
    if (strncmp(real, real_root, n) == 0 && real[n] == '/')
        return real + n + 1;
    errno = EXDEV;
    return NULL;
}

/* Opens a path without links segment by segment; closes `folder`. */
static int walk(int folder, const char *path)
{
    char name[PATH_MAX];
    const char *slash;
    while ((slash = strchr(path, '/'))) {
        size_t n = (size_t)(slash - path);
        memcpy(name, path, n);
        name[n] = '\0';
        int next = openat(folder, name, PASSING | O_NOFOLLOW);
        close_keeping_errno(folder);
        if (next < 0)
            return -1;
        folder = next;
        path = slash + 1;
    }
    int fd = openat(folder, path, READING | O_NOFOLLOW);
    close_keeping_errno(folder);
    return fd;
}

static int open_resolved(const char *root, const char *path)
{
    char real_root[PATH_MAX], real[PATH_MAX];
    const char *rest = resolve(root, path, real_root, real);
    int folder = rest ? open(real_root, PASSING) : -1;
    return folder < 0 ? -1 : walk(folder, rest);
}

int open_beneath(const char *root, const char *path)
{
    int folder = open(root, PASSING);
    if (folder < 0)
        return -1;
    int fd = open_at_once(folder, path);
    close_keeping_errno(folder);
    if (fd >= 0 || !is_undecided(errno))
        return fd;
    return open_resolved(root, path);
}
