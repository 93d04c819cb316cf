-- The debugger: the page of an error in debug mode, evaluation in its frames, and who may see it.
local core = require "cflask.core"
local flask = require "cflask"

local request = flask.request

local function debug_app()
    local app = flask.Flask("shop")
    app.debug = true
    app.secret_key = "a secret that nobody guesses, whatever they try"
    return app
end

-- The page of a failing path; what it says of itself.
local function page_of(client, path, options)
    local r = client:get(path or "/", options)
    assert.equal(500, r.status_code)
    return {text = r.text, id = r.text:match('data%-id="([^"]*)"'),
            secret = r.text:match('data%-secret="([^"]*)"')}
end

local function post(client, path, values, options)
    local given = {json = values}
    for key, value in pairs(options or {}) do
        given[key] = value
    end
    return client:post("/__cflask__/debugger" .. path, given)
end

local function unlock(client, page)
    local r = post(client, "/pin", {id = page.id, secret = page.secret, pin = core.debugger.pin()})
    assert.equal(200, r.status_code)
    return r
end

-- What a prompt prints.
local function evaluate(client, page, code, frame)
    local r = post(client, "/evaluate", {id = page.id, secret = page.secret, frame = frame or 1,
                                         code = code})
    assert.equal(200, r.status_code, r.text)
    return r.json.output, r.json
end

local function plain(text)
    return (text:gsub("<[^>]+>", ""):gsub("&#34;", '"'):gsub("&#39;", "'"):gsub("&lt;", "<")
            :gsub("&gt;", ">"):gsub("&amp;", "&"))
end

local function has(text, what)
    return plain(text):find(what, 1, true) ~= nil
end

local function failing_app()
    local app = debug_app()
    local rate = 2
    local function price_of(item)
        local name, password = item.name, "hunter2"
        return rate * name.missing.field, password
    end
    app:route("/", {methods = {"GET", "POST"}}, function()
        local cart = {{name = "tea"}}
        cart.self = cart
        local price = price_of(cart[1])
        return "price " .. price
    end)
    return app
end

-- LuaJIT doesn't tell the names of variables in the frame that an operator, not `error`, has
-- left, and has no stack left after an overflow.
local in_the_innermost_frame = rawget(_G, "jit") and pending or it

