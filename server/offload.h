/* For C functions that Lua calls: work on a thread of the pool, while the calling task
   waits and others are served. */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include "base/lua_compat.h"
#include "pool.h"

struct task;

struct offload {
    /* First. Its maker sets work, release and, if it likes, interrupt; done is ours. */
    struct pool_job job;

    /* On the loop's thread: pushes the call's results and returns their number, or raises
       the error that the call then raises. It must not wait. Not called when the task was
       ended while it waited: by flask.timeout, flask.gather or its request's end. */
    int (*finish)(lua_State *L, struct offload *o);

    struct task *task; /* ours */
};

/* Does the work and gives finish's results: a C function ends with `return offload(L,
   o)`. Takes the job, whatever happens: job.release is called once. Between the job's
   making and this call nothing may raise. The job owns all that its work uses: when the
   task is ended, its Lua state may be closed before the work returns.

   Raises where the caller can't wait, and 503 when app.config.MAX_OFFLOADED jobs wait for
   a thread. Outside of any task, or when no thread can be started, the work is done
   there and then, and nothing else meanwhile.

   A function that ends so is given to Lua by luax_pushwaiting. */
int offload(lua_State *L, struct offload *o);

/* Wakes a task that was parked by luax_yield_for_outcome: the results of fn, or its
   error, are the waiting call's. fn has arg, a light userdata, on its stack. It is called
   on the main state, as nothing can be called in a parked coroutine. */
void offload_wake(struct task *t, lua_CFunction fn, void *arg);

#endif
