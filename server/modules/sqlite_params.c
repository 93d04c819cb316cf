/* Parameters: Lua's values into a statement. */
#include "sqlite_params.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

static const char blob_meta; /* its address is the registry's key of blobs' metatable */

/* ---- text ---- */

/* How many bytes the UTF-8 sequence at p has, 0 when it is none (RFC 3629: no
   surrogates, nothing overlong, up to U+10FFFF); NUL is none. */
static size_t sequence(const unsigned char *p, const unsigned char *end)
{
    unsigned c = *p;
    size_t n = c < 0x80   ? 1
               : c < 0xc2 ? 0
               : c < 0xe0 ? 2
               : c < 0xf0 ? 3
               : c < 0xf5 ? 4
                          : 0;
    if (c == 0 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool is_wrong = (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
                    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f);
    return is_wrong ? 0 : n;
}

static bool is_text(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + n;
    while (p < end) {
        size_t step = *p - 1u < 0x7f ? 1 : sequence(p, end);
        if (step == 0)
            return false;
        p += step;
    }
    return true;
}

/* ---- one value ---- */

static const char *shown(sqlite3_stmt *handle, int i, char buffer[64])
{
    const char *name = sqlite3_bind_parameter_name(handle, i);
    if (!name || *name == '?')
        sqlite3_snprintf(64, buffer, "%d", i);
    else
        sqlite3_snprintf(64, buffer, "%s", name);
    return buffer;
}

static bool is_blob(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    lua_pushlightuserdata(L, (void *)&blob_meta);
    lua_rawget(L, LUA_REGISTRYINDEX);
    bool is_one = lua_rawequal(L, -1, -2) && !lua_isnil(L, -1);
    lua_pop(L, 2);
    return is_one;
}

static int bind_number(lua_State *L, int index, sqlite3_stmt *handle, int i)
{
    lua_Number number = lua_tonumber(L, index);
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(L, index))
        return sqlite3_bind_int64(handle, i, (sqlite3_int64)lua_tointeger(L, index));
#else
    if (number == floor(number) && fabs(number) <= 9007199254740992.0)
        return sqlite3_bind_int64(handle, i, (sqlite3_int64)number);
#endif
    return number == number ? sqlite3_bind_double(handle, i, number) : SQLITE_MISMATCH;
}

static int bind_bytes(lua_State *L, int index, struct statement *st, int i, bool is_blob_,
                      bool is_borrowed)
{
    size_t n;
    const char *p = lua_tolstring(L, index, &n);
    sqlite3_destructor_type how = is_borrowed ? SQLITE_STATIC : SQLITE_TRANSIENT;
    st->has_copies |= !is_borrowed;
    if (is_blob_)
        return sqlite3_bind_blob64(st->handle, i, p, n, how);
    if (!is_text(p, n))
        return SQLITE_MISMATCH;
    return sqlite3_bind_text64(st->handle, i, p, n, how, SQLITE_UTF8);
}

/* A blob's bytes live as long as its table, and so as long as the parameters.
 */
static int bind_blob(lua_State *L, int index, struct statement *st, int i,
                     bool is_borrowed)
{
    lua_rawgeti(L, index, 1);
    int code = bind_bytes(L, lua_gettop(L), st, i, true, is_borrowed);
    lua_pop(L, 1);
    return code;
}

/* SQLITE_MISMATCH: it is nothing that can be bound. index is absolute. */
static int bind_value(lua_State *L, int index, struct statement *st, int i,
                      bool is_borrowed)
{
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return sqlite3_bind_null(st->handle, i);
    case LUA_TBOOLEAN:
        return sqlite3_bind_int(st->handle, i, lua_toboolean(L, index));
    case LUA_TNUMBER:
        return bind_number(L, index, st->handle, i);
    case LUA_TSTRING:
        return bind_bytes(L, index, st, i, false, is_borrowed);
    case LUA_TLIGHTUSERDATA:
        return lua_touserdata(L, index) ? SQLITE_MISMATCH
                                        : sqlite3_bind_null(st->handle, i);
    case LUA_TTABLE:
        return is_blob(L, index) ? bind_blob(L, index, st, i, is_borrowed)
                                 : SQLITE_MISMATCH;
    default:
        return SQLITE_MISMATCH;
    }
}

/* Binds the value at `index` to the i-th parameter. */
static int bind(lua_State *L, int index, struct statement *st, int i, bool is_borrowed,
                struct failure *failure)
{
    char buffer[64];
    const char *name = shown(st->handle, i, buffer);
    int code = bind_value(L, index, st, i, is_borrowed);
    if (code == SQLITE_OK)
        return code;
    if (code != SQLITE_MISMATCH)
        failure_note(failure, sqlite3_db_handle(st->handle), code);
    else if (lua_type(L, index) == LUA_TSTRING)
        failure_set(failure, code,
                    "parameter %s is no text (bytes that are no UTF-8, or a NUL): "
                    "mark bytes by sqlite.blob(s)",
                    name);
    else if (lua_type(L, index) == LUA_TNUMBER)
        failure_set(failure, code, "parameter %s is NaN, which SQLite can't keep", name);
    else
        failure_set(failure, code, "parameter %s can't be a %s", name,
                    lua_typename(L, lua_type(L, index)));
    return code;
}

