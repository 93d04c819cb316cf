"""Saving the app's file while a page of it is open: each function whose name begins with test_
is a case, which serves an app of its own in debug mode."""
import os
import shutil
import tempfile
import time

from driver import Server

APP = r'''
local flask = require "cflask"
local app = flask.Flask(...)
local rows = ("<p>row</p>"):rep(300)

local function page()
    return [[<!doctype html><html><head><meta charset="utf-8"><title>%s</title></head><body>
        <form method="post"><button>Send</button></form>]] .. rows .. "</body></html>",
        {["Content-Security-Policy"] = "default-src 'self'"}
end
app:get("/", page)
app:post("/", page)
return app
'''


class Live:
    """The app with the title `one`, served. Use it with `with`. `behind` stands behind its end."""

    def __init__(self, behind=""):
        self.behind = behind

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "app.lua")
        self.save("one", self.behind)
        self.server = Server(self.path, "--debug").__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        shutil.rmtree(self.folder)

    def save(self, title, behind=""):
        with open(self.path + "~", "w") as file:
            file.write(APP % title + behind)
        os.rename(self.path + "~", self.path)


TITLE = "return document.title"
PLACE = "return Math.round(scrollY)"
BANNER = ("const box = document.querySelector('#cflask-banner');"
          "return box && /app\\.lua:\\d+/.test(box.textContent) && getComputedStyle(box).position")


def test_page_reloads_at_its_place_when_the_app_is_saved(browser):
    with Live() as live:
        browser.go(live.server.url)
        browser.run("scrollTo(0, 2000)")
        for title in ("two", "three", "four"):
            live.save(title)
            browser.await_value(TITLE, title)
            browser.await_value(PLACE, 2000)


def test_banner_shows_what_is_broken_and_goes_with_the_mend(browser):
    with Live() as live:
        browser.go(live.server.url)
        browser.await_value(TITLE, "one")
        live.save("two", "this is wrong\n")
        browser.await_value(BANNER, "fixed")          # on the page that is open
        browser.await_value(TITLE, "one")
        browser.go(live.server.url + "/?again")
        browser.await_value(BANNER, "fixed")          # and on one that is asked for now
        live.save("three")
        browser.await_value(TITLE, "three")
        browser.await_value("return document.querySelector('#cflask-banner')", None)


def test_error_page_gives_way_to_the_app_when_it_is_mended(browser):
    with Live("this is wrong\n") as live:
        browser.go(live.server.url)
        browser.await_value("return /app\\.lua:\\d+/.test(document.body.textContent)", True)
        live.save("two")
        browser.await_value(TITLE, "two")


def test_page_that_answers_a_form_is_not_sent_again(browser):
    with Live() as live:
        browser.go(live.server.url)
        browser.run("window.isFormer = true")
        browser.click("button")
        browser.await_value("return !window.isFormer && document.readyState === 'complete'", True)
        browser.run("window.isSame = true")
        live.save("two")
        browser.await_value("return document.querySelector('#cflask-banner') !== null", True)
        browser.await_value("return window.isSame", True)


def test_hidden_page_catches_up_when_it_is_shown(browser):
    with Live() as live:
        browser.go(live.server.url)
        browser.await_value(TITLE, "one")
        browser.run("""
            Object.defineProperty(document, 'visibilityState', {value: 'hidden', writable: true});
            document.dispatchEvent(new Event('visibilitychange'));""")
        live.save("two")
        time.sleep(0.5)
        browser.await_value(TITLE, "one")
        browser.run("""
            document.visibilityState = 'visible';
            document.dispatchEvent(new Event('visibilitychange'));""")
        browser.await_value(TITLE, "two")
