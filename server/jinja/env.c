/* What stands between an environment's table, as Lua has it, and the compiler and the
   machine, which want C. */
#include "jinja/env.h"
#include "jinja/compiler.h"
#include "jinja/error.h"
#include "jinja/lexer.h"
#include "jinja/machine.h"
#include "jinja/template.h"

static const char machine_key, template_key; /* registry: metatables with __gc */

/* --- options --- */

/* env.field as a text, which the environment's table keeps. */
static struct str text_option(lua_State *L, int env, const char *field,
                              const char *otherwise)
{
    struct str s = str_from(otherwise);
    lua_getfield(L, env, field);
    if (lua_type(L, -1) == LUA_TSTRING)
        s.p = lua_tolstring(L, -1, &s.n);
    lua_pop(L, 1);
    return s;
}

static bool bool_option(lua_State *L, int env, const char *field)
{
    lua_getfield(L, env, field);
    bool is = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

static struct lexer_options lexer_options_of(lua_State *L, int env)
{
    struct lexer_options o = {
        .block_start = text_option(L, env, "block_start_string", "{%"),
        .block_end = text_option(L, env, "block_end_string", "%}"),
        .variable_start = text_option(L, env, "variable_start_string", "{{"),
        .variable_end = text_option(L, env, "variable_end_string", "}}"),
        .comment_start = text_option(L, env, "comment_start_string", "{#"),
        .comment_end = text_option(L, env, "comment_end_string", "#}"),
        .line_statement = text_option(L, env, "line_statement_prefix", ""),
        .line_comment = text_option(L, env, "line_comment_prefix", ""),
        .newline = text_option(L, env, "newline_sequence", "\n"),
        .trim_blocks = bool_option(L, env, "trim_blocks"),
        .lstrip_blocks = bool_option(L, env, "lstrip_blocks"),
        .keep_trailing_newline = bool_option(L, env, "keep_trailing_newline"),
    };
    return o;
}

/* Whether env.extensions names it. The table is a list, or a set. */
static bool has_extension(lua_State *L, int env, const char *name)
{
    bool is = false;
    lua_getfield(L, env, "extensions");
    if (lua_istable(L, -1)) {
        lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
        for (lua_Integer i = 1; i <= n && !is; i++) {
            lua_rawgeti(L, -1, i);
            is = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), name) == 0;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return is;
}

/* env.table.field is true. */
static bool nested_bool(lua_State *L, int env, const char *table, const char *field)
{
    bool is = false;
    lua_getfield(L, env, table);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, field);
        is = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return is;
}

static struct parser_options parser_options_of(lua_State *L, int env)
{
    return (struct parser_options){
        .has_do = has_extension(L, env, "do"),
        .has_loopcontrols = has_extension(L, env, "loopcontrols"),
        .has_i18n = has_extension(L, env, "i18n"),
        .has_debug = has_extension(L, env, "debug"),
        .is_newstyle = nested_bool(L, env, "i18n", "newstyle"),
        .is_trimmed = nested_bool(L, env, "policies", "ext.i18n.trimmed"),
    };
}

static enum undefined_policy policy_of(lua_State *L, int env)
{
    struct str s = text_option(L, env, "undefined", "default");
    if (str_eq(s, STR("strict")))
        return POLICY_STRICT;
    if (str_eq(s, STR("chainable")))
        return POLICY_CHAINABLE;
    return str_eq(s, STR("debug")) ? POLICY_DEBUG : POLICY_DEFAULT;
}

/* policies[field] as a text; `otherwise` when it isn't set, nothing when it is false. */
static struct str policy_text(lua_State *L, int env, const char *field,
                              const char *otherwise)
{
    struct str s = otherwise ? str_from(otherwise) : (struct str){NULL, 0};
    lua_getfield(L, env, "policies");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, field);
        if (lua_type(L, -1) == LUA_TSTRING)
            s.p = lua_tolstring(L, -1, &s.n);
        else if (!lua_isnil(L, -1))
            s = (struct str){NULL, 0};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return s;
}

/* The policy json.dumps_kwargs: sort_keys, ensure_ascii, separators. */
static void read_json_policy(lua_State *L, int env, struct settings *s)
{
    int top = lua_gettop(L);
    s->sorts_json = true;
    lua_getfield(L, env, "policies");
    if (lua_istable(L, -1))
        lua_getfield(L, -1, "json.dumps_kwargs");
    if (!lua_istable(L, -1) || lua_gettop(L) == top + 1) {
        lua_settop(L, top);
        return;
    }
    lua_getfield(L, top + 2, "sort_keys");
    s->sorts_json = lua_isnil(L, -1) || lua_toboolean(L, -1);
    lua_getfield(L, top + 2, "ensure_ascii");
    s->keeps_unicode = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    lua_getfield(L, top + 2, "separators");
    for (int i = 0; i < 2 && lua_istable(L, top + 5); i++) {
        lua_rawgeti(L, top + 5, i + 1);
        s->json_separators[i] = object_text(L, -1);
        lua_pop(L, 1);
    }
    lua_settop(L, top);
}

