/* Tokens, quoted strings, lists and parameters. */
#include "field.h"

#include "base/percent.h"
#include "text.h"

#define MAX_KEYS 64 /* bounds the search for a key that was there before */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_token_char(char c)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_token_char(s.p[n]))
        n++;
    return n;
}

bool field_is_token(struct str s)
{
    return s.n && token_length(s) == s.n;
}

/* Lists. */

static size_t item_length(struct str s)
{
    bool is_quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            is_quoted = !is_quoted;
        else if (s.p[i] == '\\' && is_quoted)
            i++;
        else if (s.p[i] == ',' && !is_quoted)
            return i;
    }
    return s.n;
}

bool field_next_item(struct str *rest, struct str *item)
{
    while (rest->n) {
        size_t n = item_length(*rest);
        *item = str_trim((struct str){rest->p, n});
        *rest = str_skip(*rest, n + 1);
        if (item->n)
            return true;
    }
    return false;
}

static bool is_quoted_string(struct str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
}

struct str field_unquote(struct arena *a, struct str s)
{
    if (!is_quoted_string(s))
        return s;
    s = (struct str){s.p + 1, s.n - 2};
    if (!s.n || !memchr(s.p, '\\', s.n))
        return s;
    char *to = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n)
            i++;
        to[n++] = s.p[i];
    }
    return (struct str){to, n};
}

/* RFC 8187's values: charset'language'percent-encoded. */

enum charset { UNKNOWN, UTF8, LATIN1 };

static enum charset charset_of(struct str name)
{
    if (str_ieq(name, STR("utf-8")) || str_ieq(name, STR("us-ascii")) ||
        str_ieq(name, STR("ascii")))
        return UTF8;
    return str_ieq(name, STR("iso-8859-1")) ? LATIN1 : UNKNOWN;
}

/* Cuts charset and language off *value: false, and *value unchanged, if they aren't
 * there. */
static bool cut_charset(struct str *value, struct str *charset)
{
    struct str rest = *value;
    struct str name = str_cut(&rest, '\'');
    if (!rest.p)
        return false;
    struct str language = str_cut(&rest, '\'');
    if (!rest.n || token_length(name) != name.n || token_length(language) != language.n ||
        !field_is_token(rest))
        return false;
    *charset = name;
    *value = rest;
    return true;
}

static struct str decode(struct arena *a, struct str value, enum charset charset)
{
    struct buf b = {0};
    percent_decode(&b, value, false);
    struct str copy = b.is_exhausted ? (struct str){NULL, 0} : arena_copy(a, buf_str(&b));
    buf_free(&b);
    if (!copy.p)
        return copy;
    return charset == LATIN1 ? text_from_latin1(a, copy) : text_repaired(a, copy);
}

/* The value of a key that ended in an asterisk. *charset is what the pieces before it
   had, and becomes its own: continued pieces don't name theirs. */
static struct str decode_extended(struct arena *a, struct str value,
                                  enum charset *charset)
{
    struct str name = {NULL, 0};
    enum charset own = cut_charset(&value, &name) && name.n ? charset_of(name) : *charset;
    if (own == UNKNOWN)
        return value;
    *charset = own;
    return decode(a, value, own);
}

/* Dicts. */

static int add_item(struct arena *a, struct str item, struct pairs *out)
{
    struct str value = item;
    struct str key = str_trim(str_cut(&value, '='));
    if (!value.p)
        return pairs_add(out, a, key, value);
    value = str_trim(value);
    bool is_extended = key.n > 1 && key.p[key.n - 1] == '*';
    enum charset charset = UNKNOWN;
    if (is_extended)
        value = decode_extended(a, value, &charset);
    if (value.p)
        value = field_unquote(a, value);
    key.n -= is_extended;
    return value.p ? pairs_add(out, a, key, value) : -1;
}

int field_parse_dict(struct arena *a, struct str field, struct pairs *out)
{
    struct str item;
    for (int i = 0; i < MAX_KEYS && field_next_item(&field, &item); i++)
        if (add_item(a, item, out) < 0)
            return -1;
    return 0;
}

/* Parameters. */

struct reader {
    struct arena *arena;
    struct pairs *out;
    bool is_extended[MAX_KEYS]; /* out's pairs: of the form key*= */
    enum charset charset;       /* of the last extended value */
};

