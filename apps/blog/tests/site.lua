-- A site for a test. What to learn here: each test has a database and a folder of its own, so that
-- none can lean on what another left; and helpers that do what a browser does, form token included.
local testing = require "cflask.testing"

local site = {}

site.APP = debug.getinfo(1, "S").source:match("^@(.*)/tests/[^/]*$") or "."
site.PASSWORD = "correct horse"

local Site = {}
Site.__index = Site

-- A migrated, empty site: {app=, folder=}. close() ends it.
function site.new(config)
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder .. "/uploads")
    local settings = {
        SECRET_KEY = "test-only-not-a-real-one",
        DATABASE = "sqlite:" .. folder .. "/blog.db",
        UPLOAD_FOLDER = folder .. "/uploads",
        PASSWORD_METHOD = "pbkdf2:sha256:1", -- a dear one would take most of the tests' time
        POSTS_PER_PAGE = 3,
    }
    for key, value in pairs(config or {}) do
        settings[key] = value
    end
    local app = testing.load(site.APP, settings)
    app:app_context(function()
        require("database").migrate(app)
    end)
    return setmetatable({app = app, folder = folder, visitors = 0}, Site)
end

function Site:close()
    self.app:database():close()
    os.execute("rm -r " .. self.folder)
end

-- A user made past the forms, with a role.
function Site:user(name, role)
    return self.app:app_context(function()
        return require("models.users").create(name, site.PASSWORD, role)
    end)
end

-- ## Browsers

local Browser = {}
Browser.__index = Browser

-- A browser at an address of its own, which the limiter counts by itself.
function Site:browser()
    self.visitors = self.visitors + 1
    site.visitors = (site.visitors or 0) + 1
    local address = ("10.%d.%d.9"):format(math.floor(site.visitors / 250), site.visitors % 250)
    return setmetatable({
        client = self.app:test_client(), environ = {remote_addr = address},
    }, Browser)
end

-- A browser in which the user, who is made if need be, is logged in.
function Site:logged_in(name, role)
    self:user(name, role)
    local browser = self:browser()
    browser:submit("/auth/login", {name = name, password = site.PASSWORD})
    return browser
end

function Browser:get(path, options)
    options = options or {}
    options.environ = self.environ
    return self.client:get(path, options)
end

-- The token that stands in a page's form. That of the login is at hand for everybody.
function Browser:token(page)
    local text = self:get(page or "/auth/login").text
    return (text:match('name="csrf_token" value="([^"]+)"'))
end

-- Sends a form to a path, as the page at that path or `page` would.
function Browser:submit(path, form, options)
    options = options or {}
    form.csrf_token = self:token(options.page)
    options.page = nil
    options.form, options.environ = form, self.environ
    return self.client:post(path, options)
end

-- Follows one redirect to the page behind.
function Browser:follow(response)
    assert(response.status_code == 302, response.status_code .. ": " .. response.text)
    return self:get((response.location:gsub("^http://localhost", ""):gsub("#.*", "")))
end

-- Writes a post and returns its number.
function Browser:write(title, body, options)
    local r = self:submit("/create", {title = title, body = body or "Some text."}, options)
    assert(r.status_code == 302, r.status_code .. ": " .. r.text)
    return tonumber(r.location:match("/(%d+)$"))
end

-- ## Pictures

-- The least that each kind of picture begins with.
site.PNG = "\137PNG\r\n\26\n\0\0\0\13IHDR\0\0\0\1\0\0\0\1\8\2\0\0\0"
site.JPEG = "\255\216\255\224\0\16JFIF\0"
site.GIF = "GIF89a\1\0\1\0\0\0\0"
site.WEBP = "RIFF\26\0\0\0WEBPVP8L\13\0\0\0"

-- How many pictures the site keeps.
function Site:pictures()
    local pipe = io.popen("ls " .. self.folder .. "/uploads | wc -l")
    local count = tonumber(pipe:read("a"))
    pipe:close()
    return count
end

function site.has(response, words)
    return response.text:find(words, 1, true) ~= nil
end

return site
