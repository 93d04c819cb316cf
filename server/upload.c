/* A file of a form, or the body itself, as Lua reads it: a window of the request's body.
 */
#include "upload.h"

#include "app.h"
#include "request_lua.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char METATABLE[] = "cflask.upload";

#define PIECE (64 * 1024)

struct upload {
    uint64_t request; /* the id of the request that it is part of */
    uint64_t offset, length;
    uint64_t at; /* where read goes on, from the window's start */
};

void upload_push(lua_State *L, struct exchange *ex, uint64_t offset, uint64_t length)
{
    struct upload *u = lua_newuserdatauv(L, sizeof *u, 1);
    *u = (struct upload){ex->request.id, offset, length, 0};
    lua_insert(L, -2);
    lua_pushinteger(L, (lua_Integer)length);
    lua_setfield(L, -2, "size");
    luax_setuservalue(L, -2);
    luaL_setmetatable(L, METATABLE);
}

static struct upload *check(lua_State *L)
{
    return luaL_checkudata(L, 1, METATABLE);
}

/* The body is gone with its request. */
static const struct body *check_body(lua_State *L, const struct upload *u)
{
    struct exchange *ex = request_current();
    if (!ex || ex->request.id != u->request)
        luaL_error(L, "the file is gone: its request has ended");
    return &ex->request.body;
}

/* Appends n bytes from the window's offset `from` to the buffer. */
static void add_bytes(lua_State *L, const struct upload *u, luaL_Buffer *b, uint64_t from,
                      uint64_t n)
{
    const struct body *body = check_body(L, u);
    while (n > 0) {
        size_t piece = n < PIECE ? (size_t)n : PIECE;
        char *to = luaL_prepbuffsize(b, piece);
        int64_t got = body_read(body, u->offset + from, to, piece);
        if (got <= 0)
            luaL_error(L, "the body can't be read: %s", strerror(got < 0 ? errno : EIO));
        luaL_addsize(b, (size_t)got);
        from += (uint64_t)got;
        n -= (uint64_t)got;
    }
}

