local flask = require "cflask"
local limiters = require "cflask.limiter"

local function new_app(options)
    local app = flask.Flask("shop", {root_path = "."})
    app.config.TESTING = true
    local limiter = flask.limiter(app, options)
    return app, limiter, app:test_client()
end

local function page() return "page" end

-- The statuses of so many requests.
local function statuses(client, count, path, options)
    local list = {}
    for i = 1, count do
        list[i] = client:open(path or "/", options or {}).status_code
    end
    return table.concat(list, " ")
end

describe("The text of a limit", function()
    it("says how many in how long", function()
        for text, wanted in pairs{
            ["5/minute"] = {5, 60}, ["10 per hour"] = {10, 3600}, ["1/2 days"] = {1, 172800},
            ["3 per 5 Minutes"] = {3, 300}, [" 7 / second "] = {7, 1}, ["1/week"] = {1, 604800},
            ["2/second; 9/hour"] = {2, 1, 9, 3600}, ["2/second,9/hour"] = {2, 1, 9, 3600},
        } do
            assert.same(wanted, limiters.parse(text))
        end
        assert.same({2, 1, 9, 3600, 100, 86400}, limiters.parse{"2/second;9/hour", "100/day"})
    end)

    it("is refused at registration, with the caller's line, when it can't be read", function()
        local _, limiter = new_app()
        for _, text in ipairs{"", "5", "minute", "5/minit", "0/minute", "-1/second", "5/0 days",
                              "5/minute;", "1.5/minute", "5//minute", 5, {}, true,
                              "5/minute of fame", "9999999999999/second"} do
            local is_fine, message = pcall(limiter.limit, limiter, text)
            assert.is_false(is_fine, tostring(text))
            assert.truthy(message:find("limiter_spec.lua:%d+: .*limit"), message)
        end
        local is_fine, message = pcall(flask.limiter, flask.Flask("x"), {default = "5/moon"})
        assert.is_false(is_fine)
        assert.truthy(message:find("5/moon", 1, true))
        assert.is_false((pcall(flask.limiter, flask.Flask("x"), {defualt = "5/day"})))
        assert.is_false((pcall(flask.limiter, {})))
        assert.is_false((pcall(limiter.limit, limiter, "5/day", {keys = page})))
    end)
end)

describe("A client's key", function()
    it("is its address, of IPv6 the network of 64 bits, without a port", function()
        for address, wanted in pairs{
            ["1.2.3.4"] = "1.2.3.4", ["1.2.3.4:567"] = "1.2.3.4", ["unix:"] = "unix:",
            ["::ffff:1.2.3.4"] = "1.2.3.4", ["2001:db8:1:2:3:4:5:6"] = "2001:db8:1:2::/64",
            ["2001:0DB8:1:2::9"] = "2001:db8:1:2::/64", ["::1"] = "0:0:0:0::/64",
            ["[2001:db8::1]:443"] = "2001:db8:0:0::/64", ["[2001:db8::1]"] = "2001:db8:0:0::/64",
            ["fe80::1%eth0"] = "fe80:0:0:0::/64", ["2001:db8:1:2::"] = "2001:db8:1:2::/64",
            ["unknown"] = "unknown", ["64:ff9b::1.2.3.4"] = "64:ff9b:0:0::/64",
        } do
            assert.equal(wanted, limiters.client_of(address))
        end
    end)

    it("parts clients, not the addresses of one network", function()
        local app, _, client = new_app{default = "1/hour"}
        app:get("/", page)
        local function from(address)
            return client:get("/", {environ = {remote_addr = address}}).status_code
        end
        assert.equal(200, from("1.1.1.1"))
        assert.equal(429, from("1.1.1.1"))
        assert.equal(200, from("1.1.1.2"))
        assert.equal(200, from("2001:db8::1"))
        assert.equal(429, from("2001:db8::2"))
        assert.equal(200, from("2001:db8:0:1::1"))
    end)

    it("may be the app's own, which counts nobody by returning nil", function()
        local app, _, client = new_app{default = "1/hour", key = function()
            return flask.request.headers.x_user
        end}
        app:get("/", page)
        local ann, ben = {headers = {["X-User"] = "ann"}}, {headers = {["X-User"] = "ben"}}
        assert.equal("200 429", statuses(client, 2, "/", ann))
        assert.equal("200 429", statuses(client, 2, "/", ben))
        assert.equal("200 200 200", statuses(client, 3))
    end)
end)

