/* The grammar that header fields share (RFC 9110, section 5.6): tokens, quoted strings,
   comma-separated lists, parameters. */
#ifndef FIELD_H
#define FIELD_H

#include "base/buf.h"
#include "pairs.h"

/* Whether s is one or more token characters. */
bool field_is_token(struct str s);

/* Takes the next item off a comma-separated list, trimmed; commas in quoted strings don't
   part items, empty items are passed over (RFC 9110, section 5.6.1.2). A quoted string
   that doesn't end takes all that is left. False, when there is no item left. Loop: while
   (field_next_item(&rest, &item)) ... */
bool field_next_item(struct str *rest, struct str *item);

/* What a quoted string says, with its quoted pairs (\x) undone; anything else as it is. A
   copy in the arena only where there are such pairs; .p is NULL when memory is out. */
struct str field_unquote(struct arena *a, struct str s);

/* Reads `key=value, key="value", key` (Cache-Control, an Authorization's parameters) into
   *out, in order. A key alone has a value whose .p is NULL; `key*=UTF-8''%20` is decoded
   under the key without its asterisk. At most 64 keys, what comes behind is left out.
   0, or -1 when memory is out. */
int field_parse_dict(struct arena *a, struct str field, struct pairs *out);

/* Reads `value; key=value; key="value"` (Content-Type, Content-Disposition, an item of
   Accept): what stands before the first semicolon, trimmed, into *value, the parameters
   into *out, keys in lower case, each once: the last value counts, but one of the form
   `key*=UTF-8''%20` (RFC 8187) before a plain one. Pieces `key*0=a; key*1=b` (RFC 2231)
   are put together in the order in which they come. Broken parameters are skipped, as are
   those behind the 64th. In a quoted value \" \\ and %22 are undone, other backslashes
   stay: they are a path's, from old browsers. Values are valid UTF-8 if `field` is. 0, or
   -1 when memory is out. */
int field_parse_parameters(struct arena *a, struct str field, struct str *value,
                           struct pairs *out);

/* Appends s as a token, or where it is none as a quoted string. */
void field_add_quoted(struct buf *out, struct str s);

#endif
