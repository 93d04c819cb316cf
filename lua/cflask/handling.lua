-- What becomes of an error: an HTTP error's page, an error handler's answer, or a 500 and
-- its traceback in the log. The order of things is Flask's.
local core = require "cflask.core"
local errors = require "cflask.errors"
local shorten = require("cflask.traceback").shorten
local inspect = require "cflask.inspect"
local signals = require "cflask.signals"

local handling = {}

-- Whether an HTTP error is treated as any other: TRAP_HTTP_EXCEPTIONS and
-- TRAP_BAD_REQUEST_ERRORS (which is on for missing keys in debug mode).
local function is_trapped(app, err)
    local config = app.config
    if config.TRAP_HTTP_EXCEPTIONS then
        return true
    end
    local trap = config.TRAP_BAD_REQUEST_ERRORS
    if trap == nil then
        return config.DEBUG and errors.is(err, errors.exceptions.BadRequestKeyError)
    end
    return trap and errors.is(err, errors.exceptions.BadRequest)
end

-- The handler that one registry has for the error under the code: that of its nearest class,
-- or the one that was registered by number.
local function in_registry(codes, code, err)
    local handlers = codes and codes[code]
    if not handlers then
        return nil
    end
    for class in errors.lineage(err) do
        if handlers[class] then
            return handlers[class]
        end
    end
    return code and handlers.by_number
end

-- The handler for the error, or nil: by code before by class, in the blueprints from the
-- innermost out before in the app.
function handling.find_handler(app, err, blueprints)
    local codes = {err.code or false}
    if codes[1] then
        codes[2] = false
    end
    for _, code in ipairs(codes) do
        for _, name in ipairs(blueprints or {}) do
            local handler = in_registry(app._handlers[name], code, err)
            if handler then
                return handler
            end
        end
        local handler = in_registry(app._handlers[""], code, err)
        if handler then
            return handler
        end
    end
    return nil
end

-- The error's text and its traceback, which may begin with that text already.
local function full_text(raised, traceback)
    local text = inspect.brief(raised)
    if not traceback or traceback == "" then
        return text
    end
    traceback = shorten(traceback)
    if traceback:sub(1, #text) == text then
        return traceback
    end
    return text .. "\n" .. traceback
end

local function log(app, text)
    local request = core.request
    if core.has_request_context() then
        text = ("Exception on %s [%s]\n%s"):format(request.path, request.method, text)
    end
    app.logger:error("%s", text)
end

-- Whether an error that nobody handles is raised in the test.
function handling.is_propagated(config)
    if config.PROPAGATE_EXCEPTIONS == nil then
        return config.TESTING
    end
    return config.PROPAGATE_EXCEPTIONS
end

-- An error that nobody handled, or one of a handler itself.
local function unhandled(app, raised, err, traceback, blueprints, again)
    signals.got_request_exception:send(app, {exception = raised})
    if handling.is_propagated(app.config) then
        core.debugger.release()
        return core.propagate(raised, traceback)
    end
    core.mark_unhandled()
    local text = full_text(raised, traceback)
    log(app, text)
    local hint
    if app.config.DEBUG and app.config.PROPAGATE_EXCEPTIONS == nil then
        local page, why = require("cflask.debugger").answer(app, raised, err, text)
        if page then
            return page
        end
        hint = ("The traceback is in the log: %s."):format(why)
    end
    core.debugger.release()
    err = errors.exceptions.InternalServerError{original = raised, traceback = traceback,
                                                description = hint}
    local handler = again ~= 2 and handling.find_handler(app, err, blueprints)
    if handler then
        return handler(err)
    end
    return err
end

-- Called by the C core as app:_on_error(...) for whatever a view or a hook raised, or for a
-- status code with which it refuses a request itself. Returns what a view may return.
--   traceback    text, or nil for a status
--   blueprints   names, the innermost first
--   again        nil; true or 1 for an error in a handler or in making the response: only
--                the handler of 500 is tried; 2 for an error in that one
--   extra        for a status: {allow=, description=}
function handling.on_error(app, raised, traceback, blueprints, again, extra)
    if type(raised) == "number" and traceback == nil then
        raised = errors.http_error(raised, extra and extra.description, extra)
    end
    local err = errors.from_raised(raised, traceback)
    if again then
        return unhandled(app, raised, err, traceback, blueprints, again)
    end
    local is_answer = errors.is(err, errors.HTTPException) and not is_trapped(app, err)
    local is_final = is_answer and err.code == nil
    local handler = not is_final and handling.find_handler(app, err, blueprints)
    if is_answer or handler then
        core.debugger.release()
        if handler then
            return handler(err)
        end
        return err
    end
    return unhandled(app, raised, err, traceback, blueprints, again)
end

return handling
