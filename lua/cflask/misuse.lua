-- Errors about how the API was used: one line that names the caller's file and line.
local core = require "cflask.core"

local misuse = {}

-- The chunk name that all our modules share up to the last slash, as in "@lua/cflask/".
local OURS = debug.getinfo(1, "S").source:match("^(.*/)") or "\0"

-- Whether the function at this frame is one of our modules', or C.
local function is_ours(info)
    return info.what == "C" or info.source:sub(1, #OURS) == OURS
        or info.source == "=cflask.jinja"
end

-- The level, as seen by the caller of this function, of the nearest frame outside our
-- modules; nil when there is none.
local function outer_level()
    local level = 2
    local info = debug.getinfo(level, "S")
    while info and is_ours(info) do
        level = level + 1
        info = debug.getinfo(level, "S")
    end
    return info and level - 1
end

-- Raises `message` (a format when more values follow), placed at the nearest caller outside
-- our modules. Never returns.
function misuse.fail(message, ...)
    if select("#", ...) > 0 then
        message = message:format(...)
    end
    local level = outer_level()
    if level then
        error(message, level)
    end
    -- `return flask.redirect(3)` is a tail call: the view's frame, and so its line, is gone.
    if core.has_request_context() and core.request.url_rule then
        message = ("%s (in the view of %s %s)"):format(message, core.request.method,
                                                       core.request.url_rule)
    end
    error(message, 0)
end

-- "file:line" of the nearest caller outside our modules, or nil. For errors that are found
-- later than they were made, as in a blueprint.
function misuse.where()
    local level = outer_level()
    local info = level and debug.getinfo(level, "Sl")
    return info and info.short_src .. ":" .. info.currentline
end

-- The path of the nearest calling file outside our modules, or nil where there is none (a
-- string that was loaded, the C core).
function misuse.file()
    local level = outer_level()
    local info = level and debug.getinfo(level, "S")
    return info and info.source:match("^@(.+)")
end

-- What a message says of a value: its text in quotes, or its type.
function misuse.show(value)
    local kind = type(value)
    if kind == "string" then
        return ("%q"):format(#value > 60 and value:sub(1, 57) .. "..." or value)
    elseif kind == "number" or kind == "boolean" or value == nil then
        return tostring(value)
    elseif value == core.json.null then
        return "flask.null"
    end
    return "a " .. kind
end

-- Whether the value can be called.
function misuse.is_callable(value)
    if type(value) == "function" then
        return true
    end
    local meta = debug.getmetatable(value)
    return type(meta) == "table" and meta.__call ~= nil
end

-- Raises unless `value` has the type; `what` names the argument, as in "the name".
function misuse.check(value, kind, what)
    local fits = type(value) == kind
    if kind == "function" then
        fits = misuse.is_callable(value)
    end
    if not fits then
        misuse.fail("%s must be a %s, not %s", what, kind, misuse.show(value))
    end
    return value
end

-- What to say of an option that is not there: the one that was meant, or all that are.
local function option_hint(word, known)
    local near, names = misuse.nearest(word, known), {}
    for name in pairs(known) do
        if not near and #word > 3 and name:find(word, 1, true) then
            near = name -- url_prefix, for prefix
        end
        table.insert(names, name)
    end
    table.sort(names)
    return near and ("did you mean %s?"):format(near) or "it has " .. table.concat(names, ", ")
end

-- Raises unless every key of `options` is in `known` (name to true); nil stands for {}.
-- Returns the table.
function misuse.options(options, known, what)
    if options == nil then
        return {}
    end
    misuse.check(options, "table", "the options of " .. what)
    for key in pairs(options) do
        if type(key) == "number" then
            misuse.fail("%s takes options by name, as in {name = value}, not %s", what,
                        misuse.show(options[key]))
        elseif not known[key] then
            misuse.fail("%s has no option %s; %s", what, misuse.show(key),
                        option_hint(tostring(key), known))
        end
    end
    return options
end

-- How many letters to add, drop or change to make one word of the other.
local function distance(a, b)
    local row = {}
    for j = 0, #b do
        row[j] = j
    end
    for i = 1, #a do
        local corner = row[0]
        row[0] = i
        for j = 1, #b do
            local cost = a:byte(i) == b:byte(j) and 0 or 1
            local best = math.min(row[j] + 1, row[j - 1] + 1, corner + cost)
            corner = row[j]
            row[j] = best
        end
    end
    return row[#b]
end

-- The key of `names` that is nearest to the word, or nil when none is near.
function misuse.nearest(word, names)
    local best, best_distance = nil, math.min(3, math.floor(#word / 2) + 1)
    local lower = word:lower()
    for name in pairs(names) do
        if type(name) == "string" and math.abs(#name - #word) < best_distance then
            local d = distance(lower, name:lower())
            if d < best_distance or (d == best_distance and best and name < best) then
                best, best_distance = name, d
            end
        end
    end
    return best
end

-- "; did you mean X?", or "" when nothing is near.
function misuse.hint(word, names)
    local name = misuse.nearest(word, names)
    return name and ("; did you mean %s?"):format(name) or ""
end

return misuse
