"""SQLite: slow statements hold nobody up, and what was answered with 200 is there afterwards."""
import glob
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import time

from wire import HERE, IS_SANITIZED, Failure, await_true, case, check, equal

APP = os.path.join(HERE, "sqlite.lua")


class Folder:
    """A folder for a database, and servers on it; removed at the end."""

    def __enter__(self):
        self.path = tempfile.mkdtemp()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def serve(self, t, *arguments, **settings):
        settings["FOLDER"] = self.path
        return t.serve(settings, app=APP, arguments=arguments)

    def rows(self, query):
        """What another process reads in the database."""
        connection = sqlite3.connect(os.path.join(self.path, "x.db"))
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def any_uses(folder):
    """Whether any process has a file of the folder open."""
    for fd in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(fd).startswith(folder):
                return True
        except OSError:
            continue  # it has just been closed
    return False


def get(path):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path


def post(path):
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % path


def steps_for(t, server, seconds):
    """How many rows a recursive query counts in about so many seconds, on this machine."""
    n, client = 100000, t.connect(server)
    while True:
        begin = time.monotonic()
        client.send(get(b"/slow/%d" % n)).answer(seconds=60)
        took = time.monotonic() - begin
        if took > seconds / 4:
            client.close()
            return int(n * seconds / took)
        n *= 2


@case("A query of 2 s holds nobody up: 1,000 others are answered before it ends", alone=True)
def _(t):
    with Folder() as folder:
        server = folder.serve(t)
        n = steps_for(t, server, 2 if not IS_SANITIZED else 10)
        others = [t.connect(server) for _ in range(10)]
        slow = t.connect(server).send(get(b"/slow/%d" % n))
        begin, times = time.monotonic(), []
        for i in range(1000):
            client, sent = others[i % 10], time.monotonic()
            equal(client.send(get(b"/row")).answer().json(), {"last": 0, "n": 0}, "the row")
            times.append(time.monotonic() - sent)
        took = time.monotonic() - begin
        slow.socket.setblocking(False)
        try:
            check(not slow.take(), "the connection was closed")
            raise Failure("the slow query ended before the 1,000 others")
        except BlockingIOError:
            pass
        slow.socket.settimeout(60)
        equal(slow.answer(seconds=60).json(), {"sum": n * (n + 1) // 2}, "the slow query's row")
        times.sort()
        if os.environ.get("VERBOSE"):
            print("1,000 queries in %.2f s beside one of %.1f s: median %.2f ms, 99%% %.2f ms, "
                  "most %.2f ms" % (took, time.monotonic() - begin, times[500] * 1e3,
                                    times[990] * 1e3, times[-1] * 1e3))


class Writers:
    """Eight clients that add rows, and note those that were answered with 200."""

    def __init__(self, t, server, known):
        self.t, self.server, self.known = t, server, known
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(len(known) * 100 + i,))
                        for i in range(8)]
        for thread in self.threads:
            thread.start()

    def write(self, n):
        while not self.stop.is_set():
            try:
                client = self.t.connect(self.server)
                while not self.stop.is_set():
                    n += 8
                    self.add(client, n)
            except (OSError, Failure):
                time.sleep(0.01)  # the worker is gone: the next one comes

    def add(self, client, n):
        path = b"/pair/%d" if n % 3 == 0 else b"/add/%d"
        if client.send(post(path % n)).answer(seconds=5).status == 200:
            self.known.append(n)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


