/* Building URLs, with Werkzeug's choice among an endpoint's rules.

   What runs an app's code (to_url, __tostring) comes first and leaves its texts on the
   stack; only then is the URL put together in the map's buffer, so that an error or a
   nested url_for finds nothing half done. */
#include "url.h"

#include "base/percent.h"
#include "base/value.h"
#include "url_error.h"
#include <stdlib.h>

#define ANCHOR_SAFE "%!#$&'()*+,/:;=?@"

/* A URL in the making. */
struct building {
    lua_State *L;
    struct route_map *map;
    const struct url_options *o;
    int values;     /* stack index of the table */
    int reason;     /* stack index: why a suitable rule could not be built; or nil */
    int host, path; /* stack indexes: of the rule chosen */
    int texts;      /* stack index of the table that keeps the query's texts */
    const struct route_group *group;
    const struct route_rule *rule; /* chosen; NULL: none */
    struct url_pair *pairs;        /* of the query */
    size_t pairs_n, pairs_size;
};

/* A name and a value of the query. */
struct url_pair {
    struct str name, text;
    size_t number; /* equal names keep their order */
};

static struct str str_at(lua_State *L, int index)
{
    struct str s = {NULL, 0};
    if (lua_type(L, index) == LUA_TSTRING)
        s.p = lua_tolstring(L, index, &s.n);
    return s;
}

static bool is_missing(lua_State *L, int index)
{
    return lua_isnil(L, index) || value_is_null(L, index);
}

static void push_field(lua_State *L, int table, struct str name)
{
    lua_pushlstring(L, name.p, name.n);
    lua_rawget(L, table);
}

/* Whether the values have the default, or nothing in its place. */
static bool agrees(lua_State *L, int defaults, int values, struct str name)
{
    push_field(L, values, name);
    push_field(L, defaults, name);
    bool agrees = is_missing(L, -2) || lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return agrees;
}

static bool has_value(lua_State *L, int values, struct str name)
{
    push_field(L, values, name);
    bool has = !is_missing(L, -1);
    lua_pop(L, 1);
    return has;
}

static bool agree_defaults(lua_State *L, const struct route_map *map,
                           const struct route_rule *rule, int values)
{
    bool agree = true;
    if (!rule->default_names_n)
        return true;
    route_ref_push(L, map, rule->defaults);
    for (size_t i = 0; i < rule->default_names_n && agree; i++)
        agree = agrees(L, lua_gettop(L), values, rule->default_names[i]);
    lua_pop(L, 1);
    return agree;
}

bool url_is_suitable(lua_State *L, const struct route_map *map,
                     const struct route_rule *rule, int values, uint64_t method, bool any)
{
    if (!any && !rule->any_method && !(rule->methods & method))
        return false;
    for (size_t i = 0; i < rule->values_n; i++)
        if (rule->values[i].kind != ROUTE_DEFAULT &&
            !has_value(L, values, rule->values[i].name))
            return false;
    return agree_defaults(L, map, rule, values);
}

/* stack: -> text, and true; or a sentence, and false. */
static bool push_variable(lua_State *L, const struct route_map *map,
                          const struct route_rule *rule, const struct route_variable *v,
                          int values)
{
    if (v->has_default)
        route_ref_push(L, map, rule->defaults);
    push_field(L, v->has_default ? lua_gettop(L) : values, v->name);
    if (v->has_default)
        lua_remove(L, -2);
    bool is_text = converter_push_text(L, map, v->converter, -1);
    lua_remove(L, -2);
    return is_text;
}

static int add_pieces(lua_State *L, struct buf *out, const struct rule_text *t, int text)
{
    for (size_t i = 0; i < t->pieces_n; i++) {
        struct str s = t->pieces[i].text;
        if (t->pieces[i].converter)
            s = str_at(L, text++);
        percent_encode(out, s, PERCENT_PATH_SAFE);
    }
    return text;
}

