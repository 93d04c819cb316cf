/* STEP 7: an answer becomes bytes: head, length or chunks, files, the client's pace. */
#ifndef SEND_H
#define SEND_H

#include "dispatch.h"

/* Writes ex->answer's head and what can be sent of its body. True when the answer is out
   and the sink has let go; false when its body goes on with send_more or send_chunk. */
bool send_answer(struct exchange *ex);

/* Appends the next pieces of a large text until the sink is congested. True when it is
 * out. */
bool send_more(struct exchange *ex);

/* Appends a stream's chunk. -1 with a fault when it goes past the answer's
 * Content-Length. */
int send_chunk(struct exchange *ex, struct str chunk, struct fault *fault);

/* Ends a stream: the last chunk. -1 with a fault when Content-Length has not been
   reached; the connection is then closed, as it is after send_broken. */
int send_last_chunk(struct exchange *ex, struct fault *fault);

/* Ends an answer that can't be completed: the client sees the connection close. */
void send_broken(struct exchange *ex);

/* Appends a whole answer of the core's own, which needs no app: a refusal of what is no
   request. Connection: close. wants_json chooses the page's form. */
void send_refusal(struct evbuffer *out, int status, const char *description,
                  bool wants_json, bool is_head);

/* The body and content type of an error page; description may be NULL. Appended to *out.
 */
const char *error_page(struct buf *out, int status, const char *name,
                       const char *description, bool as_json);

/* Appends text for HTML, quotes too; and as a JSON string, which must be UTF-8. */
void error_page_escape(struct buf *out, struct str s);
void error_page_json_string(struct buf *out, struct str s);

/* The Date field's value now (RFC 9110, section 6.6.1), made once a second. */
struct str send_date(void);

#endif
