-- `cflask-lua check APP`: what would be unsafe or slow in production, read off an app that
-- has been loaded, and off its files.
local check_files = require "cflask.check_files"
local config = require "cflask.config"
local core = require "cflask.core"
local paths = require "cflask.paths"
local secrets = require "cflask.secrets"

local check = {}

-- unsafe: exit status 1. slow: costs time. hint: may be meant so.
local RANKS = {unsafe = 1, slow = 2, hint = 3}

-- ## What is asked of an app

-- {app=, config=, sources=, add=fn(severity, key, message, advice)}
local function subject(app, findings, prefix)
    return {
        app = app, config = app.config, sources = check_files.sources(app.root_path),
        add = function(severity, key, message, advice)
            table.insert(findings, {
                severity = severity, key = key, message = prefix .. message, advice = advice,
            })
        end,
    }
end

-- Which of the things that need a secret the app uses, or nil.
local function user_of_secret(s)
    local extensions = s.app.extensions
    return extensions.login and "flask.login is used"
        or extensions.csrf and "flask.csrf is used"
        or s.sources.session and ("the session is used (%s)"):format(s.sources.session)
end

local function check_secret(s)
    local secret = rawget(s.config, "SECRET_KEY")
    local user = user_of_secret(s)
    local why = type(secret) == "string" and secrets.weakness(secret)
    if not secret and user then
        s.add("unsafe", "SECRET_KEY", "SECRET_KEY is not set, but " .. user,
              secrets.HOW .. " and keep it in .env")
    elseif why then
        s.add("unsafe", "SECRET_KEY", "SECRET_KEY " .. why .. ", so that others can sign sessions",
              secrets.HOW)
    end
    local fallbacks = rawget(s.config, "SECRET_KEY_FALLBACKS")
    for i, fallback in ipairs(type(fallbacks) == "table" and fallbacks or {}) do
        why = type(fallback) == "string" and secrets.weakness(fallback)
        if why then
            s.add("unsafe", "SECRET_KEY_FALLBACKS", ("SECRET_KEY_FALLBACKS[%d] %s, and what it "
                  .. "signs is still taken"):format(i, why), "take it out")
        end
    end
    if s.sources.secret then
        s.add("hint", "SECRET_KEY", "a secret stands in the source: " .. s.sources.secret,
              "keep it in .env and read it with flask.env(\"SECRET_KEY\")")
    end
end

local function check_modes(s)
    if s.config.DEBUG then
        s.add("unsafe", "DEBUG", "DEBUG is on: visitors see tracebacks",
              "leave it to --debug, and CFLASK_DEBUG unset")
    end
    if s.config.TESTING then
        s.add("hint", "TESTING", "TESTING is on", "leave it to tests")
    end
    if s.config.STRICT_GLOBALS == false then
        s.add("hint", "STRICT_GLOBALS", "STRICT_GLOBALS is off: a forgotten `local` shares one "
              .. "request's data with others", "leave it on")
    end
    for _, key in ipairs{"TEMPLATES_AUTO_RELOAD", "EXPLAIN_TEMPLATE_LOADING"} do
        if rawget(s.config, key) and not s.config.DEBUG then
            s.add("slow", key, key .. " is on: it costs time with each template",
                  "leave it to --debug")
        end
    end
end

-- ## Cookies

-- Why the app seems to be behind HTTPS, or nil.
local function https_reason(s)
    local headers = s.app.extensions.security_headers
    return s.config.PREFERRED_URL_SCHEME == "https" and "PREFERRED_URL_SCHEME is https"
        or rawget(s.config, "PROXY_FIX") and "PROXY_FIX is set"
        or headers and headers.has_own_hsts and "HSTS is set"
end

local function check_secure_cookies(s)
    local reason = https_reason(s)
    if not reason then
        return
    elseif not s.config.SESSION_COOKIE_SECURE then
        s.add("unsafe", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_SECURE is off, though " .. reason
              .. ": the session's cookie goes over plain HTTP too",
              "set it to true if clients come over HTTPS")
    end
    if s.app.extensions.login and not rawget(s.config, "REMEMBER_COOKIE_SECURE") then
        s.add("unsafe", "REMEMBER_COOKIE_SECURE", "REMEMBER_COOKIE_SECURE is off, though "
              .. reason, "set it to true if clients come over HTTPS")
    end
