/* Content-Disposition. */
#include "disposition.h"

#include "base/likeness.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "field.h"

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return true;
    return false;
}

int disposition_format(struct buf *out, bool is_attachment, struct str name,
                       struct fault *f)
{
    if (has_control(name) || !utf8_is_valid(name))
        return fault_set(f, 500,
                         "a download's name must be UTF-8 without control characters");
    buf_addstr(out, is_attachment ? STR("attachment") : STR("inline"));
    if (!name.p)
        return 0;
    struct buf ascii = {0};
    likeness_add(&ascii, name);
    buf_addstr(out, STR("; filename="));
    field_add_quoted(out, buf_str(&ascii));
    out->is_exhausted |= ascii.is_exhausted;
    buf_free(&ascii);
    if (!is_ascii(name)) {
        buf_addstr(out, STR("; filename*=UTF-8''"));
        percent_encode(out, name, "!#$&+-.^_`|~"); /* RFC 8187's attr-char */
    }
    return 0;
}
