-- cflask.sqlite: databases of SQLite's. What runs in the database is C (server/modules); here
-- are errors with the caller's place, transactions, and waits for a connection.
local errors = require "cflask.errors"
local flask_core = require "cflask.core"
local inner_frames = require "cflask.inner_frames"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"

local has_core, core = pcall(require, "cflask.sqlite_core")
if not has_core then
    error("this cflask-lua was built without SQLite (make SQLITE=no)", 0)
end

local sqlite = {version = core.version, blob = core.blob}

local Database = {}
Database.__index = Database

-- ## Errors

-- sqlite.Error {code = "SQLITE_CONSTRAINT_UNIQUE", message=, sql=, where = "app.lua:12"}
sqlite.Error = errors.Class("sqlite.Error")

-- The beginning of a long statement.
local function shorten(sql)
    sql = tostring(sql):gsub("%s+", " ")
    return #sql > 200 and sql:sub(1, 197) .. "..." or sql
end

errors.meta_of(sqlite.Error).__tostring = function(err)
    local text = tostring(err.message)
    if err.where then
        text = err.where .. ": " .. text
    end
    if err.code then
        text = text .. " (" .. err.code .. ")"
    end
    return "sqlite.Error: " .. text .. (err.sql and " in: " .. shorten(err.sql) or "")
end

-- The nearest line of the app's; of a tail call the view.
local function place()
    local where = misuse.where()
    if not where and flask_core.has_request_context() and flask_core.request.url_rule then
        where = "the view of " .. flask_core.request.url_rule
    end
    return where
end

-- Raises. `from` and `to` are the statement's place in a text of several.
local function fail(sql, code, message, from, to)
    local err = {code = code, message = message, sql = sql, where = place()}
    if to and type(sql) == "string" then
        err.sql = sql:sub(from, to)
        err.line = select(2, sql:sub(1, from - 1):gsub("\n", "")) + 1
    end
    error(sqlite.Error(err), 0)
end

-- ## Opening

local DEFAULTS = {
    readonly = false, synchronous = "NORMAL", timeout = 5, readers = 8, waiting = 100,
    statements = 100, pragmas = {},
}
local LIMITS = {
    timeout = {0, 3600}, readers = {1, 64}, waiting = {0, 100000}, statements = {1, 10000},
}
local SYNCHRONOUS = {OFF = true, NORMAL = true, FULL = true, EXTRA = true}

local function check_options(options)
    local all = {}
    for name, value in pairs(options or {}) do
        local default = DEFAULTS[name]
        if default == nil then
            local near = misuse.nearest(tostring(name), DEFAULTS)
            misuse.fail("sqlite.open has no option %s%s", tostring(name),
                        near and "; did you mean " .. near .. "?" or "")
        elseif type(value) ~= type(default) then
            misuse.fail("sqlite.open's option %s must be a %s, not %s", name, type(default),
                        misuse.show(value))
        end
        local limits = LIMITS[name]
        if limits and not (value >= limits[1] and value <= limits[2]) then
            misuse.fail("sqlite.open's option %s must be from %d to %d, not %s", name, limits[1],
                        limits[2], misuse.show(value))
        end
        all[name] = value
    end
    for name, value in pairs(DEFAULTS) do
        if all[name] == nil then
            all[name] = value
        end
    end
    return all
end

-- The SQL that sets them, in sorted order.
local function pragma_text(options)
    if not SYNCHRONOUS[options.synchronous] then
        misuse.fail("sqlite.open's option synchronous must be OFF, NORMAL, FULL or EXTRA, not %s",
                    misuse.show(options.synchronous))
    end
    local lines = {}
    for name, value in pairs(options.pragmas) do
        if type(name) ~= "string" or not name:find("^[%a_]+$")
            or not tostring(value):find("^[%w_.-]+$") then
            misuse.fail("sqlite.open's pragmas are names with numbers or words, not %s = %s",
                        misuse.show(name), misuse.show(value))
        end
        table.insert(lines, ("PRAGMA %s = %s;"):format(name, tostring(value)))
    end
    table.sort(lines)
    table.insert(lines, 1, ("PRAGMA synchronous = %s;"):format(options.synchronous))
    return table.concat(lines, "\n")
end

local function open_handle(path, options)
    local handle, code, message = core.open(path, {
        readonly = options.readonly, pragmas = pragma_text(options), timeout = options.timeout,
        readers = options.readers, waiting = options.waiting, statements = options.statements,
        list = flask_core.json.array{},
    })
    if not handle then
        fail(nil, code, message .. ": " .. path)
    end
    return handle
