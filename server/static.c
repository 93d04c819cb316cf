/* Files as answers: send_file and send_from_directory. A file is opened once; its length,
   its date and its bytes come from that descriptor, so that nothing can be exchanged in
   between. */
#include "static.h"

#include "app.h"
#include "base/number.h"
#include "conditional.h"
#include "date.h"
#include "disposition.h"
#include "etag.h"
#include "mime.h"
#include "open_beneath.h"
#include "request_lua.h"
#include "response_lua.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* What an option says: nothing, `false` (switched off), or a value. */
enum given { NOT_GIVEN, SWITCHED_OFF, GIVEN };

/* The options of a call, then what is known of its file. Texts are Lua's, kept alive by
   the arguments of the call. */
struct sending {
    struct str mimetype, name, etag;
    enum given has_name, has_etag, has_last_modified, has_max_age;
    int64_t last_modified, max_age; /* seconds */
    bool is_attachment, is_conditional;
    const char *path;      /* NULL: bytes, or a file that was open */
    struct timespec mtime; /* of the file at `path` */
};

/* Raises an error that is placed in the app: the nearest caller outside lua/cflask/. */
__attribute__((format(printf, 2, 3))) static int misuse(lua_State *L, const char *format,
                                                        ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline >= 0 && strncmp(frame.source, "@lua/cflask/", 12) != 0) {
            lua_pushfstring(L, "%s:%d: %s", frame.short_src, frame.currentline, message);
            return lua_error(L);
        }
    }
    lua_pushstring(L, message);
    return lua_error(L);
}

/* ---- options: a table at index 2, or nil ---- */

/* Pushes option `name`, unless it isn't given. */
static enum given push_option(lua_State *L, const char *name)
{
    if (!lua_istable(L, 2))
        return NOT_GIVEN;
    lua_getfield(L, 2, name);
    if (lua_toboolean(L, -1))
        return GIVEN;
    enum given given = lua_isnil(L, -1) ? NOT_GIVEN : SWITCHED_OFF;
    lua_pop(L, 1);
    return given;
}

static bool read_flag(lua_State *L, const char *name, bool missing)
{
    enum given given = push_option(L, name);
    if (given == GIVEN)
        lua_pop(L, 1);
    return given == NOT_GIVEN ? missing : given == GIVEN;
}

static enum given read_text(lua_State *L, const char *name, struct str *to)
{
    enum given given = push_option(L, name);
    if (given != GIVEN)
        return given;
    if (lua_type(L, -1) != LUA_TSTRING)
        misuse(L, "%s must be a string, not a %s", name, luaL_typename(L, -1));
    to->p = lua_tolstring(L, -1, &to->n);
    lua_pop(L, 1); /* the table keeps it */
    return GIVEN;
}

/* A number of seconds; what is beyond all dates counts as that. */
static enum given read_seconds(lua_State *L, const char *name, int64_t *to)
{
    enum given given = push_option(L, name);
    if (given != GIVEN)
        return given;
    double seconds = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || isnan(seconds))
        misuse(L, "%s must be a number of seconds, not a %s", name, luaL_typename(L, -1));
    *to = (int64_t)floor(fmax(-1e15, fmin(1e15, seconds)));
    lua_pop(L, 1);
    return GIVEN;
}

/* true asks for the tag that there is anyway. */
static enum given read_etag(lua_State *L, struct str *to)
{
    if (push_option(L, "etag") == GIVEN) {
        bool is_default = lua_isboolean(L, -1);
        lua_pop(L, 1);
        if (is_default)
            return NOT_GIVEN;
    }
    return read_text(L, "etag", to);
}

