"""Heads: what is no request, what is a strange one, and what a target may be."""
from wire import TOKEN, case, check, equal, shorten

# What follows a refused request and must never be carried out.
BEHIND = b"GET /hello?t=" + TOKEN + b" HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"GET /hello?t=" + TOKEN + b" HTTP/1.1\r\nHost: a\r\n"  # fields may follow


def refuses(t, status, data, behind=BEHIND):
    """The bytes get the core's own page with the status and a close, once whole and once byte
    by byte; no function of the app is called."""
    for is_whole in (True, False):
        token = t.token()
        everything = (data + behind).replace(TOKEN, token)
        client = t.connect()
        client.send(everything) if is_whole else client.drip(everything)
        answer = client.answer()
        equal(answer.status, status, "the status")
        check(not answer.is_apps_own, "the page is the app's, not the core's")
        check(answer.closes, "there is no Connection: close")
        client.end()
        equal(t.calls(token), 0, "calls of the app")


def refusal(sentence, status, data, row=None):
    case(sentence, row=row)(lambda t: refuses(t, status, data))


def accepts(t, data, expected, behind=BEHIND, to="GET"):
    """The bytes are answered as expected(answer) checks, whole and byte by byte, and the
    request behind them as well."""
    for is_whole in (True, False):
        token = t.token()
        everything = (data + behind).replace(TOKEN, token)
        client = t.connect()
        client.send(everything) if is_whole else client.drip(everything)
        expected(client.answer(to=to))
        equal(client.answer().body, b"Hello World!", "the answer to the next request")
        client.stays_open(0.02)


def acceptance(sentence, data, expected, row=None, **options):
    case(sentence, row=row)(lambda t: accepts(t, data, expected, **options))


def says(status, body=None, own=None):
    """What an answer must be."""
    def expected(answer):
        equal(answer.status, status, "the status")
        if body is not None:
            equal(answer.body, body, "the body")
        if own is not None:
            equal(answer.is_apps_own, own, "whether the app's handler answered")
    return expected


# ---- request lines ----

