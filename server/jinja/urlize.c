/* Which words of a text are links: Jinja's urlize, word by word. */
#include "jinja/urlize.h"
#include "jinja/unicode.h"

/* What stands around a word's link. */
struct word {
    struct str head, middle, tail;
};

static bool ends_with(struct str s, struct str e)
{
    return s.n >= e.n && memcmp(s.p + s.n - e.n, e.p, e.n) == 0;
}

static size_t closing_at_end(struct str s)
{
    if (ends_with(s, STR("&gt;")))
        return 4;
    return s.n && strchr(")>.,\n", s.p[s.n - 1]) && s.p[s.n - 1] ? 1 : 0;
}

static size_t opening_at(struct str s)
{
    if (str_starts(s, STR("&lt;")))
        return 4;
    return s.n && (*s.p == '(' || *s.p == '<') ? 1 : 0;
}

static size_t count(struct str s, struct str what)
{
    size_t n = 0;
    for (const char *p; s.n && (p = memmem(s.p, s.n, what.p, what.n)); n++)
        s = str_skip(s, (size_t)(p - s.p) + what.n);
    return n;
}

/* Closing brackets belong to the link when it has their openings. */
static void balance(struct word *w, struct str open, struct str close)
{
    size_t n = count(w->middle, open);
    if (n <= count(w->middle, close))
        return;
    size_t have = count(w->tail, close);
    for (n = n < have ? n : have; n > 0; n--) {
        const char *p = memmem(w->tail.p, w->tail.n, close.p, close.n);
        size_t k = (size_t)(p - w->tail.p) + close.n;
        w->middle.n += k;
        w->tail = str_skip(w->tail, k);
    }
}

static struct word split(struct str s)
{
    struct word w = {{s.p, 0}, s, {s.p + s.n, 0}};
    for (size_t n; (n = opening_at(w.middle)) > 0;) {
        w.head.n += n;
        w.middle = str_skip(w.middle, n);
    }
    for (size_t n; (n = closing_at_end(w.middle)) > 0;) {
        w.middle.n -= n;
        w.tail.p -= n;
        w.tail.n += n;
    }
    balance(&w, STR("("), STR(")"));
    balance(&w, STR("<"), STR(">"));
    balance(&w, STR("&lt;"), STR("&gt;"));
    return w;
}

static bool starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && strncasecmp(s.p, prefix.p, prefix.n) == 0;
}

static bool is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [\w%-] */
static bool is_domain_char(struct str s, size_t i)
{
    uint32_t c;
    if (((unsigned char)s.p[i] & 0xc0) == 0x80)
        return true;
    unicode_decode(s.p + i, s.n - i, &c);
    return c == '%' || c == '-' || unicode_is_word(c);
}

/* A port, then a path, up to the end. */
static bool ends_as_url(struct str s)
{
    if (s.n > 1 && *s.p == ':' && is_digit(s.p[1])) {
        size_t n = 1;
        while (n < s.n && n <= 5 && is_digit(s.p[n]))
            n++;
        s = str_skip(s, n);
    }
    return s.n == 0 || *s.p == '/' || *s.p == '?' || *s.p == '#';
}

static size_t host_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == '.' || is_domain_char(s, n)))
        n++;
    return n;
}

/* The host's last label; what stands before it must be labels that aren't empty. */
static struct str last_label(struct str host, bool *are_full)
{
    const char *dot = host.n ? memrchr(host.p, '.', host.n) : NULL;
    *are_full = true;
    if (!dot)
        return host;
    struct str before = {host.p, (size_t)(dot - host.p)};
    while (before.p)
        if (str_cut(&before, '.').n == 0)
            *are_full = false;
    return (struct str){dot + 1, host.n - (size_t)(dot - host.p) - 1};
}

static bool is_top_domain(struct str s)
{
    if (starts_nocase(s, STR("xn--")))
        return s.n >= 6 && s.n <= 63;
    if (s.n < 2 || s.n > 63)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alpha(s.p[i]))
            return false;
    return true;
}

static bool is_basic_domain(struct str host)
{
    static const char *const known[] = {"com", "net", "int",  "edu",
                                        "gov", "org", "info", "mil"};
    const char *dot = host.n ? memrchr(host.p, '.', host.n) : NULL;
    if (!dot)
        return false;
    struct str last = {dot + 1, host.n - (size_t)(dot - host.p) - 1};
    struct str before = {host.p, (size_t)(dot - host.p)};
    while (before.p) {
        size_t n = unicode_length(str_cut(&before, '.'));
        if (n < 2 || n > 63)
            return false;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_ieq(last, str_from(known[i])))
            return true;
    return false;
}

/* d.d.d.d at the start of s; its length or 0. */
static size_t ipv4_length(struct str s)
{
    size_t i = 0;
    for (int part = 0; part < 4; part++) {
        size_t from = i;
        if (part && (i >= s.n || s.p[i++] != '.'))
            return 0;
        from = i;
        while (i < s.n && i - from < 3 && is_digit(s.p[i]))
            i++;
        if (i == from)
            return 0;
    }
    return i;
}

static size_t ipv6_length(struct str s)
{
    size_t i = 1, colons = 0;
    if (!s.n || *s.p != '[')
        return 0;
    for (; i < s.n && (s.p[i] == ':' || is_digit(s.p[i]) ||
                       ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'f'));
         i++)
        colons += s.p[i] == ':';
    return i < s.n && s.p[i] == ']' && colons >= 2 && colons <= 8 ? i + 1 : 0;
}

