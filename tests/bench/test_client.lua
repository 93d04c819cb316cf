-- CPU time of a request of the test client, in microseconds: build/cflask-lua lua
-- tests/bench/test_client.lua. The median of five rounds for each kind of request; it fails
-- when one is over its limit.
local flask = require "cflask"
local app = flask.Flask("bench")
app.secret_key = "only-for-the-bench-of-the-client"

app:get("/", function() return "Hello, World!" end)
app:post("/form", function()
    flask.session.name = flask.request.form.name
    return {name = flask.session.name}
end)

local client = app:test_client()
local KINDS = {
    {"a plain GET", function() client:get("/") end},
    {"a form, a session, JSON", function() client:post("/form", {form = {name = "ann"}}) end},
}
local COUNT, LIMIT = 10000, 100

local function measure(fn)
    local rounds = {}
    for round = 1, 5 do
        local start = os.clock()
        for _ = 1, COUNT do
            fn()
        end
        rounds[round] = (os.clock() - start) / COUNT * 1e6
    end
    table.sort(rounds)
    return rounds[3]
end

print("test client: CPU us/request")
local is_over = false
for _, kind in ipairs(KINDS) do
    local median = measure(kind[2])
    is_over = is_over or median > LIMIT
    print(("  %-26s %6.1f%s"):format(kind[1], median, median > LIMIT
                                     and "   OVER " .. LIMIT or ""))
end
os.exit(not is_over)
