-- The module `cflask`: Flask's names.
local core = require "cflask.core"
local cors = require "cflask.cors"
local app = require "cflask.app"
local blueprint = require "cflask.blueprint"
local csrf = require "cflask.csrf"
local errors = require "cflask.errors"
local helpers = require "cflask.helpers"
local jinja = require "cflask.jinja"
local limiter = require "cflask.limiter"
local login = require "cflask.login"
local misuse = require "cflask.misuse"
local security = require "cflask.security"
local security_headers = require "cflask.security_headers"
local sessions = require "cflask.sessions"
local signing = require "cflask.signing"
local signals = require "cflask.signals"
local templating = require "cflask.templating"
local urls = require "cflask.urls"

require "cflask.response"
require("cflask.coroutines").install()

-- flask.current_app: stands for the running app at each use.
local function running()
    return core.current_app() or misuse.fail("flask.current_app is used outside of a "
        .. "request: there is no app; app:app_context(fn) makes one current")
end

local function get_current_object()
    return running()
end

local current_app = setmetatable({get_current_object = get_current_object}, {
    __index = function(_, key) return running()[key] end,
    __newindex = function(_, key, value) running()[key] = value end,
    __pairs = function() return pairs(running()) end,
    __tostring = function() return tostring(running()) end,
    __name = "current_app",
})

-- flask.current_app == app, whichever side the proxy stands on.
local function is_same(a, b)
    return rawequal(rawget(a, "get_current_object") and running() or a,
                    rawget(b, "get_current_object") and running() or b)
end
getmetatable(current_app).__eq = is_same
app.meta.__eq = is_same

local flask = {
    version = core.version,
    Flask = app.new,
    Blueprint = blueprint.new,
    request = core.request,
    g = core.g,
    session = core.session,
    session_clear = core.session_clear,
    session_touch = core.session_touch,
    session_is_new = core.session_is_new,
    session_is_modified = core.session_is_modified,
    flash = sessions.flash,
    get_flashed_messages = sessions.get_flashed_messages,
    current_app = current_app,
    has_request_context = core.has_request_context,
    has_app_context = core.has_app_context,

    url_for = function(endpoint, values) return urls.url_for(endpoint, values) end,
    abort = helpers.abort,
    redirect = helpers.redirect,
    jsonify = helpers.jsonify,
    stream = helpers.stream,
    env = helpers.env,
    send_file = helpers.send_file,
    send_from_directory = helpers.send_from_directory,
    after_this_request = helpers.after_this_request,
    Response = core.Response,
    make_response = core.make_response,

    render_template = templating.render_template,
    render_template_string = templating.render_template_string,
    stream_template = templating.stream_template,
    stream_template_string = templating.stream_template_string,
    get_template_attribute = templating.get_template_attribute,
    is_kwargs = jinja.is_kwargs,

    Class = errors.Class,
    is = errors.is,
    Error = errors.Error,
    HTTPException = errors.HTTPException,
    BuildError = errors.BuildError,
    BadSignature = errors.BadSignature,
    SignatureExpired = errors.SignatureExpired,
    signing = signing,
    TemplateError = errors.TemplateError,
    Timeout = errors.Timeout,
    exceptions = errors.exceptions,
    signals = signals,
    security = security,

    limiter = limiter.new,
    cors = cors,
    security_headers = security_headers,

    json = core.json,
    null = core.json.null,
    ordered = core.ordered,
    int = core.int,
    number = core.number,
    boolean = core.boolean,
    Markup = core.Markup,
    escape = core.escape,
    http_date = core.http_date,
    parse_date = core.parse_date,

    csrf = csrf,
    login = login,

    sleep = core.sleep,
    gather = core.gather,
    timeout = core.timeout,
    spawn = core.spawn,
}

-- ## Names that are not here

local LATER = "comes with a later version"
local USE = "is not here: "

-- Names of Flask that moved code will try, and what an error says of them.
local ELSEWHERE = {
    stream_with_context = USE .. "the request stays current while a body is streamed",
    copy_current_request_context = USE .. "pass what is needed to flask.spawn(fn, ...)",
    request_ctx = USE .. "use flask.request",
    app_ctx = USE .. "use flask.current_app",
    Request = USE .. "use flask.request",
    Config = USE .. "use app.config",
    views = USE .. "use app:view_class(rule, object)",
    MethodView = USE .. "use app:view_class(rule, object)",
    View = USE .. "use app:view_class(rule, object)",
    cli = USE .. "use app:cli(name, fn)",
    testing = USE .. "use require \"cflask.testing\"",
    safe_join = USE .. "use flask.security.safe_join(dir, path)",
    Markdown = USE .. "use a library",
    logging = USE .. "use app.logger",
    dumps = USE .. "use flask.json.encode(v)",
    loads = USE .. "use flask.json.decode(s)",
    None = USE .. "use flask.null",
    config = USE .. "use flask.current_app.config",
    app = USE .. "use flask.current_app",
    render = USE .. "use flask.render_template(name, context)",
}
for name in ([[websocket channel every fetch]]):gmatch("%S+") do
    ELSEWHERE[name] = LATER
end
for name in ([[template_rendered before_render_template request_started request_finished
    request_tearing_down got_request_exception message_flashed appcontext_pushed
    appcontext_popped appcontext_tearing_down]]):gmatch("%S+") do
    ELSEWHERE[name] = USE .. "use flask.signals." .. name
end

return setmetatable(flask, {
    __index = function(_, name)
        local text = ELSEWHERE[name]
        if not text and type(name) == "string" and errors.exceptions[name] then
            text = USE .. "use flask.exceptions." .. name
        end
        misuse.fail("flask.%s %s", tostring(name), text or "does not exist"
            .. misuse.hint(tostring(name), flask))
    end,
})
