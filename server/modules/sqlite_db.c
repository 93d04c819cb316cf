/* A database: its connections, and the tasks that wait for them. */
#include "sqlite_db.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double RESCUE = 0.02; /* seconds in which a woken task has to come */

/* ---- forks ---- */

static unsigned forks; /* of this process and those that it came from */

static void count_fork(void)
{
    forks++;
}

static void watch_forks(void)
{
    static bool is_watched;
    if (!is_watched)
        is_watched = pthread_atfork(NULL, NULL, count_fork) == 0;
}

/* ---- making ---- */

static void open_queue(struct queue *q)
{
    q->last = &q->first;
}

static void enter_all(struct db *db, struct conn *c)
{
    c->db = db;
    c->next_of_all = db->all;
    db->all = c;
}

static struct db *free_db(struct db *db)
{
    free((char *)db->options.path);
    free((char *)db->options.pragmas);
    rows_free(&db->spare);
    free(db);
    return NULL;
}

/* All threads of the server's pool (one for each processor, 2 to 4) but one. */
static int most_slow(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors > 4 ? 3 : processors < 2 ? 1 : (int)processors - 1;
}

struct db *db_open(const struct conn_options *options, struct failure *failure)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db) {
        failure_set(failure, SQLITE_NOMEM, "out of memory");
        return NULL;
    }
    watch_forks();
    db->n_users = 1;
    db->forks = forks;
    db->options = *options;
    db->options.path = strdup(options->path);
    db->options.pragmas = strdup(options->pragmas);
    db->is_single = !*options->path || strcmp(options->path, ":memory:") == 0;
    for (int i = 0; i < WAITS; i++)
        open_queue(&db->queues[i]);
    db->most_slow = most_slow();
    if (!db->options.path || !db->options.pragmas) {
        failure_set(failure, SQLITE_NOMEM, "out of memory");
        return free_db(db);
    }
    db->writer = conn_open(&db->options, failure);
    if (!db->writer)
        return free_db(db);
    enter_all(db, db->writer);
    return db;
}

struct db *db_share(struct db *db)
{
    db->n_users++;
    return db;
}

/* ---- holding a reader ---- */

void db_let_go(struct db *db)
{
    struct conn *c = db->held;
    if (!c)
        return;
    sqlite3_reset(c->hold);
    c->is_held = false;
    db->held = NULL;
}

static void on_turn(int what, void *arg)
{
    (void)what;
    db_let_go(arg);
}

/* 0, or -1: then nothing would end it. */
static int await_turn(struct db *db)
{
    if (db->turn)
        return sqlite_api->event_again(db->turn, 0);
    db->turn = sqlite_api->event_new(-1, 0, 0, on_turn, db);
    return db->turn ? 0 : -1;
}

static void hold(struct db *db, struct conn *c)
{
    static const char sql[] = "SELECT 1 FROM sqlite_schema UNION ALL SELECT 1";
    db_let_go(db);
    if (!c->hold)
        sqlite3_prepare_v3(c->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &c->hold, NULL);
    if (!c->hold || await_turn(db) < 0)
        return;
    db->held = c;
    c->is_held = true;
    if (sqlite3_step(c->hold) != SQLITE_ROW)
        db_let_go(db);
}

void db_hold(lua_State *L, struct db *db, struct conn *c)
{
    uint64_t number = sqlite_api->task_number(L, 0);
    if (c->is_held && c->task != number)
        db_let_go(db);
    if (!c->is_held && number && c->task == number)
        hold(db, c);
    c->task = number;
}

/* ---- closing ---- */

static void leave_all(struct db *db, struct conn *c)
{
    struct conn **at = &db->all;
    while (*at != c)
        at = &(*at)->next_of_all;
    *at = c->next_of_all;
}

static void close_one(struct db *db, struct conn *c)
{
    leave_all(db, c);
    if (c == db->writer)
        db->writer = NULL;
    else
        db->n_readers--;
    if (db->forks == forks) /* a parent's: its locks are not ours to give up */
        conn_close(c);
}

static void wake_next(struct queue *q);

void db_close(struct db *db)
{
    db->is_closed = true;
    db_let_go(db);
    while (db->idle) {
        struct conn *c = db->idle;
        db->idle = c->next;
        close_one(db, c);
    }
    if (db->writer && !db->is_writing)
        close_one(db, db->writer);
    for (int i = 0; i < WAITS; i++)
        wake_next(&db->queues[i]);
}

