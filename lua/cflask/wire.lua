-- The test client's side of HTTP: a request as bytes, an answer taken apart.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local wire = {}

-- ## Encodings

local function percent(byte)
    return ("%%%02X"):format(byte:byte())
end

-- A name or value of a query or form.
local function form_quote(value)
    return (tostring(value):gsub("[^%w%-._~ ]", percent):gsub(" ", "+"))
end

-- A path or query as a client sends it: what may not stand in a URL is encoded, what is
-- encoded already stays.
function wire.quote_url(text)
    return (text:gsub("[^%w%-._~:/?#%[%]@!$&'()*+,;=%%]", percent))
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(n)
    n = n % 64
    return ALPHABET:sub(n + 1, n + 1)
end

function wire.base64(text)
    local encoded = text:gsub("..?.?", function(group)
        local a, b, c = group:byte(1, 3)
        local n = a * 65536 + (b or 0) * 256 + (c or 0)
        return digit(math.floor(n / 262144)) .. digit(math.floor(n / 4096))
            .. (b and digit(math.floor(n / 64)) or "=") .. (c and digit(n) or "=")
    end)
    return encoded
end

-- The pairs of a table in sorted order, a list giving one pair for each of its items; or
-- those of a list of {key, value}.
local function pairs_of(values)
    local list = {}
    if type(values[1]) == "table" then
        for _, pair in ipairs(values) do
            table.insert(list, {pair[1], pair[2]})
        end
        return list
    end
    local keys = {}
    for key in pairs(values) do
        table.insert(keys, key)
    end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for _, key in ipairs(keys) do
        local value = values[key]
        for _, item in ipairs(type(value) == "table" and value or {value}) do
            table.insert(list, {key, item})
        end
    end
    return list
end

-- A table as application/x-www-form-urlencoded; null and nil are left out.
function wire.encode_form(values)
    local parts = {}
    for _, pair in ipairs(pairs_of(values)) do
        if pair[2] ~= core.json.null then
            table.insert(parts, form_quote(pair[1]) .. "=" .. form_quote(pair[2]))
        end
    end
    return table.concat(parts, "&")
end

local function in_quotes(text)
    return '"' .. tostring(text):gsub('["\r\n]', percent) .. '"'
end

-- One part of a multipart body.
local function part(boundary, name, file)
    local head = ("--%s\r\nContent-Disposition: form-data; name=%s")
        :format(boundary, in_quotes(name))
    if type(file) ~= "table" then
        return head .. "\r\n\r\n" .. tostring(file) .. "\r\n"
    end
    return ("%s; filename=%s\r\nContent-Type: %s\r\n\r\n%s\r\n"):format(head,
        in_quotes(file[1]), file[3] or "application/octet-stream", file[2] or "")
end

-- The files of one field: {name, bytes, type}, or a list of such.
local function add_files(parts, boundary, field, files)
    if type(files) ~= "table" then
        misuse.fail("files.%s must be {filename, bytes, type}, not %s", tostring(field),
                    misuse.show(files))
    end
    for _, file in ipairs(type(files[1]) == "table" and files or {files}) do
        table.insert(parts, part(boundary, field, file))
    end
end

-- A multipart body of a form's fields and files, and its Content-Type.
function wire.encode_multipart(form, files)
    local boundary = "cflask" .. ("%d%d"):format(os.time(), math.random(100000, 999999))
    local parts, fields = {}, {}
    for _, pair in ipairs(pairs_of(form or {})) do
        table.insert(parts, part(boundary, pair[1], pair[2]))
    end
    for field in pairs(files) do
        table.insert(fields, field)
    end
    table.sort(fields)
    for _, field in ipairs(fields) do
        add_files(parts, boundary, field, files[field])
    end
    table.insert(parts, "--" .. boundary .. "--\r\n")
    return table.concat(parts), "multipart/form-data; boundary=" .. boundary
end

