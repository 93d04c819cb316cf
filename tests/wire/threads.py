"""Work on threads: others are served meanwhile, and its end when nobody wants it any more."""
import os
import select
import signal

from wire import PATIENCE, await_true, case, check, equal

LONG = 2000000  # iterations: a second, on a machine that does nothing else


def hashing(iterations):
    return b"GET /hash/%d HTTP/1.1\r\nHost: a\r\n\r\n" % iterations


def await_threads(server):
    """Until the server has begun to hash."""
    tasks = "/proc/%d/task" % server.worker()
    await_true(lambda: len(os.listdir(tasks)) > 1, PATIENCE, "no thread is started")


def has_answered(client):
    return bool(select.select([client.socket], [], [], 0)[0])


@case("While passwords are hashed on all threads, others are served", tries=3)
def _(t):
    server = t.serve()
    busy = [t.connect(server).send(hashing(LONG // 2)) for _ in range(8)]
    for _ in range(20):
        t.is_serving(server)
    check(not has_answered(busy[-1]), "the hashes were made before the others were served")
    for client in busy:
        equal(client.answer(seconds=120).body, b"true", "the body")


@case("A request that waits for a thread past REQUEST_TIMEOUT is answered with 503", tries=3)
def _(t):
    server = t.serve({"REQUEST_TIMEOUT": 0.2})
    clients = [t.connect(server).send(hashing(LONG)) for _ in range(8)]
    for client in clients:
        equal(client.answer().status, 503, "the status")


@case("Hashes beyond MAX_OFFLOADED that would wait for a thread are answered with 503",
      tries=3)
def _(t):
    server = t.serve({"MAX_OFFLOADED": 2})
    os.kill(server.worker(), signal.SIGSTOP)  # so that it finds all at once
    clients = [t.connect(server).send(hashing(LONG)) for _ in range(12)]
    os.kill(server.worker(), signal.SIGCONT)
    statuses = {client.answer(seconds=120).status for client in clients}
    equal(statuses, {200, 503}, "the statuses")


@case("Clients that vanish while their passwords are hashed leave nothing behind", waits=True)
def _(t):
    server = t.serve()
    equal(t.get(b"/hash/1", server).body, b"true", "the body")  # threads are started
    before = server.descriptors()
    for _ in range(10):
        t.connect(server).send(hashing(LONG // 20)).reset()
    t.is_serving(server)
    await_true(lambda: server.descriptors() <= before, 120, "descriptors stay open")


@case("SIGTERM lets a hash come to its end")
def _(t):
    server = t.serve({"SHUTDOWN_TIMEOUT": 300, "REQUEST_TIMEOUT": 300})
    client = t.connect(server).send(hashing(LONG))
    await_threads(server)
    server.signal(signal.SIGTERM)
    equal(client.answer(seconds=120).body, b"true", "the body")
    equal(server.wait(), 0, "the exit status")


@case("SIGINT in the midst of hashing ends the process in order")
def _(t):
    server = t.serve()
    for _ in range(8):
        t.connect(server).send(hashing(LONG))
    await_threads(server)
    server.signal(signal.SIGINT)
    equal(server.wait(120), 0, "the exit status")
