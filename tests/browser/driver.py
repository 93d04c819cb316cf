"""A real Chromium, driven through chromedriver's WebDriver protocol with Python alone."""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name for an element's number


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(port, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nothing listens on port %d" % port)


def is_there():
    return shutil.which("chromedriver") and shutil.which("chromium")


class Browser:
    """One headless window. Use it with `with`."""

    def __enter__(self):
        self.profile = tempfile.mkdtemp()
        port = free_port()
        self.process = subprocess.Popen(["chromedriver", "--port=%d" % port],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(port, self.process)
        self.base = "http://127.0.0.1:%d" % port
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking",
                     "--disable-dev-shm-usage",
                     "--disable-component-update", "--disable-sync", "--window-size=420,800",
                     "--user-data-dir=" + self.profile]
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments}}}})
        self.base += "/session/" + answer["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()
            shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, path, data=None):
        body = None if data is None and method != "POST" else json.dumps(data or {}).encode()
        request = urllib.request.Request(self.base + path, body, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def go(self, url):
        self.call("POST", "/url", {"url": url})

    def find(self, css):
        return self.call("POST", "/element", {"using": "css selector", "value": css})[ELEMENT]

    def type(self, css, text):
        self.call("POST", "/element/%s/value" % self.find(css), {"text": text})

    def click(self, css):
        self.call("POST", "/element/%s/click" % self.find(css))

    def run(self, script, *arguments):
        """What the script, a function's body, returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def attempt(self, script):
        try:
            return self.run(script)
        except RuntimeError as error:
            return str(error)

    def await_value(self, script, expected, seconds=45):
        """Waits until the script returns that value. It may fail meanwhile: pages come and go."""
        end = time.monotonic() + seconds
        while (value := self.attempt(script)) != expected:
            if time.monotonic() > end:
                raise AssertionError("%s is %r, not %r" % (script, value, expected))
            time.sleep(0.05)


class Server:
    """A server of its own for an app. Use it with `with`."""

    def __init__(self, app, *arguments, **environment):
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        binary = os.environ.get("CFLASK_LUA", "build/cflask-lua")
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen([binary, "run", app, "--port", str(self.port), *arguments],
                                        stderr=self.said, stdout=subprocess.DEVNULL,
                                        env={**os.environ, **environment})

    def __enter__(self):
        await_port(self.port, self.process)
        return self

    def log(self):
        """What the server has written to its terminal."""
        return os.pread(self.said.fileno(), 1 << 20, 0).decode()

    def await_log(self, pattern, seconds=60):
        """The pattern's match in what the server has written."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.log())):
            if time.monotonic() > end:
                raise AssertionError("%r is not in the log: %s" % (pattern, self.log()))
            time.sleep(0.02)
        return found

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.said.close()
