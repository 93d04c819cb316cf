/* The shared libraries of C modules: loaded from private copies, so that a file may be
   overwritten while its code runs, and a changed one is another library.

   The copy is a file without a name, in memory. dlopen knows a library by its path as
   well as by its file, and takes one that has the same path for the same: so the copy's
   descriptor, whose number is its path, stays open as long as the library is there. */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct library {
    struct library *next;
    void *handle;
    int copy;    /* descriptor */
    char path[]; /* of the file, as it was given */
};

/* ---- the copy ---- */

static int copy_bytes(int from, int to)
{
    char piece[65536];
    ssize_t n;
    while ((n = read(from, piece, sizeof piece)) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t wrote = write(to, piece + done, (size_t)(n - done));
            if (wrote < 0)
                return -1;
            done += wrote;
        }
    return n < 0 ? -1 : 0;
}

/* A file without a name in a folder, where memory may not be executed. */
static int open_unnamed(void)
{
    char path[] = "/tmp/cflask-lua-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

/* The name is what debuggers and /proc/PID/maps show. */
static int open_copy(const char *path)
{
    const char *slash = strrchr(path, '/');
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return -1;
    int to = memfd_create(slash ? slash + 1 : path, MFD_CLOEXEC);
    if (to < 0)
        to = open_unnamed();
    if (to >= 0 && copy_bytes(from, to) < 0) {
        int why = errno;
        close(to);
        to = -1;
        errno = why;
    }
    close(from);
    return to;
}

/* ---- loading ---- */

static void path_of_copy(char *to, size_t size, int copy)
{
    snprintf(to, size, "/proc/self/fd/%d", copy);
}

/* The linker's messages name the copy, which means nothing to people. */
static void tell_linker_error(const char *path, char *error, size_t size)
{
    const char *text = dlerror();
    const char *rest = text ? strstr(text, ": ") : NULL;
    bool names_copy = text && strncmp(text, "/proc/self/fd/", 14) == 0;
    snprintf(error, size, "%s: %s", path,
             names_copy && rest ? rest + 2 : (text ? text : "it can't be loaded"));
}

static struct library *new_library(const char *path, char *error, size_t size)
{
    char copied[64];
    size_t n = strlen(path) + 1;
    struct library *l = malloc(sizeof *l + n);
    if (!l || (l->copy = open_copy(path)) < 0) {
        snprintf(error, size, "%s: %s", path, strerror(l ? errno : ENOMEM));
        free(l);
        return NULL;
    }
    memcpy(l->path, path, n);
    path_of_copy(copied, sizeof copied, l->copy);
    l->handle = dlopen(copied, RTLD_NOW | RTLD_LOCAL);
    if (l->handle)
        return l;
    tell_linker_error(path, error, size);
    close(l->copy);
    free(l);
    return NULL;
}

static struct library *find(struct library *list, const char *path)
{
    while (list && strcmp(list->path, path) != 0)
        list = list->next;
    return list;
}

lua_CFunction library_find(struct library **list, const char *path, const char *symbol,
                           char *error, size_t size)
{
    struct library *l = find(*list, path);
    if (!l) {
        if (!(l = new_library(path, error, size)))
            return NULL;
        l->next = *list;
        *list = l;
    }
    lua_CFunction found = NULL;
    void *address = dlsym(l->handle, symbol);
    if (!address)
        snprintf(error, size, "%s: it has no function %s", path, symbol);
    memcpy(&found, &address, sizeof found); /* POSIX lets it; ISO C has no cast for it */
    return found;
}

/* A library that will not leave (it has thread-local destructors, or was linked so) keeps
   its path, and so the descriptor. */
static void close_library(struct library *l)
{
    char copied[64];
    path_of_copy(copied, sizeof copied, l->copy);
    dlclose(l->handle);
    void *left = dlopen(copied, RTLD_LAZY | RTLD_NOLOAD);
    if (left)
        dlclose(left);
    else
        close(l->copy);
    free(l);
}

void libraries_close(struct library **list)
{
    while (*list) {
        struct library *l = *list;
        *list = l->next;
        close_library(l);
    }
}
