-- C modules: a view, a template filter and a call that waits, each a small C file beside this
-- one. `make` builds them; `require` finds them as it finds Lua modules.
local flask = require "cflask"
local count = require "count"
local resolve = require "resolve"
local slug = require "slug"

local app = flask.Flask(...)

-- A view in C: curl --data-binary @README.md localhost:5000/count
app:post("/count", count.view)

-- A filter and a test in C, for templates.
slug.init_app(app)

app:get("/", function()
    return flask.render_template("index.html", {title = flask.request.args.title or "C & Lua"})
end)

-- A call that waits, in C: others are served while the name is looked up.
app:get("/resolve/<name>", function(name)
    local is_fine, addresses = pcall(resolve, name)
    if not is_fine then
        flask.abort(404, addresses)
    end
    return {name = name, addresses = addresses}
end)

return app
