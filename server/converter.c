/* The built-in converters: string, int, float, path, any, uuid. Their arguments, what
   they take and what they make of it are Werkzeug's; an own one's part is in
   converter_own.c. */
#include "converter.h"

#include "base/buf.h"
#include "base/number.h"
#include "base/value.h"
#include "converter_own.h"
#include <stdio.h>

enum { MOST_ARGUMENTS = 4 };

static const struct builtin {
    const char *name;
    enum converter_kind kind;
    int weight;
    const char *arguments[MOST_ARGUMENTS]; /* in the order of their places */
} builtins[] = {
    {"string", CONVERTER_STRING, 100, {"minlength", "maxlength", "length"}},
    {"int", CONVERTER_INT, 50, {"fixed_digits", "min", "max", "signed"}},
    {"float", CONVERTER_FLOAT, 50, {"min", "max", "signed"}},
    {"path", CONVERTER_PATH, 200, {NULL}},
    {"any", CONVERTER_ANY, 100, {NULL}},
    {"uuid", CONVERTER_UUID, 100, {NULL}},
};

enum { BUILTINS = sizeof builtins / sizeof *builtins };

/* A converter in the making. */
struct making {
    const struct converter_maker *maker;
    const struct builtin *builtin;
    const struct converter_argument *bound[MOST_ARGUMENTS]; /* NULL: not given */
    struct converter *c;
    struct fault *fault;
};

static int place_of(const struct builtin *b, struct str name)
{
    for (int i = 0; i < MOST_ARGUMENTS && b->arguments[i]; i++)
        if (str_eq(str_from(b->arguments[i]), name))
            return i;
    return -1;
}

/* Arguments without a name take the places in order. */
static int bind_arguments(struct making *m, const struct converter_argument *arguments,
                          size_t n)
{
    const char *name = m->builtin->name;
    for (size_t i = 0; i < n; i++) {
        const struct converter_argument *a = &arguments[i];
        int place = a->name.n ? place_of(m->builtin, a->name)
                    : i < MOST_ARGUMENTS && m->builtin->arguments[i] ? (int)i
                                                                     : -1;
        if (place < 0 && a->name.n)
            return fault_set(m->fault, 500, "converter %s has no argument \"%.*s\"", name,
                             (int)a->name.n, a->name.p);
        if (place < 0)
            return fault_set(m->fault, 500, "too many arguments for converter %s", name);
        if (m->bound[place])
            return fault_set(m->fault, 500, "converter %s is given %s twice", name,
                             m->builtin->arguments[place]);
        m->bound[place] = a->kind == ARGUMENT_NONE ? NULL : a;
    }
    return 0;
}

static const struct converter_argument *argument(const struct making *m, const char *name)
{
    return m->bound[place_of(m->builtin, str_from(name))];
}

/* Each of these leaves *to as it is when the argument was not given. */

static int take_integer(const struct making *m, const char *name, int64_t *to, bool *has)
{
    const struct converter_argument *a = argument(m, name);
    if (!a)
        return 0;
    if (a->kind != ARGUMENT_INT)
        return fault_set(m->fault, 500, "converter %s: %s must be a whole number",
                         m->builtin->name, name);
    *to = a->integer;
    *has = true;
    return 0;
}

static int take_size(const struct making *m, const char *name, size_t *to)
{
    int64_t n = 0;
    bool is_given = false;
    if (take_integer(m, name, &n, &is_given) < 0)
        return -1;
    if (is_given && (n < 0 || n > INT32_MAX))
        return fault_set(m->fault, 500, "converter %s: %s must be 0 or more",
                         m->builtin->name, name);
    if (is_given)
        *to = (size_t)n;
    return 0;
}

static int take_number(const struct making *m, const char *name, double *to, bool *has)
{
    const struct converter_argument *a = argument(m, name);
    if (!a)
        return 0;
    if (a->kind != ARGUMENT_INT && a->kind != ARGUMENT_FLOAT)
        return fault_set(m->fault, 500, "converter %s: %s must be a number",
                         m->builtin->name, name);
    *to = a->number;
    *has = true;
    return 0;
}

