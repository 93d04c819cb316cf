#!/usr/bin/python3
"""PROXY_FIX beside Werkzeug's ProxyFix, on generated sets of fields.

Not compared, as we differ on purpose: a comma in a quoted string parts values (a client's
quotation mark could else swallow what the proxy added), schemes but http and https, and hosts and
prefixes that are none are passed over.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

try:
    import flask
    from werkzeug.http import parse_list_header
    from werkzeug.middleware.proxy_fix import ProxyFix
except ImportError:
    print("skipped: Flask is not installed")
    sys.exit(77)

BINARY = os.environ.get("CFLASK_LUA") or os.path.join(os.environ.get("BUILD", "build"),
                                                      "cflask-lua")
N_CASES = 1500
KEYS = ["x_for", "x_proto", "x_host", "x_port", "x_prefix"]
VALUES = {
    "X-Forwarded-For": ["1.2.3.4", "10.9.8.7", "::1", "[2001:db8::1]", "1.2.3.4:5678", "unknown",
                        "_hidden", '"1.1.1.1"'],
    "X-Forwarded-Proto": ["http", "https"],
    "X-Forwarded-Host": ["shop.test", "shop.test:8080", "a.b.c", "[::1]", "[::1]:443",
                         "shop.test:80", "shop.test:443"],
    "X-Forwarded-Port": ["80", "443", "8443"],
    "X-Forwarded-Prefix": ["/shop", "/a/b", "/x/"],
}
if parse_list_header("a,,b") == ["a", "b"]:  # Werkzeug before 3.2 keeps empty elements
    VALUES["X-Forwarded-For"].append("")


def joined(chance, values):
    """A field's values as proxies append them."""
    text = chance.choice([", ", ",", " , "]).join(
        chance.choice(values) for _ in range(chance.randint(1, 4)))
    return text.strip(" ,") or "1.1.1.1"


def make_case(chance):
    trust = {key: chance.randint(0, 3) for key in KEYS if chance.random() < 0.7}
    if chance.random() < 0.2:
        trust = chance.randint(1, 3)
    fields = {name: joined(chance, values) for name, values in VALUES.items()
              if chance.random() < 0.7}
    return {"trust": trust, "fields": fields,
            "host": chance.choice(["in.test", "in.test:8000", "[::1]:5000"])}


app = flask.Flask(__name__, static_folder=None)


@app.route("/p")
def page():
    request = flask.request
    return flask.jsonify(
        remote_addr=request.remote_addr, scheme=request.scheme, is_secure=request.is_secure,
        host=request.host, root_path=request.root_path, url=request.url,
        host_field=request.headers["Host"], access_route=list(request.access_route),
        external=flask.url_for("page", _external=True), inside=flask.url_for("page"))


def by_werkzeug(case):
    trust = case["trust"]
    if not isinstance(trust, dict):
        trust = {"x_for": trust, "x_proto": trust}
    inner, app.wsgi_app = app.wsgi_app, ProxyFix(app.wsgi_app, **trust)
    answer = app.test_client().get("/p", headers=case["fields"],
                                   base_url="http://" + case["host"],
                                   environ_overrides={"REMOTE_ADDR": "10.0.0.1"})
    app.wsgi_app = inner
    return answer.json


def main():
    chance = random.Random(4)
    cases = [make_case(chance) for _ in range(N_CASES)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write("".join(json.dumps(case) + "\n" for case in cases))
        file.flush()
        done = subprocess.run([BINARY, "lua", "tests/parity/proxy.lua", file.name],
                              stdout=subprocess.PIPE, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    failed = abs(len(cases) - len(answers))
    for case, ours in zip(cases, answers):
        theirs = by_werkzeug(case)
        if ours != theirs:
            failed += 1
            if failed < 10:
                print("%s\n  ours   %s\n  theirs %s" % (case, ours, {
                    key: value for key, value in theirs.items() if ours.get(key) != value}))
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
