/* Fuzzes json.h: any bytes decode or are refused with a place; what decodes encodes, in
   each style, to a text that decodes and encodes to the same again. */
#include "base/utf8.h"
#include "base/value.h"
#include "json.h"

#include <stdint.h>
#include <stdlib.h>

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

/* Decodes the string on top of the stack, encodes the value and leaves the new string. */
static void again(lua_State *L, const struct json_style *style)
{
    struct str text;
    text.p = lua_tolstring(L, -1, &text.n);
    check(json_decode(L, text, NULL) == 0);
    json_encode(L, -1, style);
}

/* stack: value. The floats' shortest digits make the first text and the third equal. */
static void check_style(lua_State *L, const struct json_style *style)
{
    json_encode(L, 1, &json_style_default);
    json_encode(L, 1, style);
    struct str text;
    text.p = lua_tolstring(L, -1, &text.n);
    check(utf8_is_valid(text));
    again(L, &json_style_default);
    check(lua_rawequal(L, 2, -1));
    lua_settop(L, 1);
}

/* stack: text, flags */
static int run(lua_State *L)
{
    struct str text;
    struct fault fault = {0};
    text.p = lua_tolstring(L, 1, &text.n);
    int flags = (int)lua_tointeger(L, 2);
    lua_settop(L, 1);
    if (json_decode(L, text, &fault) < 0) {
        check(fault.status == 400 && strstr(fault.message, "bad JSON at line "));
        check(lua_gettop(L) == 1);
        return 0;
    }
    check(lua_gettop(L) == 2);
    lua_remove(L, 1);
    check_style(L, &(struct json_style){.sort_keys = true,
                                        .ensure_ascii = flags & 1,
                                        .compact = flags & 2,
                                        .is_html_safe = flags & 4,
                                        .indent = (flags >> 3) - 1});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lua_State *L;
    if (!L) {
        L = luaL_newstate();
        value_open(L);
    }
    if (size == 0)
        return 0;
    lua_pushcfunction(L, run);
    lua_pushlstring(L, (const char *)data + 1, size - 1);
    lua_pushinteger(L, data[0] % 32);
    check(lua_pcall(L, 2, 0, 0) == LUA_OK);
    return 0;
}
