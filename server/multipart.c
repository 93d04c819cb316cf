/* multipart/form-data: a window that moves over the body, and the parts seen through it.

   Linear time: a delimiter is sought by its first character (CR, or LF in bodies with
   that line end), which a boundary can't hold. So of two places where one could begin,
   the second lies behind everything that was compared at the first. */
#include "multipart.h"

#include "base/buf.h"
#include "field.h"
#include "text.h"
#include <errno.h>
#include <unistd.h>

#define PIECE        (64 * 1024) /* bytes of a file that are in memory at once */
#define MAX_BOUNDARY 200         /* as Werkzeug; RFC 2046 has 70 */
#define MAX_PADDING  100         /* spaces behind a delimiter */
#define MAX_HEAD     (16 * 1024) /* bytes of a part's head */
#define MAX_HEADERS  32          /* fields of a part's head */

/* p[at..end) is what is there; p[0] is the source's byte `base`. */
struct window {
    const struct form_source *source;
    const char *p;
    char
        *piece; /* PIECE bytes in the arena that p points to, when the source is a file */
    size_t at, end;
    uint64_t base;
    bool is_unreadable;
};

struct parser {
    struct arena *arena;
    struct window window;
    struct str boundary; /* with the two hyphens before it */
    bool ends_lines_with_cr;
    const struct form_limits *limits;
    size_t n_parts, memory; /* so far: parts; bytes of fields */
    struct buf text;        /* the header or the field that is being read */
    struct form *out;
    struct fault *fault;
};

enum delimiter { NONE, NEXT, LAST };

static int bad(struct parser *p, const char *what)
{
    if (p->window.is_unreadable)
        return fault_set(p->fault, 500, "the request's body can't be read from its file");
    return fault_set(p->fault, 400, "broken multipart body: %s", what);
}

static int exhausted(struct parser *p)
{
    return fault_set(p->fault, 503, "out of memory");
}

/* The window. */

/* Gets more bytes behind those at w->at, which move to the front. False at the end. */
static bool see_more(struct window *w)
{
    uint64_t end = w->base + w->end;
    if (!w->piece || end == w->source->size || w->end - w->at == PIECE)
        return false;
    memmove(w->piece, w->piece + w->at, w->end - w->at);
    w->base += w->at;
    w->end -= w->at;
    w->at = 0;
    uint64_t wanted = w->source->size - end;
    if (wanted > PIECE - w->end)
        wanted = PIECE - w->end;
    ssize_t got;
    do
        got = pread(w->source->fd, w->piece + w->end, wanted, (off_t)end);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        w->is_unreadable = true;
        return false;
    }
    w->end += (size_t)got;
    return true;
}

/* Whether n bytes (fewer than a piece) are there, after getting more if need be. */
static bool see(struct window *w, size_t n)
{
    while (w->end - w->at < n)
        if (!see_more(w))
            return false;
    return true;
}

static bool is_at(struct window *w, size_t from, struct str text)
{
    return see(w, from + text.n) && memcmp(w->p + w->at + from, text.p, text.n) == 0;
}

/* Delimiters. */

/* What stands `from` bytes on, behind a boundary: hyphens, or space and the line's end.
   If these end a delimiter, *length is its length from the window's beginning; *has_cr:
   how its line ended. */
static enum delimiter end_delimiter(struct window *w, size_t from, size_t *length,
                                    bool *has_cr)
{
    *length = from + 2;
    if (is_at(w, from, STR("--")))
        return LAST;
    size_t end = from;
    while (end - from < MAX_PADDING && see(w, end + 1) &&
           (w->p[w->at + end] == ' ' || w->p[w->at + end] == '\t'))
        end++;
    *has_cr = is_at(w, end, STR("\r\n"));
    *length = end + (*has_cr ? 2 : 1);
    return *has_cr || is_at(w, end, STR("\n")) ? NEXT : NONE;
}

static bool skip_line(struct window *w)
{
    do {
        const char *newline = memchr(w->p + w->at, '\n', w->end - w->at);
        w->at = newline ? (size_t)(newline - w->p) + 1 : w->end;
        if (newline)
            return true;
    } while (see_more(w));
    return false;
}

/* Passes over the preamble and the first delimiter, which decides how lines end. */
static enum delimiter skip_first_delimiter(struct parser *p)
{
    struct window *w = &p->window;
    do {
        size_t length;
        enum delimiter found = NONE;
        if (is_at(w, 0, p->boundary))
            found = end_delimiter(w, p->boundary.n, &length, &p->ends_lines_with_cr);
        if (found != NONE) {
            w->at += length;
            return found;
        }
    } while (skip_line(w));
    return NONE;
}

