/* cflask.h: template filters, tests and globals in C. */
#include "module.h"

#include "base/buf.h"
#include "jinja/jinja.h"

struct cflask_out {
    struct buf buf;
};

/* ---- registration ---- */

/* The function is on top: owner:METHOD(name, function), or owner[REGISTRY][name] =
   function where the owner is a template environment. */
static void register_function(lua_State *L, int owner, const char *method,
                              const char *registry, const char *name)
{
    owner = lua_absindex(L, owner);
    luaL_checkstack(L, 6, name);
    lua_getfield(L, owner, method);
    if (lua_isfunction(L, -1)) {
        lua_pushvalue(L, owner);
        lua_pushstring(L, name);
        lua_pushvalue(L, -4);
        lua_call(L, 3, 0);
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    lua_getfield(L, owner, registry);
    lua_insert(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

static void template_filter(lua_State *L, int owner, const char *name)
{
    register_function(L, owner, "template_filter", "filters", name);
}

static void template_test(lua_State *L, int owner, const char *name)
{
    register_function(L, owner, "template_test", "tests", name);
}

static void template_global(lua_State *L, int owner, const char *name)
{
    register_function(L, owner, "template_global", "globals", name);
}

/* ---- filters from text to text ---- */

static cflask_str check_text(lua_State *L, int index)
{
    if (jinja_is_markup(L, index)) {
        struct str s = jinja_markup_str(L, index);
        return (cflask_str){s.p, s.n};
    }
    cflask_str text;
    text.p = luaL_checklstring(L, index, &text.n);
    return text;
}

/* The buffer frees itself whatever happens. */
static cflask_out *push_out(lua_State *L)
{
    cflask_out *out = lua_newuserdatauv(L, sizeof *out, 0);
    out->buf = (struct buf){0};
    luaL_setmetatable(L, "cflask.buf");
    return out;
}

static int call_filter(lua_State *L)
{
    cflask_str text = check_text(L, 1);
    cflask_out *out = push_out(L);
    int kind = ((cflask_text_filter)module_upvalue(L))(text, out);
    if (out->buf.is_exhausted)
        return luaL_error(L, "out of memory");
    struct str result = {out->buf.p ? out->buf.p : "", out->buf.n};
    if (kind == CFLASK_IS_MARKUP)
        jinja_push_markup(L, result);
    else
        lua_pushlstring(L, result.p, result.n);
    buf_free(&out->buf);
    return kind == CFLASK_FAILED ? lua_error(L) : 1;
}

static void push_text_filter(lua_State *L, cflask_text_filter filter)
{
    module_push_over(L, call_filter, (void (*)(void))filter);
}

static void write_bytes(cflask_out *out, cflask_str bytes)
{
    buf_add(&out->buf, bytes.p, bytes.n);
}

static char *room(cflask_out *out, size_t n)
{
    return buf_reserve(&out->buf, n);
}

static void wrote(cflask_out *out, size_t n)
{
    out->buf.n += n;
}

void module_set_template(cflask_api *api)
{
    api->template_filter = template_filter;
    api->template_test = template_test;
    api->template_global = template_global;
    api->push_text_filter = push_text_filter;
    api->write = write_bytes;
    api->room = room;
    api->wrote = wrote;
}
