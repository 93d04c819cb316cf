#!/usr/bin/python3
"""Sessions, flashes and signed tokens, made here and read by Flask and itsdangerous, and the
reverse; what Debian's versions lack is checked by the format's own description."""
import base64
import datetime
import hashlib
import hmac
import http.cookiejar
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
import zlib

try:
    import flask
    import itsdangerous
    import werkzeug.serving
    from flask.sessions import SecureCookieSessionInterface
    from markupsafe import Markup
except ImportError as error:
    print("skipped: %s" % error)
    sys.exit(77)

BINARY = os.environ.get("CFLASK_LUA") or os.path.join(os.environ.get("BUILD", "build"),
                                                      "cflask-lua")
HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(20231114)
counts = {True: 0, False: 0}


def check(is_right, what, *values):
    counts[bool(is_right)] += 1
    if not is_right and counts[False] <= 20:
        print("not ok", what, *("\n    %r" % (value,) for value in values))


class Driver:
    def __init__(self):
        self.process = subprocess.Popen(
            [BINARY, "lua", os.path.join(HERE, "signing_driver.lua")], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, **case):
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the driver has ended at %r" % case)
        return json.loads(line)


ours = Driver()

# ---- random values ----

TEXTS = ["", "a", "hello world", "Grüße", "日本語", "😀", "\x00\x1f\x7f", "\"\\/", "<b>&'",
         " t", " di", "x" * 300, "-_.", "0", "\u2028"]


def text():
    if random.random() < 0.7:
        return random.choice(TEXTS)
    return "".join(chr(random.choice([32 + random.randrange(95), 0x100 + random.randrange(0x400),
                                      0x10000 + random.randrange(0x1000)]))
                   for _ in range(random.randrange(12)))


def number():
    return random.choice([0, 1, -1, 2 ** 53, 2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63, 10 ** 15,
                          random.randrange(-10 ** 9, 10 ** 9), 0.5, -0.0, 1e300, 5e-324, 1e16,
                          0.1, 1.0, random.random(), random.uniform(-1e9, 1e9)])


def plain(depth=0):
    kind = random.randrange(9 if depth < 4 else 6)
    if kind < 2:
        return text()
    if kind < 4:
        return number()
    if kind < 6:
        return random.choice([True, False, None])
    if kind == 6:
        return [plain(depth + 1) for _ in range(random.randrange(5))]
    return {text(): plain(depth + 1) for _ in range(random.randrange(5))}


def special(depth=0):
    kind = random.randrange(11 if depth < 4 else 5)
    if kind == 0:
        return bytes(random.randrange(256) for _ in range(random.randrange(20)))
    if kind == 1:
        return Markup(text())
    if kind == 2:
        return uuid.UUID(int=random.getrandbits(128))
    if kind == 3:
        return datetime.datetime.fromtimestamp(random.randrange(4 * 10 ** 9),
                                               datetime.timezone.utc)
    if kind == 4:
        return plain(4)
    if kind < 7:
        return tuple(special(depth + 1) for _ in range(random.randrange(4)))
    if kind < 9:
        return [special(depth + 1) for _ in range(random.randrange(4))]
    if kind == 9:
        return {random.choice([" t", " b", " m", " u", " d", " di", "x"]): special(depth + 1)}
    return {text(): special(depth + 1) for _ in range(random.randrange(4))}


def contents(make):
    return {"key%d" % i: make() for i in range(random.randrange(1, 6))}


