-- Testing: load() an app afresh, a client that speaks to it without a socket, a runner for
-- its commands.
local cookies = require "cflask.cookies"
local core = require "cflask.core"
local handling = require "cflask.handling"
local loader = require "cflask.loader"
local misuse = require "cflask.misuse"
local sessions = require "cflask.sessions"
local wire = require "cflask.wire"

local testing = {}

-- testing.load(path, config): the app of a file, a folder or `module:factory`, loaded
-- afresh: the modules of its folder too. TESTING is on; config sets further keys, already
-- while the app is loading. A factory gets the config as its argument.
function testing.load(path, config)
    misuse.check(path, "string", "the path of testing.load")
    local all = {TESTING = true}
    for key, value in pairs(config or {}) do
        all[key] = value
    end
    return (loader.load(path, {fresh = true, config = all}))
end

-- ## Where a request goes

local REQUEST_OPTIONS = {
    method = true, base_url = true, query = true, headers = true, form = true, json = true,
    data = true, files = true, follow_redirects = true, auth = true, environ = true,
    content_type = true,
}

-- A URL in its parts: scheme, host (with its port), path and query (nil without `?`).
local function split_url(url)
    local scheme, host, rest = url:match("^(%a[%w+.-]*)://([^/?#]*)(.*)$")
    if not scheme then
        rest = url
    end
    rest = rest:gsub("#.*$", "")
    local path, query = rest:match("^([^?]*)%??(.*)$")
    return {scheme = scheme and scheme:lower(), host = host, path = path,
            query = rest:find("?", 1, true) and query or nil}
end

local function query_of(url, query)
    if query == nil then
        return url.query
    elseif url.query then
        misuse.fail("the query stands in the path already: leave out query = ...")
    end
    return type(query) == "table" and wire.encode_form(query) or query
end

-- The target of a request: method, scheme, host, path, query, url (path and query).
local function target_of(path, options)
    misuse.check(path, "string", "the path of a request")
    local base = split_url(options.base_url or "http://localhost")
    local url = split_url(path)
    local target = {method = (options.method or "GET"):upper(),
                    scheme = url.scheme or base.scheme or "http",
                    host = url.host or base.host or "localhost"}
    target.path = url.host and url.path or (base.path:gsub("/+$", "")) .. "/"
        .. (url.path:gsub("^/", ""))
    target.path = wire.quote_url(target.path == "" and "/" or target.path)
    target.query = query_of(url, options.query)
    target.url = target.path
    if target.query then
        target.query = wire.quote_url(target.query)
        target.url = target.path .. "?" .. target.query
    end
    return target
end

-- The name of a host without its port, in lower case.
local function host_name(host)
    return (host:lower():gsub(":%d+$", ""))
end

-- ## Answers

local Answer = {}

function Answer:get_json()
    return core.json.decode(self.data)
end

-- What an answer works out when asked: text, json, is_json, mimetype, content_type, ...
local LAZY = {
    text = function(self) return self.data end,
    content_type = function(self) return self.headers["Content-Type"] end,
    content_length = function(self) return tonumber(self.headers["Content-Length"]) end,
    location = function(self) return self.headers.Location end,
    mimetype = function(self)
        return ((self.content_type or ""):match("^%s*([^;%s]*)") or ""):lower()
    end,
    is_json = function(self)
        return self.mimetype == "application/json" or self.mimetype:find("%+json$") ~= nil
    end,
    json = function(self) return self.is_json and self:get_json() or nil end,
}

local answer_meta = {__name = "TestResponse"}

function answer_meta.__index(self, key)
    if LAZY[key] then
        return LAZY[key](self)
    end
    return Answer[key]
end

function answer_meta.__tostring(self)
    return ("<TestResponse [%s]>"):format(self.status)
end

-- ## The client

local Client = {}
local client_meta = {__index = Client, __name = "TestClient"}

-- See app:test_client. `options.cookies = false` makes one that keeps none.
function testing.new_client(app, options)
    options = misuse.options(options, {cookies = true}, "test_client")
    return setmetatable({app = app, jar = options.cookies ~= false and cookies.new()
                         or nil}, client_meta)
end

local function check_client(self)
    if getmetatable(self) ~= client_meta then
        misuse.fail("call the test client's methods with a colon: client:get(path)")
    end
end

local function exchange_options(target, options, is_kept)
    local environ = misuse.options(options.environ, {remote_addr = true, remote_port = true},
                                   "environ")
    return {remote_addr = environ.remote_addr, remote_port = environ.remote_port,
            scheme = target.scheme, keep = is_kept or nil}
end

