/* Cookies, as Werkzeug 3.1 reads and writes them. */
#include "cookie.h"

#include "base/percent.h"
#include "base/utf8.h"
#include "date.h"
#include "text.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct str strip(struct str s)
{
    while (s.n && is_space(*s.p))
        s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The length of the quoted string that s begins with, quotes included; 0: it doesn't end.
 */
static size_t quoted_length(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\')
            i++;
    }
    return 0;
}

/* Where the part's value ends, if it begins with a quote: behind the closing one, when
   nothing but space stands between that and the next semicolon; else 0. Each call looks
   at most as far as the next value's opening quote, so all of them together are linear.
 */
static size_t quoted_value_length(struct str value)
{
    if (!value.n || *value.p != '"')
        return 0;
    size_t n = quoted_length(value);
    if (!n)
        return 0;
    size_t end = n;
    while (end < value.n && is_space(value.p[end]))
        end++;
    return end == value.n || value.p[end] == ';' ? n : 0;
}

static bool is_octal(const char *p)
{
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
           p[2] <= '7';
}

/* What stands between the quotes, with \ooo and \x undone. */
static struct str unquote(struct arena *a, struct str s)
{
    if (!s.n || !memchr(s.p, '\\', s.n))
        return s;
    char *to = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++) {
        const char *p = s.p + i;
        if (*p != '\\' || i + 1 == s.n) {
            to[n++] = *p;
        } else if (i + 3 < s.n && is_octal(p + 1)) {
            to[n++] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 3;
        } else {
            to[n++] = p[1];
            i++;
        }
    }
    return (struct str){to, n};
}

/* A value as it is meant; .p NULL when memory is out. */
static struct str read_value(struct arena *a, struct str value)
{
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = unquote(a, (struct str){value.p + 1, value.n - 2});
    return value.p ? text_from_header(a, value) : value;
}

static int add_cookie(struct arena *a, struct pairs *out, struct str name,
                      struct str value)
{
    name = text_from_header(a, name);
    value = read_value(a, value);
    return name.p && value.p ? pairs_add(out, a, name, value) : -1;
}

/* Takes one part off *rest: its name, and its value ("" without an equals sign). */
static struct str take_part(struct str *rest, struct str *value)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '=' && rest->p[n] != ';')
        n++;
    struct str name = {rest->p, n};
    bool has_value = n < rest->n && rest->p[n] == '=';
    *rest = str_skip(*rest, has_value ? n + 1 : n);
    while (has_value && rest->n && is_space(*rest->p))
        *rest = str_skip(*rest, 1);
    size_t quoted = has_value ? quoted_value_length(*rest) : 0;
    struct str after = str_skip(*rest, quoted);
    struct str tail = str_cut(&after, ';');
    *value = (struct str){rest->p, quoted ? quoted : tail.n};
    *rest = after;
    return strip(name);
}

int cookie_parse(struct arena *a, struct str field, struct pairs *out)
{
    struct str rest = field;
    while (rest.n) {
        struct str value;
        struct str name = take_part(&rest, &value);
        if (name.n && add_cookie(a, out, name, strip(value)) < 0)
            return -1;
    }
    return 0;
}

int cookie_find(struct arena *a, struct str field, struct str name, struct str *found)
{
    struct str rest = field;
    while (rest.n) {
        struct str value;
        struct str other = take_part(&rest, &value);
        if (!str_eq(other, name) && !(other = text_from_header(a, other)).p)
            return -1;
        if (!other.n || !str_eq(other, name))
            continue;
        *found = read_value(a, strip(value));
        return found->p ? 0 : -1;
    }
    return 0;
}

/* What a byte may be in. A value's plain bytes are Werkzeug's, which are RFC 6265's. */
enum { NAME = 1, PLAIN = 2, PATH = 4, DOMAIN = 8, ADDRESS = 16 };

