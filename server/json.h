/* JSON, read onto the Lua stack and written from it: RFC 8259 in, the format of Flask
   (that is of Python's json.dumps) out. */
#ifndef JSON_H
#define JSON_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/lua_compat.h"
#include "base/str.h"

#define JSON_MAX_DEPTH 1000 /* lists and dicts within one another, in and out */

/* Pushes the one value that text is and returns 0; or pushes nothing, fills *fault
   (status 400, "bad JSON at line 1, column 5: ...", columns counted in characters) and
   returns -1. Lists come out marked, objects as plain tables where the last of equal keys
   wins, null as value_push_null. Whole numbers within 64 bits are integers (-0 too, as in
   Python), others floats, correctly rounded. Refused beside what RFC 8259's grammar
   refuses: bytes that are no UTF-8, a \u escape of half a surrogate pair, a byte order
   mark (section 8.1), a number too large for a double, more than JSON_MAX_DEPTH levels.
   Time is linear in the text's length. text must stay where it is. Raises only Lua's
   memory error. */
int json_decode(lua_State *L, struct str text, struct fault *fault);

/* How to write. */
struct json_style {
    bool sort_keys;    /* else a plain dict is written in Lua's order; ordered ones keep
                          theirs */
    bool ensure_ascii; /* \u escapes for all that is no ASCII, and for DEL */
    bool compact; /* "," and ":" between; else ", " and ": " (with indent "," and ": ") */
    bool is_html_safe; /* \u escapes for < > & ', as in Jinja's tojson */
    int indent; /* spaces for each level, each item on its own line; -1: all on one */
};

/* Flask's: sorted, ASCII, compact, one line. */
extern const struct json_style json_style_default;

/* Reads the options in the table at index: sort_keys, ensure_ascii, compact (booleans),
   indent (0 to 100, or false). What isn't there stays as it is in *style, but that an
   indent without a `compact` means Python's separators. Raises an error that names a
   wrong option. */
void json_read_style(lua_State *L, int index, struct json_style *style);

/* Pushes the string that the value at index is in JSON.
   Lists and dicts are told apart as value.h says. A dict's keys are all strings or all
   integers; those are written in decimal and sorted as numbers, as Python does. Floats
   are written as Python's repr, so that they come back equal. A table or userdata whose
   metatable has __tojson is written as what that function returns for it; it is called by
   a plain lua_call, so it can't yield. Raises an error whose message has the path
   ("$.items[3].price: ...", items counted from 1) for what can't be JSON: functions,
   coroutines, userdata, tables with another metatable, nil, NaN and infinities, strings
   that are no UTF-8, other keys, keys of both kinds, a list with a hole or with other
   keys, more than JSON_MAX_DEPTH levels, a table within itself. An unmarked table with
   only integers as keys, 1 among them but not all up to the last, counts as a list with a
   hole. */
void json_encode(lua_State *L, int index, const struct json_style *style);

/* The same, but appends to *out, which stays untouched when an error is raised: what it
   holds must be freed by somebody whom the error doesn't pass by. out->is_exhausted tells
   that memory was out. */
void json_encode_into(lua_State *L, int index, const struct json_style *style,
                      struct buf *out);

/* For Lua: pushes a table {encode(value, options), decode(text), null, array, is_array},
   where options are those of json_read_style and decode raises json_decode's message. */
void json_push_library(lua_State *L);

#endif
