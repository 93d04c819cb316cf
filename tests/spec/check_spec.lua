-- `cflask-lua check`, and the refusal to serve with a secret that can be guessed.
local check = require "cflask.check"
local core = require "cflask.core"
local flask = require "cflask"
local secrets = require "cflask.secrets"

local BIN = os.getenv("CFLASK_LUA") or core.getcwd() .. "/build/cflask-lua"
local GOOD = "not-a-real-one-but-long-enough"
local folder

local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
    file:close()
end

-- What a command prints (both outputs together) and its exit status.
local function run(words, environment)
    local pipe = assert(io.popen(("cd %s && %s timeout 120 %s %s 2>&1; echo \"exit $?\"")
        :format(folder, environment or "", BIN, words)))
    local text = pipe:read("*a")
    pipe:close()
    local output, status = text:match("^(.*)exit (%d+)\n$")
    return output, tonumber(status)
end

before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir -p " .. folder .. "/templates/users " .. folder .. "/static")
end)

after_each(function()
    os.execute("rm -rf " .. folder)
end)

-- An app in the folder, with settings, that is told nothing about.
local function new_app(settings)
    local app = flask.Flask("shop", {root_path = folder})
    app.config:from_mapping{SECRET_KEY = GOOD}
    app.config:from_mapping(settings or {})
    flask.security_headers(app)
    return app
end

-- "severity key" of each finding.
local function found(app)
    local list = {}
    for i, finding in ipairs(check.findings(app)) do
        list[i] = finding.severity .. " " .. finding.key
    end
    return list
end

local function page() return "page" end

describe("check, and routes", function()
    it("leave no database behind that was not there, nor hide one that can't be made", function()
        if not pcall(require, "cflask.sqlite") then
            return
        end
        local app = 'local app = require("cflask").Flask(...)\n'
            .. 'local db = app:database("sqlite:%s")\n%s\n'
            .. 'app:get("/", function() return db:one("SELECT 1 AS n") end)\nreturn app\n'
        local place = folder .. "/shop.db"
        write("app.lua", app:format("shop.db", ""))
        for _, command in ipairs{"check", "routes"} do
            local output = run(command .. " app.lua")
            assert.is_nil(output:find("traceback", 1, true), output)
            assert.is_false(core.is_file(place))
        end
        write("app.lua", app:format("shop.db", 'db:exec("CREATE TABLE item (name TEXT)")\n'
            .. 'print(tostring(db), db:one("SELECT count(*) AS n FROM item").n)'))
        assert.truthy(run("check app.lua"):find("shop.db\t0", 1, true))
        assert.is_true(core.is_file(place))
        write("app.lua", app:format("missing/shop.db", ""))
        local output, status = run("check app.lua")
        assert.equal(1, status)
        assert.truthy(output:find("missing/shop.db", 1, true), output)
    end)
end)

describe("A secret", function()
    it("can be guessed when it is short, well known or all the same", function()
        for _, secret in ipairs{
            "", "short", "fifteen-bytes-x", "dev", "secret", "change-me", "Change Me!", "CHANGEME123",
            "your-secret-key-here", "super-secret-key", "secretsecretsecretsecret",
            "1234567890123456", "12345678901234567890", "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abababababababababab", "password12345678", "this-is-a-secret-key",
            "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
            "_5#y2L\"F4Q8z\n\xec]/", "you-will-never-guess", "hard to guess string",
        } do
            assert.truthy(secrets.weakness(secret), secret)
        end
    end)

    it("can't when it is long and of its own", function()
        for _, secret in ipairs{
            GOOD, "sixteen-bytes-xy", "test-only-not-a-real-one",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "the secret of the old mill", flask.security.random_token(),
        } do
            assert.is_nil(secrets.weakness(secret), secret)
        end
    end)
end)

describe("cflask-lua run", function()
    local function app_with(secret, more)
        write("hello.lua", ([[
            local flask = require "cflask"
            local app = flask.Flask(...)
            app.config.SECRET_KEY = %q
            app:before_serving(function() error("it would serve") end)
            %s
            return app
        ]]):format(secret, more or ""))
    end

    it("does not start with a secret that can be guessed, and says how to make one", function()
        for _, secret in ipairs{"dev", "change-me", "15-bytes-of-key"} do
            app_with(secret)
            local output, status = run("hello.lua --port 0")
            assert.equal(1, status)
            assert.truthy(output:find("SECRET_KEY of the app hello", 1, true), output)
            assert.truthy(output:find("openssl rand", 1, true))
            assert.truthy(output:find("^cflask%-lua: [^\n]+\n$"), output)
        end
    end)

    it("starts with it in debug mode, and with a good one", function()
        app_with("dev")
        assert.truthy((run("hello.lua --port 0 --debug")):find("it would serve", 1, true))
        app_with(GOOD)
        assert.truthy((run("hello.lua --port 0")):find("it would serve", 1, true))
    end)

    it("looks at mounted apps too", function()
        app_with(GOOD, [[
            local other = flask.Flask("other")
            other.config.SECRET_KEY = "secret"
            app:mount("/other", other)
        ]])
        local output, status = run("hello.lua --port 0")
        assert.equal(1, status)
        assert.truthy(output:find("the app other is well known", 1, true), output)
    end)
end)