static int take_bool(const struct making *m, const char *name, bool *to)
{
    const struct converter_argument *a = argument(m, name);
    if (!a)
        return 0;
    if (a->kind != ARGUMENT_BOOL)
        return fault_set(m->fault, 500, "converter %s: %s must be True or False",
                         m->builtin->name, name);
    *to = a->integer != 0;
    return 0;
}

static int make_string(struct making *m)
{
    struct converter *c = m->c;
    size_t length = SIZE_MAX;
    c->min_length = 1;
    c->max_length = SIZE_MAX;
    if (take_size(m, "minlength", &c->min_length) < 0 ||
        take_size(m, "maxlength", &c->max_length) < 0 ||
        take_size(m, "length", &length) < 0)
        return -1;
    if (length != SIZE_MAX)
        c->min_length = c->max_length = length;
    if (c->max_length < c->min_length)
        return fault_set(m->fault, 500, "converter string: maxlength is below minlength");
    return 0;
}

static int make_int(struct making *m)
{
    struct converter *c = m->c;
    return take_size(m, "fixed_digits", &c->fixed_digits) < 0 ||
                   take_integer(m, "min", &c->int_min, &c->has_min) < 0 ||
                   take_integer(m, "max", &c->int_max, &c->has_max) < 0 ||
                   take_bool(m, "signed", &c->is_signed) < 0
               ? -1
               : 0;
}

static int make_float(struct making *m)
{
    struct converter *c = m->c;
    return take_number(m, "min", &c->float_min, &c->has_min) < 0 ||
                   take_number(m, "max", &c->float_max, &c->has_max) < 0 ||
                   take_bool(m, "signed", &c->is_signed) < 0
               ? -1
               : 0;
}

static int make_any(struct making *m, const struct converter_argument *arguments,
                    size_t n)
{
    if (n == 0)
        return fault_set(m->fault, 500, "converter any needs words: any(a, \"b c\")");
    struct str *words = arena_alloc(m->maker->arena, n * sizeof *words);
    if (!words)
        return fault_set(m->fault, 503, "out of memory");
    for (size_t i = 0; i < n; i++) {
        if (arguments[i].name.n)
            return fault_set(m->fault, 500, "converter any has no argument \"%.*s\"",
                             (int)arguments[i].name.n, arguments[i].name.p);
        words[i] = arguments[i].text;
        if (words[i].n && memchr(words[i].p, '/', words[i].n))
            m->c->takes_slash = true;
    }
    m->c->words = words;
    m->c->words_n = n;
    return 0;
}

static void add_form(struct buf *b, const struct converter *c, const char *name)
{
    buf_addf(b, "%s/%d", name, c->weight);
    if (c->kind == CONVERTER_STRING)
        buf_addf(b, "/%zu/%zu", c->min_length, c->max_length);
    if (c->kind == CONVERTER_INT || c->kind == CONVERTER_FLOAT)
        buf_addf(b, "/%zu/%d", c->fixed_digits, c->is_signed);
    for (size_t i = 0; i < c->words_n; i++) {
        buf_addf(b, "/%zu:", c->words[i].n);
        buf_addstr(b, c->words[i]);
    }
}

static void add_range(struct buf *b, const struct converter *c)
{
    if (c->has_min)
        buf_addf(b, "/min%lld:%.17g", (long long)c->int_min, c->float_min);
    if (c->has_max)
        buf_addf(b, "/max%lld:%.17g", (long long)c->int_max, c->float_max);
}

static int describe(struct making *m)
{
    struct converter *c = m->c;
    struct buf b = {0};
    add_form(&b, c, m->builtin->name);
    c->form = arena_copy(m->maker->arena, buf_str(&b));
    add_range(&b, c);
    c->identity = arena_copy(m->maker->arena, buf_str(&b));
    buf_free(&b);
    if (!c->form.p || !c->identity.p)
        return fault_set(m->fault, 503, "out of memory");
    return 0;
}

static int make(struct making *m, const struct converter_argument *arguments, size_t n)
{
    *m->c = (struct converter){
        .kind = m->builtin->kind,
        .weight = m->builtin->weight,
        .takes_slash = m->builtin->kind == CONVERTER_PATH,
    };
    if (m->c->kind == CONVERTER_ANY)
        return make_any(m, arguments, n);
    if (bind_arguments(m, arguments, n) < 0)
        return -1;
    switch (m->c->kind) {
    case CONVERTER_STRING:
        return make_string(m);
    case CONVERTER_INT:
        return make_int(m);
    case CONVERTER_FLOAT:
        return make_float(m);
    default:
        return 0;
    }
}

