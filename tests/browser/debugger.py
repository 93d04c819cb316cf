"""The debugger's page of a failing app: each function whose name begins with test_ is a case,
which serves an app of its own in debug mode."""
import os
import shutil
import tempfile
import urllib.error
import urllib.request

from driver import Server

FILES = {
    "app.lua": '''
local flask = require "cflask"
local app = flask.Flask(...)
app:get("/", function()
    local cents = {tea = 350}
    local text = flask.render_template("page.html", {items = {"tea", "cake"}, price = function(item)
        local price = cents[item] / 100
        return price
    end})
    return text
end)
return app
''',
    "templates/layout.html": "<!doctype html><title>Shop</title>\n"
                             "<body>{% block body %}{% endblock %}</body>\n",
    "templates/page.html": '{% extends "layout.html" %}\n{% block body %}{% for item in items %}\n'
                           '{% include "item.html" %}\n{% endfor %}{% endblock %}\n',
    "templates/item.html": "<p>{{ item }}</p>\n<p class=price>{{ price(item) }}</p>\n",
}

FRAMES = """return [...document.querySelectorAll('.frame')].map(
    f => [f.querySelector('.name').textContent, f.querySelector('.place').textContent])"""
OUTPUT = """const all = document.querySelectorAll('[data-frame="1"] .output pre');
    return all.length ? all[all.length - 1].textContent : null"""
PROMPT = '[data-frame="1"] [name=code]'
FITS = "return document.documentElement.scrollWidth <= window.innerWidth"
BACKGROUND = "return getComputedStyle(document.body).backgroundColor"


class Shop:
    """The app, served. Use it with `with`."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        for name, text in FILES.items():
            self.save(name, text)
        self.server = Server(os.path.join(self.folder, "app.lua"), "--debug").__enter__()
        self.url = self.server.url
        self.pin = self.server.await_log(r"PIN is ([0-9-]+)").group(1)
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        shutil.rmtree(self.folder)

    def save(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + "~", "w") as file:
            file.write(text)
        os.rename(path + "~", path)


def enter(browser, text, expected):
    browser.type(PROMPT, text + "\n")
    browser.await_value(OUTPUT, expected)


def unlock(browser, shop):
    browser.type(PROMPT, "item\n")
    browser.await_value("return document.getElementById('pin').hidden", False)
    browser.type("#pin-text", "000-000-000")
    browser.click("#pin button")
    browser.await_value("return /not the PIN/.test(document.querySelector('#pin .fault').textContent)",
                        True)
    assert browser.run(OUTPUT) is None, "something was evaluated without the PIN"
    browser.run("document.getElementById('pin-text').value = ''")
    browser.type("#pin-text", shop.pin)
    browser.click("#pin button")
    browser.await_value(OUTPUT, '"cake"')


def test_debugger_shows_an_error_two_templates_deep_and_goes_when_it_is_mended(browser):
    with Shop() as shop:
        browser.go(shop.url)
        frames = browser.run(FRAMES)
        names = [name for name, _ in frames if name != "the view"]
        places = dict(frames)
        assert names[1:4] == ["item.html", "page.html", "layout.html"], frames
        assert places["item.html"].endswith("templates/item.html:2"), frames
        assert places["page.html"].endswith("templates/page.html:3"), frames
        assert places["layout.html"].endswith("templates/layout.html:2"), frames
        assert places["the view"].endswith("app.lua:6"), frames
        unlock(browser, shop)
        enter(browser, "cents", "{tea = 350}")
        enter(browser, "item = 'tea'; print(item)", "tea")
        enter(browser, "cents[item] / 100", "3.5")
        browser.await_value("return [...document.querySelectorAll('[data-frame=\"1\"] .locals dt')]"
                            ".find(d => d.textContent === 'item').nextElementSibling.textContent",
                            '"tea"')
        browser.run("document.querySelector('[data-frame=\"2\"]').open = true")
        assert browser.run("return /price\\(item\\)/.test(document.querySelector("
                           "'[data-frame=\"2\"] .here').textContent)")
        shop.save("app.lua", FILES["app.lua"].replace("cents[item] /", "(cents[item] or 0) /"))
        browser.await_value("return document.querySelectorAll('.price').length", 2)


def test_debugger_refuses_a_request_of_another_host(browser):
    with Shop() as shop:
        browser.go(shop.url)
        unlock(browser, shop)
        page = browser.run("return {...document.body.dataset}")
        refused = browser.run("""const page = arguments[0];
            return fetch('http://localhost:' + location.port + page.base + '/evaluate', {
                method: 'POST', mode: 'no-cors', credentials: 'include',
                body: JSON.stringify({id: page.id, secret: page.secret, frame: 1, code: 'cents.tea = 1'})
            }).then(r => r.type, e => 'refused')""", page)
        assert refused in ("opaque", "refused"), refused
        enter(browser, "cents", "{tea = 350}")
        request = urllib.request.Request(shop.url, headers={"Host": "evil.example"})
        try:
            urllib.request.urlopen(request)
            raise AssertionError("the page does not fail")
        except urllib.error.HTTPError as error:
            code, text = error.code, error.read().decode()
        assert code == 500 and "cents" not in text and "evil.example" in text, text


def test_debugger_fits_a_phone_and_is_dark_where_that_is_wanted(browser):
    with Shop() as shop:
        seen = set()
        for scheme in ("light", "dark"):
            browser.call("POST", "/goog/cdp/execute", {
                "cmd": "Emulation.setEmulatedMedia",
                "params": {"features": [{"name": "prefers-color-scheme", "value": scheme}]}})
            browser.go(shop.url)
            assert browser.run(FITS), "the page is wider than a phone"
            browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            assert browser.run(FITS), "the page with all opened is wider than a phone"
            seen.add(browser.run(BACKGROUND))
        assert len(seen) == 2, seen
        browser.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia",
                                                   "params": {"features": []}})


def test_debugger_asks_for_nothing_from_elsewhere(browser):
    with Shop() as shop:
        browser.go(shop.url)
        names = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
        assert names and all(name.startswith(shop.url) for name in names), names
