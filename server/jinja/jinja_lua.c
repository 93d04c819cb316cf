/* The module cflask.jinja: the C functions, and the chunk of Lua that makes a library of
   them. */
#include "jinja/env.h"
#include "jinja/error.h"
#include "jinja/jinja.h"
#include "jinja/library.h"
#include "jinja/machine.h"
#include "jinja/markup.h"
#include <sys/stat.h>

/* stamp(path): a text that changes when the regular file does; nil when there is none. */
static int lua_stamp(lua_State *L)
{
    struct stat s;
    size_t n;
    const char *path = luaL_checklstring(L, 1, &n);
    if (strlen(path) != n || stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return 0;
    lua_pushfstring(L, "%d.%d.%d.%d", (int)s.st_mtim.tv_sec, (int)s.st_mtim.tv_nsec,
                    (int)s.st_size, (int)s.st_ino);
    return 1;
}

static int lua_is_template(lua_State *L)
{
    lua_pushboolean(L, lua_istable(L, 1) && object_kind(L, 1) == K_TEMPLATE);
    return 1;
}

static int lua_is_kwargs(lua_State *L)
{
    lua_pushboolean(L, lua_istable(L, 1) && object_kind(L, 1) == K_KWARGS);
    return 1;
}

/* kwargs(t): marks t, so that a macro called from Lua takes it for keyword arguments. */
static int lua_kwargs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    object_mark(L, K_KWARGS);
    return 1;
}

static int lua_is_markup(lua_State *L)
{
    lua_pushboolean(L, jinja_is_markup(L, 1));
    return 1;
}

/* raise(env, type, message) */
static int lua_raise(lua_State *L)
{
    struct str message;
    const char *type = luaL_checkstring(L, 2);
    message.p = luaL_checklstring(L, 3, &message.n);
    error_push(L, type, message, (struct str){NULL, 0}, (struct str){NULL, 0}, 0,
               (struct str){NULL, 0});
    error_add_searched(L, 1);
    return lua_error(L);
}

static int undefined_tostring(lua_State *L)
{
    lua_pushliteral(L, "");
    return 1;
}

static int module_index(lua_State *L)
{
    lua_rawgeti(L, 1, MODULE_EXPORTS);
    lua_pushvalue(L, 2);
    if (lua_istable(L, -2))
        lua_rawget(L, -2);
    else
        lua_pushnil(L);
    return 1;
}

static int module_tostring(lua_State *L)
{
    lua_rawgeti(L, 1, MODULE_BODY);
    return 1;
}

static void set_metamethod(lua_State *L, enum kind k, const char *name, lua_CFunction f)
{
    object_push_metatable(L, k);
    lua_pushcfunction(L, f);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* methods(index of templates, call of macros) */
static int lua_methods(lua_State *L)
{
    lua_settop(L, 2);
    object_push_metatable(L, K_TEMPLATE);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__index");
    object_push_metatable(L, K_MACRO);
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "__call");
    return 0;
}

static void push_core(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"step", machine_step},
        {"machine", env_machine},
        {"begin", env_begin},
        {"call", env_call},
        {"compile", env_compile},
        {"fill", env_fill},
        {"Markup", markup_new},
        {"escape", markup_escape},
        {"stamp", lua_stamp},
        {"raise", lua_raise},
        {"methods", lua_methods},
        {"kwargs", lua_kwargs},
        {"is_kwargs", lua_is_kwargs},
        {"is_template", lua_is_template},
        {"is_markup", lua_is_markup},
        {"set_error_class", error_set_class},
        {NULL, NULL},
    };
    value_push_library(L);
    luaL_setfuncs(L, functions, 0);
    lua_pushinteger(L, TEMPLATE_ENV);
    lua_setfield(L, -2, "TEMPLATE_ENV");
    lua_pushinteger(L, TEMPLATE_MODULE);
    lua_setfield(L, -2, "TEMPLATE_MODULE");
}

static void open_kinds(lua_State *L)
{
    static const char is_open;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &is_open), lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &is_open);
    object_open(L);
    error_open(L);
    env_open(L);
    markup_open(L);
    set_metamethod(L, K_UNDEFINED, "__tostring", undefined_tostring);
    set_metamethod(L, K_MODULE, "__index", module_index);
    set_metamethod(L, K_MODULE, "__tostring", module_tostring);
}

/* Stack: -> the chunk. The source is a list of pieces: C limits the length of one
 * literal. */
static void load_library(lua_State *L)
{
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (const char *const *piece = library_source; *piece; piece++)
        luaL_addstring(&b, *piece);
    luaL_pushresult(&b);
    size_t n;
    const char *source = lua_tolstring(L, -1, &n);
    if (luaL_loadbuffer(L, source, n, "=cflask.jinja") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
}

int luaopen_cflask_jinja(lua_State *L)
{
    open_kinds(L);
    load_library(L);
    push_core(L);
    lua_call(L, 1, 1);
    return 1;
}
