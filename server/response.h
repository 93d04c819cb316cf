/* STEP 6: what a view returned becomes status, header fields and a body or stream. */
#ifndef RESPONSE_H
#define RESPONSE_H

#include "base/arena.h"
#include "base/fault.h"
#include "base/lua_compat.h"
#include "http1.h"

enum response_body {
    RESPONSE_TEXT,  /* `text` */
    RESPONSE_FILE,  /* `length` bytes of `fd` from `offset` on */
    RESPONSE_STREAM /* the Lua function in `stream_ref` gives chunk after chunk */
};

struct response {
    struct arena arena; /* of fields and reason */
    int status;
    struct str reason; /* empty: the status code's own */
    struct http1_field *fields;
    int n_fields, room;
    enum response_body kind;
    struct str
        text; /* bytes of the Lua string in text_ref, or of somebody who outlives this */
    int text_ref;
    int stream_ref;
    int fd; /* owned; -1 without one */
    uint64_t offset, length;
    int on_close_ref;      /* list of functions for r:call_on_close, or LUA_NOREF */
    bool has_default_type; /* Content-Type: text/html; charset=utf-8 goes out when no
                              field says another */
    bool must_close;       /* Connection: close */
};

/* An empty 200 answer. */
void response_init(struct response *r);

/* Forgets body and fields, giving everything back. */
void response_clear(lua_State *L, struct response *r);

/* The same, but what is written into it next uses the memory again: response_clear at its
   end. */
void response_reset(lua_State *L, struct response *r);

/* Closes the file of a response that was not sent. */
void response_drop_file(struct response *r);

/* The field of that name (ASCII case ignored): its value, or NULL. */
const struct str *response_field(const struct response *r, struct str name);

/* Adds a field; `set` replaces all of that name, in the place of the first. Name and
   value are copied. -1 with a fault when one has a byte that must not be sent (RFC 9110,
   section 5.5) or memory is out. Connection can only be set to "close", Transfer-Encoding
   not at all. */
int response_add_field(struct response *r, struct str name, struct str value,
                       struct fault *fault);
int response_set_field(struct response *r, struct str name, struct str value,
                       struct fault *fault);

/* Adds a field whose bytes are known to be right, and which is neither Connection nor
   Transfer-Encoding; they are not copied: they must live as long as r->arena. -1 with a
   fault when memory is out, or there are too many. */
int response_put_field(struct response *r, struct str name, struct str value,
                       struct fault *fault);

/* Removes all fields of that name; how many there were. */
int response_remove_field(struct response *r, struct str name);

/* Sets a status: 200 to 999 with its standard reason. -1 when it is none. */
int response_set_status(struct response *r, lua_Integer status);

/* Sets a status line "201 CREATED". -1 with a fault when it is none. */
int response_set_status_line(struct response *r, struct str line, struct fault *fault);

/* Makes the value at `index` the body: a string (kept alive) or a function. Frees the
 * former. */
void response_set_text(lua_State *L, struct response *r, int index);
void response_set_stream(lua_State *L, struct response *r, int index);

/* Makes a copy of the bytes the body. -1 when memory is out: the body is empty then. */
int response_copy_text(lua_State *L, struct response *r, struct str text);

/* Makes a file's part the body; the descriptor is the response's from now on. */
void response_set_file(lua_State *L, struct response *r, int fd, uint64_t offset,
                       uint64_t length);

/* The standard reason phrase of a status code ("Not Found"), or NULL for an unknown one.
 */
const char *response_reason(int status);

/* RFC 9110: no content in answers with 1xx, 204 and 304. */
static inline bool response_has_no_content(int status)
{
    return status < 200 || status == 204 || status == 304;
}

#endif
