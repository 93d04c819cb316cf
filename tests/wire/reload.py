"""Loading the app anew while it serves: what is seen of it on the wire."""
import json
import os
import random
import re
import shutil
import signal
import tempfile
import threading
import time

from wire import await_true, case, check, equal

HEAD = 'local flask = require "cflask"\nlocal app = flask.Flask(...)\n'
SOON = 45  # s, in which a change must be seen: machines may be slow


def view(text, path="/"):
    return 'app:get("%s", function() return "%s" end)\n' % (path, text)


def app_of(*pieces):
    return HEAD + "".join(pieces) + "return app\n"


def get(path="/", fields="", host="localhost"):
    return ("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, fields)).encode()


class Folder:
    """A folder with an app, and the server of it."""

    def __init__(self, t, files, debug=True):
        self.path = os.path.realpath(tempfile.mkdtemp())
        t.cleanups.append(lambda: shutil.rmtree(self.path, ignore_errors=True))
        for name, text in files.items():
            self.save(name, text)
        self.server = t.serve(app=os.path.join(self.path, "app.lua"),
                              arguments=["--debug"] if debug else [])
        self.t = t
        self.client = t.connect(self.server)

    def save(self, name, text, how="write"):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        to = path + ".new~" if how == "rename" else path
        if how == "aside":  # as vim does with its backup
            os.rename(path, path + "~")
        with open(to, "w") as file:
            file.write(text)
        if how == "rename":
            os.rename(to, path)

    def get(self, path="/", fields="", host="localhost"):
        self.client.send(get(path, fields, host))
        return self.client.answer()

    def text(self, path="/"):
        return self.get(path).body.decode()

    def await_text(self, wanted, path="/"):
        await_true(lambda: wanted in self.text(path), SOON, "%r is never served", wanted)

    def await_log(self, text):
        await_true(lambda: text in self.server.log(), SOON, "the log never says %r", text)

    def reloads(self):
        return len(re.findall("loaded anew|can't be loaded", self.server.log()))

    def await_reload(self, n):
        await_true(lambda: self.reloads() >= n, SOON, "not loaded anew %d times", n)

    def hangup(self):
        n = self.reloads()
        self.server.signal(signal.SIGHUP)
        self.await_reload(n + 1)


def all_of(client):
    """What comes until the connection ends, in whatever way."""
    received = bytearray(client.buffer)
    try:
        while True:
            data = client.take()
            if not data:
                return bytes(received)
            received += data
    except ConnectionResetError:
        return bytes(received)


def take_soon(client):
    """All that has come so far and comes in the next tenth of a second."""
    client.socket.settimeout(0.1)
    try:
        client.buffer += client.take()
    except TimeoutError:
        pass
    return bytes(client.buffer)


# ---- what counts as a change ----

for how in ("write", "rename", "aside"):
    @case("A save by %s is served, on the connection that is open" % how)
    def _(t, how=how):
        f = Folder(t, {"app.lua": app_of(view("one"))})
        equal(f.text(), "one", "before")
        f.save("app.lua", app_of(view("two")), how)
        f.await_text("two")
        f.save("app.lua", app_of(view("three")), how)
        f.await_text("three")


VALUE = 'app:get("/", function() return tostring(%s) end)\n'


@case("A change of a module that the app requires is served, and of one that it requires in turn")
def _(t):
    f = Folder(t, {"app.lua": app_of('local m = require "lib.outer"\n', VALUE % "m"),
                   "lib/outer.lua": 'return require "lib.inner" + 1', "lib/inner.lua": "return 1"})
    equal(f.text(), "2", "before")
    f.save("lib/inner.lua", "return 5")
    f.await_text("6")
    f.save("lib/outer.lua", 'return require "lib.inner" * 2', "rename")
    f.await_text("10")


@case("A module that was missing is loaded once it is there, in a folder that was missing too")
def _(t):
    f = Folder(t, {"app.lua": app_of('local ok, m = pcall(require, "late.come")\n',
                                     VALUE % 'ok and m or "missing"')})
    equal(f.text(), "missing", "before")
    f.save("late/come.lua", 'return "here"')
    f.await_text("here")


@case("Changes of the settings' file, of .env and of a template are seen")
def _(t):
    f = Folder(t, {"app.lua": app_of('app.config:from_file("settings.json")\n',
                                     'app.config:from_file("more.json", {silent = true})\n',
                                     "app.config:from_prefixed_env()\n",
                                     VALUE % "app.config.A .. app.config.B .. (app.config.C or 0)"),
                   "settings.json": '{"A": 1}', ".env": "FLASK_B=2\n", "templates/x/a.html": "a"})
    equal(f.text(), "120", "before")
    f.save("settings.json", '{"A": 3}', "rename")
    f.await_text("320")
    f.save(".env", "FLASK_B=4\n")
    f.await_text("340")
    f.save("more.json", '{"C": 5}')
    f.await_text("345")
    n = f.reloads()
    f.save("templates/x/a.html", "b")
    f.await_reload(n + 1)
    f.save("templates/new/b.html", "b")
    f.await_reload(n + 2)


@case("What a former loading, or one that failed, has put into the environment is gone")
def _(t):
    seen = VALUE % '(os.getenv("X_ONE") or "-") .. (os.getenv("X_TWO") or "-")'
    f = Folder(t, {"app.lua": app_of(seen), ".env": "X_ONE=1\n"})
    equal(f.text(), "1-", "before")
    f.save(".env", "X_TWO=2\n")
    f.await_text("-2")
    f.save("app.lua", app_of(seen, "error 'no'\n"))
    f.await_reload(2)
    f.save(".env", "X_TWO=3\n")
    f.await_reload(3)
    equal(f.text(), "-2", "after a failure")


@case("Files that the app only writes, and those that editors leave, change nothing")
def _(t):
    f = Folder(t, {"app.lua": app_of(view("one"))})
    for name in ("data.json", "app.lua~", ".app.lua.swp", "4913", "log.txt", "other.lua"):
        f.save(name, "x")
        f.save(name, "y", "rename")
    time.sleep(0.6)
    equal(f.reloads(), 0, "times loaded")


@case("A burst of saves counts once", tries=3)
def _(t):
    f = Folder(t, {"app.lua": app_of('require "a"\n', 'require "b"\n', view("one")),
                   "a.lua": "", "b.lua": ""})
    start = last = time.monotonic()
    gaps = 0  # in which the burst may seem to be over
    for i in range(30):
        for name in ("a.lua", "b.lua"):
            f.save(name, "return %d" % i)
            gaps, last = gaps + (time.monotonic() - last > 0.01), time.monotonic()
    f.save("app.lua", app_of(view("two")))
    took = time.monotonic() - start  # it counts at last after a second
    f.await_text("two")
    time.sleep(0.4)
    check(f.reloads() <= 3 + gaps + took, "loaded anew %d times", f.reloads())


# ---- what is under way ----

@case("A request under way ends on the old code, and one that comes meanwhile has the new")
def _(t):
    slow = 'app:get("/slow", function() print "begun" flask.sleep(%s) return "slow %s" end)\n'
    f = Folder(t, {"app.lua": app_of(view("one"), slow % ("1.5", "one"))})
    other = t.connect(f.server).send(get("/slow"))
    f.await_log("begun")
    f.save("app.lua", app_of(view("two"), slow % ("0", "two")))
    f.await_text("two")
    equal(other.answer().body, b"slow one", "the slow one")
    other.send(get("/slow"))
    equal(other.answer().body, b"slow two", "the next on its connection")


@case("A stream, a body on its way and a spawned task go on over a reload")
def _(t):
    text = app_of("local name = '%s'\n", '''
app:get("/stream", function()
    local n = 0
    return function()
        n = n + 1
        if n > 12 then return nil end
        flask.sleep(0.1)
        return name .. "\\n"
    end
end)
app:post("/", function() return name .. #flask.request:get_data() end)
app:get("/spawn", function()
    flask.spawn(function() flask.sleep(1) print("spawned in " .. name) end)
    return ""
end)
app:get("/", function() return name end)
''')
    f = Folder(t, {"app.lua": text % "one"})
    f.get("/spawn")
    stream = t.connect(f.server).send(get("/stream"))
    body = t.connect(f.server).send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
                                    b"Expect: 100-continue\r\n\r\n")
    equal(body.answer().status, 100, "the head has come")
    body.send(b"abc")
    stream.head()
    f.save("app.lua", text % "two")
    f.await_text("two")
    body.send(b"def")
    equal(body.answer().body, b"one6", "the body's answer")
    while stream.buffer.count(b"one\n") < 12:
        data = stream.take()
        check(data, "the stream ended early")
        stream.buffer += data
    check(b"two" not in stream.buffer, "the stream has the new code's text")
    await_true(lambda: "spawned in one" in f.server.log(), SOON, "the spawned task is gone")


