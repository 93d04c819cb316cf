#include "signer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include <stdlib.h>

static void open_one(struct signer *s, const char *secret)
{
    struct str secrets[] = {str_from(secret)};
    assert_int_equal(signer_open(s, SIGNER_SHA1, SIGNER_DJANGO_CONCAT,
                                 STR("itsdangerous.Signer"), secrets, 1),
                     0);
}

static void check_signature(enum signer_digest digest, enum signer_derivation derivation,
                            const char *expected)
{
    struct signer s;
    struct str secret = STR("secret");
    char out[SIGNER_SIGNATURE_SIZE];
    assert_int_equal(
        signer_open(&s, digest, derivation, STR("itsdangerous.Signer"), &secret, 1), 0);
    size_t n = signer_sign(&s, STR("value"), out);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
    assert_true(signer_verify(&s, STR("value"), str_from(expected)));
    assert_false(signer_verify(&s, STR("Value"), str_from(expected)));
    signer_close(&s);
}

/* The signatures are itsdangerous 2.1's. */
static void signs_as_itsdangerous(void **state)
{
    (void)state;
    check_signature(SIGNER_SHA1, SIGNER_DJANGO_CONCAT, "-2b2Vg1X_KBU1C6DLNDlPUR2w6M");
    check_signature(SIGNER_SHA256, SIGNER_DJANGO_CONCAT,
                    "7bDKX0xNylsIHCxwVgvVBeJgXPOcAhPHV2ik6SVsWpU");
    check_signature(SIGNER_SHA384, SIGNER_DJANGO_CONCAT,
                    "JvkC9BytwWmUgK_lhGfrWsZsHd1ZtqrJMLC5lQ0S3Nhzl9mdt-N1g6YA7tQTast1");
    check_signature(
        SIGNER_SHA512, SIGNER_DJANGO_CONCAT,
        "mj4FpzGL9zpKE-"
        "0LtTyFnOi8rPGi9pPbv9Ro6Tl66NnLKV4qxU4BuJ5Bj1kwhfgpsyUmL1re7Tj9YDgqVQt1ig");
    check_signature(SIGNER_SHA1, SIGNER_CONCAT, "R604j4gGWsIIw7t8ASqRpFifq3c");
    check_signature(SIGNER_SHA256, SIGNER_CONCAT,
                    "194cCy1trES_KSH54htcoP4fV9Dkkp4ciBCy0os7BMY");
    check_signature(SIGNER_SHA384, SIGNER_CONCAT,
                    "us7drxTja90rA83E1_lmk8riwgfQNxr0E4D9X3yypZSnp0bHDHyt9WBlGa24kvKg");
    check_signature(SIGNER_SHA512, SIGNER_CONCAT,
                    "bWVPTv7yHg2-RJIp2fWzyvp3orOmVuW8wZez5nZbrfbJCTf_IWjOdcNaBaOgqu3_"
                    "sXYs5Vl8ErCdX3mxY7knYQ");
    check_signature(SIGNER_SHA1, SIGNER_HMAC, "v09Q6wJXGxW6ZG4u4oWFQiErfbk");
    check_signature(SIGNER_SHA256, SIGNER_HMAC,
                    "VubxwLls2XJAZBCeHVFyT3DnjUhR4O3IsOKXj1Oe-V0");
    check_signature(SIGNER_SHA384, SIGNER_HMAC,
                    "QOYLF_u_392PhqQD9QoVDwwWXwKTAtsEbPOP759IbCnewZQYwJ_FEqIUl0n940QL");
    check_signature(SIGNER_SHA512, SIGNER_HMAC,
                    "jNua8VKisEg3gefxv1XNQgGaLayiTSM90HSPWBrPKaeVuBF7u3Fv6Gnny_j_"
                    "FeWJMGyw1-pXVzuvjyXLPu5M6A");
    check_signature(SIGNER_SHA1, SIGNER_NONE, "Mwty04TfQa30QOHYrrVDq3Puy4o");
    check_signature(SIGNER_SHA256, SIGNER_NONE,
                    "UOA-vmW-mLuL8RuiyJLVTAeayisNOwFidpxtdXolQ08");
    check_signature(SIGNER_SHA384, SIGNER_NONE,
                    "AUeqPg9L5TycjDNgiRguKiWhGCaW6zSgLu6ES4C7DYFJlIRW8NL4-JUfnIR68RFZ");
    check_signature(SIGNER_SHA512, SIGNER_NONE,
                    "_iWOsnPOj0kYE3wJLmvbGTaC_kUFhgWESna7hoKVwRQr5A4UDR7__KYh7f5s_i3_"
                    "D8jwBIUbehw5IgHxYPlYdA");
}

