/* Fuzzes base64.c: a text that is taken is the only one of its form for its bytes; all
   bytes come back from each form. And likeness.c: ASCII comes out, of a bounded length.
 */
#include "base/base64.h"
#include "base/likeness.h"

#include <stdlib.h>

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static char *room(size_t n)
{
    char *p = malloc(n + 1);
    check(p != NULL);
    return p;
}

static void decode(struct str text, unsigned form)
{
    char *bytes = malloc(BASE64_DECODED_SIZE(text.n));
    size_t n;
    check(bytes != NULL);
    if (base64_decode(text, form, bytes, &n)) {
        char *again = room(BASE64_ENCODED_SIZE(n));
        check(base64_encode((struct str){bytes, n}, form, again) == text.n);
        check(memcmp(again, text.p ? text.p : "", text.n) == 0);
        free(again);
    }
    free(bytes);
}

static void encode(struct str bytes, unsigned form)
{
    char *text = room(BASE64_ENCODED_SIZE(bytes.n));
    size_t n = base64_encode(bytes, form, text), back_n = 0;
    char *back = malloc(BASE64_DECODED_SIZE(n));
    check(back && base64_decode((struct str){text, n}, BASE64_ANY, back, &back_n));
    check(back_n == bytes.n && memcmp(back, bytes.p ? bytes.p : "", back_n) == 0);
    free(back);
    free(text);
}

static void liken(struct str text)
{
    struct buf out = {0};
    likeness_add(&out, text);
    check(out.n <= 2 * text.n);
    for (size_t i = 0; i < out.n; i++)
        check((unsigned char)out.p[i] < 0x80);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct str s = {(const char *)data, size};
    for (unsigned alphabet = BASE64_STANDARD; alphabet <= BASE64_URLSAFE; alphabet *= 2)
        for (unsigned padding = BASE64_PADDED; padding <= BASE64_UNPADDED; padding *= 2) {
            decode(s, alphabet | padding);
            encode(s, alphabet | padding);
        }
    liken(s);
    return 0;
}
