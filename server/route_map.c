/* Adding rules: their texts are parsed, put into the tree for matching and into their
   endpoint's group for building. */
#include "route_map.h"

#include "base/utf8.h"
#include <stdlib.h>

/* The methods that each map has, by number. GET is the first to be looked for. */
static const char *const first_methods[] = {"GET", "HEAD", "OPTIONS", "POST"};

enum { GET = 1 << 0, HEAD = 1 << 1, OPTIONS = 1 << 2 };

/* Two rules that share only these are no mistake. */
#define BY_THEMSELVES ((uint64_t)(HEAD | OPTIONS))

/* A rule in the making. */
struct adding {
    struct route_map *map;
    lua_State *L;
    const struct route_options *o;
    struct route_rule *rule;
    struct converter_maker maker;
    struct fault *fault;
};

static int out_of_memory(struct fault *fault)
{
    return fault_set(fault, 503, "out of memory");
}

struct route_map *route_map_new(void)
{
    struct route_map *map = calloc(1, sizeof *map);
    if (!map)
        return NULL;
    map->root = tree_new(&map->arena);
    map->hosts = tree_new(&map->arena);
    map->strict_slashes = map->merge_slashes = map->automatic_options = true;
    for (size_t i = 0; i < sizeof first_methods / sizeof *first_methods; i++)
        map->methods[map->methods_n++] = str_from(first_methods[i]);
    if (map->root && map->hosts)
        return map;
    route_map_free(map);
    return NULL;
}

void route_map_free(struct route_map *map)
{
    if (!map)
        return;
    converter_free_owned(map->owned);
    segment_free(&map->scratch);
    buf_free(&map->out);
    arena_free(&map->arena);
    free(map);
}

void route_map_set_slashes(struct route_map *map, bool is_strict, bool merges)
{
    map->strict_slashes = is_strict;
    map->merge_slashes = merges;
}

void route_map_set_automatic_options(struct route_map *map, bool provides)
{
    map->automatic_options = provides;
}

/* Where the port begins (at its colon), or the end. An IPv6 address stands in brackets.
 */
static size_t port_at(struct str host)
{
    size_t i = host.n;
    while (i && host.p[i - 1] >= '0' && host.p[i - 1] <= '9')
        i--;
    return i && host.p[i - 1] == ':' ? i - 1 : host.n;
}

static struct str lower(struct str s, char *to)
{
    for (size_t i = 0; to && i < s.n; i++)
        to[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 32) : s.p[i];
    return (struct str){to, to ? s.n : 0};
}

struct str route_map_host_name(struct str host, char *to, size_t size,
                               struct arena *arena)
{
    host.n = port_at(host);
    return lower(host, host.n <= size && to ? to : arena_alloc(arena, host.n + 1));
}

int route_map_set_server_name(struct route_map *map, struct str server_name)
{
    struct str s = lower(server_name, arena_alloc(&map->arena, server_name.n + 1));
    if (!s.p)
        return -1;
    map->server_name = map->server_host = s;
    map->server_host.n = port_at(s);
    return 0;
}

int route_map_count(const struct route_map *map)
{
    return (int)map->rules_n;
}

enum route_domains route_map_domains(const struct route_map *map)
{
    return map->domains;
}

const struct route_rule *route_map_rule(const struct route_map *map, int number)
{
    return map->rules[number];
}

uint64_t route_map_method(const struct route_map *map, struct str method)
{
    for (size_t i = 0; i < map->methods_n; i++)
        if (str_eq(map->methods[i], method))
            return (uint64_t)1 << i;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : x->n < y->n ? -1 : x->n > y->n;
}

static void sort_names(struct str *names, size_t n)
{
    if (n > 1)
        qsort(names, n, sizeof *names, compare_names);
}

const struct str *route_map_method_names(const struct route_map *map, uint64_t methods,
                                         struct arena *arena, size_t *n)
{
    struct str *names = arena_alloc(arena, ROUTE_MOST_METHODS * sizeof *names);
    *n = 0;
    for (size_t i = 0; names && i < map->methods_n; i++)
        if (methods >> i & 1)
            names[(*n)++] = map->methods[i];
    sort_names(names, *n);
    return names;
}

bool route_map_has_argument(const struct route_rule *rule, struct str name)
{
    for (size_t i = 0; i < rule->values_n; i++)
        if (str_eq(rule->values[i].name, name))
            return true;
    return false;
}

