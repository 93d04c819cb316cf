/* What registration leaves behind: plans, mounts, configuration. Apps are made in Lua, as
   lua/cflask/app.lua does. */
#include "app.c"

#include "core_lua.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static lua_State *L;

static const char prelude[] =
    "core = require 'cflask.core'\n"
    "function new(config)\n"
    "    local app = {config = config or {}, n_closed = 0}\n"
    "    function app:_close() self.n_closed = self.n_closed + 1 end\n"
    "    app.handle = core.app(app, core.route_map{})\n"
    "    return app\n"
    "end\n"
    "function same(got, expected)\n"
    "    if got ~= expected then\n"
    "        error(('got %s, not %s'):format(tostring(got), tostring(expected)), 2)\n"
    "    end\n"
    "end\n"
    "function fails(wanted, fn, ...)\n"
    "    local ok, message = pcall(fn, ...)\n"
    "    if ok or not tostring(message):find(wanted, 1, true) then\n"
    "        error(('said %s, not %s'):format(tostring(message), wanted), 2)\n"
    "    end\n"
    "end\n";

static void run(const char *chunk)
{
    lua_settop(L, 0);
    if (luaL_dostring(L, chunk))
        fail_msg("%s", lua_tostring(L, -1));
}

/* The app in the Lua global of that name. */
static struct app *app_named(const char *name)
{
    lua_getglobal(L, name);
    lua_getfield(L, -1, "handle");
    struct app *a = app_check(L, -1);
    lua_pop(L, 2);
    return a;
}