enum { DEFAULT_LIMIT = 64 << 20, DEFAULT_LEEWAY = 5 };

static struct settings settings_of(lua_State *L, int env)
{
    struct settings s = {
        .undefined = policy_of(L, env),
        .limit = DEFAULT_LIMIT,
        .truncate_leeway = DEFAULT_LEEWAY,
        .newline = text_option(L, env, "newline_sequence", "\n"),
        .is_newstyle = nested_bool(L, env, "i18n", "newstyle"),
        .urlize_rel = policy_text(L, env, "urlize.rel", "noopener"),
        .urlize_target = policy_text(L, env, "urlize.target", NULL),
    };
    read_json_policy(L, env, &s);
    lua_getfield(L, env, "max_size");
    if (lua_tointeger(L, -1) > 0)
        s.limit = (size_t)lua_tointeger(L, -1);
    lua_getfield(L, env, "policies");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "truncate.leeway");
        if (lua_isnumber(L, -1))
            s.truncate_leeway = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return s;
}

/* --- compiling --- */

struct name_tables {
    lua_State *L;
    int filters, tests;
};

static bool has_name(lua_State *L, int table, struct str name)
{
    lua_pushlstring(L, name.p, name.n);
    lua_rawget(L, table);
    bool is = !lua_isnil(L, -1);
    lua_pop(L, 1);
    return is;
}

static bool has_filter(void *context, struct str name)
{
    struct name_tables *t = context;
    return has_name(t->L, t->filters, name);
}

static bool has_test(void *context, struct str name)
{
    struct name_tables *t = context;
    return has_name(t->L, t->tests, name);
}

static struct template *new_template(lua_State *L)
{
    struct template *t = lua_newuserdatauv(L, sizeof *t, 0);
    memset(t, 0, sizeof *t);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &template_key);
    lua_setmetatable(L, -2);
    return t;
}

static void push_constants(lua_State *L, const struct template *t)
{
    lua_createtable(L, t->n_constants, 0);
    for (int i = 0; i < t->n_constants; i++) {
        const struct constant *k = &t->constants[i];
        if (k->kind == CONST_STRING)
            lua_pushlstring(L, k->s.p ? k->s.p : "", k->s.n);
        else if (k->kind == CONST_INTEGER)
            lua_pushinteger(L, (lua_Integer)k->integer);
        else
            lua_pushnumber(L, k->number);
        lua_rawseti(L, -2, i + 1);
    }
}

/* The names of the template, copied where they live as long as it does. */
static struct str kept(lua_State *L, struct template *t, int i)
{
    struct str s = {NULL, 0};
    if (lua_type(L, i) == LUA_TSTRING) {
        s.p = lua_tolstring(L, i, &s.n);
        s = arena_copy(&t->arena, s);
    }
    return s;
}

/* Compiles; returns false with the error's table pushed. Memory is the template's:
   whatever raises in between leaks nothing. */
static bool compile(lua_State *L, struct template *t, int env)
{
    struct lexer_options lo = lexer_options_of(L, env);
    struct parser_options po = parser_options_of(L, env);
    struct token_list tokens;
    struct parser_error error = {.type = "TemplateSyntaxError"};
    struct name_tables tables = {L, 0, 0};
    lua_getfield(L, env, "filters");
    lua_getfield(L, env, "tests");
    tables.tests = lua_gettop(L);
    tables.filters = tables.tests - 1;
    struct compiler_names names = {has_filter, has_test, &tables};
    struct node *root = NULL;
    if (lexer_run(&t->work, &lo, t->source, &tokens))
        root = parser_run(&t->work, &po, &tokens, &error);
    if (root && compiler_run(t, root, t->is_autoescaped, &names, &error)) {
        lua_pop(L, 2);
        return true;
    }
    error_push(L, error.type, error.message, t->name, t->filename, error.line, t->source);
    return false;
}