/* Copies one text into the map; an absent one stays absent. */
static int keep(struct adding *a, struct str s, struct str *to)
{
    *to = s.p ? arena_copy(&a->map->arena, s) : s;
    return s.p && !to->p ? out_of_memory(a->fault) : 0;
}

static int add_method(struct adding *a, struct str method)
{
    struct route_map *map = a->map;
    uint64_t bit = route_map_method(map, method);
    if (!method.n)
        return fault_set(a->fault, 500, "a method's name is empty");
    if (!bit && map->methods_n == ROUTE_MOST_METHODS)
        return fault_set(a->fault, 500, "a map has at most %d methods",
                         ROUTE_MOST_METHODS);
    if (!bit) {
        if (keep(a, method, &map->methods[map->methods_n]) < 0)
            return -1;
        bit = (uint64_t)1 << map->methods_n++;
    }
    a->rule->methods |= bit;
    return 0;
}

static int add_methods(struct adding *a)
{
    const struct route_options *o = a->o;
    struct route_rule *rule = a->rule;
    for (size_t i = 0; i < o->methods_n; i++)
        if (add_method(a, o->methods[i]) < 0)
            return -1;
    rule->any_method = o->any_method;
    if (rule->methods & GET)
        rule->methods |= HEAD;
    bool wants =
        o->provide_automatic_options == ROUTE_YES ||
        (o->provide_automatic_options == ROUTE_UNSET && a->map->automatic_options &&
         !rule->any_method && !(rule->methods & OPTIONS));
    rule->is_options_automatic = wants;
    rule->methods |= wants ? OPTIONS : 0;
    return 0;
}

static bool choose(enum route_choice choice, bool otherwise)
{
    return choice == ROUTE_UNSET ? otherwise : choice == ROUTE_YES;
}

static int copy_options(struct adding *a)
{
    const struct route_options *o = a->o;
    struct route_rule *rule = a->rule;
    rule->strict_slashes = choose(o->strict_slashes, a->map->strict_slashes);
    rule->merge_slashes = choose(o->merge_slashes, a->map->merge_slashes);
    rule->alias = o->alias;
    rule->build_only = o->build_only;
    rule->max_content_length = o->max_content_length;
    if (keep(a, o->text, &rule->text) < 0 ||
        keep(a, o->endpoint.p ? o->endpoint : o->text, &rule->endpoint) < 0 ||
        keep(a, o->redirect_to, &rule->redirect_to) < 0)
        return -1;
    return add_methods(a);
}

/* The host or subdomain. An empty subdomain is that of rules without one. */
static int parse_domain(struct adding *a)
{
    const struct route_options *o = a->o;
    enum route_domains wanted = o->host.p && o->host.n             ? ROUTE_HOSTS
                                : o->subdomain.p && o->subdomain.n ? ROUTE_SUBDOMAINS
                                                                   : ROUTE_NO_DOMAINS;
    if (wanted == ROUTE_NO_DOMAINS)
        return 0;
    if (a->map->domains != ROUTE_NO_DOMAINS && a->map->domains != wanted)
        return fault_set(a->fault, 500, "an app matches hosts or subdomains, not both");
    if (keep(a, wanted == ROUTE_HOSTS ? o->host : o->subdomain, &a->rule->domain) < 0)
        return -1;
    struct str name = a->rule->domain;
    if (wanted == ROUTE_HOSTS)
        name.n = port_at(name);
    a->rule->domain_port = str_skip(a->rule->domain, name.n);
    if (rule_parse_host(&a->maker, name, &a->rule->host, a->fault) < 0)
        return -1;
    a->map->domains = wanted;
    return 0;
}

static void collect_variables(struct route_rule *rule, const struct rule_text *text)
{
    for (size_t i = 0; i < text->pieces_n; i++)
        if (text->pieces[i].converter)
            rule->variables[rule->variables_n++] = (struct route_variable){
                .name = text->pieces[i].text, .converter = text->pieces[i].converter};
}

/* stack: -> . Copies the defaults into a plain table, and their names into the map. */
static int take_defaults(struct adding *a)
{
    lua_State *L = a->L;
    int from = a->o->defaults;
    if (!from)
        return 0;
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, from); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            return fault_set(a->fault, 500, "the names in `defaults` must be strings");
        n++;
    }
    struct str *names = arena_alloc(&a->map->arena, (n + 1) * sizeof *names);
    if (!names)
        return out_of_memory(a->fault);
    a->rule->default_names = names;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, from);) {
        struct str name;
        name.p = lua_tolstring(L, -2, &name.n);
        if (keep(a, name, &names[a->rule->default_names_n++]) < 0)
            return -1;
        lua_pushvalue(L, -2);
        lua_insert(L, -2); /* stack: copy, name, name, value */
        lua_rawset(L, -4);
    }
    sort_names(names, n);
    a->rule->defaults = route_ref_keep(L, a->map);
    return 0;
}

