local flask = require "cflask"
local login = flask.login

local KEY = "test-only-not-a-real-one"

-- Users by id; each test gets its own.
local function new_users()
    return {
        ["1"] = {id = 1, name = "ann", roles = {"admin", "editor"}},
        ["2"] = {id = "2", name = "bob", roles = {editor = true}},
        ["3"] = {id = "3", name = "eve", is_active = false},
    }
end

-- An app with a login, and what its views need. `users` can be changed by the test.
local function new_app(options, config)
    local app, users = flask.Flask("shop"), new_users()
    app.config.TESTING, app.config.SECRET_KEY = true, KEY
    app.config:from_mapping(config or {})
    local given = {user_loader = function(id) return users[id] end, login_view = "login"}
    for key, value in pairs(options or {}) do
        given[key] = value
    end
    login.init(app, given)
    app:get("/login", "login", function() return login.next_url("none") end)
    app:post("/login/<id>", function(id)
        local args = flask.request.args
        local is_in = login.login_user(users[id], {
            remember = args:has("remember"), fresh = not args:has("stale"),
            force = args:has("force"), duration = args:get("duration", nil, flask.number),
        })
        return {is_in = is_in, next = login.next_url("/home")}
    end)
    app:post("/logout", function() login.logout_user(); return "" end)
    app:get("/who", function()
        local user = login.current_user()
        return user and user.name or "nobody"
    end)
    app:route("/private", {methods = {"GET", "POST", "OPTIONS"}},
              login.required(function() return "private" end))
    app:get("/fresh", login.fresh(function() return "fresh" end))
    app:get("/admin", login.roles("admin")(function() return "admin" end))
    app:get("/staff", login.roles("admin", "editor")(function() return "staff" end))
    return app, app:test_client(), users
end

local function session_of(client)
    local copy = {}
    client:session_transaction(function(session)
        for key, value in pairs(session) do
            copy[key] = value
        end
    end)
    return copy
end

-- A client that has lost its session, as a browser that was closed.
local function reopen(client)
    client:delete_cookie("session")
    return client
end

