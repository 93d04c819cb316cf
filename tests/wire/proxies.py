"""Who a client is, and how often it may come: PROXY_FIX, flask.limiter."""
import os
import signal

from wire import await_true, case, check, equal

FIELDS = (b"X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\nX-Forwarded-Proto: https\r\n"
          b"X-Forwarded-Host: shop.test\r\nX-Forwarded-Prefix: /shop\r\n")


@case("Without PROXY_FIX nobody's word is taken for who a client is")
def _(t):
    who = t.get(b"/client", fields=FIELDS).json()
    equal(who, {"remote_addr": "127.0.0.1", "url": "http://a/client"}, "the client")


@case("With PROXY_FIX each request of a connection has its own client")
def _(t):
    server = t.serve({"PROXY_FIX": {"x_host": 1, "x_prefix": 1}}, arguments=["--access-log"])
    client = t.connect(server)
    head = b"GET /client HTTP/1.1\r\nHost: a\r\n"
    client.send(head + FIELDS + b"\r\n" + head + b"\r\n"
                + head + b"X-Forwarded-For: \"\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n")
    equal(client.answer().json(), {"remote_addr": "1.2.3.4",
                                   "url": "https://shop.test/shop/client"}, "the first")
    equal(client.answer().json(), {"remote_addr": "127.0.0.1", "url": "http://a/client"},
          "the second")
    equal(client.answer().json()["remote_addr"], "9.9.9.9", "the third")
    client.close()
    await_true(lambda: "1.2.3.4 - - [" in server.log(), 5, "the log has not the client's address")


@case("The third request of a limit of two is 429, on whichever connection, until it may come again")
def _(t):
    path = b"/limited/?k=" + t.token()
    answers = [t.get(path) for _ in range(3)]
    equal([answer.status for answer in answers], [200, 200, 429], "the statuses")
    equal([answer.get("RateLimit-Remaining") for answer in answers], ["1", "0", "0"], "what is left")
    wait = int(answers[2].get("Retry-After"))
    check(1700 < wait <= 1800, "Retry-After is %d", wait)
    equal(t.get(b"/limited/?k=" + t.token()).status, 200, "the status of another client")


@case("What the limiter has counted outlives a reload")
def _(t):
    server = t.serve()
    equal([t.get(b"/limited/?k=1", server).status for _ in range(2)], [200, 200], "the statuses")
    t.get(b"/calls/9?t=9", server)
    server.signal(signal.SIGHUP)
    await_true(lambda: t.calls(b"9", server) == 0, 20, "the app is not loaded anew")
    equal(t.get(b"/limited/?k=1", server).status, 429, "the status after a reload")
    equal(t.get(b"/limited/?k=2", server).status, 200, "the status of another client")


@case("Three workers let through no more of a client's requests than one would")
def _(t):
    server = t.serve(arguments=["--workers", "3"])
    t.is_serving(server)
    await_true(lambda: len(server.workers()) == 3, 20, "there are not three workers")
    loaded, statuses = set(), []
    for worker in server.workers():  # each in turn has to answer alone
        others = [pid for pid in server.workers() if pid != worker]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            loaded.add(t.get(b"/loaded", server).body)
            statuses.append(t.get(b"/limited/?k=3", server).status)
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)
    equal(len(loaded), 3, "the workers that have answered")
    equal(statuses, [200, 200, 429], "the statuses")