-- What a function gives, chunk by chunk, as a chunked body.
local function encode_chunks(fn)
    local parts = {}
    while true do
        local chunk = fn()
        if chunk ~= nil and type(chunk) ~= "string" then
            misuse.fail("the function in data must return strings and nil at the end, not %s",
                        misuse.show(chunk))
        end
        if chunk == nil then
            table.insert(parts, "0\r\n\r\n")
            return table.concat(parts)
        elseif chunk ~= "" then
            table.insert(parts, ("%x\r\n%s\r\n"):format(#chunk, chunk))
        end
    end
end

-- ## Requests

-- The body, its Content-Type or nil, and whether it is chunked, of a client's options.
local function body_of(options)
    local given = {}
    for _, key in ipairs{"json", "form", "data"} do
        if options[key] ~= nil then
            table.insert(given, key)
        end
    end
    if #given > 1 or (options.files and given[1] and given[1] ~= "form") then
        misuse.fail("a request has one body: give %s",
                    options.files and "form and files" or "one of " .. table.concat(given, ", "))
    elseif options.files then
        return wire.encode_multipart(options.form, options.files)
    elseif options.json ~= nil then
        local is_fine, text = pcall(core.json.encode, options.json)
        return is_fine and text or misuse.fail("json = ...: %s", text), "application/json"
    elseif options.form then
        return wire.encode_form(options.form), "application/x-www-form-urlencoded"
    elseif type(options.data) == "function" then
        return encode_chunks(options.data), nil, true
    elseif options.data ~= nil and type(options.data) ~= "string" then
        misuse.fail("data must be a string or a function, not %s; form = {...} sends a form",
                    misuse.show(options.data))
    end
    return options.data or "", nil
end

-- Header fields in the order in which they are added, found without regard to case.
local function new_fields()
    local fields = {seen = {}}
    function fields:add(name, value)
        local line = ("%s: %s"):format(tostring(name), tostring(value))
        if line:find("[\r\n%z]") then
            misuse.fail("the header %s must not have a line break", misuse.show(name))
        end
        self.seen[tostring(name):lower()] = true
        table.insert(self, line)
    end
    function fields:default(name, value)
        if value ~= nil and not self.seen[name:lower()] then
            self:add(name, value)
        end
    end
    return fields
end

-- Basic credentials of {user, password}; a string is the field's value.
local function authorization(auth)
    if type(auth) == "table" then
        return "Basic " .. wire.base64(tostring(auth[1]) .. ":" .. tostring(auth[2] or ""))
    end
    return auth
end

-- The bytes of a request. `target` is {method=, url= (path and query), host=, cookie= or
-- nil}; `options` are the client's.
function wire.build(target, options)
    local body, content_type, is_chunked = body_of(options)
    local fields = new_fields()
    for _, pair in ipairs(pairs_of(options.headers or {})) do
        fields:add(pair[1], pair[2])
    end
    fields:default("Host", target.host)
    fields:default("User-Agent", "cflask-lua/" .. core.version)
    fields:default("Cookie", target.cookie)
    fields:default("Authorization", authorization(options.auth))
    fields:default("Content-Type", options.content_type or content_type)
    if is_chunked then
        fields:default("Transfer-Encoding", "chunked")
    elseif body ~= "" or content_type then
        fields:default("Content-Length", #body)
    end
    return ("%s %s HTTP/1.1\r\n%s\r\n\r\n%s"):format(target.method, target.url,
        table.concat(fields, "\r\n"), body)
end

-- ## Answers

-- Header fields of an answer: h[name], h:get(name), h:getlist(name), h:has(name), pairs(h).
local Headers = {}

function Headers:get(name, default)
    local list = self:getlist(name)
    return list[1] == nil and default or list[1]
end

function Headers:getlist(name)
    local found = {}
    for _, field in ipairs(rawget(self, "_fields")) do
        if field[1]:lower() == name:lower() then
            table.insert(found, field[2])
        end
    end
    return found
end

function Headers:has(name)
    return self:get(name) ~= nil
end

local headers_meta = {__name = "headers"}

function headers_meta.__index(self, name)
    if Headers[name] then
        return Headers[name]
    elseif type(name) ~= "string" then
        return nil
    end
    return Headers.get(self, name) or Headers.get(self, (name:gsub("_", "-")))
end

function headers_meta.__pairs(self)
    local at = 0
    return function()
        at = at + 1
        local field = rawget(self, "_fields")[at]
        if field then
            return field[1], field[2]
        end
    end
end

local function parse_head(head)
    local fields = {}
    local status = head:match("^HTTP/%d%.%d (%d%d%d[^\r\n]*)")
    for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
        table.insert(fields, {name, value})
    end
    return status, setmetatable({_fields = fields}, headers_meta)
end

-- The body of chunks; and whether the last chunk came.
local function join_chunks(text)
    local parts, at = {}, 1
    while true do
        local size, start = text:match("^(%x+)[^\r\n]*\r\n()", at)
        size = size and tonumber(size, 16)
        if not size then
            return table.concat(parts), false
        elseif size == 0 then
            return table.concat(parts), true
        end
        table.insert(parts, text:sub(start, start + size - 1))
        at = start + size + 2
    end
end

-- An answer as it went over the wire, taken apart: {status=, status_code=, headers=, data=,
-- is_whole=}. Interim answers (1xx) before it are skipped.
function wire.parse(bytes)
    local stop, status, headers
    repeat
        stop = bytes:find("\r\n\r\n", 1, true)
        if not stop then
            return {status = "", status_code = 0, headers = parse_head(""), data = bytes,
                    is_whole = false}
        end
        status, headers = parse_head(bytes:sub(1, stop + 1))
        bytes = bytes:sub(stop + 4)
    until not status or not status:find("^1%d%d")
    local answer = {status = status, status_code = tonumber((status or "0"):sub(1, 3)),
                    headers = headers, data = bytes, is_whole = true}
    if (headers["Transfer-Encoding"] or ""):lower() == "chunked" then
        answer.data, answer.is_whole = join_chunks(bytes)
    elseif headers["Content-Length"] then
        answer.is_whole = #bytes == tonumber(headers["Content-Length"])
    end
    return answer
end

return wire
