-- A response's properties over single header fields: what server/response_lua.c, which has
-- status, headers, data and content type, leaves to Lua. A header that is not there reads as
-- nil; assigning nil removes it.
local core = require "cflask.core"
local directives = require "cflask.directives"
local misuse = require "cflask.misuse"

local get, set = core.response_properties.get, core.response_properties.set
local methods = core.response_methods

local set_field = directives.set_field

-- All of the header's values, joined; nil without one.
local function read(response, header)
    local list = response.headers:getlist(header)
    return #list > 0 and table.concat(list, ", ") or nil
end

local function refuse(name, what, value)
    misuse.fail("a response's %s must be %s, not %s", name, what, misuse.show(value))
end

-- ## Kinds of properties: each takes the property's and the header's name

local function define_text(name, header)
    get[name] = function(response) return read(response, header) end
    set[name] = function(response, value)
        if value ~= nil and type(value) ~= "string" then
            refuse(name, "a string", value)
        end
        set_field(response, header, value)
    end
end

-- Reads as a string; takes a string or a list of strings.
local function define_list(name, header)
    define_text(name, header)
    local set_text = set[name]
    set[name] = function(response, value)
        if type(value) == "table" then
            local items = {}
            for i, item in ipairs(value) do
                items[i] = type(item) == "string" and item
                    or refuse(name, "a string or a list of strings", item)
            end
            value = #items > 0 and table.concat(items, ", ") or nil
        end
        set_text(response, value)
    end
end

-- Seconds since 1970.
local function define_date(name, header)
    get[name] = function(response)
        local text = read(response, header)
        return text and core.parse_date(text)
    end
    set[name] = function(response, value)
        if value ~= nil and type(value) ~= "number" then
            refuse(name, "a number (seconds since 1970)", value)
        end
        set_field(response, header, value and core.http_date(value))
    end
end

-- The text of a number of seconds.
local function to_seconds(name, value)
    if type(value) ~= "number" or not (value >= 0 and value < 2 ^ 53) then
        refuse(name, "a number of seconds", value)
    end
    return ("%d"):format(math.floor(value))
end

local function from_seconds(text)
    return text and text:find("^%d+$") and tonumber(text) or nil
end

local function define_seconds(name, header)
    get[name] = function(response) return from_seconds(read(response, header)) end
    set[name] = function(response, value)
        set_field(response, header, value ~= nil and to_seconds(name, value) or nil)
    end
end

-- An object whose fields are the header's directives; a table or a string replaces it.
local function define_directives(name, header)
    get[name] = function(response) return directives.open(response, header) end
    set[name] = function(response, value) directives.assign(response, header, value) end
end

-- ## The properties

for name, header in pairs{
    location = "Location", content_location = "Content-Location",
    content_encoding = "Content-Encoding", content_md5 = "Content-MD5",
    content_range = "Content-Range", accept_ranges = "Accept-Ranges",
    access_control_allow_origin = "Access-Control-Allow-Origin",
    cross_origin_opener_policy = "Cross-Origin-Opener-Policy",
    cross_origin_embedder_policy = "Cross-Origin-Embedder-Policy",
} do
    define_text(name, header)
end

for name, header in pairs{
    vary = "Vary", allow = "Allow", content_language = "Content-Language",
    access_control_allow_methods = "Access-Control-Allow-Methods",
    access_control_allow_headers = "Access-Control-Allow-Headers",
    access_control_expose_headers = "Access-Control-Expose-Headers",
} do
    define_list(name, header)
end

define_date("last_modified", "Last-Modified")
define_date("expires", "Expires")
define_date("date", "Date")
define_seconds("age", "Age")
define_seconds("access_control_max_age", "Access-Control-Max-Age")
define_directives("cache_control", "Cache-Control")
define_directives("content_security_policy", "Content-Security-Policy")
define_directives("content_security_policy_report_only", "Content-Security-Policy-Report-Only")

