local flask = require "cflask"
local testing = require "cflask.testing"

-- A folder with the given files (name to text); it is removed after the test.
local function folder_with(files)
    local folder = os.tmpname()
    os.remove(folder)
    for name, text in pairs(files) do
        assert(os.execute("mkdir -p $(dirname " .. folder .. "/" .. name .. ")"))
        local file = assert(io.open(folder .. "/" .. name, "wb"))
        file:write(text)
        file:close()
    end
    finally(function() os.execute("rm -rf " .. folder) end)
    return folder
end

-- The message with which fn fails.
local function failure(fn, ...)
    local is_fine, message = pcall(fn, ...)
    assert.is_false(is_fine)
    return tostring(message)
end

local HELLO = [[
local flask = require "cflask"
local app = flask.Flask(...)
app:get("/", function() return "Hello World!" end)
return app
]]

describe("an app file", function()
    it("returns the app", function()
        local app = testing.load(folder_with{["hello.lua"] = HELLO} .. "/hello.lua")
        assert.equal("hello", app.name)
        assert.equal("Hello World!", app:test_client():get("/").text)
    end)

    it("has its folder as root_path", function()
        local folder = folder_with{["hello.lua"] = HELLO}
        assert.equal(folder, testing.load(folder .. "/hello.lua").root_path)
    end)

    it("may be a folder with app.lua or init.lua", function()
        local folder = folder_with{["a/app.lua"] = HELLO, ["b/init.lua"] = HELLO}
        assert.equal("a", testing.load(folder .. "/a").name)
        assert.equal("b", testing.load(folder .. "/b").name)
    end)

    it("may be a factory in a module", function()
        local folder = folder_with{["shop.lua"] = [[
            local flask = require "cflask"
            local shop = {}
            function shop.create_app(config)
                local app = flask.Flask("shop")
                app:get("/", function() return app.config.COLOUR end)
                return app
            end
            return shop
        ]]}
        local app = testing.load(folder .. "/shop.lua:create_app", {COLOUR = "red"})
        assert.equal("red", app:test_client():get("/").text)
    end)

    it("finds the modules of its folder first", function()
        local folder = folder_with{
            ["app.lua"] = [[
                local flask = require "cflask"
                local app = flask.Flask(...)
                app:get("/", function() return require("spec_words").greeting end)
                return app
            ]],
            ["spec_words/init.lua"] = "return {greeting = 'hi'}",
        }
        assert.equal("hi", testing.load(folder):test_client():get("/").text)
    end)

    it("may end with app:run{}, which starts nothing in tests", function()
        local folder = folder_with{
            ["a.lua"] = HELLO:gsub("return app", "return app:run{port = 8080}"),
            ["b.lua"] = HELLO:gsub("return app", "app:run{port = 8080}"),
        }
        assert.equal(8080, testing.load(folder .. "/a.lua")._run_options.port)
        assert.equal("b", testing.load(folder .. "/b.lua").name)
    end)

    it("is loaded anew by each load, modules and all", function()
        local folder = folder_with{
            ["app.lua"] = [[
                local flask = require "cflask"
                local counter = require "spec_counter"
                local app = flask.Flask(...)
                app:get("/", function() counter.n = counter.n + 1; return tostring(counter.n) end)
                return app
            ]],
            ["spec_counter.lua"] = "return {n = 0}",
        }
        local first = testing.load(folder):test_client()
        assert.equal("1", first:get("/").text)
        assert.equal("2", first:get("/").text)
        assert.equal("1", testing.load(folder):test_client():get("/").text)
    end)

    it("reads .env of its folder, but what the environment has wins", function()
        local folder = folder_with{
            ["app.lua"] = HELLO:gsub('"Hello World!"', 'flask.env("SPEC_GREETING", "none")'),
            [".env"] = "SPEC_GREETING='from the file'\n",
        }
        assert.equal("from the file", testing.load(folder):test_client():get("/").text)
    end)

    it("that returns something else is told so", function()
        local folder = folder_with{["app.lua"] = "return 3"}
        assert.truthy(failure(testing.load, folder):find("end it with `return app`", 1, true))
    end)

    it("with a syntax error is one message with the line", function()
        local folder = folder_with{["app.lua"] = "local x = = 3"}
        local message = failure(testing.load, folder)
        assert.truthy(message:find("app.lua:1:", 1, true))
        assert.is_nil(message:find("\n", 1, true))
    end)

    it("that fails while loading shows the traceback", function()
        local folder = folder_with{["app.lua"] = "local t\nreturn t.x"}
        local message = failure(testing.load, folder)
        assert.truthy(message:find("app.lua:2:", 1, true))
        assert.truthy(message:find("stack traceback", 1, true))
    end)

    it("that a module of it requires is an error, not an endless loop", function()
        local folder = folder_with{["spec_loop.lua"] = "require 'spec_other'\nreturn 1",
                                   ["spec_other.lua"] = "return require 'spec_loop'"}
        assert.truthy(failure(testing.load, folder .. "/spec_loop.lua")
            :find("the app's own file", 1, true))
    end)

    it("that is missing is said in one line", function()
        assert.truthy(failure(testing.load, "/nowhere/x.lua")
            :find("there is no app /nowhere/x.lua", 1, true))
    end)
end)

