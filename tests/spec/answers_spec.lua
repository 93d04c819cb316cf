local flask = require "cflask"

-- The answer of an app whose only view is fn; with `options`, those of the client.
local function answer(fn, options)
    local app = flask.Flask("shop")
    app.testing = true
    app:route("/", {methods = {"GET", "POST"}}, fn)
    return app:test_client():open("/", options)
end

-- The message of the error that a view's value causes.
local function refusal(fn)
    local is_fine, message = pcall(answer, fn)
    assert.is_false(is_fine)
    return tostring(message)
end

describe("a view may return", function()
    it("a string", function()
        local r = answer(function() return "Hello" end)
        assert.equal(200, r.status_code)
        assert.equal("200 OK", r.status)
        assert.equal("text/html; charset=utf-8", r.content_type)
        assert.equal("5", r.headers["Content-Length"])
        assert.equal("Hello", r.data)
    end)

    it("bytes of any kind", function()
        assert.equal("\0\255\r\n", answer(function() return "\0\255\r\n" end).data)
    end)

    it("a body and a status, as number or text", function()
        assert.equal(201, answer(function() return "x", 201 end).status_code)
        assert.equal("201 CREATED", answer(function() return "x", "201 CREATED" end).status)
        assert.equal("299 UNKNOWN", answer(function() return "x", 299 end).status)
    end)

    it("a body, a status and headers", function()
        local r = answer(function()
            return "x", 202, {["X-Number"] = 3, ["X-List"] = {"a", "b"}, ["Content-Type"] = "text/x"}
        end)
        assert.equal(202, r.status_code)
        assert.equal("3", r.headers["X-Number"])
        assert.same({"a", "b"}, r.headers:getlist("X-List"))
        assert.same({"text/x"}, r.headers:getlist("Content-Type"))
    end)

    it("a body and headers", function()
        assert.equal("y", answer(function() return "x", {["X-X"] = "y"} end).headers["X-X"])
    end)

    it("a table, which is JSON", function()
        local r = answer(function() return {b = 1, a = {1, 2}} end)
        assert.equal("application/json", r.content_type)
        assert.equal('{"a":[1,2],"b":1}\n', r.data)
        assert.equal("[]\n", answer(function() return flask.json.array{} end).data)
        assert.equal("{}\n", answer(function() return {} end).data)
        assert.equal('{"z":1,"a":2}\n', answer(function()
            return flask.ordered{{"z", 1}, {"a", 2}}
        end).data)
    end)

    it("JSON with a status and headers", function()
        local r = answer(function() return {error = "x"}, 422, {["X-X"] = "y"} end)
        assert.equal(422, r.status_code)
        assert.equal("x", r.json.error)
        assert.equal("y", r.headers["X-X"])
    end)

    it("a response, also with another status and more headers", function()
        local r = answer(function()
            return flask.Response("x", {status = 201, headers = {["X-A"] = "a"}})
        end)
        assert.equal(201, r.status_code)
        r = answer(function()
            return flask.Response("x", {headers = {["X-A"] = "a"}}), 202, {["X-B"] = "b"}
        end)
        assert.equal(202, r.status_code)
        assert.equal("a", r.headers["X-A"])
        assert.equal("b", r.headers["X-B"])
    end)

    it("a redirect", function()
        local r = answer(function() return flask.redirect("/a b?x=<y>") end)
        assert.equal(302, r.status_code)
        assert.equal("/a%20b?x=%3Cy%3E", r.headers.Location)
        assert.truthy(r.text:find("x=&lt;y&gt;", 1, true))
        assert.equal(308, answer(function() return flask.redirect("/", 308) end).status_code)
    end)

    it("a Markup", function()
        local r = answer(function() return flask.Markup("<b>x</b>") end)
        assert.equal("<b>x</b>", r.text)
        assert.equal("text/html; charset=utf-8", r.content_type)
    end)

    it("jsonify's response of any value", function()
        assert.equal("3\n", answer(function() return flask.jsonify(3) end).data)
        assert.equal("[1,2]\n", answer(function() return flask.jsonify(1, 2) end).data)
        assert.equal("null\n", answer(function() return flask.jsonify() end).data)
        assert.equal('"x"\n', answer(function() return flask.jsonify("x") end).data)
    end)

    it("what make_response makes", function()
        local r = answer(function()
            local response = flask.make_response({a = 1}, 201)
            response.headers["X-X"] = "y"
            return response
        end)
        assert.equal(201, r.status_code)
        assert.equal("y", r.headers["X-X"])
        assert.equal(1, r.json.a)
    end)
end)

