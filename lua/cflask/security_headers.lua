-- flask.security_headers: fields that tell browsers to be careful, with Flask-Talisman's
-- defaults.
local core = require "cflask.core"
local misuse = require "cflask.misuse"
local security = require "cflask.security"

-- What each option is unless given; false leaves its field out.
local DEFAULTS = {
    content_security_policy = {
        ["default-src"] = "'self'", ["object-src"] = "'none'",
    },
    content_security_policy_report_only = false,
    nonce_in = {"script-src", "style-src"},
    strict_transport_security = {},
    frame_options = "SAMEORIGIN",
    referrer_policy = "strict-origin-when-cross-origin",
    content_type_options = "nosniff",
    permissions_policy = {["browsing-topics"] = "()"},
    cross_origin_opener_policy = "same-origin",
    force_https = false,
    force_https_permanent = false,
}

-- The options that are a field's text as it is.
local FIELDS = {
    frame_options = "X-Frame-Options",
    referrer_policy = "Referrer-Policy",
    content_type_options = "X-Content-Type-Options",
    permissions_policy = "Permissions-Policy",
    cross_origin_opener_policy = "Cross-Origin-Opener-Policy",
}

local OPTIONS = {}
for name in pairs(DEFAULTS) do
    OPTIONS[name] = true
end

-- ## Options

local function check_text(value, name)
    misuse.check(value, "string", "the option " .. name .. " of security_headers")
    if value:find("[%z\1-\8\10-\31\127]") then
        misuse.fail("the option %s of security_headers has a control character", name)
    end
    return value
end

local function sorted_keys(t, name)
    local keys = {}
    for key in pairs(t) do
        table.insert(keys, check_text(key, name))
    end
    table.sort(keys)
    return keys
end

-- A value of a policy: a string, or a list that is joined with spaces.
local function policy_value(value, name)
    if type(value) == "table" then
        for _, item in ipairs(value) do
            check_text(item, name)
        end
        value = table.concat(value, " ")
    end
    return check_text(value, name)
end

