"""Clients that vanish, and the process: starting, draining, ending, and what it says."""
import os
import signal
import socket
import subprocess
import tempfile
import time

from wire import APP, BINARY, PATIENCE, Failure, await_true, case, check, equal

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


def get(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"


# ---- clients that vanish ----

POST = b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"POST /size HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
PHASES = [
    ("before a byte", b"", 0), ("in the request line", b"GET /he", 0.05),
    ("in the head", b"GET /hello HTTP/1.1\r\nHost: a\r\nX-", 0.05),
    ("in the body", POST + b"a" * 10, 0.05), ("in a body that is in a file", POST + b"a" * 600000, 0.2),
    ("in a chunk", CHUNKED + b"5\r\nhel", 0.05), ("at once behind the request", HELLO, 0),
    ("with the answer unread", HELLO, 0.1), ("in a view that waits", get(b"/sleep/0.4"), 0.1),
    ("in a view that waits, a large answer to come", get(b"/sleep/then/big/0.4"), 0.1),
    ("in a large answer", get(b"/big/8000000"), 0.1), ("in a stream", get(b"/endless"), 0.1),
    ("in a stream that waits", get(b"/stream/pause/0.4"), 0.1),
    ("in a pipeline", HELLO * 50 + get(b"/sleep/0.3") + HELLO * 50, 0.1),
    ("in a pipeline behind a stream", get(b"/endless") + HELLO * 10, 0.1),
    ("behind a malformed request", b"NONSENSE\r\n\r\n", 0.05),
    ("in a refused body", b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\naaa", 0.05),
]


def sleeper(t, server, seconds):
    """A client whose view has begun to sleep for so many seconds."""
    token = t.token()
    client = t.connect(server).send(get(b"/sleep/%s?t=%s" % (seconds, token)))
    t.await_call(token, server)
    return client


def vanish(t, data, pause, leave):
    """Ten clients leave in that phase; the server goes on and gives back what it had opened."""
    server = t.serve()
    t.is_serving(server)
    time.sleep(0.1)
    before = server.descriptors()
    for _ in range(10):
        client = t.connect(server, receive_buffer=8192)
        client.send(data)
        time.sleep(pause)
        leave(client)
    t.is_serving(server)
    await_true(lambda: server.descriptors() <= before, PATIENCE, "descriptors stay open")


for phase, data, pause in PHASES:
    @case("Clients that vanish with a reset %s leave nothing behind" % phase, row=51)
    def _(t, data=data, pause=pause):
        vanish(t, data, pause, lambda client: client.reset())

    @case("Clients that vanish with a close %s leave nothing behind" % phase, row=51)
    def _(t, data=data, pause=pause):
        vanish(t, data, pause, lambda client: client.close())


@case("A client that vanishes while its view waits is noticed by the answer at the latest", row=51)
def _(t):
    server = t.serve()
    t.is_serving(server)
    client = t.connect(server)
    before = server.descriptors()
    token = t.token()
    client.send(get(b"/sleep/0.5?t=" + token))
    t.await_call(token, server)
    client.reset()
    await_true(lambda: server.descriptors() < before, PATIENCE, "its descriptor stays open")
    equal(t.calls(token, server), 1, "calls")


@case("Two thousand clients that vanish anywhere leave the server serving")
def _(t):
    server = t.serve()
    t.is_serving(server)
    before, memory = server.descriptors(), server.memory()
    stream = HELLO + POST + b"a" * 300 + CHUNKED + b"5\r\nhello\r\n" + get(b"/stream/9/9000")
    for i in range(2000):
        client = t.connect(server)
        client.send((stream if i % 2 else stream[120:])[:i % 500 + 1])
        client.reset() if i % 3 else client.close()
    t.clients.clear()
    t.is_serving(server)
    await_true(lambda: server.descriptors() <= before, PATIENCE, "descriptors stay open")
    server.grew(memory, 20000, "two thousand clients")


# ---- the end ----

@case("SIGTERM lets an answer that is under way come to its end, and the process ends with 0")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 300})
    idle = t.connect(server).send(HELLO)
    idle.answer()
    large = t.connect(server, receive_buffer=8192).send(get(b"/big/20000000"))
    large.head()
    waiting = sleeper(t, server, b"1.8")
    server.signal(signal.SIGTERM)
    idle.end()
    answer = waiting.answer()
    equal(answer.body, b"slept", "the body")
    check(answer.closes, "there is no Connection: close")
    waiting.end()
    size = len(large.buffer)
    while True:
        data = large.take(1 << 20)
        if not data:
            break
        size += len(data)
    equal(size, 20000000, "the large body's size")
    equal(server.wait(), 0, "the exit status")


@case("After SIGTERM nobody new is served")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 300})
    idle = t.connect(server).send(HELLO)
    idle.answer()
    waiting = sleeper(t, server, b"1.0")
    server.signal(signal.SIGTERM)
    idle.end()  # it drains
    try:
        t.connect(server).send(HELLO).stays_open(0.3)
    except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
        pass
    equal(waiting.answer().body, b"slept", "the body")
    equal(server.wait(), 0, "the exit status")


