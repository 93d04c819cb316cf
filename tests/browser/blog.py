"""apps/blog: from registering to deleting, by mouse, by keyboard, on a phone, without a script."""
import base64
import tempfile

GIF = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")
PATH = "return location.pathname"
COUNT = "return document.querySelectorAll('%s').length"


def text_of(css):
    return "return document.querySelector('%s')?.textContent.trim()" % css


def fill(browser, form, **fields):
    for name, value in fields.items():
        field = "%s [name=%s]" % (form, name)
        browser.run("document.querySelector('%s').value = ''" % field)
        browser.type(field, value)


def log_in(browser, url, name, password="green tea"):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/auth/login")
    fill(browser, "#login", name=name, password=password)
    browser.click("#login button")
    browser.await_value(PATH, "/")


def test_blog_from_register_to_delete(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/auth/register")
    fill(browser, "#register", name="dora", password="a long password", again="another one")
    browser.click("#register button")
    browser.await_value(text_of("#again-fault"), "The two passwords differ.")
    browser.await_value("return document.querySelector('#name').value", "dora")
    fill(browser, "#register", password="a long password", again="a long password")
    browser.click("#register button")
    browser.await_value(text_of(".flash"), "Welcome, dora.")

    browser.click("nav .write")
    browser.await_value(PATH, "/create")
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(GIF)
        file.flush()
        fill(browser, "#edit", title="Tea <b>& rain</b>", body="It **rains**.\n\n- a roof\n- a cup",
             picture_alt="A white dot")
        browser.type("#edit [name=picture]", file.name)
        browser.click("#edit button")
        browser.await_value(text_of("h1"), "Tea <b>& rain</b>")  # the file is there until then
    browser.await_value(text_of(".prose strong"), "rains")
    browser.await_value(COUNT % ".prose li", 2)
    browser.await_value("return document.querySelector('.picture').naturalWidth", 1)
    browser.await_value("return document.querySelector('.picture').alt", "A white dot")
    post = browser.run(PATH)

    fill(browser, "#comment", body="My own comment")
    browser.click("#comment button")
    browser.await_value(text_of(".comment .prose"), "My own comment")
    browser.await_value("return location.hash.startsWith('#comment-')", True)
    browser.click(".comment .delete summary")
    browser.click(".comment .delete button")
    browser.await_value(text_of("#comments-title"), "No comments")

    browser.click(".post .tools .button")
    browser.await_value(PATH, post + "/update")
    fill(browser, "#edit", title="Zebra finches")
    browser.click("#remove_picture")
    browser.click("#edit button")
    browser.await_value(text_of("h1"), "Zebra finches")
    browser.await_value(COUNT % ".picture", 0)
    browser.await_value(text_of(".flash"), "Saved.")

    browser.type("#q", "zebr\n")
    browser.await_value(PATH, "/search")
    browser.await_value(text_of(".found mark"), "Zebra")
    browser.click(".found h2 a")
    browser.await_value(PATH, post)

    browser.click("#delete-post summary")
    browser.click("#delete-post button")
    browser.await_value(PATH, "/")
    browser.await_value("return /Zebra finches. is deleted/.test(document.body.textContent)", True)
    browser.go(url + post)
    browser.await_value(text_of("h1"), "Nothing here")

    browser.click("#logout button")
    browser.await_value(PATH, "/")
    browser.go(url + "/create")
    browser.await_value(PATH, "/auth/login")


def test_blog_shows_its_samples_in_pages(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url)
    browser.await_value(COUNT % ".card", 7)
    browser.await_value("return [...document.images].filter(i => i.complete && !i.naturalWidth).length", 0)
    browser.click(".pagination [rel=next]")
    browser.await_value("return location.search", "?page=2")
    browser.await_value(COUNT % ".card", 3)


def test_blog_lets_an_admin_give_roles(browser, url):
    log_in(browser, url, "cleo")
    browser.go(url + "/admin/")
    browser.await_value(text_of("h1"), "Not yours to open")
    log_in(browser, url, "ann")
    browser.go(url + "/admin/")
    browser.type("#role-cleo select", "editor")
    browser.click("#role-cleo button")
    browser.await_value(text_of(".flash"), "cleo is editor now.")
    browser.type("#role-ann select", "writer")
    browser.click("#role-ann button")
    browser.await_value(text_of(".flash.error"), "ann is the last admin: make another one first.")


PAGES = ["/", "/?page=2", "/10", "/authors/ann", "/search?q=tea", "/pages/about", "/pages/formatting",
         "/pages/api", "/auth/login", "/auth/register", "/nowhere", "/create", "/10/update",
         "/auth/account", "/admin/"]

# What a person would look for: a label for each field, an alt for each picture, one h1, headings
# without a gap, no id twice, a language, a title.
FAULTS = """
const faults = [], say = (is, what) => is || faults.push(what);
for (const e of document.querySelectorAll('input:not([type=hidden]), textarea, select'))
    say(e.labels?.length || e.ariaLabel, 'no label: ' + e.name);
for (const e of document.images) say(e.hasAttribute('alt'), 'no alt: ' + e.src);
for (const e of document.querySelectorAll('a, button, summary'))
    say(e.textContent.trim() || e.querySelector('[alt]:not([alt=""])'), 'no words: ' + e.outerHTML);
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
say(new Set(ids).size === ids.length, 'an id twice');
for (const e of document.querySelectorAll('[aria-describedby], [aria-labelledby], label[for]'))
    for (const id of (e.getAttribute('aria-describedby') || e.getAttribute('aria-labelledby') || e.htmlFor).split(' '))
        say(ids.includes(id), 'no such id: ' + id);
say(document.querySelectorAll('h1').length === 1, 'not one h1');
let level = 1;
for (const e of document.querySelectorAll('h1, h2, h3, h4')) {
    say(+e.tagName[1] <= level + 1, 'a gap before ' + e.textContent);
    level = +e.tagName[1];
}
say(document.documentElement.lang === 'en' && document.title.length > 20, 'no lang or title');
say(document.querySelectorAll('main').length === 1, 'not one main');
say(!document.querySelector('script:not([src^="/__cflask__/"]), style, [style], [onclick]'), 'a script or style on the page');
say(document.documentElement.scrollWidth <= innerWidth, 'wider than the window');
return faults"""

# The texts whose colour and ground have a contrast below 4.5, as WCAG counts it; the ground is the
# nearest one that is painted.
PALE = """
const rgb = c => c.match(/[\\d.]+/g).map(Number);
const light = c => { const [r, g, b] = rgb(c).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                     return .2126 * r + .7152 * g + .0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
                      const v = rgb(c); if (v.length < 4 || v[3] > 0) return c; } return 'rgb(255,255,255)'; };
const pale = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest('[aria-hidden]')) continue;
    const a = light(getComputedStyle(e).color), b = light(ground(e));
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) pale.push(contrast.toFixed(2) + ' ' + walk.currentNode.data.trim().slice(0, 40));
}
return pale"""


def size(browser, width, height, scheme):
    for command, params in (
            ("Emulation.setDeviceMetricsOverride",
             {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
            ("Emulation.setEmulatedMedia",
             {"features": [{"name": "prefers-color-scheme", "value": scheme}]})):
        browser.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})


def test_blog_has_labels_contrast_and_room_everywhere(browser, url):
    log_in(browser, url, "ann")
    try:
        for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
            size(browser, width, 800, scheme)
            for page in PAGES:
                browser.go(url + page)
                for script in (FAULTS, PALE):
                    found = browser.run(script)
                    assert not found, (width, scheme, page, found)
    finally:
        browser.call("POST", "/goog/cdp/execute",
                     {"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}})
        browser.call("POST", "/goog/cdp/execute",
                     {"cmd": "Emulation.setEmulatedMedia", "params": {"features": []}})


TAB = "\ue004"


def press(browser, keys):
    actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
    browser.call("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})


def test_blog_is_used_by_keyboard(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/")
    press(browser, [TAB])
    browser.await_value("return document.activeElement.className", "skip")
    browser.await_value("return document.activeElement.getBoundingClientRect().top >= 0", True)
    press(browser, ["\ue007"])
    browser.await_value("return document.activeElement.id", "main")
    # Each thing that has the focus shows it.
    browser.go(url + "/")
    seen = set()
    for _ in range(25):
        press(browser, [TAB])
        seen.add(browser.run("return document.activeElement.outerHTML.slice(0, 60)"))
        shown = browser.run(
            "const e = document.activeElement, width = w => parseFloat(getComputedStyle(e, w).outlineWidth);"
            "return e === document.body || getComputedStyle(e).outlineStyle !== 'none' && width() >= 2"
            " || getComputedStyle(e, '::after').outlineStyle !== 'none' && width('::after') >= 2")
        assert shown, browser.run("return document.activeElement.outerHTML")
    assert len(seen) > 15, seen
    # Logging in without a mouse.
    browser.go(url + "/auth/login")
    browser.run("document.querySelector('#name').focus()")
    press(browser, list("bob") + [TAB] + list("green tea") + ["\ue007"])
    browser.await_value("return /bob/.test(document.querySelector('nav .me')?.textContent)", True)
    browser.go(url + "/9")
    browser.run("document.querySelector('#delete-post summary').focus()")
    press(browser, [" "])
    browser.await_value("return document.querySelector('#delete-post').open", True)


def test_blog_runs_no_script_of_a_writer(browser, url):
    """What the policy does, should a template forget to escape."""
    browser.go(url + "/")
    browser.run("const s = document.createElement('script'); s.textContent = 'window.was_run = 1';"
                "document.body.append(s)")
    assert browser.run("return window.was_run === undefined")
