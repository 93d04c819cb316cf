/* What single instructions do: names, literals, operators, output. */
#include "jinja/instruction.h"
#include "jinja/ast.h"
#include "jinja/lexer.h"
#include "jinja/values.h"

void instruction_write_value(struct machine *m, enum out_mode mode, int i)
{
    lua_State *L = m->L;
    bool is_escaped =
        mode == OUT_ESCAPED || (mode == OUT_VOLATILE && machine_is_autoescaped(m));
    m->n_scratch = 0;
    if (mode == OUT_RAW && !object_text(L, i).p && !undefined_is(m, i))
        error_raise(m, "TypeError", "sequence item 0: expected str instance, %s found",
                    object_type_name(L, i));
    if (is_escaped)
        escape_add_value(m, &m->out, i);
    else
        repr_add_str(m, &m->out, i);
    lua_pop(L, 1);
}

bool instruction_write_plain(struct machine *m, enum out_mode mode)
{
    lua_State *L = m->L;
    int t = lua_type(L, -1);
    if (mode == OUT_VOLATILE ||
        (t != LUA_TSTRING && (t != LUA_TNUMBER || mode == OUT_RAW)))
        return false;
    if (t == LUA_TNUMBER) {
        repr_add(m, &m->out, -1);
    } else {
        struct str s;
        s.p = lua_tolstring(L, -1, &s.n);
        if (mode == OUT_ESCAPED)
            escape_add(m, &m->out, s);
        else
            machine_add(m, &m->out, s);
    }
    lua_pop(L, 1);
    return true;
}

bool instruction_prints_in_lua(lua_State *L, int i)
{
    int t = lua_type(L, i);
    if (t != LUA_TTABLE && t != LUA_TUSERDATA)
        return false;
    enum kind k = object_kind(L, i);
    if (k != K_OBJECT && k != K_FUNCTION)
        return false;
    bool is = luaL_getmetafield(L, i, "__html") || luaL_getmetafield(L, i, "__tostring");
    if (is)
        lua_pop(L, 1);
    return is || attribute_is_dict_like(L, i);
}

void instruction_resolve(lua_State *L, const struct frame *f, int k)
{
    lua_rawgeti(L, f->fixed + FIXED_CONSTANTS, k + 1);
    static const int where[] = {FIXED_VARS, FIXED_INHERITED, FIXED_USER};
    for (int i = 0; i < 3; i++) {
        int table = f->fixed + where[i];
        if (lua_type(L, table) != LUA_TTABLE)
            continue;
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        if (!lua_isnil(L, -1)) {
            lua_remove(L, -2);
            return;
        }
        lua_pop(L, 1);
    }
    lua_gettable(L, f->fixed + FIXED_GLOBALS);
}

void instruction_undefined(struct machine *m, const struct frame *f, int k)
{
    instruction_push_constant(m->L, f, k);
    undefined_push_name(m, -1);
    lua_replace(m->L, -3);
    lua_pop(m->L, 1);
}

void instruction_push_env(lua_State *L, const struct frame *f, int index, uint32_t hops)
{
    lua_pushvalue(L, f->fixed + FIXED_ENV);
    for (; hops > 0; hops--) {
        lua_rawgeti(L, -1, 0);
        lua_remove(L, -2);
    }
    lua_rawgeti(L, -1, index);
    lua_remove(L, -2);
}

void instruction_set_env(lua_State *L, const struct frame *f, int index, uint32_t hops)
{
    lua_pushvalue(L, f->fixed + FIXED_ENV);
    for (; hops > 0; hops--) {
        lua_rawgeti(L, -1, 0);
        lua_remove(L, -2);
    }
    lua_insert(L, -2);
    lua_rawseti(L, -2, index);
    lua_pop(L, 1);
}

void instruction_new_env(lua_State *L, const struct frame *f, int room)
{
    lua_createtable(L, room, 1);
    lua_pushvalue(L, f->fixed + FIXED_ENV);
    lua_rawseti(L, -2, 0);
    lua_replace(L, f->fixed + FIXED_ENV);
}

