/* STEP 3: from a request's path and method to a rule and its values, or to a redirect,
   404 or 405.

   The tree leads the path to rules, the most specific first. A rule that takes the method
   and whose converters take the values ends the search; the others that the path fits are
   noted, for if none does, their methods are what is allowed. */
#include "route.h"

#include "base/percent.h"
#include "base/utf8.h"
#include "base/value.h"
#include "redirect.h"
#include "url.h"

/* A rule that fits but for the method. */
struct misfit {
    struct misfit *next;
    const struct route_rule *rule;
    bool lacks_slash;
    struct str captures[];
};

/* A match in progress. */
struct matching {
    struct route_map *map;
    const struct route_request *request;
    struct arena *arena;
    struct route_result *result;
    struct fault *fault;
    struct converter_lua lua;
    uint64_t method; /* a bit; 0: one that no rule has */
    bool collects;   /* every rule is a misfit: which methods there are is the question */
    bool is_merged;  /* the path's doubled slashes were merged */
    bool has_failed;
    const struct route_rule *found;
    enum tree_arrival how;
    struct misfit *misfits;
    struct str host; /* name only, lower case */
};

static int out_of_memory(struct matching *m)
{
    m->has_failed = true;
    return fault_set(m->fault, 503, "out of memory");
}

/* Makes the rule's values from the texts of its variables, in order. */
static enum converter_outcome convert(struct matching *m, const struct route_rule *rule,
                                      const struct str *texts)
{
    if (rule->values_n == 0)
        return CONVERTER_DONE;
    size_t size = rule->values_n * sizeof(struct route_value);
    struct route_value *values = arena_alloc(m->arena, size);
    if (!values)
        return out_of_memory(m), CONVERTER_FAILED;
    memcpy(values, rule->values, size);
    for (size_t i = 0; i < rule->variables_n; i++) {
        struct route_value scratch = values[i];
        struct route_value *to = rule->variables[i].has_default ? &scratch : &values[i];
        enum converter_outcome done = converter_value(rule->variables[i].converter,
                                                      texts[i], &m->lua, to, m->fault);
        if (done != CONVERTER_DONE) {
            m->has_failed = m->has_failed || done == CONVERTER_FAILED;
            return done;
        }
    }
    m->result->values = values;
    m->result->values_n = rule->values_n;
    return CONVERTER_DONE;
}

/* Conversions of a misfit wait until it is known that they matter: to_lua may cost. */
static bool note_misfit(struct matching *m, const struct tree_walk *w,
                        const struct route_rule *rule, enum tree_arrival how)
{
    struct misfit *x =
        arena_alloc(m->arena, sizeof *x + w->captures_n * sizeof *x->captures);
    if (!x)
        return out_of_memory(m), true;
    *x = (struct misfit){m->misfits, rule, how == TREE_LACKS_SLASH};
    memcpy(x->captures, w->captures, w->captures_n * sizeof *x->captures);
    m->misfits = x;
    return false;
}

static bool visit(struct tree_walk *w, struct route_rule *rule, enum tree_arrival how)
{
    struct matching *m = w->data;
    if ((how == TREE_EXTRA_SLASH && rule->strict_slashes) ||
        (m->is_merged && !rule->merge_slashes))
        return false;
    if (m->collects || !(rule->any_method || (rule->methods & m->method)))
        return note_misfit(m, w, rule, how);
    switch (convert(m, rule, w->captures)) {
    case CONVERTER_DONE:
        m->found = rule;
        m->how = how;
        return true;
    case CONVERTER_REFUSED:
        return false;
    default:
        return true;
    }
}

static bool search(struct matching *m, struct str path, bool is_empty)
{
    struct route_map *map = m->map;
    struct tree_walk w;
    w.arena = &map->arena;
    w.scratch = &map->scratch;
    w.lua = &m->lua;
    w.path = path;
    w.is_empty = is_empty;
    w.visit = visit;
    w.data = m;
    w.captures_n = 0;
    if (map->domains == ROUTE_HOSTS)
        return tree_walk_hosts(&w, map->hosts, m->host, map->root);
    if (map->domains == ROUTE_NO_DOMAINS || !map->server_name.n)
        return tree_walk(&w, map->root);
    struct str subdomain = url_subdomain(map, m->host);
    if (!subdomain.p)
        return false; /* a foreign host */
    return subdomain.n ? tree_walk_hosts(&w, map->hosts, subdomain, NULL)
                       : tree_walk(&w, map->root);
}

