/* Feeds texts to the reader and the writer, for json_parity.py. Each line of stdin is an
   operation and its argument in hexadecimal; each line of stdout "ok" or "error" and the
   result in hexadecimal. Operations: compact, spaced, utf8, indent (decode, then encode
   in that style), cjson (decode and encode by lua-cjson), repr (eight bytes, a double
   big-endian).

   Built by json_parity.py: cc -Iserver tests/parity/json_driver.c server/json*.c
   server/base/X.c ... -llua5.4 -lm */
#include "base/number.h"
#include "base/value.h"
#include "json.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    struct json_style style;
} styles[] = {
    {"compact", {true, true, true, false, -1}},
    {"spaced", {true, true, false, false, -1}},
    {"utf8", {true, false, true, false, -1}},
    {"indent", {true, true, false, false, 2}},
};

/* stack: operation, text -> result */
static int convert(lua_State *L)
{
    const char *operation = lua_tostring(L, 1);
    struct str text;
    struct fault fault;
    text.p = lua_tolstring(L, 2, &text.n);
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        if (strcmp(operation, styles[i].name) != 0)
            continue;
        if (json_decode(L, text, &fault) < 0)
            return luaL_error(L, "%s", fault.message);
        json_encode(L, -1, &styles[i].style);
        return 1;
    }
    return luaL_error(L, "no operation %s", operation);
}

static int convert_by_cjson(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "cjson");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "encode");
    lua_getfield(L, -2, "decode");
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int represent(lua_State *L)
{
    size_t n;
    const unsigned char *p = (const unsigned char *)lua_tolstring(L, 2, &n);
    uint64_t bits = 0;
    for (size_t i = 0; i < n && i < 8; i++)
        bits = bits << 8 | p[i];
    double value;
    memcpy(&value, &bits, sizeof value);
    char out[NUMBER_REPR_SIZE];
    lua_pushlstring(L, out, (size_t)number_format_repr(value, out));
    return 1;
}

static lua_CFunction function_of(const char *operation)
{
    if (strcmp(operation, "cjson") == 0)
        return convert_by_cjson;
    return strcmp(operation, "repr") == 0 ? represent : convert;
}

/* Turns hexadecimal digits into bytes in place; returns how many. */
static size_t from_hex(char *text)
{
    size_t n = 0;
    for (char *p = text; p[0] && p[1] && p[0] != '\n'; p += 2) {
        const char digits[3] = {p[0], p[1], '\0'};
        text[n++] = (char)strtoul(digits, NULL, 16);
    }
    return n;
}

static void answer(lua_State *L, int status)
{
    size_t n;
    const char *p = luaL_tolstring(L, -1, &n);
    fputs(status == LUA_OK ? "ok " : "error ", stdout);
    for (size_t i = 0; i < n; i++)
        printf("%02x", (unsigned char)p[i]);
    putchar('\n');
}

int main(void)
{
    lua_State *L = luaL_newstate();
    char *line = NULL;
    size_t size = 0;
    luaL_openlibs(L);
    value_open(L);
    while (getline(&line, &size, stdin) > 0) {
        char *argument = strchr(line, ' ');
        if (!argument)
            return 2;
        *argument++ = '\0';
        size_t n = from_hex(argument);
        lua_pushcfunction(L, function_of(line));
        lua_pushstring(L, line);
        lua_pushlstring(L, argument, n);
        answer(L, lua_pcall(L, 2, 1, 0));
        lua_settop(L, 0);
    }
    free(line);
    lua_close(L);
    return 0;
}