void instruction_export_var(lua_State *L, const struct frame *f, int k, bool is_import)
{
    lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
    object_get_table(L, -1);
    lua_rawgeti(L, -1, CONTEXT_IMPORTED);
    if (is_import && lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, CONTEXT_IMPORTED);
    }
    if (lua_istable(L, -1)) {
        instruction_push_constant(L, f, k);
        if (is_import)
            lua_pushboolean(L, 1);
        else
            lua_pushnil(L);
        lua_rawset(L, -3);
    }
    lua_pop(L, 3);
    instruction_push_constant(L, f, k);
    lua_insert(L, -2);
    lua_rawset(L, f->fixed + FIXED_VARS);
}

void instruction_make_list(struct machine *m, int n, bool is_tuple)
{
    lua_State *L = m->L;
    if (is_tuple)
        object_push_tuple(L, n);
    else
        value_push_list(L, n);
    int list = lua_gettop(L), first = list - n;
    for (int i = 0; i < n; i++) {
        lua_pushvalue(L, first + i);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            undefined_push_name(m, first + i);
        }
        lua_rawseti(L, list, i + 1);
    }
    if (n) {
        lua_replace(L, first);
        lua_settop(L, first);
    }
}

void instruction_make_dict(struct machine *m, int n)
{
    lua_State *L = m->L;
    value_push_ordered(L);
    int dict = lua_gettop(L), first = dict - 2 * n;
    for (int i = 0; i < n; i++) {
        values_push_key(m, dict, first + 2 * i);
        lua_pushvalue(L, first + 2 * i + 1);
        lua_settable(L, dict);
    }
    if (n) {
        lua_replace(L, first);
        lua_settop(L, first);
    }
}

void instruction_concat(struct machine *m, int n, enum out_mode mode)
{
    lua_State *L = m->L;
    int first = lua_gettop(L) - n + 1;
    bool may_escape =
        mode == OUT_ESCAPED || (mode == OUT_VOLATILE && machine_is_autoescaped(m));
    bool is_markup = false;
    for (int i = 0; i < n; i++)
        is_markup |= escape_is_safe(L, first + i);
    is_markup &= may_escape;
    m->n_scratch = 0;
    struct buf *b = machine_scratch(m);
    for (int i = 0; i < n; i++) {
        if (is_markup)
            escape_add_value(m, b, first + i);
        else
            repr_add_str(m, b, first + i);
    }
    machine_push_as(m, b, is_markup);
    lua_replace(L, first);
    lua_settop(L, first);
}

bool instruction_compare(struct machine *m, int op)
{
    lua_State *L = m->L;
    int b = lua_gettop(L), a = b - 1;
    switch (op) {
    case T_EQ:
        return values_equal(m, a, b);
    case T_NE:
        return !values_equal(m, a, b);
    case T_LT:
        return values_less(m, a, b, "<");
    case T_GT:
        return values_less(m, b, a, ">");
    case T_LTEQ:
        if (values_is_number(L, a) && values_is_number(L, b))
            return values_number(L, a) <= values_number(L, b);
        return !values_less(m, b, a, "<=");
    case T_GTEQ:
        if (values_is_number(L, a) && values_is_number(L, b))
            return values_number(L, a) >= values_number(L, b);
        return !values_less(m, a, b, ">=");
    case OP_IN:
        return values_contains(m, b, a);
    default:
        return !values_contains(m, b, a);
    }
}

void instruction_unpack(struct machine *m, int n)
{
    lua_State *L = m->L;
    int at = lua_gettop(L);
    if (undefined_is(m, at) && lua_istable(L, at))
        undefined_check(m, at);
    lua_Integer have = values_items(m, at);
    if (have != n)
        error_raise(m, "ValueError",
                    have > n ? "too many values to unpack (expected %d)"
                             : "not enough values to unpack (expected %d, got %lld)",
                    n, (long long)have);
    machine_stack(m, n + 10);
    for (int i = n; i >= 1; i--)
        lua_rawgeti(L, at, i);
    lua_remove(L, at);
}

