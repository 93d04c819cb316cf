/* Random bytes that nobody can guess. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

/* Fills the n bytes at p from the kernel's generator, waiting until it is seeded (at the
   machine's start). -1 with errno when the kernel has none: never go on without. */
int random_bytes(void *p, size_t n);

#endif
