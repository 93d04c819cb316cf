/* Markup for Lua: text that is safe HTML already. */
#include "jinja/markup.h"
#include "jinja/jinja.h"
#include "jinja/object.h"

void jinja_push_markup(lua_State *L, struct str s)
{
    object_push_markup(L, s.p, s.n);
}

bool jinja_is_markup(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TUSERDATA && object_kind(L, index) == K_MARKUP;
}

struct str jinja_markup_str(lua_State *L, int index)
{
    const struct markup *m = lua_touserdata(L, index);
    return (struct str){m->p, m->n};
}

static const struct {
    char c;
    struct str to;
} replacements[] = {{'&', {"&amp;", 5}},
                    {'<', {"&lt;", 4}},
                    {'>', {"&gt;", 4}},
                    {'\'', {"&#39;", 5}},
                    {'"', {"&#34;", 5}}};

static void add_escaped(luaL_Buffer *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const struct str *to = NULL;
        for (size_t k = 0; k < sizeof replacements / sizeof *replacements && !to; k++)
            if (replacements[k].c == s.p[i])
                to = &replacements[k].to;
        if (to)
            luaL_addlstring(b, to->p, to->n);
        else
            luaL_addchar(b, s.p[i]);
    }
}

/* Appends the value at i: a Markup as it is, all else as text, escaped. */
static void add_value(lua_State *L, luaL_Buffer *b, int i, struct str s)
{
    if (jinja_is_markup(L, i))
        luaL_addlstring(b, s.p, s.n);
    else
        add_escaped(b, s);
}

/* Puts the value's text in its place, so that it can be measured; null is empty. */
static struct str text_of(lua_State *L, int i)
{
    struct str s;
    if (jinja_is_markup(L, i))
        return jinja_markup_str(L, i);
    if (value_is_null(L, i)) {
        lua_pushliteral(L, "None");
        lua_replace(L, i);
    } else if (lua_type(L, i) != LUA_TSTRING) {
        object_push_tostring(L, i);
        lua_replace(L, i);
    }
    s.p = lua_tolstring(L, i, &s.n);
    return s;
}

/* Pops the string on top and pushes it as a Markup. */
static int as_markup(lua_State *L)
{
    struct str s;
    s.p = lua_tolstring(L, -1, &s.n);
    object_push_markup(L, s.p, s.n);
    return 1;
}

int markup_new(lua_State *L)
{
    lua_settop(L, 1);
    struct str s = text_of(L, 1);
    object_push_markup(L, s.p, s.n);
    return 1;
}

int markup_escape(lua_State *L)
{
    luaL_Buffer b;
    lua_settop(L, 1);
    struct str s = text_of(L, 1);
    if (jinja_is_markup(L, 1))
        return 1;
    luaL_buffinit(L, &b);
    add_escaped(&b, s);
    luaL_pushresult(&b);
    return as_markup(L);
}

static int markup_concat(lua_State *L)
{
    luaL_Buffer b;
    lua_settop(L, 2);
    struct str s = text_of(L, 1), t = text_of(L, 2);
    luaL_buffinit(L, &b);
    add_value(L, &b, 1, s);
    add_value(L, &b, 2, t);
    luaL_pushresult(&b);
    return as_markup(L);
}

static int markup_tostring(lua_State *L)
{
    struct str s = text_of(L, 1);
    lua_pushlstring(L, s.p, s.n);
    return 1;
}

static int markup_eq(lua_State *L)
{
    lua_pushboolean(L, jinja_is_markup(L, 1) && jinja_is_markup(L, 2) &&
                           str_eq(jinja_markup_str(L, 1), jinja_markup_str(L, 2)));
    return 1;
}

static int markup_len(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)jinja_markup_str(L, 1).n);
    return 1;
}

void markup_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"__concat", markup_concat},   {"__tostring", markup_tostring},
        {"__tojson", markup_tostring}, {"__eq", markup_eq},
        {"__len", markup_len},         {NULL, NULL}};
    object_push_metatable(L, K_MARKUP);
    luaL_setfuncs(L, methods, 0);
    lua_pushliteral(L, "Markup");
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}
