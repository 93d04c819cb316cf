/* Characters by their Unicode names. */
#ifndef JINJA_CHAR_NAME_H
#define JINJA_CHAR_NAME_H

#include "base/str.h"
#include <stdint.h>

/* The character with that name (any case), or 0 when we don't know it. */
uint32_t char_name_find(struct str name);

#endif
