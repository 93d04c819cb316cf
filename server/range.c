/* Ranges of bytes. */
#include "range.h"

#include "field.h"
#include <inttypes.h>

bool range_split(struct str field, struct str *units, struct str *list)
{
    *list = field;
    *units = str_trim(str_cut(list, '='));
    return list->p != NULL;
}

static bool read_number(struct str s, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (*number > (INT64_MAX - 10) / 10)
            *number = INT64_MAX / 10 - 1; /* stays large, and below RANGE_OPEN */
        *number = *number * 10 + (s.p[i] - '0');
    }
    return s.n > 0;
}

int range_next(struct str *list, struct range *range)
{
    struct str last;
    if (!field_next_item(list, &last))
        return 0;
    struct str first = str_trim(str_cut(&last, '-'));
    if (!last.p)
        return -1;
    last = str_trim(last);
    *range = (struct range){.is_suffix = !first.n, .end = RANGE_OPEN};
    if (range->is_suffix)
        return read_number(last, &range->first) ? 1 : -1;
    if (!read_number(first, &range->first))
        return -1;
    if (!last.n)
        return 1;
    if (!read_number(last, &range->end) || range->end++ < range->first)
        return -1;
    return 1;
}

/* Whether there is a byte of the range; an empty representation has no bytes, but its
   last ones may be asked for (RFC 9110, section 14.1.2). */
static bool is_satisfiable(const struct range *range, uint64_t length)
{
    return range->is_suffix ? range->first > 0 : (uint64_t)range->first < length;
}

static void apply(const struct range *range, uint64_t length, uint64_t *first,
                  uint64_t *end)
{
    uint64_t n = (uint64_t)range->first;
    if (range->is_suffix) {
        *first = n < length ? length - n : 0;
        *end = length;
        return;
    }
    *first = n;
    *end = (uint64_t)range->end < length ? (uint64_t)range->end : length;
}

enum range_outcome range_resolve(struct str field, uint64_t length, uint64_t *first,
                                 uint64_t *end)
{
    struct str units, list;
    struct range range, wanted = {0};
    size_t n = 0, satisfiable = 0;
    int result;
    if (!field.p)
        return RANGE_WHOLE;
    if (!range_split(field, &units, &list))
        return RANGE_UNSATISFIABLE;
    if (!str_ieq(units, STR("bytes")))
        return RANGE_WHOLE;
    while ((result = range_next(&list, &range)) == 1) {
        n++;
        satisfiable += is_satisfiable(&range, length);
        wanted = range;
    }
    if (result < 0 || !satisfiable)
        return RANGE_UNSATISFIABLE;
    if (n > 1 || length == 0)
        return RANGE_WHOLE;
    apply(&wanted, length, first, end);
    return RANGE_PART;
}

void range_add_content_range(struct buf *out, uint64_t first, uint64_t end,
                             uint64_t length)
{
    buf_addf(out, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, end - 1, length);
}

void range_add_unsatisfied(struct buf *out, uint64_t length)
{
    buf_addf(out, "bytes */%" PRIu64, length);
}
