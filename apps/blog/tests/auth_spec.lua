-- cflask-lua test apps/blog
local site = dofile((debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or ".") .. "/site.lua")
local has, PASSWORD = site.has, site.PASSWORD

describe("an account of the blog", function()
    local blog, browser

    before_each(function()
        blog = site.new()
        browser = blog:browser()
    end)
    after_each(function() blog:close() end)

    local function register(name, password, again)
        return browser:submit("/auth/register", {
            name = name, password = password, again = again or password,
        })
    end

    it("is made by registering, which logs in", function()
        local page = browser:follow(register("ann", PASSWORD))
        assert.is_true(has(page, "Welcome, ann."))
        assert.is_true(has(page, "Log out"))
        assert.equal(200, browser:get("/create").status_code)
    end)

    it("needs a name of letters, a long password and its repetition", function()
        for _, case in ipairs{
            {"", PASSWORD, nil, "The name is required."},
            {"a", PASSWORD, nil, "at least 2 characters"},
            {"<b>ann</b>", PASSWORD, nil, "letters (a to z)"},
            {("a"):rep(31), PASSWORD, nil, "at most 30 characters"},
            {"ann", "short", nil, "at least 8 characters"},
            {"ann", ("x"):rep(201), nil, "at most 200 characters"},
            {"ann", PASSWORD, "another", "The two passwords differ."},
        } do
            local r = register(case[1], case[2], case[3])
            assert.equal(422, r.status_code)
            assert.is_true(has(r, case[4]), case[4])
            assert.is_false(has(r, "<b>ann"))
            assert.is_false(has(r, PASSWORD)) -- a page never shows a password
        end
    end)

    it("has a name that nobody else has, in any case of letters", function()
        register("ann", PASSWORD)
        browser = blog:browser()
        local r = register("ANN", PASSWORD)
        assert.equal(422, r.status_code)
        assert.is_true(has(r, "That name is taken."))
    end)

    it("keeps a hash of the password alone", function()
        register("ann", PASSWORD)
        local file = assert(io.open(blog.folder .. "/blog.db", "rb"))
        local wal = io.open(blog.folder .. "/blog.db-wal", "rb")
        local bytes = file:read("a") .. (wal and wal:read("a") or "")
        file:close()
        if wal then
            wal:close()
        end
        assert.is_truthy(bytes:find("pbkdf2:sha256:1$", 1, true))
        assert.is_nil(bytes:find(PASSWORD, 1, true))
    end)

    it("is logged in with the right password alone, and a wrong name looks alike", function()
        blog:user("ann")
        local wrong = browser:submit("/auth/login", {name = "ann", password = "wrong horse"})
        local unknown = browser:submit("/auth/login", {name = "zoe", password = "wrong horse"})
        assert.equal(401, wrong.status_code)
        assert.equal(401, unknown.status_code)
        local odd = browser:submit("/auth/login", {name = "ann\0", password = PASSWORD .. "\0"})
        assert.equal(401, odd.status_code)
        assert.is_true(has(wrong, "do not fit together"))
        assert.is_true(has(unknown, "do not fit together"))
        assert.equal(302, browser:get("/create").status_code)
        local r = browser:submit("/auth/login", {name = "ann", password = PASSWORD})
        assert.equal(302, r.status_code)
        assert.equal(200, browser:get("/create").status_code)
    end)

    it("comes back to the page that asked for the login, and to this site alone", function()
        blog:user("ann")
        local r = browser:get("/create")
        assert.truthy(r.location:find("/auth/login?next=", 1, true))
        r = browser:submit("/auth/login", {name = "ann", password = PASSWORD, next = "/create"})
        assert.truthy(r.location:find("/create$"))
        browser = blog:browser()
        r = browser:submit("/auth/login", {name = "ann", password = PASSWORD, next = "//evil.test/"})
        assert.is_nil(r.location:find("evil", 1, true))
    end)

    it("is slowed down for who tries passwords out", function()
        blog:user("ann")
        local token, r = browser:token(), nil
        for _ = 1, 12 do
            r = browser.client:post("/auth/login", {environ = browser.environ,
                form = {csrf_token = token, name = "ann", password = "guess"}})
        end
        assert.equal(429, r.status_code)
        assert.is_true(has(r, "A little slower, please"))
        assert.truthy(tonumber(r.headers["Retry-After"]) > 0)
        assert.equal(200, browser:get("/auth/login").status_code) -- looking is free
    end)

    it("is slowed down for who registers in masses", function()
        local token, r = browser:token(), nil
        for _ = 1, 12 do
            r = browser.client:post("/auth/register", {environ = browser.environ,
                form = {csrf_token = token, name = "?"}})
        end
        assert.equal(429, r.status_code)
    end)

    it("is remembered when asked to, until the user logs out", function()
        blog:user("ann")
        browser:submit("/auth/login", {name = "ann", password = PASSWORD, remember = "on"})
        browser.client:delete_cookie("session")
        assert.equal(200, browser:get("/create").status_code)
        -- Remembered is not enough for the account: the password is asked for.
        assert.truthy(browser:get("/auth/account").location:find("/auth/login", 1, true))
        browser:submit("/auth/logout", {})
        assert.is_nil(browser.client:get_cookie("remember_token"))
        assert.equal(302, browser:get("/create").status_code)
    end)

    it("is not logged out by a link", function()
        browser = blog:logged_in("ann")
        assert.equal(405, browser:get("/auth/logout").status_code)
        assert.equal(200, browser:get("/create").status_code)
    end)

    it("changes its password, which ends all other logins", function()
        browser = blog:logged_in("ann")
        local other = blog:browser()
        other:submit("/auth/login", {name = "ann", password = PASSWORD, remember = "on"})
        local r = browser:submit("/auth/password", {current = "wrong", password = "new password",
                                                    again = "new password"})
        assert.equal(422, r.status_code)
        assert.is_true(has(r, "This is not your password."))
        r = browser:submit("/auth/password", {current = PASSWORD, password = "new password",
                                              again = "other"})
        assert.is_true(has(r, "The two passwords differ."))
        assert.equal(200, other:get("/create").status_code)
        r = browser:submit("/auth/password", {current = PASSWORD, password = "new password",
                                              again = "new password"})
        assert.is_true(has(browser:follow(r), "Your password is changed"))
        assert.equal(200, browser:get("/create").status_code)
        assert.equal(302, other:get("/create").status_code)
        other = blog:browser()
        r = other:submit("/auth/login", {name = "ann", password = PASSWORD})
        assert.equal(401, r.status_code)
    end)

    it("takes no form without its token", function()
        blog:user("ann")
        browser:get("/auth/login")
        local r = browser.client:post("/auth/login", {environ = browser.environ,
            form = {name = "ann", password = PASSWORD}})
        assert.equal(400, r.status_code)
        assert.is_true(has(r, "Please send that again"))
        assert.is_true(has(r, "The CSRF token is missing"))
        assert.is_true(has(r, "<!doctype html>"))
    end)

    it("is over when its user is gone", function()
        browser = blog:logged_in("ann")
        blog.app:app_context(function() blog.app:database():exec("DELETE FROM users") end)
        assert.equal(302, browser:get("/create").status_code)
        assert.equal(200, browser:get("/").status_code)
    end)
end)
