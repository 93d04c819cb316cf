/* Conditional requests: section 13.2.2 of RFC 9110, step by step. */
#include "precondition.h"

#include "date.h"

static bool is_since_modified(struct str field, const struct validators *now,
                              bool *is_known)
{
    int64_t date = field.p ? date_parse(field) : -1;
    *is_known = date != -1 && now->last_modified != -1;
    return *is_known && now->last_modified > date;
}

/* Steps 1 and 2: is it still what the client means? */
static bool is_as_meant(const struct preconditions *sent, const struct validators *now)
{
    bool is_known;
    if (sent->if_match.p)
        return etag_is_in(sent->if_match, now->etag, true);
    return !is_since_modified(sent->if_unmodified_since, now, &is_known);
}

/* Steps 3 and 4: has the client got it already? */
static bool is_had(const struct preconditions *sent, bool is_read,
                   const struct validators *now)
{
    bool is_known;
    if (sent->if_none_match.p)
        return etag_is_in(sent->if_none_match, now->etag, false);
    return is_read && !is_since_modified(sent->if_modified_since, now, &is_known) &&
           is_known;
}

enum precondition precondition_check(const struct preconditions *sent, struct str method,
                                     const struct validators *now)
{
    bool is_read = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
    if (!is_as_meant(sent, now))
        return PRECONDITION_FAILED;
    if (!is_had(sent, is_read, now))
        return PRECONDITION_PROCEED;
    return is_read ? PRECONDITION_NOT_MODIFIED : PRECONDITION_FAILED;
}

bool precondition_allows_range(struct str if_range, const struct validators *now)
{
    if (!if_range.p)
        return true;
    int64_t date = date_parse(if_range);
    if (date != -1)
        return date == now->last_modified;
    struct etag tag;
    bool is_star;
    struct str rest = if_range;
    return etag_next(&rest, &tag, &is_star) && !is_star && !tag.is_weak &&
           now->etag.tag.p && !now->etag.is_weak && str_eq(tag.tag, now->etag.tag);
}
