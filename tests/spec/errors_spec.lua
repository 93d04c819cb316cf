local flask = require "cflask"
local NotFound = flask.exceptions.NotFound

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return raised
end

describe("flask.Class", function()
    local MyError = flask.Class("MyError", nil, {kind = 1})
    local Child = flask.Class("Child", MyError)

    it("makes errors with fields, defaults and a name", function()
        local err = MyError{message = "no tea", item = "tea"}
        assert.equal("no tea", err.message)
        assert.equal("tea", err.item)
        assert.equal(1, err.kind)
        assert.equal("MyError: no tea", tostring(err))
        assert.equal("MyError: no tea", tostring(MyError("no tea")))
        assert.equal("Child", tostring(Child()))
    end)

    it("is asked by flask.is", function()
        assert.is_true(flask.is(MyError(), MyError))
        assert.is_true(flask.is(Child(), MyError))
        assert.is_true(flask.is(Child(), flask.Error))
        assert.is_false(flask.is(MyError(), Child))
        for _, other in ipairs{"MyError", 3, {}, setmetatable({}, {}), print, false} do
            assert.is_false(flask.is(other, MyError))
        end
        assert.is_false(flask.is(nil, MyError))
    end)

    it("can have methods", function()
        function MyError:explain()
            return "because " .. self.message
        end
        assert.equal("because of rain", Child("of rain"):explain())
    end)

    it("names what is wrong with its arguments", function()
        assert.truthy(failure(flask.Class, 3):find("the name of a class", 1, true))
        assert.truthy(failure(flask.Class, "X", {}):find("must be a class", 1, true))
        assert.truthy(failure(flask.is, 3, "X"):find("flask.is needs a class", 1, true))
    end)
end)

describe("HTTP errors", function()
    it("have a code, a name and a description", function()
        local err = NotFound()
        assert.equal(404, err.code)
        assert.equal("Not Found", err.name)
        assert.is_string(err.description)
        assert.equal("404 Not Found: no tea", tostring(NotFound("no tea")))
    end)

    it("are children of HTTPException and Error", function()
        assert.is_true(flask.is(NotFound(), flask.HTTPException))
        assert.is_true(flask.is(NotFound(), flask.Error))
        assert.is_true(flask.is(flask.exceptions.BadRequestKeyError(),
                                flask.exceptions.BadRequest))
    end)

    it("exist for each status", function()
        for name, code in pairs{
            BadRequest = 400, Unauthorized = 401, Forbidden = 403, MethodNotAllowed = 405,
            Conflict = 409, Gone = 410, RequestEntityTooLarge = 413, ImATeapot = 418,
            UnprocessableEntity = 422, TooManyRequests = 429, InternalServerError = 500,
            ServiceUnavailable = 503,
        } do
            assert.equal(code, flask.exceptions[name]().code)
        end
    end)

    it("can be one's own", function()
        local Paused = flask.Class("Paused", flask.HTTPException,
                                   {code = 503, description = "We are having tea."})
        local app = flask.Flask("shop")
        app:get("/", function() error(Paused()) end)
        local r = app:test_client():get("/")
        assert.equal(503, r.status_code)
        assert.truthy(r.text:find("We are having tea.", 1, true))
    end)

    it("may be returned by a view", function()
        local app = flask.Flask("shop")
        app:errorhandler(404, function() return "handled" end)
        app:get("/", function() return NotFound("no tea") end)
        local r = app:test_client():get("/")
        assert.equal(404, r.status_code)
        assert.truthy(r.text:find("no tea", 1, true))
    end)

    it("have a response that may be changed and returned", function()
        local app = flask.Flask("shop")
        app:errorhandler(404, function(err)
            local response = err.response
            response.headers["X-Code"] = err.code
            return response
        end)
        local r = app:test_client():get("/nowhere")
        assert.equal(404, r.status_code)
        assert.equal("404", r.headers["X-Code"])
    end)
end)

