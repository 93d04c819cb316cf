local flask = require "cflask"
local jinja = require "cflask.jinja"

local LIMIT = 0.06 -- seconds of CPU

local function loop()
    while true do end
end

local function stubborn()
    while true do pcall(loop) end
end

local function render(text, values)
    return jinja.Environment{}:from_string(text):render(values or {})
end

-- The answer to a request whose view is fn, in an app with the limit and an optional slice.
local function answer(fn, slice)
    local app = flask.Flask("shop")
    app.config.HANDLER_CPU_LIMIT = LIMIT
    app.config.HANDLER_TIME_SLICE = slice
    app:get("/", fn)
    return app:test_client():get("/"), app
end

-- LuaJIT's compiled loops call no hook: there the server's watchdog is the only limit.
local describe = _VERSION == "Lua 5.4" and describe or pending

-- Views that would never end; those of the second list stand where nothing can be parked.
local PARKABLE = {
    ["a bare loop"] = loop,
    ["a loop that catches every error"] = stubborn,
    ["a loop whose error handler loops too"] = function()
        while true do xpcall(loop, loop) end
    end,
    ["a loop in a coroutine of its own"] = function() coroutine.wrap(stubborn)() end,
    ["a loop that catches the errors of a coroutine of its own"] = function()
        while true do
            local co = coroutine.create(stubborn)
            while coroutine.resume(co) do end
        end
    end,
    ["a loop in coroutines within coroutines"] = function()
        local function nest(depth)
            if depth == 0 then stubborn() end
            while true do coroutine.wrap(nest)(depth - 1) end
        end
        nest(4)
    end,
    ["coroutines that yield to one another"] = function()
        local co = coroutine.wrap(function() while true do coroutine.yield(1) end end)
        while true do co() end
    end,
    ["a loop in a metamethod"] = function()
        return setmetatable({}, {__index = stubborn}).x
    end,
    ["a loop in a to-be-closed variable's function"] = function()
        local close = assert(load("local x <close> = ... while true do break end"))
        close(setmetatable({}, {__close = stubborn}))
    end,
    ["a loop in a template"] = function()
        return render("{% for i in range(100000) %}{% for j in range(100000) %}"
                      .. "{% endfor %}{% endfor %}")
    end,
    ["a template's macros"] = function()
        return render("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
                      .. "{% endmacro %}{{ m(60) }}")
    end,
    ["a loop in a function that a template calls"] = function()
        return render("{{ f() }}", {f = stubborn})
    end,
    ["a loop beside others"] = function()
        while true do pcall(flask.gather, {loop, function() flask.sleep(60) end}) end
    end,
    ["a loop in a task with an end in time"] = function()
        while true do pcall(flask.timeout, 60, stubborn) end
    end,
}

local UNPARKABLE = {
    ["a sort function"] = function() table.sort({1, 2, 3}, loop) end,
    ["a sort function that catches every error"] = function()
        while true do pcall(table.sort, {1, 2, 3}, stubborn) end
    end,
    ["a sort function whose error handler loops too"] = function()
        while true do
            xpcall(table.sort, loop, {1, 2, 3}, function() xpcall(loop, loop) end)
        end
    end,
    ["a coroutine in a sort function"] = function()
        table.sort({1, 2, 3}, function()
            while true do coroutine.resume(coroutine.create(stubborn)) end
        end)
    end,
    ["a callback of string.gsub"] = function() return (("x"):gsub(".", stubborn)) end,
}

