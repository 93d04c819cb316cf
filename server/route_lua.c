/* The methods of app.url_map: each turns tables into the structs of route_map.h, route.h
   and url.h, and results back into tables. */
#include "route_lua.h"

#include "base/value.h"
#include "route.h"
#include "url.h"

#define MAP   "cflask.route.map"
#define ARENA "cflask.route.arena"

struct route_map *route_map_check(lua_State *L, int index)
{
    return *(struct route_map **)luaL_checkudata(L, index, MAP);
}

static int collect_map(lua_State *L)
{
    struct route_map **box = lua_touserdata(L, 1);
    route_map_free(*box);
    *box = NULL;
    return 0;
}

static int collect_arena(lua_State *L)
{
    arena_free(lua_touserdata(L, 1));
    return 0;
}

/* Pushes an arena that lives as long as it is on the stack. */
static struct arena *push_arena(lua_State *L)
{
    struct arena *a = lua_newuserdatauv(L, sizeof *a, 0);
    *a = (struct arena){0};
    luaL_getmetatable(L, ARENA);
    lua_setmetatable(L, -2);
    return a;
}

/* The fields of an options table at stack index 2 or 3. A string's bytes live as long as
   the table. */

static struct str text_field(lua_State *L, int table, const char *name)
{
    struct str s = {NULL, 0};
    lua_getfield(L, table, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        s.p = lua_tolstring(L, -1, &s.n);
    else if (!lua_isnil(L, -1))
        luaL_error(L, "option %s must be a string, not a %s", name, luaL_typename(L, -1));
    lua_pop(L, 1);
    return s;
}

static struct str text_field_or(lua_State *L, int table, const char *name,
                                struct str other)
{
    struct str s = text_field(L, table, name);
    return s.p ? s : other;
}

static enum route_choice choice_field(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
        luaL_error(L, "option %s must be true or false", name);
    enum route_choice choice = lua_isnil(L, -1)       ? ROUTE_UNSET
                               : lua_toboolean(L, -1) ? ROUTE_YES
                                                      : ROUTE_NO;
    lua_pop(L, 1);
    return choice;
}

static bool flag_field(lua_State *L, int table, const char *name, bool otherwise)
{
    enum route_choice choice = choice_field(L, table, name);
    return choice == ROUTE_UNSET ? otherwise : choice == ROUTE_YES;
}

/* A misspelt option must not be ignored in silence. */
static void check_names(lua_State *L, int table, const char *const *names)
{
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        size_t i = 0;
        while (name && names[i] && strcmp(names[i], name) != 0)
            i++;
        if (!name || !names[i])
            luaL_error(L, "unknown option %s", name ? name : luaL_typename(L, -2));
    }
}

/* Makes sure that a table stands at that index, an empty one for a missing argument. */
static void want_table(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) {
        lua_settop(L, index - 1);
        lua_newtable(L);
    }
    luaL_checktype(L, index, LUA_TTABLE);
    lua_settop(L, index);
}

/* stack: -> the method's name in capitals, as a string that the caller keeps. */
static struct str push_method(lua_State *L, int list, int i)
{
    luaL_Buffer b;
    struct str name;
    lua_rawgeti(L, list, i);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "methods must be a list of names");
    name.p = lua_tolstring(L, -1, &name.n);
    luaL_buffinit(L, &b);
    for (size_t k = 0; k < name.n; k++)
        luaL_addchar(&b, name.p[k] >= 'a' && name.p[k] <= 'z' ? (char)(name.p[k] & ~32)
                                                              : name.p[k]);
    luaL_pushresult(&b);
    lua_remove(L, -2);
    name.p = lua_tolstring(L, -1, &name.n);
    return name;
}

/* stack: -> a userdata and a table that keep the names. */
static void take_methods(lua_State *L, int table, struct route_options *o)
{
    static const struct str get = {"GET", 3};
    lua_getfield(L, table, "methods");
    o->any_method = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    o->methods = &get;
    o->methods_n = 1;
    if (lua_isnil(L, -1) || o->any_method)
        return;
    if (!lua_istable(L, -1))
        luaL_error(L, "methods must be a list of names");
    int list = lua_gettop(L);
    size_t n = lua_rawlen(L, list);
    struct str *names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
    lua_newtable(L);
    for (size_t i = 0; i < n; i++) {
        names[i] = push_method(L, list, (int)i + 1);
        lua_rawseti(L, -2, (int)i + 1);
    }
    o->methods = names;
    o->methods_n = n;
}