@case("SIGTERM waits no longer than SHUTDOWN_TIMEOUT")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 1})
    t.connect(server).send(b"GET /he")
    sleeper(t, server, b"300")
    start = time.monotonic()
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "the exit status")  # long before the view's end
    check(time.monotonic() - start > 0.9, "it took %.1f s", time.monotonic() - start)


@case("SIGTERM ends a server that nobody uses at once")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 300})
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "the exit status")


@case("SIGINT ends at once, whatever is under way")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 300})
    for data in (get(b"/sleep/300"), get(b"/endless"), get(b"/big/30000000"), b"GET /he",
                 POST + b"a" * 600000, HELLO, b"NONSENSE\r\n\r\n"):
        t.connect(server, receive_buffer=8192).send(data)
    sleeper(t, server, b"300")
    server.signal(signal.SIGINT)
    equal(server.wait(), 0, "the exit status")


@case("SIGINT ends a server that drains")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 300})
    idle = t.connect(server).send(HELLO)
    idle.answer()
    sleeper(t, server, b"300")
    server.signal(signal.SIGTERM)
    idle.end()  # it drains
    server.signal(signal.SIGINT)
    server.wait()


# ---- the start ----

def run(*arguments, **env):
    """A start that fails: the exit status and what it said."""
    done = subprocess.run([BINARY] + list(arguments), stdin=subprocess.DEVNULL, timeout=PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, **env))
    return done.returncode, done.stdout.decode("utf-8", "replace")


def app_file(text):
    file = tempfile.NamedTemporaryFile("w", suffix=".lua")
    file.write(text)
    file.flush()
    return file


def fails(result, status, *words):
    got, text = result
    equal(got, status, "the exit status (%s)" % text)
    for word in words:
        check(word in text, "it does not say %r: %r", word, text)
    return text


@case("A port that is in use is one line that says so, and status 1")
def _(t):
    text = fails(run("run", APP, "--port", str(t.calm.port)), 1, str(t.calm.port), "in use")
    equal(text.count("\n"), 1, "lines")


@case("A file that is not there is one line that names it, and status 2")
def _(t):
    text = fails(run("run", "/nowhere/app.lua"), 2, "/nowhere/app.lua")
    equal(text.count("\n"), 1, "lines")


@case("A syntax error in the app names file and line, and the status is 1")
def _(t):
    with app_file("local x = \n\nfoo(\n") as file:
        fails(run("run", file.name), 1, os.path.basename(file.name) + ":")


@case("An error while the app loads is told with its traceback, and the status is 1")
def _(t):
    with app_file("local function deep() error('it broke') end\ndeep()\n") as file:
        fails(run("run", file.name), 1, "it broke", "traceback")


@case("A file that returns no app is one line, and the status is 1")
def _(t):
    with app_file("return 42\n") as file:
        fails(run("run", file.name), 1, os.path.basename(file.name))


for arguments in (("--nonsense",), ("--port",), ("--port", "x"), ("--port", "70000"), ("--port", "-1"),
                  ("--workers", "0"), ("--workers", "x"), ("--workers", "2", "--debug"), ("--cert", "a", "--key", "b")):
    @case("Wrong use, %s, is one line and status 2" % " ".join(arguments))
    def _(t, arguments=arguments):
        text = fails(run("run", APP, *arguments), 2, arguments[0])
        equal(text.count("\n"), 1, "lines")


for key, value in (("HEADER_TIMEOUT", "0"), ("MAX_CONNECTIONS", "-1"), ("MAX_HEADER_SIZE", '"many"')):
    @case("A setting that makes no sense, %s of %s, is one line that names it, and status 1" % (key, value))
    def _(t, key=key, value=value):
        fails(run("run", APP, "--port", "0", **{"WIRE_" + key: value}), 1, key)


@case("A port that only root may use is one line that says so")
def _(t):
    if os.getuid() == 0:
        return
    fails(run("run", APP, "--port", "1"), 1, "permission")


@case("A host that is none is one line, and status 1")
def _(t):
    fails(run("run", APP, "--host", "no such host", "--port", "0"), 1, "no such host")


# ---- Unix sockets ----

@case("A Unix socket serves clients with and without a name of their own, and goes with the process",
      row=55)
def _(t):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "s")
    server = t.serve(unix=path)
    answer = t.get(b"/where", server)
    equal(answer.json()["host"], "a", "the host")
    named = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    named.bind(os.path.join(folder, "client"))
    named.settimeout(PATIENCE)
    named.connect(path)
    named.sendall(HELLO)
    check(named.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"), "the answer")
    named.close()
    for _ in range(50):
        t.is_serving(server)
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "the exit status")
    check(not os.path.exists(path), "the socket's file is still there")
    os.unlink(os.path.join(folder, "client"))
    os.rmdir(folder)


@case("A Unix socket that a dead process left is taken over, one that is served is not")
def _(t):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "s")
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(path)
    left.close()
    server = t.serve(unix=path)
    t.is_serving(server)
    fails(run("run", APP, "--unix", path), 1, "in use")
    t.is_serving(server)
    server.signal(signal.SIGINT)
    server.wait()
    os.rmdir(folder)


@case("A file that is no socket is not removed for one")
def _(t):
    with tempfile.NamedTemporaryFile() as file:
        fails(run("run", APP, "--unix", file.name), 1, file.name)
        if not os.path.exists(file.name):
            raise Failure("the file is gone")