SESSION = '''
app.secret_key = "tested"
app:get("/in", function() flask.session.user = "ada" return "%s" end)
app:get("/who", function() return "%s " .. tostring(flask.session.user) end)
'''


@case("A session goes on over a reload: what the old code has put in, the new one reads")
def _(t):
    f = Folder(t, {"app.lua": app_of(SESSION % ("one", "one"))})
    cookie = f.get("/in").get("Set-Cookie").split(";")[0]
    fields = "Cookie: %s\r\n" % cookie
    equal(f.get("/who", fields).body, b"one ada", "before")
    f.save("app.lua", app_of(SESSION % ("two", "two")))
    f.await_text("two", "/who")
    equal(f.get("/who", fields).body, b"two ada", "with the cookie of before")
    equal(f.text("/who"), "two nil", "without it")


ENDLESS = '''
app:get("/endless", function()
    return function() flask.sleep(0.05) return "x" end
end)
app:get("/wait", function() print("waiting in %s") flask.sleep(300) return "" end)
app:after_serving(function() print("end of %s") end)
'''


@case("At most two old ones live on: the streams of a third are cut off, its waits get 503")
def _(t):
    text = app_of(ENDLESS, 'app:get("/", function() return tostring(%s) end)\n')
    f = Folder(t, {"app.lua": text % (1, 1, 1)}, debug=False)
    streams, waits = [], []
    for n in range(1, 5):
        equal(f.text(), str(n), "the version")
        streams.append(t.connect(f.server).send(get("/endless")))
        waits.append(t.connect(f.server).send(get("/wait")))
        streams[-1].head()
        f.await_log("waiting in %d\n" % n)
        f.save("app.lua", text % (n + 1, n + 1, n + 1))
        f.hangup()
    for n in (0, 1):
        equal(waits[n].answer().status, 503, "the status of a wait")
        check(b"0\r\n\r\n" not in all_of(streams[n]), "the stream looks whole")
        await_true(lambda: "end of %d\n" % (n + 1) in f.server.log(), SOON, "it does not end")
    check("end of 3" not in f.server.log(), "the second last was ended too")
    check(streams[3].take(), "the last one's stream was ended")


