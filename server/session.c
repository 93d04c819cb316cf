/* Flask's session cookie: JSON, packed, with a time, signed. session_lua.c is
   flask.session. */
#include "session.h"

#include "payload.h"
#include <openssl/crypto.h>
#include <stdlib.h>

/* ---- keys ---- */

static size_t size_of(const struct str *secrets, int n)
{
    size_t size = 0;
    for (int i = 0; i < n; i++)
        size += sizeof(size_t) + secrets[i].n;
    return size;
}

/* Calls for the pieces of the copy in their order; `put` writes them, else they are
   compared: false at the first that differs. */
static bool go_through(char *p, const struct str *secrets, int n, bool put)
{
    for (int i = 0; i < n; i++) {
        const struct str pieces[] = {{(const char *)&secrets[i].n, sizeof(size_t)},
                                     secrets[i]};
        for (int k = 0; k < 2; p += pieces[k++].n) {
            if (put && pieces[k].n)
                memcpy(p, pieces[k].p, pieces[k].n);
            else if (pieces[k].n && memcmp(p, pieces[k].p, pieces[k].n) != 0)
                return false;
        }
    }
    return true;
}

int session_keys_set(struct session_keys *keys, const struct str *secrets, int n)
{
    size_t size = size_of(secrets, n);
    if (keys->secrets && keys->n == size && go_through(keys->secrets, secrets, n, false))
        return 0;
    session_keys_clear(keys);
    keys->secrets = malloc(size);
    if (!keys->secrets || signer_open(&keys->signer, SIGNER_SHA1, SIGNER_HMAC,
                                      STR("cookie-session"), secrets, n) < 0) {
        free(keys->secrets);
        keys->secrets = NULL;
        return -1;
    }
    keys->n = size;
    go_through(keys->secrets, secrets, n, true);
    return 0;
}

void session_keys_clear(struct session_keys *keys)
{
    if (!keys->secrets)
        return;
    signer_close(&keys->signer);
    OPENSSL_cleanse(keys->secrets, keys->n);
    free(keys->secrets);
    *keys = (struct session_keys){.n = 0};
}

void session_kept_free(struct session_kept *kept)
{
    if (!kept)
        return;
    session_keys_clear(&kept->keys);
    cookie_frame_clear(&kept->frame);
    free(kept);
}

/* ---- cookies ---- */

int session_read(const struct session_keys *keys, struct arena *a, struct str cookie,
                 int64_t now, double max_age, size_t most, struct str *json)
{
    struct signed_text found;
    if (signer_unsign_timed(&keys->signer, cookie, now, &max_age, &found) != SIGNER_GOOD)
        return -1;
    return payload_unpack(a, found.value, most, json) == PAYLOAD_GOOD ? 0 : -1;
}

int session_write(const struct session_keys *keys, struct arena *a, struct str json,
                  int64_t now, struct str *cookie)
{
    struct str text;
    if (payload_pack(a, json, &text) < 0)
        return -1;
    char *out = arena_alloc(a, text.n + SIGNER_TIME_SIZE + SIGNER_SIGNATURE_SIZE + 2);
    if (!out)
        return -1;
    memcpy(out, text.p, text.n);
    size_t n = text.n;
    out[n++] = '.';
    n += signer_format_time(now, out + n);
    size_t signature = signer_sign(&keys->signer, (struct str){out, n}, out + n + 1);
    if (!signature)
        return -1;
    out[n++] = '.';
    *cookie = (struct str){out, n + signature};
    return 0;
}