static bool has_doubled_slash(struct str path)
{
    return path.n > 1 && memmem(path.p, path.n, "//", 2) != NULL;
}

static struct str merge_slashes(struct str path, struct arena *arena)
{
    char *to = arena_alloc(arena, path.n);
    size_t n = 0;
    for (size_t i = 0; to && i < path.n; i++)
        if (path.p[i] != '/' || !n || to[n - 1] != '/')
            to[n++] = path.p[i];
    return (struct str){to, n};
}

/* The path as text, without its leading slashes. */
static struct str decode_path(struct matching *m)
{
    struct str path = m->request->path;
    if (!percent_is_plain(path, false) || !utf8_is_valid(path)) {
        struct buf decoded = {0}, repaired = {0};
        percent_decode(&decoded, path, false);
        utf8_add_repaired(&repaired, buf_str(&decoded));
        path = arena_copy(m->arena, buf_str(&repaired));
        if (decoded.is_exhausted || repaired.is_exhausted || !path.p)
            out_of_memory(m);
        buf_free(&decoded);
        buf_free(&repaired);
    }
    while (path.n && path.p && *path.p == '/')
        path = str_skip(path, 1);
    return path;
}

static enum route_outcome redirect(struct matching *m, struct str path, bool adds_slash)
{
    char *p = arena_alloc(m->arena, path.n + 2);
    if (!p)
        return out_of_memory(m), ROUTE_FAILED;
    p[0] = '/';
    if (path.n)
        memcpy(p + 1, path.p, path.n);
    p[path.n + 1] = '/';
    struct str whole = {p, path.n + 1 + (adds_slash && path.n)};
    m->result->location = redirect_to_path(m->map, m->request, whole, m->arena);
    return m->result->location.p ? ROUTE_REDIRECT : (out_of_memory(m), ROUTE_FAILED);
}

/* The methods of the misfits whose converters take the values. Those that lack their
   slash count only when there are no others. */
static uint64_t allowed_methods(struct matching *m)
{
    uint64_t methods = 0, with_slash = 0;
    for (struct misfit *x = m->misfits; x && !m->has_failed; x = x->next) {
        if (convert(m, x->rule, x->captures) != CONVERTER_DONE)
            continue;
        if (x->lacks_slash)
            with_slash |= x->rule->methods;
        else
            methods |= x->rule->methods;
    }
    return methods ? methods : with_slash;
}

static int list_methods(struct matching *m, uint64_t methods)
{
    m->result->methods =
        route_map_method_names(m->map, methods, m->arena, &m->result->methods_n);
    return m->result->methods ? 0 : out_of_memory(m);
}

static enum route_outcome not_found(struct matching *m)
{
    uint64_t methods = allowed_methods(m);
    m->result->values_n = 0;
    if (m->has_failed)
        return ROUTE_FAILED;
    if (!methods)
        return ROUTE_NOT_FOUND;
    return list_methods(m, methods) < 0 ? ROUTE_FAILED : ROUTE_METHOD_NOT_ALLOWED;
}

/* A search of its own, for the rule's values stay. */
static enum route_outcome answer_options(struct matching *m, struct str path,
                                         bool is_empty)
{
    struct route_result found = *m->result;
    m->collects = true;
    m->misfits = NULL;
    search(m, path, is_empty);
    uint64_t methods = allowed_methods(m) | m->found->methods;
    m->result->values = found.values;
    m->result->values_n = found.values_n;
    return m->has_failed || list_methods(m, methods) < 0 ? ROUTE_FAILED : ROUTE_OPTIONS;
}

static enum route_outcome found(struct matching *m, struct str path, bool is_empty)
{
    const struct route_rule *rule = m->found;
    m->result->rule = rule->number;
    if (m->how == TREE_LACKS_SLASH && rule->strict_slashes)
        return redirect(m, path, true);
    if (m->is_merged)
        return redirect(m, path, false);
    if (rule->is_options_automatic && str_eq(m->request->method, STR("OPTIONS")))
        return answer_options(m, path, is_empty);
    return ROUTE_FOUND;
}

static enum route_outcome match(struct matching *m)
{
    struct str path = decode_path(m);
    bool is_empty = m->request->path.n == 0;
    if (m->has_failed)
        return ROUTE_FAILED;
    if (!search(m, path, is_empty) && has_doubled_slash(path)) {
        m->is_merged = true;
        path = merge_slashes(path, m->arena);
        if (!path.p)
            return out_of_memory(m), ROUTE_FAILED;
        search(m, path, false);
    }
    if (m->has_failed)
        return ROUTE_FAILED;
    return m->found ? found(m, path, is_empty) : not_found(m);
}

