/* Errors. Each type has a metatable, which the Lua side may replace by a class of its
 * own. */
#include "jinja/error.h"
#include "jinja/machine.h"
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *type, *parent;
} types[] = {
    {"TemplateError", NULL},
    {"TemplateSyntaxError", "TemplateError"},
    {"TemplateAssertionError", "TemplateSyntaxError"},
    {"TemplateNotFound", "TemplateError"},
    {"TemplatesNotFound", "TemplateNotFound"},
    {"TemplateRuntimeError", "TemplateError"},
    {"UndefinedError", "TemplateRuntimeError"},
    {"FilterArgumentError", "TemplateRuntimeError"},
    {"SyntaxError", "TemplateError"},
    {"TypeError", "TemplateError"},
    {"ValueError", "TemplateError"},
    {"KeyError", "TemplateError"},
    {"IndexError", "TemplateError"},
    {"AttributeError", "TemplateError"},
    {"OverflowError", "TemplateError"},
    {"ZeroDivisionError", "TemplateError"},
    {"RecursionError", "TemplateError"},
    {"AssertionError", "TemplateError"},
};

enum { N_TYPES = sizeof types / sizeof *types };

static const char classes; /* registry key: type to metatable */

/* tostring(error): "name:line: type: message". */
static int error_tostring(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TTABLE) {
        lua_pushliteral(L, "template error");
        return 1;
    }
    lua_getfield(L, 1, "type");
    lua_getfield(L, 1, "message");
    lua_getfield(L, 1, "name");
    lua_getfield(L, 1, "lineno");
    const char *type = lua_tostring(L, 2), *message = lua_tostring(L, 3);
    const char *name = lua_tostring(L, 4);
    type = type ? type : "TemplateError";
    message = message ? message : "";
    if (lua_isnil(L, 5))
        lua_pushfstring(L, "%s: %s", type, message);
    else
        lua_pushfstring(L, "%s: %s (%s, line %d)", type, message,
                        name ? name : "<template>", (int)lua_tointeger(L, 5));
    return 1;
}

void error_open(lua_State *L)
{
    lua_createtable(L, 0, N_TYPES);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    for (int i = 0; i < N_TYPES; i++) {
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, types[i].type);
    }
    lua_pop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &classes);
}

int error_set_class(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &classes);
    for (int i = 0; i < N_TYPES; i++) {
        lua_pushvalue(L, 1);
        lua_pushstring(L, types[i].type);
        lua_pushstring(L, types[i].parent);
        lua_call(L, 2, 1);
        if (lua_istable(L, -1))
            lua_setfield(L, 2, types[i].type);
        else
            lua_pop(L, 1);
    }
    return 0;
}

struct str error_line_of(struct str source, int line)
{
    const char *p = source.p, *end = source.p + source.n;
    for (int i = 1; p && i < line; i++) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (!p)
        return (struct str){NULL, 0};
    const char *e = memchr(p, '\n', (size_t)(end - p));
    return (struct str){p, (size_t)((e ? e : end) - p)};
}

static void set_text(lua_State *L, const char *field, struct str s)
{
    if (!s.p)
        return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, field);
}

void error_push(lua_State *L, const char *type, struct str message, struct str name,
                struct str filename, int line, struct str source)
{
    luaL_checkstack(L, 6, NULL);
    lua_createtable(L, 0, 6);
    lua_pushstring(L, type);
    lua_setfield(L, -2, "type");
    set_text(L, "message", message.p ? message : STR("out of memory"));
    set_text(L, "name", name);
    set_text(L, "filename", filename);
    if (line > 0) {
        lua_pushinteger(L, line);
        lua_setfield(L, -2, "lineno");
        set_text(L, "source", error_line_of(source, line));
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &classes);
    lua_getfield(L, -1, type);
    lua_remove(L, -2);
    if (lua_istable(L, -1))
        lua_setmetatable(L, -2);
    else
        lua_pop(L, 1);
}

void error_add_searched(lua_State *L, int env)
{
    lua_getfield(L, env, "search_path");
    lua_setfield(L, -2, "searched");
}

void error_raise_text(struct machine *m, const char *type, struct str message)
{
    lua_State *L = m->L;
    const struct frame *f = machine_code_frame(m);
    if (f) {
        const struct template *t = f->code->template;
        int at = f->pc > 0 ? f->pc - 1 : 0;
        error_push(L, type, message, t->name, t->filename, f->code->lines[at], t->source);
    } else {
        error_push(L, type, message, (struct str){0}, (struct str){0}, 0,
                   (struct str){0});
    }
    if (strcmp(type, "TemplateNotFound") == 0 || strcmp(type, "TemplatesNotFound") == 0)
        error_add_searched(L, AT_ENV);
    lua_error(L);
    __builtin_unreachable();
}

void error_raise(struct machine *m, const char *type, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_raise_text(m, type, str_from(text));
}
