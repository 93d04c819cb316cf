local flask = require "cflask"
local request = flask.request
local cookies = require "cflask.cookies"

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return tostring(raised)
end

describe("the test client", function()
    local app, client

    before_each(function()
        app = flask.Flask("shop")
        app.testing = true
        client = app:test_client()
        app:route("/echo", {methods = {"GET", "POST", "PUT", "PATCH", "DELETE"}}, function()
            return {method = request.method, query = request.query_string,
                    type = request.content_type, data = request:get_data(),
                    host = request.host, url = request.url}
        end)
    end)

    it("sends each method", function()
        for _, verb in ipairs{"get", "post", "put", "patch", "delete"} do
            assert.equal(verb:upper(), client[verb](client, "/echo").json.method)
        end
    end)

    it("sends a query as a table or text", function()
        assert.equal("a=1&b=x+y", client:get("/echo", {query = {b = "x y", a = 1}}).json.query)
        assert.equal("a=1", client:get("/echo", {query = "a=1"}).json.query)
        assert.equal("a=1", client:get("/echo?a=1").json.query)
        assert.truthy(failure(client.get, client, "/echo?a=1", {query = {b = 1}})
            :find("stands in the path already", 1, true))
    end)

    it("sends JSON, forms and bytes", function()
        local r = client:post("/echo", {json = {a = flask.json.array{}}})
        assert.equal("application/json", r.json.type)
        assert.equal('{"a":[]}', r.json.data)
        assert.equal("a=1", client:post("/echo", {form = {a = 1}}).json.data)
        r = client:post("/echo", {data = "x", content_type = "text/x"})
        assert.equal("text/x", r.json.type)
        assert.equal("x", r.json.data)
        assert.truthy(failure(client.post, client, "/echo", {json = 1, form = {}})
            :find("one body", 1, true))
    end)

    it("goes to the base_url", function()
        local r = client:get("/echo", {base_url = "https://shop.test:81/app"})
        assert.equal(404, r.status_code)
        r = client:get("/echo", {base_url = "https://shop.test:81"})
        assert.equal("https://shop.test:81/echo", r.json.url)
        assert.equal("http://localhost/echo", client:get("/echo").json.url)
        assert.equal("other.test", client:get("http://other.test/echo").json.host)
    end)

    it("encodes what may not stand in a path", function()
        app:get("/<name>", function(name) return name end)
        assert.equal("a b", client:get("/a b").text)
        assert.equal("ä", client:get("/ä").text)
        assert.equal("a b", client:get("/a%20b").text)
    end)

    it("gives status, headers, data, text, json and the request", function()
        app:get("/x", function() return {a = 1}, 201, {["X-Many"] = {"a", "b"}} end)
        local r = client:get("/x?q=1")
        assert.equal(201, r.status_code)
        assert.equal("201 CREATED", r.status)
        assert.equal("a", r.headers["x-many"])
        assert.same({"a", "b"}, r.headers:getlist("X-Many"))
        assert.equal('{"a":1}\n', r.data)
        assert.equal(r.data, r.text)
        assert.equal(1, r.json.a)
        assert.equal("/x", r.request.path)
        assert.equal("q=1", r.request.query_string)
        assert.same({}, r.history)
    end)

    it("follows redirects when told to", function()
        app:get("/a", function() return flask.redirect("/b") end)
        app:post("/a", function() return flask.redirect("/c", 307) end)
        app:get("/b", function() return flask.redirect("echo", 303) end)
        app:post("/c", function() return request.form.x end)
        local r = client:get("/a")
        assert.equal(302, r.status_code)
        r = client:get("/a", {follow_redirects = true})
        assert.equal("GET", r.json.method)
        assert.equal(2, #r.history)
        assert.equal("/echo", r.request.path)
        assert.equal("kept", client:post("/a", {form = {x = "kept"}, follow_redirects = true}).text)
    end)

    it("sends a body again after 307 and 308 alone, but none of a function", function()
        for _, code in ipairs{307, 308} do
            app:post("/" .. code, function() return flask.redirect("/echo", code) end)
        end
        for _, body in ipairs{{data = "a=1"}, {form = {a = 1}}} do
            for _, path in ipairs{"/307", "/308"} do
                body.follow_redirects = true
                local r = client:post(path, body)
                assert.equal("POST", r.json.method)
                assert.equal("a=1", r.json.data)
            end
        end
        assert.truthy(failure(client.post, client, "/307",
                              {data = function() end, follow_redirects = true})
            :find("testing_spec.lua:%d+: a body from a function can't be sent again after a 307"))
    end)

    it("sends what a function returns in chunks", function()
        app:post("/chunks", function()
            return {how = request.headers.transfer_encoding, data = request:get_data()}
        end)
        local n = 0
        local r = client:post("/chunks", {data = function()
            n = n + 1
            return ({"one ", "", "two"})[n]
        end})
        assert.same({how = "chunked", data = "one two"}, {how = r.json.how, data = r.json.data})
        assert.equal("in the body", failure(client.post, client, "/chunks",
                                            {data = function() error("in the body", 0) end}))
        assert.truthy(failure(client.post, client, "/chunks", {data = function() return 5 end})
            :find("must return strings and nil at the end, not 5", 1, true))
    end)

    it("raises what a view, or a streamed body, has raised", function()
        local raised = {code = 7}
        app:get("/raises", function() error(raised) end)
        app:get("/streams", function()
            local n = 0
            return function()
                n = n + 1
                return n <= 2 and "x" or error(raised)
            end
        end)
        for _, path in ipairs{"/raises", "/streams"} do
            local is_fine, found = pcall(client.get, client, path)
            assert.is_false(is_fine)
            assert.equal(raised, found)
        end
        app.testing = false
        assert.equal(500, client:get("/raises").status_code)
        local r = client:get("/streams")
        assert.same({"xx", false}, {r.data, r.is_whole})
        app.testing = true
        app.config.PROPAGATE_EXCEPTIONS = false
        assert.equal(500, client:get("/raises").status_code)
    end)

    it("turns a redirected POST into GET", function()
        app:post("/form", function() return flask.redirect("/echo") end)
        local r = client:post("/form", {form = {x = 1}, follow_redirects = true})
        assert.equal("GET", r.json.method)
        assert.equal("", r.json.data)
    end)

    it("does not follow redirects that leave the app, nor loops", function()
        app:get("/out", function() return flask.redirect("http://elsewhere.test/") end)
        app:get("/loop", function() return flask.redirect("/loop") end)
        assert.truthy(failure(client.get, client, "/out", {follow_redirects = true})
            :find("leaves the app", 1, true))
        assert.truthy(failure(client.get, client, "/loop", {follow_redirects = true})
            :find("more than 20 redirects", 1, true))
    end)

    it("keeps cookies, as a browser does", function()
        app:get("/set", function()
            local response = flask.make_response("set")
            response:set_cookie("name", "ann lee; \"x\"")
            response:set_cookie("deep", "1", {path = "/deep"})
            response:set_cookie("safe", "1", {secure = true})
            return response
        end)
        app:get("/drop", function()
            local response = flask.make_response("dropped")
            response:delete_cookie("name")
            return response
        end)
        app:get("/show", function() return request.cookies.name or "none" end)
        app:get("/deep/show", function() return request.cookies.deep or "none" end)
        app:get("/names", function()
            local names = {}
            for name in pairs(request.cookies) do
                table.insert(names, name)
            end
            table.sort(names)
            return table.concat(names, " ")
        end)
        client:get("/set")
        assert.equal('ann lee; "x"', client:get("/show").text)
        assert.equal("name", client:get("/names").text)
        assert.equal("1", client:get("/deep/show").text)
        assert.equal("", client:get("/names", {base_url = "http://other.test"}).text)
        client:get("/drop")
        assert.equal("none", client:get("/show").text)
        assert.equal("none", app:test_client():get("/show").text)
    end)

    it("can be given cookies and asked for them", function()
        app:get("/show", function() return request.cookies.name or "none" end)
        client:set_cookie("name", "bob")
        assert.equal("bob", client:get("/show").text)
        assert.equal("bob", client:get_cookie("name").value)
        client:delete_cookie("name")
        assert.equal("none", client:get("/show").text)
        assert.is_nil(client:get_cookie("name"))
    end)

    it("may keep none", function()
        app:get("/set", function()
            local response = flask.make_response(request.cookies.a or "none")
            response:set_cookie("a", "1")
            return response
        end)
        local plain = app:test_client{cookies = false}
        plain:get("/set")
        assert.equal("none", plain:get("/set").text)
    end)

    it("sends credentials and another address", function()
        app:get("/who", function()
            return request.authorization.username .. " " .. request.remote_addr
        end)
        assert.equal("ann 192.0.2.7", client:get("/who", {
            auth = {"ann", "secret"}, environ = {remote_addr = "192.0.2.7"},
        }).text)
    end)

    it("uploads several files", function()
        app:post("/up", function()
            local names = {}
            for _, file in ipairs(request.files:getlist("f")) do
                table.insert(names, file.filename .. file.size)
            end
            return table.concat(names, " ")
        end)
        assert.equal("a.txt1 b.txt2", client:post("/up", {
            files = {f = {{"a.txt", "x"}, {"b.txt", "yy"}}},
        }).text)
    end)

    it("lets the request be read after it, until the next one or the end", function()
        app.secret_key = "only-for-the-tests-of-the-client"
        app:get("/x", function()
            flask.g.user, flask.session.seen = "ann", {1}
            return ""
        end)
        assert.equal("result", client:context(function() return "result" end))
        client:context(function()
            client:get("/x?a=1")
            assert.equal(1, flask.session.seen[1])
            client:get("/echo")
            assert.equal("/echo", request.path)
            assert.is_nil(flask.g.user)
            client:get("/x?a=1")
            assert.equal("/x", request.path)
            assert.equal("1", request.args.a)
            assert.equal("ann", flask.g.user)
            assert.is_true(flask.current_app == app)
        end)
        assert.is_false(flask.has_request_context())
    end)

    it("can't be used inside a running request", function()
        app:get("/x", function() return app:test_client():get("/echo").text end)
        local message = failure(client.get, client, "/x")
        assert.truthy(message:find("testing_spec.lua:%d+: the test client can't be used"))
    end)

    it("names what is wrong with its arguments", function()
        for expected, call in pairs{
            ["did you mean headers?"] = function() client:get("/", {header = {}}) end,
            ["the path of a request must be a string"] = function() client:get() end,
            ["with a colon"] = function() client.get("/") end,
            ["must not have a line break"] = function()
                client:get("/", {headers = {["X-X"] = "a\r\nb"}})
            end,
            ["session_transaction"] = function() client:session_transaction() end,
        } do
            local message = failure(call)
            assert.truthy(message:find(expected, 1, true), message)
            assert.truthy(message:find("testing_spec.lua:", 1, true), message)
        end
    end)
end)

describe("the cookie jar", function()
    local function jar_with(field, host, path, is_secure)
        local jar = cookies.new()
        jar:take(field, host or "shop.test", path or "/a/b", is_secure)
        return jar
    end

    it("sends a cookie to its host alone, unless it has a domain", function()
        local jar = jar_with("a=1; Path=/")
        assert.equal("a=1", jar:field("shop.test", "/"))
        assert.is_nil(jar:field("x.shop.test", "/"))
        jar = jar_with("a=1; Path=/; Domain=shop.test")
        assert.equal("a=1", jar:field("x.shop.test", "/"))
        assert.is_nil(jar:field("xshop.test", "/"))
    end)

    it("refuses cookies for other domains", function()
        assert.is_nil(jar_with("a=1; Domain=other.test"):field("other.test", "/"))
    end)

    it("has the folder of the request's path as the path", function()
        local jar = jar_with("a=1")
        assert.equal("a=1", jar:field("shop.test", "/a/c"))
        assert.is_nil(jar:field("shop.test", "/ab"))
    end)

    it("sends secure cookies over TLS alone", function()
        assert.is_nil(jar_with("a=1; Path=/; Secure"):field("shop.test", "/", true))
        local jar = jar_with("a=1; Path=/; Secure", "shop.test", "/", true)
        assert.is_nil(jar:field("shop.test", "/", false))
        assert.equal("a=1", jar:field("shop.test", "/", true))
    end)

    it("drops cookies that have ended", function()
        local jar = jar_with("a=1; Path=/")
        jar:take("a=1; Path=/; Max-Age=0", "shop.test", "/", false)
        assert.is_nil(jar:field("shop.test", "/"))
        jar = jar_with("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        assert.is_nil(jar:field("shop.test", "/"))
    end)

    it("sends longer paths first", function()
        local jar = jar_with("a=1; Path=/")
        jar:take("a=2; Path=/x", "shop.test", "/", false)
        assert.equal("a=2; a=1", jar:field("shop.test", "/x/y"))
    end)
end)

describe("the test runner", function()
    local app

    before_each(function()
        app = flask.Flask("shop")
        app:cli("greet", function(name)
            print("hello", name)
            io.write("bye\n")
        end)
        app:cli("fail", function() return false end)
        app:cli("code", function() return 3 end)
        app:cli("broken", function() error("broken", 0) end)
        app:cli("context", function() print(flask.current_app.name) end)
    end)

    it("gives output and exit code", function()
        local r = app:test_cli_runner():invoke{"greet", "ann"}
        assert.equal("hello\tann\nbye\n", r.output)
        assert.equal(0, r.exit_code)
    end)

    it("has false and numbers as exit codes", function()
        local runner = app:test_cli_runner()
        assert.equal(1, runner:invoke{"fail"}.exit_code)
        assert.equal(3, runner:invoke{"code"}.exit_code)
        local r = runner:invoke{"broken"}
        assert.equal(1, r.exit_code)
        assert.equal("broken", r.exception)
    end)

    it("captures what goes to io.stdout, and os.exit", function()
        app:cli("leave", function(code)
            io.stdout:write("a", 1, "\n"):write("b\n")
            io.stdout:flush()
            os.exit(tonumber(code) or code == "true")
        end)
        local runner = app:test_cli_runner()
        local r = runner:invoke{"leave", "3"}
        assert.same({"a1\nb\n", 3}, {r.output, r.exit_code})
        assert.is_nil(r.exception)
        assert.equal(0, runner:invoke{"leave", "true"}.exit_code)
        assert.equal(1, runner:invoke{"leave", "false"}.exit_code)
        assert.equal("file", io.type(io.stdout))
    end)

    it("runs inside an app context", function()
        assert.equal("shop\n", app:test_cli_runner():invoke{"context"}.output)
    end)

    it("tells of unknown commands", function()
        local r = app:test_cli_runner():invoke{"nope"}
        assert.equal(2, r.exit_code)
        assert.truthy(r.output:find("has no command nope", 1, true))
    end)
end)
