"""Limits: sizes, times, connections, descriptors, memory."""
import signal
import threading
import time

from heads import BEHIND, acceptance, refuses, says
from wire import IS_LUAJIT, PATIENCE, TOKEN, Failure, await_true, case, check, equal

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n"
MIB = 1 << 20
COPIES = 2 if IS_LUAJIT else 1  # of a long text: LuaJIT's string.rep keeps its buffer
MEMORY = 8000  # kB that a connection may cost for a while


def refused(t, status, data, server=None):
    """Refused while, or after, all of it is sent; the answer gets through in any case."""
    client = t.connect(server)
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    answer = client.answer()
    equal(answer.status, status, "the status")
    check(answer.closes, "there is no Connection: close")
    return answer


# ---- sizes of heads ----

def head_of(size):
    """A whole head of that many bytes."""
    return GET + b"X-A: " + b"b" * (size - len(GET) - 9) + b"\r\n\r\n"


@case("A head of MAX_HEADER_SIZE is served, one of a byte more is 431", rows=(37, 43))
def _(t):
    client = t.connect()
    equal(client.send(head_of(16384)).answer().status, 200, "the status")
    equal(client.send(head_of(16385)).answer().status, 431, "the status")
    client.end()


@case("A request line beyond MAX_HEADER_SIZE is 414", row=37)
def _(t):
    refuses(t, 414, b"GET /hello?t=" + TOKEN + b"&" + b"a" * 16384 + b" HTTP/1.1\r\nHost: a\r\n\r\n")


@case("A head of MAX_HEADER_COUNT fields is served, one of a field more is 431", row=37)
def _(t):
    client = t.connect()
    equal(client.send(GET + b"A: b\r\n" * 99 + b"\r\n").answer().status, 200, "the status")
    equal(client.send(GET + b"A: b\r\n" * 100 + b"\r\n").answer().status, 431, "the status")
    client.end()


for what, line in (("of the shortest fields", b"a:\r\n"), ("of nothing but a colon", b":\r\n")):
    @case("Sixty thousand lines %s are refused and cost little" % what, row=47)
    def _(t, line=line):
        server = t.serve()
        t.is_serving(server)
        before = server.memory()
        answer = refused(t, 431, GET + line * 60000, server)
        check(not answer.is_apps_own, "the page is the app's")
        server.grew(before, MEMORY, "a refused client")


@case("A request line that never ends is refused and costs little", row=43)
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    refused(t, 414, b"GET /" + b"a" * (4 * MIB), server)
    server.grew(before, MEMORY, "a refused client")


CHUNKED = b"POST /size HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@case("A chunk extension that never ends is refused and costs little", row=46)
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    refused(t, 400, CHUNKED + b"5;" + b"a" * (4 * MIB), server)
    server.grew(before, MEMORY, "a refused client")


@case("A chunk size that never ends is refused", row=46)
def _(t):
    refused(t, 400, CHUNKED + b"0" * 5000)


@case("Trailers that never end are refused and cost little", row=46)
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    refused(t, 431, CHUNKED + b"1\r\na\r\n0\r\n" + b"X-A: b\r\n" * 400000, server)
    refused(t, 431, CHUNKED + b"1\r\na\r\n0\r\n" + (b"X-A: " + b"b" * 900 + b"\r\n") * 90, server)
    server.grew(before, MEMORY, "a refused client")


# ---- sizes of bodies ----

@case("A body of its limit is taken")
def _(t):
    client = t.connect()
    client.send(b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"a" * 100)
    equal(client.answer().body, b"100", "the body")
    client.send(CHUNKED.replace(b"/size", b"/small") + b"64\r\n" + b"a" * 100 + b"\r\n0\r\n\r\n")
    equal(client.answer().body, b"100", "the body")


