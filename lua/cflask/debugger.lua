-- The debugger: in debug mode an error that nobody handles is answered with a page of its
-- frames, in each of which Lua can be evaluated by whoever knows the PIN. The page's own
-- requests go to a small app of ours that is mounted in the one that is debugged.
local core = require "cflask.core"
local errors = require "cflask.errors"
local frames = require "cflask.frames"
local inner_frames = require "cflask.inner_frames"
local jinja = require "cflask.jinja"
local security = require "cflask.security"
local shown = require "cflask.shown"

local debugger = {}

debugger.PREFIX = "/__cflask__/debugger"

local MOST_KEPT = 20 -- failed requests
local request = core.request

-- ## What is kept

-- The oldest first: {id=, secret=, frames=, handle=, own=}.
local kept = {}

local function drop(failure)
    for _, frame in ipairs(failure.frames) do
        if frame.co then
            frames.close(failure.frames, frame.co)
            break
        end
    end
    if failure.handle then
        core.debugger.drop(failure.handle)
    end
end

local function keep(failure)
    table.insert(kept, failure)
    if #kept > MOST_KEPT then
        drop(table.remove(kept, 1))
    end
end

local function find(id)
    for _, failure in ipairs(kept) do
        if failure.id == id then
            return failure
        end
    end
    return nil
end

-- ## Who may see it

local REFUSALS = {
    far = "the debugger answers this machine alone (127.0.0.1 and ::1)",
    ["passed on"] = "the debugger answers no request that was passed on (X-Forwarded-For, "
        .. "Forwarded, Via and the like)",
    ["foreign host"] = "the debugger answers to localhost and 127.0.0.1, not to %s",
    ["foreign origin"] = "the debugger does not answer pages of %s",
}

-- Why the request may not see the debugger, or nil when it may.
local function refusal()
    local visitor = core.debugger.visitor()
    local name = request.headers[visitor == "foreign host" and "Host" or "Origin"]
    return REFUSALS[visitor] and REFUSALS[visitor]:format(tostring(name))
end

-- The same of what acts: it must come from a page of this very server.
local function refusal_to_act()
    local origin, site = request.headers.Origin, request.headers["Sec-Fetch-Site"]
    local why = refusal()
    if why then
        return why
    elseif origin and origin:lower() ~= "http://" .. request.headers.Host:lower()
        and origin:lower() ~= "https://" .. request.headers.Host:lower() then
        return "the debugger does not answer pages of " .. origin
    elseif site and site ~= "same-origin" then
        return "the debugger answers its own pages alone"
    end
    return nil
end

local function knows_pin()
    local name, value = core.debugger.cookie()
    return security.constant_time_equal(request.cookies[name] or "", value)
end

-- ## The page's own requests

local function answer(status, values)
    local response = core.jsonify(values)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
end

local function deny(why)
    return answer(403, {error = why})
end

local GONE = "this failed request isn't kept any more: the app was loaded anew, or more than "
    .. MOST_KEPT .. " have failed since"

-- The failed request that a page is about, when the request comes from that page.
local function page_of(data)
    local failure = type(data) == "table" and find(data.id)
    if not failure then
        return nil, answer(410, {error = GONE})
    elseif type(data.secret) ~= "string"
        or not security.constant_time_equal(data.secret, failure.secret) then
        return nil, deny("the page's secret is missing")
    end
    return failure
end

local function take_pin()
    local failure, refused = page_of(request:get_json{silent = true})
    if not failure then
        return refused
    end
    local verdict = core.debugger.check_pin(tostring(request:get_json().pin))
    if verdict == "locked" then
        return deny("too many wrong PINs: the debugger is locked until the server is restarted")
    elseif verdict == "wrong" then
        return deny("that is not the PIN: it stands in the terminal where the server was started")
    end
    local response = answer(200, {})
    local name, value = core.debugger.cookie()
    response:set_cookie(name, value, {path = debugger.PREFIX, httponly = true,
                                      samesite = "Strict", secure = false})
    return response
end

-- What the prompt's own print writes.
local function printer(lines)
    return function(...)
        local words = {}
        for i = 1, select("#", ...) do
            words[i] = tostring((select(i, ...)))
        end
        table.insert(lines, table.concat(words, "\t"))
    end
end

local function describe(raised)
    if type(raised) == "string" then
        return raised
    end
    local is_fine, text = pcall(tostring, raised)
    return is_fine and text or "(an error value whose __tostring fails)"