/* Keeps the table of Lua values, and in it, under "error", what an app's function raised:
   the value that stands above it on the stack. Leaves the stack as it was at `top`. */
static void keep_lua_values(struct matching *m, int top)
{
    lua_State *L = m->lua.L;
    if (!L || lua_gettop(L) == top)
        return;
    if (!m->lua.table) {
        lua_newtable(L);
        lua_insert(L, top + 1);
        m->lua.table = top + 1;
    }
    if (lua_gettop(L) > m->lua.table)
        lua_setfield(L, m->lua.table, "error");
    lua_pushvalue(L, m->lua.table);
    m->result->lua = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_settop(L, top);
}

/* Redirects by the rule's own wish need the values where Lua finds them. */
static enum route_outcome follow_rule(struct matching *m, int top)
{
    if (redirect_of_match(m->map, m->request, m->arena, m->result, m->fault) == 0)
        return m->result->location.p ? ROUTE_REDIRECT : m->result->outcome;
    route_result_close(m->lua.L, m->result);
    m->lua.table = 0;
    keep_lua_values(m, top);
    return ROUTE_FAILED;
}

enum route_outcome route_match(struct route_map *map, const struct route_request *request,
                               struct arena *arena, struct route_result *result,
                               struct fault *fault)
{
    struct matching m = {
        .map = map,
        .request = request,
        .arena = arena,
        .result = result,
        .fault = fault,
        .lua = {.L = request->L, .map = map, .arena = arena},
        .method = route_map_method(map, request->method),
    };
    int top = m.lua.L ? lua_gettop(m.lua.L) : 0;
    *result = (struct route_result){.rule = -1, .lua = LUA_NOREF};
    if (map->domains != ROUTE_NO_DOMAINS) /* values may be parts of it */
        m.host = route_map_host_name(request->host, NULL, 0, arena);
    result->outcome = match(&m);
    keep_lua_values(&m, top);
    if (map->scratch.n)
        segment_trim(&map->scratch);
    bool is_found = result->outcome == ROUTE_FOUND || result->outcome == ROUTE_OPTIONS;
    if (is_found && redirect_is_possible(m.found))
        result->outcome = follow_rule(&m, top);
    return result->outcome;
}

static void push_lua(lua_State *L, const struct route_result *result)
{
    if (result->lua == LUA_NOREF)
        lua_pushnil(L);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, result->lua);
}

void route_push_value(lua_State *L, const struct route_map *map,
                      const struct route_result *result, size_t i)
{
    const struct route_value *v = &result->values[i];
    luaL_checkstack(L, 4, "values of a route");
    switch (v->kind) {
    case ROUTE_TEXT:
        lua_pushlstring(L, v->text.n ? v->text.p : "", v->text.n);
        break;
    case ROUTE_INTEGER:
        lua_pushinteger(L, (lua_Integer)v->integer);
        break;
    case ROUTE_NUMBER:
        lua_pushnumber(L, v->number);
        break;
    case ROUTE_LUA:
        push_lua(L, result);
        lua_rawgeti(L, -1, v->lua);
        lua_remove(L, -2);
        break;
    case ROUTE_DEFAULT:
        route_ref_push(L, map, map->rules[result->rule]->defaults);
        lua_pushlstring(L, v->name.p, v->name.n);
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
}

void route_push_values(lua_State *L, const struct route_map *map,
                       const struct route_result *result)
{
    lua_createtable(L, 0, (int)result->values_n);
    for (size_t i = 0; i < result->values_n; i++) {
        lua_pushlstring(L, result->values[i].name.p, result->values[i].name.n);
        route_push_value(L, map, result, i);
        lua_rawset(L, -3);
    }
}

void route_push_allowed(lua_State *L, const struct route_result *result)
{
    value_push_list(L, (int)result->methods_n);
    for (size_t i = 0; i < result->methods_n; i++) {
        lua_pushlstring(L, result->methods[i].p, result->methods[i].n);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

void route_push_error(lua_State *L, const struct route_result *result)
{
    push_lua(L, result);
    if (!lua_istable(L, -1))
        return;
    lua_getfield(L, -1, "error");
    lua_remove(L, -2);
}

void route_result_close(lua_State *L, struct route_result *result)
{
    if (L && result->lua != LUA_NOREF)
        luaL_unref(L, LUA_REGISTRYINDEX, result->lua);
    result->lua = LUA_NOREF;
}
