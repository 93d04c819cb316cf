/* The loop over instructions. */
#include "jinja/run.h"
#include "jinja/ast.h"
#include "jinja/instruction.h"
#include "jinja/lexer.h"
#include "jinja/values.h"

/* A value that is to be gone through (it is on top), but isn't ready: a generator, or
   somebody's object. Starts what makes it ready; the instruction will be run again. */
static bool start_force(struct machine *m)
{
    lua_State *L = m->L;
    int i = lua_gettop(L), t = lua_type(L, i);
    bool is_generator = machine_needs_force(L, i);
    if (!is_generator &&
        ((t != LUA_TTABLE && t != LUA_TUSERDATA) || object_kind(L, i) != K_OBJECT))
        return false;
    machine_frame(m)->pc--;
    machine_start_internal(m, is_generator ? "force" : "collect", 1);
    return true;
}

/* The commonest case: the object is a plain table that has the attribute. Pushes its
   value; false: nothing. */
static bool push_plain(lua_State *L, const struct frame *f, int object, int k)
{
    if (lua_type(L, object) != LUA_TTABLE)
        return false;
    if (lua_getmetatable(L, object)) {
        lua_pop(L, 1);
        return false;
    }
    instruction_push_constant(L, f, k);
    lua_rawget(L, object);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

/* A variable of which an attribute is wanted next, which is no method's name: x.name */
static bool push_plain_of_slot(lua_State *L, struct frame *f, int slot)
{
    const uint32_t *next = f->code->words + f->pc + 1;
    if ((next[0] & 0xff) != OP_GETATTR || next[1])
        return false;
    if (!push_plain(L, f, f->base + slot, (int)(next[0] >> 8)))
        return false;
    f->pc += 3;
    return true;
}

/* Stack: object, key -> value. RUN_ON: a builtin was started that finds it. */
static enum run_result get(struct machine *m, bool is_item)
{
    lua_State *L = m->L;
    int key = lua_gettop(L), object = key - 1;
    if (attribute_get(m, object, key, is_item)) {
        lua_replace(L, object);
        lua_settop(L, object);
        return RUN_DONE;
    }
    machine_start_internal(m, is_item ? "item" : "attribute", 2);
    return RUN_ON;
}

/* object -> function, self or nil. RUN_ON: a frame was started that gives one value, the
   OP_NIL behind the instruction giving the other. */
static enum run_result method(struct machine *m, struct frame *f, int k)
{
    lua_State *L = m->L;
    int object = lua_gettop(L);
    instruction_push_constant(L, f, k);
    switch (attribute_find(m, object, object + 1, false)) {
    case ATTRIBUTE_VALUE:
        lua_replace(L, object);
        lua_settop(L, object);
        lua_pushnil(L);
        return RUN_DONE;
    case ATTRIBUTE_METHOD:
        lua_replace(L, object + 1);
        lua_insert(L, object);
        return RUN_DONE;
    case ATTRIBUTE_MISSING:
        undefined_push_attribute(m, object, object + 1);
        lua_replace(L, object);
        lua_settop(L, object);
        lua_pushnil(L);
        return RUN_DONE;
    default:
        machine_start_internal(m, "attribute", 2);
        return RUN_ON;
    }
}

/* A call's arguments are complete: *args and **kwargs are spread out. Stack: callee,
   self, arguments, key, value, ..., [list], [dict]; leaves keys and values last. */
static void spread(struct machine *m, uint32_t flags, int *positional, int *keywords)
{
    lua_State *L = m->L;
    if (flags & CALL_STAR2) {
        int dict = lua_gettop(L);
        enum kind k = object_kind(L, dict);
        if (k != K_DICT && k != K_KWARGS)
            error_raise(m, "TypeError", "argument after ** must be a mapping, not %s",
                        object_type_name(L, dict));
        lua_Integer n = value_push_keys(L, dict);
        machine_stack(m, (int)(2 * n) + 20);
        int keys = dict + 1;
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, keys, i);
            lua_pushvalue(L, -1);
            lua_rawget(L, dict);
        }
        *keywords += (int)n;
        lua_remove(L, keys);
        if (flags & CALL_STAR) {
            /* the list lies below the dict: it goes to the top */
            lua_pushvalue(L, dict - 1);
            lua_remove(L, dict);
            lua_remove(L, dict - 1);
        } else {
            lua_remove(L, dict);
        }
    }
    if (!(flags & CALL_STAR))
        return;
    int list = lua_gettop(L), at = list - 2 * *keywords;
    lua_Integer n = values_items(m, list);
    if (n > 200)
        error_raise(m, "TypeError", "too many arguments");
    machine_stack(m, (int)n + 20);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, list + (int)i - 1, i);
        lua_insert(L, at + (int)i - 1);
    }
    lua_pop(L, 1);
    *positional += (int)n;
}

