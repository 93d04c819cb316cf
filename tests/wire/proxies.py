"""Clients behind proxies: PROXY_FIX."""
from wire import await_true, case, equal

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
