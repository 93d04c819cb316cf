local flask = require "cflask"
local sqlite = require "cflask.sqlite"

local COUNT = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) "
local SLOW = COUNT:format(300000) .. "SELECT sum(n) AS n FROM c" -- about 50 ms

-- LuaJIT closes nothing when a loop is left or a task ended: the garbage collector does.
local with_close = rawget(_G, "jit") and pending or it

local function new_path()
    local path = os.tmpname()
    os.remove(path)
    return path
end

-- The paths of a test's databases are removed behind it.
local paths = {}

local function new_db(options)
    local path = new_path()
    table.insert(paths, path)
    local db = sqlite.open(path, options)
    db:exec "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT UNIQUE)"
    return db, path
end

local function clean()
    collectgarbage()
    for _, path in ipairs(paths) do
        for _, tail in ipairs{"", "-wal", "-shm"} do
            os.remove(path .. tail)
        end
    end
    paths = {}
end

-- What fn raises, a sqlite.Error.
local function error_of(fn, ...)
    local is_fine, err = pcall(fn, ...)
    assert.is_false(is_fine)
    assert.is_true(flask.is(err, sqlite.Error), tostring(err))
    assert.truthy(tostring(err.where):find("sqlite_spec.lua:%d+"), tostring(err.where))
    return err
end

-- Calls fn in a request's task, and returns what it gives.
local function in_request(fn)
    local app = flask.Flask("x", {root_path = "."})
    app.config.TESTING = true
    local result
    app:get("/", function()
        result = fn()
        return "done"
    end)
    app:test_client():get("/")
    return result
end

-- Waits, in a request, until ask() is true.
local function await(ask)
    for _ = 1, 10000 do
        if ask() then return end
        flask.sleep(0.001)
    end
    error("it never comes")
end

local function ids(db)
    local list = {}
    for i, row in ipairs(db:query("SELECT id FROM t ORDER BY id")) do
        list[i] = row.id
    end
    return table.concat(list, " ")
end

