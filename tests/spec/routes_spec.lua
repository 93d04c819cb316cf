local flask = require "cflask"
local request = flask.request

describe("routes", function()
    local app, client

    local function get(path, options)
        return client:get(path, options)
    end

    -- A view that gives its arguments with their types.
    local function show(...)
        local words = {}
        for i = 1, select("#", ...) do
            local value = (select(i, ...))
            local kind = math.type and math.type(value) or type(value)
            if kind == "number" then -- LuaJIT has but one
                kind = value == math.floor(value) and "integer" or "float"
            end
            words[i] = kind .. ":" .. tostring(value)
        end
        return table.concat(words, " ")
    end

    before_each(function()
        app = flask.Flask("shop")
        app.testing = true
        client = app:test_client()
    end)

    it("are chosen by method", function()
        for _, verb in ipairs{"get", "post", "put", "patch", "delete"} do
            app[verb](app, "/x", function() return verb end)
        end
        for _, verb in ipairs{"get", "post", "put", "patch", "delete"} do
            assert.equal(verb, client[verb](client, "/x").text)
        end
    end)

    it("may have methods of their own", function()
        app:route("/cache", {methods = {"purge"}}, function() return request.method end)
        assert.equal("PURGE", client:open("/cache", {method = "PURGE"}).text)
        assert.equal(405, get("/cache").status_code)
    end)

    it("convert what stands in the path", function()
        app:get("/s/<name>", show)
        app:get("/i/<int:id>", show)
        app:get("/f/<float:x>", show)
        app:get("/p/<path:rest>", show)
        app:get("/a/<any(tea, \"black coffee\"):drink>", show)
        app:get("/u/<uuid:id>", show)
        assert.equal("string:ann", get("/s/ann").text)
        assert.equal("integer:7", get("/i/007").text)
        assert.equal("float:1.5", get("/f/1.5").text)
        assert.equal("string:a/b", get("/p/a/b").text)
        assert.equal("string:black coffee", get("/a/black%20coffee").text)
        assert.equal("string:f47ac10b-58cc-4372-a567-0e02b2c3d479",
                     get("/u/F47AC10B-58CC-4372-A567-0E02B2C3D479").text)
        assert.equal(404, get("/i/x").status_code)
        assert.equal(404, get("/f/1").status_code)
        assert.equal(404, get("/a/beer").status_code)
        assert.equal(404, get("/u/nope").status_code)
    end)

    it("give their converters arguments", function()
        app:get("/s/<string(length=2):s>", show)
        app:get("/m/<string(minlength=2, maxlength=3):s>", show)
        app:get("/i/<int(min=2, max=5):i>", show)
        app:get("/d/<int(fixed_digits=3):i>", show)
        app:get("/n/<int(signed=True):i>", show)
        assert.equal(200, get("/s/ab").status_code)
        assert.equal(404, get("/s/abc").status_code)
        assert.equal(404, get("/m/a").status_code)
        assert.equal(200, get("/m/abc").status_code)
        assert.equal(404, get("/m/abcd").status_code)
        assert.equal(404, get("/i/1").status_code)
        assert.equal(200, get("/i/5").status_code)
        assert.equal(404, get("/i/6").status_code)
        assert.equal("integer:7", get("/d/007").text)
        assert.equal(404, get("/d/7").status_code)
        assert.equal("integer:-3", get("/n/-3").text)
    end)

    it("may have converters of their own", function()
        app.url_map.converters.hex = {
            pattern = "%x+",
            to_lua = function(text) return tonumber(text, 16) end,
            to_url = function(value) return ("%x"):format(value) end,
        }
        app.url_map.converters.list = function(separator)
            return {
                pattern = "[^/]+",
                to_lua = function(text)
                    local items = {}
                    for item in text:gmatch("[^" .. separator .. "]+") do
                        table.insert(items, item)
                    end
                    return items
                end,
                to_url = function(items) return table.concat(items, separator) end,
            }
        end
        app:get("/hex/<hex:n>", "hex", show)
        app:get("/list/<list(\"+\"):items>", "list", function(items)
            return table.concat(items, ",")
        end)
        app:get("/urls", function()
            return flask.url_for("hex", {n = 255}) .. " "
                .. flask.url_for("list", {items = {"a", "b"}})
        end)
        assert.equal("integer:255", get("/hex/ff").text)
        assert.equal("a,b", get("/list/a+b").text)
        assert.equal("/hex/ff /list/a+b", get("/urls").text)
    end)

    it("try the next rule when a converter refuses", function()
        app.url_map.converters.known = {
            pattern = "%w+", to_lua = function(text) return text == "ann" and text or nil end,
        }
        app:get("/<known:name>", function(name) return "known " .. name end)
        app:get("/<name>", function(name) return "any " .. name end)
        assert.equal("known ann", get("/ann").text)
        assert.equal("any bob", get("/bob").text)
    end)

    it("win by being more specific, whatever the order", function()
        app:get("/<path:rest>", function() return "path" end)
        app:get("/<name>", function() return "string" end)
        app:get("/<int:id>", function() return "int" end)
        app:get("/fixed", function() return "fixed" end)
        assert.equal("fixed", get("/fixed").text)
        assert.equal("int", get("/7").text)
        assert.equal("string", get("/x").text)
        assert.equal("path", get("/x/y").text)
    end)

    it("of two equal ones take the first", function()
        app:get("/x", function() return "first" end)
        app:get("/x", function() return "second" end)
        assert.equal("first", get("/x").text)
    end)

    it("give the view the values in order, then those of defaults by name", function()
        app:get("/<b>/<a>", {defaults = {z = 1, c = "see", n = flask.null}}, function(...)
            local n = select("#", ...)
            return n .. " " .. show(...) .. " " .. request.view_args.b
        end)
        assert.equal("5 string:1 string:2 string:see nil:nil integer:1 1", get("/1/2").text)
    end)

    it("redirect to the rule that their defaults stand for", function()
        app:get("/all/", {endpoint = "all", defaults = {page = 1}}, show)
        app:add_url_rule("/all/page/<int:page>", "all", show)
        assert.equal("integer:1", get("/all/").text)
        local r = get("/all/page/1")
        assert.equal(308, r.status_code)
        assert.equal("http://localhost/all/", r.headers.Location)
        assert.equal("integer:2", get("/all/page/2").text)
    end)

    it("redirect to the URL with its slash, keeping the query", function()
        app:get("/a/", function() return "a" end)
        app:get("/b", function() return "b" end)
        local r = get("/a?x=1")
        assert.equal(308, r.status_code)
        assert.equal("http://localhost/a/?x=1", r.headers.Location)
        assert.equal(404, get("/b/").status_code)
        assert.equal("a", get("/a", {follow_redirects = true}).text)
    end)

    it("merge doubled slashes", function()
        app:get("/a/b", function() return "ab" end)
        assert.equal("http://localhost/a/b", get("//localhost//a///b", {}).headers.Location
            or get("/a///b").headers.Location)
    end)

    it("may be lax about slashes", function()
        app:get("/a/", {strict_slashes = false}, function() return "a" end)
        assert.equal("a", get("/a").text)
        assert.equal("a", get("/a/").text)
    end)

    it("answer HEAD where they answer GET", function()
        app:get("/x", function() return "body" end)
        local r = client:head("/x")
        assert.equal(200, r.status_code)
        assert.equal("", r.data)
        assert.equal("4", r.headers["Content-Length"])
    end)

    it("answer OPTIONS by themselves", function()
        app:route("/x", {methods = {"GET", "POST"}}, function() return "x" end)
        local r = client:options("/x")
        assert.equal(200, r.status_code)
        assert.equal("", r.data)
        for _, method in ipairs{"GET", "HEAD", "POST", "OPTIONS"} do
            assert.truthy(r.headers.Allow:find(method, 1, true))
        end
    end)

    it("answer OPTIONS as they say, or not at all", function()
        app:route("/own", {methods = {"GET", "OPTIONS"}}, function() return request.method end)
        app:get("/none", {provide_automatic_options = false}, function() return "" end)
        assert.equal("OPTIONS", client:options("/own").text)
        assert.equal(405, client:options("/none").status_code)
    end)

    it("refuse other methods with 405 and Allow", function()
        app:get("/x", function() return "" end)
        app:put("/x", function() return "" end)
        local r = client:post("/x")
        assert.equal(405, r.status_code)
        for _, method in ipairs{"GET", "HEAD", "PUT", "OPTIONS"} do
            assert.truthy(r.headers.Allow:find(method, 1, true))
        end
    end)

    it("have their text as endpoint, which several views may share", function()
        app:get("/x", function() return request.endpoint end)
        app:post("/x", function() return "post " .. request.endpoint end)
        assert.equal("/x", get("/x").text)
        assert.equal("post /x", client:post("/x").text)
    end)

    it("may have the same name for one view, not for two", function()
        local function view() return request.url_rule end
        app:add_url_rule("/a", "view", view)
        app:add_url_rule("/b", "view", view)
        assert.equal("/b", get("/b").text)
        local other = flask.Flask("other")
        other:add_url_rule("/a", "view", view)
        local is_fine, message = pcall(function()
            other:add_url_rule("/b", "view", function() end)
        end)
        assert.is_false(is_fine)
        assert.truthy(message:find('the endpoint "view"', 1, true))
    end)

    it("may get their view by the endpoint", function()
        app:endpoint("later", function() return "found" end)
        app:add_url_rule("/x", "later")
        assert.equal("found", get("/x").text)
    end)

    it("may redirect without a view", function()
        app:get("/r/<int:n>", show)
        app:route("/old/<int:n>", {redirect_to = "/r/<n>"})
        app:route("/older/<int:n>", {redirect_to = function(values)
            return "/r/" .. (values.n + 1)
        end})
        local r = get("/old/3")
        assert.equal(308, r.status_code)
        assert.equal("http://localhost/r/3", r.headers.Location)
        assert.equal("integer:4", get("/older/3", {follow_redirects = true}).text)
    end)

    it("may be an alias of the rule that is built", function()
        app:get("/users/", "users", function() return "users" end)
        app:add_url_rule("/people/", "users", app.view_functions.users, {alias = true})
        local r = get("/people/")
        assert.equal(308, r.status_code)
        assert.equal("http://localhost/users/", r.headers.Location)
    end)

    it("may be for building URLs alone", function()
        app:route("/elsewhere/<x>", {endpoint = "elsewhere", build_only = true})
        app:get("/", function() return flask.url_for("elsewhere", {x = "y"}) end)
        assert.equal("/elsewhere/y", get("/").text)
        assert.equal(404, get("/elsewhere/y").status_code)
    end)

    it("tell the request what matched", function()
        app:get("/users/<int:id>", "user", function()
            return ("%s %s %d"):format(request.endpoint, request.url_rule, request.view_args.id)
        end)
        assert.equal("user /users/<int:id> 3", get("/users/3").text)
    end)

    it("may be listed", function()
        app:get("/x", "x", function() return "" end)
        local found
        for _, rule in ipairs(app.url_map:iter_rules()) do
            if rule.endpoint == "x" then
                found = rule
            end
        end
        assert.equal("/x", found.rule)
    end)

    it("may depend on the host", function()
        app:get("/", {host = "api.shop.test"}, function() return "api" end)
        app:get("/", {host = "<user>.pages.test"}, function(user) return "pages of " .. user end)
        assert.equal("api", get("/", {base_url = "http://API.shop.test:8080"}).text)
        assert.equal("pages of ann", get("/", {base_url = "http://ann.pages.test"}).text)
        assert.equal(404, get("/").status_code)
    end)

    it("may depend on the subdomain", function()
        app.config.SERVER_NAME = "shop.test"
        app:get("/", {subdomain = "api"}, function() return "api" end)
        app:get("/", {subdomain = "<user>"}, function(user) return user end)
        app:get("/", function() return "main" end)
        assert.equal("api", get("/", {base_url = "http://api.shop.test"}).text)
        assert.equal("ann", get("/", {base_url = "http://ann.shop.test"}).text)
        assert.equal("main", get("/", {base_url = "http://shop.test"}).text)
    end)
end)

