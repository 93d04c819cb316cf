-- The application: what Flask() makes.
local blueprint = require "cflask.blueprint"
local config = require "cflask.config"
local core = require "cflask.core"
local handling = require "cflask.handling"
local logger = require "cflask.logger"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"
local plan = require "cflask.plan"
local scaffold = require "cflask.scaffold"
local sessions = require "cflask.sessions"
local signals = require "cflask.signals"
local strict = require "cflask.strict"
local templating = require "cflask.templating"
local urls = require "cflask.urls"

local App = {}
scaffold.mix_into(App)
templating.mix_into(App)

local OPTIONS = {
    root_path = true, template_folder = true, static_folder = true, static_url_path = true,
}

-- Fields that stand for keys of the config.
local CONFIG_FIELDS = {
    debug = "DEBUG", testing = "TESTING", secret_key = "SECRET_KEY",
    permanent_session_lifetime = "PERMANENT_SESSION_LIFETIME",
}

-- Names of Flask that moved code will try, and what to use.
local ELSEWHERE = {
    wsgi_app = "app:mount(prefix, other) or the hooks; there is no WSGI here",
    before_first_request = "app:before_serving(fn)",
    teardown_appcontext_funcs = "app:teardown_appcontext(fn)",
    before_request_funcs = "app:before_request(fn)",
    after_request_funcs = "app:after_request(fn)",
    error_handler_spec = "app:errorhandler(code, fn)",
    url_build_error_handlers = "app:url_build_error_handler(fn)",
    make_response = "flask.make_response(...)",
    redirect = "flask.redirect(url, code)",
    async_to_sync = "nothing: every view may wait",
    ensure_sync = "nothing: every view may wait",
    instance_path = "app.root_path",
    open_instance_resource = "app:open_resource(path)",
    request_class = "flask.request; it can't be replaced",
    response_class = "flask.Response; it can't be replaced",
    test_client_class = "app:test_client()",
    log_exception = "app:errorhandler(flask.Error, fn) or flask.signals.got_request_exception",
    create_url_adapter = "flask.url_for(endpoint, values)",
    jinja_options = "app.jinja_env",
    create_jinja_environment = "app.jinja_env",
    jinja_environment = "app.jinja_env",
    select_jinja_autoescape = "app.jinja_env.autoescape = fn(name)",
    update_template_context = "app:context_processor(fn)",
    template_context_processors = "app:context_processor(fn)",
    websocket = "nothing: websockets come with a later version",
}

-- ## Registration

-- Raises when the first request has been met: some requests would see what comes now, and
-- others have not.
function App:_check_open(name)
    if self._is_closed then
        misuse.fail("app:%s was called after the first request: registration is closed; "
                    .. "do it while the app is loading", name)
    end
end

-- Raises when the endpoint has another view already. Endpoints without a name of their own
-- are their rule's text, which several views may share.
local function claim_endpoint(self, rule)
    local endpoint, view = rule.endpoint, rule.view
    if not view then
        return
    end
    local known = self.view_functions[endpoint]
    if known and known ~= view and rule.has_name then
        misuse.fail("the endpoint %s of %q is another view's already%s",
                    misuse.show(endpoint), rule.text,
                    rule.where and " (" .. rule.where .. ")" or "")
    end
    self.view_functions[endpoint] = known or view
    self._endpoints_of[view] = self._endpoints_of[view] or {}
    table.insert(self._endpoints_of[view], endpoint)
end

-- The options that the map takes.
local function map_options(self, rule)
    local options = {}
    for key, value in pairs(rule.options) do
        options[key] = value
    end
    options.endpoint, options.methods = rule.endpoint, {}
    for i, method in ipairs(rule.methods) do
        options.methods[i] = method
    end
    if rule.automatic_options == nil then
        rule.automatic_options = self.config.PROVIDE_AUTOMATIC_OPTIONS ~= false
    end
    options.provide_automatic_options, options.max_content_length = rule.automatic_options, nil
    return options
end

-- Takes a rule made by the scaffold.
function App:_add_rule(rule)
    if rule.text:sub(1, 1) ~= "/" then
        misuse.fail("the rule %s must begin with a slash", misuse.show(rule.text))
    end
    claim_endpoint(self, rule)
    local is_added, id, message = pcall(self.url_map.add, self.url_map, rule.text,
                                        map_options(self, rule))
    if not is_added or id == nil then
        local text = tostring(is_added and message or id):gsub("^[^:]+:%d+: ", "")
        error((rule.where and rule.where .. ": " or "") .. text, 0)
    end
    rule.id = id
    self._blueprint_of[rule.endpoint] = rule.blueprint
    table.insert(self._rules, rule)
end

