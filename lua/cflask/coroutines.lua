-- Waits inside coroutines that an app made. Such a wait yields core.WAIT to whoever resumed
-- the coroutine; our coroutine.resume passes it outward to the request's own coroutine and,
-- when the wait is over, goes on where it came from. A time slice that ends in one is such a
-- wait as well (server/budget.c).
local core = require "cflask.core"
local inner_frames = require "cflask.inner_frames"

local raw_resume = core.resume or coroutine.resume -- the core keeps the one that runs
local raw_yield, raw_close = coroutine.yield, coroutine.close
local create, status = coroutine.create, coroutine.status
local isyieldable = coroutine.isyieldable
local WAIT = core.WAIT

local coroutines = {}

-- Coroutines that stand in a wait: nobody but the wait itself may resume them.
local waiting = setmetatable({}, {__mode = "k"})

local pass_outward

-- What resume() returns: waits are passed on until the coroutine yields, returns or fails.
local function settle(co, is_fine, first, ...)
    if not is_fine then
        inner_frames.note_dead(co, first)
        return false, first, ...
    elseif first ~= WAIT or status(co) == "dead" then
        return true, first, ...
    end
    return pass_outward(co, first, ...)
end

local function go_on(co, ...)
    waiting[co] = nil
    return settle(co, raw_resume(co, ...))
end

-- Hands a wait outward and resumes the coroutine with what it brought.
function pass_outward(co, ...)
    waiting[co] = true
    return go_on(co, raw_yield(...))
end

local function allow_again(co, is_fine, ...)
    core.allow_waits()
    if not is_fine then
        inner_frames.note_dead(co, (...))
    end
    return is_fine, ...
end

-- coroutine.resume, for which waits are not to be seen. Where the caller itself can't yield
-- (a callback of string.gsub, say), a wait could not be passed on: it is an error there.
function coroutines.resume(co, ...)
    if waiting[co] then
        return false, "cannot resume a coroutine that waits"
    elseif isyieldable and not isyieldable() then
        core.forbid_waits()
        return allow_again(co, raw_resume(co, ...))
    end
    return settle(co, raw_resume(co, ...))
end

local function results(co, is_fine, ...)
    if is_fine then
        return ...
    end
    if raw_close then
        raw_close(co)
    end
    error((...), 0)
end

-- coroutine.wrap, likewise.
function coroutines.wrap(fn)
    local co = create(fn)
    return function(...)
        return results(co, coroutines.resume(co, ...))
    end
end

-- coroutine.close, which refuses what waits.
function coroutines.close(co)
    if waiting[co] then
        error("cannot close a coroutine that waits", 2)
    end
    return raw_close(co)
end

-- Puts them in place of Lua's own; once.
function coroutines.install()
    coroutine.resume, coroutine.wrap = coroutines.resume, coroutines.wrap
    if raw_close then
        coroutine.close = coroutines.close
    end
end

-- ## A streamed body that is written

-- What write() yields with; it passes through coroutines between it and the stream.
local CHUNK = {}

-- What the stream's coroutine yielded: a chunk is the result; a wait is passed on.
local function next_chunk(co, is_fine, first, second, ...)
    if not is_fine then
        inner_frames.note_dead(co, first)
        error(first, 0)
    elseif first == WAIT and second == CHUNK then
        return (...)
    elseif first == WAIT then
        return next_chunk(co, raw_resume(co, raw_yield(first, second, ...)))
    elseif status(co) == "dead" then
        return nil
    end
    error("the function of flask.stream has yielded: it writes with write(text)", 0)
end

-- A body, as views return it, from a function that is called once with write(text).
function coroutines.stream(fn)
    local function write(text)
        if type(text) ~= "string" then
            error("write needs a string, not a " .. type(text), 2)
        elseif not core.can_wait() then
            error("write can't wait inside a callback of a C function", 2)
        end
        raw_yield(WAIT, CHUNK, text)
    end
    local co = create(function() fn(write) end)
    return function()
        if status(co) == "dead" then
            return nil
        end
        return next_chunk(co, raw_resume(co))
    end
end

return coroutines
