/* The machine: its state, its steps, and the loop over instructions. */
#include "jinja/machine.h"
#include "jinja/ast.h"
#include "jinja/lexer.h"
#include "jinja/values.h"
#include <limits.h>
#include <stdlib.h>

/* --- state --- */

struct machine *machine_new(lua_State *L, int env, const struct settings *s)
{
    env = lua_absindex(L, env);
    struct machine *m = lua_newuserdatauv(L, sizeof *m, 1);
    memset(m, 0, sizeof *m);
    m->settings = *s;
    lua_newtable(L);
    lua_pushvalue(L, env);
    lua_rawseti(L, -2, SAVED_ENV);
    lua_getfield(L, env, "filters");
    lua_rawseti(L, -2, SAVED_FILTERS);
    lua_getfield(L, env, "tests");
    lua_rawseti(L, -2, SAVED_TESTS);
    lua_getfield(L, env, "_helpers");
    lua_rawseti(L, -2, SAVED_HELPERS);
    object_set_table(L, -2);
    return m;
}

void machine_close(struct machine *m)
{
    buf_free(&m->out);
    for (int i = 0; i < MAX_SCRATCH; i++)
        buf_free(&m->scratch[i]);
    free(m->frames);
    m->frames = NULL;
    m->n_frames = m->cap_frames = 0;
    m->is_done = true;
}

void machine_stack(struct machine *m, int n)
{
    if (!lua_checkstack(m->L, n))
        error_raise(m, "RecursionError", "the template needs too much stack");
}

struct frame *machine_frame(struct machine *m)
{
    return &m->frames[m->n_frames - 1];
}

struct frame *machine_code_frame(struct machine *m)
{
    for (int i = m->n_frames - 1; i >= 0; i--)
        if (m->frames[i].code)
            return &m->frames[i];
    return NULL;
}

static struct frame *push_frame(struct machine *m)
{
    if (m->n_frames >= MAX_FRAMES)
        error_raise(m, "RecursionError", "maximum recursion depth exceeded");
    if (m->n_frames == m->cap_frames) {
        int cap = m->cap_frames ? m->cap_frames * 2 : 8;
        struct frame *all = realloc(m->frames, (size_t)cap * sizeof *all);
        if (!all)
            error_raise(m, "TemplateRuntimeError", "out of memory");
        m->frames = all;
        m->cap_frames = cap;
    }
    struct frame *f = &m->frames[m->n_frames++];
    memset(f, 0, sizeof *f);
    return f;
}

/* --- text --- */

struct buf *machine_scratch(struct machine *m)
{
    if (m->n_scratch == MAX_SCRATCH)
        error_raise(m, "TemplateRuntimeError", "too many texts are being built");
    struct buf *b = &m->scratch[m->n_scratch++];
    b->n = 0;
    if (b->is_exhausted || b->cap > (1u << 20))
        buf_free(b);
    buf_reserve(b, 64); /* so that its text has an address */
    return b;
}

void machine_need(struct machine *m, struct buf *b, size_t more)
{
    if (b->is_exhausted)
        error_raise(m, "TemplateRuntimeError", "out of memory");
    if (b->n > m->settings.limit || more > m->settings.limit - b->n)
        error_raise(m, "TemplateRuntimeError", "a text is longer than %zu bytes",
                    m->settings.limit);
}

void machine_add(struct machine *m, struct buf *b, struct str s)
{
    machine_need(m, b, s.n);
    buf_add(b, s.p, s.n);
}

void machine_push_as(struct machine *m, struct buf *b, bool is_markup)
{
    machine_need(m, b, 0);
    if (is_markup)
        object_push_markup(m->L, b->p, b->n);
    else
        lua_pushlstring(m->L, b->p ? b->p : "", b->n);
}

void machine_push(struct machine *m, struct buf *b)
{
    machine_push_as(m, b, false);
}

/* --- frames --- */

int machine_call(struct machine *m, int n)
{
    m->frames[m->n_frames - 1].is_waiting = true;
    m->n_call = n;
    return BUILTIN_CALL;
}

void machine_push_helper(struct machine *m, const char *name)
{
    lua_rawgeti(m->L, AT_SAVED, SAVED_HELPERS);
    lua_getfield(m->L, -1, name);
    lua_remove(m->L, -2);
}

