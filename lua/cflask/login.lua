-- flask.login: who the request's user is. The session's keys and the remember-me cookie are
-- Flask-Login's, so that a Flask app with the same SECRET_KEY shares the login.
local core = require "cflask.core"
local errors = require "cflask.errors"
local helpers = require "cflask.helpers"
local misuse = require "cflask.misuse"
local next_url = require "cflask.next_url"
local remember = require "cflask.remember"
local security = require "cflask.security"
local sessions = require "cflask.sessions"
local urls = require "cflask.urls"
local wrapped = require "cflask.wrapped"

local login = {next_url = next_url.get, is_local_url = next_url.is_local}

local OPTIONS = {
    user_loader = "function", request_loader = "function", unauthorized = "function",
    needs_refresh = "function", login_view = "string", refresh_view = "string",
    blueprint_login_views = "table", login_message = "string",
    login_message_category = "string", refresh_message = "string",
    refresh_message_category = "string", session_protection = "string",
    remember_cookie_duration = "number",
}

local DEFAULTS = {
    login_message = "Please log in to access this page.",
    login_message_category = "message",
    refresh_message = "Please log in again to access this page.",
    refresh_message_category = "message",
    session_protection = "basic",
}

-- What the session holds of a login.
local KEYS = {"_user_id", "_fresh", "_id", "_forced", "_remember_seconds"}

-- The options that the running app gave login.init.
local function options_of(what)
    local app = core.current_app()
    if not app then
        misuse.fail("flask.login: %s is used outside of a request", what)
    end
    local options = app.extensions.login
    if not options then
        misuse.fail("flask.login: %s needs login.init(app, {user_loader = fn}), which the app %s "
                    .. "has not called", what, misuse.show(app.name))
    end
    return options
end

-- ## Users

-- A field of a user, or what its method of that name returns.
local function ask(user, name)
    local value = user[name]
    if type(value) == "function" then
        return value(user)
    end
    return value
end

-- The user's id as the session keeps it: a string.
local function id_of(user)
    local id = ask(user, "get_id")
    if id == nil then
        id = ask(user, "id")
    end
    if type(id) == "number" and id % 1 == 0 and math.abs(id) < 1e15 then
        return ("%d"):format(id) -- 3 and 3.0 are one user
    elseif type(id) == "number" or type(id) == "string" and id ~= "" then
        return tostring(id)
    end
    misuse.fail("flask.login: a user's id must be a string or a number, not %s",
                misuse.show(id))
end

local function is_active(user)
    local answer = ask(user, "is_active")
    return answer == nil or answer and answer ~= core.json.null
end

local function check_user(user, what)
    if type(user) ~= "table" and type(user) ~= "userdata" or core.is_response(user) then
        misuse.fail("%s must be a user, a table with the field id, not %s", what,
                    misuse.show(user))
    end
    return user
end

-- What the app's loader has for the id: a user or nil. It may wait.
local function load_user(options, id)
    local user = options.user_loader and options.user_loader(id)
    if not user or user == core.json.null then
        return nil
    end
    return check_user(user, "what user_loader returns")
end

-- ## Loading the request's user