@case("SHUTDOWN_TIMEOUT after a reload the old one's streams and waits are ended")
def _(t):
    text = app_of("app.config.SHUTDOWN_TIMEOUT = 0.5\n", ENDLESS % (1, 1), view("%s"))
    f = Folder(t, {"app.lua": text % "one"}, debug=False)
    stream = t.connect(f.server).send(get("/endless"))
    wait = t.connect(f.server).send(get("/wait"))
    stream.head()
    f.await_log("waiting in 1\n")
    f.save("app.lua", text % "two")
    f.hangup()
    equal(wait.answer().status, 503, "the wait's status")
    all_of(stream)
    equal(f.text(), "two", "the new one")


@case("The functions around serving run for each loading: the new one's before it serves")
def _(t):
    text = app_of('app:before_serving(function() flask.sleep(0.2) print("begin %s") end)\n',
                  'app:after_serving(function() flask.sleep(0.01) print("end %s") end)\n', view("%s"))
    f = Folder(t, {"app.lua": text % (1, 1, 1)})
    f.save("app.lua", text % (2, 2, 2))
    f.await_text("2")
    await_true(lambda: "end 1" in f.server.log(), SOON, "the old one's end is missing")
    f.server.signal(signal.SIGTERM)
    equal(f.server.wait(), 0, "the exit status")
    equal(re.findall("(?:begin|end) [12]", f.server.log()), ["begin 1", "begin 2", "end 1", "end 2"],
          "the order")


