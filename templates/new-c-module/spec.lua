-- make test
local flask = require "cflask"

describe("the module NAME", function()
    local module = require "NAME"
    local app = flask.Flask("NAME_test")
    app:get("/hello", module.hello)
    app:get("/sum/<int:n>", function(n) return {sum = module.sum(n)} end)
    local client = app:test_client()

    it("greets by name", function()
        assert.equal("Ada", client:get("/hello?name=Ada").text)
        assert.equal(400, client:get("/hello").status_code)
    end)

    it("adds on a thread while the request waits", function()
        assert.equal(500500, client:get("/sum/1000").json.sum)
    end)
end)