end

local function check_cookies(s)
    if not rawget(s.config, "SECRET_KEY") and not user_of_secret(s) then
        return
    end
    check_secure_cookies(s)
    if not s.config.SESSION_COOKIE_HTTPONLY then
        s.add("unsafe", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_HTTPONLY is off: scripts can "
              .. "read the session's cookie", "leave it on")
    end
    local samesite = s.config.SESSION_COOKIE_SAMESITE
    if not samesite or samesite == "None" then
        s.add(s.app.extensions.csrf and "hint" or "unsafe", "SESSION_COOKIE_SAMESITE",
              "SESSION_COOKIE_SAMESITE is off: other sites' requests come with the session",
              "set it to \"Lax\", or call flask.csrf.protect(app)")
    end
    if samesite == "None" and not s.config.SESSION_COOKIE_SECURE then
        s.add("unsafe", "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_SAMESITE is \"None\" without "
              .. "SESSION_COOKIE_SECURE: browsers drop such a cookie", "set both")
    end
end

-- ## Forms and logins

local CHANGING = {POST = true, PUT = true, PATCH = true, DELETE = true}

local function is_changing(rule)
    for _, method in ipairs(rule.methods) do
        if CHANGING[method] then
            return true
        end
    end
    return false
end

local function changing_rules(s)
    local rules = {}
    for _, rule in ipairs(s.app._rules) do
        if is_changing(rule) then
            table.insert(rules, rule)
        end
    end
    return rules
end

local function template_folders(app)
    local folders = {}
    local function add(thing)
        if thing.template_folder then
            table.insert(folders, paths.join(thing.root_path, thing.template_folder))
        end
    end
    add(app)
    for _, blueprint in pairs(app.blueprints) do
        add(blueprint)
    end
    table.sort(folders)
    return folders
end

local function check_csrf(s)
    local rules = changing_rules(s)
    if s.app.extensions.csrf or not rules[1] then
        return
    end
    local form, more = check_files.post_form(template_folders(s.app), s.app.root_path)
    if form then
        s.add("unsafe", "csrf", ("forms are posted (%s%s) and nothing checks where from"):format(
            form, more > 0 and (" and %d more"):format(more) or ""),
            "call flask.csrf.protect(app) and put csrf_token() into the forms")
    elseif user_of_secret(s) then
        s.add("hint", "csrf", ("%s takes %s with a session, and nothing checks where from"):format(
            rules[1].text, rules[1].methods[1]), "call flask.csrf.protect(app)")
    end
end

local function view_of(app, rule)
    return rule.has_name and app.view_functions[rule.endpoint] or rule.view
end

-- The rules that passwords seem to be tried at.
local function is_login(s, rule)
    local login = s.app.extensions.login
    if type(login) == "table" and login.login_view == rule.endpoint then
        return is_changing(rule)
    end
    local name = (rule.text .. " " .. rule.endpoint):lower()
    return is_changing(rule) and (name:find("log%-?_?in%f[^%w]") or name:find("sign%-?_?in%f[^%w]"))
end

local function is_limited(s, rule)
    local limiter = s.app.extensions.limiter
    return limiter and limiter:_limits(view_of(s.app, rule),
                                       s.app.blueprints[rule.blueprint or ""])
end

local function check_logins(s)
    for _, rule in ipairs(s.app._rules) do
        if is_login(s, rule) and not is_limited(s, rule) then
            s.add("unsafe", "limiter", ("passwords can be tried without limit at %s"):format(
                rule.text), "local limiter = flask.limiter(app), and "
                .. "limiter:limit(\"5/minute; 50/hour\")(view)")
            return
        end
    end
end

-- ## Limits

local function is_off(value)
    return value == false or value == math.huge
end