static void close_queue(struct queue *q)
{
    sqlite_api->event_free(q->rescue);
    q->rescue = NULL;
}

void db_release(struct db *db)
{
    if (--db->n_users > 0)
        return;
    db_close(db);
    while (db->all) {
        cursors_drop(db->all);
        close_one(db, db->all);
    }
    for (int i = 0; i < WAITS; i++)
        close_queue(&db->queues[i]);
    sqlite_api->event_free(db->turn);
    free_db(db);
}

/* ---- waiting for a connection ---- */

struct waiter {
    struct db *db;
    struct queue *queue;
    cflask_wait *wait;
    cflask_event *timer;
    uint64_t number;
    bool is_in_time, is_again;
    struct waiter *next;
};

/* Behind all others; who has waited before and comes again, before those who
   have not. */
static void enter_queue(struct waiter *w)
{
    struct queue *q = w->queue;
    struct waiter **at = q->last;
    if (w->is_again)
        for (at = &q->first; *at && (*at)->is_again;)
            at = &(*at)->next;
    w->next = *at;
    *at = w;
    if (q->last == at)
        q->last = &w->next;
    q->count++;
}

static void leave_queue(struct waiter *w)
{
    struct waiter **at = &w->queue->first;
    while (*at && *at != w)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = w->next;
    if (w->queue->last == &w->next)
        w->queue->last = at;
    w->queue->count--;
}

static void on_rescue(int what, void *arg)
{
    (void)what;
    struct queue *q = arg;
    close_queue(q);
    q->woken = 0;
    wake_next(q);
}

/* The turn of the first that waits. The task comes from the event loop; one
   that was ended in between never does. */
static void wake_next(struct queue *q)
{
    struct waiter *w = q->first;
    if (!w || q->woken)
        return;
    leave_queue(w);
    w->is_in_time = true;
    q->woken = w->number + 1;
    q->rescue = sqlite_api->event_new(-1, 0, RESCUE, on_rescue, q);
    if (!q->rescue)
        q->woken = 0; /* anybody's turn */
    sqlite_api->wake(w->wait);
}

static int finish_wait(lua_State *L, void *arg)
{
    const struct waiter *w = arg;
    lua_pushboolean(L, w->is_in_time);
    return 1;
}

static void cancel_wait(void *arg)
{
    leave_queue(arg);
}

static void release_wait(void *arg)
{
    struct waiter *w = arg;
    sqlite_api->event_free(w->timer);
    db_release(w->db);
    free(w);
}

static void on_time(int what, void *arg)
{
    (void)what;
    struct waiter *w = arg;
    leave_queue(w);
    sqlite_api->wake(w->wait);
}

static const cflask_waiting waiting = {finish_wait, cancel_wait, release_wait};

static bool is_free(const struct db *db, enum wait what)
{
    switch (what) {
    case WAIT_READER:
        return db->idle || db->n_readers < db->most_readers;
    case WAIT_WRITER:
        return !db->is_writing;
    default:
        return db->n_slow < db->most_slow;
    }
}

int db_wait(lua_State *L, struct db *db, enum wait what, double seconds, bool is_again)
{
    struct queue *q = &db->queues[what];
    if (q->count >= db->most_waiting && !is_again) {
        lua_pushnil(L);
        lua_pushfstring(L, "%d others wait for the connection", q->count);
        return sqlite_api->results(L, 2);
    }
    struct waiter *w = calloc(1, sizeof *w);
    if (!w)
        return luaL_error(L, "out of memory");
    w->db = db_share(db);
    w->queue = q;
    w->is_again = is_again;
    w->number = sqlite_api->task_number(L, 0);
    w->wait = sqlite_api->wait_new(L, &waiting, w);
    w->timer = sqlite_api->event_new(-1, 0, seconds, on_time, w);
    if (w->timer)
        enter_queue(w);
    else
        sqlite_api->wake(w->wait);
    if (is_free(db, what)) /* since it was asked for: nobody else would wake it */
        wake_next(q);
    return sqlite_api->park(L, w->wait);
}

/* ---- taking ---- */

static bool is_its_turn(lua_State *L, struct queue *q)
{
    if (!q->woken)
        return !q->first;
    if (q->woken != sqlite_api->task_number(L, 0) + 1)
        return false;
    close_queue(q);
    q->woken = 0;
    return true;
}

