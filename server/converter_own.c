/* Own converters: POSIX regexes run here, everything else is a call into Lua. */
#include "converter_own.h"

#include "base/buf.h"
#include <regex.h>
#include <stdlib.h>

struct converter_own {
    struct converter_own *next; /* the map's list, for converter_free_owned */
    bool has_regex;
    regex_t regex; /* anchored at both ends */
    /* Numbers of values that the map keeps; 0: none. */
    int find;    /* string.find, as it was when the converter was made */
    int pattern; /* anchored at both ends */
    int to_lua, to_url;
};

/* A definition in the making; the table stands at the stack's index `at`. */
struct defining {
    const struct converter_maker *maker;
    struct str name;
    int at;
    struct fault *fault;
};

static int wrong(const struct defining *d, const char *what)
{
    return fault_set(d->fault, 500, "converter %.*s: %s", (int)d->name.n, d->name.p,
                     what);
}

static void push_argument(lua_State *L, const struct converter_argument *a)
{
    switch (a->kind) {
    case ARGUMENT_INT:
        lua_pushinteger(L, (lua_Integer)a->integer);
        break;
    case ARGUMENT_FLOAT:
        lua_pushnumber(L, a->number);
        break;
    case ARGUMENT_BOOL:
        lua_pushboolean(L, a->integer != 0);
        break;
    case ARGUMENT_NONE:
        lua_pushlightuserdata(L, NULL); /* null: see base/value.h */
        break;
    default:
        lua_pushlstring(L, a->text.p, a->text.n);
    }
}

/* stack: function -> what it returned. Arguments with names become one last table. */
static void call_factory(lua_State *L, const struct converter_argument *arguments,
                         size_t n)
{
    int count = 0, named = 0;
    luaL_checkstack(L, (int)n + 4, "too many arguments for a converter");
    for (size_t i = 0; i < n; i++)
        if (!arguments[i].name.n) {
            push_argument(L, &arguments[i]);
            count++;
        }
    for (size_t i = 0; i < n; i++) {
        if (!arguments[i].name.n)
            continue;
        if (!named++)
            lua_newtable(L);
        lua_pushlstring(L, arguments[i].name.p, arguments[i].name.n);
        push_argument(L, &arguments[i]);
        lua_rawset(L, -3);
    }
    lua_call(L, count + (named > 0), 1);
}

/* The string field of the definition, left on the stack; .p is NULL when there is none.
 */
static struct str push_text_field(const struct defining *d, const char *field)
{
    struct str s = {NULL, 0};
    lua_getfield(d->maker->L, d->at, field);
    if (lua_type(d->maker->L, -1) == LUA_TSTRING)
        s.p = lua_tolstring(d->maker->L, -1, &s.n);
    return s;
}

/* Keeps the function in that field; its number, 0 for none, -1 for another value. */
static int keep_function(const struct defining *d, const char *field)
{
    lua_State *L = d->maker->L;
    lua_getfield(L, d->at, field);
    if (lua_isfunction(L, -1))
        return route_ref_keep(L, d->maker->map);
    bool is_missing = lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_missing)
        return 0;
    fault_set(d->fault, 500, "converter %.*s: %s must be a function", (int)d->name.n,
              d->name.p, field);
    return -1;
}

/* Whether values may have a slash: the text has one outside of `[^...]`. */
static bool says_slash(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '/')
            return true;
        if (text.p[i] != '[' || i + 2 >= text.n || text.p[i + 1] != '^')
            continue;
        const char *end = memchr(text.p + i + 3, ']', text.n - i - 3);
        i = end ? (size_t)(end - text.p) : text.n;
    }
    return false;
}

/* Perl's \d is taken by regcomp as a plain d: what people write by habit must not match
   something else in silence. */
static bool has_perl_digits(struct str regex)
{
    for (size_t i = 0; i + 1 < regex.n; i++)
        if (regex.p[i] == '\\' && (regex.p[++i] == 'd' || regex.p[i] == 'D'))
            return true;
    return false;
}

static int compile(const struct defining *d, struct converter_own *own, struct str regex)
{
    if (memchr(regex.p, 0, regex.n))
        return wrong(d, "a regex has no NUL");
    if (has_perl_digits(regex))
        return wrong(d, "POSIX regexes have no \\d: write [0-9]");
    struct buf anchored = {0};
    buf_addf(&anchored, "^(%s)$", regex.p);
    int error = anchored.is_exhausted
                    ? REG_ESPACE
                    : regcomp(&own->regex, anchored.p, REG_EXTENDED | REG_NOSUB);
    buf_free(&anchored);
    if (error) {
        char why[128];
        regerror(error, &own->regex, why, sizeof why);
        return fault_set(d->fault, 500, "converter %.*s: %s: %s", (int)d->name.n,
                         d->name.p, regex.p, why);
    }
    own->has_regex = true;
    own->next = *d->maker->owned;
    *d->maker->owned = own;
    return 0;
}

