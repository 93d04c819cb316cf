#include "multipart.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct form_limits no_limits = {SIZE_MAX, SIZE_MAX};

/* Parses from memory, or from a file that is read in pieces. */
static int parse_from(bool is_file, struct arena *a, struct str body,
                      const char *boundary, const struct form_limits *limits,
                      struct form *form, struct fault *f)
{
    struct form_source source = {.memory = body.p, .fd = -1, .size = body.n};
    FILE *file = NULL;
    if (is_file) {
        file = tmpfile();
        assert_int_equal(fwrite(body.p, 1, body.n, file), body.n);
        fflush(file);
        source.memory = NULL;
        source.fd = fileno(file);
    }
    int result = multipart_parse(a, &source, str_from(boundary), limits, form, f);
    if (file)
        fclose(file);
    return result;
}

/* `field=value|name:filename:type:content|` */
static void check_both(struct str body, const char *boundary, const char *expected)
{
    for (int is_file = 0; is_file < 2; is_file++) {
        struct arena a = {0};
        struct form form = {0};
        struct fault f = {0};
        struct buf b = {0};
        if (parse_from(is_file, &a, body, boundary, &no_limits, &form, &f) < 0)
            buf_addf(&b, "%d", f.status);
        for (size_t i = 0; i < form.fields.n && !f.status; i++) {
            struct pair p = form.fields.items[i];
            buf_addf(&b, "%.*s=%.*s|", (int)p.name.n, p.name.p, (int)p.value.n,
                     p.value.p);
        }
        for (size_t i = 0; i < form.n_files && !f.status; i++) {
            struct form_file *file = &form.files[i];
            buf_addf(&b, "%.*s:%.*s:%.*s:%.*s|", (int)file->name.n, file->name.p,
                     (int)file->filename.n, file->filename.p,
                     file->content_type.p ? (int)file->content_type.n : 1,
                     file->content_type.p ? file->content_type.p : "-", (int)file->length,
                     body.p + file->offset);
        }
        buf_addc(&b, '\0');
        if (strcmp(b.p, expected) != 0)
            fail_msg("%s\n  gives    %s\n  expected %s (%s)", body.p, b.p, expected,
                     f.message);
        buf_free(&b);
        arena_free(&a);
    }
}

#define CD "Content-Disposition: form-data; name="

