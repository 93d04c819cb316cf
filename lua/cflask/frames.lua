-- The frames of a coroutine that an error has ended: where each was, its source, its variables
-- to be read, assigned to and computed with.
local core = require "cflask.core"

local frames = {}

local AROUND = 5         -- lines shown on either side of the one that is meant
local MOST = 60          -- frames that are kept: half from either end of a deep stack
local MOST_LOCALS = 200  -- variables of one frame

-- ## Source

local OURS = "^@lua/cflask/"

-- The text of the file that a chunk's source names, or of the chunk itself; or nil.
local function text_of(source)
    if source:sub(1, 1) == "=" then
        return nil
    elseif source:find(OURS) then
        return core.embedded(source:sub(2))
    elseif source:sub(1, 1) ~= "@" then
        return source
    end
    local file = io.open(source:sub(2), "rb")
    local text = file and file:read("*a")
    if file then
        file:close()
    end
    return text
end

-- The lines around one: a list of {number=, text=, is_current=}.
local function excerpt(text, line)
    local lines, number = {}, 0
    for content in (text or ""):gmatch("([^\n]*)\n?") do
        number = number + 1
        if number > line + AROUND then
            break
        elseif number >= line - AROUND then
            content = content:gsub("\r$", ""):gsub("\t", "    ")
            table.insert(lines, {number = number, is_current = number == line,
                                 text = #content > 400 and content:sub(1, 400) .. "..." or content})
        end
    end
    local last = lines[#lines]
    if last and last.text == "" and not last.is_current then
        table.remove(lines)
    end
    return lines
end

-- The lines around the one where a frame stood. Read when they are shown: of most frames that
-- are taken from the app's own coroutines nobody asks.
function frames.lines(frame)
    if not frame.lines and frame.source then
        frame.lines = excerpt(text_of(frame.source), frame.line)
    end
    return frame.lines or {}
end

-- ## Variables

-- Whether a value may be one that its frame closes: then it is closed before anybody looks.
local function is_closable(value)
    local meta = debug.getmetatable(value)
    return type(meta) == "table" and rawget(meta, "__close") ~= nil
end

-- The frame's local variables, the innermost last; the values that `...` stands for.
local function locals_of(co, level)
    local list, varargs, is_open = {}, {n = 0}, false
    for index = 1, MOST_LOCALS do
        local name, value = debug.getlocal(co, level, index)
        if not name then
            break
        end
        is_open = is_open or is_closable(value)
        if name:sub(1, 1) ~= "(" then
            table.insert(list, {name = name, index = index, value = value})
        end
    end
    for index = 1, MOST_LOCALS do
        local name, value = debug.getlocal(co, level, -index)
        if not name then
            break
        end
        varargs.n, varargs[index] = index, value
    end
    return list, varargs, is_open
end

local function upvalues_of(fn)
    local list = {}
    for index = 1, MOST_LOCALS do
        local name = debug.getupvalue(fn, index)
        if not name then
            break
        elseif name ~= "" then
            table.insert(list, {name = name, index = index, fn = fn})
        end
    end
    return list
end

-- The value of a variable as it is now.
local function get(frame, variable)
    if variable.fn then
        return (select(2, debug.getupvalue(variable.fn, variable.index)))
    elseif frame.co then
        return (select(2, debug.getlocal(frame.co, frame.level, variable.index)))
    end
    return variable.value
end

local function set(frame, variable, value)
    if variable.fn then
        debug.setupvalue(variable.fn, variable.index, value)
    elseif frame.co then
        debug.setlocal(frame.co, frame.level, variable.index, value)
    else
        variable.value = value
    end
end

-- What a frame shows: a list of {name=, value=}, each name once, as the code there sees it.
local function shown(frame, list)
    local last, out = {}, {}
    for i, variable in ipairs(list) do
        last[variable.name] = i
    end
    for i, variable in ipairs(list) do
        if last[variable.name] == i and variable.name ~= "_ENV" then
            table.insert(out, {name = variable.name, value = get(frame, variable)})
        end
    end
    return out
end

function frames.locals(frame)
    if frame.vars then
        local out = {}
        for name, value in next, frame.vars do
            if type(name) == "string" then
                table.insert(out, {name = name, value = value})
            end
        end
        table.sort(out, function(a, b) return a.name < b.name end)
        return out
    end
    return shown(frame, frame.variables or {})
end

function frames.upvalues(frame)
    return shown(frame, frame.shared or {})
end

-- ## Taking them

-- `is_filter`: a template has called it, under a name that is our own.
local function name_of(info, view, is_filter)
    if info.func == view then
        return "the view"
    elseif info.what == "main" then
        return "main chunk"
    elseif info.name and not is_filter and info.namewhat ~= "hook" and info.name ~= "?" then
        return info.name
    end
    return info.what == "C" and "?" or "function at line " .. info.linedefined
end

-- LuaJIT does not know where the innermost frame stood; the error's text tells.
local function line_of(info, err)
    if info.currentline >= 0 or type(err) ~= "string" then
        return info.currentline
    end
    local place = info.short_src .. ":"
    return err:sub(1, #place) == place and tonumber(err:match("^%d+", #place + 1)) or -1
end

local function lua_frame(co, level, info, view, is_filter, err)
    local line = line_of(info, err)
    local frame = {kind = "lua", co = co, level = level, name = name_of(info, view, is_filter),
                   path = info.source:match("^@(.*)$") or info.short_src,
                   line = line, is_ours = info.source:find(OURS) ~= nil,
                   source = info.source, place = info.short_src .. ":" .. line}
    local is_open
    frame.variables, frame.varargs, is_open = locals_of(co, level)
    frame.shared = upvalues_of(info.func)
    return frame, is_open
end

local function template_frame(found, vars)
    return {kind = "template", name = found.name or "<template>", vars = vars,
            path = found.filename or found.name or "<template>", line = found.line,
            lines = excerpt(found.source, found.line)}
end

-- Finding a level takes Lua as long as the stack is deep above it.
local function depth_of(co)
    local low, high = 0, 1
    while debug.getinfo(co, high, "l") do
        low, high = high, high * 2
    end
    while low + 1 < high do
        local middle = math.floor((low + high) / 2)
        if debug.getinfo(co, middle, "l") then
            low = middle
        else
            high = middle
        end
    end
    return high
end

-- The variables that a template was given: the render that stands outside of it has them.
local function vars_of(co, level)
    for outer = level, level + 8 do
        local info = debug.getinfo(co, outer, "S")
        if not info then
            return nil
        elseif info.source == "@lua/cflask/templating.lua" then
            for index = 1, 20 do
                local name, value = debug.getlocal(co, outer, index)
                if name == "context" and type(value) == "table" then
                    return value
                elseif not name then
                    break
                end
            end
        end
    end
    return nil
end

local function by_level(found)
    local at = {}
    for _, frame in ipairs(found) do
        at[frame.level] = at[frame.level] or {}
        table.insert(at[frame.level], frame)
    end
    return at
end

-- An error in a template's own text has its place, but no frame.
local function add_place_of_error(list, err)
    local top = list[1]
    if type(err) ~= "table" or type(err.lineno) ~= "number" or err.source == nil
        or top and top.kind == "template" and top.line == err.lineno then
        return
    end
    local text
    local file = type(err.filename) == "string" and io.open(err.filename, "rb")
    if file then
        text = file:read("*a")
        file:close()
    end
    local frame = {kind = "template", name = rawget(err, "name") or "<template>", line = err.lineno,
                   path = err.filename or rawget(err, "name") or "<template>"}
    frame.lines = text and excerpt(text, err.lineno)
        or {{number = err.lineno, text = tostring(err.source), is_current = true}}
    table.insert(list, 1, frame)
end

-- The place of a view that has no frame any more: it has returned, or called another function
-- in its last statement.
function frames.of_view(view)
    local info = type(view) == "function" and debug.getinfo(view, "S")
    if not info or info.what == "C" then
        return nil
    end
    return {kind = "lua", name = "the view (it has returned)", path = info.source:match("^@(.*)$")
                or info.short_src, line = info.linedefined,
            is_ours = info.source:find(OURS) ~= nil,
            lines = excerpt(text_of(info.source), info.linedefined), shared = upvalues_of(view)}
end

-- The level of the nearest frame of that function between two levels, or nil. Of a deep stack
-- only the ends are looked at.
local function level_of(co, fn, first, depth)
    local level = first
    while level < depth do
        if debug.getinfo(co, level, "f").func == fn then
            return level
        end
        level = level == first + MOST and math.max(level + 1, depth - MOST) or level + 1
    end
    return nil
end

-- The frames from a level to before the depth, those of templates among them; whether one has a
-- variable that is to be closed, and whether one is the view's.
local function walk(co, err, view, level, depth)
    local list, must_close, has_view, first = {}, false, false, level
    local templates = by_level(core.debugger.template_frames(co))
    while level < depth do
        if level - first == MOST / 2 and depth - first > MOST then
            table.insert(list, {kind = "gap", count = depth - first - MOST})
            level, must_close = depth - MOST / 2, true
        end
        local info = debug.getinfo(co, level, "nSlf")
        if not info then
            break
        end
        for _, found in ipairs(templates[level] or {}) do
            table.insert(list, template_frame(found, vars_of(co, level)))
        end
        if info.what == "C" or info.source == "=cflask.jinja" then
            must_close = must_close or select(3, locals_of(co, level))
        else
            local frame, is_open = lua_frame(co, level, info, view, templates[level + 1] ~= nil, err)
            must_close = must_close or is_open
            table.insert(list, frame)
        end
        has_view = has_view or info.func == view
        level = level + 1
    end
    add_place_of_error(list, err)
    return list, must_close, has_view
end

-- Takes the frames of a dead coroutine, the innermost first, those of templates among them.
-- Variables that are to be closed are closed now, as after any error; the others' values are
-- what they were at the error then. `view` is the request's, or nil.
function frames.take(co, err, view)
    local list, must_close, has_view = walk(co, err, view, 0, depth_of(co))
    if not has_view then
        table.insert(list, frames.of_view(view))
    end
    if must_close then
        frames.close(list, co)
    end
    return list
end

local function detach(list)
    for _, frame in ipairs(list) do
        frame.co = nil
    end
    return list
end

-- Ends the coroutine; its variables stay as copies.
function frames.close(list, co)
    detach(list)
    core.debugger.close(co)
end

-- The frames of a coroutine that is left as it is, with copies of their variables. `from` and
-- `to` are functions: then only the frames between theirs count.
function frames.copy(co, err, from, to)
    local depth = depth_of(co)
    local first = from and level_of(co, from, 0, depth) + 1 or 0
    depth = to and level_of(co, to, first, depth) or depth
    return detach((walk(co, err, nil, first, depth)))
end

-- The path as it is shown: below the app's folder without that.
function frames.short_path(path, root)
    if root and path:sub(1, #root + 1) == root .. "/" then
        return path:sub(#root + 2)
    end
    return path
end

-- ## Computing

local function find(frame, name)
    for _, list in ipairs{frame.variables or {}, frame.shared or {}} do
        for i = #list, 1, -1 do
            if list[i].name == name then
                return list[i]
            end
        end
    end
    return nil
end

local function globals_of(frame)
    local env = find(frame, "_ENV")
    local value = env and get(frame, env)
    return type(value) == "table" and value or _G
end

local function index(t, key)
    return t[key]
end

-- What code at the prompt sees: the frame's variables, what was set at the prompt before, the
-- frame's globals. Assigning to a name that none of them has makes one of the prompt's own.
local function environment(frame, own)
    local globals = globals_of(frame)
    local meta = {__name = "frame"}
    function meta.__index(_, name)
        local variable = find(frame, name)
        if variable then
            return get(frame, variable)
        elseif frame.vars and frame.vars[name] ~= nil then
            return frame.vars[name]
        elseif own[name] ~= nil then
            return own[name]
        end
        local is_fine, value = pcall(index, globals, name)
        return is_fine and value or nil
    end
    function meta.__newindex(_, name, value)
        local variable = find(frame, name)
        if variable then
            set(frame, variable, value)
        elseif frame.vars and frame.vars[name] ~= nil then
            frame.vars[name] = value
        elseif own[name] == nil and rawget(globals, name) ~= nil then
            rawset(globals, name, value)
        else
            own[name] = value
        end
    end
    return setmetatable({}, meta)
end

-- Compiles an expression, or else statements: a function; or nil, the message and whether more
-- lines could complete it.
function frames.compile(frame, code, own)
    local env = environment(frame, own)
    local fn = load("return " .. code, "=prompt", "t", env)
    if fn then
        return fn
    end
    local message
    fn, message = load(code, "=prompt", "t", env)
    if fn then
        return fn
    end
    return nil, message, message:find("<eof>", 1, true) ~= nil
        or message:find("unfinished long", 1, true) ~= nil
end

-- Evaluates a compiled prompt with what `...` was in the frame.
function frames.call(frame, fn)
    local varargs = frame.varargs or {n = 0}
    return fn((table.unpack or unpack)(varargs, 1, varargs.n))
end

return frames
