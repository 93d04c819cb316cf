/* Arithmetic as Python has it: integers and floats apart, texts and lists too. */
#include "jinja/lexer.h"
#include "jinja/values.h"
#include <math.h>

static const char *symbol_of(int op)
{
    switch (op) {
    case T_ADD:
        return "+";
    case T_SUB:
        return "-";
    case T_MUL:
        return "*";
    case T_DIV:
        return "/";
    case T_FLOORDIV:
        return "//";
    case T_MOD:
        return "%";
    default:
        return "** or pow()";
    }
}

static lua_Integer integer_of(lua_State *L, int i)
{
    return lua_isboolean(L, i) ? lua_toboolean(L, i) : lua_tointeger(L, i);
}

static lua_Integer floor_div(lua_Integer a, lua_Integer b)
{
    lua_Integer q = a / b;
    return q - (a % b != 0 && (a % b < 0) != (b < 0));
}

/* base ** e for e >= 0; false when it doesn't fit. */
static bool power(lua_Integer base, lua_Integer e, lua_Integer *out)
{
    long long result = 1, b = base;
    while (e > 0) {
        if ((e & 1) && __builtin_mul_overflow(result, b, &result))
            return false;
        e >>= 1;
        if (e && __builtin_mul_overflow(b, b, &b))
            return false;
    }
    *out = result;
    return true;
}

/* Two integers; false when only floats can say it (which is what we have beyond 64 bits).
 */
static bool integers(struct machine *m, int op, lua_Integer a, lua_Integer b)
{
    lua_State *L = m->L;
    long long r;
    lua_Integer p;
    switch (op) {
    case T_ADD:
        if (__builtin_add_overflow((long long)a, (long long)b, &r))
            return false;
        break;
    case T_SUB:
        if (__builtin_sub_overflow((long long)a, (long long)b, &r))
            return false;
        break;
    case T_MUL:
        if (__builtin_mul_overflow((long long)a, (long long)b, &r))
            return false;
        break;
    case T_FLOORDIV:
    case T_MOD:
        if (b == 0)
            error_raise(m, "ZeroDivisionError", "integer division or modulo by zero");
        if (b == -1 && op == T_FLOORDIV && a == LUA_MININTEGER)
            return false;
        r = b == -1            ? (op == T_MOD ? 0 : -a)
            : op == T_FLOORDIV ? floor_div(a, b)
                               : a - floor_div(a, b) * b;
        break;
    case T_POW:
        if (b < 0 || !power(a, b, &p))
            return false;
        r = p;
        break;
    default:
        return false;
    }
    lua_pushinteger(L, r);
    return true;
}

static void floats(struct machine *m, int op, double a, double b)
{
    double r;
    if (b == 0 && (op == T_DIV || op == T_FLOORDIV || op == T_MOD))
        error_raise(m, "ZeroDivisionError",
                    op == T_DIV ? "division by zero" : "float floor division by zero");
    switch (op) {
    case T_ADD:
        r = a + b;
        break;
    case T_SUB:
        r = a - b;
        break;
    case T_MUL:
        r = a * b;
        break;
    case T_DIV:
        r = a / b;
        break;
    case T_FLOORDIV:
        r = floor(a / b);
        break;
    case T_MOD:
        r = fmod(a, b);
        if (r != 0 && (r < 0) != (b < 0))
            r += b;
        break;
    default:
        if (a == 0 && b < 0)
            error_raise(m, "ZeroDivisionError",
                        "0.0 cannot be raised to a negative power");
        r = pow(a, b);
        if (isinf(r) && isfinite(a) && isfinite(b))
            error_raise(m, "OverflowError", "(34, 'Numerical result out of range')");
        if (isnan(r) && !isnan(a) && !isnan(b))
            error_raise(m, "ValueError", "a complex number is not supported");
    }
    lua_pushnumber(m->L, r);
}

void arith_repeat(struct machine *m, int text, lua_Integer times)
{
    lua_State *L = m->L;
    struct str s = object_text(L, text);
    bool is_markup = lua_type(L, text) != LUA_TSTRING;
    if (times < 0 || s.n == 0)
        times = 0;
    if (times && (size_t)times > m->settings.limit / s.n)
        error_raise(m, "TemplateRuntimeError", "a text is longer than %zu bytes",
                    m->settings.limit);
    m->n_scratch = 0;
    struct buf *b = machine_scratch(m);
    for (lua_Integer i = 0; i < times; i++)
        buf_addstr(b, s);
    machine_push_as(m, b, is_markup);
}

static void repeat_list(struct machine *m, int list, lua_Integer times)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, list);
    if (times < 0)
        times = 0;
    if (n && times > 4000000 / n)
        error_raise(m, "OverflowError", "a list of %lld times %lld items is too large",
                    (long long)times, (long long)n);
    if (object_kind(L, list) == K_TUPLE)
        object_push_tuple(L, (int)(n * times));
    else
        value_push_list(L, (int)(n * times));
    for (lua_Integer i = 0; i < n * times; i++) {
        lua_rawgeti(L, list, i % n + 1);
        lua_rawseti(L, -2, i + 1);
    }
}

static void join_texts(struct machine *m, int a, int b)
{
    lua_State *L = m->L;
    bool is_markup = escape_is_safe(L, a) || escape_is_safe(L, b);
    m->n_scratch = 0;
    struct buf *out = machine_scratch(m);
    for (int i = a; i <= b; i++) {
        if (is_markup)
            escape_add_value(m, out, i);
        else
            machine_add(m, out, object_text(L, i));
    }
    machine_push_as(m, out, is_markup);
}

