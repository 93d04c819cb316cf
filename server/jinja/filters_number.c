/* Filters of numbers, and those that stand in for a value. */
#include "base/number.h"
#include "jinja/filter.h"
#include "jinja/unicode.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int filter_abs(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (undefined_is(m, base))
        undefined_raise(m, base);
    if (!values_is_number(L, base))
        error_raise(m, "TypeError", "bad operand type for abs(): '%s'",
                    object_type_name(L, base));
    if (values_is_integer(L, base)) {
        lua_Integer i =
            lua_isboolean(L, base) ? lua_toboolean(L, base) : lua_tointeger(L, base);
        lua_pushinteger(L, i < 0 && i != LUA_MININTEGER ? -i : i);
    } else {
        lua_pushnumber(L, fabs(lua_tonumber(L, base)));
    }
    return BUILTIN_DONE;
}

/* Digits with single underscores between them become plain in out; false when they are
 * none. */
static bool without_underscores(struct str s, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_') {
            if (i == 0 || i + 1 == s.n || !isalnum((unsigned char)s.p[i - 1]) ||
                !isalnum((unsigned char)s.p[i + 1]))
                return false;
            continue;
        }
        uint32_t c;
        size_t k = unicode_decode(s.p + i, s.n - i, &c);
        int digit = unicode_digit_value(c);
        if (n + 1 >= room || !s.p[i])
            return false;
        out[n++] = digit >= 0 ? (char)('0' + digit) : s.p[i];
        if (digit >= 0)
            i += k - 1;
    }
    out[n] = 0;
    return n > 0;
}

/* Python's float(text). */
static bool parse_float(struct str s, double *out)
{
    char text[400];
    s = unicode_strip(s, true, true);
    if (!without_underscores(s, text, sizeof text))
        return false;
    if (number_parse_double(str_from(text), out))
        return true;
    const char *p = text + (*text == '+' || *text == '-');
    if (strcasecmp(p, "inf") == 0 || strcasecmp(p, "infinity") == 0)
        *out = *text == '-' ? -HUGE_VAL : HUGE_VAL;
    else if (strcasecmp(p, "nan") == 0)
        *out = NAN;
    else
        return false;
    return true;
}

/* The value as float() has it; false when it has no float. */
static bool to_float(struct machine *m, int i, double *out)
{
    lua_State *L = m->L;
    struct str s = object_text(L, i);
    if (s.p)
        return parse_float(s, out);
    if (!values_is_number(L, i))
        return false;
    *out = values_number(L, i);
    return true;
}

static int filter_float(struct machine *m, int base)
{
    lua_State *L = m->L;
    double d;
    if (undefined_is(m, base))
        undefined_raise(m, base);
    if (to_float(m, base, &d))
        lua_pushnumber(L, d);
    else if (lua_isnil(L, base + 1))
        lua_pushnumber(L, 0.0);
    else
        lua_pushvalue(L, base + 1);
    return BUILTIN_DONE;
}

/* Python's int(text, base). */
static bool parse_int(struct str s, int number_base, lua_Integer *out)
{
    char text[400], *end;
    s = unicode_strip(s, true, true);
    if (!without_underscores(s, text, sizeof text))
        return false;
    const char *p = text + (*text == '+' || *text == '-');
    static const char letters[] = "box";
    static const int bases[] = {2, 8, 16};
    for (int i = 0; i < 3; i++)
        if (p[0] == '0' && tolower((unsigned char)p[1]) == letters[i] &&
            (number_base == bases[i] || number_base == 0)) {
            number_base = bases[i];
            p += 2;
            break;
        }
    if (!isalnum((unsigned char)*p) || number_base < 0 || number_base == 1 ||
        number_base > 36)
        return false;
    errno = 0;
    *out = strtoll(p, &end, number_base ? number_base : 10);
    if (*text == '-')
        *out = -*out;
    return *end == 0 && errno == 0;
}

/* A float cut to an integer; one that doesn't fit stays a float. */
static void push_truncated(lua_State *L, double d)
{
    d = trunc(d);
    if (d >= -9223372036854775808.0 && d < 9223372036854775808.0)
        lua_pushinteger(L, (lua_Integer)d);
    else
        lua_pushnumber(L, d);
}

static int filter_int(struct machine *m, int base)
{
    lua_State *L = m->L;
    double d;
    lua_Integer i;
    if (undefined_is(m, base))
        undefined_raise(m, base);
    struct str s = object_text(L, base);
    if (s.p && parse_int(s, (int)values_int_arg(m, base + 2, 10), &i))
        lua_pushinteger(L, i);
    else if (!s.p && values_is_integer(L, base))
        lua_pushinteger(L, lua_isboolean(L, base) ? lua_toboolean(L, base)
                                                  : lua_tointeger(L, base));
    else if (to_float(m, base, &d) && isfinite(d))
        push_truncated(L, d);
    else if (lua_isnil(L, base + 1))
        lua_pushinteger(L, 0);
    else
        lua_pushvalue(L, base + 1);
    return BUILTIN_DONE;
}

/* Python's round(x, n): exact, halves to even. */
static double round_to(double x, lua_Integer digits)
{
    char text[400];
    if (!isfinite(x) || digits > 300)
        return x;
    if (digits >= 0) {
        snprintf(text, sizeof text, "%.*f", (int)digits, x);
        return strtod(text, NULL);
    }
    if (digits < -308)
        return 0;
    double unit = pow(10, (double)-digits), q = x / unit, r = nearbyint(q);
    return r * unit;
}

