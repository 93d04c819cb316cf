/* Calls: how arguments come to parameters, and what can be called. */
#include "jinja/values.h"
#include <stdio.h>

/* --- macros --- */

/* The parameter with that name, or -1. */
static int param_of(lua_State *L, const struct code *code, int constants, int key)
{
    for (int i = 0; i < code->n_params; i++) {
        lua_rawgeti(L, constants, code->params[i] + 1);
        bool is = lua_rawequal(L, -1, key);
        lua_pop(L, 1);
        if (is)
            return i;
    }
    return -1;
}

static const char *code_name(const struct code *code, char *out, size_t room)
{
    snprintf(out, room, "%.*s", (int)code->name.n, code->name.p ? code->name.p : "");
    return out;
}

/* Puts the n values from `from` on into a list in the frame's slot. */
static void set_varargs(lua_State *L, int slot, int from, int n)
{
    object_push_tuple(L, n);
    for (int i = 0; i < n; i++) {
        lua_pushvalue(L, from + i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_replace(L, slot);
}

/* Where a macro's arguments are: positional ones, then keys and values. */
struct args {
    int at, positional, keywords;
};

static void take_keyword(struct machine *m, const struct code *code, int base,
                         int constants, int extra, int key)
{
    lua_State *L = m->L;
    char name[64];
    int i = param_of(L, code, constants, key);
    if (i >= 0) {
        if (!lua_isnil(L, base + i))
            error_raise(m, "TypeError",
                        "macro '%s' got multiple values for argument '%s'",
                        code_name(code, name, sizeof name), lua_tostring(L, key));
        lua_pushvalue(L, key + 1);
        lua_replace(L, base + i);
        return;
    }
    if (code->caller_slot >= 0 && str_eq(object_text(L, key), STR("caller"))) {
        lua_pushvalue(L, key + 1);
        lua_replace(L, base + code->caller_slot);
        return;
    }
    if (code->kwargs_slot < 0) {
        if (str_eq(object_text(L, key), STR("caller")))
            error_raise(m, "TypeError",
                        "macro '%s' was invoked with two values for the special caller "
                        "argument. This is most likely a bug.",
                        code_name(code, name, sizeof name));
        error_raise(m, "TypeError", "macro '%s' takes no keyword argument '%s'",
                    code_name(code, name, sizeof name), lua_tostring(L, key));
    }
    lua_pushvalue(L, key);
    lua_pushvalue(L, key + 1);
    lua_settable(L, extra);
}

static void set_no_caller(struct machine *m, int slot)
{
    lua_State *L = m->L;
    lua_pushliteral(L, "No caller defined");
    lua_pushliteral(L, "caller");
    undefined_push_hint(m, -2, lua_gettop(L), false);
    lua_replace(L, slot);
    lua_pop(L, 2);
}

/* Fills the slots, which begin at base and are nil, from the arguments. */
static void bind(struct machine *m, const struct code *code, int base, int constants,
                 const struct args *a)
{
    lua_State *L = m->L;
    char name[64];
    int n = a->positional < code->n_params ? a->positional : code->n_params;
    int extra = lua_gettop(L) + 1;
    for (int i = 0; i < n; i++) {
        lua_pushvalue(L, a->at + i);
        lua_replace(L, base + i);
    }
    value_push_ordered(L);
    for (int i = 0; i < a->keywords; i++)
        take_keyword(m, code, base, constants, extra, a->at + a->positional + 2 * i);
    if (code->kwargs_slot >= 0) {
        lua_pushvalue(L, extra);
        lua_replace(L, base + code->kwargs_slot);
    }
    if (code->varargs_slot >= 0)
        set_varargs(L, base + code->varargs_slot, a->at + n, a->positional - n);
    else if (a->positional > code->n_params)
        error_raise(m, "TypeError", "macro '%s' takes not more than %d argument(s)",
                    code_name(code, name, sizeof name), code->n_params);
    if (code->caller_slot >= 0 && lua_isnil(L, base + code->caller_slot))
        set_no_caller(m, base + code->caller_slot);
}

/* Stack: callee (macro), self, arguments -> its frame. What it needs of its own goes to
   the two places of callee and self, and to a third. */
static void start_macro(struct machine *m, int callee, int positional, int keywords)
{
    lua_State *L = m->L;
    const struct macro *macro = lua_touserdata(L, callee);
    const struct code *code = macro->code;
    machine_stack(m, code->n_slots + 2 * keywords + positional + 60);
    lua_pushvalue(L, callee);
    lua_insert(L, callee + 2);
    object_get_table(L, callee);
    int fields = lua_gettop(L);
    lua_rawgeti(L, fields, MACRO_TEMPLATE);
    lua_replace(L, callee);
    lua_rawgeti(L, fields, MACRO_CONTEXT);
    lua_replace(L, callee + 1);
    lua_rawgeti(L, fields, MACRO_ENV);
    lua_remove(L, fields);
    lua_insert(L, callee + 2);
    /* template, context, env, macro, arguments */
    struct args a = {callee + 4, positional, keywords};
    bool is_plain = keywords == 0 && positional <= code->n_params &&
                    code->varargs_slot < 0 && code->kwargs_slot < 0 &&
                    code->caller_slot < 0 && code->kind != CODE_LOOP;
    int base = a.at;
    if (!is_plain) {
        base = lua_gettop(L) + 1;
        lua_settop(L, base + code->n_slots - 1);
        lua_rawgeti(L, callee, TEMPLATE_CONSTANTS);
        bind(m, code, base, lua_gettop(L), &a);
        lua_settop(L, base + code->n_slots - 1);
    }
    if (code->kind == CODE_LOOP) {
        lua_pushvalue(L, callee + 3);
        lua_replace(L, base + 1);
    }
    bool is_autoescaped = machine_is_autoescaped(m);
    struct frame *f =
        machine_start_code(m, code, base, callee, callee + 1, callee, callee + 2);
    f->result = RESULT_VALUE;
    f->is_markup = code->kind == CODE_LOOP && !code->is_volatile ? code->is_markup
                   : m->n_frames > 1                             ? is_autoescaped
                                     : f->context->is_autoescaped;
}

/* loop(items) in a recursive loop. Stack: loop, self, items -> the frame */
static void start_recursion(struct machine *m, int callee, int positional, int keywords)
{
    lua_State *L = m->L;
    const struct loop *l = lua_touserdata(L, callee);
    int depth = l->depth + 1;
    lua_pushvalue(L, callee);
    object_get_table(L, -1);
    if (lua_istable(L, -1))
        lua_rawgeti(L, -1, LOOP_FUNCTION);
    else
        lua_pushnil(L);
    if (lua_isnil(L, -1))
        error_raise(
            m, "TypeError",
            "The loop must have the 'recursive' marker to be called recursively.");
    lua_replace(L, callee);
    lua_pop(L, 2);
    start_macro(m, callee, positional, keywords);
    machine_frame(m)->loop_depth = depth;
}

/* --- builtins --- */

/* Whether parameter i of the builtin has the name; their names are words of a text. */
static int builtin_param(const struct builtin *b, struct str name)
{
    const char *p = b->params;
    for (int i = 0; i < b->n_params && p; i++) {
        size_t n = strcspn(p, " ");
        if (n == name.n && memcmp(p, name.p, n) == 0)
            return i;
        p += n + (p[n] == ' ');
    }
    return -1;
}

/* Keyword arguments (pairs from `at` on) go to their places in base...; others to the
   dict at `extra`, or nowhere (0). */
static void bind_keywords(struct machine *m, const struct builtin *b, int base, int at,
                          int n, int extra)
{
    lua_State *L = m->L;
    for (int i = 0; i < n; i++, at += 2) {
        int p = builtin_param(b, object_text(L, at));
        if (p >= 0 && !lua_isnil(L, base + p))
            error_raise(m, "TypeError", "%s() got multiple values for argument '%s'",
                        b->name, lua_tostring(L, at));
        if (p < 0 && !extra)
            error_raise(m, "TypeError", "%s() got an unexpected keyword argument '%s'",
                        b->name, lua_tostring(L, at));
        if (p < 0)
            lua_pushvalue(L, at);
        lua_pushvalue(L, at + 1);
        if (p < 0)
            lua_settable(L, extra);
        else
            lua_replace(L, base + p);
    }
}

static void check_required(struct machine *m, const struct builtin *b, int base)
{
    for (int i = 0; i < b->n_required; i++)
        if (lua_isnil(m->L, base + i))
            error_raise(m, "TypeError", "%s() missing %d required positional argument(s)",
                        b->name, b->n_required - i);
}

/* Leaves exactly the parameters (and the two extras) from base to the top. */
static void arrange(struct machine *m, const struct builtin *b, int base, int positional,
                    int keywords)
{
    lua_State *L = m->L;
    int n = b->n_params;
    if (positional > n && !(b->flags & BUILTIN_VARARGS))
        error_raise(m, "TypeError",
                    "%s() takes %d positional argument(s) but %d were given", b->name, n,
                    positional);
    if (keywords == 0 && !(b->flags & (BUILTIN_VARARGS | BUILTIN_KWARGS))) {
        lua_settop(L, base + n - 1);
        return;
    }
    int to = lua_gettop(L) + 1, taken = positional < n ? positional : n;
    lua_settop(L, to + n - 1);
    for (int i = 0; i < taken; i++) {
        lua_pushvalue(L, base + i);
        lua_replace(L, to + i);
    }
    if (b->flags & BUILTIN_VARARGS) {
        value_push_list(L, positional - taken);
        for (int i = taken; i < positional; i++) {
            lua_pushvalue(L, base + i);
            lua_rawseti(L, -2, i - taken + 1);
        }
    }
    if (b->flags & BUILTIN_KWARGS)
        value_push_ordered(L);
    bind_keywords(m, b, to, base + positional, keywords,
                  b->flags & BUILTIN_KWARGS ? lua_gettop(L) : 0);
    int count = lua_gettop(L) - to + 1;
    for (int i = 0; i < count; i++) {
        lua_pushvalue(L, to + i);
        lua_replace(L, base + i);
    }
    lua_settop(L, base + count - 1);
}

/* A lazy filter: its arguments are kept, to be run when it is gone through. */
static void push_generator(lua_State *L, const struct builtin *b, int base)
{
    int n = lua_gettop(L) - base + 1;
    lua_createtable(L, 3, 0);
    lua_pushlightuserdata(L, (void *)(uintptr_t)b);
    lua_rawseti(L, -2, GENERATOR_BUILTIN);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushvalue(L, base + i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_rawseti(L, -2, GENERATOR_ARGS);
    lua_pushinteger(L, n);
    lua_rawseti(L, -2, GENERATOR_COUNT);
    object_mark(L, K_GENERATOR);
}

void machine_start_builtin(struct machine *m, const struct builtin *b, int base,
                           int positional, int keywords, int ret)
{
    lua_State *L = m->L;
    machine_stack(m, b->n_params + positional + 2 * keywords + 60);
    arrange(m, b, base, positional, keywords);
    check_required(m, b, base);
    if (b->flags & BUILTIN_LAZY) {
        push_generator(L, b, base);
        lua_replace(L, ret);
        lua_settop(L, ret);
        return;
    }
    machine_push_builtin(m, b, base, ret);
}

/* --- Lua's functions --- */

/* Pairs on top become one table, kwargs; undefined values are left out. */
static void collect_kwargs(struct machine *m, int keywords)
{
    lua_State *L = m->L;
    if (!keywords)
        return;
    int first = lua_gettop(L) - 2 * keywords + 1;
    lua_createtable(L, 0, keywords);
    for (int i = 0; i < keywords; i++) {
        lua_pushvalue(L, first + 2 * i);
        lua_pushvalue(L, first + 2 * i + 1);
        if (undefined_is(m, -1)) {
            undefined_check(m, lua_gettop(L));
            lua_pop(L, 2);
        } else {
            lua_rawset(L, -3);
        }
    }
    object_mark(L, K_KWARGS);
    lua_replace(L, first);
    lua_settop(L, first);
}

/* What Lua's functions can't know of goes to them as what it stands for. */
static void prepare_args(struct machine *m, int first)
{
    lua_State *L = m->L;
    for (int i = lua_gettop(L); i >= first; i--)
        if (undefined_is(m, i)) {
            undefined_check(m, i);
            lua_pushnil(L);
            lua_replace(L, i);
        }
}

static enum call_result call_lua(struct machine *m, int callee, int keywords)
{
    lua_State *L = m->L;
    if (lua_isnil(L, callee + 1))
        lua_remove(L, callee + 1);
    collect_kwargs(m, keywords);
    prepare_args(m, callee + 1);
    m->n_call = lua_gettop(L) - callee;
    return CALL_OUT;
}

/* {fn = function, params = {names}}: keyword arguments go to their places. Stack: f,
   args..., pairs -> f, args. */
static void place_params(struct machine *m, int at, int positional, int keywords,
                         int params)
{
    lua_State *L = m->L;
    int n = (int)lua_rawlen(L, params), first = lua_gettop(L) - 2 * keywords + 1;
    machine_stack(m, n + 20);
    int to = lua_gettop(L) + 1, count = n > positional ? n : positional;
    for (int i = 0; i < count; i++) {
        if (i < positional)
            lua_pushvalue(L, at + i);
        else
            lua_pushnil(L);
    }
    for (int k = 0; k < keywords; k++) {
        int key = first + 2 * k, i = 1;
        for (; i <= n; i++) {
            lua_rawgeti(L, params, i);
            bool is = lua_rawequal(L, -1, key);
            lua_pop(L, 1);
            if (is)
                break;
        }
        if (i > n)
            error_raise(m, "TypeError", "got an unexpected keyword argument '%s'",
                        lua_tostring(L, key));
        lua_pushvalue(L, key + 1);
        lua_replace(L, to + i - 1);
    }
    for (int i = 0; i < count; i++) {
        lua_pushvalue(L, to + i);
        lua_replace(L, at + i);
    }
    lua_settop(L, at + count - 1);
    while (lua_gettop(L) >= at && lua_isnil(L, -1) && lua_gettop(L) - at + 1 > positional)
        lua_pop(L, 1);
}

/* --- all that can be called --- */

static enum call_result call_builtin(struct machine *m, int callee, int positional,
                                     int keywords)
{
    lua_State *L = m->L;
    const struct builtin *b = lua_touserdata(L, callee);
    bool has_self = !lua_isnil(L, callee + 1);
    int n = m->n_frames;
    machine_start_builtin(m, b, has_self ? callee + 1 : callee + 2, positional + has_self,
                          keywords, callee);
    return m->n_frames > n ? CALL_FRAME : CALL_DONE;
}

static enum call_result call_block(struct machine *m, int callee)
{
    lua_State *L = m->L;
    bool is_markup = machine_is_autoescaped(m);
    lua_settop(L, callee);
    lua_rawgeti(L, callee, 1);
    lua_rawgeti(L, callee, 2);
    lua_rawgeti(L, callee, 3);
    int depth = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    lua_remove(L, callee);
    inherit_start_block(m, depth, false);
    machine_frame(m)->result = RESULT_VALUE;
    machine_frame(m)->is_markup = is_markup;
    return CALL_FRAME;
}

static enum call_result call_joiner(struct machine *m, int callee)
{
    lua_State *L = m->L;
    lua_rawgeti(L, callee, 2);
    bool is_used = lua_toboolean(L, -1);
    lua_pushboolean(L, 1);
    lua_rawseti(L, callee, 2);
    if (is_used)
        lua_rawgeti(L, callee, 1);
    else
        lua_pushliteral(L, "");
    lua_replace(L, callee);
    lua_settop(L, callee);
    (void)m;
    return CALL_DONE;
}

/* A dict with fn: a filter, test or function that the Lua side registered with names. */
static bool is_registered(lua_State *L, int i)
{
    if (!lua_istable(L, i) || lua_getmetatable(L, i))
        return lua_istable(L, i) ? (lua_pop(L, 1), false) : false;
    lua_getfield(L, i, "fn");
    bool is = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return is;
}

static enum call_result call_registered(struct machine *m, int callee, int positional,
                                        int keywords)
{
    lua_State *L = m->L;
    if (lua_isnil(L, callee + 1))
        lua_remove(L, callee + 1);
    else
        positional++;
    lua_getfield(L, callee, "params");
    lua_getfield(L, callee, "fn");
    lua_replace(L, callee);
    lua_insert(L, callee + 1);
    if (lua_istable(L, callee + 1)) {
        place_params(m, callee + 2, positional, keywords, callee + 1);
        keywords = 0;
    }
    lua_remove(L, callee + 1);
    collect_kwargs(m, keywords);
    prepare_args(m, callee + 1);
    m->n_call = lua_gettop(L) - callee;
    return CALL_OUT;
}

enum call_result call_value(struct machine *m, int callee, int positional, int keywords)
{
    lua_State *L = m->L;
    switch (object_kind(L, callee)) {
    case K_FUNCTION:
        return call_lua(m, callee, keywords);
    case K_BUILTIN:
        return call_builtin(m, callee, positional, keywords);
    case K_MACRO:
        start_macro(m, callee, positional, keywords);
        return CALL_FRAME;
    case K_LOOP:
        start_recursion(m, callee, positional, keywords);
        return CALL_FRAME;
    case K_BLOCK:
        return call_block(m, callee);
    case K_JOINER:
        return call_joiner(m, callee);
    case K_BOUND:
        lua_rawgeti(L, callee, 2);
        lua_replace(L, callee + 1);
        lua_rawgeti(L, callee, 1);
        lua_replace(L, callee);
        return call_value(m, callee, positional, keywords);
    case K_DICT:
        if (is_registered(L, callee))
            return call_registered(m, callee, positional, keywords);
        break;
    case K_MISSING:
    case K_UNDEFINED:
        undefined_raise(m, callee);
    default:
        break;
    }
    error_raise(m, "TypeError", "'%s' object is not callable",
                object_type_name(L, callee));
}

/* Stack: value, arguments, pairs, name (on top) */
enum call_result call_filter(struct machine *m, int base, int positional, int keywords,
                             int table, const char *what)
{
    lua_State *L = m->L;
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    if (lua_isnil(L, -1))
        error_raise(m, "TemplateRuntimeError", "No %s named '%s' found.", what,
                    lua_tostring(L, -2));
    lua_remove(L, -2);
    const struct builtin *b = lua_touserdata(L, -1);
    if (lua_type(L, -1) == LUA_TLIGHTUSERDATA && builtin_is(b)) {
        int n = m->n_frames;
        lua_pop(L, 1);
        machine_start_builtin(m, b, base, positional, keywords, base);
        return m->n_frames > n ? CALL_FRAME : CALL_DONE;
    }
    lua_insert(L, base);
    lua_pushnil(L);
    lua_insert(L, base + 1);
    return call_value(m, base, positional, keywords);
}