describe("The page of an error in debug mode", function()
    it("names the error, its class, and each frame with its source", function()
        local page = page_of(failing_app():test_client())
        assert.is_true(has(page.text, "attempt to index"))
        assert.is_true(has(page.text, "price_of"))
        assert.is_true(has(page.text, "return rate * name.missing.field, password"))
        assert.is_true(has(page.text, "local price = price_of(cart[1])"))
        assert.truthy(page.text:find('<tr class="here">', 1, true))
    end)

    in_the_innermost_frame("shows locals and upvalues, cycles and all, but no passwords", function()
        local page = page_of(failing_app():test_client())
        assert.is_true(has(page.text, "cart"))
        assert.is_true(has(page.text, '{{name = "tea"}, self = <cycle>}'))
        assert.is_true(has(page.text, "Upvalues"))
        assert.falsy(page.text:find("<dd>&#34;hunter2", 1, true))
        assert.is_true(has(page.text, "********"))
    end)

    it("shows the request and the session, its secrets masked", function()
        local app = failing_app()
        app:get("/login", function() flask.session.user_id = "u-77" return "ok" end)
        local client = app:test_client()
        client:get("/login")
        local page = page_of(client, "/?q=cheese&access_token=t0ken", {headers = {Authorization = "Bearer abc",
                                                               ["X-Kind"] = "green"}})
        assert.is_true(has(page.text, "cheese"))
        assert.is_true(has(page.text, "green"))
        assert.is_true(has(page.text, "u-77"))
        assert.falsy(page.text:find("Bearer abc", 1, true))
        assert.falsy(page.text:find("t0ken", 1, true))
        assert.falsy(page.text:find("session=", 1, true))
        local r = client:post("/", {form = {colour = "red", password = "pw-1"}})
        assert.is_true(has(r.text, "red"))
        assert.falsy(r.text:find("pw-1", 1, true))
    end)

    it("has the traceback as text", function()
        local page = page_of(failing_app():test_client())
        local text = page.text:match("<textarea id=\"text\".->(.-)</textarea>")
        assert.truthy(text:find("stack traceback:", 1, true))
        assert.truthy(text:find("debugger_spec.lua:", 1, true))
    end)

    it("asks for nothing from elsewhere", function()
        local app = failing_app()
        local page = page_of(app:test_client())
        assert.falsy(page.text:find('[hs][rR][eEcC]f?="https?:'))
        local r = app:test_client():get("/")
        assert.truthy(r.headers["Content-Security-Policy"]:find("default-src 'none'", 1, true))
        for _, name in ipairs{"debugger.css", "debugger.js"} do
            r = app:test_client():get("/__cflask__/debugger/" .. name)
            assert.equal(200, r.status_code)
            assert.falsy(r.text:find("https?://"))
        end
    end)

    it("escapes what the error and the request say", function()
        local app = debug_app()
        app:get("/", function() local x = request.args.x error("<script>alert(1)</script>" .. x) end)
        local page = page_of(app:test_client(), "/?x=<img/src=x>")
        assert.falsy(page.text:find("<script>alert", 1, true))
        assert.falsy(page.text:find("<img/src", 1, true))
    end)

    it("is there for errors of hooks, error handlers and answers that are none", function()
        local app = debug_app()
        app:before_request(function() if request.path == "/hook" then error("in a hook") end end)
        app:errorhandler(404, function() error("in a handler") end)
        app:get("/nothing", function() end)
        local client = app:test_client()
        assert.is_true(has(page_of(client, "/hook").text, "in a hook"))
        assert.is_true(has(page_of(client, "/gone").text, "in a handler"))
        assert.is_true(has(page_of(client, "/nothing").text, "the view (it has returned)"))
    end)

    it("names the class of an error and calls its __tostring alone", function()
        local app = debug_app()
        local OutOfTea = flask.Class("OutOfTea")
        app:get("/class", function() error(OutOfTea{message = "no more"}) end)
        app:get("/broken", function()
            error(setmetatable({}, {__tostring = function() error("no text") end}))
        end)
        local client = app:test_client()
        local text = plain(page_of(client, "/class").text)
        assert.truthy(text:find("OutOfTea", 1, true) and text:find("no more", 1, true))
        assert.equal(500, client:get("/broken").status_code)
    end)

    it("tells what a trapped HTTP error would be elsewhere", function()
        local app = debug_app()
        app:get("/", function() return request.args:require("q") end)
        assert.is_true(has(page_of(app:test_client()).text,
                           "Outside of debug mode this is answered with 400 Bad Request."))
    end)

    in_the_innermost_frame("shows an endless recursion without going through all of it", function()
        local app = debug_app()
        app:get("/", function()
            local function deeper(n) return 1 + deeper(n + 1) end
            return tostring(deeper(1))
        end)
        -- Lua's collector may call finalizers on the overflown stack, where they fail: what they
        -- would free is lost.
        collectgarbage("stop")
        local page = page_of(app:test_client())
        collectgarbage("restart")
        assert.is_true(has(page.text, "stack overflow"))
        assert.is_true(has(page.text, "more frames lie between"))
    end)

    it("is JSON for clients that prefer it", function()
        local r = failing_app():test_client():get("/", {headers = {Accept = "application/json"}})
        assert.equal(500, r.status_code)
        assert.truthy(r.json.error.message:find("attempt to index", 1, true))
        assert.equal("price_of", r.json.traceback[1].name)
        assert.truthy(r.json.traceback[1].file:find("debugger_spec.lua", 1, true))
        assert.equal("number", type(r.json.traceback[1].line))
    end)

    it("does not stand in the way of HTTP errors and their handlers", function()
        local app = debug_app()
        local Own = flask.Class("Own")
        app:get("/own", function() error(Own("x")) end)
        app:errorhandler(Own, function() return "handled", 418 end)
        assert.equal(418, app:test_client():get("/own").status_code)
        app = debug_app()
        app:get("/", function() flask.abort(404) end)
        local r = app:test_client():get("/")
        assert.equal(404, r.status_code)
        assert.falsy(r.text:find("data-secret", 1, true))
    end)

    it("closes the variables that were to be closed, at once", function()
        if not coroutine.close then
            return
        end
        local app, closed = debug_app(), 0
        local closable = setmetatable({}, {__close = function() closed = closed + 1 end})
        local view = load([[
            local closable = ...
            return function()
                local kept <close> = closable
                local price = 7
                error("stop")
            end
        ]])(closable)
        app:get("/", view)
        local client = app:test_client()
        local page = page_of(client)
        assert.equal(1, closed)
        unlock(client, page)
        assert.equal("7", (evaluate(client, page, "price")))
        evaluate(client, page, "price = 8")
        assert.equal("8", (evaluate(client, page, "price")))
    end)
end)

