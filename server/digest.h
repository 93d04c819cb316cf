/* Digests by name, and comparison that tells nothing by its time. */
#ifndef DIGEST_H
#define DIGEST_H

#include "base/str.h"
#include <openssl/evp.h>

/* The digest of that name, as Python's hashlib and libcrypto call them ("sha256",
   "sha3_256", "blake2b", "SHA2-256", ...); NULL when there is none, or one without a
   length of its own. Free it with EVP_MD_free. */
EVP_MD *digest_fetch(struct str name);

/* Writes bytes as lower-case hexadecimal digits, 2 * bytes.n of them, without a NUL. */
void digest_write_hex(struct str bytes, char *out);

/* Whether a and b are equal. The time depends on their lengths alone. */
bool digest_is_equal(struct str a, struct str b);

#endif
