/* JSON as Flask's sessions have it: values that JSON lacks stand in a dict with one key,
   a tag: {" t": [...]}. Output as Flask's: sorted, ASCII, compact. */
#ifndef TAGGED_JSON_H
#define TAGGED_JSON_H

#include "base/fault.h"
#include "base/lua_compat.h"
#include "base/str.h"

/* Pushes the value that text is, and above it its tags, a table or nil; returns 0. Or
   pushes nothing, fills *fault and returns -1, also for a tag with a value that it can't
   have. text must stay where it is.
   " t" (tuple) becomes a marked list, " b" (bytes) a string, " m" a Markup, " u" (UUID) a
   string with hyphens, " d" (date) seconds since 1970, " di" the dict with a tag's name
   for its one key.
   Lua has one type for what are several in Python: the tags remember what came as what.
   They are keyed by container; each entry has under a key of the container {tag, value},
   which holds as long as that value stands there. A tuple has its own entry under true.
 */
int tagged_json_decode(lua_State *L, struct str text, struct fault *fault);

/* Pushes the text of the value at `index`. `tags`: the index of its tags, or of nil. What
   has a tag is written with it. Raises json_encode's errors. */
void tagged_json_encode(lua_State *L, int index, int tags);

/* Makes the list at `index` a tuple in the tags at `tags`. */
void tagged_json_mark_tuple(lua_State *L, int index, int tags);

#endif
