local flask = require "cflask"

local function new_app(options)
    local app = flask.Flask("shop", {root_path = "."})
    local security = flask.security_headers(app, options)
    app:get("/", function() return "page" end)
    app:get("/nonce", function() return security.csp_nonce() .. " " .. security.csp_nonce() end)
    return app, app:test_client(), security
end

local function headers_of(options, path, request)
    local _, client = new_app(options)
    return client:get(path or "/", request).headers
end

local HTTPS = {base_url = "https://shop.test"}
local CSP = "Content-Security-Policy"

describe("flask.security_headers", function()
    it("has careful defaults", function()
        local headers = headers_of()
        assert.equal("default-src 'self'; object-src 'none'", headers[CSP])
        assert.equal("SAMEORIGIN", headers["X-Frame-Options"])
        assert.equal("nosniff", headers["X-Content-Type-Options"])
        assert.equal("strict-origin-when-cross-origin", headers["Referrer-Policy"])
        assert.equal("browsing-topics=()", headers["Permissions-Policy"])
        assert.equal("same-origin", headers["Cross-Origin-Opener-Policy"])
        assert.is_nil(headers["Strict-Transport-Security"])
    end)

    it("adds them to errors too", function()
        local headers = headers_of(nil, "/missing")
        assert.equal("nosniff", headers["X-Content-Type-Options"])
        assert.truthy(headers[CSP])
    end)

    it("asks for HTTPS in answers over HTTPS alone", function()
        assert.equal("max-age=31556926; includeSubDomains",
                     headers_of(nil, "/", HTTPS)["Strict-Transport-Security"])
        assert.equal("max-age=60; preload", headers_of({strict_transport_security = {
            max_age = 60, include_subdomains = false, preload = true,
        }}, "/", HTTPS)["Strict-Transport-Security"])
    end)

    it("leaves out what is switched off", function()
        for option, field in pairs{
            content_security_policy = CSP, frame_options = "X-Frame-Options",
            content_type_options = "X-Content-Type-Options",
            referrer_policy = "Referrer-Policy", permissions_policy = "Permissions-Policy",
            cross_origin_opener_policy = "Cross-Origin-Opener-Policy",
            strict_transport_security = "Strict-Transport-Security",
        } do
            local headers = headers_of({[option] = false}, "/nonce", HTTPS)
            assert.is_nil(headers[field], option)
            local count = 0
            for name in pairs(headers) do
                count = count + (name:find("^X%-") and 1 or name:find("Policy$") and 1 or 0)
            end
            assert.is_true(count >= 4)
        end
    end)

    it("takes texts, lists and tables", function()
        local headers = headers_of{
            frame_options = "DENY", referrer_policy = "no-referrer",
            content_security_policy = {
                ["default-src"] = {"'self'", "cdn.test"}, ["img-src"] = "*",
                ["upgrade-insecure-requests"] = true, ["object-src"] = false,
            },
            permissions_policy = {geolocation = "()", camera = {"(self", "\"https://a.test\")"}},
        }
        assert.equal("DENY", headers["X-Frame-Options"])
        assert.equal("no-referrer", headers["Referrer-Policy"])
        assert.equal("default-src 'self' cdn.test; img-src *; upgrade-insecure-requests",
                     headers[CSP])
        assert.equal("camera=(self \"https://a.test\"), geolocation=()",
                     headers["Permissions-Policy"])
        assert.equal("img-src *; media-src a.test", headers_of{
            content_security_policy = " img-src  *;media-src a.test; "}[CSP])
    end)

    it("can report only", function()
        local headers = headers_of{content_security_policy_report_only = true}
        assert.is_nil(headers[CSP])
        assert.truthy(headers[CSP .. "-Report-Only"])
    end)

    it("leaves what a view has set", function()
        local app, client = new_app()
        app:get("/own", function()
            return "", {[CSP] = "img-src *", ["X-Frame-Options"] = "DENY",
                        ["Strict-Transport-Security"] = "max-age=1"}
        end)
        local headers = client:get("/own", HTTPS).headers
        assert.equal("img-src *", headers[CSP])
        assert.equal("DENY", headers["X-Frame-Options"])
        assert.equal("max-age=1", headers["Strict-Transport-Security"])
        assert.equal("nosniff", headers["X-Content-Type-Options"])
    end)

    it("may be for one blueprint", function()
        local app = flask.Flask("shop")
        local bp = flask.Blueprint("admin", {url_prefix = "/admin"})
        flask.security_headers(bp, {frame_options = "DENY"})
        bp:get("/", function() return "" end)
        app:register_blueprint(bp)
        app:get("/", function() return "" end)
        local client = app:test_client()
        assert.equal("DENY", client:get("/admin/").headers["X-Frame-Options"])
        assert.is_nil(client:get("/").headers["X-Frame-Options"])
    end)

    it("refuses at registration what can't be meant", function()
        for _, options in ipairs{
            {frame_option = "DENY"}, {frame_options = 1}, {referrer_policy = "a\r\nb: c"},
            {content_security_policy = 1}, {content_security_policy = {["img-src"] = "a; b"}},
            {content_security_policy = {[1] = "a"}}, {strict_transport_security = {max_age = -1}},
            {strict_transport_security = {maxage = 1}}, {nonce_in = "script-src"},
        } do
            local is_fine, message = pcall(flask.security_headers, flask.Flask("shop"), options)
            assert.is_false(is_fine)
            assert.truthy(message:find("security_headers_spec.lua:%d+: "), message)
        end
        assert.is_false((pcall(flask.security_headers, {})))
    end)
end)