local function check_limits(s)
    local keys = {}
    for _, option in ipairs(core.option_table()) do
        table.insert(keys, option.key)
    end
    table.sort(keys)
    for _, key in ipairs(keys) do
        if is_off(rawget(s.config, key)) then
            s.add("unsafe", key, key .. " is off: one client can take all there is",
                  "set a number that is large enough")
        end
    end
    for _, rule in ipairs(s.app._rules) do
        if is_off(rule.options.max_content_length) then
            s.add("unsafe", "max_content_length", ("%s takes bodies without limit"):format(
                rule.text), "set a number that is large enough")
        end
    end
end

-- ## Files and fields

local function check_static(s)
    if s.config.STATIC_DOTFILES then
        s.add("unsafe", "STATIC_DOTFILES", "STATIC_DOTFILES is on: .env, .git and the like are "
              .. "served where they lie below a static folder", "leave it off")
    end
    local folder = s.app:_static_path()
    local real = folder and core.realpath(folder)
    local root = core.realpath(s.app.root_path)
    if real and root and (root .. "/"):sub(1, #real + 1) == real .. "/" then
        s.add("unsafe", "static_folder", "the static folder holds the app's own source",
              "serve a folder of its own")
    end
end

-- Whether any origin may come with cookies.
local function is_open_to_all(app)
    for _, resources in ipairs(app.extensions.cors or {}) do
        for _, resource in ipairs(resources) do
            local policy = resource.policy
            if policy.has_credentials and policy.origins.is_any then
                return true
            end
        end
    end
    return false
end

local function check_headers(s)
    if is_open_to_all(s.app) then
        s.add("unsafe", "cors", "flask.cors lets every site read with the visitor's cookies",
              "name the origins, or leave supports_credentials off")
    end
    local headers = s.app.extensions.security_headers
    if not headers then
        s.add("hint", "security_headers", "browsers are not told to be careful",
              "call flask.security_headers(app)")
    elseif headers.has_unsafe_inline then
        s.add("hint", "security_headers", "the policy has 'unsafe-inline', which takes most of "
              .. "its use away", "use csp_nonce()")
    end
    if s.sources.external and not rawget(s.config, "TRUSTED_HOSTS") then
        s.add("hint", "TRUSTED_HOSTS", ("links with _external (%s) name the host that the client "
              .. "has sent"):format(s.sources.external), "set TRUSTED_HOSTS")
    end
end

-- ## All of it

local function check_app(app, findings, prefix)
    local s = subject(app, findings, prefix)
    local is_fine, message = pcall(config.check, app.config)
    if not is_fine then
        s.add("unsafe", "config", message, "the server does not start with it")
    end
    for _, part in ipairs{check_secret, check_modes, check_cookies, check_csrf, check_logins,
                          check_limits, check_static, check_headers} do
        part(s)
    end
    for _, mount in ipairs(app._mounts) do
        check_app(mount.app, findings, prefix .. mount.prefix .. ": ")
    end
end

-- The findings about a loaded app and those mounted in it, a list of {severity=, key=,
-- message=, advice=}, the gravest first.
function check.findings(app)
    local findings = {}
    check_app(app, findings, "")
    for i, finding in ipairs(findings) do
        finding.order = i
    end
    table.sort(findings, function(a, b)
        if RANKS[a.severity] ~= RANKS[b.severity] then
            return RANKS[a.severity] < RANKS[b.severity]
        end
        return a.order < b.order
    end)
    for _, finding in ipairs(findings) do
        finding.order = nil
    end
    return core.json.array(findings)
end

-- Writes them, one a line or as JSON, and returns the exit status.
function check.report(app, as_json)
    local findings, status = check.findings(app), 0
    for _, finding in ipairs(findings) do
        status = finding.severity == "unsafe" and 1 or status
        if not as_json then
            io.stdout:write(("%-7s %s: %s\n"):format(finding.severity, finding.message,
                                                     finding.advice))
        end
    end
    if as_json then
        io.stdout:write(core.json.encode(findings, {indent = 2}), "\n")
    elseif not findings[1] then
        io.stdout:write("nothing found\n")
    end
    return status
end

return check
