-- The database: one file. What to learn here: the app opens it once, by app:database, which also gives
-- it the command `db`; what it holds is built by migrations/, never by hand.
local database = {}

function database.open(app)
    return app:database(app.config.DATABASE)
end

-- Applies the migrations that are new: the files of migrations/ beside this one, wherever the
-- server was started.
function database.migrate(app)
    return app:database():migrate()
end

return database
