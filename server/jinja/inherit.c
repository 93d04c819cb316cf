/* Templates within templates: contexts, blocks, extends, include, import. */
#include "jinja/values.h"

/* --- contexts --- */

/* Pushes {name = {template table, code}} for the template's blocks. */
static void push_blocks(lua_State *L, int template)
{
    lua_newtable(L);
    lua_rawgeti(L, template, TEMPLATE_SELF);
    const struct template *t = lua_touserdata(L, -1);
    lua_pop(L, 1);
    for (struct code *c = t->blocks; c; c = c->next_block) {
        lua_pushlstring(L, c->name.p, c->name.n);
        lua_createtable(L, 2, 0);
        lua_pushvalue(L, template);
        lua_rawseti(L, -2, 1);
        lua_pushlightuserdata(L, c);
        lua_rawseti(L, -2, 2);
        lua_rawset(L, -3);
    }
}

/* Pushes an empty context and its table. */
static struct context *new_context(lua_State *L)
{
    struct context *c = lua_newuserdatauv(L, sizeof *c, 1);
    c->is_autoescaped = false;
    object_mark(L, K_CONTEXT);
    lua_createtable(L, 5, 0);
    lua_pushvalue(L, -1);
    object_set_table(L, -3);
    lua_newtable(L);
    lua_rawseti(L, -2, CONTEXT_VARS);
    return c;
}

static void set_or_false(lua_State *L, int table, int field, int value)
{
    if (value && lua_istable(L, value))
        lua_pushvalue(L, value);
    else
        lua_pushboolean(L, 0);
    lua_rawseti(L, table, field);
}

void inherit_push_context(lua_State *L, int template, int user, int inherited)
{
    luaL_checkstack(L, 12, NULL);
    struct context *c = new_context(L);
    int table = lua_gettop(L);
    lua_rawgeti(L, template, TEMPLATE_SELF);
    c->is_autoescaped = ((struct template *)lua_touserdata(L, -1))->is_autoescaped;
    lua_pop(L, 1);
    set_or_false(L, table, CONTEXT_INHERITED, inherited);
    set_or_false(L, table, CONTEXT_USER, user);
    lua_rawgeti(L, template, TEMPLATE_GLOBALS);
    lua_rawseti(L, table, CONTEXT_GLOBALS);
    push_blocks(L, template);
    lua_rawseti(L, table, CONTEXT_BLOCKS);
    lua_pop(L, 1);
}

