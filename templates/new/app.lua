-- @name@: notes that each visitor keeps for himself, to be changed into an app of yours.
local flask = require "cflask"
local request, session = flask.request, flask.session

local app = flask.Flask(...)

app.config.SECRET_KEY = flask.env("SECRET_KEY") -- signs the session's cookie; .env has it
flask.csrf.protect(app) -- each form that posts needs {{ csrf_token() }}
flask.security_headers(app) -- browsers run no script and show no style of other sites

-- They are in the visitor's cookie, which holds 4 kB.
local MOST_NOTES, LONGEST_NOTE = 10, 140

app:context_processor(function()
    return {site_name = "@name@", longest_note = LONGEST_NOTE}
end)

app:get("/", "index", function()
    return flask.render_template("index.html", {notes = session.notes or {}})
end)

app:post("/notes", "add_note", function()
    local text = request.form:require("text"):match("^%s*(.-)%s*$")
    if text == "" then
        flask.flash("Write something first.", "error")
    elseif #text > LONGEST_NOTE then
        flask.flash("That is too long.", "error")
    else
        local notes = session.notes or {}
        table.insert(notes, 1, text)
        notes[MOST_NOTES + 1] = nil
        session.notes = notes
        flask.flash("Your note is kept.")
    end
    return flask.redirect(flask.url_for("index"), 303)
end)

app:get("/about", "about", function()
    return flask.render_template("about.html")
end)

-- One page for every error: what is not found, a form without its token, a bug.
app:errorhandler(flask.HTTPException, function(err)
    local response = err.response -- has the error's status and fields, such as Allow
    response.data = flask.render_template("error.html", {error = err})
    response.mimetype = "text/html"
    return response
end)

return app
