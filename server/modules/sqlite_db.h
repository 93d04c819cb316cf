/* A database: one connection that writes, a few that read, and who waits for
 * them. */
#ifndef SQLITE_DB_H
#define SQLITE_DB_H

#include "sqlite_conn.h"
#include "sqlite_rows.h"

struct waiter;

struct queue {
    struct waiter *first, **last;
    int count;
    uint64_t woken;       /* the number of the task, plus one, whose turn it is; 0:
                             nobody's */
    cflask_event *rescue; /* gives the turn to the next when that task never comes */
};

/* What a task waits for. */
enum wait { WAIT_READER, WAIT_WRITER, WAIT_THREAD, WAITS };

/* The transaction on the writing connection. */
struct transaction {
    bool is_open;
    uint64_t owner;    /* the task's number; 0: outside of any */
    unsigned serial;   /* tells this one from those before */
    bool is_broken;    /* an error has rolled it back: only its end is left to come */
    bool is_abandoned; /* its end came while a thread was in the connection */
    bool has_no_keys;  /* foreign keys are off in it */
};

struct db {
    int n_users; /* Lua's handle, jobs, cursors */
    struct conn_options options;
    bool is_single; /* in memory: the writer reads as well */
    bool is_closed;
    int list_meta; /* see rows_push_list */
    unsigned forks;
    struct conn *writer;
    bool is_writing; /* the writer is taken */
    struct conn *idle, *all;
    int n_readers, most_readers, most_waiting;
    struct queue queues[WAITS];
    int n_slow, most_slow; /* reads on threads */
    struct transaction tx;
    struct conn *held;  /* the reader that is held, or NULL */
    cflask_event *turn; /* ends that when the event loop turns */
    struct rows spare;  /* memory for the next result */
};

enum taken {
    TAKEN,      /* *c is the caller's until db_give */
    TAKE_LATER, /* db_wait first */
    TAKE_FAILED /* *failure tells */
};

/* NULL: *failure tells. The options' texts are copied. */
struct db *db_open(const struct conn_options *options, struct failure *failure);
struct db *db_share(struct db *db);
void db_release(struct db *db);

/* Closes what nobody uses; what is in use is closed when it is given back. */
void db_close(struct db *db);

/* A connection for the calling task: its transaction's, when it is in one. */
enum taken db_take_reader(lua_State *L, struct db *db, struct conn **c,
                          struct failure *failure);
enum taken db_take_writer(lua_State *L, struct db *db, struct conn **c,
                          struct failure *failure);

/* Gives it back; one that has a transaction stays its. */
void db_give(struct db *db, struct conn *c);

/* The task is about to query the reader on the loop. From its second query on
   the reader is held in one transaction, until the task waits, the event loop
   turns, or another task comes: SQLite's three system calls for each are
   spared. Nobody sees what is older than the beginning of its own request. */
void db_hold(lua_State *L, struct db *db, struct conn *c);
void db_let_go(struct db *db);

/* Whether a read may go to a thread: one of the pool's is left for writes,
   whatever is slow. db_end_slow when it is out of it. */
bool db_begin_slow(lua_State *L, struct db *db);
void db_end_slow(struct db *db);

/* Lua: (db, what, seconds, is_again) -> true: try again; false: the time is over;
   or nil and a text, when too many wait. `is_again`: it has waited for this before,
   and keeps its place. */
int db_wait(lua_State *L, struct db *db, enum wait what, double seconds, bool is_again);

/* The rows' memory for one result, and its return. */
struct rows db_take_rows(struct db *db);
void db_give_rows(struct db *db, struct rows *rows);

/* ---- transactions: sqlite_transaction.c ---- */

/* Whether the calling task is in the transaction. */
bool transaction_is_mine(lua_State *L, const struct db *db);

/* Whether the transaction's task waits for the calling one. */
bool transaction_waits_for(lua_State *L, const struct db *db);

/* After each run in it: an error may have rolled it back. */
void transaction_check(struct db *db);

/* Its work will never be finished: rolls it back; its end is still to come. */
void transaction_break(struct db *db);

/* It is over: rolled back if it was not committed. The connection can be given
 * back. */
void transaction_end(struct db *db);

/* Lua's end of it: at once, or when the thread is out of the connection. */
void transaction_abandon(struct db *db, unsigned serial);

/* ---- cursors: sqlite_cursor.c ---- */

/* Their statements are given back: what stands in them ends with an error. */
void cursors_drop(struct conn *c);

#endif
