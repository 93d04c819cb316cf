#!/usr/bin/python3
"""flask.login and flask.csrf beside Flask-Login and Flask-WTF: one cookie jar, one login.

Our app is asked over a socket, a Flask app through its test client; cookies and tokens go from
one to the other. Where Flask-Login and Flask-WTF are not installed, their formats are made here
by hashlib and itsdangerous, and the Flask app reads and writes its session alone.
"""
import hashlib
import hmac
import http.client
import os
import random
import subprocess
import sys
import tempfile
import urllib.parse

import flask
import itsdangerous
from werkzeug.http import dump_cookie, parse_cookie

try:
    import flask_login
    import flask_wtf.csrf
except ImportError:
    flask_login = None

SERVER = os.environ.get("CFLASK_LUA") or os.path.join(os.environ.get("BUILD", "build"),
                                                      "cflask-lua")
KEY = "parity-only-not-a-real-\u00e9ne"
SALT = "wtf-csrf-token"

APP = r"""
local flask = require "cflask"
local csrf, login = flask.csrf, flask.login
local app = flask.Flask(...)
app.config.SECRET_KEY = flask.env("KEY")
csrf.protect(app)
login.init(app, {user_loader = function(id) return {id = id} end, login_view = "/login"})
app:post("/login", csrf.exempt(function()
    local form = flask.request.form
    login.login_user({id = form.id}, {remember = form:has("remember")})
    return ""
end))
app:post("/logout", csrf.exempt(function() login.logout_user(); return "" end))
app:get("/who", function()
    local user = login.current_user()
    return {id = user and user.id or flask.null, fresh = login.is_fresh()}
end)
app:get("/token", function() return csrf.token() end)
app:post("/order", function() return "ordered" end)
return app
"""


def flask_app():
    app = flask.Flask("theirs")
    app.config["SECRET_KEY"] = KEY
    if flask_login:
        class User(flask_login.UserMixin):
            def __init__(self, id):
                self.id = id

        protect = flask_wtf.csrf.CSRFProtect(app)
        manager = flask_login.LoginManager(app)
        manager.user_loader(User)

        @app.post("/login")
        @protect.exempt
        def login():
            form = flask.request.form
            flask_login.login_user(User(form["id"]), remember="remember" in form)
            return ""

        @app.post("/logout")
        @protect.exempt
        def logout():
            flask_login.logout_user()
            return ""

        @app.get("/who")
        def who():
            user = flask_login.current_user
            return {"id": user.id if user.is_authenticated else None,
                    "fresh": user.is_authenticated and flask_login.login_fresh()}

        @app.get("/token")
        def token():
            return flask_wtf.csrf.generate_csrf()

        @app.post("/order")
        def order():
            return "ordered"
    return app


class Jar(dict):
    """Cookies by name, with what a response has set."""

    def take(self, lines):
        for line in lines:
            name, value = next(iter(parse_cookie(line.split(";")[0]).items()))
            if "expires=thu, 01 jan 1970" in line.lower() or "max-age=0" in line.lower():
                self.pop(name, None)
            else:
                self[name] = value

    def header(self):
        return "; ".join(dump_cookie(name, value).split("; Path")[0]
                         for name, value in self.items())


class Ours:
    def __init__(self, port):
        self.port = port

    def ask(self, method, path, jar, form=None, headers=None):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = urllib.parse.urlencode(form) if form is not None else None
        fields = {"User-Agent": "parity", **(headers or {})}
        if jar:
            fields["Cookie"] = jar.header()
        if body is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        client.request(method, path, body, fields)
        answer = client.getresponse()
        text = answer.read().decode()
        jar.take([v for k, v in answer.getheaders() if k.lower() == "set-cookie"])
        client.close()
        return answer.status, text


class Theirs:
    def __init__(self, app):
        self.app = app

    def ask(self, method, path, jar, form=None, headers=None):
        client = self.app.test_client(use_cookies=False)
        fields = {"User-Agent": "parity", **(headers or {})}
        if jar:
            fields["Cookie"] = jar.header()
        answer = client.open(path, method=method, data=form, headers=fields)
        jar.take(answer.headers.getlist("Set-Cookie"))
        return answer.status_code, answer.get_data(as_text=True)


def remember_value(user_id):
    key = KEY.encode("latin1")
    return user_id + "|" + hmac.new(key, user_id.encode(), hashlib.sha512).hexdigest()


def identifier(address, agent):
    address = address.encode().split(b",")[0].strip()
    agent = None if agent is None else agent.encode()
    return hashlib.sha512(f"{address}|{agent}".encode()).hexdigest()


def session_of(app, jar):
    with app.test_request_context("/", headers={"Cookie": jar.header()}):
        return dict(flask.session)


def set_session(app, jar, values):
    serializer = app.session_interface.get_signing_serializer(app)
    jar["session"] = serializer.dumps(values)


class Count:
    passed = failed = 0

    def check(self, what, got, expected):
        if got == expected:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL  %s: %r, not %r" % (what, got, expected))