/* The fixed values behind the slots, from the context and the template. */
static void push_fixed(struct machine *m, struct frame *f, int context, int template, int env)
{
    lua_State *L = m->L;
    static const int fields[] = {CONTEXT_VARS, CONTEXT_INHERITED, CONTEXT_USER,
                                 CONTEXT_GLOBALS};
    lua_pushvalue(L, context);
    f->context = lua_touserdata(L, -1);
    object_get_table(L, -1);
    int table = lua_gettop(L);
    for (int i = 0; i < 4; i++)
        lua_rawgeti(L, table, fields[i]);
    lua_remove(L, table);
    lua_rawgeti(L, template, TEMPLATE_CONSTANTS);
    lua_pushvalue(L, template);
    if (env)
        lua_pushvalue(L, env);
    else
        lua_pushnil(L);
    lua_pushnil(L);
}

struct frame *machine_start_code(struct machine *m, const struct code *code, int base, int ret,
                                 int context, int template, int env)
{
    machine_stack(m, code->n_slots + N_FIXED + code->n_stack + 40);
    struct frame *f = push_frame(m);
    f->code = code;
    f->base = base;
    f->ret = ret;
    f->fixed = base + code->n_slots;
    f->mark = m->out.n;
    f->result = RESULT_NONE;
    lua_settop(m->L, f->fixed - 1);
    push_fixed(m, f, context, template, env);
    return f;
}

/* Ends the top frame of code: what it wrote becomes its result. */
static void end_code(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    switch (f->result) {
    case RESULT_NONE: break;
    case RESULT_VALUE:
        if (f->is_markup)
            object_push_markup(L, m->out.p + f->mark, m->out.n - f->mark);
        else
            lua_pushlstring(L, m->out.p ? m->out.p + f->mark : "", m->out.n - f->mark);
        m->out.n = f->mark;
        break;
    case RESULT_MODULE:
    case RESULT_CACHED:
        inherit_push_module(m, f);
        m->out.n = f->mark;
        break;
    }
    if (f->result != RESULT_NONE)
        lua_replace(L, f->ret);
    lua_settop(L, f->result == RESULT_NONE ? f->ret - 1 : f->ret);
    m->n_frames--;
}

/* At the end of a root: goes on with the root of the template that it extends. */
static bool continue_with_parent(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    if (f->code->kind != CODE_ROOT || lua_isnil(L, f->fixed + FIXED_PARENT))
        return false;
    if (++f->n_parents > MAX_PARENTS)
        error_raise(m, "RecursionError", "templates extend each other without end");
    lua_pushvalue(L, f->fixed + FIXED_PARENT);
    lua_replace(L, f->base - 2);
    lua_rawgeti(L, f->base - 2, TEMPLATE_SELF);
    const struct template *t = lua_touserdata(L, -1);
    f->code = t->codes[0];
    machine_stack(m, f->code->n_slots + N_FIXED + f->code->n_stack + 40);
    f->pc = 0;
    f->fixed = f->base + f->code->n_slots;
    lua_settop(L, f->base - 1);
    lua_settop(L, f->fixed - 1);
    push_fixed(m, f, f->base - 1, f->base - 2, 0);
    return true;
}

/* --- builtins --- */

static bool needs_force(lua_State *L, int i)
{
    if (lua_type(L, i) != LUA_TTABLE && lua_type(L, i) != LUA_TUSERDATA)
        return false;
    enum kind k = object_kind(L, i);
    if (k == K_GENERATOR) {
        lua_rawgeti(L, i, GENERATOR_BUILTIN);
        bool is_pending = !lua_isnil(L, -1);
        lua_pop(L, 1);
        return is_pending;
    }
    return false;
}

/* Starts the builtin behind a generator; its list will be at ret. */
static void start_generator(struct machine *m, int i)
{
    lua_State *L = m->L;
    machine_stack(m, 40);
    lua_rawgeti(L, i, GENERATOR_BUILTIN);
    const struct builtin *b = lua_touserdata(L, -1);
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawseti(L, i, GENERATOR_BUILTIN);
    lua_rawgeti(L, i, GENERATOR_COUNT);
    int n = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_rawgeti(L, i, GENERATOR_ARGS);
    int args = lua_gettop(L);
    for (int k = 1; k <= n; k++)
        lua_rawgeti(L, args, k);
    struct frame *f = push_frame(m);
    f->builtin = b;
    f->base = args + 1;
    f->ret = args;
}

/* The list that a generator's builtin gave is the generator's items now. */
static void end_generator(struct machine *m, struct frame *f)
{
    lua_State *L = m->L;
    lua_rawseti(L, f->forced, GENERATOR_ARGS);
    f->forced = 0;
}