/* A frame's result that a print follows stays in the output, when it is safe there. */
static void write_in_place(struct machine *m, struct frame *caller, uint32_t next)
{
    struct frame *f = machine_frame(m);
    enum out_mode mode = (enum out_mode)(next >> 8);
    if ((next & 0xff) != OP_OUT || f == caller || f->result != RESULT_VALUE)
        return;
    if (mode == OUT_VOLATILE || (mode == OUT_ESCAPED && !f->is_markup))
        return;
    f->result = RESULT_NONE;
    caller->pc++;
}

static enum run_result call(struct machine *m, int positional, uint32_t flags)
{
    lua_State *L = m->L;
    int keywords = (int)(flags >> CALL_KEYWORDS_SHIFT);
    if (flags & (CALL_STAR | CALL_STAR2))
        spread(m, flags, &positional, &keywords);
    int callee = lua_gettop(L) - 2 * keywords - positional - 1;
    if (flags & CALL_WITH_CALLER) {
        lua_pushliteral(L, "caller");
        lua_pushvalue(L, callee - 1);
        keywords++;
    }
    int self = m->n_frames - 1;
    enum call_result r = call_value(m, callee, positional, keywords);
    struct frame *f = &m->frames[self];
    if (r == CALL_OUT)
        return RUN_OUT;
    if (r == CALL_FRAME && machine_frame(m)->code) {
        write_in_place(m, f, f->code->words[f->pc]);
        return RUN_ON;
    }
    return r == CALL_DONE ? RUN_DONE : RUN_ON;
}

/* Whether all that was written is output: nobody will take it back. */
static bool can_flush(const struct machine *m)
{
    for (int i = 0; i < m->n_frames; i++)
        if (m->frames[i].code && m->frames[i].result != RESULT_NONE)
            return false;
    return m->n_captures == 0;
}

