"""What a hostile client, or a careless app, does to routing, sessions' guards and the debugger."""
from reload import Folder
from wire import case, check, equal

ROUTING = '''
local flask = require "cflask"
local app = flask.Flask(...)
app.config.HANDLER_CPU_LIMIT = 0.2
local function bare() while true do end end
local function caught() while true do pcall(bare) end end
app.url_map.converters.bare = {pattern = "%w+", to_lua = bare}
app.url_map.converters.caught = {pattern = "%w+", to_lua = caught}
app:get("/bare/<bare:x>", "bare", function() return "never" end)
app:get("/caught/<caught:x>", "caught", function() return "never" end)
app:route("/to", {redirect_to = bare})
app:get("/", function() return "alive" end)
return app
'''

CSRF = '''
local flask = require "cflask"
local app = flask.Flask(...)
app.config.SECRET_KEY = flask.security.random_token(32)
app.config.PROXY_FIX = 1
flask.csrf.protect(app)
app:get("/", function() return flask.csrf.token() end)
app:post("/", function() return "done" end)
return app
'''


for path in ("/bare/x", "/caught/x", "/to"):
    @case("what computes without end while the rule is sought is ended with 503 (%s)" % path,
          luajit=False)
    def _(t, path=path):
        folder = Folder(t, {"app.lua": ROUTING}, debug=False)
        answer = folder.get(path)
        equal(answer.status, 503, "the status")
        equal(folder.get("/").body, b"alive", "the next answer")
        check("HANDLER_CPU_LIMIT" in folder.server.log(), "the log names no limit")


@case("a form over HTTPS is refused from an origin that is none, even where no host is named")
def _(t):
    folder = Folder(t, {"app.lua": CSRF}, debug=False)
    page = folder.get("/")
    cookie = page.get("Set-Cookie").split(";")[0]
    for origin, status in (("null", 400), ("file://", 400), ("https://a.test", 400)):
        client = t.connect(folder.server)
        client.send(("POST / HTTP/1.0\r\nX-Forwarded-Proto: https\r\nOrigin: %s\r\nCookie: %s\r\n"
                     "X-CSRFToken: %s\r\nContent-Length: 0\r\n\r\n"
                     % (origin, cookie, page.body.decode())).encode())
        equal(client.answer().status, status, "the status for Origin: %s" % origin)
