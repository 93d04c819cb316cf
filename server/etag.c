/* Entity tags. */
#include "etag.h"

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

bool etag_next(struct str *rest, struct etag *tag, bool *is_star)
{
    while (rest->n && is_separator(*rest->p))
        *rest = str_skip(*rest, 1);
    if (!rest->n)
        return false;
    tag->is_weak = str_starts(*rest, STR("W/")) || str_starts(*rest, STR("w/"));
    struct str text = str_skip(*rest, tag->is_weak ? 2 : 0);
    if (text.n && *text.p == '"') {
        struct str after = str_skip(text, 1);
        struct str quoted = str_cut(&after, '"');
        if (after.p) {
            tag->tag = quoted;
            *is_star = false;
            str_cut(&after, ',');
            *rest = after;
            return true;
        }
    }
    *rest = text;
    tag->tag = str_trim(str_cut(rest, ','));
    *is_star = !tag->is_weak && str_eq(tag->tag, STR("*"));
    return true;
}

bool etag_is_in(struct str list, struct etag tag, bool is_strict)
{
    struct etag one;
    bool is_star;
    while (etag_next(&list, &one, &is_star)) {
        if (is_star)
            return true;
        bool is_too_weak = is_strict && (one.is_weak || tag.is_weak);
        if (tag.tag.p && !is_too_weak && str_eq(one.tag, tag.tag))
            return true;
    }
    return false;
}

int etag_format(struct buf *out, struct etag tag, struct fault *f)
{
    for (size_t i = 0; i < tag.tag.n; i++) {
        unsigned char c = (unsigned char)tag.tag.p[i];
        if (c <= ' ' || c == '"' || c == 0x7F)
            return fault_set(f, 500,
                             "an ETag can't have quotes, spaces or control "
                             "characters in it");
    }
    buf_addstr(out, tag.is_weak ? STR("W/\"") : STR("\""));
    buf_addstr(out, tag.tag);
    buf_addc(out, '"');
    return 0;
}
