/* The transaction on the writing connection: whose it is, and its ends. */
#include "sqlite_db.h"

bool transaction_is_mine(lua_State *L, const struct db *db)
{
    return db->tx.is_open && db->tx.owner == sqlite_api->task_number(L, 0);
}

/* What is outside of any task and runs the event loop waits for all tasks. */
bool transaction_waits_for(lua_State *L, const struct db *db)
{
    uint64_t number = sqlite_api->task_number(L, 0);
    if (db->tx.owner == 0)
        return number != 0;
    for (unsigned above = 1; number; above++) {
        number = sqlite_api->task_number(L, above);
        if (number == db->tx.owner)
            return true;
    }
    return false;
}

void transaction_check(struct db *db)
{
    if (db->tx.is_open && sqlite3_get_autocommit(db->writer->handle))
        db->tx.is_broken = true;
}

void transaction_break(struct db *db)
{
    cursors_drop(db->writer);
    if (!sqlite3_get_autocommit(db->writer->handle))
        conn_run(db->writer, "ROLLBACK", NULL);
    db->tx.is_broken = true;
}

void transaction_end(struct db *db)
{
    struct conn *c = db->writer;
    cursors_drop(c);
    if (!sqlite3_get_autocommit(c->handle))
        conn_run(c, "ROLLBACK", NULL);
    if (db->tx.has_no_keys)
        sqlite3_db_config(c->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    db->tx = (struct transaction){.serial = db->tx.serial};
}

void transaction_abandon(struct db *db, unsigned serial)
{
    if (!db->tx.is_open || db->tx.serial != serial)
        return;
    db->tx.is_abandoned = true;
    if (!db->writer->is_running)
        db_give(db, db->writer);
}