-- A CSP as a list of {name, value}, default-src first: browsers don't mind, people do.
local function read_csp(policy)
    local name, list = "content_security_policy", {}
    if type(policy) == "string" then
        for directive in check_text(policy, name):gmatch("[^;]+") do
            local key, value = directive:match("^%s*(%S+)%s*(.-)%s*$")
            if key then
                table.insert(list, {key:lower(), value})
            end
        end
        return list
    end
    misuse.check(policy, "table", "the option " .. name .. " of security_headers")
    for _, key in ipairs(sorted_keys(policy, name)) do
        local value = policy[key]
        if value == true then
            value = ""
        end
        if value ~= false then
            local text = policy_value(value, name)
            if text:find(";", 1, true) or key:find("[;%s]") then
                misuse.fail("the directive %s of the CSP must not have a semicolon", key)
            end
            table.insert(list, key == "default-src" and 1 or #list + 1, {key:lower(), text})
        end
    end
    return list
end

local function read_permissions(policy)
    if type(policy) ~= "table" then
        return policy
    end
    local parts = {}
    for _, key in ipairs(sorted_keys(policy, "permissions_policy")) do
        if policy[key] then
            table.insert(parts, key .. "=" .. policy_value(policy[key], "permissions_policy"))
        end
    end
    return #parts > 0 and table.concat(parts, ", ")
end

local HSTS = {max_age = true, include_subdomains = true, preload = true}

-- The text of Strict-Transport-Security: a year, with subdomains, unless told otherwise.
local function read_hsts(value)
    if type(value) == "string" then
        return check_text(value, "strict_transport_security")
    end
    misuse.options(value, HSTS, "strict_transport_security")
    local max_age = value.max_age == nil and 31556926 or value.max_age
    if type(max_age) ~= "number" or max_age < 0 then
        misuse.fail("max_age of strict_transport_security is a number of seconds, not %s",
                    misuse.show(max_age))
    end
    return ("max-age=%d"):format(max_age)
        .. (value.include_subdomains == false and "" or "; includeSubDomains")
        .. (value.preload and "; preload" or "")
end

local function csp_text(list)
    local parts = {}
    for i, directive in ipairs(list) do
        parts[i] = directive[2] == "" and directive[1] or directive[1] .. " " .. directive[2]
    end
    return table.concat(parts, "; ")
end

-- The options as what is sent: {fields = {{name, text}, ...}, hsts=, csp=, csp_field=, ...}.
local function read_options(options)
    local function option(name)
        if options[name] == nil then
            return DEFAULTS[name]
        end
        return options[name]
    end
    local fields = {}
    for name, field in pairs(FIELDS) do
        local value = option(name)
        if name == "permissions_policy" then
            value = read_permissions(value)
        elseif name == "content_type_options" and value == true then
            value = "nosniff"
        end
        if value then
            table.insert(fields, {field, check_text(value, name)})
        end
    end
    local csp, hsts = option("content_security_policy"), option("strict_transport_security")
    local nonce_in = option("nonce_in") or {}
    csp = csp and read_csp(csp)
    return {
        fields = fields, csp = csp,
        -- Beside a nonce browsers pass over 'unsafe-inline': it must not come unasked for.
        has_unsafe_inline = csp and csp_text(csp):find("'unsafe-inline'", 1, true) ~= nil,
        csp_field = "Content-Security-Policy"
            .. (option("content_security_policy_report_only") and "-Report-Only" or ""),
        nonce_in = misuse.check(nonce_in, "table", "the option nonce_in of security_headers"),
        hsts = hsts and read_hsts(hsts), force_https = option("force_https"),
        redirect_code = option("force_https_permanent") and 301 or 302,
    }
end

-- ## The nonce

-- What the module remembers of the running request: {nonce=, is_sent=}.
local function state()
    local private = core.private()
    private.security_headers = private.security_headers or {}
    return private.security_headers
end

-- csp_nonce(): the request's nonce, 128 bits of the kernel's in base64 (URL-safe), made when first
-- asked for. Only then does the policy name it.
local function csp_nonce()
    local mine = state()
    if not mine.nonce then
        if mine.is_sent then
            misuse.fail("csp_nonce() was first called when the answer's head had gone, with "
                        .. "a policy that does not name it: call it in the view")
        end
        mine.nonce = security.random_token(16)
    end
    return mine.nonce
end

-- The policy with the nonce in the directives of nonce_in. One that is missing has what
-- default-src has, which it would else stand in for.
local function with_nonce(csp, nonce_in, nonce)
    local list, at = {}, {}
    for i, directive in ipairs(csp) do
        list[i] = {directive[1], directive[2]}
        at[directive[1]] = at[directive[1]] or i
    end
    local default = list[at["default-src"]]
    for _, name in ipairs(nonce_in) do
        local directive = list[at[name]]
        if not directive and default then
            directive = {name, default[2]}
            table.insert(list, directive)
        end
        if directive then
            local value = directive[2] == "'none'" and "" or directive[2] .. " "
            directive[2] = ("%s'nonce-%s'"):format(value, nonce)
        end
    end
    return list
end

-- ## Requests

-- The after_request function: what the view has set stays.
local function finish(settings, response)
    local headers, mine = response.headers, state()
    for _, field in ipairs(settings.fields) do
        headers:setdefault(field[1], field[2])
    end
    if settings.hsts and core.request.is_secure then
        headers:setdefault("Strict-Transport-Security", settings.hsts)
    end
    if settings.csp then
        if response.content_length == nil and not settings.has_unsafe_inline then
            csp_nonce() -- a stream may ask for it when the head has gone
        end
        local csp = mine.nonce and with_nonce(settings.csp, settings.nonce_in, mine.nonce)
            or settings.csp
        headers:setdefault(settings.csp_field, csp_text(csp))
        mine.is_sent = true
    end
end

-- The before_request function of force_https. Debug mode has no certificate.
local function redirect(settings)
    local request = core.request
    if request.is_secure or core.current_app().config.DEBUG then
        return
    end
    local url = request.url:gsub("^http:", "https:", 1)
    return core.Response("", {status = settings.redirect_code, headers = {Location = url}})
end

-- flask.security_headers(app or blueprint, options): see "Security headers" in API.md. Returns
-- {csp_nonce = fn}.
local function new(app, options)
    if type(app) ~= "table" or rawget(app, "_functions") == nil then
        misuse.fail("flask.security_headers needs an app or a blueprint, not %s",
                    misuse.show(app))
    end
    local settings = read_options(misuse.options(options, OPTIONS, "security_headers"))
    if settings.force_https then
        app:before_request(function() return redirect(settings) end)
        local hooks = app._functions.before_request[""]
        table.insert(hooks, 1, table.remove(hooks))
        if app.config then
            app.config.SESSION_COOKIE_SECURE = true
        end
    end
    settings.has_own_hsts = settings.hsts and (options or {}).strict_transport_security ~= nil
    app:after_request(function(response) finish(settings, response) end)
    -- A global, as what context processors give does not reach macros that are imported.
    local add_global = app.config and app.template_global or app.app_template_global
    add_global(app, "csp_nonce", csp_nonce)
    if app.extensions then
        app.extensions.security_headers = settings
    end
    return {csp_nonce = csp_nonce}
end

return new