IDS = ["1", "ann", "a|b", "|", "a b", 'a"b', "a;b,c", "\u00e4\u20ac", "x" * 300, "0", "\\", "'"]
AGENTS = ["parity", "Mozilla/5.0 (X11; Linux x86_64)", "it's", 'say "hi"', "it's \"both\"",
          "back\\slash", "tab\there", "caf\u00e9", "~", "a" * 500]
ADDRESSES = [None, "10.0.0.1", "10.0.0.1, 10.0.0.2", " 10.0.0.3 ,x", "::1", "it's"]


def remember_cases(count, ours, theirs, rng):
    ids = IDS + ["".join(chr(rng.choice([rng.randint(33, 126), rng.randint(160, 0x2fff)]))
                         for _ in range(rng.randint(1, 20))) for _ in range(60)]
    for user_id in ids:
        jar = Jar()
        ours.ask("POST", "/login", jar, {"id": user_id, "remember": "1"})
        count.check("our cookie of %r" % user_id, jar.get("remember_token"),
                    remember_value(user_id))
        only = Jar(remember_token=remember_value(user_id))
        count.check("their cookie of %r read here" % user_id,
                    flask.json.loads(ours.ask("GET", "/who", only)[1]),
                    {"id": user_id, "fresh": False})
        forged = Jar(remember_token=remember_value(user_id)[:-1] + "!")
        count.check("a forged cookie of %r" % user_id,
                    flask.json.loads(ours.ask("GET", "/who", forged)[1])["id"], None)
        if flask_login:
            only = Jar(remember_token=jar["remember_token"])
            count.check("our cookie of %r read there" % user_id,
                        flask.json.loads(theirs.ask("GET", "/who", only)[1]),
                        {"id": user_id, "fresh": False})


def identifier_cases(count, ours, theirs):
    for agent in AGENTS:
        for address in ADDRESSES:
            jar = Jar()
            headers = {"User-Agent": agent.encode("utf-8").decode("latin1")}
            if address:
                headers["X-Forwarded-For"] = address
            ours.ask("POST", "/login", jar, {"id": "1"}, headers)
            session = session_of(theirs.app, jar)
            count.check("_id of %r at %r" % (agent, address), session.get("_id"),
                        identifier(address or "127.0.0.1", headers["User-Agent"]))
            if flask_login:
                count.check("%r at %r is fresh there" % (agent, address),
                            flask.json.loads(theirs.ask("GET", "/who", jar, None, headers)[1]),
                            {"id": "1", "fresh": True})


def shared_login_cases(count, one, other, name):
    jar = Jar()
    one.ask("POST", "/login", jar, {"id": "7", "remember": "1"})
    count.check(name + ": logged in on both", flask.json.loads(other.ask("GET", "/who", jar)[1]),
                {"id": "7", "fresh": True})
    moved = {"User-Agent": "another browser"}
    count.check(name + ": not fresh elsewhere",
                flask.json.loads(other.ask("GET", "/who", jar, None, moved)[1]),
                {"id": "7", "fresh": False})
    other.ask("POST", "/logout", jar)
    count.check(name + ": logged out on both", flask.json.loads(one.ask("GET", "/who", jar)[1]),
                {"id": None, "fresh": False})
    count.check(name + ": the cookie has gone", "remember_token" in jar, False)


def token_cases(count, ours, theirs, rng):
    serializer = itsdangerous.URLSafeTimedSerializer(KEY, salt=SALT)
    for _ in range(40):
        jar, raw = Jar(), "%040x" % rng.getrandbits(160)
        set_session(theirs.app, jar, {"csrf_token": raw})
        token = ours.ask("GET", "/token", jar)[1]
        count.check("our token says", serializer.loads(token, max_age=60), raw)
        status = ours.ask("POST", "/order", jar, {"csrf_token": serializer.dumps(raw)})[0]
        count.check("their token", status, 200)
        status = ours.ask("POST", "/order", jar, {"csrf_token": serializer.dumps(raw[1:])})[0]
        count.check("their token of another session", status, 400)
        if flask_login:
            count.check("our token there", theirs.ask("POST", "/order", jar,
                                                      {"csrf_token": token})[0], 200)
            jar = Jar()
            token = theirs.ask("GET", "/token", jar)[1]
            count.check("their own token here", ours.ask("POST", "/order", jar,
                                                         {"csrf_token": token})[0], 200)


def main():
    count, rng = Count(), random.Random(4)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "app.lua")
        with open(path, "w") as file:
            file.write(APP)
        server = subprocess.Popen([SERVER, path, "--port", "0"], stderr=subprocess.PIPE,
                                  text=True, env={**os.environ, "KEY": KEY})
        try:
            port = None
            while port is None:
                line = server.stderr.readline()
                if not line:
                    raise RuntimeError("the server did not start")
                if "http://127.0.0.1:" in line:
                    port = int(line.split("http://127.0.0.1:")[1].split("/")[0].split()[0])
            ours, theirs = Ours(port), Theirs(flask_app())
            remember_cases(count, ours, theirs, rng)
            identifier_cases(count, ours, theirs)
            token_cases(count, ours, theirs, rng)
            if flask_login:
                shared_login_cases(count, ours, theirs, "login here")
                shared_login_cases(count, theirs, ours, "login there")
        finally:
            server.terminate()
            server.wait(20)
    print("%d passed, %d failed" % (count.passed, count.failed))
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
