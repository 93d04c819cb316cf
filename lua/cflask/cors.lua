-- flask.cors: which other origins' pages may read what the app answers (the Fetch standard,
-- section 3.2), with Flask-CORS' names and defaults.
local core = require "cflask.core"
local misuse = require "cflask.misuse"
local vary = require "cflask.vary"

local METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"}

local OPTIONS = {
    origins = true, methods = true, allow_headers = true, expose_headers = true,
    supports_credentials = true, max_age = true, resources = true, automatic_options = true,
}

-- ## Options

local function as_list(value, name)
    if type(value) == "string" then
        return {value}
    end
    for _, item in ipairs(misuse.check(value, "table", "cors: " .. name)) do
        misuse.check(item, "string", "cors: each of " .. name)
    end
    return value
end

local function lower_set(list)
    local set = {}
    for _, item in ipairs(list) do
        set[item:lower()] = true
    end
    return set
end

-- Text as a pattern for itself; "*" stands for what `star` says.
local function pattern_of(text, star)
    local escaped = text:gsub("[%^$()%%.%[%]+%-?]", "%%%0"):gsub("%*", (star:gsub("%%", "%%%%")))
    return "^" .. escaped .. "$"
end

-- Adds one entry of `origins` to the set.
local function add_origin(set, entry)
    if type(entry) == "function" then
        table.insert(set.tests, entry)
    elseif type(entry) ~= "string" then
        misuse.fail("cors: an origin is a string such as \"https://a.test\", a pattern or a "
                    .. "function, not %s", misuse.show(entry))
    elseif entry == "*" then
        set.is_any = true
    elseif entry:sub(1, 1) == "^" then
        if entry:sub(-1) ~= "$" or entry:sub(-2) == "%$" then
            misuse.fail("cors: the pattern %s must end with \"$\": an origin that goes on is "
                        .. "another's", misuse.show(entry))
        end
        if not pcall(string.find, "", entry) then
            misuse.fail("cors: %s is no pattern of Lua's", misuse.show(entry))
        end
        table.insert(set.patterns, entry)
    elseif entry == "null" then
        set.exact[entry] = true
    elseif not entry:find("^[%a][%w+.-]*://[^/%s]+$") then
        misuse.fail("cors: %s is no origin: scheme and host, and a port if it is not the "
                    .. "scheme's own, without a slash at the end", misuse.show(entry))
    elseif entry:find("*", 1, true) then
        table.insert(set.patterns, pattern_of(entry:lower(), "[%w.-]+"))
    else
        set.exact[entry:lower()] = true
    end
end

-- {exact=, patterns=, tests=, is_any=} of what `origins` may be.
local function read_origins(origins)
    local set = {exact = {}, patterns = {}, tests = {}}
    for _, entry in ipairs(type(origins) == "table" and origins or {origins}) do
        add_origin(set, entry)
    end
    return set
end

local function sorted_upper(list)
    local upper = {}
    for i, method in ipairs(list) do
        upper[i] = method:upper()
    end
    table.sort(upper)
    return upper
end

-- What is said of one resource, made of the options and of those that it has itself.
local function read_policy(options, own)
    local function option(name, default)
        if own[name] ~= nil then
            return own[name]
        elseif options[name] ~= nil then
            return options[name]
        end
        return default
    end
    local max_age = option("max_age", false)
    if max_age and (type(max_age) ~= "number" or max_age < 0) then
        misuse.fail("cors: max_age is a number of seconds, not %s", misuse.show(max_age))
    end
    local methods = sorted_upper(as_list(option("methods", METHODS), "methods"))
    local headers = as_list(option("allow_headers", "*"), "allow_headers")
    return {
        origins = read_origins(option("origins", "*")), methods = table.concat(methods, ", "),
        has_method = lower_set(methods), allows_all_headers = headers[1] == "*",
        headers = lower_set(headers),
        exposed = table.concat(as_list(option("expose_headers", {}), "expose_headers"), ", "),
        has_credentials = option("supports_credentials", false) and true or false,
        max_age = max_age and ("%d"):format(max_age),
        is_automatic = option("automatic_options", true),
    }
end

