/* Threads for work that would hold up the event loop: hashing passwords, libraries that
   block. This file knows nothing of Lua; offload.h lets a task wait for such work. */
#ifndef POOL_H
#define POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

enum pool_stage {
    POOL_QUEUED,  /* waits for a thread */
    POOL_RUNNING, /* a thread is in its work */
    POOL_OVER     /* its work has returned; the loop has not seen it yet */
};

/* A piece of work, part of a larger struct of its maker's. All but work() is called on
   the loop's thread. */
struct pool_job {
    /* On a thread, all signals blocked. May use nothing of Lua's, nothing of the event
       loop's and nothing that the loop's thread uses meanwhile. */
    void (*work)(struct pool_job *job);

    /* When the work has returned, unless the job was cancelled. NULL: nothing. */
    void (*done)(struct pool_job *job);

    /* Frees the job: once, as the last thing, when no thread is in it any more. */
    void (*release)(struct pool_job *job);

    /* Makes work() return soon; called when the job is cancelled while a thread is in it
       (or was a moment ago). It must not call the pool. NULL: the work is waited for. */
    void (*interrupt)(struct pool_job *job);

    /* The pool's own. */
    atomic_bool is_cancelled;
    enum pool_stage stage;
    TAILQ_ENTRY(pool_job) place;
};

/* Gives the job away: work() runs on a thread, then done() and release() on the loop. -1
   when no thread can be started; the job is the caller's then. Threads are started when
   they are first needed: one for each processor, but two at least and four at most. They
   don't outlive a fork: a process that forks does so before its first job. */
int pool_submit(struct pool_job *job);

/* The job's end is of no interest any more: done() will not be called, release() will:
   here and now when no thread has begun with it. Not for a job whose done() was called.
 */
void pool_cancel(struct pool_job *job);

/* For long work, which asks this now and then and returns. On any thread. */
bool pool_is_cancelled(const struct pool_job *job);

/* How many jobs wait for a thread. */
int pool_queued(void);

/* Cancels all jobs, waits for what runs and ends the threads; the next job starts new
   ones. False when some work has not returned after `milliseconds`: it still uses its
   job, and the process has to end by _exit. Nothing happens when there is no thread. */
bool pool_close(int milliseconds);

#endif