/* Runs the top frame's builtin as far as it goes. true: on to the next frame (it has ended, or
   another was started); false: Lua is to be called. */
static bool run_builtin(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    const struct builtin *b = f->builtin;
    if (f->forced)
        end_generator(m, f);
    if (f->is_waiting) {
        f->is_waiting = false;
        f->phase++;
    }
    if (!f->is_ready && !(b->flags & BUILTIN_RAW) && needs_force(L, f->base)) {
        f->forced = f->base;
        start_generator(m, f->base);
        return true;
    }
    f->is_ready = true;
    m->n_scratch = 0;
    int n_frames = m->n_frames;
    int r = b->run(m, f->base);
    if (r == BUILTIN_CALL)
        return false;
    if (m->n_frames != n_frames)
        return true;
    f = machine_frame(m);
    int ret = f->ret, top = f->keeps_top ? f->base - 1 : ret;
    m->n_frames--;
    lua_replace(L, ret);
    lua_settop(L, top);
    return true;
}

/* --- instructions --- */

enum run_result { RUN_ON, RUN_OUT, RUN_DONE };

static void write_value(struct machine *m, enum out_mode mode, int i)
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

/* The commonest cases: a string or a number on top, which is popped; false for others. */
static bool write_plain(struct machine *m, enum out_mode mode)
{
    lua_State *L = m->L;
    int t = lua_type(L, -1);
    if (mode == OUT_VOLATILE || (t != LUA_TSTRING && (t != LUA_TNUMBER || mode == OUT_RAW)))
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

/* Whether only Lua can say what the value prints as. */
static bool prints_in_lua(lua_State *L, int i)
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
    return is;
}

/* A name from the context; pushes its value, or nil. */
static void resolve(lua_State *L, const struct frame *f, int k)
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

static void push_constant(lua_State *L, const struct frame *f, int k)
{
    lua_rawgeti(L, f->fixed + FIXED_CONSTANTS, k + 1);
}

/* Stack: value or nil -> value; nil becomes an Undefined of that name. */
static void undefined_if_nil(struct machine *m, const struct frame *f, int k)
{
    if (!lua_isnil(m->L, -1))
        return;
    push_constant(m->L, f, k);
    undefined_push_name(m, -1);
    lua_replace(m->L, -3);
    lua_pop(m->L, 1);
}

static void push_env(lua_State *L, const struct frame *f, int index, uint32_t hops)
{
    lua_pushvalue(L, f->fixed + FIXED_ENV);
    for (; hops > 0; hops--) {
        lua_rawgeti(L, -1, 0);
        lua_remove(L, -2);
    }
    lua_rawgeti(L, -1, index);
    lua_remove(L, -2);
}

static void set_env(lua_State *L, const struct frame *f, int index, uint32_t hops)
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

static void new_env(lua_State *L, const struct frame *f, int room)
{
    lua_createtable(L, room, 1);
    lua_pushvalue(L, f->fixed + FIXED_ENV);
    lua_rawseti(L, -2, 0);
    lua_replace(L, f->fixed + FIXED_ENV);
}

/* Stack: value -> ; sets a variable of the template. */
static void export_var(lua_State *L, const struct frame *f, int k, bool is_import)
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
        push_constant(L, f, k);
        if (is_import)
            lua_pushboolean(L, 1);
        else
            lua_pushnil(L);
        lua_rawset(L, -3);
    }
    lua_pop(L, 3);
    push_constant(L, f, k);
    lua_insert(L, -2);
    lua_rawset(L, f->fixed + FIXED_VARS);
}

/* Stack: n items -> list or tuple */
static void make_list(struct machine *m, int n, bool is_tuple)
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

/* Stack: n pairs -> dict. A Markup is the same key as its text. */
static void make_dict(struct machine *m, int n)
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

static void concat(struct machine *m, int n, enum out_mode mode)
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

static bool compare(struct machine *m, int op)
{
    lua_State *L = m->L;
    int b = lua_gettop(L), a = b - 1;
    switch (op) {
    case T_EQ: return values_equal(m, a, b);
    case T_NE: return !values_equal(m, a, b);
    case T_LT: return values_less(m, a, b, "<");
    case T_GT: return values_less(m, b, a, ">");
    case T_LTEQ:
        if (values_is_number(L, a) && values_is_number(L, b))
            return values_number(L, a) <= values_number(L, b);
        return !values_less(m, b, a, "<=");
    case T_GTEQ:
        if (values_is_number(L, a) && values_is_number(L, b))
            return values_number(L, a) >= values_number(L, b);
        return !values_less(m, a, b, ">=");
    case OP_IN: return values_contains(m, b, a);
    default: return !values_contains(m, b, a);
    }
}

