-- Finding and loading an app: a file, a folder, or a factory in a module.
local core = require "cflask.core"
local dotenv = require "cflask.dotenv"
local misuse = require "cflask.misuse"
local native = require "cflask.native"
local paths = require "cflask.paths"
local traceback = require "cflask.traceback"
local watched = require "cflask.watched"

local loader = {}

-- The last app that called run().
local ran = nil

-- Settings that each new app gets at once; tests set them.
local overrides = nil

-- Called by Flask().
function loader.note_app(app)
    watched.app(app)
    if overrides then
        app.config:from_mapping(overrides)
    end
end

-- Called by app:run().
function loader.note_run(app)
    ran = app
end

-- The last app that has called run(), for scripts.
function loader.last_run()
    return ran
end

-- ## Finding

-- What a failure to find or load an app is raised as: {text=, is_wrong_use=}.
local Failure = {}
Failure.__index = Failure
Failure.__tostring = function(self) return self.text end

local function fail(is_wrong_use, text, ...)
    error(setmetatable({text = text:format(...), is_wrong_use = is_wrong_use}, Failure), 0)
end

-- Raises a failure: a format and its values.
function loader.fail(text, ...)
    fail(false, text, ...)
end

function loader.is_failure(value)
    return getmetatable(value) == Failure
end

-- The main file of a folder, or nil.
local function main_of(folder)
    for _, name in ipairs{"app.lua", "init.lua"} do
        local path = paths.join(folder, name)
        if core.is_file(path) then
            return path
        end
    end
    return nil
end

-- The file that a name stands for: a file, a folder, or a module of the working directory.
local function file_of(name)
    if core.is_file(name) then
        return name
    elseif core.is_dir(name) then
        return main_of(name)
            or fail(true, "the folder %s has neither app.lua nor init.lua", name)
    end
    local module = name:gsub("%.", "/")
    for _, path in ipairs{name .. ".lua", module .. ".lua", module .. "/init.lua"} do
        if core.is_file(path) then
            return path
        end
    end
    return core.is_dir(module) and main_of(module)
        or fail(true, "there is no app %s: give a Lua file, a folder with app.lua or "
                .. "init.lua, or module:factory", name)
end

-- Where an app is: {file=, folder=, name=, factory=}, paths from the root. Raises a failure.
function loader.find(spec)
    local name, factory = spec, nil
    if not core.is_file(spec) and not core.is_dir(spec) then
        name, factory = spec:match("^(.*):([%a_][%w_]*)$")
        name = name or spec
    end
    local file = paths.absolute(file_of(name))
    local folder = paths.folder(file)
    local stem = paths.stem(file)
    return {file = file, folder = folder, factory = factory,
            name = (stem == "init" or stem == "app") and paths.base(folder) or stem}
end

-- The app to take when none is named: CFLASK_APP, else app.lua or init.lua here; or nil.
function loader.default()
    local name = core.getenv("CFLASK_APP")
    if name and name ~= "" then
        return name
    end
    return main_of(".")
end

-- ## Search paths

