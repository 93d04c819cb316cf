/* Where an answer's bytes go: one client's connection, or the test client's buffer. */
#ifndef SINK_H
#define SINK_H

#include <event2/buffer.h>
#include <stdbool.h>

struct sink {
    struct evbuffer *out; /* send.c appends to it */
    bool is_last;         /* the connection ends with this answer, which says so */

    /* Bytes were appended: sends what can be sent at once. */
    void (*flush)(struct sink *s);

    /* Whether so much is waiting for the client that nothing should be appended now. When
       it is true, exchange_drained is called once the client has taken it. */
    bool (*is_congested)(struct sink *s);

    /* The answer is whole, or (is_broken) can't be completed: the sink lets go of the
       exchange and must not be used any more. With must_close nothing else comes on the
       connection. */
    void (*end)(struct sink *s, bool must_close, bool is_broken);
};

#endif