@case("Slow queries in all threads that they may have leave one for writes", alone=True)
def _(t):
    with Folder() as folder:
        server = folder.serve(t)
        n = steps_for(t, server, 1 if not IS_SANITIZED else 5)
        slow = [t.connect(server).send(get(b"/slow/%d" % n)) for _ in range(6)]
        for i in range(20):
            equal(t.connect(server).send(post(b"/add/%d" % i)).answer().status, 200, "the status")
        slow[-1].socket.setblocking(False)
        try:
            check(not slow[-1].take(), "the connection was closed")
            raise Failure("the last slow query ended before the writes")
        except BlockingIOError:
            pass
        for client in slow:
            client.socket.setblocking(True)
            equal(client.answer(seconds=120).json(), {"sum": n * (n + 1) // 2}, "the row")


@case("After kill -9 of the worker in the middle of writes no committed row is lost, 50 times",
      alone=True)
def _(t):
    known, kills = [], 0
    with Folder() as folder:
        for _ in range(25):  # a master that sees more die in a row waits before the next start
            server = folder.serve(t)
            writers = Writers(t, server, known)
            try:
                for _ in range(2):
                    worker, before = server.worker(), len(known)
                    await_true(lambda: len(known) > before + 20, 60, "nothing is written")
                    os.kill(worker, signal.SIGKILL)
                    kills += 1
                    await_true(lambda: worker not in server.workers(), 20, "the worker lives")
            finally:
                writers.end()
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
            await_true(lambda: not any_uses(folder.path), 20, "a worker outlives its master")
            t.servers.remove(server)
        equal(kills, 50, "the kills")
        there = dict(folder.rows("SELECT a, count(*) FROM t GROUP BY a"))
        check(len(known) > 1000, "only %d rows were known to be written", len(known))
        lost = [n for n in known if n not in there]
        check(not lost, "%d of %d are lost: %s", len(lost), len(known), lost[:5])
        halves = [n for n, count in there.items() if count % (2 if n % 3 == 0 else 1)]
        check(not halves, "half a transaction is there: %s", halves[:5])
        equal(folder.rows("PRAGMA integrity_check"), [("ok",)], "the integrity")


@case("What runs into REQUEST_TIMEOUT in a transaction is rolled back, and others write", waits=True,
      luajit=False)
def _(t):
    with Folder() as folder:
        server = folder.serve(t, REQUEST_TIMEOUT=0.3)
        for path in (b"/hold", b"/hold/slow"):
            held = t.connect(server).send(post(path))
            equal(held.answer().status, 503, "the status")
            equal(t.connect(server).send(post(b"/add/1")).answer().status, 200, "the status")
        equal(folder.rows("SELECT b FROM t"), [("one",), ("one",)], "the rows")


@case("Writes of many clients and several workers are all done", waits=True)
def _(t):
    with Folder() as folder:
        server = folder.serve(t, "--workers", "2")
        clients = [t.connect(server) for _ in range(40)]
        for round_ in range(5):
            for i, client in enumerate(clients):
                client.send(post(b"/pair/%d" % (round_ * 40 + i)))
            for client in clients:
                equal(client.answer(seconds=60).body, b"added", "the body")
        equal(folder.rows("SELECT count(*), count(DISTINCT a) FROM t"), [(400, 200)], "the rows")


@case("A worker that ends closes its connections: the log is written back", waits=True)
def _(t):
    with Folder() as folder:
        server = folder.serve(t)
        equal(t.connect(server).send(post(b"/add/1")).answer().status, 200, "the status")
        equal(t.connect(server).send(get(b"/rows")).answer().body, b"1000", "the rows")
        check("x.db-wal" in os.listdir(folder.path), "there is no log")
        server.signal(signal.SIGTERM)
        equal(server.wait(), 0, "the exit status")
        equal(os.listdir(folder.path), ["x.db"], "the files")
        equal(folder.rows("SELECT a FROM t"), [(1,)], "the rows")


@case("Reloads leave no connection behind", waits=True)
def _(t):
    with Folder() as folder:
        server = folder.serve(t)
        equal(t.connect(server).send(get(b"/row")).answer().status, 200, "the status")
        before = server.descriptors()
        for i in range(3):
            server.signal(signal.SIGHUP)
            time.sleep(0.5)
            equal(t.connect(server).send(post(b"/add/1")).answer().status, 200, "the status")
            equal(t.connect(server).send(get(b"/row")).answer().json()["n"], i + 1, "the rows")
        await_true(lambda: server.descriptors() <= before + 8, 10, "descriptors are left")
