local flask = require "cflask"

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return tostring(raised)
end

-- The answer that carries the response.
local function sent(response, options)
    local app = flask.Flask("shop")
    app.testing = true
    app:get("/", function() return type(response) == "function" and response() or response end)
    return app:test_client():get("/", options)
end

describe("flask.Response", function()
    it("has body, status and type", function()
        local r = flask.Response("x", {status = 201, mimetype = "text/plain"})
        assert.equal(201, r.status_code)
        assert.equal("201 CREATED", r.status)
        assert.equal("text/plain", r.mimetype)
        assert.equal("text/plain; charset=utf-8", r.content_type)
        assert.equal("x", r.data)
        assert.equal("image/png", flask.Response("", {mimetype = "image/png"}).content_type)
        assert.equal("text/x;a=b", flask.Response("", {content_type = "text/x;a=b"}).content_type)
    end)

    it("refuses options that it has not", function()
        local text = failure(function() flask.Response("x", {stats = 3}) end)
        assert.truthy(text:find('response_spec.lua:%d+: flask.Response has no option "stats"; '
                                .. "did you mean status%?$"), text)
    end)

    it("can be changed", function()
        local r = flask.Response("x")
        r.status_code = 404
        assert.equal("404 NOT FOUND", r.status)
        r.status = "418 SHORT AND STOUT"
        assert.equal(418, r.status_code)
        r.status_code = 299
        assert.equal("299 UNKNOWN", r.status)
        r.data = "longer"
        assert.equal("longer", r:get_data())
        assert.equal(6, r.content_length)
        r:set_data("y")
        assert.equal("y", r.data)
        r.mimetype = "text/css"
        assert.equal("text/css; charset=utf-8", r.content_type)
    end)

    it("reads and parses JSON", function()
        local r = flask.Response('{"a": 1}', {mimetype = "application/json"})
        assert.is_true(r.is_json)
        assert.equal(1, r.json.a)
        assert.is_false(flask.Response("x").is_json)
    end)

    it("always sends the length of its body", function()
        local r = sent(function()
            local response = flask.Response("four")
            response.headers["Content-Length"] = 100
            return response
        end)
        assert.equal("4", r.headers["Content-Length"])
        assert.is_true(r.is_whole)
    end)

    it("refuses fields that are the server's own", function()
        local r = flask.Response("x")
        assert.is_string(failure(function() r.headers["Transfer-Encoding"] = "chunked" end))
        assert.is_string(failure(function() r.headers.Connection = "upgrade" end))
        r.headers.Connection = "close"
    end)

    it("has no body where there must be none", function()
        local r = sent(flask.Response("", {status = 204}))
        assert.equal(204, r.status_code)
        assert.equal("", r.data)
        assert.is_nil(r.headers["Content-Length"])
    end)
end)