/* stack: -> the values whose indexes the options get. */
static void take_values(lua_State *L, int table, struct route_options *o)
{
    lua_getfield(L, table, "defaults");
    if (!lua_isnil(L, -1) && !lua_istable(L, -1))
        luaL_error(L, "defaults must be a table");
    o->defaults = lua_istable(L, -1) ? lua_gettop(L) : 0;
    lua_getfield(L, table, "redirect_to");
    if (lua_isfunction(L, -1))
        o->redirect_function = lua_gettop(L);
    else
        o->redirect_to = text_field(L, table, "redirect_to");
    lua_getfield(L, table, "max_content_length");
    if (!lua_isnil(L, -1) && !(lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 0))
        luaL_error(L, "max_content_length must be a number of bytes");
    o->max_content_length = lua_isnil(L, -1) ? -1 : (int64_t)lua_tointeger(L, -1);
}

static void take_options(lua_State *L, int table, struct route_options *o)
{
    static const char *const names[] = {"methods",
                                        "endpoint",
                                        "defaults",
                                        "strict_slashes",
                                        "merge_slashes",
                                        "host",
                                        "subdomain",
                                        "redirect_to",
                                        "alias",
                                        "build_only",
                                        "provide_automatic_options",
                                        "max_content_length",
                                        NULL};
    check_names(L, table, names);
    o->endpoint = text_field(L, table, "endpoint");
    o->host = text_field(L, table, "host");
    o->subdomain = text_field(L, table, "subdomain");
    o->strict_slashes = choice_field(L, table, "strict_slashes");
    o->merge_slashes = choice_field(L, table, "merge_slashes");
    o->provide_automatic_options = choice_field(L, table, "provide_automatic_options");
    o->alias = flag_field(L, table, "alias", false);
    o->build_only = flag_field(L, table, "build_only", false);
    take_methods(L, table, o);
    take_values(L, table, o);
}

/* map:add(rule, options) */
static int map_add(lua_State *L)
{
    struct route_map *map = route_map_check(L, 1);
    struct route_options o = {0};
    struct fault fault;
    int earlier;
    o.text.p = luaL_checklstring(L, 2, &o.text.n);
    want_table(L, 3);
    luaL_checkstack(L, 32, "a route");
    take_options(L, 3, &o);
    int number = route_map_add(map, L, &o, &earlier, &fault);
    if (number < 0)
        return luaL_error(L, "%s", fault.message);
    lua_pushinteger(L, number);
    if (earlier < 0)
        return 1;
    struct str text = map->rules[earlier]->text;
    lua_pushlstring(L, text.p, text.n);
    lua_pushinteger(L, earlier);
    return 3;
}

static void set_text(lua_State *L, const char *name, struct str s)
{
    if (!s.p)
        return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool is_set)
{
    lua_pushboolean(L, is_set);
    lua_setfield(L, -2, name);
}

