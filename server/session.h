/* Flask's session cookie: JSON, packed, with a time, signed. What a request has of it. */
#ifndef SESSION_H
#define SESSION_H

#include "base/arena.h"
#include "cookie.h"
#include "signer.h"

/* Where a request's session comes from. */
enum session_kind {
    SESSION_UNREAD,  /* nobody has asked for it */
    SESSION_COOKIE,  /* the cookie */
    SESSION_STORE,   /* app.session_interface */
    SESSION_NO_KEY,  /* none: SECRET_KEY is not set */
    SESSION_NO_STORE /* none: app.session_interface has opened none */
};

/* A request's session. The references are the Lua registry's. */
struct session {
    enum session_kind kind;
    bool is_accessed; /* the app has looked at it: the answer varies */
    bool is_touched;  /* a key was assigned to */
    bool is_new;      /* there was no valid one */
    bool is_saving; /* saving has begun and, if it is true at the next try, has failed */
    int data;       /* reference of the table with what is in it */
    int tags;       /* and of its tags: see tagged_json.h */
    int flashes;    /* and of the messages that the request has popped */
    struct str payload; /* the JSON that was read; lies in the request's arena */
};

/* The keys of an app's secrets, kept from one request to the next. */
struct session_keys {
    struct signer signer;
    char *secrets; /* a copy: each with its length in front */
    size_t n;
};

/* What an app's sessions need, kept from one request to the next. All zeros at first. */
struct session_kept {
    struct session_keys keys;
    struct cookie_frame frame; /* of the cookie that was sent last */
};

/* Frees what calloc gave; NULL is let be. */
void session_kept_free(struct session_kept *kept);

/* Makes *keys (all zeros at first) those of n secrets, the newest last, unless they are
   already. -1 when memory is out. */
int session_keys_set(struct session_keys *keys, const struct str *secrets, int n);
void session_keys_clear(struct session_keys *keys);

/* The JSON of a cookie's value, in the arena. -1 for one that is not rightly signed, is
   older than max_age (seconds) or of the future, or can't be unpacked, as when it has
   more than `most` bytes then. now: seconds since 1970. */
int session_read(const struct session_keys *keys, struct arena *a, struct str cookie,
                 int64_t now, double max_age, size_t most, struct str *json);

/* The cookie's value for the JSON, in the arena. -1 when memory is out. */
int session_write(const struct session_keys *keys, struct arena *a, struct str json,
                  int64_t now, struct str *cookie);

#endif
