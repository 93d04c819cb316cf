-- db:migrate(folder): files called 001_name.sql, 002_other.sql, ... applied once each, in the
-- order of their numbers, each in a transaction that also notes it in cflask_migrations.
local core = require "cflask.core"
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"
local security = require "cflask.security"

local migrations = {}

local TABLE = [[CREATE TABLE IF NOT EXISTS cflask_migrations (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL)]]

local function refuse(text, ...)
    local sqlite = require "cflask.sqlite"
    error(sqlite.Error{code = "MIGRATION", message = text:format(...), where = misuse.where()}, 0)
end

-- The files' names by number: 1 to n, none twice, none left out.
local function names_in(folder)
    local by_number, last = {}, 0
    for _, name in ipairs(core.list_dir(folder) or refuse("there is no folder %s", folder)) do
        local number = tonumber(name:match("^(%d+)_[%w_-]+%.sql$"))
        if not number and name:find("%.sql$") then
            refuse("%s/%s is not called as 001_name.sql is", folder, name)
        elseif number and by_number[number] then
            refuse("%s has two files of number %d: %s and %s", folder, number,
                   by_number[number], name)
        elseif number then
            by_number[number] = name
            last = math.max(last, number)
        end
    end
    for number = 1, last do
        if not by_number[number] then
            refuse("%s has no file of number %d, and one of number %d", folder, number, last)
        end
    end
    if by_number[0] then
        refuse("%s/%s: numbers begin with 1", folder, by_number[0])
    end
    return by_number
end

-- What is there: {number=, name=, sql=, checksum=} in order.
local function read(folder)
    local list = {}
    for number, name in ipairs(names_in(folder)) do
        local sql = core.read_file(paths.join(folder, name))
        if not sql then
            refuse("%s/%s can't be read", folder, name)
        end
        list[number] = {number = number, name = name, sql = sql,
                        checksum = security.digest("sha256", sql)}
    end
    return list
end

-- What has been applied, by number.
local function applied(db)
    local by_number = {}
    if db:one("SELECT 1 FROM sqlite_schema WHERE name = 'cflask_migrations'") then
        for _, row in ipairs(db:query("SELECT * FROM cflask_migrations ORDER BY number")) do
            by_number[row.number] = row
        end
    end
    return by_number
end

-- Refuses what was applied and is not there any more as it was.
local function compare(folder, list, done)
    for number, row in pairs(done) do
        local file = list[number]
        if not file then
            refuse("%s has been applied and is not in %s any more", row.name, folder)
        elseif file.name ~= row.name then
            refuse("%s was applied as number %d, and %s/%s has that number now", row.name,
                   number, folder, file.name)
        elseif file.checksum ~= row.checksum then
            refuse("%s/%s has changed since it was applied on %s: undo that, and write the "
                   .. "change as a new file", folder, file.name, row.applied_at)
        end
    end
end

-- Names the file and its line in an error of its SQL.
local function placed(folder, file, err)
    local sqlite = require "cflask.sqlite"
    if errors.is(err, sqlite.Error) then
        err.where = ("%s/%s:%d"):format(folder, file.name, err.line or 1)
    end
    return err
end

local function check_keys(db, file, folder)
    local row = db:one("PRAGMA foreign_key_check")
    if row then
        refuse("%s/%s leaves a row in %s (rowid %s) whose foreign key to %s has no row", folder,
               file.name, row.table, tostring(row.rowid), row.parent)
    end
end

-- Applies one file, unless another worker has meanwhile. Whether it did.
local function apply_one(db, folder, list, file)
    return db:_transaction(true, function()
        db:exec(TABLE)
        local done = applied(db)
        compare(folder, list, done)
        if done[file.number] then
            return false
        end
        local is_fine, err = pcall(db.exec, db, file.sql)
        if not is_fine then
            error(placed(folder, file, err), 0)
        end
        check_keys(db, file, folder)
        db:exec([[INSERT INTO cflask_migrations VALUES (?, ?, ?,
            strftime('%Y-%m-%d %H:%M:%S', 'now'))]], file.number, file.name, file.checksum)
        return true
    end)
end

-- Applies what has not been applied; returns the names of those files. Raises sqlite.Error,
-- its code MIGRATION where a file is refused; then those before it have been applied.
function migrations.apply(db, folder)
    misuse.check(folder, "string", "the folder of db:migrate")
    if db:in_transaction() then
        misuse.fail("db:migrate can't be called in a transaction")
    end
    folder = folder:gsub("(.)/+$", "%1")
    local list, names = read(folder), core.json.array{}
    local done = applied(db)
    compare(folder, list, done)
    for number, file in ipairs(list) do
        if not done[number] and apply_one(db, folder, list, file) then
            table.insert(names, file.name)
        end
    end
    return names
end

-- What is in the folder: a list of {number=, name=, applied_at=, is_changed=}; applied_at is
-- nil for what has not been applied.
function migrations.status(db, folder)
    misuse.check(folder, "string", "the folder of db:migrations")
    local done, list = applied(db), core.json.array{}
    for number, file in ipairs(read((folder:gsub("(.)/+$", "%1")))) do
        local row = done[number]
        list[number] = {
            number = number, name = file.name, applied_at = row and row.applied_at,
            is_changed = row ~= nil and (row.checksum ~= file.checksum or row.name ~= file.name),
        }
    end
    return list
end

return migrations
