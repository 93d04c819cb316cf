/* Where templates are when an error passes through them: what a traceback of Lua alone
   doesn't know. */
#include "jinja/env.h"
#include "jinja/error.h"
#include "jinja/jinja.h"
#include "jinja/machine.h"
#include <stdio.h>

/* MAX_LEVELS: of the coroutine's calls, as finding each takes the longer the deeper it
 * is. */
enum { MAX_PLACES = 20, MAX_SHOWN = 120, MAX_LEVELS = 1000 };

/* lua_getstack walks from the top each time: all of a stack that overflowed would take
   minutes. */
#define MOST_LEVELS 2000

/* The machine that the function at this level runs (its first variable), or NULL. */
static struct machine *machine_at(lua_State *co, lua_Debug *ar)
{
    if (!lua_getinfo(co, "S", ar) || strcmp(ar->source, "=cflask.jinja") != 0 ||
        !lua_checkstack(co, 4) || !lua_getlocal(co, ar, 1))
        return NULL;
    struct machine *m = env_to_machine(co, lua_gettop(co));
    lua_pop(co, 1);
    return m;
}

static struct str trimmed(struct str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.n--;
    return s;
}

static void push_place(lua_State *L, const struct frame *f)
{
    const struct template *t = f->code->template;
    int line = f->code->lines[f->pc > 0 ? f->pc - 1 : 0];
    struct str name = t->filename.p ? t->filename : t->name;
    struct str source = trimmed(error_line_of(t->source, line));
    lua_pushliteral(L, "\n\t");
    lua_pushlstring(L, name.p ? name.p : "<template>", name.p ? name.n : 10);
    lua_pushfstring(L, ":%d: ", line);
    lua_pushlstring(L, source.p ? source.p : "",
                    source.n < MAX_SHOWN ? source.n : MAX_SHOWN);
    lua_concat(L, 4);
}

/* Stack: text -> text with the machine's places; returns how many are to come. */
static int add_machine(lua_State *L, const struct machine *m, int room)
{
    for (int i = m->n_frames - 1; i >= 0 && room > 0; i--) {
        if (!m->frames[i].code)
            continue;
        if (room == MAX_PLACES)
            lua_pushliteral(L, "\ntemplate traceback:");
        else
            lua_pushliteral(L, "");
        push_place(L, &m->frames[i]);
        lua_concat(L, 3);
        room--;
    }
    return room;
}

void jinja_add_places(lua_State *L, lua_State *co)
{
    lua_Debug ar;
    const struct machine *last = NULL;
    int room = MAX_PLACES;
    luaL_checkstack(L, 10, NULL);
    for (int level = 0; room > 0 && level < MOST_LEVELS && lua_getstack(co, level, &ar);
         level++) {
        const struct machine *m = machine_at(co, &ar);
        if (m && m != last)
            room = add_machine(L, m, room);
        last = m ? m : last;
    }
}
