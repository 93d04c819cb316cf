/* Redirects. The one for a slash is plain text work; the others build URLs from the
   match's values, which takes Lua and so a protected call. */
#include "redirect.h"

#include "base/percent.h"
#include "url.h"

/* A redirect in the making; a pointer to it is the protected function's argument. */
struct redirecting {
    struct route_map *map;
    const struct route_request *request;
    const struct route_result *result;
    const struct route_rule *rule;
};

/* Where the app is, as the request came to it. */
static void add_root(struct buf *out, const struct route_map *map,
                     const struct route_request *q, struct str subdomain)
{
    struct str scheme = q->scheme.n ? q->scheme : STR("http");
    url_add_root(out, scheme, subdomain, url_app_host(map, q->host, scheme),
                 q->root_path);
}

/* The subdomain of the request, for a map that has them. */
static struct str own_subdomain(const struct route_map *map,
                                const struct route_request *q, char *small, size_t size)
{
    if (map->domains != ROUTE_SUBDOMAINS || !map->server_name.n || q->host.n > size)
        return STR("");
    struct str name = route_map_host_name(q->host, small, size, NULL);
    struct str subdomain = url_subdomain(map, name);
    return subdomain.p ? subdomain : STR("");
}

static void add_query(struct buf *out, const struct route_request *q)
{
    if (q->query.n)
        buf_addc(out, '?');
    buf_addstr(out, q->query);
}

static struct str finish(struct buf *out, struct arena *arena)
{
    struct str s = {NULL, 0};
    if (!out->is_exhausted)
        s = arena_copy(arena, buf_str(out));
    buf_free(out);
    return s;
}

struct str redirect_to_path(const struct route_map *map,
                            const struct route_request *request, struct str path,
                            struct arena *arena)
{
    char small[256];
    struct buf out = {0};
    add_root(&out, map, request, own_subdomain(map, request, small, sizeof small));
    percent_encode(&out, path, PERCENT_PATH_SAFE);
    add_query(&out, request);
    return finish(&out, arena);
}

bool redirect_is_possible(const struct route_rule *rule)
{
    return rule->alias || rule->has_canonical || rule->redirect_to.p ||
           rule->redirect_function;
}

static struct str str_at(lua_State *L, int index)
{
    struct str s;
    s.p = lua_tolstring(L, index, &s.n);
    return s;
}

static void check_memory(lua_State *L, const struct buf *b)
{
    if (b->is_exhausted)
        luaL_error(L, "out of memory");
}

/* The functions below run protected, with the table of values at stack index 2; each
   pushes a URL, or nothing and returns 0. */

enum { VALUES = 2 };

/* stack: URL -> URL with the request's query. */
static int push_with_query(lua_State *L, const struct redirecting *r)
{
    if (r->request->query.n) {
        lua_pushliteral(L, "?");
        lua_pushlstring(L, r->request->query.p, r->request->query.n);
        lua_concat(L, 3);
    }
    return 1;
}

/* An alias leads to the canonical rule of its endpoint. */
static int push_canonical(lua_State *L, const struct redirecting *r)
{
    const struct url_options options = {
        .scheme = r->request->scheme,
        .host = r->request->host,
        .root_path = r->request->root_path,
        .method = r->request->method,
        .is_external = r->request->host.n > 0,
        .drops_unknown = true,
        .skips_aliases = true,
    };
    if (url_build(L, r->map, r->rule->endpoint, VALUES, &options) == 1)
        return push_with_query(L, r);
    lua_getfield(L, -1, "message");
    return luaL_error(L, "the alias %s leads nowhere: %s", r->rule->text.p,
                      lua_tostring(L, -1));
}

/* stack: host, path -> URL. */
static int push_joined(lua_State *L, const struct redirecting *r)
{
    struct buf *out = &r->map->out;
    struct str domain = str_at(L, -2);
    out->n = 0;
    if (r->map->domains == ROUTE_HOSTS && domain.n)
        url_add_root(out, r->request->scheme.n ? r->request->scheme : STR("http"),
                     STR(""), domain, r->request->root_path);
    else
        add_root(out, r->map, r->request, domain);
    buf_addstr(out, str_at(L, -1));
    add_query(out, r->request);
    check_memory(L, out);
    lua_pushlstring(L, out->p, out->n);
    return 1;
}

/* The rules of the group before this one come first when URLs are built: if one of them
   has just these values as its defaults, its URL is the canonical one. */
static int push_default(lua_State *L, const struct redirecting *r)
{
    const struct route_group *g = r->rule->group;
    uint64_t method = route_map_method(r->map, r->request->method);
    for (size_t i = 0; i < g->n && g->rules[i] != r->rule; i++) {
        const struct route_rule *other = g->rules[i];
        if (!route_map_has_defaults_for(other, r->rule) ||
            !url_is_suitable(L, r->map, other, VALUES, method, false))
            continue;
        if (url_push_parts(L, r->map, other, VALUES))
            return push_joined(L, r);
        lua_pop(L, 1);
    }
    return 0;
}

static const struct route_variable *find_variable(const struct route_rule *rule,
                                                  struct str name)
{
    for (size_t i = 0; i < rule->variables_n; i++)
        if (str_eq(rule->variables[i].name, name))
            return &rule->variables[i];
    return NULL;
}

