/* Hashes against RFC 7914's and Python's results, and texts that must be refused. */
#include "password.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_method(const char *text, const char *wanted)
{
    struct password_method m;
    char back[PASSWORD_METHOD_SIZE];
    const char *message = password_parse_method(str_from(text), &m);
    if (message)
        fail_msg("%s: %s", text, message);
    password_format_method(&m, back);
    assert_string_equal(back, wanted);
}

static void methods(void **state)
{
    (void)state;
    check_method("scrypt", "scrypt:32768:8:1");
    check_method("scrypt:128:1:1", "scrypt:128:1:1");
    check_method("scrypt:131072:8:1", "scrypt:131072:8:1");
    check_method("scrypt:262144:8:4", "scrypt:262144:8:4");
    check_method("pbkdf2", "pbkdf2:sha256:600000");
    check_method("pbkdf2:sha512", "pbkdf2:sha512:600000");
    check_method("pbkdf2:md5:1", "pbkdf2:md5:1");
    check_method("pbkdf2:sha3_256:10000000", "pbkdf2:sha3_256:10000000");
    check_method("pbkdf2:blake2b:7", "pbkdf2:blake2b:7");
}

/* A wrong method, and one that would take all memory or time. */
static void refused_methods(void **state)
{
    (void)state;
    static const char *const refused[] = {"",
                                          "plain",
                                          "md5",
                                          "sha1",
                                          "SCRYPT",
                                          "scrypt ",
                                          "scrypt:",
                                          "scrypt:1024",
                                          "scrypt:1024:8",
                                          "scrypt:1024:8:",
                                          "scrypt:1024:8:1:",
                                          "scrypt:1024:8:1:1",
                                          "scrypt::8:1",
                                          "scrypt:1024::1",
                                          "scrypt:-1024:8:1",
                                          "scrypt:+1024:8:1",
                                          "scrypt: 1024:8:1",
                                          "scrypt:1_024:8:1",
                                          "scrypt:1024.0:8:1",
                                          "scrypt:0x400:8:1",
                                          "scrypt:0:8:1",
                                          "scrypt:1:8:1",
                                          "scrypt:2:8:1",
                                          "scrypt:64:8:1",
                                          "scrypt:1000:8:1",
                                          "scrypt:1024:0:1",
                                          "scrypt:1024:8:0",
                                          "scrypt:65536:1:1",
                                          "scrypt:524288:8:1",
                                          "scrypt:262144:8:5",
                                          "scrypt:32768:8:33",
                                          "scrypt:1024:1048576:1",
                                          "scrypt:1024:1:1048576",
                                          "scrypt:18446744073709551616:8:1",
                                          "scrypt:4294967296:8:1",
                                          "scrypt:99999999999999999999999999:8:1",
                                          "pbkdf2:",
                                          "pbkdf2::",
                                          "pbkdf2::1000",
                                          "pbkdf2:sha256:",
                                          "pbkdf2:sha256:0",
                                          "pbkdf2:sha256:-1",
                                          "pbkdf2:sha256:1:",
                                          "pbkdf2:sha256:1:1",
                                          "pbkdf2:sha256:1e3",
                                          "pbkdf2:sha256:10000001",
                                          "pbkdf2:sha256:4294967297",
                                          "pbkdf2:sha256:18446744073709551617",
                                          "pbkdf2:sha257:1000",
                                          "pbkdf2:shake_128:1",
                                          "pbkdf2:SHAKE128:1000",
                                          "pbkdf2:null:1000",
                                          "pbkdf2:UNDEF:10",
                                          "pbkdf2:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1000"};
    struct password_method m;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!password_parse_method(str_from(refused[i]), &m))
            fail_msg("'%s' is taken", refused[i]);
    assert_non_null(password_parse_method(STR("pbkdf2:sha256\0:1000"), &m));
    assert_non_null(password_parse_method(STR("scrypt\0"), &m));
}

static bool is_hash(struct str text)
{
    struct password_hash h;
    return password_parse_hash(text, &h);
}

static void hashes(void **state)
{
    (void)state;
    struct password_hash h;
    assert_true(password_parse_hash(STR("pbkdf2:sha1:5$salt$0a$b"), &h));
    assert_true(str_eq(h.salt, STR("salt")) && str_eq(h.key, STR("0a$b")));
    assert_true(password_parse_hash(STR("scrypt$$"), &h));
    assert_true(h.salt.n == 0 && h.key.n == 0);
    assert_false(is_hash((struct str){NULL, 0}));
    assert_false(is_hash(STR("")));
    assert_false(is_hash(STR("$")));
    assert_false(is_hash(STR("$$")));
    assert_false(is_hash(STR("scrypt")));
    assert_false(is_hash(STR("scrypt$salt")));
    assert_false(is_hash(STR("md5$salt$0cc175b9c0f1b6a831c399e269772661")));
    assert_false(is_hash(STR("plain$$secret")));
    assert_false(is_hash(STR("secret")));
    static char longest[PASSWORD_MAX_HASH + 1];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "scrypt$", 7);
    longest[8 + PASSWORD_MAX_SALT] = '$';
    assert_false(is_hash((struct str){longest, sizeof longest - 1})); /* the salt */
    longest[7 + PASSWORD_MAX_SALT] = '$';
    assert_true(is_hash((struct str){longest, sizeof longest - 1}));
    assert_false(is_hash((struct str){longest, sizeof longest}));
}

static void check_key(const char *method, struct str password, struct str salt,
                      const char *wanted)
{
    struct password_method m;
    char key[2 * PASSWORD_KEY_SIZE];
    assert_null(password_parse_method(str_from(method), &m));
    int n = password_derive(&m, password, salt, key);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(key, wanted, (size_t)n);
}

/* RFC 7914, sections 11 and 12; RFC 6070; Python's hashlib for the other digests. */
static void keys(void **state)
{
    (void)state;
    check_key("scrypt:1024:8:16", STR("password"), STR("NaCl"),
              "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
              "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    check_key("scrypt:16384:8:1", STR("pleaseletmein"), STR("SodiumChloride"),
              "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
              "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
    check_key("pbkdf2:sha1:4096", STR("password"), STR("salt"),
              "4b007901b765489abead49d926f721d065a429c1");
    check_key("pbkdf2:sha256:80000", STR("Password"), STR("NaCl"),
              "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
    check_key("pbkdf2:md5:10", STR("\0\xff"), STR(""),
              "451986a014d84190ee65d855f4c37667");
    check_key("pbkdf2:sha3_256:10", STR(""), STR("\xc3\xa9"),
              "75f7e371e4230920b4e28160052acbb46dc519be39c7890ca7803cb6fca26375");
}

static void salts(void **state)
{
    (void)state;
    char salt[6200];
    int counts[256] = {0};
    assert_int_equal(password_make_salt(salt, 0), 0);
    assert_int_equal(password_make_salt(salt, sizeof salt), 0);
    for (size_t i = 0; i < sizeof salt; i++)
        counts[(unsigned char)salt[i]]++;
    int n = 0;
    for (int c = 0; c < 256; c++) {
        bool is_one =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        n += counts[c] > 0;
        assert_true(is_one || counts[c] == 0);
        /* 100 are expected of each; 6 standard deviations off is no chance */
        assert_true(!is_one || (counts[c] > 40 && counts[c] < 160));
    }
    assert_int_equal(n, 62);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods), cmocka_unit_test(refused_methods),
        cmocka_unit_test(hashes),  cmocka_unit_test(keys),
        cmocka_unit_test(salts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
