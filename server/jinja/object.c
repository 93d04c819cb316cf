/* Kinds of values. Each of ours has a metatable whose item 1 is a light userdata that
   points into `tags`: that says which kind it is, and nothing else can have it. */
#include "jinja/object.h"
#include "jinja/builtin.h"

static const char tags[K_OBJECT + 1];
static const char metatables[K_OBJECT + 1]; /* their addresses are registry keys */

static bool has_kind(enum kind k)
{
    switch (k) {
    case K_MARKUP:
    case K_UNDEFINED:
    case K_TUPLE:
    case K_RANGE:
    case K_GENERATOR:
    case K_MACRO:
    case K_BOUND:
    case K_NAMESPACE:
    case K_LOOP:
    case K_MODULE:
    case K_CYCLER:
    case K_JOINER:
    case K_BLOCK:
    case K_SELF:
    case K_KWARGS:
    case K_CONTEXT:
    case K_TEMPLATE:
        return true;
    default:
        return false;
    }
}

void object_open(lua_State *L)
{
    for (int k = 0; k <= K_OBJECT; k++) {
        if (!has_kind((enum kind)k))
            continue;
        lua_createtable(L, 1, 4);
        lua_pushlightuserdata(L, (void *)&tags[k]);
        lua_rawseti(L, -2, 1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &metatables[k]);
    }
}

void object_push_metatable(lua_State *L, enum kind k)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatables[k]);
}

void object_mark(lua_State *L, enum kind k)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatables[k]);
    lua_setmetatable(L, -2);
}

/* The kind by the metatable on top, which is popped; K_OBJECT when it is none of ours. */
static enum kind kind_by_metatable(lua_State *L)
{
    lua_rawgeti(L, -1, 1);
    const char *tag =
        lua_type(L, -1) == LUA_TLIGHTUSERDATA ? lua_touserdata(L, -1) : NULL;
    lua_pop(L, 2);
    return tag >= tags && tag <= tags + K_OBJECT ? (enum kind)(tag - tags) : K_OBJECT;
}

static bool can_be_called(lua_State *L, int i)
{
    if (!luaL_getmetafield(L, i, "__call"))
        return false;
    lua_pop(L, 1);
    return true;
}

static enum kind table_kind(lua_State *L, int i)
{
    if (!lua_getmetatable(L, i))
        return value_is_list(L, i) ? K_LIST : K_DICT;
    enum kind k = kind_by_metatable(L);
    if (k != K_OBJECT)
        return k;
    if (value_is_list(L, i))
        return K_LIST;
    if (value_is_ordered(L, i))
        return K_DICT;
    return can_be_called(L, i) ? K_FUNCTION : K_OBJECT;
}

enum kind object_kind(lua_State *L, int i)
{
    switch (lua_type(L, i)) {
    case LUA_TNIL:
    case LUA_TNONE:
        return K_MISSING;
    case LUA_TBOOLEAN:
        return K_BOOL;
    case LUA_TNUMBER:
        return lua_isinteger(L, i) ? K_INT : K_FLOAT;
    case LUA_TSTRING:
        return K_STR;
    case LUA_TFUNCTION:
        return K_FUNCTION;
    case LUA_TTABLE:
        return table_kind(L, i);
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, i))
            return K_NONE;
        return builtin_is(lua_touserdata(L, i)) ? K_BUILTIN : K_OBJECT;
    case LUA_TUSERDATA: {
        enum kind k = lua_getmetatable(L, i) ? kind_by_metatable(L) : K_OBJECT;
        return k == K_OBJECT && can_be_called(L, i) ? K_FUNCTION : k;
    }
    default:
        return K_OBJECT;
    }
}

bool object_is_sequence(lua_State *L, int i)
{
    if (lua_type(L, i) != LUA_TTABLE)
        return false;
    if (!lua_getmetatable(L, i))
        return lua_rawlen(L, i) > 0;
    enum kind k = kind_by_metatable(L);
    return k == K_TUPLE || (k == K_OBJECT && value_is_list(L, i));
}

const char *object_type_name(lua_State *L, int i)
{
    switch (object_kind(L, i)) {
    case K_NONE:
        return "NoneType";
    case K_BOOL:
        return "bool";
    case K_INT:
        return "int";
    case K_FLOAT:
        return "float";
    case K_STR:
        return "str";
    case K_MARKUP:
        return "markupsafe.Markup";
    case K_LIST:
        return "list";
    case K_TUPLE:
        return "tuple";
    case K_DICT:
    case K_KWARGS:
        return "dict";
    case K_RANGE:
        return "range";
    case K_GENERATOR:
        return "generator";
    case K_MACRO:
        return "jinja2.runtime.Macro";
    case K_FUNCTION:
        return "function";
    case K_BUILTIN:
        return "builtin_function_or_method";
    case K_BOUND:
        return "method";
    case K_NAMESPACE:
        return "jinja2.utils.Namespace";
    case K_LOOP:
        return "jinja2.runtime.LoopContext";
    case K_MODULE:
        return "jinja2.environment.TemplateModule";
    case K_CYCLER:
        return "jinja2.utils.Cycler";
    case K_JOINER:
        return "jinja2.utils.Joiner";
    case K_BLOCK:
        return "jinja2.runtime.BlockReference";
    case K_SELF:
        return "jinja2.runtime.TemplateReference";
    case K_CONTEXT:
        return "jinja2.runtime.Context";
    case K_TEMPLATE:
        return "jinja2.environment.Template";
    case K_MISSING:
    case K_UNDEFINED:
        return "jinja2.runtime.Undefined";
    default:
        return "object";
    }
}

void object_push_tuple(lua_State *L, int n)
{
    lua_createtable(L, n, 0);
    object_mark(L, K_TUPLE);
}

void object_push_markup(lua_State *L, const char *p, size_t n)
{
    struct markup *to = lua_newuserdatauv(L, sizeof *to + n, 0);
    to->n = n;
    if (n)
        memcpy(to->p, p, n);
    object_mark(L, K_MARKUP);
}

struct str object_text(lua_State *L, int i)
{
    struct str s = {NULL, 0};
    if (lua_type(L, i) == LUA_TSTRING) {
        s.p = lua_tolstring(L, i, &s.n);
    } else if (lua_type(L, i) == LUA_TUSERDATA && object_kind(L, i) == K_MARKUP) {
        const struct markup *m = lua_touserdata(L, i);
        s = (struct str){m->p, m->n};
    }
    return s;
}

void object_push_tostring(lua_State *L, int i)
{
    i = lua_absindex(L, i);
    if (luaL_getmetafield(L, i, "__tostring")) {
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "'__tostring' must return a string");
        return;
    }
    switch (lua_type(L, i)) {
    case LUA_TSTRING:
        lua_pushvalue(L, i);
        break;
    case LUA_TNUMBER:
        lua_pushvalue(L, i);
        lua_tostring(L, -1);
        break;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false");
        break;
    case LUA_TNIL:
        lua_pushliteral(L, "nil");
        break;
    default:
        lua_pushfstring(L, "%s: %p", luaL_typename(L, i), lua_topointer(L, i));
    }
}

void object_push_keys(lua_State *L, int i)
{
    value_push_keys(L, i);
    value_mark_list(L, -1);
}