describe("The frames of an error that is raised on", function()
    -- The names of the frames of the app's functions that the page would show, the innermost first.
    local function names_of(app)
        local r = app:test_client():get("/", {headers = {Accept = "application/json"}})
        assert.equal(500, r.status_code)
        local names = {}
        for _, frame in ipairs(r.json.traceback) do
            if frame.kind == "lua" and frame.file:find("debugger_spec.lua", 1, true) then
                table.insert(names, frame.name)
            end
        end
        return names, r.json
    end

    -- An app whose view is `fn(innermost)`, where innermost() fails.
    local function app_with(fn)
        local app = debug_app()
        app:get("/", function()
            local function innermost()
                local price = 7
                error("stop")
                return price
            end
            fn(innermost)
            return "never"
        end)
        return app
    end

    -- What fails when it is called with a function that fails.
    local function middle(innermost)
        innermost()
        return 1
    end

    local function through_wrap(innermost)
        coroutine.wrap(function() middle(innermost) end)()
        return 1
    end

    it("begin in the coroutine of coroutine.wrap", function()
        local names = names_of(app_with(through_wrap))
        assert.same({"innermost", "middle"}, {names[1], names[2]})
        assert.equal("the view", names[#names])
    end)

    it("begin in a coroutine whose resumer raises the error again, with or without a place", function()
        for _, level in ipairs{0, 1, 2} do
            local names, json = names_of(app_with(function(innermost)
                local co = coroutine.create(middle)
                local is_fine, raised = coroutine.resume(co, innermost)
                if not is_fine then
                    error(raised, level)
                end
            end))
            assert.equal("innermost", names[1])
            assert.equal("the view", names[#names])
            assert.truthy(json.error.message:find("stop", 1, true))
        end
    end)

    it("begin in the innermost of several coroutines", function()
        local names = names_of(app_with(function(innermost)
            coroutine.wrap(function()
                flask.sleep(0)
                through_wrap(innermost)
                return 1
            end)()
        end))
        local times = 0
        for _, name in ipairs(names) do
            times = times + (name == "innermost" and 1 or 0)
        end
        assert.equal("innermost", names[1])
        assert.equal(1, times)
    end)

    it("begin in the functions of flask.gather and flask.timeout", function()
        for _, wait in ipairs{function(fn) flask.gather{fn, function() flask.sleep(1) end} end,
                              function(fn) flask.timeout(1, fn) end} do
            local names = names_of(app_with(function(innermost)
                wait(function()
                    flask.sleep(0)
                    middle(innermost)
                    return 1
                end)
            end))
            assert.equal("innermost", names[1])
            assert.equal("middle", names[2])
            assert.equal("the view", names[#names])
        end
    end)

    it("have their variables at a prompt", function()
        local client = app_with(through_wrap):test_client()
        local page = page_of(client)
        unlock(client, page)
        assert.equal("7", (evaluate(client, page, "price")))
        evaluate(client, page, "price = 8")
        assert.equal("8", (evaluate(client, page, "price")))
    end)

    it("are not those of an earlier error with the same text", function()
        local names = names_of(app_with(function(innermost)
            for _ = 1, 2 do
                pcall(through_wrap, innermost)
            end
            innermost()
        end))
        local times = 0
        for _, name in ipairs(names) do
            times = times + (name == "innermost" and 1 or 0)
        end
        assert.equal(1, times)
        assert.equal("the view", names[#names])
    end)

    it("are not taken where the app deals with the error, and not without debug mode", function()
        local app = app_with(function(innermost)
            assert(not pcall(through_wrap, innermost))
            error("another")
        end)
        local names = names_of(app)
        assert.is_true(names[1] ~= "innermost")
        app = app_with(through_wrap)
        app.debug = false
        local r = app:test_client():get("/", {headers = {Accept = "application/json"}})
        assert.equal(500, r.status_code)
        assert.is_nil(r.json.traceback)
    end)

    it("leave coroutines as they are: variables of a wrapped one are closed at once", function()
        if not coroutine.close then
            return
        end
        local closed = 0
        local closable = setmetatable({}, {__close = function() closed = closed + 1 end})
        local body = load("local closable, fail = ... local kept <close> = closable fail() return 1")
        local seen
        local names = names_of(app_with(function(innermost)
            local is_fine, raised = pcall(coroutine.wrap(body), closable, innermost)
            seen = closed
            assert(not is_fine)
            error(raised, 0)
        end))
        assert.equal(1, seen)
        assert.equal("fail", names[1])
    end)

    local has_sqlite, sqlite = pcall(require, "cflask.sqlite")
    local with_sqlite = has_sqlite and it or pending

    with_sqlite("begin in the function of a transaction, and of one within it", function()
        local db = sqlite.open(":memory:")
        db:exec("CREATE TABLE item (name TEXT)")
        local names = names_of(app_with(function(innermost)
            db:transaction(function()
                db:exec("INSERT INTO item VALUES ('tea')")
                flask.sleep(0)
                db:transaction(function()
                    middle(innermost)
                    return 1
                end)
                return 1
            end)
            return 1
        end))
        assert.same({"innermost", "middle"}, {names[1], names[2]})
        assert.equal("the view", names[#names])
        local times = 0
        for _, name in ipairs(names) do
            times = times + (name == "the view" and 1 or 0)
        end
        assert.equal(1, times)
        assert.equal(0, db:one("SELECT count(*) AS n FROM item").n)
        db:close()
    end)

    with_sqlite("don't stand in the way of an overflown stack's error in a transaction", function()
        local db = sqlite.open(":memory:")
        local app = app_with(function()
            local function deeper(n) return 1 + deeper(n + 1) end
            db:transaction(function() return deeper(1) end)
        end)
        app.config.HANDLER_CPU_LIMIT = false -- to look through so deep a stack takes long
        collectgarbage("stop") -- as above
        local _, json = names_of(app)
        collectgarbage("restart")
        assert.truthy(json.error.message:find("stack overflow", 1, true))
        assert.equal(0, #db:query("SELECT 1 WHERE 0"))
        db:close()
    end)
end)

describe("Template frames", function()
    local function template_app()
        local app = debug_app()
        app.jinja_loader = {
            ["layout.html"] = "<body>\n{% block body %}{% endblock %}\n</body>",
            ["page.html"] = '{% extends "layout.html" %}\n{% block body %}\n'
                .. '{% include "item.html" %}\n{% endblock %}',
            ["item.html"] = "<p>\n{{ price(user) }}\n</p>",
            ["bad.html"] = "fine\n{% if %}",
        }
        app:get("/", function()
            return flask.render_template("page.html", {user = {name = "Ada"}, price = function(user)
                return user.cents + 1
            end})
        end)
        app:get("/bad", function() return flask.render_template("bad.html") end)
        return app
    end

    it("stand between those of Lua: the include, the block, the parent", function()
        local r = template_app():test_client():get("/", {headers = {Accept = "application/json"}})
        local seen = {}
        for _, frame in ipairs(r.json.traceback) do
            if frame.kind == "template" then
                table.insert(seen, frame.name .. ":" .. frame.line)
            end
        end
        assert.same({"item.html:2", "page.html:3", "layout.html:2"}, seen)
        assert.equal("lua", r.json.traceback[1].kind)
        assert.truthy(r.json.traceback[1].name:find("^function at line %d+$"))
        assert.equal("the view (it has returned)", r.json.traceback[#r.json.traceback].name)
    end)

    it("have their source, and a prompt that sees what the template was given", function()
        local client = template_app():test_client()
        local page = page_of(client)
        assert.is_true(has(page.text, "{{ price(user) }}"))
        unlock(client, page)
        assert.equal('{name = "Ada"}', (evaluate(client, page, "user", 2)))
    end)

    it("name the line of a template that can't be read", function()
        local r = template_app():test_client():get("/bad", {headers = {Accept = "application/json"}})
        assert.equal("bad.html", r.json.traceback[1].name)
        assert.equal(2, r.json.traceback[1].line)
    end)
end)

describe("A prompt in a frame", function()
    local client, page

    before_each(function()
        client = failing_app():test_client()
        page = page_of(client, "/?q=cheese")
        unlock(client, page)
    end)

    in_the_innermost_frame("reads locals, upvalues and globals", function()
        assert.equal('{name = "tea"}', (evaluate(client, page, "item")))
        assert.equal("2", (evaluate(client, page, "rate")))
        assert.equal("3", (evaluate(client, page, "#('abc')")))
        assert.equal('"TEA"', (evaluate(client, page, "string.upper(name)")))
        assert.equal('{{name = "tea"}, self = <cycle>}', (evaluate(client, page, "cart", 2)))
    end)

    in_the_innermost_frame("assigns locals and upvalues, and tells what they are now", function()
        local output, answer = evaluate(client, page, "name = 'cake'")
        assert.equal("", output)
        assert.equal('"cake"', answer.locals.name)
        assert.equal('"cake"', (evaluate(client, page, "name")))
        evaluate(client, page, "rate = 5")
        assert.equal("5", (evaluate(client, page, "rate")))
    end)

    it("takes statements, prints, and remembers its own names and the last result", function()
        assert.equal("1\n2\n3", (evaluate(client, page, "for i = 1, 3 do print(i) end")))
        evaluate(client, page, "mine = 40 + 2")
        assert.equal("42", (evaluate(client, page, "mine")))
        assert.equal("43", (evaluate(client, page, "_ + 1")))
        assert.is_nil(rawget(_G, "mine"))
    end)

    it("shows errors and says when a statement is not whole", function()
        local output, answer = evaluate(client, page, "item.x.y")
        assert.is_true(answer.is_error)
        assert.truthy(output:find("attempt to index", 1, true))
        output, answer = evaluate(client, page, "x = = 1")
        assert.is_true(answer.is_error)
        assert.truthy(output:find("unexpected symbol", 1, true))
        answer = select(2, evaluate(client, page, "for i = 1, 3 do"))
        assert.is_true(answer.is_incomplete)
    end)

    it("sees the request that has failed, not its own", function()
        assert.equal('"cheese"', (evaluate(client, page, "require('cflask').request.args.q")))
        assert.equal('"/"', (evaluate(client, page, "require('cflask').request.path")))
    end)

    it("may wait", function()
        assert.equal("1", (evaluate(client, page, "require('cflask').sleep(0.01) or 1")))
    end)

    it("is about one frame", function()
        assert.equal("nil", (evaluate(client, page, "item", 2)))
        local r = post(client, "/evaluate", {id = page.id, secret = page.secret, frame = 99, code = "1"})
        assert.equal(400, r.status_code)
    end)
end)

describe("The debugger's guard", function()
    local app, client, page

    before_each(function()
        app = failing_app()
        client = app:test_client()
        page = page_of(client)
    end)

    local function try(options, code)
        return post(client, "/evaluate", {id = page.id, secret = page.secret, frame = 1,
                                          code = code or "1 + 1"}, options)
    end

    it("wants the PIN, once", function()
        assert.equal(401, try().status_code)
        local r = post(client, "/pin", {id = page.id, secret = page.secret, pin = "1"})
        assert.equal(403, r.status_code)
        assert.truthy(r.json.error:find("not the PIN", 1, true))
        assert.equal(401, try().status_code)
        r = unlock(client, page)
        local cookie = r.headers["Set-Cookie"]
        assert.truthy(cookie:find("HttpOnly", 1, true))
        assert.truthy(cookie:find("SameSite=Strict", 1, true))
        assert.truthy(cookie:find("Path=/__cflask__/debugger", 1, true))
        assert.equal(200, try().status_code)
        assert.equal(200, try().status_code)
    end)

    it("wants the page's own secret", function()
        unlock(client, page)
        page.secret = page.secret:reverse()
        assert.equal(403, try().status_code)
    end)

    it("answers nobody but this machine, whatever proxies say", function()
        unlock(client, page)
        local far = {remote_addr = "192.0.2.7"}
        assert.equal(403, try{environ = far}.status_code)
        assert.equal(403, try{environ = {remote_addr = "12.7.0.1"}}.status_code)
        assert.equal(200, try{environ = {remote_addr = "::1"}}.status_code)
        app.config.PROXY_FIX = 1
        assert.equal(403, try{environ = far, headers = {["X-Forwarded-For"] = "127.0.0.1"}}.status_code)
        assert.equal(403, try{headers = {["X-Forwarded-For"] = "127.0.0.1"}}.status_code)
        local r = client:get("/", {environ = far})
        assert.equal(500, r.status_code)
        assert.falsy(r.text:find("price_of", 1, true))
        assert.truthy(plain(r.text):find("this machine alone", 1, true))
        r = client:get("/", {environ = far, headers = {Accept = "application/json"}})
        assert.is_nil(r.json.traceback)
    end)

    it("answers to no other host's name, and no other site's page", function()
        unlock(client, page)
        assert.equal(403, try{headers = {Host = "evil.example"}}.status_code)
        assert.equal(403, try{headers = {Host = "127.0.0.1.evil.example:80"}}.status_code)
        assert.equal(403, try{headers = {Host = "localhost.evil.example"}}.status_code)
        assert.equal(200, try{headers = {Host = "localhost", Origin = "http://localhost"}}.status_code)
        assert.equal(403, try{headers = {Origin = "http://evil.example"}}.status_code)
        assert.equal(403, try{headers = {Origin = "http://localhost:99"}}.status_code)
        assert.equal(403, try{headers = {Origin = "null"}}.status_code)
        assert.equal(403, try{headers = {["Sec-Fetch-Site"] = "cross-site"}}.status_code)
        local r = client:get("/", {headers = {Host = "evil.example"}})
        assert.falsy(r.text:find("price_of", 1, true))
        r = client:get("/", {headers = {Origin = "http://evil.example"}})
        assert.falsy(r.text:find("price_of", 1, true))
    end)

    it("evaluates by POST alone, from JSON", function()
        unlock(client, page)
        assert.equal(405, client:get("/__cflask__/debugger/evaluate").status_code)
        local r = client:post("/__cflask__/debugger/evaluate", {form = {
            id = page.id, secret = page.secret, frame = "1", code = "1"}})
        assert.equal(410, r.status_code)
    end)

    it("is not there without debug mode", function()
        local production = flask.Flask("shop")
        production.config.PROPAGATE_EXCEPTIONS = false
        production:get("/", function() local hidden = 1 error("stop" .. hidden) end)
        local other = production:test_client()
        assert.equal(404, other:get("/__cflask__/debugger/debugger.js").status_code)
        assert.equal(404, other:post("/__cflask__/debugger/evaluate", {json = {}}).status_code)
        local r = other:get("/")
        assert.equal(500, r.status_code)
        assert.falsy(r.text:find("stop1", 1, true))
    end)

    it("keeps twenty failed requests: an older page says so", function()
        unlock(client, page)
        for _ = 1, 19 do
            client:get("/")
        end
        assert.equal(200, try().status_code)
        client:get("/")
        local r = try()
        assert.equal(410, r.status_code)
        assert.truthy(r.json.error:find("isn't kept any more", 1, true))
    end)
end)

describe("What the debugger keeps", function()
    it("is bounded: memory stays flat over 1,000 failed requests", function()
        local app = failing_app()
        local client = app:test_client()
        local function fill(n)
            for _ = 1, n do
                client:get("/")
            end
            collectgarbage()
            collectgarbage()
            return collectgarbage("count")
        end
        local before = fill(100)
        local after = fill(1000)
        assert.is_true(after < before * 1.1, ("%.0f kB, then %.0f kB"):format(before, after))
    end)
end)

describe("A value as the debugger writes it", function()
    local shown = require "cflask.shown"

    it("names cycles, and is cut where it is deep, long or wide", function()
        local t = {list = {}}
        t.list.top = t
        assert.equal("{list = {top = <cycle>}}", shown.value(t))
        assert.equal("{{{{{{...}}}}}}", shown.value{{{{{{{1}}}}}}})
        local wide = {}
        for i = 1, 10000 do
            wide[i] = ("x"):rep(100)
        end
        assert.truthy(shown.value(wide):find("... 9950 more\n}", 1, true))
        assert.truthy(#shown.value(wide, {items = 10000, total = 1000}) < 1300)
        assert.equal('"aaa"... (1000 bytes)', shown.value(("a"):rep(1000), {length = 3}))
    end)

    it("names __tostring, and never fails with it", function()
        local User = {__tostring = function(self) return "User " .. self.name end}
        assert.equal("{User Ada}", shown.value{setmetatable({name = "Ada"}, User)})
        assert.equal('User Ada (by its __tostring)\n{name = "Ada"}',
                     shown.value(setmetatable({name = "Ada"}, User)))
        local Bad = {__tostring = function() error("no") end, __len = function() error("no") end,
                     __index = function() error("no") end}
        assert.truthy(shown.value(setmetatable({}, Bad)):find("<table>", 1, true))
        assert.truthy(shown.value{[setmetatable({}, Bad)] = 1, [setmetatable({}, Bad)] = 2})
    end)

    it("hides what a name says is secret", function()
        assert.equal('{SECRET_KEY = ********, SECRET_KEY_FALLBACKS = ********, n_tokens = 3}',
                     shown.value{SECRET_KEY = "x", SECRET_KEY_FALLBACKS = {"y"}, n_tokens = 3})
        assert.equal("********", shown.variable("db_password", "x"))
    end)
end)
