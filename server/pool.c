/* The threads of pool.h, their queue, and the way back to the event loop.

   A job is in one of three lists, which the lock guards. Only the descriptor `bell` leads
   from the threads to the loop: the event base itself has no locks. Its event is there
   only while jobs are, so that an idle pool does not keep a loop from ending. */
#include "pool.h"

#include "task.h"
#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LEAST_THREADS = 2, MOST_THREADS = 4, STACK_SIZE = 1024 * 1024 };

TAILQ_HEAD(jobs, pool_job);

static struct {
    pthread_mutex_t lock;
    pthread_cond_t has_work, has_ended;
    struct jobs queued, running, over;
    int n_queued, n_idle; /* jobs that wait; threads that do */
    bool is_closing;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Of the loop's thread alone. */
static struct {
    pthread_t threads[MOST_THREADS];
    int n_threads; /* 0: the pool is not open */
    int n_jobs;    /* given to us and not released yet */
    int bell;
    struct event *on_bell;
} pool;

/* ---- on the threads ---- */

static void ring(void)
{
    const uint64_t one = 1;
    while (write(pool.bell, &one, sizeof one) < 0)
        ; /* only a signal can be in the way, and they are blocked: the count is small */
}

/* Called and left with the lock held. */
static void run_job(struct pool_job *job)
{
    TAILQ_REMOVE(&shared.queued, job, place);
    shared.n_queued--;
    TAILQ_INSERT_TAIL(&shared.running, job, place);
    job->stage = POOL_RUNNING;
    pthread_mutex_unlock(&shared.lock);
    job->work(job);
    pthread_mutex_lock(&shared.lock);
    TAILQ_REMOVE(&shared.running, job, place);
    TAILQ_INSERT_TAIL(&shared.over, job, place);
    job->stage = POOL_OVER;
    pthread_cond_signal(&shared.has_ended);
    ring();
}

static void *run_thread(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&shared.lock);
    while (!shared.is_closing) {
        if (!TAILQ_EMPTY(&shared.queued)) {
            run_job(TAILQ_FIRST(&shared.queued));
            continue;
        }
        shared.n_idle++;
        pthread_cond_wait(&shared.has_work, &shared.lock);
        shared.n_idle--;
    }
    pthread_mutex_unlock(&shared.lock);
    return NULL;
}

/* ---- opening ---- */

static int most_threads(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    if (n < LEAST_THREADS)
        return LEAST_THREADS;
    return n < MOST_THREADS ? n : MOST_THREADS;
}

/* With all signals blocked: those of the process are for the loop. */
static int start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return -1;
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t *thread = &pool.threads[pool.n_threads];
    int failed = pthread_create(thread, &attr, run_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (failed)
        return -1;
    pthread_setname_np(*thread, "cflask-pool");
    pool.n_threads++;
    return 0;
}

static void on_bell(evutil_socket_t fd, short what, void *arg);

static void open_shared(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&shared.has_ended, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&shared.has_work, NULL);
    TAILQ_INIT(&shared.queued);
    TAILQ_INIT(&shared.running);
    TAILQ_INIT(&shared.over);
    shared.n_queued = shared.n_idle = 0;
    shared.is_closing = false;
}

static void close_bell(void)
{
    if (pool.on_bell)
        event_free(pool.on_bell);
    pool.on_bell = NULL;
    close(pool.bell);
}

static int open_pool(void)
{
    pool.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool.bell < 0)
        return -1;
    pool.on_bell =
        event_new(tasks_base(), pool.bell, EV_READ | EV_PERSIST, on_bell, NULL);
    open_shared();
    if (pool.on_bell && start_thread() == 0)
        return 0;
    close_bell();
    return -1;
}

/* ---- on the loop ---- */

static void release(struct pool_job *job)
{
    if (--pool.n_jobs == 0)
        event_del(pool.on_bell);
    job->release(job);
}

