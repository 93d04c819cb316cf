/* Scratch bytes: an array first, then userdata of doubling size. */
#include "base/scratch.h"

#include <stdint.h>
#include <string.h>

void scratch_open(lua_State *L, struct scratch *s)
{
    lua_pushnil(L);
    s->box = lua_gettop(L);
    s->p = s->first;
    s->size = sizeof s->first;
}

void scratch_grow(lua_State *L, struct scratch *s, size_t used, size_t size)
{
    if (size <= s->size)
        return;
    if (size > PTRDIFF_MAX / 4)
        luaL_error(L, "not enough memory");
    size_t doubled = s->size * 2;
    size = size < doubled ? doubled : size;
    luaL_checkstack(L, 1, NULL);
    char *p = lua_newuserdatauv(L, size, 0);
    memcpy(p, s->p, used);
    lua_replace(L, s->box);
    s->p = p;
    s->size = size;
}
