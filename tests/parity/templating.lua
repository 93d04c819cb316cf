-- A small blog of the kind that Flask's tutorial builds, and what it answers to the requests
-- of templating_parity.py, which holds the same in Flask: `cflask-lua lua templating.lua
-- SITE REPORT REQUESTS.json` prints {"body": ..., "status": ...} a line.
local flask = require "cflask"
local site, report, requests = arg[1], arg[2], arg[3]

local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

local given = flask.json.decode(read(requests))
local posts = given.posts

local app = flask.Flask("blog", {root_path = site})
app.config.SECRET_KEY = "of the parity test"
app.config.SITE_NAME = "Blog & co"

app:template_filter("shout", function(text, times, mark)
    return text:upper() .. (mark or "!"):rep(times or 1)
end, {"text", "times", "mark"})
app:template_filter("stars", function(votes)
    return flask.Markup(("<i>*</i>"):rep(math.max(0, math.floor(votes))))
end)
app:template_test("having_tag", function(list, tag)
    for _, post in ipairs(list) do
        for _, one in ipairs(post.tags) do
            if one == tag then
                return true
            end
        end
    end
    return false
end)
app:template_global("year_now", function() return 2024 end)
app:context_processor(function()
    return {menu = {{"blog.index", "Posts"}, {"auth.login", "Log in"}}, motto = "app's", year = 2024}
end)

local function post_of(id)
    for _, post in ipairs(posts) do
        if post.id == id then
            return post
        end
    end
    flask.abort(404)
end

local blog = flask.Blueprint("blog", {root_path = site})
blog:context_processor(function() return {motto = "blog's", hint = "none"} end)
blog:get("/", "index", function()
    flask.g.user = {name = "Ann <ann>", id = 7}
    return flask.render_template("blog/index.html", {posts = posts, year = 1999})
end)
blog:get("/empty", "empty", function()
    return flask.render_template("blog/index.html", {posts = flask.json.array{}})
end)
blog:get("/<int:id>", "show", function(id)
    return flask.stream_template("blog/show.html", {post = post_of(id)})
end)
blog:route("/<int:id>/edit", {endpoint = "edit", methods = {"GET", "POST"}}, function(id)
    if flask.request.method == "POST" and flask.request.form.title == "" then
        flask.flash("Title is <required>.", "error")
        flask.flash("Nothing was saved.")
    end
    return flask.render_template({"blog/nope.html", "blog/edit.html"}, {post = post_of(id)})
end)
blog:get("/create", "create", function()
    flask.flash("Saved & sound")
    return flask.redirect(flask.url_for(".index"))
end)
blog:get("/string", "string", function()
    return flask.render_template_string(given.source, {html = "<b>", markup = flask.Markup("<i>")})
end)
blog:get("/report", "report", function()
    return flask.render_template("report.html", {n = 100, posts = posts})
end)

local auth = flask.Blueprint("auth", {root_path = site .. "/auth", url_prefix = "/auth",
                                      template_folder = "templates"})
auth:context_processor(function() return {motto = "auth's", hint = "Type <your> name"} end)
auth:route("/login", {endpoint = "login", methods = {"GET", "POST"}}, function()
    return flask.render_template("auth/login.html", {error = "none"})
end)
auth:get("/register", "register", function()
    return flask.render_template("auth/register.html")
end)

app:register_blueprint(blog)
app:register_blueprint(auth)
app:register_blueprint(flask.Blueprint("report", {root_path = report, template_folder = "."}))

local client = app:test_client()
for _, request in ipairs(given.requests) do
    local method, path, form = request[1], request[2], request[3]
    local r = client:open(path, {method = method, form = form ~= flask.null and form or nil})
    io.write(flask.json.encode{status = r.status_code, body = r.text}, "\n")
end
