"""Speaks raw bytes to a server of its own: servers, clients, answers, and the list of cases.

A case is a function of one argument, the Case, decorated with @case("a sentence"). It opens
clients, sends bytes, and fails by an exception; what each client sent and received is printed
then. Case.connect() closes what it opened.
"""
import itertools
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("CFLASK_LUA") or os.path.join(HERE, "..", "..", "build", "cflask-lua")
APP = os.path.join(HERE, "app.lua")
# Seconds for what should come at once: machines may be slow. Less than the defaults of
# KEEPALIVE_TIMEOUT, REQUEST_TIMEOUT and WRITE_TIMEOUT, which would end a wait in vain.
PATIENCE = 45.0
TOKEN = b"@@@@@@@@"  # in a request's bytes: a number that no other request has

# With sanitizers memory is not measured, and times are bounded more widely.
IS_SANITIZED = b"__asan_init" in open(BINARY, "rb").read() if os.path.exists(BINARY) else False
IS_LUAJIT = os.path.exists(BINARY) and b"LuaJIT" in subprocess.run(
    [BINARY, "version"], stdout=subprocess.PIPE).stdout

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\x20-\x7e]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)")


class Failure(Exception):
    """What a case shows to be wrong."""


def check(is_right, why, *args):
    if not is_right:
        raise Failure(why % args if args else why)


def equal(got, wanted, what):
    check(got == wanted, "%s: %r, not %r", what, shorten(got), shorten(wanted))


def shorten(value, most=400):
    """Bytes and texts that are too long to print, cut in the middle."""
    if isinstance(value, (bytes, str)) and len(value) > most:
        gap = " ... %d more ... " % (len(value) - most)
        gap = gap.encode() if isinstance(value, bytes) else gap
        return value[:most // 2] + gap + value[-most // 2:]
    return value


# ---- the list of cases ----

class Entry:
    """A case as it stands in the list. Rows are of the list in README.md."""

    def __init__(self, sentence, function, rows, waits, is_alone, tries):
        self.sentence, self.function, self.tries = sentence, function, tries
        self.rows, self.waits, self.is_alone = rows, waits, is_alone


CASES = []
SKIPPED = []


def case(sentence, row=None, rows=(), waits=False, alone=False, luajit=True, tries=1):
    """Adds a case. `waits`: it is mostly idle, so that many run at once. `alone`: it needs a
    calm machine, so that nothing else may run. `luajit=False`: it holds for Lua 5.4 alone.
    `tries`: a machine that stalls for a moment in the midst of it spoils it (a timeout of one
    second runs out between two steps of the client's), so that one of so many has to pass."""
    rows = ((row,) if row else ()) + tuple(rows)
    label = "".join(" (row %d)" % n for n in rows)

    def add(function):
        cases = SKIPPED if IS_LUAJIT and not luajit else CASES
        cases.append(Entry(sentence + label, function, rows, waits, alone, tries))
        return function
    return add


# ---- servers ----

def stat_of(pid):
    """The fields of /proc/PID/stat from the state on; None when there is no such process."""
    try:
        with open("/proc/%d/stat" % pid, encoding="latin-1") as stat:
            return stat.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    """Whether a process is there and no zombie."""
    fields = stat_of(pid)
    return fields is not None and fields[0] not in "ZX"


def workers_of(master):
    found = []
    for name in os.listdir("/proc"):
        fields = stat_of(int(name)) if name.isdigit() else None
        if fields and int(fields[1]) == master and fields[0] not in "ZX":
            found.append((int(fields[19]), int(name)))  # since when
    return [pid for _, pid in sorted(found)]


class Server:
    """A master and its workers that serve app.lua, or another app. `settings`: app.config's
    keys with their values. `pid` is the master's; what is measured is the first worker's."""

    def __init__(self, settings=None, descriptors=None, arguments=(), unix=None, app=APP):
        self.log_file = tempfile.TemporaryFile()
        self.unix = unix
        where = ["--unix", unix] if unix else ["--port", "0"]
        env = dict(os.environ)
        for key, value in (settings or {}).items():
            env["WIRE_" + key] = json.dumps(value)

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen(
            [BINARY, "run", app] + where + list(arguments), env=env,
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file,
            preexec_fn=limit)
        self.pid = self.process.pid
        self.port = self._await_port()

    def _await_port(self):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            text = self.log()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", text)
            if found:
                return int(found.group(1))
            if self.unix and "unix:" in text:
                return 0
            time.sleep(0.02)
        self.process.kill()
        raise Failure("the server does not start:\n" + self.log())

    def log(self):
        size = os.fstat(self.log_file.fileno()).st_size
        return os.pread(self.log_file.fileno(), size, 0).decode("utf-8", "replace")

    def log_size(self):
        return os.fstat(self.log_file.fileno()).st_size

    def workers(self):
        """The ids of the workers, oldest first: all that the master has started."""
        return workers_of(self.pid)

    def worker(self):
        """The first of them; a failure when none comes."""
        await_true(self.workers, PATIENCE, "there is no worker")
        return self.workers()[0]

    def memory(self):
        """Resident kilobytes."""
        with open("/proc/%d/status" % self.worker()) as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))

    def grew(self, before, most, what):
        """Fails when resident memory has grown from `before` by more than `most` kilobytes.
        Sanitizers keep what is freed: nothing can be said there."""
        grown = self.memory() - before
        check(IS_SANITIZED or grown <= most, "%s: memory grew by %d kB", what, grown)

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.worker()))

    def cpu(self):
        """Seconds of CPU time so far."""
        with open("/proc/%d/stat" % self.worker()) as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE):
        """The exit status, or a failure when the process has not ended by then."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure("the server has not ended after %.1f s" % seconds)

    def stop(self):
        """Ends the process; what it should not have done is a Failure."""
        was_running = self.process.poll() is None
        if was_running:
            self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("the server does not end on SIGINT:\n" + shorten(self.log(), 4000))
        text = self.log()
        self.log_file.close()
        check(not re.search(r"Sanitizer|runtime error:|Assertion", text),
              "the server broke:\n%s", shorten(text, 8000))
        if was_running:
            check(status == 0, "the server ended with status %d:\n%s", status,
                  shorten(text, 4000))


# ---- answers ----

class Answer:
    def __init__(self, status, reason, fields):
        self.status, self.reason, self.fields = status, reason, fields
        self.body = b""
        self.framing = "none"  # or length, chunked, close

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        check(len(values) < 2, "%s is there twice", name)
        return values[0] if values else None

    @property
    def closes(self):
        return (self.get("Connection") or "").lower() == "close"

    @property
    def is_apps_own(self):
        """Whether the app's error handler made it."""
        return self.get("X-Own") is not None

    def json(self):
        try:
            return json.loads(self.body.decode("utf-8"))
        except ValueError:
            raise Failure("no JSON, but %d %s: %r" % (
                self.status, self.reason, shorten(self.body, 1000))) from None


