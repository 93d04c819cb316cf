/* STEP 1: bytes in; a strict HTTP/1.x request head, body bytes or a fault out.

   A head is read in two passes: find_head_end looks for the empty line, going on where it
   stopped when more bytes come; then the whole head is copied into the request's arena
   and parsed there once. This file knows evbuffers only: connections, the test client and
   the fuzzer feed it the same bytes. */
#include "http1.h"

#include "base/words.h"

#define LONGEST_CHUNK_LINE 1024 /* chunk size and extensions, bytes */
#define LONGEST_CHUNK_SIZE 15   /* hexadecimal digits: below 2^60 */

/* What a byte may be part of. */
enum { TOKEN = 1, VALUE = 2, TARGET = 4, HOST = 8 };

static const unsigned char byte_class[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | VALUE | TARGET | HOST,
    ['"'] = VALUE | TARGET,
    ['#'] = TOKEN | VALUE,
    ['$'] = TOKEN | VALUE | TARGET | HOST,
    ['%'] = TOKEN | VALUE | TARGET | HOST,
    ['&'] = TOKEN | VALUE | TARGET | HOST,
    ['\''] = TOKEN | VALUE | TARGET | HOST,
    ['('] = VALUE | TARGET | HOST,
    [')'] = VALUE | TARGET | HOST,
    ['*'] = TOKEN | VALUE | TARGET | HOST,
    ['+'] = TOKEN | VALUE | TARGET | HOST,
    [','] = VALUE | TARGET | HOST,
    ['-'] = TOKEN | VALUE | TARGET | HOST,
    ['.'] = TOKEN | VALUE | TARGET | HOST,
    ['/'] = VALUE | TARGET,
    ['0' ... '9'] = TOKEN | VALUE | TARGET | HOST,
    [':'] = VALUE | TARGET,
    [';'] = VALUE | TARGET | HOST,
    ['<'] = VALUE | TARGET,
    ['='] = VALUE | TARGET | HOST,
    ['>' ... '@'] = VALUE | TARGET,
    ['A' ... 'Z'] = TOKEN | VALUE | TARGET | HOST,
    ['['] = VALUE | TARGET,
    ['\\'] = VALUE | TARGET,
    [']'] = VALUE | TARGET,
    ['^'] = TOKEN | VALUE | TARGET,
    ['_'] = TOKEN | VALUE | TARGET | HOST,
    ['`'] = TOKEN | VALUE | TARGET,
    ['a' ... 'z'] = TOKEN | VALUE | TARGET | HOST,
    ['{'] = VALUE | TARGET,
    ['|'] = TOKEN | VALUE | TARGET,
    ['}'] = VALUE | TARGET,
    ['~'] = TOKEN | VALUE | TARGET | HOST,
    [0x80 ... 0xFF] = VALUE | TARGET,
};

/* How many bytes at the start of s are of that class. */
static size_t span(struct str s, int class)
{
    size_t i = 0;
    while (i < s.n && byte_class[(unsigned char)s.p[i]] & class)
        i++;
    return i;
}

static bool has_control(uint64_t word)
{
    return WORD_HAS_LESS(word, 0x20) | WORD_HAS(word, 0x7F);
}

/* span for VALUE, by eight where no byte is a control character. */
static size_t value_span(struct str s)
{
    size_t i = 0;
    while (s.n - i >= 8 && !has_control(word_at(s.p + i)))
        i += 8;
    if (s.n - i < 8 && s.n >= 8 && !has_control(word_at(s.p + s.n - 8)))
        return s.n;
    return i + span(str_skip(s, i), VALUE);
}

bool http1_is_token(struct str s)
{
    return s.n > 0 && span(s, TOKEN) == s.n;
}

bool http1_is_field_value(struct str s)
{
    return value_span(s) == s.n;
}

static enum http1_result refuse(struct fault *fault, int status, const char *why)
{
    fault_set(fault, status, "%s", why);
    return HTTP1_FAULT;
}

/* ---- the head's end ---- */

/* HTTP1_DONE with *size, HTTP1_MORE, or a fault: too long, or a line ended by a bare LF.
 */
