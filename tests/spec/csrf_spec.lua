local flask = require "cflask"
local csrf = flask.csrf

local KEY = "test-only-not-a-real-one"

-- A protected app that gives out tokens at /token and takes POST and the like at /.
local function new_app(config)
    local app = flask.Flask("shop")
    app.config.TESTING, app.config.SECRET_KEY = true, KEY
    app.config:from_mapping(config or {})
    csrf.protect(app)
    app:get("/token", function() return csrf.token() end)
    app:route("/", {methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "PURGE"}}, function()
        return "done"
    end)
    return app, app:test_client()
end

local function reason(response)
    assert.equal(400, response.status_code)
    return response.text
end

describe("a protected app", function()
    it("takes a form with the token of its session", function()
        local _, client = new_app()
        local token = client:get("/token").text
        assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
        local r = client:post("/", {form = {csrf_token = token},
                                    files = {photo = {"a.png", "bytes", "image/png"}}})
        assert.equal("done", r.text)
    end)

    it("takes the token in a header, whatever the body is", function()
        local _, client = new_app()
        local token = client:get("/token").text
        for _, name in ipairs{"X-CSRFToken", "X-CSRF-Token"} do
            local headers = {[name] = token}
            assert.equal("done", client:post("/", {json = {1}, headers = headers}).text)
            assert.equal("done", client:delete("/", {headers = headers}).text)
        end
    end)

    it("refuses POST, PUT, PATCH and DELETE without a token, with a page that says why", function()
        local _, client = new_app()
        client:get("/token")
        for _, verb in ipairs{"post", "put", "patch", "delete"} do
            local text = reason(client[verb](client, "/"))
            assert.truthy(text:find("CSRF token is missing", 1, true))
            assert.truthy(text:find("csrf_token", 1, true))
            assert.truthy(text:find("X-CSRFToken", 1, true))
        end
    end)

    it("does not check what changes nothing, nor methods that no form can send", function()
        local _, client = new_app()
        for _, method in ipairs{"GET", "HEAD", "OPTIONS", "PURGE"} do
            assert.equal(200, client:open("/", {method = method}).status_code)
        end
    end)

    it("answers what has no view as ever", function()
        local _, client = new_app()
        assert.equal(404, client:post("/nowhere").status_code)
        assert.equal(405, client:post("/token").status_code)
    end)

    it("is checked in tests as well, unless WTF_CSRF_ENABLED is false", function()
        local _, client = new_app{WTF_CSRF_ENABLED = false}
        assert.equal("done", client:post("/").text)
    end)

    it("answers a body over the limit with 413", function()
        local _, client = new_app{MAX_CONTENT_LENGTH = 10}
        local token = client:get("/token").text
        assert.equal(413, client:post("/", {form = {csrf_token = token}}).status_code)
        local r = client:post("/", {json = "far too long", headers = {["X-CSRFToken"] = token}})
        assert.is_true(r.status_code == 413 or r.status_code == 200)
    end)

    it("says Vary: Cookie for pages with a token", function()
        local _, client = new_app()
        assert.truthy((client:get("/token").headers.Vary or ""):find("Cookie", 1, true))
    end)

    it("says which secret it lacks", function()
        local app = flask.Flask("shop")
        app.config.TESTING = true
        csrf.protect(app)
        app:get("/", function() return csrf.token() end)
        assert.has_error(function() app:test_client():get("/") end)
        local _, message = pcall(function() app:test_client():get("/") end)
        assert.truthy(tostring(message):find("SECRET_KEY", 1, true))
    end)
end)