/* Stack: sequence -> n items, the first on top. */
static void unpack(struct machine *m, int n)
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

static void check_namespace(struct machine *m)
{
    if (object_kind(m->L, -1) != K_NAMESPACE)
        error_raise(m, "TemplateRuntimeError", "cannot assign attribute on non-namespace object");
}

static void set_namespace(struct machine *m, const struct frame *f, int k)
{
    lua_State *L = m->L;
    check_namespace(m);
    push_constant(L, f, k);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
}

static void push_macro(struct machine *m, const struct frame *f, int number)
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

/* Stack: mark -> text written since */
static void captured(struct machine *m, enum out_mode mode)
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

static void set_autoescape(struct machine *m, struct frame *f, int slot)
{
    bool is_on = values_truth(m, -1);
    lua_pop(m->L, 1);
    lua_pushboolean(m->L, f->context->is_autoescaped);
    lua_replace(m->L, f->base + slot);
    f->context->is_autoescaped = is_on;
}

/* Stack: n pairs -> a table without the missing ones, or nil */
static void make_locals(lua_State *L, int n)
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

/* Stack: value -> value, which is a Markup when autoescape is on */
static void mark_safe(struct machine *m)
{
    lua_State *L = m->L;
    if (!machine_is_autoescaped(m) || escape_is_safe(L, -1))
        return;
    m->n_scratch = 0;
    struct str s = repr_text(m, lua_gettop(L));
    object_push_markup(L, s.p, s.n);
    lua_remove(L, -2);
}

/* super in a block: the reference to the next block of that name. */
static void push_block_reference(struct machine *m, const struct frame *f, bool is_self)
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

void machine_push_builtin(struct machine *m, const struct builtin *b, int base, int ret)
{
    struct frame *f = push_frame(m);
    f->builtin = b;
    f->base = base;
    f->ret = ret;
}

struct frame *machine_start_internal(struct machine *m, const char *name, int n)
{
    const struct builtin *b = builtin_find(builtin_internals, name, strlen(name));
    int base = lua_gettop(m->L) - n + 1;
    struct frame *f = push_frame(m);
    machine_stack(m, 40);
    f->builtin = b;
    f->base = base;
    f->ret = base;
    return f;
}

/* A value that is to be gone through (it is on top), but isn't ready: a generator, or somebody's
   object. Starts what makes it ready; the instruction will be run again. */
static bool start_force(struct machine *m)
{
    lua_State *L = m->L;
    int i = lua_gettop(L), t = lua_type(L, i);
    bool is_generator = needs_force(L, i);
    if (!is_generator &&
        ((t != LUA_TTABLE && t != LUA_TUSERDATA) || object_kind(L, i) != K_OBJECT))
        return false;
    machine_frame(m)->pc--;
    machine_start_internal(m, is_generator ? "force" : "collect", 1);
    return true;
}

/* The commonest case: the object is a plain table that has the key, which is no method's name.
   Stack: object, key -> value, or as it was (false) */
static bool get_plain(lua_State *L)
{
    if (lua_type(L, -2) != LUA_TTABLE)
        return false;
    if (lua_getmetatable(L, -2)) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
    return true;
}

/* Stack: object, key -> value. RUN_ON: a builtin was started that finds it. */
static enum run_result get(struct machine *m, bool is_item)
{
    lua_State *L = m->L;
    int key = lua_gettop(L), object = key - 1;
    if (attribute_get(m, object, key, is_item)) {
        lua_replace(L, object);
        lua_settop(L, object);
        return RUN_DONE;
    }
    machine_start_internal(m, is_item ? "item" : "attribute", 2);
    return RUN_ON;
}

/* object -> function, self or nil. RUN_ON: a frame was started that gives one value, the
   OP_NIL behind the instruction giving the other. */
static enum run_result method(struct machine *m, struct frame *f, int k)
{
    lua_State *L = m->L;
    int object = lua_gettop(L);
    push_constant(L, f, k);
    switch (attribute_find(m, object, object + 1, false)) {
    case ATTRIBUTE_VALUE:
        lua_replace(L, object);
        lua_settop(L, object);
        lua_pushnil(L);
        return RUN_DONE;
    case ATTRIBUTE_METHOD:
        lua_replace(L, object + 1);
        lua_insert(L, object);
        return RUN_DONE;
    case ATTRIBUTE_MISSING:
        undefined_push_attribute(m, object, object + 1);
        lua_replace(L, object);
        lua_settop(L, object);
        lua_pushnil(L);
        return RUN_DONE;
    default: machine_start_internal(m, "attribute", 2); return RUN_ON;
    }
}

