/* The machine: its state, its frames, its steps. */
#include "jinja/machine.h"
#include "jinja/run.h"
#include "jinja/values.h"
#include <stdlib.h>

/* --- state --- */

enum { MOST_SPARE = 64 * 1024 };

/* The last output's memory, for the next: most pages are as long as others. */
static struct buf spare;

static void open_output(struct machine *m)
{
    if (!m->out.p) {
        m->out = spare;
        spare = (struct buf){0};
    }
    buf_reserve(&m->out, 64);
}

static void close_output(struct machine *m)
{
    if (!spare.p && m->out.cap <= MOST_SPARE && !m->out.is_exhausted) {
        spare = m->out;
        spare.n = 0;
        m->out = (struct buf){0};
    }
    buf_free(&m->out);
}

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
    close_output(m);
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
static void push_fixed(struct machine *m, struct frame *f, int context, int template,
                       int env)
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

struct frame *machine_start_code(struct machine *m, const struct code *code, int base,
                                 int ret, int context, int template, int env)
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

void machine_end_code(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    switch (f->result) {
    case RESULT_NONE:
        break;
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

bool machine_continue_with_parent(struct machine *m)
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

bool machine_needs_force(lua_State *L, int i)
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

/* The list that a generator's builtin gave is the generator's items now; the dict that an
   object was made of stands in for it. */
static void end_forcing(struct machine *m, struct frame *f)
{
    lua_State *L = m->L;
    if (f->forced > 0)
        lua_rawseti(L, f->forced, GENERATOR_ARGS);
    else
        lua_replace(L, -f->forced);
    f->forced = 0;
}

/* Whether the frame's first argument isn't ready: a generator, or an object that says it
   is a dict. Starts what makes it ready. */
static bool start_forcing(struct machine *m, struct frame *f)
{
    lua_State *L = m->L;
    int base = f->base;
    if (machine_needs_force(L, base)) {
        f->forced = base;
        start_generator(m, base);
        return true;
    }
    if (!attribute_is_dict_like(L, base))
        return false;
    f->forced = -base;
    machine_stack(m, 20);
    lua_pushvalue(L, base);
    machine_start_internal(m, "collect", 1);
    return true;
}

/* Runs the top frame's builtin as far as it goes. true: on to the next frame (it has
   ended, or another was started); false: Lua is to be called. */
static bool run_builtin(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    const struct builtin *b = f->builtin;
    if (f->forced)
        end_forcing(m, f);
    if (f->is_waiting) {
        f->is_waiting = false;
        f->phase++;
    }
    if (!f->is_ready && !(b->flags & BUILTIN_RAW) && start_forcing(m, f))
        return true;
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

/* Its finalizer comes a cycle of the collector's late, and what it holds until then must
   be marked once more: that is none of the template's values. */
static void let_go(lua_State *L)
{
    lua_pushvalue(L, AT_ENV);
    object_set_table(L, AT_MACHINE);
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
    let_go(L);
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
        inherit_start_root(m)->result =
            first == FIRST_MODULE ? RESULT_CACHED : RESULT_NONE;
}

int machine_step(lua_State *L)
{
    struct machine *m = lua_touserdata(L, AT_MACHINE);
    if (m->is_running || m->is_done)
        return luaL_error(L, "this render has ended");
    m->is_running = true;
    m->L = L;
    open_output(m);
    restore(m);
    begin(m);
    while (m->n_frames > 0) {
        if (machine_is_due(m))
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