static void read_options(lua_State *L, struct sending *s, struct app *app)
{
    *s = (struct sending){.is_attachment = read_flag(L, "as_attachment", false),
                          .is_conditional = read_flag(L, "conditional", true)};
    read_text(L, "mimetype", &s->mimetype);
    s->has_name = read_text(L, "download_name", &s->name);
    s->has_etag = read_etag(L, &s->etag);
    s->has_last_modified = read_seconds(L, "last_modified", &s->last_modified);
    s->has_max_age = read_seconds(L, "max_age", &s->max_age);
    if (s->has_max_age != NOT_GIVEN)
        return;
    s->max_age = app_config_integer(app, "SEND_FILE_MAX_AGE_DEFAULT", -1);
    if (s->max_age >= 0)
        s->has_max_age = GIVEN;
}

/* ---- the body ---- */

/* ENOENT and its kin: there is nothing to send. What else it is, the app must know. */
static int refuse(lua_State *L, int error, const char *path)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EXDEV:
    case ENXIO:
    case ENODEV:
    case ENAMETOOLONG:
        return request_raise(L, 404, NULL);
    default:
        return misuse(L, "%.300s can't be sent: %s", path, strerror(error));
    }
}

/* The opened file becomes the body; fd is the response's from here on. */
static void take_path(lua_State *L, struct response *r, struct sending *s, int fd)
{
    struct stat about;
    int error = errno;
    if (fd < 0)
        refuse(L, error, s->path);
    response_set_file(L, r, fd, 0, 0);
    if (fstat(fd, &about) < 0)
        refuse(L, errno, s->path);
    if (!S_ISREG(about.st_mode)) {
        response_clear(L, r);
        request_raise(L, 404, NULL);
    }
    r->length = (uint64_t)about.st_size;
    s->mtime = about.st_mtim;
}

/* An open file is sent from where it stands; the app may close it at once. */
static void take_file(lua_State *L, struct response *r)
{
    struct stat about;
    FILE *file = luax_checkfile(L, 1);
    if (!file)
        misuse(L, "send_file needs an open file: this one is closed");
    fflush(file);
    off_t at = ftello(file);
    int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        misuse(L, "the file can't be sent: %s", strerror(errno));
    response_set_file(L, r, fd, 0, 0);
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode) || at < 0)
        misuse(
            L,
            "send_file needs a file on disk; of another send {data = file:read(\"*a\")}");
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
        misuse(L, "send_file needs a file that was opened for reading");
    r->offset = (uint64_t)at;
    r->length = at < about.st_size ? (uint64_t)(about.st_size - at) : 0;
}

static void take_bytes(lua_State *L, struct response *r)
{
    lua_getfield(L, 1, "data");
    if (!response_push_text(L, lua_gettop(L)))
        misuse(L, "send_file needs {data = bytes}: a string, not a %s",
               luaL_typename(L, -1));
    response_set_text(L, r, lua_gettop(L));
    lua_pop(L, 2);
}

/* ---- the fields ---- */

static void set_field(lua_State *L, struct response *r, struct str name, struct str value)
{
    struct fault fault;
    if (response_set_field(r, name, value, &fault) < 0)
        misuse(L, "%s", fault.message);
}

static void set_date(lua_State *L, struct response *r, struct str name, int64_t t)
{
    char text[DATE_LENGTH + 1];
    date_format(text, t);
    set_field(L, r, name, (struct str){text, DATE_LENGTH});
}

/* Sets a field to the buffer's bytes and gives them back, whatever happens. */
static void set_from_buf(lua_State *L, struct response *r, struct str name,
                         struct buf *value)
{
    struct fault fault = {.message = "out of memory"};
    int failed = value->is_exhausted;
    if (!failed)
        failed = response_set_field(r, name, buf_str(value), &fault);
    buf_free(value);
    if (failed)
        misuse(L, "%s", fault.message);
}

/* The name to save it under, and to know its type by. */
static void find_name(struct sending *s)
{
    if (s->has_name != NOT_GIVEN || !s->path)
        return;
    const char *slash = strrchr(s->path, '/');
    s->name = str_from(slash ? slash + 1 : s->path);
}