/* u:read() the rest; u:read(n) at most n bytes, nil at the end, as io's files. */
static int read_lua(lua_State *L)
{
    struct upload *u = check(L);
    uint64_t left = u->length - u->at, n = left;
    if (lua_type(L, 2) == LUA_TSTRING) {
        const char *format = lua_tostring(L, 2);
        luaL_argcheck(L, strcmp(format + (*format == '*'), "a") == 0, 2,
                      "only \"a\" or a number of bytes can be read; see lines()");
    } else if (!lua_isnoneornil(L, 2)) {
        lua_Integer most = luaL_checkinteger(L, 2);
        luaL_argcheck(L, most >= 0, 2, "a number of bytes is expected");
        n = (uint64_t)most < left ? (uint64_t)most : left;
        if (left == 0) {
            check_body(L, u);
            lua_pushnil(L);
            return 1;
        }
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    add_bytes(L, u, &b, u->at, n);
    u->at += n;
    luaL_pushresult(&b);
    return 1;
}

/* u:seek([whence="cur" [, offset=0]]) -> position, as io's files. */
static int seek_lua(lua_State *L)
{
    static const char *const names[] = {"set", "cur", "end", NULL};
    struct upload *u = check(L);
    int whence = luaL_checkoption(L, 2, "cur", names);
    lua_Integer offset = luaL_optinteger(L, 3, 0);
    lua_Integer from = whence == 0 ? 0 : (lua_Integer)(whence == 1 ? u->at : u->length);
    if (offset < -from || offset > (lua_Integer)u->length - from) {
        lua_pushnil(L);
        lua_pushliteral(L, "the position is outside of the file");
        return 2;
    }
    u->at = (uint64_t)(from + offset);
    lua_pushinteger(L, (lua_Integer)u->at);
    return 1;
}

/* What lines() has read ahead: a client may have sent very many, very short lines. */
struct ahead {
    uint64_t from; /* of the window */
    size_t n;
    char text[16 * 1024];
};

/* The text from u->at on, which is not the end, as far as it is there; at least a byte.
 */
static struct str look_ahead(lua_State *L, struct ahead *ahead, const struct upload *u)
{
    const struct body *body = check_body(L, u);
    if (u->at < ahead->from || u->at >= ahead->from + ahead->n) {
        uint64_t left = u->length - u->at;
        size_t n = left < sizeof ahead->text ? (size_t)left : sizeof ahead->text;
        int64_t got = body_read(body, u->offset + u->at, ahead->text, n);
        ahead->from = u->at;
        ahead->n = got > 0 ? (size_t)got : 0;
        if (got <= 0)
            luaL_error(L, "the body can't be read: %s", strerror(got < 0 ? errno : EIO));
    }
    struct str text = {ahead->text, ahead->n};
    return str_skip(text, (size_t)(u->at - ahead->from));
}

/* The next line without its newline. */
static int next_line(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    struct ahead *ahead = lua_touserdata(L, lua_upvalueindex(2));
    struct upload *u = check(L);
    check_body(L, u);
    if (u->at == u->length)
        return 0;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (bool has_ended = false; !has_ended && u->at < u->length;) {
        struct str text = look_ahead(L, ahead, u);
        const char *newline = memchr(text.p, '\n', text.n);
        size_t n = newline ? (size_t)(newline - text.p) : text.n;
        luaL_addlstring(&b, text.p, n);
        has_ended = newline != NULL;
        u->at += n + has_ended;
    }
    luaL_pushresult(&b);
    return 1;
}

static int lines_lua(lua_State *L)
{
    check(L);
    lua_settop(L, 1);
    struct ahead *ahead = lua_newuserdatauv(L, sizeof *ahead, 0);
    ahead->from = ahead->n = 0;
    lua_pushcclosure(L, next_line, 2);
    return 1;
}

/* Copies the window to the descriptor; -1 with errno. */
static int copy_out(const struct body *body, const struct upload *u, int fd)
{
    char piece[16 * 1024];
    for (uint64_t at = 0; at < u->length;) {
        uint64_t left = u->length - at;
        int64_t got = body_read(body, u->offset + at, piece,
                                left < sizeof piece ? (size_t)left : sizeof piece);
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return -1;
        for (int64_t done = 0; done < got;) {
            ssize_t n = write(fd, piece + done, (size_t)(got - done));
            if (n < 0 && errno != EINTR)
                return -1;
            done += n > 0 ? n : 0;
        }
        at += (uint64_t)got;
    }
    return 0;
}

/* Pushes the path, made absolute with the app's root_path. */
static const char *push_path(lua_State *L, int index)
{
    size_t n;
    const char *path = luaL_checklstring(L, index, &n);
    luaL_argcheck(L, strlen(path) == n, index, "a path has no NUL");
    if (*path == '/')
        return path;
    app_push(L, request_check_current(L)->request.app);
    lua_getfield(L, -1, "root_path");
    const char *root = lua_tostring(L, -1);
    return root ? lua_pushfstring(L, "%s/%s", root, path) : path;
}

/* u:save(path): the whole file, whatever has been read of it. */
static int save_lua(lua_State *L)
{
    struct upload *u = check(L);
    const struct body *body = check_body(L, u);
    const char *path = push_path(L, 2);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return luaL_error(L, "can't save to %s: %s", path, strerror(errno));
    struct stat file;
    bool is_regular = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
    int failed = copy_out(body, u, fd), error = errno;
    if (close(fd) < 0 && !failed)
        failed = -1, error = errno;
    if (failed) {
        if (is_regular)
            unlink(path);
        return luaL_error(L, "can't save to %s: %s", path, strerror(error));
    }
    return 0;
}

/* Methods first, then the fields. */
static int index_lua(lua_State *L)
{
    check(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1))
        return 1;
    luax_getuservalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

static int tostring_lua(lua_State *L)
{
    check(L);
    luax_getuservalue(L, 1);
    lua_getfield(L, -1, "filename");
    lua_pushfstring(L, "file %s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "(body)");
    return 1;
}

void upload_open(lua_State *L)
{
    static const luaL_Reg methods[] = {{"read", read_lua},
                                       {"seek", seek_lua},
                                       {"lines", lines_lua},
                                       {"save", save_lua},
                                       {NULL, NULL}};
    luaL_newmetatable(L, METATABLE);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, index_lua, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, tostring_lua);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}
