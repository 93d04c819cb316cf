/* A connection to a database: its settings, and how long it may take. */
#include "sqlite_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { STEPS = 400 }; /* of SQLite's machine, between two looks at the clock */

const cflask_api *sqlite_api;

int64_t sqlite_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- what SQLite asks ---- */

/* Each STEPS: 1 interrupts. */
static int on_progress(void *arg)
{
    struct conn *c = arg;
    if (c->job)
        return sqlite_api->is_cancelled(c->job);
    if (c->deadline == 0 || sqlite_now() < c->deadline)
        return 0;
    c->is_slow = true;
    return 1;
}

/* Another process has the lock: 1 tries again. */
static int on_busy(void *arg, int n)
{
    struct conn *c = arg;
    if (sqlite_now() >= c->busy_until || (c->job && sqlite_api->is_cancelled(c->job)))
        return 0;
    long ms = n < 4 ? 1 : n < 20 ? 5 : 20;
    const struct timespec pause = {0, ms * 1000000};
    nanosleep(&pause, NULL);
    return 1;
}

/* Pragmas that set nothing for the connection; others belong to all connections
 * alike. */
static bool is_harmless(const char *pragma)
{
    static const char *const names[] = {
        "table_info",      "table_xinfo",  "table_list",         "index_info",
        "index_xinfo",     "index_list",   "foreign_key_list",   "foreign_key_check",
        "integrity_check", "quick_check",  "incremental_vacuum", "wal_checkpoint",
        "optimize",        "user_version", "application_id",     "defer_foreign_keys"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(pragma, names[i]) == 0)
            return true;
    return false;
}

static int on_authorize(void *arg, int action, const char *a, const char *b,
                        const char *schema, const char *trigger)
{
    (void)schema, (void)trigger;
    const struct conn *c = arg;
    if (c->is_trusted || c->is_vacuum)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return SQLITE_DENY;
    case SQLITE_PRAGMA:
        return !b || is_harmless(a) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_OK;
    }
}

/* ---- runs ---- */

void conn_begin(struct conn *c, const cflask_job *job, double seconds, double timeout)
{
    int64_t now = sqlite_now();
    c->job = job;
    c->is_slow = false;
    c->deadline = seconds > 0 ? now + (int64_t)(seconds * 1e9) : 0;
    c->busy_until = timeout > 0 ? now + (int64_t)(timeout * 1e9) : 0;
}

void conn_end(struct conn *c)
{
    c->job = NULL;
    c->deadline = 0;
    c->is_vacuum = false;
}

int conn_run(struct conn *c, const char *sql, struct failure *failure)
{
    bool was_trusted = c->is_trusted;
    c->is_trusted = true;
    int code = sqlite3_exec(c->handle, sql, NULL, NULL, NULL);
    c->is_trusted = was_trusted;
    if (code != SQLITE_OK && failure)
        failure_note(failure, c->handle, code);
    return code;
}

/* ---- opening ---- */

static int open_handle(struct conn *c, const struct conn_options *options)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= options->is_readonly ? SQLITE_OPEN_READONLY
                                  : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    return sqlite3_open_v2(options->path, &c->handle, flags, NULL);
}

/* SQLite has one text for all that the system may have against it. */
static void note_unopened(struct failure *failure, sqlite3 *db, int code,
                          bool is_readonly)
{
    int reason = sqlite3_system_errno(db);
    failure_note(failure, db, code);
    if ((code & 0xff) == SQLITE_CANTOPEN && reason)
        failure_set(failure, failure->code, "unable to open database file (%s)",
                    reason == ENOENT && !is_readonly ? "its folder is missing"
                                                     : strerror(reason));
}

static int set_up(struct conn *c, const struct conn_options *options,
                  struct failure *failure)
{
    sqlite3_progress_handler(c->handle, STEPS, on_progress, c);
    sqlite3_busy_handler(c->handle, on_busy, c);
    conn_begin(c, NULL, 0, options->timeout);
    int code = SQLITE_OK;
    if (!options->is_readonly && !options->is_reader)
        code = conn_run(c, "PRAGMA journal_mode = WAL", failure);
    if (code == SQLITE_OK)
        code = conn_run(c, "PRAGMA foreign_keys = ON", failure);
    if (code == SQLITE_OK)
        code = conn_run(c, options->pragmas, failure);
    if (code == SQLITE_OK && options->is_reader)
        code = conn_run(c, "PRAGMA query_only = ON", failure);
    if (code == SQLITE_OK)
        code = conn_run(c, "SELECT count(*) FROM sqlite_schema", failure);
    conn_end(c);
    sqlite3_set_authorizer(c->handle, on_authorize, c);
    return code;
}

struct conn *conn_open(const struct conn_options *options, struct failure *failure)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        failure_set(failure, SQLITE_NOMEM, "out of memory");
        return NULL;
    }
    statements_init(&c->cache, options->statements);
    c->is_writer = !options->is_reader;
    int code = open_handle(c, options);
    if (code != SQLITE_OK)
        note_unopened(failure, c->handle, code, options->is_readonly);
    else
        code = set_up(c, options, failure);
    if (code == SQLITE_OK)
        return c;
    conn_close(c);
    return NULL;
}

void conn_close(struct conn *c)
{
    sqlite3_finalize(c->hold);
    statements_free(&c->cache);
    sqlite3_close_v2(c->handle);
    free(c);
}