/* The boundary `from` bytes on, and its length from the window's beginning. */
static enum delimiter boundary_at(struct parser *p, size_t from, size_t *length)
{
    struct window *w = &p->window;
    bool has_cr = p->ends_lines_with_cr;
    if (!is_at(w, from, p->boundary))
        return NONE;
    enum delimiter found = end_delimiter(w, from + p->boundary.n, length, &has_cr);
    return has_cr == p->ends_lines_with_cr ? found : NONE;
}

/* The delimiter of which the first character is at the window's beginning, and its
 * length. */
static enum delimiter delimiter_here(struct parser *p, size_t *length)
{
    struct str line_end = p->ends_lines_with_cr ? STR("\r\n") : STR("\n");
    return is_at(&p->window, 0, line_end) ? boundary_at(p, line_end.n, length) : NONE;
}

/* A part's head. */

/* Takes a line, without its end, off the window: it is there until the next see. */
static int take_line(struct parser *p, struct str *line)
{
    struct window *w = &p->window;
    const char *newline;
    while (!(newline = memchr(w->p + w->at, '\n', w->end - w->at))) {
        if (w->end - w->at > MAX_HEAD)
            return bad(p, "a part's head is too large");
        if (!see_more(w))
            return bad(p, "it ends within a part's head");
    }
    *line = (struct str){w->p + w->at, (size_t)(newline - w->p) - w->at};
    w->at += line->n + 1;
    bool has_cr = line->n && line->p[line->n - 1] == '\r';
    line->n -= has_cr;
    if (has_cr != p->ends_lines_with_cr)
        return bad(p, "its lines end in different ways");
    return 0;
}

static int add_header(struct parser *p, struct pairs *headers)
{
    struct str value = buf_str(&p->text);
    if (p->text.is_exhausted || !(value = arena_copy(p->arena, value)).p)
        return exhausted(p);
    p->text.n = 0;
    struct str name = str_cut(&value, ':');
    if (!value.p || !field_is_token(name))
        return bad(p, "a line of a part's head is no header field");
    if (memchr(value.p, '\r', value.n) || memchr(value.p, '\0', value.n))
        return bad(p, "a header field of a part has control characters in it");
    if (headers->n == MAX_HEADERS)
        return bad(p, "a part has too many header fields");
    value = text_repaired(p->arena, str_trim(value));
    return value.p && pairs_add(headers, p->arena, name, value) == 0 ? 0 : exhausted(p);
}

/* A line that begins with space goes on with the field before it (RFC 5322,
 * section 2.2.3). */
static int read_head(struct parser *p, struct pairs *headers)
{
    size_t size = 0;
    for (;;) {
        struct str line = {NULL, 0};
        if (take_line(p, &line) < 0)
            return -1;
        size += line.n;
        if (size > MAX_HEAD)
            return bad(p, "a part's head is too large");
        bool is_continued = line.n && (*line.p == ' ' || *line.p == '\t');
        if (!is_continued && p->text.n && add_header(p, headers) < 0)
            return -1;
        if (!line.n)
            return 0;
        buf_addstr(&p->text, line);
    }
}

/* A part's content. */

static int add_text(struct parser *p, size_t n)
{
    if (n > p->limits->max_memory - p->memory)
        return fault_set(p->fault, 413, "the form's fields have more than %zu bytes",
                         p->limits->max_memory);
    p->memory += n;
    buf_add(&p->text, p->window.p + p->window.at, n);
    return 0;
}

/* Passes over the content up to the next delimiter, and over that. Copies it to p->text,
   if it is a field's. *end: the content's end in the source. A delimiter right behind the
   head begins with the empty line's end, as in Werkzeug 3: the part has no content. */
static int read_content(struct parser *p, bool is_field, uint64_t *end,
                        enum delimiter *found)
{
    struct window *w = &p->window;
    char first = p->ends_lines_with_cr ? '\r' : '\n';
    size_t length = 0;
    *end = w->base + w->at;
    *found = boundary_at(p, 0, &length);
    w->at += *found == NONE ? 0 : length;
    while (*found == NONE) {
        size_t n = w->end - w->at;
        const char *hit = n ? memchr(w->p + w->at, first, n) : NULL;
        n = hit ? (size_t)(hit - w->p) - w->at : n;
        if (is_field && add_text(p, n) < 0)
            return -1;
        w->at += n;
        if (!hit && !see_more(w))
            return bad(p, "it ends before its last boundary");
        if (!hit)
            continue;
        *end = w->base + w->at;
        *found = delimiter_here(p, &length);
        if (*found == NONE && is_field && add_text(p, 1) < 0)
            return -1;
        w->at += *found == NONE ? 1 : length;
    }
    return 0;
}

