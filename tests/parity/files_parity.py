#!/usr/bin/python3
"""Files as answers: Flask's, through its test client, beside ours, over a socket.

Both serve one folder with one app: static files, send_from_directory and send_file with its
options. Compared are status, body and the fields below; of an error's page only the status and
Content-Range. Where we differ on purpose, the row says what we answer instead.
"""
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile

import flask

SERVER = os.environ.get("CFLASK_LUA") or os.path.join(os.environ.get("BUILD", "build"),
                                                      "cflask-lua")
FIELDS = ["Content-Type", "Content-Length", "Content-Range", "Content-Encoding",
          "Content-Disposition", "Cache-Control", "ETag", "Last-Modified", "Location"]
CHANGED = 784111777
BEFORE, AT, AFTER = ("Sun, 06 Nov 1994 08:49:%d GMT" % second for second in (36, 37, 38))

APP = r"""
local flask = require "cflask"
local app = flask.Flask(...)

app:get("/dir/<path:name>", function(name)
    return flask.send_from_directory("static", name, {max_age = 60})
end)
app:get("/plain", function() return flask.send_file("static/a.txt") end)
app:get("/download", function()
    return flask.send_file("static/a.txt", {as_attachment = true})
end)
app:get("/named", function()
    return flask.send_file("static/a.txt", {as_attachment = true, download_name = "b c.csv"})
end)
app:get("/accents", function()
    return flask.send_file("static/a.txt", {download_name = "Résumé ä.pdf"})
end)
app:get("/cyrillic", function()
    return flask.send_file("static/a.txt", {download_name = "текст.txt"})
end)
app:get("/typed", function()
    return flask.send_file("static/a.txt", {mimetype = "text/x-own", etag = "v1"})
end)
app:get("/untagged", function()
    return flask.send_file("static/a.txt", {etag = false, last_modified = 1000000000})
end)
app:get("/aged", function() return flask.send_file("static/a.txt", {max_age = 60}) end)
app:get("/age0", function() return flask.send_file("static/a.txt", {max_age = 0}) end)
app:get("/whole", function()
    return flask.send_file("static/a.txt", {conditional = false})
end)
app:get("/bytes", function()
    return flask.send_file({data = "0123456789"}, {mimetype = "application/x-own"})
end)
app:get("/packed", function()
    return flask.send_file("static/p.tar.gz", {as_attachment = true})
end)
app:get("/conditional", function()
    local response = flask.make_response("text")
    response:add_etag()
    return response:make_conditional()
end)

return app
"""


def flask_app(root):
    import io
    app = flask.Flask("parity", root_path=root)
    send = flask.send_file

    @app.get("/dir/<path:name>")
    def folder(name):
        return flask.send_from_directory("static", name, max_age=60)

    def view(rule, function):
        app.add_url_rule(rule, rule, function)

    view("/plain", lambda: send("static/a.txt"))
    view("/download", lambda: send("static/a.txt", as_attachment=True))
    view("/named", lambda: send("static/a.txt", as_attachment=True, download_name="b c.csv"))
    view("/accents", lambda: send("static/a.txt", download_name="Résumé ä.pdf"))
    view("/cyrillic", lambda: send("static/a.txt", download_name="текст.txt"))
    view("/typed", lambda: send("static/a.txt", mimetype="text/x-own", etag="v1"))
    view("/untagged", lambda: send("static/a.txt", etag=False, last_modified=1000000000))
    view("/aged", lambda: send("static/a.txt", max_age=60))
    view("/age0", lambda: send("static/a.txt", max_age=0))
    view("/whole", lambda: send("static/a.txt", conditional=False))
    view("/bytes", lambda: send(io.BytesIO(b"0123456789"), mimetype="application/x-own"))
    view("/packed", lambda: send("static/p.tar.gz", as_attachment=True))

    @app.get("/conditional")
    def conditional():
        response = flask.make_response("text")
        response.add_etag()
        return response.make_conditional(flask.request)

    return app