static void reads_bodies(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"--b\r\n" CD "a\r\n\r\n1\r\n--b--\r\n", "a=1|"},
        {"--b\r\n" CD "\"a\"\r\n\r\n1\r\n--b\r\n" CD "b\r\n\r\n\r\n--b--", "a=1|b=|"},
        {"--b--\r\n", ""},
        {"--b--", ""},
        /* a file, and what names it */
        {"--b\r\n" CD
         "f; filename=\"x y.txt\"\r\nContent-Type: text/plain\r\n\r\nq\r\nw\r\n--b--",
         "f:x y.txt:text/plain:q\r\nw|"},
        {"--b\r\n" CD "f; filename=\"\"\r\n\r\n\r\n--b--", "f::-:|"},
        {"--b\r\n" CD "f; filename=\"a\\\"b%22c.txt\"\r\n\r\n\r\n--b--",
         "f:a\"b\"c.txt:-:|"},
        {"--b\r\n" CD "f; filename=\"C:\\dir\\x.txt\"\r\n\r\n\r\n--b--",
         "f:C:\\dir\\x.txt:-:|"},
        {"--b\r\n" CD "f; filename=x; filename*=UTF-8''%C3%A9\r\n\r\n\r\n--b--",
         "f:\xC3\xA9:-:|"},
        {"--b\r\n" CD "f; filename=\"\xC3\xA9;.txt\"\r\n\r\n\r\n--b--",
         "f:\xC3\xA9;.txt:-:|"},
        {"--b\r\n" CD "f; filename=\"\xE9\"\r\n\r\n\r\n--b--", "f:\xEF\xBF\xBD:-:|"},
        /* preamble, epilogue, padding, the head's forms */
        {"pre\r\nx--b\r\n--b\r\n" CD "a\r\n\r\n1\r\n--b--\r\nepi\r\n--b\r\n", "a=1|"},
        {"--b \t\r\n" CD "a\r\n\r\n1\r\n--b  \r\n" CD "b\r\n\r\n2\r\n--b-- \r\n",
         "a=1|b=2|"},
        {"--b\r\ncontent-disposition:Form-Data;name=a\r\nX-Y: z\r\n\r\n1\r\n--b--",
         "a=1|"},
        {"--b\r\nContent-Disposition: form-data;\r\n\tname=a;\r\n "
         "filename=b\r\n\r\n1\r\n--b--",
         "a:b:-:1|"},
        /* what is no delimiter */
        {"--b\r\n" CD "a\r\n\r\n1\r\n--bc\r\n--b\rx\r\n-b\r\n--\r\n--b--",
         "a=1\r\n--bc\r\n--b\rx\r\n-b\r\n--|"},
        {"--b\r\n" CD "a\r\n\r\n\r\r\n\r\n--b--", "a=\r\r\n|"},
        {"--b\r\n" CD "a\r\n\r\n1--b--\r\n--b--", "a=1--b--|"},
        {"--b\r\n" CD "a\r\n\r\n1\n--b--\n\r\n--b--", "a=1\n--b--\n|"},
        {"--b\r\n" CD "a\r\n\r\n1\r\n--b \n\r\n--b--", "a=1\r\n--b \n|"},
        {"--b\r\n" CD "a\r\n\r\n--bc\r\n--b--", "a=--bc|"},
        {"--b\r\n" CD "a\r\n\r\n--b\n\r\n--b--", "a=--b\n|"},
        /* parts without content or the line end that would follow it */
        {"--b\r\n" CD "a\r\n\r\n--b\r\n" CD "c\r\n\r\n2\r\n--b--", "a=|c=2|"},
        {"--b\r\n" CD "f; filename=x\r\n\r\n--b  \r\n" CD "a\r\n\r\n--b--", "a=|f:x:-:|"},
        {"--b\n" CD "a\n\n--b\n" CD "c\n\n2\n--b--\n", "a=|c=2|"},
        {"--b\r\n" CD "a\r\n\r\n--b\r\n\r\n--b--", "400"},
        /* bodies that end all their lines with LF */
        {"--b\n" CD "a\n\n1\n--b\n" CD "c\n\n2\r\n--b--\n", "a=1|c=2\r|"},
        {"x\r\n--b\n" CD "a\n\n1\n2\n--b--\n", "a=1\n2|"},
        /* charsets */
        {"--b\r\n" CD "a\r\n\r\n\xE9\r\n--b--", "a=\xEF\xBF\xBD|"},
        {"--b\r\n" CD
         "a\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n\r\n\xE9\r\n--b--",
         "a=\xC3\xA9|"},
        /* broken */
        {"x", "400"},
        {"--b", "400"},
        {"--b\r\n", "400"},
        {"--bb--", "400"},
        {"--b\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\n" CD "a\r\n\r\n1\r\n--b", "400"},
        {"--b\r\n" CD "a\r\n\r\n1\r\n--b\r\n", "400"},
        {"--b\r\n" CD "a\r\n\r\n1", "400"},
        {"--b\r\n" CD "a\r\n", "400"},
        {"--b\r\n" CD "a\n\r\n1\r\n--b--", "400"},
        {"--b\n" CD "a\r\n\r\n1\n--b--", "400"},
        {"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\nContent-Disposition: form-data; filename=x\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\nnonsense\r\n" CD "a\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\n : x\r\n" CD "a\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\nX Y: x\r\n" CD "a\r\n\r\n1\r\n--b--", "400"},
        {"--b\r\nX: x\ry\r\n" CD "a\r\n\r\n1\r\n--b--", "400"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_both(str_from(cases[i][0]), "b", cases[i][1]);
    check_both(STR("--b\r\n" CD "a\r\nX: \0\r\n\r\n1\r\n--b--"), "b", "400");
    check_both(STR("--a b--"), "a b", "");
    check_both(STR("--\"'()+_,-./:=?--"), "\"'()+_,-./:=?", "");
}

