-- A value as text that people read: tables expanded with their keys sorted, cycles named,
-- what is long cut short. For the shell, and for whatever else shows values.
local core = require "cflask.core"

local inspect = {}

-- ## Texts and keys

local ESCAPES = {["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"',
                 ["\\"] = "\\\\"}

local function escape(byte)
    return ESCAPES[byte] or ("\\%03d"):format(byte:byte())
end

-- A string as Lua would read it, in one line. What is no UTF-8 stands as \ddd.
local function quote(text, most)
    local cut = #text > most
    local shown = cut and text:sub(1, most):gsub("[\192-\255][\128-\191]*$", "") or text
    local is_utf8 = pcall(core.json.encode, shown)
    local pattern = is_utf8 and '[%z\1-\31\127"\\]' or '[%z\1-\31\127-\255"\\]'
    return '"' .. shown:gsub(pattern, escape) .. '"'
        .. (cut and ("... (%d bytes)"):format(#text) or "")
end

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or
    repeat return then true until while]]):gmatch("%a+") do
    KEYWORDS[word] = true
end

-- tostring() of a value whose metamethod may raise or return nonsense.
local function safe_text(value)
    local is_fine, text = pcall(tostring, value)
    return is_fine and type(text) == "string" and text or "<" .. type(value) .. ">"
end

local RANKS = {number = 1, string = 2, boolean = 3}

local function comes_before(a, b)
    local rank_a, rank_b = RANKS[type(a)] or 4, RANKS[type(b)] or 4
    if rank_a ~= rank_b then
        return rank_a < rank_b
    elseif rank_a <= 2 then
        return a < b
    end
    return safe_text(a) < safe_text(b)
end

-- ## What stands in a table

-- Whether the value has pairs to show; those of a metatable's __pairs too.
local function has_pairs(value)
    local meta = debug.getmetatable(value)
    return type(value) == "table" or (type(meta) == "table" and meta.__pairs ~= nil)
end

-- Each ordered dict has a metatable of its own, and this in it.
local ORDERED_PAIRS = debug.getmetatable(core.ordered{}).__pairs

-- Keys and values of a table-like value, in the order in which they are shown, and how many
-- of the first keys are 1, 2, 3... An ordered dict keeps its order.
local function contents(value)
    local keys, values, seen = {}, {}, 0
    local meta = debug.getmetatable(value)
    local has_own = type(meta) == "table" and meta.__pairs and meta.__pairs ~= ORDERED_PAIRS
    local each = has_own and pairs or core.pairs
    local is_fine = pcall(function()
        for key, item in each(value) do
            seen = seen + 1
            keys[seen], values[key] = key, item
        end
    end)
    if not is_fine and type(value) == "table" then -- keys that no dict has
        keys, values, seen = {}, {}, 0
        for key, item in next, value do
            seen = seen + 1
            keys[seen], values[key] = key, item
        end
        is_fine = true
        table.sort(keys, comes_before)
    elseif each == pairs then
        table.sort(keys, comes_before)
    end
    local n_listed = 0
    while n_listed < seen and keys[n_listed + 1] == n_listed + 1 do
        n_listed = n_listed + 1
    end
    return is_fine and keys, values, n_listed
end

-- ## Rendering

local plain = setmetatable({}, {__index = function() return "" end})
local COLOURS = {string = "\27[32m", number = "\27[36m", boolean = "\27[36m",
                 other = "\27[35m", off = "\27[0m"}

local function paint(state, kind, text)
    local colours = state.colours
    return colours[kind] .. text .. colours.off, #text
end

local function function_text(fn)
    local info = debug.getinfo(fn, "S")
    local place = info.what == "C" and "builtin"
        or ("%s:%d"):format(info.short_src, info.linedefined)
    return ("<function %s>"):format(place)
end