def parse_head(head):
    """A response's head without its last empty line, read as strictly as can be."""
    lines = head.split(b"\r\n")
    found = STATUS_LINE.fullmatch(lines[0])
    check(found, "the status line is malformed: %r", lines[0])
    fields = []
    for line in lines[1:]:
        field = FIELD_LINE.fullmatch(line)
        check(field, "a field line is malformed: %r", line)
        fields.append((field.group(1).decode(), field.group(2).decode("latin-1")))
    answer = Answer(int(found.group(1)), found.group(2).decode(), fields)
    check_framing(answer)
    return answer


def check_framing(answer):
    length, coding = answer.get("Content-Length"), answer.get("Transfer-Encoding")
    check(not (length and coding), "Content-Length stands beside Transfer-Encoding")
    check(coding in (None, "chunked"), "Transfer-Encoding is %r", coding)
    check(length is None or re.fullmatch(r"\d+", length), "Content-Length is %r", length)
    if answer.status < 200 or answer.status == 204:
        check(not length and not coding, "a %d has framing fields", answer.status)
    if answer.status >= 200:
        check(answer.get("Date"), "Date is missing")


# ---- clients ----

class Client:
    """One connection. What goes over it is kept for the report."""

    def __init__(self, server, receive_buffer=None):
        kind = socket.AF_UNIX if server.unix else socket.AF_INET
        self.socket = socket.socket(kind, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(server.unix or ("127.0.0.1", server.port))
        if not server.unix:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent, self.received = bytearray(), bytearray()
        self.buffer = bytearray()  # received and not yet read as an answer
        self.n_sent = self.n_received = 0

    # Sending

    def send(self, data):
        if len(self.sent) < 20000:
            self.sent += data[:20000]
        self.n_sent += len(data)
        self.socket.sendall(data)
        return self

    def drip(self, data, pause=0.0):
        """Byte by byte. That the server closes in between is not an error."""
        try:
            for i in range(len(data)):
                self.send(data[i:i + 1])
                if pause:
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Closes with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

    # Receiving

    def take(self, most=65536):
        """What the socket has, at most so many bytes; b"" at the end. Not kept for an answer."""
        data = self.socket.recv(most)
        self.n_received += len(data)
        if len(self.received) < 20000:
            self.received += data[:20000]
        return data

    def _more(self, until):
        left = until - time.monotonic()
        check(left > 0, "no whole answer came in time")
        self.socket.settimeout(left)
        try:
            data = self.take()
        except socket.timeout:
            raise Failure("no whole answer came in time")
        finally:
            self.socket.settimeout(PATIENCE)
        self.buffer += data
        return bool(data)

    def _take_buffered(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def _line(self, until):
        while b"\r\n" not in self.buffer:
            check(self._more(until), "the connection ended in a line of the chunked body")
        return self._take_buffered(self.buffer.index(b"\r\n") + 2)[:-2]

    def _exactly(self, n, until):
        while len(self.buffer) < n:
            check(self._more(until), "the connection ended %d bytes early", n - len(self.buffer))
        return self._take_buffered(n)

    def _chunks(self, until):
        body = bytearray()
        while True:
            size = self._line(until)
            check(re.fullmatch(rb"[0-9a-fA-F]{1,15}", size), "a chunk's size is %r", size)
            n = int(size, 16)
            body += self._exactly(n, until)
            equal(self._exactly(2, until), b"\r\n", "what stands behind a chunk")
            if n == 0:
                return bytes(body)

    def head(self, seconds=PATIENCE):
        """The next answer's head alone."""
        until = time.monotonic() + seconds
        while b"\r\n\r\n" not in self.buffer:
            check(self._more(until), "the connection ended without a whole answer: %r",
                  shorten(bytes(self.buffer)))
        end = self.buffer.index(b"\r\n\r\n")
        return parse_head(self._take_buffered(end + 4)[:-4])

    def answer(self, to="GET", seconds=PATIENCE):
        """The next answer, its body framed as RFC 9112, section 6.3 says."""
        until = time.monotonic() + seconds
        answer = self.head(seconds)
        length = answer.get("Content-Length")
        if to == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.get("Transfer-Encoding"):
            answer.framing, answer.body = "chunked", self._chunks(until)
        elif length is not None:
            answer.framing, answer.body = "length", self._exactly(int(length), until)
        else:
            answer.framing = "close"
            while self._more(until):
                pass
            answer.body = self._take_buffered(len(self.buffer))
        return answer

    def end(self, seconds=PATIENCE):
        """Fails unless the connection ends here, in order, without another byte."""
        until = time.monotonic() + seconds
        try:
            while self._more(until):
                pass
        except ConnectionResetError:
            raise Failure("the connection was reset")
        check(not self.buffer, "more came: %r", shorten(bytes(self.buffer)))
        return self

    def stays_open(self, seconds=0.1):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return self
        finally:
            self.socket.settimeout(PATIENCE)
        raise Failure("the connection did not stay open: %r" % shorten(data))

    def report(self):
        return "      sent %d bytes: %r\n      received %d bytes: %r" % (
            self.n_sent, shorten(bytes(self.sent), 3000),
            self.n_received, shorten(bytes(self.received), 3000))


# ---- what a case has at hand ----

CALM = {}  # the defaults
HASTY = {"HEADER_TIMEOUT": 1, "BODY_TIMEOUT": 1, "WRITE_TIMEOUT": 2, "KEEPALIVE_TIMEOUT": 1,
         "REQUEST_TIMEOUT": 1.5}


class Shared:
    """The servers that all cases use, started when first asked for."""

    def __init__(self):
        self.servers, self.lock = {}, threading.Lock()

    def get(self, name, settings):
        with self.lock:
            if name not in self.servers:
                self.servers[name] = Server(settings)
            return self.servers[name]


shared = Shared()
numbers = itertools.count(10000000)
numbers_lock = threading.Lock()


class Case:
    def __init__(self):
        self.clients, self.servers, self.cleanups = [], [], []

    @property
    def calm(self):
        return shared.get("calm", CALM)

    @property
    def hasty(self):
        return shared.get("hasty", HASTY)

    def serve(self, settings=None, **options):
        """A server of the case's own."""
        server = Server(settings, **options)
        self.servers.append(server)
        return server

    def connect(self, server=None, **options):
        client = Client(server or self.calm, **options)
        self.clients.append(client)
        return client

    def token(self):
        with numbers_lock:
            return b"%d" % next(numbers)

    def calls(self, token, server=None):
        """How many requests with t=token the app has been called for."""
        client = self.connect(server)
        client.send(b"GET /calls/" + token + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return int(client.answer().body)

    def await_call(self, token, server=None):
        """Until the app has been called for a request with t=token."""
        await_true(lambda: self.calls(token, server) > 0, PATIENCE, "the view is not called")

    def get(self, path, server=None, fields=b""):
        """One request on a connection of its own."""
        client = self.connect(server)
        client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        answer = client.answer()
        client.close()
        return answer

    def is_serving(self, server):
        client = self.connect(server).send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        equal(client.answer().body, b"Hello World!", "the answer of another client")
        client.close()

    def close(self):
        for client in self.clients:
            client.close()
        faults = []
        for server in self.servers:
            try:
                server.stop()
            except Failure as fault:
                faults.append(str(fault))
        for cleanup in self.cleanups:
            cleanup()
        if faults:
            raise Failure("\n".join(faults))

    def report(self):
        return "\n".join(client.report() for client in self.clients[:4])


def await_true(question, seconds, why, *args):
    """Asks until the answer is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if question():
            return
        time.sleep(0.05)
    raise Failure(why % args if args else why)
