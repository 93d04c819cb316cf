local flask = require "cflask"

local session = flask.session

-- Flask 3.1 wrote these at 1700000000 with the secret "dev".
local FLASHES = "eyJfZmxhc2hlcyI6W3siIHQiOlsibWVzc2FnZSIsImhpIl19XSwidXNlcl9pZCI6MX0"
    .. ".ZVPxAA.uCwFwPI1ngd9XIuBpFV0QCS_4vw"
local PACKED = ".eJyrVspWslJKHCZAqRYAlOZN7g.ZVPxAA.2SgJnjYSnz0GGrA-5GSsSqAThPI"
local EVER = 1e10 -- seconds

-- An app whose view at / does what the test wants.
local function new_app(config)
    local app = flask.Flask("sessions")
    app.config.TESTING = true
    app.config.SECRET_KEY = "dev"
    app.config.PERMANENT_SESSION_LIFETIME = EVER
    for key, value in pairs(config or {}) do
        app.config[key] = value
    end
    local does = {}
    app:get("/", function()
        return does.view() or "done"
    end)
    app:get("/untouched", function() return "untouched" end)
    local client = app:test_client()
    local function visit(view, path)
        does.view = view
        return client:get(path or "/")
    end
    return visit, client, app
end

local function contents()
    local parts = {}
    for key, value in pairs(session) do
        table.insert(parts, key .. "=" .. flask.json.encode(value))
    end
    return table.concat(parts, " ")
end

local function cookies(answer)
    return answer.headers:getlist("Set-Cookie")
end

-- A cookie with that JSON in it, signed as Flask does.
local function signed(json, secret)
    local core = require "cflask.core"
    return core.signer({secret or "dev"}, "cookie-session", "hmac", "sha1")
        :sign_timed(core.pack_payload(json))
end

