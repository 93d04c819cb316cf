/* Flask's tagged JSON, over json_decode.c and json_encode.c. */
#include "tagged_json.h"

#include "base/base64.h"
#include "base/value.h"
#include "date.h"
#include "jinja/jinja.h"
#include "json.h"

/* ---- tags ---- */

enum tag { TAG_NONE, TAG_TUPLE, TAG_BYTES, TAG_MARKUP, TAG_UUID, TAG_DATE, TAG_DICT };

static const char *const tag_names[] = {"", " t", " b", " m", " u", " d", " di"};

static enum tag find_tag(struct str key)
{
    if (!key.n || *key.p != ' ')
        return TAG_NONE;
    for (int i = TAG_TUPLE; i <= TAG_DICT; i++)
        if (str_eq(key, str_from(tag_names[i])))
            return (enum tag)i;
    return TAG_NONE;
}

static struct str string_at(lua_State *L, int index)
{
    struct str s;
    s.p = lua_tolstring(L, index, &s.n);
    return s;
}

/* Pushes the container's entry in the tags, or nil; with `is_made` it is made. */
static void push_entry(lua_State *L, int tags, int container, bool is_made)
{
    lua_pushvalue(L, container);
    lua_rawget(L, tags);
    if (!lua_isnil(L, -1) || !is_made)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, container);
    lua_pushvalue(L, -2);
    lua_rawset(L, tags);
}

void tagged_json_mark_tuple(lua_State *L, int index, int tags)
{
    index = lua_absindex(L, index);
    tags = lua_absindex(L, tags);
    push_entry(L, tags, index, true);
    lua_pushboolean(L, 1);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* stack: value -> value. Remembers that it stands as `tag` under the key in the
 * container.
 */
static void remember(lua_State *L, int tags, int container, int key, enum tag tag)
{
    int value = lua_gettop(L);
    push_entry(L, tags, container, true);
    lua_pushvalue(L, key);
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, tag);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, 2);
    lua_rawset(L, -3);
    lua_settop(L, value);
}

/* ---- reading ---- */

/* Each: stack: tagged -> value, with 0; or -1. */

static int read_bytes(lua_State *L)
{
    size_t n;
    struct str text = string_at(L, -1);
    char *out = lua_newuserdatauv(L, BASE64_DECODED_SIZE(text.n), 0);
    if (!base64_decode(text, BASE64_STANDARD | BASE64_PADDED, out, &n))
        return -1;
    lua_pushlstring(L, out, n);
    return 0;
}

/* 32 hexadecimal digits, hyphens between them or not. */
static int read_uuid(lua_State *L)
{
    struct str text = string_at(L, -1);
    char out[36];
    int n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c =
            text.p[i] >= 'A' && text.p[i] <= 'F' ? (char)(text.p[i] | 0x20) : text.p[i];
        if (c == '-')
            continue;
        if (n == 36 || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return -1;
        out[n++] = c;
        if (n == 8 || n == 13 || n == 18 || n == 23)
            out[n++] = '-';
    }
    if (n != 36)
        return -1;
    lua_pushlstring(L, out, 36);
    return 0;
}

/* A text that is no date is None in Python. */
static bool read_date(lua_State *L)
{
    int64_t t = date_parse(string_at(L, -1));
    if (t < 0) {
        value_push_null(L);
        return false;
    }
    lua_pushinteger(L, (lua_Integer)t);
    return true;
}

/* {" di": {" t__": value}}. stack: {" t__": value} -> {" t": value} */
static int read_dict(lua_State *L, int tags)
{
    int inner = lua_gettop(L);
    if (lua_type(L, inner) != LUA_TTABLE || lua_getmetatable(L, inner))
        return -1;
    lua_pushnil(L);
    if (!lua_next(L, inner))
        return -1;
    struct str name = string_at(L, inner + 1);
    if (name.n < 2)
        return -1;
    lua_newtable(L);
    lua_pushlstring(L, name.p, name.n - 2);
    lua_pushvalue(L, inner + 2);
    lua_rawset(L, inner + 3);
    push_entry(L, tags, inner, false);
    if (lua_istable(L, -1)) { /* what is remembered of the value goes with it */
        lua_pushlstring(L, name.p, name.n - 2);
        lua_pushvalue(L, inner + 1);
        lua_rawget(L, inner + 4);
        lua_rawset(L, inner + 4);
        lua_pushvalue(L, inner + 3);
        lua_pushvalue(L, inner + 4);
        lua_rawset(L, tags);
    }
    lua_settop(L, inner + 3);
    return 0;
}

/* stack: tagged -> value. The value will stand under `key` in `container`. */
static int read_tagged(lua_State *L, int tags, int container, int key, enum tag tag)
{
    bool is_text = lua_type(L, -1) == LUA_TSTRING;
    if (tag == TAG_DICT)
        return read_dict(L, tags);
    if (tag == TAG_TUPLE) {
        if (!value_is_list(L, -1))
            return -1;
        tagged_json_mark_tuple(L, -1, tags);
        return 0;
    }
    if (!is_text)
        return -1;
    if (tag == TAG_MARKUP) {
        jinja_push_markup(L, string_at(L, -1));
        return 0;
    }
    if (tag == TAG_DATE) {
        if (read_date(L))
            remember(L, tags, container, key, tag);
        return 0;
    }
    if ((tag == TAG_BYTES ? read_bytes(L) : read_uuid(L)) < 0)
        return -1;
    remember(L, tags, container, key, tag);
    return 0;
}

