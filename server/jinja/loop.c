/* The state of a {% for %}, which is the template's `loop`. */
#include "jinja/unicode.h"
#include "jinja/values.h"

/* Stack: what is iterated -> ; the two slots are set: the items, and the loop. */
void loop_start(struct machine *m, int slot, unsigned flags)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    int items = lua_gettop(L);
    struct str s = object_text(L, items);
    bool is_range = !s.p && object_kind(L, items) == K_RANGE;
    lua_Integer n = is_range ? ((struct range *)lua_touserdata(L, items))->n
                    : s.p    ? (lua_Integer)unicode_length(s)
                             : values_items(m, items);
    struct loop *l = lua_newuserdatauv(L, sizeof *l, 1);
    memset(l, 0, sizeof *l);
    l->n = n;
    l->is_range = is_range;
    l->is_string = s.p != NULL;
    if (is_range)
        l->range = *(struct range *)lua_touserdata(L, items);
    l->depth = f->loop_depth;
    object_mark(L, K_LOOP);
    if (flags) {
        lua_createtable(L, 3, 0);
        lua_pushvalue(L, items);
        lua_rawseti(L, -2, LOOP_ITEMS);
        if (flags & LOOP_RECURSIVE) {
            lua_pushvalue(L, f->base + 1);
            lua_rawseti(L, -2, LOOP_FUNCTION);
        }
        object_set_table(L, -2);
    }
    lua_replace(L, slot + 1);
    lua_replace(L, slot);
}

/* Pushes item i (from 1) of the loop, whose items are at `items`. */
static void push_item(lua_State *L, const struct loop *l, int items, lua_Integer i)
{
    if (l->is_range) {
        lua_pushinteger(L, l->range.start + (i - 1) * l->range.step);
    } else if (l->is_string) {
        struct str s = object_text(L, items);
        size_t from = unicode_offset(s, (size_t)i - 1);
        uint32_t c;
        size_t n = from < s.n ? unicode_decode(s.p + from, s.n - from, &c) : 0;
        lua_pushlstring(L, s.p + from, n);
    } else {
        lua_rawgeti(L, items, i);
    }
}

bool loop_next(struct machine *m, int slot)
{
    lua_State *L = m->L;
    struct loop *l = lua_touserdata(L, slot + 1);
    if (!l->is_range && !l->is_string && l->index >= l->n)
        l->n = values_list_length(L, slot); /* a list may have grown */
    if (l->index >= l->n)
        return false;
    l->index++;
    if (l->is_string) {
        struct str s = object_text(L, slot);
        uint32_t c;
        size_t n = unicode_decode(s.p + l->at, s.n - l->at, &c);
        lua_pushlstring(L, s.p + l->at, n);
        l->at += n;
    } else {
        push_item(L, l, slot, l->index);
    }
    if (lua_isnil(L, -1)) {
        lua_pushliteral(L, "item");
        undefined_push_name(m, -1);
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
    return true;
}

static void push_neighbour(struct machine *m, int loop, lua_Integer i, const char *why)
{
    lua_State *L = m->L;
    const struct loop *l = lua_touserdata(L, loop);
    if (i < 1 || i > l->n) {
        lua_pushstring(L, why);
        undefined_push_hint(m, -1, 0, false);
        lua_remove(L, -2);
        return;
    }
    lua_pushvalue(L, loop);
    object_get_table(L, -1);
    lua_rawgeti(L, -1, LOOP_ITEMS);
    push_item(L, l, lua_gettop(L), i);
    lua_replace(L, -4);
    lua_pop(L, 2);
}

bool loop_attribute(struct machine *m, int loop, struct str name)
{
    lua_State *L = m->L;
    const struct loop *l = lua_touserdata(L, loop);
    lua_Integer i;
    if (str_eq(name, STR("index")))
        i = l->index;
    else if (str_eq(name, STR("index0")))
        i = l->index - 1;
    else if (str_eq(name, STR("length")))
        i = l->n;
    else if (str_eq(name, STR("revindex")))
        i = l->n - l->index + 1;
    else if (str_eq(name, STR("revindex0")))
        i = l->n - l->index;
    else if (str_eq(name, STR("depth")))
        i = l->depth + 1;
    else if (str_eq(name, STR("depth0")))
        i = l->depth;
    else if (str_eq(name, STR("first")) || str_eq(name, STR("last"))) {
        lua_pushboolean(L, name.p[0] == 'f' ? l->index == 1 : l->index == l->n);
        return true;
    } else if (str_eq(name, STR("previtem"))) {
        push_neighbour(m, loop, l->index - 1, "there is no previous item");
        return true;
    } else if (str_eq(name, STR("nextitem"))) {
        push_neighbour(m, loop, l->index + 1, "there is no next item");
        return true;
    } else {
        return false;
    }
    lua_pushinteger(L, i);
    return true;
}
