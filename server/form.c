/* Forms: queries, and the choice of the body's parser. */
#include "form.h"

#include "base/percent.h"
#include "base/utf8.h"
#include "field.h"
#include "multipart.h"
#include "text.h"
#include <errno.h>
#include <unistd.h>

/* scratch is empty before and after. .p is NULL when memory is out. */
static struct str decode(struct arena *a, struct buf *scratch, struct str s)
{
    if (percent_is_plain(s, true))
        return s.n ? text_repaired(a, s) : STR("");
    percent_decode(scratch, s, true);
    struct str decoded = buf_str(scratch);
    scratch->n = 0;
    if (scratch->is_exhausted)
        return (struct str){NULL, 0};
    return utf8_is_valid(decoded) ? arena_copy(a, decoded) : text_repaired(a, decoded);
}

static int add_part(struct arena *a, struct buf *scratch, struct str part,
                    struct pairs *out)
{
    struct str value = part;
    struct str name = decode(a, scratch, str_cut(&value, '='));
    value = decode(a, scratch, value);
    return name.p && value.p ? pairs_add(out, a, name, value) : -1;
}

int form_parse_query(struct arena *a, struct str s, struct pairs *out)
{
    struct buf scratch = {0};
    int result = 0;
    for (struct str rest = s; rest.n && result == 0;) {
        struct str part = str_cut(&rest, '&');
        if (part.n)
            result = add_part(a, &scratch, part, out);
    }
    buf_free(&scratch);
    return result;
}

/* The whole body: its fields would be as large, and max_memory bounds it. */
static int read_body(struct arena *a, const struct form_source *source, struct str *body,
                     struct fault *f)
{
    *body = (struct str){source->memory, source->size};
    if (source->memory || !source->size)
        return 0;
    char *to = arena_alloc(a, source->size);
    if (!to)
        return fault_set(f, 503, "out of memory");
    size_t n = 0;
    while (n < source->size) {
        ssize_t got = pread(source->fd, to + n, source->size - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fault_set(f, 500, "the request's body can't be read from its file");
        n += (size_t)got;
    }
    body->p = to;
    return 0;
}

static int parse_urlencoded(struct arena *a, const struct form_source *source,
                            const struct form_limits *limits, struct form *out,
                            struct fault *f)
{
    struct str body;
    if (source->size > limits->max_memory)
        return fault_set(f, 413, "the form has more than %zu bytes", limits->max_memory);
    if (read_body(a, source, &body, f) < 0)
        return -1;
    if (form_parse_query(a, body, &out->fields) < 0)
        return fault_set(f, 503, "out of memory");
    return 0;
}

int form_parse(struct arena *a, const struct form_source *source, struct str content_type,
               const struct form_limits *limits, struct form *out, struct fault *f)
{
    struct str mimetype;
    struct pairs parameters = {0};
    if (field_parse_parameters(a, content_type, &mimetype, &parameters) < 0)
        return fault_set(f, 503, "out of memory");
    if (str_ieq(mimetype, STR("application/x-www-form-urlencoded")))
        return parse_urlencoded(a, source, limits, out, f);
    if (!str_ieq(mimetype, STR("multipart/form-data")) || !source->size)
        return 0;
    const struct pair *boundary = pairs_find(&parameters, STR("boundary"));
    if (!boundary)
        return fault_set(f, 400, "the multipart body's Content-Type has no boundary");
    return multipart_parse(a, source, boundary->value, limits, out, f);
}
