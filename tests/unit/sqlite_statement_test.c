/* Prepared statements: found again, prepared anew while in use; the oldest leaves. */
#include "modules/sqlite_statement.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static sqlite3 *db;
static struct statements cache;
static struct failure failure;

static int open_cache(void **state)
{
    (void)state;
    failure = (struct failure){0};
    statements_init(&cache, 3);
    return sqlite3_open(":memory:", &db);
}

static int close_cache(void **state)
{
    (void)state;
    statements_free(&cache);
    return sqlite3_close(db); /* SQLITE_BUSY where a statement is left */
}

static struct statement *take(const char *sql)
{
    return statement_take(&cache, db, sql, strlen(sql), &failure);
}

static sqlite3_stmt *once(const char *sql)
{
    struct statement *st = take(sql);
    sqlite3_stmt *handle = st->handle;
    statement_give(&cache, st);
    return handle;
}

static void test_found_again(void **state)
{
    (void)state;
    sqlite3_stmt *first = once("SELECT 1");
    assert_ptr_equal(once("SELECT 1"), first);
    once("SELECT 2");
    once("SELECT 3");
    assert_ptr_equal(once("SELECT 1"), first);
    assert_int_equal(cache.count, 3);
}

static void test_oldest_leaves(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        char sql[32];
        snprintf(sql, sizeof sql, "SELECT %d", i % 7);
        once(sql);
        assert_true(cache.count <= 3);
    }
    once("SELECT 0"), once("SELECT 1"), once("SELECT 2");
    once("SELECT 0"); /* the oldest is 1 now */
    once("SELECT 3");
    assert_null(find(&cache, "SELECT 1", 8, hash_of("SELECT 1", 8)));
    assert_non_null(find(&cache, "SELECT 0", 8, hash_of("SELECT 0", 8)));
}

static void test_in_use(void **state)
{
    (void)state;
    struct statement *a = take("SELECT 1"), *b = take("SELECT 1");
    assert_ptr_not_equal(a, b);
    assert_int_equal(cache.count, 1);
    once("SELECT 2"), once("SELECT 3"), once("SELECT 4"); /* a leaves the cache, in use */
    assert_int_equal(sqlite3_step(a->handle), SQLITE_ROW);
    statement_give(&cache, a);
    statement_give(&cache, b);
    assert_int_equal(cache.count, 3);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "-- no", "SELEC", "SELECT 1; SELECT 2", "SELECT 1; SELEC"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_null(take(texts[i]));
        assert_int_equal(failure.code & 0xff, SQLITE_ERROR);
    }
    assert_string_equal(failure_name(failure.code), "SQLITE_ERROR");
    statement_give(&cache, take("SELECT 1; -- no more\n/* at all */ ; "));
}

static void test_names(void **state)
{
    (void)state;
    sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL);
    struct statement *st = take("SELECT * FROM t");
    sqlite3_step(st->handle);
    assert_string_equal(statement_names(st)[0], "a");
    char **names = st->names;
    assert_ptr_equal(statement_names(st), names);
    statement_give(&cache, st);
    sqlite3_exec(db, "ALTER TABLE t ADD COLUMN bb", NULL, NULL, NULL);
    assert_ptr_equal(take("SELECT * FROM t"), st);
    sqlite3_step(st->handle);
    assert_string_equal(statement_names(st)[1], "bb");
    assert_int_equal(st->n_columns, 2);
    statement_give(&cache, st);
}

static void test_failure_names(void **state)
{
    (void)state;
    assert_string_equal(failure_name(SQLITE_CONSTRAINT_UNIQUE),
                        "SQLITE_CONSTRAINT_UNIQUE");
    assert_string_equal(failure_name(SQLITE_IOERR | 77 << 8), "SQLITE_IOERR");
    assert_string_equal(failure_name(77), "SQLITE_ERROR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_found_again, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_oldest_leaves, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_in_use, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_refused, open_cache, close_cache),
        cmocka_unit_test_setup_teardown(test_names, open_cache, close_cache),
        cmocka_unit_test(test_failure_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
