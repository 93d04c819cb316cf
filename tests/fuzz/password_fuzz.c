/* Fuzzes password.c: any text is a hash or none; the method of one that is taken has a
   cost within the caps and stands for itself when it is written and read again, and its
   key can be derived. */
#include "password.h"

#include <stdlib.h>

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_cost(const struct password_method *m)
{
    if (m->is_scrypt)
        check(m->n > 1 && m->r > 0 && m->p > 0 && 128 * m->n * m->r <= 256ULL << 20 &&
              128 * m->n * m->r * m->p <= 1024ULL << 20);
    else
        check(m->iterations > 0 && m->iterations <= 10000000);
}

static void check_format(const struct password_method *m)
{
    char text[PASSWORD_METHOD_SIZE], again[PASSWORD_METHOD_SIZE];
    struct password_method back;
    int n = password_format_method(m, text);
    check(n > 0 && n < PASSWORD_METHOD_SIZE);
    check(!password_parse_method((struct str){text, (size_t)n}, &back));
    check(password_format_method(&back, again) == n && strcmp(text, again) == 0);
}

static bool is_cheap(const struct password_method *m)
{
    return m->is_scrypt ? m->n * m->r * m->p <= 1 << 13 : m->iterations <= 100;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct password_hash h;
    char key[2 * PASSWORD_KEY_SIZE];
    if (!password_parse_hash(text, &h))
        return 0;
    check(h.salt.p >= text.p && h.key.p + h.key.n == text.p + text.n);
    check_cost(&h.method);
    check_format(&h.method);
    if (is_cheap(&h.method)) {
        int n = password_derive(&h.method, h.key, h.salt, key);
        check(n > 0 && n <= (int)sizeof key);
    }
    return 0;
}