static enum http1_result find_head_end(struct http1 *p, const char *bytes, size_t n,
                                       size_t most, size_t *size, struct fault *fault)
{
    for (;;) {
        const char *lf =
            n > p->scanned ? memchr(bytes + p->scanned, '\n', n - p->scanned) : NULL;
        if (!lf) {
            p->scanned = n;
            if (n < most)
                return HTTP1_MORE;
            return p->n_lines == 0
                       ? refuse(fault, 414, "The request line is too long.")
                       : refuse(fault, 431, "The header fields are too large.");
        }
        size_t end = (size_t)(lf - bytes);
        if (end == p->line || bytes[end - 1] != '\r')
            return refuse(fault, 400, "A line does not end with CR LF.");
        bool is_empty = end - p->line == 1;
        p->line = p->scanned = end + 1;
        if (is_empty && p->n_lines > 0) {
            *size = end + 1;
            return HTTP1_DONE;
        }
        if (!is_empty)
            p->n_lines++;
    }
}

/* A first byte that can't begin a method is refused at once: what comes may be TLS or
   anything else, and would be waited for in vain. */
static bool can_begin_request(const char *bytes, size_t n)
{
    return n == 0 || bytes[0] == '\r' || byte_class[(unsigned char)bytes[0]] & TOKEN;
}

/* ---- the request line ---- */

static int parse_version(struct str s, struct http1_head *head, struct fault *fault)
{
    if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || s.p[6] != '.' || s.p[5] < '0' ||
        s.p[5] > '9' || s.p[7] < '0' || s.p[7] > '9')
        return fault_set(fault, 400, "The request line is malformed.");
    if (s.p[5] != '1')
        return fault_set(fault, 505, "Only HTTP/1.0 and HTTP/1.1 are served here.");
    head->minor = s.p[7] == '0' ? 0 : 1;
    return 0;
}

/* The port, when there is one, is digits only. */
static bool is_port(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n <= 5;
}

static bool is_ip_literal(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF:.", s.p[i]) || s.p[i] == '\0')
            return false;
    return s.n >= 2;
}

bool http1_is_authority(struct str s)
{
    size_t host;
    if (s.n && s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);
        if (!close || !is_ip_literal((struct str){s.p + 1, (size_t)(close - s.p) - 1}))
            return false;
        host = (size_t)(close - s.p) + 1;
    } else {
        host = span(s, HOST);
    }
    if (host == 0 || host > 255)
        return false;
    return host == s.n || (s.p[host] == ':' && is_port(str_skip(s, host + 1)));
}

/* Moves *target behind http://authority. -1 when it does not begin like that. */
static int cut_authority(struct str *target, struct str *authority)
{
    struct str rest = *target;
    size_t scheme = 0;
    if (rest.n > 7 && strncasecmp(rest.p, "http://", 7) == 0)
        scheme = 7;
    else if (rest.n > 8 && strncasecmp(rest.p, "https://", 8) == 0)
        scheme = 8;
    else
        return -1;
    rest = str_skip(rest, scheme);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    *authority = (struct str){rest.p, n};
    *target = str_skip(rest, n);
    return http1_is_authority(*authority) ? 0 : -1;
}

/* Splits the target: origin-form, absolute-form (http and https), authority-form for
   CONNECT or asterisk-form for OPTIONS; RFC 9112, section 3.2. */
static int parse_target(struct http1_head *head, struct fault *fault)
{
    struct str rest = head->target;
    if (str_eq(head->method, STR("CONNECT"))) {
        head->path = rest;
        head->authority = rest;
        return http1_is_authority(rest)
                   ? 0
                   : fault_set(fault, 400, "The request target is malformed.");
    }
    if (str_eq(rest, STR("*")) && str_eq(head->method, STR("OPTIONS"))) {
        head->path = rest;
        return 0;
    }
    if (rest.p[0] != '/' && cut_authority(&rest, &head->authority) < 0)
        return fault_set(fault, 400, "The request target is malformed.");
    head->path = str_cut(&rest, '?');
    if (head->path.n == 0) /* http://host, http://host?query */
        head->path = STR("/");
    head->query = rest.p ? rest : STR("");
    return 0;
}

static int parse_request_line(struct str line, struct http1_head *head,
                              struct fault *fault)
{
    head->method = (struct str){line.p, span(line, TOKEN)};
    line = str_skip(line, head->method.n);
    if (head->method.n == 0 || line.n == 0 || line.p[0] != ' ')
        return fault_set(fault, 400, "The request line is malformed.");
    line = str_skip(line, 1);
    head->target = (struct str){line.p, span(line, TARGET)};
    line = str_skip(line, head->target.n);
    if (head->target.n == 0 || line.n == 0 || line.p[0] != ' ')
        return fault_set(fault, 400, "The request line is malformed.");
    if (parse_version(str_skip(line, 1), head, fault) < 0)
        return -1;
    return parse_target(head, fault);
}

