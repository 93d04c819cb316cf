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
end)

describe("conditional answers", function()
    it("are 304 when the ETag matches", function()
        local function tagged()
            local response = flask.Response("body")
            response:add_etag()
            return response:make_conditional() or response
        end
        local first = sent(tagged)
        assert.equal(200, first.status_code)
        local second = sent(tagged, {headers = {["If-None-Match"] = first.headers.ETag}})
        assert.equal(304, second.status_code)
        assert.equal("", second.data)
        assert.equal(first.headers.ETag, second.headers.ETag)
    end)

    it("take a tag of one's own", function()
        local r = flask.Response("x")
        r:set_etag("v1")
        assert.equal('"v1"', r.headers.ETag)
        r:set_etag("v1", true)
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
