"""Large answers, streams and files to clients that are slow, half closed or many."""
import os
import time

from wire import PATIENCE, await_true, case, check, equal

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = 30000000


def get(path, fields=b""):
    return b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"


# ---- half-closed clients ----

@case("A half-closed client gets the whole of 30 MB", row=50)
def _(t):
    client = t.connect(receive_buffer=8192).send(get(b"/big/%d" % LARGE)).half_close()
    time.sleep(0.2)
    equal(len(client.answer().body), LARGE, "the body's size")
    client.end()


@case("A half-closed client gets the whole of a stream", row=50)
def _(t):
    client = t.connect(receive_buffer=8192).send(get(b"/stream/100/100000")).half_close()
    time.sleep(0.2)
    equal(len(client.answer().body), 10000000, "the body's size")
    client.end()


@case("A half-closed client gets the answers to its three pipelined requests", row=50)
def _(t):
    client = t.connect().send(HELLO + get(b"/big/1600000") + HELLO).half_close()
    equal(client.answer().body, b"Hello World!", "the first body")
    equal(len(client.answer().body), 1600000, "the second body's size")
    equal(client.answer().body, b"Hello World!", "the third body")
    client.end()


@case("A half-closed client gets the answer of a view that waits", row=50)
def _(t):
    client = t.connect().send(get(b"/sleep/0.3") + get(b"/sleep/then/big/0.1")).half_close()
    equal(client.answer().body, b"slept", "the body")
    equal(len(client.answer().body), 1048576, "the second body's size")
    client.end()


@case("A half-closed client gets the answer to a request with a body", row=50)
def _(t):
    client = t.connect().send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
    equal(client.half_close().answer().body, b"hello", "the body")
    client.end()


@case("A client that half-closes in the middle of a request is let go", row=50)
def _(t):
    for data in (b"", b"GET /he", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe",
                 b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"):
        client = t.connect().send(data).half_close()
        client.end()


@case("A half-closed client gets the page for its malformed request, and is let go at once",
      row=50, tries=5)
def _(t):
    client = t.connect().send(b"NONSENSE\r\n\r\n").half_close()
    equal(client.answer().status, 400, "the status")
    client.end(seconds=1.5)  # sooner than one that may send more


# ---- clients that send behind the end ----

@case("A client that sends more behind a request that closes still gets the whole answer",
      tries=5)
def _(t):
    for late in (HELLO, b"x", b"a" * 300000):
        client = t.connect(receive_buffer=8192)
        client.send(get(b"/big/8000000", b"Connection: close\r\n"))
        time.sleep(0.1)
        client.send(late)
        for _ in range(40):
            client.buffer += client.take(100000)
            time.sleep(0.01)
        equal(len(client.answer().body), 8000000, "the body's size")
        client.end()


@case("A client that takes the end slowly and sends meanwhile still gets the whole answer",
      waits=True, tries=5)
def _(t):
    client = t.connect(receive_buffer=8192)
    client.send(get(b"/big/400000", b"Connection: close\r\n"))
    for i in range(10):
        time.sleep(0.5)
        client.send(b"x")
        client.buffer += client.take(20000)
    equal(len(client.answer().body), 400000, "the body's size")
    client.end()


# ---- pace ----

@case("A stream is made as the client takes it", row=53)
def _(t):
    token = t.token()
    client = t.connect(receive_buffer=8192).send(get(b"/endless?t=" + token))
    size = 0
    client.head()
    while size < 20000000:
        size += len(client.take(1 << 20))
    client.close()
    await_true(lambda: t.get(b"/ended/" + token).body == b"true", PATIENCE,
               "the stream has not been closed after its client went")


@case("The first chunk of a stream goes out before the second is made", row=53)
def _(t):
    client = t.connect().send(get(b"/stream/pause/300.0"))
    client.head()
    while b"aaaaa" not in client.buffer:
        client.buffer += client.take()
    check(b"bbbbb" not in client.buffer, "the second is there too")


@case("Others are served while somebody takes a large answer and somebody an endless stream")
def _(t):
    endless = t.connect(receive_buffer=8192).send(get(b"/endless"))
    large = t.connect(receive_buffer=8192).send(get(b"/big/%d" % LARGE))
    for _ in range(20):
        endless.take()
        large.take()
        t.is_serving(t.calm)


@case("A hundred streams at once each get their own bytes")
def _(t):
    clients = [t.connect().send(get(b"/stream/%d/1000" % (i + 1))) for i in range(100)]
    for i, client in enumerate(clients):
        equal(len(client.answer().body), 1000 * (i + 1), "the size")


# ---- waiting ----

@case("Two hundred requests that wait for one second are answered by one worker in seconds, no minutes",
      alone=True)
def _(t):
    t.is_serving(t.calm)
    clients = [t.connect() for _ in range(200)]
    start = time.monotonic()
    for client in clients:
        client.send(get(b"/sleep/1.0"))
    for client in clients:
        equal(client.answer().body, b"slept", "the body")
    took = time.monotonic() - start
    check(0.95 < took < 40, "it took %.2f s", took)  # one after another it were 200


# ---- files ----

def file_of(size):
    """A file's path that send_file may serve; its bytes repeat 0 to 250."""
    path = "/tmp/cflask-wire-%d" % os.getpid()
    if not os.path.exists(path):
        pattern = bytes(range(251))
        with open(path, "wb") as file:
            file.write((pattern * (size // 251 + 1))[:size])
    return path


def serve_file(t):
    path = file_of(LARGE)
    os.environ["WIRE_FILE"] = path
    try:
        return t.serve(), path
    finally:
        del os.environ["WIRE_FILE"]


@case("A file of 30 MB goes to a half-closed client whole, and costs no memory", row=50)
def _(t):
    server, path = serve_file(t)
    try:
        t.is_serving(server)
        before = server.memory()
        client = t.connect(server, receive_buffer=8192).send(get(b"/file")).half_close()
        time.sleep(0.2)
        answer = client.answer()
        equal((answer.status, answer.get("Content-Length")), (200, str(LARGE)), "status and length")
        with open(path, "rb") as file:
            check(file.read() == answer.body, "the body is another")
        client.end()
        server.grew(before, 6000, "a file")
    finally:
        os.unlink(path)
