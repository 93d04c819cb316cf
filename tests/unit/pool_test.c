/* The pool's threads: whose thread each callback is called on, how often, and the ends of
   jobs. Nothing here needs Lua: `gcc -fsanitize=thread` can be asked about it as well. */
#include "pool.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>

static struct event_base *base;
static pthread_t loop_thread;
static atomic_int n_worked,
    n_others; /* others: calls on a wrong thread, or wrong order */
static int n_done, n_released, n_interrupted;
static sem_t has_begun, may_end;

struct work {
    struct pool_job job; /* first */
    int value;
    bool is_done;
    struct work **cancels; /* in done(): this one is cancelled */
};

static void note(bool is_right)
{
    if (!is_right)
        atomic_fetch_add(&n_others, 1);
}

static bool is_on_loop(void)
{
    return pthread_equal(pthread_self(), loop_thread);
}

static void work(struct pool_job *job)
{
    note(!is_on_loop());
    ((struct work *)job)->value *= 2;
    atomic_fetch_add(&n_worked, 1);
}

/* Stays in its work until the test lets it go. */
static void work_long(struct pool_job *job)
{
    sem_post(&has_begun);
    while (sem_wait(&may_end) < 0 && errno == EINTR)
        ;
    work(job);
}

/* Stays in its work until it is cancelled. */
static void work_until_cancelled(struct pool_job *job)
{
    sem_post(&has_begun);
    while (!pool_is_cancelled(job))
        sched_yield();
    work(job);
}

static void done(struct pool_job *job)
{
    struct work *w = (struct work *)job;
    note(is_on_loop() && !w->is_done && w->value % 2 == 0);
    w->is_done = true;
    n_done++;
    if (w->cancels)
        pool_cancel(&(*w->cancels)->job);
}

static void release_work(struct pool_job *job)
{
    note(is_on_loop());
    n_released++;
    free(job);
}

static void interrupt(struct pool_job *job)
{
    (void)job;
    n_interrupted++;
    sem_post(&may_end);
}

static struct work *submit(void (*function)(struct pool_job *job))
{
    struct work *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->job.work = function;
    w->job.done = done;
    w->job.release = release_work;
    w->value = 21;
    assert_int_equal(pool_submit(&w->job), 0);
    return w;
}

/* Ends by itself when no job is left: nothing else is in the loop. */
static void run_loop(void)
{
    event_base_loop(base, 0);
    assert_int_equal(pool.n_jobs, 0);
}

static void check(int worked, int was_done, int released)
{
    assert_int_equal(n_worked, worked);
    assert_int_equal(n_done, was_done);
    assert_int_equal(n_released, released);
    assert_int_equal(n_others, 0);
}

static void many_jobs(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++)
        submit(work);
    run_loop();
    check(500, 500, 500);
    for (int i = 0; i < 100; i++) {
        submit(work);
        run_loop();
    }
    check(600, 600, 600);
    assert_in_range(pool.n_threads, 1, MOST_THREADS);
}

static void two_at_a_time(void **state)
{
    (void)state;
    submit(work_long);
    submit(work_long);
    sem_wait(&has_begun);
    sem_wait(&has_begun); /* would never come with one thread */
    sem_post(&may_end);
    sem_post(&may_end);
    run_loop();
    check(2, 2, 2);
}

static void no_more_threads_than_four(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        submit(work_long);
    assert_true(pool.n_threads >= LEAST_THREADS && pool.n_threads <= MOST_THREADS);
    for (int i = 0; i < pool.n_threads; i++)
        sem_wait(&has_begun);
    assert_int_equal(pool_queued(), 20 - pool.n_threads);
    for (int i = 0; i < 20; i++)
        sem_post(&may_end);
    run_loop();
    check(20, 20, 20);
    assert_int_equal(pool_queued(), 0);
}

static void report_signals(struct pool_job *job)
{
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int i = 1; i < NSIG; i++) {
        bool is_real = i != SIGKILL && i != SIGSTOP && (i < 32 || i >= SIGRTMIN);
        note(!is_real || sigismember(&blocked, i) == 1);
    }
    work(job);
}

static void signals_are_for_the_loop(void **state)
{
    (void)state;
    sigset_t before, after_it;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    submit(report_signals);
    run_loop();
    check(1, 1, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after_it);
    assert_int_equal(sigismember(&after_it, SIGTERM), sigismember(&before, SIGTERM));
}

