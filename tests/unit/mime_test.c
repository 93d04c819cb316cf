#include "mime.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void is_sorted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_true(i == 0 || strcmp(types[i - 1].extension, types[i].extension) < 0);
        assert_true(strlen(types[i].extension) <= LONGEST_EXTENSION);
        assert_non_null(strchr(types[i].type, '/'));
        assert_null(
            find(encodings, sizeof encodings / sizeof *encodings, types[i].extension));
    }
}

static void guesses(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"index.html", "text/html", NULL},
        {"a/b.c/INDEX.HTM", "text/html", NULL},
        {"x.css", "text/css", NULL},
        {"x.js", "text/javascript", NULL},
        {"x.mjs", "text/javascript", NULL},
        {"x.json", "application/json", NULL},
        {"x.map", "application/json", NULL},
        {"x.svg", "image/svg+xml", NULL},
        {"x.png", "image/png", NULL},
        {"x.JPeG", "image/jpeg", NULL},
        {"x.jpg", "image/jpeg", NULL},
        {"x.webp", "image/webp", NULL},
        {"x.avif", "image/avif", NULL},
        {"favicon.ico", "image/vnd.microsoft.icon", NULL},
        {"x.woff2", "font/woff2", NULL},
        {"x.ttf", "font/ttf", NULL},
        {"x.mp4", "video/mp4", NULL},
        {"x.webm", "video/webm", NULL},
        {"x.mp3", "audio/mpeg", NULL},
        {"x.ogg", "audio/ogg", NULL},
        {"x.wav", "audio/wav", NULL},
        {"x.pdf", "application/pdf", NULL},
        {"x.txt", "text/plain", NULL},
        {"x.csv", "text/csv", NULL},
        {"x.xml", "text/xml", NULL},
        {"x.wasm", "application/wasm", NULL},
        {"x.zip", "application/zip", NULL},
        {"x.md", "text/markdown", NULL},
        {"x.rtf", "application/rtf", NULL},
        {"x.doc", "application/msword", NULL},
        {"x.docx",
         "application/vnd.openxmlformats-officedocument.wordprocessingml.document", NULL},
        {"x.webmanifest", "application/manifest+json", NULL},
        {"x.tar", "application/x-tar", NULL},
        {"x.tar.gz", "application/x-tar", "gzip"},
        {"x.TGZ", "application/x-tar", "gzip"},
        {"x.txt.bz2", "text/plain", "bzip2"},
        {"x.svgz", "image/svg+xml", "gzip"},
        {"x.js.br", "text/javascript", "br"},
        {"x.Z", MIME_DEFAULT, "compress"},
        {"x.gz", MIME_DEFAULT, "gzip"},
        {"x.gz.gz", MIME_DEFAULT, "gzip"},
        {"x", MIME_DEFAULT, NULL},
        {"", MIME_DEFAULT, NULL},
        {NULL, MIME_DEFAULT, NULL},
        {"x.", MIME_DEFAULT, NULL},
        {".html", MIME_DEFAULT, NULL},
        {"..html", MIME_DEFAULT, NULL},
        {"a/.html", MIME_DEFAULT, NULL},
        {".a.html", "text/html", NULL},
        {"html/x", MIME_DEFAULT, NULL},
        {"a.html/x", MIME_DEFAULT, NULL},
        {"x.unknown", MIME_DEFAULT, NULL},
        {"x.an-extension-that-is-much-too-long", MIME_DEFAULT, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *encoding;
        assert_string_equal(mime_guess(str_from(cases[i][0]), &encoding), cases[i][1]);
        assert_string_equal(encoding ? encoding : "-", cases[i][2] ? cases[i][2] : "-");
    }
    assert_string_equal(mime_guess(STR("x.css"), NULL), "text/css");
    assert_string_equal(mime_guess(STR("x.css\0"), NULL), MIME_DEFAULT);
    assert_string_equal(mime_guess(STR("x.html\0.css"), NULL), "text/css");
}

static void knows_text(void **state)
{
    (void)state;
    assert_true(mime_is_text(STR("text/html")));
    assert_true(mime_is_text(STR("TEXT/x")));
    assert_true(mime_is_text(STR("image/svg+xml")));
    assert_true(mime_is_text(STR("application/javascript")));
    assert_true(mime_is_text(STR("application/xml")));
    assert_false(mime_is_text(STR("application/json")));
    assert_false(mime_is_text(STR("image/png")));
    assert_false(mime_is_text(STR("text")));
    assert_false(mime_is_text(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sorted),
        cmocka_unit_test(guesses),
        cmocka_unit_test(knows_text),
    };
    return cmocka_run_group_tests_name("mime", tests, NULL, NULL);
}