-- One request and its answer.
local function exchange(self, target, options)
    if core.in_task() then
        misuse.fail("the test client can't be used inside a running request")
    end
    local host, is_secure = host_name(target.host), target.scheme == "https"
    target.cookie = self.jar and self.jar:field(host, target.path, is_secure)
    local bytes = wire.build(target, options)
    local raw, err, body_err = core.exchange(self.app._handle, bytes,
                                             exchange_options(target, options, self.is_kept))
    if raw == nil then
        error(err, 0)
    elseif err and handling.is_propagated(self.app.config) then
        error(body_err, 0)
    end
    local answer = wire.parse(raw)
    answer.history = {}
    answer.request = {
        method = target.method, path = target.path, query_string = target.query or "",
        url = target.scheme .. "://" .. target.host .. target.url,
        base_url = target.scheme .. "://" .. target.host .. target.path, host = target.host,
        scheme = target.scheme, body = bytes:match("\r\n\r\n(.*)$"),
    }
    for _, field in ipairs(self.jar and answer.headers:getlist("Set-Cookie") or {}) do
        self.jar:take(field, host, target.path, is_secure)
    end
    return setmetatable(answer, answer_meta)
end

local REDIRECTS = {[301] = true, [302] = true, [303] = true, [305] = true, [307] = true,
                   [308] = true}

