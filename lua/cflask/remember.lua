-- The remember-me cookie of flask.login, as Flask-Login writes it: the user's id, a bar and
-- an HMAC-SHA512 of the id. It has no date in it: the signature holds as long as SECRET_KEY.
local core = require "cflask.core"
local misuse = require "cflask.misuse"
local security = require "cflask.security"

local remember = {}

local YEAR = 365 * 24 * 3600

local function setting(key, default)
    local value = core.current_app().config["REMEMBER_COOKIE_" .. key]
    if value == nil then
        return default
    end
    return value
end

local function name()
    return setting("NAME", "remember_token")
end

-- Flask-Login turns the key into bytes by Latin-1, others by UTF-8.
local function latin1(key)
    return (key:gsub("([\194\195])([\128-\191])", function(lead, byte)
        return lead == "\194" and byte or string.char(byte:byte() + 64)
    end))
end

local function signature(key, id)
    return security.hmac("sha512", latin1(key), id)
end

local function secret()
    local key = core.current_app().config.SECRET_KEY
    if not key or key == "" then
        misuse.fail("flask.login needs a secret for its cookie: set app.config.SECRET_KEY")
    end
    return key
end

-- The id that a cookie's text carries, or nil when no key of ours has signed it.
local function decode(text)
    local id, given = text:match("^(.+)|(%x+)$")
    local config = core.current_app().config
    if not id or #given ~= 128 or not config.SECRET_KEY or config.SECRET_KEY == "" then
        return nil
    end
    local keys = {config.SECRET_KEY}
    for _, key in ipairs(config.SECRET_KEY_FALLBACKS or {}) do
        table.insert(keys, key)
    end
    local equal = security.constant_time_equal
    for _, key in ipairs(keys) do
        if equal(signature(key, id), given) then
            return id
        end
    end
    return nil
end

-- The id in the request's cookie, or nil.
function remember.read()
    local text = core.request.cookies:get(name())
    return text and decode(text)
end

-- ## What is to become of the cookie is noted, and done when the response is there

-- Remembers the user for so many seconds (nil: as configured).
function remember.set(id, seconds)
    core.private().remember = {id = id, seconds = seconds}
end

-- Forgets the user whom the request's cookie names, if it has one.
function remember.clear()
    core.private().remember = core.request.cookies:has(name()) and "clear" or nil
end

-- Forgets whoever is remembered, unless it is this user.
function remember.keep_only(id)
    if remember.read() ~= id then
        remember.clear()
    end
end

local function lifetime(app, seconds)
    seconds = seconds or setting("DURATION") or app.extensions.login.remember_cookie_duration
        or YEAR
    if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
        misuse.fail("REMEMBER_COOKIE_DURATION must be a number of seconds, not %s",
                    misuse.show(seconds))
    end
    return math.floor(math.min(seconds, 100 * YEAR))
end

local function set_cookie(app, response, id, seconds)
    seconds = lifetime(app, seconds)
    local samesite = setting("SAMESITE", "Lax")
    response:set_cookie(name(), id .. "|" .. signature(secret(), id), {
        max_age = seconds, expires = os.time() + seconds,
        path = setting("PATH", "/"), domain = setting("DOMAIN") or nil,
        secure = setting("SECURE", app.config.SESSION_COOKIE_SECURE) or nil,
        httponly = setting("HTTPONLY", true) and true or nil,
        samesite = samesite or nil,
    })
end

-- With REMEMBER_COOKIE_REFRESH_EACH_REQUEST the time begins anew for whom the cookie names.
local function refresh(app, response)
    local id = setting("REFRESH_EACH_REQUEST", false) and remember.read()
    local session = core.session
    if id and session._user_id == id then
        local seconds = session._remember_seconds
        set_cookie(app, response, id, type(seconds) == "number" and seconds or nil)
    end
end

-- The after_request function.
function remember.update(response)
    local app, what = core.current_app(), core.private().remember
    if what == "clear" then
        response:delete_cookie(name(), {path = setting("PATH", "/"),
                                        domain = setting("DOMAIN") or nil})
    elseif type(what) == "table" then
        set_cookie(app, response, what.id, what.seconds)
    else
        refresh(app, response)
    end
    return response
end

return remember