describe("csp_nonce", function()
    it("is in the policy when it was asked for, the same all through a request", function()
        local _, client = new_app()
        local r = client:get("/nonce")
        local nonce, again = r.text:match("^(%S+) (%S+)$")
        assert.equal(nonce, again)
        assert.equal(("default-src 'self'; object-src 'none'; script-src 'self' 'nonce-%s'; "
                      .. "style-src 'self' 'nonce-%s'"):format(nonce, nonce), r.headers[CSP])
        assert.is_nil(client:get("/").headers[CSP]:find("nonce", 1, true))
    end)

    it("has 128 bits, and is never the same twice", function()
        local _, client = new_app()
        local seen = {}
        for _ = 1, 200 do
            local nonce = client:get("/nonce").text:match("^%S+")
            assert.is_nil(seen[nonce])
            seen[nonce] = true
            assert.truthy(nonce:find("^[%w_-]+$"))
            assert.equal(22, #nonce)
        end
    end)

    it("goes where nonce_in says", function()
        local function csp(options)
            local _, client = new_app(options)
            return (client:get("/nonce").headers[CSP]:gsub("nonce%-[%w_-]+", "nonce-N"))
        end
        assert.equal("default-src 'self'; object-src 'none'; script-src 'self' 'nonce-N'",
                     csp{nonce_in = {"script-src"}})
        assert.equal("default-src 'self'; object-src 'none'", csp{nonce_in = {}})
        assert.equal("script-src a.test 'nonce-N'; style-src 'nonce-N'", csp{
            content_security_policy = {["script-src"] = "a.test", ["style-src"] = "'none'"}})
        assert.equal("img-src *", csp{content_security_policy = "img-src *"})
        assert.equal("default-src 'none'; script-src 'nonce-N'; style-src 'nonce-N'",
                     csp{content_security_policy = "default-src 'none'"})
    end)

    it("is there in templates, and in macros that they import", function()
        local app, client = new_app()
        app.jinja_loader = {
            ["page.html"] = "{{ csp_nonce() }} {% import 'own.html' as own %}{{ own.nonce() }}",
            ["own.html"] = "{% macro nonce() %}{{ csp_nonce() }}{% endmacro %}",
        }
        app:get("/page", function() return flask.render_template("page.html") end)
        local r = client:get("/page")
        local nonce, again = r.text:match("^(%S+) (%S+)$")
        assert.equal(nonce, again)
        assert.truthy(r.headers[CSP]:find("'nonce-" .. nonce .. "'", 1, true))
    end)

    it("is in the policy of the answer when an error handler asks for it", function()
        local app, client, security = new_app()
        app:errorhandler(404, function() return security.csp_nonce(), 404 end)
        local r = client:get("/missing")
        assert.truthy(r.headers[CSP]:find(r.text, 1, true))
    end)

    -- A view that first asks for the nonce in its stream, when the head has gone.
    local function late(options)
        local app, client, security = new_app(options)
        local raised
        app:get("/late", function()
            local count = 0
            return function()
                count = count + 1
                local is_fine, value = pcall(security.csp_nonce)
                raised = not is_fine and value
                return count == 1 and (raised and "none" or value) or nil
            end
        end)
        local r = client:get("/late")
        return r.headers[CSP], r.text, raised
    end

    it("is in the policy of every stream, which may ask for it late", function()
        local csp, text = late()
        assert.truthy(csp:find("'nonce-" .. text .. "'", 1, true))
    end)

    it("of a stream is none where it would switch off 'unsafe-inline' unasked for", function()
        local csp, _, raised = late{content_security_policy = "script-src 'unsafe-inline'"}
        assert.equal("script-src 'unsafe-inline'", csp)
        assert.truthy(raised:find("csp_nonce() was first called when", 1, true))
    end)
end)

describe("force_https", function()
    it("sends clients to the same address over HTTPS", function()
        local app, client = new_app{force_https = true}
        local r = client:get("/?a=b%20c", {base_url = "http://shop.test:8080"})
        assert.equal(302, r.status_code)
        assert.equal("https://shop.test:8080/?a=b%20c", r.headers.Location)
        assert.equal(200, client:get("/", HTTPS).status_code)
        assert.is_true(app.config.SESSION_COOKIE_SECURE)
    end)

    it("may be for good, is off in debug mode and unless asked for", function()
        local app, client = new_app{force_https = true, force_https_permanent = true}
        assert.equal(301, client:get("/").status_code)
        app.config.DEBUG = true
        assert.equal(200, client:get("/").status_code)
        app, client = new_app()
        assert.equal(200, client:get("/").status_code)
        assert.is_false(app.config.SESSION_COOKIE_SECURE)
    end)

    it("believes the proxies that PROXY_FIX names, and nobody else", function()
        local app, client = new_app{force_https = true}
        local request = {headers = {["X-Forwarded-Proto"] = "https"}}
        assert.equal(302, client:get("/", request).status_code)
        app.config.PROXY_FIX = 1
        assert.equal(200, client:get("/", request).status_code)
    end)
end)
