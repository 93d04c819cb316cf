local flask = require "cflask"

local function new_app(options)
    local app = flask.Flask("shop", {root_path = "."})
    flask.cors(app, options)
    app:get("/", function() return "page" end)
    app:post("/api/items", function() return "made", 201 end)
    app:get("/api/items", function() return "items" end)
    app:get("/fails", function() error("no") end)
    app.config.PROPAGATE_EXCEPTIONS = false
    app.logger.error = function() end
    return app, app:test_client()
end

local A, B = "https://a.test", "https://b.test"

local function get(client, origin, path)
    return client:get(path or "/", {headers = {Origin = origin}}).headers
end

local function preflight(client, origin, method, headers, path)
    return client:options(path or "/api/items", {headers = {
        Origin = origin, ["Access-Control-Request-Method"] = method,
        ["Access-Control-Request-Headers"] = headers,
    }})
end

local ALLOW = "Access-Control-Allow-Origin"

describe("flask.cors", function()
    it("lets every page read, unless told otherwise", function()
        local _, client = new_app()
        local headers = get(client, A)
        assert.equal("*", headers[ALLOW])
        assert.is_nil(headers.Vary)
        assert.is_nil(headers["Access-Control-Allow-Credentials"])
    end)

    it("says nothing to requests without Origin", function()
        local _, client = new_app()
        assert.is_nil(client:get("/").headers[ALLOW])
    end)

    it("lets in those of a list, and varies by Origin for all", function()
        local _, client = new_app{origins = {A, "http://localhost:3000"}}
        assert.equal(A, get(client, A)[ALLOW])
        assert.equal("http://localhost:3000", get(client, "http://localhost:3000")[ALLOW])
        for _, other in ipairs{B, "http://a.test", "https://a.test:444", "https://a.test.evil",
                               "https://xa.test", "null", "https://a.test/", "http://localhost"} do
            local headers = get(client, other)
            assert.is_nil(headers[ALLOW], other)
            assert.equal("Origin", headers.Vary)
        end
        assert.equal("Origin", client:get("/").headers.Vary)
    end)

    it("takes one origin as a string, whatever its case", function()
        local _, client = new_app{origins = "https://A.test"}
        assert.equal(A, get(client, A)[ALLOW])
    end)

    it("takes stars for hosts, patterns and functions", function()
        local _, client = new_app{origins = {
            "https://*.shop.test", "^http://localhost:%d+$",
            function(origin) return origin == "app://own" end,
        }}
        for _, origin in ipairs{"https://x.shop.test", "https://x.y.shop.test",
                                "http://localhost:81", "app://own"} do
            assert.equal(origin, get(client, origin)[ALLOW])
        end
        for _, origin in ipairs{"https://shop.test", "http://x.shop.test", "app://other",
                                "https://evil.test/.shop.test", "https://x.shop.test.evil",
                                "https://x.shopXtest", "http://localhost:81.evil",
                                "https://evil.test:1.shop.test", "https://.evil@x.shop.test"} do
            assert.is_nil(get(client, origin)[ALLOW], origin)
        end
    end)

    it("never says * beside credentials", function()
        local _, client = new_app{supports_credentials = true}
        local headers = get(client, A)
        assert.equal(A, headers[ALLOW])
        assert.equal("true", headers["Access-Control-Allow-Credentials"])
        assert.equal("Origin", headers.Vary)
    end)

    it("gives credentials only to origins that are let in", function()
        local _, client = new_app{origins = A, supports_credentials = true}
        assert.equal("true", get(client, A)["Access-Control-Allow-Credentials"])
        assert.is_nil(get(client, B)["Access-Control-Allow-Credentials"])
    end)

    it("adds its fields to errors too", function()
        local _, client = new_app{origins = A}
        assert.equal(A, get(client, A, "/missing")[ALLOW])
        assert.equal(500, client:get("/fails").status_code)
        assert.equal(A, get(client, A, "/fails")[ALLOW])
        assert.equal(A, client:delete("/", {headers = {Origin = A}}).headers[ALLOW])
    end)

    it("names the exposed headers in answers, not in preflights", function()
        local _, client = new_app{expose_headers = {"X-Total", "X-Page"}}
        assert.equal("X-Total, X-Page", get(client, A)["Access-Control-Expose-Headers"])
        assert.is_nil(preflight(client, A, "POST").headers["Access-Control-Expose-Headers"])
    end)

    it("leaves what a view says", function()
        local app = flask.Flask("shop")
        flask.cors(app, {origins = A})
        app:get("/", function() return "", {[ALLOW] = B, Vary = "Cookie"} end)
        local headers = get(app:test_client(), A)
        assert.equal(B, headers[ALLOW])
        assert.equal("Cookie", headers.Vary)
    end)

    it("adds to a Vary that is there", function()
        local app = flask.Flask("shop")
        flask.cors(app, {origins = A})
        app:get("/", function() return "", {Vary = "Cookie"} end)
        app:get("/both", function() return "", {Vary = "origin, Cookie"} end)
        assert.equal("Cookie, Origin", get(app:test_client(), A).Vary)
        assert.equal("origin, Cookie", get(app:test_client(), A, "/both").Vary)
    end)

    it("refuses at registration what can't be meant", function()
        for _, options in ipairs{
            {origins = "a.test"}, {origins = "https://a.test/"}, {origins = {1}},
            {origins = "^https://a.test"}, {origins = "^a%$"}, {origins = "^[a$"},
            {max_age = -1}, {max_age = "10"}, {methods = 1}, {orgins = A}, {resources = 1},
            {resources = {["/a"] = {orgins = A}}},
        } do
            local is_fine, message = pcall(flask.cors, flask.Flask("shop"), options)
            assert.is_false(is_fine)
            assert.truthy(message:find("cors_spec.lua:%d+: .*cors"), message)
        end
        assert.is_false((pcall(flask.cors, {})))
    end)
end)