/* ---- the lot ---- */

/* The i-th parameter's value in the table at `table`, pushed. */
static void push_named(lua_State *L, int table, const char *name, int i)
{
    if (name && *name != '?') {
        lua_pushstring(L, name + 1);
        lua_rawget(L, table);
    } else {
        lua_rawgeti(L, table, i);
    }
}

/* A key that no parameter has. */
static int refuse_key(lua_State *L, int key, int n, struct failure *failure)
{
    if (lua_type(L, key) == LUA_TSTRING)
        failure_set(failure, SQLITE_RANGE, "the statement has no parameter called %s",
                    lua_tostring(L, key));
    else if (lua_type(L, key) == LUA_TNUMBER)
        failure_set(failure, SQLITE_RANGE,
                    "too many parameters: there is no ? number %g, "
                    "the statement has %d",
                    lua_tonumber(L, key), n);
    else
        failure_set(failure, SQLITE_RANGE, "a %s can't be a parameter's name",
                    lua_typename(L, lua_type(L, key)));
    return SQLITE_RANGE;
}

static bool is_known(lua_State *L, int key, sqlite3_stmt *handle, int n)
{
    if (lua_type(L, key) == LUA_TNUMBER) {
        lua_Number number = lua_tonumber(L, key);
        if (number != floor(number) || number < 1 || number > n)
            return false;
        const char *name = sqlite3_bind_parameter_name(handle, (int)number);
        return !name || *name == '?';
    }
    if (lua_type(L, key) != LUA_TSTRING)
        return false;
    const char *wanted = lua_tostring(L, key);
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(handle, i);
        if (name && *name != '?' && strcmp(name + 1, wanted) == 0)
            return true;
    }
    return false;
}

/* Whether each key is a parameter's; SQLITE_RANGE for the first that is not. */
static int check_keys(lua_State *L, int table, sqlite3_stmt *handle, int n,
                      struct failure *failure)
{
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        if (!is_known(L, lua_gettop(L), handle, n)) {
            int code = refuse_key(L, lua_gettop(L), n, failure);
            lua_pop(L, 1);
            return code;
        }
    }
    return SQLITE_OK;
}

static int count_keys(lua_State *L, int table)
{
    int n = 0;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        n++;
    }
    return n;
}

static int bind_table(lua_State *L, int table, struct statement *st, int n,
                      bool is_borrowed, struct failure *failure)
{
    char buffer[64];
    int code = SQLITE_OK;
    for (int i = 1; i <= n && code == SQLITE_OK; i++) {
        push_named(L, table, sqlite3_bind_parameter_name(st->handle, i), i);
        if (lua_isnil(L, -1)) {
            code = SQLITE_RANGE;
            failure_set(failure, code, "parameter %s is missing (NULL is flask.null)",
                        shown(st->handle, i, buffer));
        } else {
            code = bind(L, lua_gettop(L), st, i, is_borrowed, failure);
        }
        lua_pop(L, 1);
    }
    /* One name may stand for several, as :a and @a do. */
    if (code == SQLITE_OK && count_keys(L, table) != n)
        code = check_keys(L, table, st->handle, n, failure);
    return code;
}

static int bind_list(lua_State *L, int first, struct statement *st, int n,
                     bool is_borrowed, struct failure *failure)
{
    int given = lua_gettop(L) - first + 1, code = SQLITE_OK;
    if (given < 0)
        given = 0;
    if (given == 1 && n == 0 && lua_isnil(L, first))
        given = 0;
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(st->handle, i);
        if (name && *name != '?') {
            failure_set(failure, SQLITE_RANGE,
                        "parameter %s has a name: give a table {%s = ...}", name,
                        name + 1);
            return SQLITE_RANGE;
        }
    }
    if (given != n) {
        failure_set(failure, SQLITE_RANGE,
                    "too %s parameters: %d given, the statement has %d",
                    given < n ? "few" : "many", given, n);
        return SQLITE_RANGE;
    }
    for (int i = 1; i <= n && code == SQLITE_OK; i++)
        code = bind(L, first + i - 1, st, i, is_borrowed, failure);
    return code;
}

int params_bind(lua_State *L, int first, struct statement *st, bool is_borrowed,
                struct failure *failure)
{
    int n = sqlite3_bind_parameter_count(st->handle);
    bool is_table = lua_type(L, first) == LUA_TTABLE && !is_blob(L, first);
    if (n == 0 && lua_gettop(L) < first)
        return SQLITE_OK;
    if (!is_table)
        return bind_list(L, first, st, n, is_borrowed, failure);
    if (lua_gettop(L) > first) {
        failure_set(failure, SQLITE_RANGE, "parameters are one table, or values");
        return SQLITE_RANGE;
    }
    return bind_table(L, first, st, n, is_borrowed, failure);
}

/* ---- blobs ---- */

int params_blob(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_pushlightuserdata(L, (void *)&blob_meta);
    lua_rawget(L, LUA_REGISTRYINDEX);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushliteral(L, "sqlite.blob");
        lua_setfield(L, -2, "__name");
        lua_pushlightuserdata(L, (void *)&blob_meta);
        lua_pushvalue(L, -2);
        lua_rawset(L, LUA_REGISTRYINDEX);
    }
    lua_setmetatable(L, -2);
    return 1;
}
