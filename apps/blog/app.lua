-- The blog, put together. What to learn here: how an app of some size is divided. This file makes
-- the app and says what belongs to it; settings.lua has what differs from place to place, models/
-- the data, views/ the pages (a blueprint for each part), templates/ how they look.
local flask = require "cflask"
local database = require "database"
local errors = require "errors"
local seed = require "seed"
local settings = require "settings"
local text = require "text"
local uploads = require "uploads"
local users = require "models.users"

local app = flask.Flask(...)
settings.load(app)
database.open(app)

-- ## Before each request

-- They are asked in this order: a client that comes too often costs least.
local limiter = flask.limiter(app)

-- Everything on a page comes from this site, and no page has a script: what somebody smuggles into
-- a post can't run, even if a template forgets to escape it. In debug mode the server adds a script
-- of its own, by which open pages follow the source.
flask.security_headers(app, {
    content_security_policy = {
        ["default-src"] = "'none'", ["style-src"] = "'self'", ["img-src"] = "'self'",
        ["form-action"] = "'self'", ["base-uri"] = "'none'", ["frame-ancestors"] = "'none'",
        ["script-src"] = app.debug and "'self'", ["connect-src"] = app.debug and "'self'",
    },
    frame_options = "DENY",
})

-- From here on each form needs its token; see form.csrf in templates/macros.html.
flask.csrf.protect(app)

flask.login.init(app, {
    user_loader = users.by_session_id,
    login_view = "auth.login",
    remember_cookie_duration = 30 * 24 * 3600,
})

-- ## The parts

-- Each of these files returns a function that makes its blueprint: they need the limiter, and an
-- app has its own.
app:register_blueprint(require "views.blog"(limiter))
app:register_blueprint(require "views.auth"(limiter))
app:register_blueprint(require "views.pages"())
app:register_blueprint(require "views.admin"(), {url_prefix = "/admin"})
app:register_blueprint(require "views.api"(limiter), {url_prefix = "/api"})

errors.register(app)
text.register_filters(app)
uploads.register(app)

-- ## Starting

app:before_serving(function()
    settings.check(app)
    uploads.check(app)
    if app.debug then
        -- So that a fresh copy has something to show. In production that is the operator's word:
        -- cflask-lua apps/blog db migrate
        database.migrate(app)
        seed.unless_used(app)
    else
        database.check(app)
    end
end)

-- ## Commands

app:cli("seed", function(password)
    return seed.command(app, password)
end, "adds sample users, posts and comments: seed [PASSWORD]")

-- The first admin can't be made by another admin.
app:cli("role", function(name, role)
    local user = name and users.by_name(name)
    if not users.ROLES[role or ""] then
        print("usage: cflask-lua apps/blog role NAME writer|editor|admin")
        return 2
    elseif not user then
        print("there is no user " .. name)
        return 2
    elseif not users.set_role(user.id, role) then
        print(user.name .. " is the last admin")
        return 1
    end
    print(("%s is %s now"):format(user.name, role))
end, "gives a user a role: role NAME writer|editor|admin")

return app
