-- flask.csrf: refuses requests that another site made a browser send. The tokens are
-- Flask-WTF's, so that a Flask app with the same SECRET_KEY takes ours, and we take its.
local core = require "cflask.core"
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"
local security = require "cflask.security"
local signing = require "cflask.signing"
local wrapped = require "cflask.wrapped"

local csrf = {}

-- What a request without a valid token is answered with.
csrf.CSRFError = errors.Class("CSRFError", errors.exceptions.BadRequest, {
    name = "Bad Request", description = "The check against forged requests failed.",
})

local SALT = "wtf-csrf-token"

-- Flask-WTF's settings and their defaults; an app sets them in its config.
local DEFAULTS = {
    WTF_CSRF_ENABLED = true,
    WTF_CSRF_CHECK_DEFAULT = true,
    WTF_CSRF_METHODS = {"POST", "PUT", "PATCH", "DELETE"},
    WTF_CSRF_FIELD_NAME = "csrf_token",
    WTF_CSRF_HEADERS = {"X-CSRFToken", "X-CSRF-Token"},
    WTF_CSRF_TIME_LIMIT = 3600,
    WTF_CSRF_SSL_STRICT = true,
}

local function setting(app, key)
    local value = app.config[key]
    if value == nil then
        return DEFAULTS[key]
    end
    return value
end

-- ## Tokens

-- The keys that sign tokens, the newest last.
local function secrets(app)
    local config = app.config
    local secret = config.WTF_CSRF_SECRET_KEY or config.SECRET_KEY
    if not secret or secret == "" then
        misuse.fail("flask.csrf needs a secret to sign its tokens: set app.config.SECRET_KEY")
    end
    local keys = {}
    for i, old in ipairs(not config.WTF_CSRF_SECRET_KEY and config.SECRET_KEY_FALLBACKS or {}) do
        keys[i] = old
    end
    table.insert(keys, secret)
    return keys
end

-- The session's own token: 40 hexadecimal digits, made when first asked for.
local function session_token(app)
    local name = setting(app, "WTF_CSRF_FIELD_NAME")
    local token = core.session[name]
    if type(token) ~= "string" or token == "" then
        token = security.digest("sha1", security.random_token(64))
        core.session[name] = token
    end
    return token
end

-- The token as JSON text, each letter written as itself or as an escape, by chance: every
-- page that shows it has other bytes, and so has their signature, which leaves nothing for
-- an attack on compressed pages (BREACH) to find out. Readers of JSON see no difference.
local function masked_json(token)
    if token:find("[^%w_-]") then -- not one of ours or Flask-WTF's
        return core.json.encode(token)
    end
    local dice, i = "", 0
    return '"' .. token:gsub(".", function(letter)
        if i % 40 == 0 then
            dice = security.digest("sha1", security.random_token(20))
        end
        i = i + 1
        local is_escaped = dice:byte((i - 1) % 40 + 1) % 2 == 0
        return is_escaped and ("\\u%04x"):format(letter:byte()) or nil
    end) .. '"'
end

-- The running app, which must be protected.
local function protected_app(what)
    local app = core.current_app()
    if not app then
        misuse.fail("%s is used outside of a request", what)
    elseif not app.extensions.csrf then
        misuse.fail("%s: the app %s checks no tokens; call flask.csrf.protect(app) while it "
                    .. "is loading", what, misuse.show(app.name))
    end
    return app
end

-- csrf.token(): a token for the running request's session, a string. Each call gives another
-- one; all of them are valid for WTF_CSRF_TIME_LIMIT.
function csrf.token()
    local app = protected_app("csrf_token()")
    local signer = signing.TimestampSigner(secrets(app), {
        salt = SALT, key_derivation = "django-concat",
    })
    local text = masked_json(session_token(app))
    return signer:sign(security.to_base64(text, {urlsafe = true}))
end

-- ## The check

local function refuse(text, ...)
    error(csrf.CSRFError{description = text:format(...)}, 0)
end

-- The token that the request carries: the form's field, else a header; nil without one.
local function given_token(app)
    local request = core.request
    local token = request.form:get(setting(app, "WTF_CSRF_FIELD_NAME"))
    if token and token ~= "" then
        return token
    end
    for _, name in ipairs(setting(app, "WTF_CSRF_HEADERS")) do
        token = request.headers:get(name)
        if token and token ~= "" then
            return token
        end
    end
    return nil
end

-- What the token says; refuses one that is not signed by us or too old.
local function signed_value(app, token)
    local serializer = signing.URLSafeTimedSerializer(secrets(app), {salt = SALT})
    local limit = setting(app, "WTF_CSRF_TIME_LIMIT") or nil
    local is_good, value = pcall(serializer.loads, serializer, token, {max_age = limit})
    if is_good then
        return value
    elseif not errors.is(value, errors.BadSignature) then
        error(value, 0)
    elseif value.date_signed and limit then
        refuse("The CSRF token has expired. Load the page with the form again, and send it "
               .. "within %d minutes.", math.ceil(limit / 60))
    end
    refuse("The CSRF token is not one of this site's.")
