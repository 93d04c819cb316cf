/* Authorization, with base64 for Basic's sake. */
#include "authorization.h"

#include "base/utf8.h"
#include "field.h"

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Writes at most s.n / 4 * 3 bytes. */
static bool decode_base64(struct str s, char *to, size_t *n)
{
    *n = 0;
    if (s.n % 4)
        return false;
    size_t padding = 0;
    while (padding < 2 && s.n && s.p[s.n - 1] == '=')
        padding++, s.n--;
    unsigned bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = digit_of(s.p[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (unsigned)digit;
        if (i % 4)
            to[(*n)++] = (char)(bits >> (6 - i % 4 * 2));
    }
    return true;
}

static int parse_basic(struct arena *a, struct str text, struct authorization *out)
{
    char *bytes = arena_alloc(a, text.n + 1);
    struct str decoded = {bytes, 0};
    if (!bytes)
        return -1;
    if (!decode_base64(text, bytes, &decoded.n) || !utf8_is_valid(decoded))
        return 0;
    out->password = decoded;
    out->username = str_cut(&out->password, ':');
    if (!out->password.p)
        out->password = STR("");
    if (pairs_add(&out->parameters, a, STR("username"), out->username) < 0 ||
        pairs_add(&out->parameters, a, STR("password"), out->password) < 0)
        return -1;
    return 1;
}

/* An equals sign anywhere but at the end, where it pads a token. */
static bool has_parameters(struct str text)
{
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    return text.n && memchr(text.p, '=', text.n);
}

int authorization_parse(struct arena *a, struct str field, struct authorization *out)
{
    *out = (struct authorization){.type = {NULL, 0}};
    field = str_trim(field);
    if (!field.n)
        return 0;
    struct str rest = field;
    struct str scheme = arena_copy(a, str_cut(&rest, ' '));
    if (!scheme.p)
        return -1;
    for (char *p = (char *)scheme.p; p < scheme.p + scheme.n; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    out->type = scheme;
    rest = rest.p ? str_trim(rest) : STR("");
    if (str_eq(scheme, STR("basic")))
        return parse_basic(a, rest, out);
    if (has_parameters(rest))
        return field_parse_dict(a, rest, &out->parameters) < 0 ? -1 : 1;
    out->token = rest;
    return 1;
}