describe("A preflight", function()
    it("is answered with what is allowed", function()
        local _, client = new_app{origins = A, max_age = 600, allow_headers = {"X-A", "X-B"},
                                  methods = {"post", "GET"}}
        local r = preflight(client, A, "POST", "x-b, x-c, X-A")
        assert.equal(200, r.status_code)
        assert.equal("", r.text)
        assert.equal(A, r.headers[ALLOW])
        assert.equal("GET, POST", r.headers["Access-Control-Allow-Methods"])
        assert.equal("X-A, x-b", r.headers["Access-Control-Allow-Headers"])
        assert.equal("600", r.headers["Access-Control-Max-Age"])
        assert.equal("Origin", r.headers.Vary)
    end)

    it("allows every header and Flask-CORS' methods, unless told otherwise", function()
        local _, client = new_app()
        local headers = preflight(client, A, "PUT", "X-Z, Content-Type").headers
        assert.equal("*", headers[ALLOW])
        assert.equal("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
                     headers["Access-Control-Allow-Methods"])
        assert.equal("Content-Type, X-Z", headers["Access-Control-Allow-Headers"])
        assert.is_nil(headers["Access-Control-Max-Age"])
    end)

    it("gets no methods for one that is not allowed, and nothing for another origin", function()
        local _, client = new_app{origins = A, methods = {"GET"}}
        assert.is_nil(preflight(client, A, "POST").headers["Access-Control-Allow-Methods"])
        local headers = preflight(client, B, "GET").headers
        assert.is_nil(headers[ALLOW])
        assert.is_nil(headers["Access-Control-Allow-Methods"])
    end)

    it("comes before hooks that want to know who asks", function()
        local app = flask.Flask("shop")
        app:before_request(function() flask.abort(401) end)
        flask.cors(app, {origins = A})
        app:post("/api/items", function() return "made" end)
        local client = app:test_client()
        assert.equal(200, preflight(client, A, "POST").status_code)
        local r = client:post("/api/items", {headers = {Origin = A}})
        assert.equal(401, r.status_code)
        assert.equal(A, r.headers[ALLOW])
    end)

    it("is 404 where there is no rule", function()
        local _, client = new_app()
        local r = preflight(client, A, "POST", nil, "/missing")
        assert.equal(404, r.status_code)
        assert.equal("*", r.headers[ALLOW])
    end)

    it("is the app's own with automatic_options = false", function()
        local app = flask.Flask("shop")
        flask.cors(app, {automatic_options = false})
        app:route("/api/items", {methods = {"OPTIONS"}}, function() return "own" end)
        assert.equal("own", preflight(app:test_client(), A, "POST").text)
    end)

    it("needs both fields: other OPTIONS are answered as ever", function()
        local _, client = new_app()
        assert.equal("GET, HEAD, OPTIONS", client:options("/").headers.Allow)
    end)
end)

describe("Resources of flask.cors", function()
    it("have options of their own, the longest path first", function()
        local _, client = new_app{max_age = 5, resources = {
            ["/api/*"] = {origins = A}, ["/api/items"] = {origins = B, max_age = 9},
        }}
        assert.equal(B, get(client, B, "/api/items")[ALLOW])
        assert.is_nil(get(client, A, "/api/items")[ALLOW])
        assert.equal("9", preflight(client, B, "POST").headers["Access-Control-Max-Age"])
        assert.equal(A, get(client, A, "/api/other")[ALLOW])
        assert.is_nil(get(client, A)[ALLOW])
        assert.is_nil(get(client, A).Vary)
    end)

    it("may be a list or one path", function()
        for _, resources in ipairs{"/api/*", {"/api/*", "/x"}} do
            local _, client = new_app{resources = resources}
            assert.equal("*", get(client, A, "/api/items")[ALLOW])
            assert.is_nil(get(client, A)[ALLOW])
        end
    end)

    it("may be a blueprint, whose word goes before the app's", function()
        local app = flask.Flask("shop")
        local bp = flask.Blueprint("api", {url_prefix = "/api"})
        flask.cors(bp, {origins = A})
        flask.cors(app, {origins = {A, B}})
        bp:get("/", function() return "" end)
        app:register_blueprint(bp)
        app:get("/", function() return "" end)
        local client = app:test_client()
        assert.equal(A, get(client, A, "/api/")[ALLOW])
        assert.is_nil(get(client, B, "/api/")[ALLOW])
        assert.equal(B, get(client, B)[ALLOW])
    end)
end)