describe("a login", function()
    it("lasts from login_user to logout_user", function()
        local _, client = new_app()
        assert.equal("nobody", client:get("/who").text)
        assert.is_true(client:post("/login/1").json.is_in)
        assert.equal("ann", client:get("/who").text)
        client:post("/logout")
        assert.equal("nobody", client:get("/who").text)
        assert.same({}, session_of(client))
    end)

    it("is in the session under Flask-Login's keys", function()
        local _, client = new_app()
        client:post("/login/1", {headers = {["User-Agent"] = "busted"}})
        local session = session_of(client)
        assert.equal("1", session._user_id)
        assert.is_true(session._fresh)
        assert.equal(flask.security.digest("sha512", "b'127.0.0.1'|b'busted'"), session._id)
    end)

    it("counts in the request that it is made in", function()
        local app, client, users = new_app()
        app:get("/swap", function()
            local before = login.current_user()
            login.login_user(users["2"])
            local during = login.current_user()
            login.logout_user()
            return {before == nil, during.name, login.current_user() == nil}
        end)
        assert.same({true, "bob", true}, client:get("/swap").json)
    end)

    it("loads its user once, when first asked for, and the loader may wait", function()
        local count = 0
        local app, client = new_app{user_loader = function(id)
            flask.sleep(0)
            count = count + 1
            return {id = id}
        end}
        app:get("/none", function() return "" end)
        app:get("/twice", function()
            return {login.current_user() == login.current_user()}
        end)
        client:post("/login/1")
        client:get("/none")
        assert.equal(0, count)
        assert.is_true(client:get("/twice").json[1])
        assert.equal(1, count)
    end)

    it("is refused to users who are not active, unless forced", function()
        local _, client, users = new_app()
        assert.is_false(client:post("/login/3").json.is_in)
        assert.equal("nobody", client:get("/who").text)
        assert.is_true(client:post("/login/3?force").json.is_in)
        assert.equal("eve", client:get("/who").text)
        client:post("/login/1")
        users["1"].is_active = function() return false end
        assert.equal("nobody", client:get("/who").text)
    end)

    it("ends with the user", function()
        local _, client, users = new_app()
        client:post("/login/1?remember")
        users["1"] = nil
        assert.equal("nobody", client:get("/who").text)
        assert.equal(302, client:get("/private").status_code)
    end)

    it("keeps what the app has in the session, but no form's token", function()
        local app, client = new_app()
        app:get("/cart", function() flask.session.cart = {1, 2}; return "" end)
        client:get("/cart")
        client:session_transaction(function(session) session.csrf_token = "planted" end)
        client:post("/login/1")
        local session = session_of(client)
        assert.same({1, 2}, session.cart)
        assert.is_nil(session.csrf_token)
    end)

    it("gives a server-side session a new name", function()
        local app, client = new_app()
        local store, count, renewed = {}, 0, {}
        app.session_interface = {
            open = function(_, request)
                local id = request.cookies.sid
                return store[id] or {}
            end,
            save = function(_, session, response)
                count = count + 1
                store[tostring(count)] = session
                response:set_cookie("sid", tostring(count))
            end,
            regenerate = function(an_app, session)
                table.insert(renewed, {an_app.name, session._user_id or "nobody"})
            end,
        }
        client:post("/login/1")
        assert.equal("ann", client:get("/who").text)
        client:post("/logout")
        assert.same({{"shop", "nobody"}, {"shop", "1"}}, renewed)
        client:post("/login/1?remember")
        client:delete_cookie("sid")
        assert.equal("ann", client:get("/who").text) -- by the cookie: that is a login too
        assert.same({"shop", "nobody"}, renewed[4])
    end)

    it("takes a user's get_id, and integers as such", function()
        local app, client, users = new_app()
        users["4"] = {get_id = function() return "token-4" end}
        users["token-4"], users["5"] = users["4"], {id = 5.0, name = "flo"}
        users["4"].name = "dan"
        client:post("/login/4")
        assert.equal("dan", client:get("/who").text)
        client:post("/login/5")
        assert.equal("5", session_of(client)._user_id)
        users["6"] = {}
        assert.has_error(function() app:test_client():post("/login/6") end)
    end)

    it("needs login.init", function()
        local app = flask.Flask("shop")
        app.config.TESTING = true
        app:get("/", login.required(function() return "" end))
        local _, message = pcall(function() app:test_client():get("/") end)
        assert.truthy(tostring(message):find("login.init(app", 1, true))
        assert.is_nil(login.current_user())
    end)
end)

describe("a private page", function()
    it("sends others to the login page, with a message and the way back", function()
        local app, client = new_app()
        app:get("/messages", function() return flask.get_flashed_messages() end)
        client:get("/private")
        local r = client:get("/private?a=1&b=%26")
        assert.equal(302, r.status_code)
        assert.equal("/private?a=1&b=%26", client:get(r.location).text)
        assert.same({"Please log in to access this page."}, client:get("/messages").json)
        client:post("/login/1")
        assert.equal("private", client:get("/private").text)
    end)

    it("has no way back to what a form sent", function()
        local _, client = new_app()
        local r = client:post("/private")
        assert.truthy(r.location:find("/login$"))
    end)

    it("answers API clients with 401", function()
        local _, client = new_app()
        local r = client:get("/private", {headers = {Accept = "application/json"}})
        assert.equal(401, r.status_code)
        assert.equal(401, client:post("/private", {json = {}}).status_code)
    end)

    it("is 401 without a login page, or what the app says", function()
        local _, client = new_app{login_view = false}
        assert.equal(401, client:get("/private").status_code)
        _, client = new_app{unauthorized = function() return "who?", 418 end}
        assert.equal(418, client:get("/private").status_code)
    end)

    it("goes to a URL as well as to an endpoint", function()
        local _, client = new_app{login_view = "https://sso.test/in?app=shop",
                                  login_message = false}
        assert.equal("https://sso.test/in?app=shop&next=/private",
                     client:get("/private").location)
    end)

    it("lets preflight requests pass", function()
        local _, client = new_app()
        assert.equal("private", client:options("/private").text)
    end)

    it("comes back below the prefix of a mounted app", function()
        local outer, app = flask.Flask("outer"), new_app()
        outer:mount("/shop", app)
        local r = outer:test_client():get("/shop/private")
        assert.truthy(r.location:gsub("%%2F", "/"):find("/shop/login?next=/shop/private", 1, true))
    end)

    it("can be a whole blueprint", function()
        local app, client = new_app()
        local bp = flask.Blueprint("area", {url_prefix = "/area"})
        bp:before_request(login.required(function() end))
        bp:get("/", function() return "area" end)
        app:register_blueprint(bp)
        assert.equal(302, client:get("/area/").status_code)
        client:post("/login/1")
        assert.equal("area", client:get("/area/").text)
    end)

    it("is found by url_for as any view", function()
        local app, client = new_app()
        local view = app:get("/mine/<int:n>", login.required(function(n) return "n" .. n end))
        app:get("/url", function() return flask.url_for(view, {n = 3}) end)
        client:post("/login/1")
        assert.equal("/mine/3", client:get("/url").text)
        assert.equal("n3", client:get("/mine/3").text)
    end)
end)

