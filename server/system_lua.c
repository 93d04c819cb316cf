/* The process and its files, as far as the command line and the loader need them. */
#include "system_lua.h"

#include "log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(lua_State *L)
{
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
}

static int getcwd_lua(lua_State *L)
{
    char path[PATH_MAX];
    if (!getcwd(path, sizeof path))
        return fail(L);
    lua_pushstring(L, path);
    return 1;
}

/* realpath(path) -> the absolute path without links, or nil, message */
static int realpath_lua(lua_State *L)
{
    char path[PATH_MAX];
    if (!realpath(luaL_checkstring(L, 1), path))
        return fail(L);
    lua_pushstring(L, path);
    return 1;
}

static int is_file(lua_State *L)
{
    struct stat s;
    lua_pushboolean(L, stat(luaL_checkstring(L, 1), &s) == 0 && S_ISREG(s.st_mode));
    return 1;
}

static int is_dir(lua_State *L)
{
    struct stat s;
    lua_pushboolean(L, stat(luaL_checkstring(L, 1), &s) == 0 && S_ISDIR(s.st_mode));
    return 1;
}

/* read_file(path) -> the bytes, or nil, message. Lua's io.open takes folders for files.
 */
static int read_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    struct stat s;
    if (stat(path, &s) < 0)
        return fail(L);
    if (S_ISDIR(s.st_mode)) {
        errno = EISDIR;
        return fail(L);
    }
    lua_getglobal(L, "io");
    lua_getfield(L, -1, "open");
    lua_pushvalue(L, 1);
    lua_pushliteral(L, "rb");
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2))
        return 2;
    lua_pop(L, 1);
    lua_getfield(L, -1, "read");
    lua_pushvalue(L, -2);
    lua_pushliteral(L, "*a");
    lua_call(L, 2, 1);
    lua_getfield(L, -2, "close");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 0);
    return 1;
}

static int close_dir(lua_State *L)
{
    DIR **dir = lua_touserdata(L, 1);
    if (*dir)
        closedir(*dir);
    *dir = NULL;
    return 0;
}

/* A userdata that closes the folder whatever happens, on top of the stack. */
static DIR **push_dir(lua_State *L)
{
    DIR **dir = lua_newuserdatauv(L, sizeof(DIR *), 0);
    *dir = NULL;
    if (luaL_newmetatable(L, "cflask.dir")) {
        lua_pushcfunction(L, close_dir);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return dir;
}

/* list_dir(path) -> the names in the folder, in no order; or nil, message */
static int list_dir(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    DIR **dir = push_dir(L);
    if (!(*dir = opendir(path)))
        return fail(L);
    lua_newtable(L);
    lua_Integer n = 0;
    for (const struct dirent *entry; (entry = readdir(*dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        lua_pushstring(L, entry->d_name);
        lua_rawseti(L, -2, ++n);
    }
    closedir(*dir);
    *dir = NULL;
    return 1;
}

/* make_folder(path) -> true when it has been made, else nil, message. */
static int make_folder(lua_State *L)
{
    if (mkdir(luaL_checkstring(L, 1), 0777) < 0)
        return fail(L);
    lua_pushboolean(L, 1);
    return 1;
}

static int write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, text, n);
        if (written < 0)
            return -1;
        text += written;
        n -= (size_t)written;
    }
    return 0;
}

/* append_private(path, text): to a file that is made, if it is missing, for its owner
   alone -> true, or nil, message */
static int append_private(lua_State *L)
{
    size_t n;
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &n);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(L);
    int failed = write_all(fd, text, n), error = errno;
    if (close(fd) < 0 && !failed)
        failed = -1, error = errno;
    if (failed) {
        errno = error;
        return fail(L);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* environ() -> a new table of the whole environment */
static int environ_lua(lua_State *L)
{
    lua_newtable(L);
    for (char **at = environ; at && *at; at++) {
        const char *equals = strchr(*at, '=');
        if (!equals)
            continue;
        lua_pushlstring(L, *at, (size_t)(equals - *at));
        lua_pushstring(L, equals + 1);
        lua_rawset(L, -3);
    }
    return 1;
}

static int getenv_lua(lua_State *L)
{
    lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
    return 1;
}

/* setenv(name, value or nil) */
static int setenv_lua(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    int failed =
        lua_isnoneornil(L, 2) ? unsetenv(name) : setenv(name, luaL_checkstring(L, 2), 1);
    return failed ? luaL_error(L, "can't set %s: %s", name, strerror(errno)) : 0;
}

static int isatty_lua(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* has_colours(fd) -> whether it is a terminal that shows them */
static int has_colours(lua_State *L)
{
    lua_pushboolean(L, log_has_colours((int)luaL_checkinteger(L, 1)));
    return 1;
}

void system_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"getcwd", getcwd_lua},
                                         {"realpath", realpath_lua},
                                         {"is_file", is_file},
                                         {"is_dir", is_dir},
                                         {"read_file", read_file},
                                         {"environ", environ_lua},
                                         {"getenv", getenv_lua},
                                         {"setenv", setenv_lua},
                                         {"isatty", isatty_lua},
                                         {"has_colours", has_colours},
                                         {"list_dir", list_dir},
                                         {"make_folder", make_folder},
                                         {"append_private", append_private},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