static int filter_round(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer digits = values_int_arg(m, base + 1, 0);
    struct str method = lua_isnil(L, base + 2) ? STR("common") : repr_text(m, base + 2);
    bool is_ceil = str_eq(method, STR("ceil")), is_floor = str_eq(method, STR("floor"));
    if (!is_ceil && !is_floor && !str_eq(method, STR("common")))
        error_raise(m, "FilterArgumentError", "method must be common, ceil or floor");
    if (undefined_is(m, base))
        undefined_raise(m, base);
    if (!values_is_number(L, base))
        error_raise(m, "TypeError", "type %s doesn't define __round__ method",
                    object_type_name(L, base));
    double x = values_number(L, base);
    if (is_ceil || is_floor) {
        double unit = pow(10, (double)digits);
        lua_pushnumber(L, (is_ceil ? ceil(x * unit) : floor(x * unit)) / unit);
    } else if (values_is_integer(L, base)) {
        if (digits >= 0)
            lua_pushvalue(L, base);
        else
            push_truncated(L, round_to(x, digits));
    } else {
        lua_pushnumber(L, round_to(x, digits));
    }
    return BUILTIN_DONE;
}

static int filter_filesizeformat(struct machine *m, int base)
{
    lua_State *L = m->L;
    static const char *const decimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    static const char *const binary[] = {"KiB", "MiB", "GiB", "TiB",
                                         "PiB", "EiB", "ZiB", "YiB"};
    bool is_binary = values_bool_arg(m, base + 1, false);
    double bytes, unit = is_binary ? 1024 : 1000;
    if (undefined_is(m, base))
        undefined_raise(m, base);
    if (!to_float(m, base, &bytes))
        error_raise(m, object_text(L, base).p ? "ValueError" : "TypeError",
                    "could not convert to float");
    struct buf *b = machine_scratch(m);
    if (bytes == 1) {
        buf_addstr(b, STR("1 Byte"));
    } else if (bytes < unit) {
        buf_addf(b, "%.0f Bytes", trunc(bytes));
    } else {
        long double next = (long double)unit * unit;
        int i = 0;
        for (; i < 7 && bytes >= next; i++)
            next *= unit;
        buf_addf(b, "%.1f %s", unit * bytes / (double)next,
                 is_binary ? binary[i] : decimal[i]);
    }
    return filter_done(m, b, false);
}

static int filter_default(struct machine *m, int base)
{
    lua_State *L = m->L;
    bool is_missing = undefined_is(m, base);
    if (!is_missing && values_bool_arg(m, base + 2, false))
        is_missing = !values_truth(m, base);
    if (!is_missing)
        lua_pushvalue(L, base);
    else if (lua_isnil(L, base + 1))
        lua_pushliteral(L, "");
    else
        lua_pushvalue(L, base + 1);
    return BUILTIN_DONE;
}

static int filter_attr(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) > 0) {
        if (lua_isnil(L, -1))
            undefined_push_attribute(m, base, base + 1);
        return BUILTIN_DONE;
    }
    enum kind k = object_kind(L, base);
    if (k == K_UNDEFINED && undefined_policy_of(m, base) != POLICY_CHAINABLE)
        undefined_raise(m, base);
    if (k == K_DICT || k == K_KWARGS) {
        struct str s = repr_text(m, base + 1);
        const struct builtin *b = builtin_find(builtin_dict_methods, s.p, s.n);
        if (!b) {
            undefined_push_attribute(m, base, base + 1);
            return BUILTIN_DONE;
        }
        lua_pushlightuserdata(L, (void *)(uintptr_t)b);
        lua_pushvalue(L, base);
        attribute_bind(L);
        return BUILTIN_DONE;
    }
    repr_text(m, base + 1);
    if (attribute_get(m, base, base + 1, false))
        return BUILTIN_DONE;
    machine_push_helper(m, "index");
    lua_pushvalue(L, base);
    lua_pushvalue(L, base + 1);
    return machine_call(m, 2);
}

static int filter_random(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer n = values_items(m, base);
    if (n == 0) {
        lua_pushliteral(L, "No random item, sequence was empty.");
        undefined_push_hint(m, -1, 0, false);
    } else {
        lua_rawgeti(L, base, random() % n + 1);
    }
    return BUILTIN_DONE;
}

const struct builtin builtin_filters_number[] = {
    {"abs", filter_abs, 0, 1, 0, "x"},
    {"attr", filter_attr, 2, 2, BUILTIN_RAW, "obj name"},
    {"d", filter_default, 0, 3, BUILTIN_RAW, "value default_value boolean"},
    {"default", filter_default, 0, 3, BUILTIN_RAW, "value default_value boolean"},
    {"filesizeformat", filter_filesizeformat, 0, 2, 0, "value binary"},
    {"float", filter_float, 0, 2, 0, "value default"},
    {"int", filter_int, 0, 3, 0, "value default base"},
    {"random", filter_random, 0, 1, 0, "seq"},
    {"round", filter_round, 0, 3, 0, "value precision method"},
    {NULL, NULL, 0, 0, 0, NULL},
};
