-- STRICT_GLOBALS: in a request, assigning to a global that the app did not set while loading
-- is an error. The forgotten `local` would share one request's data with all the others.
local core = require "cflask.core"

local strict = {}

-- Names that were set outside of requests; they may be nil by now.
local declared = {}

-- Whether a module is being required somewhere up the stack.
local function is_requiring()
    local level = 3
    local info = debug.getinfo(level, "f")
    while info do
        if info.func == require then
            return true
        end
        level = level + 1
        info = debug.getinfo(level, "f")
    end
    return false
end

local function is_refused(name)
    if not core.has_request_context() then
        declared[name] = true
        return false
    end
    local app = core.current_app()
    return not declared[name] and app and app.config.STRICT_GLOBALS ~= false
        and not is_requiring()
end

-- Watches the globals from now on. An older metatable keeps its own watch behind ours.
function strict.watch()
    local meta = getmetatable(_G) or {}
    if meta.__newindex == strict.newindex then
        return
    end
    strict.older = meta.__newindex
    meta.__newindex = strict.newindex
    setmetatable(_G, meta)
end

function strict.newindex(globals, name, value)
    if is_refused(name) then
        error(("the global %q is assigned in a request: write `local %s`, or set it while "
               .. "the app is loading (STRICT_GLOBALS)"):format(tostring(name),
                                                                tostring(name)), 2)
    end
    local older = strict.older
    if type(older) == "function" then
        older(globals, name, value)
    else
        rawset(older or globals, name, value)
    end
end

return strict
