/* Queries: on the loop for a millisecond, then begun again on a thread. */
#include "sqlite_query.h"

#include "sqlite_params.h"
#include "sqlite_work.h"
#include <lauxlib.h>

static const double ON_LOOP = 0.001; /* seconds */
enum { DIRECT = 15 }; /* runs of a slow statement that go to a thread at once */

/* ---- what a query begins with ---- */

/* The database and the SQL, which is a string and no number that could become
 *one. NULL: failure tells. */
static struct db *check_arguments(lua_State *L, struct failure *failure)
{
    struct db **place = lua_touserdata(L, 1);
    if (!place)
        failure_set(failure, SQLITE_MISUSE,
                    "call it with a colon, as in db:query(sql, parameters)");
    else if (lua_type(L, 2) != LUA_TSTRING)
        failure_set(failure, SQLITE_MISUSE, "the SQL must be a string, not a %s",
                    luaL_typename(L, 2));
    else
        return *place;
    return NULL;
}

/* What a refusal by conn.c's authorizer means. */
static void explain(struct failure *failure)
{
    if ((failure->code & 0xff) == SQLITE_AUTH)
        failure_set(failure, failure->code,
                    "not authorized: transactions are db:transaction(fn)'s, settings are "
                    "sqlite.open's pragmas, and another file is a database of its own");
}

/* Prepares and binds; NULL: the connection has been given back. */
static struct statement *take_statement(lua_State *L, struct db *db, struct conn *c,
                                        struct failure *failure)
{
    size_t n;
    const char *sql = lua_tolstring(L, 2, &n);
    struct statement *st = statement_take(&c->cache, c->handle, sql, n, failure);
    if (!st) {
        explain(failure);
        db_give(db, c);
    }
    return st;
}

static int drop(lua_State *L, struct conn *c, struct statement *st,
                const struct failure *failure)
{
    statement_give(&c->cache, st);
    db_give(c->db, c);
    return work_fail(L, failure);
}

/* The connection that the statement needs: what writes needs the writer. */
static enum taken take_both(lua_State *L, struct db *db, struct conn **c,
                            struct statement **st, struct failure *failure)
{
    enum taken taken = db_take_reader(L, db, c, failure);
    if (taken != TAKEN)
        return taken;
    *st = take_statement(L, db, *c, failure);
    if (!*st)
        return TAKE_FAILED;
    if (!(*st)->is_write || *c == db->writer)
        return TAKEN;
    statement_give(&(*c)->cache, *st);
    db_give(db, *c);
    taken = db_take_writer(L, db, c, failure);
    if (taken != TAKEN)
        return taken;
    *st = take_statement(L, db, *c, failure);
    return *st ? TAKEN : TAKE_FAILED;
}

/* false, nil, and what db_wait shall wait for. */
static int later(lua_State *L, enum wait what)
{
    lua_pushboolean(L, 0);
    lua_pushnil(L);
    lua_pushinteger(L, what);
    return sqlite_api->results(L, 3);
}

/* ---- on the loop ---- */

enum run { RUN_FINE, RUN_SLOW, RUN_FAILED };

static enum run run_here(struct conn *c, struct statement *st, struct rows *rows,
                         enum take take, bool *is_more, double seconds,
                         struct failure *failure)
{
    conn_begin(c, NULL, seconds, seconds > 0 ? 0 : c->db->options.timeout);
    int code = work_fetch(st, rows, take, is_more);
    bool is_slow = (code == SQLITE_INTERRUPT && c->is_slow) ||
                   ((code & 0xff) == SQLITE_BUSY && seconds > 0);
    conn_end(c);
    if (code == SQLITE_OK)
        return RUN_FINE;
    if (!is_slow)
        failure_note(failure, c->handle, code);
    return is_slow ? RUN_SLOW : RUN_FAILED;
}

struct pushed {
    struct conn *c;
    struct statement *st;
    const struct rows *rows;
    enum take take;
    bool is_more;
    struct cursor *cursor;
};

static int push_lua(lua_State *L)
{
    struct pushed *p = lua_touserdata(L, 1);
    lua_settop(L, 0);
    return work_push(L, p->c, p->st, p->rows, p->take, p->is_more, &p->cursor);
}