static void mounts(void **state)
{
    (void)state;
    run("app, shop, long, any, wild, exact, x = new(), new(), new(), new(), new(), "
        "new(), new()\n"
        "app.handle:mount('', '*.h.test', wild.handle) app.handle:mount('', 'a.h.test', "
        "exact.handle)\n"
        "app.handle:mount('/', 'root.test', any.handle)\n"
        "app.handle:mount('/shop', nil, shop.handle) app.handle:mount('/shop/long/', "
        "nil, long.handle)\n"
        "app.handle:mount('/shop', 'x.test', x.handle)");
    static const struct {
        const char *host, *path, *app; /* app: NULL for none */
        size_t prefix;
    } cases[] = {
        {"h", "/shop", "shop", 5},
        {"h", "/shop/", "shop", 5},
        {"h", "/shop/a", "shop", 5},
        {"h", "/shop/lon", "shop", 5},
        {"h", "/shop/long", "long", 10},
        {"h", "/shop/long/x", "long", 10},
        {"h", "/shop/longer", "shop", 5},
        {"h", "/shopping", NULL, 0},
        {"h", "/Shop", NULL, 0},
        {"h", "/", NULL, 0},
        {"h", "", NULL, 0},
        {"x.test", "/shop/a", "x", 5},
        {"X.TEST", "/shop/long", "long", 10}, /* the prefix decides before the host */
        {"root.test", "/any/path", "any", 0},
        {"root.test", "", "any", 0},
        {"ROOT.test", "/shop", "shop", 5},
        {"a.h.test", "/", "exact", 0}, /* as long as the wildcard, but without one */
        {"b.h.test", "/", "wild", 0},
        {"B.C.h.TEST", "/", "wild", 0},
        {"h.test", "/", NULL, 0},
        {".h.test", "/", NULL, 0},
        {"xh.test", "/", NULL, 0},
        {"", "/", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct mount *mount = app_find_mount(
            app_named("app"), str_from(cases[i].host), str_from(cases[i].path));
        if (!cases[i].app != !mount || (mount && mount->app != app_named(cases[i].app)))
            fail_msg("%s %s", cases[i].host, cases[i].path);
        if (mount)
            assert_int_equal(mount->prefix.n, cases[i].prefix);
    }
}

/* Circles by host alone would be followed for ever. */
static void no_app_is_below_itself(void **state)
{
    (void)state;
    run("local a, b, c = new(), new(), new()\n"
        "fails('itself', a.handle.mount, a.handle, '/x', nil, a.handle)\n"
        "a.handle:mount('', 'h', b.handle) b.handle:mount('', 'h', c.handle)\n"
        "a.handle:mount('/again', nil, c.handle)\n"
        "fails('itself', c.handle.mount, c.handle, '', 'h', a.handle)\n"
        "fails('itself', b.handle.mount, b.handle, '', 'h', a.handle)\n"
        "fails('string', a.handle.mount, a.handle, nil, nil, b.handle)\n"
        "fails('string', a.handle.mount, a.handle, '/x', {}, b.handle)\n"
        "fails('cflask.app', a.handle.mount, a.handle, '/x', nil, b)\n"
        "fails('cflask.app', a.handle.mount, a)");
}

static void plans(void **state)
{
    (void)state;
    run("app = new() view = function() end\n"
        "app.handle:plan(-1, {before = {view}})\n"
        "app.handle:plan(3, {view = view, before = {view, view}, after = {}, teardown = "
        "5,\n"
        "  max_content_length = 77})\n"
        "app.handle:plan(0, {max_content_length = false})\n"
        "app.handle:plan(2000, {view = view})\n"
        "for _, bad in ipairs{-2, 1000000, math.maxinteger} do\n"
        "  fails('rule id', app.handle.plan, app.handle, bad, {})\n"
        "end\n"
        "fails('table', app.handle.plan, app.handle, 1)");
    struct app *a = app_named("app");
    assert_true(a->n_plans > 2000);
    assert_int_equal(a->unmatched.before.n, 1);
    const struct plan *plan = &a->plans[3];
    assert_int_equal(plan->before.n, 2);
    assert_int_equal(plan->after.n, 0);
    assert_int_equal(plan->teardown.n, 0);
    assert_int_equal(plan->max_content_length, 77);
    lua_rawgeti(L, LUA_REGISTRYINDEX, plan->view);
    assert_true(lua_isfunction(L, -1));
    assert_true(a->plans[0].max_content_length == INT64_MAX);
    assert_int_equal(a->plans[0].view, LUA_NOREF);
    for (int i = 4; i < 2000; i++) {
        assert_int_equal(a->plans[i].view, LUA_NOREF);
        assert_int_equal(a->plans[i].max_content_length, -1);
    }
    run("app.handle:plan(3, {})"); /* the new one in the old one's place */
    assert_int_equal(a->plans[3].before.n, 0);
    assert_int_equal(a->plans[3].view, LUA_NOREF);
}

static void registration_closes_once_and_below(void **state)
{
    (void)state;
    run("app, below, twice = new(), new(), new()\n"
        "app.handle:mount('/b', nil, below.handle) app.handle:mount('/t', nil, "
        "twice.handle)\n"
        "below.handle:mount('/t', nil, twice.handle)");
    app_close_registration(app_named("app"));
    app_close_registration(app_named("app"));
    app_close_registration(app_named("twice"));
    run("same(app.n_closed, 1) same(below.n_closed, 1) same(twice.n_closed, 1)");
    assert_int_equal(lua_gettop(L), 0);
}

static void configuration_is_read_when_asked(void **state)
{
    (void)state;
    run("app = new{LIMIT = 5, YES = true, NO = false, ZERO = 0}");
    struct app *a = app_named("app");
    assert_int_equal(app_config_integer(a, "LIMIT", 9), 5);
    run("app.config.LIMIT = 6 app.config.HUGE = math.huge");
    assert_int_equal(app_config_integer(a, "LIMIT", 9), 6);
    assert_int_equal(app_config_integer(a, "NONE", 9), 9);
    assert_int_equal(app_config_integer(a, "NO", 9), 9);
    assert_true(app_config_limit(a, "NO", 9) == INT64_MAX);
    assert_true(app_config_limit(a, "HUGE", 9) == INT64_MAX);
    assert_true(app_config_boolean(a, "YES") && app_config_boolean(a, "ZERO"));
    assert_false(app_config_boolean(a, "NO") || app_config_boolean(a, "NONE"));
    assert_int_equal(lua_gettop(L), 0);
}

static void apps_need_their_parts(void **state)
{
    (void)state;
    run("fails('table', core.app) fails('route', core.app, {}, {})\n"
        "fails('table', core.app, {}, core.route_map{})\n"
        "for i = 1, 100 do pcall(core.app, {}, core.route_map{}) new() end\n"
        "collectgarbage() collectgarbage()");
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    return luaL_dostring(L, prelude);
}

static int close_lua(void **state)
{
    (void)state;
    lua_close(L);
    worker_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mounts),
        cmocka_unit_test(no_app_is_below_itself),
        cmocka_unit_test(plans),
        cmocka_unit_test(registration_closes_once_and_below),
        cmocka_unit_test(configuration_is_read_when_asked),
        cmocka_unit_test(apps_need_their_parts),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
