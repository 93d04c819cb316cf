#!/usr/bin/python3
"""Compares server/json*.c with Python's json and with lua-cjson.

Run from the top of the tree: python3 tests/parity/json_parity.py. It builds json_driver.c
into $BUILD (build) with $CC (cc) for lua5.4, and uses lua-cjson if that is installed.
"""
import json
import math
import os
import random
import struct
import subprocess
import sys

DRIVER = os.path.join(os.environ.get("BUILD", "build"), "tests/parity/json_driver")
BASE = ["buf", "fault", "number", "scratch", "str", "utf8", "value"]
FLOATS = 200_000
VALUES = 3_000

passed = failed = 0


def check(what, got, expected):
    global passed, failed
    if got == expected:
        passed += 1
        return
    failed += 1
    if failed <= 50:
        print(f"FAILED {what[:200]!r}\n  got      {got[:300]!r}\n  expected {expected[:300]!r}")


def build():
    os.makedirs(os.path.dirname(DRIVER), exist_ok=True)
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "lua5.4"], text=True)
    sources = ["tests/parity/json_driver.c", "server/json_decode.c", "server/json_encode.c"]
    sources += [f"server/base/{name}.c" for name in BASE]
    subprocess.check_call([os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O2", "-g",
                           "-Iserver", *sources, "-o", DRIVER, *flags.split(), "-lm"])


def drive(requests):
    """[(operation, bytes)] -> [bytes or None for an error]"""
    lines = "".join(f"{operation} {text.hex()}\n" for operation, text in requests)
    output = subprocess.run([DRIVER], input=lines, capture_output=True, text=True, check=True)
    answers = [line.split(" ") for line in output.stdout.splitlines()]
    assert len(answers) == len(requests)
    return [bytes.fromhex(hexa) if status == "ok" else None for status, hexa in answers]


def floats(rng):
    for _ in range(FLOATS // 2):
        yield struct.unpack(">d", rng.randbytes(8))[0]
    for _ in range(FLOATS // 10):
        yield round(rng.random() * 10 ** rng.randint(0, 9), rng.randint(0, 6))
        yield rng.random() * 10.0 ** rng.randint(-8, 20)
        yield float(rng.getrandbits(rng.randint(50, 75)))
        yield rng.getrandbits(rng.randint(1, 53)) * 5e-324
        yield math.ldexp(rng.choice([1, 1 + 2**-52, 2 - 2**-52, 3]), rng.randint(-1074, 1000))


def compare_floats(rng):
    values = list(floats(rng))
    answers = drive([("repr", struct.pack(">d", value)) for value in values])
    for value, answer in zip(values, answers):
        check(value.hex(), answer.decode(), repr(value))
    finite = [value for value in values[::10] if math.isfinite(value)]
    text = json.dumps(finite, separators=(",", ":")).encode()
    check("a list of floats", drive([("compact", text)])[0], text)


ALPHABET = ["a", "b", "Z", " ", '"', "\\", "/", "\n", "\t", "\0", "\x1f", "\x7f", "é", "€",
            "\u2028", "\uffff", "\U0001f600", "\U0010ffff", "<", "&"]


def random_text(rng):
    return "".join(rng.choices(ALPHABET, k=rng.choice([0, 1, 3, 8, 20])))


def random_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 5 else 7)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
    if kind == 2:
        return rng.randint(-1000, 1000)
    if kind == 3:
        return rng.choice([0.5, -0.0, 1e16, 1e-5, 1e300, rng.random(), 3.0])
    if kind < 7:
        return random_text(rng)
    size = rng.choice([0, 1, 2, 5, 40])
    if kind == 7:
        return [random_value(rng, depth + 1) for _ in range(size)]
    return {random_text(rng): random_value(rng, depth + 1) for _ in range(size)}


def styles_of_python(value):
    compact = (",", ":")
    return {
        "compact": json.dumps(value, sort_keys=True, separators=compact),
        "spaced": json.dumps(value, sort_keys=True),
        "utf8": json.dumps(value, sort_keys=True, separators=compact, ensure_ascii=False),
        "indent": json.dumps(value, sort_keys=True, indent=2),
    }


def compare_formats(rng):
    requests, expected = [], []
    for _ in range(VALUES):
        value = random_value(rng)
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode()
        for style, written in styles_of_python(value).items():
            requests.append((style, text))
            expected.append(written.encode())
    for (style, text), answer, written in zip(requests, drive(requests), expected):
        check(f"{style} {text}", answer or b"an error", written)


SEEDS = [b'{"a": [1, -2.5e3, "x\\u00e9\\ud83d\\ude00", null], "b": {}}', b"[true,false,null]",
         b'"\\"\\\\\\/\\b\\f\\n\\r\\t"', b"[0, -0, 1e10, 1E-2, 123456789]", b"[[],[[]],{}]",
         "{\"é€😀\": [\"ü\"]}".encode()]
BYTES = b'{}[]",:\\u0019aeE+-. \n\t/\x00\x1f\x7f\x80\xc3\xa9\xed\xa0\xff'


def mutate(rng, text):
    text = bytearray(text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        how = rng.randrange(3)
        if how == 0:
            text[at:at + 1] = b""
        elif how == 1:
            text[at:at] = bytes([rng.choice(BYTES)])
        else:
            text[at:at + 1] = bytes([rng.choice(BYTES)])
    return bytes(text)


def refuse_constant(name):
    raise ValueError(name)


def read_strictly(text):
    """Python's json, without what it takes beyond RFC 8259; None for an error."""
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=refuse_constant)
        written = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return written.encode()


def has_large_number(value):
    """A whole number beyond 64 bits: an integer for Python, a float for us."""
    if isinstance(value, (list, dict)):
        parts = value.values() if isinstance(value, dict) else value
        return any(has_large_number(part) for part in parts)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def compare_acceptance(rng):
    texts = [mutate(rng, rng.choice(SEEDS)) for _ in range(20_000)]
    for text, answer in zip(texts, drive([("compact", text) for text in texts])):
        expected = read_strictly(text)
        if expected and has_large_number(json.loads(expected)):
            continue
        check(repr(text), answer or b"an error", expected or b"an error")


def compare_with_cjson(rng):
    """What both must read alike: no empty list, no integer beyond cjson's 14 digits."""
    if drive([("cjson", b"[1]")])[0] is None:
        print("lua-cjson is not installed: not compared")
        return
    def tame(value):
        if isinstance(value, list):
            return [tame(item) for item in value] or [0]
        if isinstance(value, dict):
            return {key or "empty": tame(item) for key, item in value.items()}
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return int(value) % 10**6 + 0.5
        return value
    values = [tame(random_value(rng)) for _ in range(VALUES)]
    texts = [json.dumps(value).encode() for value in values]
    ours = drive([("compact", text) for text in texts])
    theirs = drive([("cjson", text) for text in texts])
    for text, our, their in zip(texts, ours, theirs):
        check(f"cjson {text}", json.dumps(json.loads(our), sort_keys=True),
              json.dumps(json.loads(their), sort_keys=True))


def main():
    build()
    rng = random.Random(8259)
    compare_floats(rng)
    compare_formats(rng)
    compare_acceptance(rng)
    compare_with_cjson(rng)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
