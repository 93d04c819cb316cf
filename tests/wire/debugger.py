"""The debugger's guard on a real port: the PIN, Host, Origin, and how an evaluation ends."""
import json
import os
import re
import signal

from reload import Folder
from wire import PATIENCE, await_true, case, check, equal

APP = """
local flask = require "cflask"
local app = flask.Flask(...)
app.config.HANDLER_CPU_LIMIT = 0.3
app:get("/", function()
    local answer = 41
    error("stop")
end)
app:get("/fine", function() return "fine" end)
return app
"""


class Page:
    """A failing page of a server in debug mode, and what its script does."""

    def __init__(self, t, **more):
        self.folder = Folder(t, {"app.lua": APP}, **more)
        port = self.folder.server.port
        self.host = "127.0.0.1:%d" % port
        self.folder.await_log("PIN is ")
        self.pin = re.search(r"PIN is ([0-9-]+)", self.folder.server.log())
        self.cookie = ""
        self.load()

    def send(self, method, path, body=b"", host=None, fields=""):
        self.folder.client.send(("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                                 "Content-Length: %d\r\n%s%s\r\n" % (
                                     method, path, host or self.host, len(body), self.cookie,
                                     fields)).encode() + body)
        return self.folder.client.answer()

    def load(self):
        text = self.send("GET", "/").body.decode()
        self.id = re.search('data-id="([^"]+)"', text).group(1)
        self.secret = re.search('data-secret="([^"]+)"', text).group(1)

    def post(self, path, host=None, fields="", **data):
        data.update(id=self.id, secret=self.secret)
        return self.send("POST", "/__cflask__/debugger/" + path, json.dumps(data).encode(), host,
                         fields)

    def unlock(self):
        answer = self.post("pin", pin=self.pin.group(1))
        equal(answer.status, 200, "the answer to the PIN")
        self.cookie = "Cookie: %s\r\n" % answer.get("Set-Cookie").split(";")[0]

    def evaluate(self, code, **more):
        return self.post("evaluate", frame=1, code=code, **more)


@case("the debugger evaluates for whoever has the PIN of the terminal")
def _(t):
    page = Page(t)
    equal(page.evaluate("answer + 1").status, 401, "without the PIN")
    page.unlock()
    answer = page.evaluate("answer + 1")
    equal(json.loads(answer.body)["output"], "42", "the result")
    page.evaluate("answer = 1")
    equal(json.loads(page.evaluate("answer").body)["output"], "1", "the local assigned to")


@case("ten wrong PINs lock the debugger until the server is restarted; a reload does not help")
def _(t):
    page = Page(t)
    for _ in range(10):
        answer = page.post("pin", pin="000-000-000")
        equal(answer.status, 403, "a wrong PIN")
        check(b"not the PIN" in answer.body, "%r", answer.body)
    page.folder.save("app.lua", APP + "\n")
    page.folder.await_reload(1)
    page.load()
    answer = page.post("pin", pin=page.pin.group(1))
    equal(answer.status, 403, "the right PIN after ten wrong ones")
    check(b"locked" in answer.body, "%r", answer.body)


@case("the debugger refuses other hosts, other origins and requests that were passed on")
def _(t):
    page = Page(t)
    page.unlock()
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"):
        equal(page.evaluate("1", host=host).status, 403, "from the host " + host)
        text = page.send("GET", "/", host=host).body
        check(b"local answer" not in text and b"stop" not in text, "%s sees the page", host)
    for fields in ("Origin: http://evil.example\r\n", "Origin: null\r\n",
                   "Origin: http://127.0.0.1:1\r\n", "Sec-Fetch-Site: cross-site\r\n",
                   "X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1\r\n"):
        equal(page.evaluate("1", fields=fields).status, 403, fields)
    equal(page.evaluate("1", fields="Origin: http://%s\r\n" % page.host).status, 200, "its own page")


@case("an endless loop at the debugger's prompt ends at HANDLER_CPU_LIMIT", waits=True,
      luajit=False)
def _(t):
    page = Page(t)
    page.unlock()
    answer = page.evaluate("while true do end")
    equal(answer.status, 503, "an endless loop")
    check(b"HANDLER_CPU_LIMIT" in answer.body, "%r", answer.body)
    equal(json.loads(page.evaluate("answer").body)["output"], "41", "what is evaluated then")
    answer = page.evaluate("while true do pcall(function() while true do end end) end")
    equal(answer.status, 503, "one that catches every error")
    equal(page.send("GET", "/fine").body, b"fine", "the app's answer then")


@case("a failed request is gone with its generation, and its page is told")
def _(t):
    page = Page(t)
    page.unlock()
    page.folder.save("app.lua", APP + "\n")
    page.folder.await_reload(1)
    answer = page.evaluate("answer")
    equal(answer.status, 410, "an evaluation in a failed request of the former app")
    check(b"isn't kept any more" in answer.body, "%r", answer.body)


@case("the debugger's PIN and the count of wrong ones outlive a worker that crashes")
def _(t):
    page = Page(t)
    for _ in range(10):
        page.post("pin", pin="1")
    server = page.folder.server
    old = server.worker()
    os.kill(old, signal.SIGKILL)
    await_true(lambda: server.workers() not in ([], [old]), PATIENCE, "no new worker")
    page.folder.client = t.connect(server)
    page.load()
    answer = page.post("pin", pin=page.pin.group(1))
    check(b"locked" in answer.body, "%r", answer.body)


@case("in production there is no debugger, and no PIN")
def _(t):
    folder = Folder(t, {"app.lua": APP}, debug=False)
    check("PIN" not in folder.server.log(), "a PIN is printed")
    for path in ("debugger.js", "pin"):
        equal(folder.get("/__cflask__/debugger/" + path).status, 404, path)
    answer = folder.get("/")
    equal(answer.status, 500, "an error")
    check(b"stop" not in answer.body and b"app.lua" not in answer.body, "%r", answer.body)
