/* Password hashes as Werkzeug writes them: "scrypt:32768:8:1$salt$hex" and
   "pbkdf2:sha256:600000$salt$hex". No Lua here: these functions run on any thread. */
#ifndef PASSWORD_H
#define PASSWORD_H

#include "base/str.h"
#include <stdint.h>

enum {
    PASSWORD_DIGEST_NAME = 15, /* bytes of the longest name of a digest */
    PASSWORD_KEY_SIZE = 64,    /* bytes of the longest key */
    PASSWORD_METHOD_SIZE = 64, /* bytes of the longest method, its NUL included */
    PASSWORD_MAX_SALT = 1024,  /* characters */
    PASSWORD_MAX_HASH = 4096,  /* bytes of a hash's text */
    PASSWORD_SALT_LENGTH = 16, /* characters, when nothing else is asked for */
};

struct password_method {
    bool is_scrypt;                        /* else PBKDF2 */
    uint64_t n, r, p;                      /* scrypt's cost */
    char digest[PASSWORD_DIGEST_NAME + 1]; /* PBKDF2's */
    int iterations;
};

/* The parts of a hash's text, into which they point. */
struct password_hash {
    struct password_method method;
    struct str salt, key; /* the key is hexadecimal */
};

/* Reads "scrypt", "scrypt:N:r:p", "pbkdf2", "pbkdf2:DIGEST" or
   "pbkdf2:DIGEST:ITERATIONS"; what is missing has Werkzeug's default. NULL when it is
   one that can be computed; else what is wrong with it: among that a cost over the caps
   of password.c, or parameters that Werkzeug could not compute with. */
const char *password_parse_method(struct str text, struct password_method *method);

/* Reads a hash's text. False when it is malformed or the method is none of the above. */
bool password_parse_hash(struct str text, struct password_hash *hash);

/* Writes n characters of Werkzeug's alphabet, each as likely as the others. -1 when the
   kernel gives no random bytes. */
int password_make_salt(char *out, size_t n);

/* Derives the key from password and salt and writes its hexadecimal digits to `out`; any
   bytes are fine. Slow: that is what it is for. Returns the digits' number; -1 when
   memory is out. */
int password_derive(const struct password_method *method, struct str password,
                    struct str salt, char out[2 * PASSWORD_KEY_SIZE]);

/* Writes the method with all its parameters, as it stands in a hash; returns its length.
 */
int password_format_method(const struct password_method *method,
                           char out[PASSWORD_METHOD_SIZE]);

#endif