int pool_submit(struct pool_job *job)
{
    if (pool.n_threads == 0 && open_pool() < 0)
        return -1;
    if (pool.n_jobs == 0 && event_add(pool.on_bell, NULL) < 0)
        return -1;
    pool.n_jobs++;
    atomic_init(&job->is_cancelled, false);
    job->stage = POOL_QUEUED;
    pthread_mutex_lock(&shared.lock);
    TAILQ_INSERT_TAIL(&shared.queued, job, place);
    shared.n_queued++;
    bool is_short = shared.n_queued > shared.n_idle;
    pthread_cond_signal(&shared.has_work);
    pthread_mutex_unlock(&shared.lock);
    if (is_short && pool.n_threads < most_threads())
        start_thread(); /* when it can't be, those that are there come to the job */
    return 0;
}

static struct pool_job *take_over(void)
{
    pthread_mutex_lock(&shared.lock);
    struct pool_job *job = TAILQ_FIRST(&shared.over);
    if (job)
        TAILQ_REMOVE(&shared.over, job, place);
    pthread_mutex_unlock(&shared.lock);
    return job;
}

/* What is over when the bell is heard; a later one rings again. */
static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;
    (void)what, (void)arg;
    if (read(fd, &count, sizeof count) != sizeof count)
        return;
    struct pool_job *job;
    while (count-- > 0 && (job = take_over())) {
        if (job->done && !pool_is_cancelled(job))
            job->done(job);
        release(job);
    }
}

/* With the lock held. Whether the job is the caller's to release. */
static bool stop(struct pool_job *job)
{
    atomic_store(&job->is_cancelled, true);
    if (job->stage == POOL_RUNNING && job->interrupt)
        job->interrupt(job);
    if (job->stage != POOL_QUEUED)
        return false;
    TAILQ_REMOVE(&shared.queued, job, place);
    shared.n_queued--;
    return true;
}

void pool_cancel(struct pool_job *job)
{
    pthread_mutex_lock(&shared.lock);
    bool is_ours = stop(job);
    pthread_mutex_unlock(&shared.lock);
    if (is_ours)
        release(job);
}

bool pool_is_cancelled(const struct pool_job *job)
{
    return atomic_load(&job->is_cancelled);
}

int pool_queued(void)
{
    if (pool.n_threads == 0)
        return 0;
    pthread_mutex_lock(&shared.lock);
    int n = shared.n_queued;
    pthread_mutex_unlock(&shared.lock);
    return n;
}

/* ---- closing ---- */

static struct timespec after(int milliseconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += milliseconds / 1000;
    t.tv_nsec += milliseconds % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

/* Tells the threads to end; false when one is still in its work at the end of time. */
static bool wait_for_threads(int milliseconds)
{
    struct timespec end = after(milliseconds);
    struct pool_job *job;
    int failed = 0;
    pthread_mutex_lock(&shared.lock);
    shared.is_closing = true;
    pthread_cond_broadcast(&shared.has_work);
    TAILQ_FOREACH(job, &shared.running, place)
    stop(job);
    while (!TAILQ_EMPTY(&shared.running) && !failed)
        failed = pthread_cond_timedwait(&shared.has_ended, &shared.lock, &end);
    bool is_quiet = TAILQ_EMPTY(&shared.running);
    pthread_mutex_unlock(&shared.lock);
    return is_quiet;
}

static void release_all(struct jobs *jobs)
{
    struct pool_job *job;
    while ((job = TAILQ_FIRST(jobs))) {
        TAILQ_REMOVE(jobs, job, place);
        release(job);
    }
}

bool pool_close(int milliseconds)
{
    if (pool.n_threads == 0)
        return true;
    if (!wait_for_threads(milliseconds))
        return false;
    for (int i = 0; i < pool.n_threads; i++)
        pthread_join(pool.threads[i], NULL);
    pool.n_threads = 0;
    release_all(&shared.queued);
    release_all(&shared.over);
    close_bell();
    pthread_cond_destroy(&shared.has_ended);
    pthread_cond_destroy(&shared.has_work);
    return true;
}