void instruction_check_namespace(struct machine *m)
{
    if (object_kind(m->L, -1) != K_NAMESPACE)
        error_raise(m, "TemplateRuntimeError",
                    "cannot assign attribute on non-namespace object");
}

void instruction_set_namespace(struct machine *m, const struct frame *f, int k)
{
    lua_State *L = m->L;
    instruction_check_namespace(m);
    instruction_push_constant(L, f, k);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

void instruction_push_macro(struct machine *m, const struct frame *f, int number)
{
    lua_State *L = m->L;
    struct macro *macro = lua_newuserdatauv(L, sizeof *macro, 1);
    macro->code = f->code->template->codes[number];
    object_mark(L, K_MACRO);
    lua_createtable(L, 3, 0);
    lua_pushvalue(L, f->fixed + FIXED_TEMPLATE);
    lua_rawseti(L, -2, MACRO_TEMPLATE);
    lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
    lua_rawseti(L, -2, MACRO_CONTEXT);
    lua_pushvalue(L, f->fixed + FIXED_ENV);
    lua_rawseti(L, -2, MACRO_ENV);
    object_set_table(L, -2);
}

void instruction_captured(struct machine *m, enum out_mode mode)
{
    lua_State *L = m->L;
    size_t mark = (size_t)lua_tointeger(L, -1);
    bool is_markup =
        mode == OUT_ESCAPED || (mode == OUT_VOLATILE && machine_is_autoescaped(m));
    lua_pop(L, 1);
    if (is_markup)
        object_push_markup(L, m->out.p + mark, m->out.n - mark);
    else
        lua_pushlstring(L, m->out.p ? m->out.p + mark : "", m->out.n - mark);
    m->out.n = mark;
}

void instruction_set_autoescape(struct machine *m, struct frame *f, int slot)
{
    bool is_on = values_truth(m, -1);
    lua_pop(m->L, 1);
    lua_pushboolean(m->L, f->context->is_autoescaped);
    lua_replace(m->L, f->base + slot);
    f->context->is_autoescaped = is_on;
}

void instruction_make_locals(lua_State *L, int n)
{
    int first = lua_gettop(L) - 2 * n + 1;
    if (!n) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, n);
    for (int i = 0; i < n; i++) {
        if (lua_isnil(L, first + 2 * i + 1))
            continue;
        lua_pushvalue(L, first + 2 * i);
        lua_pushvalue(L, first + 2 * i + 1);
        lua_rawset(L, -3);
    }
    lua_replace(L, first);
    lua_settop(L, first);
}

void instruction_mark_safe(struct machine *m)
{
    lua_State *L = m->L;
    if (!machine_is_autoescaped(m) || escape_is_safe(L, -1))
        return;
    m->n_scratch = 0;
    struct str s = repr_text(m, lua_gettop(L));
    object_push_markup(L, s.p, s.n);
    lua_remove(L, -2);
}

void instruction_push_block_reference(struct machine *m, const struct frame *f,
                                      bool is_self)
{
    lua_State *L = m->L;
    lua_createtable(L, 3, 0);
    lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
    lua_rawseti(L, -2, 1);
    if (is_self) {
        object_mark(L, K_SELF);
        return;
    }
    lua_pushlstring(L, f->code->name.p, f->code->name.n);
    lua_rawseti(L, -2, 2);
    lua_pushinteger(L, f->block_depth + 1);
    lua_rawseti(L, -2, 3);
    object_mark(L, K_BLOCK);
    if (inherit_has_block(m, lua_gettop(L)))
        return;
    lua_pop(L, 1);
    lua_pushlstring(L, f->code->name.p, f->code->name.n);
    lua_pushfstring(L, "there is no parent block called '%s'.", lua_tostring(L, -1));
    undefined_push_hint(m, -1, lua_gettop(L) - 1, false);
    lua_replace(L, -3);
    lua_pop(L, 1);
}
