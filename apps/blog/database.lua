-- The database: one file. What to learn here: the app opens it once, by app:database, which also gives
-- it the command `db`; what it holds is built by migrations/, never by hand.
local database = {}

function database.open(app)
    return app:database(app.config.DATABASE)
end

-- Applies the migrations that are new. The path is the app's: the server may have been started
-- anywhere.
function database.migrate(app)
    return app:database():migrate(app.root_path .. "/migrations")
end

return database
