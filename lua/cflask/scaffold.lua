-- What an app and a blueprint share: routes, hooks and error handlers are registered here.
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"
local views = require "cflask.views"
local core = require "cflask.core"

local scaffold = {}

-- The methods that App and Blueprint get. Each of them has besides:
--   self:_check_open(name)   raises when registration is closed for it
--   self:_add_rule(rule)     takes a rule made by make_rule()
local methods = {}

-- The registries of functions, each a table from blueprint name to list; "" stands for the
-- object itself.
scaffold.KINDS = {
    "before_request", "after_request", "teardown_request", "context_processor",
    "url_defaults", "url_value_preprocessor",
}

local RULE_OPTIONS = {
    methods = true, endpoint = true, defaults = true, strict_slashes = true,
    merge_slashes = true, host = true, subdomain = true, redirect_to = true, alias = true,
    build_only = true, provide_automatic_options = true, max_content_length = true,
}

-- Gives the object its empty registries.
function scaffold.init(self)
    self._functions = {}
    for _, kind in ipairs(scaffold.KINDS) do
        self._functions[kind] = {}
    end
    self._handlers = {}
    self.view_functions = {}
end

-- Adds the methods to a class.
function scaffold.mix_into(class)
    for name, method in pairs(methods) do
        class[name] = method
    end
end

-- Appends to the list that registry[kind] has for the blueprint's name.
function scaffold.append(self, kind, name, fn)
    local registry = self._functions[kind]
    registry[name] = registry[name] or {}
    table.insert(registry[name], fn)
end

-- Raises when a method was called with a dot instead of a colon.
function scaffold.check_self(self, name)
    if type(self) ~= "table" or self._check_open == nil then
        misuse.fail("%s is a method: call it with a colon, as in app:%s(...)", name, name)
    end
end

-- What each registering method does first.
local function begin(self, name)
    scaffold.check_self(self, name)
    self:_check_open(name)
end

-- ## Routes

local function check_methods(list, what)
    if list == nil then
        return nil
    end
    if type(list) ~= "table" then
        misuse.fail("methods of %s must be a list such as {\"GET\"}, not %s", what,
                    misuse.show(list))
    end
    local result, seen = {}, {}
    for _, method in ipairs(list) do
        if type(method) ~= "string" or not method:find("^[%w!#$%%&'*+.^_`|~-]+$") then
            misuse.fail("methods of %s: %s is no method", what, misuse.show(method))
        end
        method = method:upper()
        if not seen[method] then
            seen[method] = true
            table.insert(result, method)
        end
    end
    if #result == 0 then
        misuse.fail("methods of %s is empty", what)
    end
    return result
end

local TYPES = {
    endpoint = "string", defaults = "table", host = "string", subdomain = "string",
    max_content_length = "number",
}

local function check_rule(rule, options, view, what)
    misuse.options(options, RULE_OPTIONS, what)
    for key, kind in pairs(TYPES) do
        if options[key] ~= nil and type(options[key]) ~= kind then
            misuse.fail("the option %s of %s must be a %s, not %s", key, what, kind,
                        misuse.show(options[key]))
        end
    end
    if view == nil and not (options.redirect_to or options.build_only) then
        misuse.fail("%s has no view: give a function after the rule and the options", what)
    elseif view ~= nil and not misuse.is_callable(view) then
        misuse.fail("the view of %s must be a function, not %s", what, misuse.show(view))
    end
    if rule:sub(1, 1) ~= "/" and rule ~= "" then
        misuse.fail("the rule %s must begin with a slash", misuse.show(rule))
    end
end

-- Whether OPTIONS is answered by itself.
local function answers_options(options, verbs)
    if options.provide_automatic_options ~= nil then
        return options.provide_automatic_options
    end
    for _, method in ipairs(verbs) do
        if method == "OPTIONS" then
            return false
        end
    end
    return nil
end

-- A rule as a table: {text=, endpoint=, has_name=, view=, methods=, automatic_options=,
-- options=, where=}. automatic_options is nil where the app's config decides. `what` names
-- the rule in errors.
function scaffold.make_rule(rule, options, view, what)
    check_rule(rule, options, view, what)
    local verbs = check_methods(options.methods, what) or {"GET"}
    local made = {
        text = rule, view = view, methods = verbs, options = options,
        endpoint = options.endpoint or rule, has_name = options.endpoint ~= nil,
        automatic_options = answers_options(options, verbs), where = misuse.where(),
    }
    return made
end

local function add(self, name, rule, options, view)
    begin(self, name)
    if type(rule) ~= "string" then
        misuse.fail("%s: the rule must be a string such as \"/users/<int:id>\", not %s",
                    name, misuse.show(rule))
    end
    self:_add_rule(scaffold.make_rule(rule, options, view, ("the route %q"):format(rule)))
    return view
end

-- Sorts out [options,] view: an app may leave out the options, and some rules need no view.
local function options_and_view(name, rule, options, view)
    if view == nil and options ~= nil and type(options) ~= "string"
        and misuse.is_callable(options) then
        return {}, options
    elseif options ~= nil and type(options) ~= "table" then
        misuse.fail("%s(%s): what follows the rule must be a table of options or a view, "
                    .. "not %s", name, misuse.show(rule), misuse.show(options))
    end
    return options or {}, view
end

-- app:route(rule, [options,] view): the view answers requests whose path is as the rule
-- says. Returns the view.
function methods:route(rule, options, view)
    options, view = options_and_view("route", rule, options, view)
    return add(self, "route", rule, options, view)
end