/* Pushes the app's definition of the name, and says whether there is one. */
static bool push_own(const struct converter_maker *maker, struct str name)
{
    if (!maker->L)
        return false;
    route_ref_push_converters(maker->L, maker->map);
    lua_pushlstring(maker->L, name.p, name.n);
    lua_rawget(maker->L, -2);
    lua_remove(maker->L, -2);
    if (!lua_isnil(maker->L, -1))
        return true;
    lua_pop(maker->L, 1);
    return false;
}

static const struct builtin *find_builtin(struct str name)
{
    if (str_eq(name, STR("default")))
        return &builtins[0];
    for (int i = 0; i < BUILTINS; i++)
        if (str_eq(name, str_from(builtins[i].name)))
            return &builtins[i];
    return NULL;
}

/* Appends to the fault's message as far as it has room. */
static void say(struct fault *f, const char *text)
{
    size_t n = strlen(f->message);
    snprintf(f->message + n, sizeof f->message - n, "%s", text);
}

static void say_own_names(const struct converter_maker *maker, struct fault *fault)
{
    lua_State *L = maker->L;
    route_ref_push_converters(L, maker->map);
    lua_Integer n = value_push_keys(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, (int)i);
        if (lua_type(L, -1) == LUA_TSTRING) {
            say(fault, ", ");
            say(fault, lua_tostring(L, -1));
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}

static const struct converter *unknown(const struct converter_maker *maker,
                                       struct str name, struct fault *fault)
{
    fault_set(fault, 500, "no converter \"%.*s\"; there are %s", (int)name.n, name.p,
              builtins[0].name);
    for (int i = 1; fault && i < BUILTINS; i++) {
        say(fault, ", ");
        say(fault, builtins[i].name);
    }
    if (fault && maker->L)
        say_own_names(maker, fault);
    return NULL;
}

const struct converter *converter_new(const struct converter_maker *maker,
                                      struct str name,
                                      const struct converter_argument *arguments,
                                      size_t n, struct fault *fault)
{
    if (push_own(maker, name))
        return converter_own_new(maker, name, arguments, n, fault);
    struct making m = {.maker = maker, .builtin = find_builtin(name), .fault = fault};
    if (!m.builtin)
        return unknown(maker, name, fault);
    m.c = arena_alloc(maker->arena, sizeof *m.c);
    if (!m.c) {
        fault_set(fault, 503, "out of memory");
        return NULL;
    }
    return make(&m, arguments, n) < 0 || describe(&m) < 0 ? NULL : m.c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(struct str s, size_t from)
{
    size_t i = from;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    return i - from;
}

static bool is_int(const struct converter *c, struct str text)
{
    size_t start = c->is_signed && text.n && *text.p == '-';
    return text.n > start && start + digits_at(text, start) == text.n &&
           (!c->fixed_digits || text.n == c->fixed_digits);
}

static bool is_float(const struct converter *c, struct str text)
{
    size_t start = c->is_signed && text.n && *text.p == '-';
    size_t whole = digits_at(text, start), dot = start + whole;
    if (!whole || dot >= text.n || text.p[dot] != '.')
        return false;
    size_t fraction = digits_at(text, dot + 1);
    return fraction && dot + 1 + fraction == text.n;
}

static bool has_length(const struct converter *c, struct str text)
{
    if (text.n < c->min_length)
        return false;
    if (c->min_length <= 1 && c->max_length == SIZE_MAX)
        return true;
    size_t n = 0; /* code points: bytes but for those that continue one */
    for (size_t i = 0; i < text.n; i++)
        n += (text.p[i] & 0xC0) != 0x80;
    return n >= c->min_length && n <= c->max_length;
}

/* Python's `[^/].*?`: a dot takes no newline. */
static bool is_path(struct str text)
{
    return text.n && *text.p != '/' &&
           !(text.n > 1 && memchr(text.p + 1, '\n', text.n - 1));
}

static bool is_word(const struct converter *c, struct str text)
{
    for (size_t i = 0; i < c->words_n; i++)
        if (str_eq(c->words[i], text))
            return true;
    return false;
}

bool converter_is_uuid(struct str text)
{
    if (text.n != 36)
        return false;
    for (int i = 0; i < 36; i++) {
        char ch = text.p[i];
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = is_digit(ch) || ((ch | 32) >= 'a' && (ch | 32) <= 'f');
        if (is_dash ? ch != '-' : !is_hex)
            return false;
    }
    return true;
}

bool converter_takes(const struct converter *c, struct str text,
                     struct converter_lua *lua)
{
    if (!c->takes_slash && text.n && memchr(text.p, '/', text.n))
        return false;
    switch (c->kind) {
    case CONVERTER_STRING:
        return has_length(c, text);
    case CONVERTER_INT:
        return is_int(c, text);
    case CONVERTER_FLOAT:
        return is_float(c, text);
    case CONVERTER_PATH:
        return is_path(text);
    case CONVERTER_ANY:
        return is_word(c, text);
    case CONVERTER_UUID:
        return converter_is_uuid(text);
    default:
        return converter_own_takes(c, text, lua);
    }
}

/* text: digits, a minus before them or not. False: beyond 64 bits. */
static bool read_int(struct str text, int64_t *value)
{
    bool is_negative = text.n && *text.p == '-';
    int64_t n = 0; /* counted downwards: the least number has no positive twin */
    for (size_t i = is_negative; i < text.n; i++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, text.p[i] - '0', &n))
            return false;
    if (!is_negative && n == INT64_MIN)
        return false;
    *value = is_negative ? n : -n;
    return true;
}

static enum converter_outcome int_value(const struct converter *c, struct str text,
                                        struct route_value *value)
{
    value->kind = ROUTE_INTEGER;
    if (!read_int(text, &value->integer) || (c->has_min && value->integer < c->int_min) ||
        (c->has_max && value->integer > c->int_max))
        return CONVERTER_REFUSED;
    return CONVERTER_DONE;
}

static enum converter_outcome float_value(const struct converter *c, struct str text,
                                          struct route_value *value)
{
    double n = 0;
    value->kind = ROUTE_NUMBER;
    if (!number_parse_double(text, &n) || n - n != 0 || /* an infinity */
        (c->has_min && n < c->float_min) || (c->has_max && n > c->float_max))
        return CONVERTER_REFUSED;
    value->number = n;
    return CONVERTER_DONE;
}

static enum converter_outcome uuid_value(struct str text, struct converter_lua *lua,
                                         struct route_value *value)
{
    char *p = arena_alloc(lua->arena, text.n);
    if (!p)
        return CONVERTER_REFUSED;
    for (size_t i = 0; i < text.n; i++)
        p[i] = text.p[i] >= 'A' && text.p[i] <= 'F' ? (char)(text.p[i] | 32) : text.p[i];
    value->text = (struct str){p, text.n};
    return CONVERTER_DONE;
}

enum converter_outcome converter_value(const struct converter *c, struct str text,
                                       struct converter_lua *lua,
                                       struct route_value *value, struct fault *fault)
{
    value->kind = ROUTE_TEXT;
    value->text = text;
    switch (c->kind) {
    case CONVERTER_INT:
        return int_value(c, text, value);
    case CONVERTER_FLOAT:
        return float_value(c, text, value);
    case CONVERTER_UUID:
        return uuid_value(text, lua, value);
    case CONVERTER_OWN:
        return converter_own_value(c, text, lua, value, fault);
    default:
        return CONVERTER_DONE;
    }
}

static void push_repr(lua_State *L, double n)
{
    char text[NUMBER_REPR_SIZE];
    lua_pushlstring(L, text, (size_t)number_format_repr(n, text));
}

static void push_number(lua_State *L, int index)
{
    char digits[NUMBER_INT_SIZE];
    if (!lua_isinteger(L, index))
        push_repr(L, lua_tonumber(L, index));
    else
        lua_pushlstring(L, digits,
                        (size_t)number_format_int(lua_tointeger(L, index), digits));
}

bool converter_push_str(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        lua_pushvalue(L, index);
        return true;
    case LUA_TNUMBER:
        push_number(L, index);
        return true;
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, index) ? "True" : "False");
        return true;
    default:
        if (!luaL_callmeta(L, index, "__tostring"))
            return false;
        if (lua_type(L, -1) == LUA_TSTRING)
            return true;
        lua_pop(L, 1);
        return false;
    }
}

