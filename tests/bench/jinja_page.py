#!/usr/bin/python3
"""The same pages as jinja.lua, by Debian's Jinja2: microseconds per page."""
import sys
import time

import jinja2

env = jinja2.Environment(loader=jinja2.FileSystemLoader(sys.argv[1]), autoescape=True)
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 500
messages = [
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "<script>alert(\"This should not be displayed in a browser alert box.\");</script>",
]
rows = [{"id": i, "message": messages[i % 5]} for i in range(1, 101)]
users = [
    {"name": "user <%d>" % i, "mail": "u%d@example.org" % i, "active": i % 3 == 0}
    for i in range(1, 21)
]


def measure(name, template, **context):
    size = len(template.render(**context))
    start = time.process_time()
    for _ in range(rounds):
        template.render(**context)
    spent = (time.process_time() - start) / rounds * 1e6
    print("%-24s %8.1f us (%d bytes)" % (name, spent, size))


measure("fortunes", env.get_template("fortunes.html"), rows=rows)
measure("inheritance and macros", env.get_template("page.html"), users=users, title="A & B")
