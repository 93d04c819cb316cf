/* What lua/cflask/sqlite.lua is built on: `require "cflask.sqlite_core"`. */
#include "modules.h"
#include "sqlite_params.h"
#include "sqlite_query.h"
#include "sqlite_work.h"
#include <lauxlib.h>
#include <string.h>

/* ---- opening ---- */

static lua_Number number_field(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    lua_Number value = luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static bool boolean_field(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static int list_meta(lua_State *L, int table)
{
    lua_getfield(L, table, "list");
    luaL_checktype(L, -1, LUA_TTABLE);
    if (!lua_getmetatable(L, -1))
        return luaL_error(L, "the list is not marked");
    lua_remove(L, -2);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* open(path, {readonly=, pragmas=, timeout=, readers=, waiting=, statements=,
   list=}) -> a handle, or false and what went wrong. All of them are needed. */
static int open_lua(lua_State *L)
{
    const struct conn_options options = {
        .path = luaL_checkstring(L, 1),
        .is_readonly = boolean_field(L, 2, "readonly"),
        .statements = (int)number_field(L, 2, "statements"),
        .timeout = number_field(L, 2, "timeout"),
        .pragmas = (lua_getfield(L, 2, "pragmas"), luaL_checkstring(L, -1)),
    };
    int most_readers = (int)number_field(L, 2, "readers");
    int most_waiting = (int)number_field(L, 2, "waiting");
    int list = list_meta(L, 2);
    struct failure failure = {0};
    struct db **place = lua_newuserdata(L, sizeof *place);
    *place = NULL;
    luaL_getmetatable(L, SQLITE_DB_META);
    lua_setmetatable(L, -2);
    *place = db_open(&options, &failure);
    if (!*place)
        return work_fail(L, &failure);
    (*place)->most_readers = most_readers;
    (*place)->most_waiting = most_waiting;
    (*place)->list_meta = list;
    return sqlite_api->results(L, 1);
}

static struct db *check_db(lua_State *L)
{
    return *(struct db **)luaL_checkudata(L, 1, SQLITE_DB_META);
}

static int gc_db(lua_State *L)
{
    struct db **place = luaL_checkudata(L, 1, SQLITE_DB_META);
    if (!*place)
        return 0;
    db_close(*place);
    luaL_unref(L, LUA_REGISTRYINDEX, (*place)->list_meta);
    db_release(*place);
    *place = NULL;
    return 0;
}

/* close(db) -> whether it could: the caller is in no transaction of its */
static int close_lua(lua_State *L)
{
    struct db *db = check_db(L);
    bool can = !transaction_is_mine(L, db);
    if (can)
        db_close(db);
    lua_pushboolean(L, can);
    return 1;
}

/* wait(db, what, seconds, is_again) -> true: try again; false: the time is over;
 * or nil, text
 */
static int wait_lua(lua_State *L)
{
    return db_wait(L, check_db(L), (enum wait)luaL_checkinteger(L, 2),
                   luaL_checknumber(L, 3), lua_toboolean(L, 4));
}

/* ---- transactions ---- */

static const char *const guard_meta = "cflask.sqlite.guard";

struct guard {
    struct db *db;
    unsigned serial; /* 0: none has begun */
};

/* guard(db): what ends a transaction when its task is ended. */
static int guard_lua(lua_State *L)
{
    struct db *db = check_db(L);
    struct guard *guard = lua_newuserdata(L, sizeof *guard);
    *guard = (struct guard){NULL, 0};
    luaL_getmetatable(L, guard_meta);
    lua_setmetatable(L, -2);
    guard->db = db_share(db);
    return 1;
}

static int close_guard(lua_State *L)
{
    struct guard *guard = luaL_checkudata(L, 1, guard_meta);
    if (guard->db && guard->serial)
        transaction_abandon(guard->db, guard->serial);
    return 0;
}

static int gc_guard(lua_State *L)
{
    struct guard *guard = luaL_checkudata(L, 1, guard_meta);
    close_guard(L);
    if (guard->db)
        db_release(guard->db);
    guard->db = NULL;
    return 0;
}

/* begin(guard, has_no_keys) -> true; or what query_all_lua gives instead of
 * rows */
static int begin_lua(lua_State *L)
{
    struct guard *guard = luaL_checkudata(L, 1, guard_meta);
    struct db *db = guard->db;
    struct conn *c;
    struct failure failure = {0};
    switch (db_take_writer(L, db, &c, &failure)) {
    case TAKE_FAILED:
        return work_fail(L, &failure);
    case TAKE_LATER:
        lua_pushboolean(L, 0);
        lua_pushnil(L);
        lua_pushinteger(L, WAIT_WRITER);
        return sqlite_api->results(L, 3);
    case TAKEN:
        break;
    }
    unsigned serial = db->tx.serial + 1 ? db->tx.serial + 1 : 1;
    db->tx = (struct transaction){.is_open = true, .serial = serial};
    db->tx.owner = sqlite_api->task_number(L, 0);
    db->tx.has_no_keys = lua_toboolean(L, 2);
    guard->serial = serial;
    if (db->tx.has_no_keys)
        sqlite3_db_config(c->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
    return work_offload_control(L, c, CONTROL_BEGIN,
                                db->options.is_readonly ? "BEGIN" : "BEGIN IMMEDIATE");
}

/* control(db, sql): a savepoint's beginning or end in the caller's transaction
 */
static int control_lua(lua_State *L)
{
    struct db *db = check_db(L);
    struct conn *c;
    struct failure failure = {0};
    const char *sql = luaL_checkstring(L, 2);
    if (!transaction_is_mine(L, db))
        failure_set(&failure, SQLITE_ABORT_ROLLBACK, "the transaction is over");
    else if (db_take_writer(L, db, &c, &failure) == TAKEN)
        return work_offload_control(L, c, CONTROL_OTHER, sql);
    return work_fail(L, &failure);
}

/* finish(guard, is_fine): COMMIT or ROLLBACK */
static int finish_lua(lua_State *L)
{
    struct guard *guard = luaL_checkudata(L, 1, guard_meta);
    struct db *db = guard->db;
    struct failure failure = {0};
    bool is_open = db->tx.is_open && db->tx.serial == guard->serial;
    bool is_fine = lua_toboolean(L, 2);
    if (!is_open || db->tx.is_broken || db->writer->is_running) {
        close_guard(L);
        failure_set(&failure, SQLITE_ABORT_ROLLBACK,
                    "the transaction can't be committed: an earlier error has rolled it "
                    "back");
        return work_fail(L, &failure);
    }
    if (!is_fine)
        cursors_drop(db->writer);
    return work_offload_control(L, db->writer,
                                is_fine ? CONTROL_COMMIT : CONTROL_ROLLBACK,
                                is_fine ? "COMMIT" : "ROLLBACK");
}

static int is_mine_lua(lua_State *L)
{
    lua_pushboolean(L, transaction_is_mine(L, check_db(L)));
    return 1;
}

/* ---- the rest ---- */

/* is_complete(text): whether it ends with a whole statement */
static int is_complete_lua(lua_State *L)
{
    lua_pushboolean(L, sqlite3_complete(luaL_checkstring(L, 1)));
    return 1;
}

static void set_meta(lua_State *L, const char *name, lua_CFunction gc,
                     lua_CFunction close)
{
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    if (close) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__close");
    }
    lua_pop(L, 1);
}

static const luaL_Reg plain[] = {{"blob", params_blob},
                                 {"guard", guard_lua},
                                 {"is_mine", is_mine_lua},
                                 {"close", close_lua},
                                 {"is_complete", is_complete_lua},
                                 {NULL, NULL}};

static const luaL_Reg waiting[] = {{"open", open_lua},
                                   {"query", query_all_lua},
                                   {"one", query_one_lua},
                                   {"rows", query_rows_lua},
                                   {"more", cursor_more_lua},
                                   {"exec", query_exec_lua},
                                   {"begin", begin_lua},
                                   {"control", control_lua},
                                   {"finish", finish_lua},
                                   {"wait", wait_lua},
                                   {NULL, NULL}};

/* Counting all memory costs a lock for each malloc: before SQLite's first use
 * only. */
static void configure(void)
{
    static bool is_done;
    if (!is_done)
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    is_done = true;
}

int luaopen_cflask_sqlite_core(lua_State *L)
{
    sqlite_api = cflask_open(L, CFLASK_ABI);
    configure();
    set_meta(L, SQLITE_DB_META, gc_db, NULL);
    set_meta(L, guard_meta, gc_guard, close_guard);
    cursor_open(L);
    lua_newtable(L);
    for (const luaL_Reg *r = plain; r->name; r++) {
        lua_pushcfunction(L, r->func);
        lua_setfield(L, -2, r->name);
    }
    for (const luaL_Reg *r = waiting; r->name; r++) {
        sqlite_api->push_waiting(L, r->func);
        lua_setfield(L, -2, r->name);
    }
    lua_pushstring(L, sqlite3_libversion());
    lua_setfield(L, -2, "version");
    return 1;
}