describe("roles and permissions", function()
    it("let one of the roles in, and answer others with 403", function()
        local _, client = new_app()
        assert.equal(302, client:get("/admin").status_code)
        client:post("/login/1")
        assert.equal("admin", client:get("/admin").text)
        assert.equal("staff", client:get("/staff").text)
        client:post("/login/2")
        assert.equal(403, client:get("/admin").status_code)
        assert.equal("staff", client:get("/staff").text)
    end)

    it("may be a list, a set, a name or a method; all else is no role", function()
        local _, client, users = new_app()
        client:post("/login/1")
        for _, roles in ipairs{"admin", {"admin"}, {admin = true},
                               function() return {"admin"} end, flask.json.array{"admin"}} do
            users["1"].roles = roles
            assert.equal("admin", client:get("/admin").text)
        end
        for _, roles in ipairs{"admins", {}, {admin = false}, {admin = 1}, 7, true, flask.null,
                               {{"admin"}}, function() return nil end} do
            users["1"].roles = roles
            assert.equal(403, client:get("/admin").status_code)
        end
        users["1"].roles = nil
        assert.equal(403, client:get("/admin").status_code)
    end)

    it("can be asked for", function()
        local app, client = new_app()
        app:get("/has", function() return {login.has_role("editor"), login.has_role("x")} end)
        assert.same({false, false}, client:get("/has").json)
        client:post("/login/2")
        assert.same({true, false}, client:get("/has").json)
    end)

    it("of one's own see the user and the view's arguments", function()
        local app, client = new_app()
        app:get("/notes/<int:id>", login.permission(function(user, id)
            return user.id == id
        end)(function(id) return "note " .. id end))
        assert.equal(302, client:get("/notes/1").status_code)
        client:post("/login/1")
        assert.equal("note 1", client:get("/notes/1").text)
        assert.equal(403, client:get("/notes/2").status_code)
    end)

    it("are checked when they are written down", function()
        assert.has_error(function() login.roles() end)
        assert.has_error(function() login.roles("a", nil) end)
        assert.has_error(function() login.roles(3) end)
        assert.has_error(function() login.roles("a")("b") end)
        assert.has_error(function() login.required() end)
        assert.has_error(function() login.permission("a") end)
    end)
end)

