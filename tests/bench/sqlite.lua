-- SQLite in three ways, BENCH_VIEW says which: one row by its key; 20 such; Fortunes.
local flask = require "cflask"
local app = flask.Flask("sqlite", {template_folder = "jinja_templates"})
local db = app:database("sqlite:" .. os.getenv("BENCH_DATABASE"))

local ONE = "SELECT id, message FROM greeting WHERE id = ?"
local id = 0

local function next_row()
    id = id % 10000 + 1
    return db:one(ONE, id)
end

local views = {}

function views.row()
    return next_row().message
end

function views.twenty()
    local row
    for _ = 1, 20 do
        row = next_row()
    end
    return row.message
end

function views.fortunes()
    return flask.render_template("fortunes.html",
                                 {rows = db:query("SELECT id, message FROM fortune")})
end

app:get("/", views[os.getenv("BENCH_VIEW")])

return app
