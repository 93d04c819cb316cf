/* STEP 1: clients over evhttp, with their limits and deadlines. The only file that knows
 * evhttp. */
#ifndef CONN_H
#define CONN_H

#include "base/str.h"
#include "options.h"

struct app;
struct evconnlistener;
struct event_base;
struct conns;

/* Serves the clients that the listener accepts; the listener is the conns' from now on.
   is_secure says that requests came by https. NULL when memory is out. */
struct conns *conns_new(struct event_base *base, struct evconnlistener *listener,
                        struct app *app, const struct options *options);

/* What comes from now on, on open connections too, is the app's, under these options. */
void conns_use(struct conns *conns, struct app *app, const struct options *options);

/* Ends what is under way in L's state: with 503 where nothing has been sent, else with
   the connection. */
void conns_end_requests(struct conns *conns, lua_State *L);

/* Writes to each event stream (see reload.h): `own` to those of RELOAD_EVENTS, `others`
   to those of RELOAD_CHANGES. */
void conns_tell(struct conns *conns, struct str own, struct str others);

/* Accepts nobody any more, closes idle connections, and lets each other one end with its
   answer. `on_empty(arg)` is called once no connection is left, perhaps at once. */
void conns_drain(struct conns *conns, void (*on_empty)(void *arg), void *arg);

/* Closes every connection at once and frees all. */
void conns_free(struct conns *conns);

#endif
