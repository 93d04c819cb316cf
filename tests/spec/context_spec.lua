local flask = require "cflask"
local request, g, current_app = flask.request, flask.g, flask.current_app

local function failure(fn, ...)
    local is_fine, raised = pcall(fn, ...)
    assert.is_false(is_fine)
    return tostring(raised)
end

describe("flask.g", function()
    it("is empty at each request's start", function()
        local app = flask.Flask("shop")
        app:get("/", function()
            local before = g.user
            g.user = "ann"
            return tostring(before) .. " " .. g.user
        end)
        local client = app:test_client()
        assert.equal("nil ann", client:get("/").text)
        assert.equal("nil ann", client:get("/").text)
    end)

    it("has get, pop and setdefault", function()
        local app = flask.Flask("shop")
        app:app_context(function()
            g.a = 1
            assert.equal(1, g:get("a"))
            assert.equal(2, g:get("b", 2))
            assert.equal(3, g:setdefault("c", 3))
            assert.equal(3, g:setdefault("c", 4))
            assert.equal(1, g:pop("a"))
            assert.is_nil(g.a)
            assert.equal(5, g:pop("a", 5))
            local seen = {}
            for key, value in pairs(g) do
                seen[key] = value
            end
            assert.same({c = 3}, seen)
        end)
    end)

    it("tells of a method that is called with a dot", function()
        flask.Flask("shop"):app_context(function()
            for _, name in ipairs{"get", "pop", "setdefault"} do
                local is_fine, message = pcall(g[name], "user", "nobody")
                assert.is_false(is_fine)
                assert.truthy(message:find("call it with a colon", 1, true), message)
            end
        end)
    end)
end)

describe("flask.current_app", function()
    it("stands for the running app", function()
        local app = flask.Flask("shop")
        app.config.COLOUR = "red"
        app:get("/", function()
            assert.is_true(current_app == app)
            assert.is_true(app == current_app)
            current_app.extensions.x = 1
            return current_app.config.COLOUR .. current_app.name
        end)
        app.testing = true
        assert.equal("redshop", app:test_client():get("/").text)
        assert.equal(1, app.extensions.x)
    end)
end)

describe("outside of a request", function()
    it("any use is an error that says so", function()
        for _, call in ipairs{
            function() return request.path end,
            function() return g.user end,
            function() g.user = 1 end,
            function() return current_app.name end,
        } do
            assert.truthy(failure(call):find("outside", 1, true))
        end
    end)

    it("can be asked", function()
        local app = flask.Flask("shop")
        assert.is_false(flask.has_request_context())
        assert.is_false(flask.has_app_context())
        app:app_context(function()
            assert.is_false(flask.has_request_context())
            assert.is_true(flask.has_app_context())
        end)
        app:test_request_context("/", function()
            assert.is_true(flask.has_request_context())
            assert.is_true(flask.has_app_context())
        end)
    end)
end)

describe("app:app_context", function()
    it("calls a function and returns its results", function()
        local app = flask.Flask("shop")
        local a, b, c = app:app_context(function() return 1, nil, flask.current_app.name end)
        assert.equal(1, a)
        assert.is_nil(b)
        assert.equal("shop", c)
    end)

    it("lets errors through", function()
        local app = flask.Flask("shop")
        assert.equal("broken", failure(app.app_context, app, function() error("broken", 0) end))
        assert.is_false(flask.has_app_context())
    end)

    it("ends with the teardown functions", function()
        local app, seen = flask.Flask("shop"), {}
        app:teardown_appcontext(function(err) table.insert(seen, tostring(err)) end)
        app:app_context(function() end)
        pcall(app.app_context, app, function() error("broken", 0) end)
        assert.same({"nil", "broken"}, seen)
    end)

    it("lets the function wait", function()
        local app = flask.Flask("shop")
        assert.equal("waited", app:app_context(function()
            flask.sleep(0.01)
            return "waited"
        end))
    end)
end)

describe("app:test_request_context", function()
    it("makes a request of a path and options", function()
        local app = flask.Flask("shop")
        local path, name, method = app:test_request_context("/x?a=1",
            {method = "POST", form = {name = "ann"}}, function()
                return request.path, request.form.name, request.method
            end)
        assert.equal("/x", path)
        assert.equal("ann", name)
        assert.equal("POST", method)
    end)

    it("runs no hooks", function()
        local app, ran = flask.Flask("shop"), false
        app:before_request(function() ran = true end)
        app:test_request_context("/", function() end)
        assert.is_false(ran)
    end)

    it("knows the rule that matched", function()
        local app = flask.Flask("shop")
        app:get("/users/<int:id>", "user", function() return "" end)
        app:test_request_context("/users/3", function()
            assert.equal("user", request.endpoint)
            assert.equal(3, request.view_args.id)
        end)
    end)
end)