static const unsigned char byte_class[256] = {
    [' '] = PATH,
    ['!'] = NAME | PLAIN | PATH,
    ['"'] = PATH,
    ['#' ... '+'] = NAME | PLAIN | PATH,
    [','] = PATH,
    ['-'] = NAME | PLAIN | PATH | DOMAIN,
    ['.'] = NAME | PLAIN | PATH | DOMAIN | ADDRESS,
    ['/'] = NAME | PLAIN | PATH,
    ['0' ... '9'] = NAME | PLAIN | PATH | DOMAIN | ADDRESS,
    [':'] = NAME | PLAIN | PATH | ADDRESS,
    [';'] = PATH,
    ['<'] = NAME | PLAIN | PATH,
    ['='] = PLAIN | PATH,
    ['>' ... '@'] = NAME | PLAIN | PATH,
    ['A' ... 'Z'] = NAME | PLAIN | PATH | DOMAIN | ADDRESS,
    ['['] = NAME | PLAIN | PATH | ADDRESS,
    ['\\'] = PATH,
    [']'] = NAME | PLAIN | PATH | ADDRESS,
    ['^'] = NAME | PLAIN | PATH,
    ['_'] = NAME | PLAIN | PATH | DOMAIN,
    ['`'] = NAME | PLAIN | PATH,
    ['a' ... 'z'] = NAME | PLAIN | PATH | DOMAIN | ADDRESS,
    ['{' ... '~'] = NAME | PLAIN | PATH,
    [0x80 ... 0xFF] = NAME | PATH,
};

/* Whether all bytes of s are of that class. */
static bool is_all(struct str s, int class)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(byte_class[(unsigned char)s.p[i]] & class))
            return false;
    return true;
}

static bool is_name(struct str s)
{
    return s.n > 0 && is_all(s, NAME) && utf8_is_valid(s);
}

/* Without leading dots and without the port. */
static struct str domain_host(struct str domain)
{
    while (domain.n && *domain.p == '.')
        domain = str_skip(domain, 1);
    if (domain.n && *domain.p == '[')
        return domain;
    return str_cut(&domain, ':');
}

static bool is_domain(struct str s)
{
    bool is_address = s.n && *s.p == '[';
    return is_all(s, is_address ? ADDRESS : DOMAIN);
}

/* As browsers know it; .p NULL for another. */
static struct str samesite_name(struct str s)
{
    static const struct str names[] = {{"Lax", 3}, {"Strict", 6}, {"None", 4}};
    for (size_t i = 0; i < 3; i++)
        if (str_ieq(s, names[i]))
            return names[i];
    return (struct str){NULL, 0};
}

static int check(const struct cookie *c, struct fault *f)
{
    if (!is_name(c->name))
        return fault_set(f, 500,
                         "a cookie's name can't be empty, nor have spaces, control "
                         "characters or any of = ; , \" \\ in it");
    if (!is_all(c->path, PATH))
        return fault_set(f, 500,
                         "the path of the cookie %.*s has a control character in it",
                         (int)(c->name.n > 64 ? 64 : c->name.n), c->name.p);
    if (!is_domain(domain_host(c->domain)))
        return fault_set(f, 500,
                         "the domain of the cookie %.*s must be a host's name in "
                         "ASCII (for others its punycode)",
                         (int)(c->name.n > 64 ? 64 : c->name.n), c->name.p);
    if (c->samesite.p && !samesite_name(c->samesite).p)
        return fault_set(f, 500, "samesite must be \"Strict\", \"Lax\" or \"None\"");
    return 0;
}

