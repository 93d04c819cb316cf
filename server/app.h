/* What an app's registration has left for its requests: plans, hooks, mounts. */
#ifndef APP_H
#define APP_H

#include "base/lua_compat.h"
#include "base/str.h"
#include "route.h"
#include "session.h"

/* Functions to be called one after another, in that order. */
struct hooks {
    int ref; /* registry reference of the list */
    int n;
};

/* What happens to the requests of one rule: made once, when registration is closed. */
struct plan {
    int view; /* registry reference of the view, or LUA_NOREF */
    int info; /* registry reference of the Lua plan: endpoint, rule, blueprint, blueprints
               */
    struct hooks preprocessors; /* url_value_preprocessor functions */
    struct hooks before, after, teardown;
    int64_t max_content_length; /* bytes; -1 when the rule has none of its own */
};

struct mount {
    struct str prefix; /* "/shop", without a slash at the end; "" for a whole host */
    struct str host;   /* "" for every host; "*.x" for every host below x */
    struct app *app;
};

struct app {
    lua_State *L;
    int self;   /* registry reference of the Lua app */
    int config; /* registry reference of app.config */
    struct route_map *map;
    int map_ref;        /* keeps the map's Lua object alive */
    struct plan *plans; /* by rule id */
    int n_plans;
    struct plan unmatched; /* for requests that match no rule */
    struct mount *mounts;  /* longest prefix first */
    int n_mounts;
    const bool *signals;           /* see signals_of */
    struct session_kept *sessions; /* made at the first use of a session */
    int session_names; /* registry reference of session_lua.c's names, or LUA_NOREF */
    bool has_session_store; /* app.session_interface is set */
    bool is_closed;         /* registration is over: the plans are there */
};

/* Closes registration (app:_close in Lua) if that has not been done. Runs Lua and may
   raise: call it protected. */
void app_close_registration(struct app *a);

/* The mounted app for host (without port) and path, or NULL; *mount is where it is
 * mounted. */
const struct mount *app_find_mount(const struct app *a, struct str host, struct str path);

/* An integer key of app.config, read now; a limit, where false is INT64_MAX. */
int64_t app_config_integer(struct app *a, const char *key, int64_t missing);
int64_t app_config_limit(struct app *a, const char *key, int64_t missing);
bool app_config_boolean(struct app *a, const char *key);

/* Pushes the Lua app. */
void app_push(lua_State *L, struct app *a);

/* core.app(app, map) -> handle, with handle:plan(rule_id, plan) and
   handle:mount(prefix, host, other). */
int app_new_lua(lua_State *L);

/* The app of the handle at `index`; an error when it is none. */
struct app *app_check(lua_State *L, int index);

#endif
