-- The page to come back to after a login. It never leaves the site: an attacker may have
-- written the `next` of a link.
local core = require "cflask.core"
local misuse = require "cflask.misuse"

local next_url = {}

-- A longer one is not handed on: the login page's own URL would be refused.
local MAX_LENGTH = 2000

-- login.is_local_url(url): whether it is a path of this site that any browser takes for one:
-- it begins with one slash, and has no backslash, control character or doubled slash in its
-- path.
function next_url.is_local(url)
    return type(url) == "string" and #url <= MAX_LENGTH and url:sub(1, 1) == "/"
        and not url:find("[%c\\\127]") and not url:match("^[^?#]*"):find("//", 1, true)
end

-- login.next_url(default): the request's `next` (of the query, else of the form) if it stays on
-- this site, else the default ("/" below the app's root unless given).
function next_url.get(default)
    if default ~= nil then
        misuse.check(default, "string", "the default of login.next_url")
    end
    local request = core.request
    local url = request.args:get("next")
    if url == nil then
        url = request.form:get("next")
    end
    if next_url.is_local(url) then
        return url
    end
    return default or request.root_path .. "/"
end

-- The running request's path and query, to come back to; nil for one that can't be repeated.
function next_url.of_request()
    local request = core.request
    if request.method ~= "GET" and request.method ~= "HEAD" then
        return nil
    end
    local query = request.query_string
    local url = next_url.quote(request.root_path .. request.path)
        .. (query ~= "" and "?" .. query or "")
    return next_url.is_local(url) and url or nil
end

-- The text with all but letters, digits and - . _ ~ / percent-encoded, as a value of a query.
function next_url.quote(text)
    return (text:gsub("[^%w%-._~/]", function(letter)
        return ("%%%02X"):format(letter:byte())
    end))
end

return next_url
