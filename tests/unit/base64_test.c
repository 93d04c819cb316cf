/* Base64: each value has one text of each form, and what is none is refused. */
#include "base/base64.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT(literal) ((struct str){(literal), sizeof(literal) - 1})

static const unsigned one_form[] = {
    BASE64_STANDARD | BASE64_PADDED, BASE64_STANDARD | BASE64_UNPADDED,
    BASE64_URLSAFE | BASE64_PADDED, BASE64_URLSAFE | BASE64_UNPADDED};

/* In memory of just the size that the header promises to be enough: ASan watches it. */
static char *decode(struct str text, unsigned forms, size_t *n)
{
    char *out = malloc(BASE64_DECODED_SIZE(text.n));
    assert_non_null(out);
    if (base64_decode(text, forms, out, n))
        return out;
    free(out);
    return NULL;
}

static char *encode(struct str bytes, unsigned form, size_t *n)
{
    char *out = malloc(BASE64_ENCODED_SIZE(bytes.n) + 1);
    assert_non_null(out);
    *n = base64_encode(bytes, form, out);
    assert_true(*n <= BASE64_ENCODED_SIZE(bytes.n));
    return out;
}

static void check_text(struct str bytes, unsigned form, const char *wanted)
{
    size_t n, back_n;
    char *text = encode(bytes, form, &n);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(text, wanted, n);
    char *back = decode((struct str){text, n}, form, &back_n);
    assert_non_null(back);
    assert_int_equal(back_n, bytes.n);
    assert_memory_equal(back, bytes.p, back_n);
    free(back);
    free(text);
}

/* RFC 4648, section 10. */
static void vectors(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"", ""},
                                           {"Zg", "Zg=="},
                                           {"Zm8", "Zm8="},
                                           {"Zm9v", "Zm9v"},
                                           {"Zm9vYg", "Zm9vYg=="},
                                           {"Zm9vYmE", "Zm9vYmE="},
                                           {"Zm9vYmFy", "Zm9vYmFy"}};
    for (size_t i = 0; i < 7; i++)
        for (size_t form = 0; form < 4; form++)
            check_text((struct str){"foobar", i}, one_form[form],
                       texts[i][one_form[form] & BASE64_PADDED ? 1 : 0]);
    check_text(TEXT("\xfb\xef\xbe\xff\xff\xff"), one_form[0], "++++////");
    check_text(TEXT("\xfb\xef\xbe\xff\xff\xff"), one_form[3], "----____");
    check_text(TEXT("\0\0"), one_form[0], "AAA=");
}

static void round_trips(void **state)
{
    (void)state;
    char bytes[300];
    srand(1);
    for (size_t length = 0; length < sizeof bytes; length++) {
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)rand();
        for (size_t form = 0; form < 4; form++) {
            size_t n, back_n;
            char *text = encode((struct str){bytes, length}, one_form[form], &n);
            char *back = decode((struct str){text, n}, BASE64_ANY, &back_n);
            assert_non_null(back);
            assert_int_equal(back_n, length);
            assert_memory_equal(back, bytes, length);
            free(back);
            free(text);
        }
    }
}

static void check_refused(struct str text, unsigned forms)
{
    size_t n;
    char *out = decode(text, forms, &n);
    if (out)
        fail_msg("'%.*s' is taken", (int)text.n, text.p);
}

static void broken_texts(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "Z",      "Zm9vZ", "Zg=",         "Zg===", "Zg====", "=",      "==",    "====",
        "=Zg=",   "Z=g=",  "Zg==Zg==",    "Zm8==", "Zm9v=",  "Zm9v==", " Zg==", "Zg== ",
        "Zg==\n", "Zm 9v", "Zm9\xc3\xa9", "Zm9.",  "Zm9v\n", "+-",     "++__",  "Zh==",
        "Zh",     "Zm9",   "Zm9=",        "A===",  "Zm-/"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        check_refused(str_from(broken[i]), BASE64_ANY);
    check_refused(TEXT("Zm\0v"), BASE64_ANY);
    check_refused(TEXT("Zg"), BASE64_STANDARD | BASE64_PADDED);
    check_refused(TEXT("Zg=="), BASE64_STANDARD | BASE64_UNPADDED);
    check_refused(TEXT("++++"), BASE64_URLSAFE | BASE64_PADDED | BASE64_UNPADDED);
    check_refused(TEXT("-___"), BASE64_STANDARD | BASE64_PADDED | BASE64_UNPADDED);
}

/* Of all texts of three characters, those that encode two bytes are taken, no other. */
static void one_text_for_each_value(void **state)
{
    (void)state;
    int n_taken = 0;
    for (int a = 0; a < 64; a++)
        for (int b = 0; b < 64; b++)
            for (int c = 0; c < 64; c++) {
                char text[] = {urlsafe[a], urlsafe[b], urlsafe[c]}, out[2], again[4];
                size_t n;
                if (!base64_decode((struct str){text, 3}, one_form[3], out, &n))
                    continue;
                assert_int_equal(n, 2);
                assert_int_equal(base64_encode((struct str){out, 2}, one_form[3], again),
                                 3);
                assert_memory_equal(again, text, 3);
                n_taken++;
            }
    assert_int_equal(n_taken, 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(broken_texts),
        cmocka_unit_test(one_text_for_each_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