/* Behind the `]` of the set that begins at i, or 0 when there is none. */
static size_t end_of_set(struct str p, size_t i)
{
    i += 1 + (i + 1 < p.n && p.p[i + 1] == '^');
    for (size_t first = i; i < p.n; i++) {
        if (p.p[i] == '%')
            i++;
        else if (p.p[i] == ']' && i > first)
            return i + 1;
    }
    return 0;
}

/* Behind the escape that begins at i, or 0 when it isn't whole. */
static size_t end_of_escape(struct str p, size_t i)
{
    char kind = i + 1 < p.n ? p.p[i + 1] : '\0';
    size_t n = kind == 'b' ? 4 : 2; /* %b has two characters more */
    if (i + n > p.n || (kind == 'f' && (i + 2 >= p.n || p.p[i + 2] != '[')))
        return 0;
    return i + n;
}

/* Lua finds a mistake in a pattern only when matching comes to it, and not with every
   text: it must be found before requests do. */
static bool is_well_formed(struct str p)
{
    size_t depth = 0;
    for (size_t i = 0; i < p.n;) {
        char c = p.p[i];
        depth += c == '(';
        if (c == ')' && depth-- == 0)
            return false;
        i = c == '%' ? end_of_escape(p, i) : c == '[' ? end_of_set(p, i) : i + 1;
        if (i == 0)
            return false;
    }
    return depth == 0;
}

/* Whether the pattern ends in an anchor, a `$` that is not escaped. */
static bool has_end_anchor(struct str p)
{
    size_t escapes = 0;
    if (!p.n || p.p[p.n - 1] != '$')
        return false;
    while (escapes + 1 < p.n && p.p[p.n - 2 - escapes] == '%')
        escapes++;
    return escapes % 2 == 0;
}

/* stack: pattern -> . Keeps it with anchors, and string.find beside it. */
static int keep_pattern(const struct defining *d, struct converter_own *own,
                        struct str pattern)
{
    lua_State *L = d->maker->L;
    if (!is_well_formed(pattern))
        return fault_set(d->fault, 500, "converter %.*s: malformed pattern (%s)",
                         (int)d->name.n, d->name.p, pattern.p);
    lua_pushstring(L, pattern.n && *pattern.p == '^' ? "" : "^");
    lua_pushlstring(L, pattern.p, pattern.n);
    lua_pushstring(L, has_end_anchor(pattern) ? "" : "$");
    lua_concat(L, 3);
    own->pattern = route_ref_keep(L, d->maker->map);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "find");
    lua_remove(L, -2);
    own->find = route_ref_keep(L, d->maker->map);
    route_ref_push(L, d->maker->map, own->find);
    lua_pushliteral(L, "");
    route_ref_push(L, d->maker->map, own->pattern);
    if (lua_pcall(L, 2, 0, 0) == 0)
        return 0;
    return wrong(d, lua_tostring(L, -1));
}

/* The form tells converters apart by what they match; the identity by name and arguments,
   as nobody can see into functions. */
static int describe(const struct defining *d, struct converter *c, struct str matcher,
                    const struct converter_argument *arguments, size_t n)
{
    struct buf b = {0};
    buf_addf(&b, "own/%d/%d/%zu:", c->weight, c->own->has_regex, matcher.n);
    buf_addstr(&b, matcher);
    c->form = arena_copy(d->maker->arena, buf_str(&b));
    buf_addf(&b, "/%.*s", (int)d->name.n, d->name.p);
    for (size_t i = 0; i < n; i++) {
        buf_addf(&b, "/%zu:%zu:", arguments[i].name.n, arguments[i].text.n);
        buf_addstr(&b, arguments[i].name);
        buf_addstr(&b, arguments[i].text);
    }
    c->identity = arena_copy(d->maker->arena, buf_str(&b));
    buf_free(&b);
    return c->form.p && c->identity.p ? 0 : wrong(d, "out of memory");
}

static int take_weight(const struct defining *d, struct converter *c)
{
    lua_State *L = d->maker->L;
    lua_getfield(L, d->at, "weight");
    if (!lua_isnil(L, -1) && !lua_isinteger(L, -1))
        return wrong(d, "weight must be a whole number");
    c->weight = lua_isnil(L, -1) ? 100 : (int)lua_tointeger(L, -1);
    return 0;
}

static int take_matcher(const struct defining *d, struct converter *c,
                        struct str *matcher)
{
    struct str regex = push_text_field(d, "regex");
    struct str pattern = push_text_field(d, "pattern");
    if (!regex.p == !pattern.p)
        return wrong(d, "needs a string `regex` (POSIX extended) or `pattern` (Lua)");
    *matcher = regex.p ? regex : pattern;
    c->takes_slash = says_slash(*matcher);
    return regex.p ? compile(d, c->own, regex) : keep_pattern(d, c->own, pattern);
}

static int define(const struct defining *d, struct converter *c,
                  const struct converter_argument *arguments, size_t n)
{
    struct str matcher = {NULL, 0};
    if (take_weight(d, c) < 0 || take_matcher(d, c, &matcher) < 0)
        return -1;
    c->own->to_lua = keep_function(d, "to_lua");
    c->own->to_url = keep_function(d, "to_url");
    if (c->own->to_lua < 0 || c->own->to_url < 0)
        return -1;
    return describe(d, c, matcher, arguments, n);
}

