/* Values are kept in a table that belongs to the map's userdata, not in the registry:
   what an app's function refers to may refer to the map, and such a circle must be
   collectable. */
#include "route_ref.h"

/* The key, in the registry, of the weak table that leads from a map to its userdata. */
static const char userdata_by_map;

static void push_userdata_by_map(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &userdata_by_map);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &userdata_by_map);
}

void route_ref_open(lua_State *L, const struct route_map *map)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, "converters");
    luax_setuservalue(L, -2);
    push_userdata_by_map(L);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, map);
    lua_pop(L, 1);
}

static void push_kept(lua_State *L, const struct route_map *map)
{
    push_userdata_by_map(L);
    lua_rawgetp(L, -1, map);
    luax_getuservalue(L, -1);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

int route_ref_keep(lua_State *L, const struct route_map *map)
{
    push_kept(L, map);
    lua_insert(L, -2); /* stack: kept, value */
    int number = (int)lua_rawlen(L, -2) + 1;
    lua_rawseti(L, -2, number);
    lua_pop(L, 1);
    return number;
}

void route_ref_push(lua_State *L, const struct route_map *map, int number)
{
    push_kept(L, map);
    lua_rawgeti(L, -1, number);
    lua_remove(L, -2);
}

void route_ref_push_converters(lua_State *L, const struct route_map *map)
{
    push_kept(L, map);
    lua_getfield(L, -1, "converters");
    lua_remove(L, -2);
}
