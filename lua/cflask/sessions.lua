-- Sessions: flash messages, and app.session_interface for other stores than the cookie.
local core = require "cflask.core"
local misuse = require "cflask.misuse"
local signals = require "cflask.signals"

local sessions = {}

-- ## Flash messages

local DEFAULT_CATEGORY = "message"

-- flask.flash(message, category): keeps a message for the next request, or for this one's
-- own page. The category is "message" unless given.
function sessions.flash(message, category)
    if type(message) ~= "string" and not core.is_markup(message) then
        misuse.fail("a flashed message must be a string or a Markup, not %s",
                    misuse.show(message))
    end
    category = misuse.check(category == nil and DEFAULT_CATEGORY or category, "string",
                            "the category of a flashed message")
    local flashes = core.session._flashes
    if type(flashes) ~= "table" then
        flashes = core.json.array{}
    end
    table.insert(flashes, core._session_tuple(core.json.array{category, message}))
    core.session._flashes = flashes
    signals.message_flashed:send(core.current_app(), {message = message,
                                                      category = category})
end

-- The messages of this request, taken out of the session at the first call.
local function popped()
    local flashes = core._session_flashes()
    if flashes then
        return flashes
    end
    flashes = core.session._flashes
    if flashes ~= nil then
        core.session._flashes = nil
    end
    return core._session_flashes(type(flashes) == "table" and flashes or {})
end

local OPTIONS = {with_categories = true, category_filter = true}

-- A filter as a set, or nil for none: a list of categories or one of them; an empty one
-- filters nothing, as in Flask.
local function set_of(filter)
    if filter == nil or filter == core.json.null then
        return nil
    elseif type(filter) == "string" then
        filter = {filter}
    end
    misuse.check(filter, "table", "category_filter")
    local set
    for _, category in ipairs(filter) do
        set = set or {}
        set[category] = true
    end
    return set
end

-- flask.get_flashed_messages{with_categories=, category_filter=}: the messages that were
-- flashed, the same all through a request and gone with the next; with categories a list of
-- {category, message}. As in Flask both may be given in that order instead.
function sessions.get_flashed_messages(options, filter)
    if type(options) ~= "table" then
        options = {with_categories = options, category_filter = filter}
    end
    options = misuse.options(options, OPTIONS, "get_flashed_messages")
    local wanted = set_of(options.category_filter)
    local found = core.json.array{}
    for _, flash in ipairs(popped()) do
        if type(flash) == "table" and (not wanted or wanted[flash[1]]) then
            table.insert(found, options.with_categories
                and core.json.array{flash[1], flash[2]} or flash[2])
        end
    end
    return found
end

-- ## Other stores

-- app.session_interface = {open = fn(app, request), save = fn(app, session, response)}
function sessions.set_interface(app, interface)
    app:_check_open("session_interface")
    misuse.check(interface, "table", "app.session_interface")
    misuse.check(interface.open, "function", "open of app.session_interface")
    misuse.check(interface.save, "function", "save of app.session_interface")
    rawset(app, "_session_interface", interface)
    app._handle:use_session_store()
end

-- What the C core calls, as a step of its own at a request's begin.
function sessions.open(app)
    return app._session_interface.open(app, core.request)
end

-- And when the answer is there.
function sessions.save(app, session, response)
    app._session_interface.save(app, session, response)
end

-- Calls fn where a request is current without running its course: in
-- app:test_request_context.
function sessions.within(app, fn)
    if rawget(app, "_session_interface") then
        local data = sessions.open(app)
        if data ~= nil then
            core._session_take(data)
        end
    end
    return fn()
end

-- The response with the cookie that the running request's session needs.
function sessions.saved(app)
    local response = core.Response("")
    if rawget(app, "_session_interface") then
        sessions.save(app, core._session_data(), response)
    else
        core._session_save(response)
    end
    return response
end

return sessions
