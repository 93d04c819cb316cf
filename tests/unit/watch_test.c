/* What counts as a change of the files that are watched, and how often. */
#include "watch.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

static char folder[] = "/tmp/watch_test-XXXXXX";
static struct event_base *base;
static struct watch *w;
static int n_changes;

static void count(void *arg)
{
    (void)arg;
    n_changes++;
    event_base_loopbreak(base);
}

/* Runs the loop until something has changed, or for so many ms: how often it has. */
static int changes(int ms)
{
    const struct timeval most = {ms / 1000, ms % 1000 * 1000};
    n_changes = 0;
    event_base_loopexit(base, &most);
    event_base_loop(base, 0);
    return n_changes;
}

static const char *path_of(const char *name)
{
    static char path[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static void save(const char *name)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs("text", file);
    fclose(file);
}

static void watch_names(const char *first, const char *second)
{
    char list[500];
    int n = snprintf(list, sizeof list, "%c%s%c", *first, path_of(first + 2), 0);
    if (second)
        n += snprintf(list + n, sizeof list - (size_t)n, "%c%s%c", *second,
                      path_of(second + 2), 0);
    assert_true(watch_set(w, (struct str){list, (size_t)n}, 1e18));
}

static int open_watch(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    base = event_base_new();
    w = watch_new(base, count, NULL);
    return mkdtemp(folder) && w ? 0 : -1;
}

static int close_watch(void **state)
{
    char command[100];
    (void)state;
    watch_free(w);
    event_base_free(base);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void counts_a_burst_once(void **state)
{
    (void)state;
    watch_names("f a", "f b");
    for (int i = 0; i < 50; i++) {
        save("a");
        save("b");
    }
    assert_int_equal(changes(60000), 1);
    assert_int_equal(changes(300), 0);
    save("a");
    assert_int_equal(changes(60000), 1);
}

static void sees_renames_and_deletions(void **state)
{
    (void)state;
    save("a");
    watch_names("f a", NULL);
    save("new");
    assert_int_equal(changes(300), 0);
    rename(path_of("new"), path_of("a"));
    assert_int_equal(changes(60000), 1);
    unlink(path_of("a"));
    assert_int_equal(changes(60000), 1);
    save("a");
    assert_int_equal(changes(60000), 1);
}

static void sees_what_comes_in_a_folder_that_was_missing(void **state)
{
    (void)state;
    watch_names("f x/y/a", NULL);
    mkdir(path_of("x"), 0700);
    assert_int_equal(changes(60000), 1);
    watch_names("f x/y/a", NULL);
    mkdir(path_of("x/y"), 0700);
    assert_int_equal(changes(60000), 1);
    watch_names("f x/y/a", NULL);
    save("x/y/a");
    assert_int_equal(changes(60000), 1);
}

static void sees_all_below_a_folder_but_what_editors_leave(void **state)
{
    (void)state;
    mkdir(path_of("t"), 0700);
    mkdir(path_of("t/deep"), 0700);
    watch_names("d t", NULL);
    save("t/deep/page.html");
    assert_int_equal(changes(60000), 1);
    save("t/.page.html.swp");
    save("t/page.html~");
    save("t/4913");
    save("beside");
    assert_int_equal(changes(300), 0);
}

static void follows_links(void **state)
{
    (void)state;
    mkdir(path_of("real"), 0700);
    save("real/a");
    assert_int_equal(symlink(path_of("real/a"), path_of("link")), 0);
    watch_names("f link", NULL);
    save("real/a");
    assert_int_equal(changes(60000), 1);
}

static void forgets_what_is_not_named_any_more(void **state)
{
    (void)state;
    mkdir(path_of("x"), 0700);
    watch_names("f x/a", NULL);
    watch_names("f b", NULL);
    save("x/a");
    assert_int_equal(changes(300), 0);
    save("b");
    assert_int_equal(changes(60000), 1);
}

static void looks_back_at_files_that_are_new_to_it(void **state)
{
    char list[300];
    (void)state;
    save("a");
    int n = snprintf(list, sizeof list, "f%s%c", path_of("a"), 0);
    watch_set(w, (struct str){list, (size_t)n}, 0); /* it has changed since 1970 */
    assert_int_equal(changes(60000), 1);
    watch_set(w, (struct str){list, (size_t)n}, 0);
    assert_int_equal(changes(300), 0);
}

static void goes_on_with_what_fits_its_limits(void **state)
{
    static char list[(MOST_NAMES + 10) * 60];
    size_t n = 0;
    (void)state;
    for (int i = 0; i <= MOST_NAMES; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "f%s/file-%d%c", folder, i, 0);
    assert_false(watch_set(w, (struct str){list, n}, 1e18));
    save("file-1");
    assert_int_equal(changes(60000), 1);
}

static void is_not_made_where_the_system_has_none_left(void **state)
{
    struct rlimit old, none = {3, 3};
    (void)state;
    getrlimit(RLIMIT_NOFILE, &old);
    none.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    assert_null(watch_new(base, count, NULL));
    assert_int_equal(errno, EMFILE);
    setrlimit(RLIMIT_NOFILE, &old);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, open_watch, close_watch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_a_burst_once),
        TEST(sees_renames_and_deletions),
        TEST(sees_what_comes_in_a_folder_that_was_missing),
        TEST(sees_all_below_a_folder_but_what_editors_leave),
        TEST(follows_links),
        TEST(forgets_what_is_not_named_any_more),
        TEST(goes_on_with_what_fits_its_limits),
        TEST(is_not_made_where_the_system_has_none_left),
        TEST(looks_back_at_files_that_are_new_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