describe("HANDLER_CPU_LIMIT", function()
    for name, fn in pairs(PARKABLE) do
        it("ends " .. name .. " with 503", function()
            assert.equal(503, answer(fn).status_code)
        end)

        it("ends " .. name .. " with 503 that is parked in between", function()
            assert.equal(503, answer(fn, 0.02).status_code)
        end)
    end

    for name, fn in pairs(UNPARKABLE) do
        it("ends " .. name .. " with 503", function()
            assert.equal(503, answer(fn, 0.02).status_code)
        end)
    end

    it("does not take an answer from who has caught the error of the end", function()
        assert.equal(503, answer(function()
            pcall(table.sort, {1, 2, 3}, loop)
            return "fine"
        end).status_code)
        assert.equal(503, answer(function()
            pcall(flask.gather, {loop})
            return "fine"
        end).status_code)
    end)

    it("counts over all resumes", function()
        local function work()
            local from = os.clock()
            while os.clock() - from < LIMIT / 10 do end
            flask.sleep(0)
        end
        local n = 0
        assert.equal(503, answer(function()
            while true do
                work()
                n = n + 1
            end
        end).status_code)
        assert.is_true(n > 1)
    end)

    it("counts no time that is only waited", function()
        assert.equal(200, answer(function()
            flask.sleep(LIMIT * 1.5)
            return "fine"
        end).status_code)
    end)

    it("is switched off by false", function()
        local app = flask.Flask("shop")
        app.config.HANDLER_CPU_LIMIT = false
        app:get("/", function()
            local from = os.clock()
            while os.clock() - from < LIMIT * 1.5 do end
            return "fine"
        end)
        assert.equal(200, app:test_client():get("/").status_code)
    end)

    it("is answered by the app's handler of 503, after hooks as ever", function()
        local app, seen = flask.Flask("shop"), {}
        app.config.HANDLER_CPU_LIMIT = LIMIT
        app:get("/", loop)
        app:errorhandler(503, function() return "too long", 503 end)
        app:after_request(function() table.insert(seen, "after") end)
        app:teardown_request(function() table.insert(seen, "teardown") end)
        local r = app:test_client():get("/")
        assert.same({503, "too long"}, {r.status_code, r.text})
        assert.same({"after", "teardown"}, seen)
    end)

    it("ends that handler and hooks too", function()
        local app, n = flask.Flask("shop"), 0
        app.config.HANDLER_CPU_LIMIT = LIMIT
        app:get("/", loop)
        app:errorhandler(503, loop)
        app:teardown_request(loop)
        app:teardown_request(function() n = n + 1 end)
        assert.equal(503, app:test_client():get("/").status_code)
        assert.equal(1, n)
    end)

    it("ends an after_request function, whose request has an answer already", function()
        local app = flask.Flask("shop")
        app.config.HANDLER_CPU_LIMIT = LIMIT
        app:get("/", function() return "fine" end)
        app:after_request(loop)
        assert.equal(503, app:test_client():get("/").status_code)
    end)

    it("ends a spawned task", function()
        local app = flask.Flask("shop")
        app.config.HANDLER_CPU_LIMIT = LIMIT
        app:get("/", function()
            flask.spawn(stubborn)
            return "fine"
        end)
        app:get("/wait", function()
            flask.sleep(LIMIT / 10)
            return "waited"
        end)
        local client = app:test_client()
        assert.equal("fine", client:get("/").text)
        assert.equal("waited", client:get("/wait").text)
    end)

    it("gives the next request all of it", function()
        local app, is_long = flask.Flask("shop"), true
        app.config.HANDLER_CPU_LIMIT = LIMIT
        app:get("/", function()
            while is_long do end
            local from = os.clock()
            while os.clock() - from < LIMIT / 2 do end
            return "fine"
        end)
        local client = app:test_client()
        assert.equal(503, client:get("/").status_code)
        is_long = false
        for _ = 1, 4 do
            assert.equal("fine", client:get("/").text)
        end
    end)

    it("closes to-be-closed variables, the innermost first", function()
        local seen = {}
        local function noting(name)
            return setmetatable({}, {__close = function() table.insert(seen, name) end})
        end
        local with = assert(load("local fn, x = ... local x <close> = x fn()"))
        answer(function()
            with(function()
                coroutine.wrap(with)(function() with(stubborn, noting("in")) end, noting("co"))
            end, noting("out"))
        end)
        assert.same({"in", "co", "out"}, seen)
    end)

    it("closes them in a sort function too", function()
        local seen = {}
        local with = assert(load("local fn, x = ... local x <close> = x fn()"))
        answer(function()
            table.sort({1, 2, 3}, function()
                with(loop, setmetatable({}, {__close = function() table.insert(seen, 1) end}))
            end)
        end)
        assert.same({1}, seen)
    end)

    it("leaves a hook that the app has set", function()
        local n = 0
        local function hook() n = n + 1 end
        local r = answer(function()
            debug.sethook(hook, "", 1000)
            local from = os.clock()
            while os.clock() - from < LIMIT / 2 do end
            local before = n
            for _ = 1, 10000 do end
            local is_there = debug.gethook() == hook and n > before
            debug.sethook()
            return tostring(is_there)
        end)
        assert.equal("true", r.text)
    end)

    it("leaves no memory behind", function()
        local app = flask.Flask("shop")
        app.config.HANDLER_CPU_LIMIT = 0.01
        app.config.HANDLER_TIME_SLICE = 0.004
        app:get("/", function()
            local big = ("x"):rep(100000) .. tostring({})
            coroutine.wrap(function() return big, stubborn() end)()
        end)
        local client = app:test_client()
        local function used()
            for _ = 1, 10 do
                assert.equal(503, client:get("/").status_code)
            end
            collectgarbage()
            collectgarbage()
            return collectgarbage("count")
        end
        used()
        local before = used()
        assert.is_true(used() - before < 100)
    end)
end)

describe("HANDLER_TIME_SLICE", function()
    it("lets others go on, and changes no result", function()
        local app, steps = flask.Flask("shop"), 0
        app.config.HANDLER_TIME_SLICE = 0.008
        app:get("/", function()
            local is_over = false
            flask.spawn(function()
                while not is_over do
                    steps = steps + 1
                    flask.sleep(0)
                end
            end)
            local sum = 0
            local from = os.clock()
            local co = coroutine.wrap(function(a)
                while true do
                    for i = 1, 1000 do sum = sum + i % 2 * a end
                    a = coroutine.yield(sum)
                end
            end)
            local wanted, got = 0, 0
            while os.clock() - from < 0.2 do
                wanted = wanted + 1000
                got = co(2)
            end
            is_over = true
            return tostring(wanted == got)
        end)
        assert.equal("true", app:test_client():get("/").text)
        assert.is_true(steps > 2)
    end)

    it("is off unless it is set", function()
        local app, steps = flask.Flask("shop"), 0
        app:get("/", function()
            flask.spawn(function() steps = steps + 1 end)
            local from = os.clock()
            while os.clock() - from < 0.05 do end
            return tostring(steps)
        end)
        assert.equal("0", app:test_client():get("/").text)
    end)
end)