static bool has_default(const struct route_rule *rule, struct str name)
{
    for (size_t i = 0; i < rule->default_names_n; i++)
        if (str_eq(rule->default_names[i], name))
            return true;
    return false;
}

static bool has_variable(const struct route_rule *rule, struct str name)
{
    for (size_t i = 0; i < rule->variables_n; i++)
        if (str_eq(rule->variables[i].name, name))
            return true;
    return false;
}

/* What a match will give: the variables in order, then the other defaults. */
static int list_values(struct adding *a)
{
    struct route_rule *rule = a->rule;
    size_t most = rule->variables_n + rule->default_names_n;
    rule->values = arena_alloc(&a->map->arena, (most + 1) * sizeof *rule->values);
    if (!rule->values)
        return out_of_memory(a->fault);
    for (size_t i = 0; i < rule->variables_n; i++) {
        struct route_variable *v = &rule->variables[i];
        v->has_default = has_default(rule, v->name);
        rule->values[rule->values_n++] = (struct route_value){
            .name = v->name, .kind = v->has_default ? ROUTE_DEFAULT : ROUTE_TEXT};
    }
    for (size_t i = 0; i < rule->default_names_n; i++)
        if (!has_variable(rule, rule->default_names[i]))
            rule->values[rule->values_n++] = (struct route_value){
                .name = rule->default_names[i], .kind = ROUTE_DEFAULT};
    return 0;
}

static int parse_texts(struct adding *a)
{
    struct route_rule *rule = a->rule;
    if (parse_domain(a) < 0 || rule_parse(&a->maker, a->o->text, rule->merge_slashes,
                                          &rule->host, &rule->path, a->fault) < 0)
        return -1;
    size_t most = rule->host.pieces_n + rule->path.pieces_n;
    rule->variables = arena_alloc(&a->map->arena, (most + 1) * sizeof *rule->variables);
    if (!rule->variables)
        return out_of_memory(a->fault);
    collect_variables(rule, &rule->host);
    collect_variables(rule, &rule->path);
    return take_defaults(a) < 0 || list_values(a) < 0 ? -1 : 0;
}

/* Each <name> in a redirect's text must be an argument of the rule. */
static int check_redirect(struct adding *a)
{
    struct str rest = a->rule->redirect_to;
    while (rest.p) {
        str_cut(&rest, '<');
        const char *end = rest.n ? memchr(rest.p, '>', rest.n) : NULL;
        struct str name = {rest.p, end ? (size_t)(end - rest.p) : 0};
        if (end && name.n && !route_map_has_argument(a->rule, name))
            return fault_set(a->fault, 500,
                             "redirect_to has <%.*s>, which \"%.*s\" lacks", (int)name.n,
                             name.p, (int)a->rule->text.n, a->rule->text.p);
    }
    return 0;
}

static int keep_redirect_function(struct adding *a)
{
    if (!a->o->redirect_function)
        return 0;
    lua_pushvalue(a->L, a->o->redirect_function);
    a->rule->redirect_function = route_ref_keep(a->L, a->map);
    return 0;
}

static bool has_equal_converters(const struct route_rule *a, const struct route_rule *b)
{
    for (size_t i = 0; i < a->variables_n; i++)
        if (!str_eq(a->variables[i].converter->identity,
                    b->variables[i].converter->identity))
            return false;
    return a->variables_n == b->variables_n;
}

/* The first rule at the same place that takes a method of this one with the same values.
 */
static int find_earlier(const struct tree_state *state, const struct route_rule *rule)
{
    for (size_t i = 0; i < state->rules_n; i++) {
        const struct route_rule *r = state->rules[i];
        bool shares = r->any_method || rule->any_method ||
                      (r->methods & rule->methods & ~BY_THEMSELVES);
        if (shares && has_equal_converters(r, rule))
            return r->number;
    }
    return -1;
}

static int put_into_tree(struct adding *a, int *earlier)
{
    struct route_rule *rule = a->rule;
    struct arena *arena = &a->map->arena;
    if (rule->build_only)
        return 0;
    struct tree_state *s = a->map->root;
    if (rule->domain.p)
        s = tree_descend(arena, a->map->hosts, rule->host.parts, rule->host.parts_n);
    s = s ? tree_descend(arena, s, rule->path.parts, rule->path.parts_n) : NULL;
    if (!s)
        return out_of_memory(a->fault);
    *earlier = find_earlier(s, rule);
    return tree_put_rule(arena, s, rule) < 0 ? out_of_memory(a->fault) : 0;
}

