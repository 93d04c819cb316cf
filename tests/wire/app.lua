-- What the wire tests ask for. Settings come from the environment: WIRE_HEADER_TIMEOUT=1.
local flask = require "cflask"
local app = flask.Flask(...)
local request = flask.request

app.config:from_prefixed_env("WIRE")

-- ## Who has been called

local calls = {} -- the t of a request's query to how many requests had it

app:before_request(function()
    local t = request.query_string:match("t=(%w+)")
    if t then
        calls[t] = (calls[t] or 0) + 1
    end
end)

app:get("/calls/<t>", function(t)
    return tostring(calls[t] or 0)
end)

-- The pages of the app's own, so that a test can tell them from the core's.
for _, code in ipairs{404, 405, 413, 417, 501, 503} do
    app:errorhandler(code, function(err)
        local response = err.response
        response.headers["X-Own"] = tostring(code)
        return response
    end)
end

-- ## What came

local ANY = {"GET", "POST", "PUT", "PATCH", "DELETE"}

app:route("/hello", {methods = ANY}, function()
    return "Hello World!"
end)

app:route("/echo", {methods = ANY}, function()
    return flask.Response(request:get_data(), {
        mimetype = "application/octet-stream", headers = {["X-Method"] = request.method}})
end)

app:route("/size", {methods = ANY}, function()
    return tostring(#request:get_data())
end)

-- The body is there and nobody looks at it.
app:route("/ignore", {methods = ANY}, function()
    return "not looked at"
end)

app:route("/small", {methods = {"POST"}, max_content_length = 100}, function()
    return tostring(#request:get_data())
end)

app:route("/small/ignored", {methods = {"POST"}, max_content_length = 100}, function()
    return "not looked at"
end)

app:route("/headers", {methods = ANY}, function()
    local found = {}
    for name, value in pairs(request.headers) do
        found[name:lower()] = value
    end
    return found
end)

-- An app of its own: hooks of the limiter would stand in each request's way here.
local limited = flask.Flask("limited", {static_folder = false})
local limiter = flask.limiter(limited, {key = function() return request.args.k end})
limited:get("/", limiter:limit("2/hour")(function() return "within the limit" end))
app:mount("/limited", limited)

local loaded = flask.security.random_token(8)
app:get("/loaded", function() return loaded end)

app:get("/client", function()
    return {remote_addr = request.remote_addr, url = request.url}
end)

app:get("/args", function()
    local found = flask.json.array{}
    for key, value in request.args:items{multi = true} do
        found[#found + 1] = flask.json.array{key, value}
    end
    return {args = found, query = request.query_string}
end)

app:get("/path/<path:rest>", function(rest)
    return {path = request.path, rest = rest}
end)

app:get("/where", function()
    return {url = request.url, host = request.host, path = request.path,
            remote_addr = request.remote_addr, scheme = request.scheme}
end)

-- ## Answers

local bodies = {} -- made once: to make one takes longer than to send it

app:get("/big/<int:n>", function(n)
    bodies[n] = bodies[n] or string.rep("0123456789abcdef", math.floor(n / 16))
    return bodies[n]
end)

app:route("/status/<int:code>", {methods = ANY}, function(code)
    return "a body", code
end)

app:get("/file", function()
    return flask.send_file(flask.env("WIRE_FILE"))
end)

-- What views may do to a head, by name.
local HEADS = {
    newline = {["X-A"] = "a\r\nX-Evil: 1"},
    fold = {["X-A"] = "a\r\n X-Evil: 1"},
    lf = {["X-A"] = "a\nX-Evil: 1"},
    cr = {["X-A"] = "a\rX-Evil: 1"},
    nul = {["X-A"] = "a\0b"},
    vt = {["X-A"] = "a\vb"},
    del = {["X-A"] = "a\127b"},
    soh = {["X-A"] = "a\1b"},
    name_space = {["X-Exam x"] = "a"},
    name_colon = {["X-A:"] = "a"},
    name_newline = {["X-A\r\nX-Evil"] = "a"},
    name_empty = {[""] = "a"},
    length = {["Content-Length"] = "3"},
    length_of_words = {["Content-Length"] = "many"},
    coding = {["Transfer-Encoding"] = "chunked"},
    location = {["Location"] = "/a\r\nX-Evil: 1"},
    location_text = {["Location"] = "/caf\195\169 x\"<>"},
    keep_alive = {["Connection"] = "keep-alive, X-A"},
    close = {["Connection"] = "close"},
    date = {["Date"] = "Thu, 01 Jan 1970 00:00:00 GMT"},
}

app:get("/head/<name>", function(name)
    return "Hello World!", 200, HEADS[name]
end)

app:get("/reason", function()
    return "Hello World!", "200 OK\r\nX-Evil: 1"
end)

app:get("/cookie", function()
    local response = flask.Response("Hello World!")
    response:set_cookie("a", request.args:get("value"))
    return response
end)

app:get("/redirect", function()
    return flask.redirect(request.args:get("to"))
end)

-- ## Streams

local function parts(n, size)
    local i = 0
    return function()
        i = i + 1
        return i <= n and string.rep(string.char(96 + (i - 1) % 26 + 1), size) or nil
    end
end

app:route("/stream/<int:n>/<int:size>", {methods = {"GET", "POST"}}, parts)

app:get("/stream/length/<int:said>/<int:given>", function(said, given)
    return parts(given, 1), 200, {["Content-Length"] = said}
end)

app:get("/stream/error/<int:n>", function(n)
    local next_part = parts(n, 10)
    return function()
        return next_part() or error("the stream has failed")
    end
end)

app:get("/stream/pause/<float:seconds>", function(seconds)
    local next_part = parts(2, 5)
    return function()
        local part = next_part()
        if part and part:sub(1, 1) == "b" then
            flask.sleep(seconds)
        end
        return part
    end
end)

app:get("/stream/status/<int:code>", function(code)
    return parts(3, 5), code
end)

local CHUNK = string.rep("x", 65536)
local ended = {} -- the t of an endless stream that has ended

app:get("/endless", function()
    local response = flask.Response(function()
        return CHUNK
    end)
    local t = request.args:get("t", "none")
    response:call_on_close(function()
        ended[t] = true
    end)
    return response
end)

app:get("/ended/<t>", function(t)
    return tostring(ended[t] or false)
end)

-- ## Templates whose function waits until /template/release has been asked for

local released = {}

app:template_global("wait_for", function(token)
    while not released[token] do
        flask.sleep(0.01)
    end
    return token
end)

local WAITING = "<b>{{ request.path }} {{ wait_for(token) }}</b>"

app:get("/template/render/<token>", function(token)
    return flask.render_template_string(WAITING, {token = token})
end)

app:get("/template/stream/<token>", function(token)
    return flask.stream_template_string(WAITING, {token = token})
end)

app:get("/template/release/<token>", function(token)
    released[token] = true
    return "released"
end)

-- ## Waiting

app:get("/sleep/<seconds>", function(seconds)
    flask.sleep(tonumber(seconds))
    return "slept"
end)

app:get("/sleep/then/big/<float:seconds>", function(seconds)
    flask.sleep(seconds)
    return string.rep("0123456789abcdef", 65536)
end)

-- ## Computing without end

local function loop()
    while true do end
end

local function stubborn()
    while true do pcall(loop) end
end

local endless = {
    bare = loop,
    pcall = stubborn,
    own = function() coroutine.wrap(stubborn)() end,
    template = function()
        local env = require("cflask.jinja").Environment{}
        return env:from_string("{% for i in range(100000) %}{% for j in range(100000) %}"
                               .. "{% endfor %}{% endfor %}"):render{}
    end,
    stream = function()
        return flask.stream(function(write)
            write("first")
            stubborn()
        end)
    end,
    spawn = function()
        flask.spawn(stubborn)
        return "spawned"
    end,
    sleep = function() -- not computing, but blocking
        os.execute("sleep 0.1")
        return "slept"
    end,
}

app:get("/hash/<int:iterations>", function(iterations)
    local security = flask.security
    local hash = security.generate_password_hash("x", {
        method = "pbkdf2:sha256:" .. iterations})
    return tostring(hash:find("^pbkdf2:sha256:" .. iterations) ~= nil)
end)

function endless.deep()
    local function deeper(n) return 1 + deeper(n + 1) end
    local _, raised = pcall(deeper, 1)
    error(raised, 0)
end

app:get("/compute/<kind>", function(kind)
    return endless[kind]()
end)

return app
