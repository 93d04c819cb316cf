#!/usr/bin/python3
"""flask.security beside Werkzeug, hashlib, hmac and base64, in both directions.

Werkzeug 2.2 writes PBKDF2; scrypt, which came later, is done by hashlib as the format
has it: "scrypt:N:r:p$salt$" and 64 bytes in hexadecimal. Random cases have a fixed seed.
"""
import base64
import hashlib
import hmac
import os
import random
import re
import subprocess
import sys
import unicodedata

from werkzeug.security import check_password_hash, generate_password_hash, safe_join
from werkzeug.utils import secure_filename

SERVER = os.environ.get("CFLASK_LUA") or os.path.join(os.environ.get("BUILD", "build"),
                                                      "cflask-lua")
DIGESTS = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256",
           "sha3_384", "sha3_512", "blake2b", "blake2s", "sha512_256", "sm3", "ripemd160"]
DIGESTS = [name for name in DIGESTS if name in hashlib.algorithms_available]
LETTERS = "ab9$: \0\n\t\x7fäß€日𝔘\u0301"
rnd = random.Random(4)
questions = []  # (what, arguments, expected or a function that judges the answer)


def bytes_of(value):
    return value if isinstance(value, bytes) else value.encode()


def ask(what, *arguments, expect):
    questions.append((what, [bytes_of(a) for a in arguments], expect))


def text(most):
    return "".join(rnd.choice(LETTERS) for _ in range(rnd.randrange(most)))


# ---- passwords ----

def scrypt(password, salt, n, r, p):
    key = hashlib.scrypt(bytes_of(password), salt=salt.encode(), n=n, r=r, p=p,
                         maxmem=132 * n * r * p)
    return "scrypt:%d:%d:%d$%s$%s" % (n, r, p, salt, key.hex())


def their_hash(password):
    if rnd.random() < 0.4:
        salt = "".join(rnd.choice("abcXYZ019") for _ in range(rnd.randrange(1, 20)))
        return scrypt(password, salt, 2 ** rnd.randrange(7, 11), rnd.randrange(1, 9),
                      rnd.randrange(1, 4))
    method = "pbkdf2:%s:%d" % (rnd.choice(DIGESTS), rnd.randrange(1, 1000))
    return generate_password_hash(password, method, rnd.randrange(1, 20))


def is_right(hashed, password):
    """What Werkzeug, or hashlib for scrypt, says."""
    method, salt, key = hashed.split("$", 2)
    try:
        if method.startswith("scrypt:"):
            return scrypt(password, salt, *map(int, method.split(":")[1:])) == hashed
        return check_password_hash(hashed, password)
    except (ValueError, TypeError, OverflowError):
        return False


def hashes_of_theirs():
    for _ in range(300):
        password, other = text(30), text(30)
        hashed = their_hash(password)
        ask("check", hashed, password, expect="true")
        # HMAC fills short keys up with NULs: those at a password's end count for nothing.
        if other.rstrip("\0") != password.rstrip("\0"):
            ask("check", hashed, other, expect="false")
        at = rnd.randrange(len(hashed))
        broken = rnd.choice([hashed[:at] + rnd.choice("0a$:Z") + hashed[at + 1:],
                             hashed[:at] + hashed[at + 1:], hashed[:at]])
        right = broken.count("$") >= 2 and is_right(broken, password)
        ask("check", broken, password, expect="true" if right else "false")
    for password in ("secret", "\0 𝔘"):
        ask("check", generate_password_hash(password), password, expect="true")
        ask("check", generate_password_hash(password, "pbkdf2:sha256:600000"), password,
            expect="true")
        ask("check", scrypt(password, "salt", 32768, 8, 1), password, expect="true")
    ask("check", "plain$$secret", "secret", expect="false")  # formats that Werkzeug 3 dropped
    for method in ("md5", "sha1", "sha256"):
        key = hmac.new(b"salt", b"secret", method).hexdigest()
        ask("check", method + "$salt$" + key, "secret", expect="false")
    for password in (b"\xff\xfe", b"\x80" * 200):
        ask("check", scrypt(password, "salt", 128, 8, 1), password, expect="true")


