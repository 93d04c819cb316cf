-- app.config: a table of settings, with methods that fill it.
local core = require "cflask.core"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"
local watched = require "cflask.watched"

local config = {}
local Config = {}

-- The limits of the C core, Flask's keys that have a default, and ours.
local DEFAULTS = core.config_defaults()
for key, value in pairs{
    DEBUG = false,
    TESTING = false,
    SESSION_COOKIE_NAME = "session",
    SESSION_COOKIE_HTTPONLY = true,
    SESSION_COOKIE_SECURE = false,
    SESSION_COOKIE_SAMESITE = "Lax",
    SESSION_COOKIE_PARTITIONED = false,
    SESSION_REFRESH_EACH_REQUEST = true,
    PERMANENT_SESSION_LIFETIME = 31 * 24 * 3600,
    MAX_COOKIE_SIZE = 4093,
    APPLICATION_ROOT = "/",
    PREFERRED_URL_SCHEME = "http",
    EXPLAIN_TEMPLATE_LOADING = false,
    TRAP_HTTP_EXCEPTIONS = false,
    PROVIDE_AUTOMATIC_OPTIONS = true,
    HANDLER_CPU_LIMIT = 10,
    STATIC_DOTFILES = false,
    STRICT_GLOBALS = true,
} do
    DEFAULTS[key] = value
end

-- Keys without a default value.
local OTHERS = {
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH",
    "SEND_FILE_MAX_AGE_DEFAULT", "SERVER_NAME", "TRUSTED_HOSTS", "TEMPLATES_AUTO_RELOAD",
    "TRAP_BAD_REQUEST_ERRORS", "PROPAGATE_EXCEPTIONS", "HANDLER_TIME_SLICE", "PROXY_FIX",
}

-- The types of the keys that the server reads; false stands for "switched off".
local TYPES = {}
for key in ([[PERMANENT_SESSION_LIFETIME MAX_CONTENT_LENGTH MAX_FORM_MEMORY_SIZE
    MAX_FORM_PARTS MAX_COOKIE_SIZE SEND_FILE_MAX_AGE_DEFAULT HANDLER_CPU_LIMIT
    HANDLER_TIME_SLICE HEADER_TIMEOUT BODY_TIMEOUT WRITE_TIMEOUT KEEPALIVE_TIMEOUT
    REQUEST_TIMEOUT SHUTDOWN_TIMEOUT WATCHDOG_TIMEOUT MAX_HEADER_SIZE MAX_HEADER_COUNT
    MAX_CONNECTIONS LIMITER_BUCKETS MAX_OFFLOADED
    ]]):gmatch("%S+") do
    TYPES[key] = "number"
end
for key in ([[SECRET_KEY SESSION_COOKIE_NAME SESSION_COOKIE_DOMAIN SESSION_COOKIE_PATH
    SESSION_COOKIE_SAMESITE SERVER_NAME APPLICATION_ROOT PREFERRED_URL_SCHEME
    ]]):gmatch("%S+") do
    TYPES[key] = "string"
end
TYPES.SECRET_KEY_FALLBACKS, TYPES.TRUSTED_HOSTS = "table", "table"

local KNOWN = {}
for key in pairs(DEFAULTS) do
    KNOWN[key] = true
end
for _, key in ipairs(OTHERS) do
    KNOWN[key] = true
end

-- Whether a key is taken by the methods that fill the table: all its letters are capitals.
local function is_setting(key)
    return type(key) == "string" and key:find("%u") ~= nil and key:upper() == key
end

-- Puts one value there; null switches off what has a default, as None does in Flask.
local function put(self, key, value)
    if value == core.json.null and KNOWN[key] then
        value = false
    end
    rawset(self, key, value)
end

-- Takes the settings among the pairs of a table.
local function take(self, values)
    for key, value in pairs(values) do
        if is_setting(key) then
            put(self, key, value)
        end
    end
    return true
end

-- What a Lua file of settings gives: the table that it returns, or the globals that it sets.
local function load_lua(path)
    local env = setmetatable({}, {__index = _G})
    local chunk, message = loadfile(path, "t", env)
    if not chunk then
        misuse.fail("config:from_file: %s", message)
    end
    local values = chunk()
    return type(values) == "table" and values or setmetatable(env, nil)
end

local function load_json(path)
    local values, message = core.json.decode(core.read_file(path))
    if values == nil then
        misuse.fail("config:from_file: %s: %s", path, tostring(message))
    end
    return values
end

-- Takes the settings of a file, *.json or *.lua (which returns a table, or sets globals);
-- `load = fn(path)` reads other kinds and returns a table. A relative path is relative to
-- the app's root_path. True; or false for a missing file with `silent = true`.
function Config:from_file(path, options)
    misuse.check(path, "string", "the path of config:from_file")
    options = misuse.options(options, {silent = true, load = true}, "config:from_file")
    local full = paths.join(getmetatable(self).root_path, path)
    watched.file(full)
    if not core.is_file(full) then
        if options.silent then
            return false
        end
        misuse.fail("config:from_file: there is no file %s", full)
    end
    local load = options.load or full:find("%.json$") and load_json
        or full:find("%.lua$") and load_lua
    if not load then
        misuse.fail("config:from_file reads *.json and *.lua; give load = fn(path) for %s",
                    path)
    end
    local values = load(full)
    misuse.check(values, "table", "what " .. path .. " gives")
    return take(self, values)
