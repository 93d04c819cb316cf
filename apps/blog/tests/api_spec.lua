-- cflask-lua test apps/blog
local site = dofile((debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or ".") .. "/site.lua")
local has = site.has

describe("the API of the blog", function()
    local blog, client, visitors = nil, nil, 0

    -- A request with the token, if any, of a user.
    local function call(method, path, json, token)
        return client:open(path, {
            method = method, json = json, environ = {remote_addr = "10.99.0." .. visitors},
            headers = token and {Authorization = "Bearer " .. token} or nil,
        })
    end

    local function token_of(name, role)
        local browser = blog:logged_in(name, role)
        local page = browser:submit("/auth/token", {}, {page = "/auth/account"})
        assert.equal("no-store", page.headers["Cache-Control"])
        return page.text:match('<code class="token">([^<]+)</code>'), browser
    end

    before_each(function()
        blog = site.new()
        client = blog.app:test_client{cookies = false}
        visitors = visitors + 1
    end)
    after_each(function() blog:close() end)

    it("makes, shows, changes and deletes posts", function()
        local token = token_of("ann")
        local r = call("POST", "/api/posts", {title = "First", body = "Text"}, token)
        assert.equal(201, r.status_code)
        assert.truthy(r.location:find("/api/posts/1$"))
        assert.equal("ann", r.json.author)
        assert.equal("/1", r.json.url)
        r = call("GET", "/api/posts/1")
        assert.equal("Text", r.json.body)
        assert.equal(require("cflask").null, r.json.updated)
        r = call("PUT", "/api/posts/1", {title = "Second", body = "More"}, token)
        assert.equal(200, r.status_code)
        assert.equal("Second", call("GET", "/api/posts/1").json.title)
        assert.equal("number", type(call("GET", "/api/posts/1").json.updated))
        assert.equal(204, call("DELETE", "/api/posts/1", nil, token).status_code)
        r = call("GET", "/api/posts/1")
        assert.equal(404, r.status_code)
        assert.same({code = 404, name = "Not Found", message = "There is no post 1."}, r.json.error)
    end)

    it("has pages, of an author and of a search too", function()
        local ann, bob = token_of("ann"), token_of("bob")
        for n = 1, 5 do
            call("POST", "/api/posts", {title = "Tea " .. n, body = "Text"}, ann)
        end
        call("POST", "/api/posts", {title = "Bread", body = "Text"}, bob)
        local json = call("GET", "/api/posts?size=4").json
        assert.equal(4, #json.items)
        assert.equal(6, json.total)
        assert.equal(2, json.pages)
        assert.equal("Bread", json.items[1].title)
        json = call("GET", json.next).json
        assert.equal(2, #json.items)
        assert.equal(require("cflask").null, json.next)
        assert.equal(5, call("GET", "/api/posts?author=ann").json.total)
        assert.equal(0, call("GET", "/api/posts?author=zoe").json.total)
        assert.equal("[]", call("GET", "/api/posts?author=zoe").text:match('"items":(%b[])'))
        assert.equal("Bread", call("GET", "/api/posts?q=bre").json.items[1].title)
        assert.equal(0, call("GET", '/api/posts?q="').json.total)
        assert.equal(0, call("GET", "/api/posts?author=%00").json.total)
        assert.equal(6, #call("GET", "/api/posts?size=1000000&page=x").json.items)
        assert.equal(1, #call("GET", "/api/posts?size=-1").json.items)
        assert.equal(0, #call("GET", "/api/posts?page=99").json.items)
    end)

    it("takes and deletes comments", function()
        local ann, bob = token_of("ann"), token_of("bob")
        call("POST", "/api/posts", {title = "First", body = "Text"}, ann)
        local r = call("POST", "/api/posts/1/comments", {body = "Well said"}, bob)
        assert.equal(201, r.status_code)
        assert.equal("bob", call("GET", "/api/posts/1/comments").json.items[1].author)
        assert.equal(403, call("DELETE", "/api/posts/1/comments/1", nil, ann).status_code)
        assert.equal(204, call("DELETE", "/api/posts/1/comments/1", nil, bob).status_code)
        assert.equal(0, #call("GET", "/api/posts/1/comments").json.items)
        assert.equal(404, call("GET", "/api/posts/9/comments").status_code)
    end)

    it("says for each field what is wrong", function()
        local token = token_of("ann")
        for _, case in ipairs{
            {{}, "The title is required."},
            {{title = 3, body = "Text"}, "The title must be text."},
            {{title = {"a"}, body = "Text"}, "The title must be text."},
            {{title = ("x"):rep(121), body = "Text"}, "The title may have at most 120 characters."},
            {{"a", "list"}, "The title is required."},
            {"a text", "The title is required."},
        } do
            local r = call("POST", "/api/posts", case[1], token)
            assert.equal(422, r.status_code)
            assert.equal(case[2], r.json.error.fields.title)
        end
        local r = call("POST", "/api/posts", {title = "a\0b", body = "\0c"}, token)
        assert.equal("ab", r.json.title)
        call("DELETE", r.location, nil, token)
        local headers = {Authorization = "Bearer " .. token, ["Content-Type"] = "application/json"}
        r = client:post("/api/posts", {data = '{"title":', headers = headers})
        assert.equal(400, r.status_code)
        assert.equal(400, r.json.error.code)
        r = client:post("/api/posts", {form = {title = "a"}, headers = {Authorization = "Bearer " .. token}})
        assert.equal(415, r.status_code)
        assert.equal(0, call("GET", "/api/posts").json.total)
    end)

    it("refuses who has no good token", function()
        token_of("ann")
        for _, token in ipairs{"wrong", "x y", ("x"):rep(5000), "' OR 1=1 --"} do
            local r = call("POST", "/api/posts", {title = "a", body = "b"}, token)
            assert.equal(401, r.status_code)
            assert.equal("Bearer", r.headers["WWW-Authenticate"])
            assert.equal(401, call("GET", "/api/posts", nil, token).status_code)
        end
        assert.equal(401, call("POST", "/api/posts", {title = "a", body = "b"}).status_code)
        assert.equal(401, call("GET", "/api/me").status_code)
        local r = client:get("/api/me", {auth = {"ann", site.PASSWORD}})
        assert.equal(401, r.status_code)
    end)

    it("refuses to change what is another's, but to editors", function()
        local ann, bob, eve = token_of("ann"), token_of("bob"), token_of("eve", "editor")
        call("POST", "/api/posts", {title = "First", body = "Text"}, ann)
        assert.equal(403, call("PUT", "/api/posts/1", {title = "a", body = "b"}, bob).status_code)
        assert.equal(403, call("DELETE", "/api/posts/1", nil, bob).status_code)
        assert.equal(200, call("PUT", "/api/posts/1", {title = "a", body = "b"}, eve).status_code)
    end)

    it("takes a session too, whose changes need the CSRF token", function()
        local browser = blog:logged_in("ann")
        local post = {json = {title = "First", body = "Text"}, environ = browser.environ}
        local r = browser.client:post("/api/posts", post)
        assert.equal(400, r.status_code)
        assert.truthy(r.json.error.message:find("CSRF", 1, true))
        -- A header that names nobody is no way around it.
        post.headers = {Authorization = "Bearer wrong"}
        assert.equal(401, browser.client:post("/api/posts", post).status_code)
        local me = browser:get("/api/me").json
        assert.equal("ann", me.name)
        post.headers = {["X-CSRFToken"] = me.csrf_token}
        assert.equal(201, browser.client:post("/api/posts", post).status_code)
    end)

    it("knows a token until it is replaced or deleted", function()
        local token, browser = token_of("ann")
        assert.equal("ann", call("GET", "/api/me", nil, token).json.name)
        assert.is_false(has(browser:get("/auth/account"), token))
        local page = browser:submit("/auth/token", {}, {page = "/auth/account"})
        local second = page.text:match('<code class="token">([^<]+)</code>')
        assert.equal(401, call("GET", "/api/me", nil, token).status_code)
        assert.equal(200, call("GET", "/api/me", nil, second).status_code)
        browser:submit("/auth/token/delete", {}, {page = "/auth/account"})
        assert.equal(401, call("GET", "/api/me", nil, second).status_code)
    end)

    it("answers errors of the routing as JSON", function()
        assert.equal(404, call("GET", "/api/nothing").json.error.code)
        local r = call("PATCH", "/api/posts/1")
        assert.equal(405, r.json.error.code)
        assert.truthy(r.headers.Allow:find("PUT", 1, true))
        local token = token_of("ann")
        r = call("POST", "/api/posts", {title = "a", body = ("x"):rep(300000)}, token)
        assert.equal(413, r.json.error.code)
    end)
end)
