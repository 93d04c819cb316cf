/* A template filter in C: {{ "Hello, World!" | slug }} is hello-world. And a test: is
   slug.

       require "slug".init_app(app) */
#include <cflask.h>

static const cflask_api *api;

static int is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters and digits of ASCII in lower case; whatever stands between them is one hyphen.
   It is never longer than the text, so one piece of room is enough. */
static int slug(cflask_str text, cflask_out *out)
{
    char *to = api->room(out, text.n);
    size_t n = 0;
    if (!to)
        return CFLASK_FAILED;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (is_plain(c))
            to[n++] = c;
        else if (n > 0 && to[n - 1] != '-')
            to[n++] = '-';
    }
    if (n > 0 && to[n - 1] == '-')
        n--;
    api->wrote(out, n);
    return CFLASK_IS_TEXT;
}

static int is_slug(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    int is_one = n > 0 && text[0] != '-' && text[n - 1] != '-';
    for (size_t i = 0; i < n && is_one; i++)
        is_one = is_plain(text[i]) || (text[i] == '-' && text[i - 1] != '-');
    lua_pushboolean(L, is_one);
    return 1;
}

/* init_app(app) */
static int init_app(lua_State *L)
{
    lua_settop(L, 1);
    api->push_text_filter(L, slug);
    api->template_filter(L, 1, "slug");
    lua_pushcfunction(L, is_slug);
    api->template_test(L, 1, "slug");
    return 0;
}

int luaopen_slug(lua_State *L)
{
    api = cflask_open(L, CFLASK_ABI);
    lua_newtable(L);
    lua_pushcfunction(L, init_app);
    lua_setfield(L, -2, "init_app");
    api->push_text_filter(L, slug);
    lua_setfield(L, -2, "slug");
    return 1;
}