/* A call's arguments are complete: *args and **kwargs are spread out. Stack: callee, self,
   arguments, key, value, ..., [list], [dict]; leaves keys and values last. */
static void spread(struct machine *m, uint32_t flags, int *positional, int *keywords)
{
    lua_State *L = m->L;
    if (flags & CALL_STAR2) {
        int dict = lua_gettop(L);
        enum kind k = object_kind(L, dict);
        if (k != K_DICT && k != K_KWARGS)
            error_raise(m, "TypeError", "argument after ** must be a mapping, not %s",
                        object_type_name(L, dict));
        lua_Integer n = value_push_keys(L, dict);
        machine_stack(m, (int)(2 * n) + 20);
        int keys = dict + 1;
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, keys, i);
            lua_pushvalue(L, -1);
            lua_rawget(L, dict);
        }
        *keywords += (int)n;
        lua_remove(L, keys);
        if (flags & CALL_STAR) {
            /* the list lies below the dict: it goes to the top */
            lua_pushvalue(L, dict - 1);
            lua_remove(L, dict);
            lua_remove(L, dict - 1);
        } else {
            lua_remove(L, dict);
        }
    }
    if (!(flags & CALL_STAR))
        return;
    int list = lua_gettop(L), at = list - 2 * *keywords;
    lua_Integer n = values_items(m, list);
    if (n > 200)
        error_raise(m, "TypeError", "too many arguments");
    machine_stack(m, (int)n + 20);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list + (int)i - 1, i);
        lua_insert(L, at + (int)i - 1);
    }
    lua_pop(L, 1);
    *positional += (int)n;
}

/* A frame's result that a print follows stays in the output, when it is safe there. */
static void write_in_place(struct machine *m, struct frame *caller, uint32_t next)
{
    struct frame *f = machine_frame(m);
    enum out_mode mode = (enum out_mode)(next >> 8);
    if ((next & 0xff) != OP_OUT || f == caller || f->result != RESULT_VALUE)
        return;
    if (mode == OUT_VOLATILE || (mode == OUT_ESCAPED && !f->is_markup))
        return;
    f->result = RESULT_NONE;
    caller->pc++;
}

static enum run_result call(struct machine *m, int positional, uint32_t flags)
{
    lua_State *L = m->L;
    int keywords = (int)(flags >> CALL_KEYWORDS_SHIFT);
    if (flags & (CALL_STAR | CALL_STAR2))
        spread(m, flags, &positional, &keywords);
    int callee = lua_gettop(L) - 2 * keywords - positional - 1;
    if (flags & CALL_WITH_CALLER) {
        lua_pushliteral(L, "caller");
        lua_pushvalue(L, callee - 1);
        keywords++;
    }
    int self = m->n_frames - 1;
    enum call_result r = call_value(m, callee, positional, keywords);
    struct frame *f = &m->frames[self];
    if (r == CALL_OUT)
        return RUN_OUT;
    if (r == CALL_FRAME && machine_frame(m)->code) {
        write_in_place(m, f, f->code->words[f->pc]);
        return RUN_ON;
    }
    return r == CALL_DONE ? RUN_DONE : RUN_ON;
}

/* Whether all that was written is output: nobody will take it back. */
static bool can_flush(const struct machine *m)
{
    for (int i = 0; i < m->n_frames; i++)
        if (m->frames[i].code && m->frames[i].result != RESULT_NONE)
            return false;
    return m->n_captures == 0;
}

