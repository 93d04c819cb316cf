-- A login: a page for everybody, one for users, one for admins, and one that asks who is there
-- again when the browser has only been remembered.
local flask = require "cflask"
local users = require "users"
local csrf, login = flask.csrf, flask.login

local app = flask.Flask(...)

-- Without a secret of its own in the environment or in .env, each start makes a new one and
-- ends all logins.
app.secret_key = app.secret_key or flask.env("SECRET_KEY")
    or flask.security.random_token(32)

-- They are asked in this order: a client that comes too often costs least.
local limiter = flask.limiter(app)
flask.security_headers(app)
csrf.protect(app)
login.init(app, {
    user_loader = users.by_id,
    login_view = "login",
    remember_cookie_duration = 30 * 24 * 3600,
})

app:get("/", "index", function()
    return flask.render_template("index.html")
end)

app:get("/login", "login", function()
    return flask.render_template("login.html", {next = flask.request.args.next})
end)

-- Whoever tries passwords out is slowed down.
app:post("/login", "log_in", limiter:limit("20/minute; 100/hour")(function()
    local form = flask.request.form
    local user = users.check(form:require("name"), form:require("password"))
    if not user then
        flask.flash("Name and password do not fit together.", "error")
        return flask.render_template("login.html", {name = form.name, next = form.next}), 401
    end
    login.login_user(user, {remember = form:has("remember")})
    return flask.redirect(login.next_url(flask.url_for("private")))
end))

-- A form, not a link: another page could make a browser follow a link.
app:post("/logout", "logout", function()
    login.logout_user()
    flask.flash("You are logged out.")
    return flask.redirect(flask.url_for("index"))
end)

app:get("/private", "private", login.required(function()
    return flask.render_template("private.html", {is_fresh = login.is_fresh()})
end))

app:get("/admin", "admin", login.roles("admin")(function()
    return flask.render_template("admin.html", {users = users.all()})
end))

app:route("/settings", {methods = {"GET", "POST"}, endpoint = "settings"},
          login.fresh(function()
    local user = login.current_user()
    if flask.request.method == "POST" then
        user.tea = flask.request.form:get("tea", ""):sub(1, 40)
        flask.flash("Kept.")
        return flask.redirect(flask.url_for("settings"))
    end
    return flask.render_template("settings.html")
end))

app:errorhandler(csrf.CSRFError, function(err)
    return flask.render_template("refused.html", {reason = err.description}), err.code
end)

app:errorhandler(403, function(err)
    return flask.render_template("refused.html", {reason = err.description}), err.code
end)

-- cflask-lua apps/login hash PASSWORD: what users.lua keeps in a password's place.
app:cli("hash", function(password)
    if not password then
        print("usage: cflask-lua apps/login hash PASSWORD")
        return 2
    end
    print(flask.security.generate_password_hash(password))
end, "prints a password's hash")

return app