describe("app:view_class", function()
    local Users = {}
    Users.__index = Users

    function Users:get(id)
        return self.name .. " get " .. tostring(id)
    end

    function Users:post()
        return self.name .. " post"
    end

    it("calls the object's methods with a colon", function()
        local app = flask.Flask("shop")
        local object = setmetatable({name = "users"}, Users)
        app:view_class("/users/", object, "users")
        app:view_class("/users/<int:id>", object, {methods = {"GET"}})
        local client = app:test_client()
        assert.equal("users get nil", client:get("/users/").text)
        assert.equal("users get 3", client:get("/users/3").text)
        assert.equal("users post", client:post("/users/").text)
        assert.equal(405, client:put("/users/").status_code)
        assert.equal(405, client:post("/users/3").status_code)
        assert.equal(200, client:head("/users/").status_code)
    end)

    it("puts the decorators around", function()
        local app = flask.Flask("shop")
        local function around(text)
            return function(view)
                return function(...) return text .. "(" .. view(...) .. ")" end
            end
        end
        app:view_class("/", {get = function() return "x" end,
                             decorators = {around("inner"), around("outer")}})
        assert.equal("outer(inner(x))", app:test_client():get("/").text)
    end)

    it("refuses objects without methods", function()
        local app = flask.Flask("shop")
        local is_fine, message = pcall(function() app:view_class("/", {}) end)
        assert.is_false(is_fine)
        assert.truthy(message:find("routes_spec.lua:", 1, true))
    end)
end)

