"""Templates that wait for what their functions do."""
from wire import case, check, equal


def get(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n"


# The function in the template waits until another request has been answered: a server that
# were held up would never answer either.
for kind, framing in (("render", "length"), ("stream", "chunked")):
    @case("While a template's function waits, others are answered (%s)" % kind)
    def _(t, kind=kind, framing=framing):
        server, token = t.serve(), t.token()
        waiting = t.connect(server).send(get(b"/template/" + kind.encode() + b"/" + token))
        other = t.connect(server)
        for _ in range(5):
            equal(other.send(get(b"/hello")).answer().status, 200, "the status")
        check(b"</b>" not in bytes(waiting.buffer), "the template did not wait")
        equal(other.send(get(b"/template/release/" + token)).answer().body, b"released", "the body")
        answer = waiting.answer()
        equal(answer.body, b"<b>/template/%s/%s %s</b>" % (kind.encode(), token, token), "the body")
        equal(answer.framing, framing, "the framing")
