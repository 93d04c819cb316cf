/* Werkzeug's BuildError: its message, and the endpoint that was probably meant. */
#include "url_error.h"

#include "base/value.h"

enum { MOST_COMPARED = 100 /* bytes of an endpoint that are looked at for likeness */ };

int url_push_error(lua_State *L, const char *message)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    return 2;
}

/* The longest run that both have, the first of several; its length. */
static size_t longest_run(struct str a, struct str b, size_t *in_a, size_t *in_b)
{
    unsigned char lengths[2][MOST_COMPARED + 1] = {
        {0}}; /* of runs that end at b's bytes */
    size_t best = 0;
    for (size_t i = 0; i < a.n; i++) {
        const unsigned char *before = lengths[i & 1];
        unsigned char *now = lengths[(i & 1) ^ 1];
        for (size_t k = 0; k < b.n; k++) {
            now[k + 1] = a.p[i] == b.p[k] ? (unsigned char)(before[k] + 1) : 0;
            if (now[k + 1] > best) {
                best = now[k + 1];
                *in_a = i + 1 - best;
                *in_b = k + 1 - best;
            }
        }
    }
    return best;
}

/* How many bytes of both stand in common runs, as difflib's SequenceMatcher counts them:
   the longest run, then those left of it, then those right of it. */
static size_t common_bytes(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    size_t n = a.n && b.n ? longest_run(a, b, &i, &k) : 0;
    if (!n)
        return 0;
    return n + common_bytes((struct str){a.p, i}, (struct str){b.p, k}) +
           common_bytes(str_skip(a, i + n), str_skip(b, k + n));
}

static double likeness(struct str a, struct str b)
{
    a.n = a.n > MOST_COMPARED ? MOST_COMPARED : a.n;
    b.n = b.n > MOST_COMPARED ? MOST_COMPARED : b.n;
    return a.n + b.n ? 2.0 * (double)common_bytes(a, b) / (double)(a.n + b.n) : 1;
}

/* Whether the rule has an argument for each value. */
static bool has_all(lua_State *L, const struct route_rule *rule, int values)
{
    bool has = true;
    for (lua_pushnil(L); lua_next(L, values); lua_pop(L, 1)) {
        struct str name = {NULL, 0};
        if (lua_type(L, -2) == LUA_TSTRING)
            name.p = lua_tolstring(L, -2, &name.n);
        has = has && name.p && route_map_has_argument(rule, name);
    }
    return has;
}

static const struct route_rule *closest_rule(lua_State *L, const struct route_map *map,
                                             struct str endpoint, int values,
                                             struct str method)
{
    const struct route_rule *closest = NULL;
    double best = -1;
    for (size_t i = 0; i < map->rules_n; i++) {
        const struct route_rule *r = map->rules[i];
        double score = 0.98 * likeness(r->endpoint, endpoint);
        if (score + 0.02 <= best)
            continue;
        score += has_all(L, r, values) ? 0.01 : 0;
        score += method.p && (r->methods & route_map_method(map, method)) ? 0.01 : 0;
        if (score > best) {
            best = score;
            closest = r;
        }
    }
    return closest;
}

static void add_name(struct buf *b, struct str name, bool is_first)
{
    buf_addf(b, "%s'%.*s'", is_first ? "" : ", ", (int)name.n, name.p);
}

/* stack: -> . Writes the names of the values that are there, sorted. */
static void add_values(struct buf *out, lua_State *L, int values)
{
    lua_Integer n = value_push_keys(L, values), written = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, (int)i);
        if (lua_type(L, -1) == LUA_TSTRING) {
            struct str name;
            name.p = lua_tolstring(L, -1, &name.n);
            buf_addstr(out, written ? STR("") : STR(" with values ["));
            add_name(out, name, !written++);
        }
        lua_pop(L, 1);
    }
    buf_addstr(out, written ? STR("]") : STR(""));
    lua_pop(L, 1);
}

static bool has_value(lua_State *L, int values, struct str name)
{
    lua_pushlstring(L, name.p, name.n);
    lua_rawget(L, values);
    bool has = !lua_isnil(L, -1) && !value_is_null(L, -1);
    lua_pop(L, 1);
    return has;
}

/* For the endpoint that was asked for: which values its rule wants besides. */
static void add_missing_values(struct buf *out, lua_State *L,
                               const struct route_rule *rule, int values)
{
    size_t written = 0;
    for (size_t i = 0; i < rule->values_n; i++) {
        struct str name = rule->values[i].name;
        if (has_value(L, values, name))
            continue;
        buf_addstr(out, written ? STR("") : STR(" Did you forget to specify values ["));
        add_name(out, name, !written++);
    }
    buf_addstr(out, written ? STR("]?") : STR(""));
}

static void add_methods(struct buf *out, const struct route_map *map, uint64_t methods)
{
    struct arena arena = {0};
    size_t n = 0;
    const struct str *names = route_map_method_names(map, methods, &arena, &n);
    buf_addstr(out, STR(" Did you mean to use methods ["));
    for (size_t i = 0; i < n; i++)
        add_name(out, names[i], i == 0);
    buf_addstr(out, STR("]?"));
    arena_free(&arena);
}

static void add_hint(struct buf *out, lua_State *L, const struct route_map *map,
                     const struct route_rule *closest, struct str endpoint, int values,
                     struct str method)
{
    if (!str_eq(closest->endpoint, endpoint)) {
        buf_addf(out, " Did you mean '%.*s' instead?", (int)closest->endpoint.n,
                 closest->endpoint.p);
        return;
    }
    if (method.p && !closest->any_method &&
        !(closest->methods & route_map_method(map, method)))
        add_methods(out, map, closest->methods);
    add_missing_values(out, L, closest, values);
}

/* stack: -> message. It is written in the map's buffer, which no error here loses. */
static void push_message(lua_State *L, struct route_map *map, struct str endpoint,
                         int values, struct str method, struct str reason,
                         const struct route_rule *closest)
{
    struct buf *out = &map->out;
    out->n = 0;
    buf_addf(out, "Could not build url for endpoint '%.*s'", (int)endpoint.n, endpoint.p);
    if (method.p)
        buf_addf(out, " ('%.*s')", (int)method.n, method.p);
    add_values(out, L, values);
    buf_addc(out, '.');
    if (reason.p)
        buf_addf(out, " It was refused: %.*s.", (int)reason.n, reason.p);
    else if (closest)
        add_hint(out, L, map, closest, endpoint, values, method);
    if (out->is_exhausted)
        luaL_error(L, "out of memory");
    lua_pushlstring(L, out->p, out->n);
}

int url_push_build_error(lua_State *L, struct route_map *map, struct str endpoint,
                         int values, struct str method, struct str reason)
{
    const struct route_rule *closest = closest_rule(L, map, endpoint, values, method);
    lua_pushnil(L);
    lua_createtable(L, 0, 5);
    lua_pushlstring(L, endpoint.n ? endpoint.p : "", endpoint.n);
    lua_setfield(L, -2, "endpoint");
    lua_pushvalue(L, values);
    lua_setfield(L, -2, "values");
    if (method.p)
        lua_pushlstring(L, method.p, method.n);
    else
        lua_pushnil(L);
    lua_setfield(L, -2, "method");
    if (closest)
        lua_pushlstring(L, closest->endpoint.p, closest->endpoint.n);
    else
        lua_pushnil(L);
    lua_setfield(L, -2, "suggested");
    push_message(L, map, endpoint, values, method, reason, closest);
    lua_setfield(L, -2, "message");
    return 2;
}
