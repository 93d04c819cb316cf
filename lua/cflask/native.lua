-- C modules of the app's own folders: loaded from private copies, so that a file may be
-- overwritten while the app runs, and each loading of the app begins with the file as it is.
local core = require "cflask.core"
local paths = require "cflask.paths"
local watched = require "cflask.watched"

local native = {}

-- The name of a module's function: Lua's rule, in which a dot is an underscore and what stands
-- before a hyphen is left out.
local function symbol_of(name)
    return "luaopen_" .. name:gsub("^.-%-", ""):gsub("%.", "_")
end

local function load(path, symbol)
    local fn, why = core.load_library(path, symbol)
    if not fn then
        error(("error loading module from file '%s':\n\t%s"):format(path, why), 0)
    end
    return fn
end

-- A searcher for `require`, for one of two ways to name the file: by the whole name, or by its
-- first part (all-in-one libraries). `theirs` is Lua's own, for what is not the app's.
local function searcher(theirs, file_name)
    return function(name)
        local path = file_name(name) and package.searchpath(file_name(name), package.cpath)
        path = path and paths.join(core.getcwd(), path)
        if path and watched.is_own(path) then
            return load(path, symbol_of(name)), path
        end
        return theirs(name)
    end
end

-- Puts them in the place of Lua's last two searchers; once for each state.
function native.install()
    local searchers = package.searchers or rawget(package, "loaders")
    if native.is_installed then
        return
    end
    native.is_installed = true
    local n = #searchers
    searchers[n - 1] = searcher(searchers[n - 1], function(name) return name end)
    searchers[n] = searcher(searchers[n], function(name) return name:match("^([^.]+)%.") end)
end

return native
