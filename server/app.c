/* What an app's registration has left for its requests: plans, hooks, mounts. */
#include "app.h"

#include "base/value.h"
#include "options.h"
#include "route_lua.h"
#include "signals.h"
#include <stdlib.h>

static const char METATABLE[] = "cflask.app";

/* ---- what requests ask ---- */

void app_push(lua_State *L, struct app *a)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->self);
}

void app_close_registration(struct app *a)
{
    if (a->is_closed)
        return;
    a->is_closed = true;
    app_push(a->L, a);
    lua_getfield(a->L, -1, "_close");
    lua_insert(a->L, -2);
    lua_call(a->L, 1, 0);
    for (int i = 0; i < a->n_mounts; i++)
        app_close_registration(a->mounts[i].app);
}

int64_t app_config_integer(struct app *a, const char *key, int64_t missing)
{
    lua_rawgeti(a->L, LUA_REGISTRYINDEX, a->config);
    int64_t value = options_integer(a->L, -1, key, missing);
    lua_pop(a->L, 1);
    return value;
}

int64_t app_config_limit(struct app *a, const char *key, int64_t missing)
{
    lua_rawgeti(a->L, LUA_REGISTRYINDEX, a->config);
    int64_t value = options_limit(a->L, -1, key, missing);
    lua_pop(a->L, 1);
    return value;
}

bool app_config_boolean(struct app *a, const char *key)
{
    lua_rawgeti(a->L, LUA_REGISTRYINDEX, a->config);
    lua_pushstring(a->L, key);
    lua_rawget(a->L, -2);
    bool value = lua_toboolean(a->L, -1);
    lua_pop(a->L, 2);
    return value;
}

/* "*.example.com" is every host below example.com. */
static bool host_fits(struct str wanted, struct str host)
{
    if (wanted.n == 0)
        return true;
    if (!str_starts(wanted, STR("*.")))
        return str_ieq(wanted, host);
    struct str tail = str_skip(wanted, 1);
    return host.n > tail.n && str_ieq(str_skip(host, host.n - tail.n), tail);
}

