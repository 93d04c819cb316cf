-- Fortunes: 100 rows through a view and a template, escaped.
local flask = require "cflask"
local app = flask.Flask("fortunes", {template_folder = "jinja_templates"})

local messages = {
    [0] = "fortune: No such file or directory",
    "A computer scientist is someone who fixes things that aren't broken.",
    "After enough decimal places, nobody gives a damn.",
    "A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1",
    "<script>alert(\"This should not be displayed in a browser alert box.\");</script>",
}

app:get("/", function()
    local rows = {}
    for i = 1, 100 do
        rows[i] = {id = i, message = messages[i % 5]}
    end
    return flask.render_template("fortunes.html", {rows = rows})
end)

return app
