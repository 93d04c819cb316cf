-- The frames that an error leaves behind where something catches it and raises it on: those of
-- an app's own coroutines, of gather's functions, of transactions. In debug mode they are noted
-- as long as they stand, for the debugger to show them when the error is nobody's in the end.
local core = require "cflask.core"
local frames = require "cflask.frames"

local inner = {}

local MOST = 200 -- frames; an error that goes on through more keeps its innermost ones

-- coroutine.resume's own words, about a coroutine whose frames have nothing to do with them.
local OF_RESUME = "^cannot resume "

local function ends_with(text, ending)
    return type(text) == "string" and type(ending) == "string" and #text > #ending
        and text:sub(-#ending - 2) == ": " .. ending
end

-- Whether an error whose frames these are was raised there, and not only raised on: its text
-- begins with the place of the innermost one.
local function is_raised_in(list, raised)
    for _, frame in ipairs(list) do
        if frame.kind == "lua" then
            local place = frame.place .. ":"
            return type(raised) == "string" and raised:sub(1, #place) == place
        end
    end
    return false
end

-- Puts in front of a list of frames those that were noted of the same error further in.
-- `error(message)` puts its own place before a message that it raises on.
function inner.prepend(list, noted, raised)
    if not noted or #noted.list > MOST then
        return
    end
    local is_same = rawequal(noted.raised, raised) and not is_raised_in(list, raised)
    if is_same or ends_with(raised, noted.raised) then
        for i, frame in ipairs(noted.list) do
            table.insert(list, i, frame)
        end
    end
end

-- Notes the frames of a coroutine that `raised` has ended, in the request's private table.
-- `from` and `to`: see frames.copy.
function inner.note(private, co, raised, from, to)
    local list = frames.copy(co, raised, from, to)
    inner.prepend(list, private.inner_frames, raised)
    private.inner_frames = {raised = raised, list = list}
end

-- The same for coroutine.resume's, with what it gave.
function inner.note_dead(co, raised)
    if core.debugger.is_on() and not (type(raised) == "string" and raised:find(OF_RESUME)) then
        pcall(inner.note, core.private(), co, raised)
    end
end

local resume, create = core.resume or coroutine.resume, coroutine.create

-- The message handler. Levels are counted from outside, so that they don't depend on how deep
-- the counting is. An overflown stack has no room for that: the error goes on all the same.
local function keep(raised)
    pcall(function()
        local co, private = coroutine.running(), core.private()
        resume(create(function() inner.note(private, co, raised, keep, xpcall) end))
    end)
    return raised
end

-- pcall, for errors that are raised on: their frames up to here are noted.
function inner.pcall(fn, ...)
    if core.debugger.is_on() then
        return xpcall(fn, keep, ...)
    end
    return pcall(fn, ...)
end

return inner
