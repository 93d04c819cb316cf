local flask = require "cflask"
local url_for = flask.url_for

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return raised
end

describe("flask.url_for in a request", function()
    local app

    -- The URL as built in a request for /here.
    local function url(endpoint, values, options)
        return app:test_request_context("/here", options or {}, function()
            return url_for(endpoint, values)
        end)
    end

    before_each(function()
        app = flask.Flask("shop")
        app:get("/", "index", function() return "" end)
        app:get("/users/<name>", "user", function() return "" end)
        app:get("/files/<path:name>", "file", function() return "" end)
        app:route("/posts/<int:id>", {endpoint = "post", methods = {"GET"}},
                  function() return "" end)
    end)

    it("puts values into the rule, encoded", function()
        assert.equal("/users/ann", url("user", {name = "ann"}))
        assert.equal("/users/ann%20lee", url("user", {name = "ann lee"}))
        assert.equal("/users/a/b%3F", url("user", {name = "a/b?"}))
        assert.equal("/files/a/b%20c", url("file", {name = "a/b c"}))
        assert.equal("/users/%C3%A4", url("user", {name = "ä"}))
    end)

    it("puts the other values into the query, sorted", function()
        assert.equal("/?a=1&b=x+y", url("index", {b = "x y", a = 1}))
        assert.equal("/?a=1&a=2", url("index", {a = {1, 2}}))
        assert.equal("/?on=True", url("index", {on = true}))
        assert.equal("/?a=1", url("index", {a = 1, b = flask.null}))
        assert.equal("/?q=%26%3D", url("index", {q = "&="}))
    end)

    it("takes _anchor, _external and _scheme", function()
        assert.equal("/#top", url("index", {_anchor = "top"}))
        assert.equal("/#x%20y", url("index", {_anchor = "x y"}))
        assert.equal("http://localhost/", url("index", {_external = true}))
        assert.equal("https://localhost/", url("index", {_scheme = "https"}))
        assert.equal("https://a.test:81/", url("index", {_external = true},
                                               {base_url = "https://a.test:81"}))
    end)

    it("takes _method", function()
        local function view() return "" end
        app:route("/a/<x>", {endpoint = "both", methods = {"POST"}}, view)
        app:route("/b/<x>", {endpoint = "both", methods = {"GET"}}, view)
        assert.equal("/a/1", url("both", {x = 1, _method = "POST"}))
        assert.equal("/b/1", url("both", {x = 1, _method = "GET"}))
    end)

    it("takes a view in place of the endpoint", function()
        local view = app:get("/by-view/<x>", function() return "" end)
        assert.equal("/by-view/3", url(view, {x = 3}))
        assert.truthy(failure(url, print):find("is no view", 1, true))
    end)

    it("knows the static files", function()
        assert.equal("/static/css/a.css", url("static", {filename = "css/a.css"}))
    end)

    it("raises BuildError for what can't be built", function()
        local err = failure(url, "usr", {name = "x"})
        assert.is_true(flask.is(err, flask.BuildError))
        assert.equal("usr", err.endpoint)
        assert.equal("x", err.values.name)
        assert.equal("user", err.suggested)
        assert.is_true(flask.is(failure(url, "user"), flask.BuildError))
    end)

    it("asks the url_build_error_handlers", function()
        local seen
        app:url_build_error_handler(function() return nil end)
        app:url_build_error_handler(function(err, endpoint, values)
            seen = {err = err, x = values.x, external = values._external}
            return endpoint == "outside" and "http://outside.test/" or nil
        end)
        assert.equal("http://outside.test/", url("outside", {x = 1, _external = true}))
        assert.is_true(flask.is(seen.err, flask.BuildError))
        assert.equal(1, seen.x)
        assert.is_true(seen.external)
        assert.is_true(flask.is(failure(url, "other"), flask.BuildError))
    end)

    it("names what is wrong with its arguments", function()
        assert.truthy(failure(url, 3):find("needs an endpoint or a view", 1, true))
        assert.truthy(failure(url, "index", "x"):find("the values must be a table", 1, true))
        assert.truthy(failure(url, "index", {_scheme = "https", _external = false})
            :find("_scheme", 1, true))
    end)

    it("leaves the caller's table alone", function()
        local values = {name = "ann", _anchor = "x"}
        app:url_defaults(function(_, given) given.lang = "de" end)
        assert.equal("/users/ann?lang=de#x", url("user", values))
        assert.same({name = "ann", _anchor = "x"}, values)
    end)
end)

describe("flask.url_for outside of a request", function()
    it("is absolute, from the config", function()
        local app = flask.Flask("shop")
        app:get("/users/<name>", "user", function() return "" end)
        app.config.SERVER_NAME = "shop.test"
        app.config.APPLICATION_ROOT = "/app"
        app.config.PREFERRED_URL_SCHEME = "https"
        app:app_context(function()
            assert.equal("https://shop.test/app/users/ann", url_for("user", {name = "ann"}))
            assert.equal("/app/users/ann", url_for("user", {name = "ann", _external = false}))
        end)
    end)

    it("says what it needs", function()
        local app = flask.Flask("shop")
        app:get("/", "index", function() return "" end)
        app:app_context(function()
            assert.truthy(failure(url_for, "index"):find("SERVER_NAME", 1, true))
            assert.equal("/", url_for("index", {_external = false}))
        end)
        assert.truthy(failure(url_for, "index"):find("no current app", 1, true))
        assert.equal("/", app:url_for("index", {_external = false}))
    end)
end)
