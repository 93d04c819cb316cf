/* What single instructions do on the stack. Each function's comment shows the stack
   before and after it; `f` is the frame of code that runs. */
#ifndef JINJA_INSTRUCTION_H
#define JINJA_INSTRUCTION_H

#include "jinja/machine.h"

/* Pushes constant k of the frame's template. */
static inline void instruction_push_constant(lua_State *L, const struct frame *f, int k)
{
    lua_rawgeti(L, f->fixed + FIXED_CONSTANTS, k + 1);
}

/* Stack: value -> ; writes it out as the mode says. */
void instruction_write_value(struct machine *m, enum out_mode mode, int i);

/* The commonest cases: a string or a number on top, which is popped; false for others. */
bool instruction_write_plain(struct machine *m, enum out_mode mode);

/* Whether only Lua can say what the value prints as. */
bool instruction_prints_in_lua(lua_State *L, int i);

/* A name from the context; pushes its value, or nil. */
void instruction_resolve(lua_State *L, const struct frame *f, int k);

/* Stack: nil -> the Undefined of that name. */
void instruction_undefined(struct machine *m, const struct frame *f, int k);

/* Stack: value or nil -> value; nil becomes an Undefined of that name. */
static inline void instruction_undefined_if_nil(struct machine *m, const struct frame *f,
                                                int k)
{
    if (lua_isnil(m->L, -1))
        instruction_undefined(m, f, k);
}

/* Pushes the variable of the shared table that lies `hops` functions outside. */
void instruction_push_env(lua_State *L, const struct frame *f, int index, uint32_t hops);

/* Stack: value -> ; sets that variable. */
void instruction_set_env(lua_State *L, const struct frame *f, int index, uint32_t hops);

/* Opens the frame's own shared table, with room for that many. */
void instruction_new_env(lua_State *L, const struct frame *f, int room);

/* Stack: value -> ; sets a variable of the template. */
void instruction_export_var(lua_State *L, const struct frame *f, int k, bool is_import);

/* Stack: n items -> list or tuple */
void instruction_make_list(struct machine *m, int n, bool is_tuple);

/* Stack: n pairs -> dict. A Markup is the same key as its text. */
void instruction_make_dict(struct machine *m, int n);

/* Stack: n values -> their texts joined; a Markup when one is and autoescape is on. */
void instruction_concat(struct machine *m, int n, enum out_mode mode);

/* Stack: a, b, which stay. op: a token type, OP_IN or OP_NOT_IN. */
bool instruction_compare(struct machine *m, int op);

/* Stack: sequence -> n items, the first on top. */
void instruction_unpack(struct machine *m, int n);

/* Raises when the top value is no namespace. */
void instruction_check_namespace(struct machine *m);

/* Stack: value, namespace -> ; k is the attribute's name. */
void instruction_set_namespace(struct machine *m, const struct frame *f, int k);

/* Pushes a macro of the template's code of that number. */
void instruction_push_macro(struct machine *m, const struct frame *f, int number);

/* Stack: mark -> text written since */
void instruction_captured(struct machine *m, enum out_mode mode);

/* Stack: setting -> ; the old one is kept in the slot. */
void instruction_set_autoescape(struct machine *m, struct frame *f, int slot);

/* Stack: n pairs -> a table without the missing ones, or nil */
void instruction_make_locals(lua_State *L, int n);

/* Stack: value -> value, which is a Markup when autoescape is on */
void instruction_mark_safe(struct machine *m);

/* super in a block: the reference to the next block of that name. */
void instruction_push_block_reference(struct machine *m, const struct frame *f,
                                      bool is_self);

#endif
