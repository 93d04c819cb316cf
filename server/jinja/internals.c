/* What instructions need Lua for: they start one of these, and are run again or find the
   result in its place. */
#include "jinja/filter.h"

/* A generator was run before this one: its items. */
static int internal_force(struct machine *m, int base)
{
    values_items(m, base);
    lua_pushvalue(m->L, base);
    return BUILTIN_DONE;
}

static int ask(struct machine *m, int base, const char *helper, int n)
{
    machine_push_helper(m, helper);
    for (int i = 0; i < n; i++)
        lua_pushvalue(m->L, base + i);
    return machine_call(m, n);
}

/* Somebody's object as a dict. */
static int internal_collect(struct machine *m, int base)
{
    if (machine_phase(m) > 0)
        return BUILTIN_DONE;
    if (!luaL_getmetafield(m->L, base, "__pairs"))
        error_raise(m, "TypeError", "'%s' object is not iterable",
                    object_type_name(m->L, base));
    return ask(m, base, "collect", 1);
}

/* An object's text; of one that is like a dict, the dict. */
static int internal_print(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) > 0)
        return BUILTIN_DONE;
    bool has_text =
        luaL_getmetafield(L, base, "__html") || luaL_getmetafield(L, base, "__tostring");
    return ask(m, base, has_text ? "print" : "collect", 1);
}

static int get(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0)
        return ask(m, base, "index", 2);
    if (lua_isfunction(L, -1)) {
        lua_pushvalue(L, base);
        attribute_bind(L);
        return BUILTIN_DONE;
    }
    if (!lua_isnil(L, -1))
        return BUILTIN_DONE;
    struct str name = object_text(L, base + 1);
    const struct builtin *b =
        name.p ? builtin_find(builtin_dict_methods, name.p, name.n) : NULL;
    if (b && luaL_getmetafield(L, base, "__pairs")) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)b);
        lua_pushvalue(L, base);
        attribute_bind(L);
    } else if (attribute_is_record(L, base)) {
        value_push_null(L);
    } else {
        undefined_push_attribute(m, base, base + 1);
    }
    return BUILTIN_DONE;
}

/* --- templates by name --- */

static bool push_cached(lua_State *L, int name)
{
    lua_getfield(L, AT_ENV, "_cache");
    lua_pushvalue(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

static _Noreturn void fail_list(struct machine *m, int names)
{
    lua_State *L = m->L;
    lua_Integer n = values_list_length(L, names);
    if (n == 0)
        error_raise(m, "TemplatesNotFound",
                    "Tried to select from an empty list of templates.");
    struct buf *b = machine_scratch(m);
    buf_addstr(b, STR("none of the templates given were found: "));
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            buf_addstr(b, STR(", "));
        lua_rawgeti(L, names, i);
        repr_add_str(m, b, lua_gettop(L));
        lua_pop(L, 1);
    }
    error_raise_text(m, "TemplatesNotFound", buf_str(b));
}

/* name or list of names, whether it may be missing -> template or false */
static int internal_template(struct machine *m, int base)
{
    lua_State *L = m->L;
    struct str name = object_text(L, base);
    if (machine_phase(m) > 0) {
        if (lua_istable(L, -1))
            return BUILTIN_DONE;
        if (lua_toboolean(L, base + 1)) {
            lua_pushboolean(L, 0);
            return BUILTIN_DONE;
        }
        if (!name.p)
            fail_list(m, base);
        error_raise_text(m, "TemplateNotFound", name);
    }
    if (undefined_is(m, base))
        undefined_raise(m, base);
    if (name.p) {
        lua_pushlstring(L, name.p, name.n);
        lua_replace(L, base);
        if (push_cached(L, base))
            return BUILTIN_DONE;
    } else {
        values_items(m, base);
    }
    machine_push_helper(m, "find");
    lua_pushvalue(L, AT_ENV);
    lua_pushvalue(L, base);
    return machine_call(m, 2);
}

/* --- {% debug %} --- */

/* Pushes a sorted list of the table's names. */
static void push_names(struct machine *m, int table)
{
    lua_State *L = m->L;
    lua_newtable(L);
    int plain = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushboolean(L, 1);
        lua_rawset(L, plain);
    }
    object_push_keys(L, plain);
    lua_remove(L, plain);
}

static void copy(lua_State *L, int from, int to)
{
    if (!lua_istable(L, from))
        return;
    for (lua_pushnil(L); lua_next(L, from);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

static int internal_debug(struct machine *m, int base)
{
    lua_State *L = m->L;
    const struct frame *f = machine_code_frame(m);
    value_push_ordered(L);
    int all = lua_gettop(L);
    lua_newtable(L);
    copy(L, f->fixed + FIXED_USER, all + 1);
    copy(L, f->fixed + FIXED_INHERITED, all + 1);
    copy(L, f->fixed + FIXED_VARS, all + 1);
    copy(L, base, all + 1);
    lua_setfield(L, all, "context");
    push_names(m, AT_FILTERS);
    lua_setfield(L, all, "filters");
    push_names(m, AT_TESTS);
    lua_setfield(L, all, "tests");
    struct buf *b = machine_scratch(m);
    repr_add(m, b, all);
    return filter_done(m, b, false);
}

const struct builtin builtin_internals[] = {
    {"force", internal_force, 0, 1, 0, "value"},
    {"collect", internal_collect, 0, 1, BUILTIN_RAW, "value"},
    {"print", internal_print, 0, 1, BUILTIN_RAW, "value"},
    {"attribute", get, 0, 2, BUILTIN_RAW, "object key"},
    {"item", get, 0, 2, BUILTIN_RAW, "object key"},
    {"template", internal_template, 0, 2, 0, "name optional"},
    {"debug", internal_debug, 0, 1, BUILTIN_RAW, "locals"},
    {NULL, NULL, 0, 0, 0, NULL},
};
