#include "supervisor.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

static struct worker new_worker(int64_t watchdog)
{
    return (struct worker){
        .link = -1, .watchdog = watchdog, .start_at = NEVER, .kill_at = NEVER};
}

static void starts_are_delayed_ever_longer(void **state)
{
    (void)state;
    const int64_t delays[] = {0, 0, 250, 500, 1000, 2000, 4000, 8000, 10000, 10000};
    struct worker w = new_worker(NEVER);
    for (w.quick_ends = 0; w.quick_ends < 10; w.quick_ends++)
        assert_int_equal(delay_of(&w), delays[w.quick_ends]);
    w.quick_ends = 1000000;
    assert_int_equal(delay_of(&w), LONGEST_DELAY);
}

static void only_quick_ends_in_a_row_count(void **state)
{
    (void)state;
    struct worker w = new_worker(NEVER);
    log_set_level(LOG_ERROR + 1);
    replace(&w, 0);
    replace(&w, 0);
    assert_int_equal(w.quick_ends, 2);
    assert_true(w.start_at > clock_ms());
    w.served_at = clock_ms() - QUICK;
    replace(&w, 0);
    assert_int_equal(w.quick_ends, 0);
    assert_true(w.start_at <= clock_ms());
}

/* A child that sleeps until it is killed. */
static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

static void who_is_silent_for_too_long_is_aborted(void **state)
{
    (void)state;
    struct worker w = new_worker(1000);
    int status;
    log_set_level(LOG_ERROR + 1);
    w.pid = sleeper();
    w.silent = 1250;
    watch(&w);
    assert_true(w.kill_at == NEVER);
    w.silent = 1252;
    watch(&w);
    assert_true(w.kill_at > clock_ms() && w.kill_at <= clock_ms() + ABORTING);
    assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void who_is_not_watched_may_be_silent(void **state)
{
    (void)state;
    struct worker w = new_worker(NEVER);
    w.pid = getpid();
    w.silent = NEVER;
    watch(&w);
    assert_true(w.kill_at == NEVER);
}

static void the_next_look_is_at_what_is_due_first(void **state)
{
    (void)state;
    struct supervisor *s = calloc(1, sizeof *s + 3 * sizeof *s->workers);
    s->n = 3;
    for (int i = 0; i < 3; i++)
        s->workers[i] = new_worker(NEVER);
    assert_true(until_next(s) > 3600000);
    s->workers[0].start_at = clock_ms() + 500000;
    assert_true(until_next(s) > 400000 && until_next(s) <= 500000);
    s->workers[1].pid = 1;
    s->workers[1].watchdog = 2000;
    assert_int_equal(until_next(s), 501);
    s->workers[2].pid = 1;
    s->workers[2].kill_at = 1;
    assert_int_equal(until_next(s), 0);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_are_delayed_ever_longer),
        cmocka_unit_test(only_quick_ends_in_a_row_count),
        cmocka_unit_test(who_is_silent_for_too_long_is_aborted),
        cmocka_unit_test(who_is_not_watched_may_be_silent),
        cmocka_unit_test(the_next_look_is_at_what_is_due_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
