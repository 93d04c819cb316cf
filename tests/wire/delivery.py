"""How bytes arrive: one by one, cut anywhere, several requests at once; and when a connection
is kept."""
import time

from wire import case, check, equal

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nab"
CHUNKED = (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"5;x=y\r\nhello\r\n6\r\n\r\n\r\nab\r\n0\r\nX-T: 1\r\n\r\n")
BODY = b"hello\r\n\r\nab"
ANSWERS = [(HELLO, "GET", b"Hello World!"), (HEAD, "HEAD", b""), (POST, "POST", BODY),
           (CHUNKED, "POST", BODY)]


def expect(client, request):
    """The next answer must be this request's."""
    to, body = next((to, body) for data, to, body in ANSWERS if data == request)
    answer = client.answer(to=to)
    equal(answer.status, 200, "the status")
    equal(answer.body, body, "the body")


# ---- cut anywhere ----

for data, to, _ in ANSWERS:
    name = "chunked POST" if data is CHUNKED else to

    @case("A %s may be cut in two at each of its bytes" % name)
    def _(t, data=data):
        client = t.connect()
        for at in range(1, len(data)):
            client.send(data[:at])
            time.sleep(0.001)
            client.send(data[at:])
            expect(client, data)

    @case("A %s may come byte by byte" % name)
    def _(t, data=data):
        client = t.connect()
        for _ in range(3):
            client.drip(data, pause=0.0005)
            expect(client, data)


@case("Four requests in one stream may be cut in three at any two places")
def _(t):
    stream = HELLO + POST + HEAD + CHUNKED
    client = t.connect()
    for first in range(1, len(stream) - 1, 9):
        second = first + (first * 31) % (len(stream) - first)
        for part in (stream[:first], stream[first:second], stream[second:]):
            client.send(part)
            time.sleep(0.0005)
        for request in (HELLO, POST, HEAD, CHUNKED):
            expect(client, request)


@case("Bytes that come one by one over a whole stream of requests make no difference")
def _(t):
    client = t.connect()
    client.drip(HELLO + CHUNKED + POST + HEAD + HELLO)
    for request in (HELLO, CHUNKED, POST, HEAD, HELLO):
        expect(client, request)


# ---- pipelines ----

for what, requests in [("two GETs", [HELLO, HELLO]), ("a POST and a GET", [POST, HELLO]),
                       ("a HEAD and a GET", [HEAD, HELLO]), ("a chunked POST and a GET", [CHUNKED, HELLO]),
                       ("a GET and a POST", [HELLO, POST]), ("two chunked POSTs", [CHUNKED, CHUNKED]),
                       ("all kinds, ten times", [HELLO, POST, HEAD, CHUNKED] * 10)]:
    @case("Of %s sent at once each is answered, in order" % what)
    def _(t, requests=requests):
        client = t.connect().send(b"".join(requests))
        for request in requests:
            expect(client, request)
        client.stays_open(0.02)


@case("A thousand requests sent at once are answered, in order")
def _(t):
    client = t.connect()
    client.send(b"".join(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d" % i
                         for i in range(1000)))
    for i in range(1000):
        equal(client.answer().body, b"%04d" % i, "the body")