/* Pushes why, with the value (or its type) in front. */
static bool refuse(lua_State *L, int index, const char *why)
{
    lua_Number n = lua_tonumber(L, index);
    if (lua_type(L, index) == LUA_TSTRING)
        lua_pushfstring(L, "\"%s\" %s", lua_tostring(L, index), why);
    else if (lua_type(L, index) == LUA_TNUMBER)
        lua_pushfstring(L, "%f %s", n, why);
    else
        lua_pushfstring(L, "a %s %s", luaL_typename(L, index), why);
    return false;
}

/* Python's int(value): a fraction is cut off, a string must be a number's digits. */
static bool to_int(lua_State *L, int index, int64_t *n)
{
    if (lua_isinteger(L, index)) {
        *n = lua_tointeger(L, index);
        return true;
    }
    if (lua_type(L, index) == LUA_TNUMBER) {
        lua_Number x = lua_tonumber(L, index);
        bool fits = x > -9223372036854775808.0 && x < 9223372036854775808.0;
        *n = fits ? (int64_t)x : 0;
        return fits;
    }
    struct str s = {NULL, 0};
    if (lua_type(L, index) == LUA_TSTRING)
        s.p = lua_tolstring(L, index, &s.n);
    static const struct converter any_int = {.kind = CONVERTER_INT, .is_signed = true};
    return is_int(&any_int, s) && read_int(s, n);
}

