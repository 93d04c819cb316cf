"""What computes too long: ended with 503 and its traceback in the log, parked, warned of."""
import re

from threads import has_answered
from wire import PATIENCE, await_true, case, check, equal


def get(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def count(text, pattern):
    return len(re.findall(pattern, text))


@case("A view past HANDLER_CPU_LIMIT is ended with 503, its traceback is in the log", luajit=False)
def _(t):
    server = t.serve({"HANDLER_CPU_LIMIT": 0.2})
    client = t.connect(server)
    answer = client.send(get(b"/compute/bare")).answer()
    equal(answer.status, 503, "the status")
    check(answer.get("X-Own") == "503", "the app's handler has not answered")
    equal(client.send(get(b"/hello")).answer().status, 200, "the status")
    log = server.log()
    check("Exception on /compute/bare [GET]" in log, "the log names no request")
    check("HANDLER_CPU_LIMIT" in log, "the log names no limit")
    check(re.search(r"traceback:\n\t\S*app\.lua:\d+: in ", log), "the log has no traceback")


@case("The traceback leads through coroutines of the app's own", luajit=False)
def _(t):
    server = t.serve({"HANDLER_CPU_LIMIT": 0.2})
    equal(t.connect(server).send(get(b"/compute/own")).answer().status, 503, "the status")
    log = server.log()
    equal(count(log, "in a coroutine that was resumed here:"), 1, "the coroutines")


@case("A stream past HANDLER_CPU_LIMIT is broken off", luajit=False)
def _(t):
    server = t.serve({"HANDLER_CPU_LIMIT": 0.2})
    client = t.connect(server)
    client.send(get(b"/compute/stream"))
    data = b"".join(iter(client.take, b""))
    check(b"first" in data, "the first chunk is missing")
    check(not data.endswith(b"0\r\n\r\n"), "the stream ends as if it were whole")
    check("HANDLER_CPU_LIMIT" in server.log(), "the log names no limit")
    t.is_serving(server)


@case("A spawned task past HANDLER_CPU_LIMIT is ended, and logged", luajit=False)
def _(t):
    server = t.serve({"HANDLER_CPU_LIMIT": 0.2})
    equal(t.connect(server).send(get(b"/compute/spawn")).answer().status, 200, "the status")
    t.is_serving(server)
    await_true(lambda: "a spawned task failed: more than 0.2 seconds" in server.log(), PATIENCE,
               "the log does not have it")


for kind in ("bare", "pcall", "own", "template"):
    @case("With HANDLER_TIME_SLICE others are answered while a view computes (%s)" % kind,
          luajit=False)
    def _(t, kind=kind):
        server = t.serve({"HANDLER_CPU_LIMIT": 3600, "HANDLER_TIME_SLICE": 0.02,
                          "REQUEST_TIMEOUT": 3600})
        busy, other = t.connect(server), t.connect(server)
        busy.send(get(b"/compute/" + kind.encode()))
        for _ in range(20):
            equal(other.send(get(b"/hello")).answer().status, 200, "the status")
        check(not has_answered(busy), "it has ended")


@case("In debug mode what holds up the server is logged with its traceback, once", luajit=False)
def _(t):
    server = t.serve({"HANDLER_CPU_LIMIT": 0.4}, arguments=("--debug",))
    equal(t.connect(server).send(get(b"/compute/bare")).answer().status, 503, "the status")
    log = server.log()
    found = re.search(r"WARNING in app: /compute/bare \[GET\] holds up the server for over 50 ms\n"
                      r"stack traceback:\n\t\S*app\.lua:\d+: in ", log)
    check(found, "the log has no warning")
    equal(count(log, "holds up"), 1, "the warnings")
    equal(t.connect(server).send(get(b"/compute/sleep")).answer().status, 200, "the status")
    await_true(lambda: count(server.log(), "/compute/sleep .GET. holds up") == 1, PATIENCE,
               "a blocking call is not warned of")


@case("Without debug mode nothing is said of what holds up the server", luajit=False)
def _(t):
    server = t.serve({"HANDLER_CPU_LIMIT": 0.2})
    equal(t.connect(server).send(get(b"/compute/bare")).answer().status, 503, "the status")
    check("holds up" not in server.log(), "there is a warning")


@case("A recursion without end is an error each time, whatever the ticks of the clock cost in it",
      luajit=False)
def _(t):
    client = t.connect(t.serve())
    for _ in range(6):  # the ticks are shorter from the second on
        answer = client.send(get(b"/compute/deep")).answer()
        equal(answer.status, 500, "the status")