static void refuses_boundaries(void **state)
{
    (void)state;
    char longest[MAX_BOUNDARY + 2];
    memset(longest, 'x', sizeof longest);
    longest[MAX_BOUNDARY + 1] = '\0';
    check_both(STR("--b--"), "", "400");
    check_both(STR("--b \r\n--b --"), "b ", "400");
    check_both(STR("--\xC3\xA9--"), "\xC3\xA9", "400");
    check_both(STR("--b\r\n--"), "b\r\n", "400");
    check_both(STR("--b--"), longest, "400");
}

static int status_with(struct str body, struct form_limits limits)
{
    struct arena a = {0};
    struct form form = {0};
    struct fault f = {0};
    int result = parse_from(false, &a, body, "b", &limits, &form, &f);
    arena_free(&a);
    return result < 0 ? f.status : 0;
}

static void keeps_limits(void **state)
{
    (void)state;
    struct str body =
        STR("--b\r\n" CD "a\r\n\r\n12345\r\n--b\r\n" CD "f; filename=x\r\n\r\n"
            "123456789\r\n--b\r\n" CD "c\r\n\r\n123\r\r\r\n--b--");
    assert_int_equal(status_with(body, (struct form_limits){3, 10}), 0);
    assert_int_equal(status_with(body, (struct form_limits){2, 10}), 413);
    assert_int_equal(status_with(body, (struct form_limits){0, 10}), 413);
    assert_int_equal(status_with(body, (struct form_limits){3, 9}), 413);
    assert_int_equal(status_with(body, (struct form_limits){3, 0}), 413);
    struct buf many = {0};
    buf_addstr(&many, STR("--b\r\n" CD "a\r\n"));
    for (int i = 0; i < MAX_HEADERS - 1; i++)
        buf_addf(&many, "X-%d: y\r\n", i);
    size_t n = many.n;
    buf_addstr(&many, STR("\r\n1\r\n--b--"));
    assert_int_equal(status_with(buf_str(&many), no_limits), 0);
    many.n = n;
    buf_addstr(&many, STR("X: y\r\n\r\n1\r\n--b--"));
    assert_int_equal(status_with(buf_str(&many), no_limits), 400);
    many.n = 0;
    buf_addstr(&many, STR("--b\r\n" CD "\""));
    for (int i = 0; i < MAX_HEAD; i++)
        buf_addc(&many, 'x');
    buf_addstr(&many, STR("\"\r\n\r\n1\r\n--b--"));
    assert_int_equal(status_with(buf_str(&many), no_limits), 400);
    buf_free(&many);
}

/* Moves a body's parts over the edges of the pieces in which a file is read. */
static void finds_parts_across_pieces(void **state)
{
    (void)state;
    char *body = malloc(3 * PIECE);
    for (size_t shift = 0; shift < 120; shift++) {
        size_t filler = PIECE - 100 + shift;
        size_t n = (size_t)sprintf(body, "--bound\r\n" CD "f; filename=\"x\"\r\n\r\n");
        size_t offset = n;
        for (size_t i = 0; i < filler; i++)
            body[n++] = i % 7 ? 'x' : '\r';
        n += (size_t)sprintf(body + n,
                             "\r\n--bound  \r\n" CD "a\r\n\r\nvalue\r\n--bound--");
        struct arena a = {0};
        struct form form = {0};
        struct fault f = {0};
        assert_int_equal(
            parse_from(true, &a, (struct str){body, n}, "bound", &no_limits, &form, &f),
            0);
        assert_int_equal(form.n_files, 1);
        assert_int_equal(form.files[0].offset, offset);
        assert_int_equal(form.files[0].length, filler);
        assert_int_equal(form.fields.n, 1);
        assert_true(str_eq(form.fields.items[0].value, STR("value")));
        arena_free(&a);
    }
    free(body);
}

/* Random bodies of the characters that matter: memory and file must agree, and each file
   must be a window within the body. */