/* ---- the fields ---- */

static int parse_length(struct str value, struct http1_head *head, struct fault *fault)
{
    if (head->has_length)
        return fault_set(fault, 400, "There is more than one Content-Length.");
    head->has_length = true;
    head->length = 0;
    for (size_t i = 0; i < value.n; i++) {
        unsigned digit = (unsigned char)value.p[i] - '0';
        if (digit > 9)
            return fault_set(fault, 400, "Content-Length is not a number.");
        if (head->length > (UINT64_MAX - digit) / 10)
            head->length = UINT64_MAX;
        else
            head->length = head->length * 10 + digit;
    }
    return value.n ? 0 : fault_set(fault, 400, "Content-Length is not a number.");
}

static int parse_coding(struct str value, struct http1_head *head, struct fault *fault)
{
    if (head->is_chunked || !str_ieq(value, STR("chunked")))
        return fault_set(fault, 501,
                         "The only transfer coding that is served is chunked.");
    head->is_chunked = true;
    return 0;
}

static int parse_host(struct str value, struct http1_head *head, bool *has_host,
                      struct fault *fault)
{
    if (*has_host)
        return fault_set(fault, 400, "There is more than one Host.");
    *has_host = true;
    if (!http1_is_authority(value))
        return fault_set(fault, 400, "Host is malformed.");
    if (!head->authority.p)
        head->authority = value;
    return 0;
}

struct connection_options {
    bool close, keep_alive;
};

static void parse_connection(struct str value, struct connection_options *options)
{
    while (value.p) {
        struct str option = str_trim(str_cut(&value, ','));
        options->close |= str_ieq(option, STR("close"));
        options->keep_alive |= str_ieq(option, STR("keep-alive"));
    }
}

/* Cuts one field line in two. */
static int parse_field(struct str line, struct http1_field *field, struct fault *fault)
{
    field->name = (struct str){line.p, span(line, TOKEN)};
    struct str rest = str_skip(line, field->name.n);
    if (field->name.n == 0 || rest.n == 0 || rest.p[0] != ':')
        return fault_set(fault, 400, "A header field's name is malformed.");
    rest = str_skip(rest, 1);
    if (value_span(rest) != rest.n)
        return fault_set(fault, 400, "A header field has a control character.");
    field->value = str_trim(rest);
    return 0;
}

/* Reads the fields that frame the message; the others are only kept. */
static int note_field(const struct http1_field *field, struct http1_head *head,
                      struct connection_options *connection, bool *has_host,
                      struct fault *fault)
{
    switch (field->name.n) {
    case 4:
        if (str_ieq(field->name, STR("Host")))
            return parse_host(field->value, head, has_host, fault);
        break;
    case 6:
        if (str_ieq(field->name, STR("Expect"))) {
            if (str_ieq(field->value, STR("100-continue")))
                head->expects_continue = true;
            else
                head->expects_other = true;
        }
        break;
    case 10:
        if (str_ieq(field->name, STR("Connection")))
            parse_connection(field->value, connection);
        break;
    case 14:
        if (str_ieq(field->name, STR("Content-Length")))
            return parse_length(field->value, head, fault);
        break;
    case 17:
        if (str_ieq(field->name, STR("Transfer-Encoding")))
            return parse_coding(field->value, head, fault);
        break;
    }
    return 0;
}

/* What can be said only when all fields are known. */
static int check_head(struct http1_head *head,
                      const struct connection_options *connection, bool has_host,
                      struct fault *fault)
{
    if (head->minor >= 1 && !has_host)
        return fault_set(fault, 400, "Host is missing.");
    if (head->is_chunked && head->has_length)
        return fault_set(fault, 400, "Content-Length stands beside Transfer-Encoding.");
    if (head->is_chunked && head->minor == 0)
        return fault_set(fault, 400, "HTTP/1.0 has no Transfer-Encoding.");
    if (head->minor == 0)
        head->expects_continue = head->expects_other = false;
    head->wants_close =
        connection->close || (head->minor == 0 && !connection->keep_alive);
    return 0;
}

