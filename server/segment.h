/* Matching one part of a rule against one segment of a path (or what is left of it). */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "rule.h"

/* Memory for parts with several variables, kept from match to match. All zeros at first.
 */
struct segment_scratch {
    uint32_t *p;
    size_t n;
};

/* Whether the part matches all of the text, as Werkzeug's regular expression would: each
   variable takes as much as it can (a path as little), from left to right. captures[0..]
   get the texts of its variables in order. is_suffixed parts: *has_slash tells whether
   the optional slash stood at the end. Takes time linear in the text's length for each
   variable. With several variables in a part of which some are own converters the trying
   is bounded, too, and what was not found within the bound counts as no match. */
bool segment_match(const struct rule_part *part, struct str text,
                   struct segment_scratch *scratch, struct converter_lua *lua,
                   struct str *captures, bool *has_slash);

/* Gives back memory that an unusually long match took. */
void segment_trim(struct segment_scratch *scratch);

void segment_free(struct segment_scratch *scratch);

#endif