@case("A save ends a loading that waits in before_serving, and SIGTERM does")
def _(t):
    f = Folder(t, {"app.lua": app_of(view("one"))})
    stuck = app_of("app:before_serving(function() print 'stuck' flask.sleep(60) end)\n", view("two"))
    f.save("app.lua", stuck)
    await_true(lambda: "stuck" in f.server.log(), SOON, "it is never loaded")
    equal(f.text(), "one", "meanwhile")
    f.save("app.lua", app_of(view("three")))
    f.await_text("three")
    f.save("app.lua", stuck)
    await_true(lambda: f.server.log().count("stuck") == 2, SOON, "it is never loaded")
    f.client.close()
    f.server.signal(signal.SIGTERM)
    equal(f.server.wait(), 0, "the exit status")


# ---- apps that can't be loaded ----

PAGE = "<!doctype html><html><body><p>%s</p></body></html>"


@case("A broken file is told with its line; the last good version goes on under a banner")
def _(t):
    f = Folder(t, {"app.lua": app_of(view(PAGE % "one"), view("plain", "/plain"))})
    f.save("app.lua", app_of(view(PAGE % "two"), "this is <wrong>\n"))
    f.await_text('id="cflask-banner"')
    text = f.text()
    check("<p>one</p>" in text and text.index("banner") < text.index("<script"), "%r", text)
    check("app.lua:4: " in text and "&lt;wrong&gt;" in text, "no place: %r", text)
    equal(f.text("/plain"), "plain", "what is no page")
    log = f.server.log()
    check(re.search(r"app\.lua:4: .*\n(.*\n)* *> +4 \| this is <wrong>\n", log), "%s", log)
    f.save("app.lua", app_of(view(PAGE % "three")))
    f.await_text("<p>three</p>")
    check("banner" not in f.text(), "the banner is still there")


@case("An error in a module, in registration, a setting or before_serving leaves the last good one")
def _(t):
    good = app_of('require "m"\n', view("one"))
    f = Folder(t, {"app.lua": good, "m.lua": ""})
    for n, (name, text, place) in enumerate((
            ("m.lua", "local x\nx.y = 1\n", "m.lua:2:"),
            ("app.lua", app_of('app:get("no slash", print)\n'), "app.lua:3:"),
            ("app.lua", app_of('app.config.KEEPALIVE_TIMEOUT = "x"\n'), "KEEPALIVE_TIMEOUT"),
            ("app.lua", app_of("app:before_serving(function() error 'oh' end)\n"), "app.lua:3: oh"),
            ("app.lua", "return 5\n", "returned 5"),
            ("app.lua", "x = ", "app.lua:1:"))):
        f.save("app.lua", good)
        f.save(name, text)
        await_true(lambda: place in f.server.log(), SOON, "the log does not tell of %s", place)
        equal(f.text(), "one", "what is served")
        f.save(name, good if name == "app.lua" else "")
        time.sleep(0.1)
    f.save("app.lua", app_of(view("two")))
    f.await_text("two")


@case("Without a good version every request gets the error's page until it is mended")
def _(t):
    f = Folder(t, {"app.lua": app_of(view("one")) + "wrong here\n"})
    for path in ("/", "/any/where"):
        answer = f.get(path)
        equal(answer.status, 500, "the status")
        check(b"app.lua:5:" in answer.body and b"reload.js" in answer.body, "%r", answer.body)
    posted = t.connect(f.server)
    posted.send(b"POST /x HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Length: 1\r\n\r\nx")
    check("app.lua:5:" in posted.answer().json()["description"], "JSON clients get a page")
    f.save("app.lua", "\n" + app_of(view("one")) + "wrong here\n")
    f.await_text("app.lua:6:")
    f.save("app.lua", app_of(view("one")))
    await_true(lambda: f.text() == "one", SOON, "the mended one is never served")


