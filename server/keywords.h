/* Tables of options that stand for Python's keyword arguments. */
#ifndef KEYWORDS_H
#define KEYWORDS_H

#include "base/lua_compat.h"

/* Raises, placed at the app's line and with the name that may have been meant, when the
   table at `index` has a key that is none of `names` (NULL ends them). `what` is what was
   called: "flask.Response". Nothing when there is no table. */
void keywords_check(lua_State *L, int index, const char *const *names, const char *what);

#endif
