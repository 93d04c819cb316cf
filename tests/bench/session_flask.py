from flask import Flask, session

app = Flask(__name__)
app.secret_key = "0b75ab8b2b2c7ab9a2d31c2e37f1a7c2"


@app.get("/")
def hello():
    session["visits"] = session.get("visits", 0) + 1
    return "Hello, World!"