/* The length of the quoted string that s begins with; 0: it is none. One whose last quote
   is escaped and that has no other ends there all the same ("C:\dir\"). The next
   parameter's opening quote ends it at the latest, so a field's strings are scanned once.
 */
static size_t quoted_length(struct str s)
{
    size_t last = 0;
    if (!s.n || *s.p != '"')
        return 0;
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '\\' || s.p[i + 1] == '"')) {
            i++;
            last = s.p[i] == '"' ? i + 1 : last;
        }
    }
    return last;
}

static struct str unquote_parameter(struct arena *a, struct str s)
{
    if (!is_quoted_string(s))
        return s;
    s = (struct str){s.p + 1, s.n - 2};
    char *to = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && i + 1 < s.n && (s.p[i + 1] == '\\' || s.p[i + 1] == '"')) {
            c = s.p[++i];
        } else if (s.n - i >= 3 && memcmp(s.p + i, "%22", 3) == 0) {
            c = '"';
            i += 2;
        }
        to[n++] = c;
    }
    return (struct str){to, n};
}

static struct str lower_copy(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.n + 1);
    for (size_t i = 0; to && i < s.n; i++)
        to[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
    return (struct str){to, s.n};
}

/* "name*12" without its end: true, when there was one. */
static bool cut_continuation(struct str *key)
{
    size_t n = key->n;
    while (n && key->p[n - 1] >= '0' && key->p[n - 1] <= '9')
        n--;
    if (n == key->n || n < 2 || key->p[n - 1] != '*')
        return false;
    key->n = n - 1;
    return true;
}

static int join(struct arena *a, struct str *value, struct str more)
{
    char *to = arena_alloc(a, value->n + more.n + 1);
    if (!to)
        return -1;
    memcpy(to, value->p, value->n);
    memcpy(to + value->n, more.p, more.n);
    *value = (struct str){to, value->n + more.n};
    return 0;
}

static int set_parameter(struct reader *r, struct str key, struct str value,
                         bool is_extended)
{
    bool is_continued = cut_continuation(&key);
    struct pair *old = (struct pair *)pairs_find(r->out, key);
    if (!old) {
        if (r->out->n == MAX_KEYS)
            return 0;
        r->is_extended[r->out->n] = is_extended && !is_continued;
        return pairs_add(r->out, r->arena, key, value);
    }
    if (is_continued)
        return join(r->arena, &old->value, value);
    bool *was_extended = &r->is_extended[old - r->out->items];
    if (is_extended || !*was_extended)
        old->value = value;
    *was_extended |= is_extended;
    return 0;
}

static int add_parameter(struct reader *r, struct str key, struct str value)
{
    key = lower_copy(r->arena, key);
    bool is_extended = key.n > 1 && key.p[key.n - 1] == '*';
    if (is_extended) {
        key.n--;
        value = decode_extended(r->arena, value, &r->charset);
    }
    if (value.p)
        value = unquote_parameter(r->arena, value);
    return key.p && value.p ? set_parameter(r, key, value, is_extended) : -1;
}

static struct str skip_space(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s = str_skip(s, 1);
    return s;
}

int field_parse_parameters(struct arena *a, struct str field, struct str *value,
                           struct pairs *out)
{
    struct reader r = {.arena = a, .out = out};
    struct str rest = field;
    *value = str_trim(str_cut(&rest, ';'));
    for (int count = 0; rest.n && count < MAX_KEYS; count++) {
        rest = skip_space(rest);
        struct str key = {rest.p, token_length(rest)};
        struct str after = str_skip(rest, key.n);
        if (key.n && after.n && *after.p == '=') {
            after = str_skip(after, 1);
            size_t n = token_length(after);
            n = n ? n : quoted_length(after);
            if (n && add_parameter(&r, key, (struct str){after.p, n}) < 0)
                return -1;
            if (n)
                rest = str_skip(after, n);
        }
        str_cut(&rest, ';');
    }
    return 0;
}

void field_add_quoted(struct buf *out, struct str s)
{
    if (field_is_token(s)) {
        buf_addstr(out, s);
        return;
    }
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, s.p[i]);
    }
    buf_addc(out, '"');
}