/* Runs the top frame's code until another frame is on top, or Lua is to be called. */
enum run_result run_code(struct machine *m)
{
    lua_State *L = m->L;
    struct frame *f = machine_frame(m);
    const uint32_t *words = f->code->words;
    enum run_result r;
    for (;;) {
        uint32_t w = words[f->pc++];
        int a = (int)(w >> 8);
        switch ((enum op)(w & 0xff)) {
        case OP_TEXT:
            machine_add(m, &m->out, f->code->template->texts[a]);
            break;
        case OP_OUT:
            if (!instruction_write_plain(m, (enum out_mode)a)) {
                if (instruction_prints_in_lua(L, -1)) {
                    f->pc--;
                    machine_start_internal(m, "print", 1);
                    return RUN_ON;
                }
                instruction_write_value(m, (enum out_mode)a, -1);
            }
            if (m->chunk && m->out.n >= m->chunk && can_flush(m)) {
                m->n_call = -1;
                return RUN_OUT;
            }
            break;
        case OP_CONST:
            instruction_push_constant(L, f, a);
            break;
        case OP_INT:
            lua_pushinteger(L, a & 0x800000 ? a - 0x1000000 : a);
            break;
        case OP_TRUE:
            lua_pushboolean(L, 1);
            break;
        case OP_FALSE:
            lua_pushboolean(L, 0);
            break;
        case OP_NULL:
            value_push_null(L);
            break;
        case OP_NIL:
            lua_pushnil(L);
            break;
        case OP_SLOT:
            if (push_plain_of_slot(L, f, a))
                break;
            lua_pushvalue(L, f->base + a);
            instruction_undefined_if_nil(m, f, (int)words[f->pc++]);
            break;
        case OP_SLOT_SOFT:
            lua_pushvalue(L, f->base + a);
            break;
        case OP_SET_SLOT:
            lua_replace(L, f->base + a);
            break;
        case OP_ENV:
            instruction_push_env(L, f, a, words[f->pc]);
            instruction_undefined_if_nil(m, f, (int)words[f->pc + 1]);
            f->pc += 2;
            break;
        case OP_ENV_SOFT:
            instruction_push_env(L, f, a, words[f->pc++]);
            break;
        case OP_SET_ENV:
            instruction_set_env(L, f, a, words[f->pc++]);
            break;
        case OP_NEW_ENV:
            instruction_new_env(L, f, a);
            break;
        case OP_NAME:
            instruction_resolve(L, f, a);
            instruction_undefined_if_nil(m, f, a);
            break;
        case OP_NAME_SOFT:
            instruction_resolve(L, f, a);
            break;
        case OP_EXPORT:
            instruction_export_var(L, f, a, words[f->pc++] != 0);
            break;
        case OP_POP:
            lua_pop(L, 1);
            break;
        case OP_DUP:
            lua_pushvalue(L, -1);
            break;
        case OP_SWAP:
            lua_insert(L, -2);
            break;
        case OP_ROT3:
            lua_insert(L, -3);
            break;
        case OP_GETATTR:
            if (!words[f->pc++] && push_plain(L, f, lua_gettop(L), a)) {
                lua_replace(L, -2);
                break;
            }
            instruction_push_constant(L, f, a);
            if (get(m, false) == RUN_ON)
                return RUN_ON;
            break;
        case OP_GETITEM:
            if (get(m, true) == RUN_ON)
                return RUN_ON;
            break;
        case OP_METHOD:
            if (method(m, f, a) == RUN_ON)
                return RUN_ON;
            f->pc++; /* the OP_NIL */
            break;
        case OP_SLICE:
            attribute_slice(m);
            break;
        case OP_BINARY:
            if (arith_binary(m, a) == CALL_OUT)
                return RUN_OUT;
            break;
        case OP_NEG:
            arith_negate(m, true);
            break;
        case OP_POS:
            arith_negate(m, false);
            break;
        case OP_NOT: {
            bool is = values_truth(m, -1);
            lua_pop(L, 1);
            lua_pushboolean(L, !is);
            break;
        }
        case OP_COMPARE: {
            if ((a == OP_IN || a == OP_NOT_IN) && start_force(m))
                return RUN_ON;
            bool is = instruction_compare(m, a);
            lua_pop(L, 2);
            lua_pushboolean(L, is);
            break;
        }
        case OP_CONCAT: {
            int n = a, first = lua_gettop(L) - n + 1, i = first;
            while (i < first + n && !instruction_prints_in_lua(L, i))
                i++;
            if (i < first + n) {
                f->pc--;
                lua_pushvalue(L, i);
                struct frame *print = machine_start_internal(m, "print", 1);
                print->ret = i;
                print->keeps_top = true;
                return RUN_ON;
            }
            instruction_concat(m, n, (enum out_mode)words[f->pc++]);
            break;
        }
        case OP_JUMP:
            f->pc = a;
            break;
        case OP_JUMP_FALSE: {
            bool is = values_truth(m, -1);
            lua_pop(L, 1);
            if (!is)
                f->pc = a;
            break;
        }
        case OP_JUMP_FALSE_KEEP:
            if (values_truth(m, -1))
                lua_pop(L, 1);
            else
                f->pc = a;
            break;
        case OP_JUMP_TRUE_KEEP:
            if (!values_truth(m, -1))
                lua_pop(L, 1);
            else
                f->pc = a;
            break;
        case OP_JUMP_SET: {
            int slot = (int)words[f->pc++];
            if (!lua_isnil(L, f->base + slot))
                f->pc = a;
            break;
        }
        case OP_JUMP_PARENT:
            if (!lua_isnil(L, f->fixed + FIXED_PARENT))
                f->pc = a;
            break;
        case OP_LIST:
        case OP_TUPLE:
            instruction_make_list(m, a, (w & 0xff) == OP_TUPLE);
            break;
        case OP_DICT:
            instruction_make_dict(m, a);
            break;
        case OP_CALL: {
            int self = m->n_frames - 1;
            uint32_t flags = words[f->pc++];
            r = call(m, a, flags);
            if (r != RUN_DONE)
                return r;
            f = &m->frames[self];
            break;
        }
        case OP_FILTER:
        case OP_TEST: {
            uint32_t flags = words[f->pc];
            int positional = (int)words[f->pc + 1];
            int keywords = (int)(flags >> CALL_KEYWORDS_SHIFT);
            bool is_test = (w & 0xff) == OP_TEST;
            f->pc += 2;
            if (flags & (CALL_STAR | CALL_STAR2))
                spread(m, flags, &positional, &keywords);
            int base = lua_gettop(L) - positional - 2 * keywords + 1;
            instruction_push_constant(L, f, a);
            enum call_result cr =
                call_filter(m, base, positional, keywords,
                            is_test ? AT_TESTS : AT_FILTERS, is_test ? "test" : "filter");
            if (cr == CALL_OUT)
                return RUN_OUT;
            return RUN_ON;
        }
        case OP_MARKSAFE:
            instruction_mark_safe(m);
            break;
        case OP_ITERATE:
            if (start_force(m))
                return RUN_ON;
            loop_start(m, f->base + a, words[f->pc++]);
            break;
        case OP_NEXT:
            if (machine_is_due(m)) {
                f->pc--;
                return RUN_ON;
            }
            if (loop_next(m, f->base + (int)words[f->pc]))
                f->pc++;
            else
                f->pc = a;
            break;
        case OP_APPEND: {
            lua_Integer n = (lua_Integer)lua_rawlen(L, f->base + a);
            lua_rawseti(L, f->base + a, n + 1);
            break;
        }
        case OP_LOOP_END:
            lua_pushnil(L);
            lua_replace(L, f->base + a);
            lua_pushnil(L);
            lua_replace(L, f->base + a + 1);
            break;
        case OP_UNPACK:
            if (start_force(m))
                return RUN_ON;
            instruction_unpack(m, a);
            break;
        case OP_SET_NS:
            instruction_set_namespace(m, f, a);
            break;
        case OP_CHECK_NS:
            instruction_check_namespace(m);
            lua_pop(L, 1);
            break;
        case OP_MACRO:
            instruction_push_macro(m, f, a);
            break;
        case OP_CAPTURE:
            lua_pushinteger(L, (lua_Integer)m->out.n);
            m->n_captures++;
            break;
        case OP_CAPTURED:
            instruction_captured(m, (enum out_mode)a);
            m->n_captures--;
            break;
        case OP_AUTOESCAPE:
            instruction_set_autoescape(m, f, a);
            break;
        case OP_AUTOESCAPE_END:
            f->context->is_autoescaped = lua_toboolean(L, f->base + a);
            break;
        case OP_BLOCK: {
            uint32_t flags = words[f->pc++];
            if (flags & F_SCOPED)
                inherit_derive(m);
            else
                lua_pushvalue(L, f->fixed + FIXED_CONTEXT);
            instruction_push_constant(L, f, a);
            inherit_start_block(m, 0, (flags & F_REQUIRED) != 0);
            return RUN_ON;
        }
        case OP_EXTENDS:
            if (inherit_find(m, lua_gettop(L), false) == CALL_FRAME)
                return RUN_ON;
            inherit_extend(m);
            break;
        case OP_INCLUDE:
        case OP_IMPORT: {
            bool is_include = (w & 0xff) == OP_INCLUDE,
                 may_miss = (a & F_IGNORE_MISSING) != 0;
            int top = lua_gettop(L);
            if (inherit_find(m, top - 1, is_include && may_miss) == CALL_FRAME)
                return RUN_ON;
            if (lua_isboolean(L, top - 1)) {
                lua_settop(L, top - 2);
                break;
            }
            int self = m->n_frames - 1;
            if (is_include)
                inherit_include(m, (a & F_WITH_CONTEXT) != 0);
            else if (inherit_import(m, (a & F_WITH_CONTEXT) != 0) == CALL_DONE) {
                f = &m->frames[self];
                break;
            }
            return RUN_ON;
        }
        case OP_IMPORTED:
            inherit_imported(m, f, a, (int)words[f->pc]);
            f->pc++;
            break;
        case OP_LOCALS:
            instruction_make_locals(L, a);
            break;
        case OP_UNDEFINED: {
            int name = (int)words[f->pc++];
            instruction_push_constant(L, f, a);
            if (name)
                instruction_push_constant(L, f, name - 1);
            undefined_push_hint(m, name ? -2 : -1, name ? lua_gettop(L) : 0, !name);
            lua_replace(L, name ? -3 : -2);
            if (name)
                lua_pop(L, 1);
            break;
        }
        case OP_FAIL:
            instruction_push_constant(L, f, a);
            error_raise_text(m, "TemplateRuntimeError", object_text(L, -1));
        case OP_SUPER:
            instruction_push_block_reference(m, f, false);
            break;
        case OP_SELF:
            instruction_push_block_reference(m, f, true);
            break;
        case OP_DEBUG:
            machine_start_internal(m, "debug", 1);
            return RUN_ON;
        case OP_RETURN:
            if (machine_continue_with_parent(m)) {
                words = f->code->words;
                break;
            }
            machine_end_code(m);
            return RUN_ON;
        }
    }
}