/* stack: dict -> dict, value: the tag and the value of a dict that has one key, a tag;
   else nothing is pushed. */
static enum tag push_single(lua_State *L)
{
    int dict = lua_gettop(L);
    lua_pushnil(L);
    if (!lua_next(L, dict))
        return TAG_NONE;
    enum tag tag = lua_type(L, dict + 1) == LUA_TSTRING ? find_tag(string_at(L, dict + 1))
                                                        : TAG_NONE;
    lua_pushvalue(L, dict + 1);
    if (tag && lua_next(L, dict)) /* it has another key */
        tag = TAG_NONE;
    lua_settop(L, dict + 2);
    if (tag)
        lua_remove(L, dict + 1);
    else
        lua_settop(L, dict);
    return tag;
}

/* Puts values in the place of tagged ones, in the container at `index` and all below it,
   the innermost first. */
static int read_container(lua_State *L, int index, int tags)
{
    if (!lua_checkstack(L, 16))
        return -1;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int value = lua_gettop(L);
        if (lua_type(L, value) != LUA_TTABLE)
            continue;
        if (read_container(L, value, tags) < 0)
            return -1;
        enum tag tag = value_is_list(L, value) ? TAG_NONE : push_single(L);
        if (!tag)
            continue;
        if (read_tagged(L, tags, index, value - 1, tag) < 0)
            return -1;
        lua_pushvalue(L, value - 1);
        lua_insert(L, -2);
        lua_rawset(L, index);
        lua_settop(L, value);
    }
    return 0;
}

/* Python writes a tag's space as it is; \u0020 would be one as well. */
static bool has_tags(struct str text)
{
    for (size_t i = 0; i + 1 < text.n; i++)
        if ((text.p[i] == '"' && text.p[i + 1] == ' ') ||
            (text.p[i] == '\\' && text.p[i + 1] == 'u'))
            return true;
    return false;
}

int tagged_json_decode(lua_State *L, struct str text, struct fault *fault)
{
    luaL_checkstack(L, 8, NULL);
    int top = lua_gettop(L);
    if (!has_tags(text)) {
        if (json_decode(L, text, fault) < 0)
            return -1;
        lua_pushnil(L);
        return 0;
    }
    lua_createtable(L, 1, 0); /* holds the value, so that it may be a tagged one itself */
    lua_newtable(L);
    if (json_decode(L, text, fault) < 0) {
        lua_settop(L, top);
        return -1;
    }
    lua_rawseti(L, top + 1, 1);
    if (read_container(L, top + 1, top + 2) < 0) {
        lua_settop(L, top);
        return fault_set(fault, 400,
                         "bad tagged JSON: a tag with a value of another type");
    }
    lua_rawgeti(L, top + 1, 1);
    lua_replace(L, top + 1);
    lua_pushnil(L);
    bool has_any = lua_next(L, top + 2);
    lua_settop(L, has_any ? top + 2 : top + 1);
    if (!has_any)
        lua_pushnil(L);
    return 0;
}

/* ---- writing ---- */

/* Whether the table is a dict with one key that is a tag. */
static bool looks_tagged(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    enum tag tag = push_single(L);
    lua_pop(L, tag ? 2 : 1);
    return tag != TAG_NONE;
}

/* Whether a table is ours to copy: others are written as their __tojson says. */
static bool is_plain(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return true;
    lua_pop(L, 1);
    return value_is_list(L, index) || value_is_ordered(L, index);
}

/* Whether json_encode will refuse the value for its depth, as one with a cycle; leaves
   what it likes on the stack then. The first place that is too deep ends the search: a
   table that holds itself twice has more of them than can ever be gone through. */
static bool is_too_deep(lua_State *L, int index, int depth)
{
    if (lua_type(L, index) != LUA_TTABLE || !is_plain(L, index))
        return false;
    if (depth > JSON_MAX_DEPTH || !lua_checkstack(L, 16))
        return true;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (is_too_deep(L, lua_gettop(L), depth + 1))
            return true;
    }
    return false;
}

/* Whether a key begins as all tags do. */
static bool is_like_tag(lua_State *L, int key)
{
    return lua_type(L, key) == LUA_TSTRING && *lua_tostring(L, key) == ' ';
}

/* Whether anything in the value may have to be written with a tag that only its type or
   its look tells of, or is too deep; leaves what it likes on the stack then. */
static bool needs_tags(lua_State *L, int index, int depth)
{
    if (lua_type(L, index) != LUA_TTABLE)
        return jinja_is_markup(L, index);
    if (!is_plain(L, index))
        return false;
    if (depth > JSON_MAX_DEPTH || !lua_checkstack(L, 16))
        return true;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (is_like_tag(L, -2) || needs_tags(L, lua_gettop(L), depth + 1))
            return true;
    }
    return false;
}