end

-- A database that is opened by its first use, and is a Database from then on.
local Unopened = {}

function Unopened.__index(db, key)
    db._handle = open_handle(db.path, db._options)
    db._options = nil
    return setmetatable(db, Database)[key]
end

-- Whether opening the file would make it, as far as one can see before.
local function is_to_be_made(path)
    return path ~= ":memory:" and not flask_core.is_file(path)
        and flask_core.is_dir(paths.folder(path))
end

-- sqlite.open(path, {readonly=, synchronous=, timeout=, readers=, waiting=, statements=,
-- pragmas=}): the database in that file, made when it is not there; ":memory:" is one in
-- memory. Raises sqlite.Error. `makes_late`, ours: a file that is not there is made by the
-- first use.
function sqlite.open(path, options, makes_late)
    misuse.check(path, "string", "the path of sqlite.open")
    if options ~= nil then
        misuse.check(options, "table", "the options of sqlite.open")
    end
    if path:find("%z") then
        misuse.fail("the path of sqlite.open has a NUL in it")
    end
    options = check_options(options)
    local db = {
        path = path, _timeout = options.timeout,
        _last = setmetatable({}, {__mode = "k"}), -- by coroutine: {changes, id}
    }
    if makes_late and not options.readonly and is_to_be_made(path) then
        pragma_text(options) -- its errors
        db._options = options
        return setmetatable(db, Unopened)
    end
    db._handle = open_handle(path, options)
    return setmetatable(db, Database)
end

function Database:__tostring()
    return "database " .. self.path
end

Unopened.__tostring = Database.__tostring

-- db:close(): ends all connections; what runs is waited for. Later use is an error.
function Database:close()
    if not core.close(self._handle) then
        misuse.fail("db:close was called in a transaction of its own")
    end
end

-- ## Statements

local WAITED = {
    [0] = "all connections that read are in use, by rows that are gone through for one",
    [1] = "another task has the connection that writes",
    [2] = "other slow queries have the threads",
}
local TRIES = 3 -- a task that was woken has its turn; only a stuck one loses it
local PATIENCE = 0.25 -- seconds, before connections are looked for that nobody holds any more

-- An app's iterators and coroutines that were left unfinished keep a connection until they
-- are collected. At most once a second, as it takes its time.
local function collect(self)
    local now = os.time()
    if self._collected ~= now then
        self._collected = now
        collectgarbage()
    end
end

-- Waits for a connection. true, or false when it has taken too long; or nil and a text.
local function wait(self, what)
    local first = math.min(PATIENCE, self._timeout)
    local is_turn, text = core.wait(self._handle, what, first)
    if is_turn ~= false then
        return is_turn, text
    end
    collect(self)
    return core.wait(self._handle, what, self._timeout - first, true)
end

-- Waits for a connection and calls the primitive again. Gives what it gives.
local function retry(self, primitive, target, what, sql, ...)
    for _ = 1, TRIES do
        local is_turn, text = wait(self, what)
        if is_turn == nil then
            return false, "SQLITE_BUSY", text
        elseif not is_turn then
            break
        end
        local a, b, c, d, e = primitive(target, sql, ...)
        if a ~= false or b ~= nil then
            return a, b, c, d, e
        end
        what = c
    end
    return false, "SQLITE_BUSY", ("waited for %g s: %s"):format(self._timeout, WAITED[what])
end

-- db:query(sql, params): the rows, as a list of tables, column name to value.
function Database:query(sql, ...)
    local rows, code, text, from, to = core.query(self._handle, sql, ...)
    if not rows and code == nil then
        rows, code, text, from, to = retry(self, core.query, self._handle, text, sql, ...)
    end
    if not rows then
        fail(sql, code, text, from, to)
    end
    return rows
end

-- db:one(sql, params): the first row, or nil.
function Database:one(sql, ...)
    local row, code, text, from, to = core.one(self._handle, sql, ...)
    if row == false and code == nil then
        row, code, text, from, to = retry(self, core.one, self._handle, text, sql, ...)
    end
    if row == false then
        fail(sql, code, text, from, to)
    end
    return row
end

-- db:exec(sql, params): how many rows were changed, and the id of the last one inserted.
-- Several statements, without params, are done all or none.
function Database:exec(sql, ...)
    local changes, id, text, from, to = core.exec(self._handle, sql, ...)
    if not changes and id == nil then
        changes, id, text, from, to = retry(self, core.exec, self._handle, text, sql, ...)
    end
    if not changes then
        fail(sql, id, text, from, to)
    end
    self._last[coroutine.running() or self] = {changes, id}
    return changes, id