-- app:add_url_rule(rule, endpoint, view, options): route() in Flask's other spelling.
function methods:add_url_rule(rule, endpoint, view, options)
    local given = {endpoint = endpoint}
    for key, value in pairs(misuse.options(options, RULE_OPTIONS, "add_url_rule")) do
        given[key] = value
    end
    if view == nil and endpoint ~= nil then
        view = self.view_functions[endpoint]
    end
    return add(self, "add_url_rule", rule, given, view)
end

-- app:get(rule, [endpoint or options,] view), and so on for the other methods.
for _, verb in ipairs{"get", "post", "put", "patch", "delete", "head", "options"} do
    methods[verb] = function(self, rule, options, view)
        if type(options) == "string" then
            options = {endpoint = options}
        else
            options, view = options_and_view(verb, rule, options, view)
        end
        if options.methods then
            misuse.fail("%s has its method already: use app:route for others", verb)
        end
        local given = {methods = {verb:upper()}}
        for key, value in pairs(options) do
            given[key] = value
        end
        return add(self, verb, rule, given, view)
    end
end

-- app:endpoint(name, view): the view of rules that are added without one. Returns it.
function methods:endpoint(name, view)
    begin(self, "endpoint")
    misuse.check(name, "string", "the endpoint")
    misuse.check(view, "function", "the view of endpoint " .. name)
    self.view_functions[name] = view
    return view
end

-- app:view_class(rule, object, [endpoint,] [options]): the object's methods get, post, ...
-- answer. They are found by indexing it and called with a colon. Returns the view.
function methods:view_class(rule, object, endpoint, options)
    if type(endpoint) == "table" and options == nil then
        endpoint, options = nil, endpoint
    end
    local given = {endpoint = endpoint}
    for key, value in pairs(misuse.options(options, RULE_OPTIONS, "view_class")) do
        given[key] = value
    end
    local view, verbs = views.from_object(object, ("view_class(%s)"):format(tostring(rule)))
    given.methods = given.methods or verbs
    return add(self, "view_class", rule, given, view)
end

-- ## Hooks

-- app:before_request(fn), after_request, teardown_request, context_processor, url_defaults,
-- url_value_preprocessor. Each returns fn.
for _, kind in ipairs(scaffold.KINDS) do
    methods[kind] = function(self, fn)
        begin(self, kind)
        misuse.check(fn, "function", "the argument of " .. kind)
        scaffold.append(self, kind, "", fn)
        return fn
    end
end

-- ## Error handlers

-- The class and the code that a handler is registered for; the code is false for classes
-- without one.
local function class_and_code(what)
    if type(what) == "number" then
        if what < 400 or what > 599 or what % 1 ~= 0 then
            misuse.fail("errorhandler: %s is no HTTP error's code", tostring(what))
        end
        return errors.by_code[what], what
    elseif errors.is_class(what) then
        local is_http = errors.is_subclass(what, errors.HTTPException)
        return what, is_http and what.code or false
    end
    misuse.fail("errorhandler needs a status code or a class of errors, not %s",
                misuse.show(what))
end

-- Puts a handler into the registry of the blueprint's name.
function scaffold.put_handler(self, name, what, fn)
    local class, code = class_and_code(what)
    local codes = self._handlers[name] or {}
    self._handlers[name] = codes
    codes[code] = codes[code] or {}
    if class then
        codes[code][class] = fn
    end
    if type(what) == "number" then
        codes[code].by_number = fn
    end
end

-- app:errorhandler(404 or Class, fn(err)): what fn returns is the answer. Returns fn.
function methods:errorhandler(what, fn)
    begin(self, "errorhandler")
    misuse.check(fn, "function", "the handler of errorhandler")
    scaffold.put_handler(self, "", what, fn)
    return fn
end

methods.register_error_handler = methods.errorhandler

-- ## Files

-- The folder of static files as a path from the root, or nil when there is none.
function methods:_static_path()
    return self.static_folder and paths.join(self.root_path, self.static_folder)
end

-- app:send_static_file(name): the response with a file of the static folder.
function methods:send_static_file(name)
    local folder = self:_static_path()
    if not folder then
        misuse.fail("%s has no static folder", tostring(self.name))
    end
    return core.send_from_directory(folder, name)
end

-- app:open_resource(path, mode): a file below root_path, opened (mode "rb" unless given).
function methods:open_resource(path, mode)
    misuse.check(path, "string", "the path of open_resource")
    if mode ~= nil and not mode:find("^rb?$") then
        misuse.fail("open_resource opens for reading only, not with %s", misuse.show(mode))
    end
    local file, message = io.open(paths.join(self.root_path, path), mode or "rb")
    if not file then
        misuse.fail("open_resource: %s", message)
    end
    return file
end

-- ## Options of Flask() and Blueprint()

-- The folder of the file that called us, else `fallback`.
function scaffold.caller_folder(fallback)
    local file = misuse.file()
    return file and paths.absolute(paths.folder(file)) or fallback or core.getcwd()
end

-- Sets template_folder, static_folder, static_url_path and root_path from the options.
function scaffold.set_folders(self, options, default_static)
    self.template_folder = options.template_folder
    self.static_folder = options.static_folder
    if self.static_folder == nil then
        self.static_folder = default_static
    end
    local url = options.static_url_path
    if url == nil and self.static_folder then
        url = "/" .. paths.base(self.static_folder)
    end
    if url and url ~= "" and url:sub(1, 1) ~= "/" then
        misuse.fail("static_url_path %s must begin with a slash", misuse.show(url))
    end
    self.static_url_path = url and (url:gsub("/+$", ""))
    self.root_path = options.root_path and paths.absolute(options.root_path)
        or scaffold.caller_folder()
end

scaffold.methods = methods
return scaffold