describe("a response's headers", function()
    local headers

    before_each(function()
        headers = flask.Response("x").headers
    end)

    it("are set and read without regard to case", function()
        headers["X-One"] = "1"
        headers["x-ONE"] = 2
        assert.equal("2", headers["X-One"])
        assert.equal("2", headers:get("x-one"))
        assert.equal("d", headers:get("X-None", "d"))
        assert.is_true(headers:has("X-ONE"))
        headers["X-One"] = nil
        assert.is_nil(headers["X-One"])
    end)

    it("may have several values", function()
        headers["X-Many"] = {"a", "b"}
        headers:add("X-Many", "c")
        local list = headers:getlist("X-Many")
        assert.same({"a", "b", "c"}, {list[1], list[2], list[3]})
        headers:set("X-Many", "d")
        assert.equal(1, #headers:getlist("X-Many"))
        headers:extend{["X-Many"] = "e"}
        assert.equal(2, #headers:getlist("X-Many"))
        headers:setdefault("X-Many", "f")
        headers:setdefault("X-New", "g")
        assert.equal("g", headers["X-New"])
        headers:remove("X-Many")
        assert.is_false(headers:has("X-Many"))
    end)

    it("can be gone through", function()
        headers["X-One"] = "1"
        local seen = {}
        for name, value in pairs(headers) do
            seen[name] = value
        end
        assert.equal("1", seen["X-One"])
        assert.equal("text/html; charset=utf-8", seen["Content-Type"])
    end)

    it("never carry line breaks or NUL", function()
        for _, bad in ipairs{"a\r\nb", "a\nb", "a\rb", "a\0b"} do
            assert.is_string(failure(function() headers["X-X"] = bad end))
            assert.is_string(failure(function() headers[bad] = "x" end))
            assert.is_string(failure(headers.add, headers, "X-X", bad))
        end
    end)
end)

describe("a response's fields for headers", function()
    local r

    before_each(function()
        r = flask.Response("x")
    end)

    it("write dates", function()
        r.last_modified, r.expires, r.date = 784111777, 784111777, 784111777
        assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", r.headers["Last-Modified"])
        assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", r.headers.Expires)
        assert.equal(784111777, r.last_modified)
    end)

    it("write lists", function()
        r.allow, r.vary, r.content_language = {"GET", "HEAD"}, {"Cookie"}, {"de"}
        assert.equal("GET, HEAD", r.headers.Allow)
        assert.equal("Cookie", r.headers.Vary)
        assert.equal("de", r.headers["Content-Language"])
    end)

    it("write cache control", function()
        r.cache_control.max_age = 60
        r.cache_control.public = true
        assert.truthy(r.headers["Cache-Control"]:find("max-age=60", 1, true))
        assert.truthy(r.headers["Cache-Control"]:find("public", 1, true))
        r.cache_control = {no_store = true}
        assert.equal("no-store", r.headers["Cache-Control"])
        assert.is_true(r.cache_control.no_store)
    end)

    it("write the others", function()
        r.location, r.age, r.retry_after = "/x", 3, 60
        assert.equal("/x", r.headers.Location)
        assert.equal("3", r.headers.Age)
        assert.equal("60", r.headers["Retry-After"])
    end)
end)

describe("cache_control", function()
    local r

    before_each(function()
        r = flask.Response("x")
    end)

    it("reads what the header says", function()
        r.headers["Cache-Control"] = 'Max-Age=60, no-cache="a, \\"b\\"", private, x = y ,'
        assert.equal(60, r.cache_control.max_age)
        assert.equal('a, "b"', r.cache_control.no_cache)
        assert.is_true(r.cache_control.private)
        assert.equal("y", r.cache_control.x)
        assert.is_nil(r.cache_control.no_store)
        assert.is_nil(flask.Response("x").cache_control.max_age)
    end)

    it("changes one directive and keeps the others", function()
        r.headers["Cache-Control"] = "public, max-age=60"
        local control = r.cache_control
        control.max_age = 5.9
        control.s_maxage = 7
        control.public = false
        assert.equal("max-age=5, s-maxage=7", r.headers["Cache-Control"])
        control.max_age, control.s_maxage = nil, nil
        assert.is_nil(r.headers["Cache-Control"])
        control.no_cache = "set-cookie, x"
        assert.equal('no-cache="set-cookie, x"', tostring(control))
    end)

    it("is replaced by a table, a string or nil", function()
        r.cache_control = {max_age = 60, public = true, no_cache = false}
        assert.equal("max-age=60, public", r.headers["Cache-Control"])
        r.cache_control = flask.ordered{{"public", true}, {"max_age", 60}}
        assert.equal("public, max-age=60", r.headers["Cache-Control"])
        local other = flask.Response("x")
        other.cache_control = r.cache_control
        assert.equal("public, max-age=60", other.headers["Cache-Control"])
        r.cache_control = "no-store"
        assert.is_true(r.cache_control.no_store)
        r.cache_control = nil
        assert.is_nil(r.headers["Cache-Control"])
    end)

    it("can be gone through", function()
        r.headers["Cache-Control"] = "public, max-age=60"
        local seen = {}
        for name, value in pairs(r.cache_control) do
            seen[name] = value
        end
        assert.same({public = true, max_age = 60}, seen)
    end)

    it("reads broken texts to their end", function()
        for _, text in ipairs{'a="b', 'a="b\\', '"', "=", "a=,=b", ",,", 'a="b"c, d', "a b, d"} do
            r.headers["Cache-Control"] = text
            assert.is_nil(r.cache_control.none)
        end
        assert.is_true(r.cache_control.d)
    end)

    it("refuses what is none", function()
        local control = r.cache_control
        for _, bad in ipairs{-1, 0 / 0, print} do
            local message = failure(function() control.max_age = bad end)
            assert.truthy(message:find("response_spec.lua:", 1, true), message)
        end
        assert.is_string(failure(function() control["a b"] = true end))
        assert.is_string(failure(function() control[1] = true end))
        assert.is_string(failure(function() control.x = "a\r\nb: c" end))
        assert.is_string(failure(function() r.cache_control = 3 end))
        assert.is_nil(r.headers["Cache-Control"])
    end)
end)

describe("content_security_policy", function()
    it("reads and writes directives", function()
        local r = flask.Response("x")
        r.content_security_policy = {default_src = "'self'", script_src = {"'self'", "cdn.test"},
                                     upgrade_insecure_requests = true}
        assert.equal("default-src 'self'; script-src 'self' cdn.test; upgrade-insecure-requests",
                     r.headers["Content-Security-Policy"])
        r.content_security_policy.default_src = "'none'"
        r.content_security_policy.script_src = nil
        assert.equal("default-src 'none'; upgrade-insecure-requests",
                     tostring(r.content_security_policy))
        assert.equal("'none'", r.content_security_policy.default_src)
        assert.is_true(r.content_security_policy.upgrade_insecure_requests)
    end)

    it("takes a string, and has a twin that only reports", function()
        local r = flask.Response("x")
        r.content_security_policy = "default-src 'self'; report-uri /r"
        assert.equal("/r", r.content_security_policy.report_uri)
        r.content_security_policy_report_only = {default_src = "'self'"}
        assert.equal("default-src 'self'", r.headers["Content-Security-Policy-Report-Only"])
    end)

    it("lets no value begin another directive", function()
        local r = flask.Response("x")
        for _, bad in ipairs{"a; script-src *", "a, script-src *"} do
            assert.is_string(failure(function()
                r.content_security_policy.img_src = bad
            end))
        end
    end)
end)

describe("www_authenticate", function()
    local r

    before_each(function()
        r = flask.Response("x")
    end)

    it("is nil without the header", function()
        assert.is_nil(r.www_authenticate)
    end)

    it("writes a challenge", function()
        r.www_authenticate = {type = "basic", realm = 'my "shop"', charset = "UTF-8"}
        assert.equal('Basic realm="my \\"shop\\"", charset=UTF-8', r.headers["WWW-Authenticate"])
        assert.equal("basic", r.www_authenticate.type)
        assert.equal('my "shop"', r.www_authenticate.realm)
        r.www_authenticate.realm = "shop"
        assert.equal('Basic realm="shop", charset=UTF-8', r.headers["WWW-Authenticate"])
        r.www_authenticate = {type = "digest", realm = "r", nonce = "n", qop = "auth",
                              stale = "TRUE", algorithm = "MD5"}
        assert.equal('Digest realm="r", algorithm=MD5, nonce="n", qop="auth", stale=TRUE',
                     r.headers["WWW-Authenticate"])
    end)

    it("knows schemes with a token, and with nothing", function()
        r.www_authenticate = {type = "negotiate", token = "dG9r=="}
        assert.equal("Negotiate dG9r==", r.headers["WWW-Authenticate"])
        assert.equal("dG9r==", r.www_authenticate.token)
        r.www_authenticate = {type = "bearer"}
        assert.equal("Bearer", r.headers["WWW-Authenticate"])
        assert.equal("bearer", r.www_authenticate.type)
    end)

    it("takes a string, and several challenges", function()
        r.www_authenticate = 'Basic realm="x"'
        assert.equal("x", r.www_authenticate.realm)
        r.www_authenticate = {{type = "basic", realm = "x"}, {type = "bearer"}}
        local list = r.headers:getlist("WWW-Authenticate")
        assert.same({'Basic realm="x"', "Bearer"}, {list[1], list[2], list[3]})
        r.www_authenticate = nil
        assert.is_nil(r.headers["WWW-Authenticate"])
    end)

    it("needs a type", function()
        assert.is_string(failure(function() r.www_authenticate = {realm = "x"} end))
        assert.is_string(failure(function() r.www_authenticate = {type = "a b"} end))
    end)
end)

describe("a response's fields", function()
    local r

    before_each(function()
        r = flask.Response("x")
    end)

    it("for one text each", function()
        for name, header in pairs{
            location = "Location", content_location = "Content-Location",
            content_encoding = "Content-Encoding", content_range = "Content-Range",
            content_md5 = "Content-MD5", accept_ranges = "Accept-Ranges",
            access_control_allow_origin = "Access-Control-Allow-Origin",
            cross_origin_opener_policy = "Cross-Origin-Opener-Policy",
            cross_origin_embedder_policy = "Cross-Origin-Embedder-Policy",
        } do
            assert.is_nil(r[name])
            r[name] = "text"
            assert.equal("text", r.headers[header])
            assert.equal("text", r[name])
            local message = failure(function() r[name] = 3 end)
            assert.truthy(message:find("response_spec.lua:%d+: a response's " .. name), message)
            r[name] = nil
            assert.is_nil(r.headers[header])
        end
    end)

    it("for lists", function()
        for name, header in pairs{
            vary = "Vary", allow = "Allow", content_language = "Content-Language",
            access_control_allow_methods = "Access-Control-Allow-Methods",
            access_control_allow_headers = "Access-Control-Allow-Headers",
            access_control_expose_headers = "Access-Control-Expose-Headers",
        } do
            r[name] = {"a", "b"}
            assert.equal("a, b", r.headers[header])
            assert.equal("a, b", r[name])
            r[name] = "c"
            assert.equal("c", r[name])
            r.headers:add(header, "d")
            assert.equal("c, d", r[name])
            assert.is_string(failure(function() r[name] = {3} end))
            r[name] = {}
            assert.is_nil(r[name])
        end
    end)

    it("for dates, which are nil where the header is none", function()
        for name, header in pairs{last_modified = "Last-Modified", expires = "Expires",
                                  date = "Date"} do
            assert.is_nil(r[name])
            r[name] = 784111777.9
            assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", r.headers[header])
            assert.equal(784111777, r[name])
            r.headers[header] = "0"
            assert.is_nil(r[name])
            assert.is_string(failure(function() r[name] = "now" end))
            r[name] = nil
            assert.is_nil(r.headers[header])
        end
    end)

    it("for seconds", function()
        for name, header in pairs{age = "Age",
                                  access_control_max_age = "Access-Control-Max-Age"} do
            r[name] = 60.5
            assert.equal("60", r.headers[header])
            assert.equal(60, r[name])
            assert.is_string(failure(function() r[name] = -1 end))
            assert.is_string(failure(function() r[name] = "60" end))
            r[name] = nil
            assert.is_nil(r[name])
        end
    end)

    it("for when to come again: seconds, or a date from 10^9 on", function()
        r.retry_after = 120
        assert.equal("120", r.headers["Retry-After"])
        assert.equal(120, r.retry_after)
        r.retry_after = 1700000000
        assert.equal("Tue, 14 Nov 2023 22:13:20 GMT", r.headers["Retry-After"])
        assert.equal(1700000000, r.retry_after)
        r.retry_after = nil
        assert.is_nil(r.retry_after)
        assert.is_string(failure(function() r.retry_after = "soon" end))
    end)

    it("for CORS with credentials", function()
        assert.is_false(r.access_control_allow_credentials)
        r.access_control_allow_credentials = true
        assert.equal("true", r.headers["Access-Control-Allow-Credentials"])
        assert.is_true(r.access_control_allow_credentials)
        r.access_control_allow_credentials = false
        assert.is_nil(r.headers["Access-Control-Allow-Credentials"])
    end)

    it("for the parameters of the content type", function()
        assert.same({charset = "utf-8"}, r.mimetype_params)
        r.content_type = 'text/x; A="b c"; d=e'
        assert.same({a = "b c", d = "e"}, r.mimetype_params)
    end)

    it("can't be made up", function()
        assert.is_string(failure(function() r.is_json = true end))
        assert.is_string(failure(function() r.lokation = "/" end))
    end)
end)

describe("a response's JSON", function()
    it("is nil where the content type says another", function()
        local r = flask.Response("[1]")
        assert.is_nil(r.json)
        assert.is_nil(r:get_json())
        assert.equal(1, r:get_json{force = true}[1])
    end)

    it("may be of a type of its own", function()
        local r = flask.Response("null", {mimetype = "application/problem+json"})
        assert.is_true(r.is_json)
        assert.equal(flask.null, r.json)
        assert.is_false(flask.Response("false", {mimetype = "application/json"}).json)
    end)

    it("raises when it is broken, unless silent", function()
        local r = flask.Response("{", {mimetype = "application/json"})
        assert.truthy(failure(r.get_json, r):find("no JSON", 1, true))
        assert.is_nil(r:get_json{silent = true})
        assert.is_string(failure(r.get_json, r, {loud = true}))
    end)
end)

describe("cookies", function()
    it("are set with their attributes", function()
        local r = flask.Response("x")
        r:set_cookie("name", "ann lee", {max_age = 60, domain = "shop.test", secure = true,
                                         httponly = true, samesite = "Strict", path = "/a"})
        local field = r.headers["Set-Cookie"]
        for _, piece in ipairs{'name="ann lee"', "Max-Age=60", "Domain=shop.test", "Secure",
                               "HttpOnly", "SameSite=Strict", "Path=/a"} do
            assert.truthy(field:find(piece, 1, true), field)
        end
    end)

    it("are deleted", function()
        local r = flask.Response("x")
        r:delete_cookie("name", {path = "/a"})
        assert.truthy(r.headers["Set-Cookie"]:find("Max-Age=0", 1, true))
        assert.truthy(r.headers["Set-Cookie"]:find("1970", 1, true))
    end)

    it("are refused with control characters", function()
        local r = flask.Response("x")
        r:set_cookie("name", "a\r\nb")
        assert.is_nil(r.headers["Set-Cookie"]:find("[\r\n]"))
        assert.is_string(failure(r.set_cookie, r, "na\r\nme", "x"))
    end)

    it("take no misspelt option", function()
        local r = flask.Response("")
        assert.equal("set_cookie has no option \"http_only\"; did you mean httponly?",
                     failure(r.set_cookie, r, "a", "b", {http_only = true}):match("set_cookie.*"))
        assert.is_string(failure(r.delete_cookie, r, "a", {max_age = 3}))
        assert.is_false(r.headers:has("Set-Cookie"))
    end)

    it("are warned of when browsers would drop them", function()
        local app, warned = flask.Flask("shop"), {}
        app.logger.warning = function(_, format, ...) table.insert(warned, format:format(...)) end
        app:test_request_context("/", function()
            local r = flask.Response("")
            r:set_cookie("small", ("x"):rep(4000))
            r:set_cookie("large", ("x"):rep(4093))
            app.config.MAX_COOKIE_SIZE = false
            r:set_cookie("any", ("x"):rep(9000))
        end)
        assert.equal(1, #warned)
        assert.truthy(warned[1]:find("the cookie large is too large", 1, true))
    end)
end)

describe("conditional answers", function()
    -- An answer "0123456789" with ETag "v1", dated 784111777, made conditional.
    local function tagged()
        local response = flask.Response("0123456789", {headers = {
            ["X-Own"] = "1", ["Cache-Control"] = "max-age=9", Vary = "Cookie",
            ["Content-Location"] = "/here", ["Content-Language"] = "de"}})
        response:set_etag("v1")
        response.last_modified = 784111777
        return response:make_conditional()
    end

    local function conditional(headers, method)
        local app = flask.Flask("shop")
        app.testing = true
        app:route("/", {methods = {"GET", "POST"}}, tagged)
        return app:test_client():open("/", {method = method or "GET", headers = headers})
    end

    local EARLIER, SAME, LATER = "Sun, 06 Nov 1994 08:49:36 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"

    it("are 304 when the ETag matches", function()
        local function hashed()
            local response = flask.Response("body")
            response:add_etag()
            return response:make_conditional()
        end
        local first = sent(hashed)
        assert.equal(200, first.status_code)
        local second = sent(hashed, {headers = {["If-None-Match"] = first.headers.ETag}})
        assert.equal(304, second.status_code)
        assert.equal("", second.data)
        assert.equal(first.headers.ETag, second.headers.ETag)
    end)

    it("keep in a 304 what a cache needs, and nothing of the body", function()
        local r = conditional{["If-None-Match"] = '"v1"'}
        assert.equal(304, r.status_code)
        assert.equal("", r.data)
        for name, value in pairs{ETag = '"v1"', ["Cache-Control"] = "max-age=9",
                                 Vary = "Cookie", ["Content-Location"] = "/here",
                                 ["X-Own"] = "1"} do
            assert.equal(value, r.headers[name])
        end
        assert.is_string(r.headers.Date)
        for _, name in ipairs{"Content-Type", "Content-Length", "Content-Language",
                              "Last-Modified", "Accept-Ranges"} do
            assert.is_nil(r.headers[name], name)
        end
    end)

    it("weigh the conditions in the order of RFC 9110, section 13.2.2", function()
        local rows = {
            {200, {}},
            {200, {["If-Match"] = '"v1"'}},
            {200, {["If-Match"] = '"x", "v1"'}},
            {200, {["If-Match"] = "*"}},
            {412, {["If-Match"] = '"x"'}},
            {412, {["If-Match"] = 'W/"v1"'}},
            {200, {["If-Match"] = '"v1"', ["If-Unmodified-Since"] = EARLIER}},
            {412, {["If-Match"] = '"x"', ["If-Unmodified-Since"] = LATER}},
            {412, {["If-Match"] = '"x"', ["If-None-Match"] = '"v1"'}},
            {304, {["If-Match"] = '"v1"', ["If-None-Match"] = '"v1"'}},
            {412, {["If-Unmodified-Since"] = EARLIER}},
            {200, {["If-Unmodified-Since"] = SAME}},
            {200, {["If-Unmodified-Since"] = LATER}},
            {200, {["If-Unmodified-Since"] = "yesterday"}},
            {304, {["If-Unmodified-Since"] = SAME, ["If-Modified-Since"] = SAME}},
            {304, {["If-None-Match"] = '"v1"'}},
            {304, {["If-None-Match"] = 'W/"v1"'}},
            {304, {["If-None-Match"] = '"x", "v1"'}},
            {304, {["If-None-Match"] = "*"}},
            {200, {["If-None-Match"] = '"x"'}},
            {200, {["If-None-Match"] = '"x"', ["If-Modified-Since"] = SAME}},
            {304, {["If-None-Match"] = '"v1"', ["If-Modified-Since"] = EARLIER}},
            {200, {["If-Modified-Since"] = EARLIER}},
            {304, {["If-Modified-Since"] = SAME}},
            {304, {["If-Modified-Since"] = LATER}},
            {304, {["If-Modified-Since"] = "Sunday, 06-Nov-94 08:49:37 GMT"}},
            {200, {["If-Modified-Since"] = "yesterday"}},
            {304, {["If-None-Match"] = '"v1"', Range = "bytes=0-1"}},
            {412, {["If-Match"] = '"x"', Range = "bytes=0-1"}},
            {206, {["If-Match"] = '"v1"', Range = "bytes=0-1"}},
        }
        for i, row in ipairs(rows) do
            for _, method in ipairs{"GET", "HEAD"} do
                local r = conditional(row[2], method)
                assert.equal(row[1], r.status_code, "row " .. i)
                assert.equal(method == "GET" and row[1] < 300, r.data:find("^01") ~= nil)
            end
        end
    end)

    it("are no matter of other methods", function()
        assert.equal(200, conditional({["If-None-Match"] = '"v1"'}, "POST").status_code)
        assert.equal(200, conditional({["If-Match"] = '"x"'}, "POST").status_code)
        assert.equal(200, conditional({Range = "bytes=0-1"}, "POST").status_code)
    end)

    it("may be a part, if If-Range allows", function()
        local rows = {
            {206}, {206, '"v1"'}, {200, '"x"'}, {200, 'W/"v1"'}, {206, SAME}, {200, EARLIER},
            {200, LATER}, {200, "*"}, {200, "nonsense"},
        }
        for i, row in ipairs(rows) do
            local r = conditional{Range = "bytes=2-4", ["If-Range"] = row[2]}
            assert.equal(row[1], r.status_code, "row " .. i)
            assert.equal(row[1] == 206 and "234" or "0123456789", r.data)
        end
    end)

    it("fail with a page, not with an error, as after_request functions call them", function()
        local r = conditional{["If-Match"] = '"x"'}
        assert.equal(412, r.status_code)
        assert.truthy(r.text:find("Precondition Failed", 1, true))
        assert.is_nil(r.headers.ETag)
        assert.is_nil(r.headers["Cache-Control"])
        assert.equal("1", r.headers["X-Own"])
        r = conditional{Range = "bytes=10-"}
        assert.equal(416, r.status_code)
        assert.equal("bytes */10", r.headers["Content-Range"])
        assert.truthy(r.content_type:find("^text/html"))
    end)

    it("are left alone where the answer is no 2xx", function()
        local function refused()
            local response = flask.Response("no", {status = 403})
            response:set_etag("v1")
            return response:make_conditional()
        end
        assert.equal(403, sent(refused, {headers = {["If-None-Match"] = '"v1"'}}).status_code)
        assert.equal(403, sent(refused, {headers = {["If-Match"] = '"x"'}}).status_code)
    end)

    it("of a stream have no ranges", function()
        local function streamed()
            local is_done = false
            local response = flask.Response(function()
                is_done = not is_done
                return is_done and "0123456789" or nil
            end)
            response:set_etag("v1")
            return response:make_conditional()
        end
        local r = sent(streamed, {headers = {Range = "bytes=2-4"}})
        assert.equal(200, r.status_code)
        assert.equal("0123456789", r.data)
        assert.equal(304, sent(streamed, {headers = {["If-None-Match"] = '"v1"'}}).status_code)
    end)
end)

describe("an ETag", function()
    it("is made of the data, as Werkzeug does", function()
        local r = flask.Response("x")
        r:add_etag()
        assert.equal('"11f6ad8ec52a2984abaafd7c3b516503785c2072"', r.headers.ETag)
        r.data = "y"
        r:add_etag()
        assert.equal('"11f6ad8ec52a2984abaafd7c3b516503785c2072"', r.headers.ETag)
        r:add_etag{overwrite = true, weak = true}
        assert.equal('W/"95cb0bfd2977c761298d9624e4b4d4c72a39974a"', r.headers.ETag)
        assert.is_string(failure(function()
            flask.Response(function() end):add_etag()
        end))
    end)

    it("may be one's own", function()
        local r = flask.Response("x")
        assert.is_nil(r:get_etag())
        r:set_etag("v1")
        assert.equal('"v1"', r.headers.ETag)
        assert.same({"v1", false}, {r:get_etag()})
        r:set_etag("v1", true)
        assert.equal('W/"v1"', r.headers.ETag)
        assert.same({"v1", true}, {r:get_etag()})
        for _, bad in ipairs{'a"b', "a b", "a\nb", "a\0"} do
            assert.is_string(failure(r.set_etag, r, bad))
        end
        assert.equal('W/"v1"', r.headers.ETag)
    end)
end)

describe("Location", function()
    it("is percent-encoded when it goes out", function()
        assert.equal("/%C3%A4%20b?c=d", sent(flask.redirect("/ä b?c=d")).headers.Location)
    end)
end)

describe("dates", function()
    it("are written and read as HTTP has them", function()
        assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", flask.http_date(784111777))
        assert.equal(784111777, flask.parse_date("Sun, 06 Nov 1994 08:49:37 GMT"))
        assert.equal(784111777, flask.parse_date("Sunday, 06-Nov-94 08:49:37 GMT"))
        assert.equal(784111777, flask.parse_date("Sun Nov  6 08:49:37 1994"))
        assert.is_nil(flask.parse_date("yesterday"))
    end)
end)
