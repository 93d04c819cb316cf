-- Signals: functions that are called when something happens, without a part in it.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local Signal = {}
Signal.__index = Signal

-- Those that the C core sends; it is told whether anybody listens.
local NAMES = {
    "request_started", "request_finished", "request_tearing_down",
    "got_request_exception", "template_rendered", "before_render_template",
    "message_flashed", "appcontext_pushed", "appcontext_popped", "appcontext_tearing_down",
}

local function new_signal(name, is_core)
    return setmetatable({name = name, is_core = is_core, receivers = {}}, Signal)
end

-- Tells the core whether there are receivers.
local function update(signal)
    if signal.is_core then
        core.want_signal(signal.name, #signal.receivers > 0)
    end
end

-- The app itself, where flask.current_app was given.
local function sender_of(app)
    if type(app) == "table" and rawget(app, "get_current_object") then
        return app:get_current_object()
    end
    return app
end

-- Calls fn(app, values) at each sending; with `app`, at those of this app alone. Returns fn.
function Signal:connect(fn, app)
    if getmetatable(self) ~= Signal then
        misuse.fail("call connect with a colon: flask.signals.request_started:connect(fn)")
    end
    misuse.check(fn, "function", "a signal's receiver")
    table.insert(self.receivers, {fn = fn, sender = sender_of(app)})
    update(self)
    return fn
end

-- Takes back connect(fn, app).
function Signal:disconnect(fn, app)
    local sender = sender_of(app)
    for i = #self.receivers, 1, -1 do
        local receiver = self.receivers[i]
        if receiver.fn == fn and receiver.sender == sender then
            table.remove(self.receivers, i)
        end
    end
    update(self)
end

-- Calls the receivers, in the order in which they came; an error of one goes to the caller.
function Signal:send(app, values)
    local sender, now = sender_of(app), {}
    for i, receiver in ipairs(self.receivers) do
        now[i] = receiver
    end
    for _, receiver in ipairs(now) do
        if receiver.sender == nil or receiver.sender == sender then
            receiver.fn(sender, values or {})
        end
    end
end

local signals = {}
for _, name in ipairs(NAMES) do
    signals[name] = new_signal(name, true)
end

-- A signal of one's own: flask.signals.signal("order_paid"); the same name is the same one.
local own = {}
function signals.signal(name)
    misuse.check(name, "string", "a signal's name")
    own[name] = own[name] or new_signal(name)
    return own[name]
end

return setmetatable(signals, {__index = function(_, name)
    misuse.fail("there is no signal %s%s; flask.signals.signal(name) makes one",
                misuse.show(name), misuse.hint(tostring(name), signals))
end})
