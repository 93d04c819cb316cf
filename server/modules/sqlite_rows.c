/* Result rows outside of Lua. */
#include "sqlite_rows.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 64 * 1024 }; /* bytes that are kept for the next result */

/* ---- filling ---- */

static bool has_room(struct rows *rows, size_t n)
{
    if (rows->n + n <= rows->room)
        return true;
    size_t room = rows->room ? rows->room : 512;
    while (room < rows->n + n)
        room *= 2;
    char *p = realloc(rows->p, room);
    if (!p)
        return false;
    rows->p = p;
    rows->room = room;
    return true;
}

/* A tag, 8 bytes, and more bytes. */
static int add(struct rows *rows, char tag, const void *eight, const void *p, size_t n)
{
    if (!has_room(rows, 9 + n))
        return SQLITE_NOMEM;
    char *to = rows->p + rows->n;
    *to = tag;
    memcpy(to + 1, eight, 8);
    if (n)
        memcpy(to + 9, p, n);
    rows->n += 9 + n;
    return SQLITE_OK;
}

static int add_bytes(struct rows *rows, const void *p, sqlite3_int64 n)
{
    if (!p && n)
        return SQLITE_NOMEM;
    return add(rows, 's', &n, p, (size_t)n);
}

/* The value may be read as it is, unprotected: one thread at a time has the connection.
 */
static int add_value(struct rows *rows, sqlite3_value *value)
{
    sqlite3_int64 integer;
    double real;
    const void *p;
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        integer = sqlite3_value_int64(value);
        return add(rows, 'i', &integer, NULL, 0);
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        return add(rows, 'f', &real, NULL, 0);
    case SQLITE_TEXT:
        p = sqlite3_value_text(value); /* the empty text too has an address */
        return p ? add_bytes(rows, p, sqlite3_value_bytes(value)) : SQLITE_NOMEM;
    case SQLITE_BLOB:
        p = sqlite3_value_blob(value);
        return add_bytes(rows, p, sqlite3_value_bytes(value));
    default:
        integer = 0;
        return add(rows, 'n', &integer, NULL, 0);
    }
}

int rows_add(struct rows *rows, sqlite3_stmt *st)
{
    rows->n_columns = sqlite3_column_count(st);
    for (int i = 0; i < rows->n_columns; i++)
        if (add_value(rows, sqlite3_column_value(st, i)) != SQLITE_OK)
            return SQLITE_NOMEM;
    rows->count++;
    return SQLITE_OK;
}

void rows_clear(struct rows *rows)
{
    if (rows->room > KEPT)
        rows_free(rows);
    rows->n = rows->count = 0;
    rows->n_columns = 0;
}

void rows_free(struct rows *rows)
{
    free(rows->p);
    *rows = (struct rows){NULL, 0, 0, 0, 0};
}

/* ---- giving to Lua ---- */

/* Pushes the value at `at`, returns where the next one stands. */
static const char *push_value(lua_State *L, const char *at)
{
    sqlite3_int64 integer;
    double real;
    memcpy(&integer, at + 1, 8);
    switch (*at) {
    case 'i':
        lua_pushinteger(L, (lua_Integer)integer);
        break;
    case 'f':
        memcpy(&real, at + 1, 8);
        lua_pushnumber(L, real);
        break;
    case 's':
        lua_pushlstring(L, at + 9, (size_t)integer);
        return at + 9 + integer;
    default:
        lua_pushlightuserdata(L, NULL); /* flask.null */
    }
    return at + 9;
}

/* Pushes the names; returns the place of the first. */
static int push_names(lua_State *L, const struct rows *rows, char **names)
{
    luaL_checkstack(L, rows->n_columns + 8, "too many columns");
    int first = lua_gettop(L) + 1;
    for (int i = 0; i < rows->n_columns; i++)
        lua_pushstring(L, names[i]);
    return first;
}

/* Drops the names below the result on top. */
static void keep_top(lua_State *L, int first)
{
    if (lua_gettop(L) > first)
        lua_replace(L, first);
    lua_settop(L, first);
}

static const char *push_row(lua_State *L, const struct rows *rows, int names,
                            const char *at)
{
    lua_createtable(L, 0, rows->n_columns);
    for (int i = 0; i < rows->n_columns; i++) {
        lua_pushvalue(L, names + i);
        at = push_value(L, at);
        lua_rawset(L, -3);
    }
    return at;
}

void rows_push_list(lua_State *L, const struct rows *rows, char **names, int list_meta)
{
    int first = push_names(L, rows, names);
    const char *at = rows->p;
    lua_createtable(L, (int)rows->count, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, list_meta);
    lua_setmetatable(L, -2);
    for (size_t i = 1; i <= rows->count; i++) {
        at = push_row(L, rows, first, at);
        lua_rawseti(L, -2, (int)i);
    }
    keep_top(L, first);
}

void rows_push_first(lua_State *L, const struct rows *rows, char **names)
{
    if (rows->count == 0) {
        lua_pushnil(L);
        return;
    }
    int first = push_names(L, rows, names);
    push_row(L, rows, first, rows->p);
    keep_top(L, first);
}
