/* From parsed header fields to Lua values. */
#include "field_lua.h"

#include "authorization.h"
#include "base/value.h"
#include "date.h"
#include "etag.h"
#include "field.h"
#include "range.h"
#include "text.h"

#define ACCEPT_TYPE "cflask.accept"
#define ARENA_TYPE  "cflask.arena"
#define ETAGS_TYPE  "cflask.etags"

static void raise_exhausted(lua_State *L)
{
    luaL_error(L, "out of memory");
}

/* Pushes the text's UTF-8. */
static void push_text(lua_State *L, struct arena *a, struct str s)
{
    struct str text = text_from_header(a, s);
    if (s.n && !text.p)
        raise_exhausted(L);
    lua_pushlstring(L, text.n ? text.p : "", text.n);
}

/* In lower case; with underscores for hyphens, where the name is to be a Lua field. */
static void push_name(lua_State *L, struct arena *a, struct str s, bool is_field_of_lua)
{
    char *lower = arena_alloc(a, s.n + 1);
    if (!lower)
        raise_exhausted(L);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        lower[i] = (char)(c >= 'A' && c <= 'Z'          ? c + 32
                          : c == '-' && is_field_of_lua ? '_'
                                                        : c);
    }
    push_text(L, a, (struct str){lower, s.n});
}

/* The parsers work in an arena, which is a userdata so that an error's longjmp loses
   nothing. It stands on the stack below what is pushed, from push_arena to drop_arena. */

static int free_arena(lua_State *L)
{
    arena_free(lua_touserdata(L, 1));
    return 0;
}

static struct arena *push_arena(lua_State *L)
{
    luaL_checkstack(L, 10, NULL);
    struct arena *a = lua_newuserdatauv(L, sizeof *a, 0);
    *a = (struct arena){NULL, NULL, NULL};
    if (luaL_newmetatable(L, ARENA_TYPE)) {
        lua_pushcfunction(L, free_arena);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return a;
}

/* Takes the arena away from below the top `results` values. */
static void drop_arena(lua_State *L, int results)
{
    arena_free(lua_touserdata(L, -results - 1));
    lua_remove(L, -results - 1);
}

/* Accept. */

static struct accept *check_accept(lua_State *L)
{
    return luaL_checkudata(L, 1, ACCEPT_TYPE);
}

static struct str check_value(lua_State *L, const struct accept *accept, int index)
{
    struct str value;
    value.p = luaL_checklstring(L, index, &value.n);
    if (!accept_is_proper(accept->kind, value))
        luaL_error(L, "'%s' is no mimetype (type/subtype)", value.p);
    return value;
}

/* a:quality(x) */
static int quality(lua_State *L)
{
    struct accept *accept = check_accept(L);
    const struct accept_item *item = accept_find(accept, check_value(L, accept, 2));
    lua_pushnumber(L, item ? item->quality : 0);
    return 1;
}

/* a:accepts(x) */
static int accepts(lua_State *L)
{
    struct accept *accept = check_accept(L);
    lua_pushboolean(L, accept_find(accept, check_value(L, accept, 2)) != NULL);
    return 1;
}

/* a:values() */
static int values(lua_State *L)
{
    struct accept *accept = check_accept(L);
    value_push_list(L, (int)accept->n);
    for (size_t i = 0; i < accept->n; i++) {
        lua_pushlstring(L, accept->items[i].value.p, accept->items[i].value.n);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* a:best_match(list, default). stack: accept, list, default, array. The list holds on to
   the strings that the array points to. */
static int best_match(lua_State *L)
{
    struct accept *accept = check_accept(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 3);
    size_t n = lua_rawlen(L, 2);
    struct str *list = lua_newuserdatauv(L, n * sizeof *list + 1, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 2, (int)i + 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            return luaL_error(L, "best_match takes a list of strings; item %d is a %s",
                              (int)i + 1, luaL_typename(L, -1));
        list[i] = check_value(L, accept, 5);
        lua_settop(L, 4);
    }
    int best = accept_best_match(accept, list, n);
    if (best >= 0)
        lua_rawgeti(L, 2, best + 1);
    else
        lua_pushvalue(L, 3);
    return 1;
}

/* The fields accept_html and accept_json; else the methods. */
static int index_accept(lua_State *L)
{
    struct accept *accept = check_accept(L);
    struct str name = {NULL, 0};
    if (lua_type(L, 2) == LUA_TSTRING)
        name.p = lua_tolstring(L, 2, &name.n);
    bool is_html = str_eq(name, STR("accept_html"));
    if (accept->kind == ACCEPT_MIMETYPES &&
        (is_html || str_eq(name, STR("accept_json")))) {
        struct str type = is_html ? STR("text/html") : STR("application/json");
        lua_pushboolean(L, accept_find(accept, type) != NULL);
        return 1;
    }
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
}

static void set_accept_metatable(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"best_match", best_match}, {"quality", quality}, {"accepts", accepts},
        {"values", values},         {NULL, NULL},
    };
    if (luaL_newmetatable(L, ACCEPT_TYPE)) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_pushcclosure(L, index_accept, 1);
        lua_setfield(L, -2, "__index");
    }
    lua_setmetatable(L, -2);
}

