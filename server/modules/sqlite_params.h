/* Parameters: Lua's values into a statement. */
#ifndef SQLITE_PARAMS_H
#define SQLITE_PARAMS_H

#include "sqlite_statement.h"
#include <lua.h>

/* Binds the parameters that stand on the stack from `first` on: one table (a
   list for ?, names for :name, @name and $name), or the values of the ?s
   themselves. They are copied, unless `is_borrowed`: then the Lua strings must
   outlive the statement's run. SQLITE_OK, or a code, and *failure tells. Does
   not raise. */
int params_bind(lua_State *L, int first, struct statement *st, bool is_borrowed,
                struct failure *failure);

/* blob(bytes) -> a value that is bound as a BLOB. */
int params_blob(lua_State *L);

#endif
