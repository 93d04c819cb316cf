/* Statements that run: on the loop while they are quick, else on a thread. */
#ifndef SQLITE_WORK_H
#define SQLITE_WORK_H

#include "sqlite_db.h"

enum take {
    TAKE_ALL,  /* a list of all rows */
    TAKE_ONE,  /* the first row */
    TAKE_BATCH /* some rows, and where to go on */
};

/* Steps on, adding to *rows what `take` takes; *is_more: there may be more
   rows. A code: SQLITE_OK or an error's. On the loop or on a thread, between
   conn_begin and conn_end.
 */
int work_fetch(struct statement *st, struct rows *rows, enum take take, bool *is_more);

/* Pushes what a fetch has brought, a cursor behind it when there may be more:
   then *cursor is that, which has the connection and the statement now. Returns
   the number. Raises when memory is out. */
int work_push(lua_State *L, struct conn *c, struct statement *st, const struct rows *rows,
              enum take take, bool is_more, struct cursor **cursor);

/* The same as a job on a thread: `return work_offload_...(L, ...)`. All take
   the connection and the statement, and give them back. */
int work_offload_fetch(lua_State *L, struct conn *c, struct statement *st, enum take take,
                       struct cursor *cursor);
int work_offload_exec(lua_State *L, struct conn *c, struct statement *st);

/* Several statements, in a transaction of their own or in a savepoint. */
int work_offload_script(lua_State *L, struct conn *c, const char *sql, size_t n);

/* BEGIN, COMMIT and the like. The transaction is open from the beginning of
 * BEGIN on. */
enum control { CONTROL_OTHER, CONTROL_BEGIN, CONTROL_COMMIT, CONTROL_ROLLBACK };
int work_offload_control(lua_State *L, struct conn *c, enum control control,
                         const char *sql);

/* Pushes false, the code's name, the text, and the place in a script: `return
   work_fail(L, ...)`. */
int work_fail(lua_State *L, const struct failure *failure);

/* ---- cursors: sqlite_cursor.c ---- */

struct cursor {
    struct db *db;
    struct conn *c; /* NULL: it is over */
    struct statement *st;
    bool is_running;  /* a thread is in it */
    bool wants_close; /* when the thread is out of it */
    bool is_lost;     /* by Lua, likewise */
    struct cursor *next;
};

/* Pushes a cursor without a connection, for cursor_attach. Raises when memory
 * is out. */
struct cursor *cursor_push(lua_State *L, struct db *db);
void cursor_attach(struct cursor *cursor, struct conn *c, struct statement *st);

/* A thread is out of it. */
void cursor_end_run(struct cursor *cursor);

/* Gives back what it has. */
void cursor_close(struct cursor *cursor);

/* Lua: more(cursor) -> a list, and the cursor again when there may be more; or
   what work_fail gives. */
int cursor_more_lua(lua_State *L);

/* Sets up the metatable. */
void cursor_open(lua_State *L);

#endif
