/* STEP 4: request in, response out: match, before, call, after, finish. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "request.h"
#include "response.h"
#include "session.h"
#include "sink.h"
#include "task.h"
#include <time.h>

/* One request and its answer, from the head's first byte to the last teardown function.
 */
struct exchange {
    struct task task;
    struct context context;
    struct request request;
    struct session session;
    struct response quick; /* the answer of a view that returns a plain string */
    struct response
        *answer;     /* what goes out: &quick or a Lua response's; NULL until made */
    struct str text; /* the bytes of a text that go out */
    int answer_ref;  /* registry reference of the Lua response, or LUA_NOREF */
    int stage, i;    /* where dispatch_request is: the stage, and which hook of it */
    bool is_calling; /* the coroutine is inside this stage's function */
    int n_args;      /* on the coroutine's stack, for task_resume */
    bool is_head_sent;
    bool has_after_this; /* after_this_request functions are in the locals */
    bool is_chunked, has_length, must_close; /* how the answer is framed */
    uint64_t length;                         /* has_length: Content-Length */
    int n_failures; /* errors out of error handlers and after_request functions */
    int error_ref, traceback_ref; /* the error being handled; LUA_NOREF without */
    int dead_ref;     /* debug mode: the coroutine in which it was raised; or LUA_NOREF */
    int error_status; /* or a status that the core raises */
    bool is_unhandled;   /* no handler took the error: teardown functions see it */
    bool is_propagated;  /* TESTING: the error goes to the test client */
    bool is_body_failed; /* the error was raised by the streamed body */
    struct sink *sink;   /* NULL once the answer is out or the client has gone */
    void (*on_end)(struct exchange *ex); /* for the test client, or NULL */
    void *owner;                         /* of on_end */
    uint64_t sent;                       /* bytes of the body given to the sink */
    uint64_t sent_before_turn;           /* of a stream, when its turn began */
    struct timespec began;               /* monotonic */
    struct failure *failure;             /* debugger.c keeps it, or NULL */
    struct failure *borrowed; /* whose context the task has while it evaluates, or NULL */
    struct exchange *next_free;
    struct exchange *next_open, *previous_open;
};

/* A new exchange for app's generation; NULL when memory is out. Cheap: they are kept. */
struct exchange *exchange_new(struct app *app, struct sink *sink);

/* Gives an exchange back: one that was never dispatched, or one that is over. */
void exchange_free(struct exchange *ex);

/* dispatch_request's last step: the access log, ex->on_end, exchange_free. */
void exchange_finish(struct exchange *ex);

/* STEP 3. The head is there: finds the mounted app and the rule, and the limit of the
   body in bytes (-1: none). */
void exchange_route(struct exchange *ex);

/* Runs the request as far as it goes without waiting; it goes on by itself from the event
   loop and gives the exchange back in the end. The answer goes to the sink. */
void dispatch_request(struct exchange *ex);

/* Whether the C function that L runs is the view itself, called by no Lua code: then it
   may fill ex->quick and return that as a light userdata. */
bool exchange_is_in_view(const struct exchange *ex, lua_State *L);

/* The client has taken what was sent: a stream or a large body goes on. */
void exchange_drained(struct exchange *ex);

/* The client has gone: the answer is dropped; the view runs to its end. */
void exchange_gone(struct exchange *ex);

/* REQUEST_TIMEOUT: ends the view and answers with `status`, when nothing has been sent.
 */
void exchange_expire(struct exchange *ex, int status);

/* Ends the request at once, teardown functions unrun: its state is about to end. */
void exchange_abandon(struct exchange *ex);

/* Whether a request of L's state is open: read, under way, or in its teardown. */
bool exchanges_are_open(lua_State *L);

/* Ends those at once that have no client any more, teardown functions unrun. */
void exchanges_abandon(lua_State *L);

/* Frees the exchanges that are kept for L's next requests. */
void exchanges_close(lua_State *L);

#endif