static bool is_latin1(struct parser *p, struct str content_type)
{
    struct str type;
    struct pairs parameters = {0};
    if (!content_type.p)
        return false;
    field_parse_parameters(p->arena, content_type, &type, &parameters);
    const struct pair *charset = pairs_find(&parameters, STR("charset"));
    return charset && str_ieq(charset->value, STR("iso-8859-1"));
}

static int read_field(struct parser *p, struct str name, struct str content_type,
                      enum delimiter *found)
{
    uint64_t end;
    if (read_content(p, true, &end, found) < 0)
        return -1;
    if (p->text.is_exhausted)
        return exhausted(p);
    struct str value = arena_copy(p->arena, buf_str(&p->text));
    p->text.n = 0;
    if (value.p)
        value = is_latin1(p, content_type) ? text_from_latin1(p->arena, value)
                                           : text_repaired(p->arena, value);
    if (!value.p || pairs_add(&p->out->fields, p->arena, name, value) < 0)
        return exhausted(p);
    return 0;
}

static struct form_file *new_file(struct parser *p)
{
    struct form *form = p->out;
    if (form->n_files == form->cap_files) {
        size_t cap = form->cap_files ? form->cap_files * 2 : 4;
        struct form_file *files = arena_alloc(p->arena, cap * sizeof *files);
        if (!files)
            return NULL;
        if (form->n_files)
            memcpy(files, form->files, form->n_files * sizeof *files);
        form->files = files;
        form->cap_files = cap;
    }
    return &form->files[form->n_files++];
}

static int read_file(struct parser *p, const struct form_file *head,
                     enum delimiter *found)
{
    uint64_t end, offset = p->window.base + p->window.at;
    if (read_content(p, false, &end, found) < 0)
        return -1;
    struct form_file *file = new_file(p);
    if (!file)
        return exhausted(p);
    *file = *head;
    file->offset = offset;
    file->length = end - offset;
    return 0;
}

static int read_part(struct parser *p, enum delimiter *found)
{
    struct form_file part = {.offset = 0};
    struct str type;
    struct pairs parameters = {0};
    if (p->n_parts++ == p->limits->max_parts)
        return fault_set(p->fault, 413, "the form has more than %zu parts",
                         p->limits->max_parts);
    if (read_head(p, &part.headers) < 0)
        return -1;
    const struct pair *disposition =
        pairs_find(&part.headers, STR("Content-Disposition"));
    if (!disposition)
        return bad(p, "a part has no Content-Disposition");
    if (field_parse_parameters(p->arena, disposition->value, &type, &parameters) < 0)
        return exhausted(p);
    const struct pair *name = pairs_find(&parameters, STR("name"));
    const struct pair *filename = pairs_find(&parameters, STR("filename"));
    const struct pair *content_type = pairs_find(&part.headers, STR("Content-Type"));
    if (!str_ieq(type, STR("form-data")) || !name)
        return bad(p, "a part is no form-data with a name");
    part.name = name->value;
    part.content_type = content_type ? content_type->value : part.content_type;
    if (!filename)
        return read_field(p, part.name, part.content_type, found);
    part.filename = filename->value;
    return read_file(p, &part, found);
}

static int parse(struct parser *p)
{
    enum delimiter found = skip_first_delimiter(p);
    if (found == NONE)
        return bad(p, "its boundary is not in it");
    while (found == NEXT)
        if (read_part(p, &found) < 0)
            return -1;
    return 0;
}

static bool is_boundary(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return s.n && s.n <= MAX_BOUNDARY && s.p[s.n - 1] != ' ';
}

int multipart_parse(struct arena *a, const struct form_source *source,
                    struct str boundary, const struct form_limits *limits,
                    struct form *out, struct fault *f)
{
    char dashed[MAX_BOUNDARY + 2] = "--";
    if (!is_boundary(boundary))
        return fault_set(f, 400, "broken multipart body: its boundary is none");
    memcpy(dashed + 2, boundary.p, boundary.n);
    struct parser p = {
        .arena = a,
        .window = {.source = source, .p = source->memory},
        .boundary = {dashed, boundary.n + 2},
        .limits = limits,
        .out = out,
        .fault = f,
    };
    if (source->memory)
        p.window.end = source->size;
    else if (!(p.window.p = p.window.piece = arena_alloc(a, PIECE)))
        return exhausted(&p);
    int result = parse(&p);
    buf_free(&p.text);
    return result;
}
