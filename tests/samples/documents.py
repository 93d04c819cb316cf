"""What the documents say of the tree: links, the table of limits, the maps of folders."""
import glob
import json
import os
import re
import subprocess
import tempfile

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
UNITS = {"seconds": " s", "bytes": " bytes", "count": ""}
LIST_LIMITS = ('local core = require "cflask.core" '
               "print(core.json.encode(core.option_table()))")


def read(path):
    with open(path) as file:
        return file.read()


def anchors_of(text):
    """The anchors that the headings of a document have, as forges make them."""
    titles = re.findall(r"^#+ +(.*)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_link(document, link):
    """Why a link of the document leads nowhere, or None. Those to other sites are not tried."""
    if re.match(r"[a-z]+:", link):
        return None
    path, _, anchor = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    if not os.path.exists(target):
        return "there is no %s" % target
    if anchor and anchor not in anchors_of(read(target)):
        return "%s has no heading #%s" % (target, anchor)
    return None


def check_links(document):
    links = LINK.findall(FENCE.sub("", read(document)))
    return [fault for fault in (broken_link(document, link) for link in links) if fault]


def check_limits(binary):
    """The README's table of limits is that of server/options.c."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LIST_LIMITS)
        script.flush()
        done = subprocess.run([binary, "lua", script.name], text=True, capture_output=True,
                              timeout=180)
    if done.returncode != 0 or not done.stdout:
        return ["the limits can't be read: " + done.stderr]
    limits = {limit["key"]: "%d%s" % (limit["default"], UNITS[limit["unit"]])
              for limit in json.loads(done.stdout)}
    table = dict(re.findall(r"^\| ([A-Z_]+) \| ([^|]*?) \|", read("README.md"), re.M))
    return ["%s is %s in the README, %s in the server" % (key, table.get(key), limits.get(key))
            for key in sorted(set(limits) | set(table)) if table.get(key) != limits.get(key)]


def check_first_sample():
    """apps/hello is what the README begins with."""
    sample = re.search(r"^```lua\n(?:-- file: [^\n]*\n)?(.*?)^```$", read("README.md"), re.M | re.S)
    same = sample and sample.group(1) == read("apps/hello/app.lua")
    return [] if same else ["apps/hello/app.lua is not the README's first sample"]


def check_map(document, pattern):
    """The folder's README names each of its files."""
    text = read(document)
    names = sorted(os.path.basename(path) for path in glob.glob(pattern))
    missing = [name for name in names if "`%s`" % name not in text]
    return ["%s does not name %s" % (document, name) for name in missing] or (
        [] if names else ["there is no file %s" % pattern])


def checks(binary):
    """Name and faults of each check; the working directory is the top folder."""
    documents = sorted(glob.glob("*.md") + glob.glob("[!b]*/*.md") + glob.glob("apps/*/*.md"))
    for document in documents:
        yield "links of " + document, check_links(document)
    yield "table of limits", check_limits(binary)
    yield "first sample", check_first_sample()
    yield "map of server/", check_map("server/README.md", "server/*.c")
    yield "map of lua/", check_map("lua/README.md", "lua/cflask/*.lua")
