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

static int add_cookie(struct arena *a, struct pairs *out, struct str name,
                      struct str value)
{
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = unquote(a, (struct str){value.p + 1, value.n - 2});
    if (!value.p)
        return -1;
    name = text_from_header(a, name);
    value = text_from_header(a, value);
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

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]))
            return true;
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]) || is_one_of(s.p[i], " =;,\"\\"))
            return false;
    return s.n > 0 && utf8_is_valid(s);
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
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], is_address ? "[]:." : "-._"))
            return false;
    return true;
}

static const char *samesite_name(struct str s)
{
    static const char *const names[] = {"Strict", "Lax", "None"};
    for (size_t i = 0; i < 3; i++)
        if (str_ieq(s, str_from(names[i])))
            return names[i];
    return NULL;
}

static int check(const struct cookie *c, struct fault *f)
{
    if (!is_name(c->name))
        return fault_set(f, 500,
                         "a cookie's name can't be empty, nor have spaces, control "
                         "characters or any of = ; , \" \\ in it");
    if (has_control(c->path))
        return fault_set(f, 500,
                         "the path of the cookie %.*s has a control character in it",
                         (int)(c->name.n > 64 ? 64 : c->name.n), c->name.p);
    if (!is_domain(domain_host(c->domain)))
        return fault_set(f, 500,
                         "the domain of the cookie %.*s must be a host's name in "
                         "ASCII (for others its punycode)",
                         (int)(c->name.n > 64 ? 64 : c->name.n), c->name.p);
    if (c->samesite.p && !samesite_name(c->samesite))
        return fault_set(f, 500, "samesite must be \"Strict\", \"Lax\" or \"None\"");
    return 0;
}

/* What may stand in a value without quotes: Werkzeug's set, which is RFC 6265's. */
static bool is_plain(char c)
{
    return is_alnum(c) || is_one_of(c, "_!#$%&'()*+-./:<=>?@[]^`{|}~");
}

static void add_value(struct buf *out, struct str value)
{
    size_t plain = 0;
    while (plain < value.n && is_plain(value.p[plain]))
        plain++;
    if (plain == value.n) {
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
        buf_addstr(out, str_from(samesite_name(c->samesite)));
    }
    if (c->is_partitioned)
        buf_addstr(out, STR("; Partitioned"));
    return 0;
}