static bool is_url(struct str s)
{
    size_t scheme = starts_nocase(s, STR("https://"))  ? 8
                    : starts_nocase(s, STR("http://")) ? 7
                                                       : 0;
    size_t prefix = scheme ? scheme : starts_nocase(s, STR("www.")) ? 4 : 0;
    bool are_full;
    if (prefix) {
        struct str rest = str_skip(s, prefix);
        struct str host = {rest.p, host_length(rest)};
        struct str last = last_label(host, &are_full);
        if (are_full && is_top_domain(last) && ends_as_url(str_skip(rest, host.n)))
            return true;
        size_t n = scheme ? ipv4_length(rest) : 0;
        n = scheme && !n ? ipv6_length(rest) : n;
        if (n && ends_as_url(str_skip(rest, n)))
            return true;
    }
    struct str host = {s.p, host_length(s)};
    return is_basic_domain(host) && ends_as_url(str_skip(s, host.n));
}

/* \S+@\w[\w.-]*\.\w+ */
static bool is_mail(struct str s)
{
    const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL;
    if (!at || at == s.p)
        return false;
    struct str host = str_skip(s, (size_t)(at - s.p) + 1);
    const char *dot = host.n ? memrchr(host.p, '.', host.n) : NULL;
    if (!dot || dot == host.p || dot + 1 == host.p + host.n)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        bool is_word = is_domain_char(host, i) && host.p[i] != '%' && host.p[i] != '-';
        bool may_be_other = i > 0 && host.p + i <= dot;
        if (!is_word && !(may_be_other && (host.p[i] == '.' || host.p[i] == '-')))
            return false;
    }
    return true;
}

static void add(struct urlize *u, struct str s)
{
    machine_add(u->m, u->out, s);
}

/* The words of rel, of the policy, and nofollow: each once, sorted. */
static void add_rel(struct urlize *u)
{
    struct str words[32];
    int n = 0;
    struct str sets[3] = {u->rel, u->policy_rel,
                          u->is_nofollow ? STR("nofollow") : (struct str){NULL, 0}};
    for (int k = 0; k < 3; k++)
        for (struct str set = sets[k]; set.p && n < 32;) {
            struct str w = str_cut(&set, ' ');
            int i = 0;
            while (i < n && !str_eq(words[i], w))
                i++;
            if (w.n && i == n)
                words[n++] = w;
        }
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0; j--) {
            struct str a = words[j - 1], b = words[j];
            size_t k = a.n < b.n ? a.n : b.n;
            int c = memcmp(a.p, b.p, k);
            if (c < 0 || (c == 0 && a.n <= b.n))
                break;
            words[j - 1] = b;
            words[j] = a;
        }
    for (int i = 0; i < n; i++) {
        add(u, i ? STR(" ") : STR(" rel=\""));
        escape_add(u->m, u->out, words[i]);
    }
    if (n)
        add(u, STR("\""));
}

static void add_link(struct urlize *u, struct str prefix, struct str url, struct str text,
                     bool has_rel)
{
    add(u, STR("<a href=\""));
    add(u, prefix);
    add(u, url);
    add(u, STR("\""));
    if (has_rel) {
        add_rel(u);
        if (u->target.p) {
            add(u, STR(" target=\""));
            escape_add(u->m, u->out, u->target);
            add(u, STR("\""));
        }
    }
    add(u, STR(">"));
    add(u, text);
    add(u, STR("</a>"));
}

/* The link's text, cut to the limit. */
static void add_url(struct urlize *u, struct str url)
{
    bool has_scheme = str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
    struct str prefix = has_scheme ? STR("") : STR("https://");
    if (u->limit < 0 || (lua_Integer)unicode_length(url) <= u->limit) {
        add_link(u, prefix, url, url, true);
        return;
    }
    struct buf *text = machine_scratch(u->m);
    buf_add(text, url.p, unicode_offset(url, (size_t)u->limit));
    buf_addstr(text, STR("..."));
    add_link(u, prefix, url, buf_str(text), true);
    u->m->n_scratch--;
}

static bool has_extra_scheme(struct urlize *u, struct str s)
{
    lua_State *L = u->m->L;
    bool is = false;
    lua_Integer n = u->schemes ? values_list_length(L, u->schemes) : 0;
    for (lua_Integer i = 1; i <= n && !is; i++) {
        lua_rawgeti(L, u->schemes, i);
        struct str scheme = object_text(L, -1);
        is = scheme.p && s.n > scheme.n && str_starts(s, scheme);
        lua_pop(L, 1);
    }
    return is;
}

static void add_word(struct urlize *u, struct str s)
{
    struct word w = split(s);
    struct str x = w.middle, mail = str_skip(x, 7);
    bool has_at = x.n && memchr(x.p, '@', x.n), has_colon = x.n && memchr(x.p, ':', x.n);
    add(u, w.head);
    if (is_url(x))
        add_url(u, x);
    else if (str_starts(x, STR("mailto:")) && is_mail(mail))
        add_link(u, STR(""), x, mail, false);
    else if (has_at && !str_starts(x, STR("www.")) && !has_colon && is_mail(x))
        add_link(u, STR("mailto:"), x, x, false);
    else if (has_extra_scheme(u, x))
        add_link(u, STR(""), x, x, true);
    else
        add(u, x);
    add(u, w.tail);
}

void urlize_add(struct urlize *u, struct str text)
{
    uint32_t c;
    while (text.n) {
        size_t i = 0, n;
        while (i < text.n && (n = unicode_decode(text.p + i, text.n - i, &c)) &&
               unicode_is_space(c))
            i += n;
        add(u, (struct str){text.p, i});
        text = str_skip(text, i);
        i = 0;
        while (i < text.n && (n = unicode_decode(text.p + i, text.n - i, &c)) &&
               !unicode_is_space(c))
            i += n;
        if (i)
            add_word(u, (struct str){text.p, i});
        text = str_skip(text, i);
    }
}
