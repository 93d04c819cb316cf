#!/usr/bin/python3
"""Compares the parsers of header fields, cookies and forms with Werkzeug's (Debian's: 2.2 or
3.1) on random inputs.

Run from the top of the tree: tests/parity/fields_parity.py [SEED]. It builds fields_driver.c
into $BUILD (build) with $CC (cc).

Where the two differ on purpose. What is marked * is not made here; the rest is rewritten in
the expected answer, and a case that shows it counts as passed.

    cookies       Bytes that are no UTF-8 are read as Latin-1 (2.2: U+FFFD).* Quoted values
                  are those of Werkzeug 3: a backslash in front of 8, 9 or fewer than three
                  digits is just dropped, in 2.2 too; space behind an unquoted value goes.
    Set-Cookie    Werkzeug 3 leaves ( ) < > ? @ [ ] { } without quotes, cuts leading dots off a
                  domain and takes one without a dot; bad names are refused.* A
                  semicolon in the path is encoded, as in Werkzeug 3 (2.2: a hole).
    dates         Only the three forms of RFC 9110; Werkzeug takes all of RFC 2822.*
    accept        As in Werkzeug 3: items with a q beyond 0 to 1 are dropped (2.2: clamped)*,
                  empty ones too.*
    ranges        Ranges in any order are taken (Werkzeug: None for the lot). -0 is no byte
                  (Werkzeug: all of them).* Several ranges are answered by the whole
                  (Werkzeug: 416), so are other units; the last 5,000 of 1,000 bytes are all
                  of them (Werkzeug: 416).
    tags          A quoted tag ends at its second quote.* "" is the empty tag (Werkzeug: None).*
    parameters    As in Werkzeug 3: spaces at the equals sign, unquoted text that is no token,
                  keys without a value are skipped, a space before a semicolon isn't the
                  value's.* key*= goes before key=.* In lists of key=value the spaces at the
                  equals sign go, key*= is decoded (2.2: not).*
    authorization Base64 without its padding or with other characters is none.* Schemes other
                  than Basic and Digest are known.*
    forms         The same.
    queries       Broken sequences become U+FFFD, as in 2.2 (Werkzeug 3: %E9 stays).
    multipart     A part counts as soon as it begins (Werkzeug: when its head is whole).* A
                  broken body is 400 (Werkzeug's form parser: an empty form). Lines end all
                  alike, in CRLF or in LF (Werkzeug: in any, CR alone too).* A line of a
                  part's head without a colon is 400 (Werkzeug 3: passed over).*
    disposition   Of what has no letter as its likeness, nothing is left in the ASCII name
                  (Werkzeug: NFKD's several, as 1/4).* filename*= has RFC 8187's characters and
                  no quotes, an empty ASCII name has them, as in Werkzeug 3.
"""
import base64
import codecs
import os
import random
import re
import subprocess
import sys
from datetime import timezone
from io import BytesIO
from urllib.parse import quote

from werkzeug import datastructures as ds
from werkzeug import http as wz
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser
from werkzeug.utils import send_file
from werkzeug.wrappers import Request

IS_OLD = hasattr(wz, "parse_authorization_header")  # Werkzeug 2
parse_authorization = wz.parse_authorization_header if IS_OLD else ds.Authorization.from_header

codecs.register_error("werkzeug.url_quote", codecs.replace_errors)  # see queries, above

DRIVER = os.path.join(os.environ.get("BUILD", "build"), "tests/parity/fields_driver")
BASE = "arena buf fault likeness number percent str utf8".split()
PARTS = ("accept authorization cookie date disposition etag field form multipart pairs range "
         "text").split()
ROUNDS = 400

cases = []  # (operation, arguments, expected words)