describe("cflask-lua check", function()
    it("finds nothing in a careful app", function()
        local app = new_app()
        app:get("/", page)
        assert.same({}, found(app))
    end)

    it("looks at the secret", function()
        assert.same({"unsafe SECRET_KEY"}, found(new_app{SECRET_KEY = "dev"}))
        assert.same({"unsafe SECRET_KEY"}, found(new_app{SECRET_KEY = "15-bytes-of-key"}))
        assert.same({"unsafe SECRET_KEY_FALLBACKS"}, found(new_app{
            SECRET_KEY_FALLBACKS = {GOOD, "secret"}}))
    end)

    it("misses a secret where the session, the login or forms need one", function()
        local app = new_app()
        app.config.SECRET_KEY = nil
        assert.same({}, found(app))
        write("app.lua", "local flask = require 'cflask'\n-- flask.session\n")
        assert.same({}, found(app))
        write("app.lua", "local flask = require 'cflask'\nlocal session = flask.session\n")
        local finding = check.findings(app)[1]
        assert.equal("SECRET_KEY is not set, but the session is used (app.lua:2)",
                     finding.message)
        for _, name in ipairs{"login", "csrf"} do
            app = new_app()
            app.config.SECRET_KEY = nil
            app.extensions[name] = {}
            assert.equal("unsafe SECRET_KEY", found(app)[1])
        end
    end)

    it("tells of secrets in the source", function()
        write("app.lua", "\napp.config.SECRET_KEY = 'x'\n")
        assert.same({"hint SECRET_KEY"}, found(new_app()))
        write("app.lua", "\napp.config.SECRET_KEY = flask.env('SECRET_KEY')\n")
        assert.same({}, found(new_app()))
    end)

    it("looks at modes", function()
        assert.same({"unsafe DEBUG"}, found(new_app{DEBUG = true}))
        assert.same({"hint TESTING"}, found(new_app{TESTING = true}))
        assert.same({"hint STRICT_GLOBALS"}, found(new_app{STRICT_GLOBALS = false}))
        assert.same({"slow TEMPLATES_AUTO_RELOAD"}, found(new_app{TEMPLATES_AUTO_RELOAD = true}))
    end)

    it("wants Secure cookies behind HTTPS", function()
        assert.same({"unsafe SESSION_COOKIE_SECURE"},
                    found(new_app{PREFERRED_URL_SCHEME = "https"}))
        assert.same({"unsafe SESSION_COOKIE_SECURE"}, found(new_app{PROXY_FIX = 1}))
        assert.same({}, found(new_app{PROXY_FIX = 1, SESSION_COOKIE_SECURE = true}))
        local app = flask.Flask("shop", {root_path = folder})
        app.config.SECRET_KEY = GOOD
        flask.security_headers(app, {strict_transport_security = {max_age = 60}})
        assert.same({"unsafe SESSION_COOKIE_SECURE"}, found(app))
        app = new_app{PROXY_FIX = 1, SESSION_COOKIE_SECURE = true}
        app.extensions.login = {}
        assert.same({"unsafe REMEMBER_COOKIE_SECURE"}, found(app))
        app.config.REMEMBER_COOKIE_SECURE = true
        assert.same({}, found(app))
        app = new_app{PREFERRED_URL_SCHEME = "https"}
        app.config.SECRET_KEY = nil
        assert.same({}, found(app)) -- no session, no cookie
    end)

    it("looks at the session's cookie", function()
        assert.same({"unsafe SESSION_COOKIE_HTTPONLY"},
                    found(new_app{SESSION_COOKIE_HTTPONLY = false}))
        assert.same({"unsafe SESSION_COOKIE_SAMESITE"},
                    found(new_app{SESSION_COOKIE_SAMESITE = false}))
        assert.same({"unsafe SESSION_COOKIE_SAMESITE", "unsafe SESSION_COOKIE_SAMESITE"},
                    found(new_app{SESSION_COOKIE_SAMESITE = "None"}))
        local app = new_app{SESSION_COOKIE_SAMESITE = "None", SESSION_COOKIE_SECURE = true}
        app.extensions.csrf = {}
        assert.same({"hint SESSION_COOKIE_SAMESITE"}, found(app))
    end)

    it("wants CSRF protection where forms are posted", function()
        write("templates/users/a.html", "<FORM class=x\n method='POST'>")
        write("templates/b.html", "<form action='/x' method=post>")
        local app = new_app()
        app:get("/", page)
        assert.same({}, found(app))
        app:post("/", page)
        local finding = check.findings(app)[1]
        assert.equal("unsafe csrf", finding.severity .. " " .. finding.key)
        assert.truthy(finding.message:find("templates/b.html and 1 more", 1, true))
        app.extensions.csrf = {}
        assert.same({}, found(app))
    end)

    it("finds forms in a blueprint's templates, and passes over those that get", function()
        os.execute("mkdir " .. folder .. "/parts")
        write("templates/a.html", "<form method=get> <formula method=post> <form poster=1>")
        local app = new_app()
        app:put("/", page)
        assert.same({}, found(app))
        app:register_blueprint(flask.Blueprint("parts", {
            root_path = folder, template_folder = "parts"}))
        write("parts/a.html", "<form method=\"post\">")
        assert.same({"unsafe csrf"}, found(app))
    end)

    it("wants a limiter where passwords are tried", function()
        local function app_with(rule, view, method)
            local app = new_app()
            local limiter = flask.limiter(app)
            app:route(rule, {methods = {method or "POST"}}, view and view(limiter) or page)
            return found(app)
        end
        assert.same({"unsafe limiter"}, app_with("/login"))
        assert.same({"unsafe limiter"}, app_with("/api/v1/sign-in"))
        assert.same({}, app_with("/login", nil, "GET"))
        assert.same({}, app_with("/logins-of-others"))
        assert.same({}, app_with("/login", function(limiter)
            return limiter:limit("5/minute")(page)
        end))
        assert.same({"unsafe limiter"}, app_with("/login", function(limiter)
            return limiter:exempt(function() return "" end)
        end))
        local app = new_app()
        flask.limiter(app, {default = "100/minute"})
        app:post("/login", page)
        assert.same({}, found(app))
        app = new_app()
        app:post("/in", "auth", page)
        app.extensions.login = {login_view = "auth"}
        assert.same({"unsafe limiter"}, {found(app)[1]})
    end)

    it("looks for limits that are off", function()
        assert.same({"unsafe HANDLER_CPU_LIMIT", "unsafe MAX_CONTENT_LENGTH"}, found(new_app{
            MAX_CONTENT_LENGTH = false, HANDLER_CPU_LIMIT = math.huge}))
        local app = new_app()
        app:get("/", {max_content_length = math.huge}, page)
        assert.same({"unsafe max_content_length"}, found(app))
    end)

    it("looks at what is served as it is", function()
        assert.same({"unsafe STATIC_DOTFILES"}, found(new_app{STATIC_DOTFILES = true}))
        local app = flask.Flask("shop", {root_path = folder, static_folder = ".",
                                         static_url_path = "/s"})
        flask.security_headers(app)
        assert.same({"unsafe static_folder"}, found(app))
    end)

    it("looks at fields", function()
        local app = new_app()
        flask.cors(app, {supports_credentials = true})
        assert.same({"unsafe cors"}, found(app))
        app = new_app()
        flask.cors(app, {supports_credentials = true, origins = "https://a.test"})
        assert.same({}, found(app))
        assert.same({"hint security_headers"},
                    found(flask.Flask("shop", {root_path = folder})))
        write("app.lua", "flask.url_for('x', {_external = true})")
        assert.same({"hint TRUSTED_HOSTS"}, found(new_app()))
        assert.same({}, found(new_app{TRUSTED_HOSTS = {"shop.test"}}))
    end)

    it("tells of settings that the server does not start with", function()
        assert.same({"unsafe config"}, found(new_app{PROXY_FIX = "1", SESSION_COOKIE_SECURE = true}))
    end)

    it("looks at mounted apps and names their prefix", function()
        local app = new_app()
        app:mount("/other", new_app{SECRET_KEY = "dev"})
        assert.truthy(check.findings(app)[1].message:find("/other: SECRET_KEY is well", 1, true))
    end)

    it("prints a line for each, the gravest first, and exits with 1 for unsafe ones", function()
        write("shop.lua", [[
            local flask = require "cflask"
            local app = flask.Flask(...)
            app.config.TEMPLATES_AUTO_RELOAD = true
            app.config.SECRET_KEY = flask.env("SECRET_KEY", "dev")
            return app
        ]])
        local output, status = run("check shop.lua")
        assert.equal(1, status)
        assert.truthy(output:find("^unsafe  SECRET_KEY is well known[^\n]+openssl[^\n]+\n"
                                  .. "slow    TEMPLATES_AUTO_RELOAD[^\n]+\n"
                                  .. "hint    [^\n]+\n$"), output)
        output, status = run("check shop.lua", "SECRET_KEY=" .. GOOD)
        assert.equal(0, status)
        assert.truthy(output:find("^slow    "), output)
        output, status = run("check --json shop.lua", "SECRET_KEY=" .. GOOD)
        assert.equal(0, status)
        local list = core.json.decode(output)
        assert.equal("slow", list[1].severity)
        assert.equal("TEMPLATES_AUTO_RELOAD", list[1].key)
        assert.truthy(list[1].message and list[1].advice)
    end)

    it("says so when there is nothing to say", function()
        write("fine.lua", [[
            local flask = require "cflask"
            local app = flask.Flask(...)
            flask.security_headers(app)
            return app
        ]])
        local output, status = run("check fine.lua")
        assert.same({"nothing found\n", 0}, {output, status})
        output, status = run("check fine.lua --json")
        assert.same({"[]\n", 0}, {output, status})
        output, status = run("check --help")
        assert.equal(0, status)
        assert.truthy(output:find("usage: cflask-lua check APP", 1, true))
    end)
end)