def judge(method, password):
    def is_like_theirs(answer):
        shape = r"%s\$[A-Za-z0-9]{16}\$[0-9a-f]+" % re.escape(method)
        return (re.fullmatch(shape, answer) is not None and is_right(answer, password)
                and not is_right(answer, password + "x"))
    return is_like_theirs


def hashes_of_ours():
    for _ in range(200):
        password = text(30)
        if rnd.random() < 0.4:
            method = "scrypt:%d:%d:%d" % (2 ** rnd.randrange(7, 11), rnd.randrange(1, 9),
                                          rnd.randrange(1, 4))
        else:
            method = "pbkdf2:%s:%d" % (rnd.choice(DIGESTS), rnd.randrange(1, 1000))
        ask("generate", password, method, expect=judge(method, password))
    ask("generate", "geheim", "scrypt", expect=judge("scrypt:32768:8:1", "geheim"))
    ask("generate", "geheim", "pbkdf2", expect=judge("pbkdf2:sha256:600000", "geheim"))


# ---- digests and base64 ----

def digests():
    for name in DIGESTS:
        for _ in range(10):
            data, key = rnd.randbytes(rnd.randrange(300)), rnd.randbytes(rnd.randrange(200))
            ask("digest", name, data, expect=hashlib.new(name, data).hexdigest())
            ask("hmac", name, key, data, expect=hmac.new(key, data, name).hexdigest())


def base64s():
    for _ in range(200):
        data = rnd.randbytes(rnd.randrange(100))
        plain, urlsafe = base64.b64encode(data), base64.urlsafe_b64encode(data).rstrip(b"=")
        ask("encode", data, expect=plain.decode())
        ask("urlsafe", data, expect=urlsafe.decode())
        ask("decode", plain, expect=data)
        ask("decode", urlsafe, expect=data)


# ---- names ----

def joins():
    parts = ["", ".", "..", "a", "b.txt", "...", "..a", "/", "//", "a\\b", " ", "é", "~"]
    for _ in range(1500):
        names = ["".join(rnd.choice(parts) + rnd.choice(["", "/", "/", "//"])
                         for _ in range(rnd.randrange(5))) for _ in range(rnd.randrange(1, 4))]
        folder = rnd.choice(["", "a", "/srv/x", "/", "a/", ".", "../b"])
        ask("join", folder, *names, expect=safe_join(folder, *names))


def filenames():
    pieces = list("aZ9._-/\\ \t\n\x1c\x1f\0:\"'é€日½ﬁＡ／…\u0301\u00a0\U0001d518") + ["..", "../"]
    for _ in range(800):
        name = "".join(rnd.choice(pieces) for _ in range(rnd.randrange(25)))
        ask("name", name, expect=secure_filename(name))
    # Every character that there is, 100 to a name.
    every = [chr(c) for c in range(0x110000)
             if unicodedata.category(chr(c)) not in ("Cs", "Cn")]
    for at in range(0, len(every), 100):
        name = "x" + "x".join(every[at:at + 100]) + "x"
        ask("name", name, expect=secure_filename(name))


def answers():
    def word(argument):
        return argument.hex() or "-"
    lines = [" ".join([what] + [word(a) for a in arguments])
             for what, arguments, _ in questions]
    done = subprocess.run([SERVER, "lua", "tests/parity/security_driver.lua"], text=True,
                          input="\n".join(lines) + "\n", stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        yield None if line == "nil" else bytes.fromhex(line.replace("-", ""))


def is_as_expected(answer, expected):
    if callable(expected):
        return answer is not None and expected(answer.decode("latin-1"))
    return answer == (None if expected is None else bytes_of(expected))


def main():
    if not os.access(SERVER, os.X_OK):
        print("skipped: %s is not built" % SERVER)
        return 77
    for make in (hashes_of_theirs, hashes_of_ours, digests, base64s, joins, filenames):
        make()
    got = list(answers())
    failed = abs(len(questions) - len(got))
    for (what, arguments, expected), answer in zip(questions, got):
        if not is_as_expected(answer, expected):
            failed += 1
            if failed <= 20:
                print("%s%r: %r, not %r" % (what, tuple(arguments), answer, expected))
    print("%d passed, %d failed" % (len(questions) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
