/* flask.json: what Lua sees of the reader in json_decode.c and the writer in
 * json_encode.c. */
#include "json.h"

#include "base/value.h"
#include <string.h>

/* Takes the option whose name is at -2 and whose value is on top. */
static void read_option(lua_State *L, struct json_style *style)
{
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    bool *flag = strcmp(name, "sort_keys") == 0      ? &style->sort_keys
                 : strcmp(name, "ensure_ascii") == 0 ? &style->ensure_ascii
                 : strcmp(name, "compact") == 0      ? &style->compact
                                                     : NULL;
    if (flag && lua_isboolean(L, -1))
        *flag = lua_toboolean(L, -1);
    else if (flag)
        luaL_error(L, "JSON option '%s' must be true or false", name);
    else if (strcmp(name, "indent") != 0)
        luaL_error(L, "JSON has no option '%s'", name);
}

static int read_indent(lua_State *L, int index, int indent)
{
    lua_getfield(L, index, "indent");
    lua_Integer n = lua_tointeger(L, -1);
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        indent = -1;
    else if (lua_type(L, -1) == LUA_TNUMBER && lua_isinteger(L, -1) && n >= 0 && n <= 100)
        indent = (int)n;
    else if (!lua_isnil(L, -1))
        luaL_error(L,
                   "JSON option 'indent' must be a number of spaces, 0 to 100, or false");
    lua_pop(L, 1);
    return indent;
}

void json_read_style(lua_State *L, int index, struct json_style *style)
{
    luaL_checktype(L, index, LUA_TTABLE);
    index = lua_absindex(L, index);
    style->indent = read_indent(L, index, style->indent);
    if (style->indent >= 0)
        style->compact = false;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        read_option(L, style);
}

static int library_encode(lua_State *L)
{
    struct json_style style = json_style_default;
    luaL_checkany(L, 1);
    if (!lua_isnoneornil(L, 2))
        json_read_style(L, 2, &style);
    json_encode(L, 1, &style);
    return 1;
}

/* The message has no place in the Lua code: it tells of the text, and may go to its
 * sender. */
static int library_decode(lua_State *L)
{
    size_t n;
    luaL_checktype(L, 1, LUA_TSTRING);
    const char *p = lua_tolstring(L, 1, &n);
    struct fault fault;
    if (json_decode(L, (struct str){p, n}, &fault) == 0)
        return 1;
    lua_pushstring(L, fault.message);
    return lua_error(L);
}

void json_push_library(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", library_encode}, {"decode", library_decode}, {NULL, NULL}};
    static const char *const shared[] = {"null", "array", "is_array"};
    luaL_newlib(L, functions);
    value_push_library(L);
    for (int i = 0; i < 3; i++) {
        lua_getfield(L, -1, shared[i]);
        lua_setfield(L, -3, shared[i]);
    }
    lua_pop(L, 1);
}
