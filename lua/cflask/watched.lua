-- What the loading of the app has read, or looked for in vain: the server watches it in debug
-- mode. Modules count that lie below the app's folder, or below the working folder.
local core = require "cflask.core"
local paths = require "cflask.paths"

local watched = {}

local files = {}   -- path -> true
local apps = {}    -- made in this state
local folders = {} -- the app's folder and the working folder, each with a slash at its end

-- Whether the path is of the app's own files, not of the system's.
local function is_own(path)
    for i, folder in ipairs(folders) do
        if path:sub(1, #folder) == folder then
            return i == 1 or not path:find("^/usr/")
        end
    end
    return false
end

watched.is_own = is_own

-- Notes a file, there or not.
function watched.file(path)
    files[paths.join(core.getcwd(), path)] = true
end

-- Notes an app: its templates' folders are asked for when the list is made.
function watched.app(app)
    table.insert(apps, app)
end

local function note_places(text, pattern)
    for path in text:gmatch(pattern) do
        path = paths.join(core.getcwd(), path)
        if is_own(path) then
            files[path] = true
        end
    end
end

-- Where a module is found, in Lua or in C; or all places where it was looked for.
local function note_module(name)
    for _, templates in ipairs{package.path, package.cpath} do
        local found, places = package.searchpath(name, templates)
        note_places(found or places, found and ".+" or "'([^'\n]+)'")
        if found then
            return
        end
    end
end

-- Begins: modules that are required from now on are noted. `folder` is the app's.
function watched.begin(folder)
    folders = {folder .. "/", core.getcwd() .. "/"}
    if not watched.is_on then
        watched.is_on = true
        -- It finds nothing itself.
        table.insert(package.searchers or rawget(package, "loaders"), 1, note_module)
    end
end

local function template_folders()
    local found = {}
    for _, app in ipairs(apps) do
        local owners = {app}
        for _, blueprint in pairs(app.blueprints) do
            table.insert(owners, blueprint)
        end
        for _, owner in ipairs(owners) do
            local folder = rawget(owner, "template_folder")
            if type(folder) == "string" and type(owner.root_path) == "string" then
                found[paths.join(owner.root_path, folder)] = true
            end
        end
    end
    return found
end

-- What the server takes: for each a letter, "f" for a file, "d" for a folder with all that is
-- below it, then the path and a NUL.
function watched.list()
    local entries = {}
    for path in pairs(files) do
        table.insert(entries, "f" .. path .. "\0")
    end
    for path in pairs(template_folders()) do
        table.insert(entries, "d" .. paths.join(core.getcwd(), path) .. "\0")
    end
    return table.concat(entries)
end

-- The noted file whose path ends so, as messages shorten long paths to "...rest", or nil.
function watched.ending_with(rest)
    for path in pairs(files) do
        if path:sub(-#rest) == rest then
            return path
        end
    end
    return nil
end

return watched