static void cancelled_in_the_queue(void **state)
{
    (void)state;
    struct work *waiting[4];
    int n_busy = most_threads();
    for (int i = 0; i < n_busy; i++)
        submit(work_long);
    for (int i = 0; i < n_busy; i++)
        sem_wait(&has_begun);
    for (int i = 0; i < 4; i++)
        waiting[i] = submit(work);
    assert_int_equal(pool_queued(), 4);
    pool_cancel(&waiting[1]->job);
    pool_cancel(&waiting[3]->job);
    check(0, 0, 2);
    for (int i = 0; i < n_busy; i++)
        sem_post(&may_end);
    run_loop();
    check(n_busy + 2, n_busy + 2, n_busy + 4);
}

static void cancelled_at_work(void **state)
{
    (void)state;
    struct work *w = submit(work_until_cancelled);
    sem_wait(&has_begun);
    pool_cancel(&w->job);
    assert_int_equal(n_released, 0); /* a thread may be in it still */
    run_loop();
    check(1, 0, 1);

    w = submit(work_long);
    w->job.interrupt = interrupt;
    sem_wait(&has_begun);
    pool_cancel(&w->job);
    run_loop();
    check(2, 0, 2);
    assert_int_equal(n_interrupted, 1);
}

static void wait_until_over(int n)
{
    for (int n_over = 0; n_over < n; sched_yield()) {
        struct pool_job *job;
        pthread_mutex_lock(&shared.lock);
        n_over = 0;
        TAILQ_FOREACH(job, &shared.over, place)
        n_over++;
        pthread_mutex_unlock(&shared.lock);
    }
}

/* Between the work's end and the loop's hearing of it; also by another job's done(). */
static void cancelled_when_over(void **state)
{
    (void)state;
    struct work *first = submit(work);
    wait_until_over(1);
    struct work *second = submit(work), *third = submit(work);
    first->cancels = &second;
    wait_until_over(3);
    second->job.interrupt = third->job.interrupt = interrupt;
    pool_cancel(&third->job);
    check(3, 0, 0);
    run_loop();
    check(3, 1, 3);
    assert_int_equal(n_interrupted, 0);
}

static void closing(void **state)
{
    (void)state;
    assert_true(pool_close(0)); /* never opened */
    submit(work);
    wait_until_over(1);
    for (int i = 0; i < 20; i++)
        submit(work_until_cancelled);
    sem_wait(&has_begun);
    assert_true(pool_close(60000));
    assert_int_equal(n_released, 21);
    assert_int_equal(n_done, 0);
    assert_int_equal(n_others, 0);
    assert_int_equal(pool.n_threads, 0);
    run_loop();
    submit(work);
    run_loop();
    assert_int_equal(n_done, 1);
}

static void closing_while_work_goes_on(void **state)
{
    (void)state;
    submit(work_long);
    sem_wait(&has_begun);
    assert_false(pool_close(1));
    check(0, 0, 0);
    sem_post(&may_end);
    assert_true(pool_close(60000));
    check(1, 0, 1);
}

/* Ends come at any moment. */
static void random_ends(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 300; round++) {
        struct work *all[8];
        for (int i = 0; i < 8; i++)
            all[i] = submit(rand() % 4 ? work : work_until_cancelled);
        for (int i = 0; i < 8; i++) {
            if (rand() % 3 == 0)
                sched_yield();
            if (all[i]->job.work == work_until_cancelled || rand() % 2)
                pool_cancel(&all[i]->job);
        }
        if (rand() % 10 == 0)
            assert_true(pool_close(60000));
        run_loop();
        assert_int_equal(n_released, 8 * (round + 1));
    }
    assert_int_equal(n_others, 0);
    assert_true(n_done > 0);
}

static int open_loop(void **state)
{
    (void)state;
    loop_thread = pthread_self();
    struct event_config *config = event_config_new();
    event_config_set_flag(config,
                          EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    base = event_base_new_with_config(config);
    event_config_free(config);
    tasks_open(base);
    n_worked = n_others = n_done = n_released = n_interrupted = 0;
    sem_init(&has_begun, 0, 0);
    sem_init(&may_end, 0, 0);
    return 0;
}

static int close_loop(void **state)
{
    (void)state;
    bool is_quiet = pool_close(60000);
    tasks_close();
    event_base_free(base);
    return is_quiet ? 0 : -1;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(many_jobs),
        CASE(two_at_a_time),
        CASE(no_more_threads_than_four),
        CASE(signals_are_for_the_loop),
        CASE(cancelled_in_the_queue),
        CASE(cancelled_at_work),
        CASE(cancelled_when_over),
        CASE(closing),
        CASE(closing_while_work_goes_on),
        CASE(random_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
