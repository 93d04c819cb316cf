"""The same as sqlite.lua, with one connection for the process, which is Flask's quickest way."""
import os
import sqlite3

from flask import Flask, render_template

app = Flask(__name__, template_folder="jinja_templates")
db = sqlite3.connect(os.environ["BENCH_DATABASE"], check_same_thread=False)
db.row_factory = sqlite3.Row
ONE = "SELECT id, message FROM greeting WHERE id = ?"
last = 0


def next_row():
    global last
    last = last % 10000 + 1
    return db.execute(ONE, (last,)).fetchone()


def row():
    return next_row()["message"]


def twenty():
    for _ in range(20):
        found = next_row()
    return found["message"]


def fortunes():
    return render_template("fortunes.html", rows=db.execute("SELECT id, message FROM fortune").fetchall())


app.add_url_rule("/", view_func={"row": row, "twenty": twenty, "fortunes": fortunes}[os.environ["BENCH_VIEW"]])