/* What a download was packed with is not undone by the browser: it is saved as it is. */
static void set_type(lua_State *L, struct response *r, const struct sending *s)
{
    const char *encoding = NULL;
    if (s->mimetype.p) {
        if (!http1_is_field_value(s->mimetype))
            misuse(L, "the mimetype has a control character");
        response_set_mimetype(L, r, s->mimetype);
        return;
    }
    if (!s->name.p && !s->path)
        misuse(L, "send_file needs a mimetype or a download_name where there is no path");
    struct str name = s->name.p ? s->name : str_from(s->path);
    response_set_mimetype(L, r, str_from(mime_guess(name, &encoding)));
    if (encoding && !s->is_attachment)
        set_field(L, r, STR("Content-Encoding"), str_from(encoding));
}

/* A name on disk may be one that no field can carry: then the browser makes its own. */
static void set_disposition(lua_State *L, struct response *r, const struct sending *s)
{
    struct buf value = {0};
    struct fault fault;
    if (!s->name.p && s->is_attachment && !s->path)
        misuse(L, "send_file needs a download_name for an attachment without a path");
    if (!s->name.p && !s->is_attachment)
        return;
    if (disposition_format(&value, s->is_attachment, s->name, &fault) < 0) {
        if (s->has_name == GIVEN)
            misuse(L, "%s", fault.message);
        buf_addstr(&value, s->is_attachment ? STR("attachment") : STR("inline"));
    }
    set_from_buf(L, r, STR("Content-Disposition"), &value);
}

/* As Flask makes it, so that both give one file the same tag: its date as a Python float,
   its size, and the Adler-32 of its path. */
static void set_path_etag(lua_State *L, struct response *r, const struct sending *s)
{
    struct buf value = {0};
    char date[NUMBER_REPR_SIZE];
    number_format_repr((double)s->mtime.tv_sec + 1e-9 * (double)s->mtime.tv_nsec, date);
    unsigned long path =
        adler32(adler32(0, NULL, 0), (const Bytef *)s->path, (uInt)strlen(s->path));
    buf_addf(&value, "\"%s-%llu-%lu\"", date, (unsigned long long)r->length, path);
    set_from_buf(L, r, STR("ETag"), &value);
}

static void set_etag(lua_State *L, struct response *r, const struct sending *s)
{
    struct buf value = {0};
    struct fault fault;
    if (s->has_etag == NOT_GIVEN && s->path)
        set_path_etag(L, r, s);
    if (s->has_etag != GIVEN)
        return;
    if (etag_format(&value, (struct etag){s->etag, false}, &fault) < 0)
        misuse(L, "%s", fault.message);
    set_from_buf(L, r, STR("ETag"), &value);
}

/* A file's date is never later than the answer's (RFC 9110, section 8.8.2.1). */
static void set_last_modified(lua_State *L, struct response *r, const struct sending *s)
{
    int64_t now = (int64_t)time(NULL), mtime = (int64_t)s->mtime.tv_sec;
    if (s->has_last_modified == GIVEN)
        set_date(L, r, STR("Last-Modified"), s->last_modified);
    else if (s->has_last_modified == NOT_GIVEN && s->path)
        set_date(L, r, STR("Last-Modified"), mtime < now ? mtime : now);
}

static void set_caching(lua_State *L, struct response *r, const struct sending *s)
{
    int64_t seconds = s->max_age > 0 ? s->max_age : 0;
    struct buf value = {0};
    if (s->has_max_age != GIVEN) {
        set_field(L, r, STR("Cache-Control"), STR("no-cache"));
        return;
    }
    buf_addf(&value, "%s, max-age=%lld", seconds ? "public" : "no-cache",
             (long long)seconds);
    set_from_buf(L, r, STR("Cache-Control"), &value);
    set_date(L, r, STR("Expires"), (int64_t)time(NULL) + seconds);
}

/* ---- the whole ---- */