static void join_lists(lua_State *L, int a, int b, bool is_tuple)
{
    lua_Integer n = values_list_length(L, a), k = values_list_length(L, b);
    if (is_tuple)
        object_push_tuple(L, (int)(n + k));
    else
        value_push_list(L, (int)(n + k));
    for (lua_Integer i = 1; i <= n + k; i++) {
        lua_rawgeti(L, i <= n ? a : b, i <= n ? i : i - n);
        lua_rawseti(L, -2, i);
    }
}

_Noreturn static void fail(struct machine *m, int op, int a, int b)
{
    lua_State *L = m->L;
    if (undefined_is(m, a))
        undefined_raise(m, a);
    if (undefined_is(m, b))
        undefined_raise(m, b);
    if (op == T_ADD && object_text(L, a).p)
        error_raise(m, "TypeError", "can only concatenate str (not \"%s\") to str",
                    object_type_name(L, b));
    if (op == T_MUL && (object_text(L, a).p || object_text(L, b).p))
        error_raise(m, "TypeError", "can't multiply sequence by non-int of type '%s'",
                    object_type_name(L, object_text(L, a).p ? b : a));
    error_raise(m, "TypeError", "unsupported operand type(s) for %s: '%s' and '%s'",
                symbol_of(op), object_type_name(L, a), object_type_name(L, b));
}

/* What isn't two numbers; false when there is no such operation. */
static bool others(struct machine *m, int op, int a, int b)
{
    lua_State *L = m->L;
    bool is_text_a = object_text(L, a).p, is_text_b = object_text(L, b).p;
    bool is_list_a =
        !is_text_a && (object_is_sequence(L, a) || object_kind(L, a) == K_LIST);
    bool is_list_b =
        !is_text_b && (object_is_sequence(L, b) || object_kind(L, b) == K_LIST);
    if (op == T_MOD && is_text_a) {
        format_percent(m, a, b);
        return true;
    }
    if (op == T_ADD && is_text_a && is_text_b) {
        join_texts(m, a, b);
        return true;
    }
    if (op == T_ADD && is_list_a && is_list_b && object_kind(L, a) == object_kind(L, b)) {
        join_lists(L, a, b, object_kind(L, a) == K_TUPLE);
        return true;
    }
    if (op == T_ADD && (escape_is_safe(L, a) || escape_is_safe(L, b)) &&
        (object_kind(L, a) == K_MODULE || object_kind(L, b) == K_MODULE)) {
        join_texts(m, a, b);
        return true;
    }
    if (op != T_MUL)
        return false;
    if ((is_text_a || is_list_a) && values_is_integer(L, b)) {
        if (is_text_a)
            arith_repeat(m, a, integer_of(L, b));
        else
            repeat_list(m, a, integer_of(L, b));
        return true;
    }
    if ((is_text_b || is_list_b) && values_is_integer(L, a)) {
        if (is_text_b)
            arith_repeat(m, b, integer_of(L, a));
        else
            repeat_list(m, b, integer_of(L, a));
        return true;
    }
    return false;
}

static const char *metamethod_of(int op)
{
    switch (op) {
    case T_ADD:
        return "__add";
    case T_SUB:
        return "__sub";
    case T_MUL:
        return "__mul";
    case T_DIV:
        return "__div";
    case T_FLOORDIV:
        return "__idiv";
    case T_MOD:
        return "__mod";
    default:
        return "__pow";
    }
}

static bool has_metamethod(lua_State *L, int i, const char *name)
{
    if (object_kind(L, i) != K_OBJECT || !luaL_getmetafield(L, i, name))
        return false;
    lua_pop(L, 1);
    return true;
}

enum call_result arith_binary(struct machine *m, int op)
{
    lua_State *L = m->L;
    int b = lua_gettop(L), a = b - 1;
    if (values_is_number(L, a) && values_is_number(L, b)) {
        if (!(values_is_integer(L, a) && values_is_integer(L, b) &&
              integers(m, op, integer_of(L, a), integer_of(L, b))))
            floats(m, op, values_number(L, a), values_number(L, b));
    } else if (!others(m, op, a, b)) {
        const char *name = metamethod_of(op);
        if (!has_metamethod(L, a, name) && !has_metamethod(L, b, name))
            fail(m, op, a, b);
        machine_push_helper(m, name);
        lua_insert(L, a);
        m->n_call = 2;
        return CALL_OUT;
    }
    lua_replace(L, a);
    lua_settop(L, a);
    return CALL_DONE;
}

void arith_negate(struct machine *m, bool is_minus)
{
    lua_State *L = m->L;
    if (undefined_is(m, -1))
        undefined_raise(m, -1);
    if (!values_is_number(L, -1))
        error_raise(m, "TypeError", "bad operand type for unary %s: '%s'",
                    is_minus ? "-" : "+", object_type_name(L, -1));
    if (values_is_integer(L, -1)) {
        lua_Integer i = integer_of(L, -1);
        if (is_minus && i == LUA_MININTEGER)
            lua_pushnumber(L, -(lua_Number)i);
        else
            lua_pushinteger(L, is_minus ? -i : i);
    } else {
        lua_pushnumber(L, is_minus ? -lua_tonumber(L, -1) : lua_tonumber(L, -1));
    }
    lua_remove(L, -2);
}
