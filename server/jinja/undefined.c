/* Undefined: what a missing name, attribute or item gives. */
#include "jinja/values.h"

static void push(struct machine *m)
{
    lua_createtable(m->L, 3, 0);
    object_mark(m->L, K_UNDEFINED);
}

void undefined_push_name(struct machine *m, int name)
{
    name = lua_absindex(m->L, name);
    push(m);
    lua_pushvalue(m->L, name);
    lua_rawseti(m->L, -2, UNDEFINED_NAME);
}

void undefined_push_attribute(struct machine *m, int object, int key)
{
    object = lua_absindex(m->L, object);
    key = lua_absindex(m->L, key);
    undefined_push_name(m, key);
    lua_pushvalue(m->L, object);
    lua_rawseti(m->L, -2, UNDEFINED_OBJECT);
}

void undefined_push_hint(struct machine *m, int hint, int name, bool is_plain)
{
    hint = lua_absindex(m->L, hint);
    name = name ? lua_absindex(m->L, name) : 0;
    push(m);
    lua_pushvalue(m->L, hint);
    lua_rawseti(m->L, -2, UNDEFINED_HINT);
    if (name) {
        lua_pushvalue(m->L, name);
        lua_rawseti(m->L, -2, UNDEFINED_NAME);
    }
    if (is_plain) {
        lua_pushboolean(m->L, 1);
        lua_rawseti(m->L, -2, UNDEFINED_PLAIN);
    }
}

enum undefined_policy undefined_policy_of(struct machine *m, int i)
{
    if (m->settings.undefined == POLICY_DEFAULT || lua_type(m->L, i) != LUA_TTABLE)
        return m->settings.undefined;
    lua_rawgeti(m->L, i, UNDEFINED_PLAIN);
    bool is_plain = lua_toboolean(m->L, -1);
    lua_pop(m->L, 1);
    return is_plain ? POLICY_DEFAULT : m->settings.undefined;
}

/* Pushes field f of the Undefined at i, nil for a missing value. */
static void push_field(lua_State *L, int i, int f)
{
    if (lua_type(L, i) == LUA_TTABLE)
        lua_rawgeti(L, i, f);
    else
        lua_pushnil(L);
}

/* Stack: ..., hint, object, name at `at`. */
static void add_message(struct machine *m, struct buf *b, int at)
{
    lua_State *L = m->L;
    if (lua_isstring(L, at)) {
        machine_add(m, b, object_text(L, at));
    } else if (lua_isnil(L, at + 1)) {
        repr_add(m, b, at + 2);
        machine_add(m, b, STR(" is undefined"));
    } else if (!object_text(L, at + 2).p) {
        repr_add_type(m, b, at + 1);
        machine_add(m, b, STR(" has no element "));
        repr_add(m, b, at + 2);
    } else {
        buf_addc(b, '\'');
        repr_add_type(m, b, at + 1);
        machine_add(m, b, STR("' has no attribute "));
        repr_add(m, b, at + 2);
    }
}

static int push_fields(struct machine *m, int i)
{
    i = lua_absindex(m->L, i);
    machine_stack(m, 8);
    int at = lua_gettop(m->L) + 1;
    push_field(m->L, i, UNDEFINED_HINT);
    push_field(m->L, i, UNDEFINED_OBJECT);
    push_field(m->L, i, UNDEFINED_NAME);
    return at;
}

void undefined_raise(struct machine *m, int i)
{
    int at = push_fields(m, i);
    m->n_scratch = 0;
    struct buf *b = machine_scratch(m);
    add_message(m, b, at);
    error_raise_text(m, "UndefinedError", buf_str(b));
}

void undefined_check(struct machine *m, int i)
{
    if (undefined_is(m, i) && undefined_policy_of(m, i) == POLICY_STRICT)
        undefined_raise(m, i);
}

static void add_debug(struct machine *m, struct buf *b, int i)
{
    lua_State *L = m->L;
    int at = push_fields(m, i);
    machine_add(m, b, STR("{{ "));
    if (lua_isstring(L, at)) {
        machine_add(m, b, STR("undefined value printed: "));
        machine_add(m, b, object_text(L, at));
    } else if (lua_isnil(L, at + 1)) {
        struct str name = object_text(L, at + 2);
        if (name.p)
            machine_add(m, b, name);
        else
            repr_add(m, b, at + 2);
    } else {
        machine_add(m, b, STR("no such element: "));
        repr_add_type(m, b, at + 1);
        buf_addc(b, '[');
        repr_add(m, b, at + 2);
        buf_addc(b, ']');
    }
    machine_add(m, b, STR(" }}"));
    lua_settop(L, at - 1);
}

void undefined_add(struct machine *m, struct buf *b, int i)
{
    enum undefined_policy policy = undefined_policy_of(m, i);
    if (policy == POLICY_STRICT)
        undefined_raise(m, i);
    if (policy == POLICY_DEBUG)
        add_debug(m, b, i);
}