struct converter *converter_own_new(const struct converter_maker *maker, struct str name,
                                    const struct converter_argument *arguments, size_t n,
                                    struct fault *fault)
{
    lua_State *L = maker->L;
    struct defining d = {maker, name, lua_gettop(L), fault};
    struct converter *c = arena_alloc(maker->arena, sizeof *c);
    struct converter_own *own = arena_alloc(maker->arena, sizeof *own);
    if (!c || !own) {
        fault_set(fault, 503, "out of memory");
        return NULL;
    }
    *own = (struct converter_own){0};
    *c = (struct converter){.kind = CONVERTER_OWN, .own = own};
    bool is_function = lua_isfunction(L, -1);
    if (is_function)
        call_factory(L, arguments, n);
    int error = 0;
    if (!is_function && n > 0)
        error = wrong(&d, "takes no arguments: it is a table, not a function");
    else if (!lua_istable(L, d.at))
        error = wrong(&d, "must be a table, or a function that returns one");
    else
        error = define(&d, c, arguments, n);
    lua_settop(L, d.at - 1);
    return error < 0 ? NULL : c;
}

void converter_free_owned(struct converter_own *owned)
{
    for (; owned; owned = owned->next)
        regfree(&owned->regex);
}

static bool takes_by_regex(const struct converter *c, struct str text,
                           struct arena *arena)
{
    if (text.n && memchr(text.p, 0, text.n))
        return false;
    char small[256];
    char *z = text.n < sizeof small ? small : arena_alloc(arena, text.n + 1);
    if (!z)
        return false;
    if (text.n)
        memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    return regexec(&c->own->regex, z, 0, NULL, 0) == 0;
}

/* A pattern that Lua refuses was an error when the converter was made; what is left are
   "pattern too complex" and its like, which take nothing. */
static bool takes_by_pattern(const struct converter *c, struct str text,
                             struct converter_lua *lua)
{
    lua_State *L = lua->L;
    if (!L || !lua_checkstack(L, 8))
        return false;
    route_ref_push(L, lua->map, c->own->find);
    lua_pushlstring(L, text.p, text.n);
    route_ref_push(L, lua->map, c->own->pattern);
    bool is_taken = lua_pcall(L, 2, 1, 0) == 0 && lua_isnumber(L, -1);
    lua_pop(L, 1);
    return is_taken;
}

bool converter_own_takes(const struct converter *c, struct str text,
                         struct converter_lua *lua)
{
    return c->own->has_regex ? takes_by_regex(c, text, lua->arena)
                             : takes_by_pattern(c, text, lua);
}

static enum converter_outcome failed(lua_State *L, struct fault *fault)
{
    const char *message = lua_tostring(L, -1);
    if (message && strstr(message, "yield across"))
        fault_set(fault, 500, "a converter's to_lua cannot wait (%s)", message);
    else
        fault_set(fault, 500, "a converter's to_lua raised %s",
                  message ? message : luaL_typename(L, -1));
    return CONVERTER_FAILED;
}

/* stack: value -> . Puts it into the table of the match's values. */
static void put_value(struct converter_lua *lua, struct route_value *value)
{
    lua_State *L = lua->L;
    if (!lua->table) {
        lua_newtable(L);
        lua_insert(L, -2);
        lua->table = lua_gettop(L) - 1;
    }
    value->kind = ROUTE_LUA;
    value->lua = ++lua->count;
    lua_rawseti(L, lua->table, value->lua);
}

enum converter_outcome converter_own_value(const struct converter *c, struct str text,
                                           struct converter_lua *lua,
                                           struct route_value *value, struct fault *fault)
{
    if (!c->own->to_lua)
        return CONVERTER_DONE;
    lua_State *L = lua->L;
    if (!L || !lua_checkstack(L, 8)) {
        fault_set(fault, 500, "no Lua stack for a converter");
        return CONVERTER_FAILED;
    }
    route_ref_push(L, lua->map, c->own->to_lua);
    lua_pushlstring(L, text.p, text.n);
    if (lua_pcall(L, 1, 1, 0))
        return failed(L, fault);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return CONVERTER_REFUSED;
    }
    put_value(lua, value);
    return CONVERTER_DONE;
}

bool converter_own_push_text(lua_State *L, const struct route_map *map,
                             const struct converter *c, int index)
{
    index = lua_absindex(L, index);
    if (c->own->to_url) {
        route_ref_push(L, map, c->own->to_url);
        lua_pushvalue(L, index);
        lua_call(L, 1, 1);
        index = lua_gettop(L);
    }
    if (lua_isnil(L, index)) {
        lua_pushliteral(L, "a converter's to_url refused the value");
        return false;
    }
    if (converter_push_str(L, index))
        return true;
    lua_pushfstring(L, "a %s is no text", luaL_typename(L, index));
    return false;
}
