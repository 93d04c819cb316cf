#!/usr/bin/python3
"""Compares the template engine with Debian's Jinja2: what Python's makes of the cases below is
recorded in the corpus's format, and jinja.lua holds the engine to it.

Run from the top of the tree. It builds jinja_driver.c into $BUILD (build) with $CC (cc) for
lua5.4. The pages are those of tests/parity/jinja_site, made as a small blog's templates are.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import jinja2
    from jinja2.exceptions import TemplateError
except ImportError:
    print("skipped: Jinja2 is not installed")
    sys.exit(77)

BUILD = os.environ.get("BUILD", "build")
DRIVER = os.path.join(BUILD, "tests/parity/jinja_driver")
SITE = os.path.join("tests/parity", "jinja_site")
POSTS = [
    {"id": 1, "title": "First & last", "author": "ann", "tags": ["a", "b<c>"], "votes": 3,
     "body": "Hello\n\nSee https://example.org/x?a=1&b=2 or mail me@example.org."},
    {"id": 2, "title": "<script>", "author": "Bob", "tags": [], "votes": 0.5, "body": ""},
    {"id": 30, "title": "Żółć ñ ß", "author": "carol", "tags": ["a"], "votes": -2, "body": "x" * 90},
]
CONTEXT = {
    "posts": POSTS, "user": {"name": "Ann <ann>", "id": 7, "admin": True}, "n": 5, "x": 2.5,
    "empty": [], "none": None, "words": ["one", "Two", "three"], "html": "<b>bold</b> & more",
    "d": {"b": 1, "a": [1, 2.0, None], "c": {"k": "v"}}, "messages": [["info", "Saved <ok>"]],
}

EXPRESSIONS = """
1 + 2 * 3 - 4 / 2
7 // 2 ~ ' ' ~ -7 // 2 ~ ' ' ~ 7 % 3 ~ ' ' ~ -7 % 3 ~ ' ' ~ 2 ** 10 ~ ' ' ~ 2 ** -1
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0, 'a' in 'cab', 3 not in [1, 2]
not none and 1 or 2
words[-1] ~ words[0][1:] ~ words[::-1]|join
'abcdef'[1:4], 'abcdef'[::-2], [1, 2, 3][-2:]
posts|map(attribute='title')|join(', ')
posts|selectattr('votes', 'gt', 0)|map(attribute='id')|list
posts|rejectattr('tags')|map(attribute='author')|list
posts|sort(attribute='author')|map(attribute='author')|list
posts|sort(attribute='votes', reverse=true)|map(attribute='id')|join('-')
posts|sum(attribute='votes')
posts|groupby('author')|map(attribute='grouper')|list
posts|map(attribute='author')|map('upper')|unique|list
d|dictsort, d.items()|list, d|length, d.c.k
d|tojson
{'a': [1, 2.5, true, none, 'é"<']}|tojson(indent=2)
html|e, html|safe, html|striptags, html|forceescape, html|upper|safe
'%s is %05.2f and %-4d|%x' % ('pi', 3.14159, 42, 255)
'{} {1} {name:>6} {0!r:^8} {x:,.2f}'.format('a', 'b', name='n', x=12345.678) if false else 'x'
'{:>6}|{:^7}|{:<5}|{:05d}|{:+.1f}|{:,}'.format('a', 'b', 'c', 42, 1.25, 1234567)
'hello world'|title, 'hello'|capitalize, 'ß'|upper, 'Ä'|lower
'a long sentence that goes on'|truncate(12), 'abc'|center(9), 'x y z'|wordcount
'the quick brown fox jumps'|wordwrap(10)
'line one\\nline two'|indent(3, true)
12345678|filesizeformat, 12345678|filesizeformat(true), 1|filesizeformat, 999|filesizeformat
2.5|round, 3.14159|round(2), 2.1|round(0, 'ceil'), -3|abs, '42'|int + 1, '4.5'|float, 'x'|int(9)
[3, 1, 2]|sort, [3, 1, 2]|min, [3, 1, 2]|max, ['b', 'A']|sort, [1, 2, 3, 4]|batch(3, 0)|list
range(10)|slice(3)|list, range(3, 9, 2)|list, range(5)|reverse|list
[1, [2, 'x'], (3,), {'k': none}], (1, 2) == (1, 2), [] or 'none'
missing|default('dflt'), ''|default('e', true), missing is defined, none is none, n is odd
n is divisibleby 5, 'a' is string, d is mapping, words is sequence, n is number, x is float
'x'|urlencode, 'a b&c/d'|urlencode, {'a': 1, 'b c': 'd&'}|urlencode
posts[0].body|urlize(25, target='_blank')
{'class': 'a b', 'id': none, 'data-x': '<'}|xmlattr
1e16, 1e-5, 0.1 + 0.2, 100.0, 1.5e300 * 1e10, 10 ** 15
true and 'yes', 'a' if n > 3 else 'b', ('c' if false)
words|join(', ')|replace('o', '0', 2)
'a,b,,c'.split(','), ' x '.strip() ~ '|', 'a-b'.partition('-'), 'abc'.find('c'), 'a'.zfill(3)
'Abc'.swapcase(), 'abc'.startswith('ab'), 'a b'.title(), '-'.join(words), 'x'.rjust(3, '.')
d.get('zz', 'no'), d.keys()|list, d.values()|list|length
""".strip("\n").split("\n")

STATEMENTS = [
    "{% for w in words %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}"
    "{{ loop.revindex0 }}{{ loop.cycle('o', 'e') }}{{ loop.previtem }}{{ loop.nextitem }}\n"
    "{% else %}no{% endfor %}",
    "{% for p in posts if p.votes > 0 %}{{ loop.index }}{{ p.id }}{% else %}none{% endfor %}",
    "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}{% for x in empty %}{% else %}E{% endfor %}",
    "{% for p in posts recursive %}<{{ loop.depth }}{{ p.id or p }}{% if p.tags %}{{ loop(p.tags) }}"
    "{% endif %}>{% endfor %}",
    "{% set a = 1 %}{% for i in [1, 2] %}{% set a = a + i %}{{ a }}{% endfor %}{{ a }}",
    "{% set ns = namespace(t=0) %}{% for i in range(5) %}{% set ns.t = ns.t + i %}{% endfor %}{{ ns.t }}",
    "{% macro m(a, b='B', c=a) %}{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}{% endmacro %}"
    "{{ m(1) }}|{{ m(1, 2, 3, 4, z=5) }}|{{ m(b=1, a=2) }}|{{ m.name }}{{ m.arguments }}",
    "{% macro w(t) %}<{{ t }}>{{ caller(t, 2) }}</{{ t }}>{% endmacro %}"
    "{% call(x, y) w('p') %}{{ x }}{{ y }}{{ n }}{% endcall %}",
    "{% set b %}<i>{{ n }}</i>{% endset %}{{ b }}{% set c | upper %}x{{ b }}{% endset %}{{ c }}",
    "{% with a = 1, b = n %}{{ a + b }}{% endwith %}{{ a is defined }}",
    "{% filter upper|replace('B', '<') %}abc {{ html }}{% endfilter %}",
    "{% autoescape false %}{{ html }}{% endautoescape %}{% autoescape true %}{{ html }}{% endautoescape %}",
    "  {%- if n %}  a  {%- endif -%}  b\n\n{{- n -}}\n c {# note -#}  d",
    "{% raw %}{{ n }}{% if %}{% endraw %}{{ '{{' }}",
    "{% if n == 1 %}a{% elif n > 3 and not none %}b{% else %}c{% endif %}{% if missing %}x{% endif %}",
    "{{ cycler('a', 'b').next() }}{% set j = joiner('|') %}{% for w in words %}{{ j() }}{{ w }}{% endfor %}",
    "{% set l = [n] %}{% set t = (l,) %}{% set e = {'l': l} %}{% set x = l.append(l) or l.append(t) or "
    "l.append(e) or l.append(words) or l.append(words) %}{{ l }}{{ t }}{{ e }}",
    "{% set x, y = (1, 2) %}{{ x }}{{ y }}{% set z = [x, y]|map('string')|join %}{{ z }}",
]

ERRORS = [
    "a\n{{ missing.x }}", "{% if %}", "{% for x in %}{% endfor %}", "{{ 1 + }}", "{{ (1, 2 }}", "{% endif %}",
    "{% block a %}{% block a %}{% endblock %}{% endblock %}", "\n\n{{ n|nope }}", "{{ n is nope }}",
    "{% include 'gone' %}", "{% extends 'gone' %}", "{{ d.zz.y }}", "{% set a.b = 1 %}", "{{ missing() }}",
    "{% macro m(a=1, b) %}{% endmacro %}", "{{ '\\x' }}", "{{ 'open }}", "{% if n %}\n\n", "{{ n $ }}",
    "{% for i in [1] %}{{ i }}{% endif %}", "{{ none.x.y }}", "{{ words|dictsort(by='q') }}",
]


def load(folder):
    sources = {}
    for path in glob.glob(os.path.join(folder, "**", "*.*"), recursive=True):
        with open(path, encoding="utf-8") as file:
            sources[os.path.relpath(path, folder)] = file.read()
    return sources


def record(name, templates, main, options):
    """What Python's Jinja2 makes of a case, in the corpus's form."""
    case = {"id": name, "env": options, "templates": templates, "main": main, "tags": ["own"],
            "context": {k: v for k, v in CONTEXT.items() if k != "none"}}
    env = jinja2.Environment(loader=jinja2.DictLoader(templates), **options)
    phase = "compile"
    try:
        template = env.get_template(main)
        phase = "render"
        case["expect"] = {"output": template.render(CONTEXT)}
    except TemplateError as error:
        case["expect"] = {"error": type(error).__name__, "phase": phase, "message": str(error)}
        if hasattr(error, "lineno"):
            case["expect"]["line"] = error.lineno
    return case


def cases():
    for i, expression in enumerate(EXPRESSIONS):
        for escape in (False, True):
            source = "{{ %s }}" % expression
            yield record("expression %d" % i, {"main": source}, "main", {"autoescape": escape})
    for i, source in enumerate(STATEMENTS):
        for options in ({}, {"autoescape": True}, {"trim_blocks": True, "lstrip_blocks": True}):
            yield record("statement %d" % i, {"main": source}, "main", options)
    for i, source in enumerate(ERRORS):
        yield record("error %d" % i, {"main": source}, "main", {})
    site = load(SITE)
    rows = "".join("<tr>{%% if n > %d %%}{{ posts[%d].title }}{%% else %%}%d{%% endif %%}</tr>\n" %
                   (i, i % 3, i) for i in range(520))
    site["long.html"] = "{% extends 'base.html' %}{% block content %}<table>\n" + rows + \
        "</table>{% endblock %}\n"
    for name in sorted(site):
        if not name.startswith("_"):
            yield record("site " + name, site, name, {"autoescape": True})


def main():
    subprocess.run(["make", "-s", "BUILD=" + BUILD, DRIVER], check=True, stdout=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as corpus:
        for case in cases():
            corpus.write(json.dumps(case) + "\n")
        corpus.flush()
        done = subprocess.run([DRIVER, "tests/parity/jinja.lua", corpus.name, "-q"],
                              stdout=subprocess.PIPE, text=True, errors="replace")
    lines = [l for l in done.stdout.splitlines() if not re.match("portable:", l)]
    print("\n".join(lines))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
