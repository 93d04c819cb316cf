/* The functions that every template has: range, dict, lipsum, cycler, joiner, namespace,
   and those of the i18n extension. */
#include "jinja/filter.h"
#include "jinja/unicode.h"
#include <stdlib.h>

static int function_range(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_Integer start = values_int_arg(m, base, 0), stop = start, step = 1;
    if (lua_isnil(L, base + 1)) {
        start = 0;
    } else {
        stop = values_int_arg(m, base + 1, 0);
        step = values_int_arg(m, base + 2, 1);
    }
    if (step == 0)
        error_raise(m, "ValueError", "range() arg 3 must not be zero");
    lua_Number n = step > 0
                       ? ((lua_Number)stop - (lua_Number)start + (lua_Number)step - 1) /
                             (lua_Number)step
                       : ((lua_Number)start - (lua_Number)stop - (lua_Number)step - 1) /
                             -(lua_Number)step;
    if (n > 10000000)
        error_raise(m, "OverflowError", "range() of more than 10,000,000 items");
    struct range *r = lua_newuserdatauv(L, sizeof *r, 0);
    *r = (struct range){start, step, n > 0 ? (lua_Integer)n : 0};
    object_mark(L, K_RANGE);
    return BUILTIN_DONE;
}

/* Copies the items of the dict, or the pairs of the list, at i to the dict at `to`. */
static void copy_items(struct machine *m, int i, int to)
{
    lua_State *L = m->L;
    enum kind k = object_kind(L, i);
    bool is_dict = k == K_DICT || k == K_KWARGS || k == K_NAMESPACE;
    lua_Integer n = is_dict ? value_push_keys(L, i) : values_items(m, i);
    int list = is_dict ? lua_gettop(L) : i, top = lua_gettop(L);
    for (lua_Integer x = 1; x <= n; x++) {
        lua_rawgeti(L, list, x);
        if (is_dict) {
            lua_pushvalue(L, -1);
            lua_rawget(L, i);
        } else {
            if (values_items(m, top + 1) != 2)
                error_raise(m, "ValueError",
                            "dictionary update sequence element #%lld has not length 2",
                            (long long)x - 1);
            lua_rawgeti(L, top + 1, 1);
            lua_rawgeti(L, top + 1, 2);
        }
        struct str s = object_text(L, -2);
        if (s.p) {
            lua_pushlstring(L, s.p, s.n);
            lua_replace(L, -3);
        }
        if (object_kind(L, to) == K_NAMESPACE)
            lua_rawset(L, to);
        else
            lua_settable(L, to);
        lua_settop(L, top);
    }
    if (is_dict)
        lua_pop(L, 1);
}

static int function_dict(struct machine *m, int base)
{
    lua_State *L = m->L;
    value_push_ordered(L);
    int to = lua_gettop(L);
    if (!lua_isnil(L, base))
        copy_items(m, base, to);
    copy_items(m, base + 1, to);
    return BUILTIN_DONE;
}

static int function_namespace(struct machine *m, int base)
{
    lua_State *L = m->L;
    lua_newtable(L);
    object_mark(L, K_NAMESPACE);
    int to = lua_gettop(L);
    if (!lua_isnil(L, base))
        copy_items(m, base, to);
    copy_items(m, base + 1, to);
    return BUILTIN_DONE;
}

static int function_cycler(struct machine *m, int base)
{
    lua_State *L = m->L;
    if (values_list_length(L, base) == 0)
        error_raise(m, "RuntimeError", "at least one item has to be provided");
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, base);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, 0);
    lua_rawseti(L, -2, 2);
    object_mark(L, K_CYCLER);
    return BUILTIN_DONE;
}

static int function_joiner(struct machine *m, int base)
{
    lua_State *L = m->L;
    (void)m;
    lua_createtable(L, 2, 0);
    if (lua_isnil(L, base))
        lua_pushliteral(L, ", ");
    else
        lua_pushvalue(L, base);
    lua_rawseti(L, -2, 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, 2);
    object_mark(L, K_JOINER);
    return BUILTIN_DONE;
}

/* --- lipsum --- */

static const char *const words[] = {
    "lorem", "ipsum", "dolor", "sit",   "amet",   "elit",   "sed",   "vitae",
    "nunc",  "quis",  "magna", "urna",  "arcu",   "tellus", "velit", "odio",
    "augue", "massa", "felis", "porta", "mattis", "risus",  "justo", "ligula",
    "nulla", "orci",  "purus", "metus", "donec",  "erat"};

enum { N_WORDS = sizeof words / sizeof *words };