/* env, source, name, filename, globals, is_autoescaped */
int env_compile(lua_State *L)
{
    lua_settop(L, 6);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TSTRING);
    struct template *t = new_template(L);
    t->source = kept(L, t, 2);
    t->name = kept(L, t, 3);
    t->filename = kept(L, t, 4);
    t->is_autoescaped = lua_toboolean(L, 6);
    if (!t->source.p)
        return luaL_error(L, "out of memory");
    if (!compile(L, t, 1))
        return lua_error(L);
    if (!template_keep(t))
        return luaL_error(L, "out of memory");
    lua_createtable(L, TEMPLATE_NAME, 0);
    push_constants(L, t);
    lua_rawseti(L, -2, TEMPLATE_CONSTANTS);
    lua_pushvalue(L, 7);
    lua_rawseti(L, -2, TEMPLATE_SELF);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, TEMPLATE_ENV);
    lua_pushvalue(L, 5);
    lua_rawseti(L, -2, TEMPLATE_GLOBALS);
    if (t->name.p) {
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, TEMPLATE_NAME);
    }
    object_mark(L, K_TEMPLATE);
    return 1;
}

/* --- machines --- */

struct machine *env_to_machine(lua_State *L, int i)
{
    if (lua_type(L, i) != LUA_TUSERDATA || !lua_getmetatable(L, i))
        return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &machine_key);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is ? lua_touserdata(L, i) : NULL;
}

int env_machine(lua_State *L)
{
    lua_settop(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    struct settings s = settings_of(L, 1);
    struct machine *m = machine_new(L, 1, &s);
    m->chunk = (size_t)lua_tointeger(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &machine_key);
    lua_setmetatable(L, -2);
    return 1;
}

int env_begin(lua_State *L)
{
    lua_settop(L, 4);
    bool is_module = lua_toboolean(L, 4);
    lua_pop(L, 1);
    lua_pushvalue(L, 2);
    inherit_push_context(L, 2, lua_istable(L, 3) ? 3 : 0, 0);
    machine_begin(L, 1, is_module ? FIRST_MODULE : FIRST_ROOT, 2);
    return 0;
}

/* A last argument that holds keyword arguments is spread out. Returns how many. */
static int spread_kwargs(lua_State *L)
{
    int n = 0, table = lua_gettop(L);
    if (table < 2 || object_kind(L, table) != K_KWARGS)
        return 0;
    for (lua_pushnil(L); lua_next(L, table); n++) {
        luaL_checkstack(L, 4, NULL);
        lua_pushvalue(L, -2);
    }
    lua_remove(L, table);
    return n;
}

int env_call(lua_State *L)
{
    if (object_kind(L, 1) != K_MACRO)
        return luaL_error(L, "not a macro");
    int keywords = spread_kwargs(L), n = lua_gettop(L) - 1 - 2 * keywords;
    lua_pushnil(L);
    lua_insert(L, 2);
    lua_pushvalue(L, 1);
    object_get_table(L, -1);
    lua_rawgeti(L, -1, MACRO_TEMPLATE);
    lua_rawgeti(L, -1, TEMPLATE_ENV);
    struct settings s = settings_of(L, lua_gettop(L));
    struct machine *m = machine_new(L, lua_gettop(L), &s);
    m->n_args = n;
    m->n_keywords = keywords;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &machine_key);
    lua_setmetatable(L, -2);
    lua_insert(L, 1);
    lua_settop(L, 3 + n + 2 * keywords);
    machine_begin(L, 1, FIRST_CALL, 2 + n + 2 * keywords);
    return 1;
}

static void fill(lua_State *L, int table, const struct builtin *b)
{
    for (; b->name; b++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)b);
        lua_setfield(L, table, b->name);
    }
}

int env_fill(lua_State *L)
{
    lua_settop(L, 4);
    fill(L, 1, builtin_filters_text);
    fill(L, 1, builtin_filters_html);
    fill(L, 1, builtin_filters_list);
    fill(L, 1, builtin_filters_number);
    fill(L, 1, builtin_filters_group);
    fill(L, 1, builtin_filters_format);
    fill(L, 2, builtin_tests);
    for (const struct builtin *b = builtin_functions; b->name; b++) {
        bool is_i18n = strcmp(b->name, "_") == 0 || strstr(b->name, "gettext");
        if (is_i18n && !lua_toboolean(L, 4))
            continue;
        lua_pushlightuserdata(L, (void *)(uintptr_t)b);
        lua_setfield(L, 3, b->name);
    }
    return 0;
}

static int machine_gc(lua_State *L)
{
    machine_close(lua_touserdata(L, 1));
    return 0;
}

static int template_gc(lua_State *L)
{
    struct template *t = lua_touserdata(L, 1);
    arena_free(&t->arena);
    arena_free(&t->work);
    return 0;
}

static void set_gc(lua_State *L, const void *key, lua_CFunction gc)
{
    lua_newtable(L);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void env_open(lua_State *L)
{
    set_gc(L, &machine_key, machine_gc);
    set_gc(L, &template_key, template_gc);
}