end

local function check_token(app)
    local name = setting(app, "WTF_CSRF_FIELD_NAME")
    local token = given_token(app)
    if not token then
        refuse("The CSRF token is missing: neither the form's field %s nor the header %s is "
               .. "there.", name, setting(app, "WTF_CSRF_HEADERS")[1] or "of a token")
    end
    local kept = core.session[name]
    if type(kept) ~= "string" then
        refuse("The session has no CSRF token: it has ended, or the browser sends no "
               .. "cookies. Load the page with the form again.")
    end
    local value = signed_value(app, token)
    if type(value) ~= "string" or not security.constant_time_equal(value, kept) then
        refuse("The CSRF token belongs to another session. Load the page with the form again.")
    end
end

local PORTS = {http = "80", https = "443"}

-- Scheme, host and port of a URL as one text, or nil for what is none.
local function origin_of(url)
    local scheme, authority = url:match("^(%a[%w+.-]*)://([^/?#\\]+)")
    if not scheme or authority:find("@", 1, true) then
        return nil
    end
    scheme, authority = scheme:lower(), authority:lower()
    local host, port = authority:match("^(.*[^:]):(%d*)$")
    if not host then
        host, port = authority, ""
    end
    return ("%s://%s:%s"):format(scheme, host, port ~= "" and port or PORTS[scheme] or "")
end

-- Over HTTPS the page must have come from here, as the browser tells by Origin or Referer:
-- whoever can plant cookies by plain HTTP has a token that would fit.
local function check_origin(app)
    local request = core.request
    if not request.is_secure or not setting(app, "WTF_CSRF_SSL_STRICT") then
        return
    end
    local name, from = "Origin", request.headers:get("Origin")
    if not from or from == "" then
        name, from = "Referer", request.headers:get("Referer")
    end
    local origin = from and origin_of(from)
    if not from or from == "" then
        refuse("The request does not say where it comes from: it has neither an Origin nor a "
               .. "Referer header.")
    elseif not origin or origin ~= origin_of(request.scheme .. "://" .. request.host) then
        refuse("The request comes from another site: the %s header is not this host's.", name)
    end
end

-- csrf.check(): raises CSRFError unless the running request carries a valid token. For apps
-- with WTF_CSRF_CHECK_DEFAULT = false.
function csrf.check()
    local app = protected_app("csrf.check()")
    check_token(app)
    check_origin(app)
end

-- ## Exemptions

-- Views and blueprints that are not checked.
local exempt = setmetatable({}, {__mode = "k"})

-- csrf.exempt(view or blueprint), csrf.exempt(endpoint, app): these are not checked. Returns
-- its first argument.
function csrf.exempt(what, app)
    if type(what) == "string" then
        if type(app) ~= "table" or rawget(app, "_handle") == nil then
            misuse.fail("csrf.exempt(%s): an endpoint's name needs its app, as in "
                        .. "csrf.exempt(%s, app)", misuse.show(what), misuse.show(what))
        end
        app.extensions.csrf_exempt = app.extensions.csrf_exempt or {}
        app.extensions.csrf_exempt[what] = true
    elseif misuse.is_callable(what) or type(what) == "table" and rawget(what, "_steps") then
        exempt[what] = true
    else
        misuse.fail("csrf.exempt needs a view, a blueprint or an endpoint's name, not %s",
                    misuse.show(what))
    end
    return what
end

local function has_exempt_view()
    for view in wrapped.chain(core.current_view()) do
        if exempt[view] then
            return true
        end
    end
    return false
end

local function is_exempt(app, request)
    local blueprint = request.blueprint and app.blueprints[request.blueprint]
    if blueprint and exempt[blueprint] then
        return true
    end
    local names = app.extensions.csrf_exempt
    return names and names[request.endpoint] or has_exempt_view()
end

-- ## protect

local function is_checked_method(app, method)
    local methods = setting(app, "WTF_CSRF_METHODS")
    if methods[method] then
        return true
    end
    for _, name in ipairs(methods) do
        if name == method then
            return true
        end
    end
    return false
end

-- The before_request function: requests that no view will answer (404, 405) are let through.
local function check_request()
    local request, app = core.request, core.current_app()
    if is_checked_method(app, request.method) and request.endpoint
        and setting(app, "WTF_CSRF_ENABLED") and setting(app, "WTF_CSRF_CHECK_DEFAULT")
        and not is_exempt(app, request) then
        csrf.check()
    end
end

-- csrf.protect(app): from here on each POST, PUT, PATCH and DELETE needs a token, and
-- templates have csrf_token(). Returns the app.
function csrf.protect(app)
    if type(app) ~= "table" or rawget(app, "_handle") == nil then
        misuse.fail("csrf.protect needs an app, not %s", misuse.show(app))
    elseif app.extensions.csrf then
        misuse.fail("csrf.protect has been called for the app %s", misuse.show(app.name))
    end
    app:before_request(check_request)
    app.extensions.csrf = csrf
    return app
end

return csrf
