-- What databases.py asks for. WIRE_FOLDER is where the database is.
local flask = require "cflask"
local app = flask.Flask(...)
app.config:from_prefixed_env("WIRE")
local folder = flask.json.decode(os.getenv("WIRE_FOLDER"))
local db = app:database("sqlite:" .. folder .. "/x.db", {timeout = 3600, waiting = 1000})
local COUNT = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) "
local SLOW = COUNT .. "SELECT sum(n) AS sum FROM c"

db:exec "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT)"

app:get("/slow/<int:n>", function(n) return db:one(SLOW, n) end)

app:get("/row", function()
    return db:one("SELECT coalesce(max(id), 0) AS last, count(*) AS n FROM t")
end)

app:post("/add/<int:n>", function(n)
    db:exec("INSERT INTO t (a, b) VALUES (?, 'one')", n)
    return "added"
end)

-- Two rows, both or none.
app:post("/pair/<int:n>", function(n)
    db:transaction(function()
        db:exec("INSERT INTO t (a, b) VALUES (?, 'first')", n)
        flask.sleep(0)
        db:exec("INSERT INTO t (a, b) VALUES (?, 'second')", n)
    end)
    return "added"
end)

app:post("/hold", function()
    db:transaction(function()
        db:exec("INSERT INTO t (a, b) VALUES (0, 'lost')")
        flask.sleep(60)
    end)
    return "held"
end)

app:post("/hold/slow", function()
    db:transaction(function()
        db:exec("INSERT INTO t (a, b) VALUES (0, 'lost')")
        db:one(SLOW, 1000000000)
    end)
    return "held"
end)

app:get("/rows", function()
    local n = 0
    for _ in db:rows(COUNT .. "SELECT n FROM c", 1000) do
        n = n + 1
    end
    return tostring(n)
end)

app:get("/many", function()
    local n = 0
    for i = 1, 20 do
        n = n + db:one("SELECT ? AS n", i).n
    end
    return tostring(n)
end)

return app