-- How Flask-Login writes a header's value into its identifier: as Python shows bytes. Letters
-- beyond ASCII have been through Latin-1 there.
local function python_bytes(text)
    if text == nil then
        return "None"
    end
    text = text:gsub("[\128-\255]", function(letter)
        local byte = letter:byte()
        return byte < 192 and "\194" .. letter or "\195" .. string.char(byte - 64)
    end)
    local quote = text:find("'", 1, true) and not text:find('"', 1, true) and '"' or "'"
    local names = {["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r"}
    text = text:gsub("[%c\\'\127-\255]", function(letter)
        if letter == "'" then
            return quote == "'" and "\\'" or nil
        end
        return names[letter] or ("\\x%02x"):format(letter:byte())
    end)
    return "b" .. quote .. text .. quote
end

-- Flask-Login's mark of the client: a digest of its address and its browser's name.
local function client_identifier()
    local request = core.request
    local address = request.headers:get("X-Forwarded-For") or request.remote_addr
    address = address and address:match("^([^,]*)"):match("^%s*(.-)%s*$")
    local text = python_bytes(address) .. "|" .. python_bytes(request.headers:get("User-Agent"))
    return security.digest("sha512", text)
end

local function forget_login(store)
    for _, key in ipairs(KEYS) do
        if store[key] ~= nil then
            store[key] = nil
        end
    end
end

-- Has a server-side store keep the session under a new name: the old one may be known to whoever
-- gave it to the browser.
local function rename_session()
    local app = core.current_app()
    local interface = app.session_interface
    if interface and interface.regenerate then
        interface.regenerate(app, core._session_data())
    end
end

-- A session that another client shows is no longer fresh, or ("strong") no longer a login: then
-- it returns false.
local function protect_session(options, store)
    local mode = core.current_app().config.SESSION_PROTECTION
    if mode == nil then
        mode = options.session_protection
    end
    if (mode ~= "basic" and mode ~= "strong") or store._id == client_identifier() then
        return true
    elseif mode == "strong" and not store.permanent then
        forget_login(store)
        remember.clear()
        return false
    elseif store._fresh ~= false then
        store._fresh = false
    end
    return true
end

-- The user whose id the session holds, or nil.
local function user_of_session(options, store)
    local id = store._user_id
    local user = id and load_user(options, tostring(id))
    if user and (is_active(user) or store._forced == true) then
        return user
    end
    return nil
end

-- The user of the remember-me cookie, who is then in the session, though not fresh; or nil.
local function user_of_cookie(options, store)
    local id = remember.read()
    local user = id and load_user(options, id)
    if not user or not is_active(user) then
        return nil
    end
    rename_session()
    forget_login(store)
    store._user_id, store._fresh, store._id = id, false, client_identifier()
    return user
end

-- The user whom the app recognises by something else, such as a token; or nil.
local function user_of_request(options)
    local user = options.request_loader and options.request_loader(core.request)
    if not user or not is_active(check_user(user, "what request_loader returns")) then
        return nil
    end
    return user
end

local function find_user(options)
    local store = core.session
    local kind = type(store._user_id)
    if (kind == "string" or kind == "number") and not protect_session(options, store) then
        return nil
    end
    return (kind == "string" or kind == "number") and user_of_session(options, store)
        or user_of_cookie(options, store) or user_of_request(options)
end

-- login.current_user(): the request's user, or nil. Loaded once per request, when first asked
-- for.
function login.current_user()
    if not core.has_request_context() then
        return nil
    end
    local options = options_of("current_user()")
    local kept = core.private()
    if kept.login_user == nil then
        kept.login_user = find_user(options) or false
    end
    return kept.login_user or nil
end

-- ## current_user in templates

-- What stands for nobody: false in a condition, with the fields that Flask-Login's has.
local ANONYMOUS = setmetatable({}, {
    __index = {is_authenticated = false, is_active = false, is_anonymous = true},
    __len = function() return 0 end,
    __tostring = function() return "" end,
})

local function is_same(a, b)
    local meta_a, meta_b = getmetatable(a) or {}, getmetatable(b) or {}
    return rawequal(meta_a.stands_for or a, meta_b.stands_for or b)
end

-- The user, who has is_authenticated there even if the app's users have no such field: pages
-- that come from Flask ask for it. Nothing is written into the app's own table.
local function for_templates(user)
    if not user then
        return ANONYMOUS
    elseif user.is_authenticated ~= nil then
        return user
    end
    local to_json = (getmetatable(user) or {}).__tojson
    return setmetatable({is_authenticated = true, is_anonymous = false}, {
        __index = function(_, key) return user[key] end,
        __tostring = function() return tostring(user) end,
        __eq = is_same,
        __tojson = function() return to_json and to_json(user) or user end,
        stands_for = user,
    })
end

-- ## Logging in and out

-- After a change of user the form tokens that were given out before are good no longer.
local function renew_session(store)
    local field = core.current_app().config.WTF_CSRF_FIELD_NAME or "csrf_token"
    if store[field] ~= nil then
        store[field] = nil
    end
    rename_session()
end

local LOGIN_OPTIONS = {remember = true, duration = true, fresh = true, force = true}

-- login.login_user(user, {remember=, duration=, fresh=, force=}): the session is this user's
-- from now on. True; or false for one who is not active, unless `force`.
function login.login_user(user, options)
    options_of("login_user")
    check_user(user, "the argument of login_user")
    options = misuse.options(options, LOGIN_OPTIONS, "login_user")
    if options.duration ~= nil then
        misuse.check(options.duration, "number", "the duration of login_user, in seconds,")
    end
    local active = is_active(user)
    if not active and not options.force then
        return false
    end
    local store, id = core.session, id_of(user)
    renew_session(store)
    forget_login(store)
    store._user_id, store._fresh, store._id = id, options.fresh ~= false, client_identifier()
    store._forced = not active or nil
    core.private().login_user = user
    if options.remember then
        store._remember_seconds = options.duration
        remember.set(id, options.duration)
    else
        remember.keep_only(id)
    end
    return true
end

-- login.logout_user(): nobody is logged in any more, and nobody remembered. Returns true.
function login.logout_user()
    options_of("logout_user")
    local store = core.session
    renew_session(store)
    forget_login(store)
    remember.clear()
    core.private().login_user = false
    return true
end

-- login.is_fresh(): whether the user has logged in with this session, rather than been
-- remembered.
function login.is_fresh()
    return login.current_user() ~= nil and core.session._fresh == true
end

-- login.confirm_login(): the user has shown again who they are: the login is fresh.
function login.confirm_login()
    if not login.current_user() then
        misuse.fail("confirm_login: nobody is logged in")
    end
    local store = core.session
    store._fresh, store._id = true, client_identifier()
end

-- ## Refusing

-- The URL of the login page, with the page to come back to.
local function login_url(view)
    local back = next_url.of_request()
    if not view:find("^/") and not view:find("^https?://") then
        return urls.url_for(view, {next = back})
    elseif not back then
        return view
    end
    local mark = view:find("?", 1, true) and "&" or "?"
    return view .. mark .. "next=" .. next_url.quote(back)
end

-- Flashes the message unless the last one is the same: a page whose pictures are refused as well
-- says it once.
local function flash_once(message, category)
    local flashes = core.session._flashes
    local last = type(flashes) == "table" and flashes[#flashes]
    if type(last) ~= "table" or last[1] ~= category or last[2] ~= message then
        sessions.flash(message, category)
    end
end

-- Sends the client to the page, with a message; 401 without one and for clients of an API.
local function send_to(view, message, category)
    local request = core.request
    if not view or core.wants_json() or request.is_json then
        error(errors.http_error(401), 0)
    end
    if message then
        flash_once(message, category)
    end
    return helpers.redirect(login_url(view))
end

-- login.unauthorized(): what a request is answered with that needs a login; raises 401, or
-- returns a redirect to login_view.
function login.unauthorized()
    local options = options_of("unauthorized")
    if options.unauthorized then
        return options.unauthorized()
    end
    local views = options.blueprint_login_views
    local view = views and views[core.request.blueprint] or options.login_view
    return send_to(view, options.login_message, options.login_message_category)
end

-- login.needs_refresh(): the same for a login that is not fresh.
function login.needs_refresh()
    local options = options_of("needs_refresh")
    if options.needs_refresh then
        return options.needs_refresh()
    end
    return send_to(options.refresh_view or options.login_view, options.refresh_message,
                   options.refresh_message_category)
end

-- ## Views that need a user

-- A view around another. `refuse(user, ...)` returns true and an answer when the request is not to
-- reach it. Preflight requests (OPTIONS) carry no cookies and pass.
local function guard(view, what, refuse)
    misuse.check(view, "function", "the view of " .. what)
    return wrapped.note(function(...)
        if core.request.method ~= "OPTIONS" then
            local user = login.current_user()
            if not user then
                return login.unauthorized()
            end
            local is_refused, answer = refuse(user, ...)
            if is_refused then
                return answer
            end
        end
        return view(...)
    end, view)
end

-- login.required(view): a view for users only.
function login.required(view)
    return guard(view, "login.required", function() return false end)
end

-- login.fresh(view): for users who have logged in with this session.
function login.fresh(view)
    return guard(view, "login.fresh", function()
        if core.session._fresh == true then
            return false
        end
        return true, login.needs_refresh()
    end)
end

-- Whether the user has the role: `roles` is a list, a set, one name, or a method that returns
-- such. What is none of these has no role.
local function has_role(user, name)
    local roles = ask(user, "roles")
    if type(roles) == "string" then
        return roles == name
    elseif type(roles) ~= "table" then
        return false
    elseif roles[name] == true then
        return true
    end
    for _, role in ipairs(roles) do
        if role == name then
            return true
        end
    end
    return false
end

-- login.has_role(name): whether the request's user has the role.
function login.has_role(name)
    misuse.check(name, "string", "the role")
    local user = login.current_user()
    return user ~= nil and has_role(user, name)
end

local function forbid()
    error(errors.http_error(403), 0)
end

-- login.roles(name, ...)(view): for users with one of these roles; 403 for others.
function login.roles(...)
    local names = {...}
    if #names == 0 then
        misuse.fail("login.roles needs the name of a role, as in login.roles(\"admin\")(view)")
    end
    for i = 1, select("#", ...) do
        misuse.check(names[i], "string", "a role of login.roles")
    end
    return function(view)
        return guard(view, "login.roles(...)", function(user)
            for _, name in ipairs(names) do
                if has_role(user, name) then
                    return false
                end
            end
            forbid()
        end)
    end
end

-- login.permission(fn(user, ...))(view): for users for whom fn returns true; 403 for others.
-- fn gets the view's arguments after the user, and may wait.
function login.permission(fn)
    misuse.check(fn, "function", "the argument of login.permission")
    return function(view)
        return guard(view, "login.permission(...)", function(user, ...)
            return not fn(user, ...) and forbid()
        end)
    end
end

-- ## init

local function check_options(options)
    local known = {}
    for key in pairs(OPTIONS) do
        known[key] = true
    end
    options = misuse.options(options, known, "login.init")
    for key, value in pairs(options) do
        if value ~= false then
            misuse.check(value, OPTIONS[key], "the option " .. key .. " of login.init")
        end
    end
    if not options.user_loader and not options.request_loader then
        misuse.fail("login.init needs user_loader = fn(id), which returns the user of an id")
    end
    local mode = options.session_protection
    if mode and mode ~= "basic" and mode ~= "strong" then
        misuse.fail("session_protection is \"basic\", \"strong\" or false, not %s",
                    misuse.show(mode))
    end
end

-- login.init(app, options): see "Login" in API.md.
function login.init(app, options)
    if type(app) ~= "table" or rawget(app, "_handle") == nil then
        misuse.fail("login.init needs an app, not %s", misuse.show(app))
    elseif app.extensions.login then
        misuse.fail("login.init has been called for the app %s", misuse.show(app.name))
    end
    check_options(options)
    local all = setmetatable({}, {__index = DEFAULTS})
    for key, value in pairs(options) do
        all[key] = value
    end
    app.extensions.login = all
    app:after_request(remember.update)
    app:context_processor(function()
        return {current_user = for_templates(login.current_user())}
    end)
    return app
end

return login