describe("app:mount", function()
    local app, admin, client

    before_each(function()
        app, admin = flask.Flask("shop"), flask.Flask("admin")
        app:get("/", function() return "shop" end)
        app:get("/administrator", function() return "shop's own" end)
        admin:get("/", "index", function() return "admin " .. request.root_path end)
        admin:get("/x", function()
            return request.path .. " " .. flask.url_for("index") .. " " .. flask.current_app.name
        end)
        admin:errorhandler(404, function() return "admin's 404", 404 end)
        client = app:test_client()
    end)

    it("gives another app what lies below a prefix", function()
        app:mount("/admin", admin)
        assert.equal("shop", client:get("/").text)
        assert.equal("admin /admin", client:get("/admin/").text)
        assert.equal("/x /admin/ admin", client:get("/admin/x").text)
        assert.equal("admin's 404", client:get("/admin/nowhere").text)
    end)

    it("takes whole segments, and redirects the bare prefix", function()
        app:mount("/admin/", admin)
        assert.equal("shop's own", client:get("/administrator").text)
        local r = client:get("/admin?x=1")
        assert.equal(308, r.status_code)
        assert.equal("/admin/?x=1", (r.headers.Location:gsub("^http://localhost", "")))
    end)

    it("takes the longest prefix first", function()
        local inner = flask.Flask("inner")
        inner:get("/", function() return "inner" end)
        app:mount("/admin", admin)
        app:mount("/admin/inner", inner)
        assert.equal("inner", client:get("/admin/inner/").text)
    end)

    it("may go by the host", function()
        local pages = flask.Flask("pages")
        pages:get("/", function() return "pages of " .. request.host end)
        app:mount("//admin.test/", admin)
        app:mount("//*.pages.test/", pages)
        assert.equal("admin ", client:get("/", {base_url = "http://admin.test:8080"}).text)
        assert.equal("pages of a.pages.test",
                     client:get("/", {base_url = "http://a.pages.test"}).text)
        assert.equal("shop", client:get("/").text)
    end)

    it("names what is wrong", function()
        for expected, call in pairs{
            ["the prefix must be a path"] = function() app:mount("admin", admin) end,
            ["needs an app"] = function() app:mount("/x", {}) end,
            ["on itself"] = function() app:mount("/x", app) end,
        } do
            local is_fine, message = pcall(call)
            assert.is_false(is_fine)
            assert.truthy(message:find(expected, 1, true), message)
            assert.truthy(message:find("routes_spec.lua:", 1, true), message)
        end
    end)
end)