/* A descriptor that nothing is sent from need not wait for the garbage collector. */
static void let_go_of_file(struct response *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* Of an empty file nothing is left to send but an empty text. */
static void let_go_of_empty_file(lua_State *L, struct response *r)
{
    if (r->kind != RESPONSE_FILE || r->length > 0)
        return;
    lua_pushliteral(L, "");
    response_set_text(L, r, lua_gettop(L));
    lua_pop(L, 1);
}

static int raise_416(lua_State *L)
{
    return request_raise(L, 416, NULL);
}

/* The error is caught, and raised again with the length that there is in a field. */
static int raise_unsatisfiable(lua_State *L, const struct response *r)
{
    lua_pushcfunction(L, raise_416);
    lua_pcall(L, 0, 0, 0);
    if (lua_istable(L, -1)) {
        lua_createtable(L, 0, 1);
        conditional_push_unsatisfied(L, r);
        lua_setfield(L, -2, "Content-Range");
        lua_setfield(L, -2, "headers");
    }
    return lua_error(L);
}

/* Completes the response on top, whose body is there, and returns it. */
static int finish(lua_State *L, struct response *r, struct sending *s,
                  struct request *request)
{
    let_go_of_empty_file(L, r);
    find_name(s);
    set_type(L, r, s);
    set_disposition(L, r, s);
    set_last_modified(L, r, s);
    set_caching(L, r, s);
    set_etag(L, r, s);
    int status = s->is_conditional ? conditional_apply(L, r, request) : 0;
    if (status || str_eq(request->head.method, STR("HEAD")))
        let_go_of_file(r);
    if (status == 416)
        return raise_unsatisfiable(L, r);
    return status ? request_raise(L, status, NULL) : 1;
}

static int open_path(const char *path, size_t n)
{
    if (strlen(path) == n)
        return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    errno = ENOENT; /* no file has a NUL in its name */
    return -1;
}

/* send_file(path | open file | {data=bytes}, options) -> response */
static int send_file_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    struct sending s;
    size_t n;
    lua_settop(L, 2);
    read_options(L, &s, ex->request.app);
    struct response *r = response_push(L);
    if (lua_type(L, 1) == LUA_TSTRING) {
        s.path = lua_tolstring(L, 1, &n);
        take_path(L, r, &s, open_path(s.path, n));
    } else if (lua_istable(L, 1)) {
        take_bytes(L, r);
    } else {
        take_file(L, r);
    }
    return finish(L, r, &s, &ex->request);
}

/* Pushes folder/path. */
static const char *push_joined(lua_State *L, const char *folder, const char *path)
{
    size_t n = strlen(folder);
    bool has_slash = n > 0 && folder[n - 1] == '/';
    return lua_pushfstring(L, has_slash ? "%s%s" : "%s/%s", folder, path);
}

/* send_from_directory(folder, path, options) -> response */
static int send_from_directory_lua(lua_State *L)
{
    struct exchange *ex = request_check_current(L);
    const char *folder = luaL_checkstring(L, 1);
    struct str path;
    struct sending s;
    char name[PATH_MAX];
    path.p = luaL_checklstring(L, 2, &path.n);
    lua_settop(L, 3);
    if (!open_beneath_normalize(path, name) ||
        (open_beneath_is_hidden(name) &&
         !app_config_boolean(ex->request.app, "STATIC_DOTFILES")))
        return request_raise(L, 404, NULL);
    lua_pushvalue(L, 3);
    lua_replace(L, 2); /* stack: folder, options, options */
    read_options(L, &s, ex->request.app);
    s.path = push_joined(L, folder, name);
    struct response *r = response_push(L);
    take_path(L, r, &s, open_beneath(folder, name));
    return finish(L, r, &s, &ex->request);
}

void static_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"send_file", send_file_lua},
                                         {"send_from_directory", send_from_directory_lua},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "response_methods");
    conditional_open(L);
    lua_pop(L, 1);
}
