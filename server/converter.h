/* Converters: which texts a variable of a rule takes, and a value's way from a URL into
   Lua and back. */
#ifndef CONVERTER_H
#define CONVERTER_H

#include "base/arena.h"
#include "base/fault.h"
#include "route_ref.h"
#include <stdint.h>

enum converter_kind {
    CONVERTER_STRING, /* one segment */
    CONVERTER_INT,
    CONVERTER_FLOAT,
    CONVERTER_PATH, /* with slashes, as little as fits */
    CONVERTER_ANY,  /* one of a list of words */
    CONVERTER_UUID,
    CONVERTER_OWN, /* the app's: a regex or a pattern, and functions */
};

/* An argument in a rule's text: int(max=9), any(a, b). */
struct converter_argument {
    struct str name; /* empty: it has its meaning by its place */
    enum {
        ARGUMENT_TEXT,
        ARGUMENT_INT,
        ARGUMENT_FLOAT,
        ARGUMENT_BOOL,
        ARGUMENT_NONE
    } kind;
    struct str text; /* as written, without quotes */
    int64_t integer; /* ARGUMENT_INT; ARGUMENT_BOOL: 0 or 1 */
    double number;   /* ARGUMENT_FLOAT and ARGUMENT_INT */
};

struct converter_own; /* what an app's converter has: see converter.c */

struct converter {
    enum converter_kind kind;
    bool takes_slash;    /* its values may have slashes: it may take the rest of a path */
    int weight;          /* lighter ones are tried first */
    struct str form;     /* equal forms take the same texts in the same places */
    struct str identity; /* equal identities also make the same values of them */

    size_t min_length, max_length; /* STRING: code points */
    size_t fixed_digits;           /* INT: exactly as many bytes; 0: any number */
    bool is_signed;                /* INT, FLOAT: a minus may stand first */
    bool has_min, has_max;
    int64_t int_min, int_max;
    double float_min, float_max;
    const struct str *words; /* ANY: in the order in which they are tried */
    size_t words_n;
    struct converter_own *own;
};

/* A value of a match. */
struct route_value {
    struct str name;
    enum {
        ROUTE_TEXT, /* valid UTF-8 */
        ROUTE_INTEGER,
        ROUTE_NUMBER,
        ROUTE_LUA,     /* what an own converter's to_lua returned */
        ROUTE_DEFAULT, /* what the rule's `defaults` have under this name */
    } kind;
    struct str text; /* what the URL has; empty for ROUTE_DEFAULT */
    int64_t integer;
    double number;
    int lua; /* ROUTE_LUA: the place in the result's table */
};

/* Where own converters find Lua while a request is matched. */
struct converter_lua {
    lua_State *L;                /* NULL: own converters are a fault */
    const struct route_map *map; /* whose values they are */
    struct arena *arena;         /* the request's */
    int table; /* stack index of the table of values made; 0: none yet */
    int count; /* values in it */
};

enum converter_outcome { CONVERTER_DONE, CONVERTER_REFUSED, CONVERTER_FAILED };

/* What a map needs to make converters. */
struct converter_maker {
    lua_State *L;                 /* NULL: only built-in ones */
    const struct route_map *map;  /* its own converters come before the built-in ones */
    struct arena *arena;          /* of the map: all that is made lives there */
    struct converter_own **owned; /* a list that converter_free_owned ends */
};

/* The converter of that name ("default" is "string") with these arguments, whose texts
   must live as long as the arena; NULL and a fault for an unknown name or argument. Calls
   the app's function where the name stands for one, and so may raise. */
const struct converter *converter_new(const struct converter_maker *maker,
                                      struct str name,
                                      const struct converter_argument *arguments,
                                      size_t n, struct fault *fault);

/* Frees what the arena doesn't: compiled regexes. */
void converter_free_owned(struct converter_own *owned);

/* Whether the converter takes the whole text. No conversion takes place: to_lua may still
   refuse. An own converter runs its regex or its pattern. */
bool converter_takes(const struct converter *c, struct str text,
                     struct converter_lua *lua);

/* Whether the text is 8-4-4-4-12 hexadecimal digits, of either case. */
bool converter_is_uuid(struct str text);

/* Makes a value of a text that converter_takes took. FAILED: to_lua raised an error,
   which is left on the stack of lua->L, its message in *fault. Beyond errors in to_lua
   only the lack of memory raises. */
enum converter_outcome converter_value(const struct converter *c, struct str text,
                                       struct converter_lua *lua,
                                       struct route_value *value, struct fault *fault);

/* Pushes the text, not yet encoded, that stands for the value at `index` in a URL, and
   returns true; or pushes a sentence that says why there is none, and returns false. May
   raise: to_url's errors go through. */
bool converter_push_text(lua_State *L, const struct route_map *map,
                         const struct converter *c, int index);

/* Pushes what str(value) gives in Python's query strings and paths: True for true, 1.0
   for a float, a string for a string, for a table or userdata only what its __tostring
   says. False, and nothing pushed, for any other value. */
bool converter_push_str(lua_State *L, int index);

#endif
