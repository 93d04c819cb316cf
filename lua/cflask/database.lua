-- app:database(url, options): the app's one database, and its command `db`.
local core = require "cflask.core"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"

-- is_inspected: the app is loaded to be looked at, not to be served, and leaves no files behind.
local database = {is_inspected = false}

local USAGE = "as in: cflask-lua APP db migrate | status | shell"

-- The path that "sqlite:blog.db" names, relative to the app's folder.
local function path_of(app, url)
    local path = url:match("^sqlite:(.+)$")
    if not path then
        misuse.fail("app:database needs a URL like sqlite:blog.db or sqlite::memory:, not %s",
                    misuse.show(url))
    end
    if path == ":memory:" then
        return path
    end
    return paths.join(app.root_path, (path:gsub("^//(/?)", "%1")))
end

-- ## The command

local commands = {}

function commands.migrate(app, db)
    local names = db:migrate(app._migrations)
    for _, name in ipairs(names) do
        print("applied " .. name)
    end
    if #names == 0 then
        print("nothing to apply")
    end
end

function commands.status(app, db)
    local is_fine = true
    for _, row in ipairs(db:migrations(app._migrations)) do
        local state = row.is_changed and "CHANGED since it was applied on " .. row.applied_at
            or row.applied_at and "applied on " .. row.applied_at or "to be applied"
        print(("%-40s  %s"):format(row.name, state))
        is_fine = is_fine and not row.is_changed
    end
    return is_fine
end

-- ### The shell

-- Columns in a row's order are not known here: sorted.
local function names_of(row)
    local names = {}
    for name in pairs(row) do
        table.insert(names, name)
    end
    table.sort(names)
    return names
end

local function shown(value)
    if value == core.json.null then
        return "NULL"
    end
    return (tostring(value):gsub("[%z\1-\31\127]", function(c)
        return ("\\x%02x"):format(c:byte())
    end))
end

local function print_rows(rows)
    if #rows == 0 then
        return
    end
    local names = names_of(rows[1])
    print(table.concat(names, " | "))
    for _, row in ipairs(rows) do
        local cells = {}
        for i, name in ipairs(names) do
            cells[i] = shown(row[name])
        end
        print(table.concat(cells, " | "))
    end
end

-- Takes the first whole statement off the text; nil when none is whole.
local function split(text)
    local sqlite = require "cflask.sqlite"
    local at = text:find(";", 1, true)
    while at and not sqlite.is_complete(text:sub(1, at)) do
        at = text:find(";", at + 1, true)
    end
    if at then
        return text:sub(1, at), text:sub(at + 1)
    end
    return nil, text
end

local function run(db, sql)
    local is_fine, result = pcall(db.query, db, sql)
    if is_fine then
        print_rows(result)
    else
        io.stderr:write(result.message and ("error: %s (%s)\n"):format(result.message, result.code)
                        or tostring(result) .. "\n")
    end
    return is_fine
end

-- Reads statements from standard input, and runs each when its semicolon has come.
function commands.shell(_, db)
    local sqlite = require "cflask.sqlite"
    local is_terminal = core.isatty(0)
    local text, is_fine = "", true
    local function prompt()
        if is_terminal then
            io.stdout:write(text == "" and "sql> " or "...> ")
            io.stdout:flush()
        end
    end
    if is_terminal then
        io.stdout:write(("SQLite %s, %s. Statements end with a semicolon; Ctrl-D ends.\n")
            :format(sqlite.version, db.path))
    end
    prompt()
    for line in io.lines() do
        local statement
        statement, text = split(text .. line .. "\n")
        while statement do
            is_fine = run(db, statement) and is_fine
            statement, text = split(text)
        end
        text = text:find("%S") and text or ""
        prompt()
    end
    if text:find("%S") then
        is_fine = run(db, text) and is_fine
    end
    return is_fine
end

local function command(app, db, word)
    local fn = commands[word or ""]
    if not fn then
        io.stderr:write("cflask-lua: db needs migrate, status or shell, ", USAGE, "\n")
        return 2
    end
    return fn(app, db)
end

-- ## Opening

-- app:database(url, options): opens it at the first call, and gives it at each. Options are
-- sqlite.open's, and migrations="migrations", the folder of `cflask-lua APP db migrate`.
function database.open(app, url, options)
    if url == nil then
        return app._database
            or misuse.fail("app:database() gives what app:database(url) has opened before")
    end
    misuse.check(url, "string", "the URL of app:database")
    local path = path_of(app, url)
    if app._database then
        if app._database.path ~= path then
            misuse.fail("the app has a database already, %s: open others by sqlite.open",
                        app._database.path)
        end
        return app._database
    end
    local own, folder = {}, "migrations"
    for name, value in pairs(options or {}) do
        if name == "migrations" then
            misuse.check(value, "string", "app:database's option migrations")
            folder = value
        else
            own[name] = value
        end
    end
    local db = require("cflask.sqlite").open(path, own, database.is_inspected)
    app._database, app._migrations = db, paths.join(app.root_path, folder)
    db._root, db._migrations = app.root_path, folder
    app:cli("db", function(word) return command(app, db, word) end,
            "migrate, status or shell: the database")
    return db
end

return database
