/* The values that a template meets, and the engine's own kinds of object among them. */
#ifndef JINJA_OBJECT_H
#define JINJA_OBJECT_H

#include "base/lua_compat.h"
#include "base/str.h"
#include "base/value.h"
#include "jinja/code.h"

/* A userdata has one table of its own for Lua values. */
#if LUA_VERSION_NUM >= 504
#define object_get_table(L, i) lua_getiuservalue(L, i, 1)
#define object_set_table(L, i) lua_setiuservalue(L, i, 1)
#else
#define object_get_table(L, i) lua_getfenv(L, i)
#define object_set_table(L, i) lua_setfenv(L, i)
#endif

enum kind {
    K_MISSING, /* nil */
    K_NONE,
    K_BOOL,
    K_INT,
    K_FLOAT,
    K_STR,
    K_MARKUP,
    K_UNDEFINED, /* table: enum undefined_field */
    K_LIST,
    K_TUPLE,
    K_DICT,
    K_RANGE,     /* userdata: struct range */
    K_GENERATOR, /* table: enum generator_field; a filter's result that is made when
                    needed */
    K_MACRO,     /* userdata: struct macro; its table: enum macro_field */
    K_FUNCTION,  /* a Lua function, or an object that can be called */
    K_BUILTIN,   /* light userdata: struct builtin */
    K_BOUND,     /* table: function, self */
    K_NAMESPACE, /* table */
    K_LOOP,      /* userdata: struct loop */
    K_MODULE,    /* table: enum module_field */
    K_CYCLER,    /* table: items, position */
    K_JOINER,    /* table: separator, whether used */
    K_BLOCK,     /* table: context, name, depth */
    K_SELF,      /* table: context */
    K_KWARGS,    /* table: keyword arguments on their way to a Lua function */
    K_CONTEXT,   /* userdata: struct context */
    K_TEMPLATE,  /* table: enum template_field */
    K_OBJECT     /* somebody's table with a metatable, or userdata */
};

enum undefined_field {
    UNDEFINED_HINT = 1,
    UNDEFINED_OBJECT,
    UNDEFINED_NAME,
    UNDEFINED_PLAIN
};
enum generator_field { GENERATOR_BUILTIN = 1, GENERATOR_ARGS, GENERATOR_COUNT };
enum macro_field { MACRO_TEMPLATE = 1, MACRO_CONTEXT, MACRO_ENV };
enum module_field { MODULE_EXPORTS = 1, MODULE_BODY, MODULE_NAME };

struct markup {
    size_t n;
    char p[];
};

struct range {
    lua_Integer start, step, n; /* n items */
};

struct macro {
    const struct code *code;
};

/* A loop at work. Its table: enum loop_field. */
struct loop {
    lua_Integer index; /* items taken so far: the current one's number from 1 */
    lua_Integer n;
    struct range range;
    bool is_range, is_string;
    size_t at; /* byte of a string */
    int depth;
};
enum loop_field { LOOP_ITEMS = 1, LOOP_FUNCTION, LOOP_CHANGED };

/* What a template's code sees around it. Its table: enum context_field. */
struct context {
    bool is_autoescaped;
};
enum context_field {
    CONTEXT_VARS = 1,  /* set at the template's top level */
    CONTEXT_INHERITED, /* what an including template handed over, or false */
    CONTEXT_USER,      /* what render was given, or false */
    CONTEXT_GLOBALS,
    CONTEXT_BLOCKS,  /* name to a list: template table, code, template table, code, ... */
    CONTEXT_IMPORTED /* names in vars that aren't exported, or nil */
};

/* Opens the metatables; once for each lua_State, after value_open. */
void object_open(lua_State *L);

/* What the value is. A table without a mark is a list if its keys are 1..n, which takes
   time in its length: see object_is_list. */
enum kind object_kind(lua_State *L, int i);

/* Whether the table is a list or a tuple; for a plain table a quick answer that takes its
   length for granted (a plain table that has item 1). */
bool object_is_sequence(lua_State *L, int i);

/* Python's name of the value's type: "str", "int", "NoneType". */
const char *object_type_name(lua_State *L, int i);

/* Pushes the metatable of one of our own kinds. */
void object_push_metatable(lua_State *L, enum kind k);

/* Sets the metatable of that kind on the table or userdata on top. */
void object_mark(lua_State *L, enum kind k);

/* Pushers. */
void object_push_tuple(lua_State *L, int n);
void object_push_markup(lua_State *L, const char *p, size_t n);

/* A string's or a Markup's bytes; p NULL for any other value. */
struct str object_text(lua_State *L, int i);

/* Pushes tostring(value), by its __tostring when it has one. */
void object_push_tostring(lua_State *L, int i);

/* The order of a dict's keys is value.h's; these are Python's views of one. Each pushes a
   marked list. */
void object_push_keys(lua_State *L, int i);

#endif
