/* Bytes looked at by eight, as a word: for the texts of which nearly every byte is plain.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdint.h>
#include <string.h>

/* Repeats a byte in a word. */
#define WORD_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Each is not 0 when a byte of the word is at least 128; is less than n (at most 128);
   equals c. The lowest bit that is set then lies in the lowest of these bytes. */
#define WORD_HAS_HIGH(word)    ((word)&WORD_EACH(0x80))
#define WORD_HAS_LESS(word, n) (((word)-WORD_EACH(n)) & ~(word)&WORD_EACH(0x80))
#define WORD_HAS(word, c)      WORD_HAS_LESS((word) ^ WORD_EACH(c), 1)

/* The eight bytes at p. */
static inline uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

#endif
