/* Windows of a body, as Lua reads them: `u` is one over "line 1\nline 2\r\n\nlast" within
   a larger body, once in memory and once in a file. */
#include "upload.c"

#include "core_lua.h"
#include "worker.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define TEXT "line 1\nline 2\r\n\nlast"

static lua_State *L;
static struct exchange ex;
static char folder[] = "/tmp/upload_test-XXXXXX";

static void open_body(size_t before, const char *text, size_t n)
{
    struct evbuffer *in = evbuffer_new();
    char *filler = malloc(before + 1);
    memset(filler, '\n', before);
    request_init(&ex.request);
    evbuffer_add(in, filler, before);
    evbuffer_add(in, text, n);
    evbuffer_add(in, "\nbehind", 7);
    assert_int_equal(body_add(&ex.request.body, in), 0);
    evbuffer_free(in);
    free(filler);
    request_keep(&ex);
}

static void close_body(void)
{
    request_keep(NULL);
    request_clear(&ex.request);
    arena_free(&ex.request.arena);
}

static void push(const char *text, size_t n, size_t before)
{
    open_body(before, text, n);
    lua_newtable(L);
    lua_pushliteral(L, "photo.png");
    lua_setfield(L, -2, "filename");
    upload_push(L, &ex, before, n);
    lua_setglobal(L, "u");
}

static void do_chunk(const char *chunk)
{
    lua_settop(L, 0);
    if (luaL_dostring(L, chunk))
        fail_msg("%s", lua_tostring(L, -1));
}

/* With the window in memory, and in a file. */
static void run(const char *chunk)
{
    static const size_t before[] = {0, 10, 600000};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        push(TEXT, sizeof TEXT - 1, before[i]);
        do_chunk(chunk);
        close_body();
    }
}

static void reading(void **state)
{
    (void)state;
    run("same(u:read(), text) same(u:read(), '') same(u:read(1), nil) same(u:read(0), "
        "nil)\n"
        "same(u:seek('set'), 0) same(u:read(0), '') same(u:read(4), 'line') "
        "same(u:read(1000),\n"
        "  text:sub(5)) same(u:read(1), nil)\n"
        "u:seek('set') same(u:read('a'), text) u:seek('set') same(u:read('*a'), text)\n"
        "u:seek('set', 2)\n"
        "for _, bad in ipairs{'l', 'n', '', '5', '*'} do fails('number of bytes', "
        "u.read, u, bad) end\n"
        "fails('number of bytes', u.read, u, -1) fails('number', u.read, u, 1.5)\n"
        "fails('cflask.upload', u.read) fails('cflask.upload', u.read, {})\n"
        "same(u:read(math.maxinteger), text:sub(3))\n"
        "same(u.size, #text) same(u.filename, 'photo.png') same(u.nothing, nil)\n"
        "same(tostring(u), 'file photo.png')");
}

static void seeking(void **state)
{
    (void)state;
    run("same(u:seek(), 0) same(u:seek('end'), #text) same(u:seek('end', -4), #text - "
        "4)\n"
        "same(u:read(), 'last') same(u:seek('cur', -2), #text - 2) same(u:read(1), 's')\n"
        "for _, at in ipairs{{'set', -1}, {'set', #text + 1}, {'end', 1}, {'end', -#text "
        "- 1},\n"
        "    {'cur', -2^60}, {'cur', 2^60}, {'set', "
        "2^62}} do\n"
        "  local p, e = u:seek(at[1], at[2]) same(p, nil) assert(e)\n"
        "end\n"
        "same(u:seek(), #text - 1) fails('invalid option', u.seek, u, 'begin')");
}

static void lines(void **state)
{
    (void)state;
    run("local t = {} for l in u:lines() do t[#t + 1] = l end\n"
        "same(table.concat(t, '|'), 'line 1|line 2\\r||last') same(u:read(1), nil)\n"
        "u:seek('set', 5) same(u:lines()(), '1') same(u:read(4), 'line')\n"
        "u:seek('set') for l in u:lines() do u:seek('set', 7) same(l, 'line 1') break "
        "end\n"
        "local next_line = u:lines() u = nil collectgarbage() collectgarbage()\n"
        "same(next_line(), 'line 2\\r')");
}

/* Lines longer than the pieces in which they are read, and a hundred thousand empty ones.
 */
static void long_and_many_lines(void **state)
{
    (void)state;
    size_t n = 400000;
    char *text = malloc(n);
    for (int i = 0; i < 2; i++) {
        memset(text, i ? '\n' : 'x', n);
        text[n / 2] = '\n';
        push(text, n, 300000);
        do_chunk(
            i ? "local n = 0 for l in u:lines() do n = n + #l + 1 end same(n, 400000)"
              : "local l = u:lines() same(#l(), 200000) same(#l(), 199999) same(l(), "
                "nil)");
        close_body();
    }
    free(text);
}

