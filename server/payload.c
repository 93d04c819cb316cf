/* The payload of a signed text: base64, and zlib (RFC 1950) where it pays. */
#include "payload.h"

#include "base/base64.h"
#include <math.h>
#include <stdint.h>
#include <zlib.h>

#define FORM (BASE64_URLSAFE | BASE64_UNPADDED)

/* ---- deflating ---- */

/* One stream for small payloads and one for large, kept for the process: making one costs
   more than its work. The small one's window and tables are smaller, which changes
   nothing of what comes out for so little text. Its output has no header: that would name
   the window, and so differ from what Python writes. */
#define SMALL 1024

static z_stream small_stream, large_stream;

static int prepare(z_stream *z, int window_bits, int memory)
{
    if (z->state)
        return deflateReset(z);
    return deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, memory,
                        Z_DEFAULT_STRATEGY);
}

/* The length of what bytes are deflated to, in `out` with its `room`; 0 when that is too
   little. */
static size_t deflate_raw(struct str bytes, unsigned char *out, size_t room)
{
    bool is_small = bytes.n <= SMALL;
    z_stream *z = is_small ? &small_stream : &large_stream;
    if (bytes.n > UINT32_MAX ||
        prepare(z, is_small ? -11 : -15, is_small ? 5 : 8) != Z_OK)
        return 0;
    z->next_in = (unsigned char *)bytes.p;
    z->avail_in = (uInt)bytes.n;
    z->next_out = out;
    z->avail_out = (uInt)room;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? room - z->avail_out : 0;
}

/* How often three bytes in a row have been there before; sometimes one too many. */
static int count_repeats(struct str s)
{
    unsigned char seen[256 / 8] = {0};
    int n = 0;
    for (size_t i = 0; i + 3 <= s.n; i++) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        unsigned h = (p[0] * 7u ^ p[1] * 31u ^ p[2] * 101u) & 255;
        n += seen[h >> 3] >> (h & 7) & 1;
        seen[h >> 3] |= (unsigned char)(1u << (h & 7));
    }
    return n;
}

#define SHORT 64 /* bytes of a text that is looked at */

/* To base 2, of 1 to SHORT. */
static double logarithm(int n)
{
    static double known[SHORT + 1];
    if (n > 1 && known[n] == 0)
        known[n] = log2(n);
    return known[n];
}

/* The bits that the bytes would take under the best code of their own, and how many
   different ones there are. */
static double count_bits(struct str s, int *n_different)
{
    unsigned char counts[256] = {0};
    double bits = (double)s.n * logarithm((int)s.n);
    *n_different = 0;
    for (size_t i = 0; i < s.n; i++)
        *n_different += counts[(unsigned char)s.p[i]]++ == 0;
    for (size_t i = 0; i < s.n; i++) {
        int c = counts[(unsigned char)s.p[i]];
        if (c > 1)
            bits -= logarithm(c);
    }
    return bits;
}

/* Whether zlib is sure not to win on a short text, which is most sessions: it costs ten
   times what this look does. Its output has 6 bytes around the block (RFC 1951). With the
   fixed codes a byte takes 8 bits or more, the block 10 more, and a repeat of n bytes
   saves at most 8n - 12 bits: six repeated triples save too little. With codes of its own
   the block has at least 63 bits of header, and half a bit for each different byte; what
   is repeated is counted as if it were free. Up to 14 bytes that can't pay. */
static bool is_in_vain(struct str s)
{
    if (s.n < 12)
        return true;
    if (s.n > SHORT)
        return false;
    int repeats = count_repeats(s), different;
    if (repeats > 6)
        return false;
    if (s.n <= 14)
        return true;
    double bits = count_bits(s, &different) - 3 * repeats * (logarithm((int)s.n) + 1.5);
    return 6 + (63 + different / 2.0 + bits) / 8 >= (double)s.n - 1;
}

