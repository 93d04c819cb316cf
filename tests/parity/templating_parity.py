#!/usr/bin/python3
"""Renders a small site, of the kind that Flask's tutorial builds, by Flask and by cflask-lua, and
compares what both answer to the same requests, byte for byte.

The templates are in tests/parity/templating_site, and a report of more than 500 lines is written
for the run. The app stands here for Flask, and in templating.lua for cflask-lua.
"""
import difflib
import json
import os
import subprocess
import sys
import tempfile

try:
    import flask
    from markupsafe import Markup
except ImportError:
    print("skipped: Flask is not installed")
    sys.exit(77)

SERVER = os.path.join(os.environ.get("BUILD", "build"), "cflask-lua")
SITE = os.path.abspath("tests/parity/templating_site")
POSTS = [
    {"id": 1, "title": "First & last", "author": "ann", "tags": ["a", "b<c>"], "votes": 3,
     "body": "Hello\n\nSee https://example.org/a/long/path?a=1&b=2 or mail me@example.org."},
    {"id": 2, "title": "<script>", "author": "bob", "tags": [], "votes": 0.5, "body": ""},
    {"id": 30, "title": "Żółć \"ñ\" ß", "author": "carol", "tags": ["a"], "votes": -2,
     "body": "word " * 40},
]
SOURCE = """{% macro row(a, b='B') %}<td>{{ a }}</td><td>{{ b }}{{ caller() if caller }}</td>{% endmacro %}
{{ html }} {{ markup }} {{ html ~ markup }} {{ html + markup }} {{ markup + html }} {{ [html, markup] }}
{{ row(html) }}{% call row(1, b=markup) %}{{ html }}{% endcall %}
{{ request.args|length }} {{ request.args.q }} {{ request.args.get('zz', 'no') }} {{ request.args['q'] }}
{{ request.args.getlist('q') }} {{ 'q' in request.args }} {{ 'zz' in request.args }} {{ request.args.zz is defined }}
{{ request.headers.get('HOST') }} {{ request.headers['host'] }} {{ request.cookies.get('none', 'no cookie') }}
{{ request.is_json }} {{ request.url }} {{ request.base_url }} {{ request.host }} {{ request.scheme }}
{{ config.get('SITE_NAME') }} {{ config['SITE_NAME'] }} {{ config.NOPE is defined }} {{ config.DEBUG }}
{{ request.blueprint }} {{ request.content_type }} {{ request.content_length }} {{ request.referrer }} {{ request.date }}
{{ request.authorization }} {{ request.range }} {{ request.blueprint is none }} {{ request.origin is defined }}
{{ request.max_forwards or 'none' }} {{ request.if_modified_since }} {{ request.content_encoding|default('d') }}
{{ session.get('nothing', 'no session') }} {{ 'x' in session }} {{ g.get('x', 'no x') }} {{ 'x' in g }}
{{ url_for('blog.show', id=3, q='a b&c', tags=['x', 'y']) }} {{ url_for('static', filename='a b/ü.css') }}
{{ url_for('.show', id=1) }} {{ url_for('auth.login', _external=True, _scheme='https') }}
{{ get_flashed_messages() }} {{ {'b': 1, 'a': [none, true, 1.5, '<é>']}|tojson }} {{ [1, 2]|tojson(indent=2) }}
{{ 'a'|shout }} {{ 'a'|shout(2, '?') }} {{ 'a'|shout(mark='.') }}
{% for key, value in request.args.items() %}{{ key }}={{ value }};{% endfor %}{{ url_for(request.endpoint, **request.view_args) }}
"""
REQUESTS = [
    ["GET", "/", None], ["GET", "/?page=2&q=a%20b", None], ["GET", "/empty", None],
    ["GET", "/1?t=1&t=2&x=%3C", None], ["GET", "/2", None], ["GET", "/30", None],
    ["GET", "/1/edit", None], ["POST", "/1/edit", {"title": "New <t>", "body": "b & c"}],
    ["GET", "/auth/login", None], ["GET", "/auth/login?next=/x%22y", None],
    ["POST", "/auth/login", {"username": "ann \"x\"", "next": "/n"}], ["GET", "/auth/register", None],
    ["GET", "/string?q=1&q=%3C2%3E&items=i&keys=k", None], ["GET", "/report", None],
    ["POST", "/30/edit", {"title": "", "body": ""}], ["GET", "/create", None], ["GET", "/", None],
    ["GET", "/", None],
]


