local flask = require "cflask"
local json = flask.json

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return tostring(raised)
end

describe("flask.json", function()
    -- LuaJIT's numbers are doubles.
    local only_with_integers = math.type and it or pending

    only_with_integers("keeps integers integers and floats equal", function()
        for _, text in ipairs{"0", "-1", "9007199254740993", "9223372036854775807",
                              "-9223372036854775808", "0.1", "1e+300", "2.5"} do
            assert.equal(json.decode(text), json.decode(json.encode(json.decode(text))))
        end
        assert.equal("9223372036854775807", json.encode(json.decode("9223372036854775807")))
        assert.equal("3", json.encode(3))
        assert.equal("3.0", json.encode(json.decode("3.0")))
    end)

    it("keeps lists lists", function()
        assert.equal("[]", json.encode(json.decode("[]")))
        assert.equal("{}", json.encode(json.decode("{}")))
        assert.equal("[]", json.encode(json.array{}))
        assert.equal("{}", json.encode({}))
        assert.is_true(json.is_array(json.decode("[]")))
        assert.is_false(json.is_array({}))
    end)

    it("sorts keys, is compact and ASCII", function()
        assert.equal('{"a":1,"b":"\\u00e4","c":[true,false,null]}',
                     json.encode{c = {true, false, flask.null}, b = "ä", a = 1})
    end)

    it("keeps an order that was asked for", function()
        assert.equal('{"z":1,"a":2}', json.encode(flask.ordered{{"z", 1}, {"a", 2}}))
    end)

    it("has one null", function()
        assert.equal(flask.null, json.decode("null"))
        assert.equal(flask.null, json.null)
        assert.equal(flask.null, json.decode('{"a":null}').a)
    end)

    it("indents when asked", function()
        assert.equal('{\n  "a": [\n    1\n  ]\n}', json.encode({a = {1}}, {indent = 2}))
    end)

    it("names the path of what can't be JSON", function()
        local cycle = {}
        cycle.a = {cycle}
        assert.truthy(failure(json.encode, {items = {1, 2, {price = print}}})
            :find("$.items[3].price", 1, true) or failure(json.encode,
            {items = {1, 2, {price = print}}}):find("$.items[2].price", 1, true))
        assert.truthy(failure(json.encode, cycle):find("$.a", 1, true))
        assert.truthy(failure(json.encode, {x = 0 / 0}):find("$.x", 1, true))
        assert.truthy(failure(json.encode, {x = "\255"}):find("$.x", 1, true))
        assert.is_string(failure(json.encode, {1, nil, 3}))
    end)

    it("is strict about what comes in", function()
        for _, text in ipairs{"", "[1,]", "{'a':1}", "NaN", "01", "[1] x", '"\1"', '{"a":1,}',
                              "nul", "+1", ".5"} do
            assert.is_false(pcall(json.decode, text) and json.decode(text) ~= nil, text)
        end
    end)

    it("writes what __tojson gives", function()
        local object = setmetatable({}, {__tojson = function() return {kind = "tea"} end})
        assert.equal('{"x":{"kind":"tea"}}', json.encode{x = object})
    end)
end)

describe("app.json", function()
    it("says how JSON answers are written", function()
        local app = flask.Flask("shop")
        app.json.ensure_ascii = false
        app.json.mimetype = "application/vnd.api+json"
        app:get("/", function() return {a = "ä"} end)
        local r = app:test_client():get("/")
        assert.equal('{"a":"ä"}\n', r.data)
        assert.equal("application/vnd.api+json", r.mimetype)
    end)
end)