describe("remember-me", function()
    local function cookie(client)
        local found = client:get_cookie("remember_token")
        return found and found.value
    end

    it("is the id and its HMAC-SHA512, for a year", function()
        local _, client = new_app()
        local r = client:post("/login/1?remember")
        assert.equal("1|" .. flask.security.hmac("sha512", KEY, "1"), cookie(client))
        local found = client:get_cookie("remember_token")
        assert.is_true(found.httponly)
        local set = r.headers["Set-Cookie"]
        set = type(set) == "table" and table.concat(set, "\n") or set
        assert.truthy(set:find("Max-Age=31536000", 1, true))
        assert.truthy(set:find("SameSite=Lax", 1, true))
    end)

    it("survives the browser, but is not fresh", function()
        local app, client = new_app()
        app:get("/is", function() return {login.is_fresh()} end)
        app:get("/confirm", function() login.confirm_login(); return "" end)
        client:post("/login/1?remember")
        assert.equal("fresh", client:get("/fresh").text)
        reopen(client)
        assert.equal("ann", client:get("/who").text)
        assert.equal("private", client:get("/private").text)
        assert.is_false(client:get("/is").json[1])
        local r = client:get("/fresh")
        assert.equal(302, r.status_code)
        assert.truthy(r.location:find("/login", 1, true))
        client:get("/confirm")
        assert.is_true(client:get("/is").json[1])
        assert.equal("fresh", client:get("/fresh").text)
    end)

    it("is not set unless asked for", function()
        local _, client = new_app()
        client:post("/login/1")
        assert.is_nil(cookie(client))
        assert.equal("nobody", reopen(client):get("/who").text)
    end)

    it("is forgotten by logging out, and by another user's login", function()
        local _, client = new_app()
        client:post("/login/1?remember")
        client:post("/logout")
        assert.is_nil(cookie(client))
        client:post("/login/1?remember")
        client:post("/login/2")
        assert.is_nil(cookie(client))
        client:post("/login/2?remember")
        client:post("/login/2")
        assert.truthy(cookie(client))
    end)

    it("has the lifetime that the app, the config or the call gives", function()
        local function max_age(path, options, config)
            local _, client = new_app(options, config)
            local set = client:post(path).headers["Set-Cookie"]
            set = type(set) == "table" and table.concat(set, "\n") or set
            return set:match("remember_token=[^\n]*Max%-Age=(%d+)")
        end
        assert.equal("60", max_age("/login/1?remember", {remember_cookie_duration = 60}))
        assert.equal("90", max_age("/login/1?remember", nil, {REMEMBER_COOKIE_DURATION = 90}))
        assert.equal("7", max_age("/login/1?remember&duration=7", {remember_cookie_duration = 60}))
    end)

    it("has the attributes that the config gives", function()
        local _, client = new_app(nil, {
            REMEMBER_COOKIE_NAME = "me", REMEMBER_COOKIE_PATH = "/shop",
            REMEMBER_COOKIE_SECURE = true, REMEMBER_COOKIE_SAMESITE = "Strict",
            REMEMBER_COOKIE_DOMAIN = "localhost.test", REMEMBER_COOKIE_HTTPONLY = false,
        })
        local set = client:post("/login/1?remember").headers["Set-Cookie"]
        set = type(set) == "table" and table.concat(set, "\n") or set
        local line = set:match("me=[^\n]*")
        for _, part in ipairs{"Path=/shop", "Secure", "SameSite=Strict", "Domain=localhost.test"} do
            assert.truthy(line:find(part, 1, true), part)
        end
        assert.is_nil(line:find("HttpOnly", 1, true))
    end)

    it("begins anew at each request when REFRESH_EACH_REQUEST says so", function()
        local _, client = new_app(nil, {REMEMBER_COOKIE_REFRESH_EACH_REQUEST = true})
        local function sets(r)
            local set = r.headers["Set-Cookie"] or ""
            set = type(set) == "table" and table.concat(set, "\n") or set
            return set:find("remember_token=", 1, true) ~= nil
        end
        client:post("/login/1")
        assert.is_false(sets(client:get("/who")))
        client:post("/login/1?remember")
        assert.is_true(sets(client:get("/who")))
    end)

    it("is taken under an older key", function()
        local app, client = new_app()
        client:post("/login/1?remember")
        app.config.SECRET_KEY, app.config.SECRET_KEY_FALLBACKS = "another-key-for-this-test", {KEY}
        assert.equal("ann", reopen(client):get("/who").text)
        app.config.SECRET_KEY_FALLBACKS = nil
        assert.equal("nobody", reopen(client):get("/who").text)
    end)

    it("that is broken in any way is nobody's, never an error", function()
        local app, client = new_app()
        client:post("/login/1?remember")
        local good = cookie(client)
        local bad = {
            "", "|", "1", "1|", "|" .. good:match("|(.*)"), "2" .. good:sub(2), good .. "0",
            good:sub(1, -2), good:upper(), "1||" .. good:sub(3), ("a"):rep(4000), "1|" ..
            ("0"):rep(128), "1|" .. ("z"):rep(128), good:sub(1, 1) .. "\195\169" .. good:sub(2),
        }
        for i = 3, #good do
            local letter = good:sub(i, i) == "a" and "b" or "a"
            table.insert(bad, good:sub(1, i - 1) .. letter .. good:sub(i + 1))
        end
        for _, text in ipairs(bad) do
            local other = app:test_client()
            other:set_cookie("remember_token", text)
            assert.equal("nobody", other:get("/who").text)
            assert.equal(302, other:get("/private").status_code)
        end
        for _, text in ipairs{"\255\254|" .. ("a"):rep(128), '"1|\\', "1|" .. ("\128"):rep(128)} do
            local headers = {Cookie = "remember_token=" .. text .. "; session=" .. text}
            assert.equal("nobody", app:test_client():get("/who", {headers = headers}).text)
        end
    end)

    it("says when there is no secret for it", function()
        local app = flask.Flask("shop")
        app.config.TESTING = true
        login.init(app, {user_loader = function() return nil end})
        app:get("/", function() return login.current_user() == nil and "nobody" or "" end)
        assert.equal("nobody", app:test_client():get("/", {
            headers = {Cookie = "remember_token=1|" .. ("a"):rep(128)}}).text)
    end)
end)

