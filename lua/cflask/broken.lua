-- An app that can't be loaded: its error with the source around it, and the app that shows it.
local core = require "cflask.core"
local watched = require "cflask.watched"

local broken = {}

local AROUND = 3 -- lines shown before and behind the one that is meant

-- The path of a file of the app's that messages call so, or nil.
local function find(name)
    if name:find("^lua/cflask/") then
        return nil
    elseif core.is_file(name) then
        return name
    end
    local rest = name:match("^%.%.%.(.+)$")
    return rest and watched.ending_with(rest)
end

-- The first "file:line:" of the text whose file can be read: path and line, or nil.
local function place_of(text)
    for name, line in text:gmatch("([^%s:'\"]+):(%d+):") do
        local path = find(name)
        if path then
            return path, tonumber(line)
        end
    end
    return nil
end

-- The lines of the file around the one given, which is marked.
local function excerpt(path, line)
    local file, shown, number = io.open(path), {}, 0
    if not file then
        return nil
    end
    for text in file:lines() do
        number = number + 1
        if number > line + AROUND then
            break
        elseif number >= line - AROUND then
            text = #text > 200 and text:sub(1, 200) .. "..." or text
            table.insert(shown, ("  %s %4d | %s"):format(number == line and ">" or " ", number,
                                                         text))
        end
    end
    file:close()
    return shown[1] and table.concat(shown, "\n")
end

-- The text of an error with the source lines behind its first line.
function broken.explain(text)
    local path, line = place_of(text)
    local lines = path and excerpt(path, line)
    if not lines then
        return text
    end
    local first, rest = text:match("^([^\n]*)\n?(.*)$")
    return first .. "\n" .. lines .. (rest ~= "" and "\n" .. rest or "")
end

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&#34;"}

local HIDDEN = "The reason stands in the server's log, and on this page on the server's own machine."

-- An app whose one answer tells why the app can't be loaded: the text, or what the server has
-- noted since. It has paths and source lines in it: those who may not see the debugger are told
-- no more than that there is an error.
function broken.app(text)
    local app = require("cflask").Flask("broken", {static_folder = false, template_folder = false})
    app.config.DEBUG = true
    app:before_request(function()
        local now = core.debugger.visitor() == "own" and (core.load_error() or text) or HIDDEN
        if core.wants_json() then
            return {code = 500, name = "The app can't be loaded", description = now}, 500
        end
        local page = core.embedded("templates/broken.html")
        page = page:gsub("{{ error }}", function() return (now:gsub('[&<>"]', ESCAPES)) end)
        return page, 500
    end)
    return app
end

return broken
