local flask = require "cflask"
local signals = flask.signals

describe("signals", function()
    local connected

    -- Connects until the test ends.
    local function connect(name, fn, app)
        table.insert(connected, {name, fn, app})
        return signals[name]:connect(fn, app)
    end

    before_each(function() connected = {} end)

    after_each(function()
        for _, args in ipairs(connected) do
            signals[args[1]]:disconnect(args[2], args[3])
        end
    end)

    it("tell of each request's course", function()
        local app, seen = flask.Flask("shop"), {}
        app:get("/", function() table.insert(seen, "view"); return "x", 201 end)
        for _, name in ipairs{"request_started", "request_finished", "request_tearing_down",
                              "appcontext_pushed", "appcontext_tearing_down",
                              "appcontext_popped"} do
            connect(name, function(sender)
                assert.equal(app, sender)
                table.insert(seen, name)
            end, app)
        end
        app:test_client():get("/")
        assert.same({"appcontext_pushed", "request_started", "view", "request_finished",
                     "request_tearing_down", "appcontext_tearing_down", "appcontext_popped"},
                    seen)
    end)

    it("carry values", function()
        local app = flask.Flask("shop")
        local status, err
        app:get("/", function() return "", 202 end)
        app:get("/broken", function() error("broken", 0) end)
        connect("request_finished", function(_, values)
            status = values.response.status_code
        end, app)
        connect("got_request_exception", function(_, values) err = values.exception end, app)
        app:test_client():get("/")
        assert.equal(202, status)
        app:test_client():get("/broken")
        assert.equal("broken", err)
        assert.equal(500, status)
    end)

    it("reach those of one app alone, or everybody", function()
        local one, other = flask.Flask("one"), flask.Flask("other")
        local count, all = 0, 0
        connect("request_started", function() count = count + 1 end, one)
        connect("request_started", function() all = all + 1 end)
        one:test_client():get("/")
        other:test_client():get("/")
        assert.equal(1, count)
        assert.equal(2, all)
    end)

    it("end with disconnect", function()
        local app, count = flask.Flask("shop"), 0
        local function receiver() count = count + 1 end
        signals.request_started:connect(receiver, app)
        app:test_client():get("/")
        signals.request_started:disconnect(receiver, app)
        app:test_client():get("/")
        assert.equal(1, count)
    end)

    it("can be one's own", function()
        local paid = signals.signal("order_paid")
        assert.equal(paid, signals.signal("order_paid"))
        local seen
        paid:connect(function(_, values) seen = values.order end)
        paid:send(nil, {order = 3})
        assert.equal(3, seen)
    end)

    it("of another name are an error that suggests", function()
        local _, message = pcall(function() return signals.request_start end)
        assert.truthy(message:find("did you mean request_started?", 1, true))
    end)
end)