/* Room for one item more in a list of rules. */
static int reserve(struct arena *a, struct route_rule ***rules, size_t n, size_t *size)
{
    if (n < *size)
        return 0;
    size_t bigger = *size ? *size * 2 : 4;
    struct route_rule **to = arena_alloc(a, bigger * sizeof *to);
    if (!to)
        return -1;
    if (n)
        memcpy(to, *rules, n * sizeof *to);
    *rules = to;
    *size = bigger;
    return 0;
}

/* Aliases last; else rules with more arguments first, of as many those with more
 * defaults. */
static bool is_built_before(const struct route_rule *a, const struct route_rule *b)
{
    if (a->alias != b->alias)
        return b->alias;
    if (a->values_n != b->values_n)
        return a->values_n > b->values_n;
    return a->default_names_n > b->default_names_n;
}

static bool is_same_text(const struct rule_text *a, const struct rule_text *b)
{
    if (a->pieces_n != b->pieces_n)
        return false;
    for (size_t i = 0; i < a->pieces_n; i++)
        if (!a->pieces[i].converter != !b->pieces[i].converter ||
            !str_eq(a->pieces[i].text, b->pieces[i].text))
            return false;
    return true;
}

bool route_map_has_defaults_for(const struct route_rule *a, const struct route_rule *b)
{
    if (a == b || a->build_only || !a->default_names_n || a->values_n != b->values_n ||
        (is_same_text(&a->host, &b->host) && is_same_text(&a->path, &b->path)))
        return false;
    for (size_t i = 0; i < a->values_n; i++)
        if (!route_map_has_argument(b, a->values[i].name))
            return false;
    return true;
}

/* The rule is new in the group, at that place; the flags of the others stay true. */
static void note_canonical(const struct route_group *g, size_t at)
{
    struct route_rule *rule = g->rules[at];
    for (size_t i = 0; i < at && !rule->has_canonical; i++)
        rule->has_canonical = route_map_has_defaults_for(g->rules[i], rule);
    for (size_t i = at + 1; i < g->n; i++)
        if (route_map_has_defaults_for(rule, g->rules[i]))
            g->rules[i]->has_canonical = true;
}

static struct route_group *find_group(struct adding *a, struct str endpoint)
{
    struct route_group *g = strmap_get(&a->map->groups, endpoint);
    if (g)
        return g;
    g = arena_alloc(&a->map->arena, sizeof *g);
    if (!g)
        return NULL;
    *g = (struct route_group){.endpoint = endpoint};
    return strmap_put(&a->map->groups, &a->map->arena, endpoint, g) == 0 ? g : NULL;
}

static int put_into_group(struct adding *a)
{
    struct route_rule *rule = a->rule;
    struct route_group *g = find_group(a, rule->endpoint);
    if (!g || reserve(&a->map->arena, &g->rules, g->n, &g->size) < 0)
        return out_of_memory(a->fault);
    size_t at = g->n++;
    for (; at && is_built_before(rule, g->rules[at - 1]); at--)
        g->rules[at] = g->rules[at - 1];
    g->rules[at] = rule;
    rule->group = g;
    note_canonical(g, at);
    return 0;
}

static int add(struct adding *a, int *earlier)
{
    struct route_map *map = a->map;
    if (reserve(&map->arena, &map->rules, map->rules_n, &map->rules_size) < 0)
        return out_of_memory(a->fault);
    if (copy_options(a) < 0 || parse_texts(a) < 0 || check_redirect(a) < 0 ||
        keep_redirect_function(a) < 0)
        return -1;
    a->rule->number = (int)map->rules_n;
    if (put_into_group(a) < 0 || put_into_tree(a, earlier) < 0)
        return -1;
    map->rules[map->rules_n++] = a->rule;
    return a->rule->number;
}

int route_map_add(struct route_map *map, lua_State *L,
                  const struct route_options *options, int *earlier, struct fault *fault)
{
    struct adding a = {
        .map = map,
        .L = L,
        .o = options,
        .rule = arena_alloc(&map->arena, sizeof *a.rule),
        .maker = {L, map, &map->arena, &map->owned},
        .fault = fault,
    };
    *earlier = -1;
    if (!a.rule)
        return out_of_memory(fault);
    *a.rule = (struct route_rule){0};
    return add(&a, earlier);
}