static void check_memory(lua_State *L, const struct buf *b)
{
    if (b->is_exhausted)
        luaL_error(L, "out of memory");
}

bool url_push_parts(lua_State *L, struct route_map *map, const struct route_rule *rule,
                    int values)
{
    int base = lua_gettop(L);
    luaL_checkstack(L, (int)rule->variables_n + 8, "url_for");
    for (size_t i = 0; i < rule->variables_n; i++)
        if (!push_variable(L, map, rule, &rule->variables[i], values)) {
            lua_insert(L, base + 1);
            lua_settop(L, base + 1);
            return false;
        }
    struct buf *out = &map->out;
    out->n = 0;
    int text = add_pieces(L, out, &rule->host, base + 1);
    buf_addstr(out, rule->domain_port);
    size_t host_n = out->n;
    add_pieces(L, out, &rule->path, text);
    check_memory(L, out);
    lua_pushlstring(L, out->p, host_n);
    lua_pushlstring(L, out->p + host_n, out->n - host_n);
    lua_insert(L, base + 1); /* stack: path, texts..., host */
    lua_insert(L, base + 1); /* stack: host, path, texts... */
    lua_settop(L, base + 2);
    return true;
}

struct str url_app_host(const struct route_map *map, struct str host, struct str scheme)
{
    bool is_fixed = map->server_name.n && (map->domains != ROUTE_HOSTS || !host.n);
    struct str s = is_fixed ? map->server_name : host;
    struct str port = str_eq(scheme, STR("https")) ? STR(":443") : STR(":80");
    if (s.n > port.n && memcmp(s.p + s.n - port.n, port.p, port.n) == 0)
        s.n -= port.n;
    return s;
}

struct str url_subdomain(const struct route_map *map, struct str host_name)
{
    struct str server = map->server_host;
    struct str none = {NULL, 0};
    if (!server.n || host_name.n < server.n ||
        memcmp(host_name.p + host_name.n - server.n, server.p, server.n) != 0)
        return none;
    host_name.n -= server.n;
    if (host_name.n == 0)
        return STR("");
    if (host_name.p[host_name.n - 1] != '.')
        return none;
    host_name.n--;
    return host_name;
}

void url_add_root(struct buf *out, struct str scheme, struct str subdomain,
                  struct str host, struct str root_path)
{
    if (host.n) {
        buf_addstr(out, scheme);
        buf_addf(out, "%s//", scheme.n ? ":" : "");
        buf_addstr(out, subdomain);
        if (subdomain.n)
            buf_addc(out, '.');
        buf_addstr(out, host);
    }
    while (root_path.n && *root_path.p == '/')
        root_path = str_skip(root_path, 1);
    while (root_path.n && root_path.p[root_path.n - 1] == '/')
        root_path.n--;
    if (root_path.n)
        buf_addc(out, '/');
    percent_encode(out, root_path, PERCENT_PATH_SAFE);
}

void url_add_anchor(struct buf *out, struct str anchor)
{
    buf_addc(out, '#');
    percent_encode(out, anchor, ANCHOR_SAFE);
}

/* The request's host without its port, in lower case, in to[size]. */
static struct str host_name(const struct building *b, char *to, size_t size)
{
    struct str host = b->o->host;
    if (host.n > size)
        host.n = 0; /* no host name is that long: RFC 1035, section 2.3.4 */
    return route_map_host_name(host, to, size, NULL);
}

/* Whether the rule's host, as it was built at that stack index, is the request's own. */
static bool is_own_host(const struct building *b, const struct route_rule *rule,
                        int index)
{
    char own[256], other[256];
    struct str built = str_at(b->L, index);
    return !rule->domain.p ||
           (built.n <= sizeof other &&
            str_eq(host_name(b, own, sizeof own),
                   route_map_host_name(built, other, sizeof other, NULL)));
}

/* Builds the rule. True when no other need be looked at: the first that can be built is
   taken, but of rules with hosts rather one on the request's own. */