static void add_value(struct buf *out, struct str value)
{
    if (is_all(value, PLAIN)) {
        buf_addstr(out, value);
        return;
    }
    buf_addc(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7F || c == ',' || c == ';')
            buf_addf(out, "\\%03o", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}

static void add_expires(struct buf *out, const struct cookie *c, int64_t now)
{
    int64_t t = c->expires;
    if (!c->has_expires && __builtin_add_overflow(now, c->max_age, &t))
        t = c->max_age < 0 ? INT64_MIN : INT64_MAX;
    char text[DATE_LENGTH + 1];
    date_format(text, t);
    buf_addf(out, "; Expires=%s", text);
}

int cookie_format(struct buf *out, const struct cookie *c, int64_t now, struct fault *f)
{
    if (check(c, f) < 0)
        return -1;
    buf_addstr(out, c->name);
    buf_addc(out, '=');
    add_value(out, c->value);
    struct str domain = domain_host(c->domain);
    if (domain.n) {
        buf_addstr(out, STR("; Domain="));
        buf_addstr(out, domain);
    }
    if (c->has_expires || c->has_max_age)
        add_expires(out, c, now);
    if (c->has_max_age)
        buf_addf(out, "; Max-Age=%lld", (long long)c->max_age);
    if (c->is_secure || c->is_partitioned)
        buf_addstr(out, STR("; Secure"));
    if (c->is_httponly)
        buf_addstr(out, STR("; HttpOnly"));
    if (c->path.p) {
        buf_addstr(out, STR("; Path="));
        percent_encode(out, c->path, "%!$&'()*+,/:=@");
    }
    if (c->samesite.p) {
        buf_addstr(out, STR("; SameSite="));
        buf_addstr(out, samesite_name(c->samesite));
    }
    if (c->is_partitioned)
        buf_addstr(out, STR("; Partitioned"));
    return 0;
}

/* ---- frames ---- */

static bool is_same(struct str a, struct str b)
{
    return str_eq(a, b) && !a.p == !b.p;
}

static bool is_frame_of(const struct cookie_frame *f, const struct cookie *c)
{
    const struct cookie *own = &f->cookie;
    return f->n && is_same(own->name, c->name) && is_same(own->domain, c->domain) &&
           is_same(own->path, c->path) && is_same(own->samesite, c->samesite) &&
           own->is_secure == c->is_secure && own->is_httponly == c->is_httponly &&
           own->is_partitioned == c->is_partitioned;
}

/* Moves *s on to its copy at p; returns where that ends. */
static const char *move(struct str *s, const char *p)
{
    if (s->p)
        s->p = p;
    return p + s->n;
}

int cookie_frame_set(struct cookie_frame *f, const struct cookie *c, struct fault *fault)
{
    if (is_frame_of(f, c))
        return 0;
    cookie_frame_clear(f);
    f->cookie = *c;
    f->cookie.value = STR("");
    if (cookie_format(&f->text, &f->cookie, 0, fault) < 0) {
        cookie_frame_clear(f);
        return -1;
    }
    size_t n = f->text.n;
    buf_addstr(&f->text, c->name);
    buf_addstr(&f->text, c->domain);
    buf_addstr(&f->text, c->path);
    buf_addstr(&f->text, c->samesite);
    if (f->text.is_exhausted) {
        cookie_frame_clear(f);
        return fault_set(fault, 503, "out of memory");
    }
    const char *p = f->text.p + n;
    p = move(&f->cookie.name, p);
    p = move(&f->cookie.domain, p);
    p = move(&f->cookie.path, p);
    move(&f->cookie.samesite, p);
    f->before = c->name.n + 1;
    f->n = n;
    return 0;
}

struct str cookie_framed(const struct cookie_frame *f, struct arena *a, struct str value)
{
    char *p = arena_alloc(a, f->n + value.n);
    if (!p)
        return (struct str){NULL, 0};
    memcpy(p, f->text.p, f->before);
    memcpy(p + f->before, value.p, value.n);
    memcpy(p + f->before + value.n, f->text.p + f->before, f->n - f->before);
    return (struct str){p, f->n + value.n};
}

void cookie_frame_clear(struct cookie_frame *f)
{
    buf_free(&f->text);
    *f = (struct cookie_frame){.n = 0};
}
