/* Statements that run: what a thread does, and what the loop makes of it. */
#include "sqlite_work.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BATCH_ROWS = 100, BATCH_BYTES = 256 * 1024 };

struct job {
    struct db *db;
    struct conn *c;
    struct statement *st; /* NULL: none, or given away */
    struct cursor *cursor;
    void (*run)(struct job *j);
    int (*push)(lua_State *L, struct job *j);
    enum take take;
    enum control control;
    char *sql;
    size_t n;
    struct rows rows;
    bool is_more, is_finished;
    bool is_slow; /* a read that has begun by db_begin_slow */
    int64_t changes, last_id;
    struct failure failure;
};

/* ---- running ---- */

int work_fetch(struct statement *st, struct rows *rows, enum take take, bool *is_more)
{
    int code;
    *is_more = false;
    while ((code = sqlite3_step(st->handle)) == SQLITE_ROW) {
        if (rows_add(rows, st->handle) != SQLITE_OK)
            return SQLITE_NOMEM;
        if (take == TAKE_ONE)
            return SQLITE_OK;
        if (take == TAKE_BATCH && (rows->count >= BATCH_ROWS || rows->n >= BATCH_BYTES)) {
            *is_more = true;
            return SQLITE_OK;
        }
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void run_fetch(struct job *j)
{
    int code = work_fetch(j->st, &j->rows, j->take, &j->is_more);
    if (code != SQLITE_OK)
        failure_note(&j->failure, j->c->handle, code);
}

/* RETURNING's first row may be there before the changes are. */
static void run_write(struct job *j)
{
    bool is_one = j->take == TAKE_ONE;
    j->take = TAKE_ALL;
    run_fetch(j);
    j->take = is_one ? TAKE_ONE : TAKE_ALL;
}

static bool is_vacuum(const char *sql)
{
    return strncasecmp(sql + strspn(sql, " \t\r\n"), "vacuum", 6) == 0;
}

/* Steps to the end, without its rows. Adds to the changes. */
static int step_through(struct job *j, sqlite3_stmt *handle)
{
    int code, before = sqlite3_total_changes(j->c->handle);
    j->c->is_vacuum = is_vacuum(sqlite3_sql(handle));
    while ((code = sqlite3_step(handle)) == SQLITE_ROW) {
    }
    if (code != SQLITE_DONE)
        return code;
    if (sqlite3_total_changes(j->c->handle) != before)
        j->changes += sqlite3_changes(j->c->handle);
    j->last_id = sqlite3_last_insert_rowid(j->c->handle);
    return SQLITE_OK;
}

static void run_exec(struct job *j)
{
    int code = step_through(j, j->st->handle);
    if (code != SQLITE_OK)
        failure_note(&j->failure, j->c->handle, code);
}

/* The end of the statement that begins at `from` and can't be prepared. */
static size_t end_of_part(char *sql, size_t n, size_t from)
{
    for (size_t i = from; i < n; i++) {
        if (sql[i] != ';')
            continue;
        char next = sql[i + 1];
        sql[i + 1] = '\0';
        bool is_whole = sqlite3_complete(sql + from);
        sql[i + 1] = next;
        if (is_whole)
            return i + 1;
    }
    return n;
}

/* One statement of a script at `from`; returns where the next begins. */
static size_t run_part(struct job *j, size_t from)
{
    sqlite3_stmt *handle = NULL;
    const char *tail = j->sql + j->n;
    int code = sqlite3_prepare_v2(j->c->handle, j->sql + from, (int)(j->n - from),
                                  &handle, &tail);
    bool has_parameters = sqlite3_bind_parameter_count(handle) > 0;
    if (has_parameters)
        code = SQLITE_RANGE;
    else if (code == SQLITE_OK && handle)
        code = step_through(j, handle);
    if (code != SQLITE_OK) {
        if (has_parameters)
            failure_set(&j->failure, code, "several statements can't have parameters");
        else
            failure_note(&j->failure, j->c->handle, code);
        j->failure.from = from + strspn(j->sql + from, " \t\r\n;");
        j->failure.to =
            handle ? (size_t)(tail - j->sql) : end_of_part(j->sql, j->n, j->failure.from);
    }
    sqlite3_finalize(handle);
    return code == SQLITE_OK ? (size_t)(tail - j->sql) : j->n;
}

static void run_script(struct job *j)
{
    bool is_inner = !sqlite3_get_autocommit(j->c->handle);
    if (conn_run(j->c, is_inner ? "SAVEPOINT script" : "BEGIN IMMEDIATE", &j->failure))
        return;
    for (size_t at = 0; at < j->n;)
        at = run_part(j, at);
    if (j->failure.code == SQLITE_OK)
        conn_run(j->c, is_inner ? "RELEASE script" : "COMMIT", &j->failure);
    if (j->failure.code != SQLITE_OK && !sqlite3_get_autocommit(j->c->handle))
        conn_run(j->c, is_inner ? "ROLLBACK TO script; RELEASE script" : "ROLLBACK",
                 NULL);
}

static void run_control(struct job *j)
{
    if (j->control == CONTROL_ROLLBACK && sqlite3_get_autocommit(j->c->handle))
        return; /* the error has done it */
    conn_run(j->c, j->sql, &j->failure);
}

static void on_thread(cflask_job *job, void *arg)
{
    struct job *j = arg;
    conn_begin(j->c, job, 0, j->db->options.timeout);
    j->run(j);
    conn_end(j->c);
}

/* ---- results ---- */

static int push_failure(lua_State *L, const struct failure *failure)
{
    lua_pushboolean(L, 0);
    lua_pushstring(L, failure_name(failure->code));
    lua_pushstring(L, failure->text);
    if (failure->to == 0)
        return 3;
    lua_pushinteger(L, (lua_Integer)failure->from + 1);
    lua_pushinteger(L, (lua_Integer)failure->to);
    return 5;
}

int work_fail(lua_State *L, const struct failure *failure)
{
    int n = push_failure(L, failure);
    return sqlite_api->results(L, n);
}

int work_push(lua_State *L, struct conn *c, struct statement *st, const struct rows *rows,
              enum take take, bool is_more, struct cursor **cursor)
{
    char **names = statement_names(st);
    if (!names)
        return luaL_error(L, "out of memory");
    if (take == TAKE_ONE)
        rows_push_first(L, rows, names);
    else
        rows_push_list(L, rows, names, c->db->list_meta);
    if (!is_more)
        return 1;
    *cursor = cursor_push(L, c->db);
    cursor_attach(*cursor, c, st);
    return 2;
}

static int push_fetch(lua_State *L, struct job *j)
{
    if (j->cursor) { /* it is Lua's already */
        rows_push_list(L, &j->rows, statement_names(j->st), j->db->list_meta);
        lua_pushboolean(L, j->is_more);
        return 2;
    }
    struct cursor *cursor = NULL;
    int n = work_push(L, j->c, j->st, &j->rows, j->take, j->is_more, &cursor);
    if (cursor)
        j->st = NULL;
    return n;
}

static int push_exec(lua_State *L, struct job *j)
{
    lua_pushinteger(L, (lua_Integer)j->changes);
    lua_pushinteger(L, (lua_Integer)j->last_id);
    return 2;
}

static int push_control(lua_State *L, struct job *j)
{
    if (j->control == CONTROL_COMMIT || j->control == CONTROL_ROLLBACK)
        transaction_end(j->db);
    lua_pushboolean(L, 1);
    return 1;
}

static int finish(lua_State *L, void *arg)
{
    struct job *j = arg;
    j->is_finished = true;
    j->c->is_running = false;
    db_let_go(j->db); /* who goes on after this sees it */
    if (j->c == j->db->writer)
        transaction_check(j->db);
    if (j->failure.code != SQLITE_OK && j->control == CONTROL_BEGIN)
        transaction_end(j->db);
    if (j->failure.code != SQLITE_OK)
        return push_failure(L, &j->failure);
    return j->push(L, j);
}

static void interrupt(void *arg)
{
    sqlite3_interrupt(((struct job *)arg)->c->handle);
}

/* Whether a cursor has, or gives back, connection and statement. */
static bool is_cursors(const struct job *j)
{
    return j->cursor || (j->take == TAKE_BATCH && !j->st);
}

/* Breaking the transaction first ends its cursors. */
static void give_back(struct job *j)
{
    struct db *db = j->db;
    bool is_writer = j->c == db->writer;
    j->c->is_running = false;
    if (j->is_slow)
        db_end_slow(db);
    if (j->st && !j->cursor)
        statement_give(&j->c->cache, j->st);
    if (!j->is_finished && is_writer && db->tx.is_open)
        transaction_break(db);
    if (j->cursor) {
        j->cursor->wants_close |= !j->is_finished || !j->is_more || j->failure.code;
        cursor_end_run(j->cursor);
    }
    if (!is_cursors(j) || (is_writer && db->tx.is_abandoned))
        db_give(db, j->c);
}

static void release(void *arg)
{
    struct job *j = arg;
    give_back(j);
    db_give_rows(j->db, &j->rows);
    db_release(j->db);
    free(j->sql);
    free(j);
}

static const cflask_work work = {on_thread, finish, interrupt, release};

/* ---- making ---- */

static int offload(lua_State *L, const struct job *wanted, const char *sql, size_t n)
{
    struct job *j = malloc(sizeof *j);
    char *copy = j && sql ? malloc(n + 1) : NULL;
    if (!j || (sql && !copy)) {
        struct job lost = *wanted;
        lost.db = lost.c->db;
        free(j);
        give_back(&lost);
        return luaL_error(L, "out of memory");
    }
    *j = *wanted;
    j->db = db_share(j->c->db);
    j->sql = copy;
    j->n = n;
    if (copy) {
        memcpy(copy, sql, n);
        copy[n] = '\0';
    }
    db_let_go(j->db);
    j->c->is_running = true;
    return sqlite_api->offload(L, &work, j);
}

int work_offload_fetch(lua_State *L, struct conn *c, struct statement *st, enum take take,
                       struct cursor *cursor)
{
    struct job j = {.c = c, .st = st, .take = take, .cursor = cursor, .push = push_fetch};
    j.run = st->is_write ? run_write : run_fetch;
    j.is_slow = !cursor && c != c->db->writer;
    if (cursor)
        cursor->is_running = true;
    return offload(L, &j, NULL, 0);
}

int work_offload_exec(lua_State *L, struct conn *c, struct statement *st)
{
    const struct job j = {.c = c, .st = st, .run = run_exec, .push = push_exec};
    return offload(L, &j, NULL, 0);
}

int work_offload_script(lua_State *L, struct conn *c, const char *sql, size_t n)
{
    const struct job j = {.c = c, .run = run_script, .push = push_exec};
    return offload(L, &j, sql, n);
}

int work_offload_control(lua_State *L, struct conn *c, enum control control,
                         const char *sql)
{
    const struct job j = {
        .c = c, .run = run_control, .push = push_control, .control = control};
    return offload(L, &j, sql, strlen(sql));
}
