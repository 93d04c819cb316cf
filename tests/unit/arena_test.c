#include "base/arena.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static size_t count_blocks(const struct arena *a)
{
    size_t n = 0;
    for (const struct arena_block *b = a->blocks; b; b = b->next)
        n++;
    return n;
}

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a = {0};
    struct {
        unsigned char *p;
        size_t n;
    } pieces[400];
    for (size_t i = 0; i < 400; i++) {
        pieces[i].n = i * 37 % 1500 + (i == 200 ? 300000 : 1);
        pieces[i].p = arena_alloc(&a, pieces[i].n);
        assert_non_null(pieces[i].p);
        assert_int_equal((uintptr_t)pieces[i].p % _Alignof(max_align_t), 0);
        memset(pieces[i].p, (int)i, pieces[i].n);
    }
    for (size_t i = 0; i < 400; i++)
        for (size_t at = 0; at < pieces[i].n; at++)
            assert_int_equal(pieces[i].p[at], (unsigned char)i);
    arena_free(&a);
    assert_null(a.blocks);
}

static void no_bytes_are_no_failure(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_non_null(arena_alloc(&a, 0));
    arena_free(&a);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, (size_t)PTRDIFF_MAX,
                                   (size_t)PTRDIFF_MAX / 2 + 1};
    struct arena a = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_null(arena_alloc(&a, sizes[i]));
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void copies_end_with_a_nul(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str copy = arena_copy(&a, STR("a\0b"));
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 4);
    copy = arena_copy(&a, (struct str){NULL, 0});
    assert_int_equal(copy.n, 0);
    assert_string_equal(copy.p, "");
    arena_free(&a);
}

static void many_small_pieces_take_few_blocks(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int i = 0; i < 100000; i++)
        arena_alloc(&a, 16);
    assert_true(count_blocks(&a) < 15);
    arena_free(&a);
}

static void reset_keeps_one_small_block(void **state)
{
    (void)state;
    struct arena a = {0};
    arena_reset(&a);
    assert_null(a.blocks);
    char *first = arena_alloc(&a, 10);
    for (int i = 0; i < 1000; i++)
        arena_alloc(&a, 5000);
    arena_reset(&a);
    assert_int_equal(count_blocks(&a), 1);
    assert_ptr_equal(arena_alloc(&a, 10), first);
    memset(arena_alloc(&a, 4000), 1, 4000);
    assert_int_equal(count_blocks(&a), 1);
    arena_free(&a);
}

static void reset_keeps_no_giant(void **state)
{
    (void)state;
    struct arena a = {0};
    arena_alloc(&a, 8 << 20);
    arena_reset(&a);
    assert_null(a.blocks);
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(no_bytes_are_no_failure),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(many_small_pieces_take_few_blocks),
        cmocka_unit_test(reset_keeps_one_small_block),
        cmocka_unit_test(reset_keeps_no_giant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
