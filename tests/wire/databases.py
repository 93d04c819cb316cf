"""SQLite: slow statements hold nobody up, and what was answered with 200 is there afterwards."""
import glob
import os
import shutil
import signal
import sqlite3
import tempfile
import threading
import time

from threads import await_threads, has_answered
from wire import HERE, PATIENCE, Failure, await_true, case, check, equal

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


ENDLESS = get(b"/slow/%d" % 10 ** 12)  # days: it ends with its server
NEVER = 3600  # s: for timeouts that a case is not about


@case("A query without end holds nobody up: 1,000 others are answered beside it", alone=True)
def _(t):
    with Folder() as folder:
        server = folder.serve(t, REQUEST_TIMEOUT=NEVER)
        others = [t.connect(server) for _ in range(10)]
        slow = t.connect(server).send(ENDLESS)
        await_threads(server)
        begin, times = time.monotonic(), []
        for i in range(1000):
            client, sent = others[i % 10], time.monotonic()
            equal(client.send(get(b"/row")).answer().json(), {"last": 0, "n": 0}, "the row")
            times.append(time.monotonic() - sent)
        took = time.monotonic() - begin
        check(not has_answered(slow), "the slow query has ended")
        times.sort()
        if os.environ.get("VERBOSE"):
            print("1,000 queries in %.2f s beside a slow one: median %.2f ms, 99%% %.2f ms, "
                  "most %.2f ms" % (took, times[500] * 1e3, times[990] * 1e3, times[-1] * 1e3))


@case("Slow queries, more than there are threads for, get their rows in the end", waits=True)
def _(t):
    with Folder() as folder:
        server, n = folder.serve(t), 300000
        for client in [t.connect(server).send(get(b"/slow/%d" % n)) for _ in range(6)]:
            equal(client.answer(seconds=120).json(), {"sum": n * (n + 1) // 2}, "the row")


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
        server = folder.serve(t, REQUEST_TIMEOUT=NEVER)
        slow = [t.connect(server).send(ENDLESS) for _ in range(6)]
        await_threads(server)
        for i in range(20):
            equal(t.connect(server).send(post(b"/add/%d" % i)).answer().status, 200, "the status")
        check(not any(has_answered(client) for client in slow), "a slow query has ended")


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
                    await_true(lambda: worker not in server.workers(), PATIENCE, "the worker lives")
            finally:
                writers.end()
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
            await_true(lambda: not any_uses(folder.path), PATIENCE, "a worker outlives its master")
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
      luajit=False, tries=5)
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
            await_true(lambda: server.log().count("loaded anew") == i + 1, PATIENCE, "no reload")
            equal(t.connect(server).send(post(b"/add/1")).answer().status, 200, "the status")
            equal(t.connect(server).send(get(b"/row")).answer().json()["n"], i + 1, "the rows")
        await_true(lambda: server.descriptors() <= before + 8, PATIENCE, "descriptors are left")
