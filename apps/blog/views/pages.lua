-- Pages that say the same to everybody. What to learn here: one route with a list of names, and a
-- template for each; what the list does not have is a 404 by itself.
local flask = require "cflask"

return function()
    local pages = flask.Blueprint("pages")
    pages:get("/pages/<any(about, formatting, api):name>", "show", function(name)
        return flask.render_template("pages/" .. name .. ".html")
    end)
    return pages
end
