-- What the Tab key of the shell completes: names, fields, methods.
local core = require "cflask.core"

local completion = {}

local WORDS = ([[and break do else elseif end false for function if in local nil not or
    repeat return then true until while]])

-- ## The names that a value has

local function is_name(key)
    return type(key) == "string" and key:find("^[%a_][%w_]*$") ~= nil
end

local function add_keys(names, values)
    for key in next, values do
        if is_name(key) and (key:sub(1, 1) ~= "_" or #key == 1) then
            names[key] = true
        end
    end
end

-- Adds what an __index offers: a table's keys; for one of our C functions those of the tables
-- that it looks into.
local function add_indexed(names, index, depth)
    if type(index) == "table" then
        add_keys(names, index)
        local meta = debug.getmetatable(index)
        if depth < 10 and type(meta) == "table" then
            add_indexed(names, rawget(meta, "__index"), depth + 1)
        end
    elseif type(index) == "function" and debug.getinfo(index, "S").what == "C" then
        for i = 1, 8 do
            local _, value = debug.getupvalue(index, i)
            if type(value) == "table" then
                add_keys(names, value)
            end
        end
    end
end

-- The names of what can stand behind `value.`, as a set. Runs no metamethod but __pairs.
local function names_of(value)
    local names, meta = {}, debug.getmetatable(value)
    if type(value) == "table" then
        add_keys(names, value)
    end
    if type(meta) == "table" then
        add_indexed(names, rawget(meta, "__index"), 1)
        for _, more in ipairs(rawget(meta, "__names") or {}) do
            add_keys(names, more)
        end
        if type(value) ~= "table" and rawget(meta, "__pairs") then
            pcall(function()
                for key in pairs(value) do
                    names[is_name(key) and key or ""] = true
                end
            end)
            names[""] = nil
        end
    end
    return names
end

-- ## The word before the cursor

local Missing = {}

-- The value of a path such as `app.config`, or Missing. May run metamethods.
local function resolve(environment, path)
    local value, is_first = environment, true
    for name in path:gmatch("[^.:]+") do
        local is_fine, found = pcall(function() return value[name] end)
        if not is_fine or (found == nil and is_first) then
            return Missing
        end
        value, is_first = found, false
    end
    return value
end

-- The names that begin with `start`, sorted; methods alone behind a colon.
local function matching(names, start, is_method)
    local list = {}
    for name in pairs(names) do
        if name:sub(1, #start) == start and (not is_method or is_method(name)) then
            table.insert(list, name)
        end
    end
    table.sort(list)
    return list
end

local function globals(environment)
    local names = {}
    add_keys(names, environment)
    add_keys(names, _G)
    for word in WORDS:gmatch("%a+") do
        names[word] = true
    end
    return names
end

-- The candidates for the end of `text`, and how much of them is there already.
local function candidates(environment, text)
    local path, mark, start = text:match("([%a_][%w_.:]*)([.:])([%w_]*)$")
    if not path then
        start = text:match("[%w_]*$")
        if start == "" and text:find("[^%s(,={+]%s*$") then
            return {}, ""
        end
        return matching(globals(environment), start), start
    end
    local value = resolve(environment, path)
    if value == Missing or value == nil then
        return {}, start
    end
    return matching(names_of(value), start, mark == ":" and function(name)
        local is_fine, method = pcall(function() return value[name] end)
        return is_fine and type(method) == "function"
    end), start
end

local function common_start(list)
    local start = list[1]
    for _, word in ipairs(list) do
        while word:sub(1, #start) ~= start do
            start = start:sub(1, -2)
        end
    end
    return start
end

-- The words in columns, down and then across.
local function columns(words, width)
    local widest = 0
    for _, word in ipairs(words) do
        widest = math.max(widest, #word + 2)
    end
    local n = math.max(1, math.floor(width / widest))
    local height, lines = math.ceil(#words / n), {}
    for row = 1, height do
        local line = {}
        for at = row, #words, height do
            table.insert(line, words[at] .. (" "):rep(widest - #words[at]))
        end
        lines[row] = table.concat(line):gsub("%s+$", "")
    end
    return table.concat(lines, "\n")
end

-- What to insert behind `text` (nil for nothing) and what to show (nil for nothing).
-- `environment` has the names that are at hand.
function completion.complete(environment, text)
    if text:find("^%s*$") then
        return "    "
    end
    local list, start = candidates(environment, text)
    if #list == 0 then
        return nil
    end
    local rest = common_start(list):sub(#start + 1)
    if rest ~= "" or #list == 1 then
        return rest ~= "" and rest or nil
    end
    return nil, columns(list, tonumber(core.getenv("COLUMNS")) or 80)
end

return completion