end

-- The two results of the last db:exec of the running coroutine.
function Database:last_insert_id()
    local last = self._last[coroutine.running() or self]
    return last and last[2]
end

function Database:changes()
    local last = self._last[coroutine.running() or self]
    return last and last[1] or 0
end

-- db:rows(sql, params): for row in db:rows(...) do ... end; may be left early.
function Database:rows(sql, ...)
    local batch, cursor, text, from, to = core.rows(self._handle, sql, ...)
    if not batch and cursor == nil then
        batch, cursor, text, from, to = retry(self, core.rows, self._handle, text, sql, ...)
    end
    if not batch then
        fail(sql, cursor, text, from, to)
    end
    local at, is_more = 0, cursor ~= nil
    local function next_row()
        at = at + 1
        local row = batch[at]
        if row ~= nil or not is_more then
            return row
        end
        local code
        batch, code, text = core.more(cursor)
        if not batch then
            batch, is_more = {}, false
            fail(sql, code, text)
        end
        at, is_more = 1, code
        return batch[1]
    end
    return next_row, nil, nil, cursor -- Lua 5.4 closes it when the loop is left
end

-- ## Transactions

local function begin(self, guard, has_no_keys)
    local is_fine, code, text = core.begin(guard, has_no_keys)
    if not is_fine and code == nil then
        is_fine, code, text = retry(self, core.begin, guard, text, has_no_keys)
    end
    if not is_fine then
        fail("BEGIN", code, text)
    end
end

-- Commits or rolls back: what the function gave, or its error.
local function finish(self, guard, is_fine, ...)
    local is_done, code, text = core.finish(guard, is_fine)
    if not is_fine then
        error((...), 0)
    elseif not is_done then
        core.finish(guard, false)
        fail("COMMIT", code, text)
    end
    return ...
end

local function control(self, sql)
    local is_fine, code, text = core.control(self._handle, sql)
    if not is_fine then
        fail(sql, code, text)
    end
end

local function finish_nested(self, is_fine, ...)
    if is_fine then
        control(self, "RELEASE nested")
        return ...
    end
    core.control(self._handle, "ROLLBACK TO nested")
    core.control(self._handle, "RELEASE nested")
    error((...), 0)
end

local function once(_, was)
    return not was or nil
end

-- Calls fn in a transaction: fn's error rolls back and goes on, as its task's end does.
-- `has_no_keys`: without foreign keys, for migrations.
function Database:_transaction(has_no_keys, fn)
    if core.is_mine(self._handle) then
        control(self, "SAVEPOINT nested")
        return finish_nested(self, inner_frames.pcall(fn, self))
    end
    local guard, results, count = core.guard(self._handle)
    local function keep(...)
        results, count = {...}, select("#", ...)
    end
    for _ in once, nil, nil, guard do -- Lua 5.4 closes the guard, however this ends
        begin(self, guard, has_no_keys)
        keep(finish(self, guard, inner_frames.pcall(fn, self)))
    end
    return (table.unpack or unpack)(results, 1, count)
end

-- db:transaction(fn): calls fn(db), commits and returns what it gave; an error rolls back
-- and is raised on. One within another is a savepoint.
function Database:transaction(fn)
    misuse.check(fn, "function", "the argument of db:transaction")
    return self:_transaction(false, fn)
end

-- db:in_transaction(): whether the caller is in one.
function Database:in_transaction()
    return core.is_mine(self._handle)
end

-- ## Migrations

-- The folder of migrations: an app's database finds it beside the app.
local function migrations_folder(db, folder)
    if folder == nil then
        folder = db._migrations
    end
    return db._root and type(folder) == "string" and paths.join(db._root, folder) or folder
end

-- db:migrate(folder): applies the files of that folder that have not been; see
-- sqlite_migrations.lua. Returns the names of those that were.
function Database:migrate(folder)
    return require("cflask.sqlite_migrations").apply(self, migrations_folder(self, folder))
end

-- db:migrations(folder): what is in that folder, and when it was applied.
function Database:migrations(folder)
    return require("cflask.sqlite_migrations").status(self, migrations_folder(self, folder))
end

-- Whether the text ends with a whole statement, and not inside of one.
sqlite.is_complete = core.is_complete

return sqlite