static bool can_be_used(struct db *db, struct failure *failure)
{
    if (db->is_closed)
        failure_set(failure, SQLITE_MISUSE, "the database has been closed");
    else if (db->forks != forks)
        failure_set(failure, SQLITE_MISUSE,
                    "the database was opened before a fork: open it in this process");
    else
        return true;
    return false;
}

/* Of a database with a transaction: its connection, when the task is in it. */
static enum taken take_in_transaction(lua_State *L, struct db *db, struct conn **c,
                                      struct failure *failure)
{
    if (!transaction_is_mine(L, db)) {
        if (!transaction_waits_for(L, db))
            return TAKE_LATER;
        failure_set(failure, SQLITE_MISUSE,
                    "the transaction that waits for this task has the database: "
                    "do this in the transaction's own task, or before it or after it");
        return TAKE_FAILED;
    }
    *c = db->writer;
    if (db->tx.is_broken)
        failure_set(failure, SQLITE_ABORT_ROLLBACK,
                    "an earlier error has rolled the transaction back");
    else if ((*c)->is_running)
        failure_set(failure, SQLITE_MISUSE, "another statement of this transaction runs");
    else
        return TAKEN;
    return TAKE_FAILED;
}

enum taken db_take_writer(lua_State *L, struct db *db, struct conn **c,
                          struct failure *failure)
{
    if (!can_be_used(db, failure))
        return TAKE_FAILED;
    if (db->tx.is_open)
        return take_in_transaction(L, db, c, failure);
    if (db->is_writing || !is_its_turn(L, &db->queues[WAIT_WRITER]))
        return TAKE_LATER;
    db->is_writing = true;
    *c = db->writer;
    return TAKEN;
}

static struct conn *open_reader(struct db *db, struct failure *failure)
{
    struct conn_options options = db->options;
    options.is_reader = true;
    struct conn *c = conn_open(&options, failure);
    if (!c)
        return NULL;
    enter_all(db, c);
    db->n_readers++;
    return c;
}

enum taken db_take_reader(lua_State *L, struct db *db, struct conn **c,
                          struct failure *failure)
{
    if (db->tx.is_open) {
        enum taken taken = can_be_used(db, failure)
                               ? take_in_transaction(L, db, c, failure)
                               : TAKE_FAILED;
        if (taken != TAKE_LATER)
            return taken;
    }
    if (db->is_single)
        return db_take_writer(L, db, c, failure);
    if (!can_be_used(db, failure))
        return TAKE_FAILED;
    if ((!db->idle && db->n_readers >= db->most_readers) ||
        !is_its_turn(L, &db->queues[WAIT_READER]))
        return TAKE_LATER;
    *c = db->idle;
    if (*c)
        db->idle = (*c)->next;
    else
        *c = open_reader(db, failure);
    if (db->idle)
        wake_next(&db->queues[WAIT_READER]);
    return *c ? TAKEN : TAKE_FAILED;
}

void db_give(struct db *db, struct conn *c)
{
    if (c == db->writer) {
        if (db->tx.is_open && db->tx.is_abandoned)
            transaction_end(db);
        if (db->tx.is_open)
            return;
        db->is_writing = false;
    }
    if (db->is_closed) {
        close_one(db, c);
        return;
    }
    if (c != db->writer) {
        c->next = db->idle;
        db->idle = c;
    }
    wake_next(&db->queues[c == db->writer ? WAIT_WRITER : WAIT_READER]);
}

/* ---- threads ---- */

bool db_begin_slow(lua_State *L, struct db *db)
{
    if (db->n_slow >= db->most_slow || !is_its_turn(L, &db->queues[WAIT_THREAD]))
        return false;
    db->n_slow++;
    if (db->n_slow < db->most_slow)
        wake_next(&db->queues[WAIT_THREAD]);
    return true;
}

void db_end_slow(struct db *db)
{
    db->n_slow--;
    wake_next(&db->queues[WAIT_THREAD]);
}

/* ---- memory for results ---- */

struct rows db_take_rows(struct db *db)
{
    struct rows rows = db->spare;
    db->spare = (struct rows){NULL, 0, 0, 0, 0};
    return rows;
}

void db_give_rows(struct db *db, struct rows *rows)
{
    rows_clear(rows);
    if (db->spare.p)
        rows_free(rows);
    else
        db->spare = *rows;
}