/* Makes *to, with the items and the bytes in the memory behind it, a copy of *from. */
static void copy_accept(struct accept *to, const struct accept *from)
{
    *to = (struct accept){from->kind, (struct accept_item *)(to + 1), from->n};
    char *bytes = (char *)(to->items + from->n);
    for (size_t i = 0; i < from->n; i++) {
        struct str value = from->items[i].value;
        to->items[i] = from->items[i];
        to->items[i].value.p = bytes;
        memcpy(bytes, value.p, value.n);
        bytes += value.n;
    }
}

void field_push_accept(lua_State *L, enum accept_kind kind, struct str field)
{
    struct arena *a = push_arena(L);
    struct accept parsed;
    field = text_from_header(a, field);
    if (accept_parse(a, kind, field, &parsed) < 0)
        raise_exhausted(L);
    size_t size = sizeof parsed + parsed.n * sizeof *parsed.items;
    for (size_t i = 0; i < parsed.n; i++)
        size += parsed.items[i].value.n;
    copy_accept(lua_newuserdatauv(L, size, 0), &parsed);
    set_accept_metatable(L);
    drop_arena(L, 1);
}

/* Tags: a table {star=, strong=, weak=} with methods. */

static bool list_has(lua_State *L, const char *list)
{
    bool has = false;
    lua_getfield(L, 1, list);
    int n = lua_istable(L, -1) ? (int)lua_rawlen(L, -1) : 0;
    for (int i = 1; i <= n && !has; i++) {
        lua_rawgeti(L, -1, i);
        has = lua_rawequal(L, -1, 2);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return has;
}

static bool is_contained(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checkstring(L, 2);
    lua_getfield(L, 1, "star");
    bool is_star = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_star || list_has(L, "strong");
}

/* etags:contains(tag) */
static int contains(lua_State *L)
{
    lua_pushboolean(L, is_contained(L));
    return 1;
}

/* etags:contains_weak(tag) */
static int contains_weak(lua_State *L)
{
    lua_pushboolean(L, is_contained(L) || list_has(L, "weak"));
    return 1;
}

static void set_etags_metatable(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"contains", contains},
        {"contains_weak", contains_weak},
        {NULL, NULL},
    };
    if (luaL_newmetatable(L, ETAGS_TYPE)) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_setmetatable(L, -2);
}

void field_push_etags(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    struct etag tag;
    bool is_star, has_star = false;
    int n[2] = {0, 0};
    lua_newtable(L);
    value_push_list(L, 0);
    value_push_list(L, 0); /* stack: etags, strong, weak */
    while (etag_next(&field, &tag, &is_star)) {
        has_star |= is_star;
        if (is_star)
            continue;
        push_text(L, a, tag.tag);
        lua_rawseti(L, tag.is_weak ? -2 : -3, ++n[tag.is_weak]);
    }
    lua_setfield(L, -3, "weak");
    lua_setfield(L, -2, "strong");
    lua_pushboolean(L, has_star);
    lua_setfield(L, -2, "star");
    set_etags_metatable(L);
    drop_arena(L, 1);
}

/* Tables. */

void field_push_if_range(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    struct etag tag;
    bool is_star;
    lua_newtable(L);
    int64_t date = date_parse(field);
    if (date != -1) {
        lua_pushinteger(L, date);
        lua_setfield(L, -2, "date");
    } else if (etag_next(&field, &tag, &is_star)) {
        push_text(L, a, tag.tag);
        lua_setfield(L, -2, "etag");
    }
    drop_arena(L, 1);
}

/* {first, end}, {first} or {-n} */
static void push_one_range(lua_State *L, const struct range *range)
{
    bool is_nothing = range->is_suffix && range->first == 0;
    value_push_list(L, 2);
    lua_pushinteger(L, range->is_suffix ? -range->first : range->first);
    lua_rawseti(L, -2, 1);
    if (range->end == RANGE_OPEN && !is_nothing)
        return;
    lua_pushinteger(L, is_nothing ? 0 : range->end);
    lua_rawseti(L, -2, 2);
}