LINES = [
    ("no target", b"GET HTTP/1.1"),
    ("a method alone", b"GET"),
    ("two spaces behind the method", b"GET  /hello HTTP/1.1"),
    ("two spaces before the version", b"GET /hello  HTTP/1.1"),
    ("a space before the method", b" GET /hello HTTP/1.1"),
    ("a space behind the version", b"GET /hello HTTP/1.1 "),
    ("a tab for a space", b"GET\t/hello HTTP/1.1"),
    ("no version", b"GET /hello"),
    ("a version in lower case", b"GET /hello http/1.1"),
    ("a version without a dot", b"GET /hello HTTP/11"),
    ("another protocol", b"GET /hello RTSP/1.0"),
    ("a method that is no token", b"G(T /hello HTTP/1.1"),
    ("a method of bytes beyond ASCII", b"G\xc3\x89T /hello HTTP/1.1"),
    ("an empty method", b" /hello HTTP/1.1"),
    ("a fragment in the target", b"GET /hello#a HTTP/1.1"),
    ("an asterisk for another method than OPTIONS", b"GET * HTTP/1.1"),
    ("a path behind an asterisk", b"OPTIONS *a HTTP/1.1"),
    ("the hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("the preface of HTTP/2 without its version", b"PRI * HTTP/3"),
]
for what, line in LINES:
    refusal("A request line with %s is refused" % what, 400, line + b"\r\nHost: a\r\n\r\n")

for what, line in [
        ("a bare CR in the target", b"GET /hello?x=a\rb HTTP/1.1"),
        ("a space in the target", b"GET /hello?a b HTTP/1.1"),
        ("a tab in the target", b"GET /hello?a\tb HTTP/1.1"),
        ("a NUL in the target", b"GET /hello?a\0b HTTP/1.1"),
        ("a SOH in the target", b"GET /hello?a\x01b HTTP/1.1"),
        ("a US in the target", b"GET /hello?a\x1fb HTTP/1.1"),
        ("a DEL in the target", b"GET /hello?a\x7fb HTTP/1.1"),
        ("a vertical tab in the target", b"GET /hello?a\x0bb HTTP/1.1")]:
    refusal("A request line with %s is refused" % what, 400,
            line + b"\r\nHost: a\r\n\r\n", row=33)

refusal("A NUL behind the version is refused", 400, b"GET /hello HTTP/1.1\0junk\r\n\r\n", row=34)
refusal("A bare LF behind the request line is refused", 400,
        b"GET /hello HTTP/1.1\nHost: a\r\n\r\n", row=12)
refusal("A bare CR behind the request line is refused", 400,
        b"GET /hello HTTP/1.1\rHost: a\r\n\r\n")
refusal("An empty line of a bare LF before the request line is refused", 400,
        b"\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n")

for version in (b"1.999", b"-1.1", b"+1.1", b"01.1", b"1.-1", b"4294967297.1", b"1.257", b"1.",
                b".1", b"1", b"1.1.1", b"x.1", b"1.x", b"\xb9.1"):
    refusal("The version HTTP/%s is refused" % version.decode("latin-1"), 400,
            b"GET /hello HTTP/" + version + b"\r\nHost: a\r\n\r\n", row=22)
for version in (b"2.0", b"3.0", b"0.9", b"9.9"):
    refusal("The version HTTP/%s is answered with 505" % version.decode(), 505,
            b"GET /hello HTTP/" + version + b"\r\nHost: a\r\n\r\n", row=22)
refusal("The preface of HTTP/2 is answered with 505", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        row=22)
acceptance("HTTP/1.9 is answered as HTTP/1.1 is", b"GET /hello HTTP/1.9\r\nHost: a\r\n\r\n",
           says(200, b"Hello World!"), row=22)

acceptance("One empty line before a request is ignored", b"\r\n" + OK + b"\r\n",
           says(200, b"Hello World!"), row=36)
acceptance("Several empty lines before a request are ignored", b"\r\n\r\n\r\n" + OK + b"\r\n",
           says(200, b"Hello World!"), row=36)
acceptance("Empty lines between two requests are ignored", OK + b"\r\n",
           says(200, b"Hello World!"), row=36, behind=b"\r\n\r\n" + BEHIND)
refusal("Empty lines without end are too long", 414, b"\r\n" * 20000, row=36)

# ---- methods ----


def not_allowed(answer):
    equal(answer.status, 405, "the status")
    check(answer.is_apps_own, "the page is not the app's")
    allowed = {method.strip() for method in (answer.get("Allow") or "").split(",")}
    check({"GET", "HEAD", "OPTIONS"} <= allowed, "Allow is %r", answer.get("Allow"))


acceptance("A method of one letter is a method like others", b"A /hello HTTP/1.1\r\nHost: a\r\n\r\n",
           not_allowed, row=38)
for method in (b"TRACE", b"PROPFIND", b"get", b"BREW", b"X-A!#$%&'*+.^_`|~0", b"PURGE"):
    acceptance("%s is not allowed, and Allow says what is" % method.decode(),
               method + b" /hello HTTP/1.1\r\nHost: a\r\n\r\n", not_allowed, row=39)
acceptance("An unknown method on an unknown path is not found",
           b"BREW /nothing HTTP/1.1\r\nHost: a\r\n\r\n", says(404, own=True), row=39)
for method in (b"POST", b"PUT", b"PATCH", b"DELETE"):
    acceptance("%s is served where a route has it" % method.decode(),
               method + b" /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
               says(200, b"Hello World!"), row=39)


def tells_options(answer):
    equal(answer.status, 200, "the status")
    check("GET" in (answer.get("Allow") or ""), "Allow is %r", answer.get("Allow"))


acceptance("OPTIONS says what a route allows", b"OPTIONS /hello HTTP/1.1\r\nHost: a\r\n\r\n",
           tells_options, row=39)


@case("OPTIONS * is answered")
def _(t):
    client = t.connect().send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + BEHIND)
    check(client.answer().status in (200, 204, 404), "the status")
    equal(client.answer().body, b"Hello World!", "the next answer")


@case("CONNECT is answered with 501 by the app's handler, whole, and the connection goes on or "
      "ends", row=21)
def _(t):
    client = t.connect().send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")
    answer = client.answer()
    equal(answer.status, 501, "the status")
    check(answer.is_apps_own, "the page is not the app's")
    check(answer.get("Content-Length"), "there is no Content-Length")
    if answer.closes:
        client.end()
    else:
        equal(client.send(BEHIND).answer().body, b"Hello World!", "the next answer")


refusal("CONNECT with a path is refused", 400, b"CONNECT /hello HTTP/1.1\r\nHost: a\r\n\r\n", row=21)

# ---- Host ----

refusal("A request of HTTP/1.1 without Host is refused", 400,
        b"GET /hello?t=" + TOKEN + b" HTTP/1.1\r\n\r\n", row=27)
refusal("A second Host is refused", 400, OK + b"Host: a\r\n\r\n", row=27)
refusal("Two Hosts are refused with HTTP/1.0 too", 400,
        b"GET /hello?t=" + TOKEN + b" HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", row=27)