def make_tree(root):
    files = {
        "static/a.txt": b"0123456789", "static/page.html": b"<p>", "static/style.css": b"p {}",
        "static/code.js": b"1", "static/data.json": b"{}", "static/image.png": b"\x89PNG",
        "static/image.svg": b"<svg/>", "static/p.tar.gz": b"\x1f\x8b", "static/none": b"?",
        "static/UPPER.HTML": b"<p>", "static/x.unknown": b"?", "static/empty.txt": b"",
        "static/sp ace.txt": b"space", "static/grün.txt": b"green", "static/q'uo;te.txt": b"q",
        "static/back\\slash.txt": b"b", "static/deep/er/f.txt": b"f", "static/plus+.txt": b"+",
        "static/big.bin": bytes(range(256)) * 8192, "outside.txt": b"outside",
    }
    for name, data in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, ns=(CHANGED * 10**9 + 123456789,) * 2)
    os.symlink("a.txt", os.path.join(root, "static/link.txt"))
    with open(os.path.join(root, "app.lua"), "w") as file:
        file.write(APP)
    return sorted(name for name in files if name.startswith("static/"))


class Row:
    """A request, and what we answer where that is not Flask's answer."""

    def __init__(self, path, headers=None, method="GET", ours=None):
        self.path, self.headers, self.method = path, headers or {}, method
        self.ours = ours

    def __str__(self):
        return "%s %s %s" % (self.method, self.path, self.headers)


def range_rows():
    rows = [Row("/static/a.txt", {"Range": text}) for text in (
        "bytes=0-0", "bytes=2-4", "bytes=9-", "bytes=-1", "bytes=-10", "bytes=0-9",
        "bytes=0-5000", "bytes=10-", "bytes=20-30", "bytes=4-2", "bytes=x", "bytes=", "bytes",
        "bytes= 2-4", "bytes=2-4 ")]
    whole = (206, {"Content-Range": "bytes 0-9/10"}, b"0123456789")
    rows += [Row("/static/a.txt", {"Range": "bytes=-5000"}, ours=whole),
             Row("/static/a.txt", {"Range": "bytes=0-1,4-5"}, ours=(200, {}, b"0123456789")),
             Row("/static/a.txt", {"Range": "lines=0-1"}, ours=(200, {}, b"0123456789"))]
    rows += [Row(path, {"Range": "bytes=2-4"}) for path in (
        "/bytes", "/plain", "/dir/a.txt", "/whole", "/typed", "/conditional?", "/static/none",
        "/static/big.bin", "/static/p.tar.gz", "/static/empty.txt")]
    rows[-5].ours = (206, {"Content-Range": "bytes 2-3/4"}, b"xt")  # Flask: only if asked to
    rows += [Row("/static/a.txt", {"Range": "bytes=2-4"}, "HEAD"),
             Row("/static/big.bin", {"Range": "bytes=65535-1000000"}),
             Row("/static/big.bin", {"Range": "bytes=-100000"})]
    return rows


def condition_rows(tag):
    weak, other = "W/" + tag, '"x"'
    headers = [
        {"If-None-Match": tag}, {"If-None-Match": weak}, {"If-None-Match": other},
        {"If-None-Match": other + ", " + tag}, {"If-None-Match": "*"},
        {"If-Modified-Since": BEFORE}, {"If-Modified-Since": AT}, {"If-Modified-Since": AFTER},
        {"If-Modified-Since": "yesterday"},
        {"If-None-Match": tag, "If-Modified-Since": BEFORE},
        {"If-None-Match": other, "If-Modified-Since": AT},
        {"If-Match": tag}, {"If-Match": other}, {"If-Match": other + ", " + tag},
        {"If-Match": other, "If-None-Match": tag},
        {"If-Range": tag}, {"If-Range": other},
        {"If-Range": tag, "Range": "bytes=2-4"}, {"If-Range": other, "Range": "bytes=2-4"},
        {"If-Range": AT, "Range": "bytes=2-4"}, {"If-Range": BEFORE, "Range": "bytes=2-4"},
    ]
    rows = [Row("/static/a.txt", fields) for fields in headers]
    rows += [Row("/static/a.txt", fields, "HEAD") for fields in headers[:4] + headers[11:13]]
    failed, whole, had = (412, {}, None), (200, {}, b"0123456789"), (304, {}, b"")
    rows += [
        # RFC 9110: conditions go before ranges, dates are compared, a star is any tag, a
        # weak one is strongly equal to none.
        Row("/static/a.txt", {"If-None-Match": tag, "Range": "bytes=2-4"}, ours=had),
        Row("/static/a.txt", {"If-Match": weak}, ours=failed),
        Row("/static/a.txt", {"If-Match": "*"}, ours=whole),
        Row("/static/a.txt", {"If-Unmodified-Since": BEFORE}, ours=failed),
        Row("/static/a.txt", {"If-Unmodified-Since": AT}),
        Row("/static/a.txt", {"If-Range": weak, "Range": "bytes=2-4"}, ours=whole),
        Row("/static/a.txt", {"If-Range": AFTER, "Range": "bytes=2-4"}, ours=whole),
        Row("/typed", {"If-None-Match": '"v1"'}), Row("/typed", {"If-Match": '"v1"'}),
        Row("/untagged", {"If-Modified-Since": "Sun, 09 Sep 2001 01:46:40 GMT"},
            ours=(304, {"Last-Modified": "Sun, 09 Sep 2001 01:46:40 GMT"}, b"")),
        Row("/whole", {"If-None-Match": "*"}),
        Row("/conditional", {"If-None-Match": '"372ea08cab33e71c02c651dbc83a474d32c676ea"'}),
        Row("/conditional"), Row("/conditional", {"If-None-Match": other}),
    ]
    return rows


