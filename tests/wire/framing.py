"""Bodies: where one ends and the next request begins. What is unclear is refused, so that
nobody in front of this server can see another request there than it does."""
from heads import accepts, acceptance, refusal, says
from wire import TOKEN, case, check, equal

SMUGGLED = b"GET /hello?t=" + TOKEN + b" HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTH = b"%d" % len(SMUGGLED)
POST = b"POST /echo?t=" + TOKEN + b" HTTP/1.1\r\nHost: a\r\n"


def smuggling(sentence, fields, body=SMUGGLED, status=400, row=None):
    """A request whose body would be a request if the fields were read in another way."""
    refusal(sentence, status, POST + fields + b"\r\n" + body, row=row)


# ---- Content-Length ----

smuggling("A second Content-Length is refused",
          b"Content-Length: 5\r\nContent-Length: " + LENGTH + b"\r\n", row=1)
smuggling("A second Content-Length is refused even when it is the same",
          b"Content-Length: " + LENGTH + b"\r\nContent-Length: " + LENGTH + b"\r\n", row=1)
smuggling("A second Content-Length is refused with other fields in between",
          b"content-length: 5\r\nX-A: b\r\nCONTENT-LENGTH: 0\r\n", row=1)
smuggling("A list as Content-Length is refused", b"Content-Length: 5, 5\r\n", row=1)

for what, field in [("Content-Length with a space behind it", b"Content-Length : " + LENGTH),
                    ("Transfer-Encoding with a space behind it", b"Transfer-Encoding : chunked"),
                    ("Transfer-Encoding with a tab behind it", b"Transfer-Encoding\t: chunked"),
                    ("Transfer-Encoding with a vertical tab behind it", b"Transfer-Encoding\x0b: chunked"),
                    ("Transfer-Encoding with a space before it", b"X-A: b\r\n Transfer-Encoding: chunked")]:
    smuggling("The name %s is refused" % what, field + b"\r\n", row=2)

for value in (b"+5", b"-0", b"-1", b"\x0b5", b"5\0", b"0x5", b"5 5", b"", b"5a", b"5.0", b"1e3", b"'5'",
              b"\xef\xbc\x95"):
    smuggling("Content-Length: %r is refused" % value, b"Content-Length: " + value + b"\r\n", row=7)
acceptance("A Content-Length may have zeros at its front",
           b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", says(200, b"hello"),
           row=7)
acceptance("A Content-Length may have white space around it",
           b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \t 5 \t\r\n\r\nhello", says(200, b"hello"),
           row=7)

# ---- Transfer-Encoding ----

for value in (b"identity", b"xchunked", b"gzip", b'"chunked"', b"chunke", b"", b"chunked x"):
    smuggling("Transfer-Encoding: %s is answered with 501" % value.decode(),
              b"Transfer-Encoding: " + value + b"\r\n", status=501, row=3)
for value in (b"\x0bchunked", b"chunked\x0b", b"chunked\0"):
    smuggling("Transfer-Encoding: %r is refused" % value,
              b"Transfer-Encoding: " + value + b"\r\n", row=3)
for value in (b"gzip, chunked", b"identity, chunked", b"chunked;q=1", b"chunked, gzip"):
    smuggling("Transfer-Encoding: %s is answered with 501" % value.decode(),
              b"Transfer-Encoding: " + value + b"\r\n", status=501, row=13)
