"""Answers: their framing, what their heads may have, and what a client that is HTTP/1.0 gets.
wire.py reads every answer strictly: a control character or two framings fail any case."""
from wire import case, check, equal

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


def ask(path, method=b"GET", version=b"1.1", fields=b""):
    return method + b" " + path + b" HTTP/" + version + b"\r\nHost: a\r\n" + fields + b"\r\n"


def next_is_right(client):
    equal(client.send(HELLO).answer().body, b"Hello World!", "the next answer")


# ---- answers without a body ----

for path, length in [(b"/hello", "12"), (b"/big/160", "160"), (b"/big/1600000", "1600000"),
                     (b"/stream/length/5/5", "5"), (b"/head/length", "12"), (b"/status/404", "6")]:
    @case("HEAD %s has the Content-Length of GET and no body" % path.decode(), row=18)
    def _(t, path=path, length=length):
        client = t.connect().send(ask(path, b"HEAD"))
        equal(client.answer(to="HEAD").get("Content-Length"), length, "Content-Length")
        next_is_right(client)


@case("HEAD of a stream has no body and does not run it", row=18)
def _(t):
    client = t.connect().send(ask(b"/endless", b"HEAD"))
    check(client.answer(to="HEAD").get("Content-Length") is None, "there is a Content-Length")
    next_is_right(client)


@case("HEAD of what is not there and of what fails has no body", row=18)
def _(t):
    client = t.connect()
    for path, status in ((b"/nothing", 404), (b"/head/newline", 500)):
        equal(client.send(ask(path, b"HEAD")).answer(to="HEAD").status, status, "the status")
    next_is_right(client)


for code in (204, 304):
    for path in (b"/status/", b"/stream/status/"):
        @case("%d from %s has no body and no framing that promises one" % (code, path.decode()), row=19)
        def _(t, code=code, path=path):
            client = t.connect().send(ask(path + b"%d" % code))
            answer = client.answer()
            equal(answer.status, code, "the status")
            equal(answer.get("Transfer-Encoding"), None, "Transfer-Encoding")
            if code == 204:
                equal(answer.get("Content-Length"), None, "Content-Length")
            next_is_right(client)

for path in (b"/status/205", b"/stream/status/205"):
    @case("205 from %s has a body of no bytes" % path.decode(), row=19)
    def _(t, path=path):
        client = t.connect().send(ask(path))
        answer = client.answer()
        equal((answer.status, answer.body), (205, b""), "status and body")
        check(answer.framing != "close", "nothing says where the body ends")
        next_is_right(client)


@case("A view can't make an interim answer of its own")
def _(t):
    client = t.connect().send(ask(b"/status/100"))
    equal(client.answer().status, 500, "the status")
    next_is_right(client)


# ---- framing ----

@case("A string has its length")
def _(t):
    answer = t.get(b"/hello")
    equal((answer.framing, answer.body), ("length", b"Hello World!"), "framing and body")


@case("A stream to HTTP/1.1 comes in chunks and the connection is kept", row=53)
def _(t):
    client = t.connect().send(ask(b"/stream/3/5"))
    answer = client.answer()
    equal((answer.framing, answer.body), ("chunked", b"aaaaabbbbbccccc"), "framing and body")
    next_is_right(client)


for connection in (b"", b"Connection: keep-alive\r\n", b"Connection: close\r\n"):
    @case("A stream to HTTP/1.0 (%s) ends with the connection"
          % (connection.decode().strip() or "no Connection"), row=20)
    def _(t, connection=connection):
        client = t.connect().send(ask(b"/stream/3/5", version=b"1.0", fields=connection))
        answer = client.answer()
        equal((answer.framing, answer.body), ("close", b"aaaaabbbbbccccc"), "framing and body")
        check(answer.closes, "there is no Connection: close")


for version in (b"1.1", b"1.0"):
    @case("A stream to HTTP/%s with a Content-Length has it and the connection is kept" % version.decode(),
          row=20)
    def _(t, version=version):
        client = t.connect().send(ask(b"/stream/length/3/3", version=version,
                                      fields=b"Connection: keep-alive\r\n"))
        answer = client.answer()
        equal((answer.framing, answer.body), ("length", b"abc"), "framing and body")
        next_is_right(client)


@case("An empty stream is an empty body")
def _(t):
    client = t.connect().send(ask(b"/stream/0/5") + ask(b"/stream/length/0/0"))
    equal(client.answer().body, b"", "the body")
    equal(client.answer().body, b"", "the body")
    next_is_right(client)