describe("flask.Flask", function()
    it("takes its name and options", function()
        local app = flask.Flask("shop", {root_path = "/tmp", static_folder = "public",
                                         template_folder = "views"})
        assert.equal("shop", app.name)
        assert.equal("/tmp", app.root_path)
        assert.equal("public", app.static_folder)
        assert.equal("/public", app.static_url_path)
        assert.equal("views", app.template_folder)
        assert.same({}, app.extensions)
    end)

    it("has the folder of the calling file as root_path", function()
        assert.truthy(flask.Flask("shop").root_path:find("spec$"))
    end)

    it("takes the file's path in place of options", function()
        assert.equal("/tmp", flask.Flask("shop", "/tmp/shop.lua").root_path)
    end)

    it("has no static route without a static folder", function()
        local app = flask.Flask("shop", {static_folder = false})
        assert.equal(404, app:test_client():get("/static/x").status_code)
        assert.same({}, app._rules)
    end)

    it("names an unknown option and the one that is near", function()
        local message = failure(flask.Flask, "shop", {root_pat = "/tmp"})
        local _, other = pcall(flask.Blueprint, "a", {prefix = "/a"})
        assert.truthy(other:find('Blueprint has no option "prefix"; did you mean url_prefix?', 1, true))
        _, other = pcall(flask.Blueprint, "a", {zzz = 1})
        assert.truthy(other:find('has no option "zzz"; it has root_path, static_folder, ', 1, true))
        assert.truthy(message:find('Flask has no option "root_pat"; did you mean root_path?',
                                   1, true))
    end)

    it("opens files of its folder", function()
        local folder = folder_with{["data/words.txt"] = "one two"}
        local app = flask.Flask("shop", {root_path = folder})
        local file = app:open_resource("data/words.txt")
        assert.equal("one two", file:read("a"))
        file:close()
        assert.truthy(failure(app.open_resource, app, "none"):find("open_resource", 1, true))
    end)

    it("keeps what extensions and the app put there", function()
        local app = flask.Flask("shop")
        app.database = {}
        assert.is_table(app.database)
        assert.is_nil(app.nothing)
    end)

    it("says what to use for Flask's names that are not here", function()
        local app = flask.Flask("shop")
        assert.truthy(failure(function() return app.wsgi_app end):find("app:mount", 1, true))
        assert.truthy(failure(function() app.before_first_request() end)
            :find("before_serving", 1, true))
        assert.truthy(failure(function() return app.jinja_options end)
            :find("use app.jinja_env", 1, true))
    end)

    it("says that methods are called with a colon", function()
        local app = flask.Flask("shop")
        local message = failure(function() app.get("/", function() end) end)
        assert.truthy(message:find("call it with a colon", 1, true))
        assert.truthy(message:find("app_spec.lua:", 1, true))
    end)
end)