@case("An endless loop while loading leaves the last good version serving", alone=True,
      luajit=False)
def _(t):
    f = Folder(t, {"app.lua": app_of(view("one"))})
    f.save("app.lua", app_of("while true do end\n"))
    await_true(lambda: "seconds of CPU" in f.server.log(), 60, "it is never given up")
    check("app.lua:3:" in f.server.log(), "%s", f.server.log())
    f.client = t.connect(f.server)  # the other one has waited in vain for longer than it may
    equal(f.text(), "one", "what is served")
    f.save("app.lua", app_of(view("two")))
    f.await_text("two")


@case("A save meanwhile lets an old one's after_serving functions come to their end")
def _(t):
    f = Folder(t, {"app.lua": app_of("app:after_serving(function() print 'begins' flask.sleep(0.6) "
                                     "print 'is done' end)\n", view("one"))})
    f.save("app.lua", app_of(view("two")))
    await_true(lambda: "begins" in f.server.log(), SOON, "it never begins")
    f.save("app.lua", app_of(view("three")))
    f.await_text("three")
    check("is done" in f.server.log(), "%s", f.server.log())


# ---- SIGHUP ----

@case("SIGHUP loads the app anew without debug mode; pages have no script, files are not watched")
def _(t):
    f = Folder(t, {"app.lua": app_of(view(PAGE % "one"))}, debug=False)
    equal(f.text(), PAGE % "one", "the page")
    equal(f.get("/__cflask__/events").status, 404, "the event stream")
    f.save("app.lua", app_of(view(PAGE % "two")))
    time.sleep(0.3)
    equal(f.text(), PAGE % "one", "without a signal")
    f.hangup()
    equal(f.text(), PAGE % "two", "the page")
    f.save("app.lua", "wrong")
    f.hangup()
    equal(f.text(), PAGE % "two", "after a failure")
    check("its last good version goes on" in f.server.log(), "the log does not tell")


@case("The log says that another port needs a restart")
def _(t):
    run = "app:run{host = '127.0.0.%d'}\n"
    f = Folder(t, {"app.lua": app_of(run % 1, view("one"))})
    f.save("app.lua", app_of(run % 2, view("two")))
    f.await_text("two")
    check("a restart is needed" in f.server.log(), "%s", f.server.log())


# ---- pages and events ----

PAGES = app_of(r'''
local page = "<!doctype html><body>x</BODY ></html>"
app:get("/page", function() return page end)
app:get("/bodies", function() return "<html><body>'</body>'</body></html>" end)
app:get("/document", function() return " <!DOCTYPE html><p>x" end)
app:get("/fragment", function() return "<p>x</p>" end)
app:get("/text", function() return page, {["Content-Type"] = "text/plain"} end)
app:get("/latin", function() return page, {["Content-Type"] = "text/html; charset=latin-1"} end)
app:get("/utf", function() return page, {["Content-Type"] = 'text/html; charset="UTF-8"'} end)
app:get("/encoded", function() return page, {["Content-Encoding"] = "br"} end)
app:get("/stream", function()
    local pieces = {page, nil}
    return function() return table.remove(pieces) end
end)
app:get("/file", function() return flask.send_file("page.html") end)
app:get("/etag", function()
    local r = flask.make_response(page)
    r:set_etag("abc")
    r.last_modified = 1700000000
    return r
end)
local kept = flask.make_response(page)
app:get("/kept", function() return kept end)
app:get("/nonce", function()
    return page, {["Content-Security-Policy"] = "script-src 'nonce-aB3+/_-='; x"}
end)
app:post("/form", function() return page end)
app:get("/large", function() return "<body>" .. ("y"):rep(500000) .. "</body>" end)
''')
TAG = rb'<script src="/__cflask__/reload\.js\?\d+%s"%s></script>'