/* Whole segments only: /shop holds /shop and /shop/x, not /shopping. */
static bool prefix_fits(struct str prefix, struct str path)
{
    return str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

const struct mount *app_find_mount(const struct app *a, struct str host, struct str path)
{
    for (int i = 0; i < a->n_mounts; i++) {
        const struct mount *mount = &a->mounts[i];
        if (host_fits(mount->host, host) && prefix_fits(mount->prefix, path))
            return mount;
    }
    return NULL;
}

/* ---- what Lua's registration says ---- */

static void free_hooks(lua_State *L, struct hooks *hooks)
{
    luaL_unref(L, LUA_REGISTRYINDEX, hooks->ref);
    *hooks = (struct hooks){LUA_NOREF, 0};
}

static void init_plan(struct plan *plan)
{
    const struct hooks none = {LUA_NOREF, 0};
    *plan = (struct plan){LUA_NOREF, LUA_NOREF, none, none, none, none, -1};
}

static void free_plan(lua_State *L, struct plan *plan)
{
    luaL_unref(L, LUA_REGISTRYINDEX, plan->view);
    luaL_unref(L, LUA_REGISTRYINDEX, plan->info);
    free_hooks(L, &plan->preprocessors);
    free_hooks(L, &plan->before);
    free_hooks(L, &plan->after);
    free_hooks(L, &plan->teardown);
}

static void take_hooks(lua_State *L, int index, const char *field, struct hooks *hooks)
{
    lua_getfield(L, index, field);
    if (!lua_istable(L, -1) || lua_rawlen(L, -1) == 0) {
        lua_pop(L, 1);
        return;
    }
    hooks->n = (int)lua_rawlen(L, -1);
    hooks->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void take_plan(lua_State *L, int index, struct plan *plan)
{
    free_plan(L, plan);
    init_plan(plan);
    lua_getfield(L, index, "view");
    if (lua_isnil(L, -1))
        lua_pop(L, 1);
    else
        plan->view = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, index);
    plan->info = luaL_ref(L, LUA_REGISTRYINDEX);
    take_hooks(L, index, "preprocessors", &plan->preprocessors);
    take_hooks(L, index, "before", &plan->before);
    take_hooks(L, index, "after", &plan->after);
    take_hooks(L, index, "teardown", &plan->teardown);
    plan->max_content_length = options_limit(L, index, "max_content_length", -1);
}

static void make_room(lua_State *L, struct app *a, int n)
{
    if (n <= a->n_plans)
        return;
    int room = n > a->n_plans * 2 ? n : a->n_plans * 2;
    struct plan *plans = realloc(a->plans, (size_t)room * sizeof *plans);
    if (!plans)
        luaL_error(L, "out of memory");
    for (int i = a->n_plans; i < room; i++)
        init_plan(&plans[i]);
    a->plans = plans;
    a->n_plans = room;
}

/* handle:plan(rule_id, plan); rule_id -1: for requests that match no rule. */
static int plan_lua(lua_State *L)
{
    struct app *a = app_check(L, 1);
    lua_Integer id = luaL_checkinteger(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_argcheck(L, id >= -1 && id < 1000000, 2, "no rule id");
    if (id < 0) {
        take_plan(L, 3, &a->unmatched);
        return 0;
    }
    make_room(L, a, (int)id + 1);
    take_plan(L, 3, &a->plans[id]);
    return 0;
}

static struct str keep_text(lua_State *L, int index)
{
    struct str s = STR("");
    if (!lua_isnoneornil(L, index))
        s.p = luaL_checklstring(L, index, &s.n);
    char *copy = malloc(s.n + 1);
    if (!copy)
        luaL_error(L, "out of memory");
    memcpy(copy, s.p, s.n + 1);
    return (struct str){copy, s.n};
}

/* A circle of mounts by host alone would be followed for ever. */
static bool reaches(const struct app *from, const struct app *to)
{
    if (from == to)
        return true;
    for (int i = 0; i < from->n_mounts; i++)
        if (reaches(from->mounts[i].app, to))
            return true;
    return false;
}

/* Longest prefix first; of two equal ones the longer host, and a.x before *.x. */
static bool comes_before(const struct mount *a, const struct mount *b)
{
    if (a->prefix.n != b->prefix.n)
        return a->prefix.n > b->prefix.n;
    if (a->host.n != b->host.n)
        return a->host.n > b->host.n;
    return str_starts(b->host, STR("*.")) && !str_starts(a->host, STR("*."));
}

/* handle:mount(prefix, host or nil, other): longest prefix first, hosts before none. */
static int mount_lua(lua_State *L)
{
    struct app *a = app_check(L, 1), *other = app_check(L, 4);
    luaL_checkstring(L, 2);
    luaL_optstring(L, 3, NULL);
    luaL_argcheck(L, !reaches(other, a), 4, "an app can't be mounted on itself");
    struct mount *mounts = realloc(a->mounts, ((size_t)a->n_mounts + 1) * sizeof *mounts);
    if (!mounts)
        return luaL_error(L, "out of memory");
    a->mounts = mounts;
    struct mount mount = {keep_text(L, 2), keep_text(L, 3), other};
    while (mount.prefix.n && mount.prefix.p[mount.prefix.n - 1] == '/')
        mount.prefix.n--;
    int at = a->n_mounts++;
    while (at > 0 && comes_before(&mount, &mounts[at - 1])) {
        mounts[at] = mounts[at - 1];
        at--;
    }
    mounts[at] = mount;
    lua_pushvalue(L, 4); /* keeps the other app alive */
    luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* handle:use_session_store(): sessions are opened and saved by the app's own functions.
 */
static int use_session_store_lua(lua_State *L)
{
    app_check(L, 1)->has_session_store = true;
    return 0;
}

static int free_lua(lua_State *L)
{
    struct app *a = luaL_checkudata(L, 1, METATABLE);
    for (int i = 0; i < a->n_plans; i++)
        free_plan(L, &a->plans[i]);
    free_plan(L, &a->unmatched);
    free(a->plans);
    for (int i = 0; i < a->n_mounts; i++) {
        free((char *)a->mounts[i].prefix.p);
        free((char *)a->mounts[i].host.p);
    }
    free(a->mounts);
    session_kept_free(a->sessions);
    luaL_unref(L, LUA_REGISTRYINDEX, a->session_names);
    luaL_unref(L, LUA_REGISTRYINDEX, a->self);
    luaL_unref(L, LUA_REGISTRYINDEX, a->config);
    luaL_unref(L, LUA_REGISTRYINDEX, a->map_ref);
    *a = (struct app){.self = LUA_NOREF,
                      .config = LUA_NOREF,
                      .map_ref = LUA_NOREF,
                      .session_names = LUA_NOREF};
    init_plan(&a->unmatched);
    return 0;
}

struct app *app_check(lua_State *L, int index)
{
    return luaL_checkudata(L, index, METATABLE);
}

static lua_State *main_state(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main;
}

int app_new_lua(lua_State *L)
{
    static const luaL_Reg methods[] = {{"plan", plan_lua},
                                       {"mount", mount_lua},
                                       {"use_session_store", use_session_store_lua},
                                       {NULL, NULL}};
    luaL_checktype(L, 1, LUA_TTABLE);
    struct route_map *map = route_map_check(L, 2);
    struct app *a = lua_newuserdatauv(L, sizeof *a, 0);
    *a = (struct app){.L = main_state(L),
                      .map = map,
                      .self = LUA_NOREF,
                      .config = LUA_NOREF,
                      .map_ref = LUA_NOREF,
                      .session_names = LUA_NOREF};
    init_plan(&a->unmatched);
    a->signals = signals_of(L);
    if (luaL_newmetatable(L, METATABLE)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, free_lua);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    a->self = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, 2);
    a->map_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, 1, "config");
    luaL_checktype(L, -1, LUA_TTABLE);
    a->config = luaL_ref(L, LUA_REGISTRYINDEX);
    return 1;
}