def make_app(report):
    app = flask.Flask("blog", root_path=SITE)
    app.config.update(SECRET_KEY="of the parity test", SITE_NAME="Blog & co")

    @app.template_filter()
    def shout(text, times=1, mark="!"):
        return text.upper() + mark * times

    @app.template_filter()
    def stars(votes):
        return Markup("<i>*</i>" * max(0, int(votes)))

    @app.template_test()
    def having_tag(posts, tag):
        return any(tag in post["tags"] for post in posts)

    @app.context_processor
    def of_app():
        return {"menu": [("blog.index", "Posts"), ("auth.login", "Log in")], "motto": "app's",
                "year": 2024}

    def post_of(id):
        for post in POSTS:
            if post["id"] == id:
                return post
        flask.abort(404)

    blog = flask.Blueprint("blog", "blog", root_path=SITE)
    blog.context_processor(lambda: {"motto": "blog's", "hint": "none"})

    @blog.route("/")
    def index():
        flask.g.user = {"name": "Ann <ann>", "id": 7}
        return flask.render_template("blog/index.html", posts=POSTS, year=1999)

    @blog.route("/empty")
    def empty():
        return flask.render_template("blog/index.html", posts=[])

    @blog.route("/<int:id>")
    def show(id):
        return flask.stream_template("blog/show.html", post=post_of(id))

    @blog.route("/<int:id>/edit", methods=["GET", "POST"])
    def edit(id):
        if flask.request.method == "POST" and not flask.request.form["title"]:
            flask.flash("Title is <required>.", "error")
            flask.flash("Nothing was saved.")
        return flask.render_template(["blog/nope.html", "blog/edit.html"], post=post_of(id))

    @blog.route("/create")
    def create():
        flask.flash("Saved & sound")
        return flask.redirect(flask.url_for(".index"))

    @blog.route("/string")
    def string():
        return flask.render_template_string(SOURCE, html="<b>", markup=Markup("<i>"))

    @blog.route("/report", endpoint="report")
    def show_report():
        return flask.render_template("report.html", n=100, posts=POSTS)

    auth = flask.Blueprint("auth", "auth", root_path=SITE + "/auth", url_prefix="/auth",
                           template_folder="templates")
    auth.context_processor(lambda: {"motto": "auth's", "hint": "Type <your> name"})

    @auth.route("/login", methods=["GET", "POST"])
    def login():
        return flask.render_template("auth/login.html", error="none")

    @auth.route("/register")
    def register():
        return flask.render_template("auth/register.html")

    app.register_blueprint(blog)
    app.register_blueprint(auth)
    app.register_blueprint(flask.Blueprint("report", "report", root_path=report, template_folder="."))
    return app


def write_report(folder):
    """A page of more than 500 lines."""
    rows = "".join(
        "<tr class=\"{{ loop.cycle('a', 'b') if loop is defined else 'r%d' }}\">\n"
        "  {%% if n > %d %%}<td>{{ posts[%d].title }}</td>{%% else %%}<td>%d</td>{%% endif %%}\n"
        "  <td>{{ url_for('blog.show', id=%d) }}</td>\n</tr>\n" % (i, i, i % 3, i, i)
        for i in range(130))
    with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as out:
        out.write("{% extends 'base.html' %}\n{% block title %}Report{% endblock %}\n"
                  "{% block content %}\n<table>\n" + rows + "</table>\n{% endblock %}\n")


def ours(report):
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as given:
        json.dump({"posts": POSTS, "source": SOURCE, "requests": REQUESTS}, given)
        given.flush()
        done = subprocess.run([SERVER, "lua", "tests/parity/templating.lua", SITE, report, given.name],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    if len(answers) != len(REQUESTS):
        print(done.stderr.decode(errors="replace"))
    return answers, done.stderr.decode(errors="replace")


def text_of(theirs):
    """Werkzeug 2 leaves in request.url encoded what Werkzeug 3, and ours, show."""
    return theirs.text.replace("/string?q=1&amp;q=%3C2%3E", "/string?q=1&amp;q=&lt;2&gt;")


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as report:
        write_report(report)
        client = make_app(report).test_client()
        answers, log = ours(report)
        for i, (method, path, form) in enumerate(REQUESTS):
            theirs = client.open(path, method=method, data=form)
            our = answers[i] if i < len(answers) else {"status": 0, "body": ""}
            if (theirs.status_code, text_of(theirs)) == (our["status"], our["body"]) or \
                    (theirs.status_code == our["status"] == 302):
                passed += 1
                continue
            failed += 1
            print("%s %s: %d, Flask has %d" % (method, path, our["status"], theirs.status_code))
            sys.stdout.writelines(difflib.unified_diff(
                text_of(theirs).splitlines(True), our["body"].splitlines(True), "Flask", "ours", n=0))
    if failed:
        print("\n" + log)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
