#include "base/lua_compat.h"
#include <stdlib.h>

#if LUA_VERSION_NUM >= 504

static int n_failing; /* calls of realloc that find no memory */

static void *try_realloc(void *p, size_t size)
{
    if (n_failing == 0)
        return realloc(p, size);
    n_failing--;
    return NULL;
}

#define realloc try_realloc
#endif
#include "base/lua_memory.c"
#undef realloc

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#if LUA_VERSION_NUM >= 504

enum { SLOTS = 5000 };

static struct slot {
    unsigned char *p;
    size_t size;
    unsigned char fill;
} slots[SLOTS];

static uint32_t next_random(void)
{
    static uint32_t x = 2463534242u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static struct memory *new_memory(void)
{
    struct memory *memory = calloc(1, sizeof *memory);
    assert_non_null(memory);
    return memory;
}

/* To a size, 0 frees it; what was in it stays as far as it fits. */
static void change(struct memory *memory, struct slot *slot, size_t size)
{
    size_t kept = size < slot->size ? size : slot->size;
    unsigned char *p = allocate(memory, slot->p, slot->p ? slot->size : 5, size);
    assert_true(size ? p != NULL : p == NULL);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (size_t i = 0; i < kept; i++)
        assert_int_equal(p[i], slot->fill);
    *slot = (struct slot){p, size, (unsigned char)next_random()};
    if (p)
        memset(p, slot->fill, size);
}

static void blocks_keep_their_bytes(void **state)
{
    (void)state;
    struct memory *memory = new_memory();
    for (int i = 0; i < 400000; i++) {
        uint32_t r = next_random();
        size_t size = r % 4 == 0 ? 0 : r % 5 == 0 ? r / 8 % 3000 : r / 8 % 600;
        change(memory, &slots[next_random() % SLOTS], size);
    }
    for (int i = 0; i < SLOTS; i++)
        change(memory, &slots[i], 0);
    free_memory(memory);
}

static void every_size_becomes_every_other(void **state)
{
    (void)state;
    struct memory *memory = new_memory();
    struct slot slot = {NULL, 0, 0};
    for (size_t from = 1; from < 600; from += 7) {
        for (size_t to = 1; to < 600; to += 5) {
            change(memory, &slot, from);
            change(memory, &slot, to);
        }
    }
    change(memory, &slot, 0);
    free_memory(memory);
}

/* What one size has used is there for another, and most goes back. */
static void empty_pages_are_of_no_size(void **state)
{
    (void)state;
    struct memory *memory = new_memory();
    static struct slot many[200 * 1000];
    for (size_t i = 0; i < 200 * 1000; i++)
        change(memory, &many[i], 40);
    size_t most = memory->n_used;
    assert_in_range(most, 200 * 1000 * 48 / PAGE_SIZE, 200 * 1000 * 49 / PAGE_SIZE);
    for (size_t i = 0; i < 200 * 1000; i++)
        change(memory, &many[i], 0);
    assert_int_equal(memory->n_used, 1);
    assert_in_range(memory->n_empty, FEW, most / 2 + FEW);
    size_t n = memory->n_empty;
    change(memory, &many[0], 400);
    assert_int_equal(memory->n_empty, n - 1);
    change(memory, &many[0], 0);
    free_memory(memory);
}

static void empty_pages_are_given_up_before_memory_ends(void **state)
{
    (void)state;
    struct memory *memory = new_memory();
    struct slot large = {NULL, 0, 0}, small[1000] = {{NULL, 0, 0}};
    for (size_t i = 0; i < 1000; i++)
        change(memory, &small[i], 100);
    for (size_t i = 0; i < 1000; i++)
        change(memory, &small[i], 0);
    assert_true(memory->n_empty > 0);
    n_failing = 1;
    change(memory, &large, 5000);
    assert_int_equal(memory->n_empty, 0);
    n_failing = 1;
    assert_null(allocate(memory, large.p, large.size, 6000));
    change(memory, &large, 0);
    free_memory(memory);
}

static void run(lua_State *L, const char *chunk)
{
    if (luaL_dostring(L, chunk) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

static void a_state_lives_in_it(void **state)
{
    (void)state;
    lua_State *L = open_state(new_memory());
    assert_non_null(L);
    luaL_openlibs(L);
    run(L, "local t = {} for i = 1, 20000 do t[i] = {i, tostring(i):rep(i % 90)} end\n"
           "for i = 1, 20000 do assert(t[i][2] == tostring(i):rep(i % 90)) end\n"
           "t = nil collectgarbage() assert(collectgarbage('count') < 200)");
    close_state(L);
}

/* What the chunk writes to stderr. */
static const char *errors_of(lua_State *L, const char *chunk)
{
    static char text[200];
    FILE *file = tmpfile();
    int real = dup(2);
    assert_non_null(file);
    dup2(fileno(file), 2);
    int status = luaL_dostring(L, chunk);
    dup2(real, 2);
    close(real);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(status, LUA_OK);
    return text;
}

static void warnings_are_off_until_they_are_on(void **state)
{
    (void)state;
    lua_State *L = open_state(new_memory());
    luaL_openlibs(L);
    assert_string_equal(errors_of(L, "warn('lost')"), "");
    assert_string_equal(errors_of(L, "warn('@on') warn('one', ' and ', 'two')"),
                        "Lua warning: one and two\n");
    assert_string_equal(errors_of(L, "warn('@off', '.') warn('@none') warn('on')"),
                        "Lua warning: @off.\nLua warning: on\n");
    assert_string_equal(errors_of(L, "warn('@off') warn('lost')"), "");
    close_state(L);
}

#endif

static void a_state_opens_and_closes(void **state)
{
    (void)state;
    lua_State *L = lua_memory_open();
    assert_non_null(L);
    assert_int_equal(luaL_dostring(L, "return 1"), 0);
    lua_memory_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#if LUA_VERSION_NUM >= 504
        cmocka_unit_test(blocks_keep_their_bytes),
        cmocka_unit_test(every_size_becomes_every_other),
        cmocka_unit_test(empty_pages_are_of_no_size),
        cmocka_unit_test(empty_pages_are_given_up_before_memory_ends),
        cmocka_unit_test(a_state_lives_in_it),
        cmocka_unit_test(warnings_are_off_until_they_are_on),
#endif
        cmocka_unit_test(a_state_opens_and_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
