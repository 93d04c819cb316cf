/* Python's meaning of values: truth, comparison, printing, arithmetic, attributes. */
#ifndef JINJA_VALUES_H
#define JINJA_VALUES_H

#include "jinja/error.h"
#include "jinja/machine.h"

enum { VALUES_MAX_DEPTH = 100 };

/* --- undefined.c --- */

/* Each pushes an Undefined: for a name (whose string is at `name`), for what an object
   lacks, with a hint (name 0: none; is_plain: of the default kind whatever the policy).
 */
void undefined_push_name(struct machine *m, int name);
void undefined_push_attribute(struct machine *m, int object, int key);
void undefined_push_hint(struct machine *m, int hint, int name, bool is_plain);

enum undefined_policy undefined_policy_of(struct machine *m, int i);
_Noreturn void undefined_raise(struct machine *m, int i);
/* Raises when the value is an Undefined of the strict kind. */
void undefined_check(struct machine *m, int i);
/* Appends what it prints as. */
void undefined_add(struct machine *m, struct buf *b, int i);

static inline bool undefined_is(struct machine *m, int i)
{
    int t = lua_type(m->L, i);
    return t == LUA_TNIL || (t == LUA_TTABLE && object_kind(m->L, i) == K_UNDEFINED);
}

/* --- values.c --- */

bool values_truth(struct machine *m, int i);
bool values_equal(struct machine *m, int a, int b);
bool values_less(struct machine *m, int a, int b, const char *op);
bool values_contains(struct machine *m, int container, int item);
/* len(); -1 when the value has none. */
lua_Integer values_length(struct machine *m, int i);
lua_Integer values_list_length(lua_State *L, int i);

/* Replaces the value at i by a table with its items at 1..n (a list stays itself) and
   returns n. Raises when it can't be gone through. Generators and objects must have been
   forced. */
lua_Integer values_items(struct machine *m, int i);

/* Pushes the value at i as a key of the dict: a Markup as its text, True as 1 where the
   dict has that, a tuple as the equal one that is there. Raises for what can't be a key.
 */
void values_push_key(struct machine *m, int dict, int i);
/* Pushes dict[the value at i], or nil. */
void values_push_item(struct machine *m, int dict, int i);

/* Arguments of builtins. */
lua_Integer values_int_arg(struct machine *m, int i, lua_Integer otherwise);
lua_Number values_number(lua_State *L, int i); /* a bool is 0 or 1 */
bool values_is_number(lua_State *L, int i);    /* bools included */
bool values_is_integer(lua_State *L, int i);   /* bools included */
bool values_bool_arg(struct machine *m, int i, bool otherwise);

/* --- repr.c --- */

/* Append str(value), repr(value). */
void repr_add_str(struct machine *m, struct buf *b, int i);
void repr_add(struct machine *m, struct buf *b, int i);
void repr_add_quoted(struct machine *m, struct buf *b, struct str s);
/* Replaces the value at i by str(value); a Markup or a string stays, if they may. Returns
   its bytes, which live as long as the value does. */
struct str repr_text(struct machine *m, int i);
/* "str object" as Jinja names an object's type in messages. */
void repr_add_type(struct machine *m, struct buf *b, int i);

/* --- arith.c --- */

/* Stack: a, b -> result. op: a token type. CALL_OUT: an operand has a metamethod. */
enum call_result arith_binary(struct machine *m, int op);
void arith_negate(struct machine *m, bool is_minus);
void arith_repeat(struct machine *m, int text, lua_Integer times);

/* --- attribute.c --- */

enum attribute_result {
    ATTRIBUTE_VALUE,   /* pushed */
    ATTRIBUTE_METHOD,  /* pushed: a function that takes the object first */
    ATTRIBUTE_MISSING, /* nothing is pushed */
    ATTRIBUTE_SLOW     /* only Lua can tell: an __index function */
};

/* Whether the value is somebody's object that says of itself that it is a dict. */
bool attribute_is_dict_like(lua_State *L, int object);

/* Whether it says that it has all its attributes: one that is nil is None then. */
bool attribute_is_record(lua_State *L, int object);

/* object.key as Jinja looks it up (attribute, then item), or object[key] (is_item).
   Neither index may be relative. */
enum attribute_result attribute_find(struct machine *m, int object, int key,
                                     bool is_item);

/* The same, an Undefined where nothing is found, a bound method for a method. Pushes one
   value; false: it is ATTRIBUTE_SLOW and nothing was pushed. */
bool attribute_get(struct machine *m, int object, int key, bool is_item);

/* Binds function and self (the two top values) into one. */
void attribute_bind(lua_State *L);

/* Stack: value, start, stop, step -> slice */
void attribute_slice(struct machine *m);

/* --- format.c --- */

/* Python's `format % args`. Stack: format, args -> string or Markup. */
void format_percent(struct machine *m, int format, int args);
/* Python's format.format(*args, **kwargs); pushes the result. */
void format_braces(struct machine *m, int format, int args, int kwargs);
/* A number with a format spec as in "{:>10,.2f}". */

/* --- escape.c --- */

void escape_add(struct machine *m, struct buf *b, struct str s);
/* Appends escape(value): a Markup as it is, others as str(), escaped. */
void escape_add_value(struct machine *m, struct buf *b, int i);

/* What a value's __html__ would be: whether it is safe already. */
static inline bool escape_is_safe(lua_State *L, int i)
{
    return lua_type(L, i) == LUA_TUSERDATA && object_kind(L, i) == K_MARKUP;
}

#endif