describe("a session that another client shows", function()
    it("is no longer fresh", function()
        local _, client = new_app()
        client:post("/login/1", {headers = {["User-Agent"] = "one"}})
        assert.equal("fresh", client:get("/fresh", {headers = {["User-Agent"] = "one"}}).text)
        local other = {headers = {["User-Agent"] = "two"}}
        assert.equal(302, client:get("/fresh", other).status_code)
        assert.equal("private", client:get("/private", other).text)
    end)

    it("is nobody's with session_protection = \"strong\"", function()
        local _, client = new_app{session_protection = "strong"}
        client:post("/login/1?remember", {headers = {["User-Agent"] = "one"}})
        assert.equal("nobody", client:get("/who", {headers = {["User-Agent"] = "two"}}).text)
        assert.is_nil(client:get_cookie("remember_token"))
        assert.same({}, session_of(client))
    end)

    it("is left alone with session_protection = false", function()
        local _, client = new_app{session_protection = false}
        client:post("/login/1", {headers = {["User-Agent"] = "one"}})
        assert.equal("fresh", client:get("/fresh", {headers = {["User-Agent"] = "two"}}).text)
    end)

    it("may hold anything under the keys of a login", function()
        local _, client = new_app()
        for _, odd in ipairs{1, 1.5, true, {1}, {a = "1"}, "", "9", flask.null, ("x"):rep(500)} do
            for _, key in ipairs{"_user_id", "_fresh", "_id", "_remember_seconds", "_forced"} do
                client:session_transaction(function(session)
                    session._user_id, session._fresh = "1", true
                    session[key] = odd
                end)
                assert.equal(200, client:get("/who").status_code)
                assert.is_true(client:get("/fresh").status_code < 500)
            end
        end
    end)
end)

describe("next", function()
    local function next_of(url, how)
        local _, client = new_app()
        return client:post("/login/1", {[how or "query"] = {next = url}}).json.next
    end

    it("leads back to a page of this site", function()
        for _, url in ipairs{"/", "/a", "/a/b?c=//d#e", "/a?u=https://x.test", "/%09/evil.test",
                             "/\195\164"} do
            assert.equal(url, next_of(url))
            assert.equal(url, next_of(url, "form"))
            assert.is_true(login.is_local_url(url))
        end
    end)

    it("never leads to another", function()
        for _, url in ipairs{
            "//evil.test", "///evil.test", "/\\evil.test", "\\/evil.test", "\\\\evil.test",
            "https://evil.test", "https:evil.test", "http:/evil.test", "javascript:alert(1)",
            "data:text/html,x", " //evil.test", "\t/a", "/\t/evil.test", "/\n/evil.test",
            "/\r\nX: y", "/a\0b", "/a\127", "", "a", "?a", "#a", ".", "/.//evil.test",
            "/a//evil.test", "http://localhost/", "evil.test", "/" .. ("a"):rep(5000), "@evil.test",
        } do
            assert.equal("/home", next_of(url), url)
            assert.is_false(login.is_local_url(url))
        end
        assert.equal("/home", next_of(nil))
        for _, odd in ipairs{1, true, {}} do
            assert.is_false(login.is_local_url(odd))
        end
    end)

    it("is the app's root without a default", function()
        local app, client = new_app()
        app:get("/next", function() return login.next_url() end)
        assert.equal("/", client:get("/next?next=//evil.test").text)
        local outer = flask.Flask("outer")
        outer:mount("/shop", app)
        assert.equal("/shop/", outer:test_client():get("/shop/next").text)
    end)
end)