static bool push_int(lua_State *L, const struct converter *c, int index)
{
    int64_t n;
    char digits[NUMBER_INT_SIZE];
    if (!to_int(L, index, &n))
        return refuse(L, index, "is no whole number");
    size_t length = (size_t)number_format_int(n, digits), sign = n < 0;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    if (sign)
        luaL_addchar(&b, '-');
    for (size_t i = length; i < c->fixed_digits; i++)
        luaL_addchar(&b, '0');
    luaL_addlstring(&b, digits + sign, length - sign);
    luaL_pushresult(&b);
    return true;
}

static bool push_float(lua_State *L, int index)
{
    struct str s = {NULL, 0};
    double n;
    if (lua_type(L, index) == LUA_TSTRING)
        s.p = lua_tolstring(L, index, &s.n);
    if (lua_type(L, index) == LUA_TNUMBER)
        n = lua_tonumber(L, index);
    else if (!number_parse_double(s, &n))
        return refuse(L, index, "is no number");
    push_repr(L, n);
    return true;
}

static bool push_word(lua_State *L, const struct converter *c, int index)
{
    struct str s;
    if (!converter_push_str(L, index))
        return refuse(L, index, "is no text");
    s.p = lua_tolstring(L, -1, &s.n);
    if (is_word(c, s))
        return true;
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addlstring(&b, s.p, s.n);
    luaL_addstring(&b, " is not one of ");
    for (size_t i = 0; i < c->words_n; i++) {
        luaL_addstring(&b, i ? ", " : "");
        luaL_addlstring(&b, c->words[i].p, c->words[i].n);
    }
    luaL_pushresult(&b);
    return false;
}

static bool push_text(lua_State *L, const struct route_map *map,
                      const struct converter *c, int index)
{
    switch (c->kind) {
    case CONVERTER_INT:
        return push_int(L, c, index);
    case CONVERTER_FLOAT:
        return push_float(L, index);
    case CONVERTER_ANY:
        return push_word(L, c, index);
    case CONVERTER_OWN:
        return converter_own_push_text(L, map, c, index);
    default:
        return converter_push_str(L, index) || refuse(L, index, "is no text");
    }
}

bool converter_push_text(lua_State *L, const struct route_map *map,
                         const struct converter *c, int index)
{
    luaL_checkstack(L, 8, "url_for");
    int top = lua_gettop(L);
    bool is_text = push_text(L, map, c, lua_absindex(L, index));
    lua_insert(L, top + 1); /* the text or the reason alone stays */
    lua_settop(L, top + 1);
    return is_text;
}