describe("The default limit", function()
    it("holds for each view by itself, and for addresses that no view has", function()
        local app, _, client = new_app{default = "2/hour"}
        app:get("/", page)
        app:get("/b", page)
        assert.equal("200 200 429", statuses(client, 3))
        assert.equal("200 200 429", statuses(client, 3, "/b"))
        assert.equal("404 404 429", statuses(client, 3, "/missing"))
        assert.equal("429", statuses(client, 1, "/missing/too"))
    end)

    it("of the whole application counts all views together", function()
        local app, _, client = new_app{application = "3/hour"}
        app:get("/", page)
        app:get("/b", page)
        assert.equal("200 200", statuses(client, 2))
        assert.equal("200 429", statuses(client, 2, "/b"))
    end)

    it("leaves files and automatic OPTIONS alone", function()
        local app, _, client = new_app{default = "1/hour"}
        app:get("/", page)
        assert.equal("404 404 404", statuses(client, 3, "/static/none.css"))
        assert.equal("200 200 200", statuses(client, 3, "/", {method = "OPTIONS"}))
    end)

    it("gives way to a view's own limit, unless that says otherwise", function()
        local app, limiter, client = new_app{default = "1/hour"}
        app:get("/own", limiter:limit("3/hour")(page))
        app:get("/both", limiter:limit("3/hour", {override_default = false})(page))
        assert.equal("200 200 200 429", statuses(client, 4, "/own"))
        assert.equal("200 429", statuses(client, 2, "/both"))
    end)
end)

describe("A view's limit", function()
    it("runs before the view and passes on its arguments and results", function()
        local app, limiter, client = new_app()
        local calls = 0
        app:get("/<int:a>/<b>", "pair", limiter:limit("2/hour")(function(a, b)
            calls = calls + 1
            return {a, b}, 201
        end))
        local r = client:get("/1/x")
        assert.equal(201, r.status_code)
        assert.same({1, "x"}, r.json)
        assert.equal("201 429 429", statuses(client, 3, "/1/x"))
        assert.equal(2, calls)
    end)

    it("may have several rates, of which a refused request costs none", function()
        local app, limiter, client = new_app()
        app:get("/", limiter:limit("1/minute; 5/hour")(page))
        local r = client:get("/")
        assert.equal("0", r.headers["RateLimit-Remaining"])
        assert.equal("1", r.headers["RateLimit-Limit"])
        r = client:get("/")
        assert.equal("1 per minute", r.text:match("The limit is ([^:]+):"))
    end)

    it("stacks with others on the same view", function()
        local app, limiter, client = new_app()
        app:get("/", limiter:limit("3/hour")(limiter:limit("2/day")(page)))
        assert.equal("200 200 429", statuses(client, 3))
    end)

    it("holds for the methods that it names, together or each by itself", function()
        local app, limiter, client = new_app()
        local both = {methods = {"GET", "POST"}}
        app:route("/post", both, limiter:limit("1/hour", {methods = {"post"}})(page))
        app:route("/each", both, limiter:limit("1/hour", {per_method = true})(page))
        app:route("/all", both, limiter:limit("1/hour")(page))
        assert.equal("200 200 200", statuses(client, 3, "/post"))
        assert.equal("200 429", statuses(client, 2, "/post", {method = "POST"}))
        assert.equal("200 429", statuses(client, 2, "/each"))
        assert.equal("200 429", statuses(client, 2, "/each", {method = "POST"}))
        assert.equal("200", statuses(client, 1, "/all"))
        assert.equal("429", statuses(client, 1, "/all", {method = "POST"}))
    end)

    it("may have a key and a scope of its own", function()
        local app, limiter, client = new_app()
        local options = {scope = "login", key = function() return flask.request.args.user end}
        app:get("/a", limiter:limit("2/hour", options)(page))
        app:get("/b", limiter:limit("2/hour", options)(page))
        assert.equal("200 200", statuses(client, 2, "/a?user=ann"))
        assert.equal("429", statuses(client, 1, "/b?user=ann"))
        assert.equal("200", statuses(client, 1, "/b?user=ben"))
    end)

    it("is passed over when exempt_when says so", function()
        local app, limiter, client = new_app()
        app:get("/", limiter:limit("1/hour", {exempt_when = function()
            return flask.request.args.free == "1"
        end})(page))
        assert.equal("200 200 200", statuses(client, 3, "/?free=1"))
        assert.equal("200 429", statuses(client, 2))
    end)

    it("holds when a decorator of the app's own stands around it", function()
        local app, limiter, client = new_app()
        local inner = limiter:limit("1/hour")(page)
        app:get("/", function() return (inner()) end)
        assert.equal("200 429", statuses(client, 2))
    end)

    it("of a blueprint counts its views together", function()
        local app, limiter, client = new_app()
        local bp = limiter:limit("2/hour")(flask.Blueprint("bp", {url_prefix = "/bp"}))
        bp:get("/a", page)
        bp:get("/b", page)
        app:register_blueprint(bp)
        app:get("/", page)
        assert.equal("200", statuses(client, 1, "/bp/a"))
        assert.equal("200 429", statuses(client, 2, "/bp/b"))
        assert.equal("200 200 200", statuses(client, 3))
    end)

    it("needs a view or a blueprint", function()
        local _, limiter = new_app()
        assert.is_false((pcall(limiter:limit("1/hour"), "view")))
        assert.is_false((pcall(limiter.exempt, limiter, nil)))
        assert.is_false((pcall(limiter.limit, "1/hour")))
    end)
end)

