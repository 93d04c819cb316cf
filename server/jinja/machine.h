/* The machine that runs a template's code. Between two steps all of its state is on the
   heap: frames and output in the userdata, values in its table. */
#ifndef JINJA_MACHINE_H
#define JINJA_MACHINE_H

#include "base/buf.h"
#include "jinja/builtin.h"
#include "jinja/object.h"

/* Where things stand on the Lua stack during a step. */
enum {
    AT_MACHINE = 1,
    AT_RESULT, /* what the function gave that was stepped out for */
    AT_SAVED,  /* the machine's table */
    AT_ENV,    /* the environment's table */
    AT_FILTERS,
    AT_TESTS,
    AT_VALUES /* the frames' values from here on */
};

/* Fields of the machine's table, below the saved values at 1, 2, ... */
enum { SAVED_ENV = 0, SAVED_FILTERS = -1, SAVED_TESTS = -2, SAVED_HELPERS = -3 };

/* Behind its slots a code frame has these; its temporaries follow. */
enum fixed {
    FIXED_CONTEXT,
    FIXED_VARS,
    FIXED_INHERITED,
    FIXED_USER,
    FIXED_GLOBALS,
    FIXED_CONSTANTS,
    FIXED_TEMPLATE,
    FIXED_ENV,    /* the variables that inner functions share, or nil */
    FIXED_PARENT, /* the template that this one extends, or nil */
    N_FIXED
};

enum result_kind {
    RESULT_NONE,   /* what it wrote is output already: nothing is pushed */
    RESULT_VALUE,  /* what it wrote becomes a string or a Markup */
    RESULT_MODULE, /* what it wrote and set becomes a module */
    RESULT_CACHED  /* the same, kept in its template */
};

/* After that many ticks Lua is given a turn, so that a limit on time can act; or soon,
   when a hook waits for it. */
enum { MAX_TICKS = 50000, TICKS_PER_LOOK = 64 };

enum { MAX_FRAMES = 400, MAX_PARENTS = 100, MAX_SCRATCH = 8 };

struct frame {
    const struct builtin *builtin; /* NULL: a frame of code */
    int base;                      /* of its slots or arguments */
    int ret;                       /* where its result goes */
    /* code */
    const struct code *code;
    int pc;
    int fixed;
    struct context *context;
    enum result_kind result;
    size_t mark; /* of the output when it began */
    bool is_markup;
    int block_depth; /* which of the blocks of this name runs */
    int loop_depth;  /* of a recursive loop's calls */
    int n_parents;
    /* builtin */
    int phase;
    int forced; /* the generator being run, -(the object being made a dict), or 0 */
    bool is_ready, is_waiting;
    int state;      /* a builtin's own, 0 at first */
    bool keeps_top; /* its result goes to ret, and all that lies below base stays */
};

enum undefined_policy { POLICY_DEFAULT, POLICY_STRICT, POLICY_CHAINABLE, POLICY_DEBUG };

struct settings {
    enum undefined_policy undefined;
    size_t limit; /* bytes of a string or the output */
    int truncate_leeway;
    bool sorts_json, keeps_unicode; /* policy json.dumps_kwargs */
    struct str json_separators[2];
    struct str newline;
    bool is_newstyle;                     /* i18n */
    struct str urlize_rel, urlize_target; /* policies; p NULL: none */
};

/* What the first step does with the values that are saved already. */
enum first {
    FIRST_NONE,
    FIRST_ROOT,   /* template, context: renders it */
    FIRST_MODULE, /* template, context: makes its module */
    FIRST_CALL    /* function, nil, arguments, keys and values: calls it */
};

struct machine {
    lua_State *L; /* of the step at hand */
    struct settings settings;
    struct buf out;
    struct buf scratch[MAX_SCRATCH]; /* for text being built */
    int n_scratch;
    struct frame *frames;
    int n_frames, cap_frames;
    int n_saved;
    int n_call; /* arguments of the function that is to be called; -1: a chunk is due */
    int n_captures; /* texts being captured: their output must stay */
    bool is_resuming, is_running, is_done;
    enum first first;
    int n_args, n_keywords; /* of FIRST_CALL */
    int ticks; /* loop turns, calls and filters since Lua last had its turn */
    bool is_ticking;
    size_t chunk; /* a stream gives out what it has when it has this much; 0: never */
};

/* step(machine, result): runs on. Returns nil and the text when the render is done; false
   and a chunk of a stream; else a function and its arguments, to be called by whoever
   called step, its result being given to the next step. */
int machine_step(lua_State *L);

/* Makes a machine on top of the stack: the environment's table is at env. */
struct machine *machine_new(lua_State *L, int env, const struct settings *s);

/* Has the machine at index `at` begin with the n values on top, which are popped. */
void machine_begin(lua_State *L, int at, enum first first, int n);

void machine_close(struct machine *m);

/* --- for builtins and the files of the machine --- */

