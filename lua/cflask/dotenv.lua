-- `.env` files, in python-dotenv's syntax.
local core = require "cflask.core"
local watched = require "cflask.watched"

local dotenv = {}

local ESCAPES = {n = "\n", r = "\r", t = "\t", f = "\f", b = "\b", v = "\v", a = "\a",
                 ["\\"] = "\\", ["'"] = "'", ['"'] = '"'}

-- The text up to the closing quote, escapes undone, and the position behind that quote; nil
-- when it is not closed.
local function quoted(text, start, quote)
    local i = start
    while true do
        local at = text:find("[\\" .. quote .. "]", i)
        if not at then
            return nil
        elseif text:sub(at, at) == quote then
            local raw = text:sub(start, at - 1)
            local known = quote == "'" and "\\(['\\])" or "\\([\\'\"abfnrtv])"
            return raw:gsub(known, ESCAPES), at + 1
        end
        i = at + 2
    end
end

-- The key at the position and the position behind it, or nil.
local function read_key(text, at)
    local _, stop = text:find("^export[^%S\n]+", at)
    at = stop and stop + 1 or at
    local quoted_key, behind = text:match("^'([^'\n]+)'()", at)
    if quoted_key then
        return quoted_key, behind
    end
    return text:match("^([^=#%s]+)()", at)
end

-- The value at the position and the position behind it; nil when it is malformed.
local function read_value(text, at)
    local quote = text:match("^['\"]", at)
    if quote then
        local value, behind = quoted(text, at + 1, quote)
        if not value or not text:find("^[^%S\n]*[#\n\r]", behind)
            and not text:find("^[^%S\n]*$", behind) then
            return nil
        end
        return value, behind
    end
    local line, behind = text:match("^([^\r\n]*)()", at)
    line = line:gsub("%s+#.*", ""):gsub("%s+$", "")
    return line, behind
end

-- One binding at the position (which is no blank and no comment): key, value (nil without
-- an `=`), position behind its line. A malformed one has no key.
local function read_binding(text, at)
    local line_end = text:find("\n", at, true) or #text + 1
    local key, behind = read_key(text, at)
    if not key then
        return nil, nil, line_end
    end
    behind = text:match("^[^%S\n]*()", behind)
    if text:sub(behind, behind) ~= "=" then
        local is_alone = text:find("^[#\r\n]", behind) or behind > #text
        return is_alone and key or nil, nil, line_end
    end
    behind = text:match("^=[^%S\n]*()", behind)
    local value
    value, behind = read_value(text, behind)
    if not value then
        return nil, nil, line_end
    end
    return key, value, text:find("\n", behind, true) or #text + 1
end

-- Puts values in place of ${NAME} and ${NAME:-default}; `lookup` gives a name's value.
local function expand(value, lookup)
    return (value:gsub("%${([^}]*)}", function(inside)
        local name, default = inside:match("^(.-):%-(.*)$")
        return lookup(name or inside) or default or ""
    end))
end

-- The bindings of a file's text: a list of {key, value}, values expanded (a name that the
-- environment has wins over the file's), and the numbers of the lines that are malformed.
function dotenv.parse(text)
    text = text:gsub("^\239\187\191", ""):gsub("\r\n", "\n")
    local found, values, bad, at = {}, {}, {}, 1
    local function lookup(name)
        return core.getenv(name) or values[name]
    end
    while true do
        at = text:match("^%s*()", at)
        if at > #text then
            return found, bad
        elseif text:sub(at, at) == "#" then
            at = text:find("\n", at, true) or #text + 1
        else
            local key, value, behind = read_binding(text, at)
            if key and value then
                value = expand(value, lookup)
                values[key] = value
                table.insert(found, {key, value})
            elseif not key then
                local _, newlines = text:sub(1, at):gsub("\n", "")
                table.insert(bad, newlines + 1)
            end
            at = behind
        end
    end
end

-- What earlier loads have put into the environment, which a later load may replace.
local ours = {}

-- Takes back what earlier loads have put into the environment.
function dotenv.forget()
    for key, value in pairs(ours) do
        if core.getenv(key) == value then
            core.setenv(key, nil)
        end
    end
    ours = {}
end

-- Puts the file's values into the environment, but for those that it has already. A missing
-- file is no error: false.
function dotenv.load(path)
    watched.file(path)
    local text = core.is_file(path) and core.read_file(path)
    if not text then
        return false
    end
    local found, bad = dotenv.parse(text)
    for _, line in ipairs(bad) do
        core.log("warning", ("%s:%d: this line is neither KEY=VALUE nor a comment")
            :format(path, line))
    end
    local taken = {}
    for _, pair in ipairs(found) do
        local key, value = pair[1], pair[2]
        if core.getenv(key) == nil or taken[key] then
            core.setenv(key, value)
            ours[key], taken[key] = value, true
        end
    end
    return true
end

return dotenv
