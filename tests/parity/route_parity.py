#!/usr/bin/python3
"""Compares the router with Werkzeug's (Debian's, 2.2): matches, redirects, 405 and built URLs
of random rules, paths and values.

Run from the top of the tree: tests/parity/route_parity.py [SEED]. It builds route_driver.c into
$BUILD (build) with $CC (cc) for lua5.4.

Where the two differ, and why; a case counts as passed only if it shows just one of these:

    refusal     A converter that refuses a value (int(max=5)) lets the next rule be tried, before
                a redirect for a slash and before a 405 too. Werkzeug: 404, or a redirect or 405
                for a URL that does not exist.
    slash 405   The wrong method on a URL that lacks its slash is 405. Werkzeug: 404.
    encoding    Werkzeug 3 leaves more characters of a URL unencoded than 2.2 (& = @ in a path,
                / : ? @ in a query) and encodes |; ours are those of Werkzeug 3. any() encodes
                its words as well. The expected URLs are rewritten before they are compared.
    merging     Three slashes or more become one. Werkzeug merges two at a time, once: 404.
                Not made here.
    subdomains  They are looked at once a rule has one; Werkzeug is told by the app.
    any         A word that any() does not have is a refusal. Werkzeug: a ValueError from url_for
                or from a redirect. Not compared.
    suffix      /<path:p>/ redirects from the URL without the slash, as in Werkzeug 3; 2.2 does
                not. Such rules are not made here; tests/unit/route_test.c has them.
    order       Values that become the query are sorted; Werkzeug keeps their order. They are
                given sorted here.
    hosts       Ports do not count in hosts, and rules without a host match on every host.
                Not made here.
    uuid        A value is its text in lower case, not an object. Here it is made so.
    numbers     An int beyond 64 bits or an infinite float is refused; only the ASCII digits are
                digits. Not made here.
"""
import os
import random
import re
import subprocess
import sys
import tempfile
from urllib.parse import quote

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BuildError, Map, RequestRedirect, Rule
from werkzeug.routing import converters as wz

DRIVER = os.path.join(os.environ.get("BUILD", "build"), "tests/parity/route_driver")
BASE = "arena buf fault number percent str strmap utf8 value".split()
ROUTER = ("converter converter_own redirect route route_lua route_map route_ref rule segment "
          "tree url url_error").split()
SETS = 600
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"

passed = failed = 0
known = {"refusal": 0, "slash 405": 0}


# Which converters refused during Werkzeug's match.
class Refusals:
    seen = False


def noting(cls):
    class Noting(cls):
        def to_python(self, value):
            try:
                return super().to_python(value)
            except wz.ValidationError:
                Refusals.seen = True
                raise
    return Noting


class TextUUID(wz.UUIDConverter):
    def to_python(self, value):
        return str(super().to_python(value))


CONVERTERS = {name: noting(cls) for name, cls in wz.DEFAULT_CONVERTERS.items()}
CONVERTERS["uuid"] = TextUUID


