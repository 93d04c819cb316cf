/* Cursors: statements of which more rows are to come. */
#include "sqlite_work.h"

#include <lauxlib.h>
#include <stdlib.h>

static const char *const meta = "cflask.sqlite.cursor";

/* ---- its life ---- */

static void leave_conn(struct cursor *cursor)
{
    struct cursor **at = &cursor->c->cursors;
    while (*at != cursor)
        at = &(*at)->next;
    *at = cursor->next;
}

/* Ends what it stands in. */
static void drop(struct cursor *cursor)
{
    leave_conn(cursor);
    statement_give(&cursor->c->cache, cursor->st);
    cursor->c = NULL;
    cursor->st = NULL;
}

void cursors_drop(struct conn *c)
{
    while (c->cursors)
        drop(c->cursors);
}

void cursor_close(struct cursor *cursor)
{
    struct conn *c = cursor->c;
    if (!c)
        return;
    if (cursor->is_running) {
        cursor->wants_close = true;
        return;
    }
    drop(cursor);
    db_give(cursor->db, c);
}

/* Frees it: Lua has let go of it. */
static void free_cursor(struct cursor *cursor)
{
    db_release(cursor->db);
    free(cursor);
}

void cursor_end_run(struct cursor *cursor)
{
    cursor->is_running = false;
    if (cursor->wants_close)
        cursor_close(cursor);
    if (cursor->is_lost)
        free_cursor(cursor);
}

void cursor_attach(struct cursor *cursor, struct conn *c, struct statement *st)
{
    db_let_go(cursor->db);
    cursor->c = c;
    cursor->st = st;
    cursor->next = c->cursors;
    c->cursors = cursor;
}

/* ---- Lua's handle ---- */

struct cursor *cursor_push(lua_State *L, struct db *db)
{
    struct cursor **place = lua_newuserdata(L, sizeof *place);
    *place = NULL;
    luaL_getmetatable(L, meta);
    lua_setmetatable(L, -2);
    *place = calloc(1, sizeof **place);
    if (!*place)
        luaL_error(L, "out of memory");
    (*place)->db = db_share(db);
    return *place;
}

static int close_lua(lua_State *L)
{
    struct cursor **place = luaL_checkudata(L, 1, meta);
    if (*place)
        cursor_close(*place);
    return 0;
}

static int gc_lua(lua_State *L)
{
    struct cursor **place = luaL_checkudata(L, 1, meta), *cursor = *place;
    *place = NULL;
    if (!cursor)
        return 0;
    cursor_close(cursor);
    if (cursor->is_running)
        cursor->is_lost = true; /* its job frees it */
    else
        free_cursor(cursor);
    return 0;
}

int cursor_more_lua(lua_State *L)
{
    struct cursor **place = luaL_checkudata(L, 1, meta), *cursor = *place;
    struct failure failure;
    if (cursor && cursor->c && !cursor->is_running)
        return work_offload_fetch(L, cursor->c, cursor->st, TAKE_BATCH, cursor);
    failure_set(&failure, SQLITE_ABORT,
                cursor && cursor->is_running
                    ? "another task is waiting for this iterator's next row"
                    : "the iterator's transaction is over, or its database was closed");
    return work_fail(L, &failure);
}

void cursor_open(lua_State *L)
{
    luaL_newmetatable(L, meta);
    lua_pushcfunction(L, gc_lua);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, close_lua);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}