/* Many lines with one read: those that were read ahead are there when the file is not. */
static void lines_read_ahead(void **state)
{
    (void)state;
    push(TEXT, sizeof TEXT - 1, 600000);
    do_chunk("next_line = u:lines() same(next_line(), 'line 1')");
    assert_int_equal(ftruncate(ex.request.body.fd, 0), 0);
    do_chunk("same(next_line(), 'line 2\\r') same(next_line(), '')\n"
             "u:seek('set', 5) same(next_line(), '1') same(next_line(), 'line 2\\r')\n"
             "fails(\"can't be read\", u.read, u)");
    close_body();
}

/* Reading and seeking in between, to places before, in and behind what was read ahead. */
static void lines_between_seeks(void **state)
{
    (void)state;
    size_t n = 100000;
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++)
        text[i] = i % 7 == 6 ? '\n' : (char)('a' + i % 26);
    push(text, n, 300000);
    lua_pushlstring(L, text, n);
    lua_setglobal(L, "all");
    do_chunk(
        "local next_line = u:lines()\n"
        "for i = 1, 2000 do\n"
        "  local at = (i * 7919) % #all\n"
        "  u:seek('set', at)\n"
        "  if i % 3 == 0 then same(u:read(2), all:sub(at + 1, at + 2)) at = u:seek() "
        "end\n"
        "  for _ = 1, i % 5 do\n"
        "    local stop = all:find('\\n', at + 1, true) or #all + 1\n"
        "    same(next_line(), at < #all and all:sub(at + 1, stop - 1) or nil)\n"
        "    at = math.min(stop, #all) same(u:seek(), at)\n"
        "  end\n"
        "end\n");
    close_body();
    free(text);
}

static void saving(void **state)
{
    (void)state;
    lua_pushstring(L, folder);
    lua_setglobal(L, "folder");
    run("local path = folder .. '/saved' u:read(3) u:save(path)\n"
        "local f = io.open(path) same(f:read('a'), text) f:close() same(u:read(2), 'e "
        "')\n"
        "u:save(path) f = io.open(path) same(f:read('a'), text) f:close() "
        "os.remove(path)\n"
        "fails('No such file', u.save, u, folder .. '/no/saved')\n"
        "fails('directory', u.save, u, folder)\n"
        "fails('NUL', u.save, u, folder .. '/a.png\\0.txt') same(io.open(folder .. "
        "'/a.png'), nil)\n"
        "fails('No space', u.save, u, '/dev/full') assert(io.open('/dev/full'))\n"
        "u:save('/dev/null') assert(io.open('/dev/null'))");
}

/* A body that can't be read any more leaves no half a file behind. */
static void a_broken_body(void **state)
{
    (void)state;
    push(TEXT, sizeof TEXT - 1, 600000);
    assert_int_equal(ftruncate(ex.request.body.fd, 600005), 0);
    do_chunk("fails(\"can't be read\", u.read, u) same(u:seek(), 0)\n"
             "fails('Input/output', u.save, u, folder .. '/x') same(io.open(folder .. "
             "'/x'), nil)\n"
             "u:seek('set', 6) fails(\"can't be read\", u:lines())");
    close_body();
}

static void gone_with_its_request(void **state)
{
    (void)state;
    push(TEXT, sizeof TEXT - 1, 5);
    do_chunk("kept = u lines = u:lines()");
    close_body();
    const char *chunk = "fails('request has ended', kept.read, kept)\n"
                        "fails('request has ended', kept.read, kept, 1)\n"
                        "fails('request has ended', lines)\n"
                        "fails('request has ended', kept.save, kept, '/tmp/x')\n"
                        "same(kept.filename, 'photo.png')";
    do_chunk(chunk);
    open_body(5, TEXT, sizeof TEXT - 1); /* the next request's body is not its own */
    do_chunk(chunk);
    close_body();
}

static int open_lua(void **state)
{
    (void)state;
    worker_open();
    L = luaL_newstate();
    core_open(L);
    lua_pushliteral(L, TEXT);
    lua_setglobal(L, "text");
    return !mkdtemp(folder) ||
           luaL_dostring(
               L, "function same(got, expected) if got ~= expected then\n"
                  "  error(('got %q, not %q'):format(tostring(got), tostring(expected)), "
                  "2) end end\n"
                  "function fails(wanted, fn, ...) local ok, message = pcall(fn, ...)\n"
                  "  if ok or not tostring(message):find(wanted, 1, true) then\n"
                  "    error(('said %s, not %s'):format(tostring(message), wanted), 2) "
                  "end end\n");
}

static int close_lua(void **state)
{
    (void)state;
    lua_close(L);
    worker_close();
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(seeking),
        cmocka_unit_test(lines),
        cmocka_unit_test(long_and_many_lines),
        cmocka_unit_test(lines_read_ahead),
        cmocka_unit_test(lines_between_seeks),
        cmocka_unit_test(saving),
        cmocka_unit_test(a_broken_body),
        cmocka_unit_test(gone_with_its_request),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