/* Runs the top frame's code until another frame is on top, or Lua is to be called. */
static enum run_result run_code(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    const uint32_t *words = f->code->words;
    enum run_result r;
    for (;;) {
        uint32_t w = words[f->pc++];
        int a = (int)(w >> 8);
        switch ((enum op)(w & 0xff)) {
        case OP_TEXT: machine_add(m, &m->out, f->code->template->texts[a]); break;
        case OP_OUT:
            if (!write_plain(m, (enum out_mode)a)) {
                if (prints_in_lua(L, -1)) {
                    f->pc--;
                    machine_start_internal(m, "print", 1);
                    return RUN_ON;
                }
                write_value(m, (enum out_mode)a, -1);
            }
            if (m->chunk && m->out.n >= m->chunk && can_flush(m)) {
                m->n_call = -1;
                return RUN_OUT;
            }
            break;
        case OP_CONST: push_constant(L, f, a); break;
        case OP_INT: lua_pushinteger(L, a & 0x800000 ? a - 0x1000000 : a); break;
        case OP_TRUE: lua_pushboolean(L, 1); break;
        case OP_FALSE: lua_pushboolean(L, 0); break;
        case OP_NULL: value_push_null(L); break;
        case OP_NIL: lua_pushnil(L); break;
        case OP_SLOT:
            lua_pushvalue(L, f->base + a);
            undefined_if_nil(m, f, (int)words[f->pc++]);
            break;
        case OP_SLOT_SOFT: lua_pushvalue(L, f->base + a); break;
        case OP_SET_SLOT: lua_replace(L, f->base + a); break;
        case OP_ENV:
            push_env(L, f, a, words[f->pc]);
            undefined_if_nil(m, f, (int)words[f->pc + 1]);
            f->pc += 2;
            break;
        case OP_ENV_SOFT: push_env(L, f, a, words[f->pc++]); break;
        case OP_SET_ENV: set_env(L, f, a, words[f->pc++]); break;
        case OP_NEW_ENV: new_env(L, f, a); break;
        case OP_NAME:
            resolve(L, f, a);
            undefined_if_nil(m, f, a);
            break;
        case OP_NAME_SOFT: resolve(L, f, a); break;
        case OP_EXPORT: export_var(L, f, a, words[f->pc++] != 0); break;
        case OP_POP: lua_pop(L, 1); break;
        case OP_DUP: lua_pushvalue(L, -1); break;
        case OP_SWAP: lua_insert(L, -2); break;
        case OP_ROT3: lua_insert(L, -3); break;
        case OP_GETATTR:
            push_constant(L, f, a);
            if (!words[f->pc++] && get_plain(L))
                break;
            if (get(m, false) == RUN_ON)
                return RUN_ON;
            break;
        case OP_GETITEM:
            if (get(m, true) == RUN_ON)
                return RUN_ON;
            break;
        case OP_METHOD:
            if (method(m, f, a) == RUN_ON)
                return RUN_ON;
            f->pc++; /* the OP_NIL */
            break;
        case OP_SLICE: attribute_slice(m); break;
        case OP_BINARY:
            if (arith_binary(m, a) == CALL_OUT)
                return RUN_OUT;
            break;
        case OP_NEG: arith_negate(m, true); break;
        case OP_POS: arith_negate(m, false); break;
        case OP_NOT: {
            bool is = values_truth(m, -1);
            lua_pop(L, 1);
            lua_pushboolean(L, !is);
            break;
        }
        case OP_COMPARE: {
            if ((a == OP_IN || a == OP_NOT_IN) && start_force(m))
                return RUN_ON;
            bool is = compare(m, a);
            lua_pop(L, 2);
            lua_pushboolean(L, is);
            break;
        }
        case OP_CONCAT: {
            int n = a, first = lua_gettop(L) - n + 1, i = first;
            while (i < first + n && !prints_in_lua(L, i))
                i++;
            if (i < first + n) {
                f->pc--;
                lua_pushvalue(L, i);
                struct frame *print = machine_start_internal(m, "print", 1);
                print->ret = i;
                print->keeps_top = true;
                return RUN_ON;
            }
            concat(m, n, (enum out_mode)words[f->pc++]);
            break;
        }
        case OP_JUMP: f->pc = a; break;
        case OP_JUMP_FALSE: {
            bool is = values_truth(m, -1);
            lua_pop(L, 1);
            if (!is)
                f->pc = a;
            break;
        }
        case OP_JUMP_FALSE_KEEP:
            if (values_truth(m, -1))
                lua_pop(L, 1);
            else
                f->pc = a;
            break;
        case OP_JUMP_TRUE_KEEP:
            if (!values_truth(m, -1))
                lua_pop(L, 1);
            else
                f->pc = a;
            break;
        case OP_JUMP_SET: {
            int slot = (int)words[f->pc++];
            if (!lua_isnil(L, f->base + slot))
                f->pc = a;
            break;
        }
        case OP_JUMP_PARENT:
            if (!lua_isnil(L, f->fixed + FIXED_PARENT))
                f->pc = a;
            break;
        case OP_LIST:
        case OP_TUPLE: make_list(m, a, (w & 0xff) == OP_TUPLE); break;
        case OP_DICT: make_dict(m, a); break;
        case OP_CALL: {
            int self = m->n_frames - 1;
            uint32_t flags = words[f->pc++];
            r = call(m, a, flags);
            if (r != RUN_DONE)
                return r;
            f = &m->frames[self];
            break;
        }
        case OP_FILTER:
        case OP_TEST: {
            uint32_t flags = words[f->pc];
            int positional = (int)words[f->pc + 1];
            int keywords = (int)(flags >> CALL_KEYWORDS_SHIFT);
            bool is_test = (w & 0xff) == OP_TEST;
            f->pc += 2;
            if (flags & (CALL_STAR | CALL_STAR2))
                spread(m, flags, &positional, &keywords);
            int base = lua_gettop(L) - positional - 2 * keywords + 1;
            push_constant(L, f, a);
            enum call_result cr = call_filter(m, base, positional, keywords,
                                              is_test ? AT_TESTS : AT_FILTERS,
                                              is_test ? "test" : "filter");
            if (cr == CALL_OUT)
                return RUN_OUT;
            return RUN_ON;
        }
        case OP_MARKSAFE: mark_safe(m); break;
        case OP_ITERATE:
            if (start_force(m))
                return RUN_ON;
            loop_start(m, f->base + a, words[f->pc++]);
            break;
        case OP_NEXT:
            if (++m->ticks > MAX_TICKS) {
                f->pc--;
                return RUN_ON;
            }
            if (loop_next(m, f->base + (int)words[f->pc]))
                f->pc++;
            else
                f->pc = a;
            break;
        case OP_APPEND: {
            lua_Integer n = (lua_Integer)lua_rawlen(L, f->base + a);
            lua_rawseti(L, f->base + a, n + 1);
            break;
        }
        case OP_LOOP_END:
            lua_pushnil(L);
            lua_replace(L, f->base + a);
            lua_pushnil(L);
            lua_replace(L, f->base + a + 1);
            break;
        case OP_UNPACK:
            if (start_force(m))
                return RUN_ON;
            unpack(m, a);
            break;
        case OP_SET_NS: set_namespace(m, f, a); break;
        case OP_CHECK_NS:
            check_namespace(m);
            lua_pop(L, 1);
            break;
        case OP_MACRO: push_macro(m, f, a); break;
        case OP_CAPTURE:
            lua_pushinteger(L, (lua_Integer)m->out.n);
            m->n_captures++;
            break;
        case OP_CAPTURED:
            captured(m, (enum out_mode)a);
            m->n_captures--;
            break;
        case OP_AUTOESCAPE: set_autoescape(m, f, a); break;
        case OP_AUTOESCAPE_END:
            f->context->is_autoescaped = lua_toboolean(L, f->base + a);
            break;
        case OP_BLOCK: {
            uint32_t flags = words[f->pc++];
            if (flags & F_SCOPED)
                inherit_derive(m);
            else
                lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
            push_constant(L, f, a);
            inherit_start_block(m, 0, (flags & F_REQUIRED) != 0);
            return RUN_ON;
        }
        case OP_EXTENDS:
            if (inherit_find(m, lua_gettop(L), false) == CALL_FRAME)
                return RUN_ON;
            inherit_extend(m);
            break;
        case OP_INCLUDE:
        case OP_IMPORT: {
            bool is_include = (w & 0xff) == OP_INCLUDE, may_miss = (a & F_IGNORE_MISSING) != 0;
            int top = lua_gettop(L);
            if (inherit_find(m, top - 1, is_include && may_miss) == CALL_FRAME)
                return RUN_ON;
            if (lua_isboolean(L, top - 1)) {
                lua_settop(L, top - 2);
                break;
            }
            int self = m->n_frames - 1;
            if (is_include)
                inherit_include(m, (a & F_WITH_CONTEXT) != 0);
            else if (inherit_import(m, (a & F_WITH_CONTEXT) != 0) == CALL_DONE) {
                f = &m->frames[self];
                break;
            }
            return RUN_ON;
        }
        case OP_IMPORTED: inherit_imported(m, f, a, (int)words[f->pc]); f->pc++; break;
        case OP_LOCALS: make_locals(L, a); break;
        case OP_UNDEFINED: {
            int name = (int)words[f->pc++];
            push_constant(L, f, a);
            if (name)
                push_constant(L, f, name - 1);
            undefined_push_hint(m, name ? -2 : -1, name ? lua_gettop(L) : 0, !name);
            lua_replace(L, name ? -3 : -2);
            if (name)
                lua_pop(L, 1);
            break;
        }
        case OP_FAIL:
            push_constant(L, f, a);
            error_raise_text(m, "TemplateRuntimeError", object_text(L, -1));
        case OP_SUPER: push_block_reference(m, f, false); break;
        case OP_SELF: push_block_reference(m, f, true); break;
        case OP_DEBUG: machine_start_internal(m, "debug", 1); return RUN_ON;
        case OP_RETURN:
            if (continue_with_parent(m)) {
                words = f->code->words;
                break;
            }
            end_code(m);
            return RUN_ON;
        }
    }
}