/* zlib's form of bytes in the arena, or an empty slice where it is not shorter by two. */
static struct str compress_bytes(struct arena *a, struct str bytes)
{
    const struct str none = {NULL, 0};
    if (is_in_vain(bytes))
        return none;
    unsigned char *out = arena_alloc(a, bytes.n);
    /* One byte more than may be used: at the last one deflate says that it has not done.
     */
    size_t n = out && bytes.n > 8 ? deflate_raw(bytes, out + 2, bytes.n - 7) : 0;
    if (!n || n + 6 + 1 >= bytes.n)
        return none;
    uLong sum = adler32(1, (const unsigned char *)bytes.p, (uInt)bytes.n);
    out[0] = 0x78; /* what level and window zlib.compress has */
    out[1] = 0x9C;
    for (int i = 0; i < 4; i++)
        out[2 + n + (size_t)i] = (unsigned char)(sum >> (24 - 8 * i));
    return (struct str){(char *)out, n + 6};
}

int payload_pack(struct arena *a, struct str bytes, struct str *text)
{
    struct str packed = compress_bytes(a, bytes);
    bool is_packed = packed.p != NULL;
    if (is_packed)
        bytes = packed;
    char *out = arena_alloc(a, 1 + BASE64_ENCODED_SIZE(bytes.n));
    if (!out)
        return -1;
    out[0] = '.';
    size_t n = base64_encode(bytes, FORM, out + is_packed);
    *text = (struct str){out, is_packed + n};
    return 0;
}

/* ---- inflating ---- */

static z_stream inflating;

static int prepare_inflate(void)
{
    return inflating.state ? inflateReset(&inflating) : inflateInit(&inflating);
}

/* Room for twice as much, what is there kept; false when memory is out. */
static bool grow(struct arena *a, unsigned char **out, size_t *room, size_t most)
{
    size_t doubled = *room * 2 < most ? *room * 2 : most;
    unsigned char *p = arena_alloc(a, doubled);
    if (!p)
        return false;
    memcpy(p, *out, *room);
    *out = p;
    *room = doubled;
    return true;
}

/* One byte more than `most` may be written, to tell that there is one. */
static enum payload_verdict inflate_bytes(struct arena *a, struct str bytes, size_t most,
                                          struct str *whole)
{
    z_stream *z = &inflating;
    size_t limit = most + 1, room = bytes.n * 4 + 64 < limit ? bytes.n * 4 + 64 : limit;
    unsigned char *out = arena_alloc(a, room);
    if (!out || bytes.n > UINT32_MAX || prepare_inflate() != Z_OK)
        return PAYLOAD_NO_MEMORY;
    size_t n = 0;
    z->next_in = (unsigned char *)bytes.p;
    z->avail_in = (uInt)bytes.n;
    for (;;) {
        z->next_out = out + n;
        z->avail_out = (uInt)(room - n < UINT32_MAX ? room - n : UINT32_MAX);
        int result = inflate(z, Z_NO_FLUSH);
        n = (size_t)(z->next_out - out);
        if (n > most)
            return PAYLOAD_TOO_LARGE;
        if (result == Z_STREAM_END && z->avail_in == 0)
            break;
        if (result == Z_MEM_ERROR)
            return PAYLOAD_NO_MEMORY;
        if (result != Z_OK || n < room)
            return PAYLOAD_NOT_ZLIB; /* Z_OK with room left: it is cut off */
        if (!grow(a, &out, &room, limit))
            return PAYLOAD_NO_MEMORY;
    }
    *whole = (struct str){(char *)out, n};
    return PAYLOAD_GOOD;
}

enum payload_verdict payload_unpack(struct arena *a, struct str text, size_t most,
                                    struct str *bytes)
{
    bool is_packed = text.n && *text.p == '.';
    if (is_packed)
        text = str_skip(text, 1);
    char *out = arena_alloc(a, BASE64_DECODED_SIZE(text.n));
    size_t n;
    if (!out)
        return PAYLOAD_NO_MEMORY;
    if (!base64_decode(text, FORM, out, &n))
        return PAYLOAD_NOT_BASE64;
    *bytes = (struct str){out, n};
    return is_packed ? inflate_bytes(a, *bytes, most, bytes) : PAYLOAD_GOOD;
}