@case("A request behind one that waits is answered after it")
def _(t):
    client = t.connect().send(b"GET /sleep/0.2 HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO)
    equal(client.answer().body, b"slept", "the first body")
    expect(client, HELLO)


@case("A request that comes while another waits is answered after it")
def _(t):
    client = t.connect().send(b"GET /sleep/0.2 HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(0.1)
    client.drip(HELLO + POST)
    equal(client.answer().body, b"slept", "the first body")
    expect(client, HELLO)
    expect(client, POST)


@case("A request behind a stream and a large answer is answered after them")
def _(t):
    client = t.connect()
    client.send(b"GET /stream/50/10000 HTTP/1.1\r\nHost: a\r\n\r\n"
                b"GET /big/3000000 HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO)
    equal(len(client.answer().body), 500000, "the stream's size")
    equal(len(client.answer().body), 3000000, "the text's size")
    expect(client, HELLO)


@case("A request behind one that fails in the app is answered")
def _(t):
    client = t.connect().send(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                              b"GET /head/newline HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO)
    equal(client.answer().status, 404, "the status")
    equal(client.answer().status, 500, "the status")
    expect(client, HELLO)


@case("Behind a malformed request nothing is answered, what stands before it is")
def _(t):
    token = t.token()
    client = t.connect().send(HELLO + POST + b"GET /hello\r\n\r\nGET /hello?t=" + token
                              + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(client, HELLO)
    expect(client, POST)
    equal(client.answer().status, 400, "the status")
    client.end()
    equal(t.calls(token), 0, "calls")


# ---- whether the connection is kept ----

def request_of(version, connection):
    fields = b"".join(b"Connection: " + value + b"\r\n" for value in connection)
    return b"GET /hello HTTP/" + version + b"\r\nHost: a\r\n" + fields + b"\r\n"


KEPT = [(b"1.1", []), (b"1.1", [b"keep-alive"]), (b"1.1", [b"Keep-Alive, X-A"]), (b"1.1", [b"closed"]),
        (b"1.1", [b"x-close"]), (b"1.1", [b""]), (b"1.1", [b"upgrade"]), (b"1.0", [b"keep-alive"]),
        (b"1.0", [b"Keep-Alive"]), (b"1.0", [b"x", b"keep-alive"])]
CLOSED = [(b"1.1", [b"close"]), (b"1.1", [b"CLOSE"]), (b"1.1", [b"keep-alive, close"]),
          (b"1.1", [b"close, x"]), (b"1.1", [b"x,\tclose ,y"]), (b"1.1", [b"keep-alive", b"close"]),
          (b"1.1", [b",close"]), (b"1.0", []), (b"1.0", [b"close"]), (b"1.0", [b"keep-alive, close"]),
          (b"1.0", [b"keep-alivex"]), (b"1.0", [b"close", b"keep-alive"])]


def name_of(version, connection):
    return "HTTP/%s with %s" % (version.decode(), " and ".join(
        "Connection: " + value.decode() for value in connection) or "no Connection field")


for version, connection in KEPT:
    @case("%s is kept open" % name_of(version, connection), row=14)
    def _(t, version=version, connection=connection):
        client = t.connect()
        for _ in range(2):
            answer = client.send(request_of(version, connection)).answer()
            check(not answer.closes, "there is a Connection: close")
            if version == b"1.0":
                equal((answer.get("Connection") or "").lower(), "keep-alive", "Connection")
        client.stays_open(0.05)


for version, connection in CLOSED:
    @case("%s is closed, and what stands behind is not carried out" % name_of(version, connection),
          row=14)
    def _(t, version=version, connection=connection):
        token = t.token()
        client = t.connect().send(request_of(version, connection)
                                  + HELLO.replace(b"/hello", b"/hello?t=" + token))
        answer = client.answer()
        equal(answer.body, b"Hello World!", "the body")
        check(answer.closes, "there is no Connection: close")
        client.end()
        equal(t.calls(token), 0, "calls")


@case("HTTP/1.0 is answered as HTTP/1.1, with a Date", row=23)
def _(t):
    client = t.connect().send(b"GET /hello HTTP/1.0\r\n\r\n")
    equal(client.answer().body, b"Hello World!", "the body")  # parse_head checks version and Date
    client.end()


# ---- 100-continue ----

WAITING = (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
           b"Expect: 100-continue\r\n\r\n")


@case("100 is sent at once to a client that waits to send its body", row=42)
def _(t):
    client = t.connect()
    for _ in range(2):
        equal(client.send(WAITING).answer().status, 100, "the status")
        equal(client.send(b"hello").answer().body, b"hello", "the body")


@case("100 is sent to a client that waits to send a chunked body", row=42)
def _(t):
    client = t.connect().send(
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n")
    equal(client.answer().status, 100, "the status")
    equal(client.send(b"5\r\nhello\r\n0\r\n\r\n").answer().body, b"hello", "the body")


@case("100 is not sent to a client that has begun to send its body", row=42)
def _(t):
    client = t.connect().send(WAITING + b"hello")
    equal(client.answer().status, 200, "the status")


@case("100 is not sent to HTTP/1.0", row=42)
def _(t):
    client = t.connect().send(WAITING.replace(b"HTTP/1.1", b"HTTP/1.0"))
    client.stays_open(0.2)
    equal(client.send(b"hello").answer().status, 200, "the status")


@case("100 is not sent for a request without a body", row=42)
def _(t):
    client = t.connect().send(b"GET /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n" + HELLO)
    equal(client.answer().status, 200, "the status")
    expect(client, HELLO)


@case("A client that waits for 100 is told at once that its body is too large", rows=(42, 49))
def _(t):
    client = t.connect().send(b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n"
                              b"Expect: 100-continue\r\n\r\n")
    answer = client.answer()
    equal(answer.status, 413, "the status")
    check(answer.closes, "there is no Connection: close")
    client.end()


@case("A client with another expectation is told at once, and its body is no request", row=42)
def _(t):
    token = t.token()
    client = t.connect().send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 43\r\nExpect: x\r\n\r\n")
    answer = client.answer()
    equal(answer.status, 417, "the status")
    check(answer.is_apps_own, "the page is not the app's")
    check(answer.closes, "there is no Connection: close")
    client.send(HELLO.replace(b"/hello", b"/hello?t=" + token))
    client.end()
    equal(t.calls(token), 0, "calls")
