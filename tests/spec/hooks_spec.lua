local flask = require "cflask"

-- An app that tests itself, with a list of what has happened.
local function new_app()
    local app = flask.Flask("shop")
    app.config.TESTING = true
    local seen = {}
    local function note(text)
        return function() table.insert(seen, text) end
    end
    return app, seen, note
end

describe("hooks", function()
    it("run in order going in, and backwards going out", function()
        local app, seen, note = new_app()
        app:before_request(note("before 1"))
        app:before_request(note("before 2"))
        app:after_request(note("after 1"))
        app:after_request(note("after 2"))
        app:teardown_request(note("teardown 1"))
        app:teardown_request(note("teardown 2"))
        app:teardown_appcontext(note("context 1"))
        app:teardown_appcontext(note("context 2"))
        app:get("/", function() table.insert(seen, "view"); return "" end)
        app:test_client():get("/")
        assert.same({"before 1", "before 2", "view", "after 2", "after 1", "teardown 2",
                     "teardown 1", "context 2", "context 1"}, seen)
    end)

    it("of an app stand around those of its blueprints", function()
        local app, seen, note = new_app()
        local outer, inner = flask.Blueprint("outer"), flask.Blueprint("inner")
        for name, thing in pairs{app = app, outer = outer, inner = inner} do
            thing:before_request(note("before " .. name))
            thing:after_request(note("after " .. name))
            thing:teardown_request(note("teardown " .. name))
        end
        inner:get("/", function() return "" end)
        outer:register_blueprint(inner)
        app:register_blueprint(outer)
        app:test_client():get("/")
        assert.same({"before app", "before outer", "before inner", "after inner",
                     "after outer", "after app", "teardown inner", "teardown outer",
                     "teardown app"}, seen)
    end)

    it("of a blueprint leave the app's own routes alone", function()
        local app, seen, note = new_app()
        local bp = flask.Blueprint("bp", {url_prefix = "/bp"})
        bp:before_request(note("bp"))
        bp:get("/", function() return "" end)
        app:register_blueprint(bp)
        app:get("/", function() return "" end)
        app:test_client():get("/")
        assert.same({}, seen)
        app:test_client():get("/bp/")
        assert.same({"bp"}, seen)
    end)
end)

describe("before_request", function()
    it("may answer, so that the view is not called", function()
        local app = new_app()
        app:before_request(function() return {error = "closed"}, 503, {["Retry-After"] = 60} end)
        app:get("/", function() return "view" end)
        local r = app:test_client():get("/")
        assert.equal(503, r.status_code)
        assert.equal("closed", r.json.error)
        assert.equal("60", r.headers["Retry-After"])
    end)

    it("runs for requests that match no rule", function()
        local app, seen, note = new_app()
        app:before_request(note("before"))
        app:test_client():get("/nowhere")
        assert.same({"before"}, seen)
    end)
end)

describe("after_request", function()
    it("gets the response and may change it", function()
        local app = new_app()
        app:after_request(function(response)
            response.headers["X-Seen"] = response.status_code
        end)
        app:get("/", function() return "x", 201 end)
        assert.equal("201", app:test_client():get("/").headers["X-Seen"])
    end)

    it("may return another response", function()
        local app = new_app()
        app:after_request(function(response)
            return flask.Response(response:get_data() .. "!", {status = 202})
        end)
        app:get("/", function() return "x" end)
        local r = app:test_client():get("/")
        assert.equal("x!", r.text)
        assert.equal(202, r.status_code)
    end)

    it("runs on errors too", function()
        local app = new_app()
        app:after_request(function(response) response.headers["X-Seen"] = "yes" end)
        assert.equal("yes", app:test_client():get("/nowhere").headers["X-Seen"])
    end)

    it("for this request alone comes before the others", function()
        local app, seen, note = new_app()
        app:after_request(note("app"))
        app:get("/", function()
            flask.after_this_request(note("this 1"))
            flask.after_this_request(note("this 2"))
            return ""
        end)
        app:get("/other", function() return "" end)
        app:test_client():get("/")
        assert.same({"this 1", "this 2", "app"}, seen)
        app:test_client():get("/other")
        assert.same({"this 1", "this 2", "app", "app"}, seen)
    end)
end)

describe("teardown_request", function()
    it("gets the error that nobody handled, and nil otherwise", function()
        local app = flask.Flask("shop")
        local errors = {}
        app:teardown_request(function(err) table.insert(errors, err == nil and "none" or err) end)
        app:get("/fine", function() return "" end)
        app:get("/broken", function() error("broken", 0) end)
        app:get("/handled", function() error("handled", 0) end)
        app:before_request(function()
            if flask.request.path == "/missing" then
                flask.abort(404)
            end
        end)
        local client = app:test_client()
        client:get("/fine")
        client:get("/broken")
        client:get("/missing")
        assert.same({"none", "broken", "none"}, errors)
    end)

    it("runs all its functions even when one fails", function()
        local app, seen, note = new_app()
        app.config.TESTING = false
        app:teardown_request(note("first"))
        app:teardown_request(function() error("broken teardown") end)
        app:get("/", function() return "fine" end)
        assert.equal("fine", app:test_client():get("/").text)
        assert.same({"first"}, seen)
    end)
end)

describe("url_value_preprocessor and url_defaults", function()
    it("take values out of URLs and put them back", function()
        local app = new_app()
        app:url_value_preprocessor(function(_, values)
            flask.g.lang = values and values.lang
            if values then
                values.lang = nil
            end
        end)
        app:url_defaults(function(_, values)
            if values.lang == nil then
                values.lang = flask.g.lang
            end
        end)
        app:get("/<lang>/page/<int:id>", "page", function(id)
            return ("%s %d %s"):format(flask.g.lang, id, flask.url_for("page", {id = id + 1}))
        end)
        assert.equal("de 3 /de/page/4", app:test_client():get("/de/page/3").text)
    end)
end)

describe("misuse of hooks", function()
    it("is an error at the caller's line", function()
        local app = flask.Flask("shop")
        local is_fine, message = pcall(function() app:before_request("x") end)
        assert.is_false(is_fine)
        assert.truthy(message:find("hooks_spec.lua:", 1, true))
        assert.truthy(message:find("before_request must be a function", 1, true))
    end)
end)