for what, fields in [
        ("chunked, identity", b"Transfer-Encoding: chunked, identity\r\n"),
        ("chunked, chunked", b"Transfer-Encoding: chunked, chunked\r\n"),
        ("in two fields", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("in two fields, the second gzip", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
        ("in two fields, the first gzip", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")]:
    smuggling("Transfer-Encoding %s is answered with 501" % what, fields, status=501, row=16)
for fields in (b"Transfer-Encoding:\r\n chunked\r\n", b"Transfer-Encoding: chunked\r\n ,chunked\r\n"):
    smuggling("The folded %r is refused" % fields, fields, row=16)
acceptance("A tab may stand before chunked",
           b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
           says(200, b"hello"), row=16)
acceptance("chunked has no case",
           b"POST /echo HTTP/1.1\r\nHost: a\r\ntRANSFER-eNCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
           says(200, b"hello"))

for what, fields in [
        ("behind it", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("before it", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("of zero", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n")]:
    smuggling("Content-Length beside Transfer-Encoding, %s, is refused" % what, fields,
              b"0\r\n\r\n" + SMUGGLED, row=15)
refusal("Transfer-Encoding in a request of HTTP/1.0 is refused", 400,
        b"POST /echo?t=" + TOKEN + b" HTTP/1.0\r\nConnection: keep-alive\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, row=6)

# ---- chunks ----

CHUNKED = b"POST /echo?t=" + TOKEN + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def bad_chunks(sentence, body, row=None):
    refusal(sentence, 400, CHUNKED + body, row=row)


for size in (b"+5", b"0x5", b"0X5", b" 5", b"\t5", b"\x0b5", b"-5", b"", b"g", b"5h", b"5,", b"\xef\xbc\x95"):
    bad_chunks("The chunk size %r is refused" % size, size + b"\r\nhello\r\n0\r\n\r\n", row=8)
for size in (b"5\0", b"5 junk", b"5 ", b"5\t", b"5 5", b"5\x0b"):
    bad_chunks("The chunk size %r is refused" % size, size + b"\r\nhello\r\n0\r\n\r\n", row=9)
for size in (b"10000000000000005", b"ffffffffffffffff", b"8000000000000000", b"0" * 40 + b"5"):
    bad_chunks("The chunk size %s, beyond all need, is refused" % size.decode(),
               size + b"\r\nhello\r\n0\r\n\r\n")
bad_chunks("A chunk without CR LF behind its data is refused", b"5\r\nhello0\r\n\r\n", row=10)
bad_chunks("A chunk with an empty line more behind it is refused", b"5\r\nhello\r\n\r\n0\r\n\r\n", row=10)
bad_chunks("An empty line before the first chunk is refused", b"\r\n5\r\nhello\r\n0\r\n\r\n", row=10)
bad_chunks("A chunk that is longer than its size is refused", b"4\r\nhello\r\n0\r\n\r\n", row=10)
bad_chunks("A chunk that is shorter than its size is refused", b"6\r\nhello\r\n0\r\n\r\n", row=10)
bad_chunks("A bare CR behind a chunk is refused", b"5\r\nhello\r0\r\n\r\n", row=11)
bad_chunks("A bare LF behind a chunk is refused", b"5\r\nhello\n0\r\n\r\n", row=12)
bad_chunks("A bare LF behind a chunk's size is refused", b"5\nhello\r\n0\r\n\r\n", row=12)
bad_chunks("A bare LF behind the last chunk's size is refused", b"5\r\nhello\r\n0\n\r\n", row=12)
bad_chunks("A bare LF as the last empty line is refused", b"5\r\nhello\r\n0\r\n\n", row=12)
bad_chunks("A bare CR behind a chunk's size is refused", b"5\rhello\r\n0\r\n\r\n", row=12)
bad_chunks("A bare CR in a chunk extension is refused", b"5;a\rb\r\nhello\r\n0\r\n\r\n")
bad_chunks("A NUL in a chunk extension is refused", b"5;a\0b\r\nhello\r\n0\r\n\r\n")
bad_chunks("A malformed chunk is 400, not 413", b"xyz\r\nhello\r\n0\r\n\r\n", row=26)
for what, trailer in [("no colon", b"X-A"), ("a space before the colon", b"X-A : b"),
                      ("a NUL", b"X-A: \0"), ("a fold", b"X-A: b\r\n c"), ("an empty name", b": b"),
                      ("a bare CR", b"X-A: b\rc")]:
    bad_chunks("A trailer with %s is refused with 400" % what,
               b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n", row=26)

for extension in (b";a=b", b";a", b";a=\"b;c\"", b" ; a = b", b"\t;a=b", b";", b";a=b;c=d", b";\xc3\xa9"):
    acceptance("The chunk extension %r is ignored" % extension,
               CHUNKED + b"5" + extension + b"\r\nhello\r\n0" + extension + b"\r\n\r\n",
               says(200, b"hello"), row=28)
acceptance("A chunk's size may have zeros at its front and letters of both cases",
           CHUNKED + b"00a\r\n0123456789\r\n0A\r\nabcdefghij\r\n000\r\n\r\n",
           says(200, b"0123456789abcdefghij"))
acceptance("A body without a chunk is empty", CHUNKED + b"0\r\n\r\n", says(200, b""))
acceptance("A body of many small chunks is put together",
           CHUNKED + b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n", says(200, b"x" * 1000))
acceptance("A chunk's data may look like framing",
           CHUNKED + b"d\r\n0\r\n\r\nGET / HT\r\n0\r\n\r\n", says(200, b"0\r\n\r\nGET / HT"))


def has_no_trailer(answer):
    found = answer.json()
    equal(found.get("host"), "a", "Host")
    check("x-sneaky" not in found, "the trailer became a field")
    check("content-length" not in found or found["content-length"] == "5", "Content-Length")


acceptance("Trailers are read and dropped",
           b"POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
           b"0\r\nX-Sneaky: 1\r\nHost: evil\r\nContent-Length: 3\r\n\r\n", has_no_trailer, row=17)

# ---- bodies of methods that have none ----


def is_head(answer):
    equal(answer.status, 200, "the status")
    equal(answer.get("Content-Length"), "12", "Content-Length")


acceptance("The body of a HEAD is read and is no request",
           b"HEAD /hello HTTP/1.1\r\nHost: a\r\nContent-Length: " + LENGTH + b"\r\n\r\n"
           + SMUGGLED.replace(TOKEN, b"neverxxx"), is_head, row=5, to="HEAD")
acceptance("The chunked body of a HEAD is read and is no request",
           b"HEAD /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
           + b"%x\r\n" % len(SMUGGLED) + SMUGGLED.replace(TOKEN, b"neverxxx") + b"\r\n0\r\n\r\n",
           is_head, row=5, to="HEAD")
for method in (b"GET", b"DELETE"):
    acceptance("The body of a %s is read" % method.decode(),
               method + b" /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
               says(200, b"hello"), row=5)
for method in (b"TRACE", b"BREW", b"OPTIONS"):
    acceptance("The body of a %s is read and is no request" % method.decode(),
               method + b" /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + LENGTH + b"\r\n\r\n"
               + SMUGGLED.replace(TOKEN, b"neverxxx"),
               says(200 if method == b"OPTIONS" else 405), row=5)
acceptance("The body of a request for nothing that is there is read",
           b"POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", says(404, own=True))


@case("No body of a request has been taken for a request", row=5)
def _(t):
    equal(t.calls(b"neverxxx"), 0, "calls")


# ---- what the app sees ----

EVERY_BYTE = bytes(range(256)) * 3

acceptance("A body of every byte arrives as it was sent, with a Content-Length",
           b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 768\r\n\r\n" + EVERY_BYTE,
           says(200, EVERY_BYTE))
acceptance("A body of every byte arrives as it was sent, in chunks",
           CHUNKED + b"100\r\n" + EVERY_BYTE[:256] + b"\r\n200\r\n" + EVERY_BYTE[256:] + b"\r\n0\r\n\r\n",
           says(200, EVERY_BYTE))
acceptance("Without Content-Length and Transfer-Encoding there is no body",
           b"POST /echo HTTP/1.1\r\nHost: a\r\n\r\n", says(200, b""))


@case("A body of a megabyte in chunks of all sizes arrives as it was sent")
def _(t):
    body = bytes(i * 7 % 251 for i in range(1 << 20))
    data, at, size = bytearray(CHUNKED.replace(TOKEN, t.token())), 0, 1
    while at < len(body):
        piece = body[at:at + size]
        data += b"%x\r\n" % len(piece) + piece + b"\r\n"
        at, size = at + size, size * 3 % 70001 + 1
    client = t.connect().send(bytes(data) + b"0\r\n\r\n" + SMUGGLED)
    check(client.answer().body == body, "the body is another")
    equal(client.answer().body, b"Hello World!", "the next answer")


@case("Sixteen MiB arrive as they were sent, through a temporary file")
def _(t):
    body = bytes(range(256)) * 65536
    client = t.connect()
    for _ in range(2):
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.send(body)
        check(client.answer().body == body, "the body is another")
    equal(client.send(SMUGGLED).answer().body, b"Hello World!", "the next answer")


@case("The same body is read the same whether framed by length or by chunks, wherever it is cut")
def _(t):
    body = b"".join(b"%d\r\n" % n for n in range(40))
    for n in (1, 2, 3, 7, 15, 16, 17, len(body)):
        pieces = [body[i:i + n] for i in range(0, len(body), n)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        accepts(t, CHUNKED + chunks + b"0\r\n\r\n", says(200, body))
