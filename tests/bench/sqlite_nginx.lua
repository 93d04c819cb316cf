-- The same as sqlite.lua in nginx, by LuaSQL, which has no parameters: one connection for the
-- process. It holds up the worker while SQLite reads.
local driver = require "luasql.sqlite3"
local db = driver.sqlite3():connect(os.getenv("BENCH_DATABASE"))
local id = 0

local function next_row()
    id = id % 10000 + 1
    local cursor = assert(db:execute("SELECT id, message FROM greeting WHERE id = " .. id))
    local row = cursor:fetch({}, "a")
    cursor:close()
    return row
end

local count = os.getenv("BENCH_VIEW") == "twenty" and 20 or 1

return function()
    local row
    for _ = 1, count do
        row = next_row()
    end
    ngx.print(row.message) -- luacheck: globals ngx
end