/* --- steps --- */

static int suspend(struct machine *m, int n)
{
    lua_State *L = m->L;
    m->n_saved = lua_gettop(L) - n - 1 - AT_VALUES + 1;
    for (int i = 1; i <= m->n_saved; i++) {
        lua_pushvalue(L, AT_VALUES + i - 1);
        lua_rawseti(L, AT_SAVED, i);
    }
    m->is_resuming = true;
    m->is_running = false;
    return n + 1;
}

static int tick(struct machine *m)
{
    machine_push_helper(m, "tick");
    m->ticks = 0;
    m->is_ticking = true;
    return suspend(m, 0);
}

static int finish(struct machine *m)
{
    lua_State *L = m->L;
    bool has_value = lua_gettop(L) >= AT_VALUES;
    m->is_running = false;
    lua_pushnil(L);
    if (has_value)
        lua_pushvalue(L, AT_VALUES);
    else
        lua_pushlstring(L, m->out.p ? m->out.p : "", m->out.n);
    machine_close(m);
    return 2;
}

/* Gives out what a stream has so far. */
static int give_chunk(struct machine *m)
{
    lua_State *L = m->L;
    suspend(m, -1);
    m->is_resuming = false;
    lua_pushboolean(L, 0);
    lua_pushlstring(L, m->out.p, m->out.n);
    m->out.n = 0;
    return 2;
}