/* Pushes the table, or nil. */
static void push_ranges(lua_State *L, struct arena *a, struct str field)
{
    struct str units, list;
    struct range range;
    int n = 0, result;
    if (!field.p || !range_split(field, &units, &list)) {
        lua_pushnil(L);
        return;
    }
    lua_newtable(L);
    push_name(L, a, units, false);
    lua_setfield(L, -2, "units");
    value_push_list(L, 1);
    while ((result = range_next(&list, &range)) == 1) {
        push_one_range(L, &range);
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -2, "ranges");
    if (result < 0 || !n) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

void field_push_range(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    push_ranges(L, a, field);
    drop_arena(L, 1);
}

static void set_text(lua_State *L, struct arena *a, const char *key, struct str s)
{
    if (!s.p)
        return;
    push_text(L, a, s);
    lua_setfield(L, -2, key);
}

/* Pushes a table of the pairs; what has no value is true. */
static void push_pairs(lua_State *L, struct arena *a, const struct pairs *list)
{
    lua_createtable(L, 0, (int)list->n);
    for (size_t i = 0; i < list->n; i++) {
        push_text(L, a, list->items[i].name);
        if (list->items[i].value.p)
            push_text(L, a, list->items[i].value);
        else
            lua_pushboolean(L, 1);
        lua_rawset(L, -3);
    }
}

static void push_authorization(lua_State *L, struct arena *a,
                               const struct authorization *parsed)
{
    lua_newtable(L);
    set_text(L, a, "type", parsed->type);
    set_text(L, a, "username", parsed->username);
    set_text(L, a, "password", parsed->password);
    set_text(L, a, "token", parsed->token);
    push_pairs(L, a, &parsed->parameters);
    lua_setfield(L, -2, "parameters");
}

void field_push_authorization(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    struct authorization parsed;
    int result = authorization_parse(a, field, &parsed);
    if (result < 0)
        raise_exhausted(L);
    if (result)
        push_authorization(L, a, &parsed);
    else
        lua_pushnil(L);
    drop_arena(L, 1);
}

static bool is_counted(struct str directive)
{
    static const char *const names[] = {"max-age",        "max-stale",
                                        "min-fresh",      "s-maxage",
                                        "stale-if-error", "stale-while-revalidate"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_ieq(directive, str_from(names[i])))
            return true;
    return false;
}

void field_push_cache_control(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    struct pairs list = {0};
    if (field_parse_dict(a, field, &list) < 0)
        raise_exhausted(L);
    lua_newtable(L);
    for (size_t i = 0; i < list.n; i++) {
        struct pair p = list.items[i];
        push_name(L, a, p.name, true);
        if (!p.value.p)
            lua_pushboolean(L, 1);
        else if (is_counted(p.name))
            field_push_integer(L, p.value);
        else
            push_text(L, a, p.value);
        lua_rawset(L, -3);
    }
    drop_arena(L, 1);
}

void field_push_mimetype(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    struct str mimetype;
    struct pairs parameters = {0};
    if (field_parse_parameters(a, field, &mimetype, &parameters) < 0)
        raise_exhausted(L);
    push_name(L, a, mimetype, false);
    push_pairs(L, a, &parameters);
    drop_arena(L, 2);
}

void field_push_list(lua_State *L, struct str field)
{
    struct arena *a = push_arena(L);
    struct str item;
    int n = 0;
    value_push_list(L, 0);
    while (field_next_item(&field, &item)) {
        item = field_unquote(a, item);
        if (!item.p)
            raise_exhausted(L);
        push_text(L, a, item);
        lua_rawseti(L, -2, ++n);
    }
    drop_arena(L, 1);
}

void field_push_access_route(lua_State *L, struct str forwarded_for,
                             struct str remote_addr)
{
    if (forwarded_for.p) {
        field_push_list(L, forwarded_for);
        return;
    }
    struct arena *a = push_arena(L);
    value_push_list(L, 1);
    if (remote_addr.p) {
        push_text(L, a, remote_addr);
        lua_rawseti(L, -2, 1);
    }
    drop_arena(L, 1);
}

void field_push_date(lua_State *L, struct str field)
{
    int64_t date = date_parse(field);
    if (date == -1)
        lua_pushnil(L);
    else
        lua_pushinteger(L, date);
}

void field_push_integer(lua_State *L, struct str field)
{
    int64_t n = 0;
    struct str s = str_trim(field);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, s.p[i] - '0', &n)) {
            s.n = 0;
            break;
        }
    }
    if (s.n)
        lua_pushinteger(L, n);
    else
        lua_pushnil(L);
}
