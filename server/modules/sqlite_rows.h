/* Result rows outside of Lua: a thread fills them, the loop makes tables of
 * them. */
#ifndef SQLITE_ROWS_H
#define SQLITE_ROWS_H

#include <lua.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

struct rows {
    char *p; /* values, one after another: a tag, then what the tag says */
    size_t n, room;
    int n_columns;
    size_t count;
};

/* Appends the row that the statement stands at. SQLITE_OK or SQLITE_NOMEM. */
int rows_add(struct rows *rows, sqlite3_stmt *statement);

/* Forgets the rows, and keeps the memory for others unless it is much. */
void rows_clear(struct rows *rows);
void rows_free(struct rows *rows);

/* Pushes a marked list of tables, or the first row alone (nil without one):
   column names to values. `names` has n_columns of them and is stable: Lua
   knows a text by its address again. list_meta is the registry reference of the
   metatable that marks a list. Raises when memory is out. */
void rows_push_list(lua_State *L, const struct rows *rows, char **names, int list_meta);
void rows_push_first(lua_State *L, const struct rows *rows, char **names);

#endif
