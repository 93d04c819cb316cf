/* Prepared statements: a table by text, the oldest leaves first. */
#include "sqlite_statement.h"

#include <stdlib.h>
#include <string.h>

/* ---- finding ---- */

static uint64_t hash_of(const char *p, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n, word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, p, n);
    h = (h ^ word) * 0xff51afd7ed558ccdu;
    return h ^ h >> 32;
}

static struct statement **bucket_of(struct statements *cache, uint64_t hash)
{
    return &cache->buckets[hash % STATEMENT_BUCKETS];
}

static struct statement *find(struct statements *cache, const char *sql, size_t n,
                              uint64_t hash)
{
    struct statement *st = *bucket_of(cache, hash);
    while (st && !(st->hash == hash && st->n == n && memcmp(st->sql, sql, n) == 0))
        st = st->next;
    return st;
}

/* ---- making ---- */

/* Whether nothing but blanks and comments is left. */
static bool is_blank(sqlite3 *db, const char *sql, const char *end)
{
    sqlite3_stmt *more = NULL;
    while (sql < end && strchr(" \t\r\n\f;", *sql))
        sql++;
    if (sql == end)
        return true;
    int code = sqlite3_prepare_v2(db, sql, (int)(end - sql), &more, NULL);
    bool is_more = more != NULL || code != SQLITE_OK;
    sqlite3_finalize(more);
    return !is_more;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, size_t n,
                             struct failure *failure)
{
    sqlite3_stmt *handle = NULL;
    const char *tail = NULL;
    if (n > 1000000) {
        failure_set(failure, SQLITE_TOOBIG,
                    "the statement has more than 1,000,000 bytes");
        return NULL;
    }
    int code =
        sqlite3_prepare_v3(db, sql, (int)n, SQLITE_PREPARE_PERSISTENT, &handle, &tail);
    if (code != SQLITE_OK)
        failure_note(failure, db, code);
    else if (!handle)
        failure_set(failure, SQLITE_ERROR, "there is no statement in this text");
    else if (!is_blank(db, tail, sql + n))
        failure_set(failure, FAILURE_MANY,
                    "there is more than one statement: db:exec takes several, without "
                    "parameters");
    else
        return handle;
    sqlite3_finalize(handle);
    return NULL;
}

static void free_statement(struct statement *st)
{
    sqlite3_finalize(st->handle);
    free(st->names);
    free(st->sql);
    free(st);
}

static struct statement *new_statement(sqlite3_stmt *handle, const char *sql, size_t n,
                                       uint64_t hash)
{
    struct statement *st = calloc(1, sizeof *st);
    char *copy = malloc(n + 1);
    if (!st || !copy) {
        free(st);
        free(copy);
        return NULL;
    }
    memcpy(copy, sql, n);
    copy[n] = '\0';
    *st = (struct statement){.handle = handle, .sql = copy, .n = n, .hash = hash};
    st->is_write = !sqlite3_stmt_readonly(handle);
    st->n_prepared = -1;
    return st;
}

/* ---- the cache ---- */

static void leave(struct statements *cache, struct statement *st)
{
    struct statement **at = bucket_of(cache, st->hash);
    while (*at != st)
        at = &(*at)->next;
    *at = st->next;
    TAILQ_REMOVE(&cache->by_age, st, age);
    cache->count--;
    st->is_cached = false;
}

/* One that is in use is freed when it is given back. */
static void drop_oldest(struct statements *cache)
{
    struct statement *st = TAILQ_LAST(&cache->by_age, statements_by_age);
    leave(cache, st);
    if (!st->is_taken)
        free_statement(st);
}

static void enter(struct statements *cache, struct statement *st)
{
    if (cache->count >= cache->most)
        drop_oldest(cache);
    struct statement **bucket = bucket_of(cache, st->hash);
    st->next = *bucket;
    *bucket = st;
    TAILQ_INSERT_HEAD(&cache->by_age, st, age);
    cache->count++;
    st->is_cached = true;
}

void statements_init(struct statements *cache, int most)
{
    *cache = (struct statements){.most = most};
    TAILQ_INIT(&cache->by_age);
}

void statements_free(struct statements *cache)
{
    while (cache->count)
        drop_oldest(cache);
}

struct statement *statement_take(struct statements *cache, sqlite3 *db, const char *sql,
                                 size_t n, struct failure *failure)
{
    uint64_t hash = hash_of(sql, n);
    struct statement *st = find(cache, sql, n, hash);
    bool is_free = st && !st->is_taken;
    if (is_free && TAILQ_FIRST(&cache->by_age) != st) {
        TAILQ_REMOVE(&cache->by_age, st, age);
        TAILQ_INSERT_HEAD(&cache->by_age, st, age);
    }
    if (!is_free) {
        bool is_known = st != NULL;
        sqlite3_stmt *handle = prepare(db, sql, n, failure);
        st = handle ? new_statement(handle, sql, n, hash) : NULL;
        if (!st && handle) {
            sqlite3_finalize(handle);
            failure_set(failure, SQLITE_NOMEM, "out of memory");
        }
        if (!st)
            return NULL;
        if (!is_known)
            enter(cache, st);
    }
    st->is_taken = true;
    return st;
}

void statement_give(struct statements *cache, struct statement *st)
{
    (void)cache;
    sqlite3_reset(st->handle);
    if (st->has_copies)
        sqlite3_clear_bindings(st->handle);
    st->has_copies = false;
    st->is_taken = false;
    if (!st->is_cached)
        free_statement(st);
}

/* ---- column names ---- */

static size_t size_of_names(sqlite3_stmt *handle, int n)
{
    size_t size = (size_t)n * sizeof(char *) + 1;
    for (int i = 0; i < n; i++) {
        const char *name = sqlite3_column_name(handle, i);
        size += name ? strlen(name) + 1 : 1;
    }
    return size;
}

static void copy_names(struct statement *st)
{
    char *to = (char *)(st->names + st->n_columns);
    for (int i = 0; i < st->n_columns; i++) {
        const char *name = sqlite3_column_name(st->handle, i);
        size_t n = name ? strlen(name) : 0;
        if (n)
            memcpy(to, name, n);
        to[n] = '\0';
        st->names[i] = to;
        to += n + 1;
    }
}

char **statement_names(struct statement *st)
{
    int n_prepared = sqlite3_stmt_status(st->handle, SQLITE_STMTSTATUS_REPREPARE, 0);
    if (st->n_prepared == n_prepared)
        return st->names;
    free(st->names);
    st->n_prepared = -1;
    st->n_columns = sqlite3_column_count(st->handle);
    st->names = malloc(size_of_names(st->handle, st->n_columns));
    if (!st->names)
        return NULL;
    copy_names(st);
    st->n_prepared = n_prepared;
    return st->names;
}
