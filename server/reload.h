/* What browsers are told in debug mode: that the app has changed, or can't be loaded. It
   belongs to no generation of the app. */
#ifndef RELOAD_H
#define RELOAD_H

#include "base/buf.h"
#include <event2/buffer.h>
#include <stdint.h>

struct exchange;
struct request;

/* What debug mode answers in the app's place. */
enum reload_target {
    RELOAD_NONE,
    RELOAD_SCRIPT,  /* /__cflask__/reload.js, named in each page */
    RELOAD_EVENTS,  /* /__cflask__/events, the event stream that the script listens to */
    RELOAD_CHANGES, /* the same for those who are told of changes, but no error */
    RELOAD_REFUSED  /* the same for those who are told nothing */
};

/* Whether pages get the script. Off until it is turned on. */
void reload_turn(bool is_on);
bool reload_is_on(void);

/* What a GET or HEAD request without a body is for; RELOAD_NONE when reload is off.
   Errors tell paths and source lines: only those who may see the debugger, by visitor.h,
   are told them. */
enum reload_target reload_find(const struct request *r);

/* Whether the answer to it never ends. */
bool reload_is_stream(enum reload_target target);

/* Appends the answer: a whole one, or the head of a stream that ends with the connection
   and its first event. */
void reload_answer(struct evbuffer *out, enum reload_target target, bool is_head,
                   bool must_close);

/* What answers from now on is new: pages that were asked for earlier are to be reloaded.
   The last error is forgotten. */
void reload_note_change(void);

/* The app can't be loaded, and why. With has_last_good the pages of the generation that
   goes on show it. */
void reload_note_error(struct str text, bool has_last_good);

/* The error noted last, empty without one. Valid until the next is noted. */
struct str reload_error(void);

/* Appends the event that tells how things stand, to those who listen to that target. */
void reload_event(struct buf *out, enum reload_target target);

/* The text of ex's answer as it goes out: a complete page in HTML gets the script, and
   the error as a banner, before its last </body>, as far as whoever asks is told of
   them. Lives as long as the request. */
struct str reload_page(struct exchange *ex);

/* Forgets all. */
void reload_close(void);

#endif
