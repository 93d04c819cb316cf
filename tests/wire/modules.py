"""C modules: built outside of the tree, refused, loaded anew under load, their hooks."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from wire import BINARY, HERE, IS_LUAJIT, await_true, case, check, equal

TOP = os.path.dirname(os.path.dirname(HERE))
HEADERS = os.path.join(TOP, "server")
LUA = "luajit" if IS_LUAJIT else "lua5.4"
SOON = 45  # s: machines may be slow
APP = """
local flask = require "cflask"
local app = flask.Flask(...)
local module = require "module"
app:get("/version", module.version)
app:get("/calls", module.calls)
app:get("/offloaded", function() return (module.offloaded()) end)
app:get("/paused", function() return (module.paused()) end)
app:get("/threaded", function() return (module.threaded()) end)
app:get("/long", function() return (module.paused(30)) end)
return app
"""


def run(words, folder=None, **variables):
    """Runs a program to its end; its output. A failure of it is one of the case."""
    done = subprocess.run(words, cwd=folder, env=dict(os.environ, **variables), timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, "%s:\n%s", " ".join(words), done.stdout)
    return done.stdout


def new_folder(t):
    path = os.path.realpath(tempfile.mkdtemp())
    t.cleanups.append(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def compile_module(to, version="1", abi="CFLASK_ABI", headers=HEADERS):
    flags = subprocess.check_output(["pkg-config", "--cflags", LUA], text=True).split()
    run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-fPIC", "-shared", "-O1", "-g",
         '-DVERSION="%s"' % version, "-DASKS_FOR=" + abi, "-I" + headers] + flags +
        [os.path.join(HERE, "module.c"), "-o", to])


class Served:
    """A folder with the app and module.so, and a server of it."""

    def __init__(self, t, debug=False, settings=""):
        self.folder = new_folder(t)
        with open(os.path.join(self.folder, "app.lua"), "w") as file:
            file.write(APP.replace("return app\n", settings + "return app\n"))
        self.so_path = os.path.join(self.folder, "module.so")
        compile_module(self.so_path)
        self.server = t.serve(app=os.path.join(self.folder, "app.lua"),
                              arguments=["--debug"] if debug else [])

    def build(self, version, in_place):
        """The library of that version: written over the old one, or moved into its place."""
        made = os.path.join(self.folder, "made.tmp")
        compile_module(made, version)
        if in_place:
            with open(made, "rb") as source, open(self.so_path, "r+b") as target:
                target.truncate(0)
                target.write(source.read())
        else:
            os.rename(made, self.so_path)

    def log_has(self, text):
        return text in self.server.log()


def stop(server):
    server.signal(signal.SIGTERM)
    equal(server.wait(), 0, "the exit status")


def text(t, served, path):
    answer = t.get(path.encode(), served.server)
    equal(answer.status, 200, "the status of " + path)
    return answer.body.decode()


# ---- outside of the tree ----

@case("the example modules are built and tested against an installed cflask.h", waits=True)
def examples_against_installed(t):
    place = new_folder(t)
    build = os.path.dirname(os.path.realpath(BINARY))
    run(["make", "-o", build + "/cflask-lua", "install", "BUILD=" + build,
         "PREFIX=" + place, "LUA=" + LUA], TOP, MAKEFLAGS="", DESTDIR="")
    folder = os.path.join(place, "native")
    shutil.copytree(os.path.join(TOP, "apps", "native"), folder,
                    ignore=shutil.ignore_patterns("*.so"))
    said = run(["make", "test", "LUA=" + LUA], folder, MAKEFLAGS="", CFLASK_INCLUDE="",
               PKG_CONFIG_PATH=os.path.join(place, "lib", "pkgconfig"),
               CFLASK_LUA=os.path.join(place, "bin", "cflask-lua"))
    check(place + "/include" in said, "it was built with another header:\n%s", said)
    check(re.search(r"[1-9]\d* successes / 0 failures / 0 errors", said), "%s", said)


@case("what `cflask-lua new --c-module` writes builds and passes its tests at once", waits=True)
def new_module(t):
    folder = new_folder(t)
    said = run([BINARY, "new", "--c-module", "greet"], folder)
    check("greet/greet.c" in said, "it says %s", said)
    said = run(["make", "-C", "greet", "test", "LUA=" + LUA], folder, MAKEFLAGS="",
               CFLASK_LUA=BINARY, PKG_CONFIG_PATH="")
    check(re.search(r"[1-9]\d* successes / 0 failures / 0 errors", said), "%s", said)
    again = subprocess.run([BINARY, "new", "--c-module", "greet"], cwd=folder,
                           capture_output=True, text=True)
    equal(again.returncode, 2, "the exit status for a folder that is there")
    equal(again.stderr, "cflask-lua: greet is there already\n", "what it says then")


@case("cflask.h compiles as C11 and as C++11, without a warning", waits=True)
def header_compiles(t):
    folder = new_folder(t)
    flags = subprocess.check_output(["pkg-config", "--cflags", LUA], text=True).split()
    source = ('#include <cflask.h>\n#include <cflask.h>\n'
              '%s int luaopen_x(lua_State *L);\n'
              'int luaopen_x(lua_State *L) { const cflask_api *api = cflask_open(L, CFLASK_ABI);'
              ' cflask_str s = cflask_text("x"); (void)s; (void)api; return 0; }\n')
    for compiler, standard, name, linkage in (("cc", "c11", "x.c", "extern"),
                                              ("c++", "c++11", "x.cc", 'extern "C"')):
        if not shutil.which(compiler):
            continue
        path = os.path.join(folder, name)
        with open(path, "w") as file:
            file.write(source % linkage)
        run([compiler, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Wshadow",
             "-Werror", "-fPIC", "-shared", "-I" + HEADERS] + flags +
            [path, "-o", os.path.join(folder, "x.so")])
        run([BINARY, "lua", write(folder, "load.lua", 'require "x"')], folder)
        os.remove(os.path.join(folder, "x.so"))


def write(folder, name, contents):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(contents)
    return path


# ---- the samples of the documents ----

def build(folder, name, source):
    flags = subprocess.check_output(["pkg-config", "--cflags", LUA], text=True).split()
    run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-I" + HEADERS] +
        flags + [write(folder, name + ".c", source), "-o", os.path.join(folder, name + ".so")])


@case("README's C module builds and answers", waits=True)
def readme_sample(t):
    folder = new_folder(t)
    with open(os.path.join(TOP, "README.md")) as file:
        build(folder, "greet", re.search(r"^```c\n(.*?)^```$", file.read(), re.M | re.S).group(1))
    write(folder, "app.lua", 'local app = require("cflask").Flask(...)\n'
          'app:get("/hello", require("greet").hello)\nreturn app\n')
    server = t.serve(app=os.path.join(folder, "app.lua"))
    equal(t.get(b"/hello?name=Ada", server).body, b"Ada", "the answer")


@case("the samples of cflask.h build and answer: a view, a wait for a timer, work on a thread",
      waits=True)
def header_samples(t):
    folder = new_folder(t)
    with open(os.path.join(HEADERS, "cflask.h")) as file:
        header = file.read()
    first = re.search(r"^       #include <cflask.h>\n.*?^       int luaopen_greet.*?^       }",
                      header, re.M | re.S).group(0)
    pause = re.search(r"^           struct pause \{.*?return api->park.*?^           }",
                      header, re.M | re.S).group(0)
    adding = re.search(r"^           struct sum \{.*?return api->offload.*?^           }",
                       header, re.M | re.S).group(0)
    cancel = ("static void cancel(void *arg) { struct pause *p = arg; "
              "api->event_free(p->timer); p->timer = NULL; }\n")
    pause = re.sub(r"(?=^           static const cflask_waiting)", cancel, pause, flags=re.M)
    build(folder, "greet", first)
    build(folder, "waits", "#include <cflask.h>\n#include <stdlib.h>\n"
          "static const cflask_api *api;\n" + pause + "\n" + adding +
          "\nint luaopen_waits(lua_State *L) { api = cflask_open(L, CFLASK_ABI);"
          " lua_newtable(L); api->push_waiting(L, pause_lua); lua_setfield(L, -2, \"pause\");"
          " api->push_waiting(L, sum_lua); lua_setfield(L, -2, \"sum\"); return 1; }\n")
    write(folder, "app.lua", 'local app = require("cflask").Flask(...)\n'
          'local waits = require "waits"\n'
          'app:get("/hello", require("greet").hello)\n'
          'app:get("/waits", function() waits.pause(0.01)\n'
          '    return ("%d"):format(waits.sum(1000)) end)\nreturn app\n')
    server = t.serve(app=os.path.join(folder, "app.lua"))
    equal(t.get(b"/hello?name=Bo", server).body, b"Bo", "the answer of the view")
    equal(t.get(b"/waits", server).body, b"500500", "the answer of what waits")


# ---- refusals ----

def refusal(folder):
    script = write(folder, "load.lua", 'local ok, why = pcall(require, "module") '
                   'print(ok and "loaded" or why)')
    return run([BINARY, "lua", script], folder)


@case("a module of another ABI is refused, naming both versions", waits=True)
def other_abi(t):
    folder = new_folder(t)
    compile_module(os.path.join(folder, "module.so"), abi="999")
    said = refusal(folder)
    check(re.search(r"module 'module' was built for ABI 999 of cflask.h \(cflask-lua [\d.]+\), "
                    r"and this server has ABI \d+ \(cflask-lua [\d.]+\)", said), "%s", said)


@case("a module built with a later cflask.h, which has more functions, is refused", waits=True)
def longer_table(t):
    folder = new_folder(t)
    with open(os.path.join(HEADERS, "cflask.h")) as file:
        header = file.read()
    later = header.replace("} cflask_api;", "    void (*later)(void);\n} cflask_api;")
    check(later != header, "the table's end is not found")
    write(folder, "cflask.h", later)
    compile_module(os.path.join(folder, "module.so"), headers=folder)
    check("is older: it lacks functions" in refusal(folder), "%s", refusal(folder))


@case("a file that is no library, or has no luaopen function, is named", waits=True)
def no_library(t):
    folder = new_folder(t)
    write(folder, "module.so", "no library")
    said = refusal(folder)
    check(os.path.join(folder, "module.so") in said and "invalid ELF header" in said
          or "file too short" in said, "%s", said)
    compile_module(os.path.join(folder, "other.so"))
    os.rename(os.path.join(folder, "other.so"), os.path.join(folder, "module_b.so"))
    script = write(folder, "b.lua", 'print(pcall(require, "module_b"))')
    check("it has no function luaopen_module_b" in run([BINARY, "lua", script], folder),
          "another message")


# ---- reloads ----

class Load:
    """Clients that ask again and again, each on one connection; what is wrong with what they
    get is in `faults`."""

    def __init__(self, t, served, paths):
        self.is_over, self.faults, self.n = False, [], 0
        self.threads = [threading.Thread(target=self.ask, args=(t.connect(served.server), path))
                        for path in paths]
        for thread in self.threads:
            thread.start()

    def ask(self, client, path):
        last = 0
        try:
            while not self.is_over:
                client.send(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = client.answer()
                if answer.status != 200 or int(answer.body) < last:
                    self.faults.append("%s: %d %r after version %d"
                                       % (path, answer.status, answer.body, last))
                last = int(answer.body)
                self.n += 1
        except Exception as error:
            self.faults.append("%s: %r" % (path, error))

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()
        check(not self.faults, "%s", "\n".join(self.faults[:5]))


@case("a module that is changed under load is loaded anew without a failed request", waits=True)
def changed_under_load(t):
    served = Served(t, debug=True)
    load = Load(t, served, [b"/version", b"/version", b"/offloaded", b"/paused", b"/threaded"])
    try:
        for number in range(2, 8):
            version = str(number)
            served.build(version, in_place=number % 2 == 0)
            await_true(lambda: text(t, served, "/version") == version, SOON,
                       "version %s is not served", version)
            time.sleep(0.2)
    finally:
        load.end()
    check(load.n > 50, "only %d requests were made", load.n)


@case("a library that is overwritten changes nothing that runs, before it is loaded anew",
      waits=True)
def overwritten(t):
    served = Served(t)
    equal(text(t, served, "/version"), "1", "the version")
    served.build("2", in_place=True)
    for path in ("/version", "/offloaded", "/paused", "/threaded"):
        equal(text(t, served, path), "1", "the version, by " + path)
    served.server.signal(signal.SIGHUP)
    await_true(lambda: text(t, served, "/version") == "2", SOON, "version 2 is not served")


@case("a copy's statics begin anew with each loading, also of an unchanged file", waits=True)
def statics(t):
    served = Served(t)
    text(t, served, "/version")
    text(t, served, "/version")
    equal(text(t, served, "/calls"), "1: 2", "the calls")
    served.server.signal(signal.SIGHUP)
    await_true(lambda: text(t, served, "/calls") == "1: 0", SOON, "the count goes on")


@case("an old copy is unloaded when its last request has ended", waits=True)
def unloaded(t):
    served = Served(t, debug=True)

    def copies():
        with open("/proc/%d/maps" % served.server.worker()) as file:
            return len({line.split()[4] for line in file if "memfd:module.so" in line})
    equal(copies(), 1, "copies at the start")
    for number in range(2, 6):
        served.build(str(number), in_place=True)
        await_true(lambda: text(t, served, "/version") == str(number), SOON, "not served")
    await_true(lambda: copies() == 1, SOON, "more than one copy is left")


@case("hooks tell of a worker's start and stop and of a generation's end", waits=True)
def hooks(t):
    served = Served(t)
    compile_module(served.so_path, "2")
    served.server.signal(signal.SIGHUP)
    await_true(lambda: served.log_has("end of version 1"), SOON, "version 1 does not end")
    stop(served.server)
    said = re.findall(r"(start|stop|end) of version (\d)", served.server.log())
    equal(said, [("start", "1"), ("start", "2"), ("end", "1"), ("stop", "2"), ("end", "2")],
          "the hooks")


# ---- waits that nobody waits for ----

@case("a wait is cancelled when its request runs into REQUEST_TIMEOUT", waits=True, tries=5)
def cancelled(t):
    served = Served(t, settings="app.config.REQUEST_TIMEOUT = 0.3\n")
    equal(t.get(b"/long", served.server).status, 503, "the status")
    check(served.log_has("a wait was cancelled"), "it was not cancelled")
    equal(text(t, served, "/paused"), "1", "the next one's answer")


@case("a server ends soon while modules' waits are open, and cancels them", waits=True)
def cancelled_by_end(t):
    served = Served(t, settings="app.config.SHUTDOWN_TIMEOUT = 0.3\n")
    client = t.connect(served.server)
    client.send(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
    await_true(lambda: text(t, served, "/version") == "1", SOON, "it does not serve")
    stop(served.server)
    check(served.log_has("a wait was cancelled"), "it was not cancelled")
