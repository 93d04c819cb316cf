/* Environments: the options that templates are compiled and run with. */
#ifndef JINJA_ENV_H
#define JINJA_ENV_H

#include "base/lua_compat.h"

struct machine;

/* For Lua: compile(env, source, name or nil, filename or nil, globals) gives a template,
   or raises a TemplateSyntaxError. */
int env_compile(lua_State *L);

/* For Lua: machine(env, chunk) makes one that will render; chunk: see machine.h. */
int env_machine(lua_State *L);

/* For Lua: begin(machine, template, context or nil, is_module). */
int env_begin(lua_State *L);

/* For Lua: call(macro, ...) gives a machine that will call it. */
int env_call(lua_State *L);

/* For Lua: fill(filters, tests, globals, with_i18n) sets what is built in. */
int env_fill(lua_State *L);

void env_open(lua_State *L);

/* The machine at index i, or NULL when the value is none. */
struct machine *env_to_machine(lua_State *L, int i);

#endif
