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
    for (int level = 0; room > 0 && level < MAX_LEVELS && lua_getstack(co, level, &ar);
         level++) {
        const struct machine *m = machine_at(co, &ar);
        if (m && m != last)
            room = add_machine(L, m, room);
        last = m ? m : last;
    }
}

/* ---- for the debugger ---- */

static void set_str(lua_State *L, const char *field, struct str s)
{
    if (!s.p)
        return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, field);
}

static void push_frame(lua_State *L, const struct frame *f, int level)
{
    const struct template *t = f->code->template;
    lua_createtable(L, 0, 5);
    lua_pushinteger(L, level);
    lua_setfield(L, -2, "level");
    lua_pushinteger(L, f->code->lines[f->pc > 0 ? f->pc - 1 : 0]);
    lua_setfield(L, -2, "line");
    set_str(L, "name", t->name);
    set_str(L, "filename", t->filename);
    set_str(L, "source", t->source);
}

/* Stack: list -> list; n is how many it has. */
static int add_frames(lua_State *L, const struct machine *m, int level, int n)
{
    for (int i = m->n_frames - 1; i >= 0 && n < MAX_PLACES; i--) {
        if (!m->frames[i].code)
            continue;
        push_frame(L, &m->frames[i], level);
        lua_rawseti(L, -2, ++n);
    }
    return n;
}

void jinja_push_frames(lua_State *L, lua_State *co)
{
    lua_Debug ar;
    const struct machine *last = NULL;
    int n = 0;
    luaL_checkstack(L, 10, NULL);
    lua_newtable(L);
    for (int level = 0;
         n < MAX_PLACES && level < MAX_LEVELS && lua_getstack(co, level, &ar); level++) {
        const struct machine *m = machine_at(co, &ar);
        if (m && m != last)
            n = add_frames(L, m, level, n);
        last = m ? m : last;
    }
}