-- app:register_blueprint(bp, {url_prefix=, name=, subdomain=, url_defaults=})
function App:register_blueprint(bp, options)
    scaffold.check_self(self, "register_blueprint")
    self:_check_open("register_blueprint")
    blueprint.check(bp)
    bp:_register(self, nil, blueprint.register_options(options))
    return bp
end

-- app:teardown_appcontext(fn(err)): called when a context of the app ends. Returns fn.
function App:teardown_appcontext(fn)
    scaffold.check_self(self, "teardown_appcontext")
    self:_check_open("teardown_appcontext")
    misuse.check(fn, "function", "the argument of teardown_appcontext")
    table.insert(self._teardown_appcontext, fn)
    return fn
end

-- app:url_build_error_handler(fn(err, endpoint, values)): asked for the URL that url_for
-- could not build; a string is it, nil lets the error go on. Returns fn.
function App:url_build_error_handler(fn)
    scaffold.check_self(self, "url_build_error_handler")
    self:_check_open("url_build_error_handler")
    misuse.check(fn, "function", "the argument of url_build_error_handler")
    table.insert(self._url_build_error_handlers, fn)
    return fn
end

-- app:before_serving(fn), app:after_serving(fn): called once per worker. They return fn.
for _, name in ipairs{"before_serving", "after_serving"} do
    App[name] = function(self, fn)
        scaffold.check_self(self, name)
        self:_check_open(name)
        misuse.check(fn, "function", "the argument of " .. name)
        table.insert(self["_" .. name], fn)
        return fn
    end
end

-- app:cli(name, fn(...), help): a command of the app's own: `cflask-lua APP name ...` calls
-- fn with the words that follow, inside an app context. Returns fn.
function App:cli(name, fn, help)
    scaffold.check_self(self, "cli")
    misuse.check(name, "string", "the name of a command")
    misuse.check(fn, "function", "the function of command " .. name)
    if not name:find("^[%w_][%w_:-]*$") then
        misuse.fail("%s can't be the name of a command", misuse.show(name))
    end
    self._commands[name] = {fn = fn, help = help}
    return fn
end

-- app:database(url, options): the app's database; see database.lua.
function App:database(url, options)
    scaffold.check_self(self, "database")
    return require("cflask.database").open(self, url, options)
end

-- app:shell_context_processor(fn): fn() returns a table of values that the shell has at hand
-- under their keys. Returns fn.
function App:shell_context_processor(fn)
    scaffold.check_self(self, "shell_context_processor")
    misuse.check(fn, "function", "the argument of shell_context_processor")
    table.insert(self._shell_context_processors, fn)
    return fn
end

-- The host and the path of a mount: "//sub.test/x" has both, "/x" a path alone.
local function split_mount(prefix)
    local host, path = prefix:match("^//([^/]+)(/?.*)$")
    if not host then
        path = prefix
    end
    path = path:gsub("/+$", "")
    return path, host and host:lower()
end

-- app:mount("/prefix" or "//host/prefix", other): the other app answers what lies below.
function App:mount(prefix, other)
    scaffold.check_self(self, "mount")
    self:_check_open("mount")
    misuse.check(prefix, "string", "the prefix of mount")
    if type(other) ~= "table" or rawget(other, "_handle") == nil then
        misuse.fail("mount needs an app after the prefix, not %s", misuse.show(other))
    elseif other == self then
        misuse.fail("an app can't be mounted on itself")
    end
    local path, host = split_mount(prefix)
    if prefix:sub(1, 1) ~= "/" or (path == "" and not host) then
        misuse.fail("mount: the prefix must be a path such as \"/admin\" or a host such as "
                    .. "\"//admin.test/\", not %s", misuse.show(prefix))
    end
    self._handle:mount(path, host, other._handle)
    table.insert(self._mounts, {prefix = prefix, app = other})
end

-- ## URLs, contexts, tests

-- app:url_for(endpoint, values): flask.url_for for this app.
function App:url_for(endpoint, values)
    return urls.url_for(endpoint, values, self)
end

-- The end of an app context: what pcall has given is returned, or raised.
local function tear_down(app, is_done, ...)
    if is_done then
        plan.tear_down(app)
        return ...
    end
    plan.tear_down(app, (...))
    error((...), 0)
end

-- app:app_context(fn): calls fn with flask.current_app and g at hand; returns its results.
function App:app_context(fn)
    scaffold.check_self(self, "app_context")
    misuse.check(fn, "function", "the argument of app_context")
    return core.with_app(self._handle, function()
        return tear_down(self, pcall(fn))
    end)
end