/* Gives the results of a run here, and what it had back. */
static int give_results(lua_State *L, struct pushed *p, struct rows *rows)
{
    struct db *db = p->c->db;
    int base = lua_gettop(L);
    lua_pushcfunction(L, push_lua);
    lua_pushlightuserdata(L, p);
    int status = lua_pcall(L, 2 - 1, LUA_MULTRET, 0);
    if (!p->cursor) {
        statement_give(&p->c->cache, p->st);
        db_give(db, p->c);
    }
    db_give_rows(db, rows);
    if (status != LUA_OK)
        return lua_error(L);
    return sqlite_api->results(L, lua_gettop(L) - base);
}

/* Begins again on a thread, with copies of the parameters. */
static int run_on_thread(lua_State *L, struct conn *c, struct statement *st,
                         enum take take)
{
    struct failure failure = {0};
    bool is_slow = c != c->db->writer;
    sqlite3_reset(st->handle);
    if (is_slow && !db_begin_slow(L, c->db)) {
        statement_give(&c->cache, st);
        db_give(c->db, c);
        return later(L, WAIT_THREAD);
    }
    if (params_bind(L, 3, st, false, &failure) != SQLITE_OK) {
        if (is_slow)
            db_end_slow(c->db);
        return drop(L, c, st, &failure);
    }
    return work_offload_fetch(L, c, st, take, NULL);
}

static int run_read(lua_State *L, struct conn *c, struct statement *st, enum take take)
{
    struct failure failure = {0};
    struct rows rows = db_take_rows(c->db);
    struct pushed p = {.c = c, .st = st, .rows = &rows, .take = take};
    double seconds = sqlite_api->can_wait(L) ? ON_LOOP : 0;
    if (c != c->db->writer)
        db_hold(L, c->db, c);
    switch (run_here(c, st, &rows, take, &p.is_more, seconds, &failure)) {
    case RUN_FINE:
        return give_results(L, &p, &rows);
    case RUN_SLOW:
        db_give_rows(c->db, &rows);
        st->n_slow = DIRECT;
        return run_on_thread(L, c, st, take);
    default:
        db_give_rows(c->db, &rows);
        if (c == c->db->writer)
            transaction_check(c->db);
        return drop(L, c, st, &failure);
    }
}

/* A statement that was slow goes to a thread at once, but now and then has its
 * chance. */
static bool is_for_thread(lua_State *L, struct statement *st)
{
    if (st->is_write)
        return true;
    if (st->n_slow == 0 || !sqlite_api->can_wait(L))
        return false;
    st->n_slow--;
    return true;
}

/* ---- Lua's ---- */

static int query(lua_State *L, enum take take)
{
    struct conn *c = NULL;
    struct statement *st = NULL;
    struct failure failure = {0};
    struct db *db = check_arguments(L, &failure);
    if (!db)
        return work_fail(L, &failure);
    switch (take_both(L, db, &c, &st, &failure)) {
    case TAKE_LATER:
        return later(L, st || db->is_single ? WAIT_WRITER : WAIT_READER);
    case TAKE_FAILED:
        return work_fail(L, &failure);
    case TAKEN:
        break;
    }
    if (take == TAKE_BATCH && (db->is_single || st->is_write))
        take = TAKE_ALL;
    if (is_for_thread(L, st))
        return run_on_thread(L, c, st, take);
    if (params_bind(L, 3, st, true, &failure) != SQLITE_OK)
        return drop(L, c, st, &failure);
    return run_read(L, c, st, take);
}

int query_all_lua(lua_State *L)
{
    return query(L, TAKE_ALL);
}

int query_one_lua(lua_State *L)
{
    return query(L, TAKE_ONE);
}

int query_rows_lua(lua_State *L)
{
    return query(L, TAKE_BATCH);
}

int query_exec_lua(lua_State *L)
{
    struct conn *c;
    struct failure failure = {0};
    struct db *db = check_arguments(L, &failure);
    if (!db)
        return work_fail(L, &failure);
    size_t n;
    const char *sql = lua_tolstring(L, 2, &n);
    enum taken taken = db_take_writer(L, db, &c, &failure);
    if (taken == TAKE_LATER)
        return later(L, WAIT_WRITER);
    if (taken == TAKE_FAILED)
        return work_fail(L, &failure);
    struct statement *st = statement_take(&c->cache, c->handle, sql, n, &failure);
    if (!st && failure.code == FAILURE_MANY && lua_gettop(L) == 2)
        return work_offload_script(L, c, sql, n);
    if (!st) {
        explain(&failure);
        db_give(db, c);
        return work_fail(L, &failure);
    }
    if (params_bind(L, 3, st, false, &failure) != SQLITE_OK)
        return drop(L, c, st, &failure);
    return work_offload_exec(L, c, st);
}