describe("A query", function()
    after_each(clean)

    it("gives rows as a marked list, one row, or nil", function()
        local db = new_db()
        assert.equal("[]", flask.json.encode(db:query("SELECT * FROM t")))
        local wide = {}
        for i = 1, 500 do
            wide[i] = "1 AS c" .. i
        end
        db:query("SELECT " .. table.concat(wide, ", "))
        assert.same({}, db:query("SELECT id FROM t")) -- in the memory of the wide one
        db:exec("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')")
        assert.same({{id = 1, a = 1, b = "x"}, {id = 2, a = 2, b = "y"}},
                    db:query("SELECT * FROM t ORDER BY id"))
        assert.same({id = 2, a = 2, b = "y"}, db:one("SELECT * FROM t WHERE id = ?", 2))
        assert.is_nil(db:one("SELECT * FROM t WHERE id = ?", {3}))
    end)

    it("gives no rows behind a result with more columns", function()
        local db, columns = new_db(), {}
        for i = 1, 1000 do
            columns[i] = i .. " AS c" .. i
        end
        db:query("SELECT " .. table.concat(columns, ", "))
        assert.same({}, db:query("SELECT 1 AS a WHERE 0"))
        for _ in db:rows("SELECT 1 AS a WHERE 0") do
            error("a row")
        end
    end)

    it("keeps integers, floats, text, blobs and NULL exact", function()
        local db = new_db()
        local all = {}
        for i = 0, 255 do
            all[i + 1] = string.char(i)
        end
        local bytes = table.concat(all)
        local values = {
            9007199254740993, -1, 0, 0.1, 1e300, -2.5, "", "grüße 🦊", ("x"):rep(100000),
            math.maxinteger or 1, math.mininteger or 1, flask.null,
        }
        for _, value in ipairs(values) do
            local row = db:one("SELECT ? AS v, typeof(?1) AS t", {value})
            assert.equal(value, row.v)
            assert.equal(math.type and math.type(value), math.type and math.type(row.v))
        end
        assert.same({v = bytes, t = "blob"},
                    db:one("SELECT ?1 AS v, typeof(?1) AS t", sqlite.blob(bytes)))
        assert.same({v = "", t = "blob"},
                    db:one("SELECT ?1 AS v, typeof(?1) AS t", {sqlite.blob("")}))
        assert.equal(1, db:one("SELECT ? AS v", true).v)
        assert.equal(0, db:one("SELECT ? AS v", false).v)
        assert.equal(flask.null, db:one("SELECT ? AS v", nil).v)
        assert.equal(math.huge, db:one("SELECT ? AS v", math.huge).v)
    end)

    it("takes positional and named parameters", function()
        local db = new_db()
        assert.same({x = 1, y = "b"}, db:one("SELECT ? AS x, ? AS y", {1, "b"}))
        assert.same({x = 1, y = "b"}, db:one("SELECT ? AS x, ? AS y", 1, "b"))
        assert.same({x = 1, y = flask.null}, db:one("SELECT ? AS x, ? AS y", 1, nil))
        assert.same({x = 1, y = "b"}, db:one("SELECT ?2 AS x, ?1 AS y", {"b", 1}))
        assert.same({x = 1, y = 2, z = 3},
                    db:one("SELECT :a AS x, @b AS y, $c AS z", {a = 1, b = 2, c = 3}))
        assert.same({x = 1, y = 1}, db:one("SELECT :a AS x, :a AS y", {a = 1}))
        assert.equal(1, #db:query("SELECT 1", {}))
        assert.equal(1, #db:query("SELECT 1", nil))
        local evil = "'; DROP TABLE t; --"
        assert.equal(evil, db:one("SELECT ? AS v", evil).v)
        assert.equal("", ids(db))
    end)

    it("refuses parameters that are too many, too few, unknown or of a wrong type", function()
        local db = new_db()
        for _, case in ipairs{
            {"SQLITE_RANGE", "2 is missing", "SELECT ?, ?", {1}},
            {"SQLITE_RANGE", "1 is missing", "SELECT ?", {}},
            {"SQLITE_RANGE", "too many", "SELECT ?", {1, 2}},
            {"SQLITE_RANGE", "too many", "SELECT ?", 1, 2},
            {"SQLITE_RANGE", "too few", "SELECT ?"},
            {"SQLITE_RANGE", "too many", "SELECT 1", 1},
            {"SQLITE_RANGE", "too many", "SELECT 1", {1}},
            {"SQLITE_RANGE", ":a is missing", "SELECT :a", {}},
            {"SQLITE_RANGE", "no parameter called b", "SELECT :a", {a = 1, b = 2}},
            {"SQLITE_RANGE", "no parameter called a", "SELECT ?", {1, a = 1}},
            {"SQLITE_RANGE", "has a name", "SELECT :a", 1},
            {"SQLITE_RANGE", "one table", "SELECT ?, ?", {1}, 2},
            {"SQLITE_MISMATCH", "function", "SELECT ?", print},
            {"SQLITE_MISMATCH", "table", "SELECT ?", {{}}},
            {"SQLITE_MISMATCH", "sqlite.blob", "SELECT ?", "a\0b"},
            {"SQLITE_MISMATCH", "sqlite.blob", "SELECT ?", "\237\160\128"},
            {"SQLITE_MISMATCH", "sqlite.blob", "SELECT ?", "\192\175"},
            {"SQLITE_MISMATCH", "NaN", "SELECT ?", {0 / 0}},
        } do
            for _, name in ipairs{"query", "one", "exec", "rows"} do
                local err = error_of(db[name], db, (table.unpack or unpack)(case, 3))
                assert.equal(case[1], err.code)
                assert.truthy(err.message:find(case[2], 1, true), err.message)
                assert.equal(case[3], err.sql)
            end
        end
        assert.same({{n = 1}}, db:query("SELECT 1 AS n")) -- nothing is stuck
    end)

    it("names the statement, SQLite's code and the place in its errors", function()
        local db = new_db()
        local err = error_of(db.query, db, "SELECT * FROM nowhere")
        assert.equal("SQLITE_ERROR", err.code)
        assert.equal("no such table: nowhere", err.message)
        assert.equal("SELECT * FROM nowhere", err.sql)
        local text = tostring(err)
        assert.truthy(text:find("sqlite_spec.lua:%d+: no such table: nowhere %(SQLITE_ERROR%) in: "
                                .. "SELECT %* FROM nowhere"), text)
        db:exec("INSERT INTO t (b) VALUES ('x')")
        err = error_of(db.exec, db, "INSERT INTO t (b) VALUES (?)", "x")
        assert.equal("SQLITE_CONSTRAINT_UNIQUE", err.code)
        assert.is_true(flask.is(err, flask.Error))
        assert.equal("SQLITE_ERROR", error_of(db.query, db, "SELECT 1; SELECT 2").code)
        assert.equal("SQLITE_ERROR", error_of(db.query, db, " -- nothing").code)
        assert.equal("SQLITE_MISUSE", error_of(db.query, db, 3).code)
        assert.equal("SQLITE_MISUSE", error_of(db.query, "SELECT 1").code)
        assert.equal(1, #db:query("SELECT 1; -- and no more\n /* */ ;"))
    end)

    it("sees what another column, or another table, the schema has now", function()
        local db = new_db()
        db:exec("INSERT INTO t (a) VALUES (1)")
        assert.same({id = 1, a = 1, b = flask.null}, db:one("SELECT * FROM t"))
        db:exec("ALTER TABLE t ADD COLUMN c DEFAULT 7")
        assert.same({id = 1, a = 1, b = flask.null, c = 7}, db:one("SELECT * FROM t"))
        db:exec("ALTER TABLE t RENAME COLUMN c TO d")
        assert.equal(7, db:one("SELECT * FROM t").d)
    end)

    it("keeps no more statements than it may", function()
        local db = new_db{statements = 3}
        for round = 1, 2 do
            for i = 1, 20 do
                assert.equal(i + round, db:one("SELECT ? + " .. i .. " AS n", round).n)
            end
        end
    end)

    it("works the same in a request, quick or slow, and from another database", function()
        local db = new_db()
        db:exec("INSERT INTO t (a) VALUES (1), (2)")
        assert.same({2, 45000150000, 45000150000}, in_request(function()
            return {#db:query("SELECT * FROM t"), db:one(SLOW).n, db:query(SLOW)[1].n}
        end))
        for _ = 1, 20 do
            assert.equal(45000150000, in_request(function() return db:one(SLOW).n end))
        end
    end)

    it("sees what its task, or one that it waited for, has written", function()
        local db, path = new_db()
        local other = sqlite.open(path)
        in_request(function()
            local function count() return db:one("SELECT count(*) AS n FROM t").n end
            for i = 1, 5 do
                assert.same({i * 3 - 3, i * 3 - 3, i * 3 - 3}, {count(), count(), count()})
                db:exec("INSERT INTO t (a) VALUES (1)")
                assert.same({i * 3 - 2, i * 3 - 2}, {count(), count()})
                flask.gather{function() db:exec("INSERT INTO t (a) VALUES (1)") end}
                assert.same({i * 3 - 1, i * 3 - 1}, {count(), count()})
                other:exec("INSERT INTO t (a) VALUES (1)")
            end
            db:exec("CREATE TABLE u AS SELECT 7 AS x")
            assert.equal(7, db:one("SELECT x FROM u").x)
            assert.equal(7, db:one("SELECT x FROM u").x)
            db:exec("DROP TABLE u")
            error_of(db.one, db, "SELECT x FROM u")
        end)
    end)

    it("that writes and returns rows is done by the writer", function()
        local db = new_db()
        local function insert()
            return db:query("INSERT INTO t (a) VALUES (5), (6) RETURNING id, a")
        end
        assert.same({{id = 1, a = 5}, {id = 2, a = 6}}, insert())
        assert.same({{id = 3, a = 5}, {id = 4, a = 6}}, in_request(insert))
        assert.equal(5, db:one("INSERT INTO t (a) VALUES (7), (8) RETURNING id").id)
        assert.equal("1 2 3 4 5 6", ids(db))
        local n = 0
        for row in db:rows("DELETE FROM t RETURNING id") do
            n = n + row.id
        end
        assert.equal(21, n)
    end)
end)

describe("db:exec", function()
    after_each(clean)

    it("gives the changes and the last id, and remembers them for its caller", function()
        local db = new_db()
        local changes, id = db:exec("INSERT INTO t (a) VALUES (1), (2), (3)")
        assert.same({3, 3}, {changes, id})
        assert.equal(2, (db:exec("UPDATE t SET a = 0 WHERE id > 1")))
        assert.equal(2, db:changes())
        assert.equal(3, db:last_insert_id())
        assert.equal(0, (db:exec("CREATE TABLE u (x)")))
        assert.equal(0, db:changes())
        assert.equal(4, in_request(function()
            db:exec("INSERT INTO t (a) VALUES (1)")
            flask.sleep(0)
            return db:last_insert_id()
        end))
    end)

    it("does several statements all or none", function()
        local db = new_db()
        assert.equal(2, (db:exec("INSERT INTO t (id) VALUES (1);\nINSERT INTO t (id) VALUES (2);")))
        local err = error_of(db.exec, db, "INSERT INTO t (id) VALUES (3);\n\n"
            .. "INSERT INTO t (id) VALUES (1); SELECT 1")
        assert.equal("INSERT INTO t (id) VALUES (1);", err.sql)
        assert.equal(3, err.line)
        assert.equal("1 2", ids(db))
        err = error_of(db.exec, db, "SELECT 1; SELEC 2; SELECT 3")
        assert.equal("SELEC 2;", err.sql)
        assert.equal("SQLITE_RANGE", error_of(db.exec, db, "SELECT 1; SELECT ?").code)
        assert.equal("SQLITE_ERROR", error_of(db.exec, db, "SELECT ?; SELECT ?", 1, 2).code)
        db:transaction(function()
            db:exec("INSERT INTO t (id) VALUES (5)")
            error_of(db.exec, db, "INSERT INTO t (id) VALUES (6); INSERT INTO t (id) VALUES (1)")
        end)
        assert.equal("1 2 5", ids(db))
    end)

    it("leaves transactions, settings and other files to their functions", function()
        local db = new_db()
        for _, sql in ipairs{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ATTACH 'x' AS y",
                             "PRAGMA foreign_keys = OFF", "SELECT 1; BEGIN"} do
            assert.equal("SQLITE_AUTH", error_of(db.exec, db, sql).code, sql)
        end
        assert.equal("SQLITE_AUTH", error_of(db.query, db, "BEGIN").code)
        assert.equal("id", db:query("PRAGMA table_info(t)")[1].name)
        db:exec("PRAGMA user_version = 7")
        assert.equal(7, db:one("PRAGMA user_version").user_version)
        db:exec("VACUUM")
        assert.equal(1, db:one("PRAGMA foreign_keys").foreign_keys)
    end)

    it("enforces foreign keys, and waits in WAL mode with the settings that were asked for", function()
        local db = new_db{synchronous = "FULL", pragmas = {cache_size = -500}}
        db:exec("CREATE TABLE child (t REFERENCES t)")
        assert.equal("SQLITE_CONSTRAINT_FOREIGNKEY",
                     error_of(db.exec, db, "INSERT INTO child VALUES (9)").code)
        assert.equal("wal", db:one("PRAGMA journal_mode").journal_mode)
        assert.equal(2, db:one("PRAGMA synchronous").synchronous)
        assert.equal(-500, db:one("PRAGMA cache_size").cache_size)
        assert.equal(1, new_db():one("PRAGMA synchronous").synchronous)
    end)

    it("can't wait in a callback of C's, and says so", function()
        local db = new_db()
        local outcome = in_request(function()
            return {pcall(string.gsub, "x", "x", function() db:exec("DELETE FROM t") end)}
        end)
        assert.is_false(outcome[1])
        local message = tostring(outcome[2])
        assert.truthy(message:find("gsub", 1, true), message)
        assert.equal(0, in_request(function()
            local n
            string.gsub("x", "x", function() n = db:one("SELECT count(*) AS n FROM t").n end)
            return n
        end))
    end)
end)

describe("db:rows", function()
    after_each(clean)

    it("goes through all rows, few and many", function()
        local db = new_db()
        local function sum(count)
            local n = 0
            for row in db:rows(COUNT:format(count) .. "SELECT n FROM c") do
                n = n + row.n
            end
            return n
        end
        for _, count in ipairs{1, 99, 100, 101, 1000} do
            assert.equal(count * (count + 1) / 2, sum(count))
            assert.equal(count * (count + 1) / 2, in_request(function() return sum(count) end))
        end
        for _ in db:rows("SELECT 1 WHERE 0") do
            error("there is a row")
        end
    end)

    with_close("may be left early, and nested, and written beside", function()
        local db = new_db()
        in_request(function()
            for _ = 1, 50 do
                for row in db:rows(COUNT:format(1000) .. "SELECT n FROM c") do
                    if row.n == 150 then
                        break
                    end
                end
            end
            local n = 0
            for row in db:rows(COUNT:format(300) .. "SELECT n FROM c") do
                for other in db:rows(COUNT:format(300) .. "SELECT n FROM c") do
                    n = n + 1
                    if other.n == 200 then
                        break
                    end
                end
                if row.n % 100 == 0 then
                    db:exec("INSERT INTO t (a) VALUES (?)", row.n)
                end
            end
            assert.equal(60000, n)
        end)
        assert.equal("1 2 3", ids(db))
    end)

    it("sees in a transaction what it has written, and ends with it", function()
        local db = new_db()
        local left
        db:transaction(function()
            db:exec("INSERT INTO t (a) VALUES (1)")
            local n = 0
            for row in db:rows(COUNT:format(300) .. "SELECT n FROM c, t") do
                n = n + 1
                if n == 5 then
                    db:exec("INSERT INTO t (a) VALUES (?)", row.n)
                end
            end
            assert.is_true(n >= 300)
            left = db:rows(COUNT:format(300) .. "SELECT n FROM c")
            left()
        end)
        local err = error_of(function()
            for _ in left do -- luacheck: ignore
            end
        end)
        assert.equal("SQLITE_ABORT", err.code)
        assert.equal("1 2", ids(db))
    end)
end)

describe("A transaction", function()
    after_each(clean)

    it("commits, and gives what its function gives", function()
        local db = new_db()
        local a, b, c = db:transaction(function(it)
            assert.equal(db, it)
            assert.is_true(db:in_transaction())
            db:exec("INSERT INTO t (a) VALUES (1)")
            assert.equal(1, #db:query("SELECT * FROM t"))
            return 1, nil, 3
        end)
        assert.same({1, nil, 3}, {a, b, c})
        assert.is_false(db:in_transaction())
        assert.equal("1", ids(db))
    end)

    it("rolls back when its function fails, and raises the same on", function()
        local db = new_db()
        local mine = {}
        for _, run in ipairs{function(fn) return fn() end, in_request} do
            local raised = run(function()
                local is_fine, err = pcall(db.transaction, db, function()
                    db:exec("INSERT INTO t (a) VALUES (1)")
                    db:one(SLOW)
                    error(mine)
                end)
                return not is_fine and err
            end)
            assert.equal(mine, raised)
            assert.equal("", ids(db))
        end
    end)

    it("nests by savepoints", function()
        local db = new_db()
        db:transaction(function()
            db:exec("INSERT INTO t (a) VALUES (1)")
            assert.is_false(pcall(db.transaction, db, function()
                db:exec("INSERT INTO t (a) VALUES (2)")
                db:transaction(function() db:exec("INSERT INTO t (a) VALUES (3)") end)
                error("no")
            end))
            assert.equal(7, db:transaction(function()
                db:exec("INSERT INTO t (id) VALUES (9)")
                return 7
            end))
        end)
        assert.equal("1 9", ids(db))
    end)

    it("goes on after a statement's error that was caught", function()
        local db = new_db()
        db:transaction(function()
            db:exec("INSERT INTO t (b) VALUES ('x')")
            error_of(db.exec, db, "INSERT INTO t (b) VALUES ('x')")
            db:exec("INSERT INTO t (b) VALUES ('y')")
        end)
        assert.equal(2, #db:query("SELECT * FROM t"))
    end)

    it("does nothing more after an error that has rolled it back", function()
        local db = new_db()
        db:exec("INSERT INTO t (id, b) VALUES (1, 'x')")
        local err = error_of(db.transaction, db, function()
            db:exec("INSERT INTO t (id) VALUES (2)")
            error_of(db.exec, db, "INSERT OR ROLLBACK INTO t (b) VALUES ('x')")
            local inner = error_of(db.exec, db, "INSERT INTO t (id) VALUES (3)")
            assert.equal("SQLITE_ABORT_ROLLBACK", inner.code)
            error_of(db.query, db, "SELECT 1")
            error_of(db.transaction, db, function() end)
        end)
        assert.equal("SQLITE_ABORT_ROLLBACK", err.code)
        assert.equal("1", ids(db))
        db:exec("INSERT INTO t (id) VALUES (4)")
        assert.equal("1 4", ids(db))
    end)

    it("that can't be committed is rolled back", function()
        local db = new_db()
        db:exec("CREATE TABLE child (t REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
        local err = error_of(db.transaction, db, function()
            db:exec("INSERT INTO child VALUES (9)")
        end)
        assert.equal("SQLITE_CONSTRAINT_FOREIGNKEY", err.code)
        assert.equal(0, db:one("SELECT count(*) AS n FROM child").n)
        db:exec("INSERT INTO t (id) VALUES (9)")
    end)

    with_close("is rolled back when its task is ended, waiting for whatever", function()
        local db = new_db()
        for _, wait in ipairs{
            function() flask.sleep(60) end,
            function() db:one(COUNT:format(1e9) .. "SELECT sum(n) FROM c") end,
            function() db:exec("INSERT INTO t (a) " .. COUNT:format(1e9) .. "SELECT n FROM c") end,
            function() for _ in db:rows("SELECT 1") do flask.sleep(60) end end,
        } do
            in_request(function()
                local is_fine, err = pcall(flask.timeout, 0.02, function()
                    db:transaction(function()
                        db:exec("INSERT INTO t (a) VALUES (1)")
                        wait()
                    end)
                end)
                assert.is_false(is_fine)
                assert.is_true(flask.is(err, flask.Timeout), tostring(err))
                db:exec("INSERT INTO t (a) VALUES (2)")
                db:exec("DELETE FROM t WHERE a = 2")
            end)
            assert.equal("", ids(db))
        end
    end)

    it("has the writes of others wait, and their reads see what was committed", function()
        local db = new_db()
        in_request(function()
            local is_begun, seen
            flask.gather{
                function()
                    db:transaction(function()
                        db:exec("INSERT INTO t (id) VALUES (1)")
                        is_begun = true
                        await(function() return seen end)
                        flask.sleep(0.02)
                        db:exec("INSERT INTO t (id) VALUES (2)")
                    end)
                end,
                function()
                    await(function() return is_begun end)
                    seen = ids(db)
                    db:exec("INSERT INTO t (id) VALUES (3)")
                end,
                function()
                    await(function() return is_begun end)
                    db:transaction(function()
                        assert.truthy(ids(db):find("1 2", 1, true))
                        db:exec("INSERT INTO t (id) VALUES (4)")
                    end)
                end,
            }
            assert.equal("", seen)
        end)
        assert.equal("1 2 3 4", ids(db))
    end)

    it("is an error, not a deadlock, in a task that another's transaction waits for", function()
        local db = new_db()
        for _, fn in ipairs{
            function() db:transaction(function() end) end,
            function() db:exec("DELETE FROM t") end,
            function() db:query("SELECT 1") end,
            function() flask.gather{function() db:exec("DELETE FROM t") end} end,
            function() flask.timeout(5, function() db:exec("DELETE FROM t") end) end,
        } do
            local err = in_request(function()
                return select(2, pcall(db.transaction, db, function() flask.gather{fn} end))
            end)
            assert.equal("SQLITE_MISUSE", err.code)
            assert.truthy(err.message:find("waits for this task", 1, true))
        end
        local err = select(2, pcall(db.transaction, db, function()
            in_request(function() db:exec("DELETE FROM t") end)
        end))
        assert.truthy(tostring(err):find("waits for this task", 1, true))
    end)

    it("lets no more wait than may, and none longer", function()
        local db = new_db{timeout = 0.05, waiting = 2}
        in_request(function()
            local codes = {}
            local function try()
                local _, err = pcall(db.exec, db, "INSERT INTO t (a) VALUES (1)")
                table.insert(codes, err.code .. ": " .. err.message)
            end
            flask.gather{
                function()
                    db:transaction(function() await(function() return #codes == 3 end) end)
                end,
                try, try, try,
            }
            table.sort(codes)
            assert.truthy(codes[1]:find("SQLITE_BUSY: 2 others wait", 1, true))
            assert.truthy(codes[2]:find("SQLITE_BUSY: waited for 0.05 s", 1, true))
            assert.truthy(codes[3]:find("SQLITE_BUSY: waited for 0.05 s", 1, true))
        end)
        db:exec("INSERT INTO t (a) VALUES (1)")
        assert.equal("1", ids(db))
    end)

    it("lets who waits longest write first", function()
        local db, order = new_db(), {}
        local function write(name)
            db:exec("INSERT INTO t (a) VALUES (1)")
            table.insert(order, name)
        end
        in_request(function()
            flask.gather{
                function()
                    db:transaction(function() flask.sleep(0.3) end)
                end,
                function() write "first" end,
                function()
                    flask.sleep(0.2)
                    write "second"
                end,
            }
        end)
        assert.same({"first", "second"}, order)
    end)
end)

describe("a connection that an unfinished iterator has", function()
    after_each(clean)

    it("is had by who waits for it once nobody has the iterator any more", function()
        local db = new_db{readers = 1, timeout = 30}
        local function leave()
            local co = coroutine.create(function()
                for row in db:rows(COUNT:format(3000) .. "SELECT n FROM c") do
                    coroutine.yield(row.n)
                end
            end)
            assert.same({true, 1}, {coroutine.resume(co)})
        end
        assert.equal(7, in_request(function()
            leave()
            return db:one("SELECT 7 AS n").n
        end))
    end)
end)

describe("sqlite.open", function()
    after_each(clean)

    it("keeps a database in memory", function()
        local db = sqlite.open(":memory:")
        db:exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
        in_request(function()
            db:transaction(function() db:exec("INSERT INTO t (a) VALUES (1)") end)
            for _ in db:rows(COUNT:format(300) .. "SELECT n FROM c") do
                db:exec("DELETE FROM t WHERE id > 1")
            end
            flask.gather{function() db:one(SLOW) end, function() db:one(SLOW) end}
        end)
        assert.equal("1", ids(db))
        assert.equal(0, #sqlite.open(":memory:"):query("SELECT * FROM sqlite_schema"))
    end)

    it("opens what can only be read", function()
        local db, path = new_db()
        db:exec("INSERT INTO t (a) VALUES (1)")
        db:close()
        local other = sqlite.open(path, {readonly = true})
        assert.equal("1", ids(other))
        assert.equal("SQLITE_READONLY", error_of(other.exec, other, "DELETE FROM t").code)
        assert.equal("1", other:transaction(function() return ids(other) end))
        local err = error_of(sqlite.open, new_path(), {readonly = true})
        assert.equal("SQLITE_CANTOPEN", err.code)
    end)

    it("is refused with the path where there is no database", function()
        local path = new_path()
        table.insert(paths, path)
        local file = assert(io.open(path, "w"))
        file:write(("no database at all "):rep(100))
        file:close()
        local err = error_of(sqlite.open, path)
        assert.equal("SQLITE_NOTADB", err.code)
        assert.truthy(err.message:find(path, 1, true))
        err = error_of(sqlite.open, "/nowhere/at/all.db")
        assert.equal("SQLITE_CANTOPEN", err.code)
        assert.truthy(err.message:find("its folder is missing", 1, true))
        assert.truthy(error_of(sqlite.open, "/nowhere.db", {readonly = true}).message
                      :find("No such file", 1, true))
    end)

    it("checks its options", function()
        for _, options in ipairs{{readonyl = true}, {timeout = "5"}, {timeout = -1}, {readers = 0},
                                 {synchronous = "OF"}, {pragmas = {["a;b"] = 1}},
                                 {pragmas = {cache_size = "1; DROP"}}, {statements = 0}} do
            local is_fine, message = pcall(sqlite.open, ":memory:", options)
            assert.is_false(is_fine)
            assert.truthy(message:find("sqlite_spec.lua:%d+: sqlite.open"), message)
        end
        assert.is_false((pcall(sqlite.open)))
    end)

    it("is undone by close", function()
        local db, path = new_db()
        db:query("SELECT 1")
        assert.truthy(io.open(path .. "-wal"))
        db:close()
        assert.is_nil((io.open(path .. "-wal")))
        assert.equal("SQLITE_MISUSE", error_of(db.query, db, "SELECT 1").code)
        assert.equal("SQLITE_MISUSE", error_of(db.exec, db, "SELECT 1").code)
        db:close()
    end)
end)

describe("What breaks", function()
    after_each(clean)

    it("is told when another process has the lock", function()
        local db, path = new_db{timeout = 0.05}
        local other = sqlite.open(path)
        other:transaction(function()
            assert.equal("SQLITE_BUSY", error_of(db.exec, db, "DELETE FROM t").code)
            assert.equal(0, in_request(function() return #db:query("SELECT * FROM t") end))
        end)
        db:exec("INSERT INTO t (a) VALUES (1)")
    end)

    it("is told when the disk is full, and nothing is half written", function()
        local db = new_db{pragmas = {max_page_count = 20}}
        local err = error_of(db.transaction, db, function()
            db:exec("INSERT INTO t (a) VALUES ('first')")
            for _ = 1, 100 do
                db:exec("INSERT INTO t (a) VALUES (?)", ("x"):rep(3000))
            end
        end)
        assert.equal("SQLITE_FULL", err.code)
        assert.equal("", ids(db))
        assert.equal("SQLITE_FULL", error_of(db.exec, db, "INSERT INTO t (a) " .. COUNT:format(1000)
            .. "SELECT printf('%2000d', n) FROM c").code)
        db:exec("INSERT INTO t (a) VALUES (1)")
        assert.equal("1", ids(db))
    end)

    it("is told when the file is corrupted", function()
        local db, path = new_db()
        db:exec("INSERT INTO t (a) " .. COUNT:format(1000) .. "SELECT printf('%200d', n) FROM c")
        db:close()
        local file = assert(io.open(path, "r+b"))
        file:seek("set", 8192)
        file:write(("\255"):rep(100000))
        file:close()
        local broken = sqlite.open(path)
        assert.equal("SQLITE_CORRUPT", error_of(broken.query, broken, "SELECT * FROM t").code)
        assert.equal("SQLITE_CORRUPT", error_of(function()
            for _ in broken:rows("SELECT * FROM t") do -- luacheck: ignore
            end
        end).code)
    end)
end)

-- A folder with migrations of these texts by name.
local function folder_of(files)
    local folder = new_path()
    assert(os.execute("mkdir -p " .. folder))
    for name, text in pairs(files) do
        local file = assert(io.open(folder .. "/" .. name, "w"))
        file:write(text)
        file:close()
    end
    return folder
end

describe("Migrations", function()
    after_each(clean)

    it("are applied once, in order, and noted", function()
        local db = new_db()
        local folder = folder_of{
            ["001_users.sql"] = "CREATE TABLE user (id INTEGER PRIMARY KEY);",
            ["002_names.sql"] = "ALTER TABLE user ADD COLUMN name;\nINSERT INTO user VALUES (1, 'ann')",
            ["readme.txt"] = "not one",
        }
        assert.same({"001_users.sql", "002_names.sql"}, db:migrate(folder))
        assert.same({}, db:migrate(folder .. "/"))
        assert.equal("ann", db:one("SELECT name FROM user").name)
        local status = db:migrations(folder)
        assert.truthy(status[2].applied_at:find("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d$"))
        assert.is_false(status[2].is_changed)
        assert.same({}, in_request(function() return db:migrate(folder) end))
        os.execute("rm -r " .. folder)
    end)

    it("stop at the first that fails, with its file and line", function()
        local db = new_db()
        local folder = folder_of{
            ["1_a.sql"] = "CREATE TABLE a (x);",
            ["2_b.sql"] = "CREATE TABLE b (x);\n\nINSERT INTO nowhere VALUES (1);",
            ["3_c.sql"] = "CREATE TABLE c (x);",
        }
        local _, err = pcall(db.migrate, db, folder)
        assert.equal(folder .. "/2_b.sql:3", err.where)
        assert.equal("INSERT INTO nowhere VALUES (1);", err.sql)
        assert.equal(2, db:one("SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('a', 'b', "
                               .. "'cflask_migrations')").n)
        os.execute("rm -r " .. folder)
    end)

    it("are refused when they have changed, are gone, doubled or have a gap", function()
        local db = new_db()
        local folder = folder_of{["1_a.sql"] = "CREATE TABLE a (x);"}
        db:migrate(folder)
        for reason, files in pairs{
            ["has changed"] = {["1_a.sql"] = "CREATE TABLE a (y);"},
            ["has that number now"] = {["1_b.sql"] = "CREATE TABLE a (x);"},
            ["is not in"] = {},
            ["no file of number 2"] = {["1_a.sql"] = "CREATE TABLE a (x);", ["3_c.sql"] = "SELECT 1;"},
            ["two files of number 1"] = {["1_a.sql"] = "", ["01_b.sql"] = ""},
            ["is not called as"] = {["a.sql"] = ""},
            ["begin with 1"] = {["0_a.sql"] = ""},
        } do
            local other = folder_of(files)
            local err = error_of(db.migrate, db, other)
            assert.equal("MIGRATION", err.code)
            assert.truthy(err.message:find(reason, 1, true), err.message)
            os.execute("rm -r " .. other)
        end
        assert.equal("MIGRATION", error_of(db.migrate, db, "/nowhere/at/all").code)
        assert.is_true(db:migrations(folder_of{["1_a.sql"] = "x"})[1].is_changed)
        os.execute("rm -r " .. folder)
    end)

    it("may make a table anew that others refer to, and leave no key without its row", function()
        local db = new_db()
        local folder = folder_of{
            ["1_a.sql"] = [[CREATE TABLE user (id INTEGER PRIMARY KEY);
                CREATE TABLE post (user REFERENCES user ON DELETE CASCADE);
                INSERT INTO user VALUES (1); INSERT INTO post VALUES (1);]],
            ["2_b.sql"] = [[CREATE TABLE new (id INTEGER PRIMARY KEY, name);
                INSERT INTO new (id) SELECT id FROM user;
                DROP TABLE user; ALTER TABLE new RENAME TO user;]],
        }
        db:migrate(folder)
        assert.equal(1, db:one("SELECT count(*) AS n FROM post").n)
        local other = folder_of{["1_a.sql"] = "", ["2_b.sql"] = ""}
        os.execute(("cp %s/* %s && echo 'DELETE FROM user;' > %s/3_c.sql"):format(folder, other, other))
        assert.truthy(error_of(db.migrate, db, other).message:find("foreign key to user", 1, true))
        assert.equal(1, db:one("SELECT count(*) AS n FROM user").n)
        assert.equal("SQLITE_CONSTRAINT_FOREIGNKEY",
                     error_of(db.exec, db, "INSERT INTO post VALUES (9)").code)
        os.execute("rm -r " .. folder .. " " .. other)
    end)
end)

describe("app:database", function()
    after_each(clean)

    it("is one for each app, in its folder, with a command", function()
        local folder = folder_of{["app.lua"] = ""}
        assert(os.execute("mkdir " .. folder .. "/migrations && echo 'CREATE TABLE a (x);' > "
                          .. folder .. "/migrations/001_a.sql"))
        local app = flask.Flask("x", {root_path = folder})
        assert.is_false((pcall(app.database, app)))
        local db = app:database("sqlite:x.db")
        assert.equal(folder .. "/x.db", db.path)
        assert.equal(db, app:database("sqlite:x.db"))
        assert.equal(db, app:database())
        assert.is_false((pcall(app.database, app, "sqlite:y.db")))
        local runner = app:test_cli_runner()
        assert.truthy(runner:invoke{"db", "status"}.output:find("001_a.sql +to be applied"))
        assert.truthy(runner:invoke{"db", "migrate"}.output:find("applied 001_a.sql", 1, true))
        assert.truthy(runner:invoke{"db", "migrate"}.output:find("nothing", 1, true))
        assert.equal(0, runner:invoke{"db", "status"}.exit_code)
        assert.same({}, db:migrate())
        assert.same({}, db:migrate("migrations/"))
        assert.equal("001_a.sql", db:migrations()[1].name)
        assert.is_false((pcall(db.migrate, db, "elsewhere")))
        os.execute("echo >> " .. folder .. "/migrations/001_a.sql")
        assert.equal(1, runner:invoke{"db", "status"}.exit_code)
        assert.equal(2, runner:invoke{"db", "nonsense"}.exit_code)
        db:close()
        os.execute("rm -r " .. folder)
    end)

    it("refuses other URLs", function()
        local app = flask.Flask("x", {root_path = "."})
        for _, url in ipairs{"blog.db", "postgres://x", "sqlite:", 3} do
            local is_fine, message = pcall(app.database, app, url)
            assert.is_false(is_fine)
            assert.truthy(message:find("sqlite_spec.lua:%d+"), message)
        end
        assert.equal(":memory:", app:database("sqlite::memory:").path)
    end)
end)