describe("a view may not return", function()
    it("what is no answer: the error names the value and the view", function()
        for expected, fn in pairs{
            ["number"] = function() return 3 end,
            ["boolean"] = function() return true end,
            ["nil"] = function() end,
        } do
            local message = refusal(fn)
            assert.truthy(message:find(expected, 1, true), message)
        end
    end)

    it("the count of gsub as a status", function()
        assert.truthy(refusal(function() return ("abc"):gsub("b", "x") end):find("status", 1, true))
    end)

    it("a fourth value", function()
        assert.is_string(refusal(function() return "x", 200, {}, "y" end))
    end)

    it("nil and a message without the message being told", function()
        assert.truthy(refusal(function() return nil, "file not found" end)
            :find("file not found", 1, true))
    end)

    it("what a helper refuses: the error names the line, or the view for a tail call",
       function()
        local message = refusal(function() local r = flask.redirect(3); return r end)
        assert.truthy(message:find("answers_spec.lua:", 1, true), message)
        message = refusal(function() local r = flask.redirect("/\r\nA: b"); return r end)
        assert.truthy(message:find("answers_spec.lua:", 1, true), message)
        message = refusal(function() return flask.jsonify(print) end)
        assert.truthy(message:find("(in the view of GET /)", 1, true), message)
    end)

    it("headers with line breaks", function()
        assert.is_string(refusal(function() return "x", {["X-X"] = "a\r\nSet-Cookie: b"} end))
        assert.is_string(refusal(function() return "x", {["X\r\nY"] = "a"} end))
    end)
end)

describe("a streamed body", function()
    it("is a function that is called for each chunk", function()
        local r = answer(function()
            local n = 0
            return function()
                n = n + 1
                return n <= 3 and "chunk " .. n .. "\n" or nil
            end
        end)
        assert.equal("chunk 1\nchunk 2\nchunk 3\n", r.data)
        assert.equal("chunked", r.headers["Transfer-Encoding"])
        assert.is_true(r.is_whole)
    end)

    it("skips empty chunks", function()
        local chunks = {"a", "", "b"}
        assert.equal("ab", answer(function()
            return function() return table.remove(chunks, 1) end
        end).data)
    end)

    it("may have status, headers and a length", function()
        local r = answer(function()
            local chunks = {"ab", "cd"}
            return function() return table.remove(chunks, 1) end, 201,
                {["Content-Length"] = 4, ["Content-Type"] = "text/plain"}
        end)
        assert.equal(201, r.status_code)
        assert.equal("4", r.headers["Content-Length"])
        assert.is_nil(r.headers["Transfer-Encoding"])
        assert.equal("abcd", r.data)
    end)

    it("still knows the request, and may wait", function()
        local r = answer(function()
            local done
            return function()
                if not done then
                    done = true
                    flask.sleep(0.01)
                    return flask.request.args.q
                end
            end
        end, {query = {q = "kept"}})
        assert.equal("kept", r.data)
    end)

    it("may be written", function()
        local r = answer(function()
            return flask.stream(function(write)
                write("a")
                flask.sleep(0.01)
                write("b")
                coroutine.wrap(function() write("c") end)()
            end), {["Content-Type"] = "text/plain"}
        end)
        assert.equal("abc", r.data)
        assert.equal("text/plain", r.mimetype)
    end)

    it("may be a coroutine", function()
        assert.equal("123", answer(function()
            return coroutine.wrap(function()
                for i = 1, 3 do
                    flask.sleep(0.001)
                    coroutine.yield(tostring(i))
                end
            end)
        end).data)
    end)

    it("that fails ends the connection without the last chunk", function()
        local app = flask.Flask("shop")
        app:get("/", function()
            local n = 0
            return function()
                n = n + 1
                if n == 2 then
                    error("broken stream")
                end
                return "first"
            end
        end)
        local r = app:test_client():get("/")
        assert.equal("first", r.data)
        assert.is_false(r.is_whole)
    end)

    it("comes after after_request and before teardown", function()
        local app, seen = flask.Flask("shop"), {}
        app.testing = true
        app:after_request(function() table.insert(seen, "after") end)
        app:teardown_request(function() table.insert(seen, "teardown") end)
        app:get("/", function()
            local n = 0
            local response = flask.make_response(function()
                n = n + 1
                table.insert(seen, "chunk")
                return n < 3 and "x" or nil
            end)
            response:call_on_close(function() table.insert(seen, "close") end)
            return response
        end)
        app:test_client():get("/")
        assert.same({"after", "chunk", "chunk", "chunk", "close", "teardown"}, seen)
    end)
end)