/* The next line, without its CR LF. Every line of a head found by find_head_end has both.
 */
static struct str next_line(struct str *rest)
{
    struct str line = str_cut(rest, '\n');
    line.n--;
    return line;
}

/* text: the whole head, the empty line included. */
static int parse_head(struct str text, int most_fields, struct arena *arena,
                      struct http1_head *head, struct fault *fault)
{
    struct str line = next_line(&text);
    while (line.n == 0) /* RFC 9112, section 2.2: empty lines before it are ignored */
        line = next_line(&text);
    if (parse_request_line(line, head, fault) < 0)
        return -1;

    struct connection_options connection = {false, false};
    bool has_host = false;
    int room = 0;
    for (line = next_line(&text); line.n > 0; line = next_line(&text)) {
        if (head->n_fields == most_fields)
            return fault_set(fault, 431, "There are too many header fields.");
        if (head->n_fields == room) {
            room = room ? room * 2 : 16;
            struct http1_field *more = arena_alloc(arena, (size_t)room * sizeof *more);
            if (!more)
                return fault_set(fault, 503, "Out of memory.");
            if (head->n_fields)
                memcpy(more, head->fields, (size_t)head->n_fields * sizeof *more);
            head->fields = more;
        }
        if (*text.p == ' ' || *text.p == '\t') /* RFC 9112, section 5.2 */
            return fault_set(fault, 400, "A header field is folded.");
        struct http1_field *field = &head->fields[head->n_fields++];
        if (parse_field(line, field, fault) < 0 ||
            note_field(field, head, &connection, &has_host, fault) < 0)
            return -1;
    }
    return check_head(head, &connection, has_host, fault);
}

enum http1_result http1_read_head(struct http1 *p, struct evbuffer *in,
                                  const struct http1_limits *limits, struct arena *arena,
                                  struct http1_head *head, struct fault *fault)
{
    size_t there = evbuffer_get_length(in), size = 0;
    if (there > limits->max_head)
        there = limits->max_head;
    const char *bytes = there ? (const char *)evbuffer_pullup(in, (ev_ssize_t)there) : "";
    if (!bytes)
        return refuse(fault, 503, "Out of memory.");
    if (!can_begin_request(bytes, there))
        return refuse(fault, 400, "The request line is malformed.");
    enum http1_result found =
        find_head_end(p, bytes, there, limits->max_head, &size, fault);
    if (found != HTTP1_DONE)
        return found;

    struct str text = arena_copy(arena, (struct str){bytes, size});
    if (!text.p)
        return refuse(fault, 503, "Out of memory.");
    evbuffer_drain(in, size);
    *p = (struct http1){0};
    *head = (struct http1_head){.query = {"", 0}};
    return parse_head(text, limits->max_fields, arena, head, fault) < 0 ? HTTP1_FAULT
                                                                        : HTTP1_DONE;
}

const struct str *http1_field(const struct http1_head *head, struct str name)
{
    for (int i = 0; i < head->n_fields; i++)
        if (str_ieq(head->fields[i].name, name))
            return &head->fields[i].value;
    return NULL;
}

/* ---- the body ---- */

enum chunk_step {
    CHUNK_SIZE,   /* a line with the size and extensions comes */
    CHUNK_DATA,   /* p->left bytes of the chunk come */
    CHUNK_END,    /* the CR LF behind the data comes */
    CHUNK_TRAILER /* trailer fields and the empty line come */
};

bool http1_begin_body(struct http1 *p, const struct http1_head *head)
{
    *p = (struct http1){.step = CHUNK_SIZE, .left = head->length};
    return head->is_chunked || (head->has_length && head->length > 0);
}

/* Takes a line off `in`, without its CR LF, into text (of `most` bytes). HTTP1_MORE when
   its end has not come. */