describe("flask.abort", function()
    local app = flask.Flask("shop")
    app:get("/teapot", function() flask.abort(418, "short and stout", {["X-Tea"] = "green"}) end)
    app:get("/response", function() flask.abort(flask.Response("mine", {status = 499})) end)
    app:get("/caught", function()
        local is_fine, err = pcall(flask.abort, 403)
        return is_fine and "" or tostring(err.code)
    end)
    local client = app:test_client()

    it("raises an HTTP error with description and headers", function()
        local r = client:get("/teapot")
        assert.equal(418, r.status_code)
        assert.truthy(r.text:find("short and stout", 1, true))
        assert.equal("green", r.headers["X-Tea"])
    end)

    it("takes a response", function()
        local r = client:get("/response")
        assert.equal(499, r.status_code)
        assert.equal("mine", r.text)
    end)

    it("is caught by a pcall around it", function()
        assert.equal("403", client:get("/caught").text)
    end)

    it("refuses what is no error's code", function()
        for _, what in ipairs{200, 302, 999, "404", {}} do
            assert.truthy(tostring(failure(flask.abort, what)):find("abort", 1, true))
        end
    end)
end)

describe("errorhandler", function()
    local app

    local function get(path)
        return app:test_client():get(path or "/")
    end

    before_each(function()
        app = flask.Flask("shop")
    end)

    it("answers for a code; its return value is the answer, status not implied", function()
        app:errorhandler(404, function(err) return "gone: " .. err.name end)
        local r = get("/nowhere")
        assert.equal("gone: Not Found", r.text)
        assert.equal(200, r.status_code)
    end)

    it("may return body, status and headers", function()
        app:errorhandler(404, function(err) return {error = err.name}, err.code, {X = 1} end)
        local r = get("/nowhere")
        assert.equal(404, r.status_code)
        assert.equal("Not Found", r.json.error)
        assert.equal("1", r.headers.X)
    end)

    it("answers for a class and its children, the nearest class first", function()
        local Parent = flask.Class("Parent")
        local Child = flask.Class("Child", Parent)
        local Grandchild = flask.Class("Grandchild", Child)
        app:errorhandler(flask.Error, function() return "error" end)
        app:errorhandler(Parent, function() return "parent" end)
        app:errorhandler(Child, function() return "child" end)
        app:get("/grandchild", function() error(Grandchild()) end)
        app:get("/parent", function() error(Parent()) end)
        app:get("/text", function() error("some text") end)
        assert.equal("child", get("/grandchild").text)
        assert.equal("parent", get("/parent").text)
        assert.equal("error", get("/text").text)
    end)

    it("for a code comes before one for a class", function()
        app:errorhandler(flask.HTTPException, function() return "class" end)
        app:errorhandler(404, function() return "code" end)
        app:get("/forbidden", function() flask.abort(403) end)
        assert.equal("code", get("/nowhere").text)
        assert.equal("class", get("/forbidden").text)
    end)

    it("of a blueprint comes before the app's, but after it for a code", function()
        local bp = flask.Blueprint("bp", {url_prefix = "/bp"})
        bp:errorhandler(403, function() return "blueprint 403" end)
        bp:errorhandler(flask.HTTPException, function() return "blueprint class" end)
        bp:get("/403", function() flask.abort(403) end)
        bp:get("/404", function() flask.abort(404) end)
        bp:get("/409", function() flask.abort(409) end)
        app:errorhandler(403, function() return "app 403" end)
        app:errorhandler(404, function() return "app 404" end)
        app:register_blueprint(bp)
        assert.equal("blueprint 403", get("/bp/403").text)
        assert.equal("app 404", get("/bp/404").text)
        assert.equal("blueprint class", get("/bp/409").text)
    end)

    it("of a blueprint never gets the routing's own errors", function()
        local bp = flask.Blueprint("bp", {url_prefix = "/bp"})
        bp:errorhandler(404, function() return "blueprint" end)
        bp:get("/", function() return "" end)
        app:register_blueprint(bp)
        assert.equal(404, get("/bp/nowhere").status_code)
    end)

    it("of an inner blueprint comes before the outer one's", function()
        local outer, inner = flask.Blueprint("outer"), flask.Blueprint("inner")
        outer:errorhandler(403, function() return "outer" end)
        inner:errorhandler(409, function() return "inner" end)
        outer:errorhandler(409, function() return "outer" end)
        inner:get("/403", function() flask.abort(403) end)
        inner:get("/409", function() flask.abort(409) end)
        outer:register_blueprint(inner)
        app:register_blueprint(outer)
        assert.equal("outer", get("/403").text)
        assert.equal("inner", get("/409").text)
    end)

    it("for flask.Error gets other values as an Error", function()
        local seen
        app:errorhandler(flask.Error, function(err) seen = err; return "" end)
        app:get("/", function() error({code = "x"}) end)
        get()
        assert.is_true(flask.is(seen, flask.Error))
        assert.equal("x", seen.value.code)
        assert.is_string(seen.message)
        assert.is_string(seen.traceback)
    end)

    it("for 500 gets the original and the traceback", function()
        local seen
        app:errorhandler(500, function(err) seen = err; return "sorry", 500 end)
        app:get("/", function() error("broken", 0) end)
        local r = get()
        assert.equal(500, r.status_code)
        assert.equal("sorry", r.text)
        assert.equal("broken", seen.original)
        assert.truthy(seen.traceback:find("errors_spec.lua", 1, true))
        assert.equal(500, seen.code)
    end)

    it("that fails itself ends in the handler of 500", function()
        app:errorhandler(404, function() error("broken handler", 0) end)
        app:errorhandler(500, function(err) return "500: " .. tostring(err.original), 500 end)
        assert.equal("500: broken handler", get("/nowhere").text)
    end)

    it("of 500 that fails ends in the plain page", function()
        app:errorhandler(500, function() error("broken too", 0) end)
        app:get("/", function() error("broken", 0) end)
        local r = get()
        assert.equal(500, r.status_code)
        assert.is_nil(r.text:find("broken", 1, true))
    end)

    it("answers for a child of an HTTP error with the code", function()
        local Paused = flask.Class("Paused", flask.HTTPException, {code = 503})
        app:errorhandler(503, function(err) return tostring(err.code) end)
        app:get("/", function() error(Paused()) end)
        assert.equal("503", get().text)
    end)

    it("refuses what is neither a code nor a class", function()
        for _, what in ipairs{200, 404.5, "404", {}} do
            assert.truthy(failure(app.errorhandler, app, what, function() end)
                :find("errorhandler", 1, true))
        end
    end)
end)