for host in (b"a b", b"x/y", b"user@x", b"[::1", b"[::1]x", b"[]", b"[g::1]", b"", b"x:y",
             b"a:123456", b":80", b"a:80:80", b"a?b", b"a#b", b"a\\b", b"a,b c", b"<a>",
             b"caf\xc3\xa9", b"a" * 300):
    refusal("Host: %s is refused" % shorten(host.decode("latin-1"), 40), 400,
            b"GET /hello?t=" + TOKEN + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", row=27)
for host in (b"a", b"A.example", b"a:80", b"a:", b"127.0.0.1:5000", b"[::1]", b"[::1]:8080", b"a_b",
             b"xn--caf-dma.example", b"a."):
    acceptance("Host: %s is served" % host.decode(),
               b"GET /hello HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", says(200, b"Hello World!"))


@case("HTTP/1.0 needs no Host")
def _(t):
    client = t.connect().send(b"GET /hello HTTP/1.0\r\n\r\n")
    equal(client.answer().body, b"Hello World!", "the body")
    client.end()


# ---- fields ----

for what, field in [
        ("a space before the colon", b"X-A : b"), ("a tab before the colon", b"X-A\t: b"),
        ("a space in the name", b"X A: b"), ("an empty name", b": b"), ("no colon", b"X-A"),
        ("a name of bytes beyond ASCII", b"X-\xc3\xa9: b"), ("a quote in the name", b'X"A: b'),
        ("a slash in the name", b"X/A: b"), ("a parenthesis in the name", b"X(A): b"),
        ("a NUL in the name", b"X\0A: b"), ("a DEL in the name", b"X\x7fA: b"),
        ("a bracket in the name", b"X[A]: b"), ("an at sign in the name", b"X@A: b")]:
    refusal("A field with %s is refused" % what, 400, OK + field + b"\r\n\r\n", row=30)

for what, field in [
        ("a NUL", b"X-A: a\0b"), ("a NUL alone", b"X-A: \0"), ("a NUL at the end", b"X-A: a\0")]:
    refusal("A field's value with %s is refused" % what, 400, OK + field + b"\r\n\r\n", row=29)
for what, field in [
        ("a bare CR", b"X-A: a\rb"), ("a bare CR at its end", b"X-A: a\r"), ("a SOH", b"X-A: \x01"),
        ("a vertical tab", b"X-A: a\x0b"), ("a DEL", b"X-A: a\x7fb"), ("an ESC", b"X-A: \x1b[1m")]:
    refusal("A field's value with %s is refused" % what, 400, OK + field + b"\r\n\r\n")

refusal("A bare LF behind a field is refused", 400, OK + b"X-A: b\nX-B: c\r\n\r\n", row=12)
refusal("A bare LF as the empty line is refused", 400, OK + b"X-A: b\r\n\n", row=12)
refusal("A line of one NUL is refused", 400, OK + b"\0\r\n\r\n", row=4)
refusal("A line that begins with a NUL is refused", 400, OK + b"\0X: y\r\n\r\n", row=4)
refusal("A line of one NUL does not end the head of a request with a body", 400,
        b"POST /echo HTTP/1.1\r\nHost: a\r\n\0\r\nContent-Length: 5\r\n\r\nhello", row=4)

for what, fields in [
        ("a field", b"X-A: a\r\n b\r\n"), ("a field, with a tab", b"X-A: a\r\n\tb\r\n"),
        ("Content-Length", b"Content-Length:\r\n 5\r\n"), ("Host", b"X-B: c\r\n Host: b\r\n"),
        ("Content-Type", b"Content-Type: text/plain;\r\n\tcharset=utf-8\r\n")]:
    refusal("Folding %s is refused" % what, 400, OK + fields + b"\r\n", row=32)
refusal("A folded line before the first field is refused", 400,
        b"GET /hello HTTP/1.1\r\n X-A: b\r\nHost: a\r\n\r\n", row=32)


def has_field(value):
    return lambda answer: equal(answer.json().get("x-a"), value, "the field's value")


HEADERS = b"GET /headers HTTP/1.1\r\nHost: a\r\nX-A:"
for what, sent, value in [
        ("A tab before a field's value is no part of it", b"\tv", "v"),
        ("White space around a field's value is no part of it", b" \t v w \t ", "v w"),
        ("White space around a field's value may lack", b"v", "v"),
        ("A field's value may be empty", b"", ""),
        ("A field's value may have bytes beyond ASCII", b" \xc3\xa9", "\u00e9"),
        ("A field's value that is no UTF-8 is read as Latin-1", b" \xe9", "\u00e9"),
        ("A field's value may have a colon and quotes", b' a:"b"', 'a:"b"')]:
    acceptance(what, HEADERS + sent + b"\r\n\r\n", has_field(value), row=31)

# ---- Expect ----

acceptance("An expectation other than 100-continue is answered with 417 by the app's handler",
           b"GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n", says(417, own=True), row=42)
acceptance("100-continue beside another expectation is answered with 417",
           b"GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, b\r\n\r\n", says(417, own=True),
           row=42)

# ---- targets ----


def is_where(**wanted):
    def expected(answer):
        found = answer.json()
        for key, value in wanted.items():
            equal(found[key], value, key)
    return expected


acceptance("A target in absolute form is served, and its host is the request's",
           b"GET http://b.example:81/where?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
           is_where(host="b.example:81", path="/where", scheme="http"), row=24)
acceptance("A target in absolute form may be https",
           b"GET https://b.example/where HTTP/1.1\r\nHost: a\r\n\r\n", is_where(host="b.example"), row=24)
acceptance("The scheme of an absolute form may be in capitals",
           b"GET HTTP://b.example/where HTTP/1.1\r\nHost: a\r\n\r\n", is_where(host="b.example"), row=24)
acceptance("A target in absolute form without a path is the root",
           b"GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n", says(404), row=24)
acceptance("A target in absolute form without a path may have a query",
           b"GET http://b.example?x=/hello HTTP/1.1\r\nHost: a\r\n\r\n", says(404), row=24)
acceptance("Proxy-Connection means nothing",
           b"GET http://localhost/hello HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n",
           says(200, b"Hello World!"), row=24)


@case("Connection: close counts with a target in absolute form", row=24)
def _(t):
    client = t.connect().send(b"GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\n"
                              b"Connection: close\r\n\r\n")
    check(client.answer().closes, "there is no Connection: close")
    client.end()


for target in (b"foo:/hello", b"http:///hello", b"hello", b"ftp://a/hello", b"http:/hello",
               b"http://", b"https://", b"http://user@a/hello", b"http://a b/hello", b"a:80", b"?a",
               b"http://[::1/hello", b"http://a:b/hello", b"\\hello", b"javascript:alert(1)"):
    refusal("The target %s is refused" % target.decode(), 400,
            b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n", row=35)


@case("A path with two slashes at its front is a path and never leads to another host", row=35)
def _(t):
    for path in (b"//evil.example/hello", b"///evil.example/hello", b"//evil.example"):
        answer = t.get(path)
        check(answer.status in (308, 404), "%r: the status is %d", path, answer.status)
        location = answer.get("Location") or "/"
        check(location.startswith("/") and not location.startswith("//")
              or location.startswith("http://a/"), "%r: Location is %r", path, location)


PATHS = [  # what is sent, request.path, the rule's value
    (b"/path/a%20b", "/path/a b", "a b"), (b"/path/a+b", "/path/a+b", "a+b"),
    (b"/path/caf%C3%A9", "/path/caf\u00e9", "caf\u00e9"),
    (b"/path/caf\xc3\xa9", "/path/caf\u00e9", "caf\u00e9"),
    (b"/path/%zz%4", "/path/%zz%4", "%zz%4"), (b"/path/%", "/path/%", "%"),
    (b"/path/%ff", "/path/\ufffd", "\ufffd"), (b"/path/\xff", "/path/\ufffd", "\ufffd"),
    (b"/path/%2525", "/path/%25", "%25"), (b"/path/a%2Fb", "/path/a/b", "a/b"),
    (b"/path/a%00b", "/path/a\0b", "a\0b"),
    (b'/path/"<>[]{}|\\^`', '/path/"<>[]{}|\\^`', '"<>[]{}|\\^`'), (b"/path/%3F%23", "/path/?#", "?#"),
]
for sent, path, rest in PATHS:
    acceptance("The path %s is decoded once" % sent.decode("latin-1"),
               b"GET " + sent + b" HTTP/1.1\r\nHost: a\r\n\r\n",
               lambda answer, path=path, rest=rest: equal(
                   answer.json(), {"path": path, "rest": rest}, "the path"))

acceptance("A NUL in a path cuts nothing off", b"GET /hello%00.html HTTP/1.1\r\nHost: a\r\n\r\n",
           says(404, own=True), row=41)
acceptance("A NUL at a path's end cuts nothing off", b"GET /hello%00 HTTP/1.1\r\nHost: a\r\n\r\n",
           says(404, own=True), row=41)

ARGS = [  # a query, its pairs
    (b"to=/x&flag", [["to", "/x"], ["flag", ""]]), (b"", []), (b"a=1&a=2", [["a", "1"], ["a", "2"]]),
    (b"%61%20b=1", [["a b", "1"]]), (b"a+b=c+d", [["a b", "c d"]]), (b"a=x%00y&b=1", [["a", "x\0y"], ["b", "1"]]),
    (b"a=%ff", [["a", "\ufffd"]]), (b"a=%zz", [["a", "%zz"]]), (b"a=b=c", [["a", "b=c"]]), (b"a=?x", [["a", "?x"]]),
]
for query, pairs in ARGS:
    acceptance("The query %s is read whole" % query.decode(),
               b"GET /args?" + query + b" HTTP/1.1\r\nHost: a\r\n\r\n",
               lambda answer, query=query, pairs=pairs: equal(
                   answer.json(), {"args": pairs, "query": query.decode()}, "the query"), row=40)
