/* The limiter's buckets for lua/cflask/limiter.lua. */
#include "limiter_lua.h"

#include "app.h"
#include "limiter.h"
#include "request_lua.h"

static const char METATABLE[] = "cflask.limit";

#define MOST_RATES    8
#define NS_PER_SECOND 1e9

struct limit {
    uint64_t space;       /* for all workers */
    uint64_t tests_space; /* the in-process client's: no other limit's */
    int n_rates;
    struct limiter_rate rates[MOST_RATES];
};

static void read_rate(lua_State *L, int list, int i, struct limiter_rate *rate)
{
    lua_rawgeti(L, list, 2 * i + 1);
    lua_rawgeti(L, list, 2 * i + 2);
    lua_Number amount = luaL_checknumber(L, -2), seconds = luaL_checknumber(L, -1);
    lua_pop(L, 2);
    if (!(amount >= 1 && amount <= 1e9 && seconds >= 1 && seconds <= 1e9))
        luaL_error(L, "a limit of %f in %f seconds", amount, seconds);
    rate->amount = (uint64_t)amount;
    rate->interval = (uint64_t)(seconds * NS_PER_SECOND / (double)rate->amount);
}

static uint64_t seconds_up(uint64_t ns)
{
    const uint64_t second = (uint64_t)NS_PER_SECOND;
    return ns / second + (ns % second != 0);
}

/* The verdict that tells a client most. */
static int telling(const struct limiter_verdict *verdicts, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        const struct limiter_verdict *a = &verdicts[i], *b = &verdicts[best];
        if (a->retry_in > b->retry_in ||
            (a->retry_in == b->retry_in && a->left < b->left))
            best = i;
    }
    return best;
}

/* limit:take(key) */
static int take_lua(lua_State *L)
{
    const struct limit *limit = luaL_checkudata(L, 1, METATABLE);
    struct exchange *ex = request_check_current(L);
    struct limiter_verdict verdicts[MOST_RATES];
    uint64_t buckets[MOST_RATES];
    struct str key;
    key.p = luaL_checklstring(L, 2, &key.n);
    limiter_set_size((uint64_t)app_config_integer(ex->request.app, "LIMITER_BUCKETS",
                                                  LIMITER_BUCKETS));
    for (int i = 0; i < limit->n_rates; i++)
        buckets[i] = limiter_bucket(ex->on_end ? limit->tests_space : limit->space, key,
                                    &limit->rates[i]);
    lua_pushboolean(L, limiter_take(buckets, limit->rates, limit->n_rates, verdicts));
    int i = telling(verdicts, limit->n_rates);
    lua_pushinteger(L, i + 1);
    lua_pushinteger(L, (lua_Integer)verdicts[i].left);
    lua_pushinteger(L, (lua_Integer)seconds_up(verdicts[i].full_in));
    lua_pushinteger(L, (lua_Integer)seconds_up(verdicts[i].retry_in));
    return 5;
}

int limiter_limit_lua(lua_State *L)
{
    static const luaL_Reg methods[] = {{"take", take_lua}, {NULL, NULL}};
    static uint64_t n_made;
    struct str name;
    name.p = luaL_checklstring(L, 1, &name.n);
    luaL_checktype(L, 2, LUA_TTABLE);
    int n = (int)lua_rawlen(L, 2) / 2;
    luaL_argcheck(L, n >= 1 && n <= MOST_RATES, 2, "one to eight rates");
    struct limit *limit = lua_newuserdatauv(L, sizeof *limit, 0);
    n_made++;
    *limit = (struct limit){
        .space = limiter_space(name),
        .tests_space = limiter_space((struct str){(const char *)&n_made, sizeof n_made}),
        .n_rates = n};
    for (int i = 0; i < n; i++)
        read_rate(L, 2, i, &limit->rates[i]);
    if (luaL_newmetatable(L, METATABLE)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
    }
    lua_setmetatable(L, -2);
    return 1;
}
