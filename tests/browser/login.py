"""apps/login: who may see what, form tokens, remember-me."""


def log_in(browser, name, password, remember=False):
    browser.run("document.querySelector('#login [name=name]').value = ''")
    browser.type("#login [name=name]", name)
    browser.type("#login [name=password]", password)
    if remember:
        browser.click("#login [name=remember]")
    browser.click("#login button")


def test_login_leads_back_to_the_page_that_asked_for_it(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/private")
    browser.await_value("return location.pathname", "/login")
    log_in(browser, "ann", "wrong")
    browser.await_value("return document.querySelector('.flash.error') !== null", True)
    log_in(browser, "ann", "green tea")
    browser.await_value("return location.pathname", "/private")
    browser.await_value("return document.querySelector('#who').textContent", "ann")
    browser.go(url + "/admin")
    browser.await_value("return document.querySelector('h1').textContent", "Users")


def test_login_is_refused_a_page_of_another_role(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/login?next=//evil.test/")
    log_in(browser, "bob", "assam")
    browser.await_value("return location.pathname", "/private")
    browser.go(url + "/admin")
    browser.await_value("return document.querySelector('h1').textContent", "This was refused")


FORGE = """const form = document.createElement('form');
form.method = 'post'; form.action = arguments[0] + '/logout';
document.body.append(form); form.submit()"""


def test_login_form_without_a_token_is_refused(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/login")
    log_in(browser, "ann", "green tea")
    browser.await_value("return location.pathname", "/private")
    for page in (url, url.replace("127.0.0.1", "localhost")):  # this site, and another
        browser.go(page + "/")
        browser.run(FORGE, url)
        browser.await_value("return location.origin + location.pathname", url + "/logout")
        browser.await_value(
            "return document.querySelector('#reason').textContent.slice(0, 25)",
            "The CSRF token is missing")
    browser.go(url + "/private")
    browser.await_value("return document.querySelector('#who').textContent", "ann")


def test_login_is_remembered_without_being_fresh(browser, url):
    how = "return document.querySelector('#how').textContent"
    browser.call("DELETE", "/cookie")
    browser.go(url + "/private")
    log_in(browser, "ann", "green tea", remember=True)
    browser.await_value(how, "You have logged in just now.")
    browser.call("DELETE", "/cookie/session")  # what closing the browser does
    browser.go(url + "/private")
    browser.await_value(how, "This browser remembered you.")
    browser.go(url + "/settings")
    browser.await_value("return location.pathname", "/login")
    log_in(browser, "ann", "green tea")
    browser.await_value("return location.pathname", "/settings")
    browser.click("#settings button")
    browser.await_value("return document.querySelector('.flash')?.textContent", "Kept.")


def test_login_ends_with_logging_out(browser, url):
    browser.call("DELETE", "/cookie")
    browser.go(url + "/private")
    log_in(browser, "ann", "green tea", remember=True)
    browser.await_value("return location.pathname", "/private")
    browser.click("#logout button")
    browser.await_value("return location.pathname", "/")
    names = {cookie["name"] for cookie in browser.call("GET", "/cookie")}
    assert "remember_token" not in names, names
    browser.go(url + "/private")
    browser.await_value("return location.pathname", "/login")
