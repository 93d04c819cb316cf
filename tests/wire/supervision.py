"""The master and its workers: what happens to one happens to no client of the next."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

from lifecycle import sleeper
from wire import (APP, BINARY, IS_SANITIZED, PATIENCE, Client, Failure, await_true, case, check,
                  equal, is_alive, workers_of)

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
# Sanitizers take the signal of a crash for a fault that they have found.
CRASH = signal.SIGKILL if IS_SANITIZED else signal.SIGSEGV


def get(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def await_another(server, old, seconds=PATIENCE):
    """The id of the worker that has taken the place of `old`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        others = [pid for pid in server.workers() if pid != old]
        if others:
            return others[0]
        time.sleep(0.02)
    raise Failure("worker %d is not replaced:\n%s" % (old, server.log()))


def await_log(server, words, seconds=PATIENCE):
    await_true(lambda: words in server.log(), seconds, "the log does not say %r", words)


def each_worker(t, server, path):
    """The bodies that the workers answer with, each while the others are stopped."""
    bodies, all_of_them = [], server.workers()
    for worker in all_of_them:
        others = [pid for pid in all_of_them if pid != worker]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            bodies.append(t.get(path, server).body)
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
    return bodies


def crash(server):
    old = server.worker()
    os.kill(old, CRASH)
    return await_another(server, old)


# ---- ends ----

@case("A worker that crashes is replaced, and the log names the signal")
def _(t):
    server = t.serve()
    t.is_serving(server)
    new = crash(server)
    t.is_serving(server)
    check(is_alive(new), "the new worker has ended too")
    await_log(server, "was killed by signal %d (" % CRASH)
    equal(server.log().count("serves"), 1, "announcements")


@case("While workers crash no connection is refused, and all are answered by the next")
def _(t):
    server = t.serve()
    failures, over = [], threading.Event()

    def knock():
        while not over.is_set():
            try:
                Client(server).close()
            except OSError as error:
                failures.append(error)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        for _ in range(3):
            crash(server)
            t.is_serving(server)
    finally:
        over.set()
        thread.join()
    equal(failures, [], "what connecting said")


@case("A connection that waits in the queue when the worker crashes is served by the next")
def _(t):
    server = t.serve()
    old = server.worker()
    os.kill(old, signal.SIGSTOP)
    client = t.connect(server).send(HELLO)
    os.kill(old, signal.SIGKILL)
    equal(client.answer().body, b"Hello World!", "the answer")


@case("A worker that its app ends is replaced, and the log gives the status")
def _(t):
    with app_file("os.exit(7)") as file:
        server = t.serve(app=file.name)
        old = server.worker()
        t.connect(server).send(get(b"/end")).end()
        await_another(server, old)
        await_log(server, "ended with status 7")


@case("A worker that is told to stop by itself drains and is replaced")
def _(t):
    server = t.serve()
    waiting = sleeper(t, server, b"0.5")
    old = server.worker()
    os.kill(old, signal.SIGTERM)
    equal(waiting.answer().body, b"slept", "the body")
    await_another(server, old)
    t.is_serving(server)


@case("Workers that crash again and again are started ever later", waits=True, tries=5)
def _(t):
    server = t.serve()
    for _ in range(4):
        crash(server)
    await_log(server, "in 0.25 s")
    await_log(server, "in 0.5 s")
    t.is_serving(server)


@case("A worker that can't load the app any more is tried again until it can", waits=True, tries=5)
def _(t):
    with app_file("os.exit(1)") as file:
        server = t.serve(app=file.name)
        with open(file.name) as text:
            good = text.read()
        write(file.name, "error('broken')")
        os.kill(server.worker(), signal.SIGKILL)
        await_log(server, "ended with status 1: another takes its place in 0.25 s")
        write(file.name, good)
        equal(t.get(b"/hello", server).body, b"Hello World!", "the answer")