static bool try_rule(struct building *b, const struct route_rule *rule)
{
    lua_State *L = b->L;
    if (!url_push_parts(L, b->map, rule, b->values)) {
        lua_replace(L, b->reason);
        return false;
    }
    bool is_best =
        b->map->domains != ROUTE_HOSTS || is_own_host(b, rule, lua_gettop(L) - 1);
    if (b->rule && !is_best) {
        lua_pop(L, 2);
        return false;
    }
    lua_replace(L, b->path);
    lua_replace(L, b->host);
    b->rule = rule;
    return is_best;
}

static bool try_rules(struct building *b, uint64_t method, bool any)
{
    for (size_t i = 0; i < b->group->n; i++) {
        const struct route_rule *rule = b->group->rules[i];
        if ((rule->alias && b->o->skips_aliases) ||
            !url_is_suitable(b->L, b->map, rule, b->values, method, any))
            continue;
        if (try_rule(b, rule))
            break;
    }
    return b->rule != NULL;
}

static bool choose_rule(struct building *b)
{
    if (!b->group)
        return false;
    if (b->o->method.p)
        return try_rules(b, route_map_method(b->map, b->o->method), false);
    struct str method = b->o->default_method.p ? b->o->default_method : STR("GET");
    return try_rules(b, route_map_method(b->map, method), false) || try_rules(b, 0, true);
}

/* Whether the table is a list; an empty one is, for a list that was filled by a loop may
   be empty, and a dict has no place in a query. */
static bool is_list(lua_State *L, int index)
{
    if (!lua_istable(L, index))
        return false;
    if (value_is_list(L, index))
        return true;
    if (luaL_getmetafield(L, index, "__tostring")) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushnil(L);
    bool is_empty = lua_next(L, index) == 0;
    lua_pop(L, is_empty ? 0 : 2);
    return is_empty;
}

/* How many pairs of the query the value at the top makes, at most. */
static size_t count_value(lua_State *L)
{
    int top = lua_gettop(L);
    return is_list(L, top) ? lua_rawlen(L, top) : 1;
}

/* stack: name, value. Whether it belongs to the query. */
static bool is_extra(struct building *b)
{
    lua_State *L = b->L;
    if (is_missing(L, -1))
        return false;
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "the names of url_for's values must be strings");
    return !route_map_has_argument(b->rule, str_at(L, -2));
}

static size_t count_pairs(struct building *b)
{
    size_t n = 0;
    lua_State *L = b->L;
    for (lua_pushnil(L); lua_next(L, b->values); lua_pop(L, 1))
        n += is_extra(b) ? count_value(L) : 0;
    return n;
}

/* stack: name, value: adds them as a pair. The texts are kept in a table: nothing of the
   query may be collected before it is written. */
static void add_pair(struct building *b, int name, int value)
{
    lua_State *L = b->L;
    if (is_missing(L, value) || b->pairs_n == b->pairs_size)
        return;
    if (!converter_push_str(L, value))
        luaL_error(L, "url_for: %s is a %s, which has no place in a query",
                   lua_tostring(L, name), luaL_typename(L, value));
    struct url_pair *p = &b->pairs[b->pairs_n];
    *p = (struct url_pair){str_at(L, name), str_at(L, -1), b->pairs_n};
    lua_rawseti(L, b->texts, (int)(2 * b->pairs_n + 1));
    lua_pushvalue(L, name);
    lua_rawseti(L, b->texts, (int)(2 * b->pairs_n + 2));
    b->pairs_n++;
}

/* stack: name, value. */
static void add_value(struct building *b)
{
    lua_State *L = b->L;
    int name = lua_gettop(L) - 1, value = name + 1;
    if (!is_list(L, value)) {
        add_pair(b, name, value);
        return;
    }
    size_t n = lua_rawlen(L, value);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, value, (int)i);
        add_pair(b, name, value + 1);
        lua_pop(L, 1);
    }
}

