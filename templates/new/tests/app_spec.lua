-- cflask-lua test
local testing = require "cflask.testing"

-- The folder of the app, from the path of this file.
local APP = debug.getinfo(1, "S").source:match("^@(.*)/?tests/[^/]*$")

describe("@name@", function()
    local client

    before_each(function()
        local app = testing.load(APP == "" and "." or APP,
                                 {SECRET_KEY = "only-for-these-tests"})
        client = app:test_client()
    end)

    -- Sends the form as a browser does, with the token of the page.
    local function add_note(text)
        local token = client:get("/").text:match('name="csrf_token" value="([^"]+)"')
        return client:post("/notes", {form = {csrf_token = token, text = text},
                                      follow_redirects = true})
    end

    it("shows its page", function()
        local r = client:get("/")
        assert.equal(200, r.status_code)
        assert.truthy(r.text:find("There is nothing yet", 1, true))
    end)

    it("keeps a note, escaped, and says so once", function()
        local page = add_note("  bread & butter ").text
        assert.truthy(page:find("Your note is kept.", 1, true))
        assert.truthy(page:find("<li>bread &amp; butter</li>", 1, true))
        assert.is_nil(client:get("/").text:find("Your note is kept.", 1, true))
    end)

    it("keeps the last ten notes, the newest first", function()
        for i = 1, 12 do
            add_note("note " .. i)
        end
        client:session_transaction(function(session)
            assert.equal(10, #session.notes)
            assert.equal("note 12", session.notes[1])
        end)
    end)

    it("refuses empty and long notes", function()
        assert.truthy(add_note(" ").text:find("Write something first.", 1, true))
        assert.truthy(add_note(("x"):rep(141)).text:find("That is too long.", 1, true))
    end)

    it("refuses a form without its token, on a page of its own", function()
        local r = client:post("/notes", {form = {text = "forged"}})
        assert.equal(400, r.status_code)
        assert.truthy(r.text:find("Back to the start", 1, true))
    end)

    it("has a page for what is not found", function()
        local r = client:get("/nowhere")
        assert.equal(404, r.status_code)
        assert.truthy(r.text:find("<h1>Not Found</h1>", 1, true))
    end)

    it("serves its style sheet", function()
        assert.equal("text/css", client:get("/static/style.css").mimetype)
    end)
end)