def build_driver():
    os.makedirs(os.path.dirname(DRIVER), exist_ok=True)
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "lua5.4"], text=True)
    sources = ["tests/parity/route_driver.c"]
    sources += [f"server/base/{name}.c" for name in BASE]
    sources += [f"server/{name}.c" for name in ROUTER]
    subprocess.check_call([os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g",
                           "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                           "-Iserver", *sources, "-o", DRIVER, *flags.split(), "-lm"])


# ---- Lua text ----

def lua(value):
    if value is None:
        return "value.null"
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"%s"' % "".join("\\%03d" % b for b in value.encode())
    if isinstance(value, list):
        return "{%s}" % ", ".join(lua(v) for v in value)
    return "{%s}" % ", ".join(f"[{lua(k)}] = {lua(v)}" for k, v in value.items())


PRELUDE = r"""
local function hex(s)
    return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end
local function show(v)
    if type(v) == "string" then return "s" .. hex(v) end
    if math.type(v) == "float" then return ("f%.17g"):format(v) end
    return "i" .. tostring(v)
end
local function match(map, request)
    local r = map:match(request)
    if r.outcome == "redirect" then print("redirect " .. r.location) return end
    if r.outcome == "not found" then print("404") return end
    if r.outcome == "method not allowed" then
        print("405 " .. table.concat(r.methods, ","))
        return
    end
    local names, words = {}, {}
    for name in pairs(r.values) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do words[i] = name .. "=" .. show(r.values[name]) end
    print("found " .. r.rule .. " " .. table.concat(words, " "))
end
local function build(map, endpoint, values, options)
    local url, err = map:build(endpoint, values, options)
    print(url and "url " .. url or "error " .. tostring(err.endpoint))
end
"""


def show(value):
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, float):
        return "f%.17g" % value
    if isinstance(value, (bool, int)):
        return "i" + str(value).lower()
    return "s" + str(value).encode().hex()


# ---- random rules, paths and values ----

TEXTS = ["a", "b", "list", "x-y", "é", "v1.0", "@", "a|b", "~"]
SEPARATORS = ["-", ".", "--", "x", "é", ""]
# (in a rule, texts that it takes, texts that it may not take)
VARIABLES = [
    ("<%s>", ["a", "list", "b-c", "é", "x y", "7", "1.5"], [""]),
    ("<string(length=2):%s>", ["ab", "éé"], ["a", "abc"]),
    ("<string(minlength=2, maxlength=3):%s>", ["ab", "abc", "ééé"], ["a", "abcd"]),
    ("<int:%s>", ["0", "7", "007", "123"], ["-1", "x", "1.0", ""]),
    ("<int(signed=True):%s>", ["-5", "5"], ["--5", "-"]),
    ("<int(min=3, max=9):%s>", ["3", "9"], ["2", "10"]),
    ("<int(fixed_digits=3):%s>", ["042", "123"], ["42", "1234"]),
    ("<float:%s>", ["1.5", "0.25", "10.0"], ["1", "1.", ".5", "-1.5"]),
    ("<float(signed=True, max=5):%s>", ["-1.5", "4.75"], ["6.0"]),
    ("<any(a, list, \"x y\"):%s>", ["a", "list", "x y"], ["b", "ab"]),
    ("<any(a, ab, abc):%s>", ["a", "ab", "abc"], ["abcd"]),
    ("<uuid:%s>", [UUID, UUID.upper()], ["f47ac10b"]),
]
PATH = ("<path:%s>", ["a", "a/b", "a/b/c", "list/7", "é/x y"], ["", "/"])
METHODS = ["GET", "POST", "PUT", "DELETE", "PURGE"]


class Maker:
    """Makes a rule's text and, from the same pieces, paths."""

    def __init__(self, rng, allows_path):
        self.rng = rng
        self.names = iter("xyzuvwrst")
        self.pieces = []  # texts, and (text of the variable, good values, bad values)
        has_path = False
        for _ in range(rng.randint(0, 4)):
            self.pieces.append("/")
            has_path |= self.segment(allows_path and rng.random() < 0.2)
        if has_path:
            if self.pieces and rng.random() < 0.4:
                self.pieces += ["/", rng.choice(TEXTS)]
        elif rng.random() < 0.4 or not self.pieces:
            self.pieces.append("/")

    def variable(self, kind):
        name = next(self.names)
        self.pieces.append((kind[0] % name, kind[1], kind[2], name))

    def segment(self, is_path):
        rng = self.rng
        if is_path:
            self.variable(PATH)
            return True
        if rng.random() < 0.45:
            self.pieces.append(rng.choice(TEXTS))
            return False
        if rng.random() < 0.3:
            self.pieces.append(rng.choice(SEPARATORS))
        for i in range(rng.choice([1, 1, 1, 2, 2, 3])):
            if i:
                self.pieces.append(rng.choice(SEPARATORS))
            if rng.random() < 0.03:
                break
            if next_left(self.names):
                self.variable(rng.choice(VARIABLES))
        if rng.random() < 0.2:
            self.pieces.append(rng.choice(SEPARATORS))
        return False

    def rule(self):
        return "".join(p if isinstance(p, str) else p[0] for p in self.pieces)

    def variables(self):
        return [p for p in self.pieces if not isinstance(p, str)]

    def path(self):
        rng, text = self.rng, ""
        for p in self.pieces:
            text += p if isinstance(p, str) else rng.choice(p[1] if rng.random() < 0.85 else p[2])
        chance = rng.random()
        if chance < 0.15:
            text = text[:-1] if text.endswith("/") and len(text) > 1 else text + "/"
        elif chance < 0.25:
            text = text.replace("/", "//", rng.choice([1, 1, 9]))
        elif chance < 0.3:
            text += rng.choice(["x", "/x", "//", "-1"])
        return re.sub("//+", "//", text)


def next_left(names):
    """Whether an iterator over letters still has some (it is copied, not moved)."""
    return names.__length_hint__() > 0


def typed(piece, text):
    if "<int" in piece[0]:
        return int(text)
    if "<float" in piece[0]:
        return float(text)
    return text


def random_values(rng, maker):
    values = {}
    for piece in maker.variables():
        if rng.random() < 0.93:
            values[piece[3]] = typed(piece, rng.choice(piece[1]))
    extras = ["a", 1, 2.5, 1e-07, 1e16, True, False, None, [1, "b", None, True], [], "ä&=/ ?+%",
              -7, 0.1]
    for name in rng.sample(["q", "n", "page", "ü", "a b"], rng.choice([0, 0, 1, 2])):
        values[name] = rng.choice(extras)
    return dict(sorted(values.items(), key=lambda kv: kv[0].encode()))


# ---- a set of rules in both routers ----

DOMAINS = ["<who>", "api", "<int:n>.x", "<who>-eu"]
REAL_DOMAINS = ["ann", "api", "7.x", "bob-eu", "7.y", ""]


class RuleSet:
    def __init__(self, rng):
        self.rng = rng
        self.makers, self.lua, self.rules = [], [], []
        self.kind = rng.choice(["plain", "plain", "plain", "hosts", "subdomains"])
        self.merge = rng.random() < 0.85
        self.map = Map(merge_slashes=self.merge, converters=CONVERTERS,
                       host_matching=self.kind == "hosts")
        self.lua.append("local map = route.map{merge_slashes = %s, automatic_options = false, "
                        "server_name = %s}" % (lua(self.merge), lua(
                            "ex.test" if self.kind == "subdomains" else "")))
        for _ in range(rng.randint(1, 12)):
            self.add()

    def add(self):
        rng = self.rng
        maker = Maker(rng, True)
        text = maker.rule()
        if "<path" in text and text.endswith("/") or "///" in text:
            return
        options = {"endpoint": rng.choice("efgh"), "strict_slashes": rng.random() < 0.8}
        options["methods"] = rng.sample(METHODS, rng.choice([1, 1, 2, 3]))
        if rng.random() < 0.5:
            options["methods"] = ["GET"]
        if rng.random() < 0.05:
            options["build_only"] = True
        self.add_defaults(maker, options)
        if self.kind == "hosts":
            options["host"] = rng.choice(DOMAINS + ["h"]).replace("n>", "hn>")
        if self.kind == "subdomains" and (not self.rules or rng.random() < 0.7):
            options["subdomain"] = rng.choice(DOMAINS).replace("n>", "hn>")
        try:
            rule = Rule(maker.rule(), **options)
            self.map.add(rule)
        except ValueError:  # a case that Werkzeug 2.2 fails to compile
            return
        rule.index = len(self.rules)
        self.rules.append(rule)
        self.makers.append(maker)
        self.lua.append("map:add(%s, %s)" % (lua(maker.rule()), lua(options)))

    def add_defaults(self, maker, options):
        """Now and then an earlier rule with one variable fewer, which has a default."""
        rng = self.rng
        if self.makers and rng.random() < 0.25:
            other = rng.choice(self.makers)
            names = {v[3]: v for v in other.variables()}
            missing = set(names) - {v[3] for v in maker.variables()}
            if len(missing) == 1:
                piece = names[missing.pop()]
                options["defaults"] = {piece[3]: typed(piece, piece[1][0])}
                options["endpoint"] = self.rules[self.makers.index(other)].endpoint
        elif rng.random() < 0.05 and not any(v[3] == "extra" for v in maker.variables()):
            options["defaults"] = {"extra": rng.choice([2, "d", True])}

    def bind(self, domain):
        if self.kind == "hosts":
            return self.map.bind(domain or "h", "/app" if self.is_mounted else None)
        return self.map.bind("ex.test", "/app" if self.is_mounted else None,
                             subdomain=domain if self.kind == "subdomains" else None)

    def host(self, domain):
        if self.kind == "hosts":
            return domain or "h"
        return f"{domain}.ex.test" if self.kind == "subdomains" and domain else "ex.test"

    is_mounted = False


# ---- expectations ----

def in_werkzeug_3s_encoding(url):
    path, question, query = url.partition("?")
    for code, c in (("%26", "&"), ("%3D", "="), ("%40", "@")):
        path = path.replace(code, c)
    path = re.sub("[| \u0080-\uffff]", lambda c: quote(c[0]), path)
    for code, c in (("%2F", "/"), ("%3A", ":"), ("%3F", "?"), ("%40", "@")):
        query = query.replace(code, c)
    return path + question + query


def expected_match(adapter, path, method, query):
    """The outcome as the driver prints it."""
    try:
        rule, values = adapter.match(path, method, return_rule=True, query_args=query)
        words = " ".join(f"{k}={show(v)}" for k, v in sorted(values.items()))
        return f"found {rule.index} {words}"
    except RequestRedirect as e:
        return "redirect " + in_werkzeug_3s_encoding(e.new_url)
    except MethodNotAllowed as e:
        return "405 " + ",".join(sorted(e.valid_methods))
    except NotFound:
        return "404"


def refuses(adapter, path, method):
    Refusals.seen = False
    try:
        adapter.match(path, method)
    except (RequestRedirect, MethodNotAllowed, NotFound, ValueError):
        pass
    return Refusals.seen


def known_difference(adapter, path, got, expected):
    """The name of the documented difference that the case shows, or None."""
    paths = [path, path + "/", re.sub("/+", "/", path), re.sub("/+", "/", path) + "/"]
    if any(refuses(adapter, p, m) for p in paths for m in METHODS):
        return "refusal"
    if expected == "404" and got.startswith("405 "):
        allowed = got[4:].split(",")
        for p in paths:
            try:
                adapter.match(p, allowed[0])
                return "slash 405"
            except RequestRedirect:
                return "slash 405"
            except (MethodNotAllowed, NotFound):
                pass
    return None


def expected_url(adapter, endpoint, values, method, external):
    try:
        return "url " + in_werkzeug_3s_encoding(
            adapter.build(endpoint, values, method=method, force_external=external))
    except BuildError:
        return "error " + endpoint


class Cases:
    def __init__(self):
        self.script, self.checks = [PRELUDE], []

    def add_set(self, rs):
        rng = rs.rng
        lines = ["(function()", *rs.lua]
        rs.is_mounted = rng.random() < 0.2
        for _ in range(40):
            self.add_match(rs, lines)
        for _ in range(12):
            self.add_build(rs, lines)
        self.script += lines + ["end)();"]

    def context(self, rs):
        domain = rs.rng.choice(REAL_DOMAINS)
        fields = {"host": rs.host(domain), "root_path": "/app" if rs.is_mounted else ""}
        return rs.bind(domain), fields

    def add_match(self, rs, lines):
        rng = rs.rng
        adapter, fields = self.context(rs)
        path = rng.choice(rs.makers).path()
        method = rng.choice(["GET", "GET", "GET", "HEAD"] + METHODS)
        query = rng.choice(["", "", "a=b&c=%20"])
        fields.update(path=quote(path, safe=rng.choice(["/", "", "/-~"])), method=method,
                      query=query)
        try:
            expected = expected_match(adapter, path, method, query)
        except ValueError:  # Werkzeug's any() fails where it should refuse
            return
        lines.append("match(map, %s)" % lua(fields))
        self.checks.append((f"{method} {path}", rs, expected,
                            lambda got: known_difference(adapter, path, got, expected)))

    def add_build(self, rs, lines):
        rng = rs.rng
        adapter, fields = self.context(rs)
        i = rng.randrange(len(rs.rules))
        values = random_values(rng, rs.makers[i])
        if rng.random() < 0.8 and "who" in rs.rules[i].arguments:
            values["who"] = "ann"
        if rng.random() < 0.8 and "hn" in rs.rules[i].arguments:
            values["hn"] = 7
        values = dict(sorted(values.items(), key=lambda kv: kv[0].encode()))
        endpoint = rs.rules[i].endpoint if rng.random() < 0.95 else "nowhere"
        method = rng.choice([None, None, None] + METHODS)
        external = rng.random() < 0.2
        fields["external"] = external
        if method:
            fields["method"] = method
        try:
            expected = expected_url(adapter, endpoint, values, method, external)
        except ValueError:  # as above
            return
        lines.append("build(map, %s, %s, %s)" % (lua(endpoint), lua(values), lua(fields)))
        self.checks.append((f"build {endpoint} {values} {method}", rs, expected,
                            lambda got: None))

    def run(self):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as f:
            f.write("\n".join(self.script))
            f.flush()
            out = subprocess.run([DRIVER, f.name], capture_output=True, text=True)
        lines = out.stdout.split("\n")[:-1]
        if out.returncode or len(lines) != len(self.checks):
            print(out.stderr[-4000:])
            sys.exit(f"the driver answered {len(lines)} of {len(self.checks)} cases")
        for (what, rs, expected, explain), got in zip(self.checks, lines):
            compare(what, rs, expected, explain, got)


def compare(what, rs, expected, explain, got):
    global passed, failed
    if got.rstrip() == expected.rstrip():
        passed += 1
        return
    name = explain(got)
    if name:
        known[name] += 1
        passed += 1
        return
    failed += 1
    if failed <= 15:
        print(f"FAILED {what}\n  got      {got}\n  expected {expected}")
        print("\n".join("    " + line for line in [
            f"{r.index}: {r.rule} {sorted(r.methods)} {r.endpoint} host={r.host} "
            f"sub={r.subdomain} defaults={r.defaults} strict={r.strict_slashes}"
            for r in rs.rules]))


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    rng = random.Random(seed)
    build_driver()
    cases = Cases()
    for _ in range(SETS):
        rs = RuleSet(rng)
        if rs.rules:
            cases.add_set(rs)
    cases.run()
    print("of these with a documented difference: " +
          ", ".join(f"{name} {n}" for name, n in known.items()))
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