static int compare_pairs(const void *a, const void *b)
{
    const struct url_pair *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = n ? memcmp(x->name.p, y->name.p, n) : 0;
    if (order)
        return order;
    if (x->name.n != y->name.n)
        return x->name.n < y->name.n ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void collect_pairs(struct building *b)
{
    lua_State *L = b->L;
    if (b->o->drops_unknown)
        return;
    b->pairs_size = count_pairs(b);
    if (!b->pairs_size)
        return;
    b->pairs = lua_newuserdatauv(L, b->pairs_size * sizeof *b->pairs, 0);
    lua_newtable(L);
    b->texts = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, b->values); lua_pop(L, 1))
        if (is_extra(b))
            add_value(b);
    if (b->pairs_n > 1)
        qsort(b->pairs, b->pairs_n, sizeof *b->pairs, compare_pairs);
}

static void add_query(const struct building *b, struct buf *out)
{
    for (size_t i = 0; i < b->pairs_n; i++) {
        buf_addc(out, i ? '&' : '?');
        percent_encode_query(out, b->pairs[i].name);
        buf_addc(out, '=');
        percent_encode_query(out, b->pairs[i].text);
    }
}

static struct str plain_scheme(struct str scheme)
{
    return str_eq(scheme, STR("https")) ? STR("https") : STR("http");
}

static struct str scheme_of(const struct building *b)
{
    struct str asked = b->o->asked_scheme;
    if (asked.p && !asked.n)
        return STR("");
    return plain_scheme(asked.p ? asked : b->o->scheme);
}

/* Where the URL leads: its host and subdomain, and whether that is where the request
 * came. */
static bool find_host(struct building *b, struct str *subdomain, struct str *host)
{
    char small[256];
    struct str built = str_at(b->L, b->host);
    *subdomain = STR("");
    *host = url_app_host(b->map, b->o->host, scheme_of(b));
    if (b->map->domains == ROUTE_NO_DOMAINS)
        return true;
    if (b->map->domains == ROUTE_HOSTS) {
        bool is_own = is_own_host(b, b->rule, b->host);
        *host = is_own ? *host : built;
        return is_own;
    }
    *subdomain = built;
    struct str current = STR("");
    if (b->map->server_name.n)
        current = url_subdomain(b->map, host_name(b, small, sizeof small));
    return current.p && str_eq(current, built);
}

/* stack: -> URL, or nil and a table. */
static int put_together(struct building *b)
{
    struct str subdomain, host;
    bool is_same = find_host(b, &subdomain, &host);
    bool is_absolute = b->o->is_external || !is_same;
    if (is_absolute && !host.n)
        return url_push_error(b->L, "an absolute URL needs a request or SERVER_NAME");
    collect_pairs(b);
    struct buf *out = &b->map->out;
    struct str path = str_at(b->L, b->path);
    while (path.n && *path.p == '/')
        path = str_skip(path, 1);
    out->n = 0;
    url_add_root(out, scheme_of(b), subdomain, is_absolute ? host : STR(""),
                 b->o->root_path);
    buf_addc(out, '/');
    buf_addstr(out, path);
    add_query(b, out);
    check_memory(b->L, out);
    lua_pushlstring(b->L, out->p, out->n);
    return 1;
}

int url_build(lua_State *L, struct route_map *map, struct str endpoint, int values,
              const struct url_options *options)
{
    luaL_checkstack(L, 16, "url_for");
    lua_settop(L, lua_gettop(L) + 3);
    int top = lua_gettop(L);
    struct building b = {
        .L = L,
        .map = map,
        .o = options,
        .values = values,
        .reason = top - 2,
        .host = top - 1,
        .path = top,
        .group = strmap_get(&map->groups, endpoint),
    };
    if (choose_rule(&b))
        return put_together(&b);
    struct str reason = str_at(L, b.reason);
    return url_push_build_error(L, map, endpoint, values, options->method, reason);
}
