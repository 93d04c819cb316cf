/* The built-in tests: what may stand behind `is`. */
#include "jinja/lexer.h"
#include "jinja/unicode.h"
#include "jinja/values.h"

static int done(struct machine *m, bool is)
{
    lua_pushboolean(m->L, is);
    return BUILTIN_DONE;
}

/* Whether the value modulo the divisor is `rest`. */
static bool has_remainder(struct machine *m, int value, int divisor, lua_Integer rest)
{
    lua_State *L = m->L;
    lua_pushvalue(L, value);
    if (divisor)
        lua_pushvalue(L, divisor);
    else
        lua_pushinteger(L, 2);
    arith_binary(m, T_MOD);
    lua_pushinteger(L, rest);
    return values_equal(m, -2, -1);
}

static int test_odd(struct machine *m, int base)
{
    return done(m, has_remainder(m, base, 0, 1));
}

static int test_even(struct machine *m, int base)
{
    return done(m, has_remainder(m, base, 0, 0));
}

static int test_divisibleby(struct machine *m, int base)
{
    return done(m, has_remainder(m, base, base + 1, 0));
}

static int test_defined(struct machine *m, int base)
{
    return done(m, !undefined_is(m, base));
}

static int test_undefined(struct machine *m, int base)
{
    return done(m, undefined_is(m, base));
}

static bool is_named(struct machine *m, int base, int table)
{
    lua_State *L = m->L;
    lua_pushvalue(L, base);
    lua_rawget(L, table);
    return !lua_isnil(L, -1);
}

static int test_filter(struct machine *m, int base)
{
    return done(m, is_named(m, base, AT_FILTERS));
}

static int test_test(struct machine *m, int base)
{
    return done(m, is_named(m, base, AT_TESTS));
}

static int test_none(struct machine *m, int base)
{
    return done(m, value_is_null(m->L, base));
}

static int test_boolean(struct machine *m, int base)
{
    return done(m, lua_isboolean(m->L, base));
}

static int test_false(struct machine *m, int base)
{
    return done(m, lua_isboolean(m->L, base) && !lua_toboolean(m->L, base));
}

static int test_true(struct machine *m, int base)
{
    return done(m, lua_isboolean(m->L, base) && lua_toboolean(m->L, base));
}

static int test_integer(struct machine *m, int base)
{
    return done(m, object_kind(m->L, base) == K_INT);
}

static int test_float(struct machine *m, int base)
{
    return done(m, object_kind(m->L, base) == K_FLOAT);
}

static int test_number(struct machine *m, int base)
{
    return done(m, values_is_number(m->L, base));
}

/* Whether no letter is of the other case and one is of this. */
static bool has_case(struct machine *m, int base, bool is_upper)
{
    struct str s = repr_text(m, base);
    bool has = false;
    uint32_t c;
    for (size_t i = 0; i < s.n;) {
        i += unicode_decode(s.p + i, s.n - i, &c);
        if (is_upper ? unicode_is_lower(c) : unicode_is_upper(c))
            return false;
        has |= is_upper ? unicode_is_upper(c) : unicode_is_lower(c);
    }
    return has;
}

static int test_lower(struct machine *m, int base)
{
    return done(m, has_case(m, base, false));
}

static int test_upper(struct machine *m, int base)
{
    return done(m, has_case(m, base, true));
}

static int test_string(struct machine *m, int base)
{
    return done(m, object_text(m->L, base).p != NULL);
}

static int test_mapping(struct machine *m, int base)
{
    lua_State *L = m->L;
    enum kind k = object_kind(L, base);
    bool is = k == K_DICT || k == K_KWARGS;
    if (k == K_OBJECT && luaL_getmetafield(L, base, "__pairs"))
        is = true;
    return done(m, is);
}

static int test_callable(struct machine *m, int base)
{
    switch (object_kind(m->L, base)) {
    case K_FUNCTION:
    case K_BUILTIN:
    case K_MACRO:
    case K_BOUND:
    case K_JOINER:
    case K_BLOCK:
    case K_LOOP:
    case K_MISSING:
    case K_UNDEFINED:
        return done(m, true);
    default:
        return done(m, false);
    }
}