-- app:test_request_context(path, [options,] fn): calls fn as if in a request for the path
-- (options as the test client's); returns its results. Hooks are not run, as in Flask.
function App:test_request_context(path, options, fn)
    if fn == nil and type(options) == "function" then
        options, fn = nil, options
    end
    misuse.check(fn, "function", "the last argument of test_request_context")
    return require("cflask.testing").with_request(self, path, options, fn)
end

-- app:test_client(options): a client that keeps cookies; see "Testing" in API.md.
function App:test_client(options)
    return require("cflask.testing").new_client(self, options)
end

-- app:test_cli_runner(): runs the app's commands in tests.
function App:test_cli_runner()
    return require("cflask.testing").new_runner(self)
end

-- ## Serving

local RUN_OPTIONS = {host = true, port = true, debug = true, unix = true,
                     access_log = true}

-- app:run{host=, port=, debug=}: notes its options as defaults below the command line's and
-- returns the app; the server starts when the file has been loaded.
function App:run(options)
    scaffold.check_self(self, "run")
    if type(options) == "string" then
        misuse.fail("app:run takes a table: app:run{host = %q}", options)
    end
    self._run_options = misuse.options(options, RUN_OPTIONS, "app:run")
    if self._run_options.debug ~= nil and core.getenv("CFLASK_DEBUG") == nil then
        self.config.DEBUG = self._run_options.debug
    end
    require("cflask.loader").note_run(self)
    return self
end

-- ## What the C core calls

-- Before the first request: closes registration and hands over the plans of the rules.
function App:_close()
    if self._is_closed then
        return
    end
    self._is_closed = true
    self.url_map.server_name = self.config.SERVER_NAME
    config.check(self.config)
    plan.compile(self)
    if self.config.DEBUG then
        require("cflask.debugger").mount(self)
    end
end

-- See handling.lua.
App._on_error = handling.on_error

-- See sessions.lua.
App._open_session = sessions.open
App._save_session = sessions.save

-- Sends a signal of the core's.
function App:_send_signal(name, values)
    signals[name]:send(self, values)
end

-- app.current_app's own app; an app is its own.
function App:get_current_object()
    return self
end

-- ## The object

-- __names: where the shell finds what to complete.
local meta = {__name = "Flask", __names = {App, CONFIG_FIELDS}}

function meta.__index(self, key)
    local field = CONFIG_FIELDS[key]
    if field then
        return rawget(self, "config")[field]
    elseif key == "session_interface" then
        return rawget(self, "_session_interface")
    elseif key == "jinja_env" then
        rawset(self, key, templating.environment(self))
        return rawget(self, key)
    elseif ELSEWHERE[key] then
        misuse.fail("app.%s is not here: use %s", key, ELSEWHERE[key])
    end
    return App[key]
end

function meta.__newindex(self, key, value)
    local field = CONFIG_FIELDS[key]
    if field then
        rawget(self, "config")[field] = value
    elseif key == "jinja_options" then
        templating.set_options(self, value)
    elseif key == "session_interface" then
        sessions.set_interface(self, value)
    else
        rawset(self, key, value)
    end
end

function meta.__tostring(self)
    return ("<Flask %s>"):format(self.name)
end

local function is_debug()
    local value = core.getenv("CFLASK_DEBUG")
    return value ~= nil and value ~= "" and value ~= "0" and value:lower() ~= "false"
end

-- The name without one given: that of the calling file.
local function default_name()
    local file = misuse.file()
    return file and paths.stem(file) or "app"
end

-- The fields of a new app but those that need the core.
local function new_fields(name, options)
    local self = {
        name = name, import_name = name, extensions = {}, blueprints = {},
        json = {sort_keys = true, ensure_ascii = true, mimetype = "application/json"},
        _rules = {}, _mounts = {}, _commands = {}, _blueprint_of = {},
        _blueprint_order = {}, _processors = {},
        _endpoints_of = setmetatable({}, {__mode = "k"}),
        _teardown_appcontext = {}, _url_build_error_handlers = {},
        _before_serving = {}, _after_serving = {}, _shell_context_processors = {},
    }
    scaffold.init(self)
    scaffold.set_folders(self, options, "static")
    self.template_folder = options.template_folder == nil and "templates"
        or options.template_folder
    self.config = config.new(self.root_path)
    self.config.DEBUG = is_debug()
    return self
end

-- flask.Flask(name, options): see "An app file" in API.md. A string in place of the options
-- is the path of the app's file.
local function new(name, options)
    if name == nil then
        name = default_name()
    end
    misuse.check(name, "string", "the name of an app")
    if type(options) == "string" then
        options = {root_path = paths.folder(options)}
    end
    options = misuse.options(options, OPTIONS, "Flask")
    local self = setmetatable(new_fields(name, options), meta)
    rawset(self, "logger", logger.new(self))
    rawset(self, "url_map", core.route_map({}))
    rawset(self, "_handle", core.app(self, self.url_map))
    if self.static_folder then
        self:add_url_rule(self.static_url_path .. "/<path:filename>", "static",
                          function(filename) return self:send_static_file(filename) end)
    end
    strict.watch()
    require("cflask.loader").note_app(self)
    return self
end

return {new = new, meta = meta, names = meta.__names}
