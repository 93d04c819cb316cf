local flask = require "cflask"
local request = flask.request

-- What fn returns in a request to the path with the client's options.
local function in_request(path, options, fn)
    if not fn then
        options, fn = {}, options
    end
    return flask.Flask("shop"):test_request_context(path, options, fn)
end

-- The answer to a request whose view is fn.
local function answer(fn, options, path)
    local app = flask.Flask("shop")
    app.config.PROPAGATE_EXCEPTIONS = true
    app:route("/", {methods = {"GET", "POST", "PUT"}}, fn)
    return app:test_client():open(path or "/", options)
end

describe("flask.request", function()
    it("refuses options that its methods have not", function()
        local app = flask.Flask("shop")
        app.testing = true
        app:post("/json", function() return {request:get_json{forced = true}} end)
        app:get("/args", function() return request.args:to_table{flet = false} end)
        app:get("/items", function()
            return {request.args:items{multy = true} ~= nil}
        end)
        local client = app:test_client()
        for path, option in pairs{["/args"] = "flat", ["/items"] = "multi", ["/json"] = "force"} do
            local is_fine, text = pcall(client.open, client, path, {
                method = path == "/json" and "POST" or "GET"})
            assert.is_false(is_fine)
            assert.truthy(tostring(text):find("did you mean " .. option .. "?", 1, true), text)
        end
    end)

    it("tells where it went", function()
        in_request("/a%20b/c?x=1&y=2", {method = "POST", base_url = "https://shop.test:8443"},
            function()
                assert.equal("POST", request.method)
                assert.equal("/a b/c", request.path)
                assert.equal("/a b/c?x=1&y=2", request.full_path)
                assert.equal("x=1&y=2", request.query_string)
                assert.equal("https", request.scheme)
                assert.is_true(request.is_secure)
                assert.equal("shop.test:8443", request.host)
                assert.equal("https://shop.test:8443/", request.host_url)
                assert.equal("https://shop.test:8443/", request.root_url)
                assert.equal("https://shop.test:8443/", request.url_root)
                assert.equal("https://shop.test:8443/a%20b/c?x=1&y=2", request.url)
                assert.equal("https://shop.test:8443/a%20b/c", request.base_url)
                assert.equal("", request.root_path)
                assert.equal("", request.script_root)
            end)
    end)

    it("tells its URL as people read it, leading to the same place", function()
        in_request("/a%20b%3Cc%C3%A9%2541?q=%C3%A9%26%3C%e9", {}, function()
            assert.equal("http://localhost/a%20b<cé%2541?q=é%26<%E9", request.url)
            assert.equal("http://localhost/a%20b<cé%2541", request.base_url)
        end)
    end)

    it("tells who sent it", function()
        in_request("/", {environ = {remote_addr = "192.0.2.7"},
                         headers = {["X-Forwarded-For"] = "198.51.100.1, 192.0.2.1"}}, function()
            assert.equal("192.0.2.7", request.remote_addr)
            assert.equal("198.51.100.1", request.access_route[1])
        end)
    end)

    it("has an id, as sent or made", function()
        in_request("/", {headers = {["X-Request-Id"] = "abc-1"}}, function()
            assert.equal("abc-1", request.id)
        end)
        in_request("/", function()
            assert.is_string(request.id)
            assert.equal(request.id, request.id)
        end)
    end)

    it("can't be changed", function()
        in_request("/", function()
            assert.has_error(function() request.method = "POST" end)
        end)
    end)
end)