@case("Debug mode puts a script into complete pages, and into nothing else")
def _(t):
    f = Folder(t, {"app.lua": PAGES, "page.html": PAGE})
    for path, wanted in (("/page", rb"<!doctype html><body>x" + TAG % (b"", b"") + rb"</BODY ></html>"),
                         ("/bodies", rb"<html><body>'</body>'" + TAG % (b"", b"") + b"</body></html>"),
                         ("/document", rb" <!DOCTYPE html><p>x" + TAG % (b"", b"")),
                         ("/utf", rb"<!doctype html><body>x" + TAG % (b"", b"") + rb"</BODY ></html>"),
                         ("/kept", rb"<!doctype html><body>x" + TAG % (b"", b"") + rb"</BODY ></html>"),
                         ("/kept", rb"<!doctype html><body>x" + TAG % (b"", b"") + rb"</BODY ></html>"),
                         ("/large", rb"<body>y{500000}" + TAG % (b"", b"") + rb"</body>"),
                         ("/nonce", rb".*" + TAG % (b"", rb' nonce="aB3\+/_-="') + rb".*")):
        body = f.get(path).body
        check(re.fullmatch(wanted, body), "%s: %r", path, body[-300:])
    for path in ("/fragment", "/text", "/latin", "/encoded", "/stream", "/file"):
        check(b"__cflask__" not in f.get(path).body, "%s has the script", path)
    f.client.send(b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    check(re.search(TAG % (rb"\+sent", b""), f.client.answer().body), "a form's page")


@case("A page with the script has its own length, to HEAD too, and no validators")
def _(t):
    f = Folder(t, {"app.lua": PAGES})
    answer = f.get("/etag")
    check(not answer.get("ETag") and not answer.get("Last-Modified"), "validators are sent")
    f.client.send(get("/page").replace(b"GET", b"HEAD"))
    head = f.client.answer(to="HEAD")
    page = f.get("/page")
    equal(head.get("Content-Length"), page.get("Content-Length"), "HEAD's length")
    equal(int(page.get("Content-Length")), len(page.body), "the length")


@case("The event stream tells of changes and of errors, whatever generation serves")
def _(t):
    f = Folder(t, {"app.lua": app_of(view("one"))})
    script = f.get("/__cflask__/reload.js")
    equal(script.get("Content-Type"), "text/javascript; charset=utf-8", "the script's type")
    check(b"EventSource" in script.body, "no script: %r", script.body)
    client = t.connect(f.server).send(get("/__cflask__/events"))
    equal(client.head().get("Content-Type"), "text/event-stream", "the type")

    def event(n):
        def events():
            return re.findall(rb"^data: (.*)\n\n", take_soon(client), re.M)
        await_true(lambda: len(events()) > n, SOON, "no event %d", n)
        return json.loads(events()[n])
    first = event(0)
    equal(first["error"], None, "the first event's error")
    f.save("app.lua", "wrong")
    second = event(1)
    check("app.lua:1:" in second["error"] and second["changed"] == first["changed"], "%r", second)
    f.save("app.lua", app_of(view("two")))
    third = event(2)
    check(third["error"] is None and third["changed"] > first["changed"], "%r", third)
    for _ in range(3):
        n = f.reloads()
        f.save("app.lua", app_of(view("x")))
        f.await_reload(n + 1)
    event(5)
    f.client.close()
    f.server.signal(signal.SIGTERM)
    equal(f.server.wait(), 0, "the exit status, with a stream open")


STRANGERS = (("a foreign name", "evil.example", ""),
             ("a foreign page", "localhost", "Origin: http://evil.example\r\n"))
OTHERS = STRANGERS + (("a proxy", "localhost", "X-Forwarded-For: 127.0.0.1\r\n"),)


@case("Why the app can't be loaded is shown to nobody but this machine's own pages")
def _(t):
    page = 'app:get("/", function() return "<body>%s</body>" end)\n'
    f = Folder(t, {"app.lua": app_of(page % "one")})
    f.save("app.lua", "secret_thing = = 1\n")
    f.await_reload(1)
    check(b"secret_thing" in f.get().body, "our own page has no banner")
    for who, host, fields in OTHERS:
        body = f.get(host=host, fields=fields).body
        check(b"one" in body and b"secret_thing" not in body and b"app.lua" not in body,
              "%s sees %r", who, body)
    broken = Folder(t, {"app.lua": "secret_thing = = 1\n"})
    check(b"secret_thing" in broken.get().body, "our own page has no error")
    for who, host, fields in OTHERS:
        for accept in ("text/html", "application/json"):
            answer = broken.get(host=host, fields=fields + "Accept: %s\r\n" % accept)
            equal(answer.status, 500, "the status for " + who)
            check(b"secret_thing" not in answer.body and b"app.lua" not in answer.body,
                  "%s sees %r", who, answer.body)


@case("The event stream refuses strangers, and tells proxies' clients of changes alone")
def _(t):
    f = Folder(t, {"app.lua": app_of('app:get("/", function() return "<body>x</body>" end)\n')})
    f.save("app.lua", "secret_thing = = 1\n")
    f.await_reload(1)
    for who, host, fields in STRANGERS:
        equal(f.get("/__cflask__/events", fields, host).status, 403, "the status for " + who)
        check(b"reload.js" not in f.get("/", fields, host).body, "the script for " + who)
    own = t.connect(f.server).send(get("/__cflask__/events"))
    client = t.connect(f.server).send(get("/__cflask__/events", OTHERS[-1][2]))
    equal(client.head().status, 200, "the status for a proxy")
    check(b"reload.js" in f.get("/", OTHERS[-1][2]).body, "no script for a proxy's client")
    f.save("app.lua", "other_thing = = 1\n")
    f.await_reload(2)
    await_true(lambda: b"other_thing" in take_soon(own), SOON, "we ourselves are not told")
    await_true(lambda: take_soon(client).count(b"data: ") > 1, SOON, "the client is not told")
    check(b"thing" not in client.buffer, "a proxy's client sees %r", client.buffer)


@case("The reserved paths are the app's own for other methods, and without debug mode")
def _(t):
    own = 'app:post("/__cflask__/events", function() return "own" end)\n'
    f = Folder(t, {"app.lua": app_of(own, view("own", "/__cflask__/x"))})
    f.client.send(b"POST /__cflask__/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    equal(f.client.answer().body, b"own", "POST")
    equal(f.text("/__cflask__/x"), "own", "another path")


# ---- under load ----

@case("The requests of 64 clients never fail while the app is saved at random", alone=True)
def _(t):
    f = Folder(t, {"app.lua": app_of(view("v0"))})
    clients, faults, is_over = [t.connect(f.server) for _ in range(64)], [], threading.Event()
    seen = [set() for _ in clients]

    def ask(client, versions):
        try:
            while not is_over.is_set():
                client.send(get())
                answer = client.answer()
                equal(answer.status, 200, "the status")
                versions.add(answer.body.decode())
        except Exception as error:  # told below, in the case's own thread
            faults.append(error)
    threads = [threading.Thread(target=ask, args=pair) for pair in zip(clients, seen)]
    for thread in threads:
        thread.start()
    chance = random.Random(5)
    for n in range(1, 21):
        time.sleep(chance.uniform(0, 0.15))
        f.save("app.lua", app_of(view("v%d" % n)), chance.choice(("write", "rename", "aside")))
    f.await_text("v20")
    is_over.set()
    for thread in threads:
        thread.join()
    check(not faults, "%s", faults[:1])
    versions = set().union(*seen)
    check(versions <= {"v%d" % n for n in range(21)}, "%r", versions)


@case("Memory and descriptors are flat over two hundred reloads", alone=True)
def _(t):
    f = Folder(t, {"app.lua": app_of(view("one"))}, debug=False)

    def reload(times):
        for _ in range(times):
            f.hangup()
            equal(f.text(), "one", "what is served")
    reload(50)
    memory, descriptors = f.server.memory(), f.server.descriptors()
    reload(200)
    f.server.grew(memory, 600, "200 reloads")
    check(f.server.descriptors() <= descriptors, "descriptors stay open")
