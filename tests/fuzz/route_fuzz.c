/* Rules and paths from one input, by lines: what begins with a slash is a rule, with `@`
   the host of the next rule, with `!` its options by letters, `?` ends the rules; then
   each line is a path. What a match finds is built as a URL again, which must lead to a
   rule of the same endpoint or be refused. */
#include "base/value.h"
#include "route.h"
#include "route_lua.h"
#include "url.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lua_State *L;
static struct arena arena;

static void open_lua(void)
{
    L = luaL_newstate();
    luaL_openlibs(L);
    value_open(L);
    luaopen_cflask_route(L);
    lua_setglobal(L, "route");
    if (luaL_dostring(L, "function make()\n"
                         "    local m = route.map{server_name = 'h.test'}\n"
                         "    m.converters.own = {regex = '[a-c]+|[0-9]'}\n"
                         "    m.converters.pat = {pattern = '%w+', to_lua = function(s)\n"
                         "        if s ~= 'no' then return #s end end}\n"
                         "    return m\n"
                         "end"))
        abort();
}

static struct route_options options_of(struct str rule, struct str host,
                                       struct str letters)
{
    static const struct str methods[] = {{"GET", 3}, {"POST", 4}};
    struct route_options o = {
        .text = rule, .methods = methods, .methods_n = 1, .max_content_length = -1};
    for (size_t i = 0; i < letters.n; i++) {
        char c = letters.p[i];
        o.strict_slashes = c == 's' ? ROUTE_NO : o.strict_slashes;
        o.merge_slashes = c == 'm' ? ROUTE_NO : o.merge_slashes;
        o.methods_n = c == 'p' ? 2 : o.methods_n;
        o.alias = o.alias || c == 'a';
        o.build_only = o.build_only || c == 'b';
        if (c == 'r')
            o.redirect_to = STR("/r/<x>");
        if (c == 'e')
            o.endpoint = STR("e");
        if (c == 'h')
            o.host = host;
        if (c == 'u')
            o.subdomain = host;
    }
    return o;
}

/* stack: defaults. The next rule is what the lines before it said. */
static struct str add_rules(struct route_map *map, struct str rest)
{
    struct str host = {NULL, 0}, letters = {NULL, 0};
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');
        if (str_eq(line, STR("?")))
            break;
        if (line.n && *line.p == '@')
            host = str_skip(line, 1);
        else if (line.n && *line.p == '!')
            letters = str_skip(line, 1);
        else {
            struct route_options o = options_of(line, host, letters);
            struct fault fault;
            int earlier;
            if (letters.n && memchr(letters.p, 'd', letters.n))
                o.defaults = lua_gettop(L);
            route_map_add(map, L, &o, &earlier, &fault);
        }
    }
    return rest;
}

/* Whether a built URL leads back to the endpoint. */
static void rebuild(struct route_map *map, const struct route_request *q,
                    const struct route_result *found)
{
    const struct route_rule *rule = route_map_rule(map, found->rule);
    struct url_options options = {
        .host = q->host, .method = q->method, .skips_aliases = true};
    route_push_values(L, map, found);
    if (url_build(L, map, rule->endpoint, lua_gettop(L), &options) == 1) {
        struct route_request again = *q;
        struct route_result result;
        struct fault fault;
        again.path.p = lua_tolstring(L, -1, &again.path.n);
        assert(again.path.n > 0);
        route_match(map, &again, &arena, &result, &fault);
        route_result_close(L, &result);
    }
}

static void match_line(struct route_map *map, struct str path, struct str host)
{
    struct route_request q = {.path = path,
                              .query = STR("q=1"),
                              .method = STR("GET"),
                              .scheme = STR("http"),
                              .host = host,
                              .L = L};
    static const char *const methods[] = {"GET", "POST", "OPTIONS", "BREW"};
    int top = lua_gettop(L);
    for (int i = 0; i < 4; i++) {
        struct route_result r;
        struct fault fault;
        q.method = str_from(methods[i]);
        enum route_outcome outcome = route_match(map, &q, &arena, &r, &fault);
        assert(lua_gettop(L) == top);
        assert(outcome != ROUTE_REDIRECT || r.location.n > 0);
        if (outcome == ROUTE_FOUND || outcome == ROUTE_OPTIONS)
            rebuild(map, &q, &r);
        route_result_close(L, &r);
        lua_settop(L, top);
    }
}

static int run(lua_State *state)
{
    const struct str *input = lua_touserdata(state, 1);
    lua_getglobal(L, "make");
    lua_call(L, 0, 1);
    struct route_map *map = route_map_check(L, -1);
    lua_newtable(L);
    lua_pushinteger(L, 7);
    lua_setfield(L, -2, "x");
    struct str rest = add_rules(map, *input);
    while (rest.p) {
        struct str path = str_cut(&rest, '\n');
        match_line(map, path, STR("ab.h.test"));
        match_line(map, path, STR("H.test:80"));
        arena_reset(&arena);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = {(const char *)data, size};
    if (!L)
        open_lua();
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, &input);
    lua_pcall(L, 1, 0, 0);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}
