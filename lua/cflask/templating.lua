-- Flask's side of the templates: one environment per app, where its templates are, what they
-- see. The engine is server/jinja.
local core = require "cflask.core"
local csrf = require "cflask.csrf"
local errors = require "cflask.errors"
local jinja = require "cflask.jinja"
local misuse = require "cflask.misuse"
local paths = require "cflask.paths"
local plan = require "cflask.plan"
local sessions = require "cflask.sessions"
local signals = require "cflask.signals"
local urls = require "cflask.urls"

local templating = {}

-- ## Errors

-- The text of a template's error: what, where, the folders that were searched, the line.
local function describe(err)
    local text = ("%s: %s"):format(tostring(err.type), tostring(err.message))
    if err.lineno then
        text = ("%s (%s, line %d)"):format(text, err.filename or err.name or "<template>",
                                           err.lineno)
    end
    if err.searched then
        text = text .. (err.searched[1] and "; looked in " .. table.concat(err.searched, ", ")
            or "; the app has no template folder")
    end
    return err.source and text .. "\n    " .. err.source:match("^%s*(.*)$") or text
end

-- A class for each type of the engine's errors. Their `name` is the template's, or nil.
local CLASSES = {TemplateError = errors.TemplateError}

jinja.set_error_class(function(name, parent)
    local class = CLASSES[name]
        or errors.new_class(name, CLASSES[parent] or errors.TemplateError)
    CLASSES[name] = class
    local meta = errors.meta_of(class)
    meta.__tostring = describe
    meta.__index = function(_, key)
        if key ~= "name" then
            return class[key]
        end
    end
    return meta
end)

-- ## Where templates are

-- The places in which an app's templates are looked for: its own folder, then those of its
-- blueprints in the order in which they were registered. Each has what it is and a loader.
local function places_of(app)
    local places = {}
    local function add(owner, what)
        local loader = rawget(owner, "jinja_loader")
        if not loader and owner.template_folder then
            loader = paths.join(owner.root_path, owner.template_folder)
        end
        if loader then
            table.insert(places, {what = what, loader = loader})
        end
    end
    add(app, ("application '%s'"):format(app.name))
    for _, name in ipairs(app._blueprint_order) do
        local bp = app.blueprints[name]
        add(bp, ("blueprint '%s' (%s)"):format(bp.name, bp.import_name))
    end
    return places
end

-- The source, its path and what tells whether it is still so; nil when it isn't there.
local function load_from(place, name)
    local loader = place.loader
    if type(loader) == "string" then
        return jinja.load_file(loader, name)
    elseif type(loader) == "function" then
        return loader(name)
    end
    return loader[name]
end

-- A template is fresh as long as no earlier folder has one of its name.
local function freshness(places, last, name, is_fresh)
    return function()
        for i = 1, last - 1 do
            local folder = places[i].loader
            if type(folder) == "string" and jinja.stamp(paths.join(folder, name)) then
                return false
            end
        end
        return not is_fresh or is_fresh()
    end
end

-- EXPLAIN_TEMPLATE_LOADING: logs where a template was looked for and where it is.
local function explain(app, name, places)
    local lines, found = {("Locating template '%s':"):format(name)}, 0
    for i, place in ipairs(places) do
        table.insert(lines, ("%5d: trying loader of %s"):format(i, place.what))
        if type(place.loader) == "string" then
            table.insert(lines, "       searchpath:\n         - " .. place.loader)
        end
        local source, path = load_from(place, name)
        found = found + (source and 1 or 0)
        table.insert(lines, source and ("       -> found ('%s')"):format(path or "<string>")
            or "       -> no match")
    end
    if found == 0 then
        table.insert(lines, "Error: the template could not be found.")
    elseif found > 1 then
        table.insert(lines, "Warning: multiple loaders returned a match for the template.")
    end
    if found ~= 1 and core.has_request_context() and core.request.blueprint then
        table.insert(lines, ("  The template was looked up from an endpoint that belongs to "
            .. "the blueprint '%s'."):format(core.request.blueprint))
        table.insert(lines, "  Maybe it stands in the wrong folder?")
    end
    app.logger:info("%s", table.concat(lines, "\n"))
end