static void push_tagged(lua_State *L, int index, int tags, int depth);

/* stack: text -> {tag: text} */
static void wrap(lua_State *L, enum tag tag)
{
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_setfield(L, -2, tag_names[tag]);
}

static void push_base64(lua_State *L, struct str bytes)
{
    char *out = lua_newuserdatauv(L, BASE64_ENCODED_SIZE(bytes.n) + 1, 0);
    lua_pushlstring(L, out, base64_encode(bytes, BASE64_STANDARD | BASE64_PADDED, out));
    lua_remove(L, -2);
}

/* As Python's UUID.hex has it. */
static void push_uuid(lua_State *L, struct str text)
{
    char out[32];
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < sizeof out; i++)
        if (text.p[i] != '-')
            out[n++] = text.p[i];
    lua_pushlstring(L, out, n);
}

static void push_remembered(lua_State *L, int index, enum tag tag)
{
    char text[DATE_LENGTH + 1];
    if (tag == TAG_DATE) {
        date_format(text, (int64_t)lua_tonumber(L, index));
        lua_pushstring(L, text);
    } else if (tag == TAG_BYTES) {
        push_base64(L, string_at(L, index));
    } else {
        push_uuid(L, string_at(L, index));
    }
    wrap(L, tag);
}

/* The tag with which the value at `value` came to stand under `key`, if it still does.
   `entry`: the container's in the tags, or nil. */
static enum tag recall(lua_State *L, int entry, int key, int value)
{
    enum tag tag = TAG_NONE;
    if (lua_type(L, entry) != LUA_TTABLE)
        return TAG_NONE;
    lua_pushvalue(L, key);
    lua_rawget(L, entry);
    if (lua_type(L, -1) == LUA_TTABLE) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        if (lua_rawequal(L, -1, value))
            tag = (enum tag)lua_tointeger(L, -2);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return tag;
}

/* Pushes a copy of the list or dict, its values tagged. stack: ... -> copy */
static void push_copy(lua_State *L, int index, int tags, int depth)
{
    bool is_list = value_is_list(L, index);
    if (is_list)
        value_push_list(L, (int)lua_rawlen(L, index));
    else
        lua_newtable(L);
    int copy = lua_gettop(L);
    if (lua_istable(L, tags))
        push_entry(L, tags, index, false);
    else
        lua_pushnil(L);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int key = copy + 2, value = copy + 3;
        enum tag tag = recall(L, copy + 1, key, value);
        lua_pushvalue(L, key);
        if (tag)
            push_remembered(L, value, tag);
        else
            push_tagged(L, value, tags, depth);
        lua_rawset(L, copy);
    }
    lua_settop(L, copy + 1);
    bool is_tuple = false;
    if (is_list && lua_istable(L, copy + 1)) {
        lua_pushboolean(L, 1);
        lua_rawget(L, copy + 1);
        is_tuple = lua_toboolean(L, -1);
    }
    lua_settop(L, copy);
    if (is_tuple)
        wrap(L, TAG_TUPLE);
}

/* stack: {" t": value} -> {" di": {" t__": value}} */
static void wrap_dict(lua_State *L)
{
    int dict = lua_gettop(L);
    lua_createtable(L, 0, 1);
    lua_pushnil(L);
    lua_next(L, dict);
    lua_pushfstring(L, "%s__", lua_tostring(L, dict + 2));
    lua_pushvalue(L, dict + 3);
    lua_rawset(L, dict + 1);
    lua_settop(L, dict + 1);
    lua_remove(L, dict);
    wrap(L, TAG_DICT);
}

/* Pushes what is to be written as plain JSON for the value at index. */
static void push_tagged(lua_State *L, int index, int tags, int depth)
{
    luaL_checkstack(L, 16, "too many levels");
    if (jinja_is_markup(L, index)) {
        struct str text = jinja_markup_str(L, index);
        lua_pushlstring(L, text.p, text.n);
        wrap(L, TAG_MARKUP);
    } else if (lua_type(L, index) != LUA_TTABLE || depth > JSON_MAX_DEPTH ||
               !is_plain(L, index)) {
        lua_pushvalue(L, index);
    } else {
        bool is_like_tagged = looks_tagged(L, index);
        push_copy(L, index, tags, depth + 1);
        if (is_like_tagged)
            wrap_dict(L);
    }
}

void tagged_json_encode(lua_State *L, int index, int tags)
{
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    tags = lua_absindex(L, tags);
    bool has_any = lua_istable(L, tags);
    if (!has_any) {
        has_any = needs_tags(L, index, 1);
        lua_settop(L, top);
    }
    if (has_any && is_too_deep(L, index, 1)) {
        lua_settop(L, top);
        has_any = false;
    }
    if (has_any) {
        push_tagged(L, index, tags, 1);
        index = lua_gettop(L);
    }
    json_encode(L, index, &json_style_default);
    if (has_any) /* the copy's place is the text's */
        lua_replace(L, top + 1);
}