-- True or false, which is also what it is without the header.
function get.access_control_allow_credentials(response)
    return read(response, "Access-Control-Allow-Credentials") == "true"
end

function set.access_control_allow_credentials(response, value)
    set_field(response, "Access-Control-Allow-Credentials", value and "true" or nil)
end

-- Seconds to wait, or from 10^9 on (2001, when clocks passed it) a date in seconds since 1970.
local FIRST_DATE = 1e9

function get.retry_after(response)
    local text = read(response, "Retry-After")
    return text and (from_seconds(text) or core.parse_date(text))
end

function set.retry_after(response, value)
    local text = value ~= nil and to_seconds("retry_after", value) or nil
    if text and value >= FIRST_DATE then
        text = core.http_date(value)
    end
    set_field(response, "Retry-After", text)
end

-- {type=, realm=, token=, ...} of the first challenge, changed by assigning to its fields;
-- takes a string, such a table, or a list of these.
function get.www_authenticate(response)
    return response.headers:has("WWW-Authenticate")
        and directives.open(response, "WWW-Authenticate") or nil
end

set.www_authenticate = directives.assign_challenges

-- The parameters of Content-Type, names in lower case.
function get.mimetype_params(response)
    local params = {}
    for name, value in (response.content_type or ""):gmatch(";%s*([^=;%s]+)=([^;]*)") do
        value = value:gsub("%s+$", "")
        params[name:lower()] = value:match('^"(.*)"$') or value
    end
    return params
end

-- ## Cookies

local DELETE_OPTIONS = {
    path = true, domain = true, secure = true, httponly = true, samesite = true,
    partitioned = true,
}
local SET_OPTIONS = {max_age = true, expires = true}
for key in pairs(DELETE_OPTIONS) do
    SET_OPTIONS[key] = true
end

-- Browsers drop larger cookies without a word.
local function warn_of_size(response, name)
    local app = core.current_app()
    local limit = app and app.config.MAX_COOKIE_SIZE
    local fields = response.headers:getlist("Set-Cookie")
    local size = #fields[#fields]
    if limit and limit > 0 and size > limit then
        app.logger:warning("the cookie %s is too large: it has %d bytes, MAX_COOKIE_SIZE is "
                           .. "%d; browsers may ignore it", name, size, limit)
    end
end

-- Calls the core's method, whose errors are placed at the app's line.
local function write_cookie(write, response, name, ...)
    local is_fine, message = pcall(write, response, name, ...)
    if not is_fine then
        misuse.fail("%s", message)
    end
    warn_of_size(response, name)
end

-- r:set_cookie(name, value, options) and r:delete_cookie(name, options): see "Responses" in
-- API.md. A misspelt option raises: a cookie that lacks `httponly` for that would be unsafe.
local core_set, core_delete = methods.set_cookie, methods.delete_cookie

function methods.set_cookie(response, name, value, options)
    options = misuse.options(options, SET_OPTIONS, "set_cookie")
    write_cookie(core_set, response, name, value, options)
end

function methods.delete_cookie(response, name, options)
    options = misuse.options(options, DELETE_OPTIONS, "delete_cookie")
    write_cookie(core_delete, response, name, options)
end

-- ## JSON

function get.is_json(response)
    local mimetype = (response.mimetype or ""):lower()
    return mimetype == "application/json"
        or mimetype:find("^application/.*%+json$") ~= nil
end

-- r:get_json{force=, silent=}: the data as a value; nil for another content type unless forced.
-- Raises for data that is no JSON unless silent.
function methods.get_json(response, options)
    options = misuse.options(options, {force = true, silent = true}, "get_json")
    if not options.force and not response.is_json then
        return nil
    end
    local is_fine, value = pcall(core.json.decode, response.data)
    if not is_fine and not options.silent then
        misuse.fail("the response's data is no JSON: %s", tostring(value))
    end
    if is_fine then
        return value
    end
    return nil
end

function get.json(response)
    return methods.get_json(response)
end

return {get = get, set = set}