def same(a, b):
    """Equal, with the same types all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(sorted(a)) == list(sorted(b)) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return repr(a) == repr(b)


# ---- sessions ----

app = flask.Flask("parity")
app.secret_key = "dev"
app.permanent_session_lifetime = datetime.timedelta(days=365 * 300)


def serializer(secret="dev"):
    app.secret_key = secret
    return SecureCookieSessionInterface().get_signing_serializer(app)


def flask_dumps(value, secret="dev"):
    with app.app_context():
        return serializer(secret).dumps(value)


def flask_loads(cookie, secret="dev"):
    with app.app_context():
        return serializer(secret).loads(cookie)


def payload(cookie):
    return cookie.rsplit(".", 2)[0]


def sessions():
    for _ in range(300):
        value = contents(plain)
        # Read here, and written back the same when it is only touched.
        answer = ours(secret="dev", cookie=flask_dumps(value), touch=True)
        check(payload(answer["cookie"]) == payload(flask_dumps(value)), "bytes of", value,
              answer["cookie"])
        check(same(flask_loads(answer["cookie"]), value), "plain session", value)
        # Written here.
        answer = ours(secret="dev", set=value)
        check(same(flask_loads(answer["cookie"]), value), "our session", value,
              answer["cookie"])
    for _ in range(300):
        value = contents(special)
        cookie = flask_dumps(value)
        answer = ours(secret="dev", cookie=cookie)
        check(answer.get("set_cookie") is None, "unchanged", value, answer)
        answer = ours(secret="dev", cookie=cookie, set={"added": 1})
        check(same(flask_loads(answer["cookie"]), dict(flask_loads(cookie), added=1)),
              "tags", value, flask_loads(answer["cookie"]))
        check(payload(answer["cookie"]) == payload(flask_dumps(dict(value, added=1))),
              "bytes with tags", value)


def flashes():
    for _ in range(60):
        messages = [(random.choice(["message", "error", "info"]),
                     text() or "x") for _ in range(random.randrange(1, 4))]
        with app.test_request_context():
            app.secret_key = "dev"
            for category, message in messages:
                flask.flash(message, category)
            cookie = flask_dumps(dict(flask.session))
        answer = ours(secret="dev", cookie=cookie, pop=True)
        check(answer["result"] == [list(m) for m in messages], "flashes read", messages, answer)
        check("cookie" not in answer, "flashes popped", answer)
        answer = ours(secret="dev", flash=messages)
        check(payload(answer["cookie"]) == payload(cookie), "flashes written", messages)
        with app.test_request_context(headers={"Cookie": "session=" + answer["cookie"]}):
            check(flask.get_flashed_messages(with_categories=True) == messages, "flashes there")


def known_cookies():
    for cookie, value in ((
            "eyJfZmxhc2hlcyI6W3siIHQiOlsibWVzc2FnZSIsImhpIl19XSwidXNlcl9pZCI6MX0.ZVPxAA"
            ".uCwFwPI1ngd9XIuBpFV0QCS_4vw", {"_flashes": [("message", "hi")], "user_id": 1}), (
            ".eJyrVspWslJKHCZAqRYAlOZN7g.ZVPxAA.2SgJnjYSnz0GGrA-5GSsSqAThPI",
            {"k": "a" * 200})):
        check(same(flask_loads(cookie), value), "known cookie in Flask")
        answer = ours(secret="dev", cookie=cookie, touch=True)
        check(payload(answer["cookie"]) == payload(cookie), "known cookie", answer)
        check(same(flask_loads(answer["cookie"]), value), "known cookie back")


# ---- what Debian's Flask lacks: by hashlib and the description of the format ----

def sign(value, secret, at=None):
    """payload.time.signature: the key is HMAC-SHA1(secret, salt), the signature
    HMAC-SHA1(key, "payload.time"), all in base64url without padding."""
    encode = lambda b: base64.urlsafe_b64encode(b).rstrip(b"=")
    body = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    packed = zlib.compress(body)
    body = b"." + encode(packed) if len(packed) < len(body) - 1 else encode(body)
    at = int(time.time()) if at is None else at
    body += b"." + encode(at.to_bytes((at.bit_length() + 7) // 8, "big"))
    key = hmac.new(secret.encode(), b"cookie-session", hashlib.sha1).digest()
    return (body + b"." + encode(hmac.new(key, body, hashlib.sha1).digest())).decode()


def rotation():
    for _ in range(50):
        value = {"id": number(), "name": text(), "long": "ab" * random.randrange(100)}
        check(payload(sign(value, "k")) == payload(flask_dumps(value, "k")), "our own reading")
        cookie = sign(value, "old")
        answer = ours(secret="new", fallbacks=["older", "old"], cookie=cookie, touch=True)
        check(same(flask_loads(answer["cookie"], "new"), value), "fallback", value)
        answer = ours(secret="new", fallbacks=["older"], cookie=cookie, touch=True)
        check("cookie" not in answer, "no fallback", answer)
        answer = ours(secret="new", fallbacks=["old"], partitioned=True, set={"a": 1})
        made = answer["set_cookie"].partition("=")[2].partition(";")[0]
        check(same(flask_loads(made, "new"), {"a": 1}), "signed by the newest", answer)
        check(answer["set_cookie"].endswith("; Secure; HttpOnly; Path=/; SameSite=Lax; "
                                            "Partitioned"), "partitioned", answer)
    now = int(time.time())
    for at, is_taken in ((now, True), (now - 90, True), (now - 110, False), (now + 30, False),
                         (0, False), (2 ** 63, False), (2 ** 70, False)):
        answer = ours(secret="k", lifetime=100, cookie=sign({"a": 1}, "k", at), set={"b": 2})
        check(("a" in flask_loads(answer["cookie"], "k")) == is_taken, "age", at - now)


# ---- tokens ----

CLASSES = ("Signer", "TimestampSigner", "URLSafeSerializer", "URLSafeTimedSerializer")


def theirs(name, secrets, salt, derivation, digest):
    cls = getattr(itsdangerous, name)
    options = {"key_derivation": derivation, "digest_method": getattr(hashlib, digest)}
    if "Signer" in name:
        return cls(secrets, **(dict(options, salt=salt) if salt else options))
    return cls(secrets, signer_kwargs=options, **({"salt": salt} if salt else {}))


def tokens():
    for name in CLASSES:
        for derivation in ("django-concat", "concat", "hmac", "none"):
            for digest in ("sha1", "sha256", "sha384", "sha512"):
                for secrets in ("secret", ["old", "new"], ["k" * 200], "ü"):
                    one_token(name, secrets, random.choice([None, "confirm", ""]), derivation,
                              digest)


def one_token(name, secrets, salt, derivation, digest):
    s = theirs(name, secrets, salt, derivation, digest)
    options = {"key_derivation": derivation, "digest_method": digest}
    if salt:
        options["salt"] = salt
    case = {"class": name, "secrets": secrets, "options": options}
    is_timed = "Time" in name
    if "Signer" in name:
        value = text() + "." + random.choice(["", "x.y"])
        made = ours(sign=value, **case)["text"]
        check(s.unsign(made).decode() == value, "their unsign", case, value, made)
        answer = ours(unsign=s.sign(value).decode(), **case)
        check(answer.get("value") == value, "our unsign", case, value, answer)
        if not is_timed:
            check(s.sign(value).decode() == made, "same text", case)
    else:
        value = plain()
        made = ours(dumps=value, **case)["text"]
        check(same(s.loads(made), value), "their loads", case, value, made)
        answer = ours(loads=s.dumps(value), **case)
        check(same(answer.get("value"), value), "our loads", case, value, answer)
        ordered = json.loads(json.dumps(value, sort_keys=True))
        check(made.split(".")[:2] == s.dumps(ordered).split(".")[:2] if made[0] == "."
              else made.split(".")[0] == s.dumps(ordered).split(".")[0], "same bytes", value)
    if isinstance(secrets, list) and len(secrets) > 1:
        old = theirs(name, secrets[0], salt, derivation, digest)
        key = "unsign" if "Signer" in name else "loads"
        made = old.sign("v").decode() if "Signer" in name else old.dumps("v")
        check(ours(**{key: made}, **case).get("value") == "v", "signed by the old key", case)


def ages():
    now = int(time.time())
    s = itsdangerous.TimestampSigner("secret")
    case = {"class": "TimestampSigner", "secrets": "secret"}
    for age in (0, 1, 50, 100, 160, 10 ** 6, -50, -10 ** 6):
        s.get_timestamp = lambda at=now - age: at
        made = s.sign("v").decode()
        s.get_timestamp = lambda: int(time.time())
        answer = ours(unsign=made, check={"max_age": 110, "return_timestamp": True}, **case)
        try:
            _, signed = s.unsign(made, max_age=110, return_timestamp=True)
            check(answer.get("value") == "v" and answer["time"] == int(signed.timestamp()), "age",
                  age, answer)
        except itsdangerous.SignatureExpired as error:
            check(answer.get("error") == "SignatureExpired", "expired", age, answer)
            check(answer.get("date_signed") == int(error.date_signed.timestamp()), "date_signed")


def broken():
    """Whatever itsdangerous refuses is refused here, with the same error where it says one."""
    s = itsdangerous.URLSafeTimedSerializer("secret")
    case = {"class": "URLSafeTimedSerializer", "secrets": "secret"}
    good = s.dumps({"id": 1, "name": "x" * 50})
    plain_signer = itsdangerous.Signer("secret", salt="itsdangerous")
    texts = ["", ".", "a", "a.b", "a.b.c", good[:-1], good[1:], good + ".", "." + good]
    texts += [plain_signer.sign(value).decode() for value in
              ("", "x", "x.", "e30.ZVPxAA", "!!.ZVPxAA", ".eJw.ZVPxAA", ".ZVPxAA",
               "e30.A")]
    for _ in range(300):
        at = random.randrange(len(good))
        texts.append(good[:at] + random.choice("ABxyz019-_.") + good[at + 1:])
    for made in texts:
        answer = ours(loads=made, **case)
        try:
            value, name = s.loads(made), None
        except itsdangerous.BadData as error:
            name = type(error).__name__
        if name is None and "error" in answer:
            continue  # base64 that Python reads laxly: there is one text for each signature
        check(answer.get("error") == name, "error", made, name, answer)
        if name is None:
            check(answer["value"] == value, "value", made)


# ---- two servers, one cookie jar ----

OUR_APP = """
local flask = require "cflask"
local app, session = flask.Flask(...), flask.session
app.config.SECRET_KEY = "shared by the two servers"
app:post("/login/<name>", function(name)
    session.user, session.permanent = name, true
    flask.flash("Hello from Lua")
    return "in"
end)
app:get("/who", function()
    local user = session.user or "nobody"
    return user .. ": " .. table.concat(flask.get_flashed_messages(), ",")
end)
app:post("/logout", function() flask.session_clear() return "out" end)
return app
"""


def flask_app():
    other = flask.Flask("other")
    other.secret_key = "shared by the two servers"

    @other.post("/login/<name>")
    def login(name):
        flask.session["user"], flask.session.permanent = name, True
        flask.flash("Hello from Python")
        return "in"

    @other.get("/who")
    def who():
        user = flask.session.get("user", "nobody")
        return user + ": " + ",".join(flask.get_flashed_messages())

    @other.post("/logout")
    def logout():
        flask.session.clear()
        return "out"
    return other


def shared_login():
    """A browser's jar, which does not tell ports apart, on both servers."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = werkzeug.serving.make_server("127.0.0.1", 0, flask_app())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "app.lua")
        with open(path, "w") as file:
            file.write(OUR_APP)
        process = subprocess.Popen([BINARY, path, "--port", "0"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            url = re.search(r"http://[\d.:]+", next(
                line for line in process.stdout if "http://" in line)).group()
            browse("http://127.0.0.1:%d" % server.server_port, url.rstrip("/"))
        finally:
            process.terminate()
            process.wait()
            server.shutdown()


def browse(python, lua):
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def ask(url, data=None):
        return opener.open(url, data, timeout=10).read().decode()

    for here, there, hello in ((python, lua, "Hello from Python"),
                               (lua, python, "Hello from Lua")):
        ask(here + "/login/ann", b"")
        check(ask(there + "/who") == "ann: " + hello, "the login is shared", here)
        check(ask(there + "/who") == "ann: ", "the flash is gone there")
        check(ask(here + "/who") == "ann: ", "and here")
        ask(there + "/logout", b"")
        check(ask(here + "/who") == "nobody: ", "the logout is shared", here)
        check(len(jar) == 0, "no cookie is left", list(jar))


sessions()
flashes()
shared_login()
known_cookies()
rotation()
tokens()
ages()
broken()
print("%d passed, %d failed" % (counts[True], counts[False]))
sys.exit(1 if counts[False] else 0)
