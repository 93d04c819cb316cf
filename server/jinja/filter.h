/* What the files of filters share. */
#ifndef JINJA_FILTER_H
#define JINJA_FILTER_H

#include "jinja/values.h"

/* Ends a builtin with the text in b, a Markup when is_markup. */
int filter_done(struct machine *m, struct buf *b, bool is_markup);

/* Ends a builtin with an iterator over the list on top, which is gone through once. */
int filter_done_iterator(struct machine *m);

/* Pushes a list of item.attribute for each item of the list at `list` (`attribute`: a
   name with dots, a number, or nil: the items themselves), `otherwise` (0: none) standing
   in for undefined ones. false: Lua has been asked, and the builtin is to return
   BUILTIN_CALL; when it is run again, in its next phase, the list is on top. */
bool filter_attributes(struct machine *m, int list, int attribute, int otherwise);

/* Pushes a list of the keys at `list` with texts in lower case. */
void filter_push_folded(struct machine *m, int list);

/* Pushes a new list: the items at `items` in the order of the keys at `keys`; stable. */
void filter_push_sorted(struct machine *m, int items, int keys, bool is_reverse);

/* Python's str.splitlines: the next line of *rest, without its end; false when none is
 * left. */
bool filter_next_line(struct str *rest, struct str *line);

#endif
