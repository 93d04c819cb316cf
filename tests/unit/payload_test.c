#include "payload.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#define MOST ((size_t)1 << 20)

static void check_pack(struct str bytes, bool is_packed)
{
    struct arena a = {0};
    struct str text, back;
    assert_int_equal(payload_pack(&a, bytes, &text), 0);
    assert_int_equal(text.n && text.p[0] == '.', is_packed);
    assert_int_equal(payload_unpack(&a, text, MOST, &back), PAYLOAD_GOOD);
    assert_true(str_eq(back, bytes));
    arena_free(&a);
}

static void packs_and_unpacks(void **state)
{
    (void)state;
    static char many[5000];
    memset(many, 'a', sizeof many);
    check_pack(STR(""), false);
    check_pack(STR("{}"), false);
    check_pack(STR("{\"user_id\":1}"), false);
    check_pack((struct str){many, 11}, false);
    check_pack((struct str){many, 16}, true);
    check_pack((struct str){many, SMALL}, true);
    check_pack((struct str){many, SMALL + 1}, true);
    check_pack((struct str){many, sizeof many}, true);
}

/* What zlib.compress of Python makes, as the whole of it is there. */
static size_t compressed_size(struct str s)
{
    unsigned char out[4096];
    uLongf n = sizeof out;
    assert_int_equal(
        compress2(out, &n, (const unsigned char *)s.p, s.n, Z_DEFAULT_COMPRESSION), Z_OK);
    return n;
}

static void deflates_just_where_python_does(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"user_id\":", "1",      ",",    "true", "\"_fresh\":", "{",     "}",       "[",
        "aaaa",         "\"a\":", "null", "0.25", "\"x",         "\"_id", "e3b0c442"};
    uint32_t seed = 1;
    int n_packed = 0, n_plain = 0;
    for (int i = 0; i < 20000; i++) {
        char text[200];
        size_t n = 0;
        seed = seed * 1664525 + 1013904223;
        size_t length = seed >> 16 & 127;
        while (n < length) {
            seed = seed * 1664525 + 1013904223;
            if (i & 1)
                n += (size_t)snprintf(text + n, sizeof text - n, "%s",
                                      words[(seed >> 16) % 15]);
            else /* few different bytes */
                text[n++] = (char)('a' + (seed >> 16) % (1 + (unsigned)i % 26));
        }
        struct arena a = {0};
        struct str packed, s = {text, n};
        assert_int_equal(payload_pack(&a, s, &packed), 0);
        bool is_packed = packed.n && packed.p[0] == '.';
        assert_int_equal(is_packed, compressed_size(s) + 1 < n);
        is_packed ? n_packed++ : n_plain++;
        arena_free(&a);
    }
    assert_true(n_packed > 1000 && n_plain > 1000);
}

static enum payload_verdict unpack(struct str text, size_t most)
{
    struct arena a = {0};
    struct str bytes;
    enum payload_verdict verdict = payload_unpack(&a, text, most, &bytes);
    arena_free(&a);
    return verdict;
}

static void refuses_what_is_broken(void **state)
{
    (void)state;
    struct arena a = {0};
    static char many[300];
    struct str text;
    memset(many, 'a', sizeof many);
    assert_int_equal(payload_pack(&a, (struct str){many, sizeof many}, &text), 0);
    for (size_t n = 1; n < text.n; n++)
        assert_int_not_equal(unpack((struct str){text.p, n}, MOST), PAYLOAD_GOOD);
    char *changed = arena_alloc(&a, text.n + 4);
    for (size_t i = 1; i < text.n; i++) { /* zlib has a sum of its own */
        memcpy(changed, text.p, text.n);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        struct str back;
        enum payload_verdict verdict =
            payload_unpack(&a, (struct str){changed, text.n}, MOST, &back);
        if (verdict == PAYLOAD_GOOD) /* a bit behind the last block */
            assert_true(str_eq(back, (struct str){many, sizeof many}));
    }
    memcpy(changed, text.p, text.n);
    memcpy(changed + text.n, "AAAA", 4);
    assert_int_not_equal(unpack((struct str){changed, text.n + 4}, MOST), PAYLOAD_GOOD);
    assert_int_equal(unpack(STR("a b"), MOST), PAYLOAD_NOT_BASE64);
    assert_int_equal(unpack(STR("."), MOST), PAYLOAD_NOT_ZLIB);
    arena_free(&a);
}

static void stops_at_the_limit(void **state)
{
    (void)state;
    size_t size = 8 << 20;
    struct arena a = {0};
    struct str bomb, back;
    char *zeros = calloc(1, size);
    assert_non_null(zeros);
    assert_int_equal(payload_pack(&a, (struct str){zeros, size}, &bomb), 0);
    assert_true(bomb.n < 20000);
    assert_int_equal(unpack(bomb, MOST), PAYLOAD_TOO_LARGE);
    assert_int_equal(unpack(bomb, size - 1), PAYLOAD_TOO_LARGE);
    assert_int_equal(payload_unpack(&a, bomb, size, &back), PAYLOAD_GOOD);
    assert_int_equal(back.n, size);
    assert_int_equal(unpack(bomb, 0), PAYLOAD_TOO_LARGE);
    arena_free(&a);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_and_unpacks),
        cmocka_unit_test(deflates_just_where_python_does),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(stops_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