end

-- The results, each as text; the last one stays in `_`.
local function note_results(lines, own, is_fine, ...)
    if not is_fine then
        table.insert(lines, describe((...)))
        return false
    end
    for i = 1, select("#", ...) do
        local value = (select(i, ...))
        table.insert(lines, shown.value(value))
        own._ = value
    end
    return true
end

local function evaluate()
    local data = request:get_json{silent = true}
    local failure, refused = page_of(data)
    if not failure then
        return refused
    elseif not knows_pin() then
        return answer(401, {error = "the PIN is needed"})
    end
    local frame = failure.frames[tonumber(data.frame)]
    if not frame or frame.kind == "gap" or type(data.code) ~= "string" then
        return answer(400, {error = "a frame and code are needed"})
    end
    local lines, own = {}, failure.own
    own.print = printer(lines)
    local fn, message, is_incomplete = frames.compile(frame, data.code, own)
    if not fn then
        return {is_error = true, is_incomplete = is_incomplete, output = message}
    end
    core.debugger.enter(failure.handle)
    local is_fine = note_results(lines, own, pcall(frames.call, frame, fn))
    core.debugger.leave()
    local locals = {}
    for _, variable in ipairs(frames.locals(frame)) do
        locals[variable.name] = shown.variable(variable.name, variable.value)
    end
    return {is_error = not is_fine, output = table.concat(lines, "\n"), locals = locals}
end

local TYPES = {["debugger.css"] = "text/css; charset=utf-8",
               ["debugger.js"] = "text/javascript; charset=utf-8"}

-- The app of these requests.
local function new_app()
    local app = require("cflask").Flask("debugger", {static_folder = false, template_folder = false})
    app.config.DEBUG, app.config.TESTING, app.config.PROPAGATE_EXCEPTIONS = false, false, false
    app.config.MAX_CONTENT_LENGTH = 1024 * 1024
    app:before_request(function()
        local why = (request.method == "POST" and refusal_to_act or refusal)()
        if why then
            return deny(why)
        end
    end)
    for name, content_type in pairs(TYPES) do
        app:get("/" .. name, function()
            local response = core.Response(core.embedded("templates/" .. name),
                                           {content_type = content_type})
            response.headers["Cache-Control"] = "no-cache"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response
        end)
    end
    app:get("/pin", function() return answer(200, {is_known = knows_pin()}) end)
    app:post("/pin", take_pin)
    app:post("/evaluate", evaluate)
    app:errorhandler(503, function()
        return answer(503, {error = "ended: HANDLER_CPU_LIMIT or REQUEST_TIMEOUT is used up"})
    end)
    return app
end

local own_app

-- Mounts the debugger in an app that is in debug mode, when its registration closes.
function debugger.mount(app)
    if app.config.DEBUG and app ~= own_app then
        own_app = own_app or new_app()
        app._handle:mount(debugger.PREFIX, nil, own_app._handle)
    end
end

-- ## The page

local env = jinja.Environment{
    autoescape = true, trim_blocks = true, lstrip_blocks = true,
    loader = function(name) return core.embedded("templates/" .. name) end,
}

local BRIEF = {depth = 4, items = 30, length = 300, total = 4000}
local MOST_SHOWN = 300000 -- bytes of all frames' variables; what is behind that is left out

local function shown_variables(list, state)
    local out = core.json.array{}
    for _, variable in ipairs(list) do
        local value = state.left > 0
            and shown.variable(variable.name, variable.value, BRIEF) or "..."
        state.left = state.left - #value
        table.insert(out, {name = variable.name, value = value})
    end
    return out
end

local function shown_frames(list, root)
    local out, is_open_yet, state = core.json.array{}, false, {left = MOST_SHOWN}
    for i, frame in ipairs(list) do
        local is_open = not is_open_yet and frame.kind ~= "gap" and not frame.is_ours
        is_open_yet = is_open_yet or is_open
        local current
        for _, line in ipairs(frames.lines(frame)) do
            current = line.is_current and line.text:match("^%s*(.-)%s*$") or current
        end
        table.insert(out, {
            number = i, kind = frame.kind, name = frame.name, count = frame.count,
            path = frame.path and frames.short_path(frame.path, root), line = frame.line,
            full_path = frame.path, is_ours = frame.is_ours, is_open = is_open, current = current,
            lines = core.json.array(frames.lines(frame)),
            locals = frame.kind ~= "gap" and shown_variables(frames.locals(frame), state),
            upvalues = frame.kind ~= "gap" and shown_variables(frames.upvalues(frame), state),
        })
    end
    return out