static void add_paragraph(struct buf *b, lua_Integer count)
{
    bool is_first = true;
    int left = 0;
    for (lua_Integer i = 0; i < count; i++) {
        const char *word = words[random() % N_WORDS];
        if (i)
            buf_addc(b, ' ');
        if (is_first)
            buf_addc(b, (char)(word[0] - 32));
        buf_addstr(b, str_from(word + is_first));
        if (is_first)
            left = (int)(8 + random() % 12);
        is_first = --left <= 0 && i + 1 < count;
        if (is_first)
            buf_addc(b, '.');
        else if (left % 6 == 5 && i + 1 < count)
            buf_addc(b, ',');
    }
    buf_addc(b, '.');
}

static int function_lipsum(struct machine *m, int base)
{
    lua_Integer n = values_int_arg(m, base, 5), low = values_int_arg(m, base + 2, 20);
    lua_Integer high = values_int_arg(m, base + 3, 100);
    bool is_html = values_bool_arg(m, base + 1, true);
    struct buf *b = machine_scratch(m);
    if (low < 1)
        low = 1;
    if (high <= low)
        high = low + 1;
    if (high > 1000000 || n > 1000000)
        error_raise(m, "OverflowError", "lipsum() of too many words");
    for (lua_Integer i = 0; i < n; i++) {
        machine_need(m, b, 0);
        buf_addstr(b, i == 0 ? STR("") : is_html ? STR("\n") : STR("\n\n"));
        buf_addstr(b, is_html ? STR("<p>") : STR(""));
        add_paragraph(b, low + random() % (high - low));
        buf_addstr(b, is_html ? STR("</p>") : STR(""));
    }
    return filter_done(m, b, is_html);
}

/* --- i18n --- */

/* The translated text on top is made safe and formatted, in the new style. */
static int finish_translation(struct machine *m, int kwargs)
{
    lua_State *L = m->L;
    if (!m->settings.is_newstyle)
        return BUILTIN_DONE;
    int text = lua_gettop(L);
    if (machine_is_autoescaped(m) && !escape_is_safe(L, text)) {
        struct str s = repr_text(m, text);
        object_push_markup(L, s.p, s.n);
        lua_replace(L, text);
    }
    repr_text(m, text);
    format_percent(m, text, kwargs);
    return BUILTIN_DONE;
}

/* Has the environment's function translate, or picks the plain text. The n arguments of
   the function lie at base, keyword arguments at base + n. */
static int translate(struct machine *m, int base, int n, const char *name, int plain)
{
    lua_State *L = m->L;
    if (machine_phase(m) == 0) {
        lua_getfield(L, AT_ENV, "i18n");
        if (lua_istable(L, -1))
            lua_getfield(L, -1, name);
        else
            lua_pushnil(L);
        if (lua_isfunction(L, -1)) {
            for (int i = 0; i < n; i++)
                lua_pushvalue(L, base + i);
            return machine_call(m, n);
        }
        lua_pushvalue(L, plain);
    }
    return finish_translation(m, base + n);
}

static int function_gettext(struct machine *m, int base)
{
    return translate(m, base, 1, "gettext", base);
}

static int function_pgettext(struct machine *m, int base)
{
    return translate(m, base, 2, "pgettext", base + 1);
}

/* The count is the variable `num`, unless there is one; singular or plural by it. */
static int plural(struct machine *m, int number, int kwargs)
{
    lua_State *L = m->L;
    lua_getfield(L, kwargs, "num");
    if (lua_isnil(L, -1)) {
        lua_pushvalue(L, number);
        lua_setfield(L, kwargs, "num");
    }
    lua_pop(L, 1);
    lua_pushinteger(L, 1);
    bool is_one = values_equal(m, number, lua_gettop(L));
    lua_pop(L, 1);
    return is_one ? number - 2 : number - 1;
}

static int function_ngettext(struct machine *m, int base)
{
    return translate(m, base, 3, "ngettext", plural(m, base + 2, base + 3));
}

static int function_npgettext(struct machine *m, int base)
{
    return translate(m, base, 4, "npgettext", plural(m, base + 3, base + 4));
}

const struct builtin builtin_functions[] = {
    {"range", function_range, 1, 3, 0, "start stop step"},
    {"dict", function_dict, 0, 1, BUILTIN_KWARGS, "mapping"},
    {"lipsum", function_lipsum, 0, 4, 0, "n html min max"},
    {"cycler", function_cycler, 0, 0, BUILTIN_VARARGS | BUILTIN_RAW, ""},
    {"joiner", function_joiner, 0, 1, 0, "sep"},
    {"namespace", function_namespace, 0, 1, BUILTIN_KWARGS, "mapping"},
    {"_", function_gettext, 1, 1, BUILTIN_KWARGS, "message"},
    {"gettext", function_gettext, 1, 1, BUILTIN_KWARGS, "message"},
    {"pgettext", function_pgettext, 2, 2, BUILTIN_KWARGS, "context message"},
    {"ngettext", function_ngettext, 3, 3, BUILTIN_KWARGS, "singular plural n"},
    {"npgettext", function_npgettext, 4, 4, BUILTIN_KWARGS, "context singular plural n"},
    {NULL, NULL, 0, 0, 0, NULL},
};
