-- Blueprints: routes, hooks and error handlers that are registered on an app later, under a
-- prefix and a name, once or several times.
local misuse = require "cflask.misuse"
local scaffold = require "cflask.scaffold"
local templating = require "cflask.templating"

local Blueprint = {}
scaffold.mix_into(Blueprint)
templating.mix_into(Blueprint, true)

local OPTIONS = {
    url_prefix = true, subdomain = true, url_defaults = true, template_folder = true,
    static_folder = true, static_url_path = true, root_path = true,
}

local REGISTER_OPTIONS = {url_prefix = true, name = true, subdomain = true,
                          url_defaults = true}

-- Names that moved code will try.
local ELSEWHERE = {
    cli = "app:cli(name, fn, help)",
    record_once = "bp:record(fn), whose argument has first_registration",
    teardown_appcontext = "app:teardown_appcontext(fn), or bp:teardown_app_request(fn)",
    before_app_first_request = "app:before_serving(fn)",
    mount = "app:mount(prefix, other)",
    before_serving = "app:before_serving(fn)",
    after_serving = "app:after_serving(fn)",
}

-- Two pieces of a path with one slash between them.
local function join_urls(prefix, rest)
    if not prefix or prefix == "" then
        return rest
    elseif not rest or rest == "" then
        return prefix
    end
    return (prefix:gsub("/+$", "")) .. "/" .. (rest:gsub("^/+", ""))
end

local function check_name(name, what)
    misuse.check(name, "string", "the name of " .. what)
    if name == "" or name:find(".", 1, true) then
        misuse.fail("the name of %s must not be empty or contain a dot: %s", what,
                    misuse.show(name))
    end
end

local function check_prefix(prefix)
    if prefix ~= nil then
        misuse.check(prefix, "string", "url_prefix")
        if prefix ~= "" and prefix:sub(1, 1) ~= "/" then
            misuse.fail("url_prefix %s must begin with a slash", misuse.show(prefix))
        end
    end
end

-- Registration is closed for a blueprint once it is on an app: what came later would reach
-- only the apps that take it afterwards.
function Blueprint:_check_open(name)
    if self._is_registered then
        misuse.fail("%s was called on the blueprint %s after it was registered: do all of "
                    .. "it before app:register_blueprint", name, misuse.show(self.name))
    end
end

-- Keeps a step for the time of registration.
local function defer(self, step)
    table.insert(self._steps, step)
end

-- bp:record(fn(state)): fn is called at each registration with {app=, blueprint=, options=,
-- url_prefix=, subdomain=, url_defaults=, name=, first_registration=} and the method
-- state:add_url_rule(rule, endpoint, view, options). Returns fn.
function Blueprint:record(fn)
    self:_check_open("record")
    misuse.check(fn, "function", "the argument of record")
    defer(self, fn)
    return fn
end

-- ## Routes

-- The rule as it stands on the app.
local function placed(rule, state)
    local copy = {}
    for key, value in pairs(rule) do
        copy[key] = value
    end
    copy.text = join_urls(state.url_prefix, rule.text)
    copy.endpoint = state.name .. "." .. rule.endpoint
    copy.blueprint = state.name
    copy.options = {}
    for key, value in pairs(rule.options) do
        copy.options[key] = value
    end
    copy.options.subdomain = rule.options.subdomain or state.subdomain
    copy.options.defaults = {}
    for _, values in ipairs{state.url_defaults or {}, rule.options.defaults or {}} do
        for key, value in pairs(values) do
            copy.options.defaults[key] = value
        end
    end
    return copy
end

function Blueprint:_add_rule(rule)
    if rule.has_name and rule.endpoint:find(".", 1, true) then
        misuse.fail("the endpoint %s of a blueprint must not contain a dot",
                    misuse.show(rule.endpoint))
    end
    if rule.view then
        self.view_functions[rule.endpoint] = rule.view
    end
    defer(self, function(state) state.app:_add_rule(placed(rule, state)) end)
end

-- ## For the whole app

-- The app's name of a hook, and the name that blueprints have for it.
local APP_HOOKS = {
    before_app_request = "before_request", after_app_request = "after_request",
    teardown_app_request = "teardown_request", app_context_processor = "context_processor",
    app_url_defaults = "url_defaults", app_url_value_preprocessor = "url_value_preprocessor",
}

for name, kind in pairs(APP_HOOKS) do
    Blueprint[name] = function(self, fn)
        scaffold.check_self(self, name)
        self:_check_open(name)
        misuse.check(fn, "function", "the argument of " .. name)
        defer(self, function(state)
            if state.first_registration then
                scaffold.append(state.app, kind, "", fn)
            end
        end)
        return fn
    end
end

-- bp:app_errorhandler(404 or Class, fn): an error handler of the whole app. Returns fn.
function Blueprint:app_errorhandler(what, fn)
    scaffold.check_self(self, "app_errorhandler")
    self:_check_open("app_errorhandler")
    misuse.check(fn, "function", "the handler of app_errorhandler")
    defer(self, function(state)
        if state.first_registration then
            scaffold.put_handler(state.app, "", what, fn)
        end
    end)
    return fn
end

-- ## Registration

