/* Prepared statements: each connection keeps those that it used last. */
#ifndef SQLITE_STATEMENT_H
#define SQLITE_STATEMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* What went wrong: SQLite's extended code, and a text. code 0: nothing. */
struct failure {
    int code;
    char text[400];
    size_t from, to; /* of a script: the statement's place in it; else 0, 0 */
};

struct statement {
    sqlite3_stmt *handle;
    char *sql;
    size_t n;
    uint64_t hash;
    bool is_write;   /* what it does is for the connection that writes */
    bool is_taken;   /* somebody is between statement_take and statement_give */
    bool is_cached;  /* else it is freed when it is given back */
    bool has_copies; /* bindings that SQLite has copied */
    unsigned n_slow; /* so many of the next runs go to a thread at once */
    int n_columns;
    int n_prepared;         /* for which preparation `names` holds */
    char **names;           /* of the columns; one block */
    struct statement *next; /* in its bucket */
    TAILQ_ENTRY(statement) age;
};

/* A code of ours: several statements in a text that should have one. */
enum { FAILURE_MANY = SQLITE_ERROR | 99 << 8 };

enum { STATEMENT_BUCKETS = 64 };

struct statements {
    struct statement *buckets[STATEMENT_BUCKETS];
    TAILQ_HEAD(statements_by_age, statement)
    by_age; /* the one used last is first */
    int count, most;
};

void statements_init(struct statements *cache, int most);

/* Finalizes all. None may be in use any more. */
void statements_free(struct statements *cache);

/* The statement for that text, prepared or found; NULL: *failure tells. The
   text must be one statement. It is the caller's until statement_give. */
struct statement *statement_take(struct statements *cache, sqlite3 *db, const char *sql,
                                 size_t n, struct failure *failure);

/* Resets it and keeps it for the next. */
void statement_give(struct statements *cache, struct statement *st);

/* The names of its columns, which may have changed with the schema: ask after
   the first step. NULL when memory is out. */
char **statement_names(struct statement *st);

/* Notes the connection's last error in *failure, with `code` unless that is
 * generic. */
void failure_note(struct failure *failure, sqlite3 *db, int code);
void failure_set(struct failure *failure, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "SQLITE_CONSTRAINT_UNIQUE" of an extended code. */
const char *failure_name(int code);

#endif
