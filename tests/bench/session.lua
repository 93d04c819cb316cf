local flask = require "cflask"
local app, session = flask.Flask(...), flask.session
app.config.SECRET_KEY = "0b75ab8b2b2c7ab9a2d31c2e37f1a7c2"

app:get("/", function()
    session.visits = (session.visits or 0) + 1
    return "Hello, World!"
end)

return app