@case("The first worker's failure is the master's: one message, one start")
def _(t):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        write(file.name, "error('it broke')")
        done = subprocess.run([BINARY, "run", file.name, "--workers", "3"], timeout=PATIENCE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        equal(done.returncode, 1, "the exit status")
        equal(done.stderr.decode().count("it broke"), 1, "messages")


@case("A first worker that is killed before it serves gives the master the shell's status for that")
def _(t):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        write(file.name, "while true do end")
        process = subprocess.Popen([BINARY, "run", file.name], stderr=subprocess.DEVNULL)
        await_true(lambda: workers_of(process.pid), PATIENCE, "no worker")
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        equal(process.wait(PATIENCE), 128 + signal.SIGKILL, "the exit status")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def app_file(ending):
    """An app with /hello and with /end, which runs the statement."""
    file = tempfile.NamedTemporaryFile("w", suffix=".lua")
    write(file.name, """
        local app = require("cflask").Flask(...)
        app.config:from_prefixed_env("WIRE")
        app:get("/hello", function() return "Hello World!" end)
        app:get("/random", function() return tostring(math.random(1000000000)) end)
        app:get("/end", function() %s return "" end)
        return app""" % ending)
    return file


# ---- what is stuck ----

@case("A worker that is stuck is ended by WATCHDOG_TIMEOUT and replaced", waits=True)
def _(t):
    server = t.serve({"WATCHDOG_TIMEOUT": 1})
    old = server.worker()
    os.kill(old, signal.SIGSTOP)
    client = t.connect(server).send(HELLO)
    equal(client.answer().body, b"Hello World!", "the answer")
    check(not is_alive(old), "the old one is still there")
    await_log(server, "worker %d has been stuck for 1 s" % old)


@case("A worker that C code holds up is aborted and replaced, as is Lua's own string.find", waits=True)
def _(t):
    with app_file('("a"):rep(100):find(("a*"):rep(50) .. "b")') as file:
        server = t.serve({"WATCHDOG_TIMEOUT": 1}, app=file.name)
        old = server.worker()
        t.connect(server).send(get(b"/end"))
        await_another(server, old)
        await_log(server, "worker %d was killed by signal %d (" % (old, signal.SIGABRT))
        t.get(b"/hello", server)


@case("An app that takes longer to load anew than the watchdog's limit is loaded all the same",
      waits=True, tries=3)
def _(t):
    with app_file("") as file:
        server = t.serve({"WATCHDOG_TIMEOUT": 1}, app=file.name)
        old = server.worker()
        with open(file.name) as text:
            app = text.read()
        write(file.name, "os.execute('sleep 3')\n" + app)
        server.signal(signal.SIGHUP)
        await_log(server, "loaded anew")
        t.get(b"/hello", server)
        equal(server.workers(), [old], "the workers (%s)" % server.log())
        os.kill(old, signal.SIGSTOP)  # it is watched again
        await_another(server, old)


@case("A worker that is idle, waits or is busy with many requests is not stuck", waits=True, tries=3)
def _(t):
    server = t.serve({"WATCHDOG_TIMEOUT": 1})
    old = server.worker()
    waiting = t.connect(server).send(get(b"/sleep/3.5"))
    until = time.monotonic() + 1.5
    client = t.connect(server)
    while time.monotonic() < until:
        client.send(HELLO * 50)
        for _ in range(50):
            client.answer()
    equal(waiting.answer().body, b"slept", "the body")
    time.sleep(1)
    equal(server.workers(), [old], "the workers")


@case("Without a watchdog a worker may be still for as long as it likes", waits=True)
def _(t):
    server = t.serve({"WATCHDOG_TIMEOUT": False})
    old = server.worker()
    os.kill(old, signal.SIGSTOP)
    time.sleep(2)
    os.kill(old, signal.SIGCONT)
    t.is_serving(server)
    equal(server.workers(), [old], "the workers")


@case("After all of a server has been stopped for a while nobody is taken for stuck", waits=True,
      tries=3)
def _(t):
    server = t.serve({"WATCHDOG_TIMEOUT": 1})
    old = server.worker()
    for pid in (server.pid, old):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    for pid in (server.pid, old):
        os.kill(pid, signal.SIGCONT)
    time.sleep(0.5)
    t.is_serving(server)
    equal(server.workers(), [old], "the workers")


@case("A worker that does not stop when it is told to is killed, and the status is 1", waits=True)
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 0.5, "WATCHDOG_TIMEOUT": False})
    os.kill(server.worker(), signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    equal(server.wait(), 1, "the exit status")
    check("was killed by signal 9" in server.log(), "the log: %s", server.log())


@case("A second Ctrl-C kills at once what the first did not end", waits=True, tries=3)
def _(t):
    server = t.serve({"WATCHDOG_TIMEOUT": False})
    old = server.worker()
    os.kill(old, signal.SIGSTOP)
    server.signal(signal.SIGINT)
    time.sleep(0.8)
    check(is_alive(old), "the first has killed")
    server.signal(signal.SIGINT)
    equal(server.wait(6), 1, "the exit status")  # without it, after ten seconds


# ---- the master ----

@case("A master that is killed takes its worker along")
def _(t):
    server = t.serve()
    worker = server.worker()
    server.signal(signal.SIGKILL)
    server.wait()
    await_true(lambda: not is_alive(worker), PATIENCE, "the worker lives on")


@case("Ctrl-C reaches master and worker, and what runs after serving runs once")
def _(t):
    with tempfile.NamedTemporaryFile("r") as out, app_file("") as file:
        with open(file.name) as text:
            app = text.read()
        write(file.name, app.replace("return app", """
            app:after_serving(function()
                require("cflask").sleep(0.5)
                local f = io.open(%r, "a")
                f:write("once\\n")
                f:close()
            end)
            return app""" % out.name))
        server = t.serve(app=file.name)
        for pid in (server.worker(), server.pid):
            os.kill(pid, signal.SIGINT)
        equal(server.wait(), 0, "the exit status")
        equal(out.read(), "once\n", "what the hook wrote")


@case("A group that is told to stop as a whole stops in order")
def _(t):
    server = t.serve()
    waiting = sleeper(t, server, b"0.5")
    for pid in (server.worker(), server.pid):
        os.kill(pid, signal.SIGTERM)
    equal(waiting.answer().body, b"slept", "the body")
    equal(server.wait(), 0, "the exit status")


@case("SIGTERM while the app loads ends the server with 0")
def _(t):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        write(file.name, "while true do end")
        process = subprocess.Popen([BINARY, "run", file.name], stderr=subprocess.DEVNULL)
        await_true(lambda: workers_of(process.pid), PATIENCE, "no worker")
        process.terminate()
        equal(process.wait(PATIENCE), 0, "the exit status")


@case("SIGHUP to the master has each worker load the app anew")
def _(t):
    server = t.serve(arguments=("--workers", "2"))
    await_true(lambda: len(server.workers()) == 2, PATIENCE, "there are no two workers")
    old = server.workers()
    each_worker(t, server, b"/hello")
    server.signal(signal.SIGHUP)
    await_true(lambda: server.log().count("loaded anew") == 2, PATIENCE, "the log: %s", server.log())
    t.is_serving(server)
    equal(server.workers(), old, "the workers")


@case("A worker that fails while it stops gives the master its status")
def _(t):
    with app_file("") as file:
        with open(file.name) as text:
            app = text.read()
        write(file.name, app.replace("return app", "app:after_serving(function() os.exit(7) end) return app"))
        server = t.serve(app=file.name)
        server.signal(signal.SIGTERM)
        equal(server.wait(), 7, "the exit status")


@case("The socket's port and file stay the same from one worker to the next")
def _(t):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "s")
    server = t.serve(unix=path)
    inode = os.stat(path).st_ino
    crash(server)
    t.is_serving(server)
    equal(os.stat(path).st_ino, inode, "the socket's file")
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "the exit status")
    os.rmdir(folder)