static int test_sequence(struct machine *m, int base)
{
    switch (object_kind(m->L, base)) {
    case K_STR:
    case K_MARKUP:
    case K_LIST:
    case K_TUPLE:
    case K_DICT:
    case K_KWARGS:
    case K_RANGE:
        return done(m, true);
    case K_MISSING:
    case K_UNDEFINED:
        return done(m, undefined_policy_of(m, base) != POLICY_STRICT);
    default:
        return done(m, false);
    }
}

static int test_iterable(struct machine *m, int base)
{
    switch (object_kind(m->L, base)) {
    case K_STR:
    case K_MARKUP:
    case K_LIST:
    case K_TUPLE:
    case K_DICT:
    case K_KWARGS:
    case K_RANGE:
    case K_GENERATOR:
    case K_LOOP:
        return done(m, true);
    case K_MISSING:
    case K_UNDEFINED:
        undefined_check(m, base);
        return done(m, true);
    case K_OBJECT: {
        bool is = luaL_getmetafield(m->L, base, "__pairs") != 0;
        return done(m, is);
    }
    default:
        return done(m, false);
    }
}

static int test_sameas(struct machine *m, int base)
{
    lua_State *L = m->L;
    enum kind a = object_kind(L, base), b = object_kind(L, base + 1);
    return done(m, a == b && lua_rawequal(L, base, base + 1));
}

static int test_escaped(struct machine *m, int base)
{
    return done(m, escape_is_safe(m->L, base));
}

static int test_in(struct machine *m, int base)
{
    return done(m, values_contains(m, base + 1, base));
}

static int test_eq(struct machine *m, int base)
{
    return done(m, values_equal(m, base, base + 1));
}

static int test_ne(struct machine *m, int base)
{
    return done(m, !values_equal(m, base, base + 1));
}

static int test_lt(struct machine *m, int base)
{
    return done(m, values_less(m, base, base + 1, "<"));
}

static int test_gt(struct machine *m, int base)
{
    return done(m, values_less(m, base + 1, base, ">"));
}

static int test_le(struct machine *m, int base)
{
    return done(m, !values_less(m, base + 1, base, "<="));
}

static int test_ge(struct machine *m, int base)
{
    return done(m, !values_less(m, base, base + 1, ">="));
}

#define COMPARISON(name, run)                                                            \
    {                                                                                    \
        name, run, 2, 2, BUILTIN_RAW, "a b"                                              \
    }
#define TEST(name, run)                                                                  \
    {                                                                                    \
        name, run, 0, 1, BUILTIN_RAW, "value"                                            \
    }

const struct builtin builtin_tests[] = {
    TEST("odd", test_odd),
    TEST("even", test_even),
    {"divisibleby", test_divisibleby, 2, 2, BUILTIN_RAW, "value num"},
    TEST("defined", test_defined),
    TEST("undefined", test_undefined),
    TEST("filter", test_filter),
    TEST("test", test_test),
    TEST("none", test_none),
    TEST("boolean", test_boolean),
    TEST("false", test_false),
    TEST("true", test_true),
    TEST("integer", test_integer),
    TEST("float", test_float),
    TEST("lower", test_lower),
    TEST("upper", test_upper),
    TEST("string", test_string),
    TEST("mapping", test_mapping),
    TEST("number", test_number),
    TEST("sequence", test_sequence),
    TEST("iterable", test_iterable),
    TEST("callable", test_callable),
    {"sameas", test_sameas, 0, 2, BUILTIN_RAW, "value other"},
    TEST("escaped", test_escaped),
    {"in", test_in, 0, 2, BUILTIN_RAW, "value seq"},
    COMPARISON("==", test_eq),
    COMPARISON("eq", test_eq),
    COMPARISON("equalto", test_eq),
    COMPARISON("!=", test_ne),
    COMPARISON("ne", test_ne),
    COMPARISON(">", test_gt),
    COMPARISON("gt", test_gt),
    COMPARISON("greaterthan", test_gt),
    COMPARISON("ge", test_ge),
    COMPARISON(">=", test_ge),
    COMPARISON("<", test_lt),
    COMPARISON("lt", test_lt),
    COMPARISON("lessthan", test_lt),
    COMPARISON("<=", test_le),
    COMPARISON("le", test_le),
    {NULL, NULL, 0, 0, 0, NULL},
};
