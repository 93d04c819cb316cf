local testing = require "cflask.testing"

local function new_client()
    local app = testing.load("apps/login", {SECRET_KEY = "test-only-not-a-real-one"})
    return app:test_client()
end

-- Sends a page's form, with the token that stands in it.
local function send(client, page, path, form)
    form.csrf_token = client:get(page).text:match('name="csrf_token" value="([^"]+)"')
    return client:post(path, {form = form})
end

local function log_in(client, name, password, more)
    local form = {name = name, password = password}
    for key, value in pairs(more or {}) do
        form[key] = value
    end
    return send(client, "/login", "/login", form)
end

describe("the tea house", function()
    it("shows its pages to those who may see them", function()
        local client = new_client()
        assert.equal(302, client:get("/private").status_code)
        assert.equal(302, log_in(client, "ann", "green tea").status_code)
        assert.truthy(client:get("/private").text:find("You have logged in just now", 1, true))
        assert.truthy(client:get("/admin").text:find("bob", 1, true))
    end)

    it("has pages for admins alone", function()
        local client = new_client()
        log_in(client, "bob", "assam")
        assert.equal(200, client:get("/private").status_code)
        assert.equal(403, client:get("/admin").status_code)
    end)

    it("answers wrong passwords and unknown names alike", function()
        local client = new_client()
        local wrong, unknown = log_in(client, "ann", "x"), log_in(client, "zoe", "x")
        assert.equal(401, wrong.status_code)
        assert.equal(401, unknown.status_code)
        assert.truthy(unknown.text:find("do not fit together", 1, true))
    end)

    it("slows down who tries passwords out", function()
        local client, status = new_client(), nil
        for _ = 1, 30 do
            status = client:post("/login", {environ = {remote_addr = "10.0.0.9"}}).status_code
        end
        assert.equal(429, status)
    end)

    it("leads back to its own pages alone", function()
        local client = new_client()
        local r = log_in(client, "ann", "green tea", {next = "/settings"})
        assert.truthy(r.location:find("/settings$"))
        r = log_in(client, "ann", "green tea", {next = "//evil.test"})
        assert.truthy(r.location:find("/private$"))
    end)

    it("refuses forms without a token", function()
        local client = new_client()
        local r = client:post("/login", {form = {name = "ann", password = "green tea"}})
        assert.equal(400, r.status_code)
        assert.truthy(r.text:find("CSRF token is missing", 1, true))
    end)

    it("remembers, and asks again before settings are changed", function()
        local client = new_client()
        log_in(client, "ann", "green tea", {remember = "on"})
        client:delete_cookie("session")
        assert.truthy(client:get("/private").text:find("remembered you", 1, true))
        assert.equal(302, client:get("/settings").status_code)
        log_in(client, "ann", "green tea")
        assert.equal(302, send(client, "/settings", "/settings", {tea = "oolong"}).status_code)
        assert.truthy(client:get("/settings").text:find("oolong", 1, true))
    end)

    it("logs out", function()
        local client = new_client()
        log_in(client, "ann", "green tea", {remember = "on"})
        assert.equal(302, send(client, "/", "/logout", {}).status_code)
        assert.equal(302, client:get("/private").status_code)
        assert.is_nil(client:get_cookie("remember_token"))
    end)
end)
