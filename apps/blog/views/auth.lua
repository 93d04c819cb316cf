-- Registering, logging in and out, one's own account. What to learn here: refuse alike what must not be
-- told apart, slow down who guesses, and ask for the password again before it is changed.
local flask = require "cflask"
local forms = require "forms"
local users = require "models.users"
local login, request = flask.login, flask.request

local function password_rules(label)
    local min = flask.current_app.config.MIN_PASSWORD_LENGTH
    return {name = "password", label = label, min = min, max = 200, raw = true},
        {name = "again", label = "The repetition", max = 200, raw = true, equal = "password",
         advice = "The two passwords differ."}
end

-- ## Registering

local function register_rules()
    local password, again = password_rules("The password")
    return {
        {name = "name", label = "The name", min = 2, max = 30, pattern = "^[%w_-]+$",
         advice = "The name may have letters (a to z), digits, - and _ alone."},
        password, again,
    }
end

local function register_page(values, faults)
    return flask.render_template("auth/register.html", {values = values, faults = faults}),
        faults and 422 or 200
end

local function register()
    if request.method == "GET" then
        return register_page({})
    end
    local values, faults = forms.check(forms.of(request.form), register_rules())
    if faults then
        return register_page(values, faults)
    end
    local user = users.create(values.name, values.password)
    if not user then
        return register_page(values, {name = "That name is taken."})
    end
    login.login_user(user)
    flask.flash(("Welcome, %s."):format(user.name), "success")
    return flask.redirect(flask.url_for("blog.index"))
end

-- ## Logging in and out

-- next_url leads back to the page that asked for the login, and never to another site.
local function log_in()
    if request.method == "GET" then
        return flask.render_template("auth/login.html", {next = request.args.next})
    end
    local name, password = request.form:get("name", ""), request.form:get("password", "")
    local user = users.check_password(name, password)
    if not user then
        flask.flash("Name and password do not fit together.", "error")
        return flask.render_template("auth/login.html", {
            name = name, next = request.form:get("next"),
        }), 401
    end
    login.login_user(user, {remember = request.form:has("remember")})
    return flask.redirect(login.next_url(flask.url_for("blog.index")))
end

-- By a form, as all that changes something: another site can make a browser follow a link.
local function log_out()
    login.logout_user()
    flask.flash("You are logged out.")
    return flask.redirect(flask.url_for("blog.index"))
end

-- ## The account

local function account_page(more, status)
    more.has_token = users.has_token(login.current_user().id)
    return flask.render_template("auth/account.html", more), status or 200
end

local function account()
    return account_page({})
end

local function change_password()
    local user = login.current_user()
    if not users.check_password(user.name, request.form:get("current", "")) then
        return account_page({faults = {current = "This is not your password."}}, 422)
    end
    local values, faults = forms.check(forms.of(request.form),
                                       {password_rules("The new password")})
    if faults then
        return account_page({faults = faults}, 422)
    end
    -- The new session_key ends all logins, also this one: log in anew.
    login.login_user(users.set_password(user.id, values.password))
    flask.flash("Your password is changed, and you are logged out everywhere else.", "success")
    return flask.redirect(flask.url_for(".account"))
end

-- Shown on this answer, which nobody may keep, and never again.
local function make_token()
    local token = users.make_token(login.current_user().id)
    local response = flask.make_response(account_page({token = token}))
    response.headers["Cache-Control"] = "no-store"
    return response
end

local function remove_token()
    users.remove_token(login.current_user().id)
    flask.flash("The token is good no longer.", "success")
    return flask.redirect(flask.url_for(".account"))
end

-- ## The routes

return function(limiter)
    local auth = flask.Blueprint("auth", {url_prefix = "/auth"})
    local both = {"GET", "POST"}
    local posts = {methods = {"POST"}} -- looking at the form costs nothing

    auth:route("/register", {methods = both, endpoint = "register"},
               limiter:limit("10/minute; 50/hour", posts)(register))
    auth:route("/login", {methods = both, endpoint = "login"},
               limiter:limit("10/minute; 100/hour", posts)(log_in))
    auth:post("/logout", "logout", log_out)

    -- login.fresh: a browser that was only remembered is asked for the password first.
    auth:get("/account", "account", login.fresh(account))
    auth:post("/password", "change_password",
              limiter:limit("10/minute; 50/hour")(login.fresh(change_password)))
    auth:post("/token", "make_token", login.fresh(make_token))
    auth:post("/token/delete", "remove_token", login.fresh(remove_token))
    return auth
end