static void agrees_with_itself(void **state)
{
    (void)state;
    static const char *const bits[] = {
        "\r\n",    "\n", "\r", "--b",          "--b--",
        "--b\r\n", " ",  "-",  CD "a\r\n\r\n", CD "f; filename=x\r\n\r\n",
        "x",       "b"};
    srand(11);
    for (int i = 0; i < 3000; i++) {
        struct buf b = {0};
        buf_addstr(&b, STR("--b\r\n"));
        for (int k = rand() % 30; k > 0; k--)
            buf_addstr(&b, str_from(bits[rand() % 12]));
        struct arena a[2] = {{0}, {0}};
        struct form form[2] = {0};
        struct fault f[2] = {0};
        for (int k = 0; k < 2; k++)
            parse_from(k, &a[k], buf_str(&b), "b", &no_limits, &form[k], &f[k]);
        assert_int_equal(f[0].status, f[1].status);
        assert_int_equal(form[0].n_files, form[1].n_files);
        assert_int_equal(form[0].fields.n, form[1].fields.n);
        for (size_t k = 0; k < form[0].n_files; k++) {
            assert_int_equal(form[0].files[k].offset, form[1].files[k].offset);
            assert_int_equal(form[0].files[k].length, form[1].files[k].length);
            assert_true(form[0].files[k].offset + form[0].files[k].length <= b.n);
        }
        arena_free(&a[0]);
        arena_free(&a[1]);
        buf_free(&b);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 16 MiB of what could make a search look twice: time must not grow beyond the linear. */
static void is_linear(void **state)
{
    (void)state;
    char boundary[MAX_BOUNDARY + 1];
    memset(boundary, 'a', MAX_BOUNDARY);
    boundary[MAX_BOUNDARY] = '\0';
    struct buf near = {0};
    buf_addf(&near, "\r\n--%.199sb", boundary);
    struct buf spaces = {0};
    buf_addf(&spaces, "\r\n--%s%*sx", boundary, MAX_PADDING - 1, "");
    const struct str units[] = {
        STR("a"),       STR("\r"),       STR("\n"),      STR("\r\n"),
        STR("--"),      STR("\r\n--"),   STR("\r\n--a"), STR("\r\n\r\n--aaaa"),
        buf_str(&near), buf_str(&spaces)};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        for (int is_file = 0; is_file < 2; is_file++) {
            struct buf b = {0};
            buf_addf(&b, "--%s\r\n" CD "f%s\r\n\r\n", boundary,
                     i % 2 ? "; filename=x" : "");
            while (b.n < 16 << 20)
                buf_addstr(&b, units[i]);
            buf_addf(&b, "\r\n--%s--", boundary);
            struct arena a = {0};
            struct form form = {0};
            struct fault f = {0};
            double begin = seconds();
            assert_int_equal(
                parse_from(is_file, &a, buf_str(&b), boundary, &no_limits, &form, &f), 0);
            double took = seconds() - begin;
            if (getenv("SHOW_TIMES"))
                print_message("unit %zu, %s: %.3f s\n", i, is_file ? "file" : "memory",
                              took);
            assert_true(took < 20); /* under sanitizers; a quadratic search takes hours */
            arena_free(&a);
            buf_free(&b);
        }
    buf_free(&near);
    buf_free(&spaces);
}

static void tells_an_unreadable_file(void **state)
{
    (void)state;
    struct arena a = {0};
    struct form form = {0};
    struct fault f = {0};
    struct form_source source = {.fd = -1, .size = 100};
    assert_int_equal(multipart_parse(&a, &source, STR("b"), &no_limits, &form, &f), -1);
    assert_int_equal(f.status, 500);
    FILE *short_file = tmpfile();
    source.fd = fileno(short_file);
    assert_int_equal(multipart_parse(&a, &source, STR("b"), &no_limits, &form, &f), -1);
    assert_int_equal(f.status, 500);
    fclose(short_file);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_bodies),
        cmocka_unit_test(refuses_boundaries),
        cmocka_unit_test(keeps_limits),
        cmocka_unit_test(finds_parts_across_pieces),
        cmocka_unit_test(agrees_with_itself),
        cmocka_unit_test(is_linear),
        cmocka_unit_test(tells_an_unreadable_file),
    };
    return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
