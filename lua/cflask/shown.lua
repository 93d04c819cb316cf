-- Values as the debugger shows them: as inspect.lua writes them, but secrets stay hidden, an
-- object's own text is told from what is in it, and all of it has an end.
local inspect = require "cflask.inspect"

local shown = {}

local HIDDEN = "********"
local SECRETS = {"secret", "passw", "token", "api_?key", "authorization", "cookie", "private_?key"}
local SETTINGS = {"^session_cookie", "^max_cookie", "^remember_cookie"} -- no secrets
local DEFAULTS = {depth = 5, items = 50, length = 1000, total = 20000}

-- Whether a name says that its value is nobody's business: SECRET_KEY, password, Cookie, ...
function shown.is_secret(name)
    if type(name) ~= "string" then
        return false
    end
    local lower = name:lower():gsub("%-", "_")
    for _, pattern in ipairs(SETTINGS) do
        if lower:find(pattern) then
            return false
        end
    end
    for _, pattern in ipairs(SECRETS) do
        if lower:find(pattern) then
            return true
        end
    end
    return false
end

-- What stands in place of a value of that name: of a text, or of whatever a secret holds; nil
-- where the value may be seen.
local function stand_in(name, value)
    local kind = type(value)
    if shown.is_secret(name)
        and (kind == "string" or kind == "table" and name:lower():find("secret")) then
        return HIDDEN
    end
    return nil
end

local function options_of(options)
    local given = {stand_in = stand_in}
    for key, default in pairs(DEFAULTS) do
        given[key] = options and options[key] or default
    end
    return given
end

-- The items of a table that has a text of its own.
local function items_of(value)
    local items = {}
    for key, item in next, value do
        items[key] = item
    end
    return items
end

-- shown.value(value, {depth=, items=, length=, total=}): the value as text; `total` is about
-- how many bytes it may have.
function shown.value(value, options)
    local meta = debug.getmetatable(value)
    local text = inspect.text(value, options_of(options))
    if type(value) ~= "table" or type(meta) ~= "table" or rawget(meta, "__tostring") == nil then
        return text
    end
    text = text .. " (by its __tostring)"
    return next(value) == nil and text or text .. "\n" .. inspect.text(items_of(value),
                                                                     options_of(options))
end

-- The same of a variable, unless its name says that it is secret.
function shown.variable(name, value, options)
    return stand_in(name, value) or shown.value(value, options)
end

return shown
