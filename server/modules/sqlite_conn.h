/* A connection to a database: its settings, and how long it may take. */
#ifndef SQLITE_CONN_H
#define SQLITE_CONN_H

#include "../cflask.h"
#include "sqlite_statement.h"

struct db;
struct cursor;

struct conn {
    sqlite3 *handle;
    struct db *db;
    struct statements cache;
    bool is_writer;
    bool is_running;   /* a thread uses it: the loop keeps its hands off */
    struct conn *next; /* idle, or in the list of all */
    struct conn *next_of_all;
    struct cursor *cursors; /* that stand in a statement of its */

    /* A statement in which the connection stands so that those of one task need
       not each lock the database anew: see db_hold. */
    sqlite3_stmt *hold;
    bool is_held;
    uint64_t task; /* that queried it last */

    /* For one run of a statement. */
    bool is_trusted;       /* may BEGIN, COMMIT and the like */
    bool is_vacuum;        /* VACUUM, which begins and attaches by itself */
    const cflask_job *job; /* the thread's, which may be cancelled */
    int64_t deadline;      /* on the loop: interrupted after that; 0: never */
    bool is_slow;          /* it was */
    int64_t busy_until;    /* waits for other processes' locks until then; 0: not */
};

struct conn_options {
    const char *path;
    bool is_readonly;    /* the database can't be written at all */
    bool is_reader;      /* this connection writes nothing */
    int statements;      /* how many it keeps prepared */
    const char *pragmas; /* SQL that is run first */
    double timeout;      /* seconds to wait for locks */
};

extern const cflask_api *sqlite_api;

/* Opened, or NULL: *failure tells. */
struct conn *conn_open(const struct conn_options *options, struct failure *failure);
void conn_close(struct conn *c);

/* Begins a run: on the loop, where `seconds` is how long it may take (0: as
   long as it likes); or on a thread, for a job. conn_end ends it. */
void conn_begin(struct conn *c, const cflask_job *job, double seconds, double timeout);
void conn_end(struct conn *c);

/* Runs SQL of ours, which may begin and end transactions. A code. */
int conn_run(struct conn *c, const char *sql, struct failure *failure);

/* Nanoseconds that only grow. */
int64_t sqlite_now(void);

#endif