describe("the module", function()
    it("suggests the name that was meant", function()
        assert.truthy(failure(function() return flask.jsonfy end)
            :find("did you mean jsonify?", 1, true))
    end)

    it("says what comes later", function()
        for _, name in ipairs{"channel", "fetch"} do
            assert.truthy(failure(function() return flask[name] end)
                :find("comes with a later version", 1, true))
        end
    end)

    it("says where exceptions and signals are", function()
        assert.truthy(failure(function() return flask.NotFound end)
            :find("flask.exceptions.NotFound", 1, true))
        assert.truthy(failure(function() return flask.request_started end)
            :find("flask.signals.request_started", 1, true))
    end)
end)

describe("registration", function()
    it("is closed by the first request, with an error that names the call", function()
        local app = flask.Flask("shop")
        app:test_client():get("/")
        local function view() return "" end
        for name, call in pairs{
            get = function() app:get("/late", view) end,
            route = function() app:route("/late", view) end,
            before_request = function() app:before_request(view) end,
            errorhandler = function() app:errorhandler(404, view) end,
            register_blueprint = function()
                app:register_blueprint(flask.Blueprint("late"))
            end,
            teardown_appcontext = function() app:teardown_appcontext(view) end,
        } do
            local message = failure(call)
            assert.truthy(message:find("app:" .. name .. " was called after the first request",
                                       1, true), message)
            assert.truthy(message:find("app_spec.lua:", 1, true))
        end
    end)

    it("returns the function, so that it can be kept", function()
        local app = flask.Flask("shop")
        local function view() return "" end
        assert.equal(view, app:get("/a", view))
        assert.equal(view, app:route("/b", {methods = {"PURGE"}}, view))
        assert.equal(view, app:add_url_rule("/c", "c", view))
        assert.equal(view, app:before_request(view))
        assert.equal(view, app:errorhandler(404, view))
    end)

    it("names what is wrong with a route, at the caller's line", function()
        local app = flask.Flask("shop")
        local function view() return "" end
        for expected, call in pairs{
            ["must begin with a slash"] = function() app:get("x", view) end,
            ["has no view"] = function() app:route("/x", {}) end,
            ["has no option \"method\"; did you mean methods?"] = function()
                app:route("/x", {method = "GET"}, view)
            end,
            ["takes options by name, as in {name = value}, not \"POST\""] = function()
                app:route("/x", {"POST"}, view)
            end,
            ["must be a list such as"] = function() app:route("/x", {methods = "GET"}, view) end,
            ["has its method already"] = function() app:get("/x", {methods = {"POST"}}, view) end,
            ["the view of the route"] = function() app:get("/x", "endpoint", 3) end,
            ["the rule must be a string"] = function() app:get(view) end,
        } do
            local message = failure(call)
            assert.truthy(message:find(expected, 1, true), message)
            assert.truthy(message:find("app_spec.lua:", 1, true), message)
        end
    end)
end)

describe("STRICT_GLOBALS", function()
    local function app_with(body)
        local folder = folder_with{["app.lua"] = ([[
            local flask = require "cflask"
            local app = flask.Flask(...)
            spec_declared = 0
            app:get("/", function()
                %s
            end)
            return app
        ]]):format(body), ["spec_module.lua"] = "spec_of_module = 1\nreturn true"}
        finally(function()
            for _, name in ipairs{"spec_declared", "spec_forgotten", "spec_of_module"} do
                rawset(_G, name, nil)
            end
            os.execute("rm -rf " .. folder)
        end)
        return testing.load(folder)
    end

    it("refuses to set a new global in a request, with its line", function()
        local app = app_with("spec_forgotten = 1\nreturn ''")
        local message = failure(function() app:test_client():get("/") end)
        assert.truthy(message:find('app.lua:5: the global "spec_forgotten"', 1, true), message)
    end)

    it("lets a request set what the app has set while loading", function()
        local app = app_with("spec_declared = nil; spec_declared = 2\nreturn 'fine'")
        assert.equal("fine", app:test_client():get("/").text)
    end)

    it("lets a module that is required in a request set its globals", function()
        local app = app_with("require 'spec_module'\nreturn 'fine'")
        assert.equal("fine", app:test_client():get("/").text)
    end)

    it("can be switched off", function()
        local app = app_with("spec_forgotten = 1\nreturn 'fine'")
        app.config.STRICT_GLOBALS = false
        assert.equal("fine", app:test_client():get("/").text)
    end)
end)
