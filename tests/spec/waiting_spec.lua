local flask = require "cflask"

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return raised
end

-- What a view returns, in an app that raises errors in the test.
local function view(fn)
    local app = flask.Flask("shop")
    app.testing = true
    app:get("/", fn)
    return app:test_client():get("/").text
end

describe("flask.sleep", function()
    it("waits that many seconds, fractions too", function()
        assert.equal("fine", view(function()
            flask.sleep(0.02)
            return "fine"
        end))
    end)

    it("may stand in hooks and error handlers", function()
        local app, seen = flask.Flask("shop"), {}
        local function note(name)
            return function()
                flask.sleep(0.001)
                table.insert(seen, name)
            end
        end
        app:before_request(note("before"))
        app:after_request(note("after"))
        app:teardown_request(note("teardown"))
        app:errorhandler(404, function()
            flask.sleep(0.001)
            return "handled"
        end)
        assert.equal("handled", app:test_client():get("/").text)
        assert.same({"before", "after", "teardown"}, seen)
    end)

    it("may stand under pcall", function()
        assert.equal("true x", view(function()
            local is_fine, value = pcall(function()
                flask.sleep(0.001)
                return "x"
            end)
            return tostring(is_fine) .. " " .. value
        end))
    end)

    it("keeps the request", function()
        assert.equal("/", view(function()
            flask.sleep(0.001)
            return flask.request.path
        end))
    end)
end)

describe("a wait inside a coroutine of the app", function()
    it("passes through resume and comes back there", function()
        assert.equal("1 2 3 dead", view(function()
            local co = coroutine.create(function(a)
                flask.sleep(0.001)
                local b = coroutine.yield(a)
                flask.sleep(0.001)
                local c = coroutine.yield(b)
                return c
            end)
            local results = {}
            for i = 1, 3 do
                local _, value = coroutine.resume(co, i)
                results[i] = value
            end
            return table.concat(results, " ") .. " " .. coroutine.status(co)
        end))
    end)

    it("passes through wrap, and through several at once", function()
        assert.equal("abc", view(function()
            local outer = coroutine.wrap(function()
                local inner = coroutine.wrap(function()
                    flask.sleep(0.001)
                    coroutine.yield("b")
                    flask.sleep(0.001)
                    return "c"
                end)
                coroutine.yield("a")
                coroutine.yield(inner())
                return inner()
            end)
            return outer() .. outer() .. outer()
        end))
    end)

    it("lets errors through with their value", function()
        assert.equal("broken", view(function()
            local co = coroutine.wrap(function()
                flask.sleep(0.001)
                error("broken", 0)
            end)
            return failure(co)
        end))
    end)
end)

describe("a wait inside a callback of a C function", function()
    it("is an error that names it", function()
        local message = view(function()
            return tostring(failure(string.gsub, "abc", "b", function()
                flask.sleep(0.001)
            end))
        end)
        assert.truthy(message:find("gsub", 1, true), message)
    end)

    it("is one too inside a coroutine that is resumed there, and later waits are whole",
       function()
        local message, seconds
        view(function()
            string.gsub("abc", "b", function()
                local co = coroutine.create(function() flask.sleep(0.001) end)
                message = select(2, coroutine.resume(co))
            end)
            local started = os.time()
            flask.sleep(1.1)
            seconds = os.time() - started
            return ""
        end)
        assert.truthy(message:find("gsub", 1, true), message)
        assert.is_true(seconds >= 1)
    end)

    it("is placed at the app's line", function()
        local function no_task() end
        for _, wait in ipairs{
            function() flask.sleep(1); return 1 end,
            function() flask.gather{no_task}; return 1 end,
            function() flask.timeout(1, no_task); return 1 end,
        } do
            local line = debug.getinfo(wait, "S").linedefined
            local place = ("waiting_spec.lua:%d: "):format(line)
            local inside = view(function()
                return failure(string.gsub, "abc", "b", wait)
            end)
            assert.truthy(inside:find(place .. "can't wait inside", 1, true), inside)
            local outside = failure(wait)
            assert.truthy(outside:find(place .. "nothing can wait here", 1, true), outside)
        end
    end)

    it("lets a coroutine there yield to its resumer", function()
        assert.equal("a[1]c", view(function()
            return (string.gsub("abc", "b", function()
                return coroutine.wrap(function() coroutine.yield("[1]") end)()
            end))
        end))
    end)
end)

describe("flask.gather", function()
    it("runs functions side by side and gives their first results in order", function()
        local is_done = {}
        -- One after another, the first would wait in vain.
        local function after(name)
            for _ = 1, 10000 do
                if is_done[name] then return end
                flask.sleep(0.001)
            end
            error(name .. " does not run beside it")
        end
        assert.equal("a b c", view(function()
            return table.concat({flask.gather{
                function() after "b"; return "a" end,
                function() after "c"; is_done.b = true; return "b" end,
                function() is_done.c = true; return "c" end,
            }}, " ")
        end))
    end)

    it("ends the others at the first error", function()
        local n = 0
        assert.equal("broken", view(function()
            local err = failure(flask.gather, {
                function() while true do n = n + 1; flask.sleep(0.001) end end,
                function() flask.sleep(0.01); error("broken", 0) end,
            })
            local before = n
            assert.is_true(before > 0)
            flask.sleep(0.02)
            assert.equal(before, n)
            return err
        end))
    end)
end)

describe("flask.timeout", function()
    it("gives the function's results", function()
        assert.equal("1 2", view(function()
            local a, b = flask.timeout(1, function() flask.sleep(0.001); return 1, 2 end)
            return a .. " " .. b
        end))
    end)

    it("raises flask.Timeout when it takes too long", function()
        assert.equal("true", view(function()
            local err = failure(flask.timeout, 0.01, function() flask.sleep(5) end)
            return tostring(flask.is(err, flask.Timeout))
        end))
    end)
end)

describe("flask.spawn", function()
    it("goes on after the response, without the request", function()
        local app, seen = flask.Flask("shop"), {}
        app:get("/", function()
            flask.spawn(function(a, b)
                flask.sleep(0.001)
                table.insert(seen, a .. b .. tostring(flask.has_request_context()))
            end, "x", "y")
            return "answered"
        end)
        app:get("/wait", function() flask.sleep(0.05); return "" end)
        local client = app:test_client()
        assert.equal("answered", client:get("/").text)
        client:get("/wait")
        assert.same({"xyfalse"}, seen)
    end)
end)

describe("a wait that is used wrongly", function()
    it("is an error at the line of the call", function()
        for text, call in pairs{
            ["flask.sleep needs a number of seconds from 0 to 10^9, not \"x\""] = function()
                flask.sleep("x")
            end,
            ["flask.sleep needs a number of seconds from 0 to 10^9, not -1"] = function()
                flask.sleep(-1)
            end,
            ["flask.timeout needs a function after the seconds, not nil"] = function()
                flask.timeout(1)
            end,
            ["flask.gather needs a list of functions, 3 is none"] = function()
                flask.gather{3}
            end,
            ["flask.gather needs a list of functions, not nil"] = function()
                flask.gather()
            end,
            ["flask.spawn needs a function, not nil"] = function()
                flask.spawn()
            end,
        } do
            local message = view(function() return failure(call) end)
            assert.truthy(message:find("waiting_spec.lua:%d+: "), message)
            assert.truthy(message:find(text, 1, true), message)
        end
    end)
end)