describe("the session", function()
    it("keeps what it is given for the client's next request", function()
        local visit = new_app()
        visit(function() session.user_id, session.name = 3, "Ann" end)
        assert.equal('name="Ann" user_id=3', visit(contents).text)
        visit(function() session.name = nil end)
        assert.equal("user_id=3", visit(contents).text)
    end)

    it("is read from Flask's cookies", function()
        local visit, client = new_app()
        client:set_cookie("session", FLASHES)
        assert.equal('_flashes=[["message","hi"]] user_id=1', visit(contents).text)
        client:set_cookie("session", PACKED)
        assert.equal(("a"):rep(200), visit(function() return session.k end).text)
    end)

    it("is neither read nor sent where nobody asks for it", function()
        local visit = new_app()
        local answer = visit(nil, "/untouched")
        assert.same({}, cookies(answer))
        assert.is_nil(answer.headers.Vary)
    end)

    it("varies the answer by Cookie once it is read, and is not sent unchanged", function()
        local visit = new_app()
        visit(function() session.a = 1 end)
        local answer = visit(contents)
        assert.equal("Cookie", answer.headers.Vary)
        assert.same({}, cookies(answer))
    end)

    it("joins Cookie to the Vary that a view has set, once", function()
        local visit = new_app()
        local function with(vary)
            return visit(function()
                session.a = 1
                return flask.Response("", {headers = {Vary = vary}})
            end).headers:getlist("Vary")
        end
        assert.same({"Accept-Encoding, Cookie"}, with("Accept-Encoding"))
        assert.same({"cookie, Accept"}, with("cookie, Accept"))
    end)

    it("is sent when a table inside of it has changed", function()
        local visit = new_app()
        visit(function() session.cart = {items = {}} end)
        local answer = visit(function() session.cart.items.tea = 2 end)
        assert.equal(1, #cookies(answer))
        assert.equal('cart={"items":{"tea":2}}', visit(contents).text)
        assert.same({}, cookies(visit(function() return tostring(session.cart.items.tea) end)))
    end)

    it("is sent at each assignment, as by Flask, but not for the removal of nothing", function()
        local visit = new_app()
        visit(function() session.a = 1 end)
        assert.equal(1, #cookies(visit(function() session.a = 1 end)))
        assert.same({}, cookies(visit(function() session.b = nil end)))
        assert.equal(1, #cookies(visit(function() flask.session_touch() end)))
    end)

    it("takes its cookie away when it is emptied", function()
        local visit, client = new_app()
        visit(function() session.a = 1 end)
        local answer = visit(function() flask.session_clear() end)
        assert.equal("session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; "
                     .. "Path=/; SameSite=Lax", cookies(answer)[1])
        assert.is_nil(client:get_cookie("session"))
        visit(function() session.a = 1 end)
        assert.truthy(cookies(visit(function() session.a = nil end))[1]:find("^session=;"))
    end)

    it("tells whether it is new and whether it is modified", function()
        local visit = new_app()
        local function ask()
            return flask.jsonify(flask.json.array{flask.session_is_new(),
                                                  flask.session_is_modified()})
        end
        assert.same({true, false}, visit(ask).json)
        visit(function() session.list = {1} end)
        assert.same({false, false}, visit(ask).json)
        assert.same({false, true}, visit(function()
            table.insert(session.list, 2)
            return ask()
        end).json)
        assert.same({false, true}, visit(function()
            session.a = 1
            return ask()
        end).json)
    end)

    it("has `permanent` for `_permanent`, which lasts and is sent each time", function()
        local visit, client, app = new_app{PERMANENT_SESSION_LIFETIME = 3600}
        local before = os.time()
        visit(function() session.permanent = true end)
        local expires = client:get_cookie("session").expires
        assert.is_true(expires >= before + 3600 and expires <= os.time() + 3601)
        assert.equal("_permanent=true", visit(contents).text)
        assert.equal(1, #cookies(visit(nil, "/untouched")))
        assert.equal("Cookie", visit(nil, "/untouched").headers.Vary)
        app.config.SESSION_REFRESH_EACH_REQUEST = false
        assert.same({}, cookies(visit(nil, "/untouched")))
        assert.same({}, cookies(visit(contents)))
        visit(function()
            assert.is_true(session.permanent)
            session.permanent = false
        end)
        assert.equal("_permanent=false", visit(contents).text)
        assert.is_nil(client:get_cookie("session").expires)
    end)

    it("is not sent for each request when it is not permanent", function()
        local visit = new_app()
        visit(function() session.a = 1 end)
        assert.same({}, cookies(visit(nil, "/untouched")))
    end)

    it("obeys every SESSION_COOKIE key", function()
        local visit = new_app{
            SESSION_COOKIE_NAME = "sid", SESSION_COOKIE_DOMAIN = "shop.test",
            SESSION_COOKIE_PATH = "/x", SESSION_COOKIE_HTTPONLY = false,
            SESSION_COOKIE_SECURE = true, SESSION_COOKIE_SAMESITE = "Strict",
            SESSION_COOKIE_PARTITIONED = true,
        }
        local text = cookies(visit(function() session.a = 1 end))[1]
        assert.equal("sid=X; Domain=shop.test; Secure; Path=/x; SameSite=Strict; Partitioned",
                     (text:gsub("=[^;]*", "=X", 1)))
        visit = new_app{SESSION_COOKIE_SAMESITE = false, APPLICATION_ROOT = "/app"}
        text = cookies(visit(function() session.a = 1 end))[1]
        assert.equal("session=X; HttpOnly; Path=/app", (text:gsub("=[^;]*", "=X", 1)))
    end)

    it("goes by what app.config says at that request", function()
        local visit, _, app = new_app()
        local n = 0
        local function attributes()
            n = n + 1
            return (cookies(visit(function() session.n = n end))[1]:gsub("=[^;]*", "=X", 1))
        end
        local wanted = "session=X; HttpOnly; Path=/; SameSite=Lax"
        assert.equal(wanted, attributes())
        for _, change in ipairs{
            {"NAME", "other", "other=X; HttpOnly; Path=/; SameSite=Lax"},
            {"DOMAIN", "a.test", "session=X; Domain=a.test; HttpOnly; Path=/; SameSite=Lax"},
            {"PATH", "/p", "session=X; HttpOnly; Path=/p; SameSite=Lax"},
            {"HTTPONLY", false, "session=X; Path=/; SameSite=Lax"},
            {"SECURE", true, "session=X; Secure; HttpOnly; Path=/; SameSite=Lax"},
            {"SAMESITE", "Strict", "session=X; HttpOnly; Path=/; SameSite=Strict"},
            {"SAMESITE", false, "session=X; HttpOnly; Path=/"},
            {"PARTITIONED", true,
             "session=X; Secure; HttpOnly; Path=/; SameSite=Lax; Partitioned"},
        } do
            local key = "SESSION_COOKIE_" .. change[1]
            local before = app.config[key]
            app.config[key] = change[2]
            assert.equal(change[3], attributes())
            app.config[key] = before
            assert.equal(wanted, attributes())
        end
        app.config.APPLICATION_ROOT = "/root"
        assert.equal("session=X; HttpOnly; Path=/root; SameSite=Lax", attributes())
    end)

    it("is read with the keys of SECRET_KEY_FALLBACKS, and written with SECRET_KEY", function()
        local visit, client, app = new_app{SECRET_KEY = "old"}
        visit(function() session.a = 1 end)
        app.config.SECRET_KEY = "new"
        assert.equal("", visit(contents).text)
        app.config.SECRET_KEY_FALLBACKS = {"older", "old"}
        assert.equal("a=1", visit(contents).text)
        visit(function() session.b = 2 end)
        app.config.SECRET_KEY_FALLBACKS = nil
        assert.equal("a=1 b=2", visit(contents).text)
        assert.truthy(client:get_cookie("session"))
    end)

    it("is empty without SECRET_KEY, and says at a write how to set one", function()
        local visit, client, app = new_app{SECRET_KEY = false}
        client:set_cookie("session", FLASHES)
        assert.equal("", visit(contents).text)
        assert.error_matches(function() visit(function() session.a = 1 end) end,
                             "flask.session can't be written: "
                             .. "SECRET_KEY is not set.*openssl rand")
        assert.error_matches(function() visit(flask.session_clear) end, "SECRET_KEY")
        app.config.SECRET_KEY = "set"
        assert.equal("done", visit(function() session.a = 1 end).text)
    end)

    it("refuses what it can't keep, at the line that puts it there", function()
        local visit = new_app()
        assert.error_matches(function() visit(function() session.f = print end) end,
                             "flask.session.f can't be a function")
        local is_fine, message = pcall(visit, function() session.f = print end)
        assert.is_false(is_fine)
        assert.truthy(message:find("sessions_spec.lua:%d+: flask.session.f"))
        assert.error_matches(function() visit(function() session[1] = 1 end) end,
                             "must be a string")
        assert.error_matches(function() visit(function() session.a = {f = print} end) end,
                             "flask.session can't be saved: %$.a.f: a function can't be JSON")
    end)

    it("answers with the app's own error page when it can't be saved", function()
        local visit, _, app = new_app{TESTING = false}
        app:errorhandler(500, function() return "sorry", 500 end)
        local answer = visit(function() session.a = {f = print} end)
        assert.equal(500, answer.status_code)
        assert.equal("sorry", answer.text)
        assert.same({}, cookies(answer))
    end)

    it("is an error over MAX_COOKIE_SIZE in debug mode, else a warning", function()
        local random = {}
        for i = 1, 5000 do
            random[i] = string.char(97 + (i * i * 7919 + i * 104729) % 26)
        end
        local function fill()
            session.text = table.concat(random)
        end
        local visit = new_app{DEBUG = true, MAX_COOKIE_SIZE = 100}
        assert.error_matches(function() visit(fill) end, "too large.*MAX_COOKIE_SIZE")
        assert.equal(1, #cookies((new_app{MAX_COOKIE_SIZE = 100})(fill)))
        assert.equal(1, #cookies((new_app{DEBUG = true, MAX_COOKIE_SIZE = false})(fill)))
    end)

    it("is saved before a stream's head goes, and from error handlers too", function()
        local visit, _, app = new_app()
        app:errorhandler(404, function()
            session.lost = true
            return "nowhere", 404
        end)
        local sent = false
        local answer = visit(function()
            session.a = 1
            return function()
                if not sent then
                    sent = true
                    return "chunk"
                end
            end
        end)
        assert.equal("chunk", answer.text)
        assert.equal(1, #cookies(answer))
        assert.equal(1, #cookies(visit(nil, "/nowhere")))
        assert.equal("a=1 lost=true", visit(contents).text)
    end)

    it("is saved after the after_request functions", function()
        local app = flask.Flask("after")
        app.config.TESTING, app.config.SECRET_KEY = true, "dev"
        app:after_request(function(response)
            assert.is_nil(response.headers["Set-Cookie"])
            session.after = true
        end)
        app:get("/", function() return tostring(session.after) end)
        local client = app:test_client()
        assert.equal("nil", client:get("/").text)
        assert.equal("true", client:get("/").text)
    end)

    it("is its own in a mounted app", function()
        local inner = flask.Flask("inner")
        inner.config.TESTING, inner.config.SECRET_KEY = true, "another"
        inner:get("/", function()
            session.n = (session.n or 0) + 1
            return contents()
        end)
        local outer = flask.Flask("outer")
        outer.config.TESTING, outer.config.SECRET_KEY = true, "dev"
        outer:get("/", function()
            session.n = (session.n or 100) + 1
            return contents()
        end)
        outer:mount("/in", inner)
        local client = outer:test_client()
        for i = 1, 3 do
            assert.equal("n=" .. 100 + i, client:get("/").text)
            assert.equal("n=" .. i, client:get("/in/").text)
        end
        assert.equal("/in", client:get_cookie("session", {path = "/in"}).path)
    end)

    it("refuses a table that is in itself, however often", function()
        local visit = new_app{HANDLER_CPU_LIMIT = 1}
        local function tree()
            local root = {}
            root.first, root.second = {parent = root}, {parent = root}
            return root
        end
        assert.error_matches(function()
            visit(function() session.tree = tree() end)
        end, "can't be saved: %$%.tree")
        assert.error_matches(function()
            visit(function() session.mark, session.tree = flask.Markup("<b>"), tree() end)
        end, "can't be saved: %$%.tree")
    end)

    it("is not there outside of a request", function()
        assert.error_matches(function() return session.a end, "outside of request context")
    end)

    it("reads as a dict in templates", function()
        local visit = new_app()
        local jinja = require "cflask.jinja"
        local template = jinja.Environment{}:from_string(
            "{% for k, v in s.items() %}{{ k }}={{ v }};{% endfor %}"
            .. "{{ s.get('x', 'none') }} {{ s.user_id }} {{ s['name'] }} {{ 'name' in s }}")
        visit(function() session.user_id, session.name = 3, "Ann" end)
        assert.equal("name=Ann;user_id=3;none 3 Ann True", visit(function()
            return template:render{s = session}
        end).text)
    end)
end)

describe("what Python has written into a session", function()
    local JSON = '{"at":{" d":"Tue, 14 Nov 2023 22:13:20 GMT"},"dict":{" di":{" t__":[1]}},'
        .. '"html":{" m":"<b>"},"id":{" u":"0123456789abcdef0123456789abcdef"},'
        .. '"raw":{" b":"AP+A"},"t":{" t":[1,{" t":[2]}]}}'

    it("comes as Lua's values", function()
        local visit, client = new_app()
        client:set_cookie("session", signed(JSON))
        visit(function()
            assert.equal(1700000000, session.at)
            assert.same({[" t"] = {1}}, session.dict)
            assert.is_true(require("cflask.core").is_markup(session.html))
            assert.equal("01234567-89ab-cdef-0123-456789abcdef", session.id)
            assert.equal("\0\255\128", session.raw)
            assert.same({1, {2}}, session.t)
            assert.is_true(flask.json.is_array(session.t))
            assert.is_false(flask.session_is_modified())
        end)
    end)

    it("goes back as it came until it is assigned to", function()
        local core = require "cflask.core"
        local visit, client = new_app()
        local function json()
            local payload = client:get_cookie("session").value:match("^(.+)%.[^.]+%.[^.]+$")
            return core.unpack_payload(payload, 1e6)
        end
        client:set_cookie("session", signed(JSON))
        visit(function() session.a = 1 end)
        assert.equal('{"a":1,' .. JSON:sub(2), json())
        visit(function()
            session.at, session.id = 1700000000 + 1, "other"
            table.insert(session.t, 3)
            session.raw, session.html, session.dict, session.a = nil, nil, nil, nil
        end)
        assert.equal('{"at":1700000001,"id":"other","t":{" t":[1,{" t":[2]},3]}}', json())
        visit(function() session.t = {1} end)
        assert.equal('{"at":1700000001,"id":"other","t":[1]}', json())
    end)

    it("is not taken for changed when only its form is another", function()
        local visit, client = new_app()
        client:set_cookie("session", signed('{ "b": 1.0e0, "a": "\\u0041" }'))
        assert.same({}, cookies(visit(contents)))
        assert.equal('a="A" b=' .. (math.type and "1.0" or "1"), visit(contents).text)
    end)
end)

describe("a broken session cookie", function()
    local function is_empty(value, config)
        local visit, client = new_app(config)
        client:set_cookie("session", value)
        local answer = visit(contents)
        assert.equal(200, answer.status_code)
        assert.equal("", answer.text, value)
        assert.same({}, cookies(answer))
    end

    it("is an empty session, whatever is wrong with it", function()
        local payload, time, signature = FLASHES:match("^(.*)%.(.*)%.(.*)$")
        for _, value in ipairs{
            "", ".", "..", "...", "x", payload, payload .. "." .. time, FLASHES .. "=",
            FLASHES .. ".", "." .. FLASHES, FLASHES:sub(1, -2), FLASHES:sub(2),
            time .. "." .. payload .. "." .. signature,
            payload .. "." .. signature .. "." .. time, payload .. ".ZVPxAB." .. signature,
            payload .. ".." .. signature, ("A"):rep(10000), FLASHES:upper(),
        } do
            is_empty(value)
        end
        for at = 1, #FLASHES do
            local byte = FLASHES:byte(at)
            is_empty(FLASHES:sub(1, at - 1) .. string.char(byte == 65 and 66 or 65)
                     .. FLASHES:sub(at + 1))
        end
    end)

    it("is an empty session when it is signed, but no JSON object", function()
        for _, json in ipairs{"", "1", "null", "[]", "[1]", '"x"', "{", "{}x", '{"a":NaN}',
                              '{" t":[1]}', '{"a":{" t":1}}', '{"a":{" b":"?"}}',
                              '{"a":{" u":"12"}}', '{"a":{" di":[]}}', '{"a":{" di":{}}}',
                              '{"a":"\255"}', '{"a":{" di":{"x":1}}}', '{"a":{" m":1}}',
                              ('{"a":'):rep(1200) .. "1" .. ("}"):rep(1200)} do
            is_empty(signed(json))
        end
    end)

    it("is an empty session under another key", function()
        is_empty(signed('{"a":1}', "other"))
    end)

    it("is an empty session when it is too old or of the future", function()
        is_empty(FLASHES, {PERMANENT_SESSION_LIFETIME = 3600})
        local core = require "cflask.core"
        local signer = core.signer({"dev"}, "cookie-session", "hmac", "sha1")
        is_empty(signer:sign("eyJhIjoxfQ.f____w"))
        is_empty(signer:sign("eyJhIjoxfQ"))
        is_empty(signer:sign("eyJhIjoxfQ.f_______________w"))
    end)

    it("is an empty session when it inflates beyond MAX_INFLATED_SIZE", function()
        local bomb = signed('{"a":"' .. ("a"):rep(2000000) .. '"}')
        is_empty(bomb)
        is_empty(PACKED, {MAX_INFLATED_SIZE = 100})
        local visit, client = new_app{MAX_INFLATED_SIZE = false}
        client:set_cookie("session", bomb)
        assert.equal("2000000", visit(function() return tostring(#session.a) end).text)
    end)

    it("is an empty session when its zlib is broken", function()
        local core = require "cflask.core"
        local signer = core.signer({"dev"}, "cookie-session", "hmac", "sha1")
        local packed = core.pack_payload('{"k":"' .. ("a"):rep(200) .. '"}')
        for length = 1, #packed - 1 do
            is_empty(signer:sign_timed(packed:sub(1, length)))
        end
    end)
end)

describe("flashed messages", function()
    local function shown(options)
        return function() return flask.json.encode(flask.get_flashed_messages(options)) end
    end

    it("are shown once, with the next request", function()
        local visit = new_app()
        visit(function() flask.flash("hello") end)
        assert.equal('["hello"]', visit(shown()).text)
        assert.equal("[]", visit(shown()).text)
    end)

    it("are the same all through a request", function()
        local visit = new_app()
        visit(function()
            flask.flash("one")
            assert.same({"one"}, flask.get_flashed_messages())
            flask.flash("two")
            assert.same({"one"}, flask.get_flashed_messages())
        end)
        assert.equal('["two"]', visit(shown()).text)
    end)

    it("have categories, and filters by them", function()
        local visit = new_app()
        local function flash()
            flask.flash("saved")
            flask.flash("<b>no</b>", "error")
            flask.flash(flask.Markup("<i>hm</i>"), "warning")
        end
        visit(flash)
        assert.equal('[["message","saved"],["error","<b>no</b>"],["warning","<i>hm</i>"]]',
                     visit(shown{with_categories = true}).text)
        visit(flash)
        assert.equal('["<b>no</b>"]', visit(shown{category_filter = {"error"}}).text)
        assert.equal("[]", visit(shown()).text)
        visit(flash)
        assert.equal('[["error","<b>no</b>"],["warning","<i>hm</i>"]]', visit(function()
            return flask.json.encode(flask.get_flashed_messages(true, {"error", "warning"}))
        end).text)
    end)

    it("keep what is Markup, and are tuples in the cookie", function()
        local core = require "cflask.core"
        local visit, client = new_app()
        visit(function() flask.flash(flask.Markup("<b>"), "x") end)
        local value = client:get_cookie("session").value
        assert.equal('{"_flashes":[{" t":["x",{" m":"<b>"}]}]}',
                     core.unpack_payload(value:match("^(.+)%.[^.]+%.[^.]+$"), 1e6))
        visit(function()
            assert.is_true(core.is_markup(flask.get_flashed_messages()[1]))
        end)
    end)

    it("are told to message_flashed", function()
        local visit, _, app = new_app()
        local heard = {}
        local function hear(_, values)
            table.insert(heard, values.category .. ":" .. values.message)
        end
        flask.signals.message_flashed:connect(hear, app)
        visit(function() flask.flash("a", "b") end)
        flask.signals.message_flashed:disconnect(hear, app)
        assert.same({"b:a"}, heard)
    end)

    it("need a text", function()
        local visit = new_app()
        assert.error_matches(function() visit(function() flask.flash() end) end,
                             "a flashed message must be a string")
        assert.error_matches(function() visit(shown{categories = true}) end, "no option")
    end)
end)

-- A store in files, as an app would write one: the cookie has only a random name.
local function file_store(folder)
    local flask_json = flask.json
    local function path_of(id)
        return folder .. "/" .. id .. ".json"
    end
    local function new_id()
        local source = assert(io.open("/dev/urandom", "rb"))
        local bytes = source:read(16)
        source:close()
        return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    local ids = setmetatable({}, {__mode = "k"})
    local store = {}
    function store.open(_, request)
        flask.sleep(0)
        local id = request.cookies:get("sid")
        local data = flask_json.decode("{}")
        local file = id and id:find("^%x+$") and io.open(path_of(id), "rb")
        if file then
            data = flask_json.decode(file:read("*a"))
            file:close()
        else
            id = nil
        end
        ids[data] = id or new_id()
        return data
    end
    function store.save(_, data, response)
        if not flask.session_is_modified() then
            return
        end
        flask.sleep(0)
        local id = ids[data]
        if next(data) == nil then
            os.remove(path_of(id))
            response:delete_cookie("sid")
            return
        end
        local file = assert(io.open(path_of(id), "wb"))
        file:write(flask_json.encode(data))
        file:close()
        response:set_cookie("sid", id, {httponly = true})
    end
    return store
end

describe("app.session_interface", function()
    local folder

    setup(function()
        folder = os.tmpname()
        os.remove(folder)
        os.execute("mkdir " .. folder)
    end)
    teardown(function() os.execute("rm -r " .. folder) end)

    local function stored_app()
        local visit, client, app = new_app{SECRET_KEY = false}
        app.session_interface = file_store(folder)
        return visit, client, app
    end

    it("keeps sessions elsewhere, opened and saved by functions that may wait", function()
        local visit, client = stored_app()
        local answer = visit(function() session.user, session.list = "ann", {1} end)
        assert.truthy(cookies(answer)[1]:find("^sid=%x+; HttpOnly; Path=/"))
        assert.equal("Cookie", answer.headers.Vary)
        assert.equal('list=[1] user="ann"', visit(contents).text)
        assert.same({}, cookies(visit(contents)))
        assert.equal(1, #cookies(visit(function() table.insert(session.list, 2) end)))
        assert.equal('list=[1,2] user="ann"', visit(contents).text)
        visit(function() flask.session_clear() end)
        assert.is_nil(client:get_cookie("sid"))
        assert.equal("", visit(contents).text)
    end)

    it("keeps flashes too", function()
        local visit = stored_app()
        visit(function() flask.flash("hi", "x") end)
        assert.same({{"x", "hi"}}, visit(function()
            return flask.jsonify(flask.get_flashed_messages{with_categories = true})
        end).json)
        assert.equal("", visit(contents).text)
    end)

    it("is asked by session_transaction and test_request_context", function()
        local visit, client, app = stored_app()
        client:session_transaction(function(s) s.user = "ann" end)
        assert.equal('user="ann"', visit(contents).text)
        app:test_request_context("/", function() assert.is_nil(session.user) end)
    end)

    it("may open none: reading is empty, writing an error", function()
        local visit, _, app = new_app()
        app.session_interface = {open = function() end, save = function() error("no") end}
        assert.equal("", visit(contents).text)
        assert.error_matches(function() visit(function() session.a = 1 end) end,
                             "session_interface has opened none")
    end)

    it("tells its errors, and those about what it is", function()
        local visit, _, app = new_app()
        app.session_interface = {open = function() return 1 end, save = function() end}
        assert.error_matches(function() visit(contents) end, "must return a table or nil")
        visit, _, app = new_app()
        app.session_interface = {open = function() return {} end,
                                 save = function() error("the disk is full") end}
        assert.error_matches(function() visit(contents) end, "the disk is full")
        _, _, app = new_app()
        assert.error_matches(function() app.session_interface = {open = print} end,
                             "save of app.session_interface must be")
    end)
end)

describe("A dict's method that Flask's code calls on the session", function()
    it("is an error at its line that says what to do, unless there is a value of that name", function()
        local visit = new_app()
        for _, name in ipairs{"get", "pop", "setdefault", "clear"} do
            visit(function()
                local _, message = pcall(function() return session[name](session, "user") end)
                assert.truthy(message:find("sessions_spec.lua:%d+: flask.session has no method '"
                                           .. name .. "'"), message)
                assert.truthy(message:find("session.key", 1, true))
                session[name] = "mine"
                assert.equal("mine", session[name])
                session[name] = nil
                assert.is_nil(session.items)
                return ""
            end)
        end
    end)

    it("is Python's own in templates", function()
        local visit = new_app()
        visit(function()
            session.user = "ann"
            assert.equal("ann no", flask.render_template_string(
                "{{ session.get('user') }} {{ session.get('nobody', 'no') }}"))
            return ""
        end)
    end)
end)

describe("client:session_transaction", function()
    it("reads and changes what the next request will see", function()
        local visit, client = new_app()
        visit(function() session.n = 1 end)
        local seen = client:session_transaction(function(s)
            s.n, s.user = s.n + 1, "ann"
            return s.n
        end)
        assert.equal(2, seen)
        assert.equal('n=2 user="ann"', visit(contents).text)
        client:session_transaction("/x", function() flask.session_clear() end)
        assert.equal("", visit(contents).text)
    end)

    it("gives the error of its function", function()
        local _, client = new_app()
        assert.error_matches(function()
            client:session_transaction(function() error("mine") end)
        end, "mine")
    end)

    it("lets the session be read after a request, in client:context", function()
        local visit, client = new_app()
        client:context(function()
            visit(function() session.a = 1 end)
            assert.equal(1, session.a)
        end)
    end)
end)