describe("templates", function()
    local function page(source, options)
        local app, client, users = new_app(options)
        app:get("/page", function()
            return flask.render_template_string(source, {users = users})
        end)
        return client, users
    end

    it("have current_user, which is false without a login", function()
        local client = page("{% if current_user %}{{ current_user.name }}{% else %}nobody"
                            .. "{% endif %}{{ current_user.id }}")
        assert.equal("nobody", client:get("/page").text)
        client:post("/login/1")
        assert.equal("ann1", client:get("/page").text)
    end)

    it("may ask for Flask-Login's fields", function()
        local client, users = page("{{ current_user.is_authenticated }} "
                                   .. "{{ current_user.is_anonymous }}")
        assert.equal("False True", client:get("/page").text)
        client:post("/login/1")
        assert.equal("True False", client:get("/page").text)
        assert.is_nil(users["1"].is_authenticated)
    end)

    it("can compare the user, call its methods and write it as JSON", function()
        local client, users = page("{{ current_user == users['1'] }} "
            .. "{{ users['2'] == current_user }} {{ current_user.greet('hi') }} "
            .. "{{ current_user | tojson }}")
        users["1"] = setmetatable({id = 1, name = "ann"}, {__index = {
            greet = function(self, text) return text .. " " .. self.name end,
        }, __tojson = function(self) return {id = self.id} end})
        client:post("/login/1")
        assert.equal('True False hi ann {"id": 1}', client:get("/page").text)
    end)
end)

describe("login.init", function()
    it("checks its options", function()
        local app = flask.Flask("shop")
        local function loader() return nil end
        for _, options in ipairs{
            {}, {user_loader = 3}, {user_loader = loader, logn_view = "x"},
            {user_loader = loader, login_view = 3}, {user_loader = loader, remember = true},
            {user_loader = loader, session_protection = "weak"},
        } do
            assert.has_error(function() login.init(app, options) end)
        end
        assert.has_error(function() login.init({}, {user_loader = loader}) end)
        login.init(app, {user_loader = loader})
        assert.has_error(function() login.init(app, {user_loader = loader}) end)
    end)

    it("takes users from the request itself", function()
        local _, client = new_app{request_loader = function(request)
            local auth = request.authorization
            return auth and auth.token == "tea" and {id = "9", name = "machine"} or nil
        end}
        assert.equal("nobody", client:get("/who").text)
        assert.equal("machine", client:get("/who", {
            headers = {Authorization = "Bearer tea"}}).text)
        assert.is_nil(client:get_cookie("session"))
    end)

    it("has a login page for each blueprint that wants its own", function()
        local app, client = new_app{blueprint_login_views = {area = "/area/login"}}
        local bp = flask.Blueprint("area", {url_prefix = "/area"})
        bp:get("/", login.required(function() return "" end))
        app:register_blueprint(bp)
        assert.truthy(client:get("/area/").location:find("/area/login", 1, true))
    end)

    it("is told when the loader returns no user", function()
        local _, client = new_app{user_loader = function() return "ann" end}
        client:session_transaction(function(session) session._user_id = "1" end)
        local _, message = pcall(client.get, client, "/who")
        assert.truthy(tostring(message):find("user_loader", 1, true))
    end)
end)
