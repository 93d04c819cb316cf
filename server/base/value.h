/* The rules for values that hold everywhere (JSON, sessions, templates): null, lists,
   ordered dicts, and the order in which a dict is gone through. */
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include "base/lua_compat.h"
#include <stdbool.h>

/* Puts the metatables below into the registry; once for each lua_State, before all else.
 */
void value_open(lua_State *L);

/* Python's None, JSON's null: a light userdata, (void *)0, which is lua-cjson's
 * cjson.null. */
void value_push_null(lua_State *L);
bool value_is_null(lua_State *L, int index);

/* A list: a table with the mark (a metatable of ours), or an unmarked one without a
   metatable whose keys are exactly 1..n, n > 0. An empty unmarked table is a dict. Goes
   through all keys of an unmarked table; needs three free stack slots. */
bool value_is_list(lua_State *L, int index);

/* Marks the table as a list. A table that has another metatable is left as it is: false.
 */
bool value_mark_list(lua_State *L, int index);

/* Pushes the mark, a metatable: for code that makes many lists and keeps it on its stack.
 */
void value_push_list_mark(lua_State *L);

/* Pushes a new, marked, empty list with room for n items. */
void value_push_list(lua_State *L, int n);

/* n when the table's keys are exactly 1..n (0 for an empty one), else -1: a marked list
   may have holes or other keys too. Looks at no metatable. */
lua_Integer value_sequence_length(lua_State *L, int index);

/* A dict with an order of its own. It is a table that has its values under its keys (so
   that o.k reads, o.k = v appends, o.k = nil removes), with a metatable that keeps the
   order. A key that is set again after its removal comes last. */
bool value_is_ordered(lua_State *L, int index);

/* Pushes a new, empty ordered dict; set its items with lua_setfield or lua_settable,
   never raw: what is set raw has no place in the order and is not gone through. */
void value_push_ordered(lua_State *L);

/* Pushes a new table, a plain list of the table's keys in the order in which they are
   gone through: an ordered dict's own; else sorted, numbers before strings before the
   rest. Strings sort by their bytes. Returns how many. Raises only when memory is out. */
lua_Integer value_push_keys(lua_State *L, int index);

/* For Lua: pushes a table of functions {null=, array=, is_array=, ordered=, pairs=} where
   array(t) marks t and returns it (an error for a table with a foreign metatable),
   is_array(t) asks, ordered{{k, v}, ...} builds an ordered dict, pairs(t) goes through in
   order (by a foreign __pairs where there is one), over the keys that were there when it
   was called. */
void value_push_library(lua_State *L);

#endif