-- The options of a registration, checked. `register_blueprint(require "auth")` passes the
-- path of the module after it, which is the second result of Lua 5.4's require.
local function register_options(options)
    if type(options) == "string" and options:find("%.lua$") then
        options = nil
    end
    options = misuse.options(options, REGISTER_OPTIONS, "register_blueprint")
    check_prefix(options.url_prefix)
    return options
end

-- bp:register_blueprint(other, options): nests another one, which is registered with this
-- one under both prefixes and as "this.other".
function Blueprint:register_blueprint(other, options)
    scaffold.check_self(self, "register_blueprint")
    self:_check_open("register_blueprint")
    Blueprint.check(other)
    if other == self then
        misuse.fail("the blueprint %s can't be registered on itself", misuse.show(self.name))
    end
    table.insert(self._children, {blueprint = other, options = register_options(options)})
end

-- Raises unless the value is a blueprint.
function Blueprint.check(value)
    if type(value) ~= "table" or rawget(value, "_steps") == nil then
        misuse.fail("register_blueprint needs a blueprint, not %s", misuse.show(value))
    end
end

-- The name on this app, which nobody else may have there.
local function full_name(self, app, parent, given)
    local own = given.name or self.name
    check_name(own, "a blueprint")
    local name = parent and parent.name .. "." .. own or own
    local other = app.blueprints[name]
    if other then
        misuse.fail("the name %s is taken by %s blueprint: register with another one, as in "
                    .. "{name = \"...\"}", misuse.show(name),
                    other == self and "this same" or "another")
    end
    return name
end

local function merge(first, second)
    local both = {}
    for _, values in ipairs{first or {}, second or {}} do
        for key, value in pairs(values) do
            both[key] = value
        end
    end
    return both
end

local function one_of(given, own)
    if given ~= nil then
        return given
    end
    return own
end

-- The subdomain of a nested blueprint stands before its parent's.
local function subdomain_of(self, parent, given)
    local own = one_of(given.subdomain, self.subdomain)
    local outer = parent and parent.subdomain
    if own and outer then
        return own .. "." .. outer
    end
    return own or outer
end

-- What the steps of one registration are given.
local function make_state(self, app, parent, given)
    local prefix = one_of(given.url_prefix, self.url_prefix)
    local state = {
        app = app, blueprint = self, options = given,
        name = full_name(self, app, parent, given),
        url_prefix = parent and join_urls(parent.url_prefix, prefix) or prefix,
        subdomain = subdomain_of(self, parent, given),
        url_defaults = merge(self.url_defaults_option, given.url_defaults),
        first_registration = true,
    }
    for _, other in pairs(app.blueprints) do
        state.first_registration = state.first_registration and other ~= self
    end
    function state:add_url_rule(rule, endpoint, view, options)
        local all = merge(options, {endpoint = endpoint})
        local made = scaffold.make_rule(rule, all, view, ("the route %q"):format(rule))
        self.app:_add_rule(placed(made, self))
    end
    return state
end

-- Gives the app the blueprint's own hooks and error handlers, under its name.
local function merge_registries(self, app, name)
    for kind, registry in pairs(self._functions) do
        for _, fn in ipairs(registry[""] or {}) do
            scaffold.append(app, kind, name, fn)
        end
    end
    app._handlers[name] = self._handlers[""]
end

local function add_static(self, state)
    if not self.static_folder then
        return
    end
    state:add_url_rule(self.static_url_path .. "/<path:filename>", "static",
                       function(filename) return self:send_static_file(filename) end)
end

-- Registers the blueprint on the app; `parent` is the state of the one that it is nested
-- in. Called by app:register_blueprint.
function Blueprint:_register(app, parent, given)
    local state = make_state(self, app, parent, given)
    app.blueprints[state.name] = self
    table.insert(app._blueprint_order, state.name)
    self._is_registered = true
    add_static(self, state)
    merge_registries(self, app, state.name)
    for _, step in ipairs(self._steps) do
        step(state)
    end
    for _, child in ipairs(self._children) do
        child.blueprint:_register(app, state, child.options)
    end
end

-- ## The constructor

local meta = {__name = "Blueprint"}

function meta.__index(_, key)
    if ELSEWHERE[key] then
        misuse.fail("a blueprint has no %s: use %s", key, ELSEWHERE[key])
    end
    return Blueprint[key]
end

function meta.__tostring(self)
    return ("<Blueprint %s>"):format(self.name)
end

-- flask.Blueprint(name, [import_name,] options): see API.md. Paths are relative to the
-- folder of the file that makes the call unless root_path is given.
local function new(name, import_name, options)
    if type(import_name) == "table" and options == nil then
        import_name, options = nil, import_name
    end
    check_name(name, "a blueprint")
    options = misuse.options(options, OPTIONS, "Blueprint")
    check_prefix(options.url_prefix)
    local self = {
        name = name, import_name = import_name or name, url_prefix = options.url_prefix,
        subdomain = options.subdomain, url_defaults_option = options.url_defaults,
        _steps = {}, _children = {},
    }
    scaffold.init(self)
    scaffold.set_folders(self, options, nil)
    return setmetatable(self, meta)
end

return {new = new, check = Blueprint.check, register_options = register_options}
