-- cflask-lua test apps/todo/tests
local testing = require "cflask.testing"

-- The folder of the app, from the path of this file.
local APP = debug.getinfo(1, "S").source:match("^@(.*)/tests/[^/]*$") or "."

describe("the todo app", function()
    local folder, client

    -- Each test has a list of its own, in a folder of its own.
    before_each(function()
        folder = os.tmpname()
        os.remove(folder)
        os.execute("mkdir " .. folder)
        client = testing.load(APP, {DATA_FOLDER = folder}):test_client()
    end)

    after_each(function()
        os.execute("rm -r " .. folder)
    end)

    local function add(fields)
        local r = client:post("/api/todos", {json = fields})
        assert.equal(201, r.status_code)
        return r.json
    end

    it("shows its page", function()
        local r = client:get("/")
        assert.equal(200, r.status_code)
        assert.truthy(r.text:find("Things to do", 1, true))
        assert.equal(200, client:get("/static/todo.js").status_code)
        assert.equal(200, client:get("/static/style.css").status_code)
    end)

    it("begins empty", function()
        assert.equal('{"items":[],"total":0}\n', client:get("/api/todos").data)
    end)

    it("adds a todo and says where it is", function()
        local r = client:post("/api/todos", {json = {title = " Buy tea ", due = "2030-01-31"}})
        assert.equal(201, r.status_code)
        assert.equal("/api/todos/1", r.headers.Location)
        assert.equal("Buy tea", r.json.title)
        assert.equal("2030-01-31", r.json.due)
        assert.is_false(r.json.done)
        assert.equal("Buy tea", client:get("/api/todos/1").json.title)
    end)

    it("changes and deletes", function()
        local id = add{title = "Buy tea"}.id
        local r = client:patch("/api/todos/" .. id, {json = {done = true}})
        assert.equal(200, r.status_code)
        assert.is_true(r.json.done)
        assert.equal("Buy tea", r.json.title)
        assert.equal(204, client:delete("/api/todos/" .. id).status_code)
        assert.equal(404, client:get("/api/todos/" .. id).status_code)
    end)

    it("filters by state, tag and text, and gives pages", function()
        add{title = "Buy tea", tags = {"kitchen"}}
        add{title = "Buy paper", tags = {"office"}}
        local done = add{title = "Drink tea"}.id
        client:patch("/api/todos/" .. done, {json = {done = true}})
        local function titles(query)
            local list = {}
            for _, item in ipairs(client:get("/api/todos", {query = query}).json.items) do
                table.insert(list, item.title)
            end
            return list
        end
        assert.same({"Buy paper", "Buy tea"}, titles{state = "open"})
        assert.same({"Drink tea"}, titles{state = "done"})
        assert.same({"Drink tea", "Buy tea"}, titles{q = "TEA"})
        assert.same({"Buy tea"}, titles{tag = "kitchen"})
        assert.same({"Buy paper"}, titles{limit = 1, offset = 1})
    end)

    it("says what is wrong with each field, as JSON", function()
        local r = client:post("/api/todos", {json = {due = "tomorrow", colour = "red"}})
        assert.equal(422, r.status_code)
        assert.equal("is missing", r.json.error.fields.title)
        assert.equal("must be a date such as 2030-01-31, or null", r.json.error.fields.due)
        assert.equal("is no field of a todo", r.json.error.fields.colour)
        for field, value in pairs{title = "  ", done = 1, due = "2030-02-30", tags = "x"} do
            r = client:post("/api/todos", {json = {title = "x", [field] = value}})
            assert.equal(422, r.status_code)
            assert.is_string(r.json.error.fields[field])
        end
    end)

    it("answers all errors below /api as JSON", function()
        assert.equal(404, client:get("/api/nowhere").json.error.code)
        assert.equal(405, client:put("/api/todos").json.error.code)
        assert.equal(400, client:get("/api/todos?state=odd").json.error.code)
        assert.equal(400, client:get("/api/todos?limit=x").json.error.code)
        local r = client:post("/api/todos", {data = "{", content_type = "application/json"})
        assert.equal(400, r.json.error.code)
        assert.equal(415, client:post("/api/todos", {data = "x"}).json.error.code)
        assert.equal("text/html", client:get("/nowhere").mimetype)
    end)

    it("keeps a file with a todo", function()
        local path = "/api/todos/" .. add{title = "Buy tea"}.id
        assert.equal(404, client:get(path .. "/file").status_code)
        local r = client:post(path .. "/file", {files = {
            file = {"../list ä.txt", "green\0tea", "text/plain"},
        }})
        assert.equal(201, r.status_code)
        assert.equal(9, r.json.file.size)
        r = client:get(path .. "/file")
        assert.equal("green\0tea", r.data)
        assert.truthy(r.headers["Content-Disposition"]:find("^attachment"))
        assert.equal(204, client:delete(path .. "/file").status_code)
        assert.equal(404, client:get(path .. "/file").status_code)
        assert.equal(422, client:post(path .. "/file", {form = {file = "x"}}).status_code)
    end)

    it("refuses files that are too large", function()
        local path = "/api/todos/" .. add{title = "Buy tea"}.id .. "/file"
        local r = client:post(path, {files = {file = {"big", ("x"):rep(6 * 1024 * 1024)}}})
        assert.equal(413, r.status_code)
        assert.equal(413, r.json.error.code)
    end)

    it("still has the list when it is loaded again", function()
        add{title = "Buy tea", tags = {"kitchen"}}
        client = testing.load(APP, {DATA_FOLDER = folder}):test_client()
        assert.equal("Buy tea", client:get("/api/todos/1").json.title)
        assert.equal(2, add{title = "Drink it"}.id)
    end)

    it("has a command that adds examples", function()
        local app = testing.load(APP, {DATA_FOLDER = folder})
        local r = app:test_cli_runner():invoke{"seed"}
        assert.equal("3 things to do\n", r.output)
        assert.equal(3, app:test_client():get("/api/todos").json.total)
    end)
end)
