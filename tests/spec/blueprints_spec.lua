local flask = require "cflask"

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return tostring(raised)
end

-- A view that tells its endpoint and blueprint.
local function tell()
    return flask.request.endpoint .. " " .. tostring(flask.request.blueprint)
end

describe("a blueprint", function()
    local app

    local function get(path)
        return app:test_client():get(path)
    end

    before_each(function()
        app = flask.Flask("shop")
        app.testing = true
    end)

    it("puts its name before endpoints and its prefix before rules", function()
        local auth = flask.Blueprint("auth", {url_prefix = "/auth"})
        auth:get("/login", "login", tell)
        auth:get("/plain", tell)
        app:register_blueprint(auth)
        assert.equal("auth.login auth", get("/auth/login").text)
        assert.equal("auth./plain auth", get("/auth/plain").text)
        app:app_context(function()
            assert.equal("/auth/login", flask.url_for("auth.login", {_external = false}))
        end)
    end)

    it("takes an import name, as in Flask", function()
        local auth = flask.Blueprint("auth", "shop.auth", {url_prefix = "/a"})
        assert.equal("/a", auth.url_prefix)
    end)

    it("may be given its prefix when it is registered", function()
        local auth = flask.Blueprint("auth", {url_prefix = "/auth"})
        auth:get("/", "index", tell)
        app:register_blueprint(auth, {url_prefix = "/login"})
        assert.equal("auth.index auth", get("/login/").text)
        assert.equal(404, get("/auth/").status_code)
    end)

    it("may be registered twice under two names", function()
        local bp = flask.Blueprint("bp")
        bp:get("/", "index", function() return flask.url_for(".index") end)
        app:register_blueprint(bp, {url_prefix = "/one"})
        app:register_blueprint(bp, {url_prefix = "/two", name = "again"})
        local message = failure(app.register_blueprint, app, bp)
        assert.truthy(message:find('the name "bp" is taken by this same blueprint', 1, true))
        assert.equal("/one/", get("/one/").text)
        assert.equal("/two/", get("/two/").text)
    end)

    it("must not have the name of another one", function()
        app:register_blueprint(flask.Blueprint("bp"))
        local message = failure(app.register_blueprint, app, flask.Blueprint("bp"))
        assert.truthy(message:find("another blueprint", 1, true))
    end)

    it("nests: names and prefixes add up", function()
        local outer = flask.Blueprint("outer", {url_prefix = "/outer"})
        local inner = flask.Blueprint("inner", {url_prefix = "/inner"})
        inner:get("/", "index", function()
            return table.concat(flask.request.blueprints, ",") .. " " .. flask.url_for(".index")
        end)
        outer:register_blueprint(inner)
        app:register_blueprint(outer)
        assert.equal("outer.inner,outer /outer/inner/", get("/outer/inner/").text)
    end)

    it("can't be nested in itself, nor changed once registered", function()
        local bp = flask.Blueprint("bp")
        assert.truthy(failure(bp.register_blueprint, bp, bp):find("on itself", 1, true))
        app:register_blueprint(bp)
        local message = failure(function() bp:get("/", tell) end)
        assert.truthy(message:find("get was called on the blueprint \"bp\" after", 1, true))
        assert.truthy(message:find("blueprints_spec.lua:", 1, true))
    end)

    it("gives default values to its rules", function()
        local bp = flask.Blueprint("bp", {url_defaults = {kind = "tea"}})
        bp:get("/x", function(kind) return kind end)
        bp:get("/y", {defaults = {kind = "coffee"}}, function(kind) return kind end)
        app:register_blueprint(bp)
        assert.equal("tea", get("/x").text)
        assert.equal("coffee", get("/y").text)
    end)

    it("has hooks for the whole app", function()
        local bp, seen = flask.Blueprint("bp"), {}
        bp:before_app_request(function() table.insert(seen, "before") end)
        bp:after_app_request(function() table.insert(seen, "after") end)
        bp:teardown_app_request(function() table.insert(seen, "teardown") end)
        bp:app_errorhandler(404, function() return "from the blueprint", 404 end)
        app:register_blueprint(bp)
        app:register_blueprint(bp, {name = "again"})
        assert.equal("from the blueprint", get("/nowhere").text)
        assert.same({"before", "after", "teardown"}, seen)
    end)

    it("tells recorded functions about each registration", function()
        local bp, states = flask.Blueprint("bp", {url_prefix = "/p"}), {}
        bp:record(function(state)
            table.insert(states, state)
            state:add_url_rule("/recorded", "recorded", tell)
        end)
        app:register_blueprint(bp)
        app:register_blueprint(bp, {name = "again", url_prefix = "/q"})
        assert.equal(app, states[1].app)
        assert.is_true(states[1].first_registration)
        assert.is_false(states[2].first_registration)
        assert.equal("bp.recorded bp", get("/p/recorded").text)
        assert.equal("again.recorded again", get("/q/recorded").text)
    end)

    it("may have routes of its prefix alone", function()
        local bp = flask.Blueprint("bp", {url_prefix = "/bp"})
        bp:get("", "index", tell)
        app:register_blueprint(bp)
        assert.equal("bp.index bp", get("/bp").text)
    end)

    it("has relative endpoints and view functions in url_for", function()
        local bp = flask.Blueprint("bp", {url_prefix = "/bp"})
        local function other() return "" end
        bp:get("/other", other)
        bp:get("/", function() return flask.url_for(other) .. " " .. flask.url_for("./other") end)
        app:register_blueprint(bp)
        assert.equal("/bp/other /bp/other", get("/bp/").text)
    end)

    it("may come right out of require, whose second result is the module's path", function()
        local outer, inner = flask.Blueprint("outer"), flask.Blueprint("inner")
        inner:get("/", tell)
        outer:register_blueprint(inner, "./inner.lua")
        app:register_blueprint(outer, "/srv/shop/outer.lua")
        local message = failure(app.register_blueprint, app, inner, "/prefix")
        assert.truthy(message:find("must be a table", 1, true), message)
        assert.equal("outer.inner./ outer.inner", get("/").text)
    end)

    it("names what is wrong with it", function()
        for expected, call in pairs{
            ["must not be empty or contain a dot"] = function() flask.Blueprint("a.b") end,
            ["the name of a blueprint must be a string"] = function() flask.Blueprint(3) end,
            ["must begin with a slash"] = function()
                flask.Blueprint("a", {url_prefix = "a"})
            end,
            ["must not contain a dot"] = function()
                flask.Blueprint("a"):get("/", "x.y", tell)
            end,
            ["needs a blueprint"] = function() app:register_blueprint({}) end,
            ["did you mean url_prefix?"] = function()
                app:register_blueprint(flask.Blueprint("a"), {url_prefx = "/a"})
            end,
            ["app:cli"] = function() return flask.Blueprint("a").cli end,
        } do
            local message = failure(call)
            assert.truthy(message:find(expected, 1, true), message)
            assert.truthy(message:find("blueprints_spec.lua:", 1, true), message)
        end
    end)

end)