@case("A stream of empty chunks does not end early")
def _(t):
    client = t.connect().send(ask(b"/stream/5/0"))
    equal(client.answer().body, b"", "the body")
    next_is_right(client)


def breaks(client, path):
    """The head comes, then the connection ends before the body is whole."""
    client.send(ask(path) + HELLO)
    head = client.head()
    rest = bytearray(client.buffer)
    try:
        while True:
            data = client.take()
            if not data:
                break
            rest += data
    except ConnectionResetError:
        pass
    equal(head.status, 200, "the status")
    return head, bytes(rest)


@case("A stream that fails ends without the last chunk, and the connection with it")
def _(t):
    for n in (0, 1, 3):
        _, rest = breaks(t.connect(), b"/stream/error/%d" % n)
        check(b"0\r\n\r\n" not in rest and b"HTTP/1.1" not in rest, "it looks whole: %r", rest)
        check(b"failed" not in rest, "the error shows: %r", rest)


@case("A stream shorter than its Content-Length ends the connection", row=25)
def _(t):
    _, rest = breaks(t.connect(), b"/stream/length/10/5")
    check(len(rest) <= 5, "more came: %r", rest)


@case("A stream longer than its Content-Length does not go past it", row=25)
def _(t):
    _, rest = breaks(t.connect(), b"/stream/length/5/10")
    check(len(rest) <= 5, "more came: %r", rest)


@case("A Content-Length that a view sets on a string is the string's", row=25)
def _(t):
    client = t.connect().send(ask(b"/head/length") + ask(b"/head/length_of_words"))
    for _ in range(2):
        equal(client.answer().body, b"Hello World!", "the body")
    next_is_right(client)


# ---- heads ----

@case("The Connection field of a view only ever closes", row=25)
def _(t):
    client = t.connect().send(ask(b"/head/keep_alive"))
    equal(client.answer().get("Connection"), None, "Connection")
    answer = client.send(ask(b"/head/close")).answer()
    check(answer.closes, "there is no Connection: close")
    client.end()


@case("A Date of a view's own stands alone", row=25)
def _(t):
    equal(t.get(b"/head/date").get("Date"), "Thu, 01 Jan 1970 00:00:00 GMT", "Date")


@case("Transfer-Encoding can't be set", row=25)
def _(t):
    client = t.connect().send(ask(b"/head/coding"))
    check(client.answer().get("Transfer-Encoding") is None, "it was sent")
    next_is_right(client)


for name in ("newline", "fold", "lf", "cr", "nul", "name_newline", "name_space", "name_colon", "name_empty",
             "vt", "del", "soh"):
    @case("Nothing that a view puts into a field breaks out of it: %s" % name, row=25)
    def _(t, name=name):
        client = t.connect().send(ask(b"/head/" + name.encode()))
        answer = client.answer()  # read strictly
        check(answer.get("X-Evil") is None, "a field was smuggled in")
        check(name in ("vt", "del", "soh") or answer.status == 500, "the status is %d", answer.status)
        next_is_right(client)


for path in (b"/reason", b"/head/location", b"/redirect?to=/a%0d%0aX-Evil:%201", b"/redirect?to=%0aX-Evil:1",
             b"/redirect?to=/a%00b", b"/cookie?value=a%0d%0aX-Evil:%201", b"/cookie?value=%0b%7f",
             b"/path/%0d%0aX-Evil:%201", b"//%0d%0aX-Evil:1", b"/a//%0d%0aX-Evil:1"):
    @case("No line breaks out of the head of %s" % path.decode(), row=25)
    def _(t, path=path):
        client = t.connect().send(ask(path))
        check(client.answer().get("X-Evil") is None, "a field was smuggled in")
        next_is_right(client)


@case("A Location is percent-encoded when it goes out")
def _(t):
    equal(t.get(b"/head/location_text").get("Location"), "/caf%C3%A9%20x%22%3C%3E", "Location")


# ---- error pages ----

@case("What is no request gets a page that says so")
def _(t):
    client = t.connect().send(b"NONSENSE\r\n\r\n")
    answer = client.answer()
    equal(answer.status, 400, "the status")
    check(b"400" in answer.body and answer.get("Content-Type").startswith("text/html"), "the page")
    client.end()


@case("An error of the app shows nothing of its insides")
def _(t):
    answer = t.get(b"/head/newline")
    equal(answer.status, 500, "the status")
    for word in (b"app.lua", b"traceback", b"X-Evil", b"header"):
        check(word not in answer.body, "the page has %r: %r", word, answer.body)
