-- make test, or: cflask-lua test apps/native/tests
local testing = require "cflask.testing"

local APP = debug.getinfo(1, "S").source:match("^@(.*)/tests/[^/]*$") or "."

describe("the C modules", function()
    local client

    before_each(function()
        client = testing.load(APP):test_client()
    end)

    describe("count, a view", function()
        it("counts lines, words and bytes", function()
            local answer = client:post("/count", {data = "one two\nthree\n"})
            assert.equal(200, answer.status_code)
            assert.same({lines = 2, words = 3, bytes = 14}, answer.json)
            assert.equal("application/json", answer.content_type)
            assert.equal("no-store", answer.headers["Cache-Control"])
        end)

        it("counts a body that is in a file", function()
            local text = ("word "):rep(200000)
            assert.same({lines = 0, words = 200000, bytes = 1000000},
                        client:post("/count", {data = text}).json)
        end)

        it("answers 400 when there is nothing to count", function()
            assert.equal(400, client:post("/count").status_code)
        end)
    end)

    describe("slug, a filter and a test", function()
        it("makes a slug of a title", function()
            local page = client:get("/", {query = {title = "Hello, big World!"}}).text
            assert.matches('<h1 id="hello-big-world">Hello, big World!</h1>', page, 1, true)
            assert.matches("Its slug: hello-big-world", page, 1, true)
        end)

        it("knows a slug", function()
            local page = client:get("/", {query = {title = "a-slug"}}).text
            assert.matches("This is a slug already.", page, 1, true)
        end)
    end)

    describe("resolve, a call that waits", function()
        it("finds the addresses of a name", function()
            local answer = client:get("/resolve/127.0.0.1")
            assert.same({name = "127.0.0.1", addresses = {"127.0.0.1"}}, answer.json)
        end)

        it("answers 404 for what is no name", function()
            assert.equal(404, client:get("/resolve/no..name").status_code)
        end)
    end)
end)