@case("A master keeps no part of the app in memory")
def _(t):
    if IS_SANITIZED:
        return
    server = t.serve()
    t.is_serving(server)
    with open("/proc/%d/smaps_rollup" % server.pid) as rollup:
        private = sum(int(kb) for kb in re.findall(r"Private_\w+:\s+(\d+) kB", rollup.read()))
    check(private < 3000, "%d kB are the master's alone", private)


# ---- several workers ----

@case("With --workers 3 three processes serve one port, and each draws its own random numbers")
def _(t):
    with app_file("") as file:
        server = t.serve(app=file.name, arguments=("--workers", "3"))
        await_true(lambda: len(server.workers()) == 3, PATIENCE, "there are no three workers")
        drawn = set(each_worker(t, server, b"/random"))
        equal(len(drawn), 3, "different numbers")
        equal(server.log().count("serves"), 1, "announcements")


@case("One of several workers that crashes is replaced while the others serve")
def _(t):
    server = t.serve(arguments=("--workers=2",))
    await_true(lambda: len(server.workers()) == 2, PATIENCE, "there are no two workers")
    first, second = server.workers()
    os.kill(first, CRASH)
    await_true(lambda: len(server.workers()) == 2 and first not in server.workers(), PATIENCE,
               "it is not replaced")
    check(second in server.workers(), "the other has gone")
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "the exit status")


@case("With --workers auto each processor has a worker")
def _(t):
    server = t.serve(arguments=("--workers", "auto"))
    wanted = len(os.sched_getaffinity(0))
    await_true(lambda: len(server.workers()) == wanted, PATIENCE, "there are no %d", wanted)


# ---- sockets of a service manager ----

def activate(listener, n=1):
    """A server that is given the listening socket as systemd gives it."""
    log = tempfile.TemporaryFile()

    def pass_on():
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ["LISTEN_PID"], os.environ["LISTEN_FDS"] = str(os.getpid()), str(n)

    def run():
        pass_on()
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        os.closerange(4, 100)
        os.execv(BINARY, [BINARY, "run", APP])

    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(127)
    return pid, log


def end(pid, number=signal.SIGTERM):
    os.kill(pid, number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@case("A socket that a service manager passes is served, and stays when the server ends", alone=True)
def _(t):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(10)
    pid, log = activate(listener)
    try:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(HELLO)
        check(client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n"), "the answer")
        client.close()
    finally:
        status = end(pid)
    equal(status, 0, "the exit status")
    text = os.pread(log.fileno(), 10000, 0).decode()
    check("on unix:" + path in text, "it does not name the socket: %s", text)
    check(os.path.exists(path), "the socket's file is gone")
    os.unlink(path)
    os.rmdir(folder)


@case("More sockets than one from a service manager are refused by one line, and status 1", alone=True)
def _(t):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(10)
    pid, log = activate(listener, 2)
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 1, "the exit status")
    text = os.pread(log.fileno(), 10000, 0).decode()
    check("LISTEN_FDS passes 2 sockets" in text and text.count("\n") == 1, "it says %s", text)