local function load(app, env, name)
    local places = places_of(app)
    for i = 1, math.max(#places, #env.search_path) do
        local loader = places[i] and places[i].loader
        env.search_path[i] = type(loader) == "string" and loader
            or loader and "<" .. type(loader) .. ">" or nil
    end
    if app.config.EXPLAIN_TEMPLATE_LOADING then
        explain(app, name, places)
    end
    for i, place in ipairs(places) do
        local source, path, is_fresh = load_from(place, name)
        if source then
            return source, path, freshness(places, i, name, is_fresh)
        end
    end
end

-- ## The environment

local SAFE = {html = true, htm = true, xml = true, xhtml = true, svg = true}

-- Whether a template's output is escaped: by its extension; strings are.
local function autoescape(name)
    return name == nil or SAFE[(name:match("%.([^./]+)$") or ""):lower()] or false
end

local EXTENSIONS = {["do"] = "do", loopcontrols = "loopcontrols", i18n = "i18n",
                    debug = "debug", autoescape = false, with_ = false}

-- The engine's name of an extension, which may be called as in Python: "jinja2.ext.do". False
-- for what is part of the language by now.
local function extension(name)
    local known = EXTENSIONS[tostring(name):match("^jinja2%.ext%.(.*)$") or name]
    if known == nil then
        misuse.fail("there is no extension %s of templates: there are do, loopcontrols, "
                    .. "i18n, debug", misuse.show(name))
    end
    return known
end

local Env = {}

-- env:add_extension("do" | "loopcontrols" | "i18n" | "debug")
function Env:add_extension(name)
    table.insert(self.extensions, extension(name) or nil)
end

-- env:install_gettext_callables(gettext, ngettext, newstyle): the functions that translate.
function Env:install_gettext_callables(gettext, ngettext, newstyle)
    self.i18n = {gettext = gettext, ngettext = ngettext, newstyle = newstyle}
end

-- env:install_null_translations(newstyle): texts stay as they are.
function Env:install_null_translations(newstyle)
    self.i18n = {null = true, newstyle = newstyle}
end

local OPTIONS = {}
for name in ([[loader autoescape trim_blocks lstrip_blocks keep_trailing_newline
    newline_sequence block_start_string block_end_string variable_start_string
    variable_end_string comment_start_string comment_end_string line_statement_prefix
    line_comment_prefix undefined extensions filters tests globals policies i18n auto_reload
    cache_size max_size]]):gmatch("%S+") do
    OPTIONS[name] = true
end

local function set_option(env, name, value)
    if not OPTIONS[name] then
        misuse.fail("app.jinja_env has no option %s%s", misuse.show(name),
                    misuse.hint(tostring(name), OPTIONS))
    end
    rawset(env, name, value)
end

-- `{% if session %}`: whether there is a request, and something in its session.
getmetatable(core.session).__bool = function(session)
    if not core.has_request_context() then
        return false
    end
    local next_pair, state, key = core.pairs(session)
    return next_pair(state, key) ~= nil
end

-- What every template sees. Macros that are imported see it too, as in Flask.
local function add_globals(app, globals)
    globals.config, globals.request, globals.g = app.config, core.request, core.g
    globals.session = core.session
    function globals.url_for(endpoint, values)
        return urls.url_for(endpoint, values, app)
    end
    globals.get_flashed_messages = {params = {"with_categories", "category_filter"},
        fn = function(with_categories, category_filter)
            return sessions.get_flashed_messages{with_categories = with_categories,
                                                 category_filter = category_filter}
        end}
    globals.csrf_token = csrf.token
end

-- app.jinja_env: made when it is first asked for.
function templating.environment(app)
    local env
    env = jinja.Environment{
        loader = function(name) return load(app, env, name) end,
        autoescape = autoescape, extensions = {},
    }
    env.search_path, env._app, env._strings, env._n_strings = {}, app, {}, 0
    add_globals(app, env.globals)
    local methods = setmetatable(Env, getmetatable(env))
    return setmetatable(env, {__index = methods, __newindex = set_option,
                              __name = "jinja_env"})
end

-- The functions of the i18n extension, which an environment has when it is made with it.
local function add_i18n(env)
    local full = jinja.Environment{extensions = {"i18n"}, i18n = {null = true}}
    for _, name in ipairs{"_", "gettext", "pgettext", "ngettext", "npgettext"} do
        if env.globals[name] == nil then
            env.globals[name] = full.globals[name]
        end
    end
end

-- Fills in, before the first template is asked for, what depends on the config.
local function prepare(env)
    local app, names = env._app, {}
    rawset(env, "_is_ready", true)
    for _, name in ipairs(env.extensions) do
        table.insert(names, extension(name) or nil)
        if name == "i18n" or name == "jinja2.ext.i18n" then
            add_i18n(env)
        end
    end
    env.extensions = names
    if env.auto_reload == nil then
        env.auto_reload = app.config.TEMPLATES_AUTO_RELOAD
    end
    if env.auto_reload == nil then
        env.auto_reload = app.config.DEBUG and true or false
    end
    if app.json.ensure_ascii == false and env.policies["json.dumps_kwargs"] == nil then
        env.policies["json.dumps_kwargs"] = {ensure_ascii = false}
    end
    return env
end

local function ready(app)
    local env = app.jinja_env
    return env._is_ready and env or prepare(env)
end

for _, name in ipairs{"get_template", "select_template", "get_or_select_template",
                      "from_string"} do
    Env[name] = function(env, ...)
        return getmetatable(Env)[name](ready(env._app), ...)
    end
end

-- ## What a render sees

local NONE = {}

local function extend(list, functions)
    for _, fn in ipairs(functions or NONE) do
        table.insert(list, fn)
    end
end

-- The context processors of the running request: the app's, then those of its blueprints
-- from the outermost in. Kept once registration is closed.
local function processors_of(app)
    local registry = app._functions.context_processor
    if next(registry) == nil then
        return NONE
    end
    local blueprint = core.has_request_context() and core.request.blueprint or nil
    local kept = app._processors[blueprint or ""]
    if kept then
        return kept
    end
    local list, names = {}, plan.lineage(blueprint)
    extend(list, registry[""])
    for i = #names, 1, -1 do
        extend(list, registry[names[i]])
    end
    if app._is_closed then
        app._processors[blueprint or ""] = list
    end
    return list
end

local function copy_into(merged, values)
    local each = getmetatable(values) == nil and pairs or core.pairs
    for key, value in each(values) do
        merged[key] = value
    end
end

local function from_processor(fn)
    local values = fn()
    if type(values) ~= "table" then
        local info = type(fn) == "function" and debug.getinfo(fn, "S") or {}
        error(("a context processor (%s:%d) must return a table, not %s"):format(
            info.short_src or "?", info.linedefined or 0, misuse.show(values)), 0)
    end
    return values
end

-- The variables of one render: those of the context processors, then those that were passed.
-- Without processors and listeners it is the table that was passed.
local function context_of(app, context, what)
    if context == nil then
        context = NONE
    elseif type(context) ~= "table" or rawget(context, 1) ~= nil then
        misuse.fail("%s: the variables must be a table such as {name = value}, not %s", what,
                    type(context) == "table" and "a list" or misuse.show(context))
    end
    local processors = processors_of(app)
    local is_observed = signals.before_render_template.receivers[1]
        or signals.template_rendered.receivers[1]
    if not processors[1] and not is_observed and getmetatable(context) == nil then
        return context
    end
    local merged = {g = core.g}
    if core.has_request_context() then
        merged.request, merged.session = core.request, core.session
    end
    for _, fn in ipairs(processors) do
        copy_into(merged, from_processor(fn))
    end
    copy_into(merged, context)
    return merged
end

-- ## Rendering

local function running(what)
    return core.current_app() or misuse.fail("%s needs a running request or "
        .. "app:app_context(fn): there is no current app", what)
end

local function send(name, app, template, context)
    local signal = signals[name]
    if signal.receivers[1] then
        signal:send(app, {template = template, context = context})
    end
end

local function render(app, template, context, what)
    context = context_of(app, context, what)
    send("before_render_template", app, template, context)
    local text = template:render(context)
    send("template_rendered", app, template, context)
    return text
end

-- A body whose chunks are rendered as the client takes them.
local function stream(app, template, context, what)
    context = context_of(app, context, what)
    send("before_render_template", app, template, context)
    local next_chunk, is_done = template:stream(context), false
    return function()
        local chunk = not is_done and next_chunk() or nil
        if chunk == nil and not is_done then
            is_done = true
            send("template_rendered", app, template, context)
        end
        return chunk
    end
end

local function by_name(app, name, what)
    if type(name) ~= "string" and type(name) ~= "table" then
        misuse.fail("%s needs a template's name, or a list of names, not %s", what,
                    misuse.show(name))
    end
    return ready(app):get_or_select_template(name)
end

-- The template of a source; each is compiled once.
local function by_source(app, source, what)
    local env = ready(app)
    local template = env._strings[source]
    if template then
        return template
    end
    misuse.check(source, "string", "the source of " .. what)
    template = env:from_string(source)
    if env._n_strings >= env.cache_size then
        env._strings, env._n_strings = {}, 0
    end
    env._strings[source], env._n_strings = template, env._n_strings + 1
    return template
end

for name, way in pairs{
    render_template = {by_name, render}, render_template_string = {by_source, render},
    stream_template = {by_name, stream}, stream_template_string = {by_source, stream},
} do
    local find, run = way[1], way[2]
    -- flask.render_template(name or list, context), flask.render_template_string(source,
    -- context): the text. flask.stream_template(...), flask.stream_template_string(...): a
    -- body. Raise TemplateError's children.
    templating[name] = function(what, context)
        local app = running(name)
        return run(app, find(app, what, name), context, name)
    end
end

-- flask.get_template_attribute(name, attribute): a macro, or a variable, that the template
-- sets at its top.
function templating.get_template_attribute(name, attribute)
    local app = running("get_template_attribute")
    local value = by_name(app, name, "get_template_attribute").module[attribute]
    if value == nil then
        misuse.fail("the template %s has no macro or variable %s", misuse.show(name),
                    misuse.show(attribute))
    end
    return value
end

-- ## Filters, tests, globals

-- The names of fn's parameters as the engine takes them: of all. The value's own may be left
-- out for filters and tests.
local function all_params(fn, params, kind)
    local info = type(fn) == "function" and debug.getinfo(fn, "u") or {}
    if kind ~= "globals" and info.nparams == #params + 1 and not info.isvararg then
        params = {"", (table.unpack or unpack)(params)} -- luacheck: globals unpack
    end
    return params
end

local function check(name, fn, params, what)
    if type(name) ~= "string" then
        misuse.fail("%s needs a name first, as in app:%s(\"name\", fn), not %s", what, what,
                    misuse.show(name))
    end
    misuse.check(fn, "function", ("the function of %s %q"):format(what, name))
    for _, param in ipairs(params and misuse.check(params, "table", "the names of the "
                                                   .. "parameters") or NONE) do
        misuse.check(param, "string", "a parameter's name")
    end
end

-- Makes register(self, name, fn, params) of the kind "filters", "tests" or "globals", for a
-- scaffold's `what`; put(self, kind, name, entry) keeps it.
local function registering(what, kind, put)
    return function(self, name, fn, params)
        if type(fn) == "string" and misuse.is_callable(name) then
            name, fn = fn, name -- as Flask's add_template_filter(fn, name)
        end
        if type(self) ~= "table" or self._check_open == nil then
            misuse.fail("%s is a method: call it with a colon", what)
        end
        self:_check_open(what)
        check(name, fn, params, what)
        local entry = fn
        if params then
            local call = type(fn) == "function" and fn or function(...) return fn(...) end
            entry = {fn = call, params = all_params(fn, params, kind)}
        end
        put(self, kind, name, entry)
        return fn
    end
end

local KINDS = {filter = "filters", test = "tests", global = "globals"}

local function put_into_app(app, kind, name, entry)
    app.jinja_env[kind][name] = entry
end

local function put_later(bp, kind, name, entry)
    table.insert(bp._steps, function(state)
        if state.first_registration then
            put_into_app(state.app, kind, name, entry)
        end
    end)
end

-- Gives a class app:template_filter(name, fn, {parameter names}), template_test,
-- template_global, and the same with add_ in front; blueprints have them with app_. Each
-- returns fn.
function templating.mix_into(class, is_blueprint)
    for word, kind in pairs(KINDS) do
        local what = (is_blueprint and "app_" or "") .. "template_" .. word
        local register = registering(what, kind, is_blueprint and put_later or put_into_app)
        class[what], class["add_" .. what] = register, register
    end
end

-- app.jinja_options = {...}: options of app.jinja_env, all at once.
function templating.set_options(app, options)
    misuse.check(options, "table", "app.jinja_options")
    for name, value in pairs(options) do
        if type(app.jinja_env[name]) == "table" and name ~= "extensions" then
            copy_into(app.jinja_env[name], value)
        else
            app.jinja_env[name] = value
        end
    end
end

return templating