describe("request.args", function()
    it("is the query, the first value by index", function()
        in_request("/?a=1&b=x+y&a=2&c=%C3%A4&d", function()
            assert.equal("1", request.args.a)
            assert.equal("x y", request.args.b)
            assert.equal("ä", request.args.c)
            assert.equal("", request.args.d)
            assert.is_nil(request.args.e)
            assert.same({"1", "2"}, {request.args:getlist("a")[1], request.args:getlist("a")[2]})
            assert.is_true(request.args:has("a"))
            assert.is_false(request.args:has("e"))
        end)
    end)

    it("converts", function()
        in_request("/?n=7&bad=x&n=8&n=y&f=1.5&on=true", function()
            local args = request.args
            assert.equal(7, args:get("n", nil, flask.int))
            assert.equal(3, args:get("bad", 3, flask.int))
            assert.equal(3, args:get("none", 3, flask.int))
            assert.equal(1.5, args:get("f", nil, flask.number))
            assert.is_true(args:get("on", nil, flask.boolean))
            assert.equal("XX", args:get("bad", nil, function(s) return s:upper():rep(2) end))
            local list = args:getlist("n", flask.int)
            assert.same({7, 8}, {list[1], list[2]})
            assert.equal(2, #list)
            assert.equal(7, args:require("n", flask.int))
        end)
    end)

    it("refuses a missing or bad key with 400", function()
        local r = answer(function() return request.args:require("page", flask.int) end,
                         {query = {page = "x"}})
        assert.equal(400, r.status_code)
        assert.truthy(r.text:find("page", 1, true))
    end)

    it("can be gone through", function()
        in_request("/?b=1&a=2&b=3", function()
            local seen, all = {}, {}
            for key, value in pairs(request.args) do
                seen[key] = value
            end
            for key, value in request.args:items{multi = true} do
                table.insert(all, key .. value)
            end
            table.sort(all)
            assert.same({a = "2", b = "1"}, seen)
            assert.same({"a2", "b1", "b3"}, all)
            assert.equal("1", request.args:to_table().b)
            assert.equal("3", request.args:to_table{flat = false}.b[2])
        end)
    end)

    it("lets a method's name be a key for :get", function()
        in_request("/?get=x", function()
            assert.is_function(request.args.get)
            assert.equal("x", request.args:get("get"))
        end)
    end)

    it("keeps broken sequences as text and turns broken UTF-8 into U+FFFD", function()
        in_request("/?a=%zz&b=%FF", function()
            assert.equal("%zz", request.args.a)
            assert.equal("\239\191\189", request.args.b)
        end)
    end)
end)

describe("request.form", function()
    it("is an urlencoded body", function()
        in_request("/", {method = "POST", form = {name = "ann lee", n = {1, 2}}}, function()
            assert.equal("ann lee", request.form.name)
            assert.equal("2", request.form:getlist("n")[2])
            assert.equal("application/x-www-form-urlencoded", request.mimetype)
        end)
    end)

    it("is the fields of a multipart body", function()
        in_request("/", {method = "POST", form = {name = "ann"},
                         files = {photo = {"a.png", "\0\1\r\n--x", "image/png"}}}, function()
            assert.equal("ann", request.form.name)
            local photo = request.files.photo
            assert.equal("a.png", photo.filename)
            assert.equal("photo", photo.name)
            assert.equal("image/png", photo.content_type)
            assert.equal(7, photo.size)
            assert.equal("\0\1\r\n--x", photo:read())
            photo:seek("set", 1)
            assert.equal("\1", photo:read(1))
        end)
    end)

    it("joins with args in values", function()
        in_request("/?a=1&b=2", {method = "POST", form = {a = "3", c = "4"}}, function()
            assert.equal("1", request.values.a)
            assert.equal("4", request.values.c)
            assert.equal(2, #request.values:getlist("a"))
        end)
    end)

    it("is 400 for a broken multipart body", function()
        local r = answer(function() return request.form.x or "none" end, {
            method = "POST", data = "--b\r\nbroken",
            content_type = "multipart/form-data; boundary=b",
        })
        assert.equal(400, r.status_code)
    end)
end)

describe("an uploaded file", function()
    local function upload(bytes, fn)
        return in_request("/", {method = "POST", files = {f = {"a.txt", bytes}}}, function()
            return fn(request.files.f)
        end)
    end

    it("can be saved", function()
        upload("one\ntwo\n", function(file)
            local path = os.tmpname()
            file:save(path)
            local saved = assert(io.open(path, "rb"))
            assert.equal("one\ntwo\n", saved:read("a"))
            saved:close()
            os.remove(path)
            assert.has_error(function() file:save("/nowhere/at/all") end)
        end)
    end)

    it("can be read by lines", function()
        upload("one\ntwo\nthree", function(file)
            local lines = {}
            for line in file:lines() do
                table.insert(lines, line)
            end
            assert.same({"one", "two", "three"}, lines)
        end)
    end)

    it("may be larger than memory is given", function()
        local bytes = ("0123456789"):rep(200000)
        upload(bytes, function(file)
            assert.equal(#bytes, file.size)
            assert.equal(bytes, file:read())
        end)
    end)
end)

describe("request.json", function()
    local function json(text, content_type)
        return answer(function()
            local value = request.json
            return flask.jsonify(value)
        end, {method = "POST", data = text, content_type = content_type or "application/json"})
    end

    it("is the body", function()
        assert.equal('{"a":[1,2.5,"x",null,true]}\n',
                     json('{"a": [1, 2.5, "x", null, true]}').data)
        assert.equal("[]\n", json("[]", "application/vnd.api+json").data)
    end)

    it("is 400 for bad JSON and 415 for another type", function()
        assert.equal(400, json("{").status_code)
        assert.equal(400, json("[1,]").status_code)
        assert.equal(415, json("{}", "text/plain").status_code)
    end)

    it("has get_json with force and silent", function()
        in_request("/", {method = "POST", data = '{"a": 1}', content_type = "text/plain"},
            function()
                assert.is_false(request.is_json)
                assert.is_nil(request:get_json{silent = true})
                assert.equal(1, request:get_json{force = true}.a)
            end)
        in_request("/", {method = "POST", data = "{", content_type = "application/json"},
            function()
                assert.is_true(request.is_json)
                assert.is_nil(request:get_json{silent = true})
            end)
    end)
end)

describe("request headers", function()
    it("have no case, and _ stands for -", function()
        in_request("/", {headers = {["X-Real-Ip"] = "192.0.2.1", ["User-Agent"] = "spec"}},
            function()
                assert.equal("192.0.2.1", request.headers["x-real-ip"])
                assert.equal("192.0.2.1", request.headers.x_real_ip)
                assert.equal("192.0.2.1", request.headers:get("X-REAL-IP"))
                assert.is_nil(request.headers:get("x_real_ip"))
                assert.equal("spec", request.user_agent)
            end)
    end)

    it("are parsed where they have a form", function()
        in_request("/", {method = "POST", data = "abc", headers = {
            ["Content-Type"] = "text/plain; charset=latin-1", ["Content-Encoding"] = "br",
            Referer = "http://a.test/", Origin = "http://b.test",
            ["If-Modified-Since"] = "Sun, 06 Nov 1994 08:49:37 GMT",
            ["If-None-Match"] = 'W/"a", "b"', ["Range"] = "bytes=0-9,20-,-5",
            ["Cache-Control"] = "no-cache, max-age=60", ["Max-Forwards"] = "3",
        }}, function()
            assert.equal("text/plain", request.mimetype)
            assert.equal("latin-1", request.mimetype_params.charset)
            assert.equal(3, request.content_length)
            assert.equal("br", request.content_encoding)
            assert.equal("http://a.test/", request.referrer)
            assert.equal("http://b.test", request.origin)
            assert.equal(784111777, request.if_modified_since)
            assert.is_true(request.if_none_match:contains("b"))
            assert.is_false(request.if_none_match:contains("a"))
            assert.is_true(request.if_none_match:contains_weak("a"))
            assert.equal("bytes", request.range.units)
            assert.equal(0, request.range.ranges[1][1])
            assert.equal(10, request.range.ranges[1][2])
            assert.equal(20, request.range.ranges[2][1])
            assert.equal(-5, request.range.ranges[3][1])
            assert.equal(60, request.cache_control.max_age)
            assert.truthy(request.cache_control.no_cache)
            assert.equal(3, request.max_forwards)
        end)
    end)

    it("say what the client accepts", function()
        in_request("/", {headers = {Accept = "text/html;q=0.5, application/json",
                                    ["Accept-Language"] = "de-CH, en;q=0.8"}}, function()
            local accept = request.accept_mimetypes
            assert.equal("application/json", accept:best_match{"text/html", "application/json"})
            assert.equal("none", accept:best_match({"image/png"}, "none"))
            assert.equal(0.5, accept:quality("text/html"))
            assert.is_true(accept:accepts("text/html"))
            assert.is_false(accept:accepts("image/png"))
            assert.equal("application/json", accept:values()[1])
            assert.equal("en", request.accept_languages:best_match{"en", "de"})
            assert.equal("de", request.accept_languages:best_match{"fr", "de"})
        end)
    end)

    it("carry credentials", function()
        in_request("/", {auth = {"ann", "s:cret ä"}}, function()
            assert.equal("basic", request.authorization.type)
            assert.equal("ann", request.authorization.username)
            assert.equal("s:cret ä", request.authorization.password)
        end)
        in_request("/", {headers = {Authorization = "Bearer abc.def"}}, function()
            assert.equal("bearer", request.authorization.type)
            assert.equal("abc.def", request.authorization.token)
        end)
        in_request("/", function() assert.is_nil(request.authorization) end)
    end)

    it("carry cookies", function()
        in_request("/", {headers = {Cookie = 'a=1; b="x y"; a=2'}}, function()
            assert.equal("1", request.cookies.a)
            assert.equal("x y", request.cookies.b)
            assert.is_nil(request.cookies.c)
        end)
    end)
end)

describe("a body", function()
    it("is there as sent", function()
        in_request("/", {method = "POST", data = "a\0b\255"}, function()
            assert.equal("a\0b\255", request:get_data())
            assert.equal("a\0b\255", request.data)
            assert.equal(4, request.content_length)
        end)
    end)

    it("may come in chunks", function()
        local chunks = {"one ", "two ", "three"}
        local r = answer(function() return request:get_data() end, {
            method = "POST", data = function() return table.remove(chunks, 1) end,
        })
        assert.equal("one two three", r.data)
    end)

    it("over its limit is 413 when touched, and the app's handlers answer", function()
        local app = flask.Flask("shop")
        app.config.MAX_CONTENT_LENGTH = 10
        app:errorhandler(413, function() return "too large, says the app", 413 end)
        app:post("/touch", function() return request:get_data() end)
        app:post("/leave", function() return "not touched" end)
        app:post("/more", {max_content_length = 100}, function() return request:get_data() end)
        local client = app:test_client()
        local big = {data = ("x"):rep(50)}
        assert.equal("too large, says the app", client:post("/touch", big).text)
        assert.equal(413, client:post("/touch", big).status_code)
        assert.equal("not touched", client:post("/leave", big).text)
        assert.equal(("x"):rep(50), client:post("/more", big).text)
        assert.equal("close", client:post("/touch", big).headers.Connection)
    end)

    it("may have its limit lowered by a before_request", function()
        local app = flask.Flask("shop")
        app:before_request(function() request.max_content_length = 5 end)
        app:post("/", function() return request:get_data() end)
        assert.equal(413, app:test_client():post("/", {data = "0123456789"}).status_code)
        assert.equal(200, app:test_client():post("/", {data = "01234"}).status_code)
    end)
end)

describe("methods of the request and of its tables", function()
    it("called with a dot say so", function()
        in_request("/?a=1", function()
            for _, call in ipairs{
                function() return request.get_json() end,
                function() return request.args.get("a") end,
            } do
                local is_fine, message = pcall(call)
                assert.is_false(is_fine)
                assert.truthy(tostring(message):find("colon", 1, true), message)
            end
        end)
    end)
end)

describe("TRUSTED_HOSTS", function()
    it("lets no other host in", function()
        local app = flask.Flask("shop")
        app.config.TRUSTED_HOSTS = {"shop.test", ".many.test"}
        app:get("/", function() return "in" end)
        local client = app:test_client()
        local function status(host)
            return client:get("/", {base_url = "http://" .. host}).status_code
        end
        for _, host in ipairs{"shop.test", "SHOP.test", "shop.test:8080", "many.test",
                              "a.many.test"} do
            assert.equal(200, status(host), host)
        end
        for _, host in ipairs{"evil.test", "notmany.test", "shop.test.evil.test", "127.0.0.1"} do
            assert.equal(400, status(host), host)
        end
    end)
end)