def build_driver():
    os.makedirs(os.path.dirname(DRIVER), exist_ok=True)
    sources = ["tests/parity/fields_driver.c"]
    sources += [f"server/base/{name}.c" for name in BASE]
    sources += [f"server/{name}.c" for name in PARTS]
    subprocess.check_call([os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O1", "-g",
                           "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                           "-Iserver", *sources, "-o", DRIVER, "-lm"])


def to_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode()


def word(text):
    return to_bytes(text).hex() or "-"


def compare(operation, arguments, expected):
    cases.append((operation, [word(a) for a in arguments], " ".join(expected)))


def pick(*choices):
    return random.choice(choices)


def join(most, *choices):
    return "".join(random.choice(choices) for _ in range(random.randint(0, most)))


# ---- cookies ----

def cookies():
    for _ in range(ROUNDS):
        field = join(14, "a", "b=", "=", ";", "; ", '"', '"x;y"', "\\", "\\054", '\\"', "\\303\\251",
                     " ", "c d", ",", "é", "\\9")
        if field.endswith(" "):
            continue
        expected = []
        for name, value in wz.parse_cookie(field.encode().decode("latin1")).items(multi=True):
            expected += [word(name), word(value)]
        if "�" not in str(wz.parse_cookie(field.encode().decode("latin1"))):
            compare("cookie", [field], expected)


def set_cookies():
    for _ in range(ROUNDS):
        value = join(8, "a", "Z", "0", " ", ",", ";", '"', "\\", "\n", "\0", "é", "€", "!#$%&'*+-.^_`|~:/=")
        path = pick("", "/", "/a b", "/é;x", "/%20", "/a+b,c@d")
        domain = pick("", "x.test", "x.test:80")
        samesite = pick("", "lax", "Strict", "NONE")
        flags = pick("", "s", "h", "sh")
        age = random.randint(0, 4000000000)
        expected = wz.dump_cookie(
            "name", value, max_age=age, expires=age, path=path or None, domain=domain or None,
            secure="s" in flags, httponly="h" in flags, samesite=samesite or None, max_size=0)
        expected = expected.encode("latin1").replace(b"/%C3%A9;x", b"/%C3%A9%3Bx")
        compare("set-cookie", ["name", value, path, domain, flags, samesite, age], [word(expected)])


# ---- dates ----

def dates():
    for _ in range(ROUNDS):
        t = random.randint(-10000000000, 100000000000)
        text = wz.http_date(t)
        compare("http-date", [t], [word(text)])
        if t >= 0:
            compare("date", [text], [str(t)])
    for _ in range(ROUNDS):
        day = pick("01", "28", "29", "30", "31", "32", "00")
        month = pick("Feb", "Apr", "Dec", "feb", "Foo")
        year = pick("1999", "2000", "2023", "2100", "1970")
        clock = pick("00:00:00", "23:59:59", "24:00:00", "12:60:00")
        text = f"{pick('Mon', 'Sun')}, {day} {month} {year} {clock} GMT"
        got = wz.parse_date(text)
        compare("date", [text],
                [str(int(got.replace(tzinfo=timezone.utc).timestamp())) if got else "-1"])


# ---- accept ----

KINDS = [ds.MIMEAccept, ds.LanguageAccept, ds.CharsetAccept, ds.Accept]
VALUES = [
    ["text/html", "text/plain", "application/json", "text/html; level=1", "image/*", "*/*"],
    ["en", "en-US", "en_GB", "de", "de-AT", "fr"],
    ["utf-8", "UTF8", "iso-8859-1", "latin1", "ascii", "koi8-r"],
    ["gzip", "br", "identity", "GZIP", "zstd"],
]


def accepts():
    for _ in range(ROUNDS * 3):
        kind = random.randrange(4)
        field = []
        for _ in range(random.randint(0, 5)):
            item = pick(*VALUES[kind], "*/*" if kind == 0 else "*")
            if random.random() < 0.6:
                item += pick(";q=0", ";q=1", ";q=0.5", "; q=0.25", ";q=0.999")
            field.append(item)
        field = pick(",", ", ").join(field)
        asked = random.sample(VALUES[kind], random.randint(1, len(VALUES[kind])))
        got = wz.parse_accept_header(field, KINDS[kind])
        expected = []
        for value, q in got:
            expected += [word(value), "%g" % q]
        best = got.best_match(asked)
        expected += ["|", str(asked.index(best) if best is not None else -1)]
        expected += ["%g" % (got.quality(v) if v in got else -1) for v in asked]
        compare("accept", [kind, field, *asked], expected)


# ---- ranges ----

def range_expected(field, length):
    got = wz.parse_range_header(field)
    if got is None:
        return None
    expected = [word(pick_units(field))]
    expected += ["%d,%d" % (a, -1 if b is None else b) for a, b in got.ranges]
    if got.units != "bytes" or len(got.ranges) > 1:
        if got.units == "bytes" and all(a >= length for a, b in got.ranges if a >= 0) \
                and all(a >= 0 for a, b in got.ranges):
            return expected + ["|", "2", "0", "0"]
        return expected + ["|", "0", "0", "0"]
    first, end = got.ranges[0]
    if first < 0:
        first, end = max(0, length + first), length
    if length == 0 and got.ranges[0][0] < 0:
        return expected + ["|", "0", "0", "0"]
    if first >= length:
        return expected + ["|", "2", "0", "0"]
    return expected + ["|", "1", str(first), str(min(length, end or length))]


def pick_units(field):
    return field.partition("=")[0].strip()


def ranges():
    for _ in range(ROUNDS * 2):
        items = []
        for _ in range(random.randint(1, 3)):
            a, b = random.randint(0, 120), random.randint(0, 120)
            items.append(pick(f"{a}-{b}", f"{a}-", f"-{a + 1}", f"{a}-{b}", f" {a} - {b} ", "x", "5"))
        field = pick("bytes", "bytes", "bytes", "Bytes", "items") + "=" + ",".join(items)
        length = pick(0, 1, 50, 100, 1000)
        expected = range_expected(field, length)
        if expected:
            compare("range", [field, length], expected)


# ---- tags ----

def tags():
    for _ in range(ROUNDS):
        items = [pick('"a"', 'W/"b"', 'w/"c"', '"d,e"', "f", "W/g", '"é"')
                 for _ in range(random.randint(0, 5))]
        field = pick(",", ", ", " ,  ").join(items)
        got = wz.parse_etags(field)
        weak = [i[2:].strip('"') for i in items if i[0] in "Ww"]
        strong = [i.strip('"') for i in items if i[0] not in "Ww"]
        assert got._weak == set(weak) and got._strong == set(strong)
        expected = []
        for item in items:
            is_weak = item[0] in "Ww"
            expected += ["weak" if is_weak else "strong", word((item[2:] if is_weak else item).strip('"'))]
        compare("etags", [field], expected)


# ---- parameters and dicts ----

def parameters():
    for _ in range(ROUNDS * 2):
        field = pick("text/html", "form-data", "attachment")
        for _ in range(random.randint(0, 5)):
            field += pick("; ", ";")
            field += pick("a=b", "A=c", 'd="e f"', 'g="h;i"', 'j="k\\"l"', "m*=UTF-8''%C3%A9", "n*0=o",
                          'n*1="p q"', "charset=utf-8", 'r="é"', 'filename="C:\\dir\\x.txt"',
                          "s*=ISO-8859-1''%E9", "m*=utf-8'en'x%20y")
        value, options = wz.parse_options_header(field)
        expected = [word(value)]
        for name, text in options.items():
            expected += [word(name), word(text)]
        compare("parameters", [field], expected)


def dicts():
    for _ in range(ROUNDS):
        names = random.sample("abcdefg", random.randint(0, 5))
        items = [n + pick("", "=x", '="y, z"', '=""', "=1=2", " = w") for n in names]
        field = pick(", ", ",", " , ").join(items)
        expected = []
        for name, text in wz.parse_dict_header(field).items():
            expected += [word(name.strip()), "none" if text is None else word(text.strip())]
        compare("dict", [field], expected)


def authorizations():
    for _ in range(ROUNDS):
        user = join(5, "a", ":", "é", " ", "€").encode(pick("utf-8", "utf-8", "utf-8", "utf-16"))
        field = pick("Basic ", "basic ", "BASIC ") + base64.b64encode(user).decode()
        try:
            user.decode()
        except UnicodeDecodeError:
            compare("authorization", [field], ["none"])
            continue
        got = parse_authorization(field)
        if got is None:  # 2.2 wants a colon
            name, _, password = user.decode().partition(":")
            got = {"username": name, "password": password}
        compare("authorization", [field], [word("basic"), word("username"), word(got["username"]),
                                           word("password"), word(got["password"])])


# ---- forms ----

def query_of(text):
    return Request({"REQUEST_METHOD": "GET", "QUERY_STRING": text.encode().decode("latin1")}).args


def queries():
    for _ in range(ROUNDS * 2):
        text = join(14, "a", "b=", "=", "&", "&", "+", "%20", "%C3%A9", "%E9", "%", "%4", "%zz", "é",
                    "%00", ";", "%F0%9F%98%80", "%ED%A0%80")
        expected = []
        for name, value in query_of(text).items(multi=True):
            expected += [word(name), word(value)]
        compare("query", [text], expected)


def content():
    return join(8, "x", "\r\n", "\n", "\r", "-", "--", "--bound", "\r\n--boun", "\r\n--bound!", "é",
                "\n--bound--").encode()


def part(eol):
    name = pick("a", "b", "long name", "é")
    head = f'Content-Disposition: form-data; name="{name}"'
    if random.random() < 0.4:
        head += pick('; filename="x.txt"', '; filename=""', '; filename="ü \\"q\\".png"',
                     "; filename*=UTF-8''%C3%A9.txt")
        head += eol + pick("", "X-Other: 1" + eol) + "Content-Type: " + pick("text/plain", "image/png")
    return f"--bound{pick('', '', '  ')}{eol}{head}{eol}{eol}".encode()


def multipart_body():
    eol = "\r\n"
    body = pick(b"", b"", b"preamble\r\n")
    for _ in range(random.randint(0, 5)):
        body += part(eol) + content() + b"\r\n"
    body += b"--bound--" + pick(b"", b"\r\n", b"\r\nepilogue")
    if random.random() < 0.2 and len(body) > 20:
        cut = random.randrange(len(body))
        body = body[:cut]
    return body


# Not to be compared: where lines end is read differently; before Werkzeug 3 a boundary right
# behind a part's head is content; since then what is no field is passed over in a head.
def is_ambiguous(body):
    if re.search(rb"\r\n\r\n--bound([ \t]*\r\n|--)" if IS_OLD
                 else rb"--bound[ \t]*\r\n(?!Content-Disposition)", body):
        return True
    return re.search(rb"--bound[ \t]*(\r(?!\n)|(?<!\r)\n)|(?<!\r)\n--bound|\r(?!\n)\r*\n?--bound|\r\n\n",
                     body)


def multipart_expected(body, most):
    parser = MultiPartParser(max_form_parts=most)
    try:
        form, files = parser.parse(BytesIO(body), b"bound", len(body))
    except RequestEntityTooLarge:
        return ["413"]
    except ValueError:
        return ["400"]
    expected = []
    for name, value in form.items(multi=True):
        expected += [word(name), word(value)]
    for name, file in files.items(multi=True):
        expected += ["|", word(name), word(file.filename), word(file.content_type), word(file.read())]
    return expected


def in_order(words):
    """Werkzeug's dicts put equal names together; so a form is compared sorted."""
    fields, *files = " ".join(words).split("| ")
    fields = fields.split()
    pairs = sorted(zip(fields[::2], fields[1::2])) if len(fields) > 1 else fields
    return repr((pairs, sorted(f.strip() for f in files)))


def multiparts():
    for _ in range(ROUNDS * 2):
        body = multipart_body()
        most = pick(3, 100, 100)
        expected = multipart_expected(body, most)
        if body and not is_ambiguous(body) and (most > 3 or expected != ["400"]):
            compare("multipart", ["bound", body, most], expected)


def dispositions():
    for _ in range(ROUNDS):
        name = join(8, "a", "Z", ".txt", " ", '"', "\\", ";", "é", "Å", "ß", "名", "ệ", "Ａ", "😀", "'", "(",
                    "%")
        if not name:
            continue
        response = send_file(BytesIO(b""), {"REQUEST_METHOD": "GET"}, download_name=name, as_attachment=True,
                             mimetype="text/plain")
        expected, _, encoded = response.headers["Content-Disposition"].partition("; filename*=")
        if expected.endswith("="):
            expected += '""'
        if encoded:
            expected += "; filename*=UTF-8''" + quote(name, safe="!#$&+-.^_`|~")
        compare("disposition", [name], [word(expected)])


UNORDERED = {"cookie", "query", "multipart"}


def check():
    lines = "".join(f"{operation} {' '.join(arguments)}\n" for operation, arguments, _ in cases)
    done = subprocess.run([DRIVER], input=lines, text=True, stdout=subprocess.PIPE, check=True)
    answers = done.stdout.split("\n")[:-1]
    passed = failed = 0
    shown = {}
    for (operation, arguments, expected), answer in zip(cases, answers):
        answer = answer.strip()
        same = answer == expected
        if operation in UNORDERED:
            same = in_order(answer.split()) == in_order(expected.split())
        if same:
            passed += 1
            continue
        failed += 1
        shown[operation] = shown.get(operation, 0) + 1
        if shown[operation] <= 3:
            given = [bytes.fromhex(a.strip("-")) for a in arguments]
            print(f"{operation} {given}\n  ours     {readable(answer)}\n  expected {readable(expected)}")
    failed += len(cases) - len(answers)
    return passed, failed


def readable(words):
    def one(w):
        try:
            return repr(bytes.fromhex(w)) if len(w) > 1 else w
        except ValueError:
            return w
    return " ".join(one(w) for w in words.split())


random.seed(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
build_driver()
for make in (cookies, set_cookies, dates, accepts, ranges, tags, parameters, dicts, authorizations,
             queries, multiparts, dispositions):
    make()
passed, failed = check()
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
