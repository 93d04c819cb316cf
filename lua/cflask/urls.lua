-- url_for: the URL of an endpoint.
local core = require "cflask.core"
local errors = require "cflask.errors"
local misuse = require "cflask.misuse"
local plan = require "cflask.plan"

local urls = {}

-- The arguments that are not values of the rule.
local SPECIAL = {_anchor = "anchor", _external = "external", _scheme = "scheme",
                 _method = "method"}

-- The values of the rule, and the special arguments under the core's names.
local function split(values)
    local plain, special = {}, {}
    for key, value in pairs(values or {}) do
        if SPECIAL[key] then
            special[SPECIAL[key]] = value
        elseif type(key) == "string" and key:sub(1, 1) == "_" and SPECIAL[key:lower()] then
            misuse.fail("url_for: %s is written %s", key, key:lower())
        else
            plain[key] = value
        end
    end
    return plain, special
end

-- The endpoint of a view: of several, the one in the blueprint of the running request.
local function endpoint_of(app, view, blueprint)
    local endpoints = app._endpoints_of[view]
    if not endpoints then
        misuse.fail("url_for: this function is no view of the app %s", app.name)
    end
    for _, endpoint in ipairs(endpoints) do
        if app._blueprint_of[endpoint] == blueprint then
            return endpoint
        end
    end
    return endpoints[1]
end

-- ".name" is relative to the blueprint of the running request.
local function absolute_endpoint(endpoint, blueprint)
    if endpoint:sub(1, 1) ~= "." then
        return endpoint
    elseif blueprint then
        return blueprint .. endpoint
    end
    return endpoint:sub(2)
end

-- Lets the url_defaults functions of the app and the endpoint's blueprints add values.
local function inject_defaults(app, endpoint, values)
    local names = plan.lineage(app._blueprint_of[endpoint])
    table.insert(names, "")
    for i = #names, 1, -1 do
        for _, fn in ipairs(app._functions.url_defaults[names[i]] or {}) do
            fn(endpoint, values)
        end
    end
end

-- Where URLs begin in the running request.
local function request_base(special)
    local request = core.request
    local base = {root_path = request.root_path, host = request.host,
                  scheme = special.scheme or request.scheme,
                  external = special.external}
    if base.external == nil then
        base.external = special.scheme ~= nil
    end
    return base
end

-- Where URLs begin outside of requests, by the config.
local function config_base(app, special)
    local config = app.config
    local base = {host = config.SERVER_NAME or "", external = special.external ~= false,
                  root_path = ((config.APPLICATION_ROOT or "/"):gsub("/+$", "")),
                  scheme = special.scheme or config.PREFERRED_URL_SCHEME or "http"}
    if base.external and not config.SERVER_NAME then
        misuse.fail("url_for outside of a request needs app.config.SERVER_NAME, or "
                    .. "_external = false for the path alone")
    end
    return base
end

local function build_error(details, endpoint, values, method)
    local message = ("there is no URL for the endpoint %q with these values")
        :format(endpoint)
    details = type(details) == "table" and details or {}
    if details.suggested then
        message = message .. ("; did you mean %q?"):format(tostring(details.suggested))
    end
    return errors.BuildError{
        endpoint = endpoint, values = values, method = method,
        suggested = details.suggested, message = details.message or message,
    }
end

-- Asks the url_build_error_handlers; raises when none has a URL.
local function handle_failure(app, err, endpoint, values)
    for _, handler in ipairs(app._url_build_error_handlers) do
        local is_fine, url = pcall(handler, err, endpoint, values)
        if not is_fine and errors.is(url, errors.BuildError) then
            err = url
        elseif not is_fine then
            error(url, 0)
        elseif url ~= nil then
            return url
        end
    end
    error(err, 0)
end

local function check(endpoint, values)
    if type(endpoint) ~= "string" and not misuse.is_callable(endpoint) then
        misuse.fail("url_for needs an endpoint or a view, not %s", misuse.show(endpoint))
    elseif values ~= nil and type(values) ~= "table" then
        misuse.fail("url_for: the values must be a table, not %s", misuse.show(values))
    end
end

-- The running app, or that of the request.
local function running_app()
    return core.current_app() or misuse.fail("url_for needs a running request or "
        .. "app:app_context(fn): there is no current app")
end

-- flask.url_for(endpoint or view, values): see "Routes" in API.md. `app` is the running one
-- unless given. Raises BuildError.
function urls.url_for(endpoint, values, app)
    check(endpoint, values)
    local running = core.current_app()
    app = app or running or running_app()
    local in_request = core.has_request_context() and running == app
    local blueprint = in_request and core.request.blueprint or nil
    if type(endpoint) ~= "string" then
        endpoint = endpoint_of(app, endpoint, blueprint)
    end
    endpoint = absolute_endpoint(endpoint, blueprint)
    local plain, special = split(values)
    if special.scheme and special.external == false then
        misuse.fail("url_for: _scheme needs an external URL, but _external is false")
    end
    inject_defaults(app, endpoint, plain)
    if not app._is_closed then -- registration goes on: the config may have changed
        app.url_map.server_name = app.config.SERVER_NAME
    end
    local base = in_request and request_base(special) or config_base(app, special)
    base.method, base.anchor = special.method, special.anchor
    local url, details = app.url_map:build(endpoint, plain, base)
    if url then
        return url
    end
    for key, name in pairs(SPECIAL) do
        plain[key] = special[name]
    end
    return handle_failure(app, build_error(details, endpoint, plain, special.method),
                          endpoint, plain)
end

return urls