-- The resources as a list of {pattern=, policy=}, the longest path first; all paths where
-- none is named.
local function read_resources(options)
    local resources, list = options.resources, {}
    if resources == nil then
        return {{pattern = "^", policy = read_policy(options, {})}}
    end
    if type(resources) == "string" then
        resources = {resources}
    end
    for path, own in pairs(misuse.check(resources, "table", "cors: resources")) do
        if type(path) == "number" then
            path, own = own, {}
        end
        misuse.check(path, "string", "cors: the path of a resource")
        misuse.options(own, OPTIONS, "the resource " .. path .. " of cors")
        table.insert(list, {path = path, pattern = pattern_of(path, ".*"),
                            policy = read_policy(options, own)})
    end
    table.sort(list, function(a, b)
        if #a.path ~= #b.path then
            return #a.path > #b.path
        end
        return a.path < b.path
    end)
    return list
end

-- ## Requests

-- Whether the policy lets pages of the origin in.
local function allows(policy, origin)
    local set, lower = policy.origins, origin:lower()
    if set.is_any or set.exact[lower] then
        return true
    end
    for _, pattern in ipairs(set.patterns) do
        if lower:find(pattern) then
            return true
        end
    end
    for _, test in ipairs(set.tests) do
        if test(origin) then
            return true
        end
    end
    return false
end

-- Whether every origin gets the same answer, which caches may then keep for all.
local function is_same_for_all(policy)
    return policy.origins.is_any and not policy.has_credentials
end

local function policy_for(resources, path)
    for _, resource in ipairs(resources) do
        if path:find(resource.pattern) then
            return resource.policy
        end
    end
end

local function is_preflight(request)
    return request.method == "OPTIONS" and request.origin ~= nil
        and request.headers:get("Access-Control-Request-Method") ~= nil
end

-- Those of the asked-for headers that are allowed, as they were asked for.
local function allowed_headers(policy, asked)
    local names = {}
    for name in asked:gmatch("[^,%s]+") do
        if policy.allows_all_headers or policy.headers[name:lower()] then
            table.insert(names, name)
        end
    end
    table.sort(names)
    return table.concat(names, ", ")
end

local function add_preflight_fields(policy, request, headers)
    local method = request.headers:get("Access-Control-Request-Method")
    if not policy.has_method[method:lower()] then
        return
    end
    headers["Access-Control-Allow-Methods"] = policy.methods
    local asked = request.headers:get("Access-Control-Request-Headers")
    local names = asked and allowed_headers(policy, asked) or ""
    if names ~= "" then
        headers["Access-Control-Allow-Headers"] = names
    end
    headers["Access-Control-Max-Age"] = policy.max_age or nil
end

-- The fields of an answer. One that has Access-Control-Allow-Origin keeps what it says.
local function add_fields(policy, request, response)
    local headers, origin = response.headers, request.origin
    if headers:has("Access-Control-Allow-Origin") then
        return
    end
    if not is_same_for_all(policy) then
        vary.add(response, "Origin")
    end
    if not origin or not allows(policy, origin) then
        return
    end
    headers["Access-Control-Allow-Origin"] = is_same_for_all(policy) and "*" or origin
    if policy.has_credentials then
        headers["Access-Control-Allow-Credentials"] = "true"
    end
    if is_preflight(request) then
        add_preflight_fields(policy, request, headers)
    elseif policy.exposed ~= "" then
        headers["Access-Control-Expose-Headers"] = policy.exposed
    end
end

-- The before_request function. A preflight never has cookies or credentials, so that other
-- hooks would take it for a stranger's: it is answered before them.
local function answer_preflight(resources)
    local request = core.request
    local policy = is_preflight(request) and request.url_rule
        and policy_for(resources, request.path)
    if policy and policy.is_automatic then
        return core.Response("", {status = 200})
    end
end

-- The after_request function. Of several the innermost, a blueprint's, decides.
local function finish(resources, response)
    local request, private = core.request, core.private()
    local policy = not private.cors and policy_for(resources, request.path)
    if policy then
        private.cors = true
        add_fields(policy, request, response)
    end
end

-- flask.cors(app or blueprint, {origins=, methods=, allow_headers=, expose_headers=,
-- supports_credentials=, max_age=, resources=, automatic_options=}). Returns its first
-- argument.
local function cors(app, options)
    if type(app) ~= "table" or rawget(app, "_functions") == nil then
        misuse.fail("flask.cors needs an app or a blueprint, not %s", misuse.show(app))
    end
    local resources = read_resources(misuse.options(options, OPTIONS, "flask.cors"))
    app:before_request(function() return answer_preflight(resources) end)
    local hooks = app._functions.before_request[""]
    table.insert(hooks, 1, table.remove(hooks))
    app:after_request(function(response) finish(resources, response) end)
    if app.extensions then
        app.extensions.cors = app.extensions.cors or {}
        table.insert(app.extensions.cors, resources)
    end
    return app
end

return cors