static void copy_into(lua_State *L, int from, int to)
{
    if (!lua_istable(L, from))
        return;
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

/* Pushes a table of all that the frame's context has beyond render's variables and
   globals, with the locals (a table or nil) on top of it. */
static void push_seen(lua_State *L, const struct frame *f, int locals)
{
    lua_newtable(L);
    int all = lua_gettop(L);
    copy_into(L, f->fixed + FIXED_INHERITED, all);
    copy_into(L, f->fixed + FIXED_VARS, all);
    copy_into(L, locals, all);
}

/* Pushes a context for the template that sees what the frame sees. */
static void push_shared_context(struct machine *m, int template, int locals)
{
    lua_State *L = m->L;
    const struct frame *f = machine_code_frame(m);
    push_seen(L, f, locals);
    int seen = lua_gettop(L);
    inherit_push_context(L, template, f->fixed + FIXED_USER, seen);
    object_get_table(L, -1);
    lua_pushvalue(L, f->fixed + FIXED_GLOBALS);
    lua_rawseti(L, -2, CONTEXT_GLOBALS);
    lua_pop(L, 1);
    lua_remove(L, seen);
}

void inherit_derive(struct machine *m)
{
    lua_State *L = m->L;
    const struct frame *f = machine_code_frame(m);
    int locals = lua_gettop(L);
    push_seen(L, f, locals);
    struct context *c = new_context(L);
    int table = lua_gettop(L);
    c->is_autoescaped = f->context->is_autoescaped;
    lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
    object_get_table(L, -1);
    static const int same[] = {CONTEXT_USER, CONTEXT_GLOBALS, CONTEXT_BLOCKS};
    for (int i = 0; i < 3; i++) {
        lua_rawgeti(L, -1, same[i]);
        lua_rawseti(L, table, same[i]);
    }
    lua_pushvalue(L, locals + 1);
    lua_rawseti(L, table, CONTEXT_INHERITED);
    lua_settop(L, table - 1);
    lua_replace(L, locals);
    lua_settop(L, locals);
}

/* --- blocks --- */

/* Pushes the list of blocks of that name in the context; nil when there is none. */
static void push_block_list(lua_State *L, int context, int name)
{
    lua_pushvalue(L, context);
    object_get_table(L, -1);
    lua_rawgeti(L, -1, CONTEXT_BLOCKS);
    lua_pushvalue(L, name);
    lua_rawget(L, -2);
    lua_replace(L, -4);
    lua_pop(L, 2);
}

void inherit_start_block(struct machine *m, int depth, bool is_required)
{
    lua_State *L = m->L;
    int name = lua_gettop(L), context = name - 1;
    machine_stack(m, 20);
    push_block_list(L, context, name);
    lua_Integer n = lua_istable(L, -1) ? (lua_Integer)lua_rawlen(L, -1) / 2 : 0;
    if (is_required && n <= 1)
        error_raise(m, "TemplateRuntimeError", "Required block '%s' not found",
                    lua_tostring(L, name));
    if (depth >= n)
        error_raise(m, "TemplateRuntimeError", "block '%s' not found",
                    lua_tostring(L, name));
    lua_rawgeti(L, -1, depth * 2 + 2);
    const struct code *code = lua_touserdata(L, -1);
    lua_rawgeti(L, -2, depth * 2 + 1);
    lua_pushvalue(L, context);
    lua_replace(L, name);
    lua_replace(L, context);
    lua_settop(L, name);
    struct frame *f = machine_start_code(m, code, name + 1, context, name, context, 0);
    f->block_depth = depth;
}

bool inherit_has_block(struct machine *m, int i)
{
    lua_State *L = m->L;
    int at = lua_gettop(L);
    lua_rawgeti(L, i, 1);
    lua_rawgeti(L, i, 2);
    lua_rawgeti(L, i, 3);
    lua_Integer depth = lua_tointeger(L, -1);
    push_block_list(L, at + 1, at + 2);
    bool is = lua_istable(L, -1) && (lua_Integer)lua_rawlen(L, -1) / 2 > depth;
    lua_settop(L, at);
    return is;
}

/* --- other templates --- */

enum call_result inherit_find(struct machine *m, int index, bool may_be_missing)
{
    lua_State *L = m->L;
    if (lua_type(L, index) == LUA_TTABLE && object_kind(L, index) == K_TEMPLATE)
        return CALL_DONE;
    if (may_be_missing && lua_type(L, index) == LUA_TBOOLEAN && !lua_toboolean(L, index))
        return CALL_DONE;
    machine_frame(m)->pc--;
    lua_pushvalue(L, index);
    lua_pushboolean(L, may_be_missing);
    struct frame *f = machine_start_internal(m, "template", 2);
    f->ret = index;
    f->keeps_top = true;
    return CALL_FRAME;
}

/* Appends the blocks of the template to those of the context. */
static void append_blocks(lua_State *L, int blocks, int template)
{
    push_blocks(L, template);
    int theirs = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, theirs); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_rawget(L, blocks);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushvalue(L, -2);
            lua_pushvalue(L, -2);
            lua_rawset(L, blocks);
            continue;
        }
        lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
        lua_rawgeti(L, -2, 1);
        lua_rawseti(L, -2, n + 1);
        lua_rawgeti(L, -2, 2);
        lua_rawseti(L, -2, n + 2);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void inherit_extend(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    int template = lua_gettop(L);
    lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
    object_get_table(L, -1);
    lua_rawgeti(L, -1, CONTEXT_BLOCKS);
    append_blocks(L, lua_gettop(L), template);
    lua_pushvalue(L, template);
    lua_replace(L, f->fixed + FIXED_PARENT);
    lua_settop(L, template - 1);
}

struct frame *inherit_start_root(struct machine *m)
{
    lua_State *L = m->L;
    int context = lua_gettop(L), template = context - 1;
    lua_rawgeti(L, template, TEMPLATE_SELF);
    const struct template *t = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return machine_start_code(m, t->codes[0], context + 1, template, context, template,
                              0);
}

void inherit_include(struct machine *m, bool with_context)
{
    lua_State *L = m->L;
    int locals = lua_gettop(L), template = locals - 1;
    machine_stack(m, 20);
    if (with_context)
        push_shared_context(m, template, locals);
    else
        inherit_push_context(L, template, 0, 0);
    lua_replace(L, locals);
    inherit_start_root(m);
}

/* A template that has globals of its own (which no cached module of another saw) hands
   them to what it imports: pushes a table of their values in the frame's context. */