/* stack: -> the text that stands for <name> in the rule's redirect_to, encoded. */
static void push_replacement(lua_State *L, const struct redirecting *r, struct str name)
{
    const struct route_variable *v = find_variable(r->rule, name);
    lua_pushlstring(L, name.p, name.n);
    lua_rawget(L, VALUES);
    bool is_text =
        v ? converter_push_text(L, r->map, v->converter, -1) : converter_push_str(L, -1);
    if (!is_text)
        luaL_error(L, "redirect_to of %s: no text for %s", r->rule->text.p,
                   lua_tostring(L, -1));
    struct buf *out = &r->map->out;
    out->n = 0;
    percent_encode(out, str_at(L, -1), PERCENT_PATH_SAFE);
    check_memory(L, out);
    lua_pushlstring(L, out->n ? out->p : "", out->n);
}

/* stack: -> the text of redirect_to with its values. */
static void push_template(lua_State *L, const struct redirecting *r)
{
    struct str rest = r->rule->redirect_to;
    lua_pushliteral(L, "");
    int text = lua_gettop(L);
    while (rest.p) {
        struct str plain = str_cut(&rest, '<');
        const char *end = rest.n ? memchr(rest.p, '>', rest.n) : NULL;
        struct str name = {rest.p, end ? (size_t)(end - rest.p) : 0};
        lua_pushvalue(L, text);
        lua_pushlstring(L, plain.n ? plain.p : "", plain.n);
        if (name.n) {
            push_replacement(L, r, name);
            lua_replace(L, text + 3);
            rest = str_skip(rest, name.n + 1);
        } else {
            lua_pushstring(L, rest.p ? "<" : "");
        }
        lua_settop(L, text + 3);
        lua_concat(L, 3);
        lua_replace(L, text);
    }
}

static bool is_letter(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* RFC 3986, section 3.1. */
static bool has_scheme(struct str url)
{
    size_t i = 0;
    while (i < url.n && (is_letter(url.p[i]) ||
                         (i && ((url.p[i] >= '0' && url.p[i] <= '9') || url.p[i] == '+' ||
                                url.p[i] == '-' || url.p[i] == '.'))))
        i++;
    return i && i < url.n && url.p[i] == ':';
}

/* stack: reference -> URL. RFC 3986, section 5.2, for a base that is the app's root. */
static int push_resolved(lua_State *L, const struct redirecting *r)
{
    char small[256];
    struct str to = str_at(L, -1), scheme = r->request->scheme;
    struct buf *out = &r->map->out;
    struct route_request at_host = *r->request;
    struct str subdomain = own_subdomain(r->map, r->request, small, sizeof small);
    if (has_scheme(to))
        return 1;
    out->n = 0;
    bool is_rooted = to.n && *to.p == '/';
    if (str_starts(to, STR("//"))) {
        buf_addstr(out, scheme.n ? scheme : STR("http"));
        buf_addc(out, ':');
    } else {
        if (is_rooted)
            at_host.root_path = STR("");
        add_root(out, r->map, &at_host, subdomain);
        if (!is_rooted)
            buf_addc(out, '/');
    }
    buf_addstr(out, to);
    check_memory(L, out);
    lua_pushlstring(L, out->p, out->n);
    return 1;
}

static int push_redirect_to(lua_State *L, const struct redirecting *r)
{
    if (r->rule->redirect_function) {
        route_ref_push(L, r->map, r->rule->redirect_function);
        lua_pushvalue(L, VALUES);
        lua_call(L, 1, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L, "redirect_to of %s returned a %s, not a URL",
                              r->rule->text.p, luaL_typename(L, -1));
    } else {
        push_template(L, r);
    }
    return push_resolved(L, r);
}

/* stack: struct redirecting -> URL or nil. */
static int find_redirect(lua_State *L)
{
    const struct redirecting *r = lua_touserdata(L, 1);
    luaL_checkstack(L, 16, "a redirect");
    route_push_values(L, r->map, r->result);
    if (r->rule->alias)
        return push_canonical(L, r);
    if (r->rule->has_canonical && push_default(L, r))
        return 1;
    bool has_target = r->rule->redirect_to.p || r->rule->redirect_function;
    return has_target ? push_redirect_to(L, r) : 0;
}

int redirect_of_match(struct route_map *map, const struct route_request *request,
                      struct arena *arena, struct route_result *result,
                      struct fault *fault)
{
    lua_State *L = request->L;
    struct redirecting r = {map, request, result, route_map_rule(map, result->rule)};
    if (!L || !lua_checkstack(L, 8))
        return fault_set(fault, 500, "no Lua stack for a redirect");
    lua_pushcfunction(L, find_redirect);
    lua_pushlightuserdata(L, &r);
    if (lua_pcall(L, 1, 1, 0)) {
        const char *message = lua_tostring(L, -1);
        return fault_set(fault, 500, "%s",
                         message ? message : "a redirect_to raised an error");
    }
    if (lua_isstring(L, -1)) {
        result->location = arena_copy(arena, str_at(L, -1));
        if (!result->location.p) {
            lua_pop(L, 1);
            return fault_set(fault, 503, "out of memory");
        }
    }
    lua_pop(L, 1);
    return 0;
}
