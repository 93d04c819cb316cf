/* Queries: on the loop for a millisecond, then begun again on a thread. */
#ifndef SQLITE_QUERY_H
#define SQLITE_QUERY_H

#include "../cflask.h"

/* The name of the metatable of databases' handles. */
#define SQLITE_DB_META "cflask.sqlite.db"

/* Lua: (db, sql, parameters...). What they give: a list of rows; a row or nil;
   some rows, and a cursor when there may be more; the number of changes, and
   the id of the last row inserted. Or false and what went wrong (see
   work_fail); or false, nil and an argument for wait: no connection is free. */
int query_all_lua(lua_State *L);
int query_one_lua(lua_State *L);
int query_rows_lua(lua_State *L);
int query_exec_lua(lua_State *L);

#endif
