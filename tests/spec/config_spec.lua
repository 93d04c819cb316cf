local core = require "cflask.core"
local flask = require "cflask"

-- A folder of its own with the given files; its path.
local function folder_with(files)
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    for name, text in pairs(files) do
        local file = assert(io.open(folder .. "/" .. name, "wb"))
        file:write(text)
        file:close()
    end
    finally(function() os.execute("rm -r " .. folder) end)
    return folder
end

describe("app.config", function()
    local config

    before_each(function()
        config = flask.Flask("shop").config
    end)

    it("has Flask's defaults", function()
        assert.equal("session", config.SESSION_COOKIE_NAME)
        assert.equal(2678400, config.PERMANENT_SESSION_LIFETIME)
        assert.equal("/", config.APPLICATION_ROOT)
        assert.equal("http", config.PREFERRED_URL_SCHEME)
        assert.equal(500000, config.MAX_FORM_MEMORY_SIZE)
        assert.equal(1000, config.MAX_FORM_PARTS)
        assert.equal(4093, config.MAX_COOKIE_SIZE)
        assert.is_false(config.DEBUG)
        assert.is_false(config.TESTING)
        assert.is_true(config.PROVIDE_AUTOMATIC_OPTIONS)
        assert.is_nil(config.SECRET_KEY)
    end)

    it("differs from Flask where that is safer", function()
        assert.equal(16777216, config.MAX_CONTENT_LENGTH)
        assert.equal("Lax", config.SESSION_COOKIE_SAMESITE)
    end)

    it("has each limit of the server, with its default", function()
        for _, limit in ipairs(core.option_table()) do
            assert.equal(limit.default, config[limit.key], limit.key)
        end
        assert.equal(60, config.REQUEST_TIMEOUT)
    end)

    it("can be gone through with pairs", function()
        local seen = {}
        for key in pairs(config) do
            seen[key] = true
        end
        assert.is_true(seen.SESSION_COOKIE_NAME)
        assert.is_nil(seen.from_mapping)
    end)

    it("is the same as app.debug, app.testing and app.secret_key", function()
        local app = flask.Flask("shop")
        app.debug, app.testing, app.secret_key = true, true, "not a real one"
        assert.is_true(app.config.DEBUG)
        assert.is_true(app.config.TESTING)
        assert.equal("not a real one", app.config.SECRET_KEY)
        app.config.DEBUG = false
        assert.is_false(app.debug)
    end)

    it("takes from a mapping the keys in capitals alone", function()
        assert.is_true(config:from_mapping{MAIL_SERVER = "mx", mail = "no", Mail = "no", X1 = 1})
        assert.equal("mx", config.MAIL_SERVER)
        assert.equal(1, config.X1)
        assert.is_nil(config.mail)
        assert.is_nil(rawget(config, "Mail"))
    end)

    it("takes from a table or a module", function()
        package.loaded["settings_for_spec"] = {COLOUR = "red", other = 1}
        config:from_object("settings_for_spec")
        config:from_object{SIZE = 3}
        assert.equal("red", config.COLOUR)
        assert.equal(3, config.SIZE)
        assert.is_nil(config.other)
    end)

    it("reads JSON files", function()
        local folder = folder_with{["c.json"] = '{"A": 1, "LIST": [1, 2], "b": 2, '
                                   .. '"MAX_CONTENT_LENGTH": null}'}
        assert.is_true(config:from_file(folder .. "/c.json"))
        assert.equal(1, config.A)
        assert.equal(2, config.LIST[2])
        assert.is_nil(config.b)
        assert.is_false(config.MAX_CONTENT_LENGTH)
    end)

    it("reads Lua files that return a table or set globals", function()
        local folder = folder_with{["a.lua"] = "return {A = 1}",
                                   ["b.lua"] = "B = ('x'):rep(3)\nsmall = 1"}
        config:from_file(folder .. "/a.lua")
        config:from_file(folder .. "/b.lua")
        assert.equal(1, config.A)
        assert.equal("xxx", config.B)
        assert.is_nil(config.small)
        assert.is_nil(rawget(_G, "B"))
    end)

    it("reads other files through a function", function()
        local folder = folder_with{["c.ini"] = "COLOUR=blue"}
        config:from_file(folder .. "/c.ini", {load = function(path)
            local key, value = io.open(path):read("a"):match("(%w+)=(%w+)")
            return {[key] = value}
        end})
        assert.equal("blue", config.COLOUR)
        assert.has_error(function() config:from_file(folder .. "/c.ini") end)
    end)

    it("reads files relative to the app's folder", function()
        local folder = folder_with{["c.json"] = '{"A": 7}'}
        local app = flask.Flask("shop", {root_path = folder})
        app.config:from_file("c.json")
        assert.equal(7, app.config.A)
    end)

    it("says that a file is missing, unless told to be silent", function()
        assert.is_false(config:from_file("/nowhere/c.json", {silent = true}))
        local is_fine, message = pcall(config.from_file, config, "/nowhere/c.json")
        assert.is_false(is_fine)
        assert.truthy(message:find("there is no file /nowhere/c.json", 1, true))
        assert.truthy(message:find("config_spec.lua:", 1, true))
    end)

    it("reads the environment's values as JSON where they are, and nests them", function()
        local values = {
            SPEC_PORT = "8080", SPEC_NAME = "plain text", SPEC_ON = "true",
            SPEC_LIST = "[1, 2]", SPEC_MAIL__SERVER = "mx", SPEC_MAIL__PORT = "25",
            SPEC_ZIP = "01234",
        }
        for key, value in pairs(values) do
            core.setenv(key, value)
        end
        config:from_prefixed_env("SPEC")
        for key in pairs(values) do
            core.setenv(key, nil)
        end
        assert.equal(8080, config.PORT)
        assert.equal("plain text", config.NAME)
        assert.is_true(config.ON)
        assert.equal(2, config.LIST[2])
        assert.equal("mx", config.MAIL.SERVER)
        assert.equal(25, config.MAIL.PORT)
        assert.equal("01234", config.ZIP)
    end)

    it("gives the keys of a prefix as a table of their own", function()
        config:from_mapping{MAIL_SERVER = "mx", MAIL_PORT = 25, OTHER = 1}
        assert.same({server = "mx", port = 25}, config:get_namespace("MAIL_"))
        assert.same({MAIL_SERVER = "mx", MAIL_PORT = 25},
                    config:get_namespace("MAIL_", {lowercase = false, trim_namespace = false}))
    end)

    it("names the key that has a wrong type when the first request comes", function()
        local app = flask.Flask("shop")
        app.config.MAX_CONTENT_LENGTH = "16MB"
        local is_fine, message = pcall(app._close, app)
        assert.is_false(is_fine)
        assert.truthy(message:find("app.config.MAX_CONTENT_LENGTH must be a number", 1, true))
    end)

    it("takes a number of proxies or a table for PROXY_FIX, and nothing else", function()
        for _, value in ipairs{0, -1, 1.5, "1", {x_for = -1}, {x_fro = 1}, {x_host = true}} do
            local app = flask.Flask("shop")
            app.config.PROXY_FIX = value
            local is_fine, message = pcall(app._close, app)
            assert.is_false(is_fine)
            assert.truthy(message:find("app.config.PROXY_FIX", 1, true))
        end
        for _, value in ipairs{false, 1, {}, {x_for = 2, x_host = 0}} do
            local app = flask.Flask("shop")
            app.config.PROXY_FIX = value
            assert.is_true((pcall(app._close, app)))
        end
    end)
end)

describe("flask.env", function()
    it("says before the first request which limits can't be switched off", function()
        for key, value in pairs{MAX_CONNECTIONS = false, SHUTDOWN_TIMEOUT = false,
                                MAX_HEADER_SIZE = false, HEADER_TIMEOUT = 0} do
            local app = flask.Flask("shop")
            app.config[key] = value
            local client = app:test_client()
            local is_fine, text = pcall(client.get, client, "/")
            assert.is_false(is_fine)
            assert.truthy(tostring(text):find("app.config." .. key, 1, true), text)
            assert.truthy(tostring(text):find("must be a positive number", 1, true), text)
        end
        local app = flask.Flask("shop")
        app.config:from_mapping{HEADER_TIMEOUT = false, REQUEST_TIMEOUT = false}
        assert.equal(404, app:test_client():get("/").status_code)
    end)

    it("gives a variable's text, or the default", function()
        core.setenv("SPEC_ENV", "x")
        assert.equal("x", flask.env("SPEC_ENV"))
        assert.equal("x", flask.env("SPEC_ENV", "y"))
        core.setenv("SPEC_ENV", nil)
        assert.is_nil(flask.env("SPEC_ENV"))
        assert.equal("y", flask.env("SPEC_ENV", "y"))
    end)
end)
