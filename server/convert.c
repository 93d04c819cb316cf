/* The converters of request values. */
#include "convert.h"

#include "base/number.h"
#include <math.h>

static bool parse_int(struct str s, lua_Integer *value)
{
    bool is_negative = s.n && *s.p == '-';
    if (is_negative || (s.n && *s.p == '+'))
        s = str_skip(s, 1);
    if (!s.n)
        return false;
    int64_t n = 0; /* kept negative: there is one more of those */
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, s.p[i] - '0', &n))
            return false;
    }
    if (!is_negative && n == INT64_MIN)
        return false;
    *value = is_negative ? n : -n;
    return true;
}

/* nil where the state's numbers can't hold it (LuaJIT, beyond 2^53). */
static int push_exact(lua_State *L, lua_Integer value)
{
    lua_pushinteger(L, value);
    if (lua_tointeger(L, -1) != value)
        lua_pushnil(L);
    return 1;
}

static struct str text(lua_State *L)
{
    struct str s = {NULL, 0};
    if (lua_type(L, 1) == LUA_TSTRING)
        s.p = lua_tolstring(L, 1, &s.n);
    return s;
}

static int convert_int_of_number(lua_State *L)
{
    lua_Number n = lua_tonumber(L, 1);
    if (lua_isinteger(L, 1))
        lua_pushvalue(L, 1);
    else if (n == floor(n) && fabs(n) <= 9007199254740992.0)
        lua_pushinteger(L, (lua_Integer)n);
    else
        lua_pushnil(L);
    return 1;
}

int convert_int(lua_State *L)
{
    lua_Integer value;
    if (lua_type(L, 1) == LUA_TNUMBER)
        return convert_int_of_number(L);
    return parse_int(text(L), &value) ? push_exact(L, value) : 0;
}

int convert_number(lua_State *L)
{
    lua_Integer integer;
    double value;
    if (lua_type(L, 1) == LUA_TNUMBER)
        lua_pushvalue(L, 1);
    else if (parse_int(text(L), &integer) && push_exact(L, integer) && !lua_isnil(L, -1))
        return 1;
    else if (number_parse_double(text(L), &value) && isfinite(value))
        lua_pushnumber(L, value);
    else
        lua_pushnil(L);
    return 1;
}

int convert_boolean(lua_State *L)
{
    static const char *const yes[] = {"1", "true", "on", "yes"};
    static const char *const no[] = {"0", "false", "off", "no"};
    if (lua_isboolean(L, 1)) {
        lua_pushvalue(L, 1);
        return 1;
    }
    for (size_t i = 0; i < 4; i++) {
        bool is_yes = str_ieq(text(L), str_from(yes[i]));
        if (is_yes || str_ieq(text(L), str_from(no[i]))) {
            lua_pushboolean(L, is_yes);
            return 1;
        }
    }
    return 0;
}