-- Puts the templates in front of a search path, once.
local function put_first(path, templates)
    local kept = {}
    for template in path:gmatch("[^;]+") do
        kept[#kept + 1] = not templates[template] and template or nil
    end
    for i = #templates, 1, -1 do
        table.insert(kept, 1, templates[i])
    end
    return table.concat(kept, ";")
end

local function templates(folder, ...)
    local list = {}
    for _, pattern in ipairs{...} do
        local template = folder .. pattern
        table.insert(list, template)
        list[template] = true
    end
    return list
end

-- Puts the folder first on package.path and package.cpath.
function loader.put_on_path(folder)
    package.path = put_first(package.path, templates(folder, "/?.lua", "/?/init.lua"))
    package.cpath = put_first(package.cpath, templates(folder, "/?.so"))
end

-- Forgets the loaded modules that are files of the folder, so that they are loaded anew.
local function forget_modules(folder)
    local search = folder .. "/?.lua;" .. folder .. "/?/init.lua"
    for name in pairs(package.loaded) do
        if type(name) == "string" and name ~= "cflask" and not name:find("^cflask%.")
            and package.searchpath(name, search) then
            package.loaded[name] = nil
        end
    end
end

-- ## Loading

-- Modules that are required from now on are watched, and C modules loaded from copies. `file`,
-- a path from the root, is the app's.
function loader.begin(file)
    watched.begin(paths.folder(file))
    watched.file(file)
    native.install()
end

-- Keeps the app's file from being loaded a second time by a module that requires it.
local function guard_against_loops(where)
    package.preload[where.name] = function()
        error(("module %q is the app's own file, which is being loaded: pass the app to the "
               .. "module's function, or use flask.current_app"):format(where.name), 3)
    end
end

-- Whether a value is an app.
local function is_app(value)
    return type(value) == "table" and rawget(value, "_handle") ~= nil
end

-- The app that a factory makes.
local function call_factory(value, where, config)
    local app = value(config)
    if not is_app(app) then
        fail(false, "%s: the factory %s returned %s, not an app", where.file,
             where.factory or "", misuse.show(app))
    end
    return app
end

-- The app among what the file returned.
local function pick(value, where, config)
    if where.factory then
        local named = type(value) == "table" and value[where.factory]
            or rawget(_G, where.factory)
        if is_app(named) then
            return named
        elseif misuse.is_callable(named) then
            return call_factory(named, where, config)
        end
        fail(false, is_app(value) and "%s returns its app: name it without :%s"
             or "%s has no function %s", where.file, where.factory)
    elseif is_app(value) then
        return value
    elseif value == nil and ran then
        return ran
    elseif type(value) == "table" and misuse.is_callable(value.create_app) then
        return call_factory(value.create_app, where, config)
    elseif type(value) == "table" and is_app(value.app) then
        return value.app
    elseif type(value) == "function" then
        return call_factory(value, where, config)
    end
    fail(false, "%s returned %s, not an app: end it with `return app`", where.file,
         misuse.show(value))
end

-- The file as a function; a syntax error is a failure.
local function compile(where)
    local chunk, message = loadfile(where.file)
    return chunk or fail(false, "%s", message)
end

local function run_file(where, config)
    local chunk = compile(where)
    guard_against_loops(where)
    local value = chunk(where.name, where.file)
    package.preload[where.name] = nil
    if value ~= nil then
        package.loaded[where.name] = package.loaded[where.name] or value
    end
    return pick(value, where, config)
end

-- What xpcall makes of an error while loading: failures as they are, else the traceback.
local function with_traceback(raised)
    if loader.is_failure(raised) then
        return raised
    end
    local text = traceback.handler(raised)
    return setmetatable({text = text, is_wrong_use = false, raised = raised}, Failure)
end

-- Loads an app (see find). With `fresh`, the modules of its folder are loaded anew. `config`
-- is a table of settings that it gets before its file goes on after Flask(), and again when
-- it has been loaded; a factory gets it as its argument. Returns the app and where it is.
-- Raises a failure: tostring() of it is one message, or a traceback.
function loader.load(spec, options)
    options = options or {}
    local where = loader.find(spec)
    loader.begin(where.file)
    dotenv.forget()
    dotenv.load(paths.join(where.folder, ".env"))
    dotenv.load(paths.absolute(".env"))
    loader.put_on_path(where.folder)
    if options.fresh then
        forget_modules(where.folder)
    end
    ran, overrides = nil, options.config
    local is_fine, app = xpcall(run_file, with_traceback, where, options.config)
    overrides, package.preload[where.name] = nil, nil
    if not is_fine then
        error(app, 0)
    elseif options.config then
        app.config:from_mapping(options.config)
    end
    return app, where
end

return loader