describe("limiter:exempt", function()
    it("takes views and blueprints out", function()
        local app, limiter, client = new_app{default = "1/hour"}
        local bp = limiter:exempt(flask.Blueprint("bp"))
        bp:get("/bp", page)
        app:register_blueprint(bp)
        app:get("/free", limiter:exempt(function() return "free" end))
        app:get("/", page)
        assert.equal("200 200 200", statuses(client, 3, "/bp"))
        assert.equal("200 200 200", statuses(client, 3, "/free"))
        assert.equal("200 429", statuses(client, 2))
    end)
end)

describe("An answer", function()
    it("says what is left", function()
        local app, _, client = new_app{default = "10/minute"}
        app:get("/", page)
        local headers = client:get("/").headers
        assert.equal("10", headers["RateLimit-Limit"])
        assert.equal("9", headers["RateLimit-Remaining"])
        assert.equal("6", headers["RateLimit-Reset"])
        assert.is_nil(headers["Retry-After"])
    end)

    it("says nothing with headers = false, but for Retry-After", function()
        local app, _, client = new_app{default = "1/minute", headers = false}
        app:get("/", page)
        assert.is_nil(client:get("/").headers["RateLimit-Limit"])
        local r = client:get("/")
        assert.is_nil(r.headers["RateLimit-Limit"])
        assert.equal("60", r.headers["Retry-After"])
    end)

    it("of a refused request is 429 with Retry-After", function()
        local app, _, client = new_app{default = "1/hour"}
        app:get("/", page)
        client:get("/")
        local r = client:get("/")
        assert.equal(429, r.status_code)
        local wait = tonumber(r.headers["Retry-After"])
        assert.is_true(wait > 3500 and wait <= 3600)
        assert.equal("0", r.headers["RateLimit-Remaining"])
    end)

    it("may be the app's own, by its errorhandler", function()
        local app, _, client = new_app{default = "1/hour"}
        app:get("/", page)
        app:errorhandler(429, function(err)
            return {limit = err.limit, retry_after = err.retry_after}, 429
        end)
        client:get("/")
        local r = client:get("/")
        assert.equal(429, r.status_code)
        assert.equal("1 per hour", r.json.limit)
        assert.equal(tostring(r.json.retry_after), r.headers["Retry-After"])
        assert.equal("1", r.headers["RateLimit-Limit"])
    end)
end)

describe("Tests", function()
    it("have buckets of their own for each app", function()
        for _ = 1, 3 do
            local app, _, client = new_app{default = "1/hour"}
            app:get("/", page)
            assert.equal("200 429", statuses(client, 2))
        end
    end)
end)