-- A value that is no table, and its width on the screen.
local function render_plain(state, value)
    local kind = type(value)
    if kind == "string" then
        return paint(state, "string", quote(value, state.most_text))
    elseif kind == "number" or kind == "boolean" or kind == "nil" then
        return paint(state, kind == "number" and kind or "boolean", tostring(value))
    elseif rawequal(value, core.json.null) then
        return paint(state, "boolean", "null")
    elseif core.is_markup(value) then
        local text, width = paint(state, "string", quote(tostring(value), state.most_text))
        return "Markup(" .. text .. ")", width + 8
    elseif kind == "function" and not debug.getmetatable(value) then
        return paint(state, "other", function_text(value))
    end
    return paint(state, "other", safe_text(value))
end

local render

-- "name = " or "[key] = " before a value; "" in a list.
local function label(state, key, is_listed)
    if is_listed then
        return "", 0
    elseif type(key) == "string" and key:find("^[%a_][%w_]*$") and not KEYWORDS[key] then
        return key .. " = ", #key + 3
    end
    local text, width = render_plain(state, key)
    return "[" .. text .. "] = ", width + 5
end

-- The items of a table as a list of texts, and their width in one line.
local function render_items(state, value, indent)
    local keys, values, n_listed = contents(value)
    if not keys then
        return nil
    end
    local items, width = {}, 0
    for i, key in ipairs(keys) do
        if i > state.most_items or state.left <= 0 then
            items[i] = ("... %d more"):format(#keys - i + 1)
            width = width + #items[i]
            break
        end
        local before, label_width = label(state, key, i <= n_listed)
        local hidden = state.stand_in and state.stand_in(key, values[key])
        local text, text_width = hidden, hidden and #hidden
        if not hidden then
            text, text_width = render(state, values[key], indent + 2)
        end
        items[i] = before .. text
        state.left = state.left - #before - #text
        width = width + label_width + text_width + 2
    end
    return items, width
end

-- A table as text, and its width: that of its one line, or too much when it has several.
local function render_table(state, value, indent)
    if state.open[value] then
        return paint(state, "other", "<cycle>")
    elseif state.depth >= state.most_depth then
        return paint(state, "other", "{...}")
    end
    state.open[value], state.depth = true, state.depth + 1
    local items, width = render_items(state, value, indent)
    state.open[value], state.depth = nil, state.depth - 1
    if not items then
        return paint(state, "other", safe_text(value))
    elseif #items == 0 then
        return "{}", 2
    elseif indent + width + 2 <= state.width then
        return "{" .. table.concat(items, ", ") .. "}", width
    end
    local pad = (" "):rep(indent + 2)
    return "{\n" .. pad .. table.concat(items, ",\n" .. pad) .. "\n" .. (" "):rep(indent)
        .. "}", state.width
end

-- Whether the value is a table that tells more by its own tostring: an app, an error.
local function has_text(value)
    local meta = debug.getmetatable(value)
    return type(value) == "table" and type(meta) == "table" and meta.__tostring ~= nil
end

function render(state, value, indent)
    if not has_pairs(value) or has_text(value) or core.is_markup(value) then
        return render_plain(state, value)
    end
    return render_table(state, value, indent)
end

-- inspect.text(value, {width=78, depth=6, items=100, length=2000, colours=false}): the value
-- as text, in several lines where one of `width` columns is too short. Tables are shown
-- `depth` deep, with the first `items` of their items, strings with their first `length`
-- bytes. Further items are left out once `total` bytes are written. stand_in(key, value) may
-- give a text to be shown in place of a table's value. Never raises for what a value's
-- metamethods do.
function inspect.text(value, options)
    options = options or {}
    local state = {
        open = {}, depth = 0, width = options.width or 78, most_depth = options.depth or 6,
        most_items = options.items or 100, most_text = options.length or 2000,
        colours = options.colours and COLOURS or plain,
        left = options.total or math.huge, stand_in = options.stand_in,
    }
    return (render(state, value, 0))
end

-- What an error's value says in one line: its tostring, or the contents of a table that has
-- none, cut short.
function inspect.brief(value)
    local meta = debug.getmetatable(value)
    if type(value) ~= "table" or (type(meta) == "table" and meta.__tostring ~= nil) then
        return tostring(value)
    end
    return inspect.text(value, {width = math.huge, depth = 2, items = 10, length = 200})
end

return inspect