@case("A body whose Content-Length is over the limit is 413 by the app's handler, before it is sent")
def _(t):
    client = t.connect().send(b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n")
    answer = client.answer()
    equal(answer.status, 413, "the status")
    check(answer.is_apps_own, "the page is not the app's")
    check(answer.closes, "there is no Connection: close")
    client.end()


@case("A chunked body is 413 by the app's handler once it has crossed the limit")
def _(t):
    client = t.connect().send(CHUNKED.replace(b"/size", b"/small") + b"64\r\n" + b"a" * 100 + b"\r\n")
    client.stays_open(0.1)
    answer = client.send(b"1\r\na").answer()
    equal(answer.status, 413, "the status")
    check(answer.is_apps_own, "the page is not the app's")
    check(answer.closes, "there is no Connection: close")
    client.end()


@case("A view that does not look at a body over the limit answers as ever, and the connection ends")
def _(t):
    token = t.token()
    client = t.connect().send(b"POST /small/ignored HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"
                              + b"a" * 101 + BEHIND.replace(TOKEN, token))
    answer = client.answer()
    equal((answer.status, answer.body), (200, b"not looked at"), "the answer")
    check(answer.closes, "there is no Connection: close")
    client.end()
    equal(t.calls(token), 0, "calls")


for what, length in (("16 MiB and a byte", 16 * MIB + 1), ("2^63 - 1", (1 << 63) - 1), ("2^63", 1 << 63),
                     ("2^64 - 1", (1 << 64) - 1), ("2^64", 1 << 64), ("2^64 + 5", (1 << 64) + 5),
                     ("a hundred digits", 10 ** 100)):
    @case("A Content-Length of %s is 413 at once" % what, rows=(43, 49))
    def _(t, length=length):
        client = t.connect().send(b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
        answer = client.answer()
        equal(answer.status, 413, "the status")
        check(answer.is_apps_own, "the page is not the app's")
        client.end()


@case("A client that goes on sending a body over the limit gets the answer, not a reset", row=49,
      tries=5)
def _(t):
    for size in (200000, 900000):
        client = t.connect().send(b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        for _ in range(size // 10000):
            client.send(b"a" * 10000)
            time.sleep(0.002)
        equal(client.answer().status, 413, "the status")
        client.half_close().end()


@case("A client that goes on sending after a malformed head gets the answer, not a reset", tries=5)
def _(t):
    client = t.connect().send(b"NONSENSE\r\n\r\n")
    for _ in range(20):
        client.send(b"a" * 10000)
        time.sleep(0.002)
    equal(client.answer().status, 400, "the status")
    client.half_close().end()


@case("A refused client that never stops sending is cut off", row=49)
def _(t):
    client = t.connect().send(b"NONSENSE\r\n\r\n")
    start = time.monotonic()
    try:
        while time.monotonic() - start < PATIENCE:
            client.send(b"a" * 65536)
    except (BrokenPipeError, ConnectionResetError):
        return
    raise Failure("%d bytes were taken in %.1f s" % (client.n_sent, time.monotonic() - start))


@case("A body over the limit in chunks without end is cut off and costs little")
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    client = t.connect(server).send(CHUNKED)
    chunk = b"100000\r\n" + b"a" * MIB + b"\r\n"
    try:
        for _ in range(64):
            client.send(chunk)
    except (BrokenPipeError, ConnectionResetError):
        pass
    check(client.n_sent < 40 * MIB, "%d bytes were taken", client.n_sent)
    server.grew(before, MEMORY, "a refused client")


@case("A body that comes in the smallest pieces costs about its size")
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    client = t.connect(server)
    client.send(b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 60001\r\n\r\n")
    client.drip(b"a" * 60000)
    time.sleep(0.2)
    server.grew(before, 8000, "60,000 bytes")
    equal(client.send(b"a").answer().body, b"60001", "the body's size")


@case("A chunked body of chunks of one byte costs about its size")
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    client = t.connect(server)
    client.send(CHUNKED + b"1\r\na\r\n" * 300000)
    time.sleep(0.2)
    server.grew(before, 12000, "300,000 bytes")
    equal(client.send(b"0\r\n\r\n").answer().body, b"300000", "the body's size")


# ---- clients that are too slow ----

def drips(t, data, pause=0.2, first=b""):
    """Sends `first`, then a byte of data each `pause` seconds until the server answers; after
    how many seconds it did, and the answer."""
    start = time.monotonic()
    client = t.connect(t.hasty)
    client.send(first)
    stop = threading.Event()

    def send():
        for i in range(len(data)):
            if stop.wait(pause):
                return
            try:
                client.send(data[i:i + 1])
            except OSError:
                return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        answer = client.answer()
        return time.monotonic() - start, answer, client
    finally:
        stop.set()
        sender.join()


def is_late(took, answer, least=0.8, most=15):
    """Behind the timeout of a second, and while more comes in byte by byte."""
    equal(answer.status, 408, "the status")
    check(answer.closes, "there is no Connection: close")
    check(not answer.is_apps_own, "the page is the app's")
    check(least <= took <= most, "it took %.2f s", took)


for what, first, data in [
        ("request line", b"", b"GET /" + b"a" * 100),
        ("field", b"GET /hello HTTP/1.1\r\nHost: a\r\n", b"X-A: " + b"b" * 100),
        ("row of fields", b"GET /hello HTTP/1.1\r\nHost: a\r\n", b"A:b\r\n" * 30),
        ("row of empty lines", b"", b"\r\n" * 50),
        ("chunk extension", CHUNKED, b"5;" + b"a" * 100),
        ("row of trailers", CHUNKED + b"0\r\n", b"A:b\r\n" * 30)]:
    @case("A %s that comes byte by byte is 408 after the total time" % what, row=44, tries=5)
    def _(t, first=first, data=data):
        took, answer, client = drips(t, data, first=first)
        is_late(took, answer)
        client.half_close().end()


@case("The time of a head runs from the connection's start for the first, from its first byte for "
      "the next", row=44, waits=True, tries=5)
def _(t):
    client = t.connect(t.hasty)
    time.sleep(0.6)
    start = time.monotonic()
    answer = client.send(b"GET /he").answer()
    is_late(time.monotonic() - start, answer, least=0, most=0.9)
    client = t.connect(t.hasty).send(HELLO)
    client.answer()
    time.sleep(0.7)
    start = time.monotonic()
    answer = client.send(b"GET /he").answer()
    is_late(time.monotonic() - start, answer)


@case("A head that stops in the middle is 408", rows=(43, 44), waits=True, tries=5)
def _(t):
    for data in (b"G", b"GET /hello HTTP/1.1\r\nHost: a\r\n", GET + b"X-A"):
        start = time.monotonic()
        answer = t.connect(t.hasty).send(data).answer()
        is_late(time.monotonic() - start, answer)


@case("A body that stops in the middle is 408, with a length and in chunks", rows=(43, 44), waits=True,
      tries=5)
def _(t):
    for data in (b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello", CHUNKED,
                 CHUNKED + b"5\r\nhel", CHUNKED + b"5\r\nhello\r\n"):
        start = time.monotonic()
        answer = t.connect(t.hasty).send(data).answer()
        is_late(time.monotonic() - start, answer)


@case("A slow body that goes on coming is taken", waits=True, tries=5)
def _(t):
    client = t.connect(t.hasty)
    client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
    client.drip(b"0123456789", pause=0.35)
    equal(client.answer().body, b"0123456789", "the body")


@case("A connection that never sends a byte is closed", rows=(43, 44), waits=True)
def _(t):
    start = time.monotonic()
    t.connect(t.hasty).end()
    check(time.monotonic() - start > 0.8, "it took %.1f s", time.monotonic() - start)


@case("A connection that idles between requests is closed without a word", row=43, waits=True,
      tries=5)
def _(t):
    start = time.monotonic()
    client = t.connect(t.hasty).send(HELLO)
    client.answer()
    client.end()
    check(time.monotonic() - start > 0.8, "it took %.1f s", time.monotonic() - start)


@case("A connection that is used before it idles too long is kept", waits=True, tries=5)
def _(t):
    client = t.connect(t.hasty)
    for _ in range(5):
        equal(client.send(HELLO).answer().status, 200, "the status")
        time.sleep(0.5)


@case("A view that takes longer than REQUEST_TIMEOUT is answered with 503 by the app's handler",
      waits=True, tries=5)
def _(t):
    start = time.monotonic()
    client = t.connect(t.hasty).send(b"GET /sleep/300 HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = client.answer()
    took = time.monotonic() - start
    equal(answer.status, 503, "the status")
    check(answer.is_apps_own, "the page is not the app's")
    check(took > 1.2, "it took %.1f s", took)
    t.is_serving(t.hasty)


@case("A body that has begun is not cut by REQUEST_TIMEOUT, nor by WRITE_TIMEOUT when the app is slow",
      row=45, waits=True, tries=5)
def _(t):
    answer = t.connect(t.hasty).send(
        b"GET /stream/pause/3.5 HTTP/1.1\r\nHost: a\r\n\r\n").answer()
    equal(answer.body, b"aaaaabbbbb", "the body")


# ---- clients that read slowly, or not at all ----

@case("An honest client that takes an answer slowly for nine seconds gets all of it", row=45,
      waits=True, tries=3)
def _(t):
    client = t.connect(t.hasty, receive_buffer=8192)
    client.send(b"GET /big/24000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    start, size = time.monotonic(), 0
    while time.monotonic() - start < 9:
        size += len(client.take(20000))
        time.sleep(0.5)
    while True:
        data = client.take(1 << 20)
        size += len(data)
        if size >= 24000000:
            break
        check(data, "the connection ended after %d bytes", size)


@case("An honest client that takes a stream slowly for nine seconds gets all of it", row=45,
      waits=True, tries=3)
def _(t):
    client = t.connect(t.hasty, receive_buffer=8192)
    client.send(b"GET /stream/400/50000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    start = time.monotonic()
    while time.monotonic() - start < 9:
        client.buffer += client.take(20000)
        time.sleep(0.5)
    equal(len(client.answer().body), 20000000, "the body's size")


def is_cut_off(t, path):
    client = t.connect(t.hasty, receive_buffer=8192)
    client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(4.5)
    size = 0
    try:
        while True:
            data = client.take(1 << 20)
            size += len(data)
            if not data or size > 50000000:
                break
    except ConnectionResetError:
        pass
    check(size < 20000000, "it got %d bytes after all", size)


@case("A client that stops taking an answer is cut off after WRITE_TIMEOUT", row=45, waits=True,
      tries=3)
def _(t):
    is_cut_off(t, b"/big/30000000")


@case("A client that stops taking a stream is cut off after WRITE_TIMEOUT, and the stream is closed",
      row=53, waits=True, tries=3)
def _(t):
    token = t.token()
    is_cut_off(t, b"/endless?t=" + token)
    await_true(lambda: t.get(b"/ended/" + token, t.hasty).body == b"true", PATIENCE,
               "the stream goes on")


@case("Clients that do not read an endless stream cost little", row=53)
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    for _ in range(8):
        t.connect(server, receive_buffer=8192).send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
    time.sleep(1.5)
    server.grew(before, 8000 + MEMORY, "8 clients")
    t.is_serving(server)


@case("A client that does not read 100 MB costs the text and little more", row=53)
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    client = t.connect(server, receive_buffer=8192)
    client.send(b"GET /big/100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    client.head()
    time.sleep(1)
    server.grew(before, COPIES * 110000 + MEMORY, "a large text")


@case("What is sent while an answer is not read is not taken in", row=48)
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    client = t.connect(server, receive_buffer=8192)
    client.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
    client.socket.settimeout(0.7)
    try:
        while client.n_sent < 64 * MIB:
            client.send(b"a" * 65536)
    except OSError:
        pass
    check(client.n_sent < 32 * MIB, "%d bytes were taken", client.n_sent)
    server.grew(before, 4000 + MEMORY, "a sender")


@case("A pipeline of large answers that are not read costs little", rows=(48, 53))
def _(t):
    server = t.serve()
    t.is_serving(server)
    before = server.memory()
    client = t.connect(server, receive_buffer=8192)
    client.send(b"GET /big/20000000 HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
    time.sleep(1.5)
    server.grew(before, COPIES * 30000 + MEMORY, "a pipeline")


# ---- connections and descriptors ----

@case("Beyond MAX_CONNECTIONS clients wait, and are served when others go")
def _(t):
    server = t.serve({"MAX_CONNECTIONS": 5})
    first = [t.connect(server).send(HELLO) for _ in range(5)]
    for client in first:
        equal(client.answer().status, 200, "the status")
    more = [t.connect(server).send(HELLO) for _ in range(20)]
    for client in more:
        client.stays_open(0.02)
    for client in first:
        client.close()
    for client in more:
        equal(client.answer().status, 200, "the status")
        client.close()
    t.is_serving(server)


@case("MAX_CONNECTIONS idle clients are closed in time, and those who wait are served")
def _(t):
    server = t.serve({"HEADER_TIMEOUT": 1, "MAX_CONNECTIONS": 4})
    for _ in range(4):
        t.connect(server)
    t.is_serving(server)
    server = t.serve({"KEEPALIVE_TIMEOUT": 1, "MAX_CONNECTIONS": 4})
    for client in [t.connect(server) for _ in range(4)]:
        client.send(HELLO).answer()
    t.is_serving(server)


@case("Without descriptors accepting pauses, without spinning, and goes on afterwards",
      rows=(52, 55))
def _(t):
    server = t.serve({"HEADER_TIMEOUT": 300}, descriptors=64)
    clients = [t.connect(server) for _ in range(100)]
    await_true(lambda: server.descriptors() >= 63, PATIENCE, "there are descriptors")
    cpu, size = server.cpu(), server.log_size()
    time.sleep(3)
    check(server.cpu() - cpu < 0.5, "%.2f s of CPU time in 3 s", server.cpu() - cpu)
    check(server.log_size() - size < 5000, "%d bytes of log", server.log_size() - size)
    served = 0
    for client in clients[:40]:
        client.send(HELLO)
        served += client.answer().status == 200
    check(served >= 40, "only %d are served", served)
    for client in clients:
        client.close()
    t.is_serving(server)


@case("A body that needs a temporary file is 503 when there are no descriptors", row=52)
def _(t):
    server = t.serve({"HEADER_TIMEOUT": 300, "KEEPALIVE_TIMEOUT": 300}, descriptors=64)
    first = t.connect(server)
    first.send(HELLO)
    first.answer()
    for _ in range(100):
        t.connect(server)
    await_true(lambda: server.descriptors() >= 63, PATIENCE, "there are descriptors")
    first.send(b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"a" * 1000000)
    equal(first.answer().status, 503, "the status")


@case("Eight hundred clients that connect while the server is busy are all taken", row=54)
def _(t):
    server = t.serve()
    server.signal(signal.SIGSTOP)
    try:
        clients = [t.connect(server) for _ in range(800)]  # beyond the backlog it would wait
    finally:
        server.signal(signal.SIGCONT)
    for client in clients:
        client.send(HELLO)
    for client in clients:
        equal(client.answer().status, 200, "the status")


acceptance("The largest chunk line is taken", CHUNKED + b"5;" + b"a" * 1000 + b"\r\nhello\r\n0\r\n\r\n",
           says(200, b"5"), row=46)
