-- Tracebacks of the app's code alone: without the frames of these modules and of the C
-- functions between them.
local inspect = require "cflask.inspect"
local misuse = require "cflask.misuse"

local OURS = debug.getinfo(1, "S").short_src:match("^(.*/)") or "\0"

local traceback = {}

-- What a frame's line is about: "ours", "C" or "app".
local function kind_of(line)
    local where = line:match("^%s*(.*)$")
    if where:sub(1, #OURS) == OURS then
        return "ours"
    end
    return where:find("^%[C%]") and "C" or where:find("^%[builtin") and "C" or "app"
end

-- The frames to show. A C function is shown where the app called it: in front of its frame.
local function kept(frames)
    local list, is_callers = {}, false
    for i = #frames, 1, -1 do
        local kind = kind_of(frames[i])
        if kind == "app" or (kind == "C" and is_callers) then
            table.insert(list, 1, frames[i])
        end
        is_callers = kind == "app" or (kind == "C" and is_callers)
    end
    return list
end

-- A traceback, as of debug.traceback, with the app's frames only; the message alone when
-- there are none.
function traceback.shorten(text)
    local message, rest = ("\n" .. text):match("^(.-)\nstack traceback:\n(.*)$")
    if not message then
        return text
    end
    message = message:sub(2)
    local frames = {}
    for line in rest:gmatch("[^\n]+") do
        table.insert(frames, line)
    end
    frames = kept(frames)
    while frames[1] and frames[#frames]:find("%(%.%.%.tail calls%.%.%.%)") do
        table.remove(frames)
    end
    if frames[1] then -- an app's file has been called by the loader
        frames[#frames] = frames[#frames]:gsub("in [%a ]*'chunk'$", "in main chunk")
    end
    if not frames[1] then
        return message
    end
    return (message ~= "" and message .. "\n" or "") .. "stack traceback:\n"
        .. table.concat(frames, "\n")
end

-- A message about a method that is missing, with the name of ours that may have been meant.
local function with_hint(message)
    local name = message:match("attempt to call a nil value %(method '([%w_]+)'%)")
        or message:match("attempt to call method '([%w_]+)' %(a nil value%)") -- LuaJIT
    if not name then
        return message
    end
    local methods = {}
    for _, module in ipairs{"cflask.app", "cflask.blueprint"} do
        for _, more in ipairs((package.loaded[module] or {}).names or {}) do
            for key in pairs(more) do
                methods[key] = true
            end
        end
    end
    local near = misuse.nearest(name, methods)
    return near and near ~= name and message .. "; did you mean :" .. near .. "?" or message
end

-- The message handler of an xpcall: an error's text with the app's frames.
function traceback.handler(raised)
    return traceback.shorten(debug.traceback(with_hint(inspect.brief(raised)), 2))
end

return traceback
