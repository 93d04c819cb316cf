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

-- Outside of debug mode the server does not start on a database that the code is ahead of.
function database.check(app)
    for _, migration in ipairs(app:database():migrations()) do
        if not migration.applied_at then
            error(migration.name .. " has not been applied to the database: "
                  .. "cflask-lua apps/blog db migrate does it", 0)
        end
    end
end

return database