/* RFC 4231's case of a key longer than a block, and the same with SHA-1. */
static void takes_long_keys(void **state)
{
    (void)state;
    char secret[131];
    memset(secret, 0xAA, sizeof secret);
    struct str secrets[] = {{secret, sizeof secret}};
    const struct str text = STR("Test Using Larger Than Block-Size Key - Hash Key First");
    struct signer s;
    assert_int_equal(signer_open(&s, SIGNER_SHA1, SIGNER_NONE, STR(""), secrets, 1), 0);
    assert_true(signer_verify(&s, text, STR("kNDazhwb3JVzOTB4AxYDNb3m3ys")));
    signer_close(&s);
    assert_int_equal(signer_open(&s, SIGNER_SHA256, SIGNER_NONE, STR(""), secrets, 1), 0);
    assert_true(
        signer_verify(&s, text, STR("YOQxWR7gtn8Niiaqy_W3f44LxiE3KMUUBUYEDw7jf1Q")));
    signer_close(&s);
}

static void takes_what_any_key_has_signed(void **state)
{
    (void)state;
    struct signer old, new, both;
    struct str secrets[] = {STR("old"), STR("new")};
    char text[SIGNER_SIGNATURE_SIZE];
    open_one(&old, "old");
    open_one(&new, "new");
    assert_int_equal(signer_open(&both, SIGNER_SHA1, SIGNER_DJANGO_CONCAT,
                                 STR("itsdangerous.Signer"), secrets, 2),
                     0);
    size_t n = signer_sign(&old, STR("v"), text);
    assert_true(signer_verify(&both, STR("v"), (struct str){text, n}));
    n = signer_sign(&both, STR("v"), text);
    assert_true(signer_verify(&new, STR("v"), (struct str){text, n}));
    assert_false(signer_verify(&old, STR("v"), (struct str){text, n}));
    signer_close(&old);
    signer_close(&new);
    signer_close(&both);
}

static void writes_times(void **state)
{
    (void)state;
    static const struct {
        int64_t time;
        const char *text;
    } cases[] = {{1700000000, "ZVPxAA"},
                 {0, ""},
                 {1, "AQ"},
                 {255, "_w"},
                 {INT64_MAX, "f_________8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[SIGNER_TIME_SIZE];
        int64_t back;
        size_t n = signer_format_time(cases[i].time, out);
        assert_int_equal(n, strlen(cases[i].text));
        assert_memory_equal(out, cases[i].text, n);
        assert_true(read_time((struct str){out, n}, &back));
        assert_true(back == cases[i].time);
    }
    static const char *const broken[] = {
        "A", "AR", "_w=", "!", "__________8", "_____________"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        int64_t back;
        assert_false(read_time(str_from(broken[i]), &back));
    }
}

static enum signer_verdict unsign(const char *text, const double *max_age)
{
    struct signer s;
    struct signed_text found;
    char signature[SIGNER_SIGNATURE_SIZE], whole[200];
    open_one(&s, "secret");
    size_t n = signer_sign(&s, str_from(text), signature);
    int length = snprintf(whole, sizeof whole, "%s.%.*s", text, (int)n, signature);
    enum signer_verdict verdict = signer_unsign_timed(
        &s, (struct str){whole, (size_t)length}, 1700000100, max_age, &found);
    signer_close(&s);
    return verdict;
}

static void judges_times(void **state)
{
    (void)state;
    double age = 100, less = 99, none = 0;
    assert_int_equal(unsign("v.ZVPxAA", NULL), SIGNER_GOOD);
    assert_int_equal(unsign("v.ZVPxAA", &age), SIGNER_GOOD);
    assert_int_equal(unsign("v.ZVPxAA", &less), SIGNER_EXPIRED);
    assert_int_equal(unsign("v.ZVPxZA", &none), SIGNER_GOOD); /* this very second */
    assert_int_equal(unsign("v.ZVPxZQ", &age), SIGNER_FUTURE);
    assert_int_equal(unsign("v.f_________8", &age), SIGNER_FUTURE);
    assert_int_equal(unsign("v.ZVPxZQ", NULL), SIGNER_GOOD);
    assert_int_equal(unsign("v", &age), SIGNER_NO_TIME);
    assert_int_equal(unsign("v.!", &age), SIGNER_BAD_TIME);
    assert_int_equal(unsign("v.__________8", NULL), SIGNER_BAD_TIME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_itsdangerous),
        cmocka_unit_test(takes_long_keys),
        cmocka_unit_test(takes_what_any_key_has_signed),
        cmocka_unit_test(writes_times),
        cmocka_unit_test(judges_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
