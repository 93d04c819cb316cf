-- The test client's cookie jar: what a browser keeps and sends back.
local core = require "cflask.core"

local cookies = {}

local Jar = {}
Jar.__index = Jar

-- A cookie reads as its value in text.
local cookie_meta = {__name = "Cookie", __tostring = function(self) return self.value end}

-- A new, empty jar.
function cookies.new()
    return setmetatable({list = {}}, Jar)
end

-- The folder of a request's path, which is a cookie's path unless it names one.
local function default_path(path)
    local folder = path:match("^(/.*)/[^/]*$")
    return folder and folder ~= "" and folder or "/"
end

local function unquote(value)
    local inside = value:match('^"(.*)"$')
    if not inside then
        return value
    end
    return (inside:gsub("\\(%d%d%d)", function(octal)
        local byte = tonumber(octal, 8)
        return byte < 256 and string.char(byte) or nil
    end):gsub("\\(.)", "%1"))
end

-- The attributes of a Set-Cookie field, names in lower case.
local function parse(field)
    local name, raw, rest = field:match("^%s*([^=;]*)=([^;]*)(.*)$")
    if not name then
        return nil
    end
    raw = raw:gsub("^%s+", ""):gsub("%s+$", "")
    local attributes = {}
    for piece in rest:gmatch(";([^;]*)") do
        local key, value = piece:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
        key = key or piece:match("^%s*(.-)%s*$")
        attributes[key:lower()] = value or true
    end
    return (name:gsub("%s+$", "")), raw, attributes
end

-- When a cookie ends, in seconds since 1970; nil when with the client.
local function expiry(attributes)
    local age = tonumber(attributes["max-age"])
    if age then
        return age <= 0 and 0 or os.time() + age
    elseif type(attributes.expires) == "string" then
        return core.parse_date(attributes.expires)
    end
    return nil
end

-- Whether a host is the domain or lies below it.
local function is_below(host, domain)
    return host == domain or host:sub(-#domain - 1) == "." .. domain
end

local function same(a, b)
    return a.name == b.name and a.domain == b.domain and a.path == b.path
end

-- Puts a cookie there, in place of an older one of the same name, domain and path; one that
-- has ended takes it away.
function Jar:put(cookie)
    for i = #self.list, 1, -1 do
        if same(self.list[i], cookie) then
            table.remove(self.list, i)
        end
    end
    if not cookie.expires or cookie.expires > os.time() then
        table.insert(self.list, setmetatable(cookie, cookie_meta))
    end
end

-- Takes one Set-Cookie field of an answer to a request to host and path. A cookie for
-- another domain is refused, as is a secure one without TLS.
function Jar:take(field, host, path, is_secure)
    local name, raw, attributes = parse(field)
    if not name or (attributes.secure and not is_secure) then
        return
    end
    local domain = type(attributes.domain) == "string" and attributes.domain ~= ""
        and attributes.domain:gsub("^%.", ""):lower() or nil
    if domain and not is_below(host, domain) then
        return
    end
    local given = attributes.path
    self:put{
        name = name, value = unquote(raw), raw = raw, domain = domain or host,
        is_host_only = domain == nil, expires = expiry(attributes),
        path = type(given) == "string" and given:sub(1, 1) == "/" and given
            or default_path(path),
        max_age = tonumber(attributes["max-age"]), secure = attributes.secure == true,
        httponly = attributes.httponly == true, samesite = attributes.samesite,
        partitioned = attributes.partitioned == true,
    }
end

local function is_path_match(path, prefix)
    return path == prefix or (path:sub(1, #prefix) == prefix
        and (prefix:sub(-1) == "/" or path:sub(#prefix + 1, #prefix + 1) == "/"))
end

local function is_sent(cookie, host, path, is_secure)
    local is_host = host == cookie.domain
        or (not cookie.is_host_only and is_below(host, cookie.domain))
    return is_host and is_path_match(path, cookie.path) and (is_secure or not cookie.secure)
        and (not cookie.expires or cookie.expires > os.time())
end

-- The Cookie field for a request, longer paths first; nil when there is none.
function Jar:field(host, path, is_secure)
    local found = {}
    for at, cookie in ipairs(self.list) do
        if is_sent(cookie, host, path, is_secure) then
            table.insert(found, {cookie = cookie, at = at})
        end
    end
    table.sort(found, function(a, b)
        if #a.cookie.path ~= #b.cookie.path then
            return #a.cookie.path > #b.cookie.path
        end
        return a.at < b.at
    end)
    for i, item in ipairs(found) do
        found[i] = item.cookie.name .. "=" .. item.cookie.raw
    end
    return found[1] and table.concat(found, "; ")
end

-- The cookie of that name at domain and path, or nil.
function Jar:get(name, domain, path)
    for _, cookie in ipairs(self.list) do
        if cookie.name == name and cookie.domain == domain and cookie.path == path
            and (not cookie.expires or cookie.expires > os.time()) then
            return cookie
        end
    end
    return nil
end

-- A value as Set-Cookie would carry it: in quotes when it has what may not stand bare.
function cookies.quote(value)
    if not value:find("[^%w!#$%%&'*+%-.^_`|~/:=?@()<>{}%[%]]") then
        return value
    end
    return '"' .. value:gsub('[%c"\\,;\128-\255]', function(c)
        return (c == '"' or c == "\\") and "\\" .. c or ("\\%03o"):format(c:byte())
    end) .. '"'
end

return cookies