describe("an error that nobody handles", function()
    it("is a page without the traceback", function()
        local app = flask.Flask("shop")
        app:get("/", function() error("secret detail") end)
        local r = app:test_client():get("/")
        assert.equal(500, r.status_code)
        assert.is_nil(r.text:find("secret detail", 1, true))
    end)

    it("is JSON for clients that prefer it", function()
        local app = flask.Flask("shop")
        local r = app:test_client():get("/nowhere", {headers = {Accept = "application/json"}})
        assert.equal("application/json", r.mimetype)
        assert.equal(404, r.json.code)
        assert.equal("Not Found", r.json.name)
    end)

    it("shows its traceback in debug mode alone", function()
        local app = flask.Flask("shop")
        app.debug = true
        app:get("/", function() error("secret <detail>") end)
        local r = app:test_client():get("/")
        assert.equal(500, r.status_code)
        assert.truthy(r.text:find("secret &lt;detail&gt;", 1, true))
        assert.truthy(r.text:find("errors_spec.lua", 1, true))
        r = app:test_client():get("/", {headers = {Accept = "application/json"}})
        assert.equal(500, r.json.code)
        assert.truthy(r.json.description:find("secret <detail>", 1, true))
    end)

    it("is raised in the test with TESTING", function()
        local app = flask.Flask("shop")
        app.testing = true
        local MyError = flask.Class("MyError")
        app:get("/text", function() error("broken", 0) end)
        app:get("/class", function() error(MyError("x")) end)
        local client = app:test_client()
        assert.equal("broken", failure(client.get, client, "/text"))
        assert.is_true(flask.is(failure(client.get, client, "/class"), MyError))
    end)

    it("is a page all the same with PROPAGATE_EXCEPTIONS off", function()
        local app = flask.Flask("shop")
        app.testing = true
        app.config.PROPAGATE_EXCEPTIONS = false
        app:get("/", function() error("broken") end)
        assert.equal(500, app:test_client():get("/").status_code)
    end)
end)

describe("TRAP_HTTP_EXCEPTIONS", function()
    it("treats HTTP errors as any other error", function()
        local app = flask.Flask("shop")
        app.testing = true
        app.config.TRAP_HTTP_EXCEPTIONS = true
        app:get("/", function() flask.abort(404) end)
        local client = app:test_client()
        assert.is_true(flask.is(failure(client.get, client, "/"), NotFound))
    end)
end)

describe("the request", function()
    it("that lacks a key is 400 naming it", function()
        local app = flask.Flask("shop")
        app:get("/", function() return flask.request.args:require("page") end)
        local r = app:test_client():get("/")
        assert.equal(400, r.status_code)
        assert.truthy(r.text:find("page", 1, true))
        assert.equal("3", app:test_client():get("/?page=3").text)
    end)
end)