end

-- Takes the settings of a table.
function Config:from_mapping(values)
    return take(self, misuse.check(values, "table", "the argument of config:from_mapping"))
end

-- Takes the settings of a table, or of the module of that name.
function Config:from_object(object)
    if type(object) == "string" then
        object = require(object)
    end
    return take(self, misuse.check(object, "table", "the argument of config:from_object"))
end

-- The value of an environment variable: as JSON if it can be read so, else the text.
local function from_text(text)
    local is_json, value = pcall(core.json.decode, text)
    if is_json and value ~= nil then
        return value
    end
    return text
end

-- Sets a.b.c for the parts {a, b, c}, making the tables between.
local function put_nested(self, parts, value)
    local into = self
    for i = 1, #parts - 1 do
        local inner = rawget(into, parts[i])
        if type(inner) ~= "table" then
            inner = {}
            into[parts[i]] = inner
        end
        into = inner
    end
    into[parts[#parts]] = value
end

local function split(text, separator)
    local parts, at = {}, 1
    while true do
        local first, last = text:find(separator, at, true)
        table.insert(parts, text:sub(at, first and first - 1))
        if not first then
            return parts
        end
        at = last + 1
    end
end

-- Takes PREFIX_KEY from the environment as KEY, in sorted order; values are read as JSON
-- where they can be, and PREFIX_A__B sets config.A.B. The prefix is "FLASK" unless given.
function Config:from_prefixed_env(prefix)
    prefix = misuse.check(prefix or "FLASK", "string", "the prefix") .. "_"
    local found = {}
    local environment = core.environ()
    for key in pairs(environment) do
        if key:sub(1, #prefix) == prefix and #key > #prefix then
            table.insert(found, key)
        end
    end
    table.sort(found)
    for _, key in ipairs(found) do
        local name, value = key:sub(#prefix + 1), from_text(environment[key])
        if name:find("__", 1, true) then
            put_nested(self, split(name, "__"), value)
        else
            put(self, name, value)
        end
    end
    return true
end

-- The settings whose keys begin with the prefix, as a new table with the keys in lower case
-- and without it: config:get_namespace("MAIL_").server is config.MAIL_SERVER.
function Config:get_namespace(prefix, options)
    misuse.check(prefix, "string", "the prefix of config:get_namespace")
    options = misuse.options(options, {lowercase = true, trim_namespace = true},
                             "config:get_namespace")
    local found = {}
    for key, value in pairs(self) do
        if type(key) == "string" and key:sub(1, #prefix) == prefix then
            local name = options.trim_namespace == false and key or key:sub(#prefix + 1)
            found[options.lowercase == false and name or name:lower()] = value
        end
    end
    return found
end

-- The value, or the default where there is none.
function Config:get(key, default)
    local value = rawget(self, key)
    if value == nil then
        return default
    end
    return value
end

for _, name in ipairs{"from_pyfile", "from_envvar"} do
    Config[name] = function()
        misuse.fail("config:%s is Python's: use config:from_file(\"config.lua\")", name)
    end
end

-- A new table of settings with the defaults. root_path is the folder that the paths of
-- from_file are relative to.
function config.new(root_path)
    local settings = {}
    for key, value in pairs(DEFAULTS) do
        settings[key] = value
    end
    return setmetatable(settings, {
        __index = Config, root_path = root_path, __name = "config",
        __jinja = "dict", __pairs = function(self) return next, self, nil end,
        __tostring = function() return "<Config>" end,
    })
end

local PROXY_KEYS = {x_for = true, x_proto = true, x_host = true, x_port = true,
                    x_prefix = true}

-- A number of proxies, or one for each of the five headers.
local function check_proxy_fix(value)
    local function check(count, key, least)
        if type(count) ~= "number" or count < least or count % 1 ~= 0 or count > 1000 then
            error(("app.config.PROXY_FIX%s must be a number of proxies, not %s"):format(
                key, misuse.show(count)), 0)
        end
    end
    if type(value) ~= "table" then
        return value and check(value, "", 1)
    end
    for key, count in pairs(value) do
        if not PROXY_KEYS[key] then
            error(("app.config.PROXY_FIX has no key %s%s"):format(misuse.show(key),
                misuse.hint(tostring(key), PROXY_KEYS)), 0)
        end
        check(count, "." .. key, 0)
    end
end

-- Raises for a limit that the server would not start with: none, or 0.
local function check_limits(settings)
    for _, option in ipairs(core.option_table()) do
        local value = rawget(settings, option.key)
        if value == false and not option.can_be_off then
            error(("app.config.%s can't be switched off: it must be a positive number"):format(
                option.key), 0)
        elseif value == 0 and option.at_start then
            error(("app.config.%s must be a positive number%s"):format(option.key,
                option.can_be_off and ", or false for none" or ""), 0)
        end
    end
end

-- Raises, naming the key, when a value has not the type that the server needs.
function config.check(settings)
    check_limits(settings)
    for key, kind in pairs(TYPES) do
        local value = rawget(settings, key)
        if value and type(value) ~= kind then
            error(("app.config.%s must be a %s, not %s"):format(key, kind,
                misuse.show(value)), 0)
        elseif kind == "number" and value and value < 0 then
            error(("app.config.%s must not be negative"):format(key), 0)
        end
    end
    check_proxy_fix(rawget(settings, "PROXY_FIX"))
end

return config