static void push_texts(lua_State *L, const struct str *texts, size_t n)
{
    value_push_list(L, (int)n);
    for (size_t i = 0; texts && i < n; i++) {
        lua_pushlstring(L, texts[i].p, texts[i].n);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void set_methods(lua_State *L, const struct route_map *map,
                        const struct route_rule *rule)
{
    size_t n;
    if (rule->any_method)
        return;
    struct arena *a = push_arena(L);
    const struct str *names = route_map_method_names(map, rule->methods, a, &n);
    if (!names)
        luaL_error(L, "out of memory");
    push_texts(L, names, n);
    lua_setfield(L, -3, "methods");
    lua_pop(L, 1);
}

static void set_arguments(lua_State *L, const struct route_rule *rule)
{
    value_push_list(L, (int)rule->values_n);
    for (size_t i = 0; i < rule->values_n; i++) {
        lua_pushlstring(L, rule->values[i].name.p, rule->values[i].name.n);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "arguments");
}

static void set_kept(lua_State *L, const struct route_map *map, const char *name,
                     int number)
{
    if (!number)
        return;
    route_ref_push(L, map, number);
    lua_setfield(L, -2, name);
}

static void push_rule(lua_State *L, const struct route_map *map,
                      const struct route_rule *rule)
{
    lua_createtable(L, 0, 12);
    lua_pushinteger(L, rule->number);
    lua_setfield(L, -2, "number");
    set_text(L, "rule", rule->text);
    set_text(L, "endpoint", rule->endpoint);
    set_methods(L, map, rule);
    set_arguments(L, rule);
    set_text(L, map->domains == ROUTE_HOSTS ? "host" : "subdomain", rule->domain);
    set_kept(L, map, "defaults", rule->defaults);
    set_text(L, "redirect_to", rule->redirect_to);
    set_kept(L, map, "redirect_to", rule->redirect_function);
    set_flag(L, "strict_slashes", rule->strict_slashes);
    set_flag(L, "merge_slashes", rule->merge_slashes);
    set_flag(L, "alias", rule->alias);
    set_flag(L, "build_only", rule->build_only);
    set_flag(L, "provide_automatic_options", rule->is_options_automatic);
    if (rule->max_content_length >= 0) {
        lua_pushinteger(L, (lua_Integer)rule->max_content_length);
        lua_setfield(L, -2, "max_content_length");
    }
}

/* map:iter_rules() */
static int map_iter_rules(lua_State *L)
{
    const struct route_map *map = route_map_check(L, 1);
    luaL_checkstack(L, 16, "rules");
    value_push_list(L, route_map_count(map));
    for (int i = 0; i < route_map_count(map); i++) {
        push_rule(L, map, route_map_rule(map, i));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static struct route_request request_of(lua_State *L, int table)
{
    static const char *const names[] = {"path", "method",    "query", "scheme",
                                        "host", "root_path", NULL};
    check_names(L, table, names);
    return (struct route_request){
        .path = text_field_or(L, table, "path", STR("/")),
        .method = text_field_or(L, table, "method", STR("GET")),
        .query = text_field(L, table, "query"),
        .scheme = text_field_or(L, table, "scheme", STR("http")),
        .host = text_field(L, table, "host"),
        .root_path = text_field(L, table, "root_path"),
        .L = L,
    };
}

static const struct {
    const char *name;
    int code; /* 0: the app answers */
} outcomes[] = {
    [ROUTE_FOUND] = {"found", 0},
    [ROUTE_OPTIONS] = {"options", 0},
    [ROUTE_REDIRECT] = {"redirect", 308},
    [ROUTE_NOT_FOUND] = {"not found", 404},
    [ROUTE_METHOD_NOT_ALLOWED] = {"method not allowed", 405},
};

static void set_values(lua_State *L, const struct route_map *map,
                       const struct route_result *result)
{
    route_push_values(L, map, result);
    lua_setfield(L, -2, "values");
    value_push_list(L, (int)result->values_n);
    for (size_t i = 0; i < result->values_n; i++) {
        route_push_value(L, map, result, i);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "arguments");
}

static void push_result(lua_State *L, const struct route_map *map,
                        const struct route_result *result)
{
    lua_createtable(L, 0, 8);
    set_text(L, "outcome", str_from(outcomes[result->outcome].name));
    if (outcomes[result->outcome].code) {
        lua_pushinteger(L, outcomes[result->outcome].code);
        lua_setfield(L, -2, "code");
    }
    set_text(L, "location", result->location);
    if (result->methods) {
        route_push_allowed(L, result);
        lua_setfield(L, -2, "methods");
    }
    if (result->rule < 0)
        return;
    lua_pushinteger(L, result->rule);
    lua_setfield(L, -2, "rule");
    set_text(L, "endpoint", map->rules[result->rule]->endpoint);
    set_values(L, map, result);
}

/* The error's own value when an app's function raised it, else the fault's message. */
static int raise(lua_State *L, struct route_result *result, const struct fault *fault)
{
    route_push_error(L, result);
    route_result_close(L, result);
    if (lua_isnil(L, -1))
        return luaL_error(L, "%s", fault->message);
    return lua_error(L);
}

/* map:match(request) */
static int map_match(lua_State *L)
{
    struct route_map *map = route_map_check(L, 1);
    want_table(L, 2);
    luaL_checkstack(L, 32, "a route");
    struct route_request request = request_of(L, 2);
    struct route_result result;
    struct fault fault = {0};
    struct arena *arena = push_arena(L);
    if (route_match(map, &request, arena, &result, &fault) == ROUTE_FAILED)
        return raise(L, &result, &fault);
    push_result(L, map, &result);
    route_result_close(L, &result);
    return 1;
}

static struct url_options url_options_of(lua_State *L, int table)
{
    static const char *const names[] = {
        "scheme",         "host",       "root_path", "method",         "anchor",
        "default_method", "url_scheme", "external",  "append_unknown", NULL};
    check_names(L, table, names);
    return (struct url_options){
        .scheme = text_field(L, table, "scheme"),
        .host = text_field(L, table, "host"),
        .root_path = text_field(L, table, "root_path"),
        .method = text_field(L, table, "method"),
        .default_method = text_field(L, table, "default_method"),
        .asked_scheme = text_field(L, table, "url_scheme"),
        .is_external = flag_field(L, table, "external", false),
        .drops_unknown = !flag_field(L, table, "append_unknown", true),
    };
}

/* stack: URL -> URL with the anchor of the options at index 4. */
static int add_anchor(lua_State *L, struct route_map *map)
{
    size_t n;
    struct str anchor;
    lua_getfield(L, 4, "anchor");
    if (lua_isnil(L, -1) || value_is_null(L, -1)) {
        lua_pop(L, 1);
        return 1;
    }
    if (!converter_push_str(L, -1))
        return luaL_error(L, "an anchor is a text, not a %s", luaL_typename(L, -1));
    anchor.p = lua_tolstring(L, -1, &anchor.n);
    const char *url = lua_tolstring(L, -3, &n);
    map->out.n = 0;
    buf_add(&map->out, url, n);
    url_add_anchor(&map->out, anchor);
    if (map->out.is_exhausted)
        return luaL_error(L, "out of memory");
    lua_pushlstring(L, map->out.p, map->out.n);
    return 1;
}

/* map:build(endpoint, values, options) */
static int map_build(lua_State *L)
{
    struct route_map *map = route_map_check(L, 1);
    struct str endpoint;
    endpoint.p = luaL_checklstring(L, 2, &endpoint.n);
    if (lua_isnoneornil(L, 4))
        lua_settop(L, 3);
    if (lua_gettop(L) < 4) {
        want_table(L, 3);
        lua_newtable(L);
    }
    luaL_checktype(L, 3, LUA_TTABLE);
    want_table(L, 4);
    luaL_checkstack(L, 32, "url_for");
    struct url_options options = url_options_of(L, 4);
    int n = url_build(L, map, endpoint, 3, &options);
    return n == 1 ? add_anchor(L, map) : n;
}

static int map_index(lua_State *L)
{
    const struct route_map *map = route_map_check(L, 1);
    const char *key = luaL_checkstring(L, 2);
    static const char *const domains[] = {NULL, "hosts", "subdomains"};
    if (strcmp(key, "converters") == 0)
        route_ref_push_converters(L, map);
    else if (strcmp(key, "domains") == 0)
        lua_pushstring(L, domains[map->domains]);
    else if (strcmp(key, "server_name") == 0 && map->server_name.n)
        lua_pushlstring(L, map->server_name.p, map->server_name.n);
    else
        lua_getfield(L, lua_upvalueindex(1), key);
    return 1;
}

static void set_server_name(lua_State *L, struct route_map *map, int index)
{
    struct str name = {NULL, 0};
    if (!lua_isnil(L, index) && !value_is_null(L, index))
        name.p = luaL_checklstring(L, index, &name.n);
    if (route_map_set_server_name(map, name) < 0)
        luaL_error(L, "out of memory");
}

static int map_newindex(lua_State *L)
{
    struct route_map *map = route_map_check(L, 1);
    const char *key = luaL_checkstring(L, 2);
    if (strcmp(key, "server_name") != 0)
        return luaL_error(L, "url_map.%s can't be assigned to", key);
    set_server_name(L, map, 3);
    return 0;
}

/* stack: -> the metatable, made once. */
static void push_metatable(lua_State *L)
{
    static const luaL_Reg methods[] = {{"add", map_add},
                                       {"iter_rules", map_iter_rules},
                                       {"match", map_match},
                                       {"build", map_build},
                                       {NULL, NULL}};
    if (!luaL_newmetatable(L, MAP))
        return;
    luaL_newlib(L, methods);
    lua_pushcclosure(L, map_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, map_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, collect_map);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "cflask.route.map");
    lua_setfield(L, -2, "__metatable");
}

static void apply_options(lua_State *L, struct route_map *map, int table)
{
    static const char *const names[] = {"strict_slashes", "merge_slashes",
                                        "automatic_options", "server_name", NULL};
    check_names(L, table, names);
    route_map_set_slashes(map, flag_field(L, table, "strict_slashes", true),
                          flag_field(L, table, "merge_slashes", true));
    route_map_set_automatic_options(map, flag_field(L, table, "automatic_options", true));
    lua_getfield(L, table, "server_name");
    if (!lua_isnil(L, -1))
        set_server_name(L, map, lua_gettop(L));
    lua_pop(L, 1);
}

/* route.map(options) */
static int new_map(lua_State *L)
{
    want_table(L, 1);
    struct route_map **box = lua_newuserdatauv(L, sizeof *box, 1);
    *box = NULL;
    push_metatable(L);
    lua_setmetatable(L, -2);
    *box = route_map_new();
    if (!*box)
        return luaL_error(L, "out of memory");
    route_ref_open(L, *box);
    apply_options(L, *box, 1);
    return 1;
}

int luaopen_cflask_route(lua_State *L)
{
    static const luaL_Reg library[] = {{"map", new_map}, {NULL, NULL}};
    if (luaL_newmetatable(L, ARENA)) {
        lua_pushcfunction(L, collect_arena);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
    luaL_newlib(L, library);
    return 1;
}