def path_rows(names):
    from urllib.parse import quote
    rows = [Row("/" + quote(name)) for name in names]
    rows += [Row("/dir/" + quote(name[len("static/"):])) for name in names[:6]]
    rows += [Row(path) for path in (
        "/plain", "/download", "/named", "/accents", "/cyrillic", "/typed", "/untagged",
        "/aged", "/age0", "/whole", "/bytes", "/packed")]
    rows += [Row(path, method="HEAD") for path in ("/plain", "/bytes", "/static/a.txt")]
    rows += [Row("/static/" + path) for path in (
        "link.txt", "deep", "deep/", "deep/er/../../a.txt", "./a.txt", "deep/../a.txt",
        "../outside.txt", "%2e%2e/outside.txt", "..%2Foutside.txt", "deep/../../outside.txt",
        "..%5Coutside.txt", "missing.txt", "a.txt/x", "a.txt%00", "a%2etxt",
        "deep%2Fer%2Ff.txt", "plus+.txt", "plus%2B.txt", "plus%20.txt")]
    rows += [Row("/static/a.txt", method=method) for method in ("POST", "OPTIONS", "DELETE")]
    return rows


def ask_flask(client, row):
    answer = client.open(row.path, method=row.method, headers=row.headers, buffered=True)
    return answer.status_code, answer.headers, answer.data


def ask_ours(connection, row):
    connection.putrequest(row.method, row.path, skip_accept_encoding=True)
    for name, value in row.headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def differences(row, theirs, ours):
    """What differs, as a list of texts."""
    wanted = row.ours or theirs
    names = FIELDS
    if row.ours:
        names = list(row.ours[1])
    elif theirs[0] >= 400:
        names = ["Content-Range"]
    elif theirs[0] == 304 or row.method == "OPTIONS":
        names = [name for name in FIELDS if name not in ("Content-Type", "Content-Length")]
    found = []
    if wanted[0] != ours[0]:
        found.append("status %s, not %s" % (ours[0], wanted[0]))
    for name in names:
        if wanted[1].get(name) != ours[1].get(name):
            found.append("%s: %r, not %r" % (name, ours[1].get(name), wanted[1].get(name)))
    if wanted[0] < 400 and wanted[2] is not None and wanted[2] != ours[2]:
        found.append("body %r, not %r" % (ours[2][:40], wanted[2][:40]))
    return found


def start(root):
    """The server on a port of its choice, and that port."""
    server = subprocess.Popen([SERVER, "run", os.path.join(root, "app.lua"), "--port", "0"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    lines = []
    for line in server.stdout:
        lines.append(line)
        port = re.search(r"http://[^:/]+:(\d+)", line)
        if port:
            return server, int(port.group(1))
    sys.exit("the server did not start:\n" + "".join(lines))


def compare(root, names, port):
    client = flask_app(root).test_client()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    tag = client.get("/static/a.txt").headers["ETag"]
    passed = failed = 0
    for row in path_rows(names) + range_rows() + condition_rows(tag):
        found = differences(row, ask_flask(client, row), ask_ours(connection, row))
        passed, failed = passed + (not found), failed + bool(found)
        for text in found:
            print("%s: %s" % (row, text))
    connection.close()
    return passed, failed


def main():
    if not os.access(SERVER, os.X_OK):
        print("skipped: %s is not built" % SERVER)
        return 77
    root = os.path.realpath(tempfile.mkdtemp(prefix="files_parity_"))
    server = None
    try:
        names = make_tree(root)
        server, port = start(root)
        passed, failed = compare(root, names, port)
    finally:
        if server:
            server.terminate()
            server.wait(10)
        shutil.rmtree(root)
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