end

-- Names and values of one of the request's dictionaries, as rows.
local function rows(field, is_plain)
    local out = core.json.array{}
    pcall(function()
        for name, value in core.pairs(field == "session" and core.session or request[field] or {}) do
            local text = shown.is_secret(name) and "********" or is_plain and tostring(value)
                or shown.variable(name, value, BRIEF)
            table.insert(out, {name = tostring(name), value = text})
        end
    end)
    return out
end

local function sections()
    local out = core.json.array{}
    local function add(title, list, empty)
        table.insert(out, {title = title, rows = list, empty = empty})
    end
    add("Session", rows("session"), "It is empty.")
    add("Query", rows("args", true), "There is none.")
    add("Form", rows("form", true), "There is none.")
    local files = rows("files")
    if #files > 0 then
        add("Files", files)
    end
    add("View arguments", rows("view_args"), "There are none.")
    add("Headers", rows("headers", true))
    return out
end

-- The class of an error and its message without the place that Lua puts before it.
local function class_and_message(raised, err)
    if type(raised) == "string" then
        local message = raised:gsub("^[^\n]-:%d+: ", "", 1)
        return "Lua error", message
    elseif errors.is(err, errors.HTTPException) then
        return ("%s %s"):format(tostring(err.code), err.name), tostring(err.description)
    end
    local class = errors.class_name(raised) or type(raised) == "table" and rawget(raised, "type")
    local message = type(raised) == "table" and raised.message
    return tostring(class or "Error (a " .. type(raised) .. ")"),
        message ~= nil and message ~= false and describe(message) or describe(raised)
end

local function hint_of(err)
    if errors.is(err, errors.HTTPException) then
        return ("Outside of debug mode this is answered with %s %s."):format(tostring(err.code),
                                                                          err.name)
    end
    return nil
end

-- The path and the query, with the values of secret names hidden.
local function shown_target()
    local target = request.full_path:gsub("%?$", "")
    return (target:gsub("([^?&=]+)=([^&]*)", function(name)
        return shown.is_secret(name) and name .. "=********" or nil
    end))
end

local POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    .. "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

local function page(app, raised, err, text, failure)
    local class, message = class_and_message(raised, err)
    local html = env:get_template("debugger.html"):render{
        class = class, message = message, hint = hint_of(err), text = text,
        method = request.method, path = shown_target(), app = app.name,
        base = debugger.PREFIX, id = failure.id, secret = failure.secret,
        frames = shown_frames(failure.frames, app.root_path), sections = sections(),
        version = core.version,
    }
    local response = core.Response(html, {status = 500})
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
end

local function as_json(raised, err, text, list)
    local class, message = class_and_message(raised, err)
    local traceback = core.json.array{}
    for _, frame in ipairs(list) do
        if frame.kind ~= "gap" then
            table.insert(traceback, {kind = frame.kind, file = frame.path, line = frame.line,
                                     name = frame.name})
        end
    end
    return answer(500, {code = 500, name = "Internal Server Error", description = text,
                        error = {class = class, message = message}, traceback = traceback})
end

-- The request's dead coroutine and what it leaves: the frames, and what is kept of it.
local function take(raised)
    local co, handle = core.debugger.take()
    local view = core.current_view()
    local list = co and frames.take(co, raised, view) or {frames.of_view(view)}
    inner_frames.prepend(list, core.private().inner_frames, raised)
    local failure = {id = security.random_token(12), secret = security.random_token(24),
                     frames = list, handle = handle, own = {}}
    keep(failure)
    return failure
end

-- What is answered in debug mode to an error that nobody has handled: the page, or JSON for
-- clients that prefer it. nil where the debugger may not be seen.
function debugger.answer(app, raised, err, text)
    if refusal() then
        core.debugger.release()
        return nil, refusal()
    end
    local failure = take(raised)
    if core.wants_json() then
        return as_json(raised, err, text, failure.frames)
    end
    local is_fine, response = pcall(page, app, raised, err, text, failure)
    if is_fine then
        return response
    end
    core.log("error", "the debugger's page can't be made: " .. tostring(response))
    return core.Response(text, {status = 500, content_type = "text/plain; charset=utf-8"})
end

return debugger