static enum http1_result take_line(struct evbuffer *in, char *text, size_t most,
                                   size_t *n, struct fault *fault)
{
    struct evbuffer_ptr lf = evbuffer_search(in, "\n", 1, NULL);
    if (lf.pos < 0 ? evbuffer_get_length(in) >= most : (size_t)lf.pos >= most)
        return refuse(fault, 400, "A line of the chunked body is too long.");
    if (lf.pos < 0) {
        evbuffer_pullup(in, -1); /* byte by byte, each would keep a chunk of memory */
        return HTTP1_MORE;
    }
    evbuffer_remove(in, text, (size_t)lf.pos + 1);
    if (lf.pos == 0 || text[lf.pos - 1] != '\r')
        return refuse(fault, 400, "A line of the chunked body does not end with CR LF.");
    *n = (size_t)lf.pos - 1;
    return HTTP1_DONE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* chunk-size [ BWS ";" chunk-ext ]; extensions are ignored (RFC 9112, section 7.1.1). */
static int parse_chunk_size(struct str line, uint64_t *size, struct fault *fault)
{
    size_t i = 0;
    *size = 0;
    while (i < line.n && hex_digit(line.p[i]) >= 0)
        *size = *size << 4 | (unsigned)hex_digit(line.p[i++]);
    if (i == 0 || i > LONGEST_CHUNK_SIZE)
        return fault_set(fault, 400, "A chunk's size is malformed.");
    struct str extension = str_trim(str_skip(line, i));
    bool has_blank_only = extension.n == 0 && i < line.n;
    if (has_blank_only || (extension.n && extension.p[0] != ';') ||
        !http1_is_field_value(extension))
        return fault_set(fault, 400, "A chunk's size is malformed.");
    return 0;
}

/* One line of the chunked framing. */
static enum http1_result read_chunk_line(struct http1 *p,
                                         const struct http1_limits *limits,
                                         struct evbuffer *in, struct fault *fault)
{
    char text[LONGEST_CHUNK_LINE];
    size_t n;
    if (p->step == CHUNK_END) {
        char end[2];
        if (evbuffer_copyout(in, end, 2) < 2)
            return evbuffer_copyout(in, end, 1) == 1 && end[0] != '\r'
                       ? refuse(fault, 400, "A chunk is longer than its size.")
                       : HTTP1_MORE;
        if (end[0] != '\r' || end[1] != '\n')
            return refuse(fault, 400, "A chunk is longer than its size.");
        evbuffer_drain(in, 2);
        p->step = CHUNK_SIZE;
        return HTTP1_DONE;
    }
    enum http1_result taken = take_line(in, text, sizeof text, &n, fault);
    if (taken != HTTP1_DONE)
        return taken;
    struct str line = {text, n};
    if (p->step == CHUNK_SIZE) {
        if (parse_chunk_size(line, &p->left, fault) < 0)
            return HTTP1_FAULT;
        p->step = p->left ? CHUNK_DATA : CHUNK_TRAILER;
        return HTTP1_DONE;
    }
    struct http1_field field;
    p->trailer_size += n + 2;
    if (n > 0 &&
        (++p->n_trailers > limits->max_fields || p->trailer_size > limits->max_head))
        return refuse(fault, 431, "The trailer fields are too large.");
    return n > 0 && parse_field(line, &field, fault) < 0 ? HTTP1_FAULT : HTTP1_DONE;
}

/* Moves what is there of p->left, at most `most` bytes. */
static size_t move_data(struct http1 *p, struct evbuffer *in, struct evbuffer *out,
                        size_t most)
{
    size_t n = evbuffer_get_length(in);
    if (n > p->left)
        n = (size_t)p->left;
    if (n > most)
        n = most;
    int moved = n ? evbuffer_remove_buffer(in, out, n) : 0;
    n = moved > 0 ? (size_t)moved : 0;
    p->left -= n;
    return n;
}

enum http1_result http1_read_body(struct http1 *p, const struct http1_head *head,
                                  const struct http1_limits *limits, struct evbuffer *in,
                                  struct evbuffer *out, size_t most, size_t *moved,
                                  struct fault *fault)
{
    *moved = 0;
    if (!head->is_chunked) {
        *moved = move_data(p, in, out, most);
        return p->left ? HTTP1_MORE : HTTP1_DONE;
    }
    for (;;) {
        if (p->step == CHUNK_DATA) {
            *moved += move_data(p, in, out, most - *moved);
            if (p->left)
                return HTTP1_MORE;
            p->step = CHUNK_END;
        }
        bool was_trailer = p->step == CHUNK_TRAILER;
        size_t before = p->trailer_size;
        enum http1_result read = read_chunk_line(p, limits, in, fault);
        if (read != HTTP1_DONE)
            return read;
        if (was_trailer && p->trailer_size == before + 2)
            return HTTP1_DONE;
    }
}
