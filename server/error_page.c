/* The pages that tell of an HTTP error: templates/error.html, or JSON. */
#include "base/utf8.h"
#include "embedded.h"
#include "response.h"
#include "send.h"

void error_page_escape(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            buf_addstr(out, STR("&amp;"));
            break;
        case '<':
            buf_addstr(out, STR("&lt;"));
            break;
        case '>':
            buf_addstr(out, STR("&gt;"));
            break;
        case '"':
            buf_addstr(out, STR("&#34;"));
            break;
        case '\'':
            buf_addstr(out, STR("&#39;"));
            break;
        default:
            buf_addc(out, s.p[i]);
        }
    }
}

void error_page_json_string(struct buf *out, struct str s)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}

static void add_json(struct buf *out, int status, struct str name, struct str description)
{
    buf_addf(out, "{\"code\":%d,\"description\":", status);
    error_page_json_string(out, description);
    buf_addstr(out, STR(",\"name\":"));
    error_page_json_string(out, name);
    buf_addstr(out, STR("}\n"));
}

/* The template has {{ code }}, {{ name }} and {{ description }}, and no other brace pair.
 */
static void add_html(struct buf *out, int status, struct str name, struct str description)
{
    const struct embedded_file *page = embedded_find(STR("templates/error.html"));
    struct str rest = page ? (struct str){(const char *)page->data, page->size}
                           : STR("<!doctype html><title>{{ code }} {{ name }}</title>\n");
    const char *open;
    while (rest.n && (open = memmem(rest.p, rest.n, "{{ ", 3))) {
        buf_add(out, rest.p, (size_t)(open - rest.p));
        rest = str_skip(rest, (size_t)(open - rest.p) + 3);
        if (str_starts(rest, STR("code")))
            buf_addf(out, "%d", status);
        else
            error_page_escape(out, str_starts(rest, STR("name")) ? name : description);
        const char *close = memmem(rest.p, rest.n, "}}", 2);
        rest =
            close ? str_skip(rest, (size_t)(close - rest.p) + 2) : str_skip(rest, rest.n);
    }
    buf_addstr(out, rest);
}

const char *error_page(struct buf *out, int status, const char *name,
                       const char *description, bool as_json)
{
    struct buf title = {0},
               text = {0}; /* the app's: both pages say that they are UTF-8 */
    utf8_add_repaired(&title, str_from(name ? name : "Error"));
    utf8_add_repaired(&text, str_from(description ? description : ""));
    if (as_json)
        add_json(out, status, buf_str(&title), buf_str(&text));
    else
        add_html(out, status, buf_str(&title), buf_str(&text));
    buf_free(&title);
    buf_free(&text);
    return as_json ? "application/json" : "text/html; charset=utf-8";
}
