-- Header fields that hold directives, as objects: Cache-Control, Content-Security-Policy and
-- WWW-Authenticate. An object's fields are the header's own: they are read from its text and
-- written to it at each use, `_` standing for `-`.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local directives = {}

-- ## Texts to lists of {name = "max-age", value = "60" or true}, and back

local function unquote(text)
    return (text:gsub("\\(.)", "%1"))
end

-- The text of the quoted string whose inside begins at `from`, and the place behind it; one
-- that doesn't end takes all that is left.
local function read_quoted(text, from)
    local at = from
    while true do
        local stop = text:find('["\\]', at)
        if not stop then
            return unquote(text:sub(from)), #text + 1
        elseif text:sub(stop, stop) == '"' then
            return unquote(text:sub(from, stop - 1)), stop + 1
        end
        at = stop + 2
    end
end

-- Reads a value at `at`, a quoted string or what stands before the next comma; the value and
-- the place behind it.
local function read_value(text, at)
    if text:sub(at, at) == '"' then
        return read_quoted(text, at + 1)
    end
    local value = text:match("^[^,]*", at)
    return (value:gsub("%s+$", "")), at + #value
end

-- `name, name=value, name="value"`. What is broken is left out.
local function read_list(text)
    local list, at = {}, 1
    while true do
        at = text:find("[^%s,]", at)
        local name = at and text:match("^[^=,%s\"]+", at)
        if not name then
            return list
        end
        local from, to = text:find("^%s*=%s*", at + #name)
        local value = true
        at = at + #name
        if from then
            value, at = read_value(text, to + 1)
        end
        list[#list + 1] = {name = name:lower(), value = value}
        at = text:find(",", at, true) or #text + 1
    end
end

-- A token of RFC 9110, section 5.6.2.
local function is_token(text)
    return text:find("^[%w!#$%%&'*+.^_`|~-]+$") ~= nil
end

local function quote(text)
    return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local function write_item(item, always_quoted)
    if item.value == true then
        return item.name
    elseif is_token(item.value) and not (always_quoted and always_quoted[item.name]) then
        return item.name .. "=" .. item.value
    end
    return item.name .. "=" .. quote(item.value)
end

local function write_list(list, always_quoted)
    local pieces = {}
    for i, item in ipairs(list) do
        pieces[i] = write_item(item, always_quoted)
    end
    return table.concat(pieces, ", ")
end

-- `name value value; name`: Content-Security-Policy.
local function read_policy(text)
    local list = {}
    for piece in text:gmatch("[^;]+") do
        local name, value = piece:match("^%s*(%S+)%s*(.-)%s*$")
        if name then
            list[#list + 1] = {name = name:lower(), value = value ~= "" and value or true}
        end
    end
    return list
end

local function write_policy(list)
    local pieces = {}
    for i, item in ipairs(list) do
        pieces[i] = item.value == true and item.name or item.name .. " " .. item.value
    end
    return table.concat(pieces, "; ")
end

-- `Basic realm="x"` or `Negotiate dG9rZW4=`: the scheme is the directive `type`.
local QUOTED = {realm = true, domain = true, nonce = true, opaque = true, qop = true}

local function read_challenge(text)
    local kind, rest = text:match("^%s*(%S+)%s*(.-)%s*$")
    local list = {}
    if kind then
        local token = rest:match("^[%w._~+/-]+=*$")
        list = token and {{name = "token", value = token}} or read_list(rest)
        table.insert(list, 1, {name = "type", value = kind:lower()})
    end
    return list
end

local function write_challenge(list)
    local kind, token, rest = nil, nil, {}
    for _, item in ipairs(list) do
        if item.name == "type" then
            kind = tostring(item.value):gsub("^%l", string.upper)
        elseif item.name == "token" then
            token = item.value
        else
            table.insert(rest, item.name == "realm" and 1 or #rest + 1, item)
        end
    end
    if not kind or not is_token(kind) then
        misuse.fail("www_authenticate needs a type, as in {type = \"basic\", realm = \"shop\"}")
    end
    local parameters = token or write_list(rest, QUOTED)
    return parameters == "" and kind or kind .. " " .. parameters
end

-- ## Values

-- A list's items, with spaces between them.
local function check_items(name, list)
    local pieces = {}
    for i, item in ipairs(list) do
        pieces[i] = misuse.check(item, "string", ("an item of %s"):format(name))
    end
    return table.concat(pieces, " ")
end

-- The value as a directive holds it, true or a string; nil removes the directive.
local function to_value(name, value)
    if value == nil or value == false or value == core.json.null then
        return nil
    elseif value == true or type(value) == "string" then
        return value
    elseif type(value) == "number" and value >= 0 and value < 2 ^ 53 then
        return ("%d"):format(math.floor(value))
    elseif type(value) == "table" then
        return check_items(name, value)
    end
    misuse.fail("%s can't be %s", name, misuse.show(value))
end

-- Semicolons and commas would begin another directive or policy.
local function to_policy_value(name, value)
    local text = to_value(name, value)
    if type(text) == "string" and text:find("[;,]") then
        misuse.fail("%s can't have a semicolon or comma in it: %s", name, misuse.show(text))
    end
    return text
end

local function from_value(value)
    if type(value) == "string" and value:find("^%d+$") then
        return tonumber(value)
    end
    return value
end

local function as_it_is(value)
    return value
end

local KINDS = {
    ["Cache-Control"] = {read = read_list, write = write_list, to = to_value,
                         from = from_value},
    ["Content-Security-Policy"] = {read = read_policy, write = write_policy,
                                   to = to_policy_value, from = as_it_is},
    ["WWW-Authenticate"] = {read = read_challenge, write = write_challenge, to = to_value,
                            from = as_it_is},
}
KINDS["Content-Security-Policy-Report-Only"] = KINDS["Content-Security-Policy"]

-- ## Objects

-- The key under which an object has its {response=, header=, kind=}.
local OWNER = {}

local Directives = {}

local function text_of(object)
    local owner = rawget(object, OWNER)
    local separator = owner.kind.write == write_policy and "; " or ", "
    return table.concat(owner.response.headers:getlist(owner.header), separator)
end

-- The header's name of a field: `max_age` is `max-age`.
local function to_name(key)
    if type(key) ~= "string" or not is_token(key) then
        misuse.fail("%s is no name of a directive", misuse.show(key))
    end
    return (key:lower():gsub("_", "-"))
end

-- Sets, changes in its place, or removes one directive of the list.
local function put(list, name, value)
    for i, item in ipairs(list) do
        if item.name == name then
            if value == nil then
                table.remove(list, i)
            else
                item.value = value
            end
            return
        end
    end
    if value ~= nil then
        list[#list + 1] = {name = name, value = value}
    end
end

local function store(owner, list)
    local text = #list > 0 and owner.kind.write(list) or nil
    directives.set_field(owner.response, owner.header, text)
end

function Directives.__index(object, key)
    local owner = rawget(object, OWNER)
    if type(key) ~= "string" then
        return nil
    end
    local name = key:lower():gsub("_", "-")
    for _, item in ipairs(owner.kind.read(text_of(object))) do
        if item.name == name then
            return owner.kind.from(item.value)
        end
    end
    return nil
end

function Directives.__newindex(object, key, value)
    local owner = rawget(object, OWNER)
    local list = owner.kind.read(text_of(object))
    put(list, to_name(key), owner.kind.to(key, value))
    store(owner, list)
end

function Directives.__pairs(object)
    local owner, i = rawget(object, OWNER), 0
    local list = owner.kind.read(text_of(object))
    return function()
        i = i + 1
        if list[i] then
            return (list[i].name:gsub("-", "_")), owner.kind.from(list[i].value)
        end
    end
end

Directives.__tostring = text_of
Directives.__name = "directives"

-- Sets a response's field; nil removes it. Raises, at the app's line, for what must not be
-- sent.
function directives.set_field(response, header, value)
    local headers = response.headers
    local is_fine, message = pcall(headers.set, headers, header, value)
    if not is_fine then
        misuse.fail("%s", message)
    end
end

-- The object over a response's header; `header` is one of the four names.
function directives.open(response, header)
    local owner = {response = response, header = header, kind = KINDS[header]}
    return setmetatable({[OWNER] = owner}, Directives)
end

-- Replaces the header by a string as it is, or by the directives of a table; nil removes it.
function directives.assign(response, header, value)
    if type(value) == "table" and getmetatable(value) ~= Directives then
        local owner = {response = response, header = header, kind = KINDS[header]}
        local list = {}
        for key, item in core.pairs(value) do
            put(list, to_name(key), owner.kind.to(key, item))
        end
        return store(owner, list)
    elseif value ~= nil and type(value) ~= "string" and type(value) ~= "table" then
        misuse.fail("%s must be a string or a table, not %s", header, misuse.show(value))
    end
    directives.set_field(response, header, value ~= nil and tostring(value) or nil)
end

-- WWW-Authenticate: a challenge as `assign` takes it, or a list of them, a field for each.
function directives.assign_challenges(response, value)
    if type(value) ~= "table" or value[1] == nil then
        return directives.assign(response, "WWW-Authenticate", value)
    end
    local texts = {}
    for i, challenge in ipairs(value) do
        directives.assign(response, "WWW-Authenticate", challenge)
        texts[i] = response.headers["WWW-Authenticate"]
    end
    directives.set_field(response, "WWW-Authenticate", texts)
end

return directives
