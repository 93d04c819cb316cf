#include <stdint.h>
#include <time.h>

/* The time stands still unless a test moves it. */
static uint64_t test_time = 1000000000000u;

static int test_clock(clockid_t id, struct timespec *t)
{
    (void)id;
    t->tv_sec = (time_t)(test_time / 1000000000u);
    t->tv_nsec = (long)(test_time % 1000000000u);
    return 0;
}

#define clock_gettime test_clock
#include "limiter.c"
#undef clock_gettime

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000u

static const struct limiter_rate five_a_minute = {5, 12ull * SECOND};
static const struct limiter_rate one_a_second = {1, SECOND};

/* A fresh table of so many buckets. */
static void open_table(uint64_t n_buckets)
{
    if (table)
        munmap(table, size_of(table->most_sets));
    assert_int_equal(limiter_open_shared(), 0);
    limiter_set_size(n_buckets);
}

static uint64_t bucket_of(const char *key, const struct limiter_rate *rate)
{
    return limiter_bucket(limiter_space(STR("space")), str_from(key), rate);
}

static bool takes(const char *key, const struct limiter_rate *rate,
                  struct limiter_verdict *v)
{
    uint64_t bucket = bucket_of(key, rate);
    return limiter_take(&bucket, rate, 1, v);
}

static void empties_and_fills(void **state)
{
    (void)state;
    struct limiter_verdict v;
    open_table(64);
    for (uint64_t i = 1; i <= 5; i++) {
        assert_true(takes("ann", &five_a_minute, &v));
        assert_int_equal(v.left, 5 - i);
        assert_int_equal(v.full_in, i * 12 * SECOND);
        assert_int_equal(v.retry_in, 0);
    }
    assert_false(takes("ann", &five_a_minute, &v));
    assert_int_equal(v.left, 0);
    assert_int_equal(v.full_in, 60ull * SECOND);
    assert_int_equal(v.retry_in, 12ull * SECOND);
    assert_true(takes("ben", &five_a_minute, &v));
    test_time += 12ull * SECOND - 1;
    assert_false(takes("ann", &five_a_minute, &v));
    assert_int_equal(v.retry_in, 1);
    test_time += 1;
    assert_true(takes("ann", &five_a_minute, &v));
    assert_false(takes("ann", &five_a_minute, &v));
    test_time += 3600ull * SECOND;
    assert_true(takes("ann", &five_a_minute, &v));
    assert_int_equal(v.left, 4);
}

static void takes_of_all_rates_or_of_none(void **state)
{
    (void)state;
    open_table(64);
    const struct limiter_rate rates[] = {one_a_second, five_a_minute};
    struct limiter_verdict v[2];
    uint64_t buckets[] = {bucket_of("ann", &rates[0]), bucket_of("ann", &rates[1])};
    assert_true(limiter_take(buckets, rates, 2, v));
    assert_int_equal(v[1].left, 4);
    for (int i = 0; i < 10; i++) {
        assert_false(limiter_take(buckets, rates, 2, v));
        assert_int_equal(v[0].retry_in, SECOND);
        assert_int_equal(v[1].retry_in, 0);
    }
    test_time += SECOND;
    assert_true(limiter_take(buckets, rates, 2, v));
    assert_int_equal(v[1].left, 3);
}

static void parts_keys_spaces_and_rates(void **state)
{
    (void)state;
    open_table(64);
    uint64_t bucket = bucket_of("ann", &five_a_minute);
    assert_true(bucket == bucket_of("ann", &five_a_minute));
    assert_true(bucket != bucket_of("ben", &five_a_minute));
    assert_true(bucket != bucket_of("ann", &one_a_second));
    assert_true(bucket !=
                limiter_bucket(limiter_space(STR("other")), STR("ann"), &five_a_minute));
    open_table(64);
    assert_true(bucket != bucket_of("ann", &five_a_minute)); /* another secret */
}

/* One set: the bucket that is nearest to full gives way, the emptiest stays. */
static void lets_the_fullest_give_way(void **state)
{
    (void)state;
    struct limiter_verdict v;
    char key[16];
    open_table(1);
    for (int i = 0; i < 5; i++)
        assert_true(takes("flood", &five_a_minute, &v));
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_true(takes(key, &five_a_minute, &v));
        assert_int_equal(v.left, 4);
        assert_false(takes("flood", &five_a_minute, &v));
    }
    int n = 0;
    for (size_t i = 0; i < 2 * WAYS; i++)
        n += table->buckets[i].key != 0;
    assert_int_equal(n, WAYS);
}

static void keeps_the_size_that_came_first(void **state)
{
    (void)state;
    open_table(100);
    assert_int_equal(table->n_sets, 16);
    limiter_set_size(1000);
    assert_int_equal(table->n_sets, 16);
    open_table(UINT64_MAX);
    assert_int_equal(table->n_sets, table->most_sets);
}

/* Left by a worker that was killed between the two steps of taking a bucket over. */
static void passes_over_a_time_of_anothers(void **state)
{
    (void)state;
    struct limiter_verdict v;
    open_table(64);
    assert_true(takes("ann", &five_a_minute, &v));
    find(set_of(bucket_of("ann", &five_a_minute)), bucket_of("ann", &five_a_minute))
        ->full_at = test_time + 86400ull * SECOND;
    assert_true(takes("ann", &five_a_minute, &v));
    assert_int_equal(v.left, 4);
}

/* Memory that tests and their children count in. */
static _Atomic int *shared_count(void)
{
    void *memory = mmap(NULL, sizeof(_Atomic int), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

/* Takes `tries` tokens of each of 20 keys, and counts those that were given. */
static void child_takes(int tries, _Atomic int *given)
{
    const struct limiter_rate rate = {700, SECOND};
    struct limiter_verdict v;
    for (int i = 0; i < tries; i++)
        for (char key[] = "a"; key[0] < 'a' + 20; key[0]++)
            if (takes(key, &rate, &v))
                atomic_fetch_add(given, 1);
}

static void is_shared_by_processes(void **state)
{
    (void)state;
    _Atomic int *given = shared_count();
    pid_t children[4];
    open_table(1024);
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            child_takes(500, given);
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(*given, 20 * 700); /* of 20 * 2000: not one too many or too few */
    munmap(given, sizeof *given);
}

/* Killed at any point, a process holds up nobody, and what it took stays taken. */
static void outlives_a_killed_process(void **state)
{
    (void)state;
    const struct limiter_rate rate = {1000000, SECOND};
    struct limiter_verdict v;
    _Atomic int *given = shared_count();
    for (int i = 0; i < 30; i++) {
        open_table(64);
        *given = 0;
        pid_t child = fork();
        if (child == 0)
            while (takes("ann", &rate, &v))
                atomic_fetch_add(given, 1);
        while (*given < 100 * i)
            usleep(10);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_true(takes("ann", &rate, &v));
        int taken = (int)(rate.amount - v.left) - 1;
        assert_true(taken == *given || taken == *given + 1);
    }
    munmap(given, sizeof *given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empties_and_fills),
        cmocka_unit_test(takes_of_all_rates_or_of_none),
        cmocka_unit_test(parts_keys_spaces_and_rates),
        cmocka_unit_test(lets_the_fullest_give_way),
        cmocka_unit_test(keeps_the_size_that_came_first),
        cmocka_unit_test(passes_over_a_time_of_anothers),
        cmocka_unit_test(is_shared_by_processes),
        cmocka_unit_test(outlives_a_killed_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