describe("a token", function()
    it("is another one at each call, and each is good", function()
        local app, client = new_app()
        app:get("/two", function() return {csrf.token(), csrf.token()} end)
        local tokens = client:get("/two").json
        assert.not_equal(tokens[1], tokens[2])
        assert.not_equal(tokens[1]:match("%.[^.]*$"), tokens[2]:match("%.[^.]*$"))
        for _, token in ipairs(tokens) do
            assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
        end
    end)

    it("keeps the session's, as Flask-WTF does", function()
        local _, client = new_app()
        client:get("/token")
        local kept
        client:session_transaction(function(session) kept = session.csrf_token end)
        assert.truthy(kept:find("^%x+$") and #kept == 40)
        client:get("/token")
        client:session_transaction(function(session) assert.equal(kept, session.csrf_token) end)
    end)

    it("is taken from Flask-WTF, which signs the session's as it is", function()
        local _, client = new_app()
        client:session_transaction(function(session) session.csrf_token = ("ab"):rep(20) end)
        local serializer = flask.signing.URLSafeTimedSerializer(KEY, {salt = "wtf-csrf-token"})
        local token = serializer:dumps(("ab"):rep(20))
        assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
        assert.equal(("ab"):rep(20), serializer:loads(client:get("/token").text))
    end)

    it("of another session is refused", function()
        local app, client = new_app()
        local other = app:test_client():get("/token").text
        client:get("/token")
        assert.truthy(reason(client:post("/", {form = {csrf_token = other}}))
            :find("another session", 1, true))
    end)

    it("is refused when the session has gone", function()
        local app, client = new_app()
        local token = client:get("/token").text
        assert.truthy(reason(app:test_client():post("/", {form = {csrf_token = token}}))
            :find("The session has no CSRF token", 1, true))
    end)

    it("expires", function()
        local app, client = new_app{WTF_CSRF_TIME_LIMIT = 0}
        app:get("/later", function() flask.sleep(1.1); return "" end)
        local token = client:get("/token").text
        client:get("/later")
        assert.truthy(reason(client:post("/", {form = {csrf_token = token}}))
            :find("expired", 1, true))
        app.config.WTF_CSRF_TIME_LIMIT = false
        assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
    end)

    it("that is broken in any way is refused, never an error", function()
        local _, client = new_app()
        local token = client:get("/token").text
        local serializer = flask.signing.URLSafeTimedSerializer(KEY, {salt = "wtf-csrf-token"})
        local bad = {
            "x", ".", "..", "...", token .. "x", token:sub(2), token:sub(1, -2), token:reverse(),
            ("a"):rep(4000), "\255\254", "\0", "a.b.c", "." .. token, token:upper(),
            serializer:dumps{1, 2}, serializer:dumps(flask.null), serializer:dumps(1),
            serializer:dumps{a = "b"}, serializer:dumps(""),
        }
        for i = 1, #token do
            local letter = token:sub(i, i) == "A" and "B" or "A"
            table.insert(bad, token:sub(1, i - 1) .. letter .. token:sub(i + 1))
        end
        for _, text in ipairs(bad) do
            local response = client:post("/", {form = {csrf_token = text}})
            if response.status_code ~= 400 then -- spare bits of base64 may differ
                assert.equal(#token, #text)
            end
        end
        assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
    end)

    it("stays out of trouble when the session holds something else", function()
        local _, client = new_app()
        for _, odd in ipairs{7, true, {1, 2}, {a = 1}, "", flask.null} do
            client:session_transaction(function(session) session.csrf_token = odd end)
            assert.equal(400, client:post("/", {form = {csrf_token = "x"}}).status_code)
            local token = client:get("/token").text
            assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
        end
    end)

    it("is taken under an older key", function()
        local app, client = new_app()
        local token = client:get("/token").text
        app.config.SECRET_KEY, app.config.SECRET_KEY_FALLBACKS = "another-key-for-this-test", {KEY}
        assert.equal("done", client:post("/", {form = {csrf_token = token}}).text)
    end)

    it("needs a protected app", function()
        local app = flask.Flask("shop")
        app.config.TESTING, app.config.SECRET_KEY = true, KEY
        app:get("/", function() return csrf.token() end)
        local _, message = pcall(function() app:test_client():get("/") end)
        assert.truthy(tostring(message):find("csrf.protect(app)", 1, true))
    end)

    it("has its field and headers named by the config", function()
        local _, client = new_app{WTF_CSRF_FIELD_NAME = "token", WTF_CSRF_HEADERS = {"X-Tea"}}
        local token = client:get("/token").text
        assert.equal("done", client:post("/", {form = {token = token}}).text)
        assert.equal("done", client:post("/", {headers = {["X-Tea"] = token}}).text)
        assert.truthy(reason(client:post("/", {form = {csrf_token = token}}))
            :find("field token nor the header X-Tea", 1, true))
    end)
end)

describe("over HTTPS", function()
    local function post(headers, base_url)
        local _, client = new_app()
        base_url = base_url or "https://shop.test"
        local token = client:open("/token", {base_url = base_url}).text
        return client:open("/", {method = "POST", base_url = base_url, headers = headers,
                                 form = {csrf_token = token}})
    end

    it("the request must come from this host", function()
        for _, headers in ipairs{
            {Origin = "https://shop.test"}, {Origin = "https://SHOP.test:443"},
            {Referer = "https://shop.test/a?b"}, {Referer = "https://shop.test"},
            {Origin = "https://shop.test", Referer = "https://evil.test/"},
        } do
            assert.equal("done", post(headers).text)
        end
        for _, origin in ipairs{"https://shop.test:8443", "https://[::1]:8443", "https://[::1]"} do
            assert.equal("done", post({Origin = origin}, origin).text)
        end
    end)

    it("others are refused, and those that say nothing", function()
        assert.truthy(reason(post{}):find("neither an Origin nor a Referer", 1, true))
        for _, headers in ipairs{
            {Origin = "null"}, {Origin = "http://shop.test"}, {Origin = "https://evil.test"},
            {Origin = "https://shop.test.evil.test"}, {Origin = "https://shop.test:444"},
            {Origin = "https://shop.test@evil.test"}, {Origin = "https://evil.test#shop.test"},
            {Referer = "https://evil.test/https://shop.test/"}, {Referer = "about:blank"},
            {Referer = "//shop.test/"}, {Referer = "https://"}, {Referer = "\255\0"},
            {Origin = "https://evil.test", Referer = "https://shop.test/"},
        } do
            local is_sent, response = pcall(post, headers)
            if is_sent then
                assert.equal(400, response.status_code, flask.json.encode(headers))
            end
        end
    end)

    it("WTF_CSRF_SSL_STRICT = false asks for the token alone", function()
        local _, client = new_app{WTF_CSRF_SSL_STRICT = false}
        local token = client:open("/token", {base_url = "https://shop.test"}).text
        assert.equal("done", client:open("/", {method = "POST", base_url = "https://shop.test",
                                               form = {csrf_token = token}}).text)
    end)
end)

describe("exempt", function()
    it("is a view, by itself or by its endpoint's name", function()
        local app, client = new_app()
        app:post("/hook", csrf.exempt(function() return "hooked" end))
        app:post("/named", "named", function() return "named" end)
        assert.equal("named", csrf.exempt("named", app))
        assert.equal("hooked", client:post("/hook").text)
        assert.equal("named", client:post("/named").text)
        assert.equal(400, client:post("/").status_code)
    end)

    it("is one view of a rule, not those of its other methods", function()
        local app, client = new_app()
        app:post("/both", csrf.exempt(function() return "post" end))
        app:put("/both", function() return "put" end)
        assert.equal("post", client:post("/both").text)
        assert.equal(400, client:put("/both").status_code)
    end)

    it("is a view behind login.required", function()
        local app, client = new_app()
        local login, view = flask.login, csrf.exempt(function() return "" end)
        login.init(app, {user_loader = function() return nil end})
        app:post("/hook", login.required(view))
        app:post("/role", login.roles("a")(login.fresh(view)))
        assert.equal(401, client:post("/hook").status_code)
        assert.equal(401, client:post("/role").status_code)
    end)

    it("is a blueprint, but not those that stand in it", function()
        local app, client = new_app()
        local api, inner = flask.Blueprint("api", {url_prefix = "/api"}), flask.Blueprint("inner")
        api:post("/a", function() return "a" end)
        inner:post("/b", function() return "b" end)
        api:register_blueprint(inner)
        assert.equal(api, csrf.exempt(api))
        app:register_blueprint(api)
        assert.equal("a", client:post("/api/a").text)
        assert.equal(400, client:post("/api/b").status_code)
    end)

    it("wants something that can be exempt", function()
        assert.has_error(function() csrf.exempt(3) end)
        assert.has_error(function() csrf.exempt{} end)
        assert.has_error(function() csrf.exempt("name") end)
    end)
end)

describe("csrf", function()
    it("can be checked by hand", function()
        local app, client = new_app{WTF_CSRF_CHECK_DEFAULT = false}
        app:post("/checked", function() csrf.check(); return "checked" end)
        local token = client:get("/token").text
        assert.equal("done", client:post("/").text)
        assert.equal(400, client:post("/checked").status_code)
        assert.equal("checked", client:post("/checked", {form = {csrf_token = token}}).text)
    end)

    it("raises CSRFError, which is a BadRequest, for the app's own page", function()
        local app, client = new_app()
        app:errorhandler(csrf.CSRFError, function(err) return "no: " .. err.description, 419 end)
        local r = client:post("/")
        assert.equal(419, r.status_code)
        assert.truthy(r.text:find("no: The CSRF token is missing", 1, true))
        assert.is_true(flask.is(csrf.CSRFError(), flask.exceptions.BadRequest))
    end)

    it("protects an app once", function()
        local app = new_app()
        assert.has_error(function() csrf.protect(app) end)
        assert.has_error(function() csrf.protect{} end)
    end)

    it("gives templates csrf_token()", function()
        local app, client = new_app()
        app:get("/form", function()
            return flask.render_template_string("{{ csrf_token() }} {{ csrf_token() }}")
        end)
        local first, second = client:get("/form").text:match("^(%S+) (%S+)$")
        assert.not_equal(first, second)
        assert.equal("done", client:post("/", {form = {csrf_token = second}}).text)
    end)
end)
