/* Fuzzes the whole of cflask.jinja: any bytes are a template, which renders or fails with
   one of the library's errors. Up to three more templates follow it, split at NUL bytes,
   under the names a, b and c. The first byte chooses autoescape, the kind of Undefined
   and the extensions. */
#include "base/value.h"
#include "jinja/jinja.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const harness =
    "local jinja = ...\n"
    "local kinds = {[0] = 'default', 'strict', 'chainable', 'debug'}\n"
    "local object = setmetatable({}, {__tostring = function() return '<o>' end,\n"
    "  __index = function(_, k) if k == 'a' then return {1, 2} end end,\n"
    "  __pairs = function() return next, {k = 1, l = '<'}, nil end})\n"
    "return function(flags, templates)\n"
    "  local env = jinja.Environment {loader = templates, autoescape = flags % 2 == 1,\n"
    "    undefined = kinds[math.floor(flags / 2) % 4], max_size = 1000000,\n"
    "    trim_blocks = flags >= 128,\n"
    "    extensions = {'do', 'loopcontrols', 'i18n', 'debug'},\n"
    "    i18n = {null = true, newstyle = flags % 16 >= 8},\n"
    "    filters = {f = function(x, y) return y or x end},\n"
    "    globals = {g = function(...) return ... end, o = object}}\n"
    "  local turns = 0\n"
    "  env._helpers.tick = function()\n"
    "    turns = turns + 1\n"
    "    if turns > 3 then error({type = 'Stopped', message = ''}) end\n"
    "  end\n"
    "  local ok, result = pcall(function()\n"
    "    return env:get_template('main'):render {s = 'text <b>', n = 3, x = 2.5, t = "
    "true,\n"
    "      l = {3, 1, 2}, d = {k = 'v', w = {1}}, u = {{name = 'b', age = 2},\n"
    "      {name = 'A', age = 1}}, z = jinja.Markup('<i>')}\n"
    "  end)\n"
    "  if ok then return type(result) == 'string' end\n"
    "  return type(result) == 'table' and type(result.type) == 'string', result\n"
    "end\n";

static lua_State *state;

static void open_state(void)
{
    state = luaL_newstate();
    luaL_openlibs(state);
    value_open(state);
    if (luaL_loadstring(state, harness) != LUA_OK)
        abort();
    lua_pushcfunction(state, luaopen_cflask_jinja);
    lua_call(state, 0, 1);
    lua_call(state, 1, 1);
}

/* Stack: -> templates by name */
static void push_templates(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"main", "a", "b", "c"};
    struct str rest = {(const char *)data, size};
    lua_newtable(state);
    for (int i = 0; i < 4 && rest.p; i++) {
        struct str part = i < 3 ? str_cut(&rest, '\0') : rest;
        lua_pushlstring(state, part.p, part.n);
        lua_setfield(state, -2, names[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (!state)
        open_state();
    lua_pushvalue(state, 1);
    lua_pushinteger(state, data[0]);
    push_templates(data + 1, size - 1);
    lua_call(state, 2, 2);
    if (!lua_toboolean(state, 2)) {
        fprintf(stderr, "%s\n", luaL_tolstring(state, 3, NULL));
        abort();
    }
    lua_settop(state, 1);
    lua_gc(state, LUA_GCCOLLECT, 0);
    return 0;
}
