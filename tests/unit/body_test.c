#include "body.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sys/stat.h>

static bool memory_is_out;

static void *give(size_t n)
{
    return memory_is_out ? NULL : malloc(n);
}

static void *give_more(void *p, size_t n)
{
    return memory_is_out ? NULL : realloc(p, n);
}

/* Byte i of the bodies below. */
static char byte_at(uint64_t i)
{
    return (char)(i * 31 + i / 251);
}

/* Adds the next n bytes. */
static int add(struct body *b, size_t n)
{
    struct evbuffer *in = evbuffer_new();
    char *bytes = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = byte_at(b->size + i);
    evbuffer_add(in, bytes, n);
    free(bytes);
    int result = body_add(b, in);
    if (result == 0)
        assert_int_equal(evbuffer_get_length(in), 0);
    evbuffer_free(in);
    return result;
}

static void check_reads(const struct body *b)
{
    static const size_t sizes[] = {1, 7, 4096, 700000};
    const uint64_t offsets[] = {0,       1,           b->size / 2,       b->size - 1,
                                b->size, b->size + 1, UINT64_C(1) << 32, INT64_MAX};
    char *to = malloc(700000);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            uint64_t left = offsets[i] < b->size ? b->size - offsets[i] : 0;
            int64_t wanted = (int64_t)(left < sizes[j] ? left : sizes[j]);
            assert_int_equal(body_read(b, offsets[i], to, sizes[j]), wanted);
            for (int64_t k = 0; k < wanted; k++)
                assert_int_equal(to[k], byte_at(offsets[i] + (uint64_t)k));
        }
    free(to);
}

static void nothing_is_an_empty_body(void **state)
{
    (void)state;
    struct body b;
    char c;
    body_init(&b);
    assert_non_null(body_memory(&b).p);
    assert_int_equal(body_memory(&b).n, 0);
    assert_int_equal(body_read(&b, 0, &c, 1), 0);
    assert_int_equal(add(&b, 0), 0);
    assert_int_equal(body_read(&b, 0, &c, 1), 0);
    body_free(&b);
}

static void stays_in_memory_to_the_limit(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 100, 2048, 2049, 16384, 500000};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct body b;
        body_init(&b);
        while (b.size < 500000)
            assert_int_equal(
                add(&b, b.size + pieces[i] > 500000 ? 500000 - b.size : pieces[i]), 0);
        assert_true(b.fd < 0);
        assert_int_equal(body_memory(&b).n, 500000);
        check_reads(&b);
        body_free(&b);
    }
}

/* A client that sends byte by byte costs no more than the body. */
static void small_pieces_are_put_together(void **state)
{
    (void)state;
    struct body b;
    body_init(&b);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(add(&b, 1), 0);
    assert_true(evbuffer_peek(b.memory, -1, NULL, NULL, 0) < 20);
    body_free(&b);
}

static void goes_to_a_nameless_file_beyond_it(void **state)
{
    (void)state;
    static const size_t pieces[][3] = {
        {500001}, {500000, 1}, {499999, 1, 1}, {1, 3000000, 9}};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct body b;
        struct stat file;
        body_init(&b);
        for (int j = 0; j < 3; j++)
            assert_int_equal(add(&b, pieces[i][j]), 0);
        assert_true(b.fd >= 0);
        assert_null(b.memory);
        assert_null(body_memory(&b).p);
        assert_int_equal(fstat(b.fd, &file), 0);
        assert_int_equal(file.st_nlink, 0);
        assert_int_equal(file.st_mode & 077, 0);
        assert_int_equal(file.st_size, b.size);
        check_reads(&b);
        int fd = b.fd;
        body_free(&b);
        assert_int_equal(fcntl(fd, F_GETFD), -1);
    }
}

static void a_missing_folder_is_an_error(void **state)
{
    (void)state;
    struct body b;
    body_init(&b);
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(add(&b, 500001), -1);
    assert_int_equal(errno, ENOENT);
    unsetenv("TMPDIR");
    body_free(&b);
}

static void memory_running_out_is_an_error(void **state)
{
    (void)state;
    struct body b;
    char to[10];
    body_init(&b);
    add(&b, 3000);
    add(&b, 3000); /* two blocks: one slice needs a third */
    memory_is_out = true;
    assert_null(body_memory(&b).p);
    assert_int_equal(body_memory(&b).n, 0);
    assert_int_equal(body_read(&b, 5000, to, sizeof to), -1);
    memory_is_out = false;
    check_reads(&b);
    body_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_an_empty_body),
        cmocka_unit_test(stays_in_memory_to_the_limit),
        cmocka_unit_test(small_pieces_are_put_together),
        cmocka_unit_test(goes_to_a_nameless_file_beyond_it),
        cmocka_unit_test(a_missing_folder_is_an_error),
        cmocka_unit_test(memory_running_out_is_an_error),
    };
    event_set_mem_functions(give, give_more, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