static inline bool machine_is_autoescaped(const struct machine *m)
{
    for (int i = m->n_frames - 1; i >= 0; i--)
        if (m->frames[i].context)
            return m->frames[i].context->is_autoescaped;
    return false;
}

/* Counts a tick. Whether Lua is to have its turn; it stays so until then. */
static inline bool machine_is_due(struct machine *m)
{
    if (++m->ticks % TICKS_PER_LOOK == 0 && lua_gethookmask(m->L))
        m->ticks = MAX_TICKS + 1;
    return m->ticks > MAX_TICKS;
}

static inline int machine_phase(const struct machine *m)
{
    return m->frames[m->n_frames - 1].phase;
}

/* The result of a builtin that needs Lua: the function and its n arguments are on top. */
int machine_call(struct machine *m, int n);

/* Pushes one of the helpers written in Lua: "index", "tostring", ... */
void machine_push_helper(struct machine *m, const char *name);

/* An empty buffer that is the machine's: it is given back when the builtin or instruction
   at hand ends, or fails. */
struct buf *machine_scratch(struct machine *m);

/* Appends within the limit on strings; raises when it is passed. */
void machine_add(struct machine *m, struct buf *b, struct str s);
void machine_need(struct machine *m, struct buf *b, size_t more);
/* Pushes the buffer's text as a string, or as a Markup. */
void machine_push(struct machine *m, struct buf *b);
void machine_push_as(struct machine *m, struct buf *b, bool is_markup);

void machine_stack(struct machine *m, int n);

struct frame *machine_frame(struct machine *m);

/* The innermost frame of code, or NULL. */
struct frame *machine_code_frame(struct machine *m);

/* Starts a builtin whose arguments lie at base: `positional` of them, then `keywords`
   pairs of key and value up to the top. Its result will be at ret. */
void machine_start_builtin(struct machine *m, const struct builtin *b, int base,
                           int positional, int keywords, int ret);

/* Starts code. The slots begin at base (what is there are its first slots' values). */
struct frame *machine_start_code(struct machine *m, const struct code *code, int base,
                                 int ret, int context, int template, int env);

/* call.c: calls the value at `callee`: self (or nil) and the arguments lie behind it.
   Returns as a builtin's run does, or a frame has been started (CALL_FRAME). The result
   will be at `callee`. */
enum call_result { CALL_DONE, CALL_OUT, CALL_FRAME };
enum call_result call_value(struct machine *m, int callee, int positional, int keywords);
enum call_result call_filter(struct machine *m, int base, int positional, int keywords,
                             int table, const char *what);

/* Starts a builtin whose parameters lie at base to the top. */
void machine_push_builtin(struct machine *m, const struct builtin *b, int base, int ret);

/* Starts one of our own builtins with the n values on top, which its result replaces. */
struct frame *machine_start_internal(struct machine *m, const char *name, int n);

/* Ends the top frame of code: what it wrote becomes its result. */
void machine_end_code(struct machine *m);

/* At the end of a root: goes on with the root of the template that it extends, if it
 * does. */
bool machine_continue_with_parent(struct machine *m);

/* Whether the value is a generator that hasn't been run. */
bool machine_needs_force(lua_State *L, int i);

/* inherit.c: templates within templates. A template's code has two values below its base:
   the template's table and the context. */

/* Pushes a new context for the template (its table). user, inherited: tables, or 0. */
void inherit_push_context(lua_State *L, int template, int user, int inherited);
/* Starts block number `depth` of the name (a string at `name`). Stack: context, name ->
   the block's frame, whose result will be where the context is. */
void inherit_start_block(struct machine *m, int depth, bool is_required);
/* Stack: template, context -> the frame of its root. */
struct frame *inherit_start_root(struct machine *m);
/* Whether the block reference at i has a block to call. */
bool inherit_has_block(struct machine *m, int i);
/* Stack: locals -> a context that sees them as well */
void inherit_derive(struct machine *m);
/* Sees to it that the value at index, a template's name or a list of such, becomes the
   template's table; false when it is missing and may be. CALL_FRAME: a builtin was
   started that does it, and the instruction will be run again. */
enum call_result inherit_find(struct machine *m, int index, bool may_be_missing);
/* Stack: template -> ; the frame's template extends it. */
void inherit_extend(struct machine *m);
/* Stack: template, locals or nil -> the template's frame. */
void inherit_include(struct machine *m, bool with_context);
/* The same -> module, or the frame that makes it (CALL_FRAME). */
enum call_result inherit_import(struct machine *m, bool with_context);
/* Pushes the module of what the frame has written and set. */
void inherit_push_module(struct machine *m, struct frame *f);
/* Stack: module -> module, value of the name k. */
void inherit_imported(struct machine *m, struct frame *f, int k, int line);

/* loop.c */
void loop_start(struct machine *m, int slot, unsigned flags);
bool loop_next(struct machine *m,
               int slot); /* pushes the next item; false: none is left */
/* loop.name, pushed; false when there is no such attribute. */
bool loop_attribute(struct machine *m, int loop, struct str name);

#endif
