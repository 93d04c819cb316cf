/* SipHash-2-4 (Aumasson and Bernstein, 2012). */
#include "base/siphash.h"

struct state {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void mix(struct state *s, int rounds)
{
    while (rounds-- > 0) {
        s->a += s->b;
        s->c += s->d;
        s->b = rotate(s->b, 13) ^ s->a;
        s->d = rotate(s->d, 16) ^ s->c;
        s->a = rotate(s->a, 32);
        s->c += s->b;
        s->a += s->d;
        s->b = rotate(s->b, 17) ^ s->c;
        s->d = rotate(s->d, 21) ^ s->a;
        s->c = rotate(s->c, 32);
    }
}

static void add(struct state *s, uint64_t word)
{
    s->d ^= word;
    mix(s, 2);
    s->a ^= word;
}

/* n bytes, at most 8, as a little-endian number. */
static uint64_t load(const char *p, size_t n)
{
    uint64_t word = 0;
    while (n-- > 0)
        word = word << 8 | (unsigned char)p[n];
    return word;
}

uint64_t siphash(const uint64_t key[2], struct str s)
{
    struct state state = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                          key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)s.n << 56;
    for (; s.n >= 8; s = str_skip(s, 8))
        add(&state, load(s.p, 8));
    add(&state, last | load(s.p, s.n));
    state.c ^= 0xff;
    mix(&state, 4);
    return state.a ^ state.b ^ state.c ^ state.d;
}
