"""The same as fortunes.lua."""
from flask import Flask, render_template

app = Flask(__name__, template_folder="jinja_templates")

messages = [
    "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "<script>alert(\"This should not be displayed in a browser alert box.\");</script>",
]


@app.get("/")
def fortunes():
    rows = [{"id": i, "message": messages[i % 5]} for i in range(1, 101)]
    return render_template("fortunes.html", rows=rows)
