/* SipHash-2-4 (Aumasson and Bernstein, 2012): a hash whose collisions nobody can choose
   who does not know the key. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/str.h"
#include <stdint.h>

/* The hash of s under the key, two random numbers. */
uint64_t siphash(const uint64_t key[2], struct str s);

#endif