-- Whether a redirect stays with the app: the same host, or one is a subdomain of the other.
local function is_near(from, to)
    from, to = host_name(from), host_name(to)
    return from == to or from:sub(-#to - 1) == "." .. to or to:sub(-#from - 1) == "." .. from
end

-- The path that a relative Location names, without dot segments.
local function resolve(base, path)
    if path:sub(1, 1) ~= "/" then
        path = (base:match("^(.*/)") or "/") .. path
    end
    local parts = {}
    for part in (path .. "/"):gmatch("([^/]*)/") do
        if part == ".." then
            table.remove(parts)
        elseif part ~= "." then
            table.insert(parts, part)
        end
    end
    local resolved = table.concat(parts, "/")
    return resolved:sub(1, 1) == "/" and resolved or "/" .. resolved
end

-- The target and options of the request that follows a redirect: 301, 302 and 303 turn
-- other methods than HEAD into GET without a body.
local function follow(target, options, answer)
    local url = split_url(answer.headers.Location or "")
    local next_target = {method = target.method, scheme = url.scheme or target.scheme,
                         host = url.host or target.host, query = url.query}
    if not is_near(target.host, next_target.host) then
        misuse.fail("the redirect to %s leaves the app: it can't be followed",
                    answer.headers.Location)
    end
    next_target.path = url.path == "" and not url.host and target.path
        or wire.quote_url(resolve(target.path, url.path == "" and "/" or url.path))
    next_target.url = next_target.path .. (url.query and "?" .. wire.quote_url(url.query) or "")
    local kept = {headers = options.headers, auth = options.auth, environ = options.environ}
    if answer.status_code == 307 or answer.status_code == 308 then
        for _, key in ipairs{"form", "json", "data", "files", "content_type"} do
            kept[key] = options[key]
        end
        if type(kept.data) == "function" then
            misuse.fail("a body from a function can't be sent again after a %d",
                        answer.status_code)
        end
    elseif target.method ~= "HEAD" then
        next_target.method = "GET"
    end
    return next_target, kept
end

-- client:open(path, options): sends a request; see "Testing" in API.md.
function Client:open(path, options)
    check_client(self)
    options = misuse.options(options, REQUEST_OPTIONS, "a request of the test client")
    local target = target_of(path, options)
    local answer = exchange(self, target, options)
    local history = {}
    while options.follow_redirects and REDIRECTS[answer.status_code] do
        table.insert(history, answer)
        if #history > 20 then
            misuse.fail("more than 20 redirects, the last one to %s", answer.headers.Location)
        end
        local kept
        target, kept = follow(target, options, answer)
        kept.follow_redirects, options = true, kept
        answer = exchange(self, target, options)
    end
    answer.history = history
    return answer
end

-- client:get(path, options), and so on for the other methods.
for _, verb in ipairs{"get", "post", "put", "patch", "delete", "head", "options"} do
    Client[verb] = function(self, path, options)
        check_client(self)
        local given = {method = verb}
        for key, value in pairs(options or {}) do
            given[key] = value
        end
        return self:open(path, given)
    end
end

-- client:context(fn): calls fn; after a request inside, flask.request and g can still be
-- read there. Returns fn's results.
function Client:context(fn)
    check_client(self)
    misuse.check(fn, "function", "the argument of client:context")
    local function leave(is_fine, ...)
        self.is_kept = nil
        core.release_context()
        if not is_fine then
            error((...), 0)
        end
        return ...
    end
    self.is_kept = true
    return leave(pcall(fn))
end


-- client:session_transaction([path, [options,]] fn(session)): calls fn with the session that
-- the next request will see, and keeps what it changes there. Returns fn's results.
function Client:session_transaction(path, options, fn)
    check_client(self)
    if misuse.is_callable(path) then
        path, fn = "/", path
    elseif misuse.is_callable(options) then
        options, fn = nil, options
    end
    misuse.check(fn, "function", "the last argument of session_transaction")
    local jar = self.jar or misuse.fail("session_transaction: this client keeps no cookies")
    local target = target_of(path, options or {})
    local host, is_secure = host_name(target.host), target.scheme == "https"
    local given = {headers = {}}
    for key, value in pairs(options or {}) do
        given[key] = value
    end
    target.cookie = jar:field(host, target.path, is_secure)
    local function finish(...)
        for _, field in ipairs(sessions.saved(self.app).headers:getlist("Set-Cookie")) do
            jar:take(field, host, target.path, is_secure)
        end
        return ...
    end
    return core.with_request(self.app._handle, wire.build(target, given),
                             exchange_options(target, given), function()
        return sessions.within(self.app, function() return finish(fn(core.session)) end)
    end)
end

local COOKIE_OPTIONS = {
    domain = true, path = true, max_age = true, expires = true, secure = true,
    httponly = true, samesite = true, partitioned = true,
}

local function jar_of(self)
    check_client(self)
    return self.jar or misuse.fail("this client keeps no cookies")
end

-- client:set_cookie(name, value, {domain="localhost", path="/", ...})
function Client:set_cookie(name, value, options)
    local jar = jar_of(self)
    misuse.check(name, "string", "the name of a cookie")
    options = misuse.options(options, COOKIE_OPTIONS, "set_cookie")
    value = tostring(value == nil and "" or value)
    local age = options.max_age
    jar:put{
        name = name, value = value, raw = cookies.quote(value),
        domain = (options.domain or "localhost"):gsub("^%.", ""):lower(),
        is_host_only = options.domain == nil, path = options.path or "/",
        max_age = age, expires = age and os.time() + age or options.expires,
        secure = options.secure or false, httponly = options.httponly or false,
        samesite = options.samesite, partitioned = options.partitioned or false,
    }
end

-- client:get_cookie(name, {domain="localhost", path="/"}): {name=, value=, path=, domain=,
-- expires=, max_age=, secure=, httponly=, samesite=}, or nil.
function Client:get_cookie(name, options)
    options = misuse.options(options, {domain = true, path = true}, "get_cookie")
    return jar_of(self):get(name, options.domain or "localhost", options.path or "/")
end

-- client:delete_cookie(name, {domain="localhost", path="/"})
function Client:delete_cookie(name, options)
    options = misuse.options(options, {domain = true, path = true}, "delete_cookie")
    jar_of(self):put{name = name, domain = options.domain or "localhost",
                     path = options.path or "/", expires = 0}
end

-- Calls fn as if in a request; see app:test_request_context.
function testing.with_request(app, path, options, fn)
    options = misuse.options(options, REQUEST_OPTIONS, "test_request_context")
    local target = target_of(path, options)
    return core.with_request(app._handle, wire.build(target, options),
                             exchange_options(target, options),
                             function() return sessions.within(app, fn) end)
end

-- A request for the path whose context stays: returns a function that calls another one in
-- it, as often as wanted, and returns its results. For the shell.
function testing.hold_request(app, path, options)
    local target = target_of(path, options)
    local held = core.hold_request(app._handle, wire.build(target, options),
                                   exchange_options(target, options))
    return function(fn) return core.within(held, fn) end
end

-- ## The runner

local Runner = {}
local runner_meta = {__index = Runner, __name = "TestCliRunner"}

-- See app:test_cli_runner.
function testing.new_runner(app)
    return setmetatable({app = app}, runner_meta)
end

-- What os.exit raises in a command that a test runs.
local Exit = {__tostring = function(self) return "os.exit(" .. tostring(self.code) .. ")" end}

-- Puts functions in place of print, io.write, io.stdout and os.exit that keep what is written
-- and end the command alone; returns a function that puts the old ones back and gives the text.
local function capture()
    local parts, old_print, old_write = {}, print, io.write
    local old_stdout, old_exit = io.stdout, os.exit
    rawset(_G, "print", function(...)
        local words = {}
        for i = 1, select("#", ...) do
            words[i] = tostring((select(i, ...)))
        end
        table.insert(parts, table.concat(words, "\t") .. "\n")
    end)
    io.write = function(...)
        table.insert(parts, table.concat{...})
        return io.stdout
    end
    io.stdout = {
        write = function(_, ...) return io.write(...) end,
        flush = function(self) return self end,
        setvbuf = function() return true end,
    }
    os.exit = function(code)
        error(setmetatable({code = code == nil or code}, Exit), 0)
    end
    return function()
        rawset(_G, "print", old_print)
        io.write, io.stdout, os.exit = old_write, old_stdout, old_exit
        return table.concat(parts)
    end
end

-- runner:invoke{"init-db", ...}: runs a command of the app; gives output, exit_code and
-- exception (what it raised, or nil).
function Runner:invoke(words)
    if getmetatable(self) ~= runner_meta then
        misuse.fail("call invoke with a colon: runner:invoke{\"name\"}")
    end
    misuse.check(words, "table", "the words of invoke")
    local commands = require "cflask.commands"
    local finish = capture()
    local is_fine, code, exception = pcall(commands.run_own, self.app, words)
    local output = finish()
    if not is_fine then
        error(code, 0)
    elseif getmetatable(exception) == Exit then
        code, exception = commands.status_of(exception.code), nil
    end
    return {output = output, exit_code = code, exception = exception}
end

return testing