/* Stack: machine, result -> as in a step */
static void restore(struct machine *m)
{
    lua_State *L = m->L;
    lua_settop(L, 2);
    object_get_table(L, AT_MACHINE);
    lua_rawgeti(L, AT_SAVED, SAVED_ENV);
    lua_rawgeti(L, AT_SAVED, SAVED_FILTERS);
    lua_rawgeti(L, AT_SAVED, SAVED_TESTS);
    if (!lua_checkstack(L, m->n_saved + 60))
        luaL_error(L, "stack overflow");
    for (int i = 1; i <= m->n_saved; i++)
        lua_rawgeti(L, AT_SAVED, i);
    bool has_result = m->is_resuming && !m->is_ticking;
    m->is_ticking = false;
    if (!has_result)
        return;
    lua_pushvalue(L, AT_RESULT);
    if (lua_isnil(L, -1) && machine_frame(m)->code) {
        lua_pushnil(L);
        undefined_push_name(m, -1);
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
}

void machine_begin(lua_State *L, int at, enum first first, int n)
{
    struct machine *m = lua_touserdata(L, at);
    int top = lua_gettop(L);
    object_get_table(L, at);
    for (int i = 1; i <= n; i++) {
        lua_pushvalue(L, top - n + i);
        lua_rawseti(L, top + 1, i);
    }
    lua_settop(L, top - n);
    m->n_saved = n;
    m->first = first;
}

static void begin(struct machine *m)
{
    enum first first = m->first;
    m->first = FIRST_NONE;
    if (first == FIRST_CALL)
        call_value(m, AT_VALUES, m->n_args, m->n_keywords);
    else if (first != FIRST_NONE)
        inherit_start_root(m)->result = first == FIRST_MODULE ? RESULT_CACHED : RESULT_NONE;
}

int machine_step(lua_State *L)
{
    struct machine *m = lua_touserdata(L, AT_MACHINE);
    if (m->is_running || m->is_done)
        return luaL_error(L, "this render has ended");
    m->is_running = true;
    m->L = L;
    buf_reserve(&m->out, 64);
    restore(m);
    begin(m);
    while (m->n_frames > 0) {
        if (++m->ticks > MAX_TICKS)
            return tick(m);
        if (machine_frame(m)->builtin) {
            if (!run_builtin(m))
                return suspend(m, m->n_call);
        } else if (run_code(m) == RUN_OUT) {
            return m->n_call < 0 ? give_chunk(m) : suspend(m, m->n_call);
        }
    }
    return finish(m);
}
