-- What an app's own files tell `cflask-lua check`: its Lua sources and its templates, read as
-- text. A comment that says the same is found too; each finding names its place.
local core = require "cflask.core"
local paths = require "cflask.paths"

local check_files = {}

local MOST_FILES, MOST_DEPTH, MOST_BYTES = 2000, 8, 2000000
local PASSED_OVER = {node_modules = true, tests = true, test = true, spec = true}

-- Calls fn(path) for each file below the folder whose name fits the pattern, in order of
-- names. Hidden ones, tests and the folders of packages are passed over.
local function walk(folder, pattern, fn, state, depth)
    state = state or {left = MOST_FILES}
    depth = depth or 1
    local names = core.list_dir(folder) or {}
    table.sort(names)
    for _, name in ipairs(names) do
        local path, is_hidden = folder .. "/" .. name, name:sub(1, 1) == "."
        if state.left == 0 then
            return
        elseif not is_hidden and name:find(pattern) and core.is_file(path) then
            state.left = state.left - 1
            fn(path)
        elseif not is_hidden and not PASSED_OVER[name] and depth < MOST_DEPTH
            and core.is_dir(path) then
            walk(path, pattern, fn, state, depth + 1)
        end
    end
end

local function read(path)
    local text = core.read_file(path)
    return text and #text <= MOST_BYTES and text or ""
end

-- The path as people write it, relative to the folder.
local function shown(path, folder)
    local prefix = folder:gsub("/+$", "") .. "/"
    return path:sub(1, #prefix) == prefix and path:sub(#prefix + 1) or path
end

local PATTERNS = {
    session = {"flask%.session%f[^%w_]", "flask%.flash%f[^%w_]"},
    external = {"_external%s*=%s*true"},
    secret = {"SECRET_KEY%s*=%s*[\"']", "secret_key%s*=%s*[\"']"},
}

-- The first place of each of PATTERNS in the Lua files below the folder, as "app.lua:12".
function check_files.sources(folder)
    local found = {}
    walk(folder, "%.lua$", function(path)
        local number = 0
        for line in (read(path) .. "\n"):gmatch("(.-)\n") do
            number = number + 1
            for name, patterns in pairs(PATTERNS) do
                for _, pattern in ipairs(patterns) do
                    if not found[name] and not line:find("^%s*%-%-") and line:find(pattern) then
                        found[name] = ("%s:%d"):format(shown(path, folder), number)
                    end
                end
            end
        end
    end)
    return found
end

local function has_post_form(text)
    for tag in text:lower():gmatch("<form%f[%W]([^>]*)>") do
        if tag:find("method%s*=%s*[\"']?post%f[%W]") then
            return true
        end
    end
    return false
end

-- The first template below one of the folders with a form that is posted, and how many more
-- there are; nil without one.
function check_files.post_form(folders, root)
    local first, more = nil, -1
    for _, folder in ipairs(folders) do
        walk(paths.absolute(folder), ".", function(path)
            if has_post_form(read(path)) then
                first, more = first or shown(path, root), more + 1
            end
        end)
    end
    return first, more
end

return check_files
