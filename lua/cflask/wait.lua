-- flask.sleep, gather, timeout and spawn, over the primitives of server/wait.c. A primitive
-- that waits returns what it was woken with: true and results, false and an error, or
-- (timeout) nil.
local core = ...

local timeout_error = "timeout"

-- The value, or a function that makes the value, that core.timeout raises when time is over.
function core.set_timeout_error(value)
    timeout_error = value
end

-- Raises at the app's line. The module needs the core, which is being made when this file runs.
local function refuse(text, value)
    local misuse = require "cflask.misuse"
    misuse.fail(text, misuse.show(value))
end

local function check_seconds(seconds, name)
    if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e9) then
        refuse(name .. " needs a number of seconds from 0 to 10^9, not %s", seconds)
    end
end

local function check_function(fn, text)
    if type(fn) ~= "function" then
        refuse(text, fn)
    end
end

local function finish(ok, ...)
    if ok then
        return ...
    end
    if ok == false then
        error((...), 0)
    end
    local value = timeout_error
    if type(value) == "function" then
        value = value()
    end
    error(value, 0)
end

-- flask.sleep(seconds)
function core.sleep(seconds)
    check_seconds(seconds, "flask.sleep")
    return core._sleep(seconds)
end

-- flask.spawn(fn, ...)
function core.spawn(fn, ...)
    check_function(fn, "flask.spawn needs a function, not %s")
    return core._spawn(fn, ...)
end

-- flask.gather{fn, ...}
function core.gather(functions)
    if type(functions) ~= "table" then
        refuse("flask.gather needs a list of functions, not %s", functions)
    end
    for _, fn in ipairs(functions) do
        check_function(fn, "flask.gather needs a list of functions, %s is none")
    end
    return finish(core._gather(functions))
end

-- flask.timeout(seconds, fn)
function core.timeout(seconds, fn)
    check_seconds(seconds, "flask.timeout")
    check_function(fn, "flask.timeout needs a function after the seconds, not %s")
    return finish(core._timeout(seconds, fn))
end