static bool push_own_globals(struct machine *m, int template)
{
    lua_State *L = m->L;
    const struct frame *f = machine_code_frame(m);
    int globals = f->fixed + FIXED_GLOBALS, user = f->fixed + FIXED_USER;
    lua_rawgeti(L, template, TEMPLATE_GLOBALS);
    bool is_same = lua_rawequal(L, -1, globals);
    lua_pop(L, 1);
    if (is_same || !lua_getmetatable(L, globals))
        return false;
    lua_pop(L, 1);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, globals);) {
        lua_pushvalue(L, -2);
        if (lua_istable(L, user)) {
            lua_pushvalue(L, -1);
            lua_rawget(L, user);
            if (lua_isnil(L, -1))
                lua_pop(L, 1);
            else
                lua_replace(L, -3);
        }
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    return true;
}

/* Where templates are reloaded, a module is made anew each time: what it imports itself
   may have changed. */
static bool is_reloading(lua_State *L)
{
    lua_getfield(L, AT_ENV, "auto_reload");
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

enum call_result inherit_import(struct machine *m, bool with_context)
{
    lua_State *L = m->L;
    bool is_cached = false;
    int locals = lua_gettop(L), template = locals - 1;
    machine_stack(m, 20);
    if (!with_context) {
        bool has_own = push_own_globals(m, template);
        is_cached = !has_own && !is_reloading(L);
        if (is_cached) {
            lua_rawgeti(L, template, TEMPLATE_MODULE);
            if (!lua_isnil(L, -1)) {
                lua_replace(L, template);
                lua_settop(L, template);
                return CALL_DONE;
            }
            lua_pop(L, 1);
        }
        int globals = has_own ? lua_gettop(L) : 0;
        inherit_push_context(L, template, globals, 0);
    } else {
        push_shared_context(m, template, locals);
    }
    lua_replace(L, locals);
    lua_settop(L, locals);
    inherit_start_root(m)->result = is_cached ? RESULT_CACHED : RESULT_MODULE;
    return CALL_FRAME;
}

/* Pushes a table of the variables that the context exports. */
static void push_exports(lua_State *L, const struct frame *f)
{
    lua_newtable(L);
    int exports = lua_gettop(L);
    lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
    object_get_table(L, -1);
    lua_rawgeti(L, -1, CONTEXT_IMPORTED);
    int imported = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, f->fixed + FIXED_VARS); lua_pop(L, 1)) {
        struct str name = object_text(L, -2);
        bool is_hidden = name.n && name.p[0] == '_';
        if (!is_hidden && lua_istable(L, imported)) {
            lua_pushvalue(L, -2);
            lua_rawget(L, imported);
            is_hidden = !lua_isnil(L, -1);
            lua_pop(L, 1);
        }
        if (is_hidden)
            continue;
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, exports);
    }
    lua_settop(L, exports);
}

void inherit_push_module(struct machine *m, struct frame *f)
{
    lua_State *L = m->L;
    machine_stack(m, 20);
    lua_createtable(L, 3, 0);
    push_exports(L, f);
    lua_rawseti(L, -2, MODULE_EXPORTS);
    lua_pushlstring(L, m->out.p ? m->out.p + f->mark : "", m->out.n - f->mark);
    lua_rawseti(L, -2, MODULE_BODY);
    lua_rawgeti(L, f->base - 2, TEMPLATE_NAME);
    lua_rawseti(L, -2, MODULE_NAME);
    object_mark(L, K_MODULE);
    if (f->result == RESULT_CACHED) {
        lua_pushvalue(L, -1);
        lua_rawseti(L, f->base - 2, TEMPLATE_MODULE);
    }
}

/* "the template 'lib' (imported on line 2 in 'main') does not export the requested name
 * 'x'" */
static void push_import_error(struct machine *m, const struct frame *f, int module,
                              int name, int line)
{
    lua_State *L = m->L;
    struct str here = f->code->template->name;
    m->n_scratch = 0;
    struct buf *b = machine_scratch(m);
    buf_addstr(b, STR("the template "));
    lua_rawgeti(L, module, MODULE_NAME);
    repr_add(m, b, -1);
    lua_pop(L, 1);
    buf_addf(b, " (imported on line %d", line);
    if (here.p) {
        buf_addstr(b, STR(" in "));
        repr_add_quoted(m, b, here);
    }
    buf_addstr(b, STR(") does not export the requested name "));
    repr_add(m, b, name);
    machine_push(m, b);
}

void inherit_imported(struct machine *m, struct frame *f, int k, int line)
{
    lua_State *L = m->L;
    int module = lua_gettop(L);
    lua_rawgeti(L, f->fixed + FIXED_CONSTANTS, k + 1);
    lua_rawgeti(L, module, MODULE_EXPORTS);
    lua_pushvalue(L, module + 1);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1)) {
        push_import_error(m, f, module, module + 1, line);
        undefined_push_hint(m, -1, module + 1, false);
    }
    lua_replace(L, module + 1);
    lua_settop(L, module + 1);
}
